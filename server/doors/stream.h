/* SPDX-License-Identifier: MIT */
/* stream.h - the door for TCP and TLS: libevent's loop in one thread of its own.
 *
 * Strangers and those who are too many are closed before a byte of theirs is read. Out of
 * descriptors, it stops accepting until there are some again and serves on those it has.
 */
#ifndef SERVER_STREAM_H
#define SERVER_STREAM_H

#include "server/bell.h"
#include "server/doors/door.h"
#include "server/operations/activation.h"

struct stream;

/* Listens on those addresses in force that are this door's, of which there may be none,
 * and answers with redirect, which it uses alone, in a thread that it starts; on
 * sockets that were passed, for those that have one (NULL: none were). NULL if
 * that failed: *failed is the listener that could not be opened (NULL: something else)
 * and *error the errno. */
struct stream *stream_start(struct redirect *redirect, struct activation *activation,
                            const struct listen **failed, int *error);

/* As datagram_prepare(), datagram_abandon() and datagram_adopt(). Connections live on,
 * unless their listener is gone, their source is a peer no more or something else is
 * demanded over TLS: these get the replies that wait for them, and are closed. */
int stream_prepare(struct stream *stream, const struct settings *settings,
                   const struct listen **failed);
void stream_abandon(struct stream *stream);
void stream_adopt(struct stream *stream);

/* True if so many connections have ended since it last was that their memory is worth
 * giving back. For any thread. */
bool stream_has_emptied(struct stream *stream);

/* Its thread's. */
struct bell *stream_bell(struct stream *stream);

/* Closes the listeners, gives connections half a second to be answered what they have
 * asked, or to ask for the first time, and to read it, ends the thread and frees stream.
 */
void stream_stop(struct stream *stream);

#endif
