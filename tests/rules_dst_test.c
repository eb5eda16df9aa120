/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "rules/calendar.h"
#include "rules/dst.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static const struct {
	const char *text;
	int standard_s, saving_s; /* saving 0: none */
	const char *begin, *end;  /* of 2024, in UTC */
} rules[] = {
	{"UTC0", 0, 0, NULL, NULL},
	{"GMT0BST,M3.5.0/1,M10.5.0", 0, 3600, "2024-03-31 01:00:00",
         "2024-10-27 01:00:00"},
	{"EST5EDT,M3.2.0,M11.1.0", -18000, -14400, "2024-03-10 07:00:00",
         "2024-11-03 06:00:00"},
	{"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 37800, 39600, "2024-10-05 15:30:00",
         "2024-04-06 15:00:00"},
	/* Dublin as zic writes it: winter time is the saving, and goes back. */
	{"IST-1GMT0,M10.5.0,M3.5.0/1", 3600, 0, "2024-10-27 01:00:00",
         "2024-03-31 01:00:00"},
	{"<-03>3", -10800, 0, NULL, NULL},
	{"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7200, -3600, "2024-03-31 01:00:00",
         "2024-10-27 01:00:00"},
	{"IST-2IDT,M3.4.4/26,M10.5.0", 7200, 10800, "2024-03-29 00:00:00",
         "2024-10-26 23:00:00"},
	{"EET-2EEST,M3.4.4/50,M10.4.4/50", 7200, 10800, "2024-03-30 00:00:00",
         "2024-10-25 23:00:00"},
	/* J60 is the first of March, 59 the leap day. */
	{"AAA0BBB,J60/0,J365/0", 0, 3600, "2024-03-01 00:00:00", "2024-12-30 23:00:00"},
	{"AAA0BBB,59/0,J59/0", 0, 3600, "2024-02-29 00:00:00", "2024-02-27 23:00:00"},
	{"AAA0BBB,0/0,365/0", 0, 3600, "2024-01-01 00:00:00", "2024-12-30 23:00:00"},
	{"AAA0BBB,0/-167,J365/167", 0, 3600, "2023-12-25 01:00:00",
         "2025-01-06 22:00:00"},
	{"AAA-24BBB-24:59:59,M1.1.1/0:00:01,M12.5.6", 86400, 89999, "2023-12-31 00:00:01",
         "2024-12-27 01:00:01"},
	{"AAA+1:02:03", -3723, 0, NULL, NULL},
};

static int64_t utc(const char *text)
{
	struct tm tm = {0};
	strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
	return timegm(&tm);
}

START_TEST(a_rule_says_when_clocks_are_changed)
{
	struct dst dst;
	ck_assert_msg(dst_parse(slice_of(rules[_i].text), &dst), "%s", rules[_i].text);
	ck_assert_int_eq(dst.standard_s, rules[_i].standard_s);
	ck_assert_int_eq(dst.has_saving, rules[_i].begin != NULL);
	if (!dst.has_saving)
		return;
	ck_assert_int_eq(dst.saving_s, rules[_i].saving_s);
	ck_assert_msg(dst_begin(&dst, 2024) == utc(rules[_i].begin), "%s: %lld, not %lld",
	              rules[_i].text, (long long)dst_begin(&dst, 2024),
	              (long long)utc(rules[_i].begin));
	ck_assert_msg(dst_end(&dst, 2024) == utc(rules[_i].end), "%s: %lld, not %lld",
	              rules[_i].text, (long long)dst_end(&dst, 2024),
	              (long long)utc(rules[_i].end));
}
END_TEST

static const char *const broken[] = {
	"",
	"0",
	"AB0",
	"ABC",
	"<+03",
	"<+03>",
	"<+3>3",
	"<a_b>3",
	"A1C0",
	"GMT25",
	"GMT0:60",
	"GMT0:5",
	"GMT0:00:60",
	"GMT0 ",
	"GMT0BST",
	"GMT0BST,",
	"GMT0BST,M3.5.0",
	"GMT0BST,M3.5.0,M10.5.0,",
	"GMT0BST,M3.5.0,M10.5.0 ",
	"GMT0BST,M0.5.0,M10.5.0",
	"GMT0BST,M13.5.0,M10.5.0",
	"GMT0BST,M3.0.0,M10.5.0",
	"GMT0BST,M3.6.0,M10.5.0",
	"GMT0BST,M3.5.7,M10.5.0",
	"GMT0BST,M3.5,M10.5.0",
	"GMT0BST,J0,J365",
	"GMT0BST,J1,J366",
	"GMT0BST,0,366",
	"GMT0BST,J,J1",
	"GMT0BST,M3.5.0/168,M10.5.0",
	"GMT0BST,M3.5.0/,M10.5.0",
	"GMT0BST25,M3.5.0,M10.5.0",
	"GMT--1",
};

START_TEST(anything_else_is_no_rule)
{
	struct dst dst = {.standard_s = 7};
	ck_assert_msg(!dst_parse(slice_of(broken[_i]), &dst), "%s", broken[_i]);
	ck_assert_int_eq(dst.standard_s, 7);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("rules/dst");
	TCase *tests = tcase_create("dst");
	tcase_add_loop_test(tests, a_rule_says_when_clocks_are_changed, 0,
	                    LOADING_COUNT(rules));
	tcase_add_loop_test(tests, anything_else_is_no_rule, 0, LOADING_COUNT(broken));
	suite_add_tcase(suite, tests);
	return suite;
}
