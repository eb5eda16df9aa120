/* SPDX-License-Identifier: MIT */
/* index.h - from a called number to the rules that may match it, in the order they are
 * asked.
 *
 *     exact:  "112"  → rule 0
 *     prefix: "+44"  → rule 1 → rule 7        a chain is in the file's order
 *             "+4420" → rule 4
 *     tables: ported → rule 3                 a number table that some `called` asks
 *     rest:   rule 2 → rule 9                 no `called`, or a regex in it
 *
 * A walk along the number hashes each of its prefixes once; only lengths that some rule
 * has are looked up. Each number table is asked once. Rules of other numbers cost
 * nothing, however many there are.
 */
#ifndef RULES_INDEX_H
#define RULES_INDEX_H

#include "rules/facts.h"
#include "rules/number.h"
#include "rules/numbertable.h"
#include "rules/rule.h"

/* Builds the index of a ruleset's rules in arena. NULL when out of memory. */
struct index *index_new(struct arena *arena, const struct ruleset *ruleset);

/* A walk over the rules that may match one number. */
struct walk {
	bool longest;
	size_t chain_count;
	struct chain {
		const struct link *next;
		size_t rank; /* the length of the prefix; of an exact number more */
	} chains[NUMBER_MAX + 3 + NUMBER_TABLES_MAX]; /* in rising rank */
};

/* Walks the rules for facts->called. longest: an exact number's rules first, then by
 * falling length of the prefix; those without `called`, with an empty prefix or with a
 * regex last. The row of a number table counts as an exact number or as a prefix. Else
 * all in the file's order. */
void walk_start(struct walk *walk, const struct index *index, const struct facts *facts,
                bool longest);

/* The next rule; false at the end. *known: its `called` matches and need not be asked
 * again. With longest, a rule that has several of the prefixes comes as often. */
bool walk_next(struct walk *walk, uint32_t *rule, bool *known);

/* Calls visit, until it returns false, for the chain of an exact number, of a prefix or
 * of a number table, in order; for finding rules that cover each other. */
void index_visit(const struct index *index, struct slice key, bool exact,
                 bool (*visit)(void *arg, uint32_t rule), void *arg);
void index_visit_table(const struct index *index, const struct number_table *table,
                       bool (*visit)(void *arg, uint32_t rule), void *arg);
void index_visit_rest(const struct index *index, bool (*visit)(void *arg, uint32_t rule),
                      void *arg);

#endif
