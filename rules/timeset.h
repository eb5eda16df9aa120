/* SPDX-License-Identifier: MIT */
/* timeset.h - a set of moments: some hours of some days, by the clock of a zone.
 *
 *     days and dates, except ...   say which days
 *     hours                        say when on these days, up to 24 hours past midnight
 *     except, times                take out what other sets have
 *
 * A pure function of a Unix time. Hours past midnight belong to the day on which they
 * begin. What counts is what the clock shows: an hour that it shows twice is in a set
 * both times, one that it skips is not there.
 */
#ifndef RULES_TIMESET_H
#define RULES_TIMESET_H

#include "rules/diags.h"
#include "rules/zone.h"

struct node;

/* Seconds since the midnight of a day; until_s is outside, and above 24 hours for hours
 * past midnight. */
struct hours {
	int32_t from_s, until_s;
};

/* First to last, both inside. */
struct dates {
	enum { DATES_ONCE, DATES_YEARLY, DATES_MONTHLY } kind;
	int32_t first, last; /* calendar_day(); dates_yearly(); 1 to 31. Last of the two
	                        latter may be below first */
	struct slice text;   /* as written */
};

/* A date of any year as a number that grows over the year. */
static inline int32_t dates_yearly(unsigned month, unsigned day)
{
	return (int32_t)(month * 32 + day);
}

#define TIMESET_ALL_DAYS 0x7fu

struct time_set {
	struct slice name;
	struct position position;
	const struct zone *zone;
	unsigned days; /* bit 0 is Sunday */
	size_t hours_count, dates_count, except_count, excluded_count;
	const struct hours *hours; /* none: the whole day */
	const struct dates *dates; /* none: every day */
	const struct dates *except;
	const struct time_set *const *excluded; /* these have no excluded ones */
	bool excepts_times;                     /* there are excluded ones */
	const struct node *except_node;         /* while the table is read */
	struct time_set *next;                  /* all of a table's, the newest first */
};

bool timeset_has(const struct time_set *set, int64_t now_s);

/* True if now_s is in any of count sets. */
bool timeset_any(const struct time_set *const *sets, size_t count, int64_t now_s);

/* Why, for the sets up to the first that has now_s: "Fri 2026-12-25 10:00:00 +00:00 in
 * Europe/London: office excepts 12-25". Cut after size bytes. */
void timeset_explain(const struct time_set *const *sets, size_t count, int64_t now_s,
                     char *to, size_t size);

/* False if it is certain that no moment is in set. Looks at *budget days and dates at
 * most, which it lowers; then it is not certain. */
bool timeset_may_hold(const struct time_set *set, size_t *budget);

#endif
