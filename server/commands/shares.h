/* SPDX-License-Identifier: MIT */
/* shares.h - how often each gateway came first, held against what was expected. */
#ifndef SERVER_SHARES_H
#define SERVER_SHARES_H

#include <stdio.h>

#include "server/commands/expected.h"

struct tally {
	const struct expected *expected;
	unsigned long *counts; /* of expected->shares, then of all others */
};

/* False when out of memory. Ends with tally_fini(). */
bool tally_init(struct tally *tally, const struct expected *expected);
void tally_fini(struct tally *tally);

/* One call for which gateway came first. */
void tally_add(struct tally *tally, struct slice gateway);

/* Writes the shares as verdict_write() writes keys. True if each is within the tolerance:
 * as given, else four standard deviations of a share that is as expected, which one right
 * share in 16,000 misses. */
bool tally_write(const struct tally *tally, FILE *to);

/* The tolerance of a share, in millionths, rounded up. */
unsigned long tally_tolerance(const struct expected *expected, unsigned long millionths);

#endif
