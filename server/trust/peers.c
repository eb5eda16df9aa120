/* SPDX-License-Identifier: MIT */
#include "server/trust/peers.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "server/settings/settings.h"

#define AHEAD 8 /* keys in a cache line: all that may be asked three steps later */

/* A range is peer's, or is told apart by the low bits; or nobody's. */
struct part {
	const struct peer *peer;
	const struct level *low;
};

/* Slot 1 is the middle; the slots left and right of n are 2n and 2n+1. */
struct level {
	size_t count;
	uint64_t *keys; /* [count + 1]: where ranges begin; the least is 0 */
	struct part *parts;
};

struct peers {
	struct level high;
	struct part zero; /* where the high bits are 0: all of v4 */
};

/* Looking */

static const struct part *level_find(const struct level *level, uint64_t key)
{
	size_t n = 1;
	while (n <= level->count) {
		__builtin_prefetch(level->keys + n * AHEAD);
		n = 2 * n + (level->keys[n] <= key);
	}
	/* Back to where it last went right: the last range that begins at or before key.
	 */
	n >>= __builtin_ctzll(n) + 1;
	return &level->parts[n];
}

static uint64_t half_of(const uint8_t *bytes)
{
	uint64_t half;
	memcpy(&half, bytes, sizeof half);
	return be64toh(half);
}

const struct peer *peers_find(const struct peers *peers, const struct address *address)
{
	uint64_t high = half_of(address->bytes);
	const struct part *part = high ? level_find(&peers->high, high) : &peers->zero;
	return part->low ? level_find(part->low, half_of(address->bytes + 8))->peer
	                 : part->peer;
}

/* Cutting networks into ranges */

/* All networks, outer ones before those in them. */
struct member {
	uint64_t high, low; /* where it begins */
	unsigned bits;
	size_t place; /* of its peer */
};

struct range {
	uint64_t high, low; /* where it begins; it ends where the next does */
	const struct peer *peer;
};

/* What is being made; outer is a stack of the networks that the next may lie in. */
struct making {
	const struct peer *const *peers;
	size_t member_count, range_count, depth;
	struct member *members;
	struct range *ranges;
	const struct member *outer[129];
};

static int compare_members(const void *left, const void *right)
{
	const struct member *a = left, *b = right;
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	return a->place < b->place ? -1 : a->place > b->place;
}

static void list_members(struct making *making, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t n = 0; n < making->peers[i]->network_count; n++) {
			const struct network *network = &making->peers[i]->networks[n];
			making->members[making->member_count++] = (struct member){
				half_of(network->address.bytes),
				half_of(network->address.bytes + 8), network->bits, i};
		}
	qsort(making->members, making->member_count, sizeof *making->members,
	      compare_members);
}

static void begin_range(struct making *making, uint64_t high, uint64_t low,
                        const struct peer *peer)
{
	struct range *last = &making->ranges[making->range_count - 1];
	if (last->high == high && last->low == low)
		last->peer = peer;
	else if (last->peer != peer)
		making->ranges[making->range_count++] = (struct range){high, low, peer};
}

static const struct peer *innermost(const struct making *making)
{
	return making->depth ? making->peers[making->outer[making->depth - 1]->place]
	                     : NULL;
}

/* The first address behind it; false: there is none. */
static bool end_of(const struct member *member, uint64_t *high, uint64_t *low)
{
	*high = member->high;
	*low = 0;
	if (member->bits > 64) {
		*low = member->low + ((uint64_t)1 << (128 - member->bits));
		*high += *low == 0;
	} else if (member->bits) {
		*high += (uint64_t)1 << (64 - member->bits);
	} else {
		return false;
	}
	return *high || *low;
}

static bool is_in(const struct member *inner, const struct member *outer)
{
	uint64_t high, low;
	return !end_of(outer, &high, &low) || inner->high < high ||
	       (inner->high == high && inner->low < low);
}

/* Takes the innermost network off the stack: what holds it goes on behind it. */
static void leave_network(struct making *making)
{
	uint64_t high, low;
	const struct member *member = making->outer[--making->depth];
	if (end_of(member, &high, &low))
		begin_range(making, high, low, innermost(making));
}

static void cut(struct making *making)
{
	making->ranges[making->range_count++] = (struct range){0, 0, NULL};
	for (size_t i = 0; i < making->member_count; i++) {
		const struct member *member = &making->members[i];
		while (making->depth && !is_in(member, making->outer[making->depth - 1]))
			leave_network(making);
		if (making->depth &&
		    making->outer[making->depth - 1]->bits == member->bits)
			continue; /* equal to it, which is of an earlier peer */
		making->outer[making->depth++] = member;
		begin_range(making, member->high, member->low, innermost(making));
	}
	while (making->depth)
		leave_network(making);
}

/* Levels */

/* Sorted, before they are put into the order of a search. */
struct list {
	size_t count;
	uint64_t *keys;
	struct part *parts;
};

static void list_add(struct list *list, uint64_t key, struct part part)
{
	list->keys[list->count] = key;
	list->parts[list->count++] = part;
}

/* Puts those from *next on into the slots under slot. */
static void place(struct level *level, const struct list *list, size_t slot, size_t *next)
{
	if (slot > level->count)
		return;
	place(level, list, 2 * slot, next);
	level->keys[slot] = list->keys[*next];
	level->parts[slot] = list->parts[(*next)++];
	place(level, list, 2 * slot + 1, next);
}

/* One piece of memory, for most levels have few ranges. */
static bool make_level(struct arena *arena, const struct list *list, struct level *level)
{
	size_t next = 0, slots = list->count + 1, line = AHEAD * sizeof *level->keys;
	size_t slack = list->count < AHEAD ? 0 : line;
	char *at = arena_alloc(
		arena, slack + slots * (sizeof *level->keys + sizeof *level->parts));
	if (!at)
		return false;
	if (slack) /* so that the keys which are fetched together are in one line */
		at += (line - (uintptr_t)at % line) % line;
	level->count = list->count;
	level->keys = (uint64_t *)(void *)at;
	level->parts = (struct part *)(void *)(at + slots * sizeof *level->keys);
	place(level, list, 1, &next);
	return true;
}

/* The part of ranges[0] to [count - 1], which have the same high bits; before is the peer
 * at their first address if none of them begins there. */
static bool make_part(struct arena *arena, const struct range *ranges, size_t count,
                      const struct peer *before, struct list *scratch, struct part *part)
{
	*part = (struct part){ranges->peer, NULL};
	if (count == 1 && ranges->low == 0)
		return true;
	struct level *level = arena_alloc(arena, sizeof *level);
	part->low = level;
	scratch->count = 0;
	if (ranges->low)
		list_add(scratch, 0, (struct part){before, NULL});
	for (size_t i = 0; i < count; i++)
		list_add(scratch, ranges[i].low, (struct part){ranges[i].peer, NULL});
	return level && make_level(arena, scratch, level);
}

static bool make_high(struct arena *arena, const struct making *making, struct list *list,
                      struct list *scratch, struct peers *peers)
{
	const struct range *ranges = making->ranges;
	const struct peer *before = NULL;
	struct part part;
	for (size_t i = 0, end; i < making->range_count; i = end) {
		uint64_t high = ranges[i].high;
		for (end = i + 1; end < making->range_count && ranges[end].high == high;)
			end++;
		if (!make_part(arena, ranges + i, end - i, before, scratch, &part))
			return false;
		list_add(list, high, part);
		before = ranges[end - 1].peer;
		if (part.low && high != UINT64_MAX &&
		    (end == making->range_count || ranges[end].high != high + 1))
			list_add(list, high + 1, (struct part){before, NULL});
	}
	peers->zero = list->parts[0];
	return make_level(arena, list, &peers->high);
}

/* The whole */

static bool list_alloc(struct list *list, size_t count)
{
	list->keys = calloc(count, sizeof *list->keys);
	list->parts = calloc(count, sizeof *list->parts);
	return list->keys && list->parts;
}

static void list_free(struct list *list)
{
	free(list->keys);
	free(list->parts);
}

const struct peers *peers_new(struct arena *arena, const struct peer *const *peers,
                              size_t count)
{
	struct making making = {.peers = peers};
	struct list list = {0}, scratch = {0};
	size_t networks = 0;
	for (size_t i = 0; i < count; i++)
		networks += peers[i]->network_count;
	making.members = calloc(networks + 1, sizeof *making.members);
	making.ranges = calloc(2 * networks + 1, sizeof *making.ranges);
	struct peers *out = arena_alloc(arena, sizeof *out);
	bool good = out && making.members && making.ranges &&
	            list_alloc(&list, 4 * networks + 2) &&
	            list_alloc(&scratch, 2 * networks + 2);
	if (good) {
		list_members(&making, count);
		cut(&making);
		good = make_high(arena, &making, &list, &scratch, out);
	}
	free(making.members);
	free(making.ranges);
	list_free(&list);
	list_free(&scratch);
	return good ? out : NULL;
}
