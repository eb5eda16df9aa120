/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/deck.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

#define ALWAYS INT64_MIN
#define NEVER  INT64_MAX

struct line {
	const char *prefix;
	int64_t price; /* < 0: blocked */
	int64_t from_s, until_s;
};

static enum deck_added add(struct deck *deck, const struct line *row, uint32_t line,
                           uint32_t *other)
{
	struct packed prefix = prefixes_pack(slice_of(row->prefix));
	struct rate rate = {.price = {row->price},
	                    .blocked = row->price < 0,
	                    .from_s = row->from_s,
	                    .until_s = row->until_s,
	                    .destination = slice_of(row->prefix)};
	return deck_add(deck, &prefix, &rate, line, other);
}

static struct deck *make(const struct line *rows, size_t count)
{
	struct deck *deck = deck_new(count, LOADING_PLENTY);
	uint32_t other;
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(add(deck, &rows[i], (uint32_t)i, &other), DECK_ADDED);
	deck_finish(deck);
	return deck;
}

/* "+44 7", "+44 blocked" or "-" */
static const char *find(const struct deck *deck, const char *number, int64_t now_s,
                        char text[64])
{
	struct deck_found found;
	if (!deck_find(deck, slice_of(number), now_s, &found))
		return "-";
	int len = snprintf(text, 64, "%.*s ", (int)found.prefix_len, number);
	if (found.rate.blocked)
		strcpy(text + len, "blocked");
	else
		snprintf(text + len, 64 - (size_t)len, "%lld",
		         (long long)found.rate.price.billionths);
	return text;
}

static const struct line rows[] = {
	{"+44", 1, ALWAYS, NEVER}, {"+44", 2, 100, NEVER}, /* takes over */
	{"+447", 3, ALWAYS, 50},                           /* and nothing until */
	{"+447", 4, 60, 200},      {"+447", 5, 200, NEVER},
	{"+4470", -1, 10, 20},     {"+1", 6, 100, 200},
};

static const struct {
	const char *number;
	int64_t now_s;
	const char *want;
} asked[] = {
	{"+4420", 99, "+44 1"},
	{"+4420", 100, "+44 2"},
	{"+4420", NEVER - 1, "+44 2"},
	{"+4475", 49, "+447 3"},
	{"+4475", 50, "+44 1"},
	{"+4475", 59, "+44 1"},
	{"+4475", 60, "+447 4"},
	{"+4475", 199, "+447 4"},
	{"+4475", 200, "+447 5"},
	{"+4470", 9, "+447 3"},
	{"+4470", 10, "+4470 blocked"},
	{"+44701", 19, "+4470 blocked"},
	{"+4470", 20, "+447 3"},
	{"+1", 99, "-"},
	{"+1", 100, "+1 6"},
	{"+1", 200, "-"},
	{"+4", 100, "-"},
	{"44", 100, "-"},
	{"", 100, "-"},
	{"alice", 100, "-"},
	{"+44alice", 100, "+44 2"},
};

START_TEST(the_longest_prefix_that_has_a_rate_in_force_counts)
{
	char text[64];
	struct deck *deck = make(rows, LOADING_COUNT(rows));
	ck_assert_str_eq(find(deck, asked[_i].number, asked[_i].now_s, text),
	                 asked[_i].want);
	ck_assert_uint_eq(deck_prefix_count(deck), 4);
	deck_release(deck);
}
END_TEST

START_TEST(the_order_of_the_rows_does_not_matter)
{
	char text[64];
	struct line turned[LOADING_COUNT(rows)];
	for (int i = 0; i < LOADING_COUNT(rows); i++)
		turned[i] = rows[LOADING_COUNT(rows) - 1 - i];
	struct deck *deck = make(turned, LOADING_COUNT(rows));
	for (int i = 0; i < LOADING_COUNT(asked); i++)
		ck_assert_str_eq(find(deck, asked[i].number, asked[i].now_s, text),
		                 asked[i].want);
	deck_release(deck);
}
END_TEST

/* Against {"+1", 1, 100, 200} on line 7 and {"+1", 1, 300, NEVER} on line 8. */
static const struct {
	struct line row;
	uint32_t line; /* 0: there is room */
} overlaps[] = {
	{{"+1", 1, ALWAYS, NEVER}, 0}, {{"+1", 1, ALWAYS, 100}, 0},
	{{"+1", 1, ALWAYS, 101}, 7},   {{"+1", 1, 99, 100}, 0},
	{{"+1", 1, 100, 110}, 7},      {{"+1", 1, 199, NEVER}, 7},
	{{"+1", 1, 200, NEVER}, 0},    {{"+1", 1, 200, 300}, 0},
	{{"+1", 1, 200, 301}, 8},      {{"+1", 1, 300, NEVER}, 8},
	{{"+1", 1, 301, NEVER}, 0},    {{"+12", 1, 100, 200}, 0},
};

START_TEST(a_prefix_has_one_rate_at_a_time)
{
	struct deck *deck = deck_new(9, LOADING_PLENTY);
	struct line first = {"+1", 1, 100, 200}, second = {"+1", 1, 300, NEVER};
	uint32_t line = 0;
	ck_assert_int_eq(add(deck, &second, 8, &line), DECK_ADDED);
	ck_assert_int_eq(add(deck, &first, 7, &line), DECK_ADDED);
	line = 0;
	ck_assert_int_eq(add(deck, &overlaps[_i].row, 9, &line),
	                 overlaps[_i].line ? DECK_OVERLAPS : DECK_ADDED);
	if (overlaps[_i].line)
		ck_assert_uint_eq(line, overlaps[_i].line);
	deck_release(deck);
}
END_TEST

START_TEST(a_prefix_has_100_rates_at_most)
{
	struct deck *deck = deck_new(2 * DECK_RATES_MAX, LOADING_PLENTY);
	uint32_t line;
	struct line row = {"+1", 1, 0, NEVER};
	for (; row.from_s < DECK_RATES_MAX; row.from_s++)
		ck_assert_int_eq(add(deck, &row, 1, &line), DECK_ADDED);
	ck_assert_int_eq(add(deck, &row, 1, &line), DECK_TOO_MANY);
	deck_release(deck);
}
END_TEST

#define RANDOM_ROWS 1500

/* The reference: the longest of all rows that are a prefix and in force, where a row is
 * in force until the next one of its prefix begins. */
static const struct line *find_slowly(const struct line *all, size_t count,
                                      const char *number, int64_t now_s)
{
	const struct line *best = NULL;
	for (size_t i = 0; i < count; i++) {
		const struct line *row = &all[i];
		bool over = row->from_s > now_s || row->until_s <= now_s ||
		            strncmp(row->prefix, number, strlen(row->prefix)) != 0;
		for (size_t k = 0; k < count && !over; k++)
			over = strcmp(all[k].prefix, row->prefix) == 0 &&
			       all[k].from_s > row->from_s && all[k].from_s <= now_s;
		if (!over && (!best || strlen(row->prefix) > strlen(best->prefix)))
			best = row;
	}
	return best;
}

static void random_number(uint64_t *state, size_t max, char text[20])
{
	size_t len = 0, digits = 1 + (size_t)(loading_random(state) % max);
	text[len++] = '+';
	while (digits-- > 0)
		text[len++] = "123"[loading_random(state) % 3];
	text[len] = '\0';
}

START_TEST(random_decks_answer_as_a_look_at_every_row_does)
{
	static struct line all[RANDOM_ROWS];
	static char prefixes[RANDOM_ROWS][20];
	uint64_t state = 5;
	size_t count = 0;
	uint32_t line;
	struct deck *deck = deck_new(RANDOM_ROWS, LOADING_PLENTY);
	while (count < RANDOM_ROWS) {
		struct line *row = &all[count];
		random_number(&state, 6, prefixes[count]);
		*row = (struct line){prefixes[count],
		                     (int64_t)(loading_random(&state) % 1000) - 100,
		                     (int64_t)(loading_random(&state) % 100), NEVER};
		if (loading_random(&state) % 4 == 0)
			row->from_s = ALWAYS;
		if (loading_random(&state) % 3 == 0)
			row->until_s = 100 + (int64_t)(loading_random(&state) % 100);
		if (loading_random(&state) % 5 == 0)
			row->until_s = row->from_s == ALWAYS ? 5 : row->from_s + 5;
		count += add(deck, row, 1, &line) == DECK_ADDED;
	}
	deck_finish(deck);
	for (int i = 0; i < 2000; i++) {
		char number[20], got[64], want[64] = "-";
		random_number(&state, 9, number);
		int64_t now_s = (int64_t)(loading_random(&state) % 220) - 10;
		const struct line *row = find_slowly(all, count, number, now_s);
		if (row && row->price < 0)
			snprintf(want, sizeof want, "%s blocked", row->prefix);
		else if (row)
			snprintf(want, sizeof want, "%s %lld", row->prefix,
			         (long long)row->price);
		const char *is = find(deck, number, now_s, got);
		loading_expect(strcmp(is, want) == 0, "%s at %lld: %s, not %s", number,
		               (long long)now_s, is, want);
	}
	deck_release(deck);
}
END_TEST

START_TEST(what_a_rate_says_is_kept)
{
	struct deck *deck = deck_new(2, LOADING_PLENTY);
	struct packed prefix = prefixes_pack(slice_of("+44"));
	char name[] = "UK", increment[] = "60/30";
	struct rate rate = {.price = {12500000},
	                    .has_quality = true,
	                    .quality = {0},
	                    .from_s = 5,
	                    .until_s = 9,
	                    .destination = slice_of(name),
	                    .increment = slice_of(increment)};
	struct deck_found found;
	uint32_t line;
	ck_assert_int_eq(deck_add(deck, &prefix, &rate, 1, &line), DECK_ADDED);
	name[0] = increment[0] = 'x';
	deck_finish(deck);
	ck_assert(deck_find(deck, slice_of("+44"), 5, &found));
	ck_assert(slice_equal(found.rate.destination, slice_of("UK")));
	ck_assert(slice_equal(found.rate.increment, slice_of("60/30")));
	ck_assert(found.rate.has_quality && !found.rate.blocked);
	ck_assert_int_eq(found.rate.quality.billionths, 0);
	ck_assert_int_eq(found.rate.from_s, 5);
	ck_assert_int_eq(found.rate.until_s, 9);
	deck_release(deck);
}
END_TEST

START_TEST(a_prefix_takes_40_bytes_with_10000_destinations)
{
	enum { COUNT = 200000 };
	struct deck *deck = deck_new(COUNT, LOADING_PLENTY);
	for (unsigned i = 0; i < COUNT; i++) {
		char prefix[20], name[20];
		uint32_t line;
		snprintf(prefix, sizeof prefix, "+%u", i + 1);
		snprintf(name, sizeof name, "Somewhere %u", i % 10000);
		struct packed packed = prefixes_pack(slice_of(prefix));
		struct rate rate = {.price = {i},
		                    .from_s = ALWAYS,
		                    .until_s = NEVER,
		                    .destination = slice_of(name)};
		ck_assert_int_eq(deck_add(deck, &packed, &rate, i, &line), DECK_ADDED);
	}
	deck_finish(deck);
	double bytes = (double)deck_bytes(deck) / COUNT;
	ck_assert_msg(bytes <= 40, "%.2f", bytes);
	deck_release(deck);
}
END_TEST

static struct deck *make_within(size_t limit)
{
	struct deck *deck = deck_new(300, limit);
	for (uint32_t i = 0; deck && i < 300; i++) {
		char prefix[20];
		uint32_t line;
		snprintf(prefix, sizeof prefix, "+%u", i + 1);
		struct line row = {prefix, 1, i, NEVER};
		if (add(deck, &row, i, &line) == DECK_ADDED)
			continue;
		deck_release(deck);
		return NULL;
	}
	return deck;
}

START_TEST(what_needs_more_than_its_memory_is_refused)
{
	struct deck *deck = NULL;
	size_t failures = 0;
	for (size_t limit = 0; !deck; limit += 500, failures++)
		deck = make_within(limit);
	ck_assert_uint_gt(failures, 40);
	deck_release(deck_hold(deck));
	deck_release(deck);
	deck_release(NULL);
	ck_assert_ptr_null(deck_new(UINT32_MAX, LOADING_PLENTY));
}
END_TEST

START_TEST(a_deck_is_listed_in_order)
{
	struct deck *deck = make(rows, LOADING_COUNT(rows));
	struct deck_prefix prefixes[4];
	static const char *const want[] = {"+1", "+44", "+447", "+4470"};
	static const size_t rates[] = {1, 2, 3, 1};
	deck_list(deck, prefixes);
	for (size_t i = 0; i < 4; i++) {
		char text[PREFIXES_TEXT_MAX];
		struct rate rate;
		size_t count = 0;
		ck_assert_str_eq(prefixes_text(prefixes[i].key, text).at, want[i]);
		int64_t from_s = NEVER;
		for (uint32_t next = prefixes[i].first; next; count++) {
			deck_rate(deck, next, &rate, &next);
			ck_assert_int_lt(rate.from_s, from_s);
			from_s = rate.from_s;
		}
		ck_assert_uint_eq(count, rates[i]);
	}
	struct rate rate;
	ck_assert(!deck_rate_at(deck, prefixes[2].first, 55, &rate));
	ck_assert(deck_rate_at(deck, prefixes[2].first, 60, &rate));
	ck_assert_int_eq(rate.price.billionths, 4);
	deck_release(deck);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("deck");
	TCase *tcase = tcase_create("deck");
	tcase_add_loop_test(tcase, the_longest_prefix_that_has_a_rate_in_force_counts, 0,
	                    LOADING_COUNT(asked));
	tcase_add_test(tcase, the_order_of_the_rows_does_not_matter);
	tcase_add_loop_test(tcase, a_prefix_has_one_rate_at_a_time, 0,
	                    LOADING_COUNT(overlaps));
	tcase_add_test(tcase, a_prefix_has_100_rates_at_most);
	tcase_add_test(tcase, random_decks_answer_as_a_look_at_every_row_does);
	tcase_add_test(tcase, what_a_rate_says_is_kept);
	tcase_add_test(tcase, a_prefix_takes_40_bytes_with_10000_destinations);
	tcase_add_test(tcase, what_needs_more_than_its_memory_is_refused);
	tcase_add_test(tcase, a_deck_is_listed_in_order);
	suite_add_tcase(suite, tcase);
	return suite;
}
