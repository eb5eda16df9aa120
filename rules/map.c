/* SPDX-License-Identifier: MIT */
#include "rules/map.h"

#include <string.h>

/* Two to a cache line. Short keys, which numbers are, stand in the slot itself: a table
 * of very many rules is asked with one miss, not two. */
#define SHORT_MAX 15
struct map_slot {
	uint64_t hash;
	void *value;         /* NULL: free */
	char key[SHORT_MAX]; /* of a long one: a pointer to its slice */
	uint8_t len;         /* of a short key, else LONG */
};
#define LONG 255

uint64_t map_hash(struct slice key)
{
	uint64_t hash = MAP_HASH_START;
	for (size_t i = 0; i < key.len; i++)
		hash = map_hash_next(hash, key.at[i]);
	return hash;
}

/* FNV's low bits are weak for short keys; fold the high ones in. */
static size_t first_slot(const struct map *map, uint64_t hash)
{
	return (size_t)(hash ^ (hash >> 32)) & (map->size - 1);
}

static struct map_slot slot_of(struct slice *key, uint64_t hash, void *value)
{
	struct map_slot slot = {.hash = hash, .value = value};
	if (key->len <= SHORT_MAX) {
		slot.len = (uint8_t)key->len;
		if (key->len)
			memcpy(slot.key, key->at, key->len);
	} else {
		slot.len = LONG;
		memcpy(slot.key, &key, sizeof key);
	}
	return slot;
}

static bool is_key(const struct map_slot *slot, struct slice key)
{
	if (slot->len != LONG)
		return slot->len == key.len &&
		       (!key.len || memcmp(slot->key, key.at, key.len) == 0);
	const struct slice *text;
	memcpy(&text, slot->key, sizeof text);
	return slice_equal(*text, key);
}

static void place(struct map *map, struct map_slot slot)
{
	size_t i = first_slot(map, slot.hash);
	while (map->slots[i].value)
		i = (i + 1) & (map->size - 1);
	map->slots[i] = slot;
}

static bool grow(struct map *map, struct arena *arena)
{
	struct map bigger = {.size = map->size ? map->size * 2 : 16, .count = map->count};
	bigger.slots = arena_array(arena, bigger.size, sizeof *bigger.slots);
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < map->size; i++)
		if (map->slots[i].value)
			place(&bigger, map->slots[i]);
	*map = bigger;
	return true;
}

void *map_find_hashed(const struct map *map, struct slice key, uint64_t hash)
{
	if (!map->size)
		return NULL;
	for (size_t i = first_slot(map, hash); map->slots[i].value;
	     i = (i + 1) & (map->size - 1))
		if (map->slots[i].hash == hash && is_key(&map->slots[i], key))
			return map->slots[i].value;
	return NULL;
}

void *map_find(const struct map *map, struct slice key)
{
	return map_find_hashed(map, key, map_hash(key));
}

bool map_add(struct map *map, struct arena *arena, struct slice key, void *value)
{
	struct slice *kept = &key;
	if (key.len > SHORT_MAX) {
		kept = arena_alloc(arena, sizeof *kept);
		if (!kept)
			return false;
		*kept = key;
	}
	if (2 * (map->count + 1) > map->size && !grow(map, arena))
		return false;
	place(map, slot_of(kept, map_hash(key), value));
	map->count++;
	return true;
}
