/* SPDX-License-Identifier: MIT */
/* slice.h - a length-counted piece of someone else's text. */
#ifndef RULES_SLICE_H
#define RULES_SLICE_H

#include <stdbool.h>
#include <stddef.h>

struct slice {
	const char *at; /* not NUL-terminated; may be NULL only when len is 0 */
	size_t len;     /* bytes */
};

/* The whole of a NUL-terminated text; NULL gives the empty slice. */
struct slice slice_of(const char *text);

/* Without the first count bytes (all of them if there are fewer). */
struct slice slice_skip(struct slice text, size_t count);

/* Without spaces, tabs, CR and LF at either end. */
struct slice slice_trim(struct slice text);

bool slice_equal(struct slice a, struct slice b);
bool slice_equal_nocase(struct slice a, struct slice b); /* ASCII letters only */

/* True if text begins with prefix. The empty prefix begins every text. */
bool slice_begins(struct slice text, struct slice prefix);

/* True if text holds a control character: a byte below 32, or 127. */
bool slice_has_control(struct slice text);

/* Index of the first c in text, or text.len. */
size_t slice_find(struct slice text, char c);

/* How many bytes at the head of text are a token (RFC 3261 25.1): letters, digits and
 * -.!%*_+`'~ */
size_t slice_token(struct slice text);

/* Reads all of text as a decimal number of at most max. False if there is anything but
 * digits, or too many of them. */
bool slice_number(struct slice text, unsigned long max, unsigned long *out);

/* Bytes of the UTF-8 character (RFC 3629) that text begins with: 1 to 4, or 0 if it
 * begins with none or is empty. */
size_t slice_utf8(struct slice text);

#endif
