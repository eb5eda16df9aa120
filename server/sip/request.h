/* SPDX-License-Identifier: MIT */
/* request.h - a message understood: the headers that an answer needs, and what rules ask
 * about. */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include <sofia-sip/su_alloc.h>

#include "rules/facts.h"
#include "rules/number.h"
#include "rules/parameters.h"
#include "rules/uri.h"
#include "server/doors/door.h"

enum scheme { SCHEME_SIP, SCHEME_SIPS, SCHEME_TEL, SCHEME_OTHER };

/* Who is called or calls: the user part of a URI as it came, escapes and all; of a tel
 * URI the number with its parameters (RFC 3966 3). */
struct party {
	struct slice user; /* len 0: none */
	bool telephone;    /* a tel URI, or user=phone */
};

/* The top Via as the reply has it, ready but for what only we know: before, rport's value
 * if it was asked for, behind, received. */
struct via {
	struct slice host, port; /* of the sent-by */
	struct slice before;     /* protocol, sent-by, parameters up to rport */
	struct slice behind;     /* those behind it; empty without rport */
	bool rport;              /* RFC 3581 3: a value is wanted, whatever is there */
};

/* Where the last look for a header's values ended, so that the next value costs no second
 * walk. */
struct header_cursor {
	const char *name;
	size_t value, field; /* the next of each */
};

/* Pieces of header values point into the message, or into home where they had to be
 * copied. An absent header has at == NULL. */
struct request {
	const struct message *message;
	su_home_t home[1]; /* for sofia-sip's parsers; request_home() */
	bool has_home;
	struct header_cursor cursor;
	struct slice *unfolded; /* of each field, what rules have asked for; or NULL */

	struct slice method; /* as written; methods are compared by case (RFC 3261 7.1) */
	struct slice uri;    /* the Request-URI as written */
	enum scheme scheme;
	struct slice host; /* of the Request-URI, without port */
	struct party called, from_party;

	struct via top;
	size_t top_field;      /* the header field it stands in */
	struct slice top_rest; /* further Vias in the same field, behind the comma */

	struct slice from, to, call_id, cseq; /* values of the first such header */
	struct slice from_tag, to_tag, branch;
	bool to_usable; /* the To header could be read */
	unsigned long cseq_number;

	unsigned fault;  /* 400, 413 or 505: what is wrong with the message; 0: nothing */
	char phrase[64]; /* goes with fault: "Bad CSeq Header" */
};

enum request_use {
	REQUEST_ANSWER,   /* a request that can be answered, be it with its fault */
	REQUEST_RESPONSE, /* a response: ignored */
	REQUEST_NO_VIA,   /* nobody to answer to: ignored */
};

/* Reads message: the quick way if it is plain (quick.h), else with sofia-sip's parsers.
 * Ends with request_done() in any case. */
enum request_use request_read(struct request *request, const struct message *message);

/* The same with sofia-sip's parsers always; the answers are the same. */
enum request_use request_read_fully(struct request *request,
                                    const struct message *message);

void request_done(struct request *request);

/* What the rules are to know; buffers hold the cleaned numbers and
 * the parameters of the called one. False if the called user
 * part is longer than NUMBER_MAX. A caller that is too long counts as none. */
struct request_numbers {
	char called[NUMBER_MAX], caller[NUMBER_MAX];
	char parameters[PARAMETERS_MAX];
};
bool request_facts(struct request *request, const struct arrival *arrival,
                   uint64_t call_key, struct request_numbers *numbers,
                   struct facts *facts);

#endif
