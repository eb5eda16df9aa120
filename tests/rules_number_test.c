/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <check.h>

#include "rules/number.h"
#include "tests/runner.h"

#define COUNT(rows) (int)(sizeof(rows) / sizeof((rows)[0]))
/* A literal as a slice, so that it may hold a NUL. */
#define TEXT(literal)                                                                    \
	{                                                                                \
		literal, sizeof(literal) - 1                                             \
	}

static void expect_text(struct slice got, struct slice want, const char *row)
{
	ck_assert_msg(slice_equal(got, want), "%s: got '%.*s', want '%.*s'", row,
	              (int)got.len, got.at, (int)want.len, want.at);
}

static const struct clean_case {
	struct slice user, want;
	bool telephone;
} numbers[] = {
	{TEXT("+442071234567"), TEXT("+442071234567"), false},
	{TEXT("1234"), TEXT("1234"), false},
	{TEXT("0"), TEXT("0"), false},
	{TEXT("+1-212-555-0101"), TEXT("+12125550101"), false},
	{TEXT("(020)7123.4567"), TEXT("02071234567"), false},
	{TEXT("-1-"), TEXT("1"), false},
	{TEXT("*31#1234"), TEXT("*31#1234"), false},
	{TEXT("+*1#"), TEXT("+*1#"), false},
	{TEXT("%2B44%2D20"), TEXT("+4420"), false},
	{TEXT("%31%32%23"), TEXT("12#"), false},
	{TEXT("1234;par=u"), TEXT("1234"), false},
	{TEXT("1234;"), TEXT("1234"), false},
	{TEXT("+12125550101;npdi;rn=+12125550199"), TEXT("+12125550101"), false},
	{TEXT("20-71;phone-context=+44"), TEXT("+442071"), false},
	{TEXT("2071;ext=1;Phone-Context=+4-4;x"), TEXT("+442071"), false},
	{TEXT("2071;phone-context=%2B44"), TEXT("+442071"), false},
	{TEXT("112;phone-context=+44"), TEXT("112"), false},
	{TEXT("112;phone-context=+44"), TEXT("112"), true},
	{TEXT("911;phone-context=%2b1"), TEXT("911"), false},
	{TEXT("(9)1-1;phone-context=+(35).8"), TEXT("911"), false},
	{TEXT("*112#;phone-context=+44"), TEXT("+44*112#"), false},
	{TEXT("1122;phone-context=+44"), TEXT("+441122"), false},
	{TEXT("112;phone-context=+4420"), TEXT("+4420112"), false},
	{TEXT("+332071;phone-context=+44"), TEXT("+332071"), false},
	{TEXT("2071;phone-context=example.com"), TEXT("2071"), false},
	{TEXT("2071;phone-context=44"), TEXT("2071"), false},
	{TEXT("2071;phone-context=+"), TEXT("2071"), false},
	{TEXT("2071;phone-context=+44x"), TEXT("2071"), false},
	{TEXT("2071;phone-context"), TEXT("2071"), false},
	{TEXT("2071;phone-contexts=+44"), TEXT("2071"), false},
	{TEXT("12ab-34.cd"), TEXT("12ab34cd"), true},
	{TEXT("(+44)20"), TEXT("+4420"), true},
	{TEXT("(+44)20;phone-context=+33"), TEXT("+4420"), true},
	{TEXT("A1-B2;phone-context=+44"), TEXT("+44A1B2"), true},
	{TEXT("alice.smith;x=y"), TEXT("alicesmith"), true},
	{TEXT("1%2C2-3"), TEXT("1%2C23"), true},
	{TEXT("-.()"), TEXT(""), true},
	{TEXT(""), TEXT(""), true},
};

START_TEST(telephone_numbers_lose_separators_and_parameters)
{
	const struct clean_case *row = &numbers[_i];
	char buffer[NUMBER_MAX];
	struct slice got = {NULL, 0};
	ck_assert_msg(number_clean(row->user, row->telephone, buffer, &got), "%s",
	              row->user.at);
	expect_text(got, row->want, row->user.at);
}
END_TEST

static const struct clean_case others[] = {
	{TEXT("alice.smith"), TEXT("alice.smith"), false},
	{TEXT("user;par=u"), TEXT("user;par=u"), false},
	{TEXT("al(1)ce-2"), TEXT("al(1)ce-2"), false},
	{TEXT("12a4-5"), TEXT("12a4-5"), false},
	{TEXT("+"), TEXT("+"), false},
	{TEXT("-.-"), TEXT("-.-"), false},
	{TEXT("*#"), TEXT("*#"), false},
	{TEXT(";phone-context=+44"), TEXT(";phone-context=+44"), false},
	{TEXT("1+2-3"), TEXT("1+2-3"), false},
	{TEXT("++1-2"), TEXT("++1-2"), false},
	{TEXT("(+44)20"), TEXT("(+44)20"), false},
	{TEXT("1 2-3"), TEXT("1 2-3"), false},
	{TEXT("%61lice"), TEXT("alice"), false},
	{TEXT("a%20b%e9"), TEXT("a b\xe9"), false},
	{TEXT("1-2%00"), TEXT("1-2\0"), false},
	{TEXT("%00"), TEXT("\0"), false},
	{TEXT("a\0b"), TEXT("a\0b"), false},
	{TEXT("1-2\xff"), TEXT("1-2\xff"), false},
	{TEXT("1-2%3b3"), TEXT("1-2%3B3"), false},
	{TEXT("%25%26%3d%24%2c%3b%3f%2f"), TEXT("%25%26%3D%24%2C%3B%3F%2F"), false},
	{TEXT("%2541"), TEXT("%2541"), false},
	{TEXT("a%4"), TEXT("a%4"), false},
	{TEXT("a%"), TEXT("a%"), false},
	{TEXT("%zz%4g%g4"), TEXT("%zz%4g%g4"), false},
	{TEXT("1-2%"), TEXT("1-2%"), false},
	{TEXT(""), TEXT(""), false},
};

START_TEST(other_users_keep_all_their_characters)
{
	const struct clean_case *row = &others[_i];
	char buffer[NUMBER_MAX];
	struct slice got = {NULL, 0};
	ck_assert_msg(number_clean(row->user, row->telephone, buffer, &got), "%s",
	              row->user.at);
	expect_text(got, row->want, row->user.at);
}
END_TEST

static const struct {
	struct slice text, want;
} written[] = {
	{TEXT("+44 20 7123 4567"), TEXT("+442071234567")},
	{TEXT(" \t+44\t20 "), TEXT("+4420")},
	{TEXT("(020) 7123-4567"), TEXT("02071234567")},
	{TEXT("(+44) 20 7123-4567"), TEXT("+442071234567")},
	{TEXT("1234;phone-context=+44"), TEXT("+441234")},
	{TEXT("00"), TEXT("00")},
	{TEXT(""), TEXT("")},
	{TEXT("+"), TEXT("+")},
	{TEXT(" "), TEXT(" ")},
	{TEXT("alice smith"), TEXT("alice smith")},
	{TEXT("+44 x"), TEXT("+44 x")},
	{TEXT("1\n2"), TEXT("1\n2")},
	{TEXT("%61lice"), TEXT("%61lice")},
	{TEXT("%2b44"), TEXT("%2b44")},
	{TEXT("a%2cb"), TEXT("a%2Cb")},
	{TEXT("a\0 b"), TEXT("a\0 b")},
};

START_TEST(written_numbers_lose_spaces_too_and_keep_escapes)
{
	char buffer[NUMBER_MAX];
	struct slice got = {NULL, 0};
	ck_assert_msg(number_clean_written(written[_i].text, buffer, &got), "%s",
	              written[_i].text.at);
	expect_text(got, written[_i].want, written[_i].text.at);
}
END_TEST

START_TEST(no_text_at_all_is_an_empty_number)
{
	struct slice nothing = {NULL, 0}, got = {"x", 1};
	char buffer[NUMBER_MAX];
	ck_assert(number_clean(nothing, false, buffer, &got));
	ck_assert_uint_eq(got.len, 0);
	got.len = 1;
	ck_assert(number_clean_written(nothing, buffer, &got));
	ck_assert_uint_eq(got.len, 0);
	ck_assert_uint_eq(number_escape(nothing, NULL, 0), 0);
}
END_TEST

/* prefix, then count times unit, then suffix: what number_clean() makes of it. */
static const struct {
	const char *prefix, *unit, *suffix;
	size_t count;
	bool telephone;
	size_t len; /* 0: too long */
} lengths[] = {
	{"", "1", "", 1024, false, 1024},
	{"", "1", "", 1025, false, 0},
	{"+", "1", "", 1023, false, 1024},
	{"+", "1", "", 1024, false, 0},
	{"1", "-", "", 60000, false, 1},
	{"1;x=", "y", "", 60000, false, 1},
	{"1234;", "x;", "phone-context=+44", 30000, false, 7},
	{"", "1", ";phone-context=+44", 1021, false, 1024},
	{"", "1", ";phone-context=+44", 1022, false, 0},
	{"1;phone-context=+", "4", "", 1022, false, 1024},
	{"1;phone-context=+", "4", "", 1023, false, 0},
	{"", "%31", "", 1024, false, 1024},
	{"", "%31", "", 1025, false, 0},
	{"", "%2C", "", 341, false, 1023},
	{"a", "%2C", "", 341, false, 1024},
	{"ab", "%2C", "", 341, false, 0},
	{"", "a", "", 1024, false, 1024},
	{"", "a", "", 65535, false, 0},
	{"a", "-", "", 1024, false, 0},
	{"a", "-", "", 1024, true, 1},
};

static size_t append(char *to, size_t len, const char *piece)
{
	size_t count = strlen(piece);
	memcpy(to + len, piece, count);
	return len + count;
}

START_TEST(the_cleaned_number_is_what_must_not_be_too_long)
{
	char text[70000], buffer[NUMBER_MAX + 8];
	size_t len = 0;
	len = append(text, len, lengths[_i].prefix);
	for (size_t i = 0; i < lengths[_i].count; i++)
		len = append(text, len, lengths[_i].unit);
	len = append(text, len, lengths[_i].suffix);

	memset(buffer, 'G', sizeof(buffer));
	struct slice got = {"untouched", 9};
	bool fits = number_clean((struct slice){text, len}, lengths[_i].telephone, buffer,
	                         &got);
	ck_assert_msg(fits == (lengths[_i].len > 0), "row %d: fits is %d", _i, fits);
	ck_assert_msg(got.len == (fits ? lengths[_i].len : 9), "row %d: length %zu", _i,
	              got.len);
	ck_assert_msg(got.at == buffer || !fits, "row %d: not in the buffer", _i);
	ck_assert_msg(memcmp(buffer + NUMBER_MAX, "GGGGGGGG", 8) == 0,
	              "row %d: wrote beyond the buffer", _i);
}
END_TEST

static const struct {
	struct slice number, want;
} escapes[] = {
	{TEXT("+442071234567"), TEXT("+442071234567")},
	{TEXT("-_.!~*'()&=+$,;?/"), TEXT("-_.!~*'()&=+$,;?/")},
	{TEXT("azAZ09"), TEXT("azAZ09")},
	{TEXT("*31#1"), TEXT("*31%231")},
	{TEXT("a b"), TEXT("a%20b")},
	{TEXT("a@b:c"), TEXT("a%40b%3Ac")},
	{TEXT("\"<>[]\\^`{|}"), TEXT("%22%3C%3E%5B%5D%5C%5E%60%7B%7C%7D")},
	{TEXT("\r\n\t\0\x7f"), TEXT("%0D%0A%09%00%7F")},
	{TEXT("\xe9\xff"), TEXT("%E9%FF")},
	{TEXT("a%2Cb"), TEXT("a%2Cb")},
	{TEXT("%"), TEXT("%25")},
	{TEXT("%4"), TEXT("%254")},
	{TEXT("%zz"), TEXT("%25zz")},
	{TEXT("%%25"), TEXT("%25%25")},
	{TEXT(""), TEXT("")},
};

START_TEST(what_a_user_part_must_not_hold_is_escaped)
{
	char to[64];
	size_t len = number_escape(escapes[_i].number, to, sizeof(to));
	expect_text((struct slice){to, len}, escapes[_i].want, escapes[_i].number.at);
}
END_TEST

START_TEST(escaping_writes_nothing_beyond_the_size)
{
	struct slice number = TEXT("a#b#");
	const char *whole = "a%23b%23";
	for (size_t size = 0; size <= 10; size++) {
		char to[10] = "GGGGGGGGG";
		ck_assert_uint_eq(number_escape(number, to, size), 8);
		for (size_t i = size; i < sizeof(to) - 1; i++)
			ck_assert_msg(to[i] == 'G', "size %zu: byte %zu", size, i);
	}
	char exact[8];
	ck_assert_uint_eq(number_escape(number, exact, sizeof(exact)), 8);
	ck_assert_mem_eq(exact, whole, 8);
}
END_TEST

START_TEST(a_number_survives_being_escaped_and_cleaned)
{
	char text[256], escaped[3 * 256], buffer[NUMBER_MAX];
	for (int i = 0; i < 256; i++)
		text[i] = (char)(i == '%' ? 'x' : i);
	struct slice all = {text, sizeof(text)}, got;
	size_t len = number_escape(all, escaped, sizeof(escaped));
	ck_assert(number_clean((struct slice){escaped, len}, false, buffer, &got));
	ck_assert_uint_eq(got.len, all.len);
	ck_assert_mem_eq(got.at, all.at, all.len);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("number");
	TCase *tc = tcase_create("number");
	tcase_add_loop_test(tc, telephone_numbers_lose_separators_and_parameters, 0,
	                    COUNT(numbers));
	tcase_add_loop_test(tc, other_users_keep_all_their_characters, 0, COUNT(others));
	tcase_add_loop_test(tc, written_numbers_lose_spaces_too_and_keep_escapes, 0,
	                    COUNT(written));
	tcase_add_test(tc, no_text_at_all_is_an_empty_number);
	tcase_add_loop_test(tc, the_cleaned_number_is_what_must_not_be_too_long, 0,
	                    COUNT(lengths));
	tcase_add_loop_test(tc, what_a_user_part_must_not_hold_is_escaped, 0,
	                    COUNT(escapes));
	tcase_add_test(tc, escaping_writes_nothing_beyond_the_size);
	tcase_add_test(tc, a_number_survives_being_escaped_and_cleaned);
	suite_add_tcase(suite, tc);
	return suite;
}
