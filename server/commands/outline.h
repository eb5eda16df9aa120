/* SPDX-License-Identifier: MIT */
/* outline.h - a routing table in the making: what an import has understood, to be written
 * as rules.yaml.
 *
 *     gateway  name, address │ strip and lead: what it wants done to the number
 *     route    group, prefix, priority, time │ offers: gateways in tiers, with weights
 *
 * Other servers rewrite the number for each gateway, a rule of ours does once. Where the
 * gateways of a route want different things, the rule takes off what the longest strip
 * does, and the URI of each gateway puts in front what it is to have; that goes as far as
 * the prefix, which is known. Such a gateway is written again, as "gw-1/0044".
 *
 * Everything is kept until the outline is freed.
 */
#ifndef SERVER_OUTLINE_H
#define SERVER_OUTLINE_H

#include <stdio.h>

#include "rules/diags.h"
#include "rules/slice.h"

struct outline;

struct outline_gateway {
	struct slice name;
	struct slice uri; /* without a user part: sip:192.0.2.1;transport=tcp */
	unsigned long strip;
	struct slice lead; /* put in front of the number that is left */
	bool disabled;
};

struct outline_offer {
	const struct outline_gateway *gateway;
	unsigned weight; /* 1 to 10000 */
	unsigned tier;   /* from 0, rising; equal ones share */
};

struct outline_route {
	struct slice group; /* whose calls: a table of its own if there are several */
	struct slice name;
	struct slice prefix; /* of the called number; empty: all that no other has */
	long priority;       /* of routes with one prefix the highest is asked first */
	struct slice time;   /* keys of a time, in braces; empty: always */
	struct slice from, until;
	const struct outline_offer *offers;
	size_t offer_count;
	bool rejects;         /* in place of offers */
	struct slice numbers; /* in place of prefix and offers: the table that has both */
	struct position at;   /* for findings */
};

struct outline *outline_new(struct diags *diags);
void outline_free(struct outline *outline);              /* NULL is allowed */
bool outline_is_complete(const struct outline *outline); /* memory has not run out */

struct arena *outline_arena(struct outline *outline);
struct slice outline_copy(struct outline *outline, struct slice text);
struct slice outline_text(struct outline *outline, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A gateway under the key, by which outline_find() finds it again: the identity that it
 * has in the export. The name is made from what is wanted, so that it is one and nobody
 * else's. NULL after an error: the key is there already, or uri is no SIP URI. */
const struct outline_gateway *outline_gateway(struct outline *outline, struct slice key,
                                              const struct outline_gateway *wanted,
                                              struct position at);
const struct outline_gateway *outline_find(const struct outline *outline,
                                           struct slice key);

/* It is written even if no route offers it. */
void outline_use(struct outline *outline, const struct outline_gateway *gateway);

/* False after an error, if the route cannot be written. */
bool outline_route(struct outline *outline, const struct outline_route *route);

/* A table of numbers: the rows are in file, in the columns prefix and gateway. */
void outline_numbers(struct outline *outline, struct slice name, struct slice file);

/* peer: the tables of groups are for the peers of the settings with this and their name.
 */
void outline_write(struct outline *outline, const char *peer, FILE *to);

size_t outline_gateways(const struct outline *outline);
size_t outline_routes(const struct outline *outline);

#endif
