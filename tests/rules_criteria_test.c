/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/criteria.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static struct pattern_space *space;

static void make_space(void)
{
	space = pattern_space_new();
}

static void free_space(void)
{
	pattern_space_free(space);
}

/* One call, and what it is asked. */

static const char *const headers[] = {
	"X-Tenant", "acme", "x-tenant", "Globex Ltd", "Subject", "", "Empty", "", NULL};

static struct facts a_call(const char *source)
{
	struct facts facts = {.called = slice_of("+442071234567"),
	                      .caller = slice_of("+33140000000"),
	                      .host = slice_of("PBX.example.net"),
	                      .listener = slice_of("udp:192.0.2.1:5060"),
	                      .profile = slice_of("trunks"),
	                      .peer = slice_of("pbx"),
	                      .user = slice_of("alice"),
	                      .rn = slice_of("+12025550199"),
	                      .npdi = true,
	                      .cic = slice_of("+1288"),
	                      .tgrp = slice_of("TG-1"),
	                      .trunk_context = slice_of("+1-630"),
	                      .now_s = 1798192800, /* Fri 2026-12-25 10:00 UTC */
	                      .header = loading_header,
	                      .request = headers};
	ck_assert(address_parse(slice_of(source), &facts.source));
	return facts;
}

static const struct {
	const char *criteria,
		*failed;    /* NULL: it matches; else the criterion that does not */
	const char *source; /* NULL: 192.0.2.7 */
} asked[] = {
	{"", NULL, NULL},
	{"called: \"+442071234567\"", NULL, NULL},
	{"called: +44 (0)2071234567", "called", NULL},
	{"called: +44 207 123 45-67", NULL, NULL},
	{"called: [112, \"+442071234567\"]", NULL, NULL},
	{"called: [112, 999]", "called", NULL},
	{"called: {exact: 112}", "called", NULL},
	{"called: {prefix: +44}", NULL, NULL},
	{"called: {prefix: [+33, +44]}", NULL, NULL},
	{"called: {prefix: [+33, +45]}", "called", NULL},
	{"called: {prefix: \"\"}", NULL, NULL},
	{"called: {regex: \"^\\\\+44(20|16)\"}", NULL, NULL},
	{"called: {regex: \"^44\"}", "called", NULL},
	{"called: {exact: 112, prefix: +33, regex: 567$}", NULL, NULL},
	{"caller: \"+33140000000\"", NULL, NULL},
	{"caller: \"+33140000001\"", "caller", NULL},
	{"caller: {prefix: +33}", NULL, NULL},
	{"caller: {prefix: +44}", "caller", NULL},
	{"caller: {regex: \"0{7}\"}", NULL, NULL},
	{"caller: {regex: \"0{8}$\"}", "caller", NULL},
	{"host: pbx.EXAMPLE.net", NULL, NULL},
	{"host: [a.example.net, pbx.example.net]", NULL, NULL},
	{"host: example.net", "host", NULL},
	{"source: 192.0.2.7", NULL, NULL},
	{"source: 192.0.2.8", "source", NULL},
	{"source: 192.0.2.0/24", NULL, NULL},
	{"source: 192.0.2.0/30", "source", NULL},
	{"source: 0.0.0.0/0", NULL, NULL},
	{"source: \"::/0\"", NULL, NULL},
	{"source: [10.0.0.0/8, 192.0.2.0/29, 203.0.113.1]", NULL, NULL},
	{"source: [10.0.0.0/8, 192.0.2.8/29, 203.0.113.1]", "source", NULL},
	{"source: \"::ffff:192.0.2.0/120\"", NULL, NULL},
	{"source: 192.0.2.0/24", NULL, "::ffff:192.0.2.7"},
	{"source: 192.0.2.7", NULL, "::ffff:192.0.2.7"},
	{"source: 0.0.0.0/0", "source", "2001:db8::1"},
	{"source: \"::/0\"", NULL, "2001:db8::1"},
	{"source: 2001:db8::/32", NULL, "2001:db8::1"},
	{"source: 2001:db8::/33", "source", "2001:db8:8000::1"},
	{"source: 2001:db8::1", NULL, "2001:db8::1"},
	{"source: 2001:db8::1", "source", "2001:db8::2"},
	{"listener: udp:192.0.2.1:5060", NULL, NULL},
	{"listener: UDP:192.0.2.1", NULL, NULL},
	{"listener: \"udp:[::ffff:192.0.2.1]\"", NULL, NULL},
	{"listener: tcp:192.0.2.1", "listener", NULL},
	{"listener: udp:192.0.2.1:5061", "listener", NULL},
	{"listener: [tcp:192.0.2.1, udp:192.0.2.1]", NULL, NULL},
	{"header: {X-Tenant: acme}", NULL, NULL},
	{"header: {x-TENANT: acme}", NULL, NULL},
	{"header: {X-Tenant: Globex Ltd}", NULL, NULL},
	{"header: {X-Tenant: globex ltd}", "header", NULL},
	{"header: {X-Tenant: initech}", "header", NULL},
	{"header: {X-Tenant: [initech, acme]}", NULL, NULL},
	{"header: {X-Tenant: {prefix: Glo}}", NULL, NULL},
	{"header: {X-Tenant: {regex: \"^(acme|globex)$\"}}", NULL, NULL},
	{"header: {X-Tenant: acme, Empty: \"\"}", NULL, NULL},
	{"header: {X-Tenant: acme, Empty: x}", "header", NULL},
	{"header: {X-Missing: {prefix: \"\"}}", "header", NULL},
	{"header: {Empty: {prefix: \"\"}}", NULL, NULL},
	{"profile: trunks", NULL, NULL},
	{"profile: [phones, trunks]", NULL, NULL},
	{"profile: Trunks", "profile", NULL},
	{"peer: pbx", NULL, NULL},
	{"peer: [sbc]", "peer", NULL},
	{"user: alice", NULL, NULL},
	{"user: [bob, alice]", NULL, NULL},
	{"user: Alice", "user", NULL},
	{"user: {prefix: al}", NULL, NULL},
	{"user: {regex: \"^b\"}", "user", NULL},
	{"user: \"\"", "user", NULL},
	{"rn: +1 202-555-0199", NULL, NULL},
	{"rn: \"12025550199\"", "rn", NULL},
	{"rn: {prefix: +1202}", NULL, NULL},
	{"rn: {regex: \".\"}", NULL, NULL},
	{"rn: \"\"", "rn", NULL},
	{"npdi: true", NULL, NULL},
	{"npdi: false", "npdi", NULL},
	{"cic: +1-288", NULL, NULL},
	{"cic: {prefix: +13}", "cic", NULL},
	{"tgrp: tg-1", NULL, NULL},
	{"tgrp: {prefix: Tg}", NULL, NULL},
	{"tgrp: {regex: \"^tg-[0-9]$\"}", NULL, NULL},
	{"tgrp: tg-2", "tgrp", NULL},
	{"trunk_context: \"+1630\"", NULL, NULL},
	{"trunk_context: example.net", "trunk_context", NULL},
	{"not: {rn: \"\"}", NULL, NULL},
	{"not: {npdi: true}", "not npdi", NULL},
	{"not: {npdi: false}", NULL, NULL},
	{"not: {peer: pbx}", "not peer", NULL},
	{"not: {user: alice}", "not user", NULL},
	{"not: {user: bob}", NULL, NULL},
	{"not: {profile: trunks}", "not profile", NULL},
	{"not: {tgrp: TG-1}", "not tgrp", NULL},
	{"not: {called: 112}", NULL, NULL},
	{"not: {called: {prefix: +44}}", "not called", NULL},
	{"not: {called: {prefix: \"\"}}", "not called", NULL},
	{"not: {caller: {prefix: +33}}", "not caller", NULL},
	{"not: {host: pbx.example.net}", "not host", NULL},
	{"not: {host: [a, b]}", NULL, NULL},
	{"not: {source: 192.0.2.0/24}", "not source", NULL},
	{"not: {source: 10.0.0.0/8}", NULL, NULL},
	{"not: {listener: udp:192.0.2.1}", "not listener", NULL},
	{"not: {header: {X-Tenant: acme}}", "not header", NULL},
	{"not: {header: {X-Missing: acme}}", NULL, NULL},
	/* None of what `not` names may match, one is enough to fail. */
	{"not: {called: 112, caller: {prefix: +33}}", "not caller", NULL},
	{"not: {called: {prefix: +44}, caller: 1}", "not called", NULL},
	{"not: {called: 112, caller: 1}", NULL, NULL},
	{"time: office", NULL, NULL},
	{"time: night", "time", NULL},
	{"time: [night, office]", NULL, NULL},
	{"time: [night, weekend]", "time", NULL},
	{"not: {time: night}", NULL, NULL},
	{"not: {time: office}", "not time", NULL},
	{"not: {time: [night, office]}", "not time", NULL},
	{"time: office, not: {time: [night, weekend]}", NULL, NULL},
	{"from: 2026-12-25", NULL, NULL},
	{"from: 2026-12-26", "date", NULL},
	{"from: 2026-12-25T10:00", NULL, NULL},
	{"from: 2026-12-25T10:00:01", "date", NULL},
	{"until: 2026-12-25", NULL, NULL},
	{"until: 2026-12-24", "date", NULL},
	{"until: 2026-12-25T10:00", "date", NULL},
	{"until: 2026-12-25T10:00:01", NULL, NULL},
	{"from: 2026-12-25T11:00+01:00, until: \"2026-12-25 10:01Z\"", NULL, NULL},
	{"until: 2026-12-27, from: 2026-12-24", NULL, NULL},
	{"until: 2026-12-27, from: 2026-12-24, time: night", "time", NULL},
	{"from: 2026-12-26, time: night", "date", NULL},
	/* All that a rule names must match. */
	{"called: {prefix: +44}, caller: {prefix: +33}, host: pbx.example.net, source: "
         "192.0.2.0/24, listener: udp:192.0.2.1, header: {X-Tenant: acme}, not: {called: "
         "1}",
         NULL, NULL},
	{"called: {prefix: +44}, source: 10.0.0.0/8, header: {X-Tenant: x}", "source",
         NULL},
	{"called: {prefix: +44}, header: {X-Tenant: x}, not: {called: {prefix: +}}",
         "header", NULL},
	{"called: {prefix: +44}, not: {called: {prefix: +4420}}", "not called", NULL},
};

static struct table *load_criteria(const char *criteria)
{
	char yaml[1000];
	snprintf(yaml, sizeof yaml,
	         "rules: [{%s%sreject: 404}]\n"
	         "times: {office: {days: mon-fri, hours: 10:00-18:00}, night: {hours: "
	         "\"18:00-10:00\"}, weekend: {days: [sat, sun]}}\n",
	         criteria, *criteria ? ", " : "");
	return loading_good(yaml);
}

START_TEST(a_rule_matches_if_all_its_criteria_do)
{
	struct table *table = load_criteria(asked[_i].criteria);
	struct facts facts = a_call(asked[_i].source ? asked[_i].source : "192.0.2.7");
	enum criterion_kind kind;
	bool negated;
	enum pattern_result result = criteria_match(&table->top.rules[0], &facts, false,
	                                            space, &kind, &negated);
	char got[30] = "";
	if (result != PATTERN_YES)
		snprintf(got, sizeof got, "%s%s", negated ? "not " : "",
		         criterion_name(kind));
	const char *want = asked[_i].failed ? asked[_i].failed : "";
	ck_assert_msg(result != PATTERN_GAVE_UP && strcmp(got, want) == 0,
	              "{%s}: got '%s', want '%s'", asked[_i].criteria, got, want);
	table_free(table);
}
END_TEST

START_TEST(a_called_number_that_is_known_to_match_is_not_asked)
{
	struct table *table = load_criteria("called: 112");
	struct facts facts = a_call("192.0.2.7");
	enum criterion_kind kind;
	bool negated;
	ck_assert(criteria_match(&table->top.rules[0], &facts, true, space, &kind,
	                         &negated) == PATTERN_YES);
	table_free(table);
}
END_TEST

START_TEST(a_call_of_which_nothing_is_known_matches_what_asks_for_nothing)
{
	static const struct {
		const char *criteria;
		bool matches;
	} rows[] = {
		{"", true},
		{"called: \"\"", true},
		{"called: 1", false},
		{"caller: {prefix: \"\"}", true},
		{"host: a", false},
		{"listener: udp:10.0.0.1", false},
		{"header: {X: {prefix: \"\"}}", false},
		{"not: {called: 1, caller: 1, host: a, header: {X: y}, listener: "
	         "udp:10.0.0.1}",
	         true},
	};
	for (int i = 0; i < LOADING_COUNT(rows); i++) {
		struct table *table = load_criteria(rows[i].criteria);
		struct facts facts = {0};
		enum criterion_kind kind;
		bool negated;
		enum pattern_result result = criteria_match(
			&table->top.rules[0], &facts, false, space, &kind, &negated);
		ck_assert_msg((result == PATTERN_YES) == rows[i].matches, "{%s}",
		              rows[i].criteria);
		table_free(table);
	}
}
END_TEST

static const struct {
	const char *criteria, *criterion;
} slow[] = {
	{"called: {regex: \"^(a*)*$\"}", "called"},
	{"caller: {regex: \"^(a*)*$\"}", "caller"},
	{"header: {X: {regex: \"^(a*)*$\"}}", "header"},
	{"header: {Y: {regex: \"^(a*)*$\"}}", "header"},
	{"not: {called: {regex: \"^(a*)*$\"}}", "not called"},
	{"not: {header: {X: {regex: \"^(a*)*$\"}}}", "not header"},
};

START_TEST(a_regex_that_gives_up_is_neither_a_match_nor_none)
{
	static const char hard[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
	static const char *const values[] = {"X", hard, "Y", "b", "Y", hard, NULL};
	struct table *table = load_criteria(slow[_i].criteria);
	struct facts facts = {.called = slice_of(hard),
	                      .caller = slice_of(hard),
	                      .header = loading_header,
	                      .request = values};
	enum criterion_kind kind;
	bool negated;
	ck_assert(criteria_match(&table->top.rules[0], &facts, false, space, &kind,
	                         &negated) == PATTERN_GAVE_UP);
	char got[30];
	snprintf(got, sizeof got, "%s%s", negated ? "not " : "", criterion_name(kind));
	ck_assert_str_eq(got, slow[_i].criterion);
	table_free(table);
}
END_TEST

static const struct {
	const char *criteria;
	enum criterion_kind kind;
	const char *wanted;
} described[] = {
	{"called: [112, 999]", CRITERION_CALLED, "\"112\", \"999\""},
	{"caller: {prefix: +44}", CRITERION_CALLER, "prefix \"+44\""},
	{"host: PBX", CRITERION_HOST, "\"pbx\""},
	{"source: 10.0.0.0/8", CRITERION_SOURCE, "10.0.0.0/8"},
	{"source: [192.0.2.1, 10.0.0.0/8, 10.1.0.0/16]", CRITERION_SOURCE,
         "192.0.2.1, 10.0.0.0/8, 10.1.0.0/16"},
	{"listener: udp:192.0.2.1", CRITERION_LISTENER, "\"udp:192.0.2.1:5060\""},
	{"header: {X-A: b, X-C: {regex: d}}", CRITERION_HEADER,
         "X-A \"b\", X-C regex \"d\""},
};

START_TEST(a_criterion_describes_what_it_wants)
{
	struct table *table = load_criteria(described[_i].criteria);
	const struct criterion *criterion = table->top.rules[0].when[described[_i].kind];
	ck_assert_ptr_nonnull(criterion);
	ck_assert_str_eq(criterion->wanted.at, described[_i].wanted);
	ck_assert_uint_eq(criterion->position.line, 1);
	table_free(table);
}
END_TEST

static const struct {
	const char *criteria, *findings;
} bad[] = {
	{"source: 10.0.0.1/8",
         "t.yaml:2:11: error: source \"10.0.0.1/8\" is no network: bits are set beyond "
         "the "
         "prefix\n"
         "  hint: write 192.0.2.0/24, 2001:db8::/32 or one address\n"},
	{"source: [pbx.example.net, 10.0.0.0/33, {a: b}]",
         "t.yaml:2:12: error: source \"pbx.example.net\" is no network: not an IPv4 or "
         "IPv6 "
         "address\n"
         "  hint: write 192.0.2.0/24, 2001:db8::/32 or one address\n"
         "t.yaml:2:29: error: source \"10.0.0.0/33\" is no network: the prefix length "
         "must "
         "be a number from 0 to 32\n"
         "  hint: write 192.0.2.0/24, 2001:db8::/32 or one address\n"
         "t.yaml:2:42: error: \"source\" must be a text, not a mapping\n"},
	{"source: []", "t.yaml:2:11: error: \"source\" must not be an empty list\n"},
	{"source: {network: 10.0.0.0/8}",
         "t.yaml:2:11: error: \"source\" must be a text, not a mapping\n"},
	{"header: X-Tenant",
         "t.yaml:2:11: error: \"header\" must be a mapping of header names to values\n"
         "  hint: write header: {X-Tenant: acme}\n"},
	{"header: {}",
         "t.yaml:2:11: error: \"header\" must be a mapping of header names to values\n"
         "  hint: write header: {X-Tenant: acme}\n"},
	{"header: {\"X Y\": a, \"\": b, \"X:\": c, X-\u00e9: d}",
         "t.yaml:2:12: error: \"X Y\" is no header name\n"
         "t.yaml:2:22: error: \"\" is no header name\n"
         "t.yaml:2:29: error: \"X:\" is no header name\n"
         "t.yaml:2:38: error: \"X-\u00e9\" is no header name\n"},
	{"header: {X-A: 1, X-B: [], x-a: 2}",
         "t.yaml:2:25: error: \"X-B\" must not be an empty list\n"
         "t.yaml:2:29: error: \"x-a\" is given twice\n"
         "  hint: first given at t.yaml:2:12\n"},
	{"header: {X-A: {prefx: 1}}", "t.yaml:2:18: error: unknown key \"prefx\"\n"
                                      "  hint: did you mean \"prefix\"?\n"},
	{"header: {X-A: }", "t.yaml:2:17: error: \"X-A\" must not be empty\n"
                            "  hint: write \"\" for an empty text\n"},
	{"not: 112", "t.yaml:2:8: error: \"not\" must be a mapping, not a text\n"},
	{"not: {not: {called: 1}}", "t.yaml:2:9: error: unknown key \"not\"\n"
                                    "  hint: did you mean \"host\"?\n"},
	{"not: {source: 10.0.0.0/8, colled: 1, source: 10.0.0.0/9}",
         "t.yaml:2:29: error: unknown key \"colled\"\n"
         "  hint: did you mean \"called\"?\n"
         "t.yaml:2:40: error: \"source\" is given twice\n"
         "  hint: first given at t.yaml:2:9\n"},
	{"called: 1, caller: 1, called: 2",
         "t.yaml:2:25: error: \"called\" is given twice\n"
         "  hint: first given at t.yaml:2:3\n"},
};

START_TEST(a_mistake_in_a_criterion_is_found)
{
	char yaml[1000], *findings;
	snprintf(yaml, sizeof yaml, "rules: [\n {%s, reject: 404}]\n", bad[_i].criteria);
	ck_assert_ptr_null(loading_try(yaml, &findings));
	ck_assert_str_eq(findings, bad[_i].findings);
	free(findings);
}
END_TEST

START_TEST(a_rule_asks_for_32_headers_at_most)
{
	char yaml[2000], *findings;
	for (int count = 32; count <= 33; count++) {
		char *end = yaml + sprintf(yaml, "rules: [{reject: 404, header: {");
		for (int i = 0; i < count; i++)
			end += sprintf(end, "%sX-%d: a", i ? ", " : "", i);
		sprintf(end, "}}]");
		struct table *table = loading_try(yaml, &findings);
		ck_assert_str_eq(findings,
		                 table ? ""
		                       : "t.yaml:1:31: error: more than 32 headers\n");
		ck_assert((count == 32) == (table != NULL));
		free(findings);
		table_free(table);
	}
}
END_TEST

/* A search among many networks, against a look at each. */
START_TEST(a_source_is_found_among_many_networks)
{
	enum { COUNT = 300 };
	static struct network networks[COUNT];
	char *yaml = malloc(100 * COUNT), *end = yaml + sprintf(yaml, "source: [\"::1\"");
	uint64_t state = 3;
	for (int i = 0; i < COUNT; i++) {
		unsigned bits = 4 + (unsigned)(loading_random(&state) % 13), a, b;
		unsigned top =
			(unsigned)loading_random(&state) & ~(0xffffu >> bits) & 0x3fff;
		char text[40];
		const char *why;
		a = top >> 8, b = top & 0xff;
		snprintf(text, sizeof text, "%u.%u.0.0/%u", a, b, bits);
		ck_assert_msg(network_parse(slice_of(text), &networks[i], &why), "%s",
		              text);
		end += sprintf(end, ", %s", text);
	}
	strcpy(end, "]");
	char *whole = malloc(strlen(yaml) + 100);
	sprintf(whole, "rules: [{%s, reject: 404}]", yaml);
	struct table *table = loading_good(whole);
	size_t found = 0;
	for (unsigned top = 0; top < 0x4200; top++) {
		char text[40];
		snprintf(text, sizeof text, "%u.%u.%u.0", top >> 8, top & 0xff,
		         top % 256);
		struct facts facts = {0};
		loading_expect(address_parse(slice_of(text), &facts.source), "%s", text);
		bool want = false;
		for (int i = 0; i < COUNT; i++)
			want |= network_has(&networks[i], &facts.source);
		enum criterion_kind kind;
		bool negated;
		enum pattern_result got = criteria_match(&table->top.rules[0], &facts,
		                                         false, space, &kind, &negated);
		loading_expect((got == PATTERN_YES) == want, "%s", text);
		found += want;
	}
	ck_assert_uint_gt(found, 1000);
	ck_assert_uint_lt(found, 0x4200);
	table_free(table);
	free(whole);
	free(yaml);
}
END_TEST

static const struct {
	const char *outer, *inner;
	bool covers;
} pairs[] = {
	{"", "", true},
	{"", "caller: 1", true},
	{"caller: 1", "", false},
	{"caller: 1", "caller: 1", true},
	{"caller: {prefix: 1}", "caller: 12", true},
	{"caller: 12", "caller: {prefix: 1}", false},
	{"caller: 1", "host: a, caller: 1", true},
	{"caller: 1, host: a", "caller: 1", false},
	{"host: [a, b]", "host: B", true},
	{"host: a", "host: [a, b]", false},
	{"source: 10.0.0.0/8", "source: 10.1.0.0/16", true},
	{"source: 10.1.0.0/16", "source: 10.0.0.0/8", false},
	{"source: [10.0.0.0/8, 192.0.2.0/24]", "source: [10.1.2.3, 192.0.2.0/25]", true},
	{"source: [10.0.0.0/8, 192.0.2.0/24]", "source: [10.1.2.3, 192.0.3.0/25]", false},
	{"source: [10.1.0.0/16, 10.0.0.0/8]", "source: 10.2.0.0/16", true},
	{"source: \"::/0\"", "source: 10.0.0.0/8", true},
	{"source: 0.0.0.0/0", "source: \"::/0\"", false},
	{"source: 10.0.0.0/9", "source: 10.0.0.0/8", false},
	{"listener: [udp:10.0.0.1, tcp:10.0.0.1]", "listener: udp:10.0.0.1:5060", true},
	{"listener: udp:10.0.0.1", "listener: tcp:10.0.0.1", false},
	{"header: {X: a}", "header: {x: a}", true},
	{"header: {X: {prefix: a}}", "header: {X: ab}", true},
	{"header: {X: a}", "header: {X: a, Y: b}", true},
	{"header: {X: a, Y: b}", "header: {X: a}", false},
	{"header: {X: a}", "header: {X: A}", false},
	{"header: {X: {regex: a}}", "header: {X: {regex: a}}", true},
	{"header: {X: {regex: a}}", "header: {X: {regex: aa}}", false},
	{"header: {X: a}", "", false},
	{"not: {caller: 1}", "not: {caller: 1}", true},
	{"not: {caller: 1}", "not: {caller: [1, 2]}", true},
	{"not: {caller: [1, 2]}", "not: {caller: 1}", false},
	{"not: {caller: 1}", "", false},
	{"", "not: {caller: 1}", true},
	{"not: {caller: 1}", "caller: 2",
         false}, /* it does, but that is not looked for */
	{"not: {called: {prefix: 1}}", "not: {called: {prefix: 1}}", true},
	{"not: {called: {prefix: 12}}", "not: {called: {prefix: 1}}", true},
	{"not: {called: {prefix: 1}}", "not: {called: {prefix: 12}}", false},
	{"not: {header: {X: a}}", "not: {header: {X: [a, b]}}", true},
	{"not: {header: {X: a, Y: b}}", "not: {header: {X: a}}", true},
	{"not: {header: {X: a}}", "not: {header: {X: a, Y: b}}", false},
	{"not: {source: 10.1.0.0/16}", "not: {source: 10.0.0.0/8}", true},
	{"not: {source: 10.0.0.0/8}", "not: {source: 10.1.0.0/16}", false},
	{"called: 1", "called: 2", true}, /* left to the caller */
};

START_TEST(criteria_cover_criteria_by_what_they_say)
{
	struct table *outer = load_criteria(pairs[_i].outer);
	struct table *inner = load_criteria(pairs[_i].inner);
	ck_assert_msg(criteria_cover(&outer->top.rules[0], &inner->top.rules[0]) ==
	                      pairs[_i].covers,
	              "{%s} {%s}", pairs[_i].outer, pairs[_i].inner);
	table_free(outer);
	table_free(inner);
}
END_TEST

START_TEST(the_size_of_a_rule_is_what_there_is_to_compare)
{
	struct table *table =
		load_criteria("called: [1, 2], caller: {prefix: 1, regex: 2}, source: "
	                      "[10.0.0.1, 10.0.0.2], "
	                      "header: {X: [a, b], Y: c}, not: {called: 9}");
	ck_assert_uint_eq(criteria_size(&table->top.rules[0]), 11);
	table_free(table);
	table = load_criteria("");
	ck_assert_uint_eq(criteria_size(&table->top.rules[0]), 1);
	table_free(table);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("criteria");
	TCase *tcase = tcase_create("criteria");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_checked_fixture(tcase, make_space, free_space);
	tcase_add_loop_test(tcase, a_rule_matches_if_all_its_criteria_do, 0,
	                    LOADING_COUNT(asked));
	tcase_add_test(tcase, a_called_number_that_is_known_to_match_is_not_asked);
	tcase_add_test(tcase,
	               a_call_of_which_nothing_is_known_matches_what_asks_for_nothing);
	tcase_add_loop_test(tcase, a_regex_that_gives_up_is_neither_a_match_nor_none, 0,
	                    LOADING_COUNT(slow));
	tcase_add_loop_test(tcase, a_criterion_describes_what_it_wants, 0,
	                    LOADING_COUNT(described));
	tcase_add_loop_test(tcase, a_mistake_in_a_criterion_is_found, 0,
	                    LOADING_COUNT(bad));
	tcase_add_test(tcase, a_rule_asks_for_32_headers_at_most);
	tcase_add_test(tcase, a_source_is_found_among_many_networks);
	tcase_add_loop_test(tcase, criteria_cover_criteria_by_what_they_say, 0,
	                    LOADING_COUNT(pairs));
	tcase_add_test(tcase, the_size_of_a_rule_is_what_there_is_to_compare);
	suite_add_tcase(suite, tcase);
	return suite;
}
