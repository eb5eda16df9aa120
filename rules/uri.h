/* SPDX-License-Identifier: MIT */
/* uri.h - SIP URIs taken apart and compared (RFC 3261 19.1). */
#ifndef RULES_URI_H
#define RULES_URI_H

#include "rules/slice.h"

/* Pieces of one URI, pointing into its text. Absent pieces have at == NULL; an absent
 * port is 0. */
struct uri {
	bool sips;
	struct slice user;     /* without password; as written, escapes and all */
	struct slice password; /* deprecated, RFC 3261 19.1.1 */
	struct slice host;     /* name, IPv4, or [IPv6] with its brackets */
	unsigned port;         /* 1..65535 */
	struct slice params;  /* what follows the first ';' of the hostport, without it */
	struct slice headers; /* what follows '?', without it */
};

#define URI_PIECES_MAX 64 /* parameters, or headers, compared one by one */

/* Takes text apart and checks each piece against the grammar of RFC 3261 25.1. False with
 * *why set to a static text, and *at to the byte where it went wrong, otherwise.
 * Placeholders in braces are not part of the grammar: target.h removes them first. Host
 * names may have underscores, as real ones do, and end in a dot; a name whose last part
 * is a number is an IPv4 address or an error. */
bool uri_parse(struct slice text, struct uri *out, const char **why, size_t *at);

/* RFC 3261 19.1.4: user and password by case, all else without; %XX equals its character
 * unless that is reserved; a default port differs from an explicit one; user, ttl,
 * method, maddr and transport matter even if only one URI has them; other parameters only
 * if both have them; headers always. IPv6 addresses compare as addresses (RFC 5954).
 *
 * Bounded in time whatever the network sends: if either URI has more than URI_PIECES_MAX
 * parameters, these are equal only byte by byte, and so are the headers. Else the time is
 * at most URI_PIECES_MAX times the length of the shorter URI. */
bool uri_equal(const struct uri *a, const struct uri *b);

/* The value of a parameter in params (";"-separated, name without case). False if it is
 * absent; a parameter without value gives the empty slice; of several with one name the
 * first counts. */
bool uri_param(struct slice params, const char *name, struct slice *value);

/* True if text begins with an escape, %XX; *byte is then what it stands for. */
bool uri_unescape(struct slice text, char *byte);

/* True if c may stand in a user part without an escape. */
bool uri_is_user_char(char c);

#endif
