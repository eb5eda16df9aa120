/* SPDX-License-Identifier: MIT */
/* uri.h - SIP URIs taken apart and compared (RFC 3261 19.1). */
#ifndef RULES_URI_H
#define RULES_URI_H

#include "rules/slice.h"

/* Pieces of one URI, pointing into its text. Absent pieces have at == NULL; an absent port is 0. */
struct uri {
	bool sips;
	struct slice user;     /* without password; as written, escapes and all */
	struct slice password; /* deprecated, RFC 3261 19.1.1 */
	struct slice host;     /* name, IPv4, or [IPv6] with its brackets */
	unsigned port;         /* 1..65535 */
	struct slice params;   /* what follows the first ';' of the hostport, without it */
	struct slice headers;  /* what follows '?', without it */
};

/* Takes text apart and checks each piece against the grammar of RFC 3261 25.1. False with *why set to a
 * static text, and *at to the byte where it went wrong, otherwise. Placeholders in braces are not part
 * of the grammar: target.h removes them first. */
bool uri_parse(struct slice text, struct uri *out, const char **why, size_t *at);

/* RFC 3261 19.1.4: user and password by case, all else without; %XX equals its character unless that is
 * reserved; a default port differs from an explicit one; user, ttl, method, maddr and transport matter
 * even if only one URI has them; other parameters only if both have them; headers always. */
bool uri_equal(const struct uri *a, const struct uri *b);

/* The value of a parameter in params (";"-separated, name without case). False if it is absent; a
 * parameter without value gives the empty slice. */
bool uri_param(struct slice params, const char *name, struct slice *value);

#endif
