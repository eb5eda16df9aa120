/* SPDX-License-Identifier: MIT */
#include "server/log/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/log/ring.h"
#include "server/trust/privilege.h"

#define PIECE_MAX (64 << 10) /* bytes of one write to a file */

/* Lines wait in the ring for a thread that may have to wait itself: for a pipe's reader,
 * for a disk. Without that thread, before log_start(), they are written at once, or not.
 */
static struct ring ring = {RING_INIT};
static pthread_t writer;
static atomic_bool running;
static atomic_ulong dropped;

/* Poll's answer holds until the write while no other thread writes. A reader that has
 * gone shows as POLLERR: no write, so no SIGPIPE either. */
static bool write_now(const char *line, size_t len)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
	pthread_mutex_lock(&lock);
	bool written = poll(&out, 1, 0) == 1 && out.revents == POLLOUT &&
	               write(STDERR_FILENO, line, len) == (ssize_t)len;
	pthread_mutex_unlock(&lock);
	return written;
}

static bool put(const char *line, size_t len, bool urgent)
{
	return running ? ring_put(&ring, line, len, urgent) : write_now(line, len);
}

static bool put_dropped(void)
{
	char line[128], time[LOG_TIME_MAX];
	unsigned long count = atomic_exchange(&dropped, 0);
	if (count == 0)
		return true;
	int len = snprintf(line, sizeof line, "%s warning log lines dropped count=%lu\n",
	                   log_time(time), count);
	if (put(line, (size_t)len, false))
		return true;
	dropped += count;
	return false;
}

static bool write_line(const char *line, size_t len, bool urgent)
{
	assert(len > 0 && len <= LOG_LINE_MAX && line[len - 1] == '\n');
	bool written = (put_dropped() || urgent) && put(line, len, urgent);
	if (!written)
		dropped++;
	return written;
}

bool log_write(const char *line, size_t len)
{
	return write_line(line, len, false);
}

/* The thread */

/* As write(), but waits for a descriptor that somebody else has made not block. */
static ssize_t write_some(const char *text, size_t len)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
	for (;;) {
		ssize_t written = write(STDERR_FILENO, text, len);
		if (written >= 0 || (errno != EINTR && errno != EAGAIN))
			return written;
		if (errno == EAGAIN)
			poll(&out, 1, -1);
	}
}

static unsigned long count_lines(const char *text, size_t len)
{
	unsigned long count = 0;
	for (const char *at = text; (at = memchr(at, '\n', len - (size_t)(at - text)));
	     at++)
		count++;
	return count;
}

/* A disk may become full in the middle of a line: *torn then, and the next text begins
 * with the newline that is missing. */
static void write_lines(const char *text, size_t len, bool *torn)
{
	if (*torn && write_some("\n", 1) != 1) {
		dropped += count_lines(text, len);
		return;
	}
	*torn = false;
	while (len > 0) {
		ssize_t written = write_some(text, len);
		if (written <= 0) {
			dropped += count_lines(text, len);
			return;
		}
		*torn = text[written - 1] != '\n';
		text += written;
		len -= (size_t)written;
	}
}

/* A pipe may have other writers, and only so much is written to it in one piece. */
static size_t piece_size(void)
{
	struct stat status;
	return fstat(STDERR_FILENO, &status) == 0 && S_ISREG(status.st_mode)
	               ? PIECE_MAX
	               : LOG_LINE_MAX;
}

static void *run(void *arg)
{
	static char lines[PIECE_MAX];
	const size_t size = piece_size();
	bool torn = false;
	size_t len;
	(void)arg;
	privilege_renounce();
	while ((len = ring_take(&ring, lines, size)) > 0)
		write_lines(lines, len, &torn);
	return NULL;
}

int log_start(void)
{
	int error = pthread_create(&writer, NULL, run, NULL);
	running = error == 0;
	return error;
}

void log_stop(void)
{
	struct timespec end;
	if (!running)
		return;
	put_dropped();
	running = false;
	ring_end(&ring);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += LOG_STOP_MS * 1000000L;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	pthread_timedjoin_np(writer, NULL, &end);
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
	write_line(line, len + 1, true);
}

void log_event(enum log_level level, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	write_event(level, format, args);
	va_end(args);
}

/* Texts as they are: the start, findings */

static void write_text(struct slice text)
{
	char line[LOG_LINE_MAX];
	size_t len = text.len < sizeof line ? text.len : sizeof line - 1;
	memcpy(line, text.at, len);
	line[len] = '\n';
	write_line(line, len + 1, true);
}

void log_text(struct slice text)
{
	while (text.len > 0) {
		struct slice line = {text.at, slice_find(text, '\n')};
		write_text(line);
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
	log_text(slice_of(line));
}

void log_findings(struct diags *diags)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	if (!to)
		return;
	diags_print(diags, to);
	if (fclose(to) == 0)
		log_text((struct slice){text, size});
	free(text);
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
	[LOG_OVER] = "more requests over the limit",
	[LOG_AMPLIFIED] = "more replies too large for their requests",
	[LOG_HANDSHAKE] = "more handshakes failed",
	[LOG_CREDENTIALS] = "more wrong credentials",
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
	put_dropped();
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
