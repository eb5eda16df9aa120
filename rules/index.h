/* SPDX-License-Identifier: MIT */
/* index.h - from a called number to the rules that may match it, in the order they are
 * asked.
 *
 *     exact:  "112"  → rule 0
 *     prefix: "+44"  → rule 1 → rule 7        a chain is in the file's order
 *             "+4420" → rule 4
 *     rest:   rule 2 → rule 9                 no `called`, or a regex in it
 *
 * A walk along the number hashes each of its prefixes once; only lengths that some rule
 * has are looked up. Rules of other numbers cost nothing, however many there are.
 */
#ifndef RULES_INDEX_H
#define RULES_INDEX_H

#include "rules/number.h"
#include "rules/rule.h"

/* Builds the index of a ruleset's rules in arena. NULL when out of memory. */
struct index *index_new(struct arena *arena, const struct ruleset *ruleset);

/* A walk over the rules that may match one number. */
struct walk {
	bool longest;
	size_t floor; /* so many chains, the first ones, are of length 0 */
	size_t chain_count;
	const struct link *chains[NUMBER_MAX + 3];
};

/* longest: an exact number's rules first, then by falling length of the prefix; those
 * without `called`, with an empty prefix or with a regex last. Else all in the file's
 * order. */
void walk_start(struct walk *walk, const struct index *index, struct slice called,
                bool longest);

/* The next rule; false at the end. *known: its `called` matches and need not be asked
 * again. With longest, a rule that has several of the prefixes comes as often. */
bool walk_next(struct walk *walk, uint32_t *rule, bool *known);

/* Calls visit, until it returns false, for the chain of an exact number or of a prefix,
 * in order; for finding rules that cover each other. */
void index_visit(const struct index *index, struct slice key, bool exact,
                 bool (*visit)(void *arg, uint32_t rule), void *arg);
void index_visit_rest(const struct index *index, bool (*visit)(void *arg, uint32_t rule),
                      void *arg);

#endif
