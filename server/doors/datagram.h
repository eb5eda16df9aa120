/* SPDX-License-Identifier: MIT */
/* datagram.h - the UDP door: many datagrams with few system calls.
 *
 * A worker is a thread with a socket of its own for every UDP address (SO_REUSEPORT),
 * memory for BATCH datagrams and as many replies, and a struct redirect that it uses
 * alone. A socket that the service manager has passed is one for all workers: what waits
 * in it when they end is there for the next ones. A worker receives a batch, answers it,
 * sends the answers, and holds the routing table in force for just so long; for a plain
 * request nothing is allocated after the start.
 *
 *     epoll ─▶ recvmmsg ─▶ [admit ─▶ parse ─▶ redirect_answer] × n ─▶ sendmmsg
 */
#ifndef SERVER_DATAGRAM_H
#define SERVER_DATAGRAM_H

#include "server/bell.h"
#include "server/doors/door.h"
#include "server/operations/activation.h"

struct datagram;

/* Starts one worker on all UDP listeners in force whose stack is ours; there may be none.
 * Sockets that were passed (NULL: none) are shared by all workers.
 * Returns when all are bound; the worker answers from then on. redirect is the worker's
 * alone. NULL if that failed: *failed is the listener that could not be bound (NULL: no
 * thread) and *error the errno. */
struct datagram *datagram_start(struct redirect *redirect, struct activation *activation,
                                const struct listen **failed, int *error);

/* Binds those of settings, which is to be in force, that it does not have. Nothing is
 * received there before datagram_adopt(). 0, or an errno with *failed set. */
int datagram_prepare(struct datagram *datagram, const struct settings *settings,
                     const struct listen **failed);

/* Closes what datagram_prepare() has bound: it is not to be in force. */
void datagram_abandon(struct datagram *datagram);

/* Another configuration is in force: receives on what datagram_prepare() has bound, and
 * closes the listeners that are in force no more. All others are left as they are.
 * Returns when that is done. Called by one thread at a time, as the two above. */
void datagram_adopt(struct datagram *datagram);

/* Spreads packets over the workers of each address at random instead of by their source,
 * so that one busy trunk is served by all of them. Call when all have started, and when
 * all have adopted.
 * False with errno set if the kernel cannot. */
bool datagram_spread_packets(struct datagram *const *workers, size_t count);

/* Its thread's. */
struct bell *datagram_bell(struct datagram *datagram);

/* Closes the sockets, ends the thread and frees datagram. */
void datagram_stop(struct datagram *datagram);

#endif
