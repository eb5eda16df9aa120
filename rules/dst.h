/* SPDX-License-Identifier: MIT */
/* dst.h - the rule of a zone for the years to come: the TZ text behind a TZif file.
 *
 *     GMT0BST,M3.5.0/1,M10.5.0        <-03>3        EST5EDT,0/0,J365/25
 *
 * RFC 8536 3.3: as in POSIX, and names in angle brackets, and times of switches from -167
 * to 167 hours. Daylight saving time without the days of its switches is refused, for
 * POSIX does not say which they are.
 */
#ifndef RULES_DST_H
#define RULES_DST_H

#include <stdint.h>

#include "rules/slice.h"

/* The day of a year on which the clock is changed, and when. */
struct dst_switch {
	enum { DST_JULIAN, DST_DAY, DST_WEEKDAY } kind; /* Jn, n, Mm.w.d */
	unsigned day;         /* Jn: 1 to 365, no leap day; n: from 0; d: 0 is Sunday */
	unsigned month, week; /* week 5: the last */
	int32_t time_s;       /* after midnight by the clock before the change */
};

struct dst {
	int32_t standard_s, saving_s; /* east of Greenwich */
	bool has_saving;              /* else only standard_s is set */
	struct dst_switch begin, end;
};

/* False if text is not such a rule. */
bool dst_parse(struct slice text, struct dst *out);

/* When saving begins and ends in year, as Unix times. has_saving. */
int64_t dst_begin(const struct dst *dst, int64_t year);
int64_t dst_end(const struct dst *dst, int64_t year);

#endif
