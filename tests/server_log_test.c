/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/log/escape.h"
#include "server/log/journal.h"
#include "server/log/log.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define S(text)      text, sizeof(text) - 1
#define SECOND_NS    UINT64_C(1000000000)
#define NOW          "2026-11-22T12:00:00.123Z "

/* In place of the C library's: the wall clock stands still, and the other one jumps as
 * the test likes. */
static time_t ahead_s;
static atomic_uint clock_reads, locks_taken;
static _Thread_local bool meets; /* others that want a lock, before one gets it */
static pthread_barrier_t meeting;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock == CLOCK_REALTIME) {
		*now = (struct timespec){1795348800, 123999999};
		return 0;
	}
	clock_reads++;
	int err = (int)syscall(SYS_clock_gettime, clock, now);
	now->tv_sec += ahead_s;
	return err;
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	static int (*lock)(pthread_mutex_t *);
	if (!lock)
		lock = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
	locks_taken++;
	if (meets) {
		meets = false;
		pthread_barrier_wait(&meeting);
	}
	return lock(mutex);
}

/* Each test runs in a process of its own, so standard error is its own too. */
static char written[1 << 17];

static void catch_lines(void)
{
	ck_assert_int_eq(dup2(memfd_create("stderr", 0), STDERR_FILENO), STDERR_FILENO);
}

static const char *caught(void)
{
	ssize_t len = pread(STDERR_FILENO, written, sizeof written - 1, 0);
	ck_assert_int_ge(len, 0);
	written[len] = '\0';
	return written;
}

/* Events */

START_TEST(event_is_one_line_with_time_and_level)
{
	catch_lines();
	log_event(LOG_INFO, "reloaded rules=%d file=%s", 5, "rules.yaml");
	log_event(LOG_WARNING, "%s", "");
	log_event(LOG_ERROR, "cannot listen");
	ck_assert_str_eq(caught(), NOW "info reloaded rules=5 file=rules.yaml\n" NOW
	                               "warning \n" NOW "error cannot listen\n");
}
END_TEST

START_TEST(event_never_makes_two_lines)
{
	catch_lines();
	log_event(LOG_INFO, "library says %s", "one\r\ntwo\x1b[31m\x7f\n");
	ck_assert_str_eq(caught(), NOW "info library says one  two [31m  \n");
}
END_TEST

/* The line's length with its newline, for a text of _i more bytes than just fit. */
START_TEST(event_is_cut_to_a_line)
{
	static char text[LOG_LINE_MAX + 20];
	size_t room = LOG_LINE_MAX - strlen(NOW "info \n");
	memset(text, 'x', room + (size_t)_i);
	catch_lines();
	log_event(LOG_INFO, "%s", text);
	ck_assert_uint_eq(strlen(caught()), LOG_LINE_MAX);
	ck_assert_str_eq(written + LOG_LINE_MAX - 5, _i ? "x...\n" : "xxxx\n");
}
END_TEST

/* A reader that does not read */

static bool write_line(const char *line, size_t len)
{
	return journal_put(LOG_INFO, false, line, len);
}

static int stuck_pipe(void)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, 2 * LOG_LINE_MAX), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	return ends[0];
}

static const char *drain(int reader)
{
	ck_assert_int_eq(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	ssize_t len = read(reader, written, sizeof written - 1);
	ck_assert_int_ge(len, 0);
	written[len] = '\0';
	return written;
}

START_TEST(stuck_reader_drops_lines_and_the_next_says_how_many)
{
	static char page[LOG_LINE_MAX];
	int reader = stuck_pipe();
	memset(page, 'x', sizeof page - 1);
	page[sizeof page - 1] = '\n';
	ck_assert(write_line(page, sizeof page));
	ck_assert(write_line(page, sizeof page));
	ck_assert(!write_line("lost\n", 5));
	log_event(LOG_ERROR, "lost too");
	ck_assert_uint_eq(strlen(drain(reader)), 2 * LOG_LINE_MAX);

	ck_assert(write_line("back\n", 5));
	ck_assert(write_line("again\n", 6));
	ck_assert_str_eq(drain(reader),
	                 NOW "warning log lines dropped count=2\nback\nagain\n");
}
END_TEST

START_TEST(line_is_dropped_if_only_the_count_gets_through)
{
	static char page[LOG_LINE_MAX];
	int reader = stuck_pipe();
	memset(page, '\n', sizeof page);
	ck_assert(write_line(page, sizeof page));
	ck_assert(write_line(page, sizeof page));
	ck_assert(!write_line("lost\n", 5));
	ck_assert_int_eq(read(reader, written, LOG_LINE_MAX), LOG_LINE_MAX);
	/* One page is free: the count begins it, and a page-long line needs another one.
	 */
	ck_assert(!write_line(page, sizeof page));
	ck_assert_int_eq(read(reader, written, LOG_LINE_MAX), LOG_LINE_MAX);
	ck_assert_str_eq(drain(reader), NOW "warning log lines dropped count=1\n");
	ck_assert(write_line("back\n", 5));
	ck_assert_str_eq(drain(reader), NOW "warning log lines dropped count=1\nback\n");
}
END_TEST

START_TEST(reader_that_has_gone_kills_nobody)
{
	close(stuck_pipe());
	ck_assert(!write_line("lost\n", 5));
	catch_lines();
	ck_assert(write_line("back\n", 5));
	ck_assert_str_eq(caught(), NOW "warning log lines dropped count=1\nback\n");
}
END_TEST

START_TEST(closed_standard_error_is_no_trouble)
{
	close(STDERR_FILENO);
	ck_assert(!write_line("lost\n", 5));
}
END_TEST

#define THREADS 4
#define LINES   500

static void *shout(void *arg)
{
	char text[200];
	memset(text, *(const char *)arg, sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (int i = 0; i < LINES; i++) {
		log_event(LOG_INFO, "%s", text);
		log_often(LOG_STRANGER, "%s", text);
	}
	return NULL;
}

static void shout_together(void)
{
	static char names[] = {'a', 'b', 'c', 'd'};
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, shout, &names[i]), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

START_TEST(no_thread_ever_waits_for_the_reader)
{
	stuck_pipe();
	shout_together();
}
END_TEST

START_TEST(lines_of_threads_are_whole)
{
	static char lines[1 << 20];
	size_t count = 0;
	catch_lines();
	shout_together();
	ssize_t len = pread(STDERR_FILENO, lines, sizeof lines - 1, 0);
	ck_assert_int_gt(len, 0);
	for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"), count++) {
		const char *text = strrchr(line, ' ') + 1;
		ck_assert_uint_eq(strlen(text), 199);
		ck_assert_uint_eq(strspn(text, (char[]){text[0], '\0'}), 199);
	}
	ck_assert_uint_eq(count, THREADS * LINES + 1);
}
END_TEST

/* Floods */

START_TEST(first_of_a_kind_is_printed_and_further_ones_counted)
{
	catch_lines();
	for (int i = 0; i < 100; i++)
		log_often(LOG_STRANGER, "stranger dropped n=%d", i);
	log_often(LOG_CUT, "reply cut");
	log_flush(false);
	ck_assert_str_eq(caught(),
	                 NOW "warning stranger dropped n=0\n" NOW "warning reply cut\n");
}
END_TEST

START_TEST(next_event_after_the_window_brings_the_sum)
{
	catch_lines();
	log_often(LOG_STRANGER, "first");
	log_often(LOG_STRANGER, "counted");
	log_often(LOG_STRANGER, "counted");
	ahead_s += LOG_FLOOD_S;
	log_often(LOG_STRANGER, "second");
	log_often(LOG_STRANGER, "counted");
	ck_assert_str_eq(caught(),
	                 NOW "warning first\n" NOW
	                     "warning more strangers dropped count=2 seconds=10\n" NOW
	                     "warning second\n");
}
END_TEST

START_TEST(rare_events_are_all_printed_and_bring_no_sums)
{
	catch_lines();
	log_often(LOG_NO_VIA, "first");
	ahead_s += LOG_FLOOD_S;
	log_often(LOG_NO_VIA, "second");
	ahead_s += LOG_FLOOD_S;
	log_flush(true);
	ck_assert_str_eq(caught(), NOW "warning first\n" NOW "warning second\n");
}
END_TEST

START_TEST(flush_prints_the_sums_that_are_due)
{
	catch_lines();
	log_often(LOG_GAVE_UP, "first");
	log_often(LOG_GAVE_UP, "counted");
	ahead_s += LOG_FLOOD_S + 5;
	log_often(LOG_CUT, "not due");
	log_often(LOG_CUT, "counted");
	log_flush(false);
	log_flush(false);
	ck_assert_str_eq(caught(), NOW
	                 "warning first\n" NOW "warning not due\n" NOW
	                 "warning more regexes that took too long count=1 seconds=15\n");
}
END_TEST

START_TEST(flood_that_goes_on_is_two_lines_a_window)
{
	catch_lines();
	for (int i = 0; i < 31; i++, ahead_s++) {
		log_often(LOG_LIBRARY, "says n=%d", i);
		log_often(LOG_LIBRARY, "says n=%d", i);
		log_flush(false);
	}
	ck_assert_str_eq(caught(), NOW
	                 "warning says n=0\n" NOW
	                 "warning more messages from sofia-sip count=19 seconds=10\n" NOW
	                 "warning says n=10\n" NOW
	                 "warning more messages from sofia-sip count=19 seconds=10\n" NOW
	                 "warning says n=20\n" NOW
	                 "warning more messages from sofia-sip count=19 seconds=10\n" NOW
	                 "warning says n=30\n");
}
END_TEST

START_TEST(totals_are_of_all_that_there_were)
{
	catch_lines();
	for (int i = 0; i < 5; i++)
		log_often(LOG_STRANGER, "stranger");
	log_lost(LOG_KERNEL_QUEUE, 40, "lost=%d", 40);
	log_lost(LOG_KERNEL_QUEUE, 2, "lost=%d", 2);
	ahead_s += LOG_FLOOD_S;
	log_flush(true);
	log_often(LOG_STRANGER, "stranger");
	ck_assert_uint_eq(log_total(LOG_STRANGER), 6);
	ck_assert_uint_eq(log_total(LOG_KERNEL_QUEUE), 42);
	ck_assert_uint_eq(log_total(LOG_OVER), 0);
}
END_TEST

START_TEST(what_is_only_counted_takes_no_lock_and_reads_no_clock)
{
	uint64_t now_ns = (uint64_t)clock_ns();
	catch_lines();
	ck_assert(log_often_due(LOG_STRANGER, now_ns));
	unsigned due = 0, clocks = clock_reads, locks = locks_taken;
	for (unsigned i = 0; i < 1000; i++)
		due += log_often_due(LOG_STRANGER, now_ns + i);
	due += log_often_due(LOG_STRANGER, now_ns - 1); /* a batch that began before */
	clocks = clock_reads - clocks;                  /* Check takes locks of its own */
	locks = locks_taken - locks;
	ck_assert_uint_eq(due, 0);
	ck_assert_uint_eq(clocks, 0);
	ck_assert_uint_eq(locks, 0);
	ck_assert_uint_eq(log_total(LOG_STRANGER), 1002);
	ck_assert_str_eq(caught(), ""); /* the caller prints */
	locks = locks_taken;
	due = log_often_due(LOG_STRANGER, now_ns + LOG_FLOOD_S * SECOND_NS);
	locks = locks_taken - locks;
	ck_assert_uint_eq(due, 1);
	ck_assert_uint_gt(locks, 0); /* so they are seen */
	ck_assert_str_eq(caught(),
	                 NOW "warning more strangers dropped count=1001 seconds=10\n");
}
END_TEST

/* Each thread has a clock of its own, which goes on by a second every 1,000 events. */
static atomic_uint printed;

static void *count_many(void *arg)
{
	uint64_t start_ns = *(const uint64_t *)arg;
	for (unsigned i = 0; i < 100000; i++)
		printed += log_often_due(LOG_OVER, start_ns + i / 1000 * SECOND_NS);
	return NULL;
}

static void *count_one(void *arg)
{
	meets = true;
	printed += log_often_due(LOG_OVER, *(const uint64_t *)arg);
	return NULL;
}

static void count_together(void *(*count)(void *), uint64_t now_ns)
{
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count, &now_ns), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

START_TEST(of_threads_that_come_together_one_prints)
{
	uint64_t now_ns = (uint64_t)clock_ns();
	catch_lines();
	pthread_barrier_init(&meeting, NULL, THREADS);
	for (unsigned i = 1; i <= 2; i++, now_ns += LOG_FLOOD_S * SECOND_NS) {
		count_together(count_one, now_ns);
		ck_assert_uint_eq(printed, i);
	}
	ahead_s += 2 * LOG_FLOOD_S;
	log_flush(true);
	ck_assert_str_eq(caught(),
	                 NOW "warning more requests over the limit count=6 seconds=10\n");
}
END_TEST

/* What the lines and the sums tell of, and what is left at the end, is all there was. */
START_TEST(threads_lose_no_event)
{
	uint64_t told = 0;
	catch_lines();
	count_together(count_many, (uint64_t)clock_ns());
	log_flush(true);
	for (const char *sum = caught(); (sum = strstr(sum, " count=")); sum++)
		told += strtoull(sum + strlen(" count="), NULL, 10);
	ck_assert_uint_eq(printed, 10);
	ck_assert_uint_eq(told + printed, THREADS * 100000);
	ck_assert_uint_eq(log_total(LOG_OVER), THREADS * 100000);
}
END_TEST

START_TEST(reasons_of_drops_have_names_of_their_own)
{
	for (enum log_kind a = 0; a < LOG_KINDS; a++)
		for (enum log_kind b = 0; b < a; b++)
			ck_assert(!log_drop(a) || !log_drop(b) ||
			          strcmp(log_drop(a), log_drop(b)) != 0);
	ck_assert_str_eq(log_drop(LOG_STRANGER), "stranger");
	ck_assert_ptr_null(log_drop(LOG_CUT));
}
END_TEST

START_TEST(last_flush_prints_whatever_is_left)
{
	catch_lines();
	log_often(LOG_UNSENDABLE, "first");
	log_often(LOG_UNSENDABLE, "counted");
	ahead_s += 3;
	log_flush(true);
	log_flush(true);
	ck_assert_str_eq(caught(),
	                 NOW "warning first\n" NOW
	                     "warning more replies not sent count=1 seconds=3\n");
}
END_TEST

/* Escaping */

static const struct {
	struct slice text;
	const char *escaped, *json;
} escapes[] = {
	{{S("")}, "", ""},
	{{S("+44 20 sip:a@b;c=d")}, "+44 20 sip:a@b;c=d", "+44 20 sip:a@b;c=d"},
	{{S("a\r\n2026 info forged")},
         "a\\x0D\\x0A2026 info forged",
         "a\\u000D\\u000A2026 info forged"},
	{{S("\" status=200 x=\"")},
         "\\x22 status=200 x=\\x22",
         "\\u0022 status=200 x=\\u0022"},
	{{S("a\\x22")}, "a\\x5Cx22", "a\\u005Cx22"},
	{{S("\0\x01\x1b[2J\x7f")},
         "\\x00\\x01\\x1B[2J\\x7F",
         "\\u0000\\u0001\\u001B[2J\\u007F"},
	{{S("Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x93\x9e")},
         "Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x93\x9e",
         "Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x93\x9e"},
	{{S("\xff\xc3")}, "\\xFF\\xC3", "\\u00FF\\u00C3"},
	{{S("\xc0\xaf\xed\xa0\x80")},
         "\\xC0\\xAF\\xED\\xA0\\x80",
         "\\u00C0\\u00AF\\u00ED\\u00A0\\u0080"},
	{{S("\xc2\x9b\x31m")}, "\\xC2\\x9B1m", "\\u00C2\\u009B1m"},
	{{S("\xc2\xa0")}, "\xc2\xa0", "\xc2\xa0"},
	{{S("\xe2\x80\xae\xe2\x80\xa8")},
         "\\xE2\\x80\\xAE\\xE2\\x80\\xA8",
         "\\u00E2\\u0080\\u00AE\\u00E2\\u0080\\u00A8"},
	{{S("\xe2\x81\xa6\xe2\x80\x8f")},
         "\\xE2\\x81\\xA6\\xE2\\x80\\x8F",
         "\\u00E2\\u0081\\u00A6\\u00E2\\u0080\\u008F"},
	{{S("\xe2\x80\x93\xe2\x80\xaf\xe2\x81\xaa")},
         "\xe2\x80\x93\xe2\x80\xaf\xe2\x81\xaa",
         "\xe2\x80\x93\xe2\x80\xaf\xe2\x81\xaa"},
};

START_TEST(what_could_harm_is_escaped)
{
	char to[256];
	ck_assert_str_eq(log_escape(escapes[_i].text, to, sizeof to),
	                 escapes[_i].escaped);
	ck_assert_str_eq(log_escape_json(escapes[_i].text, to, sizeof to),
	                 escapes[_i].json);
}
END_TEST

static const struct {
	const char *text;
	size_t size;
	const char *escaped;
} cuts[] = {
	{"abc", 4, "abc"},
	{"abcd", 4, "..."},
	{"abcdef", 7, "abcdef"},
	{"abcdefg", 7, "abc..."},
	{"a\n", 6, "a\\x0A"},
	{"a\n", 5, "a..."},
	{"abcd\n", 9, "abcd\\x0A"},
	{"abcd\n", 8, "abcd..."},
	{"a\xe2\x82\xac", 5, "a\xe2\x82\xac"},
	{"\xe2\x82\xac"
         "abcd",
         7, "\xe2\x82\xac..."},
	{"ab\xe2\x82\xac"
         "cd",
         7, "ab..."},
};

START_TEST(long_text_is_cut_between_characters)
{
	char to[16];
	memset(to, '#', sizeof to);
	ck_assert_str_eq(log_escape(slice_of(cuts[_i].text), to, cuts[_i].size),
	                 cuts[_i].escaped);
	ck_assert_int_eq(to[cuts[_i].size], '#');
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("events");
	tcase_add_test(tc, event_is_one_line_with_time_and_level);
	tcase_add_test(tc, event_never_makes_two_lines);
	tcase_add_loop_test(tc, event_is_cut_to_a_line, 0, 4);
	suite_add_tcase(suite, tc);
	tc = tcase_create("readers");
	tcase_add_test(tc, stuck_reader_drops_lines_and_the_next_says_how_many);
	tcase_add_test(tc, line_is_dropped_if_only_the_count_gets_through);
	tcase_add_test(tc, reader_that_has_gone_kills_nobody);
	tcase_add_test(tc, closed_standard_error_is_no_trouble);
	tcase_add_test(tc, no_thread_ever_waits_for_the_reader);
	tcase_add_test(tc, lines_of_threads_are_whole);
	suite_add_tcase(suite, tc);
	tc = tcase_create("floods");
	tcase_add_test(tc, first_of_a_kind_is_printed_and_further_ones_counted);
	tcase_add_test(tc, next_event_after_the_window_brings_the_sum);
	tcase_add_test(tc, rare_events_are_all_printed_and_bring_no_sums);
	tcase_add_test(tc, flush_prints_the_sums_that_are_due);
	tcase_add_test(tc, flood_that_goes_on_is_two_lines_a_window);
	tcase_add_test(tc, totals_are_of_all_that_there_were);
	tcase_add_test(tc, what_is_only_counted_takes_no_lock_and_reads_no_clock);
	tcase_add_test(tc, of_threads_that_come_together_one_prints);
	tcase_add_test(tc, threads_lose_no_event);
	tcase_add_test(tc, reasons_of_drops_have_names_of_their_own);
	tcase_add_test(tc, last_flush_prints_whatever_is_left);
	suite_add_tcase(suite, tc);
	tc = tcase_create("escapes");
	tcase_add_loop_test(tc, what_could_harm_is_escaped, 0, COUNT(escapes));
	tcase_add_loop_test(tc, long_text_is_cut_between_characters, 0, COUNT(cuts));
	suite_add_tcase(suite, tc);
	return suite;
}
