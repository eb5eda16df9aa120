/* SPDX-License-Identifier: MIT */
/* zone.h - a time zone: how far its clocks are from UTC at any moment.
 *
 *     at[]       t0     t1     t2   ...   last          end
 *     offset  before│ [0]  │ [1]  │       [count-1]     │ as 400 years before
 *
 * Made of a TZif file (RFC 8536, versions 1 to 4) when a table is loaded. The rule for
 * the years to come that stands behind such a file is written out for 400 years, after
 * which dates and weekdays come again, so that every question is one binary search.
 * Read-only from then on. No clock and no system call is used.
 *
 * A local second is what the clock of a zone shows, counted as if it showed UTC.
 */
#ifndef RULES_ZONE_H
#define RULES_ZONE_H

#include <stdint.h>

#include "rules/arena.h"
#include "rules/slice.h"

#define ZONE_BYTES_MAX 65536u /* of a TZif file; the largest there is has 4,000 */

struct zone;

/* The zone that needs no file. */
const struct zone *zone_utc(void);

/* Reads the bytes of a TZif file. NULL if they are not one that can be used, *why being
 * the reason, a static text; NULL when out of memory. name and all else is copied to
 * arena. Files that count leap seconds ("right/...") are refused: Unix time does not. */
struct zone *zone_parse(struct arena *arena, struct slice name, struct slice bytes,
                        const char **why);

struct slice zone_name(const struct zone *zone);

/* Seconds that the zone's clock is ahead of UTC at a Unix time. */
int32_t zone_offset(const struct zone *zone, int64_t now_s);

/* The first moment, as Unix time, at which the zone's clock shows local_s or later. Of a
 * time that the clock shows twice, the first; of one that it skips, the moment of the
 * change. */
int64_t zone_moment(const struct zone *zone, int64_t local_s);

/* When the offset may change next after now_s; INT64_MAX if never again. */
int64_t zone_change(const struct zone *zone, int64_t now_s);

#endif
