/* SPDX-License-Identifier: MIT */
#include "rules/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK_MIN ((size_t)1 << 10)
#define BLOCK_MAX (((size_t)4 << 20) - sizeof(struct block)) /* whole huge pages */
#define HUGE_PAGE ((size_t)2 << 20)

struct block {
	struct block *next;
	size_t size, used; /* bytes of data */
	alignas(max_align_t) char data[];
};

struct arena {
	size_t limit, bytes;
	struct block *blocks; /* the first is the one with room */
};

struct arena *arena_new(size_t limit)
{
	if (limit < sizeof(struct arena))
		return NULL;
	struct arena *arena = calloc(1, sizeof *arena);
	if (!arena)
		return NULL;
	arena->limit = limit;
	arena->bytes = sizeof *arena;
	return arena;
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	for (struct block *block = arena->blocks; block;) {
		struct block *next = block->next;
		free(block);
		block = next;
	}
	free(arena);
}

void arena_wipe(struct arena *arena)
{
	for (struct block *block = arena->blocks; block; block = block->next)
		explicit_bzero(block->data, block->used);
}

/* Zeroed. In a table of very many rules each lookup goes somewhere else: with huge pages
 * that costs fewer misses of the address translation. */
static void *zeroed(size_t size)
{
	if (size < HUGE_PAGE)
		return calloc(1, size);
	size_t rounded = (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	void *memory = aligned_alloc(HUGE_PAGE, rounded);
	if (!memory)
		return NULL;
	/* Only a wish; not for the last page if it is not all used. */
	madvise(memory, size & ~(HUGE_PAGE - 1), MADV_HUGEPAGE);
	return memset(memory, 0, size);
}

/* As large as all there is, so that blocks grow with use, but never less than size nor
 * over the limit. */
static struct block *block_new(struct arena *arena, size_t size)
{
	size_t left = arena->limit - arena->bytes;
	if (left < sizeof(struct block) || size > left - sizeof(struct block))
		return NULL;
	left -= sizeof(struct block);
	size_t want = arena->bytes;
	if (want < BLOCK_MIN)
		want = BLOCK_MIN;
	if (want > BLOCK_MAX)
		want = BLOCK_MAX;
	if (want < size)
		want = size;
	if (want > left)
		want = left;
	struct block *block = zeroed(sizeof(*block) + want);
	if (!block)
		return NULL;
	block->size = want;
	arena->bytes += sizeof(*block) + want;
	return block;
}

/* A large piece must not hide the room that the first block still has. */
static void block_add(struct arena *arena, struct block *block)
{
	struct block *first = arena->blocks;
	if (first && first->size - first->used > block->size - block->used) {
		block->next = first->next;
		first->next = block;
	} else {
		block->next = first;
		arena->blocks = block;
	}
}

static void *take(struct arena *arena, size_t size, size_t align)
{
	struct block *block = arena->blocks;
	if (size == 0)
		size = 1;
	if (block) {
		size_t start = (block->used + align - 1) & ~(align - 1);
		if (start <= block->size && size <= block->size - start) {
			block->used = start + size;
			return block->data + start;
		}
	}
	block = block_new(arena, size);
	if (!block)
		return NULL;
	block->used = size;
	block_add(arena, block);
	return block->data;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	return take(arena, size, alignof(max_align_t));
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		return NULL;
	return arena_alloc(arena, count * size);
}

struct slice arena_copy(struct arena *arena, struct slice text)
{
	char *at = text.len < SIZE_MAX ? take(arena, text.len + 1, 1) : NULL;
	if (!at)
		return (struct slice){NULL, 0};
	if (text.len)
		memcpy(at, text.at, text.len);
	return (struct slice){at, text.len};
}

size_t arena_bytes(const struct arena *arena)
{
	return arena->bytes;
}
