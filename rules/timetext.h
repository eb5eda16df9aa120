/* SPDX-License-Identifier: MIT */
/* timetext.h - days, hours and dates as people write them. */
#ifndef RULES_TIMETEXT_H
#define RULES_TIMETEXT_H

#include "rules/timeset.h"

/* Each reads all of text, and returns false if it is something else. */

/* mon, Friday, mon-fri, fri-mon: adds bits to *days. */
bool timetext_days(struct slice text, unsigned *days);

/* 08:00-18:00, 22:00-06:00 past midnight, 00:00-24:00 */
bool timetext_hours(struct slice text, struct hours *out);

/* 2026-12-25, 12-25 of every year, 25 of every month, and from one to another of a kind:
 * 12-24..01-06. Sets all but text. */
bool timetext_dates(struct slice text, struct dates *out);

#endif
