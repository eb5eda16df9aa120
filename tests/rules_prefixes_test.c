/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "rules/prefixes.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

#define KEYS 4000

static struct budget plenty = {(size_t)1 << 30, 0};

static void put(struct prefixes *prefixes, const char *text, uint32_t value)
{
	bool added;
	struct packed key = prefixes_pack(slice_of(text));
	ck_assert(prefixes_is_whole(&key, slice_of(text)));
	prefixes_expect(prefixes, &key);
	uint32_t *at = prefixes_put(prefixes, &key, &added);
	ck_assert(added);
	ck_assert_uint_eq(*at, 0);
	*at = value;
}

START_TEST(prefixes_come_the_longest_first)
{
	static const char *const keys[] = {"+", "+4", "+442", "+4420", "442", "+5", "4"};
	struct prefixes *prefixes = prefixes_new(LOADING_COUNT(keys), &plenty);
	for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++)
		put(prefixes, keys[i], i);
	static const uint32_t want[] = {3, 2, 1, 0};
	struct hashed number = prefixes_hash(slice_of("+4420712345678x"));
	struct found_prefix found;
	unsigned left = prefixes_begin(prefixes, &number);
	for (unsigned i = 0; i < sizeof want / sizeof *want; i++) {
		ck_assert(prefixes_next(prefixes, &number, &left, &found));
		ck_assert_uint_eq(found.value, want[i]);
		ck_assert_uint_eq(found.len, strlen(keys[want[i]]));
	}
	ck_assert(!prefixes_next(prefixes, &number, &left, &found));
	prefixes_free(prefixes);
}
END_TEST

START_TEST(a_key_that_is_there_keeps_its_value)
{
	struct prefixes *prefixes = prefixes_new(2, &plenty);
	struct packed key = prefixes_pack(slice_of("+44"));
	bool added;
	uint32_t value;
	put(prefixes, "+44", 7);
	ck_assert_uint_eq(*prefixes_put(prefixes, &key, &added), 7);
	ck_assert(!added);
	ck_assert(prefixes_get(prefixes, &key, &value));
	ck_assert_uint_eq(value, 7);
	key = prefixes_pack(slice_of("44"));
	ck_assert(!prefixes_get(prefixes, &key, &value));
	prefixes_free(prefixes);
}
END_TEST

static const char *const not_whole[] = {"+4412345678901234", "1234567890123456", "alice",
                                        "44 20", "4+4"};

START_TEST(what_cannot_be_a_key_is_told)
{
	struct slice text = slice_of(not_whole[_i]);
	struct packed packed = prefixes_pack(text);
	ck_assert_msg(!prefixes_is_whole(&packed, text), "%s", text.at);
}
END_TEST

static void random_text(uint64_t *state, size_t max, char text[20])
{
	size_t len = 0, digits = (size_t)(loading_random(state) % max);
	if (loading_random(state) % 2)
		text[len++] = '+';
	for (size_t i = 0; i < digits; i++)
		text[len++] = "012*"[loading_random(state) % 4];
	text[len] = '\0';
}

struct filled {
	struct prefixes *prefixes;
	char keys[KEYS][20];
	size_t count;
};

/* The key that is prefix, by looking at all of them. */
static size_t find_slowly(const struct filled *filled, struct slice prefix)
{
	size_t i = 0;
	while (i < filled->count && !slice_equal(slice_of(filled->keys[i]), prefix))
		i++;
	return i;
}

static void fill(struct filled *filled, uint64_t *state)
{
	filled->prefixes = prefixes_new(KEYS, &plenty);
	for (filled->count = 0; filled->count < KEYS;) {
		char *text = filled->keys[filled->count];
		random_text(state, 14, text);
		if (find_slowly(filled, slice_of(text)) == filled->count) {
			put(filled->prefixes, text, (uint32_t)filled->count);
			filled->count++;
		}
	}
}

START_TEST(random_numbers_have_the_prefixes_that_a_slow_search_finds)
{
	static struct filled filled;
	uint64_t state = 1;
	fill(&filled, &state);
	for (int i = 0; i < 500; i++) {
		char text[20];
		random_text(&state, 16, text);
		struct hashed number = prefixes_hash(slice_of(text));
		struct found_prefix found;
		unsigned left = prefixes_begin(filled.prefixes, &number);
		for (size_t len = strlen(text) + 1; len-- > 0;) {
			size_t want = find_slowly(&filled, (struct slice){text, len});
			if (want == filled.count || (!len && text[0] == '+'))
				continue;
			loading_expect(
				prefixes_next(filled.prefixes, &number, &left, &found) &&
					found.value == want && found.len == len,
				"%s: %.*s", text, (int)len, text);
		}
		loading_expect(!prefixes_next(filled.prefixes, &number, &left, &found),
		               "%s: too many", text);
	}
	prefixes_free(filled.prefixes);
}
END_TEST

struct visited {
	const struct filled *filled;
	size_t count;
	uint64_t keys[KEYS];
};

static void visit(void *arg, uint64_t key, uint32_t value)
{
	struct visited *visited = arg;
	char text[PREFIXES_TEXT_MAX];
	ck_assert_str_eq(prefixes_text(key, text).at, visited->filled->keys[value]);
	visited->keys[visited->count++] = key;
}

/* By the texts: + first, then 0 to 9, * and #. */
static int compare_slowly(const char *a, const char *b)
{
	static const char order[] = "+0123456789*#";
	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (!*a || !*b)
		return (*a != 0) - (*b != 0);
	return strchr(order, *a) < strchr(order, *b) ? -1 : 1;
}

START_TEST(all_keys_are_visited_and_sort_as_their_texts_do)
{
	static struct filled filled;
	static struct visited visited = {.filled = &filled};
	char a[PREFIXES_TEXT_MAX], b[PREFIXES_TEXT_MAX];
	uint64_t state = 2;
	fill(&filled, &state);
	prefixes_visit(filled.prefixes, visit, &visited);
	ck_assert_uint_eq(visited.count, KEYS);
	for (size_t i = 1; i < KEYS; i++) {
		prefixes_text(visited.keys[i - 1], a);
		prefixes_text(visited.keys[i], b);
		bool plus_first = (a[0] == '+') == (b[0] == '+');
		int want = plus_first ? compare_slowly(a, b) : a[0] == '+' ? -1 : 1;
		loading_expect((visited.keys[i - 1] < visited.keys[i]) == (want < 0),
		               "%s and %s", a, b);
	}
	prefixes_free(filled.prefixes);
}
END_TEST

START_TEST(lack_of_memory_is_no_table)
{
	struct budget budget = {100, 0};
	ck_assert_ptr_null(prefixes_new(1, &budget));
	ck_assert_ptr_null(prefixes_new((size_t)UINT32_MAX + 1, &plenty));
	ck_assert_uint_eq(budget.used, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("prefixes");
	TCase *tcase = tcase_create("prefixes");
	tcase_add_test(tcase, prefixes_come_the_longest_first);
	tcase_add_test(tcase, a_key_that_is_there_keeps_its_value);
	tcase_add_loop_test(tcase, what_cannot_be_a_key_is_told, 0,
	                    LOADING_COUNT(not_whole));
	tcase_add_test(tcase, random_numbers_have_the_prefixes_that_a_slow_search_finds);
	tcase_add_test(tcase, all_keys_are_visited_and_sort_as_their_texts_do);
	tcase_add_test(tcase, lack_of_memory_is_no_table);
	suite_add_tcase(suite, tcase);
	return suite;
}
