/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/gateway.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

#define LONG_64 "1234567890123456789012345678901234567890123456789012345678901234"
#define GATEWAYS                                                                         \
	"gateways:\n"                                                                    \
	"  a: sip:a\n"                                                                   \
	"  b: {uri: sip:b, weight: 2}\n"                                                 \
	"  c: {uri: \"sip:{called}@c;lr\", enabled: false}\n"

/* The tiers of a route: "a b|c". */
static void describe_route(const struct route *route, char *to, size_t size)
{
	size_t len = 0;
	*to = '\0';
	for (size_t t = 0; t < route->tier_count; t++)
		for (size_t g = 0; g < route->tiers[t].count; g++) {
			const struct gateway *gateway = route->tiers[t].gateways[g];
			len += (size_t)snprintf(to + len, size - len, "%s%s",
			                        g   ? " "
			                        : t ? "|"
			                            : "",
			                        gateway->name.len ? gateway->name.at
			                                          : gateway->uri.text.at);
		}
}

static const struct gateway *find_gateway(const struct table *table, const char *name)
{
	const struct named *named = map_find(&table->names, slice_of(name));
	return named ? named->gateway : NULL;
}

START_TEST(a_gateway_is_a_uri_or_a_mapping)
{
	struct table *table = loading_good(GATEWAYS);
	const struct gateway *a = find_gateway(table, "a"), *b = find_gateway(table, "b"),
			     *c = find_gateway(table, "c");
	ck_assert_str_eq(a->uri.text.at, "sip:a");
	ck_assert_uint_eq(a->weight, 1);
	ck_assert(a->enabled);
	ck_assert_uint_eq(a->hash, map_hash(slice_of("a")));
	ck_assert_uint_eq(a->position.line, 2);
	ck_assert_uint_eq(a->position.column, 6);
	ck_assert_str_eq(b->uri.text.at, "sip:b");
	ck_assert_uint_eq(b->weight, 2);
	ck_assert(!c->enabled);
	ck_assert_str_eq(c->uri.tail.at, "c;lr");
	ck_assert_uint_eq(table_counts(table).gateways, 3);
	table_free(table);
}
END_TEST

START_TEST(names_are_any_text)
{
	static const char *const names[] = {
		"1", "true", "\u00e9t\u00e9", "a \"b\"",  "a b",
		"~", "sip",  "a{called}",     "London/1", LONG_64};
	for (int i = 0; i < LOADING_COUNT(names); i++) {
		char yaml[500];
		snprintf(yaml, sizeof yaml,
		         "gateways: {'%s': sip:a}\ngroups: {g: ['%s']}\n"
		         "rules: [{name: '%s', redirect: ['%s', g]}]",
		         names[i], names[i], names[i], names[i]);
		struct table *table = loading_good(yaml);
		ck_assert_ptr_nonnull(find_gateway(table, names[i]));
		ck_assert_str_eq(table->top.rules[0].name.at, names[i]);
		table_free(table);
	}
}
END_TEST

static const struct {
	const char *redirect, *tiers;
} routes[] = {
	{"a", "a"},
	{"[a]", "a"},
	{"[a, b]", "a|b"},
	{"[[a, b]]", "a b"},
	{"[[a, b], c]", "a b|c"},
	{"[[a, b], [c]]", "a b|c"},
	{"pair", "a b|c"},
	{"[pair]", "a b|c"},
	{"[c, pair]", "c|a b|c"},
	{"[pair, one, a]", "a b|c|b|a"},
	{"sip:x", "sip:x"},
	{"[sip:x, a, \"sips:{called}@y\"]", "sip:x|a|sips:{called}@y"},
	{"[[sip:x, a]]", "sip:x a"},
	{"[[sip:x, sip:y], [sip:x]]", "sip:x sip:y|sip:x"},
};

START_TEST(a_redirect_names_tiers_of_gateways)
{
	char yaml[500], got[100];
	snprintf(yaml, sizeof yaml,
	         GATEWAYS
	         "groups: {pair: [[a, b], c], one: b}\nrules: [{redirect: %s}]\n",
	         routes[_i].redirect);
	struct table *table = loading_good(yaml);
	describe_route(&table->top.rules[0].action.route, got, sizeof got);
	ck_assert_str_eq(got, routes[_i].tiers);
	ck_assert_uint_eq(table_counts(table).groups, 2);
	ck_assert_uint_eq(table_counts(table).gateways, 3);
	table_free(table);
}
END_TEST

START_TEST(a_uri_in_a_rule_weighs_one_and_is_found_by_its_text)
{
	struct table *table = loading_good("rules: [{redirect: \"sip:{called}@x\"}]");
	const struct gateway *x = table->top.rules[0].action.route.tiers[0].gateways[0];
	ck_assert_uint_eq(x->weight, 1);
	ck_assert(x->enabled);
	ck_assert_uint_eq(x->hash, map_hash(slice_of("sip:{called}@x")));
	ck_assert_uint_eq(x->position.column, 20);
	table_free(table);
}
END_TEST

static const struct {
	const char *yaml, *findings;
} bad[] = {
	/* Gateways */
	{"gateways: [a]",
         "t.yaml:1:11: error: \"gateways\" must be a mapping of names to gateways\n"
         "  hint: write gateways: {name: sip:host}\n"},
	{"gateways:\n",
         "t.yaml:1:10: error: \"gateways\" must be a mapping of names to gateways\n"
         "  hint: write gateways: {name: sip:host}\n"},
	{"gateways:\n  a: [sip:a]\n",
         "t.yaml:2:6: error: a gateway must be a mapping, not a list\n"},
	{"gateways:\n  a:\n  b: {}\n", "t.yaml:2:5: error: \"uri\" must not be empty\n"
                                       "t.yaml:3:6: error: a gateway needs \"uri\"\n"},
	{"gateways: {a: {url: sip:a}}", "t.yaml:1:15: error: a gateway needs \"uri\"\n"
                                        "t.yaml:1:16: error: unknown key \"url\"\n"
                                        "  hint: did you mean \"uri\"?\n"},
	{"gateways: {a: {uri: sip:a, weight: 0}, b: {uri: sip:b, weight: 10001}}",
         "t.yaml:1:36: error: \"weight\" must be a whole number from 1 to 10000\n"
         "t.yaml:1:64: error: \"weight\" must be a whole number from 1 to 10000\n"},
	{"gateways: {a: {uri: sip:a, weight: 1.5, enabled: no}}",
         "t.yaml:1:36: error: \"weight\" must be a whole number from 1 to 10000\n"
         "t.yaml:1:50: error: \"enabled\" must be true or false\n"
         "  hint: only true and false are known, not yes, no, on or off\n"},
	{"gateways: {a: {uri: sip:a, q: 0.5}}",
         "t.yaml:1:28: error: unknown key \"q\"\n"
         "  hint: known keys: uri, weight, enabled, from, until, probe, headers, "
         "uri_headers\n"},
	{"gateways:\n  a: sip:a\n  b: sip:b\n  a: sip:c\n",
         "t.yaml:4:3: error: gateway \"a\" is defined twice\n"
         "  hint: first defined at t.yaml:2:3\n"},
	{"gateways: {a:b: sip:a}",
         "t.yaml:1:12: error: the name \"a:b\" may not contain a :\n"
         "  hint: what has a : is taken for a URI\n"},
	{"gateways: {\"\": sip:a}",
         "t.yaml:1:12: error: \"gateway name\" must not be empty\n"},
	{"gateways: {\"a\\tb\": sip:a}",
         "t.yaml:1:12: error: a gateway name may not have control characters\n"},
	{"gateways: {" LONG_64 ": sip:a, " LONG_64 "5: sip:a}",
         "t.yaml:1:85: error: a gateway name may have 64 bytes\n"},
	{"gateways: {a: \"sip:{caled}@a\", b: 'tel:+44', c: gw}",
         "t.yaml:1:15: error: unknown placeholder in \"sip:{caled}@a\"\n"
         "  hint: the placeholders are {called}, {caller}, {host}, {rule}, {gateway}, "
         "{rn}, {cic}, {tgrp}, {trunk_context}, {row.COLUMN}, {TABLE[called].COLUMN} and "
         "{TABLE[caller].COLUMN}\n"
         "t.yaml:1:35: error: a target must be a sip: or sips: URI\n"
         "  hint: many peers cannot follow tel: in a redirect; write "
         "sip:{called}@gateway\n"
         "t.yaml:1:49: error: \"gw\" is no SIP URI\n"
         "  hint: write sip:host, or sip:user@host\n"},
	/* A gateway that has a mistake is no unknown one. */
	{"gateways: {a: gw}\nrules: [{redirect: a}]",
         "t.yaml:1:15: error: \"gw\" is no SIP URI\n"
         "  hint: write sip:host, or sip:user@host\n"},

	/* Groups */
	{"groups: a",
         "t.yaml:1:9: error: \"groups\" must be a mapping of names to lists of gateways\n"
         "  hint: write groups: {name: [first, second]}\n"},
	{GATEWAYS "groups: {g: [a, d, gateway-1]}",
         "t.yaml:5:17: error: no gateway is called \"d\"\n"
         "  hint: gateways are defined under \"gateways\"\n"
         "t.yaml:5:20: error: no gateway is called \"gateway-1\"\n"
         "  hint: gateways are defined under \"gateways\"\n"},
	{"gateways: {paris: sip:a}\ngroups: {g: [parsi, [paris, sip:a]], gg: parris}",
         "t.yaml:2:14: error: no gateway is called \"parsi\"\n"
         "  hint: did you mean \"paris\"?\n"
         "t.yaml:2:29: error: no gateway is called \"sip:a\"\n"
         "  hint: gateways are defined under \"gateways\"\n"
         "t.yaml:2:42: error: no gateway is called \"parris\"\n"
         "  hint: did you mean \"paris\"?\n"},
	/* What a group cannot have is not suggested. */
	{GATEWAYS "groups: {london: [a], g: [londn]}",
         "t.yaml:5:27: error: no gateway is called \"londn\"\n"
         "  hint: gateways are defined under \"gateways\"\n"},
	{GATEWAYS "groups: {g: [], h: [[]], i: {a: b}, j: [a, [[b]]], k: }",
         "t.yaml:5:13: error: an empty list of gateways\n"
         "t.yaml:5:21: error: an empty list of gateways\n"
         "t.yaml:5:29: error: a group needs \"gateways\"\n"
         "t.yaml:5:30: error: unknown key \"a\"\n"
         "  hint: known keys: gateways, probe\n"
         "t.yaml:5:45: error: \"gateway name\" must be a text, not a list\n"
         "t.yaml:5:55: error: \"gateway name\" must not be empty\n"},
	{GATEWAYS "groups: {g: [a], h: [g, [g, a]]}",
         "t.yaml:5:22: error: \"g\" is a group; here only gateways share\n"
         "  hint: name its gateways; a group may stand as a tier of \"redirect\"\n"
         "t.yaml:5:26: error: \"g\" is a group; here only gateways share\n"
         "  hint: name its gateways; a group may stand as a tier of \"redirect\"\n"},
	{GATEWAYS "groups:\n  g: [a]\n  a: [b]\n  g: [b]\n",
         "t.yaml:7:3: error: \"a\" is a gateway and a group\n"
         "  hint: the gateway is defined at t.yaml:2:3\n"
         "t.yaml:8:3: error: group \"g\" is defined twice\n"
         "  hint: first defined at t.yaml:6:3\n"},
	{GATEWAYS "groups: {g:h: [a], \"\": [a]}",
         "t.yaml:5:10: error: the name \"g:h\" may not contain a :\n"
         "  hint: what has a : is taken for a URI\n"
         "t.yaml:5:20: error: \"group name\" must not be empty\n"},
	{GATEWAYS "groups: {g: [[a, b, a]]}",
         "t.yaml:5:21: error: \"a\" stands twice in one tier\n"
         "  hint: give it a greater weight instead\n"},

	/* Redirect */
	{GATEWAYS "rules: [{redirect: nosuch}]",
         "t.yaml:5:20: error: no gateway or group is called \"nosuch\"\n"
         "  hint: gateways are defined under \"gateways\", groups under \"groups\"\n"},
	{GATEWAYS "groups: {london: [a]}\nrules:\n- {redirect: lodnon}\n- {redirect: [a, "
                  "[lndon, b]]}",
         "t.yaml:7:14: error: no gateway or group is called \"lodnon\"\n"
         "  hint: did you mean \"london\"?\n"
         "t.yaml:8:19: error: no gateway or group is called \"lndon\"\n"
         "  hint: did you mean \"london\"?\n"},
	{GATEWAYS "groups: {g: [a]}\nrules: [{redirect: [[g, b]]}]",
         "t.yaml:6:22: error: \"g\" is a group; here only gateways share\n"
         "  hint: name its gateways; a group may stand as a tier of \"redirect\"\n"},
	{GATEWAYS "rules: [{redirect: [sip:x y, [a, a], [sip:x, sip:x]]}]",
         "t.yaml:5:21: error: bad URI \"sip:x y\": this character cannot stand in a "
         "host\n"
         "t.yaml:5:34: error: \"a\" stands twice in one tier\n"
         "  hint: give it a greater weight instead\n"
         "t.yaml:5:46: error: \"sip:x\" stands twice in one tier\n"
         "  hint: give it a greater weight instead\n"},
	{GATEWAYS
         "rules: [{redirect: }, {redirect: []}, {redirect: {a: b}}, {redirect: [a, ~]}]",
         "t.yaml:5:20: error: \"redirect\" must not be empty\n"
         "t.yaml:5:34: error: an empty list of gateways\n"
         "t.yaml:5:50: error: \"redirect\" needs \"lcr\"\n"
         "t.yaml:5:51: error: unknown key \"a\"\n"
         "  hint: known keys: lcr\n"
         "t.yaml:5:74: error: no gateway or group is called \"~\"\n"
         "  hint: gateways are defined under \"gateways\", groups under \"groups\"\n"},
};

START_TEST(a_mistake_in_gateways_and_groups_is_found)
{
	char *findings;
	struct table *table = loading_try(bad[_i].yaml, &findings);
	ck_assert_str_eq(findings, bad[_i].findings);
	ck_assert_ptr_null(table);
	free(findings);
}
END_TEST

static const struct {
	const char *redirect;
	bool disabled;
} disabled[] = {
	{"c", true},         {"[c]", true},           {"[[c]]", true},
	{"off", true},       {"[c, off]", true},      {"[c, a]", false},
	{"[[a, c]]", false}, {"[off, sip:x]", false},
};

START_TEST(a_redirect_to_disabled_gateways_only_is_warned_of)
{
	char yaml[500], *findings;
	snprintf(yaml, sizeof yaml,
	         GATEWAYS "groups: {off: [[c]]}\nrules: [{redirect: %s}]",
	         disabled[_i].redirect);
	struct table *table = loading_try(yaml, &findings);
	ck_assert_str_eq(findings,
	                 disabled[_i].disabled
	                         ? "t.yaml:6:20: warning: every gateway of this "
	                           "redirect is disabled\n"
	                           "  hint: calls will be answered 480\n"
	                         : "");
	ck_assert(route_is_disabled(&table->top.rules[0].action.route) ==
	          disabled[_i].disabled);
	free(findings);
	table_free(table);
}
END_TEST

/* 64 gateways, alone, in one tier, by a group; and one more. */
static char *many(size_t count, const char *before, const char *between,
                  const char *after)
{
	char *yaml = malloc(200 * (count + 1)),
	     *end = yaml + sprintf(yaml, "gateways:\n");
	for (size_t i = 0; i < count; i++)
		end += sprintf(end, "  g%zu: sip:g%zu\n", i, i);
	end += sprintf(end, "%s", before);
	for (size_t i = 0; i < count; i++)
		end += sprintf(end, "%sg%zu", i ? between : "", i);
	sprintf(end, "%s", after);
	return yaml;
}

static const struct {
	const char *before, *between, *after, *finding;
} limits[] = {
	{"rules: [{redirect: [", ", ", "]}]", ":67:331: error"},
	{"rules: [{redirect: [[", ", ", "]]}]", ":21: error"},
	{"groups: {g: [", ", ", "]}\nrules: [{redirect: g}]", ":67:324: error"},
	{"groups: {g: [[", ", ", "]]}", ":14: error"},
	{"groups: {h: [g0], g: [", ", ", "]}\nrules: [{redirect: [g0, g]}]", NULL},
};

START_TEST(a_redirect_has_64_gateways_at_most)
{
	char *findings;
	char *yaml = many(64, limits[_i].before, limits[_i].between, limits[_i].after);
	struct table *table = loading_try(yaml, &findings);
	free(yaml);
	if (limits[_i].finding)
		ck_assert_msg(table && !*findings, "%s", findings);
	else
		ck_assert_ptr_nonnull(strstr(
			findings, ":25: error: more than 64 gateways for one call\n"));
	table_free(table);
	free(findings);
	yaml = many(65, limits[_i].before, limits[_i].between, limits[_i].after);
	table = loading_try(yaml, &findings);
	ck_assert_ptr_null(table);
	ck_assert_msg(strstr(findings, limits[_i].finding ? limits[_i].finding : "error"),
	              "%s", findings);
	ck_assert_ptr_nonnull(strstr(findings, "more than 64 gateways for one call\n"));
	free(findings);
	free(yaml);
}
END_TEST

START_TEST(many_gateways_and_groups_are_soon_read)
{
	enum { COUNT = 50000 };
	size_t len;
	char *yaml = NULL;
	FILE *to = open_memstream(&yaml, &len);
	fputs("gateways:\n", to);
	for (int i = 0; i < COUNT; i++)
		fprintf(to, "  gw%d: sip:gw%d\n", i, i);
	fputs("groups:\n", to);
	for (int i = 0; i < COUNT; i++)
		fprintf(to, "  group%d: [gw%d, gw%d]\n", i, i, (i + 1) % COUNT);
	fputs("rules:\n- redirect: [group0, group49999]\n", to);
	fclose(to);
	struct table *table = loading_good(yaml);
	char got[100];
	describe_route(&table->top.rules[0].action.route, got, sizeof got);
	ck_assert_str_eq(got, "gw0|gw1|gw49999|gw0");
	table_free(table);
	free(yaml);
}
END_TEST

START_TEST(many_unknown_names_are_soon_told)
{
	size_t len;
	char *yaml = NULL, *findings;
	FILE *to = open_memstream(&yaml, &len);
	fputs("gateways:\n", to);
	for (int i = 0; i < 1000; i++)
		fprintf(to, "  gateway-with-a-longish-name-%d: sip:gw%d\n", i, i);
	fputs("rules:\n", to);
	for (int i = 0; i < 50000; i++)
		fprintf(to, "- redirect: gateway-with-a-longer-name-%d\n", i);
	fclose(to);
	ck_assert_ptr_null(loading_try(yaml, &findings));
	ck_assert_ptr_nonnull(strstr(findings, "and 49000 more\n"));
	free(findings);
	free(yaml);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("gateway");
	TCase *tcase = tcase_create("gateway");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_test(tcase, a_gateway_is_a_uri_or_a_mapping);
	tcase_add_test(tcase, names_are_any_text);
	tcase_add_loop_test(tcase, a_redirect_names_tiers_of_gateways, 0,
	                    LOADING_COUNT(routes));
	tcase_add_test(tcase, a_uri_in_a_rule_weighs_one_and_is_found_by_its_text);
	tcase_add_loop_test(tcase, a_mistake_in_gateways_and_groups_is_found, 0,
	                    LOADING_COUNT(bad));
	tcase_add_loop_test(tcase, a_redirect_to_disabled_gateways_only_is_warned_of, 0,
	                    LOADING_COUNT(disabled));
	tcase_add_loop_test(tcase, a_redirect_has_64_gateways_at_most, 0,
	                    LOADING_COUNT(limits));
	tcase_add_test(tcase, many_gateways_and_groups_are_soon_read);
	tcase_add_test(tcase, many_unknown_names_are_soon_told);
	suite_add_tcase(suite, tcase);
	return suite;
}
