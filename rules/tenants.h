/* SPDX-License-Identifier: MIT */
/* tenants.h - which rules a request asks: those of the first table of `tables` that is
 * for it, else those of the top level.
 *
 * A table is for all combinations of its profiles, peers and hosts; what it does not give
 * may be anything. All combinations of all tables are in one map, so that a choice takes
 * one look for each shape that occurs, eight at most, however many tables there are:
 *
 *     acme: {host: acme.example}              *      *   acme.example → acme
 *     globex: {profile: trunks, peer: [a, b]} trunks a   *            → globex
 *                                             trunks b   *            → globex
 */
#ifndef RULES_TENANTS_H
#define RULES_TENANTS_H

#include "rules/facts.h"
#include "rules/rule.h"

#define COMBINATIONS_MAX 1000000u /* of all tables together */

/* Makes table->tenants from its tables. Warns of those that no request asks. False after
 * an error. */
bool tenants_make(struct load *load, struct table *table);

const struct ruleset *tenants_choose(const struct table *table,
                                     const struct facts *facts);

#endif
