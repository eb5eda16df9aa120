/* SPDX-License-Identifier: MIT */
/* message.h - one SIP message taken into its start line and header fields.
 *
 * sofia-sip's parser does the work, with a message class of ours that hands every header
 * field over as it came, name and value, and interprets none: a broken header that nobody
 * needs cannot fail, and a reply can copy what it must copy to the letter (RFC
 * 3261 8.2.6.2). Only Content-Length is looked at, because a stream cannot be cut into
 * messages without it.
 *
 * nta wants to see a message in order before it passes it on, and answers by itself what
 * it does not like; so the class shows it the same well-formed INVITE whatever came in.
 * All decisions are then ours, and no peer's Via ever reaches the library's resolver.
 *
 * guard.h has the other half.
 */
#ifndef SERVER_MESSAGE_H
#define SERVER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include <sofia-sip/msg.h>
#include <sofia-sip/msg_mclass.h>

#include "rules/slice.h"

#define MESSAGE_MAX                                                                      \
	65535u /* bytes, headers and body; RFC 3261 18.1.1 asks for this many */

#define MESSAGE_BUFFER_MAX                                                               \
	131072u /* bytes received on a stream and not yet used: a message, and what was  \
	           read of those behind it */

/* One header field. The value is trimmed; line folding (CRLF and blanks) is still inside.
 */
struct field {
	struct slice name, value;
};

enum framing {
	FRAMING_OK,
	FRAMING_TRUNCATED,  /* Content-Length beyond the end of the datagram, or so far of
	                       the stream: 400 (RFC 3261 18.3) */
	FRAMING_TOO_LARGE,  /* beyond MESSAGE_MAX on a stream: 413, and the stream is
	                       closed */
	FRAMING_BAD_LENGTH, /* no number, or two that differ: 400, and a stream is closed
	                     */
	FRAMING_NO_LENGTH,  /* none on a stream, where nothing else says where the message
	                       ends (RFC 3261 18.3): 400, and it is closed */
};

struct message {
	struct slice start_line; /* without CRLF */
	const struct field *fields;
	size_t field_count;
	size_t bad_lines; /* header lines without a colon, or a name that is a token; they
	                     are skipped */
	enum framing framing;
	bool clean; /* known to have no control characters */
	struct slice
		text; /* the whole, where redirect_passes() has not seen it; or empty */
};

/* The message class for datagrams or for streams. Made by message_init(), once, before
 * any thread starts; never freed. */
bool message_init(void);
const msg_mclass_t *message_class(bool stream);

/* True if class is one of the two. */
bool message_is_ours(const msg_mclass_t *class);

/* The view of a message that one of these classes has parsed, as far as its empty line;
 * NULL if it did not get that far. Lives as long as the msg_t. */
const struct message *message_of(msg_t *msg);

/* Parses text as one datagram. NULL if there is no start line and empty line, or out of
 * memory. The caller releases it with msg_destroy(). */
msg_t *message_parse(struct slice text);

/* True if the field is called name; compact forms are the same as full ones, without
 * case. */
bool field_is_called(const struct field *field, struct slice name);
static inline bool field_is(const struct field *field, struct slice name)
{
	/* most names are of another length, and neither is compact */
	return (field->name.len == name.len || field->name.len < 2 || name.len < 2) &&
	       field_is_called(field, name);
}

/* "Call-ID" for "i" (RFC 3261 7.3.3); any other name as it is. */
struct slice field_full_name(struct slice name);

/* Takes a header line apart, folded ones included. False if it has no colon or its name
 * is no token (RFC 3261 7.3.1). */
bool field_split(struct slice line, struct field *field);

/* RFC 3261 20.14: what the Content-Length fields of a message come to. Starts zeroed. */
struct content_length {
	size_t bytes;
	bool seen;
	bool bad; /* one is no number, or two differ */
};

/* Takes field into account, if it is a Content-Length. */
void content_length_add(struct content_length *length, const struct field *field);

#endif
