/* SPDX-License-Identifier: MIT */
/* numbering.h - the numbers (registry.h) of all that one configuration has names for. */
#ifndef SERVER_NUMBERING_H
#define SERVER_NUMBERING_H

#include <stdint.h>

#include "rules/table.h"
#include "server/operations/registry.h"
#include "server/settings/settings.h"

/* Read-only. Indexes are the numbers of profiles, peers, listeners and methods in the
 * settings, and of decisions' rules and gateways. */
struct numbering {
	const uint16_t *profiles, *peers, *listeners, *rules, *gateways;
	uint16_t methods[METHODS_MAX];
};

/* Enters their names. A rule is called as decision_label() has it, a gateway that a rule
 * writes by its URI. NULL when out of memory. */
struct numbering *numbering_new(struct registry *registry,
                                const struct settings *settings,
                                const struct table *table);
void numbering_free(struct numbering *numbering);

/* Enters the methods that RFCs name: call before the first numbering_new(). */
void numbering_start(struct registry *registry);

/* The number of a method that settings do not list; REGISTRY_OTHER for one that no RFC
 * names. A peer that makes methods up makes no labels. */
unsigned numbering_method(struct slice method);

#endif
