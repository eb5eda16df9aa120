/* SPDX-License-Identifier: MIT */
/* schema.h - reads a mapping by a table of its keys: one option, one row.
 *
 *     static const struct field fields[] = {
 *             {"uri", read_uri, FIELD_REQUIRED},
 *             {"weight", read_weight, 0},
 *     };
 *     schema_read(load, node, "a gateway", fields, 2, &gateway);
 *
 * Unknown keys (with the nearest known one as the hint), duplicate keys (with both
 * places), missing required keys and values of the wrong type become findings; reading
 * goes on after each, so that all are found.
 */
#ifndef RULES_SCHEMA_H
#define RULES_SCHEMA_H

#include "rules/arena.h"
#include "rules/diags.h"
#include "rules/document.h"
#include "rules/slice.h"

/* What every reader needs. Owners embed it as the first member of their own struct. */
struct load {
	struct arena *arena; /* what is read lives here */
	struct diags *diags;
	bool out_of_memory; /* set by load_memory(), reported once, at the end */
	bool of_table;      /* it is the first member of a struct table_load */
};

/* Reads one value into the owner's structure. False after an error, which it has added to
 * diags. */
typedef bool schema_reader(struct load *load, const struct node *value, void *into);

enum { FIELD_REQUIRED = 1 };

struct field {
	const char *name;
	schema_reader *read;
	unsigned flags;
	size_t offset; /* read gets the owner's structure from here on */
};

/* Reads nothing: keeps the node, in a const struct node *. For keys that are read when
 * the whole file has been seen. */
schema_reader schema_keep;

/* Reads node, which must be a mapping, by count fields. what names the thing in messages:
 * "a gateway". False if anything was wrong. */
bool schema_read(struct load *load, const struct node *node, const char *what,
                 const struct field *fields, size_t count, void *into);

/* The nearest of count names to text, for "did you mean"; NULL if none is near. name_at
 * gives the i-th name. */
const char *schema_nearest(struct slice text,
                           const char *(*name_at)(const void *names, size_t i),
                           const void *names, size_t count);

/* The same for a finding of load; NULL, too, if nobody will see it: such a search costs.
 */
const char *load_nearest(const struct load *load, struct slice text,
                         const char *(*name_at)(const void *names, size_t i),
                         const void *names, size_t count);

/* Checks of one node; each adds a finding and returns false if it fails. what names the
 * value in messages: "weight". */
bool schema_text(struct load *load, const struct node *node, const char *what,
                 struct slice *out); /* a scalar, not empty; points into the document */
bool schema_number(struct load *load, const struct node *node, const char *what,
                   unsigned long min, unsigned long max, unsigned long *out);
bool schema_bool(struct load *load, const struct node *node, const char *what, bool *out);

/* One of count names; *out is its place among them. */
bool schema_choice(struct load *load, const struct node *node, const char *what,
                   const char *const *names, size_t count, size_t *out);

/* Calls read for node if it is a scalar or mapping, or for each item if it is a list:
 * "short for simple things". An empty list is an error. read gets into unchanged. */
bool schema_each(struct load *load, const struct node *node, const char *what,
                 schema_reader *read, void *into);

/* How many times schema_each() will call read. */
size_t schema_each_count(const struct node *node);

/* An error at node. Returns false, so that a reader can end with it. Without memory left
 * nothing is added. */
bool load_error(struct load *load, const struct node *node, const char *hint,
                const char *format, ...) __attribute__((format(printf, 4, 5)));
void load_warning(struct load *load, struct position position, const char *hint,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Notes that memory ran out and returns false. */
bool load_memory(struct load *load);

#endif
