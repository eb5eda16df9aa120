/* SPDX-License-Identifier: MIT */
/* map.h - text to pointer, in an arena.
 *
 * Open addressing, at most half full, grown while a file is read and only read
 * afterwards. Keys come from the operator's files and the hash is not keyed: a peer can
 * look things up but never adds.
 */
#ifndef RULES_MAP_H
#define RULES_MAP_H

#include <stdint.h>

#include "rules/arena.h"
#include "rules/slice.h"

struct map {
	struct map_slot *slots;
	size_t size, count; /* size is a power of two, or 0 for the empty map */
};

/* FNV-1a, a byte at a time, so that all prefixes of a number are hashed in one walk. */
#define MAP_HASH_START 14695981039346656037u
static inline uint64_t map_hash_next(uint64_t hash, char c)
{
	return (hash ^ (unsigned char)c) * 1099511628211u;
}
uint64_t map_hash(struct slice key);

/* The value of key, or NULL. The second form saves hashing again. */
void *map_find(const struct map *map, struct slice key);
void *map_find_hashed(const struct map *map, struct slice key, uint64_t hash);

/* Sets key, which must not be there yet and must live as long as the map, to value (not
 * NULL). False when out of memory. */
bool map_add(struct map *map, struct arena *arena, struct slice key, void *value);

#endif
