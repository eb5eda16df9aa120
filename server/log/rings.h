/* SPDX-License-Identifier: MIT */
/* rings.h - the rings of many threads that one thread empties.
 *
 * Threads that put come and go at the start and at the end of the server; the one that
 * takes finds theirs by looking at all places.
 */
#ifndef SERVER_RINGS_H
#define SERVER_RINGS_H

#include "server/log/ring.h"

#define RINGS_MAX 144 /* WORKERS_MAX for each of two doors, connections, events */

/* Begins zeroed. */
struct rings {
	struct sleeper sleeper;
	_Atomic(struct ring *) places[RINGS_MAX];
	atomic_ulong refused[RINGS_MAX]; /* in each place, by all that were there */
};

/* A ring for the thread that is to put. NULL: out of memory, or of places. It gives the
 * ring back with ring_leave(). */
struct ring *rings_add(struct rings *rings);

/* For the thread that takes: calls take for each ring that is not empty, and frees those
 * that have been left. True if there was one. */
bool rings_take(struct rings *rings, void (*take)(struct ring *ring, void *arg),
                void *arg);
bool rings_are_empty(struct rings *rings);

/* How many records have been refused, by all together; for any thread. */
unsigned long rings_refused(struct rings *rings);

#endif
