/* SPDX-License-Identifier: MIT */
/* arena.h - memory that is freed all at once.
 *
 * One arena per lifetime: a routing table, a parsed file, the settings. Blocks grow with
 * use; pieces are never freed singly. Not thread-safe.
 */
#ifndef RULES_ARENA_H
#define RULES_ARENA_H

#include <stddef.h>

#include "rules/slice.h"

struct arena;

/* An arena that never holds more than limit bytes, its own bookkeeping included. NULL
 * when out of memory. The limit keeps a hostile file from taking the machine, and lets a
 * test fail the i-th block. */
struct arena *arena_new(size_t limit);
void arena_free(struct arena *arena); /* NULL is allowed */

/* Overwrites all that is in it, before it is freed. */
void arena_wipe(struct arena *arena);

/* Zeroed memory, aligned for anything; NULL when out of memory or over the limit. size 0
 * gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);

/* count * size bytes, zeroed; NULL also when the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* A copy of text, NUL-terminated behind its end. An empty slice copies to an empty text.
 * On failure the copy's at is NULL. */
struct slice arena_copy(struct arena *arena, struct slice text);

/* Bytes taken from the system so far. */
size_t arena_bytes(const struct arena *arena);

#endif
