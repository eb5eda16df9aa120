/* SPDX-License-Identifier: MIT */
#include "server/log.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The lock is what makes poll's answer hold until the write: without it two threads could
 * see the last free page of a pipe and one would block. What poll allows does not block,
 * so the lock is short. */
static struct {
	pthread_mutex_t lock;
	unsigned long dropped;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A reader that has gone shows as POLLERR: no write, so no SIGPIPE either. */
static bool put(const char *line, size_t len)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
	return poll(&out, 1, 0) == 1 && out.revents == POLLOUT &&
	       write(STDERR_FILENO, line, len) == (ssize_t)len;
}

static bool put_dropped(void)
{
	char line[128], time[LOG_TIME_MAX];
	int len = snprintf(line, sizeof line, "%s warning log lines dropped count=%lu\n",
	                   log_time(time), sink.dropped);
	if (!put(line, (size_t)len))
		return false;
	sink.dropped = 0;
	return true;
}

bool log_write(const char *line, size_t len)
{
	assert(len > 0 && len <= LOG_LINE_MAX && line[len - 1] == '\n');
	pthread_mutex_lock(&sink.lock);
	bool written = (sink.dropped == 0 || put_dropped()) && put(line, len);
	if (!written)
		sink.dropped++;
	pthread_mutex_unlock(&sink.lock);
	return written;
}

const char *log_time(char to[LOG_TIME_MAX])
{
	struct timespec now;
	struct tm utc;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	size_t len = strftime(to, LOG_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(to + len, LOG_TIME_MAX - len, ".%03dZ", (int)(now.tv_nsec / 1000000));
	return to;
}

static void write_event(enum log_level level, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
static void write_event(enum log_level level, const char *format, va_list args)
{
	static const char *const names[] = {
		[LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};
	char line[LOG_LINE_MAX], time[LOG_TIME_MAX];
	const size_t room = sizeof line - 1; /* the newline takes the NUL's place */
	size_t start =
		(size_t)snprintf(line, room, "%s %s ", log_time(time), names[level]);
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
	log_write(line, len + 1);
}

void log_event(enum log_level level, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	write_event(level, format, args);
	va_end(args);
}

/* The sum of a kind; the event itself says which one it was. */
static const char *const sums[LOG_KINDS] = {
	[LOG_STRANGER] = "more strangers dropped",
	[LOG_CUT] = "more replies cut",
	[LOG_UNSENDABLE] = "more replies not sent",
	[LOG_NO_VIA] = "more messages without a usable Via",
	[LOG_LIBRARY] = "more messages from sofia-sip",
	[LOG_KERNEL_QUEUE] = "more reports of datagrams lost",
	[LOG_GAVE_UP] = "more regexes that took too long",
	[LOG_CROWDED] = "more connections refused",
	[LOG_ACCEPT] = "more connections not accepted",
	[LOG_LATE] = "more connections closed for being slow",
	[LOG_UNREAD] = "more connections closed for not reading",
	[LOG_HANDSHAKE] = "more handshakes failed",
};

struct flood {
	bool open;           /* an event of this kind has been printed */
	time_t since_s;      /* when the last one was */
	unsigned long count; /* not printed since then */
};

static struct {
	pthread_mutex_t lock;
	struct flood kinds[LOG_KINDS];
} floods = {.lock = PTHREAD_MUTEX_INITIALIZER};

static time_t monotonic_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void print_sum(enum log_kind kind, unsigned long count, time_t seconds)
{
	log_event(LOG_WARNING, "%s count=%lu seconds=%ld", sums[kind], count,
	          (long)seconds);
}

/* Starts the next LOG_FLOOD_S seconds of kind and gives what the last ones held back.
 * False if they are not over yet. */
static bool next_window(enum log_kind kind, bool early, unsigned long *count,
                        time_t *seconds)
{
	struct flood *flood = &floods.kinds[kind];
	time_t now_s = monotonic_s();
	if (flood->open && now_s - flood->since_s < LOG_FLOOD_S && !early)
		return false;
	*count = flood->count;
	*seconds = now_s - flood->since_s;
	*flood = (struct flood){.open = true, .since_s = now_s};
	return true;
}

void log_often(enum log_kind kind, const char *format, ...)
{
	unsigned long count;
	time_t seconds;
	pthread_mutex_lock(&floods.lock);
	bool print = next_window(kind, false, &count, &seconds);
	if (!print)
		floods.kinds[kind].count++;
	pthread_mutex_unlock(&floods.lock);
	if (!print)
		return;
	if (count > 0)
		print_sum(kind, count, seconds);
	va_list args;
	va_start(args, format);
	write_event(LOG_WARNING, format, args);
	va_end(args);
}

void log_flush(bool all)
{
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

/* True for the UTF-8 character of len bytes (0: none) if it may stay as it is: no control
 * character (U+0080 to U+009F are, too: a terminal obeys them), quote or backslash, no
 * line separator and nothing that turns the direction of text (U+200E, U+200F, U+2028 to
 * U+202E, U+2066 to U+2069). */
static bool is_harmless(const char *at, size_t len)
{
	unsigned char first = (unsigned char)at[0],
		      last = (unsigned char)at[len ? len - 1 : 0];
	if (len == 1)
		return first >= ' ' && first != 0x7f && first != '"' && first != '\\';
	if (len == 2)
		return first != 0xc2 || last >= 0xa0;
	if (len == 3 && memcmp(at, "\xe2\x80", 2) == 0)
		return last < 0x8e || (last > 0x8f && last < 0xa8) || last > 0xae;
	if (len == 3 && memcmp(at, "\xe2\x81", 2) == 0)
		return last < 0xa6 || last > 0xa9;
	return len > 0;
}

/* The next piece of text as it may be written: one character, or one byte escaped. */
static size_t next_piece(struct slice *text, bool json, char piece[8])
{
	size_t len = slice_utf8(*text);
	if (is_harmless(text->at, len)) {
		memcpy(piece, text->at, len);
		*text = slice_skip(*text, len);
		return len;
	}
	unsigned byte = (unsigned char)text->at[0];
	*text = slice_skip(*text, 1);
	return (size_t)snprintf(piece, 8, json ? "\\u%04X" : "\\x%02X", byte);
}

static const char *escape(struct slice text, bool json, char *to, size_t size)
{
	size_t len = 0, keep = 0; /* keep: how much stays when "..." has to follow */
	assert(size >= sizeof "...");
	while (text.len > 0) {
		char piece[8];
		size_t more = next_piece(&text, json, piece);
		if (len + more >= size) {
			memcpy(to + keep, "...", sizeof "...");
			return to;
		}
		memcpy(to + len, piece, more);
		len += more;
		if (len + sizeof "..." <= size)
			keep = len;
	}
	to[len] = '\0';
	return to;
}

const char *log_escape(struct slice text, char *to, size_t size)
{
	return escape(text, false, to, size);
}

const char *log_escape_json(struct slice text, char *to, size_t size)
{
	return escape(text, true, to, size);
}
