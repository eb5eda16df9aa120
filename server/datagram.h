/* SPDX-License-Identifier: MIT */
/* datagram.h - the UDP door: many datagrams with few system calls.
 *
 * A worker is a thread with a socket of its own for every UDP address (SO_REUSEPORT),
 * memory for BATCH datagrams and as many replies, and a struct redirect that it uses
 * alone. It receives a batch, answers it, sends the answers, and holds the routing table
 * in force for just so long; nothing is allocated after the start.
 *
 *     epoll ─▶ recvmmsg ─▶ [admit ─▶ parse ─▶ redirect_answer] × n ─▶ sendmmsg
 */
#ifndef SERVER_DATAGRAM_H
#define SERVER_DATAGRAM_H

#include "server/door.h"

struct datagram;

/* Starts one worker on all UDP listeners of settings whose stack is ours. Returns when
 * all are bound; the worker answers from then on. redirect is the worker's alone. NULL if
 * that failed: *failed is the listener that could not be bound (NULL: no thread) and
 * *error the errno. */
struct datagram *datagram_start(const struct settings *settings,
                                struct redirect *redirect, const struct listen **failed,
                                int *error);

/* Spreads packets over the workers of each address at random instead of by their source,
 * so that one busy trunk is served by all of them. Call once, when all have started.
 * False with errno set if the kernel cannot. */
bool datagram_spread_packets(struct datagram *const *workers, size_t count);

/* Closes the sockets, ends the thread and frees datagram. */
void datagram_stop(struct datagram *datagram);

#endif
