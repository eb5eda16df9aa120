/* SPDX-License-Identifier: MIT */
/* log.h - the server's log: one line per event, on standard error.
 *
 *     2026-11-22T12:00:00.123Z warning more strangers dropped count=120 seconds=10
 *
 * Lower-case clause, subject first, then key=value. Thread-safe. No thread waits for the
 * log: lines go into a ring (ring.h), and a thread of the log's own writes them, as many
 * whole ones as a pipe takes in one piece with one write(). What finds the ring full (a
 * pipe that nobody reads, a slow disk) or cannot be written (a full one) is dropped and
 * counted; the next line that gets through follows one that says how many were. Events
 * have room of their own there, that calls cannot take. What a peer sent is escaped by
 * log_escape(): no line can be forged.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/slice.h"

#define LOG_LINE_MAX 4096 /* PIPE_BUF: a write of this size is not mixed with others */

struct diags; /* rules/diags.h */

/* Starts the thread. Until then a line is written at once if standard error can take it.
 * 0 or the errno: then it stays so. */
int log_start(void);

/* Writes what is left, for at most LOG_STOP_MS if standard error takes nothing. */
#define LOG_STOP_MS 500
void log_stop(void);

enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };

/* One event. Format: "subject clause key=value ...". A line that is too long is cut and
 * ends with "...". */
void log_event(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* For events that a peer can cause: the first of a kind is printed at once, further ones
 * are counted and summed up at most every LOG_FLOOD_S seconds, by the next event or by
 * log_flush(). */
#define LOG_FLOOD_S 10
enum log_kind {
	LOG_STRANGER,     /* a source that no peer names */
	LOG_CUT,          /* Contacts left out of a reply for its size */
	LOG_UNSENDABLE,   /* a reply that could not be sent */
	LOG_NO_VIA,       /* a message without a usable Via */
	LOG_LIBRARY,      /* something sofia-sip had to say */
	LOG_GAVE_UP,      /* a regex that took too long */
	LOG_KERNEL_QUEUE, /* datagrams that the kernel dropped, its queue being full */
	LOG_CROWDED,      /* a connection refused for their number */
	LOG_ACCEPT,       /* a connection that could not be accepted */
	LOG_LATE,         /* a connection closed at its deadline */
	LOG_UNREAD,       /* a connection closed because its replies are not read */
	LOG_HANDSHAKE,    /* a TLS handshake that failed */
	LOG_CREDENTIALS,  /* wrong ones of a user */
	LOG_OVER,         /* a request over its peer's limit */
	LOG_AMPLIFIED,    /* a reply too large for a peer whose source may be forged */
	LOG_KINDS
};
void log_often(enum log_kind kind, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints the sums that are due; all: whatever there is, before the end. */
void log_flush(bool all);

/* Lines that are no events: a format without newline, a text of several lines, and all
 * that is in diags. Lines that are too long are cut. */
void log_plain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_text(struct slice text);
void log_findings(struct diags *diags);

/* Writes one complete line of a call (newline included, at most LOG_LINE_MAX bytes);
 * false if it was dropped. */
bool log_write(const char *line, size_t len);

/* RFC 3339 in UTC with milliseconds; returns to. */
#define LOG_TIME_MAX 32
const char *log_time(char to[LOG_TIME_MAX]);

/* Copies text so that it is safe inside a line: control characters, quotes, backslashes,
 * characters that change the direction of text, and bytes that are not UTF-8 become \xNN.
 * Never writes more than size bytes (4 or more), the NUL included; a text that is cut
 * ends with "...". Returns to. */
const char *log_escape(struct slice text, char *to, size_t size);

/* The same for a text inside a JSON string: \u00NN. The outcome is always valid there. */
const char *log_escape_json(struct slice text, char *to, size_t size);

#endif
