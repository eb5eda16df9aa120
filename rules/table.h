/* SPDX-License-Identifier: MIT */
/* table.h - a routing table, loaded once and never changed.
 *
 * Read-only after loading, so any number of threads may look things up at once without
 * locks. Each brings a workspace of its own, which is all that a lookup writes to.
 *
 *     rules.yaml → document → schema → load + validate → compile → table
 *
 * The time of a lookup depends on the length of the number and on the rules whose called
 * number or prefix matches, not on how many rules there are: see index.h.
 *
 * No file takes more than bounded time and memory. What is beyond is an error with its
 * place, and no table is made, so that the one in force stays:
 *
 *     memory of a table, and of its documents  TABLE_BYTES_MAX, 2 GB each
 *     a YAML file                              DOCUMENT_BYTES_MAX, 128 MB
 *     levels of it; values, aliases counted    DOCUMENT_DEPTH_MAX, DOCUMENT_NODES_MAX
 *     files; that include each other in a row  FILES_MAX, FILES_DEPTH_MAX
 *     rules of a table; gateways of a redirect RULES_MAX, ROUTE_TARGETS_MAX
 *     regexes                                  PATTERNS_MAX
 *     bytes and depth of one                   PATTERN_BYTES_MAX, PATTERN_NESTING_MAX
 *     profile, peer and host of tenants        COMBINATIONS_MAX
 *     number tables; their columns             NUMBER_TABLES_MAX, NUMBERS_COLUMNS_MAX
 *     a row of a CSV                           CSV_ROW_MAX
 *     a name; a number; a URI                  NAME_MAX_BYTES, NUMBER_MAX, TARGET_URI_MAX
 *     headers that are added; items of times   HEADERS_ADDED_MAX, TIMES_ITEMS_MAX
 *
 * Two are no errors: findings beyond DIAGS_MAX are counted and not kept, and the search
 * for rules that can never match stops at SHADOW_COMPARISONS_MAX.
 */
#ifndef RULES_TABLE_H
#define RULES_TABLE_H

#include "rules/decision.h"
#include "rules/diags.h"
#include "rules/facts.h"

/* Memory of one table, as much again while it is read; and of each number table. */
#define TABLE_BYTES_MAX ((size_t)2 << 30)

struct table;
struct workspace;

/* Reads path (UTF-8 YAML). Adds every fault found to diags; returns NULL if any of them
 * is an error or memory_limit bytes do not suffice. The caller frees the table. path must
 * outlive diags and the table. */
struct table *table_load(const char *path, size_t memory_limit, struct diags *diags);

/* The same, but number tables whose files have not changed since previous was loaded are
 * shared with it. previous may be NULL, and may be freed before or after the new table,
 * by the same thread. */
struct table *table_reload(const char *path, const struct table *previous,
                           size_t memory_limit, struct diags *diags);
void table_free(struct table *table);

struct table_counts {
	size_t rules; /* of all rulesets */
	size_t gateways, groups;
	size_t tables;  /* of `tables` */
	size_t numbers; /* rows of number tables */
	size_t decks;
	size_t bytes; /* number tables that are shared count in each table */
};
struct table_counts table_counts(const struct table *table);

/* The rules of the top level, or of one table of `tables`. */
struct ruleset;

/* All of a table's: those of `tables` in their order, then the top level. */
size_t table_ruleset_count(const struct table *table);
const struct ruleset *table_ruleset(const struct table *table, size_t i);

struct slice ruleset_name(const struct ruleset *ruleset); /* empty: the top level */
size_t ruleset_count(const struct ruleset *ruleset);      /* rules */
bool ruleset_is_longest(const struct ruleset *ruleset);   /* match: longest */

/* The rule at index (from 0) as one whose `called` does not match, for explaining those
 * that a lookup need not look at. */
void ruleset_rule(const struct ruleset *ruleset, size_t index, struct considered *out);

/* True if a gateway is called name; else *nearest is one whose name is near, or NULL. */
bool table_has_gateway(const struct table *table, struct slice name,
                       const char **nearest);

/* Reads a date, or a date and time (see moment.h), by the clock of the table's zone. */
bool table_moment(const struct table *table, struct slice text, int64_t *now_s);

/* What that clock shows: "Fri 2026-12-25 10:00:00 +00:00 in Europe/London". */
#define TABLE_MOMENT_MAX 128
void table_moment_text(const struct table *table, int64_t now_s,
                       char text[TABLE_MOMENT_MAX]);

/* A gateway as somebody sees it who asks whether it answers. */
enum probed_transport {
	PROBED_ANY, /* the URI names none: RFC 3263 chooses */
	PROBED_UDP,
	PROBED_TCP,
	PROBED_OTHER, /* TLS and others, which are not probed */
};
struct gateway_view {
	struct slice name, uri; /* as written */
	struct slice server;    /* of the URI: host, port and parameters */
	struct slice host;      /* where requests go: a name, an address, [IPv6] */
	unsigned port;          /* 0: not given */
	enum probed_transport transport;
	const struct probe *probe; /* probe.h; NULL: it is not probed */
	size_t number;             /* for health.h; 0: it is not probed */
	struct position position;
};

/* Those that have names, in the file's order; table_counts() says how many. */
void table_gateway(const struct table *table, size_t i, struct gateway_view *out);

/* Those that are probed; the i-th has the number i + 1. */
size_t table_probed_count(const struct table *table);
void table_probed(const struct table *table, size_t i, struct gateway_view *out);

/* The number of the gateway that is called name; 0: it is not probed, or there is none.
 */
size_t table_probed_find(const struct table *table, struct slice name);

/* What the server's own settings decide whether it is right: told of each, and where it
 * stands. */
struct table_visitor {
	void *arg;
	/* Every host and port that a Contact can have. */
	void (*target)(void *arg, struct slice host, unsigned port,
	               struct position position);
	/* Every listener that a rule asks for, in its canonical form. */
	void (*listener)(void *arg, struct slice listener, struct position position);
	/* Every profile and every peer that a rule or a table asks for, and every user
	 * that a rule does. */
	void (*profile)(void *arg, struct slice profile, struct position position);
	void (*peer)(void *arg, struct slice peer, struct position position);
	void (*user)(void *arg, struct slice user, struct position position);
};
void table_visit(const struct table *table, const struct table_visitor *visitor);

/* Tells of every file that it was read from, some more than once; rows: of a CSV file, or
 * NULL. Paths live as long as the table. */
void table_files(const struct table *table,
                 void (*file)(void *arg, const char *path, const size_t *rows),
                 void *arg);

/* Tells of every rule, `default` of each ruleset too, and every gateway, those without a
 * name too, with the number that decisions have for it: 0 to one less than there are. */
struct table_namer {
	void *arg;
	void (*rule)(void *arg, size_t number, struct slice table, struct slice rule);
	void (*gateway)(void *arg, size_t number, struct slice name, struct slice uri);
};
void table_names(const struct table *table, const struct table_namer *namer);
size_t table_rule_numbers(const struct table *table);
size_t table_gateway_numbers(const struct table *table);

/* Lookups: lookup.c */

/* What one lookup writes; one per thread. NULL when out of memory. */
struct workspace *workspace_new(void);
void workspace_free(struct workspace *workspace);

/* Answers one request. trace may be NULL; decisions are the same with and without.
 * Allocates nothing. */
void table_lookup(const struct table *table, const struct facts *facts,
                  struct workspace *workspace, const struct trace *trace,
                  struct decision *decision);

/* The header fields that rule, gateway and peer add to the reply to a decision, complete
 * lines; the gateway is that of its first target as it is now. Lives as the decision
 * does. */
struct slice table_headers(const struct decision *decision, const struct facts *facts,
                           struct workspace *workspace);

#endif
