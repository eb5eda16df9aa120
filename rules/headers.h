/* SPDX-License-Identifier: MIT */
/* headers.h - header fields that a rule, a gateway or a peer adds: to the reply, or to
 * the Contact URIs, for the request that follows them (RFC 3261 19.1.1).
 *
 * Only those that cannot break the reply, the way back or the next request: no list says
 * what must not be set, one says what may be.
 */
#ifndef RULES_HEADERS_H
#define RULES_HEADERS_H

#include "rules/template.h"

#define HEADERS_ADDED_MAX  16   /* of one mapping */
#define HEADER_NAME_MAX    64   /* bytes */
#define HEADER_WRITTEN_MAX 512  /* bytes of a value with its placeholders */
#define HEADER_VALUE_MAX   1024 /* bytes of one filled in; a longer one is left out */

struct header {
	struct slice name;
	struct template value; /* no pieces: this header is not wanted */
};

struct headers {
	size_t count;
	const struct header *items;
};

/* What one rule, gateway or peer adds. */
struct extra_headers {
	struct headers reply, uri;
};

/* Readers for schema rows; into is a struct headers. */
bool headers_read(struct load *load, const struct node *node, void *into);
bool headers_read_uri(struct load *load, const struct node *node, void *into);

/* Several at once, the first says the most: what it names, the others do not add. */
#define HEADERS_LEVELS 4
struct headers_levels {
	const struct headers *levels[HEADERS_LEVELS]; /* NULL: none */
};

/* True if there is nothing to write. */
bool headers_are_none(const struct headers_levels *levels);

/* Writes "Name: value\r\n" for each. A header is left out if all of its placeholders are
 * empty, or if it does not fit. */
void headers_write(const struct headers_levels *levels,
                   const struct template_values *values, struct writer *writer);

/* Writes "?Name=value&Name=value" behind own, which are the URI's and written already:
 * what they name is not added. */
void headers_write_uri(const struct headers_levels *levels, struct slice own,
                       const struct template_values *values, struct writer *writer);

#endif
