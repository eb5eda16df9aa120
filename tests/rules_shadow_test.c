/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/shadow.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

/* The rules behind one another, and whether the last of them is unreachable because of
 * another. */
static const struct {
	const char *rules[3];
	int first, longest; /* which rule is in front, from 0; -1: none */
} cases[] = {
	/* Nothing asked: everything behind is unreachable, but longest asks numbers
           first. */
	{{"", ""}, 0, 0},
	{{"", "called: 1"}, 0, -1},
	{{"", "called: {prefix: 1}"}, 0, -1},
	{{"", "called: {regex: 1}"}, 0, 0},
	{{"", "called: {prefix: \"\"}"}, 0, 0},
	{{"", "host: a"}, 0, 0},
	{{"called: {prefix: \"\"}", ""}, 0, 0},
	{{"called: {prefix: \"\"}", "called: 1"}, 0, -1},
	{{"called: {prefix: \"\"}", "called: {regex: 1}"}, 0, 0},
	{{"called: {prefix: \"\"}", "called: {prefix: \"\"}"}, 0, 0},
	{{"host: a", ""}, -1, -1},
	{{"host: a", "host: b", "host: a"}, 0, 0},
	{{"caller: {prefix: \"\"}", ""},
         -1,
         -1}, /* it does, but that is not looked for */

	/* Numbers */
	{{"called: 1", "called: 1"}, 0, 0},
	{{"called: 1", "called: 2"}, -1, -1},
	{{"called: 1", "called: \"1\"", "called: 1"}, 0, 0},
	{{"called: [1, 2, 3]", "called: [3, 1]"}, 0, 0},
	{{"called: [1, 2]", "called: [1, 3]"}, -1, -1},
	{{"called: 1", "called: 2", "called: [1, 2]"},
         -1,
         -1}, /* only both together do */
	{{"called: {prefix: 1}", "called: {prefix: 1}"}, 0, 0},
	{{"called: {prefix: 1}", "called: {prefix: 12}"}, 0, -1},
	{{"called: {prefix: 12}", "called: {prefix: 1}"}, -1, -1},
	{{"called: {prefix: 1}", "called: 1"}, 0, -1},
	{{"called: {prefix: 1}", "called: 12"}, 0, -1},
	{{"called: 1", "called: {prefix: 1}"}, -1, -1},
	{{"called: {prefix: [1, 2]}", "called: {prefix: [2, 1]}"}, 0, 0},
	{{"called: {prefix: [1, 2]}", "called: {prefix: [21, 1]}"}, 0, -1},
	{{"called: {prefix: [1, 2]}", "called: {prefix: [1, 3]}"}, -1, -1},
	{{"called: {prefix: [1, 12]}", "called: {prefix: 12}"}, 0, 0},
	{{"called: {prefix: [1, 12]}", "called: {prefix: 1}"}, 0, 0},
	{{"called: {exact: 5, prefix: 1}", "called: {exact: 5, prefix: 1}"}, 0, 0},
	{{"called: {exact: 5, prefix: 1}", "called: {exact: 12, prefix: 1}"}, 0, -1},
	{{"called: +44 20", "called: \"+4420\""}, 0, 0},

	/* Regexes are compared by their text. */
	{{"called: {regex: 1}", "called: {regex: 1}"}, 0, 0},
	{{"called: {regex: 1}", "called: {regex: 11}"}, -1, -1},
	{{"called: {regex: [1, 2]}", "called: {regex: 2}"}, 0, 0},
	{{"called: {regex: 1}", "called: {regex: [1, 2]}"}, -1, -1},
	{{"called: {regex: .}", "called: {prefix: 1}"}, -1, -1},
	{{"called: {regex: 1, prefix: 1}", "called: {prefix: 1}"}, 0, 0},
	{{"called: {regex: 1, prefix: 1}", "called: {prefix: 12}"}, 0, -1},
	{{"called: {regex: 1, prefix: 1}", "called: {regex: 1}"}, 0, 0},
	{{"called: {regex: 1}", "called: {regex: 1, prefix: 1}"}, -1, -1},
	{{"called: {regex: 1, exact: 2}", "called: {regex: 1, exact: 2}"}, 0, 0},
	{{"called: {regex: 1}", "called: {regex: 1}, host: a"}, 0, 0},
	{{"called: {regex: 1}, host: a", "called: {regex: 1}"}, -1, -1},

	/* The other criteria: as strict as in front, or stricter. */
	{{"called: 1, host: a", "called: 1, host: A"}, 0, 0},
	{{"called: 1, host: a", "called: 1, host: b"}, -1, -1},
	{{"called: 1, host: a", "called: 1"}, -1, -1},
	{{"called: 1", "called: 1, caller: 2, source: 10.0.0.1"}, 0, 0},
	{{"called: 1, caller: {prefix: 2}", "called: 1, caller: 22"}, 0, 0},
	{{"called: 1, caller: 22", "called: 1, caller: {prefix: 2}"}, -1, -1},
	{{"called: 1, caller: {regex: 2}", "called: 1, caller: {regex: 2}"}, 0, 0},
	{{"source: 10.0.0.0/8", "source: 10.1.0.0/16, called: 1"}, 0, -1},
	{{"source: 10.0.0.0/8", "source: 10.1.0.0/16"}, 0, 0},
	{{"source: 10.1.0.0/16", "source: 10.0.0.0/8"}, -1, -1},
	{{"source: 10.0.0.0/8", "source: [10.1.0.0/16, 192.0.2.1]"}, -1, -1},
	{{"source: 0.0.0.0/0", "source: \"::/0\""}, -1, -1},
	{{"source: \"::/0\"", "source: 0.0.0.0/0"}, 0, 0},
	{{"listener: udp:10.0.0.1", "listener: UDP:10.0.0.1:5060"}, 0, 0},
	{{"listener: udp:10.0.0.1", "listener: tcp:10.0.0.1"}, -1, -1},
	{{"header: {X: a}", "header: {x: a, Y: b}"}, 0, 0},
	{{"header: {X: a, Y: b}", "header: {X: a}"}, -1, -1},
	{{"header: {X: {prefix: a}}", "header: {X: ab}"}, 0, 0},
	{{"header: {X: ab}", "header: {X: {prefix: a}}"}, -1, -1},

	/* Times are compared by name, from and until as what is between them. */
	{{"time: a", "time: a"}, 0, 0},
	{{"time: a", "called: 1, time: a"}, 0, -1},
	{{"time: a", ""}, -1, -1},
	{{"", "time: a"}, 0, 0},
	{{"time: a", "time: b"}, -1, -1},
	{{"time: [a, b]", "time: b"}, 0, 0},
	{{"time: a", "time: [a, b]"}, -1, -1},
	{{"time: a", "time: b", "time: [a, b]"}, -1, -1},
	{{"time: a", "not: {time: a}"}, -1, -1},
	{{"not: {time: a}", "not: {time: [a, b]}"}, 0, 0},
	{{"not: {time: [a, b]}", "not: {time: a}"}, -1, -1},
	{{"from: 2026-12-24", ""}, -1, -1},
	{{"", "from: 2026-12-24"}, 0, 0},
	{{"from: 2026-12-24", "from: 2026-12-24T00:00Z"}, 0, 0},
	{{"from: 2026-12-24", "from: 2026-12-25"}, 0, 0},
	{{"from: 2026-12-25", "from: 2026-12-24"}, -1, -1},
	{{"from: 2026-12-24", "until: 2026-12-25"}, -1, -1},
	{{"from: 2026-12-24", "from: 2026-12-24, until: 2026-12-25"}, 0, 0},
	{{"until: 2026-12-25", "from: 2026-12-24, until: 2026-12-25T10:00"}, 0, 0},
	{{"until: 2026-12-25T00:00", "until: 2026-12-25"}, -1, -1},
	{{"time: a, from: 2026-12-24", "time: a, from: 2026-12-25"}, 0, 0},
	{{"time: a, from: 2026-12-24", "time: b, from: 2026-12-25"}, -1, -1},

	/* not: what is left out in front must be left out behind. */
	{{"called: 1, not: {host: a}", "called: 1"}, -1, -1},
	{{"called: 1", "called: 1, not: {host: a}"}, 0, 0},
	{{"called: 1, not: {host: a}", "called: 1, not: {host: a}"}, 0, 0},
	{{"called: 1, not: {host: a}", "called: 1, not: {host: [a, b]}"}, 0, 0},
	{{"called: 1, not: {host: [a, b]}", "called: 1, not: {host: a}"}, -1, -1},
	{{"not: {called: 1}", "not: {called: {prefix: 1}}"}, 0, 0},
	{{"not: {called: {prefix: 1}}", "not: {called: 1}"}, -1, -1},
	{{"not: {source: 10.1.0.0/16}", "not: {source: 10.0.0.0/8}"}, 0, 0},
	{{"not: {source: 10.0.0.0/8}", "not: {source: 10.1.0.0/16}"}, -1, -1},

	/* The first one in front is named, wherever it is found. */
	{{"called: {prefix: 1}", "called: {prefix: 12}, host: a",
          "called: {prefix: 12}, host: a"},
         0,
         1},
	{{"host: b", "called: {prefix: 1}", "called: {prefix: 1}, host: a"}, 1, 1},
};

/* Which rule the warning of rule last names; -1 if there is none. */
static int named_in_front(const char *findings, int last)
{
	char warning[100];
	snprintf(warning, sizeof warning, "warning: rule \"r%d\" can never match\n",
	         last);
	const char *at = strstr(findings, warning);
	int front;
	if (!at || sscanf(at + strlen(warning), "  hint: rule \"r%d\"", &front) != 1)
		return -1;
	return front;
}

static void check_case(int row, bool longest)
{
	char yaml[1000], *findings;
	int count = 0;
	sprintf(yaml, "match: %s\ntimes: {a: {days: mon}, b: {days: tue}}\nrules:\n",
	        longest ? "longest" : "first");
	for (; count < 3 && cases[row].rules[count]; count++)
		sprintf(yaml + strlen(yaml), "- {name: r%d, %s%sreject: 404}\n", count,
		        cases[row].rules[count], *cases[row].rules[count] ? ", " : "");
	table_free(loading_try(yaml, &findings));
	int want = longest ? cases[row].longest : cases[row].first;
	ck_assert_msg(named_in_front(findings, count - 1) == want, "%sgot: %s", yaml,
	              findings);
	free(findings);
}

START_TEST(a_rule_behind_one_that_takes_all_its_calls_is_warned_of)
{
	check_case(_i, false);
}
END_TEST

START_TEST(with_longest_only_rules_of_the_same_length_are_behind)
{
	check_case(_i, true);
}
END_TEST

START_TEST(a_warning_names_both_places)
{
	char *findings;
	table_free(loading_try("rules:\n"
	                       "- {called: {prefix: +44}, reject: 404}\n"
	                       "- {name: \"say \\\"112\\\"\", called: 112, reject: 404}\n"
	                       "- name: London\n"
	                       "  called: {prefix: +4420}\n"
	                       "  reject: 404\n"
	                       "- {called: 112, reject: 404}\n",
	                       &findings));
	ck_assert_str_eq(
		findings,
		"t.yaml:4:3: warning: rule \"London\" can never match\n"
		"  hint: rule \"rule 1\" at t.yaml:2:3 takes every such call first\n"
		"t.yaml:7:3: warning: rule \"rule 4\" can never match\n"
		"  hint: rule \"say \"112\"\" at t.yaml:3:3 takes every such call "
		"first\n");
	free(findings);
}
END_TEST

START_TEST(the_default_never_stands_behind_a_rule)
{
	char *findings;
	table_free(loading_try("rules: [{reject: 404}]\ndefault: {reject: 403}\n",
	                       &findings));
	ck_assert_str_eq(findings, "");
	free(findings);
}
END_TEST

struct winners {
	bool unreachable[LOADING_RULES_MAX];
	size_t warnings;
};

static void find_unreachable(const char *findings, size_t count, struct winners *winners)
{
	memset(winners, 0, sizeof *winners);
	for (size_t i = 0; i < count; i++) {
		winners->unreachable[i] = named_in_front(findings, (int)i) >= 0;
		winners->warnings += winners->unreachable[i];
	}
}

/* Returns how many rules were warned of. */
static size_t check_random_table(uint64_t *state, bool longest)
{
	struct loading_rules rules;
	struct winners winners;
	char *findings;
	loading_random_rules(state, &rules);
	char *yaml = loading_rules_yaml(&rules, NULL, longest);
	struct table *table = loading_try(yaml, &findings);
	ck_assert_msg(table, "%s%s", yaml, findings);
	find_unreachable(findings, rules.count, &winners);
	struct workspace *workspace = workspace_new();
	for (int i = 0; i < 400; i++) {
		struct loading_call call;
		struct decision decision;
		loading_random_call(state, &call);
		table_lookup(table, &call.facts, workspace, NULL, &decision);
		size_t rule = decision.status - 400;
		loading_expect(!slice_begins(decision.rule, slice_of("r")) ||
		                       !winners.unreachable[rule],
		               "%s%scalled %s caller %s", yaml, findings, call.called,
		               call.caller);
	}
	workspace_free(workspace);
	table_free(table);
	free(findings);
	free(yaml);
	return winners.warnings;
}

START_TEST(a_rule_that_is_warned_of_never_wins)
{
	uint64_t state = 6;
	size_t warned = 0;
	for (int i = 0; i < 300; i++)
		warned += check_random_table(&state, i % 2);
	ck_assert_uint_gt(warned, 300);
}
END_TEST

/* Texts in lists compare as soon as rules do: the time is bounded, and so silence. */
START_TEST(long_lists_are_soon_compared)
{
	char *yaml = NULL, *findings;
	size_t len;
	FILE *to = open_memstream(&yaml, &len);
	fputs("rules:\n- {host: a, reject: 404, called: {prefix: &list [", to);
	for (int i = 0; i < 100000; i++)
		fprintf(to, "\"+%d\", ", 44000000 + i);
	fputs("]}}\n- {host: a, reject: 404, called: {prefix: *list}}\n", to);
	for (int i = 0; i < 5; i++)
		fprintf(to, "- {host: h%d, reject: 404, called: {prefix: *list}}\n", i);
	fclose(to);
	table_free(loading_try(yaml, &findings));
	ck_assert_msg(strstr(findings, "rule \"rule 2\" can never match\n") != NULL, "%s",
	              findings);
	free(findings);
	free(yaml);
}
END_TEST

START_TEST(many_rules_of_one_number_are_soon_compared)
{
	char *yaml = NULL, *findings;
	size_t len;
	FILE *to = open_memstream(&yaml, &len);
	fputs("rules:\n", to);
	for (int i = 0; i < 20000; i++)
		fprintf(to, "- {called: 1, host: h%d, reject: 404}\n", i);
	fclose(to);
	struct table *table = loading_try(yaml, &findings);
	ck_assert_str_eq(findings, "");
	table_free(table);
	free(findings);
	free(yaml);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("shadow");
	TCase *tcase = tcase_create("shadow");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_loop_test(tcase,
	                    a_rule_behind_one_that_takes_all_its_calls_is_warned_of, 0,
	                    LOADING_COUNT(cases));
	tcase_add_loop_test(tcase, with_longest_only_rules_of_the_same_length_are_behind,
	                    0, LOADING_COUNT(cases));
	tcase_add_test(tcase, a_warning_names_both_places);
	tcase_add_test(tcase, the_default_never_stands_behind_a_rule);
	tcase_add_test(tcase, a_rule_that_is_warned_of_never_wins);
	tcase_add_test(tcase, long_lists_are_soon_compared);
	tcase_add_test(tcase, many_rules_of_one_number_are_soon_compared);
	suite_add_tcase(suite, tcase);
	return suite;
}
