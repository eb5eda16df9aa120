/* SPDX-License-Identifier: MIT */
/* registry.h - small numbers for the names that are counted by, for the process's life.
 *
 * A name keeps its number over reloads, and when it is gone from the files: what was
 * counted under it is not forgotten, and never counted under another. There is room for
 * REGISTRY_MAX names of each kind, whoever comes first; all others share number 0, which
 * is called "other". So memory, and what a scrape has to carry, are bounded.
 */
#ifndef SERVER_REGISTRY_H
#define SERVER_REGISTRY_H

#include "rules/slice.h"

#define REGISTRY_MAX         1000
#define REGISTRY_METHODS_MAX 31
#define REGISTRY_OTHER       0

enum registry_kind {
	REGISTRY_PROFILES,
	REGISTRY_PEERS,
	REGISTRY_LISTENERS,
	REGISTRY_RULES,
	REGISTRY_GATEWAYS,
	REGISTRY_METHODS, /* REGISTRY_METHODS_MAX of them */
	REGISTRY_KINDS
};

struct registry;

struct registry *registry_new(void); /* NULL when out of memory */
void registry_free(struct registry *registry);

/* The number of name, which is copied; REGISTRY_OTHER if it has none and there is no
 * room, or no memory. For one thread, while others may use the next two. */
unsigned registry_number(struct registry *registry, enum registry_kind kind,
                         struct slice name);

/* How many there are, "other" included: numbers are 0 to one less. */
size_t registry_count(const struct registry *registry, enum registry_kind kind);
struct slice registry_name(const struct registry *registry, enum registry_kind kind,
                           unsigned number);

#endif
