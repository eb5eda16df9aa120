/* SPDX-License-Identifier: MIT */
/* journal.h - the log's thread, which writes what all others have to say.
 *
 *     worker ── record ──▶ ring ─┐
 *     worker ── record ──▶ ring ─┼─▶ thread: lines ──▶ sink: stderr, file, syslog
 *     anyone ── event ───▶ ring ─┘
 *
 * No thread waits for the log. Each that answers calls has a ring of its own (ring.h),
 * into which it copies what is to be told of a call; a thread of the log's own makes
 * lines of it and writes them in large pieces. What finds its ring full (a pipe that
 * nobody reads, a slow disk) or cannot be written (a full one) is dropped and counted;
 * before the next line that gets through comes one that says how many were. Events have a
 * ring together, behind a lock, that calls cannot fill.
 *
 * Memory: RING_BYTES for each thread that answers and for events, so 1 MB for each of
 * them, 130 MB if there are as many threads as there may be; used once it has been
 * written to. Then 64 KB.
 *
 * While calls come the thread looks after its rings every JOURNAL_DOZE_MS, or when one is
 * half full; so a worker makes no system call for a line, but for the first after a
 * silence. A thread without anything to do sleeps until it is woken.
 */
#ifndef SERVER_JOURNAL_H
#define SERVER_JOURNAL_H

#include "server/log/ring.h"
#include "server/log/sink.h"

#define JOURNAL_DOZE_MS 10

/* Starts the thread, which takes the sink. Until then a line is written at once if
 * standard error can take it. 0 or the errno: then it stays so. */
int journal_start(struct sink *sink);

/* Writes what is left, for at most JOURNAL_STOP_MS if the sink takes nothing. */
#define JOURNAL_STOP_MS 500
void journal_stop(void);

/* Takes the sink: what comes from now on goes there. */
void journal_move(struct sink *sink);

/* Opens a file again that has been moved away. */
void journal_reopen(void);

/* A ring for a thread that answers, which gives it back with ring_leave(). *ring is NULL
 * without a journal's thread. False when out of memory. */
bool journal_ring(struct ring **ring);

/* One complete line, newline included, at most LOG_LINE_MAX bytes. also: standard error
 * is to have it too. False if it was dropped. */
bool journal_put(enum log_level level, bool also, const char *line, size_t len);

/* If lines have been dropped, tells so now, if it can be told. */
void journal_tell(void);

/* How many lines have been dropped since the start; for any thread. */
unsigned long journal_dropped(void);

#endif
