/* SPDX-License-Identifier: MIT */
#include "server/log/rings.h"

struct ring *rings_add(struct rings *rings)
{
	for (size_t i = 0; i < RINGS_MAX; i++) {
		struct ring *nobody = NULL;
		struct ring *ring =
			atomic_load(&rings->places[i])
				? NULL
				: ring_new(&rings->sleeper, &rings->refused[i]);
		if (ring &&
		    atomic_compare_exchange_strong(&rings->places[i], &nobody, ring))
			return ring;
		ring_free(ring);
	}
	return NULL;
}

/* Nothing can have been put after it was left. */
static void remove_left(struct rings *rings, size_t place, struct ring *ring)
{
	if (!ring_is_left(ring) || !ring_is_empty(ring))
		return;
	atomic_store(&rings->places[place], NULL);
	ring_free(ring);
}

bool rings_take(struct rings *rings, void (*take)(struct ring *ring, void *arg),
                void *arg)
{
	bool any = false;
	for (size_t i = 0; i < RINGS_MAX; i++) {
		struct ring *ring = atomic_load(&rings->places[i]);
		if (!ring)
			continue;
		if (!ring_is_empty(ring)) {
			any = true;
			take(ring, arg);
		}
		remove_left(rings, i, ring);
	}
	return any;
}

bool rings_are_empty(struct rings *rings)
{
	for (size_t i = 0; i < RINGS_MAX; i++) {
		struct ring *ring = atomic_load(&rings->places[i]);
		if (ring && (ring_is_left(ring) || !ring_is_empty(ring)))
			return false;
	}
	return true;
}

unsigned long rings_refused(struct rings *rings)
{
	unsigned long refused = 0;
	for (size_t i = 0; i < RINGS_MAX; i++)
		refused += atomic_load_explicit(&rings->refused[i], memory_order_relaxed);
	return refused;
}
