/* SPDX-License-Identifier: MIT */
/* sleeper.h - wakes one thread that has nothing to do, by others that must not wait.
 *
 * A nudge costs a look at one word, and a system call only if the thread is asleep. So
 * that it is not at work and asleep again for every line of a busy server, it may doze
 * for a while after it has had something to do: then only those wake it who have a lot.
 */
#ifndef SERVER_SLEEPER_H
#define SERVER_SLEEPER_H

#include <stdatomic.h>
#include <stdbool.h>

enum { SLEEPER_AWAKE, SLEEPER_DOZING, SLEEPER_ASLEEP };

/* Begins zeroed. */
struct sleeper {
	atomic_uint state;
};

void sleeper_wake(struct sleeper *sleeper);

/* Something has been left for the thread, and published with a sequentially consistent
 * store; much: there is so much of it that it should not doze on. */
static inline void sleeper_nudge(struct sleeper *sleeper, bool much)
{
	unsigned state = atomic_load(&sleeper->state);
	if (state == SLEEPER_ASLEEP || (much && state == SLEEPER_DOZING))
		sleeper_wake(sleeper);
}

/* For the one thread. Sleeps until it is nudged, but not if idle(arg) is false, which
 * looks at all that others may leave. */
void sleeper_sleep(struct sleeper *sleeper, bool (*idle)(void *arg), void *arg);

/* Sleeps for so long, unless it is nudged for much. */
void sleeper_doze(struct sleeper *sleeper, unsigned ms);

#endif
