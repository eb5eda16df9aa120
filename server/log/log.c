/* SPDX-License-Identifier: MIT */
#include "server/log/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/diags.h"
#include "server/clock.h"
#include "server/log/journal.h"
#include "server/log/stamp.h"

#define SECOND_NS UINT64_C(1000000000)

/* Events */

static void write_event(enum log_level level, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
static void write_event(enum log_level level, const char *format, va_list args)
{
	static const char *const names[] = {
		[LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};
	char line[LOG_LINE_MAX], time[STAMP_MAX];
	const size_t room = sizeof line - 1; /* the newline takes the NUL's place */
	stamp(stamp_now(), time);
	size_t start = (size_t)snprintf(line, room, "%s %s ", time, names[level]);
	int wanted = vsnprintf(line + start, sizeof line - start, format, args);
	size_t len = start + (wanted < 0 ? 0 : (size_t)wanted);
	if (len > room) {
		len = room;
		memcpy(line + len - 3, "...", 3);
	}
	/* A caller that forgot log_escape() must not make two lines of one. */
	for (size_t i = start; i < len; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
	}
	line[len] = '\n';
	journal_put(level, false, line, len + 1);
}

void log_event(enum log_level level, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	write_event(level, format, args);
	va_end(args);
}

/* Texts as they are: the start, findings */

static void write_text(enum log_level level, struct slice text)
{
	char line[LOG_LINE_MAX];
	size_t len = text.len < sizeof line ? text.len : sizeof line - 1;
	memcpy(line, text.at, len);
	line[len] = '\n';
	journal_put(level, true, line, len + 1);
}

static void write_texts(enum log_level level, struct slice text)
{
	while (text.len > 0) {
		struct slice line = {text.at, slice_find(text, '\n')};
		write_text(level, line);
		text = slice_skip(text, line.len + 1);
	}
}

void log_plain(const char *format, ...)
{
	char line[LOG_LINE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	write_texts(LOG_INFO, slice_of(line));
}

void log_findings(struct diags *diags)
{
	char *text = diags_text(diags);
	write_texts(LOG_WARNING, slice_of(text));
	free(text);
}

/* The sum of a kind, the event itself says which one it was; and the reason of a drop, if
 * it means one. */
static const struct {
	const char *sum, *drop;
} kinds[LOG_KINDS] = {
	[LOG_STRANGER] = {"more strangers dropped", "stranger"},
	[LOG_CUT] = {"more replies cut", NULL},
	[LOG_UNSENDABLE] = {"more replies not sent", "unsendable"},
	[LOG_NO_VIA] = {"more messages without a usable Via", "no_via"},
	[LOG_LIBRARY] = {"more messages from sofia-sip", NULL},
	[LOG_KERNEL_QUEUE] = {"more reports of datagrams lost", "kernel_queue"},
	[LOG_GAVE_UP] = {"more regexes that took too long", NULL},
	[LOG_CROWDED] = {"more connections refused", "connections"},
	[LOG_ACCEPT] = {"more connections not accepted", NULL},
	[LOG_LATE] = {"more connections closed for being slow", "late"},
	[LOG_UNREAD] = {"more connections closed for not reading", "unread"},
	[LOG_OVER] = {"more requests over the limit", "limit"},
	[LOG_AMPLIFIED] = {"more replies too large for their requests", "amplification"},
	[LOG_HANDSHAKE] = {"more handshakes failed", "handshake"},
	[LOG_CREDENTIALS] = {"more wrong credentials", "credentials"},
	[LOG_TOO_LARGE] = {"more replies too large to send", "too_large"},
	[LOG_MIRROR] = {"more messages not mirrored", NULL},
};

/* A cache line: kinds that come together do not hinder each other. Whoever is to print
 * holds the lock; all others only add to events. */
struct flood {
	alignas(64) _Atomic uint64_t events; /* since the start */
	_Atomic uint64_t since_ns;           /* when one was last printed; 0: never */
	_Atomic uint64_t more;               /* of log_lost(), beyond one an event */
	uint64_t told;                       /* events printed, or in a sum */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct flood floods[LOG_KINDS];

static void print_sum(enum log_kind kind, uint64_t count, uint64_t ns)
{
	log_event(LOG_WARNING, "%s count=%" PRIu64 " seconds=%" PRIu64, kinds[kind].sum,
	          count, ns / SECOND_NS);
}

/* Whether the LOG_FLOOD_S seconds after the last line are over. Batches have their time
 * from their beginning: it may be before that line. */
static bool is_over(const struct flood *flood, uint64_t now_ns)
{
	uint64_t since = atomic_load_explicit(&flood->since_ns, memory_order_relaxed);
	return !since || (now_ns > since && now_ns - since >= LOG_FLOOD_S * SECOND_NS);
}

/* With the lock: begins the next LOG_FLOOD_S seconds. Gives how many events were not told
 * of, and how long that was. */
static uint64_t begin_next(struct flood *flood, uint64_t now_ns, uint64_t *ns)
{
	uint64_t since = atomic_load_explicit(&flood->since_ns, memory_order_relaxed);
	/* what others have counted before the first of all is printed comes behind it */
	uint64_t events =
		since ? atomic_load_explicit(&flood->events, memory_order_relaxed) : 1;
	uint64_t count = events - flood->told;
	*ns = now_ns > since ? now_ns - since : 0;
	flood->told = events;
	atomic_store_explicit(&flood->since_ns, now_ns, memory_order_relaxed);
	return count;
}

static bool has_untold(const struct flood *flood)
{
	return atomic_load_explicit(&flood->since_ns, memory_order_relaxed) &&
	       atomic_load_explicit(&flood->events, memory_order_relaxed) != flood->told;
}

bool log_often_due(enum log_kind kind, uint64_t now_ns)
{
	struct flood *flood = &floods[kind];
	uint64_t count = 0, ns;
	atomic_fetch_add_explicit(&flood->events, 1, memory_order_relaxed);
	if (!is_over(flood, now_ns))
		return false;
	pthread_mutex_lock(&lock);
	bool due = is_over(flood, now_ns); /* no other thread was first */
	if (due)
		count = begin_next(flood, now_ns, &ns);
	if (count > 0)
		count--; /* this one is printed */
	pthread_mutex_unlock(&lock);
	if (count > 0)
		print_sum(kind, count, ns);
	return due;
}

void log_often(enum log_kind kind, const char *format, ...)
{
	va_list args;
	if (!log_often_due(kind, (uint64_t)clock_ns()))
		return;
	va_start(args, format);
	write_event(LOG_WARNING, format, args);
	va_end(args);
}

void log_lost(enum log_kind kind, uint64_t amount, const char *format, ...)
{
	va_list args;
	atomic_fetch_add_explicit(&floods[kind].more, amount - 1, memory_order_relaxed);
	if (!log_often_due(kind, (uint64_t)clock_ns()))
		return;
	va_start(args, format);
	write_event(LOG_WARNING, format, args);
	va_end(args);
}

uint64_t log_total(enum log_kind kind)
{
	return atomic_load_explicit(&floods[kind].events, memory_order_relaxed) +
	       atomic_load_explicit(&floods[kind].more, memory_order_relaxed);
}

const char *log_drop(enum log_kind kind)
{
	return kinds[kind].drop;
}

void log_flush(bool all)
{
	uint64_t now_ns = (uint64_t)clock_ns();
	journal_tell();
	for (enum log_kind kind = 0; kind < LOG_KINDS; kind++) {
		struct flood *flood = &floods[kind];
		uint64_t count = 0, ns;
		pthread_mutex_lock(&lock);
		if (has_untold(flood) && (all || is_over(flood, now_ns)))
			count = begin_next(flood, now_ns, &ns);
		pthread_mutex_unlock(&lock);
		if (count > 0)
			print_sum(kind, count, ns);
	}
}
