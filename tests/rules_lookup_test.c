/* SPDX-License-Identifier: MIT */
/* Lookups against a look at every rule: what the index leaves out could not have matched.
 */
#include <stdlib.h>
#include <string.h>

#include "rules/criteria.h"
#include "rules/table.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

/* How long the called text is by which rule matches; the longest wins. */
static size_t match_length(const struct rule *rule, struct slice called)
{
	const struct criterion *criterion = rule->when[CRITERION_CALLED];
	size_t length = 0;
	if (!criterion)
		return 0;
	for (size_t i = 0; i < criterion->text.exact_count; i++)
		if (slice_equal(criterion->text.exact[i], called))
			return SIZE_MAX;
	for (size_t i = 0; i < criterion->text.prefix_count; i++) {
		struct slice prefix = criterion->text.prefix[i];
		if (slice_begins(called, prefix) && prefix.len > length)
			length = prefix.len;
	}
	return length;
}

static bool rule_matches(const struct rule *rule, const struct facts *facts,
                         struct pattern_space *space)
{
	enum criterion_kind kind;
	bool negated;
	return criteria_match(rule, facts, false, space, &kind, &negated) == PATTERN_YES;
}

static const struct rule *look_at_all(const struct table *table,
                                      const struct facts *facts,
                                      struct pattern_space *space)
{
	const struct rule *best = NULL;
	for (size_t i = 0; i < table->top.rule_count; i++) {
		const struct rule *rule = &table->top.rules[i];
		if (!rule_matches(rule, facts, space))
			continue;
		if (!best ||
		    (table->top.longest && match_length(rule, facts->called) >
		                                   match_length(best, facts->called)))
			best = rule;
	}
	return best ? best : &table->top.fallback;
}

static struct table *load_random(uint64_t *state, struct loading_rules *rules,
                                 bool longest)
{
	char *findings;
	loading_random_rules(state, rules);
	char *yaml = loading_rules_yaml(rules, NULL, longest);
	struct table *table = loading_try(yaml, &findings);
	loading_expect(table, "%s%s", yaml, findings);
	free(findings);
	free(yaml);
	return table;
}

struct considering {
	const struct table *table;
	const struct facts *facts;
	struct pattern_space *space;
	bool matched;
};

static void check_considered(void *arg, const struct considered *considered)
{
	struct considering *considering = arg;
	const struct rule *rule = &considering->table->top.rules[considered->index];
	bool matches = rule_matches(rule, considering->facts, considering->space);
	loading_expect(!considering->matched, "the one that matches is not the last");
	loading_expect(slice_equal(considered->name, rule->name) &&
	                       considered->matched == matches &&
	                       considered->matched == !considered->criterion,
	               "rule %s is told wrongly", rule->name.at);
	considering->matched = considered->matched;
}

static void check_random_call(const struct table *table, uint64_t *state,
                              struct workspace *workspace, struct pattern_space *space)
{
	struct loading_call call;
	struct decision plain, traced;
	loading_random_call(state, &call);
	const struct rule *want = look_at_all(table, &call.facts, space);
	table_lookup(table, &call.facts, workspace, NULL, &plain);
	loading_expect(slice_equal(plain.rule, want->name),
	               "%s, called %s caller %s: got %s, want %s",
	               table->top.longest ? "longest" : "first", call.called, call.caller,
	               plain.rule.at, want->name.at);
	struct considering considering = {table, &call.facts, space, false};
	table_lookup(table, &call.facts, workspace,
	             &(struct trace){check_considered, &considering}, &traced);
	loading_expect(considering.matched == (want != &table->top.fallback) &&
	                       slice_equal(plain.rule, traced.rule) &&
	                       plain.status == traced.status &&
	                       plain.position.line == traced.position.line,
	               "with a trace, called %s caller %s: got %s, want %s", call.called,
	               call.caller, traced.rule.at, want->name.at);
}

START_TEST(a_lookup_finds_what_a_look_at_every_rule_finds)
{
	uint64_t state = 7 + (uint64_t)_i;
	struct loading_rules rules;
	struct workspace *workspace = workspace_new();
	struct pattern_space *space = pattern_space_new();
	for (int i = 0; i < 300; i++) {
		struct table *table = load_random(&state, &rules, _i);
		for (int call = 0; call < 200; call++)
			check_random_call(table, &state, workspace, space);
		table_free(table);
	}
	pattern_space_free(space);
	workspace_free(workspace);
}
END_TEST

/* Puts the rules that match not anywhere; the others keep their order. */
static void shuffle(uint64_t *state, const struct table *table, const struct facts *facts,
                    struct pattern_space *space, size_t *order)
{
	size_t matching[LOADING_RULES_MAX], count = 0, next = 0;
	for (size_t i = 0; i < table->top.rule_count; i++) {
		size_t j = (size_t)(loading_random(state) % (i + 1));
		order[i] = order[j];
		order[j] = i;
	}
	for (size_t i = 0; i < table->top.rule_count; i++)
		if (rule_matches(&table->top.rules[i], facts, space))
			matching[count++] = i;
	for (size_t i = 0; i < table->top.rule_count; i++)
		if (rule_matches(&table->top.rules[order[i]], facts, space))
			order[i] = matching[next++];
}

START_TEST(the_order_of_rules_that_do_not_match_does_not_matter)
{
	uint64_t state = 9 + (uint64_t)_i;
	struct loading_rules rules;
	struct pattern_space *space = pattern_space_new();
	for (int i = 0; i < 200; i++) {
		struct loading_call call;
		size_t order[LOADING_RULES_MAX] = {0};
		char *findings;
		struct table *table = load_random(&state, &rules, _i);
		loading_random_call(&state, &call);
		char *before = loading_decide(table, &call.facts);
		shuffle(&state, table, &call.facts, space, order);
		char *yaml = loading_rules_yaml(&rules, order, _i);
		struct table *shuffled = loading_try(yaml, &findings);
		char *after = loading_decide(shuffled, &call.facts);
		loading_expect(strcmp(after, before) == 0, "got  %s\nwant %s", after,
		               before);
		free(after);
		free(findings);
		free(yaml);
		free(before);
		table_free(shuffled);
		table_free(table);
	}
	pattern_space_free(space);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("lookup");
	TCase *tcase = tcase_create("lookup");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_loop_test(tcase, a_lookup_finds_what_a_look_at_every_rule_finds, 0, 2);
	tcase_add_loop_test(tcase, the_order_of_rules_that_do_not_match_does_not_matter,
	                    0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}
