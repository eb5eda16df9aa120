/* SPDX-License-Identifier: MIT */
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "rules/arena.h"
#include "tests/runner.h"

#define PLENTY ((size_t)64 << 20)

static bool is_zero(const char *at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (at[i])
			return false;
	return true;
}

START_TEST(pieces_are_zeroed_aligned_and_apart)
{
	static const size_t sizes[] = {0, 1, 7, 16, 100, 5000, 3, 300000, 2000000, 24};
	char *pieces[400];
	struct arena *arena = arena_new(PLENTY * 4);
	for (size_t i = 0; i < 400; i++) {
		size_t size = sizes[i % 10];
		pieces[i] = arena_alloc(arena, size);
		ck_assert_ptr_nonnull(pieces[i]);
		ck_assert_msg((uintptr_t)pieces[i] % alignof(max_align_t) == 0,
		              "piece %zu", i);
		ck_assert_msg(is_zero(pieces[i], size), "piece %zu", i);
		memset(pieces[i], (int)(i % 255) + 1, size);
		ck_assert_int_eq(arena_copy(arena, slice_of("odd")).at[3], '\0');
	}
	for (size_t i = 0; i < 400; i++)
		for (size_t j = 0; j < sizes[i % 10]; j++)
			if (pieces[i][j] != (char)(i % 255 + 1))
				ck_abort_msg("piece %zu was written over", i);
	arena_free(arena);
}
END_TEST

START_TEST(what_is_wiped_is_zero)
{
	static const size_t sizes[] = {1, 7, 100, 5000, 3000000};
	char *pieces[5];
	struct arena *arena = arena_new(PLENTY);
	for (size_t i = 0; i < 5; i++)
		memset(pieces[i] = arena_alloc(arena, sizes[i]), 1, sizes[i]);
	arena_wipe(arena);
	for (size_t i = 0; i < 5; i++)
		ck_assert_msg(is_zero(pieces[i], sizes[i]), "piece %zu", i);
	arena_free(arena);
}
END_TEST

START_TEST(a_large_piece_does_not_waste_the_room_before_it)
{
	struct arena *arena = arena_new(PLENTY);
	arena_alloc(arena, 1);
	arena_alloc(arena, 1 << 20);
	size_t bytes = arena_bytes(arena);
	for (int i = 0; i < 20; i++)
		arena_alloc(arena, 16);
	ck_assert_uint_eq(arena_bytes(arena), bytes);
	arena_free(arena);
}
END_TEST

START_TEST(blocks_grow_with_use)
{
	struct arena *arena = arena_new(PLENTY);
	size_t blocks = 0, bytes = arena_bytes(arena);
	for (size_t i = 0; i < 100000; i++) {
		ck_assert_ptr_nonnull(arena_alloc(arena, 96));
		blocks += arena_bytes(arena) != bytes;
		bytes = arena_bytes(arena);
	}
	ck_assert_uint_lt(blocks, 30);
	/* what was asked for, and at most one block of 4 MiB ahead of it */
	ck_assert_uint_ge(bytes, 9600000);
	ck_assert_uint_lt(bytes, 9600000 + (4 << 20) + blocks * 64);
	arena_free(arena);
}
END_TEST

START_TEST(a_copy_ends_in_nul)
{
	struct arena *arena = arena_new(PLENTY);
	struct slice copy = arena_copy(arena, (struct slice){"abcdef", 3});
	ck_assert_uint_eq(copy.len, 3);
	ck_assert_str_eq(copy.at, "abc");
	copy = arena_copy(arena, slice_of(NULL));
	ck_assert_uint_eq(copy.len, 0);
	ck_assert_str_eq(copy.at, "");
	arena_free(arena);
}
END_TEST

START_TEST(the_limit_holds_for_all_of_it)
{
	for (size_t limit = 0; limit < 20000; limit += 37) {
		struct arena *arena = arena_new(limit);
		if (!arena)
			continue;
		size_t got = 0;
		while (arena_alloc(arena, 16))
			got += 16;
		ck_assert_uint_le(arena_bytes(arena), limit);
		ck_assert_msg(got + 500 > limit, "limit %zu gave only %zu", limit, got);
		ck_assert_ptr_null(arena_copy(arena, slice_of("sixteen bytes...")).at);
		arena_free(arena);
	}
	ck_assert_ptr_null(arena_new(0));
}
END_TEST

START_TEST(a_size_that_overflows_is_refused)
{
	struct arena *arena = arena_new(SIZE_MAX);
	ck_assert_ptr_null(arena_array(arena, SIZE_MAX / 2, 3));
	ck_assert_ptr_null(arena_array(arena, 3, SIZE_MAX / 2));
	ck_assert_ptr_null(arena_alloc(arena, SIZE_MAX));
	ck_assert_ptr_null(arena_alloc(arena, SIZE_MAX - 40));
	ck_assert_ptr_nonnull(arena_array(arena, 0, 100));
	ck_assert_ptr_nonnull(arena_array(arena, 100, 0));
	arena_free(arena);
	arena_free(NULL);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("arena");
	TCase *tcase = tcase_create("arena");
	tcase_add_test(tcase, pieces_are_zeroed_aligned_and_apart);
	tcase_add_test(tcase, what_is_wiped_is_zero);
	tcase_add_test(tcase, a_large_piece_does_not_waste_the_room_before_it);
	tcase_add_test(tcase, blocks_grow_with_use);
	tcase_add_test(tcase, a_copy_ends_in_nul);
	tcase_add_test(tcase, the_limit_holds_for_all_of_it);
	tcase_add_test(tcase, a_size_that_overflows_is_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
