/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "rules/map.h"
#include "rules/select.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

#define CALLS   100000
#define MEMBERS 8

/* A tier of gateways called gw0, gw1, ... with these weights. */
struct pool {
	struct gateway gateways[MEMBERS];
	const struct gateway *list[MEMBERS];
	struct tier tier;
	char names[MEMBERS][24];
};

static void pool_fill(struct pool *pool, const unsigned *weights, size_t count)
{
	memset(pool, 0, sizeof *pool);
	for (size_t i = 0; i < count; i++) {
		snprintf(pool->names[i], sizeof pool->names[i], "gw%zu", i);
		pool->gateways[i].name = slice_of(pool->names[i]);
		pool->gateways[i].hash = map_hash(pool->gateways[i].name);
		pool->gateways[i].weight = weights[i];
		pool->gateways[i].enabled = true;
		pool->list[i] = &pool->gateways[i];
	}
	pool->tier = (struct tier){count, pool->list};
}

/* The order for a call as indexes into the pool; returns how many. */
static size_t pool_order(const struct pool *pool, uint64_t call_key, size_t *order)
{
	const struct gateway *gateways[ROUTE_TARGETS_MAX];
	size_t count = select_order(&pool->tier, call_key, 0, gateways);
	for (size_t i = 0; i < count; i++)
		order[i] = (size_t)(gateways[i] - pool->gateways);
	return count;
}

/* Keys are hashes where it matters, but nobody should have to rely on it. */
static uint64_t key_of(int call, int kind)
{
	uint64_t state = (uint64_t)call;
	switch (kind) {
	case 0:
		return loading_random(&state);
	case 1:
		return (uint64_t)call;
	default:
		return (uint64_t)call << 40;
	}
}

static const struct {
	size_t count;
	unsigned weights[MEMBERS];
	int keys;
} shares[] = {
	{2, {1, 1}, 0},
	{2, {1, 1}, 1},
	{2, {1, 1}, 2},
	{2, {2, 1}, 0},
	{2, {1, 10000}, 0},
	{3, {1, 2, 3}, 0},
	{3, {1, 2, 3}, 1},
	{3, {1, 2, 3}, 2},
	{3, {10000, 10000, 10000}, 0},
	{4, {50, 30, 15, 5}, 0},
	{8, {1, 1, 1, 1, 1, 1, 1, 1}, 0},
	{8, {100, 1, 7, 20, 3, 50, 2, 10}, 0},
};

static double percent(size_t count, double of)
{
	return 100.0 * (double)count / of;
}

START_TEST(a_gateway_comes_first_as_often_as_its_weight_says)
{
	struct pool pool;
	size_t count = shares[_i].count, firsts[MEMBERS] = {0};
	double sum = 0;
	pool_fill(&pool, shares[_i].weights, count);
	for (int call = 0; call < CALLS; call++) {
		size_t order[MEMBERS];
		pool_order(&pool, key_of(call, shares[_i].keys), order);
		firsts[order[0]]++;
	}
	for (size_t i = 0; i < count; i++)
		sum += shares[_i].weights[i];
	for (size_t i = 0; i < count; i++) {
		double got = percent(firsts[i], CALLS);
		double want = 100 * shares[_i].weights[i] / sum;
		ck_assert_msg(got > want - 1 && got < want + 1,
		              "row %d, gateway %zu: got %.2f %%, want %.2f %%", _i, i,
		              got, want);
	}
}
END_TEST

/* Of the calls for which one gateway comes first, the others share the second place by
 * their weights. */
START_TEST(the_second_place_is_shared_by_weight_too)
{
	struct pool pool;
	size_t count = shares[_i].count, seconds[MEMBERS][MEMBERS] = {0};
	size_t firsts[MEMBERS] = {0};
	double sum = 0;
	pool_fill(&pool, shares[_i].weights, count);
	for (int call = 0; call < CALLS; call++) {
		size_t order[MEMBERS];
		pool_order(&pool, key_of(call, shares[_i].keys), order);
		firsts[order[0]]++;
		seconds[order[0]][order[1]]++;
	}
	for (size_t i = 0; i < count; i++)
		sum += shares[_i].weights[i];
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			if (i == j || firsts[i] < 5000)
				continue;
			double got = percent(seconds[i][j], (double)firsts[i]);
			double want = 100 * shares[_i].weights[j] /
			              (sum - shares[_i].weights[i]);
			ck_assert_msg(got > want - 3 && got < want + 3,
			              "row %d, %zu behind %zu: got %.2f %%, want %.2f %%",
			              _i, j, i, got, want);
		}
}
END_TEST

START_TEST(a_call_gets_the_same_order_each_time)
{
	static const unsigned weights[] = {5, 4, 3, 2, 1};
	struct pool pool, other;
	pool_fill(&pool, weights, 5);
	memset(&other, 0xff, sizeof other);
	pool_fill(&other, weights, 5);
	for (int call = 0; call < 1000; call++) {
		size_t order[MEMBERS], again[MEMBERS];
		ck_assert_uint_eq(pool_order(&pool, key_of(call, 0), order), 5);
		ck_assert_uint_eq(pool_order(&other, key_of(call, 0), again), 5);
		ck_assert_mem_eq(order, again, 5 * sizeof order[0]);
	}
}
END_TEST

START_TEST(an_order_has_every_enabled_gateway_once)
{
	static const unsigned weights[] = {1, 10000, 3, 3, 1, 77, 5, 2};
	struct pool pool;
	pool_fill(&pool, weights, MEMBERS);
	for (int call = 0; call < 1000; call++) {
		size_t order[MEMBERS], seen[MEMBERS] = {0}, enabled = 0;
		for (size_t i = 0; i < MEMBERS; i++) {
			pool.gateways[i].enabled = call >> i & 1;
			enabled += pool.gateways[i].enabled;
		}
		ck_assert_uint_eq(pool_order(&pool, (uint64_t)call, order), enabled);
		for (size_t i = 0; i < enabled; i++)
			seen[order[i]]++;
		for (size_t i = 0; i < MEMBERS; i++)
			ck_assert_uint_eq(seen[i], pool.gateways[i].enabled);
	}
}
END_TEST

static void without(const size_t *order, size_t count, size_t gone, size_t *rest)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (order[i] != gone)
			rest[kept++] = order[i];
}

START_TEST(disabling_a_gateway_moves_only_its_calls)
{
	static const unsigned weights[] = {100, 1, 7, 20, 3, 50};
	struct pool pool;
	pool_fill(&pool, weights, 6);
	for (int call = 0; call < 2000; call++) {
		uint64_t key = key_of(call, call % 3);
		size_t before[MEMBERS], want[MEMBERS], after[MEMBERS];
		pool_order(&pool, key, before);
		for (size_t gone = 0; gone < 6; gone++) {
			pool.gateways[gone].enabled = false;
			size_t count = pool_order(&pool, key, after);
			pool.gateways[gone].enabled = true;
			without(before, 6, gone, want);
			loading_expect(count == 5 &&
			                       !memcmp(after, want, 5 * sizeof want[0]),
			               "call %d without %zu", call, gone);
		}
	}
}
END_TEST

START_TEST(the_order_in_the_file_does_not_matter)
{
	static const unsigned weights[] = {100, 1, 7, 20};
	struct pool pool;
	pool_fill(&pool, weights, 4);
	for (int call = 0; call < 2000; call++) {
		size_t order[MEMBERS], turned[MEMBERS];
		pool_order(&pool, key_of(call, 0), order);
		const struct gateway *list[] = {pool.list[2], pool.list[3], pool.list[1],
		                                pool.list[0]};
		struct pool other = pool;
		other.tier.gateways = list;
		const struct gateway *got[ROUTE_TARGETS_MAX];
		ck_assert_uint_eq(select_order(&other.tier, key_of(call, 0), 0, got), 4);
		for (size_t i = 0; i < 4; i++)
			turned[i] = (size_t)(got[i] - pool.gateways);
		ck_assert_mem_eq(order, turned, 4 * sizeof order[0]);
	}
}
END_TEST

START_TEST(more_weight_never_makes_a_place_worse)
{
	unsigned weights[] = {5, 5, 5};
	struct pool light, heavy;
	pool_fill(&light, weights, 3);
	weights[1] = 6;
	pool_fill(&heavy, weights, 3);
	for (int call = 0; call < 10000; call++) {
		size_t before[MEMBERS], after[MEMBERS], b = 0, a = 0;
		pool_order(&light, key_of(call, 0), before);
		pool_order(&heavy, key_of(call, 0), after);
		while (before[b] != 1)
			b++;
		while (after[a] != 1)
			a++;
		loading_expect(a <= b, "call %d", call);
	}
}
END_TEST

/* Replicas of different versions must agree, so what stands here must never change. */
static const struct {
	uint64_t call_key;
	const char *order;
} golden[] = {
	{0x0000000000000000, "503421"}, {0x0000000000000001, "534120"},
	{0x0000000000000002, "234150"}, {0x0000000000000003, "530142"},
	{0x7fffffffffffffff, "305124"}, {0xffffffffffffffff, "345120"},
	{0x0123456789abcdef, "534012"}, {0xdeadbeefcafef00d, "503142"},
	{0x0000000100000000, "534201"}, {0x8000000000000000, "031542"},
	{0x0de0b6b3a7640000, "543210"}, {0x000000000000002a, "531042"},
};

static void golden_order(uint64_t call_key, char to[7])
{
	static const char *const names[] = {
		"london-1", "london-2", "paris", "a", "sip:{called}@gw.example.net",
		"\u00e9"};
	static const unsigned weights[] = {1, 2, 1, 10, 3, 7};
	struct gateway gateways[6];
	const struct gateway *list[6], *order[ROUTE_TARGETS_MAX];
	for (size_t i = 0; i < 6; i++) {
		gateways[i] = (struct gateway){.name = slice_of(names[i]),
		                               .hash = map_hash(slice_of(names[i])),
		                               .weight = weights[i],
		                               .enabled = true};
		list[i] = &gateways[i];
	}
	size_t count = select_order(&(struct tier){6, list}, call_key, 0, order);
	for (size_t i = 0; i < count; i++)
		to[i] = (char)('0' + (order[i] - gateways));
	to[count] = '\0';
}

START_TEST(replicas_of_all_versions_agree)
{
	char got[7];
	golden_order(golden[_i].call_key, got);
	ck_assert_msg(strcmp(got, golden[_i].order) == 0, "key %#llx: got %s, want %s",
	              (unsigned long long)golden[_i].call_key, got, golden[_i].order);
}
END_TEST

START_TEST(replicas_of_all_versions_agree_on_20000_calls)
{
	uint64_t hash = MAP_HASH_START;
	for (uint64_t key = 0; key < 20000; key++) {
		char order[7];
		golden_order(key, order);
		for (size_t i = 0; order[i]; i++)
			hash = map_hash_next(hash, order[i]);
	}
	ck_assert_uint_eq(hash, 0x52acac39d7523be9u);
}
END_TEST

START_TEST(gateways_of_equal_hash_stay_in_the_order_of_the_file)
{
	struct gateway same[] = {{.hash = 7, .weight = 1, .enabled = true},
	                         {.hash = 7, .weight = 1, .enabled = true}};
	const struct gateway *list[] = {&same[0], &same[1]}, *order[ROUTE_TARGETS_MAX];
	for (uint64_t key = 0; key < 100; key++) {
		ck_assert_uint_eq(select_order(&(struct tier){2, list}, key, 0, order),
		                  2);
		ck_assert_ptr_eq(order[0], &same[0]);
	}
}
END_TEST

/* The others keep their order, as when it is taken away. */
START_TEST(a_gateway_out_of_its_time_is_as_one_that_is_disabled)
{
	static const int64_t times[] = {INT64_MIN, 0, 99, 100, 199, 200, INT64_MAX};
	struct period period = {.from_s = 100, .until_s = 200};
	struct gateway gateways[4];
	const struct gateway *list[4], *order[ROUTE_TARGETS_MAX],
		*rest[ROUTE_TARGETS_MAX];
	for (size_t i = 0; i < 4; i++) {
		gateways[i] =
			(struct gateway){.hash = i * 77777, .weight = 1, .enabled = true};
		list[i] = &gateways[i];
	}
	struct tier tier = {4, list};
	for (uint64_t key = 0; key < 500; key++)
		for (size_t t = 0; t < sizeof times / sizeof *times; t++) {
			bool inside = times[t] >= 100 && times[t] < 200;
			gateways[2].period = NULL;
			gateways[2].enabled = inside;
			size_t want = select_order(&tier, key, 0, rest);
			gateways[2].period = &period;
			gateways[2].enabled = true;
			size_t count = select_order(&tier, key, times[t], order);
			ck_assert_uint_eq(count, want);
			ck_assert_uint_eq(count, inside ? 4 : 3);
			ck_assert(!memcmp(order, rest, count * sizeof(void *)));
		}
}
END_TEST

START_TEST(a_tier_may_be_as_large_as_a_redirect)
{
	static struct gateway many[ROUTE_TARGETS_MAX];
	const struct gateway *list[ROUTE_TARGETS_MAX], *order[ROUTE_TARGETS_MAX];
	for (size_t i = 0; i < ROUTE_TARGETS_MAX; i++) {
		many[i] = (struct gateway){.hash = i, .weight = 1, .enabled = true};
		list[i] = &many[i];
	}
	struct tier tier = {ROUTE_TARGETS_MAX, list};
	ck_assert_uint_eq(select_order(&tier, 1, 0, order), ROUTE_TARGETS_MAX);
	tier.count = 0;
	ck_assert_uint_eq(select_order(&tier, 1, 0, order), 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("select");
	TCase *tcase = tcase_create("select");
	tcase_add_loop_test(tcase, a_gateway_comes_first_as_often_as_its_weight_says, 0,
	                    LOADING_COUNT(shares));
	tcase_add_loop_test(tcase, the_second_place_is_shared_by_weight_too, 0,
	                    LOADING_COUNT(shares));
	tcase_add_test(tcase, a_call_gets_the_same_order_each_time);
	tcase_add_test(tcase, an_order_has_every_enabled_gateway_once);
	tcase_add_test(tcase, disabling_a_gateway_moves_only_its_calls);
	tcase_add_test(tcase, the_order_in_the_file_does_not_matter);
	tcase_add_test(tcase, more_weight_never_makes_a_place_worse);
	tcase_add_loop_test(tcase, replicas_of_all_versions_agree, 0,
	                    LOADING_COUNT(golden));
	tcase_add_test(tcase, replicas_of_all_versions_agree_on_20000_calls);
	tcase_add_test(tcase, gateways_of_equal_hash_stay_in_the_order_of_the_file);
	tcase_add_test(tcase, a_gateway_out_of_its_time_is_as_one_that_is_disabled);
	tcase_add_test(tcase, a_tier_may_be_as_large_as_a_redirect);
	suite_add_tcase(suite, tcase);
	return suite;
}
