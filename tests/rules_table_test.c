/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/number.h"
#include "rules/table.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static void expect_decision(const struct table *table, const struct facts *facts,
                            const char *want)
{
	char *got = loading_decide(table, facts);
	ck_assert_msg(strcmp(got, want) == 0, "called %.*s:\ngot  %s\nwant %s",
	              (int)facts->called.len, facts->called.at, got, want);
	free(got);
}

/* Decisions */

static const char office[] =
	"gateways:\n"
	"  lon: sip:gw.lon.example.net\n"
	"  par: {uri: \"sip:00{called}@gw.par.example.net;transport=tcp\", weight: 2}\n"
	"  off: {uri: sip:off, enabled: false}\n"
	"  who: sip:{caller}@who\n"
	"groups:\n"
	"  uk: [lon, par]\n"
	"rules:\n"
	"- {name: emergency, called: [\"112\", \"999\"], redirect: sip:psap}\n"
	"- {name: premium, called: {prefix: [+449, +4470]}, reject: 603 Not here}\n"
	"- name: uk\n"
	"  called: {prefix: +44}\n"
	"  not: {caller: {prefix: +33}}\n"
	"  rewrite: {strip: \"+\", prepend: \"00\"}\n"
	"  redirect: uk\n"
	"- {name: drained, called: {prefix: 5}, redirect: [off, [off]]}\n"
	"- {name: half, called: {prefix: 6}, redirect: [off, lon], status: 300, expires: "
	"60}\n"
	"- {name: cut, called: {prefix: 7}, rewrite: {strip: 3}, redirect: lon, expires: "
	"5}\n";

static const struct {
	const char *called, *caller, *want;
} decisions[] = {
	{"112", "", "emergency: 302 sip:112@psap number=112"},
	{"+449065551234", "", "premium: 603 phrase='Not here'"},
	{"+442071234567", "+1",
         "uk: 302 lon=sip:00442071234567@gw.lon.example.net "
         "par=sip:0000442071234567@gw.par.example.net;transport=tcp "
         "number=00442071234567"},
	{"+442071234567", "+331", "default: 404"},
	{"5", "", "drained: 480 disabled number=5"},
	{"61", "", "half: 300 lon=sip:61@gw.lon.example.net number=61 expires=60"},
	{"7123", "", "cut: 302 lon=sip:3@gw.lon.example.net number=3 expires=5"},
	{"712", "", "cut: 484 incomplete"},
	{"7", "", "cut: 484 incomplete"},
	{"", "", "default: 404"},
	{"1", "", "default: 404"},
};

START_TEST(a_call_gets_its_decision)
{
	char *findings;
	struct table *table = loading_try(office, &findings);
	ck_assert_ptr_nonnull(
		strstr(findings, "every gateway of this redirect is disabled"));
	expect_decision(table,
	                &(struct facts){.called = slice_of(decisions[_i].called),
	                                .caller = slice_of(decisions[_i].caller)},
	                decisions[_i].want);
	free(findings);
	table_free(table);
}
END_TEST

static const struct {
	const char *keys, *called, *want; /* keys of the default; NULL: none given */
} defaults[] = {
	{NULL, "1", "default: 404"},
	{"reject: 403 Go away", "1", "default: 403 phrase='Go away'"},
	{"reject: {status: 503, retry_after: 9, reason: SIP;cause=1}", "1",
         "default: 503 reason=SIP;cause=1 retry_after=9"},
	{"redirect: sip:a", "1", "default: 302 sip:1@a number=1"},
	{"redirect: sip:a, status: 301, rewrite: {prepend: \"0\"}", "1",
         "default: 301 sip:01@a number=01"},
	{"redirect: sip:a", "", "default: 302 sip:a"},
};

START_TEST(the_default_answers_what_no_rule_does)
{
	char yaml[300];
	snprintf(yaml, sizeof yaml, "%s%s%s", defaults[_i].keys ? "default: {" : "{",
	         defaults[_i].keys ? defaults[_i].keys : "", "}");
	struct table *table = loading_good(yaml);
	struct facts facts = {.called = slice_of(defaults[_i].called)};
	struct workspace *workspace = workspace_new();
	struct decision decision;
	expect_decision(table, &facts, defaults[_i].want);
	table_lookup(table, &facts, workspace, NULL, &decision);
	ck_assert_uint_eq(decision.position.line, defaults[_i].keys ? 1 : 0);
	workspace_free(workspace);
	table_free(table);
}
END_TEST

static const struct {
	const char *match, *rules; /* names, in order, and what they are called with */
	const char *called, *want;
} orders[] = {
	{"first", "a: {prefix: 1}; b: {prefix: 12}; c: 12", "12", "a"},
	{"first", "a: 12; b: {prefix: 12}", "12", "a"},
	{"first", "a: 12; b: {prefix: 12}", "123", "b"},
	{"first", "a: {regex: 2}; b: {prefix: 1}", "12", "a"},
	{"longest", "a: {prefix: 1}; b: {prefix: 12}; c: 12", "12", "c"},
	{"longest", "a: {prefix: 1}; b: {prefix: 12}; c: 12", "123", "b"},
	{"longest", "a: {prefix: 1}; b: {prefix: 12}; c: 12", "13", "a"},
	{"longest", "a: {prefix: 1}; b: {prefix: 1}", "1", "a"},
	{"longest", "a: {prefix: 1}; b: 1; c: 1", "1", "b"},
	{"longest", "a: {prefix: [1, 123]}; b: {prefix: 12}", "124", "b"},
	{"longest", "a: {prefix: [1, 123]}; b: {prefix: 12}", "1234", "a"},
	{"longest", "a: {prefix: [1, 123]}; b: {prefix: 12}", "11", "a"},
	{"longest", "a: {exact: 12, prefix: 1}; b: {prefix: 12}", "12", "a"},
	{"longest", "a: {exact: 12, prefix: 1}; b: {prefix: 12}", "123", "b"},
	{"longest", "a: {regex: 1}; b: {prefix: 1}", "1", "b"},
	{"longest", "a: {regex: 1}; b: {prefix: \"\"}", "1", "a"},
	{"longest", "a: {prefix: \"\"}; b: {regex: 1}", "1", "a"},
	{"longest", "a: {regex: 2, prefix: 1}; b: {prefix: 12}; c: {prefix: 1}", "13",
         "a"},
	{"longest", "a: {regex: 2, prefix: 1}; b: {prefix: 12}; c: {prefix: 1}", "12",
         "b"},
	{"longest", "a: {regex: 2, prefix: 1}; b: {prefix: \"\"}", "22", "a"},
	{"longest", "a: {prefix: \"\"}; b: {regex: 2, prefix: 1}", "22", "a"},
	{"longest", "a: {prefix: 2}; b: {prefix: 3}", "1", "default"},
};

START_TEST(match_says_which_of_several_rules_wins)
{
	char yaml[1000], copy[300], *rest, want[30], *findings;
	sprintf(yaml, "match: %s\nrules:\n", orders[_i].match);
	snprintf(copy, sizeof copy, "%s", orders[_i].rules);
	for (char *rule = strtok_r(copy, ";", &rest); rule;
	     rule = strtok_r(NULL, ";", &rest)) {
		rule += *rule == ' ';
		sprintf(yaml + strlen(yaml), "- {name: %c, called%s, reject: 404}\n",
		        *rule, rule + 1);
	}
	struct table *table = loading_try(yaml, &findings);
	sprintf(want, "%s: 404", orders[_i].want);
	expect_decision(table, &(struct facts){.called = slice_of(orders[_i].called)},
	                want);
	free(findings);
	table_free(table);
}
END_TEST

/* More targets than a reply has, and the same ones again */

START_TEST(ten_targets_are_kept_and_the_others_counted)
{
	struct table *table =
		loading_good("rules: [{redirect: [sip:a1, sip:a2, sip:a3, sip:a4, "
	                     "sip:a5, sip:a6, sip:a7, "
	                     "sip:a8, sip:a9, sip:a10, [sip:b1, sip:b2], sip:c1]}]");
	expect_decision(
		table, &(struct facts){.called = slice_of("1")},
		"rule 1: 302 sip:1@a1 sip:1@a2 sip:1@a3 sip:1@a4 sip:1@a5 sip:1@a6 "
		"sip:1@a7 sip:1@a8 sip:1@a9 sip:1@a10 number=1 left_out=3");
	table_free(table);
}
END_TEST

/* Those at hosts that begin with a letter of request are not taken. */
static bool takes(const void *request, const struct target *target)
{
	return !strchr(request, target->host.at[0]);
}

static const struct {
	const char *request, *want;
} taken[] = {
	{"a", "302 sip:1@b1 sip:1@b2 sip:1@c1 number=1 unfit=2"},
	{"b", "302 sip:1@a1 sip:1@c1 number=1 unfit=2"},
	{"bc", "302 sip:1@a1 number=1 unfit=3"},
	{"abc", "404 unfit number=1 unfit=5"},
};

START_TEST(what_the_request_does_not_take_is_not_offered)
{
	char want[100];
	struct table *table =
		loading_good("rules: [{name: r, redirect: [sip:a1, sip:b1, sip:b2, "
	                     "sip:a1, sip:c1]}]");
	sprintf(want, "r: %s", taken[_i].want);
	expect_decision(table,
	                &(struct facts){.called = slice_of("1"),
	                                .takes = takes,
	                                .request = taken[_i].request},
	                want);
	table_free(table);
}
END_TEST

START_TEST(others_step_in_for_what_is_not_taken)
{
	struct table *table = loading_good(
		"rules: [{name: r, redirect: [sip:a1, sip:x2, sip:a3, sip:a4, sip:a5, "
		"sip:x6, sip:a7, sip:a8, sip:a9, sip:a10, sip:a11, sip:a12, sip:a13]}]");
	expect_decision(
		table,
		&(struct facts){.called = slice_of("1"), .takes = takes, .request = "x"},
		"r: 302 sip:1@a1 sip:1@a3 sip:1@a4 sip:1@a5 sip:1@a7 sip:1@a8 sip:1@a9 "
		"sip:1@a10 sip:1@a11 sip:1@a12 number=1 left_out=1 unfit=2");
	table_free(table);
}
END_TEST

START_TEST(a_uri_is_offered_once)
{
	struct table *table = loading_good(
		"gateways: {a: sip:gw-a, b: sip:gw-b, same: sip:gw-a}\n"
		"groups: {g: [a, b]}\n"
		"rules: [{redirect: [b, g, same, \"sip:{called}@gw-a\", sip:gw-c]}]\n");
	expect_decision(table, &(struct facts){.called = slice_of("1")},
	                "rule 1: 302 b=sip:1@gw-b a=sip:1@gw-a sip:1@gw-c number=1");
	table_free(table);
}
END_TEST

START_TEST(a_tier_is_ordered_by_the_call)
{
	struct table *table = loading_good("gateways: {a: sip:a, b: sip:b, c: sip:c}\n"
	                                   "rules: [{redirect: [[a, b], c]}]\n");
	size_t firsts[2] = {0};
	struct workspace *workspace = workspace_new();
	for (uint64_t key = 0; key < 1000; key++) {
		struct facts facts = {.called = slice_of("1"), .call_key = key};
		struct decision decision, again;
		table_lookup(table, &facts, workspace, NULL, &decision);
		ck_assert_uint_eq(decision.target_count, 3);
		firsts[*decision.targets[0].gateway.at - 'a']++;
		ck_assert_int_eq(*decision.targets[2].gateway.at, 'c');
		char first = *decision.targets[0].gateway.at;
		table_lookup(table, &facts, workspace, NULL, &again);
		ck_assert_int_eq(*again.targets[0].gateway.at, first);
	}
	ck_assert_uint_gt(firsts[0], 400);
	ck_assert_uint_gt(firsts[1], 400);
	workspace_free(workspace);
	table_free(table);
}
END_TEST

START_TEST(a_number_too_long_for_a_target_is_484)
{
	char number[NUMBER_MAX];
	memset(number, '#', sizeof number);
	struct slice longest = {number, sizeof number};
	struct table *table = loading_good(
		"gateways: {once: \"sip:{called}@a\", twice: "
		"\"sip:{called}{caller}@a\"}\n"
		"rules:\n"
		"- {name: once, host: once, redirect: once}\n"
		"- {name: twice, host: twice, redirect: [once, twice], expires: 5}\n"
		"- {name: longer, rewrite: {prepend: \"1\"}, redirect: once, expires: "
		"5}\n");
	struct facts facts = {
		.called = longest, .caller = longest, .host = slice_of("once")};
	struct workspace *workspace = workspace_new();
	struct decision decision;
	table_lookup(table, &facts, workspace, NULL, &decision);
	ck_assert_uint_eq(decision.status, 302);
	ck_assert_uint_eq(decision.targets[0].uri.len, 3 * NUMBER_MAX + strlen("sip:@a"));
	facts.host = slice_of("twice");
	table_lookup(table, &facts, workspace, NULL, &decision);
	ck_assert_uint_eq(decision.status, 484);
	ck_assert_int_eq(decision.cause, CAUSE_INCOMPLETE);
	ck_assert_uint_eq(decision.target_count, 0);
	ck_assert_uint_eq(decision.expires_s, 0);
	facts.host = slice_of("other");
	table_lookup(table, &facts, workspace, NULL, &decision);
	ck_assert_uint_eq(decision.status, 484);
	ck_assert_uint_eq(decision.number.len, 0);
	workspace_free(workspace);
	table_free(table);
}
END_TEST

static const struct {
	const char *rules, *want;
} slow[] = {
	{"{name: slow, called: {regex: \"^(a*)*$\"}, redirect: sip:a, expires: 9}",
         "slow: 500 gave up"},
	{"{name: slow, not: {called: {regex: \"^(a*)*$\"}}, reject: 404}",
         "slow: 500 gave up"},
	{"{name: slow, host: x, called: {regex: \"^(a*)*$\"}, reject: 404}",
         "slow: 500 gave up"},
	{"{name: slow, rewrite: {replace: {regex: \"^(a*)*$\", with: x}}, redirect: "
         "sip:a, "
         "expires: 9}",
         "slow: 500 gave up"},
	{"{name: quick, called: {prefix: a}, reject: 404}, {name: slow, called: {regex: "
         "\"^(a*)*$\"}, reject: 404}",
         "quick: 404"},
};

START_TEST(a_regex_that_gives_up_is_answered_500)
{
	char yaml[400];
	snprintf(yaml, sizeof yaml, "rules: [%s]", slow[_i].rules);
	struct table *table = loading_good(yaml);
	expect_decision(
		table,
		&(struct facts){.called = slice_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")},
		slow[_i].want);
	table_free(table);
}
END_TEST

/* Explaining */

static void on_considered(void *arg, const struct considered *considered)
{
	FILE *to = arg;
	fprintf(to, "%zu %s at %u", considered->index, considered->name.at,
	        considered->position.line);
	if (considered->matched)
		fprintf(to, " matched\n");
	else
		fprintf(to, ": %s %.*s\n", considered->criterion,
		        (int)considered->wanted.len, considered->wanted.at);
}

static char *explain(const struct table *table, const struct facts *facts)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	struct workspace *workspace = workspace_new();
	struct decision decision;
	table_lookup(table, facts, workspace, &(struct trace){on_considered, to},
	             &decision);
	workspace_free(workspace);
	fclose(to);
	return text;
}

START_TEST(a_trace_tells_every_rule_considered_and_why_it_failed)
{
	struct table *table = loading_good(
		"rules:\n"
		"- {called: 112, reject: 404}\n"
		"- {called: {prefix: +44}, caller: {prefix: +33}, reject: 404}\n"
		"- {called: {regex: \"^1\"}, reject: 404}\n"
		"- {source: [10.0.0.0/8, 192.0.2.1], reject: 404}\n"
		"- {called: {prefix: +4420}, not: {host: pbx, listener: udp:10.0.0.1}, "
		"reject: "
		"404}\n"
		"- {name: six, header: {X: a}, reject: 404}\n"
		"- {name: seven, called: {prefix: +442}, reject: 404}\n"
		"- {name: eight, called: {prefix: +4}, reject: 404}\n");
	struct facts facts = {.called = slice_of("+442071234567"),
	                      .host = slice_of("PBX")};
	char *got = explain(table, &facts);
	ck_assert_str_eq(got, "1 rule 2 at 3: caller prefix \"+33\"\n"
	                      "2 rule 3 at 4: called regex \"^1\"\n"
	                      "3 rule 4 at 5: source 10.0.0.0/8, 192.0.2.1\n"
	                      "4 rule 5 at 6: not: host \"pbx\"\n"
	                      "5 six at 7: header X \"a\"\n"
	                      "6 seven at 8 matched\n");
	free(got);
	struct considered considered;
	ruleset_rule(table_ruleset(table, 0), 0, &considered);
	ck_assert(!considered.matched);
	ck_assert_str_eq(considered.criterion, "called");
	ck_assert_str_eq(considered.wanted.at, "\"112\"");
	ck_assert_uint_eq(considered.index, 0);
	table_free(table);
}
END_TEST

static void on_target(void *arg, struct slice host, unsigned port,
                      struct position position)
{
	fprintf(arg, "%.*s:%u at %u:%u\n", (int)host.len, host.at, port, position.line,
	        position.column);
}

static void on_listener(void *arg, struct slice listener, struct position position)
{
	fprintf(arg, "%.*s at %u:%u\n", (int)listener.len, listener.at, position.line,
	        position.column);
}

START_TEST(a_visitor_sees_every_target_and_listener)
{
	struct table *table = loading_good(
		"gateways: {a: sip:gw-a, b: {uri: \"sip:x@[::1]:5080\", enabled: "
		"false}}\n"
		"rules:\n"
		"- {listener: [TCP:10.0.0.1, udp:10.0.0.1], redirect: sip:c:5070}\n"
		"- {not: {listener: \"udp:[::1]\"}, redirect: [[a, sips:d]]}\n"
		"- {profile: trunks, not: {peer: [pbx, sbc]}, user: alice, reject: 403}\n"
		"default: {redirect: sip:e}\n");
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	table_visit(table,
	            &(struct table_visitor){to, on_target, on_listener, on_listener,
	                                    on_listener, on_listener});
	fclose(to);
	ck_assert_str_eq(text, "e:5060 at 6:21\n"
	                       "d:5061 at 4:49\n"
	                       "c:5070 at 3:54\n"
	                       "[::1]:5080 at 1:28\n"
	                       "gw-a:5060 at 1:15\n"
	                       "tcp:10.0.0.1:5060 at 3:14\n"
	                       "udp:10.0.0.1:5060 at 3:14\n"
	                       "udp:[::1]:5060 at 4:20\n"
	                       "trunks at 5:13\n"
	                       "alice at 5:52\n"
	                       "pbx at 5:33\n"
	                       "sbc at 5:33\n");
	free(text);
	table_free(table);
}
END_TEST
Suite *test_suite(void)
{
	Suite *suite = suite_create("table");
	TCase *tcase = tcase_create("table");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_loop_test(tcase, a_call_gets_its_decision, 0, LOADING_COUNT(decisions));
	tcase_add_loop_test(tcase, the_default_answers_what_no_rule_does, 0,
	                    LOADING_COUNT(defaults));
	tcase_add_loop_test(tcase, match_says_which_of_several_rules_wins, 0,
	                    LOADING_COUNT(orders));
	tcase_add_test(tcase, ten_targets_are_kept_and_the_others_counted);
	tcase_add_loop_test(tcase, what_the_request_does_not_take_is_not_offered, 0,
	                    LOADING_COUNT(taken));
	tcase_add_test(tcase, others_step_in_for_what_is_not_taken);
	tcase_add_test(tcase, a_uri_is_offered_once);
	tcase_add_test(tcase, a_tier_is_ordered_by_the_call);
	tcase_add_test(tcase, a_number_too_long_for_a_target_is_484);
	tcase_add_loop_test(tcase, a_regex_that_gives_up_is_answered_500, 0,
	                    LOADING_COUNT(slow));
	tcase_add_test(tcase, a_trace_tells_every_rule_considered_and_why_it_failed);
	tcase_add_test(tcase, a_visitor_sees_every_target_and_listener);
	suite_add_tcase(suite, tcase);
	return suite;
}
