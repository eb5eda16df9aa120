/* SPDX-License-Identifier: MIT */
/* Loads number tables and price lists: a CSV file is refused if and only if there is an
 * error, and whatever stands in its rows, calls are decided. The first byte says which
 * table reads it. rules_tables_corpus_test.c runs it as well. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules/table.h"
#include "tests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PLENTY ((size_t)64 << 20)
#define NOW    1767787200

#define GATEWAYS "gateways: {a: sip:a.example, b: \"sip:{rn}@b.example\"}\n"
#define ROW                                                                              \
	"redirect: \"sip:{row.rn}{called}@a.example\", rewrite: {rn: \"{row.rn}\"}, "    \
	"headers: {X-A: \"{row.name}\"}, uri_headers: {Subject: \"{t[called].name}\"}"

static const char *const tables[] = {
	GATEWAYS "numbers: {t: {file: t.csv, columns: [number, rn, name]}}\n"
		 "rules: [{called: {in: t}, " ROW "}]\n",
	GATEWAYS "numbers: {t: {file: t.csv, columns: [number, rn, name], match: prefix, "
		 "on_error: skip}}\n"
		 "rules: [{called: {in: t}, " ROW "}]\n",
	GATEWAYS "numbers: {t: {file: t.csv, portability: true, on_error: skip}}\n"
		 "rules: [{called: {in: t}, redirect: a}, {caller: {in: t}, reject: "
		 "603}]\n",
	GATEWAYS "numbers: {t: {file: t.csv, columns: [prefix, g], match: prefix, "
		 "delimiter: \";\"}}\n"
		 "rules: [{called: {in: t}, redirect: \"{row.g}\"}]\n",
	GATEWAYS "decks: {d: {file: t.csv, redirect: a}}\n"
		 "rules: [{redirect: {lcr: {decks: d}}}]\n",
	"zone: Europe/London\n" GATEWAYS
	"decks: {d: {file: t.csv, redirect: a, on_error: skip}, e: {file: t.csv, "
	"redirect: b, weight: 2, on_error: skip}}\n"
	"rules: [{redirect: {lcr: {decks: [d, e], order: quality, max_rate: 0.05}}}]\n",
	GATEWAYS "decks: {d: {file: t.csv, redirect: a, columns: [prefix, \"\", rate, "
		 "from]}}\n"
		 "rules: [{redirect: {lcr: {decks: d, max: 1}}}]\n",
};
#define TABLES (sizeof tables / sizeof tables[0])

/* FOLDER/rules.yaml and FOLDER/t.csv */
static struct {
	char folder[64], rules[80], csv[80];
	struct workspace *workspace;
} here = {.folder = "/dev/shm/signpost-tables-fuzz-XXXXXX"};

static void put(const char *path, const void *text, size_t size)
{
	FILE *file = fopen(path, "w");
	REQUIRE(file && fwrite(text, 1, size, file) == size && fclose(file) == 0);
}

static void leave(void)
{
	unlink(here.rules);
	unlink(here.csv);
	rmdir(here.folder);
}

static void start(void)
{
	REQUIRE(mkdtemp(here.folder));
	snprintf(here.rules, sizeof here.rules, "%s/rules.yaml", here.folder);
	snprintf(here.csv, sizeof here.csv, "%s/t.csv", here.folder);
	REQUIRE((here.workspace = workspace_new()) && atexit(leave) == 0);
}

static void check_call(const struct table *table, struct slice called)
{
	struct facts facts = {.called = called,
	                      .caller = slice_of("1"),
	                      .host = slice_of("a.example"),
	                      .now_s = NOW,
	                      .call_key = called.len};
	struct decision decision;
	address_parse(slice_of("10.1.2.3"), &facts.source);
	table_lookup(table, &facts, here.workspace, NULL, &decision);
	REQUIRE((decision.status >= 300 && decision.status < 400) ==
	        (decision.target_count > 0));
	for (size_t i = 0; i < decision.target_count; i++)
		REQUIRE(decision.targets[i].uri.len &&
		        !slice_has_control(decision.targets[i].uri));
}

/* What a few lines begin with, as it stands there, and more digits behind it. */
static void check_calls(const struct table *table, struct slice text)
{
	char called[72];
	for (size_t i = 0; i < 16 && text.len; i++) {
		struct slice line = {text.at, slice_find(text, '\n')};
		size_t len = line.len < 60 ? line.len : 60;
		text = slice_skip(text, line.len + 1);
		for (size_t j = 0; j < len; j++)
			if (strchr(",;\t\"", line.at[j]))
				len = j;
		if (slice_has_control((struct slice){line.at, len}))
			continue;
		int count = snprintf(called, sizeof called, "%.*s99", (int)len, line.at);
		check_call(table, (struct slice){called, (size_t)count});
		check_call(table, (struct slice){called, (size_t)count - 2});
	}
	check_call(table, slice_of("+442071234567"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!here.workspace)
		start();
	if (!size)
		return 0;
	const char *rules = tables[data[0] % TABLES];
	put(here.rules, rules, strlen(rules));
	put(here.csv, data + 1, size - 1);
	struct diags *diags = diags_new();
	REQUIRE(diags);
	struct table *table = table_load(here.rules, PLENTY, diags);
	REQUIRE(!table == (diags_errors(diags) > 0));
	file_check_findings(diags);
	if (table)
		check_calls(table, (struct slice){(const char *)data + 1, size - 1});
	table_free(table);
	diags_free(diags);
	return 0;
}
