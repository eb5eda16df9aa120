/* SPDX-License-Identifier: MIT */
/* request.h - a message understood: the headers that an answer needs, and what rules ask
 * about. */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include <sofia-sip/sip.h>
#include <sofia-sip/su_alloc.h>

#include "rules/facts.h"
#include "rules/number.h"
#include "rules/uri.h"
#include "server/door.h"

enum scheme { SCHEME_SIP, SCHEME_SIPS, SCHEME_TEL, SCHEME_OTHER };

/* Where the last look for a header's values ended, so that the next value costs no second
 * walk. */
struct header_cursor {
	const char *name;
	size_t value, field; /* the next of each */
};

/* Pieces of header values point into the message; what had to be copied lives in home. An
 * absent header has at == NULL. */
struct request {
	const struct message *message;
	su_home_t *home;
	struct header_cursor *cursor;

	struct slice method; /* as written; methods are compared by case (RFC 3261 7.1) */
	struct slice uri;    /* the Request-URI as written */
	enum scheme scheme;
	const url_t *
		url; /* taken apart by sofia-sip; NULL if there is no usable start line */

	const sip_via_t
		*top; /* the top Via; never NULL in a request that request_read() takes */
	size_t top_field;      /* the header field it stands in */
	struct slice top_rest; /* further Vias in the same field, behind the comma */

	struct slice from, to, call_id, cseq; /* values of the first such header */
	struct slice from_tag, to_tag, branch;
	bool to_usable; /* sofia-sip could read the To header */
	const url_t *from_url;
	struct slice from_uri; /* the same as it came */
	unsigned long cseq_number;

	unsigned fault;  /* 400, 413 or 505: what is wrong with the message; 0: nothing */
	char phrase[64]; /* goes with fault: "Bad CSeq Header" */
};

enum request_use {
	REQUEST_ANSWER,   /* a request that can be answered, be it with its fault */
	REQUEST_RESPONSE, /* a response: ignored */
	REQUEST_NO_VIA,   /* nobody to answer to: ignored */
};

/* Reads message; home must outlive request. */
enum request_use request_read(struct request *request, const struct message *message,
                              su_home_t *home);

/* What the rules are to know; buffers hold the cleaned numbers. False if the called user
 * part is longer than NUMBER_MAX. A caller that is too long counts as none. */
struct request_numbers {
	char called[NUMBER_MAX], caller[NUMBER_MAX];
};
bool request_facts(const struct request *request, const struct arrival *arrival,
                   uint64_t call_key, struct request_numbers *numbers,
                   struct facts *facts);

#endif
