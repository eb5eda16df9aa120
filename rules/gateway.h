/* SPDX-License-Identifier: MIT */
/* gateway.h - gateways, groups of them, and the routes that name them. */
#ifndef RULES_GATEWAY_H
#define RULES_GATEWAY_H

#include "rules/rule.h"

/* Readers for the keys `gateways` and `groups`. Groups are read after gateways. */
schema_reader gateways_read, groups_read;

/* Reads what `redirect` says: a gateway, a group, a URI, or a list of tiers of these. */
bool route_read(struct load *load, const struct node *node, struct route *out);

/* The name nearest to text, for "did you mean"; with gateway a gateway's, else a group's
 * will do. NULL if none is near. */
const char *gateway_nearest(const struct table *table, struct slice text, bool gateway);

/* Makes the routes of all gateways and groups by name, for those that are named by rows
 * of number tables. */
bool routes_complete(struct load *load);

/* True if no gateway of the route is enabled. */
bool route_is_disabled(const struct route *route);

/* A name as people give it: 1 to NAME_MAX_BYTES bytes, no control characters. what names
 * it in messages. Copies it. */
bool name_read(struct load *load, const struct node *node, const char *what,
               struct slice *out);

#endif
