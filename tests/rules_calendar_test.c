/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "rules/calendar.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

START_TEST(days_and_dates_are_those_of_the_c_library)
{
	int64_t first = calendar_day((struct date){-500, 1, 1}),
		last = calendar_day((struct date){3000, 12, 31});
	for (int64_t day = first; day <= last; day++) {
		time_t second = (time_t)day * CALENDAR_DAY_S;
		struct tm want;
		gmtime_r(&second, &want);
		struct date date = calendar_date(day);
		loading_expect(date.year == want.tm_year + 1900 &&
		                       (int)date.month == want.tm_mon + 1 &&
		                       (int)date.day == want.tm_mday &&
		                       (int)calendar_weekday(day) == want.tm_wday &&
		                       calendar_day(date) == day &&
		                       date.day <=
		                               calendar_month_days(date.year, date.month),
		               "day %lld", (long long)day);
	}
	ck_assert_int_eq(calendar_day((struct date){1970, 1, 1}), 0);
	ck_assert_uint_eq(calendar_month_days(1900, 2), 28);
	ck_assert_uint_eq(calendar_month_days(2000, 2), 29);
}
END_TEST

START_TEST(a_second_before_the_epoch_is_of_the_day_before)
{
	ck_assert_int_eq(calendar_day_of(0), 0);
	ck_assert_int_eq(calendar_day_of(-1), -1);
	ck_assert_int_eq(calendar_day_of(86399), 0);
	ck_assert_int_eq(calendar_day_of(86400), 1);
	ck_assert_int_eq(calendar_day_of(-86400), -1);
	ck_assert_int_eq(calendar_day_of(-86401), -2);
}
END_TEST

static const struct {
	const char *text;
	int64_t day; /* -1: none */
	const char *rest;
} dates[] = {
	{"1970-01-02", 1, ""},
	{"1970-01-02T10:00", 1, "T10:00"},
	{"2024-02-29", 19782, ""},
	{"2023-02-29", -1, ""},
	{"2023-00-01", -1, ""},
	{"2023-13-01", -1, ""},
	{"2023-01-00", -1, ""},
	{"2023-04-31", -1, ""},
	{"0000-01-01", -1, ""},
	{"23-01-01", -1, ""},
	{"2023-1-1", -1, ""},
	{"2023/01/01", -1, ""},
	{"", -1, ""},
};

START_TEST(a_date_is_a_day_there_is)
{
	struct slice text = slice_of(dates[_i].text);
	struct date date;
	bool good = calendar_take_date(&text, &date);
	ck_assert_msg(good == (dates[_i].day >= 0), "%s", dates[_i].text);
	if (!good)
		return;
	ck_assert_int_eq(calendar_day(date), dates[_i].day);
	ck_assert(slice_equal(text, slice_of(dates[_i].rest)));
}
END_TEST

static const struct {
	const char *text;
	int want; /* -1: none */
} clocks[] = {
	{"00:00", 0},
	{"8:05", 8 * 3600 + 300},
	{"08:05:09", 8 * 3600 + 309},
	{"23:59", 86340},
	{"24:00", 86400},
	{"24:00:00", 86400},
	{"24:01", -1},
	{"25:00", -1},
	{"08:60", -1},
	{"08:00:60", -1},
	{"8", -1},
	{"8:5", -1},
	{"08:", -1},
	{":00", -1},
	{"-1:00", -1},
	{"008:00", -1},
	{"", -1},
};

START_TEST(a_clock_shows_24_00_at_most)
{
	struct slice text = slice_of(clocks[_i].text);
	int32_t got = -1;
	ck_assert_msg(calendar_take_clock(&text, &got) == (clocks[_i].want >= 0), "%s",
	              clocks[_i].text);
	ck_assert_int_eq(got, clocks[_i].want);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("rules/calendar");
	TCase *tests = tcase_create("calendar");
	tcase_add_test(tests, days_and_dates_are_those_of_the_c_library);
	tcase_add_test(tests, a_second_before_the_epoch_is_of_the_day_before);
	tcase_add_loop_test(tests, a_date_is_a_day_there_is, 0, LOADING_COUNT(dates));
	tcase_add_loop_test(tests, a_clock_shows_24_00_at_most, 0, LOADING_COUNT(clocks));
	tcase_set_timeout(tests, 60);
	suite_add_tcase(suite, tests);
	return suite;
}
