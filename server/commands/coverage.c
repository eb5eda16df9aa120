/* SPDX-License-Identifier: MIT */
#include "server/commands/coverage.h"

#include "rules/map.h"
#include "rules/schema.h"

#define COVERAGE_BYTES_MAX ((size_t)1 << 30)

struct entry {
	struct slice name;
	struct position position;
	bool reached;
};

struct covered {
	struct slice path;
	size_t count;
	struct entry *entries;
	struct map names; /* → entry */
	struct covered *next;
};

struct coverage {
	struct arena *arena;
	struct covered *first, **end; /* in the order in which they came */
};

struct coverage *coverage_new(void)
{
	struct arena *arena = arena_new(COVERAGE_BYTES_MAX);
	struct coverage *coverage = arena ? arena_alloc(arena, sizeof *coverage) : NULL;
	if (!coverage) {
		arena_free(arena);
		return NULL;
	}
	coverage->arena = arena;
	coverage->end = &coverage->first;
	return coverage;
}

void coverage_free(struct coverage *coverage)
{
	if (coverage)
		arena_free(coverage->arena);
}

static bool add_rule(struct coverage *coverage, struct covered *covered,
                     const struct ruleset *ruleset, size_t i)
{
	struct considered rule;
	char label[DECISION_LABEL_MAX];
	struct entry *entry = &covered->entries[covered->count++];
	ruleset_rule(ruleset, i, &rule);
	entry->name = arena_copy(coverage->arena,
	                         decision_label(ruleset_name(ruleset), rule.name, label));
	entry->position = rule.position;
	entry->position.file =
		arena_copy(coverage->arena, slice_of(rule.position.file)).at;
	return entry->name.at && entry->position.file &&
	       map_add(&covered->names, coverage->arena, entry->name, entry);
}

static bool add_ruleset(struct coverage *coverage, struct covered *covered,
                        const struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset_count(ruleset); i++)
		if (!add_rule(coverage, covered, ruleset, i))
			return false;
	return true;
}

static struct covered *add_table(struct coverage *coverage, const char *path,
                                 const struct table *table)
{
	struct covered *covered = arena_alloc(coverage->arena, sizeof *covered);
	if (!covered)
		return NULL;
	covered->path = arena_copy(coverage->arena, slice_of(path));
	covered->entries = arena_array(coverage->arena, table_counts(table).rules,
	                               sizeof *covered->entries);
	if (!covered->path.at || !covered->entries)
		return NULL;
	for (size_t i = 0; i < table_ruleset_count(table); i++)
		if (!add_ruleset(coverage, covered, table_ruleset(table, i)))
			return NULL;
	*coverage->end = covered;
	coverage->end = &covered->next;
	return covered;
}

struct covered *coverage_of(struct coverage *coverage, const char *path,
                            const struct table *table)
{
	for (struct covered *c = coverage->first; c; c = c->next)
		if (slice_equal(c->path, slice_of(path)))
			return c;
	return add_table(coverage, path, table);
}

static const char *name_at(const void *entries, size_t i)
{
	return ((const struct entry *)entries)[i].name.at;
}

bool covered_has(const struct covered *covered, struct slice name, const char **nearest)
{
	*nearest = NULL;
	if (map_find(&covered->names, name))
		return true;
	*nearest = schema_nearest(name, name_at, covered->entries, covered->count);
	return false;
}

void covered_reach(struct covered *covered, struct slice name)
{
	struct entry *entry = map_find(&covered->names, name);
	if (entry)
		entry->reached = true;
}

void coverage_print(const struct coverage *coverage, FILE *to)
{
	for (const struct covered *c = coverage->first; c; c = c->next) {
		size_t reached = 0;
		for (size_t i = 0; i < c->count; i++) {
			const struct entry *entry = &c->entries[i];
			reached += entry->reached;
			if (!entry->reached)
				fprintf(to, "%s:%u:%u: not reached: rule \"%s\"\n",
				        entry->position.file, entry->position.line,
				        entry->position.column, entry->name.at);
		}
		fprintf(to, "%s: %zu of %zu rules reached\n", c->path.at, reached,
		        c->count);
	}
}
