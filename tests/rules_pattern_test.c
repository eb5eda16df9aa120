/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "rules/pattern.h"
#include "tests/runner.h"

#define COUNT(rows) (int)(sizeof(rows) / sizeof((rows)[0]))
/* A literal as a slice, so that it may hold a NUL. */
#define TEXT(literal)                                                                    \
	{                                                                                \
		literal, sizeof(literal) - 1                                             \
	}

/* Rows run twice: with JIT, and interpreted as where there is none. */
static const char *const starts[] = {"", "(*NO_JIT)"};

static const char *const result_names[] = {"no", "yes", "gave up"};

static struct pattern_space *space;

static void make_space(void)
{
	space = pattern_space_new();
	ck_assert_ptr_nonnull(space);
}

static void free_space(void)
{
	pattern_space_free(space);
}

static struct pattern *compiled(const char *start, const char *text)
{
	char whole[PATTERN_BYTES_MAX + 1], error[128] = "";
	size_t offset = 0;
	int len = snprintf(whole, sizeof(whole), "%s%s", start, text);
	struct pattern *pattern =
		pattern_new((struct slice){whole, (size_t)len}, error, &offset);
	ck_assert_msg(pattern != NULL, "%s: %s at %zu", whole, error, offset);
	return pattern;
}

static const struct {
	const char *pattern;
	struct slice subject;
	bool match;
} matches[] = {
	{"^\\+44", TEXT("+442071234567"), true},
	{"^\\+44", TEXT("0+44"), false},
	{"123", TEXT("01234"), true},
	{"^123$", TEXT("0123"), false},
	{"4567$", TEXT("+442071234567"), true},
	{"^(?:\\+44|0044|0)(\\d{2,4})(\\d{6,8})$", TEXT("00442071234567"), true},
	{"^[2-9]\\d{2}$", TEXT("911"), true},
	{"^[2-9]\\d{2}$", TEXT("111"), false},
	{"", TEXT("anything"), true},
	{"", TEXT(""), true},
	{"^$", TEXT(""), true},
	{"^$", TEXT("x"), false},
	{"a", TEXT("A"), false},
	{"(?i)a", TEXT("A"), true},
	{"^a.b$", TEXT("a\0b"), true},
	{"^a\\x00b$", TEXT("a\0b"), true},
	{"^a$", TEXT("a\0b"), false},
	{"^a.b$",
         TEXT("a\xff"
              "b"),
         true},
	{"^..$", TEXT("\xc3\xa9"), true},
	{"^\\w+$", TEXT("\xe9"), false},
	{"^\\d+$", TEXT("123\n"), false},
	{"^\\d+$", TEXT("x\n123"), false},
	{"(?<!0)0(?!0)", TEXT("100010"), true},
	{"^(\\d)\\1+$", TEXT("7777"), true},
	{"^(\\d)\\1+$", TEXT("7778"), false},
};

START_TEST(an_expression_matches_bytes_and_is_not_anchored)
{
	for (int i = 0; i < COUNT(starts); i++) {
		struct pattern *pattern = compiled(starts[i], matches[_i].pattern);
		enum pattern_result result =
			pattern_match(pattern, matches[_i].subject, space);
		ck_assert_msg(result == (matches[_i].match ? PATTERN_YES : PATTERN_NO),
		              "%s%s on '%s': %s", starts[i], matches[_i].pattern,
		              matches[_i].subject.at, result_names[result]);
		pattern_free(pattern);
	}
}
END_TEST

static const struct {
	const char *pattern, *subject;
	unsigned group;
	const char *want;
} groups[] = {
	{"2(.)", "0123", 0, "23"},
	{"2(.)", "0123", 1, "3"},
	{"2(.)", "0123", 2, ""},
	{"2(.)", "0123", 9, ""},
	{"2(.)", "0123", 10, ""},
	{"2(.)", "0123", 4000000000u, ""},
	{"(a)|(b)|(c)", "b", 1, ""},
	{"(a)|(b)|(c)", "b", 2, "b"},
	{"(a)|(b)|(c)", "b", 3, ""},
	{"^(\\+44|0)(\\d+)$", "+4420", 1, "+44"},
	{"^(\\+44|0)(\\d+)$", "+4420", 2, "20"},
	{"(x*)", "abc", 0, ""},
	{"()c$", "abc", 0, "c"},
	{"(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)", "abcdefghijkl", 9, "i"},
	{"(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)", "abcdefghijkl", 10, ""},
	{"(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)", "abcdefghijkl", 0, "abcdefghijk"},
	{"ab\\Kc", "abc", 0, "c"},
	/* The start lies behind the end. */
	{"(?=(?1))(?:x(ab\\K)|)", "abc", 0, ""},
};

START_TEST(a_group_is_what_it_matched_or_empty)
{
	struct slice subject = slice_of(groups[_i].subject);
	for (int i = 0; i < COUNT(starts); i++) {
		struct pattern *pattern = compiled(starts[i], groups[_i].pattern);
		ck_assert_int_eq(pattern_match(pattern, subject, space), PATTERN_YES);
		struct slice got = pattern_group(space, subject, groups[_i].group);
		ck_assert_msg(slice_equal(got, slice_of(groups[_i].want)),
		              "%s%s on %s, group %u: '%.*s'", starts[i],
		              groups[_i].pattern, groups[_i].subject, groups[_i].group,
		              (int)got.len, got.at);
		ck_assert_msg(got.at >= subject.at &&
		                      got.at + got.len <= subject.at + subject.len,
		              "%s%s: outside the subject", starts[i], groups[_i].pattern);
		pattern_free(pattern);
	}
}
END_TEST

START_TEST(no_groups_are_left_from_the_match_before)
{
	struct pattern *three = compiled("", "(a)(b)(c)"), *one = compiled("", "(a)");
	struct slice subject = slice_of("abc");
	ck_assert_int_eq(pattern_match(three, subject, space), PATTERN_YES);
	ck_assert_uint_eq(pattern_group(space, subject, 3).len, 1);
	ck_assert_int_eq(pattern_match(one, subject, space), PATTERN_YES);
	ck_assert_uint_eq(pattern_group(space, subject, 3).len, 0);
	ck_assert_int_eq(pattern_match(three, slice_of("x"), space), PATTERN_NO);
	ck_assert_uint_eq(pattern_group(space, subject, 1).len, 0);
	ck_assert_uint_eq(pattern_groups(three), 3);
	ck_assert_uint_eq(pattern_groups(one), 1);
	pattern_free(three);
	pattern_free(one);
}
END_TEST

START_TEST(no_text_is_the_empty_text)
{
	struct slice nothing = {NULL, 0};
	char error[128];
	size_t offset;
	struct pattern *pattern = pattern_new(nothing, error, &offset);
	ck_assert_ptr_nonnull(pattern);
	ck_assert_int_eq(pattern_match(pattern, nothing, space), PATTERN_YES);
	ck_assert_uint_eq(pattern_group(space, nothing, 0).len, 0);
	ck_assert_uint_eq(pattern_groups(pattern), 0);
	pattern_free(pattern);
	pattern_free(NULL);
	pattern_space_free(NULL);
}
END_TEST

static const struct {
	struct slice text;
	const char *error; /* some words of it */
	int offset;        /* -1: versions of PCRE2 differ */
} faults[] = {
	{TEXT("(a"), "missing closing parenthesis", 2},
	{TEXT("a)"), "unmatched closing parenthesis", 1},
	{TEXT("[a"), "missing terminating ]", -1},
	{TEXT("*a"), "quantifier does not follow", -1},
	{TEXT("a{2,1}"), "out of order", -1},
	{TEXT("ab\\"), "end of pattern", -1},
	{TEXT("\\1"), "reference to non-existent", -1},
	{TEXT("a\0("), "missing closing parenthesis", 3},
	{TEXT("a\\C"), "\\C", -1},
	{TEXT("(*UTF)a"), "UTF", -1},
	{TEXT("(?:(?:a?){0,99}){0,99}"), "too large", -1},
};

START_TEST(a_bad_expression_says_why_and_where)
{
	char error[128] = "nothing said";
	size_t offset = 999;
	ck_assert_msg(!pattern_new(faults[_i].text, error, &offset), "%s",
	              faults[_i].text.at);
	ck_assert_msg(strstr(error, faults[_i].error) != NULL, "%s: %s",
	              faults[_i].text.at, error);
	ck_assert_msg(offset <= faults[_i].text.len &&
	                      (faults[_i].offset < 0 || (int)offset == faults[_i].offset),
	              "%s: at %zu", faults[_i].text.at, offset);
}
END_TEST

/* open and close, count times each, around or behind nothing. */
static const struct {
	const char *open, *close;
	int count;
	const char *error; /* NULL: is allowed */
} sizes[] = {
	{"1", "", PATTERN_BYTES_MAX, NULL},
	{"1", "", PATTERN_BYTES_MAX + 1, "longer than 1024 bytes"},
	{"(?:", ")", PATTERN_NESTING_MAX, NULL},
	{"(?:", ")", PATTERN_NESTING_MAX + 1, "too deeply nested"},
	{"(1)", "", PATTERN_CAPTURES_MAX, NULL},
	{"(1)", "", PATTERN_CAPTURES_MAX + 1, "more than 32 groups"},
};

START_TEST(an_expression_has_a_limited_size)
{
	char text[2 * PATTERN_BYTES_MAX] = "", error[128] = "";
	size_t offset = 0, len = 0;
	for (int i = 0; i < sizes[_i].count; i++)
		len += (size_t)sprintf(text + len, "%s", sizes[_i].open);
	for (int i = 0; i < sizes[_i].count; i++)
		len += (size_t)sprintf(text + len, "%s", sizes[_i].close);
	struct pattern *pattern = pattern_new((struct slice){text, len}, error, &offset);
	ck_assert_msg((pattern != NULL) == (sizes[_i].error == NULL), "row %d: '%s'", _i,
	              error);
	if (sizes[_i].error)
		ck_assert_msg(strstr(error, sizes[_i].error) != NULL, "row %d: %s", _i,
		              error);
	ck_assert_msg(offset <= PATTERN_BYTES_MAX, "row %d: at %zu", _i, offset);
	pattern_free(pattern);
}
END_TEST

/* A subject: head, unit repeated to len bytes in all, tail. */
struct subject {
	const char *head, *unit, *tail;
	size_t len;
};

static struct slice filled(const struct subject *subject, char *to)
{
	size_t head = strlen(subject->head), tail = strlen(subject->tail);
	size_t unit = strlen(subject->unit);
	memcpy(to, subject->head, head);
	for (size_t i = head; i < subject->len; i++)
		to[i] = subject->unit[(i - head) % unit];
	memcpy(to + subject->len - tail, subject->tail, tail);
	return (struct slice){to, subject->len};
}

static const struct {
	const char *pattern;
	struct subject subject;
} runaways[] = {
	{"^(a+)+$", {"", "a", "b", 1000}},
	{"(a+)+$", {"", "a", "b", 1000}},
	{"^(a|a)*$", {"", "a", "b", 1000}},
	{"^(a|aa)+$", {"", "a", "b", 1000}},
	{"^(?:(?:(?:\\d*)*)*)*$", {"", "1", "x", 1000}},
	{"^(\\d+)-?(\\d+)-?(\\d+)#$", {"", "1", "#1", 1000}},
	{"^\\d+-?\\d+-?\\d+#$", {"", "1", "#1", 1000}},
	{"(.*)(.*)(.*)(.*)(.*)(.*)(.*)#$", {"", "1", "#1", 1000}},
	{"^(1(?1)?1)$", {"", "1", "", 1001}},
	/* Each start of its own is cheap here; there are many of them. */
	{"\\d+\\d+\\d+#$", {"", "1111111111111111111111111111111111111111#", "1", 1000}},
	{"(?=.*#$)1", {"", "1", "#1", 1000}},
	{"\\d+#$", {"", "1", "#1", 65535}},
	{"[0-9]+?#$", {"", "1", "#1", 65535}},
	{"(?=.*#$)1", {"", "1", "#1", 65535}},
	{"^(\\d|x)+$", {"", "1", "", 65535}},
};

START_TEST(a_runaway_match_gives_up_soon)
{
	static char bytes[65536];
	struct slice subject = filled(&runaways[_i].subject, bytes);
	for (int i = 0; i < COUNT(starts); i++) {
		struct pattern *pattern = compiled(starts[i], runaways[_i].pattern);
		clock_t start = clock();
		enum pattern_result result = PATTERN_NO;
		for (int run = 0; run < 10; run++)
			result = pattern_match(pattern, subject, space);
		double ms = 1000.0 * (double)(clock() - start) / CLOCKS_PER_SEC / 10;
		ck_assert_msg(result == PATTERN_GAVE_UP, "%s%s: %s", starts[i],
		              runaways[_i].pattern, result_names[result]);
		/* Some tenths of a millisecond, but a sanitizer takes its time. */
		ck_assert_msg(ms < 50, "%s%s: %.1f ms", starts[i], runaways[_i].pattern,
		              ms);
		pattern_free(pattern);
	}
}
END_TEST

static const struct {
	const char *pattern;
	struct subject subject;
	bool match;
} longest[] = {
	{"^\\d+$", {"", "1", "", 1024}, true},
	{"^\\d+$", {"", "1", "x", 1024}, false},
	{"^\\+?44(\\d+)$", {"+44", "1", "", 1024}, true},
	{"^(\\d|x)+$", {"", "1", "", 1024}, true},
	{"^(\\d|x)+$", {"", "1", "#", 1024}, false},
	{"^((\\d)(\\d))+$", {"", "12", "", 1024}, true},
	{"^(?:\\d{3}-?)+$", {"", "123-", "", 1024}, true},
	{"^(0|1|2|3|4|5|6|7|8|9)*$", {"", "9", "", 1024}, true},
	{"\\d{4}$", {"", "1", "", 1024}, true},
	{"\\d{4}$", {"", "1", "x", 1024}, false},
	{"(\\d+)#$", {"", "1", "#", 1024}, true},
	{"(\\d+)#$", {"", "1", "#1", 1024}, false},
	{"^(.*)1(.*)1(.*)$", {"", "1", "", 1024}, true},
	{"^[^@]*@[^@]*$", {"", "1", "@h", 1024}, true},
	{"5551234", {"", "5", "1234", 1024}, true},
	{"^(?!.*00)\\d+$", {"", "1", "", 1024}, true},
};

START_TEST(an_ordinary_match_of_the_longest_number_does_not_give_up)
{
	char bytes[1024];
	struct slice subject = filled(&longest[_i].subject, bytes);
	for (int i = 0; i < COUNT(starts); i++) {
		struct pattern *pattern = compiled(starts[i], longest[_i].pattern);
		enum pattern_result result = pattern_match(pattern, subject, space);
		ck_assert_msg(result == (longest[_i].match ? PATTERN_YES : PATTERN_NO),
		              "%s%s: %s", starts[i], longest[_i].pattern,
		              result_names[result]);
		pattern_free(pattern);
	}
}
END_TEST

START_TEST(after_giving_up_the_space_is_good_for_more)
{
	struct pattern *runaway = compiled("", "^(a+)+$"), *plain = compiled("", "^a+b$");
	struct subject text = {"", "a", "b", 1000};
	char bytes[1000];
	struct slice subject = filled(&text, bytes);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(pattern_match(runaway, subject, space), PATTERN_GAVE_UP);
		ck_assert_uint_eq(pattern_group(space, subject, 0).len, 0);
		ck_assert_int_eq(pattern_match(plain, subject, space), PATTERN_YES);
		ck_assert_uint_eq(pattern_group(space, subject, 0).len, 1000);
	}
	pattern_free(runaway);
	pattern_free(plain);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("pattern");
	TCase *tc = tcase_create("pattern");
	tcase_add_checked_fixture(tc, make_space, free_space);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, an_expression_matches_bytes_and_is_not_anchored, 0,
	                    COUNT(matches));
	tcase_add_loop_test(tc, a_group_is_what_it_matched_or_empty, 0, COUNT(groups));
	tcase_add_test(tc, no_groups_are_left_from_the_match_before);
	tcase_add_test(tc, no_text_is_the_empty_text);
	tcase_add_loop_test(tc, a_bad_expression_says_why_and_where, 0, COUNT(faults));
	tcase_add_loop_test(tc, an_expression_has_a_limited_size, 0, COUNT(sizes));
	tcase_add_loop_test(tc, a_runaway_match_gives_up_soon, 0, COUNT(runaways));
	tcase_add_loop_test(tc, an_ordinary_match_of_the_longest_number_does_not_give_up,
	                    0, COUNT(longest));
	tcase_add_test(tc, after_giving_up_the_space_is_good_for_more);
	suite_add_tcase(suite, tc);
	return suite;
}
