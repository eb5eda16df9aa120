/* SPDX-License-Identifier: MIT */
/* target.h - the URI of a gateway, and the Contact URI made from it for one call.
 *
 *     sip:gw1.example.net               → sip:+442071234567@gw1.example.net
 *     sip:00{called}@gw2.example.net    → sip:00+442071234567@gw2.example.net
 */
#ifndef RULES_TARGET_H
#define RULES_TARGET_H

#include "rules/parameters.h"
#include "rules/rule.h"

/* Reads a text as a target URI; into is a struct target_uri. */
schema_reader target_read;

/* What makes one Contact URI of a target. */
struct target_call {
	const struct template_values *values;
	const struct parameters
		*parameters;                  /* NULL: none; else written behind a number
	                                         that has {called} in it, with user=phone */
	bool user_phone;                      /* any telephone number gets user=phone */
	bool bare;                            /* no headers, not even the target's own */
	const struct headers_levels *headers; /* NULL: none */
};

/* Writes the URI for one call; values are escaped as RFC 3261 25.1 asks of a user part.
 * Parameters that the target has itself stay its own. Returns its length, or 0 if it does
 * not fit size. */
size_t target_write(const struct target_uri *target, const struct target_call *call,
                    char *to, size_t size);

/* The port that a request to this URI goes to: as written, else the scheme's own. */
unsigned target_port(const struct target_uri *target);

#endif
