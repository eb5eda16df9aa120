/* SPDX-License-Identifier: MIT */
#include "server/log/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/diags.h"
#include "server/clock.h"
#include "server/log/journal.h"
#include "server/log/stamp.h"

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

struct flood {
	bool open;           /* an event of this kind has been printed */
	time_t since_s;      /* when the last one was */
	unsigned long count; /* not printed since then */
	uint64_t total;      /* of all, since the start */
};

static struct {
	pthread_mutex_t lock;
	struct flood kinds[LOG_KINDS];
} floods = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void print_sum(enum log_kind kind, unsigned long count, time_t seconds)
{
	log_event(LOG_WARNING, "%s count=%lu seconds=%ld", kinds[kind].sum, count,
	          (long)seconds);
}

/* Starts the next LOG_FLOOD_S seconds of kind and gives what the last ones held back.
 * False if they are not over yet. */
static bool next_window(enum log_kind kind, bool early, unsigned long *count,
                        time_t *seconds)
{
	struct flood *flood = &floods.kinds[kind];
	time_t now_s = clock_ms() / 1000;
	if (flood->open && now_s - flood->since_s < LOG_FLOOD_S && !early)
		return false;
	*count = flood->count;
	*seconds = now_s - flood->since_s;
	*flood = (struct flood){.open = true, .since_s = now_s, .total = flood->total};
	return true;
}

static void write_often(enum log_kind kind, uint64_t amount, const char *format,
                        va_list args) __attribute__((format(printf, 3, 0)));
static void write_often(enum log_kind kind, uint64_t amount, const char *format,
                        va_list args)
{
	unsigned long count;
	time_t seconds;
	pthread_mutex_lock(&floods.lock);
	floods.kinds[kind].total += amount;
	bool print = next_window(kind, false, &count, &seconds);
	if (!print)
		floods.kinds[kind].count++;
	pthread_mutex_unlock(&floods.lock);
	if (!print)
		return;
	if (count > 0)
		print_sum(kind, count, seconds);
	write_event(LOG_WARNING, format, args);
}

void log_often(enum log_kind kind, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	write_often(kind, 1, format, args);
	va_end(args);
}

void log_lost(enum log_kind kind, uint64_t amount, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	write_often(kind, amount, format, args);
	va_end(args);
}

uint64_t log_total(enum log_kind kind)
{
	pthread_mutex_lock(&floods.lock);
	uint64_t total = floods.kinds[kind].total;
	pthread_mutex_unlock(&floods.lock);
	return total;
}

const char *log_drop(enum log_kind kind)
{
	return kinds[kind].drop;
}

void log_flush(bool all)
{
	journal_tell();
	for (enum log_kind kind = 0; kind < LOG_KINDS; kind++) {
		unsigned long count;
		time_t seconds;
		pthread_mutex_lock(&floods.lock);
		bool print = floods.kinds[kind].count > 0 &&
		             next_window(kind, all, &count, &seconds);
		pthread_mutex_unlock(&floods.lock);
		if (print)
			print_sum(kind, count, seconds);
	}
}
