/* SPDX-License-Identifier: MIT */
/* moment.h - points in time as people write them.
 *
 *     2026-12-25           2026-12-25T10:00       2026-12-25 10:00:30
 *     2026-12-25T10:00Z    2026-12-25T10:00+01:00
 */
#ifndef RULES_MOMENT_H
#define RULES_MOMENT_H

#include "rules/zone.h"

/* Reads all of text. Without Z or an offset it is by the clock of zone: see
 * zone_moment(). A date alone is its first moment, or with day_end its last: the first of
 * the next day. */
bool moment_parse(struct slice text, const struct zone *zone, bool day_end, int64_t *out);

/* "Fri 2026-12-25 10:00:00 +00:00 in Europe/London" */
#define MOMENT_TEXT_MAX 128
const char *moment_text(const struct zone *zone, int64_t now_s,
                        char text[MOMENT_TEXT_MAX]);

/* "Sun", ...: calendar_weekday(). */
const char *moment_weekday(unsigned weekday);

#endif
