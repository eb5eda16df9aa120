/* SPDX-License-Identifier: MIT */
/* deck.h - what a carrier asks for calls: rates by prefix, each from some time on.
 *
 *     prefixes.h      entries, 16 bytes each               terms, each distinct one once
 *     +44 ──────────→ 0.012 ─┬─ next → 0.010 ── next → -   from, until, quality,
 *                            └──────────┴────────────────→ destination, increment
 *     the latest first
 *
 * A prefix has one rate at a time. Each is in force from its time until its end; one
 * without an end, until the next one begins. The longest prefix that has a rate in force
 * counts. A prefix may also be blocked: the carrier does not take its calls.
 *
 * Read-only when finished, so any number of threads may look things up. Several routing
 * tables may hold the same deck; holding and releasing are for one thread.
 */
#ifndef RULES_DECK_H
#define RULES_DECK_H

#include <stdint.h>

#include "rules/decimal.h"
#include "rules/prefixes.h"

#define DECK_RATES_MAX 100 /* of one prefix */

struct deck;

/* One rate of one prefix. Unix times: from_s is inside, until_s is not. */
struct rate {
	struct decimal price; /* 0 if blocked */
	bool blocked;
	bool has_quality;
	struct decimal quality;
	int64_t from_s, until_s; /* INT64_MIN, INT64_MAX: not given */
	struct slice destination, increment;
};

struct deck_found {
	struct rate rate;
	uint32_t prefix_len;
};

/* A question to a deck. Those of several decks are begun together, so that they wait for
 * memory together: begin all, then seek all, then get each. */
struct deck_search {
	const struct deck *deck;
	unsigned left;
	bool found;
	struct found_prefix prefix;
};
void deck_begin(const struct deck *deck, const struct hashed *number,
                struct deck_search *search);
void deck_seek(struct deck_search *search, const struct hashed *number);

/* The rate in force at now_s of the longest prefix that has one. False if none has. */
bool deck_get(struct deck_search *search, const struct hashed *number, int64_t now_s,
              struct deck_found *out);

/* All of that in one go. */
bool deck_find(const struct deck *deck, struct slice number, int64_t now_s,
               struct deck_found *out);

size_t deck_prefix_count(const struct deck *deck);
size_t deck_bytes(const struct deck *deck); /* of memory */

/* Another holder; a release by each, the last of which frees. NULL is allowed. */
struct deck *deck_hold(struct deck *deck);
void deck_release(struct deck *deck);

/* Making one: deckfile.h does. */

/* With room for count rates. Takes at most memory_limit bytes. NULL when out of memory.
 */
struct deck *deck_new(size_t count, size_t memory_limit);

enum deck_added {
	DECK_ADDED,
	DECK_OVERLAPS, /* another rate is in force at the same time */
	DECK_TOO_MANY, /* rates of this prefix */
	DECK_NO_MEMORY,
};

/* Adds the rate that was read from line, of prefix, which must be whole. DECK_OVERLAPS:
 * *other_line is where the other one stands. Texts are copied. */
enum deck_added deck_add(struct deck *deck, const struct packed *prefix,
                         const struct rate *rate, uint32_t line, uint32_t *other_line);

/* All rates are there. */
void deck_finish(struct deck *deck);

/* For those who compare decks */

struct deck_prefix {
	uint64_t key; /* prefixes_text() */
	uint32_t first;
};

/* Writes deck_prefix_count() prefixes, sorted. */
void deck_list(const struct deck *deck, struct deck_prefix *out);

/* The rates of a prefix, the latest first, until next is 0. */
void deck_rate(const struct deck *deck, uint32_t first, struct rate *out, uint32_t *next);

/* The one of them in force at now_s. */
bool deck_rate_at(const struct deck *deck, uint32_t first, int64_t now_s,
                  struct rate *out);

#endif
