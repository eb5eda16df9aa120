/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <string.h>

#include "rules/slice.h"
#include "tests/runner.h"

static void expect_slice(struct slice got, const char *want)
{
	ck_assert_msg(slice_equal(got, slice_of(want)), "got \"%.*s\", want \"%s\"",
	              (int)got.len, got.at ? got.at : "", want);
}

START_TEST(null_is_the_empty_slice)
{
	struct slice none = slice_of(NULL);
	ck_assert_uint_eq(none.len, 0);
	ck_assert(slice_equal(none, slice_of("")));
	ck_assert(slice_equal_nocase(none, slice_of("")));
	ck_assert(slice_begins(none, none));
	ck_assert_uint_eq(slice_find(none, 'x'), 0);
	expect_slice(slice_skip(none, 3), "");
	expect_slice(slice_trim(none), "");
	ck_assert_uint_eq(slice_utf8(none), 0);
}
END_TEST

START_TEST(skip_stops_at_the_end)
{
	expect_slice(slice_skip(slice_of("abc"), 0), "abc");
	expect_slice(slice_skip(slice_of("abc"), 2), "c");
	expect_slice(slice_skip(slice_of("abc"), 3), "");
	expect_slice(slice_skip(slice_of("abc"), 4), "");
}
END_TEST

START_TEST(trim_takes_white_space_off_both_ends)
{
	expect_slice(slice_trim(slice_of(" \t\r\na b\n\t ")), "a b");
	expect_slice(slice_trim(slice_of(" \t ")), "");
	expect_slice(slice_trim(slice_of("a")), "a");
}
END_TEST

static const struct {
	const char *a, *b;
	bool equal, equal_nocase, begins; /* a begins with b */
} compared[] = {
	{"abc", "abc", true, true, true},
	{"abc", "aBC", false, true, false},
	{"abc", "ab", false, false, true},
	{"ab", "abc", false, false, false},
	{"abc", "", false, false, true},
	{"", "", true, true, true},
	{"[", "{", false, false, false},
	{"@", "`", false, false, false},
	{"\xc3\xa4", "\xc3\x84", false, false, false}, /* ASCII letters only */
};

START_TEST(texts_compare)
{
	struct slice a = slice_of(compared[_i].a), b = slice_of(compared[_i].b);
	ck_assert_msg(slice_equal(a, b) == compared[_i].equal, "%s = %s", a.at, b.at);
	ck_assert_msg(slice_equal_nocase(a, b) == compared[_i].equal_nocase,
	              "%s = %s without case", a.at, b.at);
	ck_assert_msg(slice_begins(a, b) == compared[_i].begins, "%s begins with %s",
	              a.at, b.at);
}
END_TEST

START_TEST(find_gives_the_first_or_the_end)
{
	ck_assert_uint_eq(slice_find(slice_of("a:b:c"), ':'), 1);
	ck_assert_uint_eq(slice_find(slice_of("abc"), ':'), 3);
}
END_TEST

static const struct {
	const char *text;
	unsigned long max;
	bool good;
	unsigned long number;
} numbers[] = {
	{"0", 0, true, 0},
	{"1", 0, false, 0},
	{"007", 7, true, 7},
	{"10000", 10000, true, 10000},
	{"10001", 10000, false, 0},
	{"9", 5, false, 0},
	{"18446744073709551615", ULONG_MAX, true, ULONG_MAX},
	{"18446744073709551616", ULONG_MAX, false, 0},
	{"99999999999999999999999", ULONG_MAX, false, 0},
	{"", 10, false, 0},
	{"+1", 10, false, 0},
	{"-1", 10, false, 0},
	{" 1", 10, false, 0},
	{"1x", 10, false, 0},
};

START_TEST(numbers_are_digits_up_to_the_maximum)
{
	unsigned long number = 4711;
	bool good = slice_number(slice_of(numbers[_i].text), numbers[_i].max, &number);
	unsigned long want = numbers[_i].good ? numbers[_i].number : 4711;
	ck_assert_msg(good == numbers[_i].good && number == want,
	              "\"%s\" up to %lu: %d, %lu", numbers[_i].text, numbers[_i].max,
	              good, number);
}
END_TEST

static const struct {
	const char *text;
	size_t len;
} characters[] = {
	{"a", 1},
	{"\x7f", 1},
	{"\x80", 0},             /* a byte that goes on */
	{"\xc0\xaf", 0},         /* overlong */
	{"\xc1\xbf", 0},         /* overlong */
	{"\xc2\x80z", 2},        /* U+0080 */
	{"\xdf\xbf", 2},         /* U+07FF */
	{"\xc3", 0},             /* ends too early */
	{"\xc3z", 0},            /* does not go on */
	{"\xe0\x9f\xbf", 0},     /* overlong */
	{"\xe0\xa0\x80", 3},     /* U+0800 */
	{"\xed\x9f\xbf", 3},     /* U+D7FF */
	{"\xed\xa0\x80", 0},     /* a surrogate */
	{"\xee\x80\x80", 3},     /* U+E000 */
	{"\xe2\x82", 0},         /* ends too early */
	{"\xe2\x82z", 0},        /* does not go on */
	{"\xf0\x8f\xbf\xbf", 0}, /* overlong */
	{"\xf0\x90\x80\x80", 4}, /* U+10000 */
	{"\xf4\x8f\xbf\xbf", 4}, /* U+10FFFF */
	{"\xf4\x90\x80\x80", 0}, /* beyond U+10FFFF */
	{"\xf5\x80\x80\x80", 0}, /* beyond U+10FFFF */
	{"\xf0\x9f\x98", 0},     /* ends too early */
};

static const struct {
	const char *text;
	size_t len;
} tokens[] = {
	{"", 0},
	{"INVITE", 6},
	{"INVITE sip:", 6},
	{" x", 0},
	{"a;b", 1},
	{"X-Tenant:", 8},
	{"-.!%*_+`'~az09AZ", 16},
	{"a\"b", 1},
	{"a@b", 1},
	{"\xc3\xa9", 0},
	{"a\x7f", 1},
	{"[::1]", 0},
};

START_TEST(a_token_ends_at_the_first_other_character)
{
	size_t len = slice_token(slice_of(tokens[_i].text));
	ck_assert_msg(len == tokens[_i].len, "\"%s\": %zu", tokens[_i].text, len);
}
END_TEST

START_TEST(only_utf8_counts_as_a_character)
{
	size_t len = slice_utf8(slice_of(characters[_i].text));
	ck_assert_msg(len == characters[_i].len, "case %d: %zu, want %zu", _i, len,
	              characters[_i].len);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

Suite *test_suite(void)
{
	Suite *suite = suite_create("slice");
	TCase *tcase = tcase_create("slice");
	tcase_add_test(tcase, null_is_the_empty_slice);
	tcase_add_test(tcase, skip_stops_at_the_end);
	tcase_add_test(tcase, trim_takes_white_space_off_both_ends);
	tcase_add_loop_test(tcase, texts_compare, 0, COUNT(compared));
	tcase_add_test(tcase, find_gives_the_first_or_the_end);
	tcase_add_loop_test(tcase, numbers_are_digits_up_to_the_maximum, 0,
	                    COUNT(numbers));
	tcase_add_loop_test(tcase, only_utf8_counts_as_a_character, 0, COUNT(characters));
	tcase_add_loop_test(tcase, a_token_ends_at_the_first_other_character, 0,
	                    sizeof tokens / sizeof tokens[0]);
	suite_add_tcase(suite, tcase);
	return suite;
}
