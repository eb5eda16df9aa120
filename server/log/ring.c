/* SPDX-License-Identifier: MIT */
#include "server/log/ring.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#define LINE 64       /* bytes that cores exchange: no two threads write to the same */
#define SKIP SIZE_MAX /* in place of a length: the next record is at the beginning */

/* In front of each record. */
struct head {
	alignas(max_align_t) size_t len;
};

struct ring {
	struct sleeper *sleeper;
	atomic_ulong *refused;
	char *bytes;

	alignas(LINE) size_t begun; /* where the record is that is being written */
	size_t seen_released;       /* may be behind: looked at when there is no room */
	bool choked;                /* a record has been refused */

	alignas(LINE) atomic_size_t put;
	atomic_bool left;

	alignas(LINE) atomic_size_t released;
	size_t read; /* of the one who takes */
};

struct ring *ring_new(struct sleeper *sleeper, atomic_ulong *refused)
{
	struct ring *ring = aligned_alloc(LINE, sizeof *ring);
	if (!ring)
		return NULL;
	*ring = (struct ring){
		.sleeper = sleeper, .refused = refused, .bytes = calloc(1, RING_BYTES)};
	if (ring->bytes)
		return ring;
	free(ring);
	return NULL;
}

void ring_free(struct ring *ring)
{
	if (!ring)
		return;
	free(ring->bytes);
	free(ring);
}

static struct head *head_at(const struct ring *ring, size_t at)
{
	return (struct head *)(void *)(ring->bytes + at % RING_BYTES);
}

/* With its head, so that the next one is aligned as well. */
static size_t size_of(size_t len)
{
	return (sizeof(struct head) + len + alignof(struct head) - 1) /
	       alignof(struct head) * alignof(struct head);
}

/* What of the end is left out in front of a record of size bytes. */
static size_t gap_for(size_t at, size_t size)
{
	size_t rest = RING_BYTES - at % RING_BYTES;
	return size <= rest ? 0 : rest;
}

/* Whether there would be more than limit in it, up to put. */
static bool exceeds(struct ring *ring, size_t put, size_t limit)
{
	if (put - ring->seen_released <= limit)
		return false;
	ring->seen_released = atomic_load_explicit(&ring->released, memory_order_acquire);
	return put - ring->seen_released > limit;
}

static void refuse(struct ring *ring)
{
	unsigned long count = atomic_load_explicit(ring->refused, memory_order_relaxed);
	atomic_store_explicit(ring->refused, count + 1, memory_order_relaxed);
}

void *ring_begin(struct ring *ring, size_t len)
{
	size_t put = atomic_load_explicit(&ring->put, memory_order_relaxed);
	size_t size = size_of(len), gap = gap_for(put, size);
	assert(len <= RING_RECORD_MAX);
	ring->choked = exceeds(ring, put + gap + size,
	                       ring->choked ? RING_BYTES / 2 : RING_BYTES);
	if (ring->choked) {
		refuse(ring);
		return NULL;
	}
	if (gap)
		head_at(ring, put)->len = SKIP;
	ring->begun = put + gap;
	return head_at(ring, ring->begun) + 1;
}

void ring_commit(struct ring *ring, size_t len)
{
	size_t put = ring->begun + size_of(len);
	head_at(ring, ring->begun)->len = len;
	atomic_store(&ring->put, put); /* as sleeper_nudge() asks for */
	sleeper_nudge(ring->sleeper, exceeds(ring, put, RING_BYTES / 2));
}

void ring_leave(struct ring *ring)
{
	if (!ring)
		return;
	struct sleeper *sleeper = ring->sleeper;
	atomic_store(&ring->left, true); /* it may be gone now */
	sleeper_wake(sleeper);
}

bool ring_is_empty(const struct ring *ring)
{
	return ring->read == atomic_load(&ring->put);
}

bool ring_is_left(const struct ring *ring)
{
	return atomic_load(&ring->left);
}

const void *ring_next(struct ring *ring, size_t *len)
{
	if (ring->read == atomic_load_explicit(&ring->put, memory_order_acquire))
		return NULL;
	if (head_at(ring, ring->read)->len == SKIP)
		ring->read += RING_BYTES - ring->read % RING_BYTES;
	const struct head *head = head_at(ring, ring->read);
	*len = head->len;
	ring->read += size_of(head->len);
	return head + 1;
}

void ring_release(struct ring *ring)
{
	atomic_store_explicit(&ring->released, ring->read, memory_order_release);
}
