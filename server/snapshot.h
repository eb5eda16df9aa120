/* SPDX-License-Identifier: MIT */
/* snapshot.h - the routing table in force, for many threads, exchanged in one step.
 *
 * Readers acquire it for one message or one batch and release it. Nobody ever waits for a
 * reload, and no reader spends time on freeing an old table: snapshot_reap() does, called
 * by the thread that reloads.
 */
#ifndef SERVER_SNAPSHOT_H
#define SERVER_SNAPSHOT_H

#include "rules/table.h"

struct snapshot;

struct snapshot *
snapshot_new(struct table *table); /* takes the table; NULL when out of memory */
void snapshot_free(struct snapshot *snapshot); /* when no reader is left */

/* The table in force, held until it is released. */
const struct table *snapshot_acquire(struct snapshot *snapshot);
void snapshot_release(struct snapshot *snapshot, const struct table *table);

/* Puts table, which it takes, in place of the one in force. False when out of memory: the
 * old one stays and table is freed. */
bool snapshot_swap(struct snapshot *snapshot, struct table *table);

/* Frees the tables that were exchanged and that nobody holds any more. Returns how many
 * are still held. */
size_t snapshot_reap(struct snapshot *snapshot);

#endif
