/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "rules/diags.h"
#include "tests/runner.h"

static void expect_print(struct diags *diags, const char *want)
{
	char *text = diags_text(diags);
	ck_assert_pstr_eq(text, want);
	free(text);
}

static const struct {
	struct position position;
	enum severity severity;
	const char *hint, *message, *printed;
} findings[] = {
	{{"rules.yaml", 14, 9},
         SEVERITY_ERROR,
         "did you mean \"priority\"?",
         "unknown key \"prioritty\"",
         "rules.yaml:14:9: error: unknown key \"prioritty\"\n"
         "  hint: did you mean \"priority\"?\n"},
	{{"a.yaml", 3, 0}, SEVERITY_WARNING, NULL, "m", "a.yaml:3: warning: m\n"},
	{{"a.yaml", 0, 0}, SEVERITY_ERROR, NULL, "m", "a.yaml: error: m\n"},
	{{"a.yaml", 0, 7}, SEVERITY_ERROR, NULL, "m", "a.yaml: error: m\n"},
	{{NULL, 1, 1}, SEVERITY_ERROR, NULL, "m", "error: m\n"},
	{{"a", 1, 1},
         SEVERITY_ERROR,
         "h\n",
         "\x1b[2J\r\x7f", /* terminals obey these */
         "a:1:1: error: \\x1B[2J\\x0D\\x7F\n  hint: h\\x0A\n"},
	{{"\x1b", 1, 1}, SEVERITY_ERROR, NULL, "m", "\\x1B:1:1: error: m\n"},
	{{"a", 1, 1},
         SEVERITY_ERROR,
         NULL,
         "\xc2\x9b"
         "2J", /* ESC [ in one character */
         "a:1:1: error: \\xC2\\x9B2J\n"},
	{{"a", 1, 1},
         SEVERITY_ERROR,
         NULL,
         "gr\xc3\xbc\xc3\x9f",
         "a:1:1: error: gr\xc3\xbc\xc3\x9f\n"},
	{{"a", 1, 1},
         SEVERITY_ERROR,
         NULL,
         "\xfc.\xe2\x82.\xc0\x80",
         "a:1:1: error: \\xFC.\\xE2\\x82.\\xC0\\x80\n"},
};

START_TEST(no_findings_are_no_text)
{
	struct diags *diags = diags_new();
	expect_print(diags, NULL);
	diags_free(diags);
}
END_TEST

START_TEST(a_finding_prints_as)
{
	struct diags *diags = diags_new();
	diags_add(diags, findings[_i].severity, findings[_i].position, findings[_i].hint,
	          "%s", findings[_i].message);
	expect_print(diags, findings[_i].printed);
	diags_free(diags);
}
END_TEST

START_TEST(findings_are_sorted_by_file_line_and_column)
{
	static const struct position positions[] = {
		{"b", 1, 1}, {"a", 10, 1}, {"a", 2, 9},  {"a", 2, 10},
		{"a", 2, 9}, {"a", 0, 0},  {"a", 10, 0}, {NULL, 0, 0},
	};
	struct diags *diags = diags_new();
	for (int i = 0; i < 8; i++)
		diags_add(diags, i % 2 ? SEVERITY_WARNING : SEVERITY_ERROR, positions[i],
		          NULL, "%d", i);
	static const char want[] = "warning: 7\n"
				   "a: warning: 5\n"
				   "a:2:9: error: 2\n"
				   "a:2:9: error: 4\n"
				   "a:2:10: warning: 3\n"
				   "a:10: error: 6\n"
				   "a:10:1: warning: 1\n"
				   "b:1:1: error: 0\n";
	expect_print(diags, want);
	expect_print(diags, want);
	ck_assert_uint_eq(diags_errors(diags), 4);
	diags_free(diags);
}
END_TEST

START_TEST(findings_of_one_place_stay_in_order)
{
	struct diags *diags = diags_new();
	char want[DIAGS_MAX * 32] = "", *end = want;
	for (int i = 0; i < 200; i++) {
		diags_add(diags, SEVERITY_ERROR, (struct position){"a", 1, 1}, NULL, "%d",
		          i);
		end += sprintf(end, "a:1:1: error: %d\n", i);
	}
	expect_print(diags, want);
	diags_free(diags);
}
END_TEST

START_TEST(texts_are_copied)
{
	char file[] = "a.yaml", hint[] = "hint", message[] = "message";
	struct diags *diags = diags_new();
	diags_add(diags, SEVERITY_ERROR, (struct position){file, 1, 1}, hint, "%s",
	          message);
	memset(file, 'x', strlen(file));
	memset(hint, 'x', strlen(hint));
	memset(message, 'x', strlen(message));
	expect_print(diags, "a.yaml:1:1: error: message\n  hint: hint\n");
	diags_free(diags);
}
END_TEST

START_TEST(findings_beyond_the_maximum_are_counted)
{
	struct diags *diags = diags_new();
	ck_assert(!diags_is_full(diags));
	for (unsigned i = 1; i <= DIAGS_MAX + 12; i++)
		diags_add(diags, i % 4 ? SEVERITY_ERROR : SEVERITY_WARNING,
		          (struct position){"a", i, 0}, NULL, "m");
	ck_assert_uint_eq(diags_errors(diags), (DIAGS_MAX + 12) / 4 * 3);
	ck_assert(diags_is_full(diags));

	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	diags_print(diags, to);
	fclose(to);
	static const char end[] = "a:999: error: m\na:1000: warning: m\nand 12 more\n";
	ck_assert_uint_gt(len, strlen(end));
	ck_assert_str_eq(text + len - strlen(end), end);
	free(text);
	diags_free(diags);
}
END_TEST

START_TEST(the_longest_findings_all_fit)
{
	char text[3000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	struct diags *diags = diags_new();
	for (unsigned i = 1; i <= DIAGS_MAX; i++)
		diags_add(diags, SEVERITY_ERROR, (struct position){"a", i, 1}, text, "%s",
		          text);
	char *printed = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&printed, &len);
	diags_print(diags, to);
	fclose(to);
	ck_assert_uint_gt(len, (size_t)DIAGS_MAX * 2000);
	ck_assert_ptr_null(strstr(printed, "more"));
	free(printed);
	diags_free(diags);
	diags_free(NULL);
}
END_TEST

START_TEST(a_long_text_is_cut_between_characters)
{
	char text[400], hint[DIAGS_HINT_MAX];
	for (size_t i = 0; i + 2 < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xa4", 3);
	for (int shift = 0; shift < 2; shift++) {
		ck_assert_ptr_eq(diags_hint(hint, "%.*s%s", shift, "x", text), hint);
		size_t len = strlen(hint);
		ck_assert_uint_le(len, DIAGS_HINT_MAX - 1);
		ck_assert_uint_ge(len, DIAGS_HINT_MAX - 2);
		ck_assert_str_eq(hint + len - 5, "\xc3\xa4...");
	}
	ck_assert_str_eq(diags_hint(hint, "as %s", "it is"), "as it is");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("diags");
	TCase *tcase = tcase_create("diags");
	tcase_add_loop_test(tcase, a_finding_prints_as, 0,
	                    sizeof findings / sizeof findings[0]);
	tcase_add_test(tcase, no_findings_are_no_text);
	tcase_add_test(tcase, findings_are_sorted_by_file_line_and_column);
	tcase_add_test(tcase, findings_of_one_place_stay_in_order);
	tcase_add_test(tcase, texts_are_copied);
	tcase_add_test(tcase, findings_beyond_the_maximum_are_counted);
	tcase_add_test(tcase, the_longest_findings_all_fit);
	tcase_add_test(tcase, a_long_text_is_cut_between_characters);
	suite_add_tcase(suite, tcase);
	return suite;
}
