/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/fuzz/rules_csv_fuzz.c" /* its one function, on all that is kept */
#include "tests/runner.h"

#define CORPUS "tests/fuzz/corpus/csv"

static const char path[] = "file";
static char folder[] = "/tmp/csv_test.XXXXXX";

static void enter_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static void remove_file(void)
{
	remove(path);
}

static void leave_folder(void)
{
	remove_file();
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
}

static char *print(struct diags *diags)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	diags_print(diags, to);
	fclose(to);
	return text;
}

static void expect_findings(struct diags *diags, const char *want)
{
	char *got = print(diags);
	ck_assert_str_eq(got, want);
	free(got);
}

/* Rows as "line: field|field/" */
static char *read_rows(struct csv *csv)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	struct csv_row row;
	enum csv_result result;
	while ((result = csv_next(csv, &row)) == CSV_ROW || result == CSV_BAD) {
		if (result == CSV_BAD)
			csv_report(csv, SEVERITY_WARNING);
		for (size_t i = 0; result == CSV_ROW && i < row.count; i++)
			fprintf(to, "%s%.*s", i ? "|" : "", (int)row.fields[i].len,
			        row.fields[i].at);
		if (result == CSV_ROW)
			fprintf(to, " @%u/", row.line);
	}
	fprintf(to, "%s", result == CSV_END ? "" : "failed");
	fclose(to);
	return text;
}

static const struct {
	const char *text, *rows, *findings;
} files[] = {
	{"", "", ""},
	{"a", "a @1/", ""},
	{"a,b\nc,d\n", "a|b @1/c|d @2/", ""},
	{"a,b\r\nc,d\r\n", "a|b @1/c|d @2/", ""},
	{",\n,,\n", "| @1/|| @2/", ""},
	{"\n\r\na\n\n\nb", "a @3/b @6/", ""},
	{"\xef\xbb\xbf"
         "a,b\n",
         "a|b @1/", ""},
	{"\"a,b\",\"\"\"c\"\"\",\"\"\n", "a,b|\"c\"| @1/", ""},
	{"\"a\nb\r\nc\",d\ne", "a\nb\r\nc|d @1/e @4/", ""},
	{"\"a\"\r\n\"b\"", "a @1/b @2/", ""},
	{"a;b,c;d\n", "a|b,c|d @1/", ""},
	{"a\tb,c\td\n", "a|b,c|d @1/", ""},
	{"+44;1,5\n", "+44|1,5 @1/", ""},
	{"\";;;\",a\nb;c,d\n", ";;;|a @1/b;c|d @2/", ""},
	{"\n\na;b\n", "a|b @3/", ""},
	{"\xc3\xbc,\xf0\x9f\x98\x80\n", "\xc3\xbc|\xf0\x9f\x98\x80 @1/", ""},
	{" a , b \n", " a | b  @1/", ""},
	{"\xc3\xbc,b\"c\nd,e\n", "d|e @2/",
         "file:1:4: warning: a quote inside of a field without quotes\n"
         "  hint: put the whole field in quotes and double those in it\n"},
	{"\"a\" ,b\nc,d\n", "c|d @2/",
         "file:1:4: warning: text behind the quote that ends a field\n"
         "  hint: double the quotes inside of a field\n"},
	{"a,\"b\nc\nd\n", "c @2/d @3/",
         "file:1:3: warning: the quote that begins here has no end\n"},
	{"\"a\nb\",c\xff\nd\n", "d @3/",
         "file:2:5: warning: this is not UTF-8\n"
         "  hint: save the file as UTF-8\n"},
	{"a,\xc3", "",
         "file:1:3: warning: this is not UTF-8\n"
         "  hint: save the file as UTF-8\n"},
	{"a\x01\nb\x7f\n\"\x02\"\nc\n", "c @4/",
         "file:1:2: warning: a control character\n"
         "file:2:2: warning: a control character\n"
         "file:3:2: warning: a control character\n"},
	{"a\rb\nc\n\"\r\"\nd\r", "c @2/",
         "file:1:2: warning: a control character\n"
         "file:3:2: warning: a control character\n"
         "file:4:2: warning: a control character\n"},
	{"a,b\nc\td,e\nf,g\n", "a|b @1/f|g @3/",
         "file:2:2: warning: a tab, which is not the delimiter of this file\n"},
};

START_TEST(rows_are_read_and_faults_are_told_where_they_are)
{
	struct diags *diags = diags_new();
	write_file(files[_i].text);
	struct csv *csv = csv_open(path, 0, diags);
	char *rows = read_rows(csv);
	ck_assert_str_eq(rows, files[_i].rows);
	expect_findings(diags, files[_i].findings);
	free(rows);
	ck_assert(csv_rewind(csv));
	rows = read_rows(csv);
	ck_assert_str_eq(rows, files[_i].rows);
	free(rows);
	csv_free(csv);
	diags_free(diags);
}
END_TEST

START_TEST(a_delimiter_that_is_given_is_not_guessed)
{
	struct diags *diags = diags_new();
	write_file("a,b,c;d\n");
	struct csv *csv = csv_open(path, ';', diags);
	char *rows = read_rows(csv);
	ck_assert_str_eq(rows, "a,b,c|d @1/");
	free(rows);
	csv_free(csv);
	diags_free(diags);
}
END_TEST

START_TEST(a_field_tells_its_place)
{
	struct diags *diags = diags_new();
	struct csv_row row;
	write_file("x\n\xc3\xbc,\"\"\"a\nb\",\"c\",d\n");
	struct csv *csv = csv_open(path, ',', diags);
	static const struct position want[] = {
		{NULL, 2, 1}, {NULL, 2, 3}, {NULL, 3, 4}, {NULL, 3, 8}, {NULL, 3, 8}};
	ck_assert_int_eq(csv_next(csv, &row), CSV_ROW);
	ck_assert_int_eq(csv_next(csv, &row), CSV_ROW);
	for (size_t i = 0; i < 5; i++) { /* the last is one too many */
		struct position got = csv_position(csv, i);
		ck_assert_str_eq(got.file, path);
		ck_assert_uint_eq(got.line, want[i].line);
		ck_assert_uint_eq(got.column, want[i].column);
	}
	csv_free(csv);
	diags_free(diags);
}
END_TEST

static void write_rows(size_t count, size_t len)
{
	FILE *file = fopen(path, "w");
	for (size_t i = 0; i < count; i++)
		fprintf(file, "%0*zu,\"b\"\"%zu\",\xc3\xbc\r\n", (int)len, i, i);
	fclose(file);
}

START_TEST(rows_may_lie_anywhere_in_the_buffer)
{
	struct diags *diags = diags_new();
	struct csv_row row;
	char want[64];
	size_t lines, len = 9 + (size_t)_i;
	write_rows(100000, len);
	struct csv *csv = csv_open(path, 0, diags);
	ck_assert(csv_count(csv, &lines));
	ck_assert_uint_eq(lines, 100001);
	for (size_t i = 0; i < 100000; i++) {
		enum csv_result result = csv_next(csv, &row);
		snprintf(want, sizeof want, "b\"%zu", i);
		if (result != CSV_ROW || row.count != 3 || row.line != i + 1 ||
		    row.fields[0].len != len ||
		    !slice_equal(row.fields[1], slice_of(want)) ||
		    !slice_equal(row.fields[2], slice_of("\xc3\xbc")))
			ck_abort_msg("row %zu", i);
	}
	ck_assert_int_eq(csv_next(csv, &row), CSV_END);
	csv_free(csv);
	diags_free(diags);
}
END_TEST

/* A row of len bytes, then a short one. */
static void write_long(size_t len, bool quoted)
{
	FILE *file = fopen(path, "w");
	for (size_t i = 0; i < len - 1; i++)
		fputc(quoted && (i == 0 || i == len - 2) ? '"' : 'a', file);
	fputs("\nb,c\n", file);
	fclose(file);
}

START_TEST(a_row_has_64_kib_at_most)
{
	struct diags *diags = diags_new();
	struct csv_row row;
	write_long(CSV_ROW_MAX, _i);
	struct csv *csv = csv_open(path, 0, diags);
	ck_assert_int_eq(csv_next(csv, &row), CSV_ROW);
	ck_assert_uint_eq(row.fields[0].len, CSV_ROW_MAX - (_i ? 3 : 1));
	ck_assert_int_eq(csv_next(csv, &row), CSV_ROW);
	csv_free(csv);
	for (size_t len = CSV_ROW_MAX + 1; len < 2000000; len *= 3) {
		write_long(len, _i);
		csv = csv_open(path, 0, diags);
		ck_assert_int_eq(csv_next(csv, &row), CSV_BAD);
		ck_assert_int_eq(csv_next(csv, &row), CSV_ROW);
		ck_assert(row.line == 2 && row.count == 2);
		ck_assert_int_eq(csv_next(csv, &row), CSV_END);
		csv_free(csv);
	}
	diags_free(diags);
}
END_TEST

START_TEST(a_row_has_256_fields_at_most)
{
	struct diags *diags = diags_new();
	struct csv_row row;
	char text[600];
	snprintf(text, sizeof text, "%0255d\n%0256d\na\n", 0, 0);
	for (char *at = text; *at; at++)
		*at = *at == '0' ? ',' : *at;
	write_file(text);
	struct csv *csv = csv_open(path, 0, diags);
	ck_assert_int_eq(csv_next(csv, &row), CSV_ROW);
	ck_assert_uint_eq(row.count, 256);
	ck_assert_int_eq(csv_next(csv, &row), CSV_BAD);
	csv_report(csv, SEVERITY_ERROR);
	ck_assert_int_eq(csv_next(csv, &row), CSV_ROW);
	ck_assert_uint_eq(row.line, 3);
	expect_findings(diags, "file:2:257: error: a row of more than 256 fields\n");
	csv_free(csv);
	diags_free(diags);
}
END_TEST

static void append(void)
{
	FILE *file = fopen(path, "a");
	fputs("c\n", file);
	fclose(file);
}

static void shorten(void)
{
	ck_assert_int_eq(truncate(path, 400000), 0);
}

static void touch(void)
{
	ck_assert_int_eq(
		utimensat(AT_FDCWD, path, (struct timespec[2]){{1, 0}, {1, 0}}, 0), 0);
}

static void (*const changes[])(void) = {append, shorten, touch};

START_TEST(a_file_that_changes_while_it_is_read_fails)
{
	struct diags *diags = diags_new();
	struct csv_row row;
	enum csv_result result;
	write_rows(100000, 9);
	struct csv *csv = csv_open(path, 0, diags);
	ck_assert_int_eq(csv_next(csv, &row), CSV_ROW);
	changes[_i]();
	while ((result = csv_next(csv, &row)) == CSV_ROW || result == CSV_BAD)
		;
	ck_assert_int_eq(result, CSV_FAILED);
	expect_findings(diags, "file: error: the file changes while it is read\n");
	csv_free(csv);
	diags_free(diags);
}
END_TEST

static void make_folder(void)
{
	mkdir(path, 0700);
}

static void make_fifo(void)
{
	mkfifo(path, 0600);
}

static void make_nothing(void)
{
}

static const struct {
	void (*make)(void);
	const char *findings;
} refused[] = {
	{make_nothing, "file: error: cannot open: No such file or directory\n"},
	{make_folder, "file: error: this is a directory, not a file\n"},
	{make_fifo, "file: error: this is not a regular file\n"},
};

START_TEST(only_regular_files_are_read)
{
	struct diags *diags = diags_new();
	refused[_i].make();
	ck_assert_ptr_null(csv_open(path, 0, diags));
	expect_findings(diags, refused[_i].findings);
	diags_free(diags);
}
END_TEST

START_TEST(a_file_is_known_again_until_it_changes)
{
	struct diags *diags = diags_new();
	struct csv_identity first, again;
	write_file("a\n");
	for (int i = 0; i < 3; i++) {
		struct csv *csv = csv_open(path, 0, diags);
		again = csv_identity(csv);
		csv_free(csv);
		if (i == 0)
			first = again;
		ck_assert(csv_identity_equal(&first, &again) == (i < 2));
		if (i == 1)
			touch();
	}
	diags_free(diags);
}
END_TEST

static void run_file(const char *name)
{
	static uint8_t data[1 << 20];
	char from[512];
	snprintf(from, sizeof from, CORPUS "/%s", name);
	FILE *file = fopen(from, "r");
	ck_assert_ptr_nonnull(file);
	size_t size = fread(data, 1, sizeof data, file);
	fclose(file);
	LLVMFuzzerTestOneInput(data, size);
}

static unsigned progressed;

static void on_progress(void *count)
{
	++*(unsigned *)count;
}

START_TEST(whoever_waits_is_let_in_now_and_then)
{
	FILE *file = fopen(path, "w");
	for (int i = 0; i < 10000; i++)
		fprintf(file, "%d,x\n", i);
	fclose(file);
	struct diags *diags = diags_new();
	diags_on_progress(diags, on_progress, &progressed);
	struct csv *csv = csv_open(path, ',', diags);
	free(read_rows(csv));
	ck_assert_uint_ge(progressed, 4);
	csv_free(csv);
	diags_free(diags);
}
END_TEST

START_TEST(what_is_read_does_not_depend_on_the_buffer)
{
	size_t count = 0;
	DIR *corpus = opendir(CORPUS);
	ck_assert_msg(corpus != NULL, "run this in the folder of the sources");
	for (struct dirent *entry; (entry = readdir(corpus));)
		if (entry->d_name[0] != '.') {
			run_file(entry->d_name);
			count++;
		}
	closedir(corpus);
	ck_assert_uint_gt(count, 10);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

Suite *test_suite(void)
{
	Suite *suite = suite_create("csv");
	TCase *corpus = tcase_create("corpus"); /* before the folder is left */
	tcase_add_test(corpus, what_is_read_does_not_depend_on_the_buffer);
	suite_add_tcase(suite, corpus);
	TCase *tcase = tcase_create("csv");
	tcase_add_unchecked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_checked_fixture(tcase, remove_file, NULL);
	tcase_add_loop_test(tcase, rows_are_read_and_faults_are_told_where_they_are, 0,
	                    COUNT(files));
	tcase_add_test(tcase, a_delimiter_that_is_given_is_not_guessed);
	tcase_add_test(tcase, a_field_tells_its_place);
	tcase_add_loop_test(tcase, rows_may_lie_anywhere_in_the_buffer, 0, 4);
	tcase_add_loop_test(tcase, a_row_has_64_kib_at_most, 0, 2);
	tcase_add_test(tcase, a_row_has_256_fields_at_most);
	tcase_add_loop_test(tcase, a_file_that_changes_while_it_is_read_fails, 0,
	                    COUNT(changes));
	tcase_add_loop_test(tcase, only_regular_files_are_read, 0, COUNT(refused));
	tcase_add_test(tcase, a_file_is_known_again_until_it_changes);
	tcase_add_test(tcase, whoever_waits_is_let_in_now_and_then);
	suite_add_tcase(suite, tcase);
	return suite;
}
