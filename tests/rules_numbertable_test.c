/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules/numbertable.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

#define GATEWAYS "gateways: {a: sip:gw-a, b: sip:gw-b}\ngroups: {g: [a, b]}\n"
#define NUMBERS                                                                          \
	"numbers:\n"                                                                     \
	"  ported: {file: ported.csv, portability: true}\n"                              \
	"  prefixes: {file: prefixes.csv, match: prefix}\n"                              \
	"  blocked: blocked.csv\n"

static void write_text(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	fputs(text, file);
	fclose(file);
}

static void enter(void)
{
	loading_enter();
	write_text("ported.csv", "number,rn,gateway\n+441,+4471,a\n+442,+4472,g\n"
	                         "+443,+4473,\n+444,,b\n");
	write_text("prefixes.csv",
	           "prefix,gateway,name\n+44,a,UK\n+4420,b,\"London; a\"\n");
	write_text("blocked.csv", "number\n+4466\nanonymous\n");
	write_text("bad.csv", "number,gateway\n1,a\n2,x\n3,\n4,x\n");
}

static void leave(void)
{
	remove("ported.csv");
	remove("prefixes.csv");
	remove("blocked.csv");
	remove("bad.csv");
	loading_leave();
}

static const struct {
	const char *rules, *called, *caller;
	bool npdi;
	const char *want;
} decisions[] = {
	/* A row is found, exactly or by its longest prefix. */
	{"- {name: r, called: {in: ported}, reject: 403}", "+441", "", false, "r: 403"},
	{"- {name: r, called: {in: ported}, reject: 403}", "+4412", "", false,
         "default: 404"},
	{"- {name: r, called: {in: prefixes}, reject: 403}", "+4412", "", false,
         "r: 403"},
	{"- {name: r, called: {in: [ported, prefixes]}, reject: 403}", "+4412", "", false,
         "r: 403"},
	{"- {name: r, called: {in: ported, exact: \"5\"}, reject: 403}", "5", "", false,
         "r: 403"},
	{"- {name: r, caller: {in: blocked}, reject: 403}", "1", "+4466", false,
         "r: 403"},
	{"- {name: r, caller: {in: blocked}, reject: 403}", "1", "+4467", false,
         "default: 404"},
	{"- {name: r, not: {caller: {in: blocked}}, reject: 403}", "1", "anonymous",
         false, "default: 404"},
	{"- {name: r, not: {called: {in: ported}}, reject: 403}", "1", "", false,
         "r: 403"},
	/* What has been asked is not asked again. */
	{"- {name: r, called: {in: ported}, reject: 403}", "+441", "", true,
         "default: 404"},
	{"- {name: r, called: {in: prefixes}, reject: 403}", "+441", "", true, "r: 403"},
	/* The route is the row's. */
	{"- {name: r, called: {in: ported}, redirect: {row.gateway}}", "+441", "", false,
         "r: 302 a=sip:+441@gw-a number=+441"},
	{"- {name: r, called: {in: ported}, redirect: \"{row.gateway}\"}", "+442", "",
         false, "r: 302 a=sip:+442@gw-a b=sip:+442@gw-b number=+442"},
	{"- {name: r, called: {in: ported}, redirect: {row.gateway}}", "+443", "", false,
         "r: 480 no gateway number=+443"},
	{"- {name: r, called: {in: ported, exact: 5}, redirect: {row.gateway}}", "5", "",
         false, "r: 480 no gateway number=5"},
	{"- {name: r, called: {in: [ported, prefixes]}, redirect: {row.gateway}}", "+444",
         "", false, "r: 302 b=sip:+444@gw-b number=+444"},
	{"- {name: r, called: {in: [prefixes, ported]}, redirect: {row.gateway}}", "+444",
         "", false, "r: 302 a=sip:+444@gw-a number=+444"},
	{"- {name: r, caller: {in: prefixes}, redirect: {row.gateway}}", "1", "+44201",
         false, "r: 302 b=sip:1@gw-b number=1"},
	{"- {name: r, called: {in: ported}, caller: {in: prefixes}, redirect: "
         "{row.gateway}}",
         "+441", "+44201", false, "r: 302 a=sip:+441@gw-a number=+441"},
	/* Its columns are texts. */
	{"- {name: r, called: {in: ported}, redirect: \"sip:{row.rn}-{called}@x\"}",
         "+441", "", false, "r: 302 sip:+4471-+441@x number=+441"},
	{"- {name: r, called: {in: prefixes}, redirect: \"sip:{row.name}@x\"}", "+44201",
         "", false, "r: 302 sip:London;%20a@x number=+44201"},
	{"- {name: r, redirect: \"sip:0{ported[called].rn}{prefixes[caller].name}@x\"}",
         "+442", "+441", false, "r: 302 sip:0+4472UK@x number=+442"},
	{"- {name: r, redirect: \"sip:0{ported[called].rn}@x\"}", "+445", "", false,
         "r: 302 sip:0@x number=+445"},
	{"- {name: r, called: {in: ported}, rewrite: {rn: \"{row.rn}\", npdi: true}, "
         "redirect: a}",
         "+441", "", false,
         "r: 302 a=sip:+441;npdi;rn=+4471@gw-a;user=phone number=+441"},
	/* With `match: first` the file's order decides. */
	{"- {name: r, called: {prefix: +44}, reject: 403}\n"
         "- {name: s, called: {in: ported}, reject: 405}",
         "+441", "", false, "r: 403"},
	{"- {name: s, called: {in: ported}, caller: 7, reject: 405}\n"
         "- {name: r, reject: 403}",
         "+441", "8", false, "r: 403"},
};

static char *decide(const char *before, const char *rules, const struct facts *facts)
{
	char yaml[2000];
	snprintf(yaml, sizeof yaml, "%s" GATEWAYS NUMBERS "rules:\n%s\n", before, rules);
	struct table *table = loading_good(yaml);
	char *got = loading_decide(table, facts);
	table_free(table);
	return got;
}

START_TEST(a_rule_asks_number_tables)
{
	struct facts facts = {.called = slice_of(decisions[_i].called),
	                      .caller = slice_of(decisions[_i].caller),
	                      .npdi = decisions[_i].npdi};
	char *got = decide("", decisions[_i].rules, &facts);
	ck_assert_str_eq(got, decisions[_i].want);
	free(got);
}
END_TEST

static const struct {
	const char *rules, *called, *want;
} orders[] = {
	{"- {name: r, called: {prefix: +4}, reject: 403}\n"
         "- {name: s, called: {in: prefixes}, reject: 405}",
         "+441", "s: 405"},
	{"- {name: r, called: {prefix: +441}, reject: 403}\n"
         "- {name: s, called: {in: prefixes}, reject: 405}",
         "+441", "r: 403"},
	{"- {name: s, called: {in: prefixes}, reject: 405}\n"
         "- {name: r, called: {prefix: +441}, reject: 403}",
         "+44201", "s: 405"},
	/* Equals: the file's order. */
	{"- {name: r, called: {prefix: +44}, reject: 403}\n"
         "- {name: s, called: {in: prefixes}, reject: 405}",
         "+441", "r: 403"},
	{"- {name: s, called: {in: prefixes}, reject: 405}\n"
         "- {name: r, called: {prefix: +44}, reject: 403}",
         "+441", "s: 405"},
	{"- {name: r, called: +441, reject: 403}\n"
         "- {name: s, called: {in: ported}, reject: 405}",
         "+441", "r: 403"},
	{"- {name: s, called: {in: ported}, reject: 405}\n"
         "- {name: r, called: +441, reject: 403}",
         "+441", "s: 405"},
	/* An exact row is longer than a prefix of that length. */
	{"- {name: r, called: {prefix: +441}, reject: 403}\n"
         "- {name: s, called: {in: ported}, reject: 405}",
         "+441", "s: 405"},
	/* If the criteria fail, what is shorter is asked. */
	{"- {name: r, reject: 403}\n"
         "- {name: s, called: {in: [ported, prefixes]}, caller: 7, reject: 405}",
         "+441", "r: 403"},
};

START_TEST(with_match_longest_a_row_counts_as_its_number_or_prefix)
{
	struct facts facts = {.called = slice_of(orders[_i].called)};
	char *got = decide("match: longest\n", orders[_i].rules, &facts);
	ck_assert_str_eq(got, orders[_i].want);
	free(got);
}
END_TEST

START_TEST(tables_are_asked_for_the_routing_number)
{
	struct facts facts = {.called = slice_of("+449"), .rn = slice_of("+441")};
	static const char rules[] =
		"- {name: r, called: {in: ported}, redirect: \"sip:{called}-{row.rn}-"
		"{ported[called].rn}@x\"}";
	char *got = decide("", rules, &facts);
	ck_assert_msg(strstr(got, "sip:+449-+4471-+4471@x") != NULL, "%s", got);
	free(got);
	got = decide("routing_number: ignore\n", rules, &facts);
	ck_assert_str_eq(got, "default: 404");
	free(got);
}
END_TEST

static const struct {
	const char *yaml, *findings;
} bad[] = {
	{"numbers: {p: none.csv}\nrules: [{called: {in: p}, reject: 404}]",
         "none.csv: error: cannot open: No such file or directory\n"},
	{"numbers: [p]", "t.yaml:1:10: error: \"numbers\" must be a mapping of names to "
                         "files\n  hint: write numbers: {name: file.csv}\n"},
	{"numbers: {p: {match: prefix}}",
         "t.yaml:1:14: error: a number table needs \"file\"\n"},
	{"numbers: {p: blocked.csv, p: ported.csv}",
         "t.yaml:1:27: error: number table \"p\" is defined twice\n"
         "  hint: first defined at t.yaml:1:11\n"},
	{"numbers: {p.q: blocked.csv}",
         "t.yaml:1:11: error: the name of a number table has letters, digits, - and _ "
         "only, not \"p.q\"\n"},
	{"numbers: {p: {file: blocked.csv, delimiter: x, on_error: go, match: longest}}",
         "t.yaml:1:45: error: \"delimiter\" must be \",\", \";\" or tab\n"
         "t.yaml:1:58: error: \"on_error\" must be one of refuse, skip, not \"go\"\n"
         "t.yaml:1:69: error: \"match\" must be one of exact, prefix, not \"longest\"\n"},
	{NUMBERS "rules: [{called: {in: [portd, ported, ported]}, reject: 404}]",
         "t.yaml:5:24: error: no number table is called \"portd\"\n"
         "  hint: did you mean \"ported\"?\n"
         "t.yaml:5:39: error: \"ported\" is named twice\n"},
	{NUMBERS "rules: [{header: {X: {in: ported}}, reject: 404}]",
         "t.yaml:5:23: error: unknown key \"in\"\n"
         "  hint: known keys: exact, prefix, regex\n"},
	{NUMBERS "rules: [{called: {in: ported}, redirect: {row.gatway}}]",
         "t.yaml:5:42: error: number table \"ported\" has no column \"gatway\"\n"
         "  hint: did you mean \"gateway\"?\n"},
	{NUMBERS "rules: [{called: {in: [ported, blocked]}, redirect: "
                 "\"sip:{row.rn}@x\"}]",
         "t.yaml:5:53: error: number table \"blocked\" has no column \"rn\"\n"
         "  hint: it has none beside the number\n"},
	{NUMBERS "rules: [{called: 1, redirect: {row.gateway}}]",
         "t.yaml:5:31: error: {row.gateway} needs a number table\n"
         "  hint: write called: {in: TABLE}, or caller: {in: TABLE}\n"},
	{NUMBERS "rules: [{called: {in: portd}, redirect: {row.gateway}}, {redirect: "
                 "{row.rn}}]",
         "t.yaml:5:23: error: no number table is called \"portd\"\n"
         "  hint: did you mean \"ported\"?\n"
         "t.yaml:5:68: error: {row.rn} needs a number table\n"
         "  hint: write called: {in: TABLE}, or caller: {in: TABLE}\n"},
	{NUMBERS "rules: [{called: {in: ported}, redirect: row.gateway}]",
         "t.yaml:5:42: error: no gateway or group is called \"row.gateway\"\n"
         "  hint: gateways are defined under \"gateways\", groups under \"groups\"\n"},
	{NUMBERS "rules: [{called: {in: ported}, redirect: [{row.gateway}]}]",
         "t.yaml:5:43: error: {row.gateway} stands alone, not in a list\n"
         "  hint: write redirect: {row.COLUMN}\n"},
	{NUMBERS "default: {redirect: {row.gateway}}",
         "t.yaml:5:21: error: {row.gateway} needs a number table\n"
         "  hint: write called: {in: TABLE}, or caller: {in: TABLE}\n"},
	{NUMBERS "gateways: {a: \"sip:{row.rn}@x\", b: \"sip:{row.no}@x\"}",
         "t.yaml:5:36: error: no number table has a column \"no\"\n"},
	{NUMBERS "rules: [{redirect: \"sip:{portd[called].rn}@x\"}, "
                 "{redirect: \"sip:{ported[called].r}@x\"}, "
                 "{redirect: \"sip:{ported[calld].rn}@x\"}]",
         "t.yaml:5:20: error: no number table is called \"portd\"\n"
         "  hint: did you mean \"ported\"?\n"
         "t.yaml:5:60: error: number table \"ported\" has no column \"r\"\n"
         "  hint: did you mean \"rn\"?\n"
         "t.yaml:5:100: error: unknown placeholder in "
         "\"sip:{ported[calld].rn}@x\"\n"
         "  hint: the placeholders are {called}, {caller}, {host}, {rule}, {gateway}, "
         "{rn}, {cic}, {tgrp}, {trunk_context}, {row.COLUMN}, {TABLE[called].COLUMN} "
         "and {TABLE[caller].COLUMN}\n"},
	{GATEWAYS "numbers: {p: bad.csv}\n"
                  "rules: [{called: {in: p}, redirect: {row.gateway}},\n"
                  "        {called: 1, caller: {in: p}, redirect: {row.gateway}}]",
         "bad.csv:3:3: error: no gateway or group is called \"x\"\n"
         "bad.csv:5:3: error: no gateway or group is called \"x\"\n"},
};

START_TEST(mistakes_with_number_tables_are_found)
{
	char *findings;
	ck_assert_ptr_null(loading_try(bad[_i].yaml, &findings));
	ck_assert_str_eq(findings, bad[_i].findings);
	free(findings);
}
END_TEST

static const struct {
	const char *before, *rules, *findings;
} shadows[] = {
	{"",
         "- {called: {in: ported}, reject: 404}\n"
         "- {called: {in: ported}, caller: 1, reject: 404}\n",
         "t.yaml:9:3: warning: rule \"rule 2\" can never match\n"
         "  hint: rule \"rule 1\" at t.yaml:8:3 takes every such call first\n"},
	{"",
         "- {called: {in: [blocked, ported]}, reject: 404}\n"
         "- {called: {in: ported}, reject: 404}\n",
         "t.yaml:9:3: warning: rule \"rule 2\" can never match\n"
         "  hint: rule \"rule 1\" at t.yaml:8:3 takes every such call first\n"},
	{"",
         "- {called: {in: ported}, reject: 404}\n"
         "- {called: {in: [ported, blocked]}, reject: 404}\n",
         ""},
	{"",
         "- {called: {in: ported}, reject: 404}\n"
         "- {called: {in: ported, exact: 1}, reject: 404}\n",
         ""},
	{"",
         "- {called: {prefix: \"\"}, reject: 404}\n"
         "- {called: {in: ported}, reject: 404}\n",
         "t.yaml:9:3: warning: rule \"rule 2\" can never match\n"
         "  hint: rule \"rule 1\" at t.yaml:8:3 takes every such call first\n"},
	{"match: longest\n",
         "- {called: {prefix: \"\"}, reject: 404}\n"
         "- {called: {in: ported}, reject: 404}\n",
         ""},
	{"match: longest\n",
         "- {called: {in: ported}, reject: 404}\n"
         "- {called: {in: ported}, caller: 1, reject: 404}\n",
         "t.yaml:10:3: warning: rule \"rule 2\" can never match\n"
         "  hint: rule \"rule 1\" at t.yaml:9:3 takes every such call first\n"},
	{"",
         "- {caller: {in: blocked}, reject: 404}\n"
         "- {called: 1, caller: {in: blocked}, reject: 404}\n"
         "- {called: 1, caller: {in: ported}, reject: 404}\n",
         "t.yaml:9:3: warning: rule \"rule 2\" can never match\n"
         "  hint: rule \"rule 1\" at t.yaml:8:3 takes every such call first\n"},
	{"",
         "- {not: {caller: {in: blocked}}, reject: 404}\n"
         "- {called: 1, reject: 404}\n",
         ""},
};

START_TEST(a_rule_behind_the_same_table_can_never_match)
{
	char yaml[2000], *findings;
	snprintf(yaml, sizeof yaml, "%s" GATEWAYS NUMBERS "rules:\n%s",
	         shadows[_i].before, shadows[_i].rules);
	table_free(loading_try(yaml, &findings));
	ck_assert_str_eq(findings, shadows[_i].findings);
	free(findings);
}
END_TEST

START_TEST(a_trace_and_a_decision_tell_of_the_row)
{
	struct table *table = loading_good(
		GATEWAYS NUMBERS "rules:\n- {called: {in: [ported, prefixes]}, redirect: "
				 "{row.gateway}}\n");
	struct facts facts = {.called = slice_of("+44207")};
	struct workspace *workspace = workspace_new();
	struct decision decision;
	struct considered considered;
	table_lookup(table, &facts, workspace, NULL, &decision);
	ck_assert(slice_equal(decision.row.table, slice_of("prefixes")));
	ck_assert(slice_equal(decision.row.key, slice_of("+4420")));
	ck_assert(slice_equal(numbers_value(decision.row.numbers, &decision.row.at, 1),
	                      slice_of("London; a")));
	ruleset_rule(table_ruleset(table, 0), 0, &considered);
	ck_assert_str_eq(considered.wanted.at, "in ported, in prefixes");
	workspace_free(workspace);
	ck_assert_uint_eq(table_counts(table).numbers, 8);
	table_free(table);
}
END_TEST

static const struct numbers *numbers_of(const struct table *table, const char *name)
{
	const struct number_table *found = map_find(&table->number_names, slice_of(name));
	return found->file.numbers;
}

START_TEST(a_reload_shares_the_files_that_have_not_changed)
{
	struct diags *diags = diags_new();
	loading_write(GATEWAYS NUMBERS "rules: [{called: {in: ported}, redirect: "
	                               "{row.gateway}}]\n");
	struct table *old = table_load(LOADING_FILE, LOADING_PLENTY, diags);
	remove("blocked.csv");
	write_text("blocked.csv", "number\n+4466\n");
	struct table *new = table_reload(LOADING_FILE, old, LOADING_PLENTY, diags);
	ck_assert_ptr_nonnull(new);
	ck_assert_ptr_eq(numbers_of(old, "ported"), numbers_of(new, "ported"));
	ck_assert_ptr_eq(numbers_of(old, "prefixes"), numbers_of(new, "prefixes"));
	ck_assert_ptr_ne(numbers_of(old, "blocked"), numbers_of(new, "blocked"));
	table_free(old);
	struct facts facts = {.called = slice_of("+441")};
	char *got = loading_decide(new, &facts);
	ck_assert_str_eq(got, "rule 1: 302 a=sip:+441@gw-a number=+441");
	free(got);
	/* A gateway goes, and the file names it still. */
	loading_write("gateways: {a: sip:a}\n" NUMBERS
	              "rules: [{called: {in: ported}, redirect: {row.gateway}}]\n");
	ck_assert_ptr_null(table_reload(LOADING_FILE, new, LOADING_PLENTY, diags));
	ck_assert_uint_eq(diags_errors(diags), 2);
	got = loading_decide(new, &facts);
	ck_assert_str_eq(got, "rule 1: 302 a=sip:+441@gw-a number=+441");
	free(got);
	table_free(new);
	diags_free(diags);
}
END_TEST

START_TEST(lack_of_memory_at_any_point_is_a_finding_and_no_table)
{
	loading_write(
		GATEWAYS NUMBERS
		"rules:\n- {called: {in: [ported, prefixes]}, redirect: "
		"{row.gateway}}\n"
		"- {caller: {in: blocked}, redirect: \"sip:{ported[called].rn}@x\"}\n");
	struct table *table = loading_starve(SIZE_MAX, 200);
	table_free(table);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("numbertable");
	TCase *tcase = tcase_create("numbertable");
	tcase_add_unchecked_fixture(tcase, enter, leave);
	tcase_add_loop_test(tcase, a_rule_asks_number_tables, 0,
	                    LOADING_COUNT(decisions));
	tcase_add_loop_test(tcase,
	                    with_match_longest_a_row_counts_as_its_number_or_prefix, 0,
	                    LOADING_COUNT(orders));
	tcase_add_test(tcase, tables_are_asked_for_the_routing_number);
	tcase_add_loop_test(tcase, mistakes_with_number_tables_are_found, 0,
	                    LOADING_COUNT(bad));
	tcase_add_loop_test(tcase, a_rule_behind_the_same_table_can_never_match, 0,
	                    LOADING_COUNT(shadows));
	tcase_add_test(tcase, a_trace_and_a_decision_tell_of_the_row);
	tcase_add_test(tcase, a_reload_shares_the_files_that_have_not_changed);
	tcase_add_test(tcase, lack_of_memory_at_any_point_is_a_finding_and_no_table);
	suite_add_tcase(suite, tcase);
	return suite;
}
