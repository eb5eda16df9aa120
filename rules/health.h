/* SPDX-License-Identifier: MIT */
/* health.h - which of a table's probed gateways do not answer at present.
 *
 * Written by one thread while others look calls up. A lookup reads each gateway's once,
 * so that what changes meanwhile cannot make it offer one twice or not at all.
 */
#ifndef RULES_HEALTH_H
#define RULES_HEALTH_H

#include <stdbool.h>
#include <stddef.h>

struct health {
	size_t count;
	unsigned char down[]; /* by number, from 1; 0 is for all that are not probed */
};

/* health NULL: none is down. */
static inline bool health_is_down(const struct health *health, size_t number)
{
	return health && __atomic_load_n(&health->down[number], __ATOMIC_RELAXED);
}

static inline void health_set(struct health *health, size_t number, bool down)
{
	__atomic_store_n(&health->down[number], down, __ATOMIC_RELAXED);
}

#endif
