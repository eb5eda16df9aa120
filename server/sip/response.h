/* SPDX-License-Identifier: MIT */
/* response.h - the one builder of replies: complete text, the same for every door. */
#ifndef SERVER_RESPONSE_H
#define SERVER_RESPONSE_H

#include "server/sip/request.h"

/* What is answered. Absent texts have len 0. */
struct response {
	unsigned status;
	struct slice phrase;   /* empty: the status code's own (RFC 3261 21) */
	struct slice contacts; /* value of Contact */
	const struct dialect
		*dialect;            /* that they are written in; NULL: there are none */
	unsigned long expires_s;     /* 0: no Expires */
	struct slice reason;         /* value of Reason (RFC 3326) */
	unsigned long retry_after_s; /* 0: no Retry-After */
	const char *allow;           /* value of Allow, or NULL */
	struct slice headers;        /* further ones, complete lines of ours */
	bool capabilities; /* Accept and Supported, for OPTIONS (RFC 3261 11.2) */
};

/* Writes the reply to request, To tag included if the request has none (RFC
 * 3261 8.2.6.2). Copied values come out as they came in, except that control characters
 * are blanks, so that no header can be smuggled in. Returns its length, 0 if it does not
 * fit size. */
size_t response_write(const struct response *response, const struct request *request,
                      const struct endpoint *source, const char *tag, char *to,
                      size_t size);

/* Where the reply to a datagram goes: its source address, and its source port with rport,
 * else the port in the Via (RFC 3581 4, RFC 3261 18.2.2). maddr and names are never
 * followed. */
struct endpoint response_destination(const struct request *request,
                                     const struct endpoint *source);

/* The standard phrase of a status code. */
struct slice response_phrase(unsigned status);

#endif
