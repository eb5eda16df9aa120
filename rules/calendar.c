/* SPDX-License-Identifier: MIT */
#include "rules/calendar.h"

/* Days from 0000-03-01 to 1970-01-01. Years are counted from March here, so that the leap
 * day is a year's last. */
#define EPOCH        719468
#define CENTURY_DAYS 36524
#define FOUR_DAYS    1461
#define YEAR_DAYS    365
#define MARCH_OFFSET 9   /* months from March to the next January, less one */
#define MONTHS_FIVE  153 /* days of March to July, and of August to December */

static int64_t floor_divide(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Days of the first month months of a year that begins in March. */
static int64_t days_before(unsigned month)
{
	return (MONTHS_FIVE * (int64_t)month + 2) / 5;
}

int64_t calendar_day(struct date date)
{
	int64_t year = date.year - (date.month <= 2);
	unsigned month = (date.month + MARCH_OFFSET) % 12;
	int64_t leaps =
		floor_divide(year, 4) - floor_divide(year, 100) + floor_divide(year, 400);
	return YEAR_DAYS * year + leaps + days_before(month) + date.day - 1 - EPOCH;
}

/* The last day of four centuries and of four years would be one too many. */
static int64_t at_most_3(int64_t x)
{
	return x < 3 ? x : 3;
}

struct date calendar_date(int64_t day)
{
	int64_t left = day + EPOCH;
	int64_t cycles = floor_divide(left, CALENDAR_CYCLE_DAYS);
	left -= cycles * CALENDAR_CYCLE_DAYS;
	int64_t centuries = at_most_3(left / CENTURY_DAYS);
	left -= centuries * CENTURY_DAYS;
	int64_t fours = left / FOUR_DAYS;
	left -= fours * FOUR_DAYS;
	int64_t years = at_most_3(left / YEAR_DAYS);
	left -= years * YEAR_DAYS;
	unsigned month = (unsigned)((5 * left + 2) / MONTHS_FIVE);
	return (struct date){400 * cycles + 100 * centuries + 4 * fours + years +
	                             (month >= 10),
	                     month < 10 ? month + 3 : month - MARCH_OFFSET,
	                     (unsigned)(left - days_before(month)) + 1};
}

unsigned calendar_weekday(int64_t day)
{
	int64_t since_sunday = day + 4; /* 1970-01-01 was a Thursday */
	return (unsigned)(since_sunday - 7 * floor_divide(since_sunday, 7));
}

unsigned calendar_month_days(int64_t year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30,
	                                     31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && leap);
}

int64_t calendar_day_of(int64_t second)
{
	return floor_divide(second, CALENDAR_DAY_S);
}

/* Texts */

bool calendar_take_number(struct slice *text, size_t least, size_t most, unsigned *out)
{
	size_t count = 0;
	unsigned number = 0;
	for (; count < most && count < text->len; count++) {
		char c = text->at[count];
		if (c < '0' || c > '9')
			break;
		number = 10 * number + (unsigned)(c - '0');
	}
	if (count < least)
		return false;
	*text = slice_skip(*text, count);
	*out = number;
	return true;
}

bool calendar_take_date(struct slice *text, struct date *out)
{
	unsigned year, month, day;
	if (!calendar_take_number(text, 4, 4, &year) || !slice_take(text, '-') ||
	    !calendar_take_number(text, 2, 2, &month) || !slice_take(text, '-') ||
	    !calendar_take_number(text, 2, 2, &day))
		return false;
	if (!year || month < 1 || month > 12 || day < 1 ||
	    day > calendar_month_days(year, month))
		return false;
	*out = (struct date){year, month, day};
	return true;
}

bool calendar_take_clock(struct slice *text, int32_t *out)
{
	unsigned hour, minute, second = 0;
	if (!calendar_take_number(text, 1, 2, &hour) || !slice_take(text, ':') ||
	    !calendar_take_number(text, 2, 2, &minute))
		return false;
	if (slice_take(text, ':') && !calendar_take_number(text, 2, 2, &second))
		return false;
	int32_t all = (int32_t)(3600 * hour + 60 * minute + second);
	if (minute > 59 || second > 59 || all > CALENDAR_DAY_S)
		return false;
	*out = all;
	return true;
}
