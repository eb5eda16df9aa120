/* SPDX-License-Identifier: MIT */
/* lcr.h - least-cost routing: which carriers are offered a call, and in which order.
 *
 *     redirect: {lcr: {decks: [alpha, beta], max: 4, max_rate: 0.05, order: cost}}
 *
 * Each carrier's rate is that of its longest prefix in force; carriers above max_rate,
 * and those that have no rate or block the prefix, are left out. The cheapest comes
 * first, or the best and then the cheapest; equal ones share by weight, as the gateways
 * of a tier do: see select.h.
 */
#ifndef RULES_LCR_H
#define RULES_LCR_H

#include "rules/decision.h"
#include "rules/decks.h"
#include "rules/facts.h"

#define LCR_DECKS_MAX PRICED_MAX /* of one rule */

struct lcr {
	size_t count;
	const struct carrier *const *carriers;
	unsigned long max; /* carriers of one answer */
	bool by_quality;
	bool has_limit;
	struct decimal limit;      /* max_rate */
	struct slice limit_column; /* or, if not empty: {row.COLUMN} */
};

/* What is asked of the carriers. */
struct lcr_question {
	struct slice number;
	int64_t now_s;
	uint64_t call_key;
	bool has_limit;
	struct decimal limit;
};

/* The question of one call; row is what its rule has found. */
struct lcr_question lcr_ask(const struct lcr *lcr, struct slice number,
                            const struct facts *facts, const struct row *row);

/* Reader for the key `lcr`, into a const struct lcr *. */
schema_reader lcr_read;

/* A carrier and its answer to one call. */
struct lcr_offer {
	const struct carrier *carrier;
	enum priced_outcome outcome;
	struct deck_found found; /* unless outcome is PRICED_NOWHERE */
	double drawn;            /* < 0: not yet */
};

/* Asks the decks. The carriers that can be offered come first, in order, their
 * outcome PRICED_BEYOND_MAX until someone offers them; then the others
 * as the rule names them. Returns how many the former are. */
size_t lcr_choose(const struct lcr *lcr, const struct lcr_question *question,
                  struct lcr_offer offers[LCR_DECKS_MAX]);

/* Tells of all offers. */
void lcr_tell(const struct lcr *lcr, const struct lcr_question *question,
              const struct lcr_offer *offers, const struct trace *trace);

#endif
