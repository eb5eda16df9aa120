/* SPDX-License-Identifier: MIT */
/* numbertable.h - the tables of numbers that rules ask: `numbers` of rules.yaml.
 *
 *     numbers:
 *       ported: {file: ported.csv, columns: [number, rn, gateway]}
 */
#ifndef RULES_NUMBERTABLE_H
#define RULES_NUMBERTABLE_H

#include "rules/facts.h"
#include "rules/numbersfile.h"
#include "rules/rule.h"

#define NUMBER_TABLES_MAX 256 /* of a routing table */

struct number_table {
	struct numbersfile file; /* its numbers are NULL after an error */
	struct slice name;
	struct position position;
	bool portability; /* nothing for a request with npdi (RFC 4694 5.1) */
	/* Of each column: bits of enum row_use_kind for which it has been checked. */
	unsigned char *checked;
};

/* Reads the key `numbers`. */
schema_reader numbertables_read;

/* The number table called name; NULL after a finding at node. */
const struct number_table *numbertable_get(struct load *load, const struct node *node,
                                           struct slice name);

/* Reads `in`: one name or a list of them. */
bool numbertable_read_in(struct load *load, const struct node *node,
                         struct text_match *out);

/* A column of table. False after a finding at position. */
bool numbertable_column(struct load *load, struct position position,
                        const struct number_table *table, struct slice name,
                        size_t *column);

/* A column of table names gateways or groups. False after findings: for each row that
 * does not, one in its file. */
bool numbertable_check_routes(struct load *load, struct position position,
                              const struct number_table *table, size_t column);

/* The row of number in a table. */
bool numbertable_find(const struct number_table *table, const struct facts *facts,
                      struct slice number, struct numbers_row *row);

/* The row of number in the first of some tables that has one. */
bool numbertable_row(const struct text_match *in, const struct facts *facts,
                     struct slice number, struct row *row);

/* The row that a rule which matches has found: that of its `called`, or else of its
 * `caller`; a zeroed one if there is none. */
struct row numbertable_rule_row(const struct rule *rule, const struct facts *facts);

/* The text of a column; empty if there is no row. */
struct slice numbertable_value(const struct row *row, struct slice column);

/* {row.COLUMN} in what a rule says, or in a gateway. Which table it means is known when
 * all of the rule has been read. */
enum row_use_kind {
	ROW_TEXT,    /* in a text */
	ROW_ROUTE,   /* redirect: {row.COLUMN}: a gateway or a group, or empty */
	ROW_DECIMAL, /* max_rate: {row.COLUMN}: a decimal, or empty */
};

struct row_use {
	struct position position;
	struct slice column; /* lives as long as the table */
	enum row_use_kind kind;
	struct row_use *next;
};

/* Notes a use. False when out of memory. */
bool numbertable_use(struct load *load, struct position position, struct slice column,
                     enum row_use_kind kind);

/* True if node is {row.COLUMN}: for YAML a mapping with one key and nothing behind it, or
 * in quotes a text. */
bool numbertable_is_row(const struct node *node, struct slice *column);

/* Checks what has been noted against the tables of the rule, and forgets it. */
bool numbertable_check_uses(struct load *load, const struct rule *rule);

/* The same for gateways: some table must have the column. */
bool numbertable_check_gateway_uses(struct load *load);

/* Releases the numbers of all tables. */
void numbertables_free(struct table *table);

#endif
