/* SPDX-License-Identifier: MIT */
#include "tests/rules_loading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

static char folder[] = "/tmp/rules_test.XXXXXX";

void loading_enter(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

void loading_leave(void)
{
	remove(LOADING_FILE);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

void loading_write(const char *yaml)
{
	FILE *file = fopen(LOADING_FILE, "w");
	ck_assert_ptr_nonnull(file);
	fputs(yaml, file);
	ck_assert_int_eq(fclose(file), 0);
}

static char *print_findings(struct diags *diags)
{
	char *text = diags_text(diags);
	return text ? text : strdup("");
}

struct table *loading_try(const char *yaml, char **findings)
{
	struct diags *diags = diags_new();
	loading_write(yaml);
	struct table *table = table_load(LOADING_FILE, LOADING_PLENTY, diags);
	*findings = print_findings(diags);
	ck_assert_msg(!table == (diags_errors(diags) > 0),
	              "errors and only errors refuse a table: %s", *findings);
	diags_free(diags);
	return table;
}

struct table *loading_good(const char *yaml)
{
	char *findings;
	struct table *table = loading_try(yaml, &findings);
	ck_assert_msg(!*findings, "%.2000s\nfound:\n%.1000s", yaml, findings);
	free(findings);
	return table;
}

struct table *loading_starve(size_t errors_max, size_t failures_min)
{
	struct table *table = NULL;
	size_t failed = 0;
	for (size_t limit = 0; !table; limit += 24, failed += !table) {
		struct diags *diags = diags_new();
		table = table_load(LOADING_FILE, limit, diags);
		size_t errors = diags_errors(diags);
		ck_assert_msg(table ? !errors : errors && errors <= errors_max,
		              "limit %zu", limit);
		diags_free(diags);
		ck_assert_uint_lt(limit, 1 << 20);
	}
	ck_assert_uint_gt(failed, failures_min);
	return table;
}

const struct node *loading_begin(struct loading *loading, const char *yaml)
{
	struct diags *diags = diags_new();
	loading_write(yaml);
	*loading = (struct loading){
		.load.load = {arena_new(LOADING_PLENTY), diags, false, true},
		.document = document_read(LOADING_FILE, LOADING_PLENTY, diags),
	};
	ck_assert_msg(loading->document, "no YAML: %s", yaml);
	loading->load.table = &loading->table;
	loading->table.arena = loading->load.load.arena;
	return document_root(loading->document);
}

char *loading_end(struct loading *loading)
{
	struct load *load = &loading->load.load;
	char *findings = print_findings(load->diags);
	for (struct compiled_pattern *p = loading->table.patterns; p; p = p->next)
		pattern_free(p->pattern);
	ck_assert(!load->out_of_memory);
	document_free(loading->document);
	diags_free(load->diags);
	arena_free(load->arena);
	return findings;
}

void loading_expect(bool good, const char *format, ...)
{
	char text[2000];
	if (good)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	ck_abort_msg("%s", text);
}

static void print_slice(FILE *to, const char *before, struct slice text,
                        const char *after)
{
	if (text.len)
		fprintf(to, "%s%.*s%s", before, (int)text.len, text.at, after);
}

static void print_decision(FILE *to, const struct decision *decision)
{
	static const char *const causes[] = {[CAUSE_RULE] = "",
	                                     [CAUSE_DISABLED] = " disabled",
	                                     [CAUSE_INCOMPLETE] = " incomplete",
	                                     [CAUSE_UNFIT] = " unfit",
	                                     [CAUSE_NO_GATEWAY] = " no gateway",
	                                     [CAUSE_NO_RATE] = " no rate",
	                                     [CAUSE_TOO_DEAR] = " too dear",
	                                     [CAUSE_GAVE_UP] = " gave up"};
	print_slice(to, "", decision->rule, ": ");
	fprintf(to, "%u%s", decision->status, causes[decision->cause]);
	for (size_t i = 0; i < decision->target_count; i++) {
		fputc(' ', to);
		print_slice(to, "", decision->targets[i].gateway, "=");
		print_slice(to, "", decision->targets[i].uri, "");
	}
	print_slice(to, " number=", decision->number, "");
	print_slice(to, " phrase='", decision->phrase, "'");
	print_slice(to, " reason=", decision->reason, "");
	if (decision->retry_after_s)
		fprintf(to, " retry_after=%lu", decision->retry_after_s);
	if (decision->expires_s)
		fprintf(to, " expires=%lu", decision->expires_s);
	if (decision->left_out)
		fprintf(to, " left_out=%zu", decision->left_out);
	if (decision->unfit)
		fprintf(to, " unfit=%zu", decision->unfit);
}

char *loading_decide(const struct table *table, const struct facts *facts)
{
	struct workspace *workspace = workspace_new();
	struct decision decision;
	table_lookup(table, facts, workspace, NULL, &decision);
	ck_assert_msg((decision.target_count > 0) == (decision.status < 400),
	              "a redirect and only a redirect has targets");
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	print_decision(to, &decision);
	fclose(to);
	workspace_free(workspace);
	return text;
}

bool loading_header(const void *request, struct slice name, size_t i, struct slice *value)
{
	for (const char *const *pair = request; pair && *pair; pair += 2)
		if (slice_equal_nocase(name, slice_of(pair[0])) && i-- == 0) {
			*value = slice_of(pair[1]);
			return true;
		}
	return false;
}

/* SplitMix64. */
uint64_t loading_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* Random rules */

static size_t below(uint64_t *state, size_t count)
{
	return (size_t)(loading_random(state) >> 11) % count;
}

static void random_digits(uint64_t *state, size_t len_max, char *to)
{
	size_t len = below(state, len_max + 1);
	for (size_t i = 0; i < len; i++)
		to[i] = (char)('1' + below(state, 2));
	to[len] = '\0';
}

static void put_digits(FILE *to, uint64_t *state, const char *key)
{
	fprintf(to, "%s: [", key);
	for (size_t i = 0, count = 1 + below(state, 3); i < count; i++) {
		char digits[8];
		random_digits(state, 4, digits);
		fprintf(to, "%s\"%s\"", i ? ", " : "", digits);
	}
	fputc(']', to);
}

/* Exact texts, prefixes or regexes, or some of these. */
static void put_numbers(FILE *to, uint64_t *state, const char *key)
{
	static const char *const regexes[] = {"^1", "2$", "12", "^(1|22)", "."};
	size_t forms = 1 + below(state, 7);
	if (forms > 3 && below(state, 2))
		forms = 2;
	const char *comma = "";
	fprintf(to, "%s: {", key);
	if (forms & 1)
		put_digits(to, state, "exact"), comma = ", ";
	if (forms & 2)
		fputs(comma, to), put_digits(to, state, "prefix"), comma = ", ";
	if (forms & 4)
		fprintf(to, "%sregex: \"%s\"", comma, regexes[below(state, 5)]);
	fputs("}, ", to);
}

static void put_one_of(FILE *to, uint64_t *state, const char *key,
                       const char *const *values, size_t count)
{
	fprintf(to, "%s: [%s", key, values[below(state, count)]);
	if (below(state, 2))
		fprintf(to, ", %s", values[below(state, count)]);
	fputs("], ", to);
}

static void put_headers(FILE *to, uint64_t *state)
{
	static const char *const values[] = {"a", "ab", "b"};
	fputs("header: {", to);
	if (below(state, 2))
		put_one_of(to, state, "X", values, 3);
	if (below(state, 2))
		put_one_of(to, state, "Y", values, 3);
	fprintf(to, "Z: {prefix: \"%s\"}}, ", below(state, 2) ? "a" : "");
}

static void put_criteria(FILE *to, uint64_t *state, size_t one_in)
{
	static const char *const hosts[] = {"a.net", "B.net", "c.net"};
	static const char *const sources[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.0.1",
	                                      "\"::/0\"", "\"2001:db8::/32\""};
	static const char *const listeners[] = {"udp:10.0.0.1", "tcp:10.0.0.1"};
	static const char *const peers[] = {"pbx", "sbc"};
	static const char *const times[] = {"am", "pm", "lunch"};
	if (below(state, one_in) == 0)
		put_numbers(to, state, "caller");
	if (below(state, one_in) == 0)
		put_one_of(to, state, "host", hosts, 3);
	if (below(state, one_in) == 0)
		put_one_of(to, state, "source", sources, 5);
	if (below(state, one_in) == 0)
		put_one_of(to, state, "listener", listeners, 2);
	if (below(state, one_in) == 0)
		put_headers(to, state);
	if (below(state, one_in) == 0)
		put_one_of(to, state, "peer", peers, 2);
	if (below(state, one_in) == 0)
		fprintf(to, "npdi: %s, ", below(state, 2) ? "true" : "false");
	if (below(state, one_in) == 0)
		put_numbers(to, state, "tgrp");
	if (below(state, one_in) == 0)
		put_one_of(to, state, "time", times, 3);
}

static void put_period(FILE *to, uint64_t *state)
{
	size_t hour = below(state, 20);
	if (below(state, 2))
		fprintf(to, "from: 2026-12-21T%02zu:00, ", hour);
	if (below(state, 2))
		fprintf(to, "until: 2026-12-2%zuT%02zu:00, ", 1 + below(state, 2),
		        hour + 1 + below(state, 3));
}

void loading_random_rules(uint64_t *state, struct loading_rules *rules)
{
	rules->count = 1 + below(state, LOADING_RULES_MAX);
	for (size_t i = 0; i < rules->count; i++) {
		FILE *to = fmemopen(rules->text[i], sizeof rules->text[i], "w");
		fprintf(to, "{name: r%zu, ", i);
		if (below(state, 4))
			put_numbers(to, state, "called");
		put_criteria(to, state, 5);
		if (below(state, 6) == 0)
			put_period(to, state);
		if (below(state, 4) == 0) {
			fputs("not: {", to);
			if (below(state, 2))
				put_numbers(to, state, "called");
			put_criteria(to, state, 5);
			fputs("}, ", to);
		}
		fprintf(to, "reject: %zu}", 400 + i);
		ck_assert_int_eq(fclose(to), 0);
	}
}

char *loading_rules_yaml(const struct loading_rules *rules, const size_t *order,
                         bool longest)
{
	char *yaml = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&yaml, &len);
	fprintf(to,
	        "match: %s\n"
	        "times: {am: {hours: 00:00-12:00}, pm: {hours: 12:00-24:00}, "
	        "lunch: {hours: 11:00-14:00}}\n"
	        "rules:\n",
	        longest ? "longest" : "first");
	for (size_t i = 0; i < rules->count; i++)
		fprintf(to, "- %s\n", rules->text[order ? order[i] : i]);
	fclose(to);
	return yaml;
}

void loading_random_call(uint64_t *state, struct loading_call *call)
{
	static const char *const hosts[] = {"A.net", "b.net", "c.net", "d.net"};
	static const char *const sources[] = {"10.1.0.1",  "10.1.2.3",    "10.2.0.1",
	                                      "192.0.2.1", "2001:db8::1", "2001:db9::1"};
	static const char *const listeners[] = {"udp:10.0.0.1:5060", "tcp:10.0.0.1:5060"};
	static const char *const peers[] = {"pbx", "sbc", "other"};
	static const char *const names[] = {"X", "y", "Z"}, *const values[] = {"a", "ab",
	                                                                       "b"};
	random_digits(state, 6, call->called);
	random_digits(state, 6, call->caller);
	random_digits(state, 3, call->tgrp);
	size_t i = 0;
	for (; i < below(state, 3); i++) {
		call->headers[2 * i] = names[below(state, 3)];
		call->headers[2 * i + 1] = values[below(state, 3)];
	}
	call->headers[2 * i] = NULL;
	call->facts = (struct facts){.called = slice_of(call->called),
	                             .caller = slice_of(call->caller),
	                             .host = slice_of(hosts[below(state, 4)]),
	                             .listener = slice_of(listeners[below(state, 2)]),
	                             .now_s = 1797811200 /* 2026-12-21 */ +
	                                      900 * (int64_t)below(state, 2 * 96),
	                             .peer = slice_of(peers[below(state, 3)]),
	                             .npdi = below(state, 2),
	                             .tgrp = slice_of(call->tgrp),
	                             .header = loading_header,
	                             .request = call->headers};
	address_parse(slice_of(sources[below(state, 6)]), &call->facts.source);
}
