/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules/numbersfile.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

#define PLENTY ((size_t)1 << 30)

static char *print(struct diags *diags)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	diags_print(diags, to);
	fclose(to);
	diags_free(diags);
	return text;
}

static bool load(struct numbersfile *file, const struct numbersfile *known,
                 char **findings)
{
	struct diags *diags = diags_new();
	file->source.path = LOADING_FILE;
	bool good = numbersfile_load(file, known, PLENTY, diags);
	ck_assert_int_eq(good, diags_errors(diags) == 0);
	ck_assert_int_eq(good, file->numbers != NULL);
	*findings = print(diags);
	return good;
}

/* "rn=1 gateway=a" of the row of number; "" if there is none. */
static char *row_of(const struct numbers *numbers, const char *number)
{
	static const char *const names[] = {"rn", "gateway", "c d"};
	char *text = NULL;
	size_t len = 0, column;
	struct numbers_row row;
	FILE *to = open_memstream(&text, &len);
	bool found = numbers_find(numbers, slice_of(number), &row);
	for (int i = 0; found && i < LOADING_COUNT(names); i++)
		if (numbers_column(numbers, slice_of(names[i]), &column)) {
			struct slice value = numbers_value(numbers, &row, column);
			fprintf(to, "%s=%.*s ", names[i], (int)value.len, value.at);
		}
	fclose(to);
	return text;
}

static const struct {
	const char *text, *columns[3], *number, *row;
} good_files[] = {
	{"number,rn,gateway\n+44 20,1,a\n", {NULL}, "+4420", "rn=1 gateway=a "},
	{"rn;number;gateway\n1;+44-20;a\n", {NULL}, "+4420", "rn=1 gateway=a "},
	{"rn\tprefix\n1\t20\n", {NULL}, "20", "rn=1 "},
	{"x,rn,gateway\n20,1,\n", {NULL}, "20", "rn=1 gateway= "},
	{"20,1,a\n", {"n", "rn", "gateway"}, "20", "rn=1 gateway=a "},
	{"1,20,a\n", {"rn", "number", "gateway"}, "20", "rn=1 gateway=a "},
	{"n, rn ,, c d\n20,1,2,3\n", {NULL}, "20", "rn=1 c d=3 "},
	{"20,1,a\n", {"n", "", "rn"}, "20", "rn=a "},
	{"n,rn\nalice,\"a\nb\"\n", {NULL}, "alice", "rn=a\nb "},
	{"n\n20\n", {NULL}, "20", ""},
};

START_TEST(rows_are_found_by_their_number)
{
	struct slice columns[3];
	struct numbersfile file = {.source.columns = columns};
	char *findings;
	loading_write(good_files[_i].text);
	for (; file.source.column_count < 3 &&
	       good_files[_i].columns[file.source.column_count];
	     file.source.column_count++)
		columns[file.source.column_count] =
			slice_of(good_files[_i].columns[file.source.column_count]);
	ck_assert_msg(load(&file, NULL, &findings), "%s", findings);
	ck_assert_str_eq(findings, "");
	char *row = row_of(file.numbers, good_files[_i].number);
	ck_assert_str_eq(row, good_files[_i].row);
	free(row);
	free(findings);
	ck_assert_uint_eq(numbers_count(file.numbers), 1);
	ck_assert_uint_eq(file.source.rows, 1);
	numbers_release(file.numbers);
}
END_TEST

static const struct {
	const char *text;
	bool columns; /* n, rn */
	const char *findings;
} bad_files[] = {
	{"", false,
         "t.yaml: error: the file is empty; its first row has the names of the "
         "columns\n"},
	{"+44 20\n+4421\n", false,
         "t.yaml:1:1: error: the first row has the names of the columns, but here is "
         "the number \"+44 20\"\n"
         "  hint: put a row with names in front, or write columns: [number, ...]\n"},
	{"n\n4.42071E+11\n4.42E\n5E+10\n", false,
         "t.yaml:2:1: error: a spreadsheet has shortened this number\n"
         "  hint: make the column a text there, and save it again\n"
         "t.yaml:4:1: error: a spreadsheet has shortened this number\n"
         "  hint: make the column a text there, and save it again\n"},
	{"n;rn\n4,42071E+11;\n4,42;\n", false,
         "t.yaml:2:1: error: a spreadsheet has shortened this number\n"
         "  hint: make the column a text there, and save it again\n"},
	{"n,rn\n20,1\n30\n40,1,2\n", false,
         "t.yaml:3:1: error: 1 field instead of 2\n"
         "t.yaml:4:6: error: 3 fields instead of 2\n"},
	{"n,rn\n,1\n- ,1\n20,\n", false, "t.yaml:2:1: error: there is no number\n"},
	{"n,rn\n20,1\n21,1\n2 0,2\n20,3\n", false,
         "t.yaml:4:1: error: \"20\" is given twice\n"
         "  hint: first given at t.yaml:2\n"
         "t.yaml:5:1: error: \"20\" is given twice\n"
         "  hint: first given at t.yaml:2\n"},
	{"rn,number\n\"a\nb\",bob\n1,bob\n", false,
         "t.yaml:4:3: error: \"bob\" is given twice\n"
         "  hint: first given at t.yaml:2\n"},
	{"n,\"rn\n20,1\n", false,
         "t.yaml:1:3: error: the quote that begins here has no end\n"},
	{"n,rn\n20,\"1\"2\n30,\xff\n", false,
         "t.yaml:2:7: error: text behind the quote that ends a field\n"
         "  hint: double the quotes inside of a field\n"
         "t.yaml:3:4: error: this is not UTF-8\n"
         "  hint: save the file as UTF-8\n"},
	{"n,rn,rn\n", false, "t.yaml:1:6: error: two columns are called \"rn\"\n"},
	{"number,prefix\n", false,
         "t.yaml:1:8: error: there is a second column called \"prefix\"\n"
         "  hint: only one column is the number\n"},
	{"n,rn\n20,1\n", true,
         "t.yaml:1:1: error: these are the names of the columns\n"
         "  hint: leave \"columns\" out, then the first row has them\n"},
};

START_TEST(rows_in_error_are_found_with_their_line)
{
	struct slice columns[] = {slice_of("n"), slice_of("rn")};
	struct numbersfile file = {.source.columns = columns,
	                           .source.column_count = bad_files[_i].columns ? 2 : 0};
	char *findings;
	loading_write(bad_files[_i].text);
	ck_assert(!load(&file, NULL, &findings));
	ck_assert_str_eq(findings, bad_files[_i].findings);
	free(findings);
}
END_TEST

START_TEST(a_delimiter_that_does_not_divide_is_found)
{
	struct numbersfile file = {.source.delimiter = ';'};
	char *findings;
	loading_write("n,rn\n20,1\n");
	ck_assert(!load(&file, NULL, &findings));
	ck_assert_str_eq(findings, "t.yaml:1:1: error: the first row is not divided: "
	                           "\"n,rn\"\n  hint: look at \"delimiter\"\n");
	free(findings);
}
END_TEST

START_TEST(rows_in_error_are_left_out_if_that_is_asked_for)
{
	struct numbersfile file = {.source.skip = true}, again = {.source.skip = true};
	char *findings;
	loading_write("n,rn\n20,1\n,2\n30,\"\n20,4\n");
	ck_assert(load(&file, NULL, &findings));
	ck_assert_str_eq(findings,
	                 "t.yaml: warning: 3 of 4 rows are left out\n"
	                 "t.yaml:3:1: warning: there is no number\n"
	                 "t.yaml:4:4: warning: the quote that begins here has no end\n"
	                 "t.yaml:5:1: warning: \"20\" is given twice\n"
	                 "  hint: first given at t.yaml:2\n");
	free(findings);
	char *row = row_of(file.numbers, "20");
	ck_assert_str_eq(row, "rn=1 ");
	free(row);
	/* What is not read again is still not all of it. */
	ck_assert(load(&again, &file, &findings));
	ck_assert_ptr_eq(again.numbers, file.numbers);
	ck_assert_str_eq(findings, "t.yaml: warning: 3 of 4 rows are left out\n");
	free(findings);
	numbers_release(file.numbers);
	numbers_release(again.numbers);
}
END_TEST

START_TEST(findings_of_one_file_are_limited)
{
	struct numbersfile file = {.source.skip = _i};
	char *findings;
	FILE *to = fopen(LOADING_FILE, "w");
	fputs("n,rn\n", to);
	for (int i = 0; i < 100000; i++)
		fputs(i % 2 ? "1,2\n" : ",2\n", to);
	fclose(to);
	ck_assert_int_eq(load(&file, NULL, &findings), _i);
	size_t lines = 0, hints = 0;
	for (const char *at = findings; *at; at++) {
		lines += *at == '\n';
		hints += strncmp(at, "hint", 4) == 0;
	}
	ck_assert_uint_eq(lines - hints, CSV_FINDINGS_MAX + 1);
	const char *count =
		_i ? "t.yaml: warning: 99999 of 100000 rows are left out\n"
		   : "t.yaml: error: 99999 of 100000 rows are in error; the first 20 are "
		     "shown\n";
	ck_assert_msg(strncmp(findings, count, strlen(count)) == 0, "%s", findings);
	free(findings);
	numbers_release(file.numbers);
}
END_TEST

static void write_in_place(const char *text)
{
	FILE *file = fopen(LOADING_FILE, "r+");
	fputs(text, file);
	fclose(file);
}

START_TEST(a_file_is_read_again_only_if_it_or_the_way_to_read_it_changes)
{
	struct slice columns[] = {slice_of("n"), slice_of("rn")};
	struct slice others[] = {slice_of("n"), slice_of("gateway")};
	const struct numbersfile ways[] = {
		{.source.columns = columns, .source.column_count = 2},
		{.source.columns = others, .source.column_count = 2},
		{.source.columns = columns,
	         .source.column_count = 2,
	         .match = NUMBERS_PREFIX},
		{.source.columns = columns,
	         .source.column_count = 2,
	         .source.skip = true},
		{.source.columns = columns,
	         .source.column_count = 2,
	         .source.delimiter = ','},
		{.source.column_count = 0},
	};
	struct numbersfile first = ways[0], other = {.next = NULL};
	char *findings;
	loading_write("a20,1\n");
	ck_assert(load(&first, &other, &findings));
	free(findings);
	other.next = &first;
	for (int i = 0; i < LOADING_COUNT(ways); i++) {
		struct numbersfile file = ways[i];
		ck_assert(load(&file, &other, &findings));
		ck_assert_str_eq(findings, "");
		ck_assert_msg((file.numbers == first.numbers) == (i == 0), "way %d", i);
		numbers_release(file.numbers);
		free(findings);
	}
	struct numbersfile changed = ways[0];
	do {
		write_in_place("a20,2\n"); /* until the clock has moved on */
		numbers_release(changed.numbers);
		changed = ways[0];
		ck_assert(load(&changed, &first, &findings));
		free(findings);
	} while (changed.numbers == first.numbers);
	char *row = row_of(changed.numbers, "a20");
	ck_assert_str_eq(row, "rn=2 ");
	free(row);
	numbers_release(changed.numbers);
	numbers_release(first.numbers);
}
END_TEST

static bool is_a(void *arg, struct slice text)
{
	(void)arg;
	return !text.len || slice_equal(text, slice_of("a"));
}

START_TEST(rows_are_found_by_what_is_not_wanted_in_them)
{
	struct numbersfile file = {.source.skip = true};
	char *findings;
	loading_write("n,,gateway\n1,x,a\n2,x,b\n3,x,\n1,x,c\n4,x\n");
	ck_assert(load(&file, NULL, &findings));
	free(findings);
	struct diags *diags = diags_new();
	ck_assert(
		numbersfile_refuse(&file, 0, is_a, NULL, "no gateway is called", diags));
	findings = print(diags);
	ck_assert_str_eq(findings, "t.yaml:3:5: error: no gateway is called \"b\"\n"
	                           "t.yaml:5:5: error: no gateway is called \"c\"\n");
	free(findings);
	loading_write("n,,gateway\n1,x,a\n2,x,b2\n");
	diags = diags_new();
	ck_assert(
		!numbersfile_refuse(&file, 0, is_a, NULL, "no gateway is called", diags));
	findings = print(diags);
	ck_assert_str_eq(findings, "");
	free(findings);
	numbers_release(file.numbers);
}
END_TEST

START_TEST(lack_of_memory_is_a_finding)
{
	struct numbersfile file = {.source.path = LOADING_FILE};
	size_t failures = 0;
	loading_write("n,rn\n1,2\nalice,3\nb,4\n");
	for (size_t limit = 0; !file.numbers; limit += 24, failures++) {
		struct diags *diags = diags_new();
		bool good = numbersfile_load(&file, NULL, limit, diags);
		ck_assert_int_eq(good, diags_errors(diags) == 0);
		char *findings = print(diags);
		ck_assert_str_eq(findings,
		                 good ? ""
		                      : "t.yaml: error: the table of numbers needs "
		                        "more memory than it may have\n");
		free(findings);
	}
	ck_assert_uint_gt(failures, 50);
	numbers_release(file.numbers);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("numbersfile");
	TCase *tcase = tcase_create("numbersfile");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_loop_test(tcase, rows_are_found_by_their_number, 0,
	                    LOADING_COUNT(good_files));
	tcase_add_loop_test(tcase, rows_in_error_are_found_with_their_line, 0,
	                    LOADING_COUNT(bad_files));
	tcase_add_test(tcase, a_delimiter_that_does_not_divide_is_found);
	tcase_add_test(tcase, rows_in_error_are_left_out_if_that_is_asked_for);
	tcase_add_loop_test(tcase, findings_of_one_file_are_limited, 0, 2);
	tcase_add_test(tcase,
	               a_file_is_read_again_only_if_it_or_the_way_to_read_it_changes);
	tcase_add_test(tcase, rows_are_found_by_what_is_not_wanted_in_them);
	tcase_add_test(tcase, lack_of_memory_is_a_finding);
	suite_add_tcase(suite, tcase);
	return suite;
}
