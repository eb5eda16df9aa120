/* SPDX-License-Identifier: MIT */
/* counters.h - what has been answered, counted by the threads that answer.
 *
 *     worker ──▶ struct counters ─┐
 *     worker ──▶ struct counters ─┼─ counterset_sum() ──▶ whoever asks
 *     stream ──▶ struct counters ─┘
 *
 * Each thread has a block of its own, which nobody else writes: a count is a load, an
 * addition and a store, without a lock and without a cache line that two cores want. All
 * of them only grow. Rows are the numbers of registry.h.
 */
#ifndef SERVER_COUNTERS_H
#define SERVER_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "server/operations/registry.h"
#include "server/settings/settings.h"

#define COUNTERS_NAMES    (REGISTRY_MAX + 1)
#define COUNTERS_METHODS  (REGISTRY_METHODS_MAX + 1)
#define COUNTERS_STATUSES 500 /* 200..699 */
#define COUNTERS_CLASSES  5   /* 2xx..6xx */
#define COUNTERS_BUCKETS  14  /* the last one: longer than all others */

struct counter {
	_Atomic uint64_t value;
};

/* By the thread that owns it. */
static inline void counter_add(struct counter *counter, uint64_t more)
{
	uint64_t now = atomic_load_explicit(&counter->value, memory_order_relaxed);
	atomic_store_explicit(&counter->value, now + more, memory_order_relaxed);
}

static inline uint64_t counter_get(const struct counter *counter)
{
	return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

struct listener_counters {
	struct counter received; /* messages of peers */
	struct counter replied;
	struct counter dropped; /* not answered, though somebody may wait for it; and all
	                           that strangers send */
	struct counter opened, closed; /* connections */
};

/* Connections that are open. Both are read while their thread goes on counting. */
static inline uint64_t counters_open(const struct listener_counters *counters)
{
	uint64_t closed = counter_get(&counters->closed);
	uint64_t opened = counter_get(&counters->opened);
	return opened > closed ? opened - closed : 0;
}

/* Counters and nothing else: counterset_sum() takes it for an array of them. */
struct counters {
	struct counter replies[COUNTERS_METHODS][COUNTERS_STATUSES];
	struct counter profiles[COUNTERS_NAMES][COUNTERS_CLASSES];
	struct counter peers[COUNTERS_NAMES][COUNTERS_CLASSES];
	struct counter rules[COUNTERS_NAMES];        /* replies that they decided */
	struct counter offers[COUNTERS_NAMES];       /* of gateways */
	struct counter first_offers[COUNTERS_NAMES]; /* those before all others */
	struct listener_counters listeners[COUNTERS_NAMES];
	struct counter cut;        /* Contacts left out for size */
	struct counter handled_ns; /* of all replies, from receipt to sending */
	struct counter handled[COUNTERS_BUCKETS];
};

/* Upper bounds of the buckets but the last, in microseconds. */
extern const unsigned counters_bounds_us[COUNTERS_BUCKETS - 1];

/* count replies have each taken ns. */
void counters_handled(struct counters *counters, uint64_t ns, uint64_t count);

/* All blocks. Filled before anybody reads. */
#define COUNTERSET_MAX (2 * WORKERS_MAX + 1)
struct counterset {
	size_t count;
	struct counters *blocks[COUNTERSET_MAX];
};

/* A block for one more thread; NULL when out of memory. counterset_free() frees it. */
struct counters *counterset_add(struct counterset *counterset);
void counterset_free(struct counterset *counterset);

/* Sets sum to the sum of all blocks. */
void counterset_sum(const struct counterset *counterset, struct counters *sum);

#endif
