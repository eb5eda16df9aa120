/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "rules/sequence.h"
#include "tests/runner.h"

/* One rule, as often as it takes: nobody looks into it here. */
static const struct node rule = {.type = NODE_MAPPING, .position = {"r.yaml", 7, 3}};

static void add(struct load *load, struct sequence *sequence, uint32_t count, bool good)
{
	const struct node **items = malloc(count * sizeof(const struct node *));
	ck_assert_ptr_nonnull(items);
	for (uint32_t i = 0; i < count; i++)
		items[i] = &rule;
	struct node list = {.type = NODE_LIST, .count = count, .items = items};
	ck_assert(sequence_add_list(load, sequence, &list) == good);
	free(items);
}

/* Those of one list are a million, however many lists they are written in. */
START_TEST(rules_beyond_the_limit_are_one_error)
{
	struct load load = {.diags = diags_new()};
	struct sequence sequence = {0};
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	add(&load, &sequence, RULES_MAX - 10, true);
	add(&load, &sequence, 10, true);
	ck_assert_uint_eq(sequence.count, RULES_MAX);
	add(&load, &sequence, 2, false);
	ck_assert_uint_eq(sequence.count, RULES_MAX);
	diags_print(load.diags, to);
	fclose(to);
	ck_assert_str_eq(text, "r.yaml:7:3: error: more than 1000000 rules\n");
	free(text);
	sequence_free(&sequence);
	diags_free(load.diags);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("sequence");
	TCase *tcase = tcase_create("sequence");
	tcase_add_test(tcase, rules_beyond_the_limit_are_one_error);
	suite_add_tcase(suite, tcase);
	return suite;
}
