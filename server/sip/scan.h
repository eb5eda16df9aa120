/* SPDX-License-Identifier: MIT */
/* scan.h - the quick way to take a plain datagram into its start line and header fields.
 *
 * Strict: what it accepts, message_parse() takes into exactly the same pieces; whatever
 * is folded, compact, has a control character, an odd line end, or more than
 * SCAN_FIELDS_MAX fields, is left to message_parse(). The test of that is a fuzzer that
 * feeds both.
 */
#ifndef SERVER_SCAN_H
#define SERVER_SCAN_H

#include "server/sip/message.h"

#define SCAN_FIELDS_MAX 64

/* Where the pieces are kept; the caller's, so that nothing is allocated. */
struct scan {
	struct message message;
	struct field fields[SCAN_FIELDS_MAX];
};

/* Scans text, a whole datagram. The message points into text and scan. NULL: use
 * message_parse(). */
const struct message *scan_message(struct scan *scan, struct slice text);

#endif
