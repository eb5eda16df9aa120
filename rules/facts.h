/* SPDX-License-Identifier: MIT */
/* facts.h - what a request looks like to a rule.
 *
 * Filled by the server from a SIP message, by `signpost route` from its arguments, by
 * tests from a literal. All slices stay the filler's and must live until the decision has
 * been used.
 */
#ifndef RULES_FACTS_H
#define RULES_FACTS_H

#include <stdint.h>

#include "rules/network.h"
#include "rules/slice.h"

struct dialect;
struct extra_headers;
struct health;
struct target;

struct facts {
	/* number_clean()ed user parts, which may be empty: called of the Request-URI,
	 * caller of P-Asserted-Identity, else of From. */
	struct slice called, caller;
	struct slice host;     /* of the Request-URI, no port; compared without case */
	struct slice listener; /* where it came in: "udp:192.0.2.1:5060" */
	struct slice profile;  /* of that listener: its name */
	struct slice peer;     /* whose network the source is in: its name */
	struct slice user;     /* who has proved to be it (digest); empty: nobody */
	struct address source;
	int64_t now_s; /* Unix time, for times, `from` and `until` */

	/* Parameters of the called number; empty: not given. rn and cic (RFC 4694)
	 * without visual separators, digits A-F in upper case, and a context that is a
	 * number in front. A trunk group (RFC 4904) counts only with its context: both or
	 * none. */
	struct slice rn, cic, tgrp, trunk_context;
	struct slice rn_context, cic_context; /* domains, of numbers without a + */
	bool npdi; /* the portability database has been asked */

	/* How the peer gets its answers. NULL: the universal dialect, no headers. */
	const struct dialect *dialect;
	const struct extra_headers *extra;

	const struct health *health; /* of the table's gateways; NULL: all are up */

	uint64_t call_key; /* keyed hash of the Call-ID: orders the gateways of a tier */

	/* Gives the i-th value, from 0, of the header field called name (any of its
	 * forms, without case); false when there are no more. NULL: no headers at all. */
	bool (*header)(const void *request, struct slice name, size_t i,
	               struct slice *value);
	/* Whether a target may be offered to the request. NULL: all may. */
	bool (*takes)(const void *request, const struct target *target);
	const void *request;
};

#endif
