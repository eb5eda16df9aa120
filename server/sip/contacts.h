/* SPDX-License-Identifier: MIT */
/* contacts.h - the Contact list of a 3xx: a decision's targets, best first. */
#ifndef SERVER_CONTACTS_H
#define SERVER_CONTACTS_H

#include "rules/decision.h"
#include "server/sip/request.h"

/* Whether target may be offered to this struct request, for facts: not one equal to the
 * Request-URI (RFC 3261 8.3), nor, for a sips Request-URI, one that is not sips (RFC 5630
 * 5.4). */
bool contacts_take(const void *request, const struct target *target);

/* Bytes: DECISION_TARGETS_MAX URIs of the longest kind. */
#define CONTACTS_TEXT_MAX 45000

/* Writes the first count targets as one Contact value: every URI in angle brackets (RFC
 * 8217), with q falling from 1.0 in steps of 0.1, or without. */
struct slice contacts_write(const struct decision *decision, size_t count, bool with_q,
                            char to[CONTACTS_TEXT_MAX]);

#endif
