/* SPDX-License-Identifier: MIT */
/* Loads a routing table: YAML, schema, rules. A file is refused if and only if there is
 * an error, what is found is printed as findings are, and a table that was loaded answers
 * calls. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules/table.h"
#include "tests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PLENTY ((size_t)64 << 20)

static bool has(const uint8_t *data, size_t size, const char *text)
{
	return memmem(data, size, text, strlen(text));
}

static void check_call(const struct table *table, struct workspace *workspace,
                       const char *called, int64_t now_s)
{
	struct facts facts = {.called = slice_of(called),
	                      .caller = slice_of("+442071230001"),
	                      .host = slice_of("a.example"),
	                      .listener = slice_of("udp:127.0.0.1:5060"),
	                      .profile = slice_of("trunks"),
	                      .peer = slice_of("pbx"),
	                      .now_s = now_s,
	                      .call_key = (uint64_t)now_s};
	struct decision decision;
	address_parse(slice_of("10.1.2.3"), &facts.source);
	table_lookup(table, &facts, workspace, NULL, &decision);
	REQUIRE((decision.status >= 300 && decision.status < 400) ==
	        (decision.target_count > 0));
	REQUIRE(decision.status >= 300 && decision.status < 700);
	REQUIRE(decision.rule.len && decision.target_count <= DECISION_TARGETS_MAX);
	for (size_t i = 0; i < decision.target_count; i++)
		REQUIRE(decision.targets[i].uri.len &&
		        !slice_has_control(decision.targets[i].uri));
}

static void check_table(const struct table *table)
{
	static const char *const called[] = {"", "112", "+442071234567", "7123", "alice"};
	static struct workspace *workspace;
	if (!workspace)
		REQUIRE(workspace = workspace_new());
	for (size_t i = 0; i < sizeof called / sizeof called[0]; i++)
		check_call(table, workspace, called[i], 1767787200 + (int64_t)i * 86400);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* No other file than this one is read. */
	if ((has(data, size, "include") || has(data, size, "file")) &&
	    has(data, size, "/"))
		return 0;
	struct diags *diags = diags_new();
	REQUIRE(diags);
	const char *path = file_write("signpost-load-fuzz", data, size);
	struct table *table = table_load(path, PLENTY, diags);
	REQUIRE(!table == (diags_errors(diags) > 0));
	file_check_findings(diags);
	if (table)
		check_table(table);
	table_free(table);
	diags_free(diags);
	unlink(path);
	return 0;
}
