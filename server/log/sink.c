/* SPDX-License-Identifier: MIT */
#include "server/log/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "server/log/stamp.h"

#define SYSLOG_TRIES    5
#define SYSLOG_RETRY_MS 100
#define FACILITY_DAEMON (3 << 3)

struct sink {
	enum log_to to;
	char *path;
	int fd;
	size_t piece;            /* bytes of one write */
	char rest[LOG_LINE_MAX]; /* of a line that the disk had no room for */
	size_t rest_len;
	struct sockaddr_un syslog;
	bool away; /* syslog was, when the last line was sent */
};

/* Opening */

/* A named pipe that nobody reads is an error now, not when somebody does. */
static int open_file(const char *path)
{
	return open(path,
	            O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
	            0640);
}

/* A pipe may have other writers, and only so much is written to it in one piece. */
static size_t piece_size(int fd)
{
	struct stat status;
	return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? SINK_PIECE_MAX
	                                                          : LOG_LINE_MAX;
}

static int open_syslog(struct sink *sink)
{
	sink->syslog.sun_family = AF_UNIX;
	if (strlen(sink->path) >= sizeof sink->syslog.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(sink->syslog.sun_path, sink->path);
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

struct sink *sink_open(enum log_to to, const char *path)
{
	struct sink *sink = calloc(1, sizeof *sink);
	if (!sink)
		return NULL;
	sink->to = to;
	sink->fd = -1;
	sink->path = path ? strdup(path) : NULL;
	if (to == LOG_TO_STDERR)
		sink->fd = STDERR_FILENO;
	else if (sink->path)
		sink->fd = to == LOG_TO_FILE ? open_file(path) : open_syslog(sink);
	if (sink->fd >= 0) {
		sink->piece = piece_size(sink->fd);
		return sink;
	}
	int error = errno;
	sink_close(sink);
	errno = error;
	return NULL;
}

void sink_close(struct sink *sink)
{
	if (!sink)
		return;
	if (sink->fd >= 0 && sink->to != LOG_TO_STDERR)
		close(sink->fd);
	free(sink->path);
	free(sink);
}

enum log_to sink_to(const struct sink *sink)
{
	return sink->to;
}

int sink_reopen(struct sink *sink)
{
	if (sink->to != LOG_TO_FILE)
		return 0;
	int fd = open_file(sink->path);
	if (fd < 0)
		return -errno;
	close(sink->fd);
	sink->fd = fd;
	sink->piece = piece_size(fd);
	sink->rest_len = 0;
	return 0;
}

/* Files, pipes, terminals */

/* As write(), but waits for a descriptor that somebody else has made not block. */
static ssize_t write_some(int fd, const char *text, size_t len)
{
	struct pollfd out = {.fd = fd, .events = POLLOUT};
	for (;;) {
		ssize_t written = write(fd, text, len);
		if (written >= 0 || (errno != EINTR && errno != EAGAIN))
			return written;
		if (errno == EAGAIN)
			poll(&out, 1, -1);
	}
}

/* How much of it has been written. */
static size_t write_all(int fd, const char *text, size_t len)
{
	size_t done = 0;
	while (done < len) {
		ssize_t written = write_some(fd, text + done, len - done);
		if (written <= 0)
			break;
		done += (size_t)written;
	}
	return done;
}

static bool write_rest(struct sink *sink)
{
	size_t done = write_all(sink->fd, sink->rest, sink->rest_len);
	sink->rest_len -= done;
	memmove(sink->rest, sink->rest + done, sink->rest_len);
	return sink->rest_len == 0;
}

static unsigned long count_lines(const char *text, size_t len)
{
	unsigned long count = 0;
	for (const char *at = text; (at = memchr(at, '\n', len - (size_t)(at - text)));
	     at++)
		count++;
	return count;
}

/* Of a line that has been begun the rest is kept. Returns where the next one begins. */
static size_t keep_rest(struct sink *sink, const char *text, size_t len, size_t done)
{
	if (done == 0 || text[done - 1] == '\n')
		return done;
	const char *end = (const char *)memchr(text + done, '\n', len - done) + 1;
	sink->rest_len = (size_t)(end - (text + done));
	memcpy(sink->rest, text + done, sink->rest_len);
	return (size_t)(end - text);
}

static unsigned long write_piece(struct sink *sink, const char *lines, size_t len)
{
	if (!write_rest(sink))
		return count_lines(lines, len);
	size_t done = write_all(sink->fd, lines, len);
	if (done < len)
		done = keep_rest(sink, lines, len, done);
	return count_lines(lines + done, len - done);
}

/* As many whole lines as fit into a piece. */
static size_t next_piece(const struct sink *sink, const char *lines, size_t len)
{
	if (len <= sink->piece)
		return len;
	const char *end = memrchr(lines, '\n', sink->piece);
	return (size_t)(end - lines) + 1;
}

static unsigned long write_pieces(struct sink *sink, const char *lines, size_t len)
{
	unsigned long lost = 0;
	while (len > 0) {
		size_t piece = next_piece(sink, lines, len);
		lost += write_piece(sink, lines, piece);
		lines += piece;
		len -= piece;
	}
	return lost;
}

bool sink_write_now(const char *line, size_t len)
{
	/* Poll's answer holds until the write while no other thread writes. A reader that
	 * has gone shows as POLLERR: no write, so no SIGPIPE either. */
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
	pthread_mutex_lock(&lock);
	bool written = poll(&out, 1, 0) == 1 && out.revents == POLLOUT &&
	               write(STDERR_FILENO, line, len) == (ssize_t)len;
	pthread_mutex_unlock(&lock);
	return written;
}

/* Syslog */

static bool is_worth_waiting(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ECONNREFUSED ||
	       error == ENOENT || error == EINTR;
}

/* It may be busy, or just be started again. One that stays away is not waited for with
 * every line. */
static bool send_datagram(struct sink *sink, const char *text, size_t len)
{
	for (int tries = 0; tries < SYSLOG_TRIES; tries++) {
		if (sendto(sink->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL,
		           (const struct sockaddr *)&sink->syslog,
		           sizeof sink->syslog) >= 0) {
			sink->away = false;
			return true;
		}
		if (sink->away || !is_worth_waiting(errno))
			break;
		poll(NULL, 0, SYSLOG_RETRY_MS);
	}
	sink->away = true;
	return false;
}

/* RFC 3164 4.1, without a host. The time is its own, so ours is left out. */
static bool send_line(struct sink *sink, enum log_level level, const char *line,
                      size_t len)
{
	static const int severities[] = {
		[LOG_INFO] = 6, [LOG_WARNING] = 4, [LOG_ERROR] = 3};
	char text[LOG_LINE_MAX + 64], when[32];
	time_t now = (time_t)(stamp_now() / 1000000000);
	struct tm local;
	const size_t stamp =
		sizeof "2026-11-22T12:00:00.123Z"; /* and the blank behind it */
	size_t skip = len > stamp && line[stamp - 2] == 'Z' && line[stamp - 1] == ' '
	                      ? stamp
	                      : 0;
	localtime_r(&now, &local);
	strftime(when, sizeof when, "%b %e %H:%M:%S", &local);
	int head = snprintf(text, sizeof text,
	                    "<%d>%s signpost[%d]: ", FACILITY_DAEMON | severities[level],
	                    when, (int)getpid());
	memcpy(text + head, line + skip, len - skip);
	return send_datagram(sink, text, (size_t)head + len - skip);
}

static unsigned long send_lines(struct sink *sink, enum log_level level,
                                const char *lines, size_t len)
{
	unsigned long lost = 0;
	for (const char *end; len > 0; lines = end) {
		end = (const char *)memchr(lines, '\n', len) + 1;
		size_t line = (size_t)(end - lines);
		lost += !send_line(sink, level, lines, line - 1);
		len -= line;
	}
	return lost;
}

unsigned long sink_write(struct sink *sink, enum log_level level, const char *lines,
                         size_t len)
{
	return sink->to == LOG_TO_SYSLOG ? send_lines(sink, level, lines, len)
	                                 : write_pieces(sink, lines, len);
}
