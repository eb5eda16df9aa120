/* SPDX-License-Identifier: MIT */
#include "server/commands/deckdiff.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rules/calendar.h"
#include "rules/deckfile.h"
#include "rules/moment.h"

enum { SAME = 0, DIFFERENT = 1, TROUBLE = 2 };

enum change { UNCHANGED, ROSE, FELL, APPEARED, WENT, CHANGED, CHANGES };

static const char *const change_names[CHANGES] = {"unchanged", "rose", "fell",
                                                  "appeared",  "went", "changed"};

/* What a deck asks for a prefix at a time. */
struct quote {
	bool is_there;
	struct rate rate;
};

/* A prefix between two times at which something changes. */
struct stretch {
	int64_t from_s, until_s;
	enum change change;
	struct quote old, new;
};

struct side {
	struct deckfile file;
	struct deck_prefix *prefixes; /* sorted */
	size_t count;
};

struct comparison {
	int64_t at_s;
	struct side old, new;
	size_t counts[CHANGES]; /* of lines; UNCHANGED: of prefixes */
};

/* Reading */

static bool read_columns(const char *text, struct slice columns[CSV_FIELDS_MAX],
                         size_t *count)
{
	struct slice left = slice_of(text);
	enum deck_column column;
	for (*count = 0; *count < CSV_FIELDS_MAX; ++*count) {
		size_t end = slice_find(left, ',');
		struct slice name = slice_trim((struct slice){left.at, end});
		columns[*count] = name;
		if (name.len && !deckfile_column(name, &column)) {
			fprintf(stderr, "signpost: unknown column \"%.*s\"\n",
			        (int)name.len, name.at);
			return false;
		}
		if (end == left.len) {
			++*count;
			return true;
		}
		left = slice_skip(left, end + 1);
	}
	fputs("signpost: too many columns\n", stderr);
	return false;
}

static bool read_at(const char *text, int64_t *out)
{
	struct timespec now;
	if (!text) {
		clock_gettime(CLOCK_REALTIME, &now);
		*out = now.tv_sec;
		return true;
	}
	if (moment_parse(slice_of(text), zone_utc(), false, out))
		return true;
	fprintf(stderr, "signpost: \"%s\" is no time\n", text);
	return false;
}

static bool read_side(struct side *side, struct diags *diags)
{
	if (!deckfile_load(&side->file, NULL, SIZE_MAX, diags))
		return false;
	side->count = deck_prefix_count(side->file.deck);
	side->prefixes = calloc(side->count + 1, sizeof *side->prefixes);
	if (!side->prefixes) {
		fputs("signpost: out of memory\n", stderr);
		return false;
	}
	deck_list(side->file.deck, side->prefixes);
	return true;
}

static bool read_sides(struct comparison *comparison)
{
	struct diags *diags = diags_new();
	if (!diags)
		return false;
	bool good = read_side(&comparison->old, diags);
	good &= read_side(&comparison->new, diags);
	diags_print(diags, stderr);
	diags_free(diags);
	return good;
}

/* Comparing */

static bool is_equal_rate(const struct rate *a, const struct rate *b)
{
	return a->blocked == b->blocked && !decimal_compare(a->price, b->price) &&
	       a->has_quality == b->has_quality &&
	       !decimal_compare(a->quality, b->quality) &&
	       slice_equal(a->destination, b->destination) &&
	       slice_equal(a->increment, b->increment);
}

static bool is_equal(const struct quote *a, const struct quote *b)
{
	return a->is_there == b->is_there &&
	       (!a->is_there || is_equal_rate(&a->rate, &b->rate));
}

static enum change change_of(const struct quote *old, const struct quote *new)
{
	bool could = old->is_there && !old->rate.blocked;
	bool can = new->is_there && !new->rate.blocked;
	if (is_equal(old, new))
		return UNCHANGED;
	if (could && can) {
		int more = decimal_compare(new->rate.price, old->rate.price);
		return more > 0 ? ROSE : more < 0 ? FELL : CHANGED;
	}
	if (could != can)
		return can ? APPEARED : WENT;
	if (old->is_there != new->is_there) /* and is blocked where it is */
		return new->is_there ? APPEARED : WENT;
	return CHANGED;
}

static struct quote quote_at(const struct side *side, uint32_t first, int64_t at_s)
{
	struct quote quote = {.is_there = false};
	quote.is_there = first && deck_rate_at(side->file.deck, first, at_s, &quote.rate);
	return quote;
}

#define TIMES_MAX (4 * DECK_RATES_MAX + 1)

static size_t add_times(const struct side *side, uint32_t first, int64_t at_s,
                        int64_t times[TIMES_MAX], size_t count)
{
	struct rate rate;
	while (first) {
		deck_rate(side->file.deck, first, &rate, &first);
		if (rate.from_s > at_s)
			times[count++] = rate.from_s;
		if (rate.until_s > at_s && rate.until_s != INT64_MAX)
			times[count++] = rate.until_s;
	}
	return count;
}

static int compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* Printing */

static void print_moment(const char *word, int64_t at_s)
{
	int64_t day = calendar_day_of(at_s);
	struct date date = calendar_date(day);
	int clock = (int)(at_s - day * CALENDAR_DAY_S);
	printf("  %s %04lld-%02u-%02u", word, (long long)date.year, date.month, date.day);
	if (clock)
		printf("T%02d:%02d:%02dZ", clock / 3600, clock / 60 % 60, clock % 60);
}

static void print_price(const struct rate *rate)
{
	char text[DECIMAL_TEXT_MAX];
	fputs(rate->blocked ? "blocked" : decimal_text(rate->price, text), stdout);
}

static void print_prices(const struct stretch *stretch)
{
	const struct rate *old = &stretch->old.rate, *new = &stretch->new.rate;
	char percent[DECIMAL_PERCENT_MAX];
	if (stretch->old.is_there)
		print_price(old);
	if (stretch->change == CHANGED)
		return;
	if (stretch->old.is_there && stretch->new.is_there)
		fputs(" -> ", stdout);
	if (stretch->new.is_there)
		print_price(new);
	if (stretch->change == ROSE || stretch->change == FELL) {
		decimal_percent(old->price, new->price, percent);
		printf("%s%s", *percent ? "  " : "", percent);
	}
}

static void print_texts(const char *name, struct slice old, struct slice new)
{
	if (!slice_equal(old, new))
		printf("  %s \"%.*s\" -> \"%.*s\"", name, (int)old.len, old.at,
		       (int)new.len, new.at);
}

static const char *quality_text(const struct rate *rate, char text[DECIMAL_TEXT_MAX])
{
	return rate->has_quality ? decimal_text(rate->quality, text) : "none";
}

/* The name of the destination, and what else is other than it was. */
static void print_details(const struct stretch *stretch)
{
	const struct rate *old = &stretch->old.rate, *new = &stretch->new.rate;
	char before[DECIMAL_TEXT_MAX], after[DECIMAL_TEXT_MAX];
	bool both = stretch->old.is_there && stretch->new.is_there;
	struct slice name = stretch->new.is_there ? new->destination : old->destination;
	if (both && !slice_equal(old->destination, new->destination))
		print_texts("destination", old->destination, new->destination);
	else if (name.len)
		printf("  %.*s", (int)name.len, name.at);
	if (!both)
		return;
	print_texts("increment", old->increment, new->increment);
	if (old->has_quality != new->has_quality ||
	    decimal_compare(old->quality, new->quality))
		printf("  quality %s -> %s", quality_text(old, before),
		       quality_text(new, after));
}

/* A stretch that is over: a line, unless nothing changes in it. */
static void print_stretch(struct comparison *comparison, uint64_t key,
                          const struct stretch *stretch)
{
	char prefix[PREFIXES_TEXT_MAX];
	if (stretch->change == UNCHANGED)
		return;
	comparison->counts[stretch->change]++;
	prefixes_text(key, prefix);
	printf("%-9s %-15s ", change_names[stretch->change], prefix);
	print_prices(stretch);
	if (stretch->from_s > comparison->at_s)
		print_moment("from", stretch->from_s);
	if (stretch->until_s != INT64_MAX)
		print_moment("until", stretch->until_s);
	print_details(stretch);
	putchar('\n');
}

/* One prefix, which one of the decks or both have, from at_s to the end of time. */
static void compare_prefix(struct comparison *comparison, uint64_t key, uint32_t old,
                           uint32_t new)
{
	int64_t times[TIMES_MAX] = {comparison->at_s};
	size_t count = add_times(&comparison->old, old, comparison->at_s, times, 1);
	count = add_times(&comparison->new, new, comparison->at_s, times, count);
	qsort(times, count, sizeof *times, compare_times);
	struct stretch stretch = {.from_s = comparison->at_s};
	bool changed = false;
	for (size_t i = 0; i < count; i++) {
		struct quote before = quote_at(&comparison->old, old, times[i]);
		struct quote after = quote_at(&comparison->new, new, times[i]);
		if (i && is_equal(&before, &stretch.old) &&
		    is_equal(&after, &stretch.new))
			continue;
		stretch.until_s = times[i];
		if (i)
			print_stretch(comparison, key, &stretch);
		stretch = (struct stretch){times[i], INT64_MAX,
		                           change_of(&before, &after), before, after};
		changed |= stretch.change != UNCHANGED;
	}
	print_stretch(comparison, key, &stretch);
	comparison->counts[UNCHANGED] += !changed;
}

static void compare(struct comparison *comparison)
{
	const struct side *old = &comparison->old, *new = &comparison->new;
	size_t o = 0, n = 0;
	while (o < old->count || n < new->count) {
		uint64_t a = o < old->count ? old->prefixes[o].key : UINT64_MAX;
		uint64_t b = n < new->count ? new->prefixes[n].key : UINT64_MAX;
		compare_prefix(comparison, a < b ? a : b,
		               a <= b ? old->prefixes[o].first : 0,
		               b <= a ? new->prefixes[n].first : 0);
		o += a <= b;
		n += b <= a;
	}
}

static int print_counts(const struct comparison *comparison)
{
	size_t changes = 0;
	for (int change = ROSE; change < CHANGES; change++) {
		changes += comparison->counts[change];
		printf("%zu %s, ", comparison->counts[change], change_names[change]);
	}
	printf("%zu unchanged\n", comparison->counts[UNCHANGED]);
	return changes ? DIFFERENT : SAME;
}

int deckdiff(const struct deckdiff_options *options)
{
	static struct slice columns[CSV_FIELDS_MAX];
	struct deckfile file = {
		.source.columns = columns, .prepend = {"", 0}, .zone = zone_utc()};
	struct comparison comparison = {.at_s = 0};
	int status = TROUBLE;
	if (!read_at(options->at, &comparison.at_s) ||
	    (options->columns &&
	     !read_columns(options->columns, columns, &file.source.column_count)))
		return TROUBLE;
	comparison.old.file = comparison.new.file = file;
	comparison.old.file.source.path = options->old;
	comparison.new.file.source.path = options->new;
	if (read_sides(&comparison)) {
		compare(&comparison);
		status = print_counts(&comparison);
	}
	free(comparison.old.prefixes);
	free(comparison.new.prefixes);
	deck_release(comparison.old.file.deck);
	deck_release(comparison.new.file.deck);
	return status;
}
