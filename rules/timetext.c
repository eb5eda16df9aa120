/* SPDX-License-Identifier: MIT */
#include "rules/timetext.h"

#include "rules/calendar.h"

static const char *const weekdays[] = {"sunday",   "monday", "tuesday", "wednesday",
                                       "thursday", "friday", "saturday"};

/* The whole name or its first three letters; 7 if it is none. */
static unsigned weekday_of(struct slice text)
{
	unsigned day = 0;
	for (; day < 7; day++) {
		struct slice name = slice_of(weekdays[day]);
		if (slice_equal_nocase(text, name) ||
		    slice_equal_nocase(text, (struct slice){name.at, 3}))
			break;
	}
	return day;
}

bool timetext_days(struct slice text, unsigned *days)
{
	size_t dash = slice_find(text, '-');
	unsigned first = weekday_of((struct slice){text.at, dash});
	unsigned last = dash < text.len ? weekday_of(slice_skip(text, dash + 1)) : first;
	if (first > 6 || last > 6)
		return false;
	for (unsigned day = first; day != last; day = (day + 1) % 7)
		*days |= 1u << day;
	*days |= 1u << last;
	return true;
}

bool timetext_hours(struct slice text, struct hours *out)
{
	struct hours hours;
	if (!calendar_take_clock(&text, &hours.from_s) || !slice_take(&text, '-') ||
	    !calendar_take_clock(&text, &hours.until_s) || text.len ||
	    hours.from_s == hours.until_s || hours.from_s == CALENDAR_DAY_S)
		return false;
	if (hours.until_s < hours.from_s)
		hours.until_s += CALENDAR_DAY_S;
	*out = hours;
	return true;
}

static bool parse_yearly(struct slice text, int32_t *out)
{
	unsigned month, day;
	if (!calendar_take_number(&text, 2, 2, &month) || !slice_take(&text, '-') ||
	    !calendar_take_number(&text, 2, 2, &day) || text.len)
		return false;
	*out = dates_yearly(month, day);
	return month >= 1 && month <= 12 && day >= 1 &&
	       day <= calendar_month_days(2000, month);
}

static bool parse_date(struct slice text, struct dates *kind, int32_t *out)
{
	struct slice rest = text;
	struct date date;
	unsigned day;
	if (calendar_take_date(&rest, &date) && !rest.len) {
		kind->kind = DATES_ONCE;
		*out = (int32_t)calendar_day(date);
		return true;
	}
	if (parse_yearly(text, out)) {
		kind->kind = DATES_YEARLY;
		return true;
	}
	kind->kind = DATES_MONTHLY;
	if (!calendar_take_number(&text, 1, 2, &day) || text.len || day < 1 || day > 31)
		return false;
	*out = (int32_t)day;
	return true;
}

bool timetext_dates(struct slice text, struct dates *out)
{
	struct dates last;
	size_t dots = 0;
	while (dots < text.len && !slice_begins(slice_skip(text, dots), slice_of("..")))
		dots++;
	if (!parse_date((struct slice){text.at, dots}, out, &out->first))
		return false;
	out->last = out->first;
	if (dots == text.len)
		return true;
	return parse_date(slice_skip(text, dots + 2), &last, &out->last) &&
	       last.kind == out->kind &&
	       (out->kind != DATES_ONCE || out->first <= out->last);
}
