/* SPDX-License-Identifier: MIT */
#include "rules/load.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "rules/action.h"
#include "rules/criteria.h"
#include "rules/decks.h"
#include "rules/gateway.h"
#include "rules/index.h"
#include "rules/numbertable.h"
#include "rules/probe.h"
#include "rules/sequence.h"
#include "rules/shadow.h"
#include "rules/table.h"
#include "rules/tenants.h"
#include "rules/times.h"
#include "rules/zones.h"

/* The keys in the file's order; they are read in the order in which they need each other.
 */
struct keys {
	const struct node *match, *include, *routing_number, *zone, *times, *numbers,
		*gateways, *groups, *decks, *rules, *tables, *fallback;
};

/* One rule: its criteria go to rule, what it answers to action. */
struct rule_reading {
	struct rule rule; /* must be first: the criteria's readers get it */
	struct action_reading action;
	struct period *period;
};

static bool read_name(struct load *load, const struct node *node, void *into)
{
	struct rule_reading *reading = into;
	return name_read(load, node, "rule name", &reading->rule.name) &&
	       (!slice_equal(reading->rule.name, slice_of("default")) ||
	        load_error(load, node, NULL,
	                   "no rule may be called \"default\": that is what answers "
	                   "when none matches"));
}

static bool read_priority(struct load *load, const struct node *node, void *into)
{
	struct rule_reading *reading = into;
	return schema_bool(load, node, "priority", &reading->rule.priority);
}

#define ACTION offsetof(struct rule_reading, action)
#define PERIOD offsetof(struct rule_reading, period)

static const struct field rule_fields[] = {
	/* What it answers; first, so that `default` can take these rows alone. */
	{"redirect", action_read_redirect, 0, ACTION},
	{"reject", action_read_reject, 0, ACTION},
	{"status", action_read_status, 0, ACTION},
	{"expires", action_read_expires, 0, ACTION},
	{"rewrite", action_read_rewrite, 0, ACTION},
	{"headers", action_read_headers, 0, ACTION},
	{"uri_headers", action_read_uri_headers, 0, ACTION},
#define ANSWER_FIELDS 7
	{"name", read_name, 0},
	{"priority", read_priority, 0},
	{"called", criteria_read_called, 0},
	{"caller", criteria_read_caller, 0},
	{"host", criteria_read_host, 0},
	{"source", criteria_read_source, 0},
	{"listener", criteria_read_listener, 0},
	{"header", criteria_read_header, 0},
	{"profile", criteria_read_profile, 0},
	{"peer", criteria_read_peer, 0},
	{"user", criteria_read_user, 0},
	{"rn", criteria_read_rn, 0},
	{"npdi", criteria_read_npdi, 0},
	{"cic", criteria_read_cic, 0},
	{"tgrp", criteria_read_tgrp, 0},
	{"trunk_context", criteria_read_trunk_context, 0},
	{"time", criteria_read_time, 0},
	{"from", period_read_from, 0, PERIOD},
	{"until", period_read_until, 0, PERIOD},
	{"not", criteria_read_not, 0},
};

static bool read_rule(struct load *load, const struct node *node, const char *what,
                      size_t field_count, struct rule *rule)
{
	struct rule_reading reading = {.rule = *rule};
	reading.rule.position = node->position;
	reading.rule.unless = criteria_none;
	bool good = schema_read(load, node, what, rule_fields, field_count, &reading);
	if (node->type == NODE_MAPPING)
		good &= action_check(load, node, &reading.action);
	good &= !reading.period ||
	        criteria_set_period(load, &reading.rule, reading.period);
	good &= numbertable_check_uses(load, &reading.rule);
	*rule = reading.rule;
	rule->has_row = criteria_has_row(rule);
	rule->only_called = criteria_only_called(rule);
	rule->action = reading.action.action;
	return good;
}

static bool set_default_name(struct load *load, struct rule *rule, size_t number)
{
	char name[32];
	int length = snprintf(name, sizeof name, "rule %zu", number);
	rule->name = arena_copy(load->arena, (struct slice){name, (size_t)length});
	return rule->name.at || load_memory(load);
}

/* The names of one ruleset, which are forgotten when it has been read. */
struct names {
	struct arena *arena;
	struct map map; /* → rule */
};

static bool add_name(struct load *load, struct names *names, struct rule *rule)
{
	char hint[DIAGS_HINT_MAX];
	const struct rule *other = map_find(&names->map, rule->name);
	if (other) {
		diags_add(load->diags, SEVERITY_ERROR, rule->position,
		          diags_hint(hint, "first defined at %s:%u:%u",
		                     other->position.file, other->position.line,
		                     other->position.column),
		          "rule \"%s\" is defined twice", rule->name.at);
		return false;
	}
	return map_add(&names->map, names->arena, rule->name, rule) || load_memory(load);
}

static bool read_sequence(struct load *load, struct ruleset *ruleset,
                          const struct sequence *sequence)
{
	struct names names = {.arena = arena_new(TABLE_BYTES_MAX)};
	ruleset->rules =
		arena_array(load->arena, sequence->count, sizeof *ruleset->rules);
	if (!ruleset->rules || !names.arena) {
		arena_free(names.arena);
		return load_memory(load);
	}
	ruleset->rule_count = sequence->count;
	bool good = true;
	for (size_t i = 0; i < sequence->count && !load->out_of_memory; i++) {
		struct rule *rule = &ruleset->rules[i];
		good &= read_rule(load, sequence->rules[i], "a rule",
		                  sizeof rule_fields / sizeof *rule_fields, rule);
		good &= (rule->name.at || set_default_name(load, rule, i + 1)) &&
		        add_name(load, &names, rule);
	}
	arena_free(names.arena);
	return good && !load->out_of_memory;
}

static bool read_match(struct load *load, struct ruleset *ruleset,
                       const struct node *node)
{
	ruleset->longest =
		node->type == NODE_SCALAR && slice_equal(node->text, slice_of("longest"));
	if (!ruleset->longest &&
	    !(node->type == NODE_SCALAR && slice_equal(node->text, slice_of("first"))))
		return load_error(load, node, NULL, "\"match\" must be first or longest");
	return true;
}

static bool read_default(struct load *load, struct ruleset *ruleset,
                         const struct node *node)
{
	ruleset->fallback.name = slice_of("default");
	ruleset->fallback.action.status = 404; /* RFC 3261 21.4.5 */
	ruleset->fallback.unless = criteria_none;
	return !node ||
	       read_rule(load, node, "\"default\"", ANSWER_FIELDS, &ruleset->fallback);
}

static bool read_routing_number(struct load *load, struct table *table,
                                const struct node *node)
{
	static const char *const names[] = {"use", "ignore"};
	size_t choice;
	if (!schema_choice(load, node, "routing_number", names, 2, &choice))
		return false;
	table->ignores_rn = choice == 1;
	return true;
}

/* The keys of a file's top level. */
static bool read_keys(struct load *load, const struct file *file, struct keys *keys)
{
	static const struct field fields[] = {
		{"match", schema_keep, 0, offsetof(struct keys, match)},
		{"include", schema_keep, 0, offsetof(struct keys, include)},
		{"routing_number", schema_keep, 0, offsetof(struct keys, routing_number)},
		{"zone", schema_keep, 0, offsetof(struct keys, zone)},
		{"times", schema_keep, 0, offsetof(struct keys, times)},
		{"numbers", schema_keep, 0, offsetof(struct keys, numbers)},
		{"gateways", schema_keep, 0, offsetof(struct keys, gateways)},
		{"groups", schema_keep, 0, offsetof(struct keys, groups)},
		{"decks", schema_keep, 0, offsetof(struct keys, decks)},
		{"rules", schema_keep, 0, offsetof(struct keys, rules)},
		{"tables", schema_keep, 0, offsetof(struct keys, tables)},
		{"default", schema_keep, 0, offsetof(struct keys, fallback)}};
	return schema_read(load, file->root, "a routing table", fields,
	                   sizeof fields / sizeof *fields, keys);
}

static bool refuse_key(struct load *load, const struct node *node, const char *key)
{
	return !node ||
	       load_error(load, node, NULL,
	                  "\"%s\" stands in the main file, not in an included one", key);
}

/* The same of an included file, which may also be no more than a list of rules. */
static bool read_included_keys(struct load *load, const struct file *file,
                               struct keys *keys)
{
	if (file->root->type == NODE_LIST)
		return true;
	if (file->root->type != NODE_MAPPING)
		return load_error(load, file->root, NULL,
		                  "an included file must be a mapping or a list of "
		                  "rules, not %s",
		                  node_type_name(file->root));
	bool good = read_keys(load, file, keys);
	good &= refuse_key(load, keys->match, "match");
	good &= refuse_key(load, keys->routing_number, "routing_number");
	good &= refuse_key(load, keys->zone, "zone");
	good &= refuse_key(load, keys->fallback, "default");
	return good;
}

/* The keys of all files, the main one's last. */
static bool read_all_keys(struct load *load, const struct files *files, struct keys *keys)
{
	size_t last = files_count(files) - 1;
	bool good = true;
	for (size_t i = 0; i < last; i++)
		good &= read_included_keys(load, files_get(files, i), &keys[i]);
	return read_keys(load, files_get(files, last), &keys[last]) && good;
}

/* What all files define. Kind by kind: rules may name gateways of any file. */
static bool read_definitions(struct load *load, const struct keys *keys, size_t count)
{
	static const struct {
		size_t offset;
		schema_reader *read;
	} kinds[] = {
		{offsetof(struct keys, times), times_read},
		{offsetof(struct keys, numbers), numbertables_read},
		{offsetof(struct keys, gateways), gateways_read},
		{offsetof(struct keys, groups), groups_read},
		{offsetof(struct keys, decks), decks_read},
	};
	bool good = true;
	for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
		for (size_t i = 0; i < count; i++) {
			const struct node *node;
			memcpy(&node, (const char *)&keys[i] + kinds[kind].offset,
			       sizeof(const struct node *));
			good &= !node || kinds[kind].read(load, node, NULL);
		}
	return good;
}

static bool read_ruleset(struct load *load, struct ruleset *ruleset,
                         const struct node *match, const struct sequence *sequence,
                         const struct node *fallback)
{
	bool good = !match || read_match(load, ruleset, match);
	good &= read_sequence(load, ruleset, sequence);
	return read_default(load, ruleset, fallback) && good;
}

/* The rules of the main file and of those that it includes. */
static bool read_top(struct load *load, struct ruleset *top, const struct files *files,
                     const struct keys *keys)
{
	struct sequence sequence = {.files = files, .owner = top};
	struct file *file = files_get(files, files_count(files) - 1);
	if (file->root->type != NODE_MAPPING)
		return false;
	bool good = sequence_add_file(load, &sequence, file);
	good &= read_ruleset(load, top, keys->match, &sequence, keys->fallback);
	sequence_free(&sequence);
	return good;
}

/* A table of `tables`. */
struct tenant_reading {
	struct rule asks; /* must be first: the criteria's readers get it */
	const struct node *match, *rules, *fallback;
};

static bool check_tenant(struct load *load, const struct pair *pair,
                         const struct ruleset *ruleset)
{
	return ruleset->profile || ruleset->peer || ruleset->host ||
	       load_error(load, pair->key,
	                  "requests of no table ask the rules of the top level",
	                  "table \"%s\" needs profile, peer or host", pair->key->text.at);
}

static bool read_tenant(struct load *load, const struct files *files,
                        const struct pair *pair, struct ruleset *ruleset)
{
	static const struct field fields[] = {
		{"profile", criteria_read_profile, 0},
		{"peer", criteria_read_peer, 0},
		{"host", criteria_read_host, 0},
		{"match", schema_keep, 0, offsetof(struct tenant_reading, match)},
		{"rules", schema_keep, 0, offsetof(struct tenant_reading, rules)},
		{"default", schema_keep, 0, offsetof(struct tenant_reading, fallback)}};
	struct tenant_reading reading = {0};
	struct sequence sequence = {.files = files, .owner = ruleset};
	bool good = schema_read(load, pair->value, "a table", fields,
	                        sizeof fields / sizeof *fields, &reading);
	ruleset->profile = reading.asks.when[CRITERION_PROFILE];
	ruleset->peer = reading.asks.when[CRITERION_PEER];
	ruleset->host = reading.asks.when[CRITERION_HOST];
	good = good && check_tenant(load, pair, ruleset);
	good &= !reading.rules || sequence_add_list(load, &sequence, reading.rules);
	good &= read_ruleset(load, ruleset, reading.match, &sequence, reading.fallback);
	sequence_free(&sequence);
	return good;
}

static bool name_tenant(struct load *load, struct map *names, const struct node *key,
                        struct ruleset *ruleset)
{
	char hint[DIAGS_HINT_MAX];
	ruleset->position = key->position;
	if (!name_read(load, key, "table name", &ruleset->name))
		return false;
	const struct ruleset *other = map_find(names, ruleset->name);
	if (!other)
		return map_add(names, load->arena, ruleset->name, ruleset) ||
		       load_memory(load);
	return load_error(load, key,
	                  diags_hint(hint, "first defined at %s:%u:%u",
	                             other->position.file, other->position.line,
	                             other->position.column),
	                  "table \"%s\" is defined twice", ruleset->name.at);
}

static bool read_tables(struct load *load, const struct files *files,
                        const struct node *node, struct map *names)
{
	struct table *table = ((struct table_load *)load)->table;
	bool good = true;
	for (size_t i = 0; i < node->count && !load->out_of_memory; i++) {
		struct ruleset *ruleset = &table->tenants[table->tenant_count++];
		good &= name_tenant(load, names, node->pairs[i].key, ruleset);
		good &= read_tenant(load, files, &node->pairs[i], ruleset);
	}
	return good;
}

/* The tables of all files, in their order. */
static bool read_all_tables(struct load *load, const struct files *files,
                            const struct keys *keys)
{
	struct table *table = ((struct table_load *)load)->table;
	struct map names = {0};
	size_t count = 0;
	bool good = true;
	for (size_t i = 0; i < files_count(files); i++) {
		const struct node *node = keys[i].tables;
		if (node && node->type == NODE_MAPPING)
			count += node->count;
		else if (node)
			good = load_error(load, node,
			                  "write tables: {acme: {host: acme.example}}",
			                  "\"tables\" must be a mapping of names to "
			                  "tables");
	}
	table->tenants = arena_array(load->arena, count, sizeof *table->tenants);
	if (!table->tenants)
		return load_memory(load);
	for (size_t i = 0; i < files_count(files); i++)
		if (keys[i].tables && keys[i].tables->type == NODE_MAPPING)
			good &= read_tables(load, files, keys[i].tables, &names);
	return good;
}

static bool finish(struct load *load, struct ruleset *ruleset, size_t *shadow_budget)
{
	ruleset->index = index_new(load->arena, ruleset);
	if (!ruleset->index)
		return load_memory(load);
	shadow_warn(load, ruleset, shadow_budget);
	return true;
}

/* In the order of table_ruleset(). */
static void number_rules(struct table *table)
{
	size_t number = 0;
	for (size_t i = 0; i < table->tenant_count; i++) {
		table->tenants[i].first_number = number;
		number += table->tenants[i].rule_count + 1;
	}
	table->top.first_number = number;
}

bool load_table(struct table_load *table_load, const struct files *files)
{
	struct load *load = &table_load->load;
	struct table *table = table_load->table;
	size_t budget = SHADOW_COMPARISONS_MAX, count = files_count(files);
	struct keys *keys = arena_array(load->arena, count, sizeof *keys);
	if (!keys)
		return load_memory(load);
	bool good = read_all_keys(load, files, keys);
	good &= !keys[count - 1].zone ||
	        zones_read(load, keys[count - 1].zone, &table->zone);
	good &= read_definitions(load, keys, count);
	good &= probes_finish(load);
	good &= times_finish(load);
	good &= read_top(load, &table->top, files, &keys[count - 1]);
	good &= read_all_tables(load, files, keys);
	good &= !keys[count - 1].routing_number ||
	        read_routing_number(load, table, keys[count - 1].routing_number);
	number_rules(table);
	good = good && tenants_make(load, table);
	for (size_t i = 0; i < table->tenant_count && good; i++)
		good = finish(load, &table->tenants[i], &budget);
	return good && finish(load, &table->top, &budget);
}
