/* SPDX-License-Identifier: MIT */
#include "rules/decimal.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static const struct {
	const char *text;
	int64_t billionths;
	const char *written;
} good[] = {
	{"0", 0, "0"},
	{"0.0", 0, "0"},
	{"1", 1000000000, "1"},
	{"0.0125", 12500000, "0.0125"},
	{".5", 500000000, "0.5"},
	{"1.500", 1500000000, "1.5"},
	{"0.1", 100000000, "0.1"},
	{"007", 7000000000, "7"},
	{"0.000000001", 1, "0.000000001"},
	{"0.0000000010000", 1, "0.000000001"},
	{"10", 10000000000, "10"},
	{"999999999.999999999", 999999999999999999, "999999999.999999999"},
	{"0000000000999999999", 999999999000000000, "999999999"},
};

START_TEST(a_decimal_is_exact_and_written_without_zeros_at_its_end)
{
	struct decimal value;
	const char *why, *hint;
	char text[DECIMAL_TEXT_MAX];
	ck_assert_msg(decimal_parse(slice_of(good[_i].text), &value, &why, &hint), "%s",
	              good[_i].text);
	ck_assert_int_eq(value.billionths, good[_i].billionths);
	ck_assert_str_eq(decimal_text(value, text), good[_i].written);
}
END_TEST

static const struct {
	const char *text, *why, *hint;
} bad[] = {
	{"", "there is no number", NULL},
	{" 1", "this is no decimal number", "write it like 0.0125"},
	{"1.", "this is no decimal number", "write it like 0.0125"},
	{".", "this is no decimal number", "write it like 0.0125"},
	{"1.2.3", "this is no decimal number", "write it like 0.0125"},
	{"0x1", "this is no decimal number", "write it like 0.0125"},
	{"$0.01", "this is no decimal number", "write it like 0.0125"},
	{"nan", "this is no decimal number", "write it like 0.0125"},
	{"+1", "this is no decimal number", "write it like 0.0125"},
	{"0,0125", "this is no decimal number", "the decimal point is a point: 0.0125"},
	{"1.5E-2", "this is no decimal number",
         "write all of its digits, without an exponent"},
	{"-0.01", "a number below zero", "write it like 0.0125"},
	{"1000000000", "more than 9 digits before the point", NULL},
	{"18446744073709551617", "more than 9 digits before the point", NULL},
	{"0.0000000001", "more than 9 decimal places", NULL},
};

START_TEST(anything_else_is_refused_and_told_why)
{
	struct decimal value = {-7};
	const char *why = NULL, *hint = NULL;
	ck_assert_msg(!decimal_parse(slice_of(bad[_i].text), &value, &why, &hint), "%s",
	              bad[_i].text);
	ck_assert_str_eq(why, bad[_i].why);
	ck_assert_pstr_eq(hint, bad[_i].hint);
	ck_assert_int_eq(value.billionths, -7);
}
END_TEST

START_TEST(a_text_without_an_end_is_not_read_beyond_it)
{
	struct decimal value;
	const char *why, *hint;
	ck_assert(decimal_parse((struct slice){"1.255", 3}, &value, &why, &hint));
	ck_assert_int_eq(value.billionths, 1200000000);
	ck_assert(!decimal_parse((struct slice){"1.255", 2}, &value, &why, &hint));
}
END_TEST

START_TEST(decimals_are_compared_by_value)
{
	struct decimal less = {99999999}, more = {100000000};
	ck_assert_int_lt(decimal_compare(less, more), 0);
	ck_assert_int_gt(decimal_compare(more, less), 0);
	ck_assert_int_eq(decimal_compare(more, more), 0);
}
END_TEST

static const struct {
	int64_t old, now;
	const char *text;
} changes[] = {
	{100, 120, "+20.00%"},
	{100, 80, "-20.00%"},
	{3, 4, "+33.33%"},
	{3, 2, "-33.33%"},
	{3, 5, "+66.67%"},
	{20000, 20001, "+0.01%"}, /* 0.005 */
	{20001, 20002, "+0.00%"},
	{7, 7, "+0.00%"},
	{5, 0, "-100.00%"},
	{0, 5, ""},
	{1, 999999999999999999, "+999999999.99%"},
};

START_TEST(a_change_is_told_in_percent)
{
	char text[DECIMAL_PERCENT_MAX];
	struct decimal old = {changes[_i].old}, now = {changes[_i].now};
	ck_assert_str_eq(decimal_percent(old, now, text), changes[_i].text);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("decimal");
	TCase *tcase = tcase_create("decimal");
	tcase_add_loop_test(tcase,
	                    a_decimal_is_exact_and_written_without_zeros_at_its_end, 0,
	                    LOADING_COUNT(good));
	tcase_add_loop_test(tcase, anything_else_is_refused_and_told_why, 0,
	                    LOADING_COUNT(bad));
	tcase_add_test(tcase, a_text_without_an_end_is_not_read_beyond_it);
	tcase_add_test(tcase, decimals_are_compared_by_value);
	tcase_add_loop_test(tcase, a_change_is_told_in_percent, 0,
	                    LOADING_COUNT(changes));
	suite_add_tcase(suite, tcase);
	return suite;
}
