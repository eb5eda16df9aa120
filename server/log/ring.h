/* SPDX-License-Identifier: MIT */
/* ring.h - a bounded queue of records, from a thread that must not wait to one that may.
 *
 *     begin, commit ──▶ |....[len|record][len|record][len|record].......| ──▶ next,
 * release ^ released       ^ read              ^ put
 *
 * One thread puts and one takes, without locks; all three only grow, and count modulo
 * RING_BYTES. A record lies in one piece, so some bytes at the end may be left out. It is
 * put whole or not at all: when there is no room it is refused and counted, and then all
 * are until half of the ring is free again: one gap, not many.
 *
 * The memory is RING_BYTES for each ring, used from the first record on and never more.
 */
#ifndef SERVER_RING_H
#define SERVER_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "server/log/sleeper.h"

#define RING_BYTES      ((size_t)1 << 20) /* a power of two */
#define RING_RECORD_MAX (RING_BYTES / 8)  /* bytes of one record */

struct ring;

/* sleeper: called for the one who takes; refused: counts the records that find no room,
 * and nobody else writes to it. Both must outlive the ring. NULL: out of memory. */
struct ring *ring_new(struct sleeper *sleeper, atomic_ulong *refused);
void ring_free(struct ring *ring);

/* For the one who puts. Room for a record, aligned for any type; NULL: there is none, and
 * it is counted. Then commit puts the record, which has turned out to be len bytes, no
 * more than were asked for. */
void *ring_begin(struct ring *ring, size_t len);
void ring_commit(struct ring *ring, size_t len);

/* The last record has been put; whoever takes frees the ring when it has them all. */
void ring_leave(struct ring *ring);

/* For the one who takes. The next record and its length; NULL: there is none. It stays
 * until release, which gives the room of all that were taken back. */
const void *ring_next(struct ring *ring, size_t *len);
void ring_release(struct ring *ring);
bool ring_is_empty(const struct ring *ring);
bool ring_is_left(const struct ring *ring);

#endif
