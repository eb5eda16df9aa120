/* SPDX-License-Identifier: MIT */
#include "rules/moment.h"

#include <stdio.h>

#include "rules/calendar.h"

/* Z, +01:00 or -05:30 (RFC 3339 5.6). */
static bool take_offset(struct slice *text, int32_t *out)
{
	unsigned hours, minutes;
	if (slice_take(text, 'Z')) {
		*out = 0;
		return true;
	}
	bool minus = slice_take(text, '-');
	if ((!minus && !slice_take(text, '+')) ||
	    !calendar_take_number(text, 2, 2, &hours) || !slice_take(text, ':') ||
	    !calendar_take_number(text, 2, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	int32_t all = (int32_t)(3600 * hours + 60 * minutes);
	*out = minus ? -all : all;
	return true;
}

bool moment_parse(struct slice text, const struct zone *zone, bool day_end, int64_t *out)
{
	struct date date;
	int32_t clock = 0, offset;
	if (!calendar_take_date(&text, &date))
		return false;
	int64_t local_s = calendar_day(date) * CALENDAR_DAY_S;
	if (!text.len) {
		*out = zone_moment(zone, local_s + (day_end ? CALENDAR_DAY_S : 0));
		return true;
	}
	if ((!slice_take(&text, 'T') && !slice_take(&text, ' ')) ||
	    !calendar_take_clock(&text, &clock))
		return false;
	local_s += clock;
	if (!text.len) {
		*out = zone_moment(zone, local_s);
		return true;
	}
	if (!take_offset(&text, &offset) || text.len)
		return false;
	*out = local_s - offset;
	return true;
}

const char *moment_weekday(unsigned weekday)
{
	static const char *const names[] = {"Sun", "Mon", "Tue", "Wed",
	                                    "Thu", "Fri", "Sat"};
	return names[weekday];
}

const char *moment_text(const struct zone *zone, int64_t now_s,
                        char text[MOMENT_TEXT_MAX])
{
	int32_t offset = zone_offset(zone, now_s);
	int64_t local_s = now_s + offset, day = calendar_day_of(local_s);
	struct date date = calendar_date(day);
	unsigned clock = (unsigned)(local_s - day * CALENDAR_DAY_S);
	unsigned ahead = (unsigned)(offset < 0 ? -offset : offset);
	struct slice name = zone_name(zone);
	snprintf(text, MOMENT_TEXT_MAX,
	         "%s %04lld-%02u-%02u %02u:%02u:%02u %c%02u:%02u in %.*s",
	         moment_weekday(calendar_weekday(day)), (long long)date.year, date.month,
	         date.day, clock / 3600, clock / 60 % 60, clock % 60,
	         offset < 0 ? '-' : '+', ahead / 3600, ahead / 60 % 60, (int)name.len,
	         name.at);
	return text;
}
