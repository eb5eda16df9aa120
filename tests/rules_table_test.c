/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/criteria.h"
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

/* The index against a look at every rule */

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
		expect_decision(shuffled, &call.facts, before);
		free(findings);
		free(yaml);
		free(before);
		table_free(shuffled);
		table_free(table);
	}
	pattern_space_free(space);
}
END_TEST

/* Memory */

static const char everything[] =
	"match: longest\n"
	"zone: UTC\n"
	"times:\n"
	"  t: {zone: Europe/London, days: mon-fri, hours: 08:00-18:00, dates: [1..7, "
	"12-24]}\n"
	"  u: {except: [t, 12-25, 2026-12-24]}\n"
	"gateways: {a: sip:a, b: {uri: \"sip:{called}@b\", weight: 2}, c: {uri: sip:c, "
	"from: 2026-12-25, headers: {X-A: a}, uri_headers: {X-B: b}}}\n"
	"groups: {g: [[a, b], c]}\n"
	"rules:\n"
	"- {called: 77, time: [t, u], from: 2026-12-24, until: 2026-12-31T18:00, not: "
	"{time: t}, redirect: a}\n"
	"- {name: one, called: [1, 2], redirect: g}\n"
	"- {called: {prefix: [3, 4], regex: \"^5\"}, caller: 6, redirect: [a, sip:d]}\n"
	"- {host: x, source: [10.0.0.0/8, \"::1\"], listener: udp:10.0.0.1, reject: 404 "
	"No}\n"
	"- {header: {X: a, Y: {regex: b}}, not: {called: 7, header: {Z: c}}, redirect: "
	"b}\n"
	"- called: {prefix: 8}\n"
	"  rewrite: {strip: \"8\", prepend: x, replace: {regex: \"(.)\", with: "
	"\"$1-$0\"}}\n"
	"  redirect: [[a, c], b]\n"
	"- {called: 9, reject: {status: 503, phrase: Busy, reason: SIP;cause=1, "
	"retry_after: "
	"5}}\n"
	"- {rn: 1, cic: 2, tgrp: {regex: t}, trunk_context: u, npdi: true, profile: p, "
	"not: {peer: q}, redirect: a, headers: {X-A: 'b{rn}'}, uri_headers: {X-B: "
	"'{called}', X-C: d}, rewrite: {rn: '{called}', cic: 4, npdi: false, tgrp: "
	"'{tgrp}', trunk_context: x}}\n"
	"- {called: {prefix: 33}, caller: 6, redirect: a}\n" /* a warning */
	"- {called: {prefix: 3}, caller: 6, redirect: a}\n"
	"default: {rewrite: {strip: 1}, redirect: g}\n";

START_TEST(lack_of_memory_at_any_point_is_a_finding_and_no_table)
{
	size_t failures = 0;
	struct table *table = NULL;
	loading_write(everything);
	for (size_t limit = 0; !table; limit += 24, failures++) {
		struct diags *diags = diags_new();
		table = table_load(LOADING_FILE, limit, diags);
		ck_assert_msg(table ? !diags_errors(diags) : diags_errors(diags) == 1,
		              "limit %zu", limit);
		diags_free(diags);
		ck_assert_uint_lt(limit, 1 << 20);
	}
	ck_assert_uint_gt(failures, 200);
	ck_assert_uint_eq(table_counts(table).rules, 10);
	table_free(table);
}
END_TEST

START_TEST(a_table_tells_how_much_memory_it_has)
{
	struct diags *diags = diags_new();
	loading_write(everything);
	struct table *table = table_load(LOADING_FILE, LOADING_PLENTY, diags);
	size_t bytes = table_counts(table).bytes;
	ck_assert_uint_gt(bytes, 1000);
	ck_assert_uint_lt(bytes, 100000);
	table_free(table);
	diags_free(diags);
	table_free(NULL);
	workspace_free(NULL);
}
END_TEST

static double seconds_since(const struct timespec *start)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) +
	       (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static size_t steps;

static void count_step(void *arg, const struct considered *considered)
{
	(void)arg, (void)considered;
	steps++;
}

START_TEST(a_table_of_100000_rules_loads_and_answers_in_a_few_steps)
{
	enum { COUNT = 100000 };
	char *yaml = NULL, number[20];
	size_t len;
	struct timespec start;
	FILE *to = open_memstream(&yaml, &len);
	fputs("gateways: {a: sip:a, b: sip:b}\nrules:\n", to);
	for (int i = 0; i < COUNT; i++)
		fprintf(to, "- {called: {prefix: +%d}, redirect: [[a, b]]}\n",
		        44000000 + i);
	fclose(to);
	clock_gettime(CLOCK_MONOTONIC, &start);
	struct table *table = loading_good(yaml);
	printf("loaded %d rules in %.2f s, %zu bytes each\n", COUNT,
	       seconds_since(&start), table_counts(table).bytes / COUNT);
	struct workspace *workspace = workspace_new();
	struct trace trace = {count_step, NULL};
	for (int i = 0; i < COUNT; i++) {
		struct decision decision;
		snprintf(number, sizeof number, "+%d123", 44000000 + i);
		struct facts facts = {.called = slice_of(number)};
		table_lookup(table, &facts, workspace, &trace, &decision);
		loading_expect(decision.position.line == (unsigned)i + 3, "%s", number);
	}
	ck_assert_uint_eq(steps, COUNT);
	workspace_free(workspace);
	table_free(table);
	free(yaml);
}
END_TEST

START_TEST(lists_of_100000_texts_are_searched_not_walked)
{
	char *yaml = NULL;
	size_t len;
	FILE *to = open_memstream(&yaml, &len);
	fputs("rules:\n- {name: listed, not: {caller: {prefix: [x", to);
	for (int i = 0; i < 100000; i++)
		fprintf(to, ", \"+%d\"", 33000000 + i);
	fputs("]}}, reject: 403}\n", to);
	fclose(to);
	struct table *table = loading_good(yaml);
	struct workspace *workspace = workspace_new();
	for (int i = 0; i < 200000; i++) { /* a walk would take a minute */
		struct decision decision;
		char caller[20];
		snprintf(caller, sizeof caller, "+%d12", 33000000 + i);
		table_lookup(table, &(struct facts){.caller = slice_of(caller)},
		             workspace, NULL, &decision);
		loading_expect(decision.status == (i < 100000 ? 404 : 403), "%s", caller);
	}
	workspace_free(workspace);
	table_free(table);
	free(yaml);
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
	tcase_add_loop_test(tcase, a_lookup_finds_what_a_look_at_every_rule_finds, 0, 2);
	tcase_add_loop_test(tcase, the_order_of_rules_that_do_not_match_does_not_matter,
	                    0, 2);
	tcase_add_test(tcase, lack_of_memory_at_any_point_is_a_finding_and_no_table);
	tcase_add_test(tcase, a_table_tells_how_much_memory_it_has);
	tcase_add_test(tcase, a_table_of_100000_rules_loads_and_answers_in_a_few_steps);
	tcase_add_test(tcase, lists_of_100000_texts_are_searched_not_walked);
	suite_add_tcase(suite, tcase);
	return suite;
}
