/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules/textfile.h"
#include "tests/runner.h"

static char folder[] = "/tmp/textfile_test.XXXXXX";

static void enter_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static void remove_file(void)
{
	remove("file");
}

static void leave_folder(void)
{
	remove_file();
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void write_file(const char *text)
{
	FILE *file = fopen("file", "w");
	fputs(text, file);
	fclose(file);
}

static void expect_refused(size_t size_max, const char *want)
{
	struct diags *diags = diags_new();
	struct textfile file = {.path = "untouched"};
	ck_assert(!textfile_read("file", size_max, diags, &file));
	ck_assert_str_eq(file.path, "untouched");
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	diags_print(diags, to);
	fclose(to);
	ck_assert_str_eq(text, want);
	free(text);
	diags_free(diags);
}

START_TEST(what_is_missing_is_refused)
{
	expect_refused(100, "file: error: cannot open: No such file or directory\n");
}
END_TEST

START_TEST(a_folder_is_refused)
{
	mkdir("file", 0700);
	expect_refused(100, "file: error: this is a directory, not a file\n");
}
END_TEST

START_TEST(a_fifo_is_refused_without_waiting_for_a_writer)
{
	mkfifo("file", 0600);
	expect_refused(100, "file: error: this is not a regular file\n");
}
END_TEST

START_TEST(a_device_is_refused)
{
	ck_assert_int_eq(symlink("/dev/zero", "file"), 0);
	expect_refused(100, "file: error: this is not a regular file\n");
}
END_TEST

START_TEST(a_large_file_is_refused_unread)
{
	write_file("");
	ck_assert_int_eq(truncate("file", (3 << 20) + 1), 0);
	expect_refused(3 << 20, "file: error: the file is larger than 3 MiB\n");
	ck_assert_int_eq(truncate("file", (off_t)1 << 40), 0);
	expect_refused(3 << 20, "file: error: the file is larger than 3 MiB\n");
}
END_TEST

START_TEST(a_file_that_outgrows_its_size_is_refused)
{
	/* The kernel says 0 for its files, whatever they hold. */
	ck_assert_int_eq(symlink("/proc/self/status", "file"), 0);
	expect_refused(1 << 20,
	               "file: error: cannot read: the file grows while it is read\n");
}
END_TEST

static const struct {
	const char *text, *finding;
} not_utf8[] = {
	{"\xff\xfe"
         "a",
         "file:1:1: error: byte 0xFF is not UTF-8\n  hint: save the file as UTF-8\n"},
	{"\xef\xbb\xbf"
         "a: \xc3\xbcr\nb: \xe4\n",
         "file:2:4: error: byte 0xE4 is not UTF-8\n  hint: save the file as UTF-8\n"},
	{"0123456789abcdef\xc3\xbc"
         "01234567\xff",
         "file:1:26: error: byte 0xFF is not UTF-8\n  hint: save the file as UTF-8\n"},
	{"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\xc3",
         "file:1:4: error: byte 0xC3 is not UTF-8\n  hint: save the file as UTF-8\n"},
};

START_TEST(text_that_is_not_utf8_is_refused_where_it_begins)
{
	write_file(not_utf8[_i].text);
	expect_refused(100, not_utf8[_i].finding);
}
END_TEST

START_TEST(a_file_of_the_maximal_size_is_read)
{
	write_file("");
	ck_assert_int_eq(truncate("file", 1 << 20), 0);
	struct diags *diags = diags_new();
	struct textfile file;
	ck_assert(textfile_read("file", 1 << 20, diags, &file));
	ck_assert_uint_eq(file.text.len, 1 << 20);
	textfile_free(&file);
	diags_free(diags);
}
END_TEST

START_TEST(a_byte_order_mark_is_left_out)
{
	write_file("\xef\xbb\xbfone");
	struct diags *diags = diags_new();
	struct textfile file;
	ck_assert(textfile_read("file", 100, diags, &file));
	ck_assert(slice_equal(file.text, slice_of("one")));
	textfile_free(&file);
	diags_free(diags);
}
END_TEST

static const struct {
	const char *text;
	size_t offset;
	unsigned line, column;
	size_t index; /* of the same byte, in characters */
} places[] = {
	{"0123456789abcdef\xc3\xbc"
         "0123456789",
         27, 1, 27, 26},
	{"0123456789abcdef\xc3\xbc", 15, 1, 16, 15},
	{"0123456789abcdef\xc3\xbc", 18, 1, 18, 17},
	{"abc", 0, 1, 1, 0},
	{"abc", 3, 1, 4, 3},
	{"a\nbc", 1, 1, 2, 1},
	{"a\nbc", 3, 2, 2, 3},
	{"a\r\nbc", 4, 2, 2, 4},
	{"a\rbc", 3, 2, 2, 3},
	{"a\n\r\n\rb", 5, 4, 1, 5},
	{"\xc3\xbc\xe2\x82\xacz", 5, 1, 3, 2},
	{"a\xc2\x85z", 3, 2, 1, 2},
	{"a\xc2\x86z", 3, 1, 3, 2},
	{"a\xe2\x80\xa8z", 4, 2, 1, 2},
	{"a\xe2\x80\xa9z", 4, 2, 1, 2},
	{"a\xe2\x80\xaaz", 4, 1, 3, 2},
};

START_TEST(places_are_counted_in_lines_and_characters)
{
	struct textfile file = {"file", NULL, slice_of(places[_i].text)};
	struct position got = textfile_position(&file, places[_i].offset);
	ck_assert_str_eq(got.file, "file");
	ck_assert_msg(got.line == places[_i].line && got.column == places[_i].column,
	              "case %d: %u:%u", _i, got.line, got.column);
	ck_assert_uint_eq(textfile_offset(&file, places[_i].index), places[_i].offset);
}
END_TEST

START_TEST(no_character_is_beyond_the_end)
{
	struct textfile file = {"file", NULL, slice_of("\xc3\xbc")};
	ck_assert_uint_eq(textfile_offset(&file, 7), 2);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

Suite *test_suite(void)
{
	Suite *suite = suite_create("textfile");
	TCase *tcase = tcase_create("textfile");
	tcase_add_unchecked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_checked_fixture(tcase, remove_file, NULL);
	tcase_add_test(tcase, what_is_missing_is_refused);
	tcase_add_test(tcase, a_folder_is_refused);
	tcase_add_test(tcase, a_fifo_is_refused_without_waiting_for_a_writer);
	tcase_add_test(tcase, a_device_is_refused);
	tcase_add_test(tcase, a_large_file_is_refused_unread);
	tcase_add_test(tcase, a_file_that_outgrows_its_size_is_refused);
	tcase_add_loop_test(tcase, text_that_is_not_utf8_is_refused_where_it_begins, 0,
	                    COUNT(not_utf8));
	tcase_add_test(tcase, a_file_of_the_maximal_size_is_read);
	tcase_add_test(tcase, a_byte_order_mark_is_left_out);
	tcase_add_loop_test(tcase, places_are_counted_in_lines_and_characters, 0,
	                    COUNT(places));
	tcase_add_test(tcase, no_character_is_beyond_the_end);
	suite_add_tcase(suite, tcase);
	return suite;
}
