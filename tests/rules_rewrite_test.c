/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rewrite.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

#define NOTHING "nothing" /* is left, or too much */
#define GAVE_UP "gave up"

static struct pattern_space *space;

static void make_space(void)
{
	space = pattern_space_new();
}

static void free_space(void)
{
	pattern_space_free(space);
}

static const char *text_of(enum pattern_result result, struct slice out, char *to,
                           size_t size)
{
	if (result == PATTERN_NO)
		return NOTHING;
	if (result == PATTERN_GAVE_UP)
		return GAVE_UP;
	snprintf(to, size, "%.*s", (int)out.len, out.at);
	return to;
}

static const struct rewrite *read_rewrite(struct loading *loading, const char *yaml)
{
	const struct rewrite *rewrite = NULL;
	const struct node *node = loading_begin(loading, yaml);
	rewrite_read(&loading->load.load, node, &rewrite);
	return rewrite;
}

static const struct {
	const char *yaml, *number, *want;
} cases[] = {
	{"{strip: 1}", "0123", "123"},
	{"{strip: 3}", "+442071", "2071"},
	{"{strip: 4}", "0123", NOTHING},
	{"{strip: 5}", "0123", NOTHING},
	{"{strip: 1024}", "0123", NOTHING},
	{"{strip: \"0\"}", "0123", "123"},
	{"{strip: \"0\"}", "00123", "0123"},
	{"{strip: \"0\"}", "123", "123"},
	{"{strip: \"00\"}", "00123", "123"},
	{"{strip: \"00\"}", "0123", "0123"},
	{"{strip: \"3\"}", "345", "45"},
	{"{strip: '3'}", "12345", "12345"},
	{"{strip: \"1024\"}", "10245", "5"},
	{"{strip: +}", "+44", "44"},
	{"{strip: +44}", "+442071", "2071"},
	{"{strip: \"123\"}", "123", NOTHING},
	{"{strip: \"123\"}", "12", "12"},
	{"{strip: \"-1\"}", "-123", "23"},
	{"{strip: 1.5}", "1.56", "6"},
	{"{strip: alice}", "alice.smith", ".smith"},
	{"{prepend: \"00\"}", "44", "0044"},
	{"{prepend: +44}", "", "+44"},
	{"{prepend: \"a b\"}", "c", "a bc"},
	{"{strip: 1, prepend: +44}", "02071", "+442071"},
	{"{prepend: +44, strip: 1}", "02071",
         "+442071"}, /* strip is first all the same */
	{"{strip: \"+\", prepend: \"00\"}", "+442071", "00442071"},
	{"{strip: 4, prepend: x}", "0123", "x"},
	{"{replace: {regex: 2, with: x}}", "12321", "1x321"},
	{"{replace: {regex: ^0, with: +44}}", "02071", "+442071"},
	{"{replace: {regex: ^0, with: +44}}", "12071", "12071"},
	{"{replace: {regex: ^, with: x}}", "12", "x12"},
	{"{replace: {regex: $, with: x}}", "12", "12x"},
	{"{replace: {regex: ^$, with: x}}", "", "x"},
	{"{replace: {regex: \"^.*$\", with: \"\"}}", "12", NOTHING},
	{"{replace: {regex: 1, with: \"\"}}", "12", "2"},
	{"{replace: {regex: \"^(..)(..)\", with: $2$1}}", "1234567", "3412567"},
	{"{replace: {regex: \"^(..)(..)\", with: \"<$0>\"}}", "1234567", "<1234>567"},
	{"{replace: {regex: \"(a)|(b)\", with: \"[$1$2]\"}}", "xbx", "x[b]x"},
	{"{replace: {regex: (.), with: $10}}", "5", "50"},
	{"{replace: {regex: (.), with: $$1$$$1$$}}", "5", "$1$5$"},
	{"{replace: {regex: (1)(2)(3)(4)(5)(6)(7)(8)(9)(a), with: $9$8$7}}", "123456789a",
         "987"},
	{"{replace: {regex: \"1\\\\K2\", with: x}}", "123", "1x3"},
	{"{replace: {regex: 2, with: 'a\\b'}}", "2", "a\\b"},
	{"{strip: 1, prepend: \"99\", replace: {regex: ^99(.), with: $1-}}", "0123",
         "1-23"},
	{"{replace: {regex: ^12, with: x}, strip: 1}", "0123", "x3"},
	{"{replace: {regex: \"^(a*)*$\", with: x}}", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
         GAVE_UP},
	{"{strip: 1, replace: {regex: \"^(a*)*$\", with: x}}",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", GAVE_UP},
};

START_TEST(a_number_is_stripped_then_prepended_then_replaced)
{
	struct loading loading;
	char buffers[2][NUMBER_MAX], text[100];
	const struct rewrite *rewrite = read_rewrite(&loading, cases[_i].yaml);
	struct slice out = {0};
	enum pattern_result result =
		rewrite_apply(rewrite, slice_of(cases[_i].number), buffers, space, &out);
	const char *got = text_of(result, out, text, sizeof text);
	ck_assert_msg(strcmp(got, cases[_i].want) == 0, "%s of %s: got %s, want %s",
	              cases[_i].yaml, cases[_i].number, got, cases[_i].want);
	char *findings = loading_end(&loading);
	ck_assert_str_eq(findings, "");
	free(findings);
}
END_TEST

START_TEST(a_nul_is_a_character_like_any_other)
{
	static const struct {
		const char *yaml;
		struct slice want;
	} rows[] = {
		{"{strip: 1}", LOADING_TEXT("\0b")},
		{"{prepend: x}", LOADING_TEXT("xa\0b")},
		{"{replace: {regex: \"\\\\x00\", with: \"-\"}}", LOADING_TEXT("a-b")},
		{"{replace: {regex: (a.)b, with: $1}}", LOADING_TEXT("a\0")},
	};
	for (int i = 0; i < LOADING_COUNT(rows); i++) {
		struct loading loading;
		char buffers[2][NUMBER_MAX];
		struct slice out = {0}, number = LOADING_TEXT("a\0b");
		const struct rewrite *rewrite = read_rewrite(&loading, rows[i].yaml);
		ck_assert(rewrite_apply(rewrite, number, buffers, space, &out) ==
		          PATTERN_YES);
		ck_assert_msg(slice_equal(out, rows[i].want), "%s", rows[i].yaml);
		free(loading_end(&loading));
	}
}
END_TEST

START_TEST(an_absent_number_can_be_rewritten)
{
	struct loading loading;
	char buffers[2][NUMBER_MAX];
	struct slice out = {0}, none = {NULL, 0};
	const struct rewrite *rewrite = read_rewrite(
		&loading, "{strip: 2, replace: {regex: \"^(.*)$\", with: x$1}}");
	ck_assert(rewrite_apply(rewrite, none, buffers, space, &out) == PATTERN_YES);
	ck_assert(slice_equal(out, slice_of("x")));
	free(loading_end(&loading));
}
END_TEST

/* Numbers are NUMBER_MAX bytes at most, before and after. */
static const struct {
	const char *yaml;
	size_t len, want; /* 0: too long */
} lengths[] = {
	{"{prepend: \"1\"}", 1023, 1024},
	{"{prepend: \"1\"}", 1024, 0},
	{"{strip: 1, prepend: \"1\"}", 1024, 1024},
	{"{strip: 1, prepend: \"12\"}", 1024, 0},
	{"{replace: {regex: ^5, with: $0}}", 1024, 1024},
	{"{replace: {regex: ^5, with: $0$0}}", 1024, 0},
	{"{replace: {regex: ^5, with: $0$0}}", 1023, 1024},
	{"{replace: {regex: 5$, with: $0$0}}", 1024, 0},
	{"{replace: {regex: \"^.*$\", with: $0$0}}", 512, 1024},
	{"{replace: {regex: \"^.*$\", with: $0$0}}", 513, 0},
	{"{replace: {regex: \"^.*$\", with: $0$0$0$0$0$0$0$0$0$0}}", 1024, 0},
	{"{prepend: \"12\", replace: {regex: ^12, with: \"\"}}", 1023, 0},
};

START_TEST(a_number_may_not_become_too_long)
{
	struct loading loading;
	char buffers[2][NUMBER_MAX], number[NUMBER_MAX];
	struct slice out = {0};
	memset(number, '5', sizeof number);
	const struct rewrite *rewrite = read_rewrite(&loading, lengths[_i].yaml);
	enum pattern_result result = rewrite_apply(
		rewrite, (struct slice){number, lengths[_i].len}, buffers, space, &out);
	ck_assert((result == PATTERN_YES) == (lengths[_i].want > 0));
	if (result == PATTERN_YES)
		ck_assert_uint_eq(out.len, lengths[_i].want);
	free(loading_end(&loading));
}
END_TEST

#define STRIP_HINT                                                                       \
	"  hint: quote it to strip these digits; write a number to strip so many\n"

static const struct {
	const char *yaml, *findings;
} bad[] = {
	{"strip", "t.yaml:1:1: error: \"rewrite\" must be a mapping, not a text\n"},
	{"[strip]", "t.yaml:1:1: error: \"rewrite\" must be a mapping, not a list\n"},
	{"{stip: 1, prepend: 2, prepend: 3}",
         "t.yaml:1:2: error: unknown key \"stip\"\n"
         "  hint: did you mean \"strip\"?\n"
         "t.yaml:1:23: error: \"prepend\" is given twice\n"
         "  hint: first given at t.yaml:1:11\n"},
	{"{strip: 00}",
         "t.yaml:1:9: error: strip: 00 may mean digits or how many\n" STRIP_HINT},
	{"{strip: -1}", "t.yaml:1:9: error: strip: -1 is less than nothing\n"
                        "  hint: quote it to strip these characters\n"},
	{"{}", "t.yaml:1:1: error: \"rewrite\" says nothing to change\n"
               "  hint: write one of strip, prepend, replace, rn, npdi, cic\n"},
	{"{strip: 0}",
         "t.yaml:1:9: error: strip: 0 may mean digits or how many\n" STRIP_HINT},
	{"{strip: 01}",
         "t.yaml:1:9: error: strip: 01 may mean digits or how many\n" STRIP_HINT},
	{"{strip: 1025}",
         "t.yaml:1:9: error: strip: 1025 may mean digits or how many\n" STRIP_HINT},
	{"{strip: 442071234567890123456789}",
         "t.yaml:1:9: error: strip: 442071234567890123456789 may mean digits or how "
         "many\n" STRIP_HINT},
	{"{strip: \"\"}", "t.yaml:1:9: error: \"strip\" must not be empty\n"},
	{"{strip: }", "t.yaml:1:9: error: \"strip\" must not be empty\n"},
	{"{strip: [1]}", "t.yaml:1:9: error: \"strip\" must be a text, not a list\n"},
	{"{prepend: {a: b}}",
         "t.yaml:1:11: error: \"prepend\" must be a text, not a mapping\n"},
	{"{prepend: \"\"}", "t.yaml:1:11: error: \"prepend\" must not be empty\n"},
	{"{replace: a}",
         "t.yaml:1:11: error: \"replace\" must be a mapping, not a text\n"},
	{"{replace: {}}", "t.yaml:1:11: error: \"replace\" needs \"regex\"\n"
                          "t.yaml:1:11: error: \"replace\" needs \"with\"\n"},
	{"{replace: {regex: a}}", "t.yaml:1:11: error: \"replace\" needs \"with\"\n"},
	{"{replace: {with: a}}", "t.yaml:1:11: error: \"replace\" needs \"regex\"\n"},
	{"{replace: {regex: \"(\", with: \"$\"}}",
         "t.yaml:1:19: error: bad regex, at character 2 of it: missing closing "
         "parenthesis\n"
         "t.yaml:1:30: error: a $ in \"with\" must be followed by a digit\n"
         "  hint: write $$ for a dollar sign\n"},
	{"{replace: {regex: a, with: $x}}",
         "t.yaml:1:28: error: a $ in \"with\" must be followed by a digit\n"
         "  hint: write $$ for a dollar sign\n"},
	{"{replace: {regex: a, with: [b]}}",
         "t.yaml:1:28: error: \"with\" must be a text, not a list\n"},
	{"{replace: {regex: a, with: '\\1'}}",
         "t.yaml:1:28: error: \"with\" has a backslash before a digit\n"
         "  hint: write $1 for what the first group matched\n"},
	{"{replace: {regex: a, with: $1}}",
         "t.yaml:1:28: error: \"with\" uses $1, but the "
         "regex has 0 groups in parentheses\n"},
	{"{replace: {with: $2, regex: (a)}}",
         "t.yaml:1:18: error: \"with\" uses $2, but the "
         "regex has 1 group in parentheses\n"},
};

START_TEST(a_mistake_in_a_rewrite_is_found)
{
	struct loading loading;
	read_rewrite(&loading, bad[_i].yaml);
	char *findings = loading_end(&loading);
	ck_assert_str_eq(findings, bad[_i].findings);
	free(findings);
}
END_TEST

START_TEST(the_texts_of_a_rewrite_have_1024_bytes_at_most)
{
	static const char *const befores[] = {"{strip: \"", "{prepend: \"",
	                                      "{replace: {regex: a, with: \""};
	static const char *const names[] = {"strip", "prepend", "with"};
	char text[2000], yaml[2100], want[100];
	for (int i = 0; i < 3; i++) {
		for (size_t len = 1024; len <= 1025; len++) {
			struct loading loading;
			memset(text, '5', len);
			text[len] = '\0';
			sprintf(yaml, "%s%s\"}%s", befores[i], text, i == 2 ? "}" : "");
			read_rewrite(&loading, yaml);
			sprintf(want, "\"%s\" is longer than 1024 bytes\n", names[i]);
			char *findings = loading_end(&loading);
			ck_assert(len == 1024 ? !*findings
			                      : strstr(findings, want) != NULL);
			free(findings);
		}
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("rewrite");
	TCase *tcase = tcase_create("rewrite");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_checked_fixture(tcase, make_space, free_space);
	tcase_add_loop_test(tcase, a_number_is_stripped_then_prepended_then_replaced, 0,
	                    LOADING_COUNT(cases));
	tcase_add_test(tcase, a_nul_is_a_character_like_any_other);
	tcase_add_test(tcase, an_absent_number_can_be_rewritten);
	tcase_add_loop_test(tcase, a_number_may_not_become_too_long, 0,
	                    LOADING_COUNT(lengths));
	tcase_add_loop_test(tcase, a_mistake_in_a_rewrite_is_found, 0,
	                    LOADING_COUNT(bad));
	tcase_add_test(tcase, the_texts_of_a_rewrite_have_1024_bytes_at_most);
	suite_add_tcase(suite, tcase);
	return suite;
}
