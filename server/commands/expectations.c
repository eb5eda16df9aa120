/* SPDX-License-Identifier: MIT */
#include "server/commands/expectations.h"

#include <stddef.h>
#include <string.h>

#include "rules/path.h"
#include "rules/schema.h"

#define FILE_BYTES_MAX ((size_t)256 << 20) /* of a file's tree, and of what it says */
#define NAMED_AFTER    ".test."

/* When calls are made, unless the file says it: a Wednesday, in office hours. */
#define AT_DEFAULT "2026-01-07T12:00"

struct kept {
	struct expectations expectations; /* first: expectations_free() gets a pointer */
	struct arena *arena;
	struct document *document; /* texts and positions point into it */
};

/* One expectation, while it is read. */
struct reading {
	struct expectation *expectation;
	const struct node *parts[QUESTION_PARTS];
};

static const char *const keys[QUESTION_PARTS] = {
	[QUESTION_CALL] = "call",         [QUESTION_CALLER] = "caller",
	[QUESTION_USER] = "user",         [QUESTION_HOST] = "host",
	[QUESTION_PEER] = "from",         [QUESTION_RN] = "rn",
	[QUESTION_NPDI] = "npdi",         [QUESTION_CIC] = "cic",
	[QUESTION_TGRP] = "tgrp",         [QUESTION_TRUNK_CONTEXT] = "trunk_context",
	[QUESTION_PROFILE] = "profile",   [QUESTION_SOURCE] = "source",
	[QUESTION_LISTENER] = "listener", [QUESTION_METHOD] = "method",
	[QUESTION_CALL_ID] = "call_id",   [QUESTION_AT] = "at",
	[QUESTION_HEADERS] = "headers"};

/* The question */

static bool read_text(struct load *load, const struct node *node, const char *what,
                      const char **out)
{
	struct slice text;
	if (!schema_text(load, node, what, &text))
		return false;
	*out = text.at;
	return true;
}

static bool add_header(struct load *load, const struct pair *pair,
                       const struct node *value, struct question *question)
{
	struct slice name = pair->key->text, text;
	if (!schema_text(load, value, name.at, &text))
		return false;
	if (slice_has_control(text))
		return load_error(load, value, NULL,
		                  "a header may not have control characters");
	if (question->header_count == QUESTION_HEADERS_MAX)
		return load_error(load, value, NULL, "more than %d headers",
		                  QUESTION_HEADERS_MAX);
	char *line = arena_alloc(load->arena, name.len + text.len + 3);
	if (!line)
		return load_memory(load);
	memcpy(line, name.at, name.len);
	memcpy(line + name.len, ": ", 2);
	memcpy(line + name.len + 2, text.at, text.len);
	question->headers[question->header_count++] = line;
	return true;
}

/* One header of each name, or as many as the list has. */
static bool read_header(struct load *load, const struct pair *pair,
                        struct question *question)
{
	const struct node *value = pair->value;
	bool good = true;
	if (!pair->key->text.len || slice_token(pair->key->text) < pair->key->text.len)
		return load_error(load, pair->key, NULL, "\"%s\" is no header name",
		                  pair->key->text.at);
	if (value->type != NODE_LIST)
		return add_header(load, pair, value, question);
	for (size_t i = 0; i < value->count; i++)
		good &= add_header(load, pair, value->items[i], question);
	return good;
}

static bool read_headers(struct load *load, const struct node *node,
                         struct question *question)
{
	if (node->type != NODE_MAPPING)
		return load_error(
			load, node, "write headers: {X-Tenant: acme}",
			"\"headers\" must be a mapping of header names to values");
	bool good = true;
	for (size_t i = 0; i < node->count; i++)
		good &= read_header(load, &node->pairs[i], question);
	return good;
}

static bool read_parts(struct load *load, const struct node *const parts[QUESTION_PARTS],
                       struct expectation *expectation)
{
	struct question *question = &expectation->question;
	const char **const texts[QUESTION_PARTS] = {
		[QUESTION_CALL] = &question->call,
		[QUESTION_CALLER] = &question->caller,
		[QUESTION_USER] = &question->user,
		[QUESTION_HOST] = &question->host,
		[QUESTION_PEER] = &question->peer,
		[QUESTION_RN] = &question->rn,
		[QUESTION_CIC] = &question->cic,
		[QUESTION_TGRP] = &question->tgrp,
		[QUESTION_TRUNK_CONTEXT] = &question->trunk_context,
		[QUESTION_PROFILE] = &question->profile,
		[QUESTION_SOURCE] = &question->source,
		[QUESTION_LISTENER] = &question->listener,
		[QUESTION_METHOD] = &question->method,
		[QUESTION_CALL_ID] = &question->call_id,
		[QUESTION_AT] = &question->at,
	};
	bool good = true;
	for (size_t i = 0; i < QUESTION_PARTS; i++) {
		if (!parts[i])
			continue;
		expectation->parts[i] = parts[i]->position;
		if (texts[i])
			good &= read_text(load, parts[i], keys[i], texts[i]);
	}
	if (parts[QUESTION_NPDI])
		good &= schema_bool(load, parts[QUESTION_NPDI], keys[QUESTION_NPDI],
		                    &question->npdi);
	if (parts[QUESTION_HEADERS])
		good &= read_headers(load, parts[QUESTION_HEADERS], question);
	return good;
}

static bool check_question(struct load *load, const struct expectation *expectation)
{
	struct question_fault fault;
	if (question_check(&expectation->question, &fault))
		return true;
	diags_add(load->diags, SEVERITY_ERROR, expectation->parts[fault.part], NULL,
	          "%s \"%s\": %s", keys[fault.part], fault.value, fault.why);
	return false;
}

/* One expectation */

static bool read_name(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	return schema_text(load, node, "name", &reading->expectation->name);
}

static bool read_expect(struct load *load, const struct node *node, void *into)
{
	return expected_read(load, node,
	                     &((struct reading *)into)->expectation->expected);
}

#define PART(part, flags)                                                                \
	{                                                                                \
		keys[part], schema_keep, flags,                                          \
			offsetof(struct reading, parts) +                                \
				(part) * sizeof(const struct node *)                     \
	}

static bool read_expectation(struct load *load, const struct node *node,
                             struct expectation *expectation)
{
	/* The rows that schema_keep reads are the question's parts. */
	const struct field fields[] = {
		PART(QUESTION_CALL, FIELD_REQUIRED),
		{"expect", read_expect, FIELD_REQUIRED},
		{"name", read_name, 0},
		PART(QUESTION_CALLER, 0),
		PART(QUESTION_USER, 0),
		PART(QUESTION_PEER, 0),
		PART(QUESTION_PROFILE, 0),
		PART(QUESTION_SOURCE, 0),
		PART(QUESTION_LISTENER, 0),
		PART(QUESTION_HOST, 0),
		PART(QUESTION_METHOD, 0),
		PART(QUESTION_HEADERS, 0),
		PART(QUESTION_CALL_ID, 0),
		PART(QUESTION_AT, 0),
		PART(QUESTION_RN, 0),
		PART(QUESTION_NPDI, 0),
		PART(QUESTION_CIC, 0),
		PART(QUESTION_TGRP, 0),
		PART(QUESTION_TRUNK_CONTEXT, 0),
	};
	struct reading reading = {.expectation = expectation};
	expectation->position = node->position;
	bool good = schema_read(load, node, "an expectation", fields,
	                        sizeof fields / sizeof *fields, &reading);
	good &= read_parts(load, reading.parts, expectation);
	if (!expectation->question.at)
		expectation->question.at = AT_DEFAULT;
	if (!expectation->name.at)
		expectation->name = slice_of(expectation->question.call);
	return good && check_question(load, expectation);
}

static bool read_tests(struct load *load, const struct node *node, void *into)
{
	struct expectations *expectations = into;
	if (node->type != NODE_LIST || !node->count)
		return load_error(load, node,
		                  "write - {call: \"+442071234567\", expect: 302}",
		                  "\"tests\" must be a list of expectations");
	struct expectation *tests = arena_array(load->arena, node->count, sizeof *tests);
	if (!tests)
		return load_memory(load);
	expectations->tests = tests;
	expectations->count = node->count;
	bool good = true;
	for (size_t i = 0; i < node->count && !load->out_of_memory; i++)
		good &= read_expectation(load, node->items[i], &tests[i]);
	return good;
}

/* The file */

static bool read_rules_path(struct load *load, const struct node *node, void *into)
{
	return path_read(load, node, "rules", into);
}

static bool read_settings_path(struct load *load, const struct node *node, void *into)
{
	return path_read(load, node, "settings", into);
}

/* uk.test.yaml is about uk.yaml. */
static bool default_path(struct load *load, const struct node *root, const char *path,
                         const char **out)
{
	const char *after = NULL, *slash = strrchr(path, '/');
	for (const char *at = strstr(slash ? slash : path, NAMED_AFTER); at;
	     at = strstr(at + 1, NAMED_AFTER))
		after = at;
	if (!after)
		return load_error(load, root,
		                  "write rules: FILE, or call this file uk.test.yaml for "
		                  "uk.yaml",
		                  "which routing table is this about?");
	size_t head = (size_t)(after - path);
	const char *tail = after + strlen(NAMED_AFTER) - 1;
	char *cut = arena_alloc(load->arena, head + strlen(tail) + 1);
	if (!cut)
		return load_memory(load);
	memcpy(cut, path, head);
	memcpy(cut + head, tail, strlen(tail));
	*out = cut;
	return true;
}

static bool read_root(struct load *load, const struct node *root, const char *path,
                      struct expectations *expectations)
{
	static const struct field fields[] = {
		{"tests", read_tests, FIELD_REQUIRED},
		{"rules", read_rules_path, 0, offsetof(struct expectations, rules_path)},
		{"settings", read_settings_path, 0,
	         offsetof(struct expectations, settings_path)}};
	bool good = root->type == NODE_LIST
	                    ? read_tests(load, root, expectations)
	                    : schema_read(load, root, "a file of expectations", fields, 3,
	                                  expectations);
	if (expectations->rules_path || expectations->settings_path)
		return good;
	return default_path(load, root, path, &expectations->rules_path) && good;
}

static bool read_file(struct load *load, const char *path, struct kept *kept)
{
	kept->document = document_read(path, FILE_BYTES_MAX, load->diags);
	return kept->document &&
	       read_root(load, document_root(kept->document), path, &kept->expectations);
}

struct expectations *expectations_load(const char *path, struct diags *diags)
{
	struct load load = {.arena = arena_new(FILE_BYTES_MAX), .diags = diags};
	struct kept *kept = load.arena ? arena_alloc(load.arena, sizeof *kept) : NULL;
	if (!kept) {
		arena_free(load.arena);
		load.out_of_memory = true;
	} else {
		kept->arena = load.arena;
		if (read_file(&load, path, kept) && !load.out_of_memory)
			return &kept->expectations;
		expectations_free(&kept->expectations);
	}
	if (load.out_of_memory)
		diags_add(diags, SEVERITY_ERROR, (struct position){.file = path}, NULL,
		          "out of memory");
	return NULL;
}

void expectations_free(struct expectations *expectations)
{
	struct kept *kept = (struct kept *)expectations;
	if (!kept)
		return;
	document_free(kept->document);
	arena_free(kept->arena);
}
