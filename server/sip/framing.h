/* SPDX-License-Identifier: MIT */
/* framing.h - cuts a stream into messages (RFC 3261 18.3).
 *
 *     received:  CRLF CRLF | INVITE … CRLF CRLF body | OPTI
 *                PING        MESSAGE                   NONE: more is needed
 *
 * The caller keeps what has been received and not used yet, in one piece; the framer
 * remembers how far it got, so each byte is looked at once, in however many segments it
 * comes. Line ends and folded lines are those of the parser (CRLF, and LF or CR alone),
 * and what a Content-Length says is decided by message.c for both: the two never see a
 * message end in different places. No sockets, no memory of its own.
 */
#ifndef SERVER_FRAMING_H
#define SERVER_FRAMING_H

#include "server/sip/message.h"

/* How far into a message. Plain data, to be kept with the connection; starts zeroed. */
struct framer {
	size_t scanned; /* bytes of the message that were looked at */
	size_t field;   /* where the header field that is being read begins */
	size_t whole;   /* bytes of the message; 0: its empty line is still to come */
	struct content_length length;
	unsigned char place; /* enum place in framing.c */
	unsigned char crlfs; /* bytes of a CRLFCRLF seen between messages */
};

enum frame_kind {
	FRAME_NONE,    /* more is needed */
	FRAME_PING,    /* CRLFCRLF between messages: RFC 5626 4.4.1 asks for a CRLF */
	FRAME_MESSAGE, /* one complete message */
	FRAME_BAD,     /* the end of the stream: nobody knows where the next one begins */
};

struct frame {
	enum frame_kind kind;
	size_t used;       /* bytes to take off the front of what was received */
	struct slice text; /* MESSAGE: all of it; BAD: its header lines as far as they are
	                      whole, perhaps none. Inside of received */
	enum framing framing; /* BAD: why */
};

/* The next frame. received is what was not used yet, the same bytes as the last time and
 * those that came since. Not to be called again after FRAME_BAD. */
struct frame framer_next(struct framer *framer, struct slice received);

#endif
