/* SPDX-License-Identifier: MIT */
/* period.h - from when and until when a rule or a gateway is used. */
#ifndef RULES_PERIOD_H
#define RULES_PERIOD_H

#include "rules/schema.h"
#include "rules/zone.h"

struct period {
	int64_t from_s, until_s;  /* Unix times: from_s is inside, until_s is not */
	struct slice from, until; /* as written; empty: not given */
	const struct zone *zone;
};

/* Readers for the keys `from` and `until`; into is a struct period *, made by the first
 * of them: NULL is always. Dates and times without an offset are by the table's zone. An
 * `until` that is a date alone holds to the end of that day. */
schema_reader period_read_from, period_read_until;

bool period_has(const struct period *period, int64_t now_s);

/* True if outer has every moment that inner has. Neither is NULL. */
bool period_covers(const struct period *outer, const struct period *inner);

#endif
