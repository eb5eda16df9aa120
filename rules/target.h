/* SPDX-License-Identifier: MIT */
/* target.h - the URI of a gateway, and the Contact URI made from it for one call.
 *
 *     sip:gw1.example.net               → sip:+442071234567@gw1.example.net
 *     sip:00{called}@gw2.example.net    → sip:00+442071234567@gw2.example.net
 */
#ifndef RULES_TARGET_H
#define RULES_TARGET_H

#include "rules/rule.h"

/* Reads a text as a target URI; into is a struct target_uri. */
schema_reader target_read;

/* Writes the URI for one call; values are escaped as RFC 3261 25.1 asks of a user part.
 * Returns its length, or 0 if it does not fit size. */
size_t target_write(const struct target_uri *target, const struct template_values *values,
                    char *to, size_t size);

/* The port that a request to this URI goes to: as written, else the scheme's own. */
unsigned target_port(const struct target_uri *target);

#endif
