/* SPDX-License-Identifier: MIT */
#include "server/log/stamp.h"

#include <time.h>

#include "rules/calendar.h"

#define SECOND_NS INT64_C(1000000000)

int64_t stamp_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static char *put_digits(char *to, unsigned number, unsigned digits, char end)
{
	for (unsigned i = digits; i-- > 0; number /= 10)
		to[i] = (char)('0' + number % 10);
	to[digits] = end;
	return to + digits + 1;
}

size_t stamp(int64_t time_ns, char to[STAMP_MAX])
{
	int64_t time_s = time_ns / SECOND_NS, day = calendar_day_of(time_s);
	struct date date = calendar_date(day);
	unsigned second = (unsigned)(time_s - day * CALENDAR_DAY_S);
	char *at = put_digits(to, (unsigned)date.year, 4, '-');
	at = put_digits(at, date.month, 2, '-');
	at = put_digits(at, date.day, 2, 'T');
	at = put_digits(at, second / 3600, 2, ':');
	at = put_digits(at, second / 60 % 60, 2, ':');
	at = put_digits(at, second % 60, 2, '.');
	at = put_digits(at, (unsigned)(time_ns / 1000000 % 1000), 3, 'Z');
	*at = '\0';
	return (size_t)(at - to);
}
