/* SPDX-License-Identifier: MIT */
#include "server/doors/spare.h"

#include <event2/event.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#define PIECE_SIZE 1024 /* bytes; libevent asks for less than 700 */
#define ENOUGH     4    /* pieces for a stream; libevent asks for three */
#define PIECES     64   /* libevent frees those of a stream when its loop gets there */

/* Of the one thread that has begun; freed by it, or when it has ended. */
static alignas(max_align_t) char reserve[PIECES][PIECE_SIZE];
static bool taken[PIECES];
static _Thread_local bool has_begun, was_used;

void *spare_take(size_t size)
{
	if (!has_begun || size > PIECE_SIZE)
		return NULL;
	for (size_t i = 0; i < PIECES; i++)
		if (!taken[i]) {
			was_used = taken[i] = true;
			return reserve[i];
		}
	return NULL;
}

/* PIECES: it is the C library's. */
static size_t piece_of(const void *memory)
{
	uintptr_t offset = (uintptr_t)memory - (uintptr_t)reserve;
	return offset < sizeof reserve ? offset / PIECE_SIZE : PIECES;
}

void spare_free(void *memory)
{
	size_t piece = piece_of(memory);
	if (piece < PIECES)
		taken[piece] = false;
	else
		free(memory);
}

static void *allocate(size_t size)
{
	void *memory = malloc(size);
	if (!memory)
		memory = spare_take(size);
	return memory;
}

/* A piece is never large enough for what grows. */
static void *reallocate(void *memory, size_t size)
{
	return piece_of(memory) < PIECES ? NULL : realloc(memory, size);
}

void spare_init(void)
{
	event_set_mem_functions(allocate, reallocate, spare_free);
}

bool spare_begin(void)
{
	size_t left = 0;
	for (size_t i = 0; i < PIECES; i++)
		left += !taken[i];
	was_used = false;
	return has_begun = left >= ENOUGH;
}

bool spare_end(void)
{
	has_begun = false;
	return was_used;
}
