/* SPDX-License-Identifier: MIT */
/* document.h - a YAML file as a tree of nodes that know where they stand.
 *
 * Only the syntax is looked at here; what the keys mean is schema.h's matter. Limits, so
 * that no file takes more than bounded time and memory: DOCUMENT_BYTES_MAX of text,
 * DOCUMENT_DEPTH_MAX levels, DOCUMENT_NODES_MAX nodes with every alias counted as often
 * as it stands.
 */
#ifndef RULES_DOCUMENT_H
#define RULES_DOCUMENT_H

#include <stdint.h>

#include "rules/diags.h"
#include "rules/slice.h"

#define DOCUMENT_BYTES_MAX (128u << 20)
#define DOCUMENT_DEPTH_MAX 16
#define DOCUMENT_NODES_MAX 10000000u

enum node_type { NODE_SCALAR, NODE_LIST, NODE_MAPPING };

struct pair;

/* Kept small: a large table has millions. */
struct node {
	unsigned char type; /* enum node_type */
	bool plain;         /* a scalar without quotes: 42, not "42" */
	uint32_t count;     /* items of a list, pairs of a mapping */
	struct position position;
	struct slice text; /* of a scalar; NUL-terminated behind its end */
	union {            /* of a list, and of a mapping */
		const struct node *const *items;
		const struct pair *pairs; /* in the file's order, duplicate keys too */
	};
};

struct pair {
	const struct node *key; /* always a scalar */
	const struct node *value;
};

struct document;

/* Reads a regular file: UTF-8, one YAML document, no tags, each anchor given once. Adds
 * every fault found to diags and returns NULL if there is one; an empty file is one. The
 * caller frees the document; nodes and texts live as long as it does. The file in
 * positions is path itself, which must outlive all that keeps them. An alias is the very
 * node that it names, with that node's position. memory_limit bounds the bytes of the
 * tree. */
struct document *document_read(const char *path, size_t memory_limit,
                               struct diags *diags);
void document_free(struct document *document);

/* The same for a file of passwords: whatever comes of it, what was read is overwritten
 * before its memory is freed, the tree by document_free(). Out of reach is what libyaml
 * leaves behind while it gathers a text: its beginning, where the buffer moves as it
 * grows, and a text whose quote is never closed. */
struct document *document_read_secret(const char *path, size_t memory_limit,
                                      struct diags *diags);

/* What it has taken of memory_limit. */
size_t document_bytes(const struct document *document);

/* The document's root: any type. Never NULL. */
const struct node *document_root(const struct document *document);

/* "a mapping", "a list" or "a text", for messages. */
const char *node_type_name(const struct node *node);

#endif
