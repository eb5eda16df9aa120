/* SPDX-License-Identifier: MIT */
/* writer.h - text put together in a buffer of a fixed size. What does not fit is not
 * written, nor is anything behind it, and the writer is full from then on.
 */
#ifndef RULES_WRITER_H
#define RULES_WRITER_H

#include <string.h>

#include "rules/slice.h"

struct writer {
	char *to;
	size_t size, len; /* size is cut to len once it is full */
	bool full;
};

static inline void writer_fill(struct writer *writer)
{
	writer->full = true;
	writer->size = writer->len;
}

static inline void writer_put(struct writer *writer, struct slice text)
{
	if (text.len > writer->size - writer->len) {
		writer_fill(writer);
	} else if (text.len) {
		memcpy(writer->to + writer->len, text.at, text.len);
		writer->len += text.len;
	}
}

static inline void writer_put_char(struct writer *writer, char c)
{
	writer_put(writer, (struct slice){&c, 1});
}

#define WRITER_PUT(writer, literal)                                                      \
	writer_put(writer, (struct slice){literal, sizeof(literal) - 1})

/* %XX, in upper case as RFC 3986 2.1 wants it. */
static inline void writer_put_escape(struct writer *writer, char c)
{
	static const char hex[] = "0123456789ABCDEF";
	unsigned char value = (unsigned char)c;
	char escape[3] = {'%', hex[value >> 4], hex[value & 15]};
	writer_put(writer, (struct slice){escape, sizeof escape});
}

/* What was written since the writer's len was start. */
static inline struct slice writer_since(const struct writer *writer, size_t start)
{
	return (struct slice){writer->to + start, writer->len - start};
}

#endif
