/* SPDX-License-Identifier: MIT */
#include "rules/calendar.h"
#include "rules/timetext.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static const struct {
	const char *text;
	unsigned want; /* Sunday is 1, Monday 2, Tuesday 4, ...; 0: none */
} days[] = {
	{"sun", 1},
	{"mon", 2},
	{"saturday", 64},
	{"Mon", 2},
	{"TUESDAY", 4},
	{"mon-fri", 62},
	{"monday-friday", 62},
	{"sat-sun", 65},
	{"fri-mon", 99},
	{"mon-mon", 2},
	{"sun-sat", 127},
	{"mon-sun", 127},
	{"mo", 0},
	{"mond", 0},
	{"mon-", 0},
	{"-fri", 0},
	{"mon - fri", 0},
	{"mon-wed-fri", 0},
	{"1", 0},
	{"", 0},
};

START_TEST(days_of_the_week_are_read)
{
	unsigned got = 0;
	ck_assert_msg(timetext_days(slice_of(days[_i].text), &got) ==
	                      (days[_i].want != 0),
	              "%s", days[_i].text);
	ck_assert_msg(got == days[_i].want, "%s: %u", days[_i].text, got);
}
END_TEST

static const struct {
	const char *text;
	int from, until; /* minutes; until 0: none */
} hours[] = {
	{"08:00-18:00", 480, 1080},
	{"8:00-18:00", 480, 1080},
	{"00:00-24:00", 0, 1440},
	{"22:00-06:00", 1320, 1800},
	{"18:00-24:00", 1080, 1440},
	{"18:00-00:00", 1080, 1440},
	{"08:00-07:59", 480, 1919},
	{"00:00-00:01", 0, 1},
	{"08:00-08:00", 0, 0},
	{"24:00-06:00", 0, 0},
	{"24:00-24:00", 0, 0},
	{"00:00-24:01", 0, 0},
	{"08:00", 0, 0},
	{"08:00-", 0, 0},
	{"08:00 - 18:00", 0, 0},
	{"8-18", 0, 0},
	{"08:00-18:00-", 0, 0},
	{"", 0, 0},
};

START_TEST(hours_are_read)
{
	struct hours got = {0};
	ck_assert_msg(timetext_hours(slice_of(hours[_i].text), &got) ==
	                      (hours[_i].until != 0),
	              "%s", hours[_i].text);
	ck_assert_int_eq(got.from_s, 60 * hours[_i].from);
	ck_assert_int_eq(got.until_s, 60 * hours[_i].until);
}
END_TEST

static const struct {
	const char *text;
	int kind; /* -1: none */
	int first, last;
} dates[] = {
	{"1970-01-02", DATES_ONCE, 1, 1},
	{"1970-01-02..1970-02-01", DATES_ONCE, 1, 31},
	{"1969-12-31..1969-12-31", DATES_ONCE, -1, -1},
	{"12-25", DATES_YEARLY, 12 * 32 + 25, 12 * 32 + 25},
	{"12-24..01-06", DATES_YEARLY, 12 * 32 + 24, 32 + 6},
	{"02-29", DATES_YEARLY, 2 * 32 + 29, 2 * 32 + 29},
	{"5", DATES_MONTHLY, 5, 5},
	{"05", DATES_MONTHLY, 5, 5},
	{"1..31", DATES_MONTHLY, 1, 31},
	{"28..3", DATES_MONTHLY, 28, 3},
	{"1970-01-02..1970-01-01", -1, 0, 0},
	{"1970-01-02..01-03", -1, 0, 0},
	{"01-03..5", -1, 0, 0},
	{"02-30", -1, 0, 0},
	{"13-01", -1, 0, 0},
	{"00-01", -1, 0, 0},
	{"01-00", -1, 0, 0},
	{"1-1", -1, 0, 0},
	{"0", -1, 0, 0},
	{"32", -1, 0, 0},
	{"001", -1, 0, 0},
	{"1970-01-02..", -1, 0, 0},
	{"..1970-01-02", -1, 0, 0},
	{"1970-01-02...1970-01-03", -1, 0, 0},
	{"1970-01-02T10:00", -1, 0, 0},
	{"1..2..3", -1, 0, 0},
	{"x", -1, 0, 0},
	{"", -1, 0, 0},
};

START_TEST(dates_are_read)
{
	struct dates got = {0};
	bool good = timetext_dates(slice_of(dates[_i].text), &got);
	ck_assert_msg(good == (dates[_i].kind >= 0), "%s", dates[_i].text);
	if (!good)
		return;
	ck_assert_int_eq(got.kind, dates[_i].kind);
	ck_assert_int_eq(got.first, dates[_i].first);
	ck_assert_int_eq(got.last, dates[_i].last);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("rules/timetext");
	TCase *tests = tcase_create("timetext");
	tcase_add_loop_test(tests, days_of_the_week_are_read, 0, LOADING_COUNT(days));
	tcase_add_loop_test(tests, hours_are_read, 0, LOADING_COUNT(hours));
	tcase_add_loop_test(tests, dates_are_read, 0, LOADING_COUNT(dates));
	suite_add_tcase(suite, tests);
	return suite;
}
