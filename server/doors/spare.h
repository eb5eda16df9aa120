/* SPDX-License-Identifier: MIT */
/* spare.h - a little memory for libevent when there is no other.
 *
 * libevent 2.1.12 crashes if it gets no memory in the middle of making a TLS stream. So
 * all of its memory comes through here, and while a thread has asked for it, a piece that
 * malloc() refuses is taken from a reserve. A stream that was made of that is closed at
 * once: nothing has changed, but that it ends well.
 */
#ifndef SERVER_SPARE_H
#define SERVER_SPARE_H

#include <stdbool.h>
#include <stddef.h>

/* libevent gets its memory from here. Call before any thread starts. */
void spare_init(void);

/* From here on this thread may use the reserve; one thread at a time. False: too much of
 * it is in use. */
bool spare_begin(void);

/* From here on not any more. Returns whether it was used. */
bool spare_end(void);

/* What libevent calls when malloc() has failed, and in place of free(). */
void *spare_take(size_t size);
void spare_free(void *memory);

#endif
