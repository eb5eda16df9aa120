/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "rules/health.h"
#include "rules/probe.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

/* What is said about `probe`, and "" if it is good. */
static const struct {
	const char *gateway, *group, *finding;
} findings[] = {
	{"probe: true", "[g]", ""},
	{"probe: {every: 100ms, timeout: 50ms, down_after: 1, up_after: 100}", "[g]", ""},
	{"probe: yes", "[g]",
         "t.yaml:1:43: error: \"probe\" must be true or false\n"
         "  hint: only true and false are known, not yes, no, on or off\n"},
	{"probe: {every: 99ms}", "[g]",
         "t.yaml:1:51: error: \"every\" must be a time from 100ms to 3600s: 500ms, "
         "10s, 1m\n"},
	{"probe: {timeout: 11s}", "[g]",
         "t.yaml:1:53: error: \"timeout\" must be a time from 50ms to 10s: 500ms, "
         "10s, 1m\n"},
	{"probe: {every: 1s}", "[g]", ""},
	{"probe: {every: 1s, timeout: 2s}", "[g]",
         "t.yaml:1:43: error: \"timeout\" is longer than \"every\"\n"
         "  hint: the next probe begins when this one has ended\n"},
	{"probe: {down_after: 0}", "[g]",
         "t.yaml:1:56: error: \"down_after\" must be a whole number from 1 to 100\n"},
	{"probe: {up_after: 101}", "[g]",
         "t.yaml:1:54: error: \"up_after\" must be a whole number from 1 to 100\n"},
	{"probe: {up_afte: 1}", "[g]",
         "t.yaml:1:44: error: unknown key \"up_afte\"\n"
         "  hint: did you mean \"up_after\"?\n"},
	{"weight: 1", "{gateways: [g], probe: {every: 5s}}", ""},
	{"weight: 1", "{probe: true}",
         "t.yaml:2:13: error: a group needs \"gateways\"\n"},
	{"weight: 1", "{gateways: g, prob: true}",
         "t.yaml:2:27: error: unknown key \"prob\"\n"
         "  hint: did you mean \"probe\"?\n"},
};

START_TEST(every_fault_of_a_probe_is_found)
{
	char yaml[512], *found;
	snprintf(yaml, sizeof yaml,
	         "gateways: {g: {uri: \"sip:1.2.3.4\", %s}}\n"
	         "groups: {p: %s}\nrules: [{redirect: p}]\n",
	         findings[_i].gateway, findings[_i].group);
	struct table *table = loading_try(yaml, &found);
	ck_assert_msg(strcmp(found, findings[_i].finding) == 0, "%s\nfound %s", yaml,
	              found);
	ck_assert(!table == !!*found);
	table_free(table);
	free(found);
}
END_TEST

/* Where requests to a URI go. */
static const struct {
	const char *uri, *server, *host;
	unsigned port;
	enum probed_transport transport; /* PROBED_OTHER: it is refused */
} uris[] = {
	{"sip:gw.test", "gw.test", "gw.test", 0, PROBED_ANY},
	{"sip:x{called}@gw.test:5080?Subject=hi", "gw.test:5080", "gw.test", 5080,
         PROBED_ANY},
	{"sip:1.2.3.4;transport=UDP", "1.2.3.4;transport=UDP", "1.2.3.4", 0, PROBED_UDP},
	{"sip:[2001:db8::1]:5070;lr;transport=tcp", "[2001:db8::1]:5070;lr;transport=tcp",
         "[2001:db8::1]", 5070, PROBED_TCP},
	{"sip:gw.test;maddr=10.0.0.1", "gw.test;maddr=10.0.0.1", "10.0.0.1", 0,
         PROBED_ANY},
	{"sips:gw.test", NULL, NULL, 0, PROBED_OTHER},
	{"sip:gw.test;transport=tls", NULL, NULL, 0, PROBED_OTHER},
	{"sip:gw.test;transport=sctp", NULL, NULL, 0, PROBED_OTHER},
};

START_TEST(a_probe_goes_where_calls_go)
{
	char yaml[512], *found;
	struct gateway_view view;
	snprintf(yaml, sizeof yaml, "gateways: {g: {uri: \"%s\", probe: true}}\n",
	         uris[_i].uri);
	struct table *table = loading_try(yaml, &found);
	if (uris[_i].transport == PROBED_OTHER) {
		ck_assert_str_eq(found, "t.yaml:1:15: error: gateway \"g\" cannot be "
		                        "probed: only UDP and TCP are\n"
		                        "  hint: write probe: false for it\n");
		free(found);
		return;
	}
	ck_assert_ptr_nonnull(table);
	ck_assert_uint_eq(table_probed_count(table), 1);
	table_probed(table, 0, &view);
	ck_assert(slice_equal(view.server, slice_of(uris[_i].server)));
	ck_assert(slice_equal(view.host, slice_of(uris[_i].host)));
	ck_assert_uint_eq(view.port, uris[_i].port);
	ck_assert_int_eq(view.transport, uris[_i].transport);
	table_free(table);
	free(found);
}
END_TEST

static void expect_probe(const struct table *table, const char *name,
                         unsigned long every_ms)
{
	size_t number = table_probed_find(table, slice_of(name));
	struct gateway_view view = {.number = 0};
	if (number)
		table_probed(table, number - 1, &view);
	ck_assert_uint_eq(view.number, number);
	ck_assert_msg((view.probe ? view.probe->every_ms : 0) == every_ms,
	              "%s is probed every %lu ms", name,
	              view.probe ? view.probe->every_ms : 0);
}

START_TEST(a_gateway_has_its_own_word_and_then_its_first_groups)
{
	struct table *table = loading_good(
		"gateways:\n"
		"  none: sip:a\n"
		"  plain: sip:b\n"
		"  refuses: {uri: sip:c, probe: false}\n"
		"  own: {uri: sip:d, probe: {every: 20s}}\n"
		"  both: sip:e\n"
		"  disabled: {uri: sip:f, enabled: false}\n"
		"  tls: {uri: sips:g, probe: false}\n"
		"  alone: {uri: sip:h, probe: true}\n"
		"groups:\n"
		"  silent: [none, plain, both]\n"
		"  first: {gateways: [[plain, refuses], [own, both], disabled, tls],\n"
		"          probe: {every: 30s}}\n"
		"  second: {gateways: both, probe: {every: 40s}}\n"
		"  third: {gateways: both, probe: false}\n");
	struct gateway_view view;
	expect_probe(table, "none", 0);
	expect_probe(table, "plain", 30000);
	expect_probe(table, "refuses", 0);
	expect_probe(table, "own", 20000);
	expect_probe(table, "both", 30000);
	expect_probe(table, "disabled", 0);
	expect_probe(table, "tls", 0);
	expect_probe(table, "alone", 10000);
	expect_probe(table, "first", 0);
	expect_probe(table, "nobody", 0);
	ck_assert_uint_eq(table_probed_count(table), 4);
	table_gateway(table, 3, &view);
	ck_assert(slice_equal(view.name, slice_of("own")));
	ck_assert_uint_eq(view.number, 2);
	table_free(table);
}
END_TEST

/* Which are down, and what is offered then. */

#define GATEWAYS                                                                         \
	"gateways:\n"                                                                    \
	"  a1: {uri: sip:a1, probe: true}\n"                                             \
	"  a2: {uri: sip:a2, probe: true}\n"                                             \
	"  b: {uri: sip:b, probe: true}\n"                                               \
	"  c: {uri: sip:c, probe: true}\n"                                               \
	"  same: {uri: sip:a1, probe: true}\n"                                           \
	"  free: sip:free\n"                                                             \
	"groups: {a: [a1, a2], all: [a1, a2, b, c, free], twice: [a1, same, b]}\n"
#define DECKS                                                                            \
	"decks:\n"                                                                       \
	"  a: {file: a.csv, redirect: a}\n"                                              \
	"  b: {file: b.csv, redirect: b}\n"                                              \
	"  c: {file: c.csv, redirect: c}\n"

static const struct {
	const char *redirect, *down, *decision;
} orders[] = {
	{"all", "", "r: 302 a1 a2 b c free"},
	{"all", "a1", "r: 302 a2 b c free a1"},
	{"all", "a1 b", "r: 302 a2 c free a1 b"},
	{"all", "c", "r: 302 a1 a2 b free c"},
	{"all", "a1 a2 b c", "r: 302 free a1 a2 b c"},
	{"a", "a1 a2", "r: 302 a1 a2"},
	{"b", "b", "r: 302 b"},
	{"[b, a]", "a1", "r: 302 b a2 a1"},
	/* a URI is offered once, as early as one of its gateways is up */
	{"twice", "a1", "r: 302 same b"},
	{"twice", "same", "r: 302 a1 b"},
	{"twice", "same a1", "r: 302 b a1"},
	{"{lcr: {decks: [a, b, c]}}", "", "r: 302 a1 a2 b c"},
	{"{lcr: {decks: [a, b, c]}}", "a1", "r: 302 a2 b c a1"},
	{"{lcr: {decks: [a, b, c]}}", "a1 a2", "r: 302 b c a1 a2"},
	{"{lcr: {decks: [a, b, c]}}", "a2 b", "r: 302 a1 c a2 b"},
	{"{lcr: {decks: [a, b, c]}}", "a1 a2 b c", "r: 302 a1 a2 b c"},
	/* a carrier that is down has no place that another could have */
	{"{lcr: {decks: [a, b, c], max: 2}}", "b", "r: 302 a1 a2 c"},
	{"{lcr: {decks: [a, b, c], max: 2}}", "a1 b", "r: 302 a2 c a1"},
	{"{lcr: {decks: [a, b, c], max: 2}}", "a1 b c", "r: 302 a2 a1 b"},
	{"{lcr: {decks: [a, b, c], max: 1}}", "a1 a2 b c", "r: 302 a1 a2"},
	{"{lcr: {decks: [a, b, c], max: 1}}", "a1 a2", "r: 302 b"},
};

static union {
	struct health health;
	char room[sizeof(struct health) + 100];
} sick;

static void set_down(const struct table *table, const char *names)
{
	char text[128], *rest = text;
	memset(&sick, 0, sizeof sick);
	strcpy(text, names);
	for (char *name; (name = strtok_r(rest, " ", &rest));) {
		size_t number = table_probed_find(table, slice_of(name));
		ck_assert_uint_gt(number, 0);
		health_set(&sick.health, number, true);
	}
}

/* The gateways' names alone, and that they are marked. */
static void expect_order(const struct table *table, const struct facts *facts,
                         const char *down, const char *expected)
{
	struct workspace *workspace = workspace_new();
	struct decision decision;
	char got[256];
	table_lookup(table, facts, workspace, NULL, &decision);
	int len = sprintf(got, "%s: %u", decision.rule.at, decision.status);
	for (size_t i = 0; i < decision.target_count; i++) {
		const struct target *target = &decision.targets[i];
		len += sprintf(got + len, " %s", target->gateway.at);
		ck_assert(target->down == !!strstr(down, target->gateway.at));
	}
	ck_assert_str_eq(got, expected);
	workspace_free(workspace);
}

static void write_deck(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	fputs(text, file);
	fclose(file);
}

START_TEST(gateways_that_are_down_come_behind_those_that_are_up)
{
	char yaml[1024];
	write_deck("a.csv", "code,rate\n1,0.01\n");
	write_deck("b.csv", "code,rate\n1,0.02\n");
	write_deck("c.csv", "code,rate\n1,0.03\n");
	snprintf(yaml, sizeof yaml, GATEWAYS DECKS "rules: [{name: r, redirect: %s}]\n",
	         orders[_i].redirect);
	struct table *table = loading_good(yaml);
	struct facts facts = {.called = slice_of("+1"), .health = &sick.health};
	set_down(table, orders[_i].down);
	expect_order(table, &facts, orders[_i].down, orders[_i].decision);
	table_free(table);
	remove("a.csv");
	remove("b.csv");
	remove("c.csv");
}
END_TEST

START_TEST(what_is_down_is_cut_before_what_is_up)
{
	char yaml[2048], down[128] = "";
	size_t len = (size_t)sprintf(yaml, "gateways:\n");
	for (int i = 10; i < 22; i++)
		len += (size_t)sprintf(yaml + len, "  g%d: {uri: sip:g%d, probe: true}\n",
		                       i, i);
	len += (size_t)sprintf(yaml + len, "rules: [{name: r, redirect: [g10");
	for (int i = 11; i < 22; i++)
		len += (size_t)sprintf(yaml + len, ", g%d", i);
	sprintf(yaml + len, "]}]\n");
	struct table *table = loading_good(yaml);
	struct facts facts = {.called = slice_of("1"), .health = &sick.health};
	strcpy(down, "g10 g12 g14");
	set_down(table, down);
	expect_order(table, &facts, down,
	             "r: 302 g11 g13 g15 g16 g17 g18 g19 g20 g21 g10");
	table_free(table);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("rules/probe");
	TCase *tests = tcase_create("probe");
	tcase_add_unchecked_fixture(tests, loading_enter, loading_leave);
	tcase_add_loop_test(tests, every_fault_of_a_probe_is_found, 0,
	                    LOADING_COUNT(findings));
	tcase_add_loop_test(tests, a_probe_goes_where_calls_go, 0, LOADING_COUNT(uris));
	tcase_add_test(tests, a_gateway_has_its_own_word_and_then_its_first_groups);
	tcase_add_loop_test(tests, gateways_that_are_down_come_behind_those_that_are_up,
	                    0, LOADING_COUNT(orders));
	tcase_add_test(tests, what_is_down_is_cut_before_what_is_up);
	suite_add_tcase(suite, tests);
	return suite;
}
