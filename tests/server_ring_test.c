/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/log/ring.h"
#include "server/log/rings.h"
#include "tests/runner.h"

static struct sleeper sleeper;
static atomic_ulong refused;
static struct ring *ring;

static void init(void)
{
	ring = ring_new(&sleeper, &refused);
	ck_assert_ptr_nonnull(ring);
}

static void fini(void)
{
	ring_free(ring);
}

static bool put(const void *record, size_t len)
{
	void *to = ring_begin(ring, len);
	if (!to)
		return false;
	memcpy(to, record, len);
	ring_commit(ring, len);
	return true;
}

/* The next record; NULL: there is none. */
static const char *next(void)
{
	size_t len;
	const char *record = ring_next(ring, &len);
	if (record)
		ck_assert_uint_eq(len, strlen(record) + 1);
	return record;
}

START_TEST(records_come_out_whole_and_in_order)
{
	ck_assert(ring_is_empty(ring));
	ck_assert(put("one", 4) && put("", 1) && put("three", 6));
	ck_assert(!ring_is_empty(ring));
	ck_assert_str_eq(next(), "one");
	ck_assert_str_eq(next(), "");
	ck_assert(put("four", 5));
	ck_assert_str_eq(next(), "three");
	ck_assert_str_eq(next(), "four");
	ck_assert_ptr_null(next());
	ring_release(ring);
	ck_assert(ring_is_empty(ring));
}
END_TEST

START_TEST(record_may_turn_out_shorter_than_asked_for)
{
	char *to = ring_begin(ring, 1000);
	strcpy(to, "short");
	ck_assert(ring_is_empty(ring)); /* it is not there before it is committed */
	ring_commit(ring, 6);
	ck_assert(put("next", 5));
	ck_assert_str_eq(next(), "short");
	ck_assert_str_eq(next(), "next");
}
END_TEST

START_TEST(records_are_aligned_for_any_type)
{
	for (size_t len = 1; len < 100; len++) {
		char *to = ring_begin(ring, len);
		ck_assert_uint_eq((size_t)to % _Alignof(max_align_t), 0);
		ring_commit(ring, len);
	}
}
END_TEST

static char *first, *behind; /* of all records so far */

static size_t fill(size_t len)
{
	size_t count = 0;
	for (char *to; (to = ring_begin(ring, len)); count++) {
		if (!first || to < first)
			first = to;
		if (to + len > behind)
			behind = to + len;
		ck_assert_int_le(behind - first, (ssize_t)RING_BYTES);
		memset(to, 'x', len);
		ring_commit(ring, len);
	}
	return count;
}

/* Lengths that do and do not end with the ring. */
static const size_t lens[] = {
	1, 112, 1000, 4080, 5000, RING_RECORD_MAX - 16, RING_RECORD_MAX};

START_TEST(full_ring_refuses_and_counts_and_loses_nothing)
{
	size_t len = lens[_i], size = (len + 16 + 15) / 16 * 16, taken;
	for (int round = 0; round < 5; round++) {
		unsigned long before = refused;
		size_t count = fill(len);
		ck_assert_uint_ge((count + 1) * size, RING_BYTES - size);
		ck_assert_uint_le(count * size, RING_BYTES);
		ck_assert_uint_eq(refused, before + 1);
		for (size_t i = 0; i < count; i++) {
			const char *record = ring_next(ring, &taken);
			ck_assert_uint_eq(taken, len);
			ck_assert(record[0] == 'x' && record[len - 1] == 'x');
		}
		ck_assert_ptr_null(ring_next(ring, &taken));
		ck_assert_ptr_null(ring_begin(ring, len)); /* not released yet */
		ring_release(ring);
	}
}
END_TEST

START_TEST(once_full_half_of_it_must_be_free_again)
{
	size_t count = fill(1008), len; /* 1024 with what it takes */
	ck_assert_uint_eq(count, RING_BYTES / 1024);
	for (size_t i = 0; i < count / 2; i++) {
		ck_assert_ptr_null(ring_begin(ring, 1008));
		ring_next(ring, &len);
		ring_release(ring);
	}
	ck_assert_ptr_null(ring_begin(ring, 1008));
	ring_next(ring, &len);
	ring_release(ring);
	ck_assert(put("x", 2));
	ck_assert_uint_eq(refused, count / 2 + 2);
}
END_TEST

/* Several put, each into its ring, and one takes: each one's records are whole and in its
 * order; none is lost but those that were refused; the taker sleeps when there is
 * nothing. */
enum { PUTTERS = 3, RECORDS = 30000 };
static struct rings rings;
static struct ring *of[PUTTERS];
static unsigned last[PUTTERS];
static atomic_uint taken[PUTTERS];
static atomic_bool ended;

static void *put_many(void *arg)
{
	size_t who = (size_t)((struct ring **)arg - of);
	for (unsigned i = 1; i <= RECORDS; i++) {
		size_t len = sizeof i * (2 + i % 31);
		unsigned *to = ring_begin(of[who], len);
		if (!to)
			continue;
		for (size_t n = 0; n < len / sizeof i; n++)
			to[n] = n == 0 ? (unsigned)who : i;
		ring_commit(of[who], len);
	}
	ring_leave(of[who]);
	return NULL;
}

static void take(struct ring *from, void *arg)
{
	size_t len;
	(void)arg;
	for (const unsigned *record; (record = ring_next(from, &len));) {
		unsigned who = record[0], number = record[1];
		ck_assert_uint_eq(len, sizeof number * (2 + number % 31));
		ck_assert_uint_eq(record[len / sizeof number - 1], number);
		ck_assert_uint_gt(number, last[who]);
		last[who] = number;
		taken[who]++;
	}
	ring_release(from);
}

static bool is_idle(void *arg)
{
	(void)arg;
	return !ended && rings_are_empty(&rings);
}

static void *take_all(void *arg)
{
	for (;;) {
		bool end = ended;
		if (!rings_take(&rings, take, NULL) && end)
			return arg;
		if (taken[0] % 2)
			sleeper_doze(&rings.sleeper, 1);
		else
			sleeper_sleep(&rings.sleeper, is_idle, NULL);
	}
}

START_TEST(many_put_and_one_takes)
{
	pthread_t putters[PUTTERS], taker;
	unsigned long all = 0;
	for (size_t i = 0; i < PUTTERS; i++)
		ck_assert_ptr_nonnull(of[i] = rings_add(&rings));
	pthread_create(&taker, NULL, take_all, NULL);
	for (size_t i = 0; i < PUTTERS; i++)
		pthread_create(&putters[i], NULL, put_many, &of[i]);
	for (size_t i = 0; i < PUTTERS; i++)
		pthread_join(putters[i], NULL);
	ended = true;
	sleeper_wake(&rings.sleeper);
	pthread_join(taker, NULL);
	for (size_t i = 0; i < PUTTERS; i++)
		all += taken[i];
	ck_assert_uint_eq(all + rings_refused(&rings), PUTTERS * RECORDS);
	for (size_t i = 0; i < RINGS_MAX; i++)
		ck_assert_ptr_null(rings.places[i]);
}
END_TEST

/* One after the other, each when the last has been taken: without a wake-up that gets
 * lost this ends. */
START_TEST(sleeping_taker_is_woken_for_each)
{
	pthread_t taker;
	of[0] = rings_add(&rings);
	pthread_create(&taker, NULL, take_all, NULL);
	for (unsigned i = 1; i <= 5000; i++) {
		unsigned *to = ring_begin(of[0], sizeof i * (2 + i % 31));
		ck_assert_ptr_nonnull(to);
		for (unsigned n = 0; n < 2 + i % 31; n++)
			to[n] = n == 0 ? 0 : i;
		ring_commit(of[0], sizeof i * (2 + i % 31));
		if (i % 2 == 0)
			while (taken[0] < i)
				sched_yield();
	}
	ring_leave(of[0]);
	ended = true;
	sleeper_wake(&rings.sleeper);
	pthread_join(taker, NULL);
	ck_assert_uint_eq(taken[0], 5000);
}
END_TEST

START_TEST(there_are_places_for_so_many_and_no_more)
{
	for (size_t i = 0; i < RINGS_MAX; i++)
		ck_assert_ptr_nonnull(rings_add(&rings));
	ck_assert_ptr_null(rings_add(&rings));
	ring_leave(rings.places[7]);
	ck_assert(!rings_are_empty(&rings));
	ck_assert(!rings_take(&rings, take, NULL));
	ck_assert_ptr_null(rings.places[7]);
	ck_assert_ptr_nonnull(rings_add(&rings));
	for (size_t i = 0; i < RINGS_MAX; i++)
		ring_leave(rings.places[i]);
	rings_take(&rings, take, NULL);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("ring");
	TCase *tc = tcase_create("ring");
	tcase_add_checked_fixture(tc, init, fini);
	tcase_add_test(tc, records_come_out_whole_and_in_order);
	tcase_add_test(tc, record_may_turn_out_shorter_than_asked_for);
	tcase_add_test(tc, records_are_aligned_for_any_type);
	tcase_add_loop_test(tc, full_ring_refuses_and_counts_and_loses_nothing, 0,
	                    sizeof lens / sizeof lens[0]);
	tcase_add_test(tc, once_full_half_of_it_must_be_free_again);
	suite_add_tcase(suite, tc);
	tc = tcase_create("rings");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, many_put_and_one_takes);
	tcase_add_test(tc, sleeping_taker_is_woken_for_each);
	tcase_add_test(tc, there_are_places_for_so_many_and_no_more);
	suite_add_tcase(suite, tc);
	return suite;
}
