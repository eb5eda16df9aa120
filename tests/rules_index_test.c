/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/index.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

/* The rules of a walk in order, "?" behind those whose `called` is not known to match. */
static void describe_walk(const struct table *table, struct slice called, bool longest,
                          char *to, size_t size)
{
	static struct walk walk;
	uint32_t rule;
	bool known;
	size_t len = 0;
	*to = '\0';
	walk_start(&walk, table->top.index, &(struct facts){.called = called}, longest);
	while (walk_next(&walk, &rule, &known))
		len += (size_t)snprintf(to + len, size - len, "%s%u%s", len ? " " : "",
		                        rule, known ? "" : "?");
	ck_assert(!walk_next(&walk, &rule, &known));
}

static const struct {
	const char *called; /* of the rules, one after the other */
	struct slice number;
	const char *first, *longest;
} walks[] = {
	{"", LOADING_TEXT("1"), "", ""},
	{"112; 999", LOADING_TEXT("112"), "0", "0"},
	{"112; 999", LOADING_TEXT("999"), "1", "1"},
	{"112; 999", LOADING_TEXT("1"), "", ""},
	{"112; 999", LOADING_TEXT(""), "", ""},
	{"-; 112; -", LOADING_TEXT("112"), "0? 1 2?", "1 0? 2?"},
	{"-; 112; -", LOADING_TEXT("113"), "0? 2?", "0? 2?"},
	{"{prefix: 1}; {prefix: 11}; 112; {prefix: 112}", LOADING_TEXT("112"), "0 1 2 3",
         "2 3 1 0"},
	{"{prefix: 1}; {prefix: 11}; 112; {prefix: 112}", LOADING_TEXT("1121"), "0 1 3",
         "3 1 0"},
	{"{prefix: 1}; {prefix: 11}; 112; {prefix: 112}", LOADING_TEXT("12"), "0", "0"},
	{"{prefix: 11}; {prefix: 1}; {prefix: 11}", LOADING_TEXT("112"), "0 1 2",
         "0 2 1"},
	/* An empty prefix, a regex and nothing at all are of length 0. */
	{"-; {prefix: \"\"}; {regex: 1}; {prefix: 1}", LOADING_TEXT("1"), "0? 1 2? 3",
         "3 0? 1 2?"},
	{"{prefix: \"\"}; -; {prefix: \"\"}", LOADING_TEXT(""), "0 1? 2", "0 1? 2"},
	/* The empty number is a number. */
	{"\"\"; -; {prefix: \"\"}; 1", LOADING_TEXT(""), "0 1? 2", "0 1? 2"},
	{"\"\"; 1", LOADING_TEXT("1"), "1", "1"},
	/* One rule comes once, with longest as often as it has a prefix. */
	{"{prefix: [1, 11]}; {prefix: 1}", LOADING_TEXT("111"), "0 1", "0 0 1"},
	{"{prefix: [11, 1, 1, 11]}", LOADING_TEXT("11"), "0", "0 0"},
	{"[1, 1, 2]; 1", LOADING_TEXT("1"), "0 1", "0 1"},
	{"{exact: 11, prefix: 1}; {prefix: 11}", LOADING_TEXT("11"), "0 1", "0 1 0"},
	/* A prefix counts even if the rule has a regex, too. */
	{"{prefix: 1, regex: 2}; {prefix: 11}", LOADING_TEXT("11"), "0? 1", "1 0 0?"},
	{"{prefix: 11, regex: 2}; {prefix: 1}", LOADING_TEXT("11"), "0? 1", "0 1 0?"},
	{"{exact: 11, regex: 2}; -", LOADING_TEXT("3"), "0? 1?", "0? 1?"},
	{"{prefix: [\"\", 1]}; {prefix: \"\"}", LOADING_TEXT("1"), "0 1", "0 0 1"},
	/* Bytes are bytes. */
	{"{prefix: \"\u00e9\"}; {prefix: e}", LOADING_TEXT("\xc3\xa9t\xc3\xa9"), "0",
         "0"},
	{"a; -", LOADING_TEXT("a\0"), "1?", "1?"},
};

static struct table *load_called(const char *list)
{
	char yaml[1000] = "rules: [", copy[500], *rest;
	snprintf(copy, sizeof copy, "%s", list);
	for (char *called = strtok_r(copy, ";", &rest); called;
	     called = strtok_r(NULL, ";", &rest)) {
		bool any = strstr(called, "-") != NULL;
		sprintf(yaml + strlen(yaml), "{%s%s%s, host: h%zu, reject: 404}, ",
		        any ? "not: {called: x}" : "called: ", any ? "" : called, "",
		        strlen(yaml));
	}
	strcat(yaml, "]");
	return loading_good(yaml);
}

START_TEST(a_walk_meets_the_rules_of_a_number_in_their_order)
{
	char got[100];
	struct table *table = load_called(walks[_i].called);
	describe_walk(table, walks[_i].number, false, got, sizeof got);
	ck_assert_msg(strcmp(got, walks[_i].first) == 0, "%s: got %s, want %s",
	              walks[_i].called, got, walks[_i].first);
	describe_walk(table, walks[_i].number, true, got, sizeof got);
	ck_assert_msg(strcmp(got, walks[_i].longest) == 0, "%s, longest: got %s, want %s",
	              walks[_i].called, got, walks[_i].longest);
	table_free(table);
}
END_TEST

/* Tables made without a file, for they are large. */
struct many {
	struct table table;
	struct rule *rules;
	struct criterion *criteria;
	struct slice *texts;
	char (*names)[16];
};

static void many_init(struct many *many, size_t count)
{
	many->rules = calloc(count, sizeof *many->rules);
	many->criteria = calloc(count, sizeof *many->criteria);
	many->texts = calloc(count, sizeof *many->texts);
	many->names = calloc(count, sizeof *many->names);
	many->table = (struct table){.arena = arena_new(LOADING_PLENTY),
	                             .top.rule_count = count,
	                             .top.rules = many->rules};
}

static void many_set(struct many *many, size_t i, const char *number, bool exact)
{
	snprintf(many->names[i], sizeof many->names[i], "%s", number);
	many->texts[i] = slice_of(many->names[i]);
	if (exact)
		many->criteria[i].text =
			(struct text_match){.exact_count = 1, .exact = &many->texts[i]};
	else
		many->criteria[i].text =
			(struct text_match){.prefix_count = 1, .prefix = &many->texts[i]};
	many->rules[i].when[CRITERION_CALLED] = &many->criteria[i];
}

static void many_fini(struct many *many)
{
	arena_free(many->table.arena);
	free(many->names);
	free(many->texts);
	free(many->criteria);
	free(many->rules);
}

START_TEST(a_walk_over_100000_rules_visits_those_of_its_number_only)
{
	enum { COUNT = 100000 };
	struct many many;
	char number[20];
	many_init(&many, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		/* Prefixes of 3 to 8 digits and exact numbers, all different. */
		snprintf(number, sizeof number, "%zu%0*zu", i % 6, 2 + (int)(i % 6),
		         i / 6);
		many_set(&many, i, number, i % 7 == 0);
	}
	many.table.top.index = index_new(many.table.arena, &many.table.top);
	ck_assert_ptr_nonnull(many.table.top.index);
	uint64_t state = 5;
	size_t visited = 0;
	for (int call = 0; call < 2000; call++) {
		static struct walk walk;
		uint32_t rule;
		bool known;
		size_t wanted = 0, got = 0;
		snprintf(number, sizeof number, "%llu",
		         (unsigned long long)(loading_random(&state) % 600000000));
		struct slice called = slice_of(number);
		if (call % 20 == 0) /* a look at all takes its time */
			for (size_t i = 0; i < COUNT; i++)
				wanted += i % 7 ? slice_begins(called, many.texts[i])
				                : slice_equal(called, many.texts[i]);
		walk_start(&walk, many.table.top.index, &(struct facts){.called = called},
		           call % 2);
		while (walk_next(&walk, &rule, &known)) {
			loading_expect(
				known && slice_begins(called, many.texts[rule]) &&
					(rule % 7 || called.len == many.texts[rule].len),
				"%s", number);
			got++;
		}
		ck_assert(call % 20 || got == wanted);
		visited += got;
	}
	ck_assert_uint_gt(visited, 100);
	ck_assert_uint_lt(visited, 6 * 2000);
	many_fini(&many);
}
END_TEST

START_TEST(a_walk_has_room_for_every_length_there_is)
{
	struct many many;
	static char ones[NUMBER_MAX + 1000];
	static struct walk walk;
	uint32_t rule;
	bool known;
	memset(ones, '1', sizeof ones);
	many_init(&many, NUMBER_MAX + 3);
	for (size_t len = 0; len <= NUMBER_MAX; len++) {
		many_set(&many, len, "", false);
		many.texts[len] = (struct slice){ones, len};
	}
	many_set(&many, NUMBER_MAX + 1, "", true);
	many.texts[NUMBER_MAX + 1] = (struct slice){ones, NUMBER_MAX};
	many.table.top.index = index_new(many.table.arena, &many.table.top);
	for (int longest = 0; longest < 2; longest++) {
		size_t count = 0;
		walk_start(&walk, many.table.top.index,
		           &(struct facts){.called = {ones, NUMBER_MAX}}, longest);
		while (walk_next(&walk, &rule, &known))
			count++;
		ck_assert_uint_eq(count, NUMBER_MAX + 3);
		walk_start(&walk, many.table.top.index,
		           &(struct facts){.called = {ones, sizeof ones}}, longest);
		for (count = 0; walk_next(&walk, &rule, &known);)
			count++;
		ck_assert_uint_eq(count, NUMBER_MAX + 2); /* not the exact one */
	}
	many_fini(&many);
}
END_TEST

/* Visits */

struct visits {
	char text[100];
	uint32_t stop;
};

static bool visit(void *arg, uint32_t rule)
{
	struct visits *visits = arg;
	sprintf(visits->text + strlen(visits->text), "%u ", rule);
	return rule != visits->stop;
}

START_TEST(a_chain_is_visited_in_order_until_told_to_stop)
{
	struct table *table =
		load_called("1; {prefix: 1}; -; [2, 1]; {prefix: [2, 1]}; -; 1; "
	                    "{regex: 1, prefix: 1}");
	static const struct {
		const char *key;
		bool exact;
		uint32_t stop;
		const char *want;
	} rows[] = {
		{"1", true, 99, "0 3 6 "},  {"1", true, 3, "0 3 "},
		{"1", false, 99, "1 4 7 "}, {"2", true, 99, "3 "},
		{"2", false, 99, "4 "},     {"3", true, 99, ""},
		{"3", false, 99, ""},       {"", false, 99, ""},
		{"", true, 99, ""},
	};
	for (int i = 0; i < LOADING_COUNT(rows); i++) {
		struct visits visits = {"", rows[i].stop};
		index_visit(table->top.index, slice_of(rows[i].key), rows[i].exact, visit,
		            &visits);
		ck_assert_str_eq(visits.text, rows[i].want);
	}
	struct visits visits = {"", 5};
	index_visit_rest(table->top.index, visit, &visits);
	ck_assert_str_eq(visits.text, "2 5 ");
	visits = (struct visits){"", 99};
	index_visit_rest(table->top.index, visit, &visits);
	ck_assert_str_eq(visits.text, "2 5 7 ");
	table_free(table);
}
END_TEST

START_TEST(an_index_without_memory_is_none)
{
	struct many many;
	many_init(&many, 100);
	for (size_t i = 0; i < 100; i++) {
		char number[8];
		snprintf(number, sizeof number, "%zu", i);
		many_set(&many, i, number, i % 2);
	}
	size_t failures = 0;
	for (size_t limit = 0; !many.table.top.index; limit += 16, failures++) {
		arena_free(many.table.arena);
		many.table.arena = arena_new(1000 + limit);
		many.table.top.index = index_new(many.table.arena, &many.table.top);
	}
	ck_assert_uint_gt(failures, 100);
	many_fini(&many);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("index");
	TCase *tcase = tcase_create("index");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_loop_test(tcase, a_walk_meets_the_rules_of_a_number_in_their_order, 0,
	                    LOADING_COUNT(walks));
	tcase_add_test(tcase, a_walk_over_100000_rules_visits_those_of_its_number_only);
	tcase_add_test(tcase, a_walk_has_room_for_every_length_there_is);
	tcase_add_test(tcase, a_chain_is_visited_in_order_until_told_to_stop);
	tcase_add_test(tcase, an_index_without_memory_is_none);
	suite_add_tcase(suite, tcase);
	return suite;
}
