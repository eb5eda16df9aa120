/* SPDX-License-Identifier: MIT */
/* decks.h - the key `decks`: carriers, what they ask for calls, and where calls to them
 * go.
 *
 *     decks:
 *       alpha: {file: alpha.csv, redirect: alpha-gw}
 */
#ifndef RULES_DECKS_H
#define RULES_DECKS_H

#include "rules/deckfile.h"
#include "rules/rule.h"

struct carrier {
	struct deckfile file; /* its deck is NULL after an error */
	struct slice name;
	struct position position;
	struct route route;
	unsigned weight; /* among carriers of one rate */
	uint64_t hash;   /* its luck in weighted choice */
};

/* Reader for the key `decks`, after gateways and groups. Reads all of the files. */
schema_reader decks_read;

/* The carrier of that name; NULL after an error. */
const struct carrier *decks_find(struct load *load, const struct node *node);

/* Releases the decks of a table. */
void decks_free(struct table *table);

#endif
