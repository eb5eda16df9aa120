/* SPDX-License-Identifier: MIT */
#include "rules/map.h"

struct map_slot {
	struct slice key;
	uint64_t hash;
	void *value; /* NULL: free */
};

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
		if (map->slots[i].hash == hash && slice_equal(map->slots[i].key, key))
			return map->slots[i].value;
	return NULL;
}

void *map_find(const struct map *map, struct slice key)
{
	return map_find_hashed(map, key, map_hash(key));
}

bool map_add(struct map *map, struct arena *arena, struct slice key, void *value)
{
	if (2 * (map->count + 1) > map->size && !grow(map, arena))
		return false;
	place(map, (struct map_slot){key, map_hash(key), value});
	map->count++;
	return true;
}
