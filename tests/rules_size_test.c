/* SPDX-License-Identifier: MIT */
/* Large tables, and those that memory is too small for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/table.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

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
	loading_write(everything);
	struct table *table = loading_starve(1, 200);
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
	Suite *suite = suite_create("size");
	TCase *tcase = tcase_create("size");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_test(tcase, lack_of_memory_at_any_point_is_a_finding_and_no_table);
	tcase_add_test(tcase, a_table_tells_how_much_memory_it_has);
	tcase_add_test(tcase, a_table_of_100000_rules_loads_and_answers_in_a_few_steps);
	tcase_add_test(tcase, lists_of_100000_texts_are_searched_not_walked);
	suite_add_tcase(suite, tcase);
	return suite;
}
