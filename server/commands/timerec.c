/* SPDX-License-Identifier: MIT */
#include "server/commands/timerec.h"

#include <stdint.h>
#include <stdio.h>

#include "rules/calendar.h"

enum {
	BEGIN,
	DURATION,
	FREQUENCY,
	UNTIL,
	INTERVAL,
	BY_DAY,
	BY_MONTH_DAY,
	BY_YEAR_DAY,
	BY_WEEK,
	BY_MONTH,
	FIELDS
};

static bool fail(const char **why, const char *what)
{
	*why = what;
	return false;
}

static bool split(struct slice text, struct slice fields[FIELDS])
{
	for (size_t i = 0; i < FIELDS; i++) {
		size_t end = slice_find(text, '|');
		fields[i] = slice_trim((struct slice){text.at, end});
		if (end == text.len)
			return true;
		text = slice_skip(text, end + 1);
	}
	return !slice_trim(text).len;
}

/* 20040101T083000, by the clock on the wall. */
static bool read_moment(struct slice text, int64_t *out)
{
	struct slice left = text;
	unsigned year, month, day, hour, minute, second;
	if (text.len != 15 || !calendar_take_number(&left, 4, 4, &year) ||
	    !calendar_take_number(&left, 2, 2, &month) ||
	    !calendar_take_number(&left, 2, 2, &day) || !slice_take(&left, 'T') ||
	    !calendar_take_number(&left, 2, 2, &hour) ||
	    !calendar_take_number(&left, 2, 2, &minute) ||
	    !calendar_take_number(&left, 2, 2, &second))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 ||
	    day > calendar_month_days(year, month) || hour > 23 || minute > 59 ||
	    second > 59)
		return false;
	*out = calendar_day((struct date){year, month, day}) * CALENDAR_DAY_S +
	       hour * 3600 + minute * 60 + second;
	return true;
}

static long unit_seconds(char unit, bool of_date)
{
	switch (unit | 0x20) {
	case 'w':
		return of_date ? 7L * CALENDAR_DAY_S : 0;
	case 'd':
		return of_date ? CALENDAR_DAY_S : 0;
	case 'h':
		return of_date ? 0 : 3600;
	case 'm':
		return of_date ? 0 : 60;
	case 's':
		return of_date ? 0 : 1;
	default:
		return 0;
	}
}

/* PT8H30M, P1D, and 10H without the P and T, which drouting takes as well. */
static bool read_duration(struct slice text, int64_t *out)
{
	bool of_date = slice_take(&text, 'P') || slice_take(&text, 'p');
	*out = 0;
	while (text.len) {
		unsigned count;
		if (of_date && (slice_take(&text, 'T') || slice_take(&text, 't'))) {
			of_date = false;
			continue;
		}
		if (!calendar_take_number(&text, 1, 6, &count) || !text.len)
			return false;
		long unit = unit_seconds(text.at[0], of_date);
		if (!unit)
			return false;
		*out += (int64_t)count * unit;
		text = slice_skip(text, 1);
	}
	return true;
}

static void write_moment(int64_t second, char text[32])
{
	int64_t day = calendar_day_of(second);
	struct date date = calendar_date(day);
	int clock = (int)(second - day * CALENDAR_DAY_S);
	snprintf(text, 32, "%04lld-%02u-%02uT%02d:%02d:%02d", (long long)date.year,
	         date.month, date.day, clock / 3600, clock / 60 % 60, clock % 60);
}

static const char *const weekdays[7] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

/* "MO,TU" → "mon, tue". What stands before a day, as in 1MO, is not for weeks. */
static bool read_days(struct slice text, char days[64])
{
	size_t len = 0;
	unsigned seen = 0;
	while (text.len) {
		size_t end = slice_find(text, ',');
		struct slice name = slice_trim((struct slice){text.at, end});
		unsigned day = 0;
		while (day < 7 &&
		       !(name.len == 2 && slice_folds(name.at, weekdays[day], 2)))
			day++;
		if (day == 7)
			return false;
		if (!(seen & 1u << day))
			len += (size_t)snprintf(days + len, 64 - len, "%s%s",
			                        len ? ", " : "", weekdays[day]);
		seen |= 1u << day;
		text = slice_skip(text, end + 1);
	}
	return len > 0;
}

static void write_hours(int64_t begin, int64_t duration, char hours[32],
                        struct timerec *out)
{
	int from = (int)(begin - calendar_day_of(begin) * CALENDAR_DAY_S);
	int64_t until = from + duration;
	out->cut = until > CALENDAR_DAY_S && !(from == 0 && until % CALENDAR_DAY_S == 0);
	if (until > CALENDAR_DAY_S)
		until = CALENDAR_DAY_S;
	snprintf(hours, 32, "%02d:%02d:%02d-%02d:%02d:%02d", from / 3600, from / 60 % 60,
	         from % 60, (int)until / 3600, (int)until / 60 % 60, (int)until % 60);
}

/* Once: from the beginning on, for ever or as long as it lasts. */
static bool read_once(int64_t begin, int64_t duration, struct timerec *out)
{
	write_moment(begin, out->from);
	if (duration)
		write_moment(begin + duration, out->until);
	return true;
}

static bool read_again(const struct slice fields[FIELDS], int64_t begin, int64_t duration,
                       struct timerec *out, const char **why)
{
	char days[64] = "", hours[32];
	int64_t until;
	bool weekly = slice_equal_nocase(fields[FREQUENCY], slice_of("weekly"));
	if (!weekly && !slice_equal_nocase(fields[FREQUENCY], slice_of("daily")))
		return fail(why, "only daily and weekly times are converted");
	if (fields[INTERVAL].len && !slice_equal(fields[INTERVAL], slice_of("0")) &&
	    !slice_equal(fields[INTERVAL], slice_of("1")))
		return fail(why, "times with an interval are not converted");
	if (fields[BY_DAY].len && !read_days(fields[BY_DAY], days))
		return fail(why, "the days of the week are not understood");
	if (weekly && !*days)
		snprintf(days, sizeof days, "%s",
		         weekdays[calendar_weekday(calendar_day_of(begin))]);
	if (fields[UNTIL].len) {
		if (!read_moment(fields[UNTIL], &until))
			return fail(why, "until is not written as 20041231T235959");
		write_moment(until + duration, out->until);
	}
	write_moment(begin, out->from);
	write_hours(begin, duration, hours, out);
	snprintf(out->time, sizeof out->time, "{%s%s%shours: %s}", *days ? "days: [" : "",
	         days, *days ? "], " : "", hours);
	return true;
}

bool timerec_read(struct slice text, struct timerec *out, const char **why)
{
	struct slice fields[FIELDS] = {{0}};
	int64_t begin, duration;
	*out = (struct timerec){.cut = false};
	if (!split(text, fields))
		return fail(why, "it has more than ten fields");
	if (!fields[BEGIN].len)
		return true; /* as drouting has it */
	if (!read_moment(fields[BEGIN], &begin))
		return fail(why, "it does not begin with a time as 20040101T083000");
	if (!read_duration(fields[DURATION], &duration))
		return fail(why, "the duration is not written as PT8H30M");
	if (!duration)
		return read_once(begin, 0, out);
	for (size_t i = BY_MONTH_DAY; i < FIELDS; i++)
		if (fields[i].len)
			return fail(why, "days of the month and of the year, weeks and "
			                 "months are not converted");
	if (!fields[FREQUENCY].len)
		return read_once(begin, duration, out);
	return read_again(fields, begin, duration, out, why);
}
