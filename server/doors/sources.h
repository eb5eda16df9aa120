/* SPDX-License-Identifier: MIT */
/* sources.h - how many connections each source has: a v4 address, or a v6 /64.
 *
 * A hash table with a key of its own, so that nobody can choose addresses that meet in
 * it. For one thread.
 */
#ifndef SERVER_SOURCES_H
#define SERVER_SOURCES_H

#include "rules/network.h"

struct sources;

struct sources *sources_new(void); /* NULL when out of memory */
void sources_free(struct sources *sources);

/* One more of address's source. False if it has max already, or out of memory. */
bool sources_add(struct sources *sources, const struct address *address,
                 unsigned long max);

/* One less; it has been added. */
void sources_remove(struct sources *sources, const struct address *address);

#endif
