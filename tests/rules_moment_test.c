/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "rules/moment.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

#define NONE INT64_MIN

static const struct {
	const char *text;
	int64_t want, day_end;
} moments[] = {
	{"2026-12-25", 1798156800, 1798243200},
	{"2026-12-25T00:00", 1798156800, 1798156800},
	{"2026-12-25T10:00", 1798192800, 1798192800},
	{"2026-12-25T10:00:09", 1798192809, 1798192809},
	{"2026-12-25 10:00", 1798192800, 1798192800},
	{"2026-12-25T24:00", 1798243200, 1798243200},
	{"2026-12-25T10:00Z", 1798192800, 1798192800},
	{"2026-12-25T10:00+01:00", 1798189200, 1798189200},
	{"2026-12-25 10:00:00-05:30", 1798212600, 1798212600},
	{"1969-12-31T23:59:59Z", -1, -1},
	{"0001-01-01", -62135596800, -62135510400},
	{"2026-12-25T", NONE, NONE},
	{"2026-12-25Z", NONE, NONE},
	{"2026-12-25t10:00", NONE, NONE},
	{"2026-12-25T10", NONE, NONE},
	{"2026-12-25T10:00+1", NONE, NONE},
	{"2026-12-25T10:00+0100", NONE, NONE},
	{"2026-12-25T10:00+24:00", NONE, NONE},
	{"2026-12-25T10:00+01:60", NONE, NONE},
	{"2026-12-25T10:00 ", NONE, NONE},
	{"2026-12-25T10:00ZZ", NONE, NONE},
	{" 2026-12-25", NONE, NONE},
	{"2026-02-29", NONE, NONE},
	{"12-25", NONE, NONE},
	{"", NONE, NONE},
};

START_TEST(a_moment_is_read)
{
	struct slice text = slice_of(moments[_i].text);
	for (int day_end = 0; day_end < 2; day_end++) {
		int64_t want = day_end ? moments[_i].day_end : moments[_i].want,
			got = NONE;
		bool good = moment_parse(text, zone_utc(), day_end, &got);
		ck_assert_msg(got == want, "%s: %lld", text.at, (long long)got);
		ck_assert(good == (want != NONE));
	}
}
END_TEST

START_TEST(a_moment_is_written_as_the_clock_shows_it)
{
	char text[MOMENT_TEXT_MAX];
	ck_assert_str_eq(moment_text(zone_utc(), 1798192800, text),
	                 "Fri 2026-12-25 10:00:00 +00:00 in UTC");
	ck_assert_str_eq(moment_text(zone_utc(), -1, text),
	                 "Wed 1969-12-31 23:59:59 +00:00 in UTC");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("rules/moment");
	TCase *tests = tcase_create("moment");
	tcase_add_loop_test(tests, a_moment_is_read, 0, LOADING_COUNT(moments));
	tcase_add_test(tests, a_moment_is_written_as_the_clock_shows_it);
	suite_add_tcase(suite, tests);
	return suite;
}
