/* SPDX-License-Identifier: MIT */
/* snapshot.h - the configuration in force: settings, routing table and certificates, for
 * many threads, exchanged in one step.
 *
 * Readers acquire it for one message or one batch and release it. Nobody ever waits for a
 * reload, and no reader spends time on freeing an old one: snapshot_reap() does, called
 * by the thread that reloads.
 */
#ifndef SERVER_SNAPSHOT_H
#define SERVER_SNAPSHOT_H

#include "server/configuration.h"

struct snapshot;

/* Takes what configuration has. NULL when out of memory: then it has it still. */
struct snapshot *snapshot_new(const struct configuration *configuration);
void snapshot_free(struct snapshot *snapshot); /* when no reader is left */

/* The one in force, held until it is released. */
const struct configuration *snapshot_acquire(struct snapshot *snapshot);
void snapshot_release(struct snapshot *snapshot,
                      const struct configuration *configuration);

/* Puts configuration in place of the one in force, and takes what it has. False when out
 * of memory: nothing has changed. */
bool snapshot_swap(struct snapshot *snapshot, const struct configuration *configuration);

/* Frees those that were exchanged and that nobody holds any more. Returns how many
 * are still held. */
size_t snapshot_reap(struct snapshot *snapshot);

#endif
