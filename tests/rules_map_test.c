/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "rules/map.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static struct arena *arena;

static void setup(void)
{
	arena = arena_new(LOADING_PLENTY);
}

static void teardown(void)
{
	arena_free(arena);
}

START_TEST(the_empty_map_has_nothing)
{
	struct map map = {0};
	ck_assert_ptr_null(map_find(&map, slice_of("")));
	ck_assert_ptr_null(map_find(&map, slice_of("x")));
}
END_TEST

START_TEST(every_key_keeps_its_value_while_the_map_grows)
{
	enum { COUNT = 20000 };
	struct map map = {0};
	static char keys[COUNT][8];
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(keys[i], sizeof keys[i], "+%zu", i);
		ck_assert_ptr_null(map_find(&map, slice_of(keys[i])));
		ck_assert(map_add(&map, arena, slice_of(keys[i]), keys[i]));
		ck_assert_uint_eq(map.count, i + 1);
	}
	for (size_t i = 0; i < COUNT; i++)
		ck_assert_ptr_eq(map_find(&map, slice_of(keys[i])), keys[i]);
	ck_assert_ptr_null(map_find(&map, slice_of("+20000")));
}
END_TEST

START_TEST(keys_are_compared_by_all_their_bytes)
{
	static const struct slice keys[] = {
		LOADING_TEXT(""),      LOADING_TEXT("\0"),   LOADING_TEXT("\0\0"),
		LOADING_TEXT("a"),     LOADING_TEXT("a\0"),  LOADING_TEXT("a\0b"),
		LOADING_TEXT("a\0c"),  LOADING_TEXT("A"),    LOADING_TEXT("\xc3\xa9"),
		LOADING_TEXT("\xc3 "), LOADING_TEXT("\xff"),
	};
	struct map map = {0};
	int values[LOADING_COUNT(keys)];
	for (int i = 0; i < LOADING_COUNT(keys); i++)
		ck_assert(map_add(&map, arena, keys[i], &values[i]));
	for (int i = 0; i < LOADING_COUNT(keys); i++)
		ck_assert_ptr_eq(map_find(&map, keys[i]), &values[i]);
	ck_assert_ptr_eq(map_find(&map, (struct slice){NULL, 0}), &values[0]);
}
END_TEST

START_TEST(all_prefixes_are_hashed_in_one_walk)
{
	struct slice text = LOADING_TEXT("+44 20\0\xff 7123");
	uint64_t hash = MAP_HASH_START;
	for (size_t len = 0; len <= text.len; len++) {
		ck_assert_uint_eq(hash, map_hash((struct slice){text.at, len}));
		if (len < text.len)
			hash = map_hash_next(hash, text.at[len]);
	}
}
END_TEST

/* The place of a gateway in weighted choice comes from this hash. */
START_TEST(hashes_are_those_of_fnv_1a)
{
	ck_assert_uint_eq(map_hash(slice_of("")), 0xcbf29ce484222325u);
	ck_assert_uint_eq(map_hash(slice_of("a")), 0xaf63dc4c8601ec8cu);
	ck_assert_uint_eq(map_hash(slice_of("foobar")), 0x85944171f73967e8u);
}
END_TEST

START_TEST(keys_of_one_hash_are_told_apart)
{
	struct map map = {0};
	int value;
	ck_assert(map_add(&map, arena, slice_of("a"), &value));
	ck_assert_ptr_null(map_find_hashed(&map, slice_of("b"), map_hash(slice_of("a"))));
	ck_assert_ptr_eq(map_find_hashed(&map, slice_of("a"), map_hash(slice_of("a"))),
	                 &value);
}
END_TEST

START_TEST(a_map_that_cannot_grow_says_so_and_stays)
{
	struct arena *small = arena_new(4000);
	struct map map = {0};
	char keys[1000][5];
	size_t added = 0;
	for (; added < 1000; added++) {
		snprintf(keys[added], sizeof keys[added], "%zu", added);
		if (!map_add(&map, small, slice_of(keys[added]), keys[added]))
			break;
	}
	ck_assert_uint_gt(added, 0);
	ck_assert_uint_lt(added, 1000);
	for (size_t i = 0; i < added; i++)
		ck_assert_ptr_eq(map_find(&map, slice_of(keys[i])), keys[i]);
	ck_assert_ptr_null(map_find(&map, slice_of(keys[added])));
	arena_free(small);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("map");
	TCase *tcase = tcase_create("map");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_empty_map_has_nothing);
	tcase_add_test(tcase, every_key_keeps_its_value_while_the_map_grows);
	tcase_add_test(tcase, keys_are_compared_by_all_their_bytes);
	tcase_add_test(tcase, all_prefixes_are_hashed_in_one_walk);
	tcase_add_test(tcase, hashes_are_those_of_fnv_1a);
	tcase_add_test(tcase, keys_of_one_hash_are_told_apart);
	tcase_add_test(tcase, a_map_that_cannot_grow_says_so_and_stays);
	suite_add_tcase(suite, tcase);
	return suite;
}
