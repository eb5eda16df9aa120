/* SPDX-License-Identifier: MIT */
#include "rules/deck.h"

#include <stdlib.h>
#include <string.h>

#include "rules/arena.h"
#include "rules/map.h"

#define BLOCKED (-1)

struct entry {
	int64_t price; /* billionths, or BLOCKED */
	uint32_t terms;
	uint32_t next; /* entry of the same prefix, before this one; 0: none */
};

/* Texts by their place: equal ones have one, so terms are compared as bytes. */
struct terms {
	int64_t from_s, until_s;
	int64_t quality; /* billionths, or -1 */
	const char *destination, *increment;
	uint32_t destination_len, increment_len;
};

struct deck {
	size_t holders;
	struct budget budget;
	struct prefixes *prefixes; /* → the latest entry */
	size_t prefix_count;
	struct pages entries_pages, terms_pages, lines_pages;
	struct entry *entries; /* the first one is none */
	size_t entry_count, entry_limit;
	struct terms *terms;
	size_t terms_count, terms_limit;
	struct arena *arena; /* of texts */

	/* While it is made: */
	uint32_t *lines; /* of entries */
	struct arena *scratch;
	struct map texts;
	struct map known_terms; /* → the place + 1 */
};

/* Finding */

static const struct entry *entry_at(const struct deck *deck, uint32_t first,
                                    int64_t now_s)
{
	const struct entry *entry = &deck->entries[first];
	while (deck->terms[entry->terms].from_s > now_s) {
		if (!entry->next)
			return NULL;
		entry = &deck->entries[entry->next];
	}
	return now_s < deck->terms[entry->terms].until_s ? entry : NULL;
}

static void describe(const struct deck *deck, const struct entry *entry, struct rate *out)
{
	const struct terms *terms = &deck->terms[entry->terms];
	bool blocked = entry->price == BLOCKED, has_quality = terms->quality >= 0;
	*out = (struct rate){
		.price = {blocked ? 0 : entry->price},
		.blocked = blocked,
		.has_quality = has_quality,
		.quality = {has_quality ? terms->quality : 0},
		.from_s = terms->from_s,
		.until_s = terms->until_s,
		.destination = {terms->destination, terms->destination_len},
		.increment = {terms->increment, terms->increment_len},
	};
}

void deck_begin(const struct deck *deck, const struct hashed *number,
                struct deck_search *search)
{
	search->deck = deck;
	search->left = prefixes_begin(deck->prefixes, number);
}

void deck_seek(struct deck_search *search, const struct hashed *number)
{
	const struct deck *deck = search->deck;
	search->found =
		prefixes_next(deck->prefixes, number, &search->left, &search->prefix);
	if (search->found)
		__builtin_prefetch(&deck->entries[search->prefix.value]);
}

bool deck_get(struct deck_search *search, const struct hashed *number, int64_t now_s,
              struct deck_found *out)
{
	for (; search->found; deck_seek(search, number)) {
		const struct entry *entry =
			entry_at(search->deck, search->prefix.value, now_s);
		if (!entry)
			continue;
		describe(search->deck, entry, &out->rate);
		out->prefix_len = search->prefix.len;
		return true;
	}
	return false;
}

bool deck_find(const struct deck *deck, struct slice number, int64_t now_s,
               struct deck_found *out)
{
	struct hashed hashed = prefixes_hash(number);
	struct deck_search search;
	deck_begin(deck, &hashed, &search);
	deck_seek(&search, &hashed);
	return deck_get(&search, &hashed, now_s, out);
}

size_t deck_prefix_count(const struct deck *deck)
{
	return deck->prefix_count;
}

size_t deck_bytes(const struct deck *deck)
{
	return sizeof *deck + deck->budget.used + arena_bytes(deck->arena);
}

struct deck *deck_hold(struct deck *deck)
{
	deck->holders++;
	return deck;
}

void deck_release(struct deck *deck)
{
	if (!deck || --deck->holders > 0)
		return;
	prefixes_free(deck->prefixes);
	pages_free(&deck->entries_pages);
	pages_free(&deck->terms_pages);
	pages_free(&deck->lines_pages);
	arena_free(deck->arena);
	arena_free(deck->scratch);
	free(deck);
}

/* Making one */

static bool make_room(struct deck *deck, size_t count)
{
	deck->entry_limit = count + 1;
	deck->entry_count = 1;
	deck->prefixes = prefixes_new(count, &deck->budget);
	if (!deck->prefixes ||
	    !pages_new(&deck->entries_pages, deck->entry_limit * sizeof(struct entry),
	               &deck->budget) ||
	    !pages_new(&deck->terms_pages, 1, &deck->budget) ||
	    !pages_new(&deck->lines_pages, deck->entry_limit * sizeof(uint32_t),
	               &deck->budget))
		return false;
	deck->entries = (struct entry *)(void *)deck->entries_pages.at;
	deck->terms = (struct terms *)(void *)deck->terms_pages.at;
	deck->terms_limit = deck->terms_pages.size / sizeof(struct terms);
	deck->lines = (uint32_t *)(void *)deck->lines_pages.at;
	return true;
}

struct deck *deck_new(size_t count, size_t memory_limit)
{
	struct deck *deck = count < UINT32_MAX ? calloc(1, sizeof *deck) : NULL;
	if (!deck)
		return NULL;
	deck->holders = 1;
	deck->budget.limit = memory_limit;
	deck->arena = arena_new(memory_limit);
	deck->scratch = arena_new(memory_limit);
	if (deck->arena && deck->scratch && make_room(deck, count))
		return deck;
	deck_release(deck);
	return NULL;
}

/* text as it stands in the arena, once. */
static bool keep_text(struct deck *deck, struct slice text, const char **at,
                      uint32_t *len)
{
	*len = (uint32_t)text.len;
	*at = "";
	if (!text.len)
		return true;
	*at = map_find(&deck->texts, text);
	if (*at)
		return true;
	struct slice copy = arena_copy(deck->arena, text);
	union {
		const char *kept;
		void *value;
	} place = {copy.at};
	*at = copy.at;
	return copy.at && map_add(&deck->texts, deck->scratch, copy, place.value);
}

static bool append_terms(struct deck *deck, const struct terms *terms)
{
	if (deck->terms_count == deck->terms_limit) {
		if (!pages_resize(&deck->terms_pages, 2 * deck->terms_pages.size))
			return false;
		deck->terms = (struct terms *)(void *)deck->terms_pages.at;
		deck->terms_limit = deck->terms_pages.size / sizeof *terms;
	}
	deck->terms[deck->terms_count++] = *terms;
	return true;
}

static bool keep_terms(struct deck *deck, const struct rate *rate, uint32_t *place)
{
	struct terms terms;
	memset(&terms, 0, sizeof terms);
	terms.from_s = rate->from_s;
	terms.until_s = rate->until_s;
	terms.quality = rate->has_quality ? rate->quality.billionths : -1;
	if (!keep_text(deck, rate->destination, &terms.destination,
	               &terms.destination_len) ||
	    !keep_text(deck, rate->increment, &terms.increment, &terms.increment_len))
		return false;
	struct slice key = {(const char *)&terms, sizeof terms};
	uintptr_t known = (uintptr_t)map_find(&deck->known_terms, key);
	if (known) {
		*place = (uint32_t)(known - 1);
		return true;
	}
	*place = (uint32_t)deck->terms_count;
	key = arena_copy(deck->scratch, key);
	return key.at && append_terms(deck, &terms) &&
	       map_add(&deck->known_terms, deck->scratch, key,
	               (void *)(uintptr_t)deck->terms_count);
}

/* The latest entry that begins before from_s; *after the one that follows it. Either may
 * be 0: none. False if there are too many. */
static bool find_place(const struct deck *deck, uint32_t first, int64_t from_s,
                       uint32_t *after, uint32_t *before)
{
	size_t count = 0;
	*after = 0;
	*before = first;
	for (uint32_t i = first; i; i = deck->entries[i].next) {
		if (deck->terms[deck->entries[i].terms].from_s >= from_s) {
			*after = i;
			*before = deck->entries[i].next;
		}
		if (++count == DECK_RATES_MAX)
			return false;
	}
	return true;
}

static bool overlaps(const struct deck *deck, uint32_t after, uint32_t before,
                     const struct rate *rate, uint32_t *line)
{
	const struct terms *later = &deck->terms[deck->entries[after].terms];
	const struct terms *earlier = &deck->terms[deck->entries[before].terms];
	*line = deck->lines[after];
	if (after && (later->from_s == rate->from_s ||
	              (rate->until_s != INT64_MAX && rate->until_s > later->from_s)))
		return true;
	*line = deck->lines[before];
	return before && earlier->until_s != INT64_MAX && earlier->until_s > rate->from_s;
}

/* Puts the entry that was made last between its neighbours. */
static void chain(struct deck *deck, uint32_t *first, uint32_t after, uint32_t before)
{
	uint32_t entry = (uint32_t)deck->entry_count - 1;
	deck->entries[entry].next = before;
	if (after)
		deck->entries[after].next = entry;
	else
		*first = entry;
}

enum deck_added deck_add(struct deck *deck, const struct packed *prefix,
                         const struct rate *rate, uint32_t line, uint32_t *other_line)
{
	uint32_t after, before, terms;
	bool added;
	if (deck->entry_count == deck->entry_limit)
		return DECK_NO_MEMORY;
	prefixes_expect(deck->prefixes, prefix);
	if (!keep_terms(deck, rate, &terms))
		return DECK_NO_MEMORY;
	uint32_t *first = prefixes_put(deck->prefixes, prefix, &added);
	deck->prefix_count += added;
	if (!find_place(deck, *first, rate->from_s, &after, &before))
		return DECK_TOO_MANY;
	if (overlaps(deck, after, before, rate, other_line))
		return DECK_OVERLAPS;
	deck->entries[deck->entry_count] = (struct entry){
		rate->blocked ? BLOCKED : rate->price.billionths, terms, 0};
	deck->lines[deck->entry_count++] = line;
	chain(deck, first, after, before);
	return DECK_ADDED;
}

void deck_finish(struct deck *deck)
{
	pages_free(&deck->lines_pages);
	deck->lines = NULL;
	arena_free(deck->scratch);
	deck->scratch = NULL;
	pages_resize(&deck->entries_pages, deck->entry_count * sizeof(struct entry));
	pages_resize(&deck->terms_pages, deck->terms_count * sizeof(struct terms));
	deck->entries = (struct entry *)(void *)deck->entries_pages.at;
	deck->terms = (struct terms *)(void *)deck->terms_pages.at;
}

/* Listing */

struct listing {
	struct deck_prefix *at;
};

static void list(void *arg, uint64_t key, uint32_t first)
{
	struct listing *listing = arg;
	*listing->at++ = (struct deck_prefix){key, first};
}

static int compare_keys(const void *a, const void *b)
{
	const struct deck_prefix *x = a, *y = b;
	return (x->key > y->key) - (x->key < y->key);
}

void deck_list(const struct deck *deck, struct deck_prefix *out)
{
	struct listing listing = {out};
	prefixes_visit(deck->prefixes, list, &listing);
	qsort(out, deck->prefix_count, sizeof *out, compare_keys);
}

void deck_rate(const struct deck *deck, uint32_t first, struct rate *out, uint32_t *next)
{
	describe(deck, &deck->entries[first], out);
	*next = deck->entries[first].next;
}

bool deck_rate_at(const struct deck *deck, uint32_t first, int64_t now_s,
                  struct rate *out)
{
	const struct entry *entry = entry_at(deck, first, now_s);
	if (entry)
		describe(deck, entry, out);
	return entry != NULL;
}
