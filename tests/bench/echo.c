/* SPDX-License-Identifier: MIT */
/* echo.c - the floor: a server that gives every message back as it is.
 *
 *     echo udp|tcp PORT
 *
 * What it costs is what the kernel takes for one message in and one out, in the best way
 * known; a server that does something as well can come near, never below. On 127.0.0.1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH      32
#define MESSAGE    2048
#define STREAM     65536
#define BUFFER     (4 << 20) /* bytes of receive buffer asked of the kernel */
#define EVENTS_MAX 64

static char memory[BATCH * MESSAGE];
_Static_assert(sizeof memory >= STREAM, "it serves streams as well");

static void fail(const char *what)
{
	fprintf(stderr, "echo: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int listen_on(int type, unsigned long port)
{
	struct sockaddr_in own = {.sin_family = AF_INET,
	                          .sin_port = htons((uint16_t)port)};
	int on = 1, bytes = BUFFER, fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	else
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own) != 0 ||
	    (type == SOCK_STREAM && listen(fd, SOMAXCONN) != 0))
		fail("listening");
	return fd;
}

static void echo_datagrams(int fd)
{
	static struct mmsghdr messages[BATCH];
	static struct sockaddr_in sources[BATCH];
	static struct iovec parts[BATCH];
	for (size_t i = 0; i < BATCH; i++)
		messages[i].msg_hdr =
			(struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	for (;;) {
		for (size_t i = 0; i < BATCH; i++) {
			messages[i].msg_hdr.msg_name = &sources[i];
			messages[i].msg_hdr.msg_namelen = sizeof sources[i];
			parts[i] = (struct iovec){memory + i * MESSAGE, MESSAGE};
		}
		int count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < count; i++)
			parts[i].iov_len = messages[i].msg_len;
		for (int sent = 0, n; sent<count; sent += n> 0 ? n : 1)
			n = sendmmsg(fd, messages + sent, (unsigned)(count - sent), 0);
	}
}

/* A client takes what it asked for: sending may block. */
static void echo_stream(int fd)
{
	ssize_t got = recv(fd, memory, STREAM, 0);
	for (ssize_t sent = 0, n; sent < got; sent += n)
		if ((n = send(fd, memory + sent, (size_t)(got - sent), MSG_NOSIGNAL)) <=
		    0)
			got = 0;
	if (got <= 0)
		close(fd);
}

static void echo_streams(int listener)
{
	struct epoll_event events[EVENTS_MAX];
	struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
		fail("epoll");
	for (;;) {
		int count = epoll_wait(epoll, events, EVENTS_MAX, -1);
		for (int i = 0; i < count; i++) {
			if (events[i].data.fd != listener) {
				echo_stream(events[i].data.fd);
				continue;
			}
			event.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			if (event.data.fd >= 0)
				epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
		}
	}
}

int main(int argc, char **argv)
{
	unsigned long port = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	if (!port || port > 65535) {
		fputs("usage: echo udp|tcp PORT\n", stderr);
		return 2;
	}
	if (strcmp(argv[1], "tcp") == 0)
		echo_streams(listen_on(SOCK_STREAM, port));
	echo_datagrams(listen_on(SOCK_DGRAM, port));
}
