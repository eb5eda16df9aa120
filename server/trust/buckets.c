/* SPDX-License-Identifier: MIT */
#include "server/trust/buckets.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SETS     1024
#define SET_SIZE 8 /* a cache line */

/* An entry: 16 bits of the source's hash, 48 of the microsecond at which it is full. */
#define TIME_BITS 48
#define TIME_MASK (((uint64_t)1 << TIME_BITS) - 1)

struct buckets {
	unsigned char key[crypto_shorthash_KEYBYTES];
	_Atomic uint64_t entries[SETS][SET_SIZE];
};

/* One */

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

static uint64_t less(uint64_t ahead, uint64_t interval)
{
	return ahead > interval ? ahead - interval : 0;
}

bool bucket_take(struct bucket *bucket, const struct rate *rate, uint64_t now_ns)
{
	_Atomic uint64_t *full_ns = &bucket->full_ns;
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

void bucket_give_back(struct bucket *bucket, const struct rate *rate, uint64_t now_ns)
{
	_Atomic uint64_t *full_ns = &bucket->full_ns;
	uint64_t was = atomic_load_explicit(full_ns, memory_order_relaxed), ahead;
	do
		ahead = was > now_ns ? was - now_ns : 0;
	while (!atomic_compare_exchange_weak_explicit(
		full_ns, &was, now_ns + less(ahead, rate->interval_ns),
		memory_order_relaxed, memory_order_relaxed));
}

/* One for each source */

/* The time of an entry begins again after 8.9 years; half of them are ahead of now. */
static uint64_t ahead_of(uint64_t entry, uint64_t now)
{
	uint64_t ahead = (entry - now) & TIME_MASK;
	return entry && ahead <= TIME_MASK / 2 ? ahead : 0;
}

static uint64_t hash(const struct buckets *table, const struct address *source)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint64_t value;
	crypto_shorthash(out, source->bytes, address_source_bytes(source), table->key);
	memcpy(&value, out, sizeof value);
	return value;
}

static bool is_of(uint64_t entry, uint64_t hashed)
{
	return entry && entry >> TIME_BITS == hashed >> TIME_BITS;
}

/* The source's own entry; else the one that is full first, which is free or shared. */
static _Atomic uint64_t *find_entry(struct buckets *table, uint64_t hashed, uint64_t now)
{
	_Atomic uint64_t *set = table->entries[hashed % SETS], *first = set;
	uint64_t least = UINT64_MAX;
	for (size_t i = 0; i < SET_SIZE; i++) {
		uint64_t entry = atomic_load_explicit(&set[i], memory_order_relaxed);
		if (is_of(entry, hashed))
			return &set[i];
		if (ahead_of(entry, now) < least) {
			least = ahead_of(entry, now);
			first = &set[i];
		}
	}
	return first;
}

bool buckets_take(struct buckets *table, const struct rate *rate,
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

/* To its own entry; one that has taken it over in the meantime keeps what it has. */
void buckets_give_back(struct buckets *table, const struct rate *rate,
                       const struct address *source, uint64_t now_ns)
{
	uint64_t hashed = hash(table, source), now = now_ns / 1000;
	_Atomic uint64_t *entry = find_entry(table, hashed, now);
	uint64_t was = atomic_load_explicit(entry, memory_order_relaxed), is;
	do {
		if (!is_of(was, hashed))
			return;
		is = now + less(ahead_of(was, now), rate->interval_ns / 1000);
		is = (is & TIME_MASK) | (hashed & ~TIME_MASK);
	} while (!atomic_compare_exchange_weak_explicit(
		entry, &was, is, memory_order_relaxed, memory_order_relaxed));
}

struct buckets *buckets_new(void)
{
	struct buckets *table = aligned_alloc(64, (sizeof *table + 63) / 64 * 64);
	if (!table || sodium_init() < 0) {
		free(table);
		return NULL;
	}
	memset(table, 0, sizeof *table);
	randombytes_buf(table->key, sizeof table->key);
	return table;
}

void buckets_free(struct buckets *table)
{
	free(table);
}
