/* SPDX-License-Identifier: MIT */
#include "server/doors/sources.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS                                                                          \
	4096 /* a power of two; some 10,000 sources are the most to be expected          \
	      */

struct source {
	struct address address; /* any of its */
	unsigned long count;
	struct source *next;
};

struct sources {
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct source *buckets[BUCKETS];
};

struct sources *sources_new(void)
{
	struct sources *sources = calloc(1, sizeof *sources);
	if (sources)
		randombytes_buf(sources->key, sizeof sources->key);
	return sources;
}

void sources_free(struct sources *sources)
{
	for (size_t i = 0; sources && i < BUCKETS; i++) {
		while (sources->buckets[i]) {
			struct source *source = sources->buckets[i];
			sources->buckets[i] = source->next;
			free(source);
		}
	}
	free(sources);
}

static bool is_same(const struct address *a, const struct address *b)
{
	size_t bytes = address_source_bytes(a);
	return address_source_bytes(b) == bytes && memcmp(a->bytes, b->bytes, bytes) == 0;
}

/* Where the source of address is, or is to be, linked. */
static struct source **find(struct sources *sources, const struct address *address)
{
	uint64_t hash;
	unsigned char out[crypto_shorthash_BYTES];
	static_assert(sizeof out == sizeof hash, "");
	crypto_shorthash(out, address->bytes, address_source_bytes(address),
	                 sources->key);
	memcpy(&hash, out, sizeof hash);
	struct source **link = &sources->buckets[hash % BUCKETS];
	while (*link && !is_same(&(*link)->address, address))
		link = &(*link)->next;
	return link;
}

static struct source *source_new(const struct address *address)
{
	struct source *source = calloc(1, sizeof *source);
	if (source)
		source->address = *address;
	return source;
}

bool sources_add(struct sources *sources, const struct address *address,
                 unsigned long max)
{
	struct source **link = find(sources, address);
	struct source *source = *link ? *link : source_new(address);
	if (!source)
		return false;
	*link = source;
	if (source->count >= max)
		return false;
	source->count++;
	return true;
}

void sources_remove(struct sources *sources, const struct address *address)
{
	struct source **link = find(sources, address), *source = *link;
	assert(source && source->count > 0);
	if (--source->count > 0)
		return;
	*link = source->next;
	free(source);
}
