/* SPDX-License-Identifier: MIT */
#include "rules/dst.h"

#include "rules/calendar.h"

#define OFFSET_HOURS_MAX 24
#define SWITCH_HOURS_MAX 167 /* RFC 8536 3.3.1 */
#define SWITCH_DEFAULT_S (2 * 3600)

/* Parsing: each takes its piece off text. */

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_quotable(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-';
}

/* Three letters or more, or what stands in angle brackets. */
static bool take_name(struct slice *text)
{
	bool quoted = slice_take(text, '<');
	size_t len = 0;
	while (len < text->len &&
	       (quoted ? is_quotable(text->at[len]) : is_letter(text->at[len])))
		len++;
	*text = slice_skip(*text, len);
	return len >= 3 && (!quoted || slice_take(text, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct slice *text, unsigned hours_max, int32_t *out)
{
	bool minus = slice_take(text, '-');
	unsigned hours, minutes = 0, seconds = 0;
	if (!minus)
		slice_take(text, '+');
	if (!calendar_take_number(text, 1, 3, &hours) || hours > hours_max)
		return false;
	if (slice_take(text, ':')) {
		if (!calendar_take_number(text, 2, 2, &minutes))
			return false;
		if (slice_take(text, ':') && !calendar_take_number(text, 2, 2, &seconds))
			return false;
	}
	if (minutes > 59 || seconds > 59)
		return false;
	int32_t all = (int32_t)(3600 * hours + 60 * minutes + seconds);
	*out = minus ? -all : all;
	return true;
}

/* What is west of Greenwich is positive in POSIX. */
static bool take_offset(struct slice *text, int32_t *out)
{
	if (!take_time(text, OFFSET_HOURS_MAX, out))
		return false;
	*out = -*out;
	return true;
}

static bool take_weekday(struct slice *text, struct dst_switch *out)
{
	out->kind = DST_WEEKDAY;
	return calendar_take_number(text, 1, 2, &out->month) && slice_take(text, '.') &&
	       calendar_take_number(text, 1, 1, &out->week) && slice_take(text, '.') &&
	       calendar_take_number(text, 1, 1, &out->day) && out->month >= 1 &&
	       out->month <= 12 && out->week >= 1 && out->week <= 5 && out->day <= 6;
}

static bool take_day(struct slice *text, struct dst_switch *out)
{
	if (slice_take(text, 'M'))
		return take_weekday(text, out);
	out->kind = slice_take(text, 'J') ? DST_JULIAN : DST_DAY;
	return calendar_take_number(text, 1, 3, &out->day) && out->day <= 365 &&
	       (out->kind == DST_DAY || out->day >= 1);
}

static bool take_switch(struct slice *text, struct dst_switch *out)
{
	out->time_s = SWITCH_DEFAULT_S;
	return slice_take(text, ',') && take_day(text, out) &&
	       (!slice_take(text, '/') ||
	        take_time(text, SWITCH_HOURS_MAX, &out->time_s));
}

static bool take_saving(struct slice *text, struct dst *dst)
{
	dst->has_saving = true;
	dst->saving_s = dst->standard_s + 3600;
	if (!take_name(text))
		return false;
	if (text->len && text->at[0] != ',' && !take_offset(text, &dst->saving_s))
		return false;
	return take_switch(text, &dst->begin) && take_switch(text, &dst->end);
}

bool dst_parse(struct slice text, struct dst *out)
{
	struct dst dst = {0};
	if (!take_name(&text) || !take_offset(&text, &dst.standard_s) ||
	    (text.len && !take_saving(&text, &dst)) || text.len)
		return false;
	*out = dst;
	return true;
}

/* Switches */

static int64_t weekday_in(const struct dst_switch *when, int64_t year)
{
	int64_t first = calendar_day((struct date){year, when->month, 1});
	unsigned skip = (when->day + 7 - calendar_weekday(first)) % 7;
	unsigned day = skip + 7 * (when->week - 1);
	if (day >= calendar_month_days(year, when->month))
		day -= 7;
	return first + day;
}

static int64_t day_in(const struct dst_switch *when, int64_t year)
{
	int64_t first = calendar_day((struct date){year, 1, 1});
	switch (when->kind) {
	case DST_JULIAN:
		return first + when->day - 1 +
		       (when->day >= 60 && calendar_month_days(year, 2) == 29);
	case DST_DAY:
		return first + when->day;
	default:
		return weekday_in(when, year);
	}
}

int64_t dst_begin(const struct dst *dst, int64_t year)
{
	return day_in(&dst->begin, year) * CALENDAR_DAY_S + dst->begin.time_s -
	       dst->standard_s;
}

int64_t dst_end(const struct dst *dst, int64_t year)
{
	return day_in(&dst->end, year) * CALENDAR_DAY_S + dst->end.time_s - dst->saving_s;
}
