/* SPDX-License-Identifier: MIT */
/* stream.h - the door for TCP and TLS: libevent's loop in one thread of its own.
 *
 * Strangers and those who are too many are closed before a byte of theirs is read. Out of
 * descriptors, it stops accepting until there are some again and serves on those it has.
 */
#ifndef SERVER_STREAM_H
#define SERVER_STREAM_H

#include "server/certificates.h"
#include "server/door.h"

struct stream;

/* Listens on those of settings' addresses that are this door's, and answers with
 * redirect, which it uses alone, in a thread that it starts. NULL if that failed: *failed
 * is the listener that could not be opened (NULL: something else) and *error the errno.
 */
struct stream *stream_start(const struct settings *settings, struct redirect *redirect,
                            struct certificates *certificates,
                            const struct listen **failed, int *error);

/* Closes the listeners, gives replies that wait half a second to be read, ends the thread
 * and frees stream. */
void stream_stop(struct stream *stream);

#endif
