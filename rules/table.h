/* SPDX-License-Identifier: MIT */
/* table.h - a routing table, loaded once and never changed.
 *
 * Read-only after loading, so any number of threads may look things up at once without locks. Each
 * brings a workspace of its own, which is all that a lookup writes to.
 *
 *     rules.yaml → document → schema → load + validate → compile → table
 *
 * The time of a lookup depends on the length of the number and on the rules whose called number or prefix
 * matches, not on how many rules there are: see index.h.
 */
#ifndef RULES_TABLE_H
#define RULES_TABLE_H

#include "rules/decision.h"
#include "rules/diags.h"
#include "rules/facts.h"
#include "rules/uri.h"

#define TABLE_BYTES_MAX ((size_t)1 << 30) /* memory of one table, as much again while it is read */

struct table;
struct workspace;

/* Reads path (UTF-8 YAML). Adds every fault found to diags; returns NULL if any of them is an error or
 * memory_limit bytes do not suffice. The caller frees the table. path must outlive diags. */
struct table *table_load(const char *path, size_t memory_limit, struct diags *diags);
void table_free(struct table *table);

struct table_counts {
	size_t rules, gateways, groups;
	size_t bytes;
};
struct table_counts table_counts(const struct table *table);

/* Calls visit with every URI that the table can answer with (placeholders as written), and where it is
 * written, until visit returns false. Every listener that a rule names goes to table_listeners. */
void table_targets(const struct table *table,
                   bool (*visit)(void *arg, const struct uri *uri, struct position position),
                   void *arg);
void table_listeners(const struct table *table,
                     bool (*visit)(void *arg, struct slice listener, struct position position),
                     void *arg);

/* What one lookup writes; one per thread. NULL when out of memory. */
struct workspace *workspace_new(void);
void workspace_free(struct workspace *workspace);

/* Answers one request. trace may be NULL; decisions are the same with and without. Allocates
 * nothing. */
void table_lookup(const struct table *table, const struct facts *facts,
                  struct workspace *workspace, const struct trace *trace,
                  struct decision *decision);

/* The rule at index (from 0), for explaining those that a lookup need not look at. */
void table_rule(const struct table *table, size_t index, struct considered *out);

#endif
