/* SPDX-License-Identifier: MIT */
#include "rules/table.h"

#include "rules/decks.h"
#include "rules/files.h"
#include "rules/gateway.h"
#include "rules/load.h"
#include "rules/moment.h"
#include "rules/numbertable.h"
#include "rules/target.h"
#include "rules/zones.h"

/* Loading */

static struct table *table_new(size_t memory_limit)
{
	struct arena *arena = arena_new(memory_limit);
	struct table *table = arena ? arena_alloc(arena, sizeof *table) : NULL;
	if (table)
		table->arena = arena;
	else
		arena_free(arena);
	return table;
}

static void report_memory(const char *path, struct diags *diags)
{
	diags_add(diags, SEVERITY_ERROR, (struct position){path, 0, 0}, NULL,
	          "the routing table needs more memory than it may have");
}

struct table *table_load(const char *path, size_t memory_limit, struct diags *diags)
{
	return table_reload(path, NULL, memory_limit, diags);
}

static bool keep_paths(struct table_load *load, const struct files *files)
{
	struct table *table = load->table;
	table->file_count = files_count(files);
	table->files = arena_array(table->arena, table->file_count, sizeof *table->files);
	if (!table->files)
		return load_memory(&load->load);
	for (size_t i = 0; i < table->file_count; i++)
		table->files[i] = files_get(files, i)->path;
	return true;
}

struct table *table_reload(const char *path, const struct table *previous,
                           size_t memory_limit, struct diags *diags)
{
	size_t errors = diags_errors(diags);
	struct table *table = table_new(memory_limit);
	if (!table) {
		report_memory(path, diags);
		return NULL;
	}
	struct table_load load = {.load = {table->arena, diags, false, true},
	                          .table = table,
	                          .previous = previous,
	                          .memory_limit = memory_limit};
	struct files *files = files_read(&load.load, path, memory_limit);
	bool good = files && keep_paths(&load, files) && load_table(&load, files);
	files_free(files);
	if (load.load.out_of_memory)
		report_memory(path, diags);
	if (good && diags_errors(diags) == errors)
		return table;
	table_free(table);
	return NULL;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (const struct compiled_pattern *p = table->patterns; p; p = p->next)
		pattern_free(p->pattern);
	numbertables_free(table);
	decks_free(table);
	arena_free(table->arena);
}

struct table_counts table_counts(const struct table *table)
{
	struct table_counts counts = {.gateways = table->gateway_count,
	                              .groups = table->group_count,
	                              .tables = table->tenant_count,
	                              .numbers = table->number_count,
	                              .decks = table->deck_count,
	                              .bytes = arena_bytes(table->arena) +
	                                       table->number_bytes + table->deck_bytes};
	for (size_t i = 0; i < table_ruleset_count(table); i++)
		counts.rules += table_ruleset(table, i)->rule_count;
	return counts;
}

size_t table_ruleset_count(const struct table *table)
{
	return table->tenant_count + 1;
}

const struct ruleset *table_ruleset(const struct table *table, size_t i)
{
	return i < table->tenant_count ? &table->tenants[i] : &table->top;
}

struct slice ruleset_name(const struct ruleset *ruleset)
{
	return ruleset->name;
}

size_t ruleset_count(const struct ruleset *ruleset)
{
	return ruleset->rule_count;
}

bool ruleset_is_longest(const struct ruleset *ruleset)
{
	return ruleset->longest;
}

bool table_has_gateway(const struct table *table, struct slice name, const char **nearest)
{
	const struct named *named = map_find(&table->names, name);
	bool found = named && named->gateway;
	*nearest = found ? NULL : gateway_nearest(table, name, true);
	return found;
}

void table_gateway(const struct table *table, size_t i, struct gateway_view *out)
{
	gateway_view(table->listed[i], out);
}

size_t table_probed_count(const struct table *table)
{
	return table->probed_count;
}

void table_probed(const struct table *table, size_t i, struct gateway_view *out)
{
	gateway_view(table->probed[i], out);
}

size_t table_probed_find(const struct table *table, struct slice name)
{
	const struct named *named = map_find(&table->names, name);
	return named && named->gateway ? named->gateway->probe_number : 0;
}

bool table_moment(const struct table *table, struct slice text, int64_t *now_s)
{
	return moment_parse(text, zones_default(table), false, now_s);
}

void table_moment_text(const struct table *table, int64_t now_s,
                       char text[TABLE_MOMENT_MAX])
{
	moment_text(zones_default(table), now_s, text);
}

static void visit_names(const struct criterion *criterion,
                        void (*visit)(void *arg, struct slice name,
                                      struct position position),
                        void *arg)
{
	for (size_t i = 0; criterion && i < criterion->text.exact_count; i++)
		visit(arg, criterion->text.exact[i], criterion->position);
}

static void visit_criteria(const struct criterion *const criteria[CRITERION_KINDS],
                           const struct table_visitor *visitor)
{
	visit_names(criteria[CRITERION_LISTENER], visitor->listener, visitor->arg);
	visit_names(criteria[CRITERION_PROFILE], visitor->profile, visitor->arg);
	visit_names(criteria[CRITERION_PEER], visitor->peer, visitor->arg);
	visit_names(criteria[CRITERION_USER], visitor->user, visitor->arg);
}

static void visit_ruleset(const struct ruleset *ruleset,
                          const struct table_visitor *visitor)
{
	visit_names(ruleset->profile, visitor->profile, visitor->arg);
	visit_names(ruleset->peer, visitor->peer, visitor->arg);
	for (size_t i = 0; i < ruleset->rule_count; i++) {
		const struct rule *rule = &ruleset->rules[i];
		visit_criteria(rule->when, visitor);
		visit_criteria(rule->unless, visitor);
	}
}

void table_visit(const struct table *table, const struct table_visitor *visitor)
{
	for (const struct gateway *g = table->gateways; g; g = g->next)
		visitor->target(visitor->arg, g->uri.host, target_port(&g->uri),
		                g->position);
	for (size_t i = 0; i < table_ruleset_count(table); i++)
		visit_ruleset(table_ruleset(table, i), visitor);
}

void table_files(const struct table *table,
                 void (*file)(void *arg, const char *path, const size_t *rows), void *arg)
{
	for (size_t i = 0; i < table->file_count; i++)
		file(arg, table->files[i], NULL);
	for (const struct numbersfile *f = table->numbersfiles; f; f = f->next)
		file(arg, f->source.path, &f->source.rows);
	for (const struct deckfile *f = table->deckfiles; f; f = f->next)
		file(arg, f->source.path, &f->source.rows);
}

size_t table_rule_numbers(const struct table *table)
{
	return table->top.first_number + table->top.rule_count + 1;
}

size_t table_gateway_numbers(const struct table *table)
{
	return table->gateways ? table->gateways->number + 1 : 0;
}

size_t rule_number(const struct ruleset *ruleset, const struct rule *rule)
{
	return ruleset->first_number + (rule == &ruleset->fallback
	                                        ? ruleset->rule_count
	                                        : (size_t)(rule - ruleset->rules));
}

static void name_rules(const struct ruleset *ruleset, const struct table_namer *namer)
{
	for (size_t i = 0; i <= ruleset->rule_count; i++) {
		const struct rule *rule =
			i < ruleset->rule_count ? &ruleset->rules[i] : &ruleset->fallback;
		namer->rule(namer->arg, ruleset->first_number + i, ruleset->name,
		            rule->name);
	}
}

void table_names(const struct table *table, const struct table_namer *namer)
{
	for (size_t i = 0; namer->rule && i < table_ruleset_count(table); i++)
		name_rules(table_ruleset(table, i), namer);
	for (const struct gateway *g = table->gateways; namer->gateway && g; g = g->next)
		namer->gateway(namer->arg, g->number, g->name, g->uri.text);
}
