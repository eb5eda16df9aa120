/* SPDX-License-Identifier: MIT */
/* ring.h - a bounded queue of lines: from threads that must not wait to one that may.
 *
 *     put ──▶ |.....[ line\n line\n li ..............| ──▶ take
 *                   ^ taken             ^ put          (both only grow; modulo
 * RING_BYTES)
 *
 * A line is put whole or not at all. Once one has been refused all are that are not
 * urgent, until half of the ring is free: one gap, not many. The lock is held for the
 * copying of a line, or of what one take can carry, never while anything is written or
 * waited for.
 */
#ifndef SERVER_RING_H
#define SERVER_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define RING_BYTES  ((size_t)1 << 20) /* beyond, lines are refused; a power of two */
#define RING_URGENT (RING_BYTES / 4)  /* of these, for urgent lines only */

/* Begins zeroed, but for RING_INIT. */
struct ring {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	bool waiting; /* the taker is */
	bool ended;
	bool choked; /* a line has been refused */
	size_t put, taken;
	char bytes[RING_BYTES];
};
#define RING_INIT .lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER

/* line ends with its only newline. False: there is no room, or the ring has ended. */
bool ring_put(struct ring *ring, const char *line, size_t len, bool urgent);

/* Waits for lines and copies as many whole ones as fit, size being enough for the
 * longest. 0: the ring has ended, and all that was put is taken. For one thread. */
size_t ring_take(struct ring *ring, char *to, size_t size);

/* Nothing can be put any more. */
void ring_end(struct ring *ring);

#endif
