/* SPDX-License-Identifier: MIT */
/* contacts.h - the Contact list of a 3xx: a decision's targets, best first. */
#ifndef SERVER_CONTACTS_H
#define SERVER_CONTACTS_H

#include "rules/decision.h"
#include "server/sip/request.h"

/* Takes out of decision what may not be offered to this request: targets equal to the
 * Request-URI (RFC 3261 8.3), and, for a sips Request-URI, all that are not sips (RFC
 * 5630 5.3). Returns how many are left. */
size_t contacts_filter(struct decision *decision, const struct request *request);

/* Bytes: DECISION_TARGETS_MAX URIs of the longest kind. */
#define CONTACTS_TEXT_MAX 45000

/* Writes the first count targets as one Contact value: every URI in angle brackets (RFC
 * 8217), with q falling from 1.0 in steps of 0.1, or without. */
struct slice contacts_write(const struct decision *decision, size_t count, bool with_q,
                            char to[CONTACTS_TEXT_MAX]);

#endif
