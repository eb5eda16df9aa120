/* SPDX-License-Identifier: MIT */
/* calendar.h - days, dates and times of day, without zones.
 *
 * The Gregorian calendar, also before it was made. A day is a number: 1970-01-01 is 0.
 */
#ifndef RULES_CALENDAR_H
#define RULES_CALENDAR_H

#include <stdint.h>

#include "rules/slice.h"

#define CALENDAR_DAY_S      86400
#define CALENDAR_CYCLE_DAYS 146097 /* 400 years: dates and weekdays come again */

struct date {
	int64_t year;
	unsigned month, day; /* from 1 */
};

int64_t calendar_day(struct date date);
struct date calendar_date(int64_t day);
unsigned calendar_weekday(int64_t day); /* 0 is Sunday */
unsigned calendar_month_days(int64_t year, unsigned month);

/* The day in which a second falls, counted from 1970-01-01T00:00:00 likewise. */
int64_t calendar_day_of(int64_t second);

/* Take the text's head off: decimal digits, least to most of them; 2026-12-25, a day
 * there is, from the year 1 on; 8:00, 08:00 or 08:00:30 as seconds, 24:00 at most. False
 * if it has another head; text is then anywhere. */
bool calendar_take_number(struct slice *text, size_t least, size_t most, unsigned *out);
bool calendar_take_date(struct slice *text, struct date *out);
bool calendar_take_clock(struct slice *text, int32_t *out);

#endif
