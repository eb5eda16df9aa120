/* SPDX-License-Identifier: MIT */
/* slice.h - a length-counted piece of someone else's text. */
#ifndef RULES_SLICE_H
#define RULES_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *at; /* not NUL-terminated; may be NULL only when len is 0 */
	size_t len;     /* bytes */
};

/* The whole of a NUL-terminated text; NULL gives the empty slice. */
static inline struct slice slice_of(const char *text)
{
	return (struct slice){text, text ? strlen(text) : 0};
}

/* Without the first count bytes (all of them if there are fewer). */
static inline struct slice slice_skip(struct slice text, size_t count)
{
	count = count < text.len ? count : text.len;
	return (struct slice){text.at ? text.at + count : NULL, text.len - count};
}

/* Takes c off the head of text; false if it does not begin with c. */
bool slice_take(struct slice *text, char c);

/* Without spaces, tabs, CR and LF at either end. */
struct slice slice_trim(struct slice text);

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* ASCII letters only; len bytes at each. */
bool slice_folds(const char *a, const char *b, size_t len);
static inline bool slice_equal_nocase(struct slice a, struct slice b)
{
	return a.len == b.len && slice_folds(a.at, b.at, a.len);
}

/* True if text begins with prefix. The empty prefix begins every text. */
static inline bool slice_begins(struct slice text, struct slice prefix)
{
	return prefix.len <= text.len &&
	       (prefix.len == 0 || memcmp(text.at, prefix.at, prefix.len) == 0);
}

/* Index of the first control character, a byte below 32 or 127, or text.len. */
size_t slice_control(struct slice text);
static inline bool slice_has_control(struct slice text)
{
	return slice_control(text) < text.len;
}

/* Index of the first c in text, or text.len. */
static inline size_t slice_find(struct slice text, char c)
{
	const char *found = text.len ? memchr(text.at, c, text.len) : NULL;
	return found ? (size_t)(found - text.at) : text.len;
}

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
