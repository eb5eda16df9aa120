/* SPDX-License-Identifier: MIT */
/* limiter.h - how many requests peers may make, by token buckets (buckets.h) that threads
 * share without locks.
 *
 * What a peer has over its limit costs neither the others nor the bucket of all.
 *
 *     source ─▶ peer ─▶ all ──────────▶ answered
 *        └────────┴──────┴─ over ─▶ second look ─▶ parsed: a priority is answered, any
 *                                       │          other dropped, or told 503
 *                                       └─ over ─▶ dropped unread
 *
 * The second look is a bucket of SECOND_LOOK times the rate, of the source if it is over
 * its own, and of the peer: so that emergency calls pass, and a flood is not parsed to
 * its end. No source takes those of another.
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
