/* SPDX-License-Identifier: MIT */
/* statuspage.h - which gateways a running server takes to be down, from its /status. */
#ifndef SERVER_STATUSPAGE_H
#define SERVER_STATUSPAGE_H

#include "rules/health.h"
#include "rules/table.h"

#define STATUSPAGE_BYTES_MAX  (64 << 20)
#define STATUSPAGE_TIMEOUT_MS 5000

/* Asks url, http://ADDRESS[:PORT][/status], and gives the health of the gateways that are
 * in table as they are there; *down is how many are down. To be freed with health_free().
 * NULL, with the reason said on standard error. Names are not looked up, but localhost
 * is 127.0.0.1. */
struct health *statuspage_health(const char *url, const struct table *table,
                                 size_t *down);

#endif
