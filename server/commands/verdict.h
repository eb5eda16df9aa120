/* SPDX-License-Identifier: MIT */
/* verdict.h - an answer held against what was expected of it, as a diff.
 *
 *         rule: uk
 *       - gateways: [[london-1, london-2], paris]
 *       + gateways: [paris]
 */
#ifndef SERVER_VERDICT_H
#define SERVER_VERDICT_H

#include <stdio.h>

#include "server/commands/expected.h"

struct explanation; /* redirect.h */
struct reply;       /* door.h */

/* Writes a line for each key that is as expected, two for one that is not; shares are not
 * looked at. True if there is no difference. */
bool verdict_write(const struct expected *expected, const struct explanation *explanation,
                   const struct reply *reply, FILE *to);

/* The lines of one key. */
void verdict_same(FILE *to, const char *key, struct slice value);
void verdict_differ(FILE *to, const char *key, struct slice wanted, struct slice got);

/* The gateway of the best target, or its URI if it has no name; empty without targets. */
struct slice verdict_first(const struct explanation *explanation);

#endif
