/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "server/trust/limiter.h"
#include "tests/runner.h"

#define SECOND       1000000000ull
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct peer pbx, carrier;
static const struct peer *members[] = {&pbx, &carrier};
static struct settings settings;
static struct limiter *limiter;

static void enter(void)
{
	pbx = (struct peer){.name = slice_of("pbx"), .number = 0};
	carrier = (struct peer){.name = slice_of("carrier"), .number = 1};
	settings = (struct settings){.peer_count = 2, .peers = members};
}

static void leave(void)
{
	limiter_free(limiter);
	limiter = NULL;
}

static struct rate rate_of(uint64_t per_second, uint64_t burst)
{
	return (struct rate){SECOND / per_second, burst};
}

static struct address source_of(unsigned number)
{
	return (struct address){{[10] = 0xff,
	                         [11] = 0xff,
	                         [12] = 10,
	                         [13] = (uint8_t)(number >> 16),
	                         [14] = (uint8_t)(number >> 8),
	                         [15] = (uint8_t)number}};
}

static enum limit take(const struct peer *peer, unsigned source, uint64_t now)
{
	struct address address = source_of(source);
	return limiter_take(limiter, peer, &address, now);
}

/* How many of count requests, evenly spread over seconds, pass. */
static unsigned passing(const struct peer *peer, unsigned source, unsigned count,
                        uint64_t from, uint64_t seconds)
{
	unsigned passed = 0;
	for (unsigned i = 0; i < count; i++)
		passed += take(peer, source, from + seconds * SECOND * i / count) ==
		          LIMIT_PASS;
	return passed;
}

START_TEST(without_limits_everything_passes)
{
	ck_assert_int_eq(take(&pbx, 1, 0), LIMIT_PASS); /* no limiter at all */
	limiter = limiter_new(&settings, NULL);
	ck_assert_uint_eq(passing(&pbx, 1, 100000, SECOND, 1), 100000);
}
END_TEST

START_TEST(a_burst_passes_and_then_the_rate)
{
	pbx.quota.rate = rate_of(100, 50);
	limiter = limiter_new(&settings, NULL);
	ck_assert_uint_eq(passing(&pbx, 1, 1000, SECOND, 0), 50);
	unsigned passed = passing(&pbx, 1, 10000, SECOND, 10);
	ck_assert(passed == 999 || passed == 1000);
	ck_assert_uint_eq(passing(&pbx, 1, 1000, 1000 * SECOND, 0), 50); /* full again */
}
END_TEST

START_TEST(what_is_over_is_looked_at_and_then_dropped)
{
	pbx.quota.rate = rate_of(10, 10);
	limiter = limiter_new(&settings, NULL);
	unsigned counts[3] = {0};
	for (unsigned i = 0; i < 1000; i++)
		counts[take(&pbx, 1, SECOND)]++;
	ck_assert_uint_eq(counts[LIMIT_PASS], 10);
	ck_assert_uint_eq(counts[LIMIT_LOOK], 10 * SECOND_LOOK);
	ck_assert_uint_eq(counts[LIMIT_DROP], 990 - 10 * SECOND_LOOK);
}
END_TEST

/* An emergency call of one comes through the flood of another. */
START_TEST(a_source_that_is_over_takes_no_look_from_another)
{
	for (size_t i = 0; i < 2; i++) {
		unsigned counts[3] = {0};
		pbx.quota.source = rate_of(10, 10);
		pbx.quota.rate = i ? rate_of(1000, 1000) : (struct rate){0};
		limiter = limiter_new(&settings, NULL);
		for (unsigned n = 0; n < 1000; n++)
			counts[take(&pbx, 1, SECOND)]++;
		ck_assert_uint_eq(counts[LIMIT_PASS], 10);
		ck_assert_uint_eq(counts[LIMIT_LOOK], 10 * SECOND_LOOK);
		ck_assert_uint_eq(passing(&pbx, 2, 10, SECOND, 0), 10);
		for (unsigned n = 0; n < 10 * SECOND_LOOK; n++)
			ck_assert_int_eq(take(&pbx, 2, SECOND), LIMIT_LOOK);
		ck_assert_int_eq(take(&pbx, 2, SECOND), LIMIT_DROP);
		leave();
	}
}
END_TEST

/* Together they are not looked at more often than their peer is. */
START_TEST(many_sources_that_are_over_share_the_looks_of_their_peer)
{
	unsigned counts[3] = {0};
	pbx.quota.source = rate_of(10, 1);
	pbx.quota.rate = rate_of(10, 10);
	limiter = limiter_new(&settings, NULL);
	for (unsigned n = 0; n < 1000; n++)
		counts[take(&pbx, n / 10, SECOND)]++;
	ck_assert_uint_eq(counts[LIMIT_PASS], 10);
	ck_assert_uint_eq(counts[LIMIT_LOOK], 10 * SECOND_LOOK);
}
END_TEST

START_TEST(a_flood_takes_nothing_from_other_peers_or_sources)
{
	pbx.quota.rate = rate_of(100, 100);
	pbx.quota.source = rate_of(10, 10);
	carrier.quota.rate = rate_of(100, 100);
	settings.rate = rate_of(200, 200);
	limiter = limiter_new(&settings, NULL);
	ck_assert_uint_eq(passing(&pbx, 1, 10000, SECOND, 0), 10);
	ck_assert_uint_eq(passing(&pbx, 2, 10, SECOND, 0), 10);
	ck_assert_uint_eq(passing(&carrier, 1, 100, SECOND, 0), 100);
	/* of the 200 of all, 120 are gone */
	unsigned passed = 0;
	for (unsigned source = 3; source < 13; source++)
		passed += passing(&pbx, source, 10, SECOND, 0);
	ck_assert_uint_eq(passed, 80);
}
END_TEST

START_TEST(sources_without_end_cannot_get_more_than_the_table)
{
	pbx.quota.source = rate_of(10, 1);
	limiter = limiter_new(&settings, NULL);
	unsigned passed = 0, known = 0;
	for (unsigned source = 0; source < 100000; source++)
		passed += take(&pbx, source, SECOND) == LIMIT_PASS;
	ck_assert_uint_le(passed, 8192); /* entries, each for one request at once */
	ck_assert_uint_gt(passed, 8000);
	for (unsigned source = 0; source < 100; source++)
		known += take(&pbx, source, 2 * SECOND) == LIMIT_PASS;
	ck_assert_uint_ge(known, 99); /* quiet again: all have been forgotten */
}
END_TEST

START_TEST(a_network_of_64_bits_is_one_source)
{
	pbx.quota.source = rate_of(10, 10);
	limiter = limiter_new(&settings, NULL);
	unsigned passed = 0;
	for (uint8_t i = 0; i < 100; i++) {
		struct address address = {{0x20, 1, [15] = i}};
		passed += limiter_take(limiter, &pbx, &address, SECOND) == LIMIT_PASS;
	}
	ck_assert_uint_eq(passed, 10);
}
END_TEST

START_TEST(what_has_been_taken_survives_a_reload)
{
	pbx.quota.rate = rate_of(10, 10);
	pbx.quota.source = rate_of(10, 10);
	limiter = limiter_new(&settings, NULL);
	ck_assert_uint_eq(passing(&pbx, 1, 10, SECOND, 0), 10);
	for (int i = 0; i < 3; i++) {
		struct limiter *next = limiter_new(&settings, limiter);
		limiter_free(limiter);
		limiter = next;
		ck_assert_uint_eq(passing(&pbx, 1, 10, SECOND, 0), 0);
	}
}
END_TEST

/* What was taken at the old rate would else keep the peer out for as long as it would
 * have been there: hours. */
START_TEST(another_rate_counts_from_the_reload_on)
{
	for (size_t i = 0; i < 2; i++) {
		struct rate *rate = i ? &pbx.quota.source : &pbx.quota.rate;
		pbx.quota = (struct quota){{0}};
		*rate = (struct rate){3600 * SECOND, 5};
		limiter = limiter_new(&settings, NULL);
		ck_assert_uint_eq(passing(&pbx, 1, 10, SECOND, 0), 5);
		*rate = rate_of(100, 50);
		struct limiter *next = limiter_new(&settings, limiter);
		limiter_free(limiter);
		limiter = next;
		ck_assert_uint_le(passing(&pbx, 1, 100, 2 * SECOND, 0), 1);
		ck_assert_uint_ge(passing(&pbx, 1, 1000, 2 * SECOND, 10), 998);
		unsigned looked = 0;
		for (unsigned n = 0; n < 10000; n++)
			looked += take(&pbx, 1, 13 * SECOND) == LIMIT_LOOK;
		ck_assert_uint_eq(looked, 50 * SECOND_LOOK);
		leave();
	}
}
END_TEST

/* One gone at the head, one new at the end; the others keep what they have taken, and to
 * find them takes no time that grows with the square of their number. */
START_TEST(many_peers_survive_a_reload)
{
	enum { MANY = 50000 };
	struct peer *peers = calloc(MANY + 1, sizeof *peers);
	const struct peer **list = calloc(MANY + 1, sizeof(const struct peer *));
	char(*names)[16] = calloc(MANY + 1, sizeof *names);
	for (size_t i = 0; i <= MANY; i++) {
		snprintf(names[i], sizeof names[i], "peer %zu", i);
		peers[i] = (struct peer){.name = slice_of(names[i]),
		                         .quota.rate = rate_of(10, 1),
		                         .number = i};
		list[i] = &peers[i];
	}
	settings.peers = list;
	settings.peer_count = MANY;
	limiter = limiter_new(&settings, NULL);
	ck_assert_int_eq(take(&peers[MANY / 2], 1, SECOND), LIMIT_PASS);
	struct settings later = settings;
	later.peers = list + 1;
	clock_t start = clock();
	struct limiter *next = limiter_new(&later, limiter);
	double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	for (size_t i = 1; i <= MANY; i++)
		peers[i].number = i - 1;
	limiter_free(limiter);
	limiter = next;
	ck_assert_int_eq(take(&peers[MANY / 2], 1, SECOND), LIMIT_LOOK);
	ck_assert_int_eq(take(&peers[MANY / 2 + 1], 1, SECOND), LIMIT_PASS);
	ck_assert_msg(seconds < 1, "%f s", seconds);
	leave();
	free(peers);
	free(list);
	free(names);
}
END_TEST

/* Each thread reads its clock once for a batch. */
START_TEST(a_clock_that_is_behind_gives_no_more)
{
	pbx.quota.rate = rate_of(1000, 50);
	carrier.quota.source = rate_of(1000, 50);
	limiter = limiter_new(&settings, NULL);
	for (size_t i = 0; i < 2; i++) {
		unsigned passed = 0;
		for (unsigned n = 0; n < 1000; n++)
			passed += take(members[i], 1,
			               10 * SECOND - n % 2 * SECOND / 100) == LIMIT_PASS;
		ck_assert_uint_eq(passed, 50);
	}
}
END_TEST

/* The microseconds of a source's bucket are 48 bits: they begin again after 8.9 years. */
START_TEST(a_clock_of_many_years_changes_nothing)
{
	const uint64_t again = ((uint64_t)1 << 48) * 1000;
	const uint64_t times[] = {
		0,     again / 2 - SECOND, again / 2,     again - SECOND,
		again, again + SECOND,     5 * again / 2, UINT64_MAX / 4 * 3};
	pbx.quota.source = rate_of(10, 10);
	for (size_t i = 0; i < COUNT(times); i++) {
		limiter = limiter_new(&settings, NULL);
		for (unsigned source = 1; source < 20; source++) {
			ck_assert_uint_eq(passing(&pbx, source, 100, times[i], 0), 10);
			unsigned passed = passing(&pbx, source, 1000, times[i], 10);
			ck_assert_msg(passed == 99 || passed == 100,
			              "%u passed at times[%zu]", passed, i);
		}
		leave();
	}
}
END_TEST

/* Over the wrap, those who are full still make room for those who come. */
START_TEST(a_clock_that_begins_again_frees_entries)
{
	const uint64_t again = ((uint64_t)1 << 48) * 1000;
	pbx.quota.source = rate_of(10, 1);
	limiter = limiter_new(&settings, NULL);
	unsigned passed = 0;
	for (unsigned source = 0; source < 100000; source++)
		take(&pbx, source, again - SECOND);
	for (unsigned source = 0; source < 1000; source++)
		passed += take(&pbx, source, again + SECOND) == LIMIT_PASS;
	ck_assert_uint_ge(passed, 990);
}
END_TEST

/* Many threads */

static atomic_uint together;
static pthread_barrier_t start;

static void *take_many(void *arg)
{
	unsigned passed = 0, sources = *(unsigned *)arg;
	pthread_barrier_wait(&start);
	for (unsigned i = 0; i < 100000; i++)
		passed += take(&pbx, i % sources, SECOND) == LIMIT_PASS;
	together += passed;
	return NULL;
}

/* The peer's bucket is the one that is used up, or those of its sources. */
static const struct {
	uint64_t burst, source_burst;
	unsigned sources, passing;
} shared[] = {
	{1000, 10000, 4, 1000},
	{400000, 100, 4, 4 * 100},
	{400000, 200000, 1, 200000},
};

START_TEST(threads_share_a_bucket)
{
	pthread_t threads[4];
	unsigned sources = shared[_i].sources;
	pbx.quota.rate = rate_of(1000, shared[_i].burst);
	pbx.quota.source = rate_of(1000, shared[_i].source_burst);
	limiter = limiter_new(&settings, NULL);
	together = 0;
	pthread_barrier_init(&start, NULL, COUNT(threads));
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_create(&threads[i], NULL, take_many, &sources);
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(together, shared[_i].passing);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/limiter");
	TCase *tests = tcase_create("limiter");
	tcase_add_checked_fixture(tests, enter, leave);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, without_limits_everything_passes);
	tcase_add_test(tests, a_burst_passes_and_then_the_rate);
	tcase_add_test(tests, what_is_over_is_looked_at_and_then_dropped);
	tcase_add_test(tests, a_source_that_is_over_takes_no_look_from_another);
	tcase_add_test(tests, many_sources_that_are_over_share_the_looks_of_their_peer);
	tcase_add_test(tests, a_flood_takes_nothing_from_other_peers_or_sources);
	tcase_add_test(tests, sources_without_end_cannot_get_more_than_the_table);
	tcase_add_test(tests, a_network_of_64_bits_is_one_source);
	tcase_add_test(tests, what_has_been_taken_survives_a_reload);
	tcase_add_test(tests, another_rate_counts_from_the_reload_on);
	tcase_add_test(tests, many_peers_survive_a_reload);
	tcase_add_test(tests, a_clock_that_is_behind_gives_no_more);
	tcase_add_test(tests, a_clock_of_many_years_changes_nothing);
	tcase_add_test(tests, a_clock_that_begins_again_frees_entries);
	tcase_add_loop_test(tests, threads_share_a_bucket, 0, COUNT(shared));
	suite_add_tcase(suite, tests);
	return suite;
}
