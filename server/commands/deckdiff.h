/* SPDX-License-Identifier: MIT */
/* deckdiff.h - the command `deck diff`: what one price list changes against another. */
#ifndef SERVER_DECKDIFF_H
#define SERVER_DECKDIFF_H

struct deckdiff_options {
	const char
		*columns; /* "prefix,rate,,from": their names; NULL: in the first row */
	const char *at;   /* compare from then on, in UTC; NULL: from now on */
	const char *old, *new; /* files */
};

/* Prints to standard output, findings to standard error. As diff(1): 0 if nothing
 * changes, 1 if something does, 2 if a file cannot be read. */
int deckdiff(const struct deckdiff_options *options);

#endif
