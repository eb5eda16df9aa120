/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/records.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static struct slice text_of(char buffer[80], uint64_t i)
{
	static const char filler[] =
		"0123456789012345678901234567890123456789012345678901234"
		"56789";
	int len = i % 5 == 0 ? 0
	                     : snprintf(buffer, 80, "%llu%.*s", (unsigned long long)i,
	                                (int)(i % 60), filler);
	return (struct slice){buffer, (size_t)len};
}

/* Row i of texts of which there are range. */
static void make_row(uint64_t seed, size_t i, size_t range, size_t columns,
                     char buffers[][80], struct slice *texts)
{
	uint64_t state = seed + i;
	for (size_t c = 0; c < columns; c++)
		texts[c] = text_of(buffers[c], loading_random(&state) % range);
}

static const struct {
	size_t columns, rows, range;
} sizes[] = {{0, 100, 1},      {1, 1000, 10},     {1, 100000, 1000000},
             {2, 100000, 30},  {3, 100000, 3000}, {3, 50000, 100000000},
             {7, 10000, 1000}, {3, 1, 10}};

START_TEST(every_row_keeps_its_columns)
{
	size_t columns = sizes[_i].columns, rows = sizes[_i].rows,
	       range = sizes[_i].range;
	struct budget budget = {1 << 30, 0};
	struct records *records = records_new(columns, rows, &budget);
	uint32_t *at = calloc(rows, sizeof *at);
	char buffers[8][80];
	struct slice texts[8];
	for (size_t i = 0; i < rows; i++) {
		make_row(7, i, range, columns, buffers, texts);
		loading_expect(records_add(records, texts, &at[i]), "row %zu", i);
	}
	records_finish(records);
	for (size_t i = 0; i < rows; i++) {
		make_row(7, i, range, columns, buffers, texts);
		for (size_t c = 0; c < columns; c++)
			loading_expect(
				slice_equal(records_value(records, at[i], c), texts[c]),
				"row %zu column %zu", i, c);
	}
	free(at);
	records_free(records);
	ck_assert_uint_eq(budget.used, 0);
}
END_TEST

static size_t count_bytes(size_t rows, size_t range)
{
	struct budget budget = {1 << 30, 0};
	struct records *records = records_new(3, rows, &budget);
	char buffers[8][80];
	struct slice texts[8];
	uint32_t at;
	for (size_t i = 0; i < rows; i++) {
		make_row(3, i % range, 1u << 30, 3, buffers, texts);
		ck_assert(records_add(records, texts, &at));
	}
	records_finish(records);
	size_t bytes = budget.used;
	records_free(records);
	return bytes;
}

START_TEST(equal_rows_and_texts_are_stored_once)
{
	size_t once = count_bytes(2000, 2000), often = count_bytes(200000, 2000);
	/* A row whose texts were new may be stored once more, without its texts. */
	ck_assert_uint_gt(once, 2000 * 60);
	ck_assert_msg(often <= once + 2000 * 15 + 4096, "%zu and %zu", once, often);
}
END_TEST

static bool note(void *arg, struct slice text)
{
	bool *seen = arg;
	ck_assert_uint_gt(text.len, 0);
	seen[strtoul(text.at, NULL, 10)] = true;
	return true;
}

static bool stop(void *arg, struct slice text)
{
	(void)text;
	++*(size_t *)arg;
	return false;
}

START_TEST(every_text_of_a_column_is_visited)
{
	bool seen[3][400] = {{false}};
	struct budget budget = {1 << 30, 0};
	struct records *records = records_new(3, 1000, &budget);
	for (unsigned i = 0; i < 1000; i++) {
		char a[12], b[12], c[12];
		uint32_t at;
		snprintf(a, sizeof a, "%u ", 1 + i % 7);
		snprintf(b, sizeof b, "%u ", 1 + i % 300);
		snprintf(c, sizeof c, "%u ", 1 + i % 11);
		struct slice texts[] = {slice_of(a), slice_of(i % 2 ? b : ""),
		                        slice_of(c)};
		ck_assert(records_add(records, texts, &at));
	}
	for (size_t c = 0; c < 3; c++)
		records_visit(records, c, note, seen[c]);
	for (unsigned i = 1; i < 400; i++) {
		ck_assert_int_eq(seen[0][i], i <= 7);
		ck_assert_int_eq(seen[1][i], i <= 300 && i % 2 == 0);
		ck_assert_int_eq(seen[2][i], i <= 11);
	}
	size_t visits = 0;
	records_visit(records, 1, stop, &visits);
	ck_assert_uint_eq(visits, 1);
	records_free(records);
}
END_TEST

START_TEST(more_than_the_budget_is_refused)
{
	struct budget budget = {100000, 0};
	struct records *records = records_new(3, 100000, &budget);
	char buffers[8][80];
	struct slice texts[8];
	uint32_t at;
	size_t i = 0;
	do {
		ck_assert_uint_lt(i, 100000);
		make_row(3, i++, 1u << 30, 3, buffers, texts);
	} while (records_add(records, texts, &at));
	ck_assert_uint_gt(i, 500);
	ck_assert_uint_le(budget.used, budget.limit);
	records_free(records);
	budget.limit = 100;
	ck_assert_ptr_null(records_new(3, 100000, &budget));
	records_free(NULL);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("records");
	TCase *tcase = tcase_create("records");
	tcase_add_loop_test(tcase, every_row_keeps_its_columns, 0, LOADING_COUNT(sizes));
	tcase_add_test(tcase, equal_rows_and_texts_are_stored_once);
	tcase_add_test(tcase, every_text_of_a_column_is_visited);
	tcase_add_test(tcase, more_than_the_budget_is_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
