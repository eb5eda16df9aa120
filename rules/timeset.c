/* SPDX-License-Identifier: MIT */
#include "rules/timeset.h"

#include <stdio.h>

#include "rules/calendar.h"
#include "rules/moment.h"

enum answer { ANSWER_YES, ANSWER_DAYS, ANSWER_DATES, ANSWER_EXCEPT, ANSWER_HOURS };

static bool is_within(int32_t first, int32_t last, int32_t x)
{
	return first <= last ? first <= x && x <= last : first <= x || x <= last;
}

static bool has_date(const struct dates *dates, int64_t day, struct date date)
{
	switch (dates->kind) {
	case DATES_ONCE:
		return dates->first <= day && day <= dates->last;
	case DATES_YEARLY:
		return is_within(dates->first, dates->last,
		                 dates_yearly(date.month, date.day));
	default:
		return is_within(dates->first, dates->last, (int32_t)date.day);
	}
}

static const struct dates *find_date(const struct dates *dates, size_t count, int64_t day,
                                     struct date date)
{
	for (size_t i = 0; i < count; i++)
		if (has_date(&dates[i], day, date))
			return &dates[i];
	return NULL;
}

/* Is day one of the set's days? */
static enum answer ask_day(const struct time_set *set, int64_t day, struct slice *item)
{
	if (!(set->days >> calendar_weekday(day) & 1))
		return ANSWER_DAYS;
	if (!set->dates_count && !set->except_count)
		return ANSWER_YES;
	struct date date = calendar_date(day);
	if (set->dates_count && !find_date(set->dates, set->dates_count, day, date))
		return ANSWER_DATES;
	const struct dates *except = find_date(set->except, set->except_count, day, date);
	if (except)
		*item = except->text;
	return except ? ANSWER_EXCEPT : ANSWER_YES;
}

/* clock_s is from the midnight of the day on which the hours begin. */
static bool has_hours(const struct time_set *set, int64_t clock_s)
{
	for (size_t i = 0; i < set->hours_count; i++)
		if (set->hours[i].from_s <= clock_s && clock_s < set->hours[i].until_s)
			return true;
	return !set->hours_count && clock_s < CALENDAR_DAY_S;
}

static enum answer ask_clock(const struct time_set *set, int64_t now_s,
                             struct slice *item)
{
	int64_t local_s = now_s + zone_offset(set->zone, now_s);
	int64_t day = calendar_day_of(local_s), clock_s = local_s - day * CALENDAR_DAY_S;
	bool today = has_hours(set, clock_s),
	     yesterday = has_hours(set, clock_s + CALENDAR_DAY_S);
	enum answer answer = ANSWER_HOURS;
	if (yesterday)
		answer = ask_day(set, day - 1, item);
	if (answer == ANSWER_YES || (yesterday && !today))
		return answer;
	answer = ask_day(set, day, item);
	return answer == ANSWER_YES && !today ? ANSWER_HOURS : answer;
}

static enum answer ask(const struct time_set *set, int64_t now_s, struct slice *item)
{
	enum answer answer = ask_clock(set, now_s, item);
	for (size_t i = 0; answer == ANSWER_YES && i < set->excluded_count; i++)
		if (timeset_has(set->excluded[i], now_s)) {
			*item = set->excluded[i]->name;
			answer = ANSWER_EXCEPT;
		}
	return answer;
}

bool timeset_has(const struct time_set *set, int64_t now_s)
{
	struct slice item;
	return ask(set, now_s, &item) == ANSWER_YES;
}

bool timeset_any(const struct time_set *const *sets, size_t count, int64_t now_s)
{
	for (size_t i = 0; i < count; i++)
		if (timeset_has(sets[i], now_s))
			return true;
	return false;
}

/* Explaining */

static void put(char *to, size_t size, size_t *len, const char *before, struct slice text,
                const char *after)
{
	if (*len >= size)
		return;
	int length = snprintf(to + *len, size - *len, "%s%.*s%s", before, (int)text.len,
	                      text.len ? text.at : "", after);
	*len += length > 0 ? (size_t)length : 0;
}

void timeset_explain(const struct time_set *const *sets, size_t count, int64_t now_s,
                     char *to, size_t size)
{
	static const char *const words[] = {[ANSWER_YES] = " holds",
	                                    [ANSWER_DAYS] = " is for other days",
	                                    [ANSWER_DATES] = " is for other dates",
	                                    [ANSWER_EXCEPT] = " excepts ",
	                                    [ANSWER_HOURS] = " is for other hours"};
	enum answer answer = ANSWER_HOURS;
	size_t len = 0;
	*to = '\0';
	for (size_t i = 0; i < count && answer != ANSWER_YES; i++) {
		char moment[MOMENT_TEXT_MAX];
		struct slice item = {0};
		bool same = i && sets[i]->zone == sets[i - 1]->zone;
		answer = ask(sets[i], now_s, &item);
		if (!same)
			put(to, size, &len, i ? "; " : "",
			    slice_of(moment_text(sets[i]->zone, now_s, moment)), ": ");
		put(to, size, &len, same ? ", " : "", sets[i]->name, words[answer]);
		put(to, size, &len, "", item, "");
	}
}

/* Sets that never hold */

static bool is_past_midnight(const struct time_set *set)
{
	for (size_t i = 0; i < set->hours_count; i++)
		if (set->hours[i].until_s > CALENDAR_DAY_S)
			return true;
	return false;
}

/* Of the sets taken out only those of whole days are looked at, and these do not reach
 * into the next day. */
static bool may_hold_on(const struct time_set *set, int64_t day)
{
	struct slice item;
	if (ask_day(set, day, &item) != ANSWER_YES)
		return false;
	if (is_past_midnight(set))
		return true;
	for (size_t i = 0; i < set->excluded_count; i++) {
		const struct time_set *other = set->excluded[i];
		if (other->zone == set->zone && !other->hours_count &&
		    ask_day(other, day, &item) == ANSWER_YES)
			return false;
	}
	return true;
}

static size_t cost_of(const struct time_set *set)
{
	size_t cost = 1 + set->dates_count + set->except_count;
	for (size_t i = 0; i < set->excluded_count; i++)
		cost += 1 + set->excluded[i]->dates_count +
		        set->excluded[i]->except_count;
	return cost;
}

static bool may_hold_between(const struct time_set *set, int64_t first, int64_t last,
                             size_t *budget)
{
	size_t cost = cost_of(set);
	for (int64_t day = first; day <= last; day++) {
		if (*budget < cost || may_hold_on(set, day))
			return true;
		*budget -= cost;
	}
	return false;
}

/* Dates of one year only are looked at one by one, others over the years after which the
 * calendar comes again. */
bool timeset_may_hold(const struct time_set *set, size_t *budget)
{
	bool once = set->dates_count > 0;
	for (size_t i = 0; i < set->dates_count; i++) {
		const struct dates *dates = &set->dates[i];
		once &= dates->kind == DATES_ONCE;
		if (dates->kind == DATES_ONCE &&
		    may_hold_between(set, dates->first, dates->last, budget))
			return true;
	}
	int64_t first = calendar_day((struct date){2000, 1, 1});
	return !once &&
	       may_hold_between(set, first, first + CALENDAR_CYCLE_DAYS - 1, budget);
}
