/* SPDX-License-Identifier: MIT */
/* door.h - between a socket and the request's way.
 *
 * A door turns bytes into one parsed message plus where it came from, and takes one reply
 * text back. All doors share everything behind this file.
 */
#ifndef SERVER_DOOR_H
#define SERVER_DOOR_H

#include "server/configuration.h"
#include "server/settings/settings.h"
#include "server/sip/endpoint.h"
#include "server/sip/message.h"

/* Where a message came from. */
struct arrival {
	struct endpoint source;
	const struct listen
		*listen;      /* the listener it came in by: its address, its profile */
	struct address local; /* that it was sent to, if the listener has all; or zeros */
	const struct peer *peer; /* set by redirect_admits(); NULL: not asked yet */
	size_t bytes; /* of the message, over UDP: what its answer is measured by */
	bool over;    /* set by redirect_passes(): only a priority is answered */
};

#define REPLY_MAX 65507 /* bytes: what a UDP datagram over IPv4 can carry */

/* One reply. length 0: send nothing. */
struct reply {
	size_t length;
	struct endpoint
		to; /* on a stream: ignored, the reply goes down the same connection */
	bool close; /* on a stream: close it after this reply, or at once if there is none
	             */
	char text[REPLY_MAX + 1];
};

struct redirect; /* the request's way: redirect.h. One per thread. */

/* True if this source may talk to this listener; then arrival->peer is set. A door that
 * can asks before it looks at the message; redirect_answer() asks if none has. */
bool redirect_admits(struct redirect *redirect, struct arrival *arrival);

/* For every message of one who has been admitted: false if it is to be dropped unread,
 * for the peer has sent too many, or nothing answers it. text: the message as it came. */
bool redirect_passes(struct redirect *redirect, struct slice text,
                     struct arrival *arrival);

/* For one that is no message at all, and so is not answered. */
void redirect_unread(struct redirect *redirect, const struct arrival *arrival);

/* Tells of a source that is not let in. */
void redirect_stranger(struct redirect *redirect, const struct arrival *arrival);

/* What every door does with a message: fills reply. */
void redirect_answer(struct redirect *redirect, const struct message *message,
                     const struct arrival *arrival, struct reply *reply);

/* For a batch of messages: all of them are answered by the configuration in force at the
 * first, which is given, and lives until it is let go. What a door has found in one of
 * another serial has to be found again. */
const struct configuration *redirect_hold(struct redirect *redirect);
void redirect_let_go(struct redirect *redirect);

/* For one who holds it longer: the next message comes now. */
void redirect_now(struct redirect *redirect);

/* All replies since redirect_hold() or redirect_now() have been sent: that is how long
 * their requests took. */
void redirect_sent(struct redirect *redirect);

/* A connection has been opened; what it returns is for redirect_closed(). */
unsigned redirect_opened(struct redirect *redirect, const struct arrival *arrival);
void redirect_closed(struct redirect *redirect, unsigned listener);

#endif
