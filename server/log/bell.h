/* SPDX-License-Identifier: MIT */
/* bell.h - wakes one thread that has nothing to do, by others that must not wait.
 *
 * Ringing costs a look at one word, and a system call only if the thread is asleep. So
 * that it is not at work and asleep again for every line of a busy server, it may doze
 * for a while after it has had something to do: then only those wake it who have a lot.
 */
#ifndef SERVER_LOG_BELL_H
#define SERVER_LOG_BELL_H

#include <stdatomic.h>
#include <stdbool.h>

enum { BELL_AWAKE, BELL_DOZING, BELL_ASLEEP };

/* Begins zeroed. */
struct bell {
	atomic_uint state;
};

void bell_wake(struct bell *bell);

/* Something has been left for the thread, and published with a sequentially consistent
 * store; much: there is so much of it that it should not doze on. */
static inline void bell_ring(struct bell *bell, bool much)
{
	unsigned state = atomic_load(&bell->state);
	if (state == BELL_ASLEEP || (much && state == BELL_DOZING))
		bell_wake(bell);
}

/* For the one thread. Sleeps until it is rung, but not if idle(arg) is false, which looks
 * at all that others may leave. */
void bell_sleep(struct bell *bell, bool (*idle)(void *arg), void *arg);

/* Sleeps for so long, unless it is rung for much. */
void bell_doze(struct bell *bell, unsigned ms);

#endif
