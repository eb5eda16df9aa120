/* SPDX-License-Identifier: MIT */
/* bell.h - how the main thread speaks to another, which waits in a loop of its own for a
 * descriptor to be readable.
 *
 *     main thread                     the other
 *     bell_ring(bell, wish) ───────▶  fd is readable: bell_answer() gives the wishes
 *     bell_wait() ◀─────────────────  bell_done(), where bell_wait() is called
 *     bell_is_answered()              has come round its loop since it was rung last
 */
#ifndef SERVER_BELL_H
#define SERVER_BELL_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

/* What a thread is to do; a set of bits. */
enum bell_wish {
	BELL_SHOW_LIFE = 0, /* no more than to answer */
	BELL_ADOPT = 1,     /* another configuration is in force */
	BELL_STOP = 2,
};

struct bell {
	int fd; /* for the other's loop: readable when it has been rung */
	_Atomic unsigned wishes;
	_Atomic unsigned rung, answered;
	sem_t done;
};

bool bell_init(struct bell *bell);
void bell_fini(struct bell *bell); /* also after bell_init() failed */

/* For the main thread */
void bell_ring(struct bell *bell, enum bell_wish wish);
void bell_wait(struct bell *bell);
bool bell_is_answered(const struct bell *bell);

/* For the thread that is rung */
unsigned bell_answer(struct bell *bell);
void bell_done(struct bell *bell);

#endif
