/* SPDX-License-Identifier: MIT */
/* limiter.h - how many requests peers may make: token buckets that threads share without
 * locks.
 *
 * A bucket is one number: the time at which it is full again (GCRA). A request moves it
 * on by 1/rate; one that would move it further ahead of now than burst requests take is
 * over the limit. What a peer has over costs neither the others nor the bucket of all.
 *
 *     source ─▶ peer ─▶ all ──────────▶ answered
 *        └────────┴──────┴─ over ─▶ second look ─▶ parsed: a priority is answered, any
 *                                       │          other dropped, or told 503
 *                                       └─ over ─▶ dropped unread
 *
 * The second look is a bucket of SECOND_LOOK times the rate: so that emergency calls
 * pass, and a flood is not parsed to its end.
 *
 * Sources of a peer share a table of a fixed size, in sets of 8. A source that has been
 * quiet until its bucket was full needs no entry, so none is ever removed. Where all 8 of
 * a set are in use, a further source shares the entry that is full first: to use up the
 * table costs those who come later some of their rate, and gives nobody more. The key is
 * random, so nobody can choose addresses that meet. IPv6 sources are told apart by /64.
 */
#ifndef SERVER_LIMITER_H
#define SERVER_LIMITER_H

#include <stdint.h>

#include "server/settings/settings.h"

#define SECOND_LOOK 16

struct limiter;

/* For the peers of settings, which must outlive it. Those that previous has too, by their
 * name, go on where they are; it may be NULL, and may be freed before or after, by the
 * same thread. NULL when out of memory. */
struct limiter *limiter_new(const struct settings *settings, struct limiter *previous);
void limiter_free(struct limiter *limiter);

enum limit {
	LIMIT_PASS,
	LIMIT_LOOK, /* over; to be parsed, for it may be a priority */
	LIMIT_DROP, /* over; to be dropped unread */
};

/* One request more, from source at now_ns (CLOCK_MONOTONIC). limiter may be NULL. */
enum limit limiter_take(struct limiter *limiter, const struct peer *peer,
                        const struct address *source, uint64_t now_ns);

#endif
