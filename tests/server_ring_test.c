/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/log/ring.h"
#include "tests/runner.h"

static struct ring ring = {RING_INIT};
static char line[4096], taken[4096];

static bool put(const char *text)
{
	return ring_put(&ring, text, strlen(text), false);
}

START_TEST(lines_come_out_whole_and_in_order)
{
	ck_assert(put("one\n") && put("two\n") && put("three\n"));
	ck_assert_uint_eq(ring_take(&ring, taken, 10), 8);
	ck_assert_mem_eq(taken, "one\ntwo\n", 8);
	ck_assert(put("four\n"));
	ck_assert_uint_eq(ring_take(&ring, taken, sizeof taken), 11);
	ck_assert_mem_eq(taken, "three\nfour\n", 11);
}
END_TEST

static size_t fill(bool urgent)
{
	size_t count = 0;
	memset(line, 'x', sizeof line);
	line[sizeof line - 1] = '\n';
	while (ring_put(&ring, line, sizeof line, urgent))
		count++;
	return count;
}

START_TEST(full_ring_takes_no_more_and_loses_nothing)
{
	const size_t usual = (RING_BYTES - RING_URGENT) / sizeof line,
		     urgent = RING_URGENT / sizeof line;
	ck_assert_uint_eq(fill(false), usual);
	ck_assert(!put("\n"));
	ck_assert_uint_eq(fill(true), urgent);
	ck_assert(!ring_put(&ring, "\n", 1, true));
	for (size_t i = 0; i < usual + urgent; i++)
		ck_assert_uint_eq(ring_take(&ring, taken, sizeof taken), sizeof line);
	ck_assert_mem_eq(taken, line, sizeof line);
	ck_assert(put("\n"));
	ck_assert_uint_eq(ring_take(&ring, taken, sizeof taken), 1);
}
END_TEST

START_TEST(once_full_half_of_it_must_be_free_again)
{
	fill(false);
	for (size_t used = RING_BYTES - RING_URGENT; used > RING_BYTES / 2;) {
		ck_assert(!put("\n"));
		used -= ring_take(&ring, taken, sizeof taken);
	}
	ck_assert(put("\n"));
	ck_assert(put("\n"));
}
END_TEST

START_TEST(ended_ring_gives_what_is_left)
{
	ck_assert(put("last\n"));
	ring_end(&ring);
	ck_assert(!put("late\n"));
	ck_assert_uint_eq(ring_take(&ring, taken, sizeof taken), 5);
	ck_assert_uint_eq(ring_take(&ring, taken, sizeof taken), 0);
}
END_TEST

/* Several put, one takes: each one's lines are whole and in its order; none is lost but
 * those that were refused. */
enum { PUTTERS = 3, LINES = 30000 };
static unsigned long refused[PUTTERS];

static void *put_many(void *arg)
{
	size_t who = (size_t)(unsigned long *)arg;
	char text[64];
	for (unsigned i = 1; i <= LINES; i++) {
		int len = snprintf(text, sizeof text, "%zu %u %.*s\n", who, i,
		                   (int)(i % 31), "abcdefghijklmnopqrstuvwxyzabcde");
		refused[who] += !ring_put(&ring, text, (size_t)len, false);
	}
	return NULL;
}

static void *end_when_put(void *arg)
{
	pthread_t *putters = arg;
	for (size_t i = 0; i < PUTTERS; i++)
		pthread_join(putters[i], NULL);
	ring_end(&ring);
	return NULL;
}

static void check_line(const char *text, unsigned last[PUTTERS],
                       unsigned long count[PUTTERS])
{
	unsigned long who, number;
	char letters[64] = "";
	int fields = sscanf(text, "%lu %lu %63s", &who, &number, letters);
	ck_assert_msg(fields >= 2 && who < PUTTERS && number > last[who] &&
	                      strlen(letters) == number % 31,
	              "%s", text);
	last[who] = (unsigned)number;
	count[who]++;
}

START_TEST(threads_do_not_mix_their_lines)
{
	pthread_t putters[PUTTERS], ender;
	unsigned last[PUTTERS] = {0};
	unsigned long count[PUTTERS] = {0};
	size_t len;
	for (size_t i = 0; i < PUTTERS; i++)
		ck_assert_int_eq(
			pthread_create(&putters[i], NULL, put_many, (unsigned long *)i),
			0);
	ck_assert_int_eq(pthread_create(&ender, NULL, end_when_put, putters), 0);
	while ((len = ring_take(&ring, taken, sizeof taken - 1))) {
		taken[len] = '\0';
		for (char *rest = taken, *text; (text = strsep(&rest, "\n")) && *text;)
			check_line(text, last, count);
	}
	pthread_join(ender, NULL);
	for (size_t i = 0; i < PUTTERS; i++)
		ck_assert_uint_eq(count[i] + refused[i], LINES);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("ring");
	TCase *all = tcase_create("all");
	suite_add_tcase(suite, all);
	tcase_add_test(all, lines_come_out_whole_and_in_order);
	tcase_add_test(all, full_ring_takes_no_more_and_loses_nothing);
	tcase_add_test(all, once_full_half_of_it_must_be_free_again);
	tcase_add_test(all, ended_ring_gives_what_is_left);
	tcase_add_test(all, threads_do_not_mix_their_lines);
	return suite;
}
