/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/numbers.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

#define PLENTY ((size_t)1 << 30)

/* One column, called is, with the key itself. */
static struct numbers *make(enum numbers_match match, const char *const *keys,
                            size_t count)
{
	struct slice name = slice_of("is");
	struct numbers *numbers = numbers_new(match, 1, &name, count, PLENTY);
	for (size_t i = 0; i < count; i++) {
		struct slice key = slice_of(keys[i]);
		ck_assert_int_eq(numbers_add(numbers, key, &key), NUMBERS_ADDED);
	}
	numbers_finish(numbers);
	return numbers;
}

static void expect(const struct numbers *numbers, const char *number, const char *want)
{
	struct numbers_row row;
	bool found = numbers_find(numbers, slice_of(number), &row);
	ck_assert_msg(found == (want != NULL), "\"%s\"", number);
	if (!found)
		return;
	ck_assert_msg(slice_equal(numbers_value(numbers, &row, 0), slice_of(want)),
	              "\"%s\"", number);
	ck_assert_uint_eq(row.key_len, strlen(want));
}

static const char *const keys[] = {"1",
                                   "+1",
                                   "12",
                                   "*21#",
                                   "0",
                                   "00",
                                   "+",
                                   "+441234567890123",
                                   "441234567890123",
                                   "4412345678901234",
                                   "+44123456789012345678",
                                   "alice",
                                   "al",
                                   "+4a"};

START_TEST(an_exact_number_is_found_and_nothing_like_it)
{
	struct numbers *numbers = make(NUMBERS_EXACT, keys, LOADING_COUNT(keys));
	static const char *const others[] = {"",
	                                     "2",
	                                     "+2",
	                                     "+12",
	                                     "123",
	                                     "*21",
	                                     "000",
	                                     "++",
	                                     "1+",
	                                     "alic",
	                                     "+4",
	                                     "+4ab",
	                                     "+44123456789012",
	                                     "+4412345678901234",
	                                     "44123456789012345"};
	for (int i = 0; i < LOADING_COUNT(keys); i++)
		expect(numbers, keys[i], keys[i]);
	for (int i = 0; i < LOADING_COUNT(others); i++)
		expect(numbers, others[i], NULL);
	ck_assert_uint_eq(numbers_count(numbers), LOADING_COUNT(keys));
	numbers_release(numbers);
}
END_TEST

START_TEST(the_longest_prefix_is_found)
{
	struct numbers *numbers = make(NUMBERS_PREFIX, keys, LOADING_COUNT(keys));
	static const char *const found[][2] = {
		{"1", "1"},
		{"13", "1"},
		{"12", "12"},
		{"129999999999999999999999", "12"},
		{"0", "0"},
		{"01", "0"},
		{"001", "00"},
		{"+1", "+1"},
		{"+2", "+"},
		{"+", "+"},
		{"*21#5", "*21#"},
		{"+4412345678901234", "+441234567890123"},
		{"+44123456789012345678", "+44123456789012345678"},
		{"4412345678901234", "4412345678901234"},
		{"4412345678901235", "441234567890123"},
		{"alice.b", "alice"},
		{"alic", "al"},
		{"+4a", "+4a"},
		{"+4b", "+"},
	};
	static const char *const missed[] = {"", "2", "*21", "a", "4"};
	for (int i = 0; i < LOADING_COUNT(found); i++)
		expect(numbers, found[i][0], found[i][1]);
	for (int i = 0; i < LOADING_COUNT(missed); i++)
		expect(numbers, missed[i], NULL);
	numbers_release(numbers);
}
END_TEST

START_TEST(a_number_that_is_there_keeps_its_row)
{
	struct slice name = slice_of("is"), key = slice_of("+12"), other = slice_of("x");
	struct numbers *numbers = numbers_new(NUMBERS_EXACT, 1, &name, 10, PLENTY);
	ck_assert_int_eq(numbers_add(numbers, key, &key), NUMBERS_ADDED);
	ck_assert_int_eq(numbers_add(numbers, key, &other), NUMBERS_THERE);
	ck_assert_int_eq(numbers_add(numbers, other, &other), NUMBERS_ADDED);
	ck_assert_int_eq(numbers_add(numbers, other, &key), NUMBERS_THERE);
	ck_assert_uint_eq(numbers_count(numbers), 2);
	expect(numbers, "+12", "+12");
	expect(numbers, "x", "x");
	numbers_release(numbers);
}
END_TEST

START_TEST(columns_have_names)
{
	struct slice names[] = {slice_of("rn"), slice_of("gateway")};
	struct slice row[] = {slice_of("+4479"), slice_of("")};
	struct numbers *numbers = numbers_new(NUMBERS_EXACT, 2, names, 1, PLENTY);
	struct numbers_row found;
	size_t column;
	ck_assert_int_eq(numbers_add(numbers, slice_of("1"), row), NUMBERS_ADDED);
	ck_assert(numbers_find(numbers, slice_of("1"), &found));
	ck_assert(numbers_column(numbers, slice_of("gateway"), &column));
	ck_assert_uint_eq(numbers_value(numbers, &found, column).len, 0);
	ck_assert(numbers_column(numbers, slice_of("rn"), &column));
	ck_assert(slice_equal(numbers_value(numbers, &found, column), row[0]));
	ck_assert(!numbers_column(numbers, slice_of("number"), &column));
	/* It was to have one row. */
	ck_assert_int_eq(numbers_add(numbers, slice_of("2"), row), NUMBERS_NO_MEMORY);
	numbers_release(numbers_hold(numbers));
	ck_assert(numbers_find(numbers, slice_of("1"), &found));
	numbers_release(numbers);
}
END_TEST

/* Against a look at every key */

static size_t random_key(uint64_t *state, char to[24])
{
	static const char digits[] = "01*";
	static const size_t lengths[] = {1, 2, 3, 4, 5, 14, 15, 16, 17};
	uint64_t bits = loading_random(state);
	size_t len = lengths[bits % 9], i = 0;
	bits /= 9;
	if (bits & 1)
		to[i++] = '+';
	for (bits /= 2; len-- > 0; bits /= 3)
		to[i++] = bits % 50 == 0 ? 'a' : digits[len > 5 ? 0 : bits % 3];
	to[i] = '\0';
	return i;
}

struct model {
	size_t count;
	char keys[1000][24];
};

static const char *look(const struct model *model, const char *number,
                        enum numbers_match match)
{
	const char *best = NULL;
	for (size_t i = 0; i < model->count; i++) {
		const char *key = model->keys[i];
		bool fits = match == NUMBERS_EXACT
		                    ? strcmp(key, number) == 0
		                    : strncmp(key, number, strlen(key)) == 0;
		if (fits && (!best || strlen(key) > strlen(best)))
			best = key;
	}
	return best;
}

START_TEST(random_numbers_are_found_as_a_look_at_every_key_finds_them)
{
	uint64_t state = 5;
	struct model *model = calloc(1, sizeof *model);
	struct slice name = slice_of("is");
	for (int turn = 0; turn < 20; turn++) {
		size_t rows = 10u << turn % 6;
		struct numbers *numbers =
			numbers_new((enum numbers_match)_i, 1, &name, rows, PLENTY);
		model->count = 0;
		for (size_t i = 0; i < rows; i++) {
			char *key = model->keys[model->count];
			struct slice text = {key, random_key(&state, key)};
			bool there = look(model, key, NUMBERS_EXACT);
			enum numbers_added added = numbers_add(numbers, text, &text);
			loading_expect(added == (there ? NUMBERS_THERE : NUMBERS_ADDED),
			               "%s", key);
			model->count += !there;
		}
		numbers_finish(numbers);
		for (int i = 0; i < 2000; i++) {
			char number[24];
			struct numbers_row row;
			random_key(&state, number);
			const char *want = look(model, number, (enum numbers_match)_i);
			bool found = numbers_find(numbers, slice_of(number), &row);
			loading_expect(
				found == (want != NULL) &&
					(!found ||
			                 (row.key_len == strlen(want) &&
			                  slice_equal(numbers_value(numbers, &row, 0),
			                              slice_of(want)))),
				"%s: want %s", number, want ? want : "none");
		}
		numbers_release(numbers);
	}
	free(model);
}
END_TEST

/* Memory */

static struct numbers *make_many(size_t count, bool distinct, size_t limit)
{
	struct slice names[] = {slice_of("rn"), slice_of("gateway"), slice_of("name")};
	struct numbers *numbers = numbers_new(NUMBERS_EXACT, 3, names, count, limit);
	for (size_t i = 0; numbers && i < count; i++) {
		char number[24], rn[24], gateway[24], text[24];
		size_t kind = i * 2654435761u % 3000;
		snprintf(number, sizeof number, "+44%010zu",
		         i * 2654435761u % 10000000000u);
		snprintf(rn, sizeof rn, "+4479%zu", kind);
		snprintf(gateway, sizeof gateway, "gw-%zu", kind % 16);
		snprintf(text, sizeof text, "%010zu", distinct ? i : kind % 7);
		struct slice row[] = {slice_of(rn), slice_of(gateway), slice_of(text)};
		if (numbers_add(numbers, slice_of(number), row) == NUMBERS_ADDED)
			continue;
		numbers_release(numbers);
		return NULL;
	}
	if (numbers)
		numbers_finish(numbers);
	return numbers;
}

START_TEST(a_row_takes_24_bytes_beside_its_texts)
{
	enum { COUNT = 1000000 };
	struct numbers *numbers = make_many(COUNT, _i, PLENTY);
	double bytes = (double)numbers_bytes(numbers) / COUNT - (_i ? 10 : 0);
	ck_assert_msg(bytes <= 24, "%.2f", bytes);
	numbers_release(numbers);
}
END_TEST

START_TEST(what_needs_more_than_its_memory_is_refused)
{
	struct numbers *numbers = NULL;
	size_t failures = 0;
	for (size_t limit = 0; !numbers; limit += 1000, failures++)
		numbers = make_many(5000, true, limit);
	ck_assert_uint_gt(failures, 100);
	numbers_release(numbers);
	numbers_release(NULL);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("numbers");
	TCase *tcase = tcase_create("numbers");
	tcase_add_test(tcase, an_exact_number_is_found_and_nothing_like_it);
	tcase_add_test(tcase, the_longest_prefix_is_found);
	tcase_add_test(tcase, a_number_that_is_there_keeps_its_row);
	tcase_add_test(tcase, columns_have_names);
	tcase_add_loop_test(
		tcase, random_numbers_are_found_as_a_look_at_every_key_finds_them, 0, 2);
	tcase_add_loop_test(tcase, a_row_takes_24_bytes_beside_its_texts, 0, 2);
	tcase_add_test(tcase, what_needs_more_than_its_memory_is_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
