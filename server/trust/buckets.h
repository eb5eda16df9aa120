/* SPDX-License-Identifier: MIT */
/* buckets.h - token buckets that threads share without locks: one, or one for each
 * source.
 *
 * A bucket is one number: the time at which it is full again (GCRA). To take moves it on
 * by 1/rate; what would move it further ahead of now than burst such steps is over the
 * limit, and moves nothing.
 *
 * Those of sources are a table of a fixed size, in sets of 8. A source that has been
 * quiet until its bucket was full needs no entry, so none is ever removed. Where all 8 of
 * a set are in use, a further source shares the entry that is full first: to use up the
 * table costs those who come later some of their rate, and gives nobody more. The key is
 * random, so nobody can choose addresses that meet. IPv6 sources are told apart by /64.
 */
#ifndef SERVER_BUCKETS_H
#define SERVER_BUCKETS_H

#include <stdatomic.h>

#include "rules/network.h"
#include "server/trust/quota.h"

struct bucket {
	_Atomic uint64_t full_ns; /* 0 at first: it is full */
};

/* One more at now_ns (CLOCK_MONOTONIC, which of two threads may differ by a second).
 * False: over rate, which has an interval. */
bool bucket_take(struct bucket *bucket, const struct rate *rate, uint64_t now_ns);

/* What was taken at the same rate did not count after all. */
void bucket_give_back(struct bucket *bucket, const struct rate *rate, uint64_t now_ns);

struct buckets;

struct buckets *buckets_new(void); /* all full; NULL when out of memory */
void buckets_free(struct buckets *buckets);

/* The same for the bucket of source. Rates are rounded to microseconds: at most
 * QUOTA_SOURCE_MAX a second. */
bool buckets_take(struct buckets *buckets, const struct rate *rate,
                  const struct address *source, uint64_t now_ns);
void buckets_give_back(struct buckets *buckets, const struct rate *rate,
                       const struct address *source, uint64_t now_ns);

#endif
