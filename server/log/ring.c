/* SPDX-License-Identifier: MIT */
#include "server/log/ring.h"

#include <assert.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void copy_in(struct ring *ring, const char *line, size_t len)
{
	size_t at = ring->put % RING_BYTES, first = least(len, RING_BYTES - at);
	memcpy(ring->bytes + at, line, first);
	memcpy(ring->bytes, line + first, len - first);
	ring->put += len;
}

static bool has_room(struct ring *ring, size_t len, bool urgent)
{
	size_t used = ring->put - ring->taken;
	if (ring->ended)
		return false;
	if (urgent)
		return RING_BYTES - used >= len;
	ring->choked = ring->choked ? used > RING_BYTES / 2
	                            : RING_BYTES - RING_URGENT < used + len;
	return !ring->choked;
}

bool ring_put(struct ring *ring, const char *line, size_t len, bool urgent)
{
	pthread_mutex_lock(&ring->lock);
	bool room = has_room(ring, len, urgent), wake = room && ring->waiting;
	if (room)
		copy_in(ring, line, len);
	if (wake)
		ring->waiting = false;
	pthread_mutex_unlock(&ring->lock);
	if (wake)
		pthread_cond_signal(&ring->filled);
	return room;
}

/* As many bytes as are there and fit, cut behind the last newline. */
static size_t copy_out(struct ring *ring, char *to, size_t size)
{
	size_t len = least(ring->put - ring->taken, size);
	size_t at = ring->taken % RING_BYTES, first = least(len, RING_BYTES - at);
	memcpy(to, ring->bytes + at, first);
	memcpy(to + first, ring->bytes, len - first);
	const char *end = memrchr(to, '\n', len);
	assert(end || len == 0);
	len = end ? (size_t)(end - to) + 1 : 0;
	ring->taken += len;
	return len;
}

size_t ring_take(struct ring *ring, char *to, size_t size)
{
	pthread_mutex_lock(&ring->lock);
	while (ring->put == ring->taken && !ring->ended) {
		ring->waiting = true;
		pthread_cond_wait(&ring->filled, &ring->lock);
	}
	size_t len = copy_out(ring, to, size);
	pthread_mutex_unlock(&ring->lock);
	return len;
}

void ring_end(struct ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	ring->ended = true;
	pthread_mutex_unlock(&ring->lock);
	pthread_cond_signal(&ring->filled);
}
