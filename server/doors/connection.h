/* SPDX-License-Identifier: MIT */
/* connection.h - one TCP or TLS connection of the stream door.
 *
 *     accept ─▶ handshaking ─▶ open ─────────────▶ leaving ─▶ closed
 *               (TLS only)     requests are        the last replies go out, what
 *                              answered in order   still comes is thrown away
 *
 * Whose it is may be known at accept, by its network; over TLS a certificate may tell, at
 * the end of the handshake. If neither does, it is closed without an answer.
 *
 * Each has one deadline: for the handshake from accept, for a message from its first
 * byte, for silence from the last message, for leaving from the last reply. Whoever is
 * late is closed. While replies are not read only a message that is answered, or reading
 * them all, ends a silence. Between messages a connection holds no buffers.
 */
#ifndef SERVER_CONNECTION_H
#define SERVER_CONNECTION_H

#include <event2/buffer.h>
#include <event2/event.h>
#include <openssl/types.h>
#include <sys/queue.h>

#include "server/doors/door.h"
#include "server/settings/limits.h"
#include "server/sip/scan.h"

struct connection;
struct handshakes;

/* All connections of one thread, and what they share. */
struct connections {
	struct event_base *base;
	struct redirect *redirect;
	struct handshakes *handshakes;
	struct limits limits;
	const struct certificates *certificates;                    /* in force */
	void (*on_close)(void *arg, const struct arrival *arrival); /* one has ended */
	void *arg;

	unsigned long count, strangers; /* those: in a handshake, to show who they are */
	unsigned long *of_peers;        /* by peer->number; NULL: not counted */
	unsigned long of_peer_max;
	bool stopping; /* nobody lingers any more */
	LIST_HEAD(connection_list, connection) list;
	TAILQ_HEAD(stranger_list, connection) in_handshake; /* strangers, oldest first */
	struct evbuffer *replies; /* of the connection that is being read */
	struct reply reply;
	struct scan scan;
	char head[MESSAGE_MAX]; /* of a message that cannot be framed */
};

struct connections *connections_new(void); /* NULL when out of memory */

void connections_free(struct connections *all);

/* Closes them at once; the loop frees what they had when it runs next. */
void connections_close(struct connections *all);

/* True if peer has as many as it may have, which is less than all where there are other
 * peers; it may be NULL. */
bool connections_has_enough(const struct connections *all, const struct peer *peer);

/* Of one that is not let in; many: what there are too many of, "of its source". */
void connection_log_refused(const struct arrival *arrival, const char *many);

/* Closes strangers, the oldest first, until there are fewer than max (> 0): one comes. */
void connections_make_room(struct connections *all, unsigned long max);

/* Serves a socket that has been accepted, from now on; session: over TLS. Takes both.
 * False when out of memory: they are closed, and on_close is not called. */
bool connection_open(struct connections *all, int fd, SSL *session,
                     const struct arrival *arrival);

/* Another configuration is in force, and the one before not freed yet: finds listener and
 * peer of each again. One that has none any more, or from whose TLS something else was
 * demanded than is now, is told to go. Before the first is opened, too. */
void connections_readmit(struct connections *all,
                         const struct configuration *configuration);

/* Answers what has been asked already, of one that is new its first question, and closes
 * each as soon as its replies are sent. */
void connections_stop(struct connections *all);

#endif
