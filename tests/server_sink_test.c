/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/log/sink.h"
#include "tests/runner.h"

static char folder[] = "/tmp/signpost-sink-XXXXXX";
static char text[1 << 20];

static void init(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	signal(SIGXFSZ, SIG_IGN);
}

static void fini(void)
{
	unlink("log");
	unlink("moved");
	rmdir(folder);
}

static const char *content(const char *path)
{
	int fd = open(path, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	ssize_t len = read(fd, text, sizeof text - 1);
	ck_assert_int_ge(len, 0);
	text[len] = '\0';
	close(fd);
	return text;
}

static unsigned long put(struct sink *sink, const char *lines)
{
	return sink_write(sink, LOG_INFO, lines, strlen(lines));
}

/* A disk with room for so many bytes of the file. */
static void limit(rlim_t bytes)
{
	struct rlimit limits;
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limits), 0);
	limits.rlim_cur = bytes;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limits), 0);
}

START_TEST(full_disk_tears_no_line)
{
	struct sink *sink = sink_open(LOG_TO_FILE, "log");
	limit(12);
	ck_assert_uint_eq(put(sink, "first\nsecond\nthird\nfourth\n"), 2);
	ck_assert_str_eq(content("log"), "first\nsecond");
	ck_assert_uint_eq(put(sink, "fifth\n"), 1);
	limit(15);
	ck_assert_uint_eq(put(sink, "sixth\n"), 0); /* "\nsi" fits */
	ck_assert_uint_eq(put(sink, "seventh\n"), 1);
	limit(RLIM_INFINITY);
	ck_assert_uint_eq(put(sink, "eighth\n"), 0);
	ck_assert_str_eq(content("log"), "first\nsecond\nsixth\neighth\n");
	sink_close(sink);
}
END_TEST

START_TEST(file_is_appended_to_and_opened_again)
{
	struct sink *sink = sink_open(LOG_TO_FILE, "log");
	ck_assert_uint_eq(put(sink, "one\n"), 0);
	ck_assert_int_eq(truncate("log", 0), 0); /* as logrotate's copytruncate does */
	ck_assert_uint_eq(put(sink, "two\n"), 0);
	ck_assert_str_eq(content("log"), "two\n");
	ck_assert_int_eq(rename("log", "moved"), 0);
	limit(6);
	ck_assert_uint_eq(put(sink, "three\n"), 0);
	limit(RLIM_INFINITY);
	ck_assert_int_eq(sink_reopen(sink), 0);
	ck_assert_uint_eq(put(sink, "four\n"), 0);
	ck_assert_str_eq(content("moved"), "two\nth");
	ck_assert_str_eq(content("log"), "four\n");
	sink_close(sink);
}
END_TEST

START_TEST(what_cannot_be_opened_says_why)
{
	errno = 0;
	ck_assert_ptr_null(sink_open(LOG_TO_FILE, "nowhere/log"));
	ck_assert_int_eq(errno, ENOENT);
	struct sink *sink = sink_open(LOG_TO_FILE, "log");
	ck_assert_int_eq(rename("log", "moved"), 0);
	ck_assert_int_eq(mkdir("log", 0700), 0);
	ck_assert_int_eq(sink_reopen(sink), -EISDIR);
	ck_assert_int_eq(rmdir("log"), 0);
	ck_assert_uint_eq(put(sink, "on\n"), 0);
	ck_assert_str_eq(content("moved"), "on\n");
	sink_close(sink);
}
END_TEST

/* As many whole lines as a pipe takes in one piece. */
START_TEST(pipe_gets_whole_lines_in_each_write)
{
	static char lines[40000];
	int ends[2];
	size_t len = 0, taken = 0;
	ck_assert_int_eq(pipe2(ends, O_DIRECT), 0); /* a read is one write */
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	while (len < sizeof lines - 400)
		len += (size_t)sprintf(lines + len, "%0*d\n", (int)(len % 300 + 1), 7);
	struct sink *sink = sink_open(LOG_TO_STDERR, NULL);
	ck_assert_uint_eq(sink_write(sink, LOG_INFO, lines, len), 0);
	while (taken < len) {
		ssize_t piece = read(ends[0], text, sizeof text);
		ck_assert_int_gt(piece, 0);
		ck_assert_int_le(piece, LOG_LINE_MAX);
		ck_assert_int_eq(text[piece - 1], '\n');
		ck_assert_mem_eq(text, lines + taken, piece);
		taken += (size_t)piece;
	}
	sink_close(sink);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("sink");
	TCase *tc = tcase_create("sink");
	tcase_add_checked_fixture(tc, init, fini);
	tcase_add_test(tc, full_disk_tears_no_line);
	tcase_add_test(tc, file_is_appended_to_and_opened_again);
	tcase_add_test(tc, what_cannot_be_opened_says_why);
	tcase_add_test(tc, pipe_gets_whole_lines_in_each_write);
	suite_add_tcase(suite, tc);
	return suite;
}
