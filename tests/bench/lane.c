/* SPDX-License-Identifier: MIT */
#include "tests/bench/lane.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define BATCH         32        /* datagrams in one system call */
#define DATAGRAM_MAX  2048      /* bytes of an answer */
#define STREAM_MAX    65536     /* bytes of answers read at once */
#define SOCKET_BUFFER (1 << 20) /* bytes asked of the kernel */
#define CONNECT_S     10        /* seconds to wait for a connection */

struct lane {
	int fd;
	bool stream;
	unsigned port;
	/* Datagrams: what leaves, and what came. */
	unsigned count;
	struct mmsghdr out[BATCH], in[BATCH];
	struct iovec out_iov[BATCH], in_iov[BATCH];
	/* A stream: bytes that leave; what came is in buffer, have bytes of it. */
	char *backlog;
	size_t queued, backlog_size, have;
	char *buffer;
};

static void prepare(struct lane *lane)
{
	for (size_t i = 0; i < BATCH; i++) {
		lane->out[i].msg_hdr.msg_iov = &lane->out_iov[i];
		lane->out[i].msg_hdr.msg_iovlen = 1;
		lane->in[i].msg_hdr.msg_iov = &lane->in_iov[i];
		lane->in[i].msg_hdr.msg_iovlen = 1;
		lane->in_iov[i].iov_base = lane->buffer + i * DATAGRAM_MAX;
		lane->in_iov[i].iov_len = DATAGRAM_MAX;
	}
}

static bool connect_to(struct lane *lane, const struct sockaddr_in *source,
                       const struct sockaddr_in *server)
{
	struct sockaddr_in own;
	socklen_t size = sizeof own;
	int on = 1, bytes = SOCKET_BUFFER;
	struct timeval limit = {.tv_sec = CONNECT_S};
	setsockopt(lane->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (lane->stream) {
		setsockopt(lane->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		setsockopt(lane->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	} else {
		setsockopt(lane->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
		setsockopt(lane->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	}
	if (bind(lane->fd, (const struct sockaddr *)source, sizeof *source) != 0 ||
	    connect(lane->fd, (const struct sockaddr *)server, sizeof *server) != 0 ||
	    getsockname(lane->fd, (struct sockaddr *)&own, &size) != 0)
		return false;
	lane->port = ntohs(own.sin_port);
	return true;
}

struct lane *lane_open(bool stream, const struct sockaddr_in *source,
                       const struct sockaddr_in *server, size_t backlog)
{
	struct lane *lane = calloc(1, sizeof *lane);
	if (!lane)
		return NULL;
	lane->stream = stream;
	lane->backlog_size = backlog;
	lane->backlog = malloc(backlog);
	lane->buffer = malloc(STREAM_MAX);
	lane->fd = socket(AF_INET, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (lane->backlog && lane->buffer && lane->fd >= 0 &&
	    connect_to(lane, source, server)) {
		prepare(lane);
		return lane;
	}
	int error = errno;
	lane_close(lane);
	errno = error;
	return NULL;
}

void lane_close(struct lane *lane)
{
	if (!lane)
		return;
	if (lane->fd >= 0)
		close(lane->fd);
	free(lane->backlog);
	free(lane->buffer);
	free(lane);
}

unsigned lane_port(const struct lane *lane)
{
	return lane->port;
}

bool lane_put(struct lane *lane, const char *text, size_t length)
{
	if (lane->stream) {
		if (lane->backlog_size - lane->queued < length)
			return false;
		memcpy(lane->backlog + lane->queued, text, length);
		lane->queued += length;
		return true;
	}
	if (lane->count == BATCH && (lane_flush(lane) != 0 || lane->count == BATCH))
		return false;
	/* sendmmsg() does not write into it. */
	lane->out_iov[lane->count].iov_base = (void *)(uintptr_t)text;
	lane->out_iov[lane->count].iov_len = length;
	lane->count++;
	return true;
}

static int failure(void)
{
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static int flush_stream(struct lane *lane)
{
	ssize_t sent =
		send(lane->fd, lane->backlog, lane->queued, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return failure();
	lane->queued -= (size_t)sent;
	memmove(lane->backlog, lane->backlog + sent, lane->queued);
	return 0;
}

static int flush_datagrams(struct lane *lane)
{
	int sent = sendmmsg(lane->fd, lane->out, lane->count, MSG_DONTWAIT);
	if (sent < 0)
		return failure();
	lane->count -= (unsigned)sent;
	memmove(lane->out_iov, lane->out_iov + sent, lane->count * sizeof *lane->out_iov);
	return 0;
}

int lane_flush(struct lane *lane)
{
	if (lane->queued)
		return flush_stream(lane);
	return lane->count ? flush_datagrams(lane) : 0;
}

static int take_datagrams(struct lane *lane, lane_reader *reader, void *context)
{
	int count = recvmmsg(lane->fd, lane->in, BATCH, MSG_DONTWAIT, NULL);
	if (count < 0)
		return failure();
	for (int i = 0; i < count; i++)
		reader(context, lane->in_iov[i].iov_base, lane->in[i].msg_len);
	return count;
}

/* The size of the first message in text: 0 if it is not all there yet. */
static size_t message_size(const char *text, size_t have)
{
	static const char field[] = "\r\nContent-Length:";
	const char *end = memmem(text, have, "\r\n\r\n", 4);
	size_t head = end ? (size_t)(end - text) + 4 : 0, body = 0;
	for (const char *at = text; head && (at = memchr(at, '\r', (size_t)(end - at)));
	     at++) {
		if (strncasecmp(at, field, sizeof field - 1) == 0) {
			body = strtoul(at + sizeof field - 1, NULL, 10);
			break;
		}
	}
	return head && have - head >= body ? head + body : 0;
}

static int take_stream(struct lane *lane, lane_reader *reader, void *context)
{
	int count = 0;
	size_t used = 0, size;
	ssize_t got = recv(lane->fd, lane->buffer + lane->have, STREAM_MAX - lane->have,
	                   MSG_DONTWAIT);
	if (got < 0)
		return failure();
	if (got == 0)
		return -ECONNRESET;
	lane->have += (size_t)got;
	while ((size = message_size(lane->buffer + used, lane->have - used))) {
		reader(context, lane->buffer + used, size);
		used += size;
		count++;
	}
	lane->have -= used;
	memmove(lane->buffer, lane->buffer + used, lane->have);
	return lane->have == STREAM_MAX ? -EMSGSIZE : count;
}

int lane_take(struct lane *lane, lane_reader *reader, void *context)
{
	return lane->stream ? take_stream(lane, reader, context)
	                    : take_datagrams(lane, reader, context);
}

bool lane_address(const char *text, struct sockaddr_in *address)
{
	char host[INET_ADDRSTRLEN];
	const char *colon = strchr(text, ':');
	char *end;
	if (!colon || (size_t)(colon - text) >= sizeof host)
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	unsigned long port = strtoul(colon + 1, &end, 10);
	*address = (struct sockaddr_in){.sin_family = AF_INET,
	                                .sin_port = htons((uint16_t)port)};
	return !*end && port && port <= 65535 &&
	       inet_pton(AF_INET, host, &address->sin_addr) == 1;
}
