/* SPDX-License-Identifier: MIT */
/* sink.h - where the log's lines go: standard error, a file, or syslog.
 *
 * One thread writes, and may have to wait: for a pipe's reader, for a disk, for half a
 * second of a syslog that is away. Lines come out whole: a file whose disk is full in the
 * middle of one gets the rest of it before anything else, a pipe gets as many whole lines
 * as it takes in one piece.
 *
 * A file is appended to, and made with mode 0640 if there is none. Syslog gets a datagram
 * for each line, in the form of RFC 3164 that the C library uses, facility daemon, the
 * level as the severity. Its socket is not connected: the name is looked up for each
 * line, so that one that was started again is found, and nothing but sending is to be
 * allowed in the sandbox.
 */
#ifndef SERVER_SINK_H
#define SERVER_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "server/log/log.h"
#include "server/settings/settings.h"

struct sink;

/* path: of the file or of syslog's socket. NULL and errno if it cannot be opened. */
struct sink *sink_open(enum log_to to, const char *path);
void sink_close(struct sink *sink); /* NULL: does nothing */

enum log_to sink_to(const struct sink *sink);

/* The same path again, after somebody has moved the file away. 0 or -errno: then it goes
 * on with the file that it has. What the old file lacks of a line is lost. */
int sink_reopen(struct sink *sink);

/* Whole lines, of one level. Returns how many have been lost. */
unsigned long sink_write(struct sink *sink, enum log_level level, const char *lines,
                         size_t len);

/* The most that should be written at once. */
#define SINK_PIECE_MAX ((size_t)64 << 10)

/* A line, if standard error can take it without waiting. */
bool sink_write_now(const char *line, size_t len);

#endif
