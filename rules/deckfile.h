/* SPDX-License-Identifier: MIT */
/* deckfile.h - a carrier's CSV file read into a deck. */
#ifndef RULES_DECKFILE_H
#define RULES_DECKFILE_H

#include "rules/csvsource.h"
#include "rules/deck.h"
#include "rules/zone.h"

enum deck_column {
	DECK_PREFIX,
	DECK_PRICE,
	DECK_DESTINATION,
	DECK_FROM,
	DECK_UNTIL,
	DECK_INCREMENT,
	DECK_QUALITY,
	DECK_COLUMNS
};

/* Which column one of this name is, whatever its case, blanks, - and _. False: none. */
bool deckfile_column(struct slice name, enum deck_column *out);

/* What columns are called, in messages: "prefix". */
const char *deckfile_column_name(enum deck_column column);

struct deckfile {
	/* columns: "" for one that is not read. Where they are given, a first row without
	 * digits in the prefix is passed over; else there may be others beside. */
	struct csvsource source;
	struct slice prepend;    /* goes in front of prefixes without a + */
	const struct zone *zone; /* of dates and times without an offset */

	struct deck *deck; /* what was read */

	const struct deckfile *next; /* of files that have been read before */
};

/* Reads the file: sets the deck, and what source says of it. If one of known, a list, was
 * read from the same file in the same state and in the same way, its deck is held once
 * more and nothing is read. False after a finding. The caller releases file->deck. */
bool deckfile_load(struct deckfile *file, const struct deckfile *known,
                   size_t memory_limit, struct diags *diags);

#endif
