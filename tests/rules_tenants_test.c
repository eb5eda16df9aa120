/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/tenants.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static const char tables[] = "tables:\n"
			     "  acme: {host: [acme.example, \"[2001:DB8::1]\"]}\n"
			     "  two: {profile: trunks, peer: [a, b], host: two.example}\n"
			     "  trunks-b: {profile: trunks, peer: b}\n"
			     "  any-two: {host: two.example}\n"
			     "  phones: {profile: phones}\n"
			     "  peer-c: {peer: c}\n";

static const struct {
	const char *profile, *peer, *host, *table;
} choices[] = {
	{"trunks", "a", "acme.example", "acme"},
	{"", "", "ACME.Example", "acme"},
	{"", "", "[2001:db8:0:0::1]", "acme"},
	{"", "", "acme.example.net", ""},
	{"", "", "acme.exampl", ""},
	{"trunks", "a", "two.example", "two"},
	{"trunks", "b", "two.example", "two"},
	{"trunks", "b", "other", "trunks-b"},
	/* The first in their order, be it by one selector or by three. */
	{"trunks", "b", "acme.example", "acme"},
	{"phones", "c", "two.example", "any-two"},
	{"trunks", "c", "two.example", "any-two"},
	{"phones", "c", "x", "phones"},
	{"trunks", "c", "x", "peer-c"},
	{"", "c", "", "peer-c"}, /* a tel URI has no host */
	{"trunks", "a", "x", ""},
	{"Phones", "C", "", ""}, /* names are compared by case */
	{"", "", "", ""},
	{"\1", "\1", "\1", ""},
};

START_TEST(a_request_asks_the_first_table_that_is_for_it)
{
	struct table *table = loading_good(tables);
	struct facts facts = {.profile = slice_of(choices[_i].profile),
	                      .peer = slice_of(choices[_i].peer),
	                      .host = slice_of(choices[_i].host)};
	const struct ruleset *got = tenants_choose(table, &facts);
	ck_assert_str_eq(got->name.at ? got->name.at : "", choices[_i].table);
	ck_assert((got == &table->top) == !*choices[_i].table);
	table_free(table);
}
END_TEST

START_TEST(what_is_too_long_is_for_no_table)
{
	static char longer[70000];
	struct table *table = loading_good(tables);
	struct slice text = {longer, sizeof longer};
	memset(longer, 'a', sizeof longer);
	struct facts facts = {.profile = text, .peer = text, .host = text};
	ck_assert_ptr_eq(tenants_choose(table, &facts), &table->top);
	facts.peer = slice_of("c");
	ck_assert_str_eq(tenants_choose(table, &facts)->name.at, "peer-c");
	table_free(table);
}
END_TEST

/* What the whole table answers. */

static const char whole[] =
	"gateways: {a: sip:a, b: sip:b}\n"
	"tables:\n"
	"  acme:\n"
	"    host: acme\n"
	"    match: longest\n"
	"    rules:\n"
	"    - {name: all, called: {prefix: \"\"}, redirect: a}\n"
	"    - {name: uk, called: {prefix: 44}, redirect: b}\n"
	"    default: {reject: 403}\n"
	"  globex: {host: globex, rules: [{name: uk, called: 44, redirect: b}]}\n"
	"  empty: {host: empty}\n"
	"rules:\n"
	"- {name: uk, called: {prefix: 44}, reject: 603}\n"
	"- {called: 1, redirect: a}\n"
	"default: {reject: 410}\n";

static const struct {
	const char *host, *called, *decision, *table;
} answers[] = {
	{"acme", "441", "uk: 302 b=sip:441@b number=441", "acme"},
	{"acme", "1", "all: 302 a=sip:1@a number=1", "acme"},
	{"globex", "44", "uk: 302 b=sip:44@b number=44", "globex"},
	/* A table without a default has none of another. */
	{"globex", "441", "default: 404", "globex"},
	{"empty", "1", "default: 404", "empty"},
	{"other", "441", "uk: 603", ""},
	{"other", "1", "rule 2: 302 a=sip:1@a number=1", ""},
	{"other", "2", "default: 410", ""},
};

START_TEST(each_table_has_its_own_rules_order_and_default)
{
	struct table *table = loading_good(whole);
	struct facts facts = {.host = slice_of(answers[_i].host),
	                      .called = slice_of(answers[_i].called)};
	struct workspace *workspace = workspace_new();
	struct decision decision;
	char *got = loading_decide(table, &facts);
	ck_assert_str_eq(got, answers[_i].decision);
	table_lookup(table, &facts, workspace, NULL, &decision);
	ck_assert(slice_equal(decision.table, slice_of(answers[_i].table)));
	workspace_free(workspace);
	free(got);
	table_free(table);
}
END_TEST

struct told {
	const struct ruleset *chosen;
	size_t rules;
};

static void on_chosen(void *arg, const struct ruleset *ruleset)
{
	struct told *told = arg;
	ck_assert_ptr_null(told->chosen);
	ck_assert_uint_eq(told->rules, 0);
	told->chosen = ruleset;
}

static void on_considered(void *arg, const struct considered *considered)
{
	struct told *told = arg;
	struct considered same;
	ck_assert_ptr_nonnull(told->chosen);
	ruleset_rule(told->chosen, considered->index, &same);
	ck_assert_str_eq(same.name.at, considered->name.at);
	told->rules++;
}

START_TEST(a_trace_is_told_the_table_before_the_rules)
{
	struct table *table = loading_good(whole);
	struct workspace *workspace = workspace_new();
	struct decision decision;
	struct told told = {0};
	struct trace trace = {on_considered, &told, on_chosen};
	struct facts facts = {.host = slice_of("acme"), .called = slice_of("44")};
	table_lookup(table, &facts, workspace, &trace, &decision);
	ck_assert_ptr_eq(told.chosen, table_ruleset(table, 0));
	ck_assert_uint_eq(told.rules, 1);
	ck_assert_uint_eq(table_ruleset_count(table), 4);
	ck_assert_ptr_eq(table_ruleset(table, 3), &table->top);
	ck_assert_uint_eq(table_counts(table).tables, 3);
	ck_assert_uint_eq(table_counts(table).rules, 5);
	workspace_free(workspace);
	table_free(table);
}
END_TEST

/* Findings */

static const struct {
	const char *yaml, *findings;
} found[] = {
	{"tables: [a]",
         "t.yaml:1:9: error: \"tables\" must be a mapping of names to tables\n"
         "  hint: write tables: {acme: {host: acme.example}}\n"},
	{"tables: {a: b}", "t.yaml:1:13: error: a table must be a mapping, not a text\n"},
	{"tables: {a: {}, b: {rules: []}}",
         "t.yaml:1:10: error: table \"a\" needs profile, peer or host\n"
         "  hint: requests of no table ask the rules of the top level\n"
         "t.yaml:1:17: error: table \"b\" needs profile, peer or host\n"
         "  hint: requests of no table ask the rules of the top level\n"},
	{"tables:\n  a: {host: x}\n  b: {host: y}\n  a: {peer: z}\n",
         "t.yaml:4:3: error: table \"a\" is defined twice\n"
         "  hint: first defined at t.yaml:2:3\n"},
	/* All of them, of all tables. */
	{"tables:\n"
         "  a: {hosts: x, host: \"x:1\", match: best, rules: {}}\n"
         "  b: {peer: {prefix: x}, rules: [{name: r, redirect: x}], default: {}}\n",
         "t.yaml:2:7: error: unknown key \"hosts\"\n"
         "  hint: did you mean \"host\"?\n"
         "t.yaml:2:23: error: \"x:1\" is no host\n"
         "  hint: write pbx.example.net, 192.0.2.1 or [2001:db8::1], without a port\n"
         "t.yaml:2:37: error: \"match\" must be first or longest\n"
         "t.yaml:2:50: error: \"rules\" must be a list of rules, not a mapping\n"
         "  hint: begin each rule with a dash\n"
         "t.yaml:3:13: error: \"peer\" must be a text or a list of texts\n"
         "t.yaml:3:54: error: no gateway or group is called \"x\"\n"
         "  hint: gateways are defined under \"gateways\", groups under \"groups\"\n"
         "t.yaml:3:68: error: neither \"redirect\" nor \"reject\"\n"},
	/* Names of rules are each table's own. */
	{"tables:\n"
         "  a: {host: x, rules: [{name: r, called: 1, reject: 404},\n"
         "                       {name: r, called: 2, reject: 404}]}\n"
         "rules: [{name: r, called: 1, reject: 404}]\n",
         "t.yaml:3:24: error: rule \"r\" is defined twice\n"
         "  hint: first defined at t.yaml:2:24\n"},
	/* Rules that cannot match, and tables that nobody asks. */
	{"tables:\n"
         "  a: {host: x, rules: [{reject: 404}, {called: 1, reject: 404}]}\n"
         "rules: [{called: 1, reject: 404}]\n",
         "t.yaml:2:39: warning: rule \"rule 2\" can never match\n"
         "  hint: rule \"rule 1\" at t.yaml:2:24 takes every such call first\n"},
	{"tables:\n"
         "  a: {host: [x, y]}\n"
         "  b: {host: [Y, X], peer: p}\n" /* never */
         "  c: {host: [x, z]}\n"          /* by z */
         "  d: {profile: p, peer: q}\n"
         "  e: {peer: q}\n"
         "  f: {profile: [p, r], peer: q, host: h}\n" /* never, by e */
         "  g: {profile: p}\n",
         "t.yaml:3:3: warning: table \"b\" is never asked\n"
         "  hint: table \"a\" at t.yaml:2:3 is asked first\n"
         "t.yaml:7:3: warning: table \"f\" is never asked\n"
         "  hint: table \"e\" at t.yaml:6:3 is asked first\n"},
};

START_TEST(what_is_wrong_with_tables_is_found)
{
	char *findings;
	struct table *table = loading_try(found[_i].yaml, &findings);
	ck_assert_str_eq(findings, found[_i].findings);
	table_free(table);
	free(findings);
}
END_TEST

/* Many */

static void print_list(FILE *to, const char *key, char letter, size_t count)
{
	fprintf(to, "%s: [", key);
	for (size_t i = 0; i < count; i++)
		fprintf(to, "%s%c%zu", i ? ", " : "", letter, i);
	fputs("]", to);
}

START_TEST(combinations_have_a_limit)
{
	char *yaml, *findings;
	size_t size;
	FILE *to = open_memstream(&yaml, &size);
	fputs("tables:\n  a: {", to);
	print_list(to, "profile", 'p', 100);
	print_list(to, ", peer", 'q', 100);
	print_list(to, ", host", 'h', 101);
	fputs("}\n", to);
	fclose(to);
	struct table *table = loading_try(yaml, &findings);
	ck_assert_str_eq(findings, "t.yaml:2:3: error: more than 1000000 combinations of "
	                           "profile, peer and host\n");
	ck_assert_ptr_null(table);
	free(findings);
	free(yaml);
}
END_TEST

#define TABLES 20000

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Asks tables of hosts of that many. */
static double ask_many(const struct table *table, size_t count)
{
	char host[32], name[32];
	double start = seconds();
	for (size_t i = 0; i < 100000; i++) {
		size_t n = i * 7919 % count;
		int len = snprintf(host, sizeof host, "h%zu.example", n);
		struct facts facts = {.peer = slice_of("p"), .host = {host, (size_t)len}};
		const struct ruleset *ruleset = tenants_choose(table, &facts);
		snprintf(name, sizeof name, "t%zu", n);
		loading_expect(slice_equal(ruleset->name, slice_of(name)), "%s", host);
	}
	return seconds() - start;
}

START_TEST(the_choice_does_not_depend_on_how_many_there_are)
{
	char *yaml;
	size_t size;
	FILE *to = open_memstream(&yaml, &size);
	fputs("tables:\n", to);
	for (size_t i = 0; i < TABLES; i++)
		fprintf(to,
		        "  t%zu: {host: h%zu.example, rules: [{called: %zu, reject: "
		        "404}]}\n",
		        i, i, i);
	fclose(to);
	struct table *table = loading_good(yaml);
	double few = ask_many(table, 10), many = ask_many(table, TABLES);
	/* A walk along them would take a thousand times as long. */
	ck_assert_msg(many < 20 * few + 0.1, "%g s, with few %g s", many, few);
	ck_assert_uint_eq(table_counts(table).tables, TABLES);
	ck_assert_uint_lt(table_counts(table).bytes / TABLES, 4000);
	table_free(table);
	free(yaml);
}
END_TEST

START_TEST(lack_of_memory_at_any_point_is_a_finding_and_no_table)
{
	loading_write(whole);
	struct table *table = loading_starve(1, 200);
	table_free(table);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("tenants");
	TCase *tcase = tcase_create("tenants");
	tcase_add_checked_fixture(tcase, loading_enter, loading_leave);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_request_asks_the_first_table_that_is_for_it, 0,
	                    LOADING_COUNT(choices));
	tcase_add_test(tcase, what_is_too_long_is_for_no_table);
	tcase_add_loop_test(tcase, each_table_has_its_own_rules_order_and_default, 0,
	                    LOADING_COUNT(answers));
	tcase_add_test(tcase, a_trace_is_told_the_table_before_the_rules);
	tcase_add_loop_test(tcase, what_is_wrong_with_tables_is_found, 0,
	                    LOADING_COUNT(found));
	tcase_add_test(tcase, combinations_have_a_limit);
	tcase_add_test(tcase, the_choice_does_not_depend_on_how_many_there_are);
	tcase_add_test(tcase, lack_of_memory_at_any_point_is_a_finding_and_no_table);
	suite_add_tcase(suite, tcase);
	return suite;
}
