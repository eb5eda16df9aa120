/* SPDX-License-Identifier: MIT */
/* health.h - makes the health of a configuration's gateways: see rules/health.h. */
#ifndef SERVER_HEALTH_H
#define SERVER_HEALTH_H

#include "rules/health.h"
#include "rules/table.h"

/* All are up, but those that have the same name and URI in old_table have the state that
 * old says; both may be NULL. NULL when out of memory. */
struct health *health_new(const struct table *table, const struct table *old_table,
                          const struct health *old);
void health_free(struct health *health);

#endif
