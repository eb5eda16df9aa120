/* SPDX-License-Identifier: MIT */
#include "server/trust/limiter.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SETS     1024
#define SET_SIZE 8 /* a cache line */

/* An entry: 16 bits of the source's hash, 48 of the microsecond at which it is full. */
#define TIME_BITS 48
#define TIME_MASK (((uint64_t)1 << TIME_BITS) - 1)

struct sources_table {
	unsigned char key[crypto_shorthash_KEYBYTES];
	_Atomic uint64_t entries[SETS][SET_SIZE];
};

/* What is known of a peer, for as long as settings have it. */
struct meter {
	size_t users; /* limiters; of the thread that makes and frees them */
	_Atomic uint64_t full_ns, looked_ns;
	struct sources_table *sources; /* NULL: not limited */
};

struct limiter {
	const struct settings *settings;
	struct meter *all;
	size_t count;
	struct meter *meters[]; /* by the number of the peer */
};

/* Buckets */

/* A thread's clock is read once for many requests, and may be so far behind another's. */
#define BEHIND_NS 1000000000

/* One request more. ahead: how far ahead of now the bucket is full; it is moved on if
 * that is within the limit. Further ahead than that it is only if the limit was another
 * before a reload: then it is moved back. */
static bool add(uint64_t *ahead, uint64_t interval, uint64_t burst, uint64_t behind)
{
	uint64_t most = interval * burst;
	bool passes = *ahead + interval <= most;
	if (passes)
		*ahead += interval;
	else if (*ahead > most + behind)
		*ahead = most;
	return passes;
}

static bool take(_Atomic uint64_t *full_ns, const struct rate *rate, uint64_t now_ns)
{
	uint64_t was = atomic_load_explicit(full_ns, memory_order_relaxed), ahead;
	bool passes;
	do {
		ahead = was > now_ns ? was - now_ns : 0;
		passes = add(&ahead, rate->interval_ns, rate->burst, BEHIND_NS);
		if (now_ns + ahead == was)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(full_ns, &was, now_ns + ahead,
	                                                memory_order_relaxed,
	                                                memory_order_relaxed));
	return passes;
}

/* The time of an entry begins again after 8.9 years; half of them are ahead of now. */
static uint64_t ahead_of(uint64_t entry, uint64_t now)
{
	uint64_t ahead = (entry - now) & TIME_MASK;
	return entry && ahead <= TIME_MASK / 2 ? ahead : 0;
}

static uint64_t hash(const struct sources_table *table, const struct address *source)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint64_t value;
	crypto_shorthash(out, source->bytes, address_source_bytes(source), table->key);
	memcpy(&value, out, sizeof value);
	return value;
}

/* The source's own entry; else the one that is full first, which is free or shared. */
static _Atomic uint64_t *find_entry(struct sources_table *table, uint64_t hashed,
                                    uint64_t now)
{
	_Atomic uint64_t *set = table->entries[hashed % SETS], *first = set;
	uint64_t least = UINT64_MAX;
	for (size_t i = 0; i < SET_SIZE; i++) {
		uint64_t entry = atomic_load_explicit(&set[i], memory_order_relaxed);
		if (entry && entry >> TIME_BITS == hashed >> TIME_BITS)
			return &set[i];
		if (ahead_of(entry, now) < least) {
			least = ahead_of(entry, now);
			first = &set[i];
		}
	}
	return first;
}

static bool take_of_source(struct sources_table *table, const struct rate *rate,
                           const struct address *source, uint64_t now_ns)
{
	uint64_t hashed = hash(table, source), now = now_ns / 1000;
	_Atomic uint64_t *entry = find_entry(table, hashed, now);
	uint64_t was = atomic_load_explicit(entry, memory_order_relaxed), is;
	bool passes;
	do {
		uint64_t ahead = ahead_of(was, now);
		passes = add(&ahead, rate->interval_ns / 1000, rate->burst,
		             BEHIND_NS / 1000);
		is = ((now + ahead) & TIME_MASK) | ((passes ? hashed : was) & ~TIME_MASK);
		if (is == was)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		entry, &was, is, memory_order_relaxed, memory_order_relaxed));
	return passes;
}

/* Peers */

static bool is_limited(const struct rate *rate)
{
	return rate->interval_ns;
}

/* Of the first of its limits. */
static enum limit look_again(const struct limiter *limiter, const struct quota *quota,
                             struct meter *meter, uint64_t now_ns)
{
	const struct rate *rate = is_limited(&quota->rate) ? &quota->rate
	                          : is_limited(&limiter->settings->rate)
	                                  ? &limiter->settings->rate
	                                  : &quota->source;
	struct rate second = {rate->interval_ns / SECOND_LOOK, rate->burst * SECOND_LOOK};
	return take(&meter->looked_ns, &second, now_ns) ? LIMIT_LOOK : LIMIT_DROP;
}

enum limit limiter_take(struct limiter *limiter, const struct peer *peer,
                        const struct address *source, uint64_t now_ns)
{
	if (!limiter)
		return LIMIT_PASS;
	const struct quota *quota = &peer->quota;
	const struct rate *all = &limiter->settings->rate;
	struct meter *meter = limiter->meters[peer->number];
	if (is_limited(&quota->source) &&
	    !take_of_source(meter->sources, &quota->source, source, now_ns))
		return look_again(limiter, quota, meter, now_ns);
	if (is_limited(&quota->rate) && !take(&meter->full_ns, &quota->rate, now_ns))
		return look_again(limiter, quota, meter, now_ns);
	if (is_limited(all) && !take(&limiter->all->full_ns, all, now_ns))
		return look_again(limiter, quota, meter, now_ns);
	return LIMIT_PASS;
}

/* Making */

static void meter_free(struct meter *meter)
{
	if (!meter || --meter->users)
		return;
	free(meter->sources);
	free(meter);
}

static bool add_sources(struct meter *meter)
{
	if (meter->sources)
		return true;
	struct sources_table *table = aligned_alloc(64, (sizeof *table + 63) / 64 * 64);
	if (!table)
		return false;
	memset(table, 0, sizeof *table);
	randombytes_buf(table->key, sizeof table->key);
	meter->sources = table;
	return true;
}

/* NULL when out of memory. */
static struct meter *meter_use(struct meter *known)
{
	struct meter *meter = known ? known : calloc(1, sizeof *meter);
	if (meter)
		meter->users++;
	return meter;
}

/* Most stay in their order: it is looked for behind the one found before. */
static struct meter *known_meter(const struct limiter *previous, struct slice name,
                                 size_t *next)
{
	for (size_t i = 0; previous && i < previous->count; i++) {
		size_t at = (*next + i) % previous->count;
		if (slice_equal(previous->settings->peers[at]->name, name)) {
			*next = at + 1;
			return previous->meters[at];
		}
	}
	return NULL;
}

/* A table that threads may be using is not added to: such a meter begins anew. */
static struct meter *meter_for(const struct limiter *previous, const struct peer *peer,
                               size_t *next)
{
	struct meter *known = known_meter(previous, peer->name, next);
	bool wants = is_limited(&peer->quota.source);
	struct meter *meter = meter_use(known && wants && !known->sources ? NULL : known);
	if (!meter || !wants || add_sources(meter))
		return meter;
	meter_free(meter);
	return NULL;
}

struct limiter *limiter_new(const struct settings *settings, struct limiter *previous)
{
	size_t count = settings->peer_count, next = 0;
	struct limiter *limiter =
		calloc(1, sizeof *limiter + count * sizeof limiter->meters[0]);
	if (!limiter || sodium_init() < 0) {
		free(limiter);
		return NULL;
	}
	limiter->settings = settings;
	limiter->all = meter_use(previous ? previous->all : NULL);
	bool good = limiter->all;
	for (size_t i = 0; good && i < count; i++) {
		limiter->meters[i] = meter_for(previous, settings->peers[i], &next);
		limiter->count += good = limiter->meters[i];
	}
	if (good)
		return limiter;
	limiter_free(limiter);
	return NULL;
}

void limiter_free(struct limiter *limiter)
{
	if (!limiter)
		return;
	for (size_t i = 0; i < limiter->count; i++)
		meter_free(limiter->meters[i]);
	meter_free(limiter->all);
	free(limiter);
}
