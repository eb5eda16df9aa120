/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/table.h"
#include "rules/timeset.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

/* A table with the one time x, as its keys. */
static struct table *table_of(const char *keys)
{
	char yaml[2000];
	snprintf(yaml, sizeof yaml,
	         "zone: Europe/London\n"
	         "times:\n"
	         "  holidays: {dates: [12-25, 2026-12-28]}\n"
	         "  lunch: {hours: \"12:00-13:00\"}\n"
	         "  sleep: {zone: Asia/Tokyo, hours: \"22:00-06:00\"}\n"
	         "  x: {%s}\n",
	         keys);
	return loading_good(yaml);
}

static const struct time_set *find(const struct table *table, const char *name)
{
	return map_find(&table->times, slice_of(name));
}

static int64_t utc(const char *text)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
	ck_assert_msg(end && !*end, "%s", text);
	return timegm(&tm);
}

/* In UTC: the first second of the set, and the first that is no longer in it. */
static const struct {
	const char *keys, *from, *until;
} boundaries[] = {
	{"hours: 08:00-18:00", "2026-12-21 08:00:00", "2026-12-21 18:00:00"},
	{"hours: 08:00-18:00", "2026-07-21 07:00:00", "2026-07-21 17:00:00"},
	{"hours: \"08:00:30-08:00:31\"", "2026-12-21 08:00:30", "2026-12-21 08:00:31"},
	{"hours: [08:00-12:00, 13:00-17:00]", "2026-12-21 13:00:00",
         "2026-12-21 17:00:00"},
	{"hours: [08:00-12:00, 12:00-17:00]", "2026-12-21 08:00:00",
         "2026-12-21 17:00:00"},
	{"days: mon-fri", "2026-12-21 00:00:00", "2026-12-26 00:00:00"},
	{"days: [mon, wed-fri]", "2026-12-23 00:00:00", "2026-12-26 00:00:00"},
	{"days: sat-mon", "2026-12-26 00:00:00", "2026-12-29 00:00:00"},
	{"dates: 2026-12-24", "2026-12-24 00:00:00", "2026-12-25 00:00:00"},
	{"dates: 2026-12-24..2026-12-26", "2026-12-24 00:00:00", "2026-12-27 00:00:00"},
	{"dates: 12-24..01-06", "2026-12-24 00:00:00", "2027-01-07 00:00:00"},
	{"dates: 1..7", "2026-12-01 00:00:00", "2026-12-08 00:00:00"},
	{"dates: 28..3", "2026-02-28 00:00:00", "2026-03-04 00:00:00"},
	{"dates: 31", "2026-05-30 23:00:00", "2026-05-31 23:00:00"},
	{"days: thu, dates: 11-22..11-28", "2026-11-26 00:00:00", "2026-11-27 00:00:00"},
	{"days: mon-fri, hours: 08:00-18:00", "2026-12-25 08:00:00",
         "2026-12-25 18:00:00"},

	/* A leap day */
	{"dates: 02-29", "2028-02-29 00:00:00", "2028-03-01 00:00:00"},
	{"dates: 2028-02-29", "2028-02-29 00:00:00", "2028-03-01 00:00:00"},
	{"dates: 02-28..02-29", "2027-02-28 00:00:00", "2027-03-01 00:00:00"},
	{"dates: 02-28..02-29", "2028-02-28 00:00:00", "2028-03-01 00:00:00"},
	{"dates: 02-29..03-01", "2027-03-01 00:00:00", "2027-03-02 00:00:00"},

	/* Past midnight: the day is that on which the hours begin. */
	{"hours: 22:00-06:00", "2026-12-21 22:00:00", "2026-12-22 06:00:00"},
	{"hours: 22:00-06:00, days: fri", "2026-12-25 22:00:00", "2026-12-26 06:00:00"},
	{"hours: 22:00-06:00, dates: 12-31", "2026-12-31 22:00:00",
         "2027-01-01 06:00:00"},
	{"hours: 22:00-06:00, except: 12-25", "2026-12-26 22:00:00",
         "2026-12-27 06:00:00"},
	{"hours: [22:00-06:00, 06:00-07:00], days: fri-sat", "2026-12-26 22:00:00",
         "2026-12-27 06:00:00"},
	{"hours: [22:00-06:00, 08:00-09:00], days: fri", "2026-12-25 08:00:00",
         "2026-12-25 09:00:00"},
	{"hours: 08:00-07:59, days: fri", "2026-12-25 08:00:00", "2026-12-26 07:59:00"},

	/* Exceptions */
	{"except: 2026-12-24", "2026-12-25 00:00:00", NULL},
	{"days: mon-fri, except: 12-25", "2026-12-21 00:00:00", "2026-12-25 00:00:00"},
	{"days: mon-tue, except: holidays", "2026-12-29 00:00:00", "2026-12-30 00:00:00"},
	{"hours: 08:00-18:00, except: lunch", "2026-12-21 13:00:00",
         "2026-12-21 18:00:00"},
	{"hours: 08:00-18:00, except: [lunch, 2026-12-21]", "2026-12-22 08:00:00",
         "2026-12-22 12:00:00"},
	{"hours: 20:00-23:00, except: sleep", "2026-12-21 21:00:00",
         "2026-12-21 23:00:00"},

	/* Spring: 01:00 is 02:00. */
	{"hours: 00:30-03:00", "2026-03-29 00:30:00", "2026-03-29 02:00:00"},
	{"hours: 00:30-01:30", "2026-03-29 00:30:00", "2026-03-29 01:00:00"},
	{"hours: 01:30-02:30", "2026-03-29 01:00:00", "2026-03-29 01:30:00"},
	{"hours: 22:00-06:00", "2026-03-28 22:00:00", "2026-03-29 05:00:00"},
	{"dates: 2026-03-29", "2026-03-29 00:00:00", "2026-03-29 23:00:00"},
	/* Autumn: 02:00 is 01:00, and that hour comes twice. */
	{"hours: 00:30-01:00", "2026-10-24 23:30:00", "2026-10-25 00:00:00"},
	{"hours: 01:00-02:00", "2026-10-25 00:00:00", "2026-10-25 02:00:00"},
	{"hours: 00:30-01:30", "2026-10-24 23:30:00", "2026-10-25 00:30:00"},
	{"hours: 00:30-01:30, days: sun", "2026-10-25 01:00:00", "2026-10-25 01:30:00"},
	{"hours: 22:00-06:00", "2026-10-24 21:00:00", "2026-10-25 06:00:00"},
	{"dates: 2026-10-25", "2026-10-24 23:00:00", "2026-10-26 00:00:00"},

	{"zone: America/New_York, hours: 01:30-03:30", "2026-03-08 06:30:00",
         "2026-03-08 07:30:00"},
	{"zone: America/New_York, hours: 22:00-06:00, days: sat", "2026-10-31 02:00:00",
         NULL}, /* no: Friday evening there */
	{"zone: America/New_York, hours: 22:00-06:00, days: sat", "2026-11-01 02:00:00",
         "2026-11-01 11:00:00"},
	/* By half an hour, at 02:00 */
	{"zone: Australia/Lord_Howe, hours: 01:00-03:00", "2026-10-03 14:30:00",
         "2026-10-03 16:00:00"},
	{"zone: Australia/Lord_Howe, hours: 01:00-03:00", "2026-04-04 14:00:00",
         "2026-04-04 16:30:00"},
	{"zone: Australia/Lord_Howe, hours: 02:15-03:00", "2026-10-03 15:30:00",
         "2026-10-03 16:00:00"},
	/* One hour back in Ramadan, and forward after it */
	{"zone: Africa/Casablanca, hours: 02:30-03:30", "2026-02-15 01:30:00",
         "2026-02-15 02:00:00"},
	{"zone: Africa/Casablanca, hours: 09:00-17:00", "2026-02-16 09:00:00",
         "2026-02-16 17:00:00"},
	{"zone: Africa/Casablanca, hours: 09:00-17:00", "2026-04-16 08:00:00",
         "2026-04-16 16:00:00"},
	{"zone: Africa/Casablanca, hours: 01:30-03:30", "2026-03-22 01:30:00",
         "2026-03-22 02:30:00"},
	/* There was no 30 December 2011. */
	{"zone: Pacific/Apia, days: thu-sat", "2011-12-29 10:00:00",
         "2011-12-31 10:00:00"},
	{"zone: Pacific/Apia, days: thu", "2011-12-29 10:00:00", "2011-12-30 10:00:00"},
	{"zone: Pacific/Apia, dates: 2011-12-31", "2011-12-30 10:00:00",
         "2011-12-31 10:00:00"},
	{"zone: Pacific/Apia, hours: 22:00-06:00, days: thu", "2011-12-30 08:00:00",
         "2011-12-30 10:00:00"},
};

START_TEST(a_set_begins_and_ends_to_the_second)
{
	struct table *table = table_of(boundaries[_i].keys);
	const struct time_set *set = find(table, "x");
	int64_t from = utc(boundaries[_i].from);
	bool whole = boundaries[_i].until != NULL;
	int64_t until = whole ? utc(boundaries[_i].until) : from;
	bool right = whole || strstr(boundaries[_i].keys, "except");
	ck_assert_msg(!timeset_has(set, from - 1), "%s before", boundaries[_i].keys);
	ck_assert_msg(timeset_has(set, from) == right, "%s from", boundaries[_i].keys);
	for (int64_t now = from; now < until; now += 450)
		ck_assert_msg(timeset_has(set, now), "%s: %lld s from the beginning",
		              boundaries[_i].keys, (long long)(now - from));
	if (whole) {
		ck_assert_msg(timeset_has(set, until - 1), "%s", boundaries[_i].keys);
		ck_assert_msg(!timeset_has(set, until), "%s until", boundaries[_i].keys);
	}
	table_free(table);
}
END_TEST

START_TEST(a_yearly_date_is_every_year_and_29_february_in_leap_years)
{
	struct table *table = table_of("dates: [12-25, 02-29]");
	const struct time_set *set = find(table, "x");
	for (int year = 1971; year < 2400; year++) {
		char text[40];
		sprintf(text, "%d-12-25 12:00:00", year);
		ck_assert(timeset_has(set, utc(text)));
		bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
		sprintf(text, "%d-02-%d 12:00:00", year, leap ? 29 : 28);
		ck_assert_msg(timeset_has(set, utc(text)) == leap, "%d", year);
		sprintf(text, "%d-03-01 12:00:00", year);
		ck_assert(!timeset_has(set, utc(text)));
	}
	table_free(table);
}
END_TEST

/* Explaining */

static const struct {
	const char *keys, *at, *want;
} words[] = {
	{"hours: 08:00-18:00", "2026-12-21 10:00:00",
         "Mon 2026-12-21 10:00:00 +00:00 in Europe/London: x holds"},
	{"hours: 08:00-18:00", "2026-07-21 18:00:00",
         "Tue 2026-07-21 19:00:00 +01:00 in Europe/London: x is for other hours"},
	{"days: mon-fri, hours: 08:00-18:00", "2026-12-26 20:00:00",
         "Sat 2026-12-26 20:00:00 +00:00 in Europe/London: x is for other days"},
	{"dates: 12-24, hours: 08:00-18:00", "2026-12-26 20:00:00",
         "Sat 2026-12-26 20:00:00 +00:00 in Europe/London: x is for other dates"},
	{"hours: 08:00-18:00, except: [01-01, 12-24..12-26]", "2026-12-26 10:00:00",
         "Sat 2026-12-26 10:00:00 +00:00 in Europe/London: x excepts 12-24..12-26"},
	{"except: holidays", "2026-12-28 10:00:00",
         "Mon 2026-12-28 10:00:00 +00:00 in Europe/London: x excepts holidays"},
	{"zone: America/St_Johns, hours: 22:00-06:00, days: fri", "2026-12-26 06:30:00",
         "Sat 2026-12-26 03:00:00 -03:30 in America/St_Johns: x holds"},
	{"zone: America/St_Johns, hours: 22:00-06:00, days: sat", "2026-12-26 06:30:00",
         "Sat 2026-12-26 03:00:00 -03:30 in America/St_Johns: x is for other days"},
};

START_TEST(an_explanation_says_what_the_clock_shows_and_why)
{
	struct table *table = table_of(words[_i].keys);
	const struct time_set *set = find(table, "x");
	char text[300];
	timeset_explain(&set, 1, utc(words[_i].at), text, sizeof text);
	ck_assert_str_eq(text, words[_i].want);
	table_free(table);
}
END_TEST

START_TEST(an_explanation_of_several_ends_with_the_one_that_holds)
{
	struct table *table = table_of("days: sat");
	const struct time_set *sets[] = {find(table, "x"), find(table, "lunch"),
	                                 find(table, "sleep"), find(table, "holidays")};
	char text[300];
	timeset_explain(sets, 4, utc("2026-12-21 14:00:00"), text, sizeof text);
	ck_assert_str_eq(text,
	                 "Mon 2026-12-21 14:00:00 +00:00 in Europe/London: x is for "
	                 "other days, lunch is for other hours; Mon 2026-12-21 23:00:00 "
	                 "+09:00 in Asia/Tokyo: sleep holds");
	for (size_t size = 1; size < 200; size++) {
		char cut[300] = {0};
		timeset_explain(sets, 4, utc("2026-12-21 14:00:00"), cut, size);
		size_t len = strlen(text) < size ? strlen(text) : size - 1;
		ck_assert(strlen(cut) == len && strncmp(cut, text, len) == 0);
		ck_assert_int_eq(cut[size], '\0');
	}
	table_free(table);
}
END_TEST

/* Never */

static const struct {
	const char *keys;
	bool never;
} nevers[] = {
	{"days: fri, dates: 2026-12-24", true},
	{"days: fri, dates: [2026-12-24, 2026-12-25]", false},
	{"days: fri, dates: 12-24", false},
	{"days: fri, dates: 02-29", false},
	{"dates: 12-24, except: 12-24", true},
	{"dates: [12-24, 2026-12-25], except: 12-24..12-25", true},
	{"dates: [12-24, 2026-12-25], except: 2026-12-24", false},
	{"except: 1..31", true},
	{"except: 1..30", false},
	{"dates: 2026-12-25, except: holidays", true},
	{"dates: 2026-12-25, except: holidays, hours: 10:00-12:00", true},
	{"dates: 2026-12-25, except: holidays, hours: 22:00-06:00", false},
	{"dates: 2026-12-25, except: holidays, zone: UTC", false},
	/* Hours are not compared. */
	{"hours: 12:00-13:00, except: lunch", false},
};

START_TEST(a_set_that_never_holds_is_found)
{
	char yaml[2000], *findings;
	snprintf(yaml, sizeof yaml,
	         "zone: Europe/London\n"
	         "times:\n"
	         "  holidays: {dates: [12-25, 2026-12-28]}\n"
	         "  lunch: {hours: \"12:00-13:00\"}\n"
	         "  x: {%s}\n",
	         nevers[_i].keys);
	table_free(loading_try(yaml, &findings));
	ck_assert_msg((strstr(findings, "time \"x\" never holds") != NULL) ==
	                      nevers[_i].never,
	              "%s: %s", nevers[_i].keys, findings);
	free(findings);
}
END_TEST

START_TEST(looking_for_sets_that_never_hold_has_an_end)
{
	struct table *table = table_of("dates: 2024-02-29..2024-03-03");
	struct time_set set = *find(table, "x");
	set.days = 1 << 1; /* Monday, which is the day behind */
	size_t budget = 1000000;
	ck_assert(!timeset_may_hold(&set, &budget));
	ck_assert_uint_eq(budget, 1000000 - 4 * 2);
	budget = 3 * 2;
	ck_assert(timeset_may_hold(&set, &budget));
	ck_assert_uint_eq(budget, 0);
	table_free(table);
}
END_TEST

/* Against a slow and obvious evaluation with the C library */

struct plain_hours {
	int from, until; /* minutes; until <= from: of the next day */
};

struct plain {
	const char *zone;
	unsigned days;
	size_t hours_count, dates_count, except_count;
	struct plain_hours hours[3];
	struct tm dates[4], except[3]; /* tm_year 0: of every year; tm_mon < 0: month */
	char yaml[1000];
};

static size_t below(uint64_t *state, size_t count)
{
	return (size_t)(loading_random(state) >> 11) % count;
}

static void random_days(uint64_t *state, struct plain *plain, FILE *to)
{
	static const char *const names[] = {"sun", "mon", "tue", "wed",
	                                    "thu", "fri", "sat"};
	plain->days = 127;
	if (below(state, 2))
		return;
	plain->days = 0;
	fputs("days: [", to);
	for (size_t i = 0, count = 1 + below(state, 3); i < count; i++) {
		size_t day = below(state, 7);
		plain->days |= 1u << day;
		fprintf(to, "%s, ", names[day]);
	}
	fputs("], ", to);
}

static void random_hours(uint64_t *state, struct plain *plain, FILE *to)
{
	if ((plain->hours_count = below(state, 4)) == 0)
		return;
	fputs("hours: [", to);
	for (size_t i = 0; i < plain->hours_count; i++) {
		struct plain_hours *hours = &plain->hours[i];
		hours->from = (int)below(state, 48) * 30;
		do
			hours->until = (int)below(state, 49) * 30;
		while (hours->until == hours->from);
		fprintf(to, "\"%02d:%02d-%02d:%02d\", ", hours->from / 60,
		        hours->from % 60, hours->until / 60, hours->until % 60);
	}
	fputs("], ", to);
}

/* Near the changes of clocks, so that they matter. */
static void random_dates(uint64_t *state, const char *key, struct tm *dates, size_t count,
                         FILE *to)
{
	static const int months[] = {1, 2, 2, 3, 9, 10, 11};
	if (!count)
		return;
	fprintf(to, "%s: [", key);
	for (size_t i = 0; i < count; i++) {
		struct tm *tm = &dates[i];
		*tm = (struct tm){.tm_mon = months[below(state, 7)],
		                  .tm_mday = 1 + (int)below(state, 29)};
		size_t kind = below(state, 3);
		if (kind == 0) {
			tm->tm_year = 124; /* 2024 has a 29 February */
			fprintf(to, "2024-%02d-%02d, ", tm->tm_mon + 1, tm->tm_mday);
		} else if (kind == 1) {
			fprintf(to, "%02d-%02d, ", tm->tm_mon + 1, tm->tm_mday);
		} else {
			tm->tm_mon = -1;
			fprintf(to, "%d, ", tm->tm_mday);
		}
	}
	fputs("], ", to);
}

static void random_plain(uint64_t *state, struct plain *plain)
{
	static const char *const zones[] = {"Europe/London",       "America/New_York",
	                                    "Australia/Lord_Howe", "Africa/Casablanca",
	                                    "America/St_Johns",    "Asia/Tehran"};
	*plain = (struct plain){.zone = zones[below(state, 6)]};
	FILE *to = fmemopen(plain->yaml, sizeof plain->yaml, "w");
	fprintf(to, "times: {x: {zone: %s, ", plain->zone);
	random_days(state, plain, to);
	random_hours(state, plain, to);
	plain->dates_count = below(state, 2) ? 0 : 1 + below(state, 4);
	random_dates(state, "dates", plain->dates, plain->dates_count, to);
	plain->except_count = below(state, 3);
	random_dates(state, "except", plain->except, plain->except_count, to);
	fputs("days: []}}", to);
	fclose(to);
	/* The last key is only there for the comma before it. */
	strcpy(strstr(plain->yaml, "days: []}}"), "}}");
}

static bool is_date(const struct tm *dates, size_t count, const struct tm *day)
{
	for (size_t i = 0; i < count; i++)
		if (dates[i].tm_mday == day->tm_mday &&
		    (dates[i].tm_mon < 0 || dates[i].tm_mon == day->tm_mon) &&
		    (!dates[i].tm_year || dates[i].tm_year == day->tm_year))
			return true;
	return false;
}

static bool is_day(const struct plain *plain, const struct tm *day)
{
	return (plain->days >> day->tm_wday & 1) &&
	       (!plain->dates_count || is_date(plain->dates, plain->dates_count, day)) &&
	       !is_date(plain->except, plain->except_count, day);
}

/* TZ is the zone. */
static bool plainly_has(const struct plain *plain, int64_t now_s)
{
	time_t second = (time_t)now_s;
	struct tm today, yesterday;
	localtime_r(&second, &today);
	yesterday = (struct tm){.tm_year = today.tm_year,
	                        .tm_mon = today.tm_mon,
	                        .tm_mday = today.tm_mday - 1,
	                        .tm_hour = 12};
	time_t noon = timegm(&yesterday);
	gmtime_r(&noon, &yesterday);
	int minute = 60 * today.tm_hour + today.tm_min;
	if (!plain->hours_count && is_day(plain, &today))
		return true;
	for (size_t i = 0; i < plain->hours_count; i++) {
		const struct plain_hours *hours = &plain->hours[i];
		bool past = hours->until <= hours->from;
		if (minute >= hours->from && (past || minute < hours->until) &&
		    is_day(plain, &today))
			return true;
		if (past && minute < hours->until && is_day(plain, &yesterday))
			return true;
	}
	return false;
}

START_TEST(random_sets_are_what_a_slow_and_obvious_look_says)
{
	uint64_t state = (uint64_t)_i;
	size_t held = 0, asked = 0;
	for (int round = 0; round < 60; round++) {
		struct plain plain;
		char *findings;
		random_plain(&state, &plain);
		struct table *table = loading_try(plain.yaml, &findings);
		if (!table) /* nothing but a zone */
			ck_assert_msg(strstr(findings, "says nothing") != NULL, "%s\n%s",
			              plain.yaml, findings);
		free(findings);
		setenv("TZ", plain.zone, 1);
		tzset();
		const struct time_set *set = table ? find(table, "x") : NULL;
		int64_t from = utc("2023-10-20 00:00:00"),
			until = utc("2025-01-05 00:00:00");
		for (int64_t now = from; set && now < until; now += 1799) {
			bool has = timeset_has(set, now);
			held += has;
			asked++;
			loading_expect(has == plainly_has(&plain, now), "%s at %lld: %d",
			               plain.yaml, (long long)now, has);
		}
		table_free(table);
	}
	ck_assert_uint_gt(held, asked / 50);
	ck_assert_uint_lt(held, asked / 2);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("rules/timeset");
	TCase *tests = tcase_create("timeset");
	tcase_add_unchecked_fixture(tests, loading_enter, loading_leave);
	tcase_add_loop_test(tests, a_set_begins_and_ends_to_the_second, 0,
	                    LOADING_COUNT(boundaries));
	tcase_add_test(tests, a_yearly_date_is_every_year_and_29_february_in_leap_years);
	tcase_add_loop_test(tests, an_explanation_says_what_the_clock_shows_and_why, 0,
	                    LOADING_COUNT(words));
	tcase_add_test(tests, an_explanation_of_several_ends_with_the_one_that_holds);
	tcase_add_loop_test(tests, a_set_that_never_holds_is_found, 0,
	                    LOADING_COUNT(nevers));
	tcase_add_test(tests, looking_for_sets_that_never_hold_has_an_end);
	tcase_add_loop_test(tests, random_sets_are_what_a_slow_and_obvious_look_says, 0,
	                    4);
	tcase_set_timeout(tests, 120);
	suite_add_tcase(suite, tests);
	return suite;
}
