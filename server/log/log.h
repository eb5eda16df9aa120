/* SPDX-License-Identifier: MIT */
/* log.h - the server's log: one line per event.
 *
 *     2026-11-22T12:00:00.123Z warning more strangers dropped count=120 seconds=10
 *
 * Lower-case clause, subject first, then key=value. Thread-safe, and no thread waits:
 * journal.h writes the lines, where settings want them. What a peer sent is escaped by
 * escape.h: no line can be forged.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_LINE_MAX 4096 /* PIPE_BUF: a write of this size is not mixed with others */

struct diags; /* rules/diags.h */

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
	LOG_TOO_LARGE,    /* a reply that no datagram can carry */
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
	LOG_MIRROR,       /* a copy for hep that could not be sent */
	LOG_KINDS
};
void log_often(enum log_kind kind, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same for what comes with every packet: counts one at now_ns (CLOCK_MONOTONIC) and
 * says whether it is to be printed, which the caller then does by log_event(LOG_WARNING,
 * ...). False takes no lock and reads no clock. */
bool log_often_due(enum log_kind kind, uint64_t now_ns);

/* As log_often(), for one event that tells of amount things. */
void log_lost(enum log_kind kind, uint64_t amount, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* How many of a kind there were since the start, printed or not; of log_lost() the
 * amounts. */
uint64_t log_total(enum log_kind kind);

/* What such a thing is called as a reason why something was dropped or turned away:
 * "stranger". NULL: it means nothing of the sort. */
const char *log_drop(enum log_kind kind);

/* Prints the sums that are due; all: whatever there is, before the end. */
void log_flush(bool all);

/* Lines that are no events: those of the start, and all that is in diags. Standard error
 * gets them as well, wherever the log goes. Lines that are too long are cut. */
void log_plain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_findings(struct diags *diags);

#endif
