/* SPDX-License-Identifier: MIT */
#include "server/commands/ping.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "server/clock.h"

#define T1_MS 500  /* RFC 3261 17.1.2.2: first retransmission */
#define T2_MS 4000 /* longest interval, and the one after a provisional answer */

struct question {
	char branch[33], call_id[33]; /* random, so nobody else can know them */
	char text[1024];
	size_t len;
};

static int random_hex(char to[33])
{
	unsigned char bytes[16];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return -EIO;
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* fd is connected: its own address is what a peer can answer to. */
static int ask(int fd, const struct endpoint *to, struct question *question)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof address;
	struct endpoint own;
	char here[ENDPOINT_TEXT_MAX], there[ENDPOINT_TEXT_MAX], tag[33];
	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return -errno;
	if (!endpoint_from_sockaddr(to->transport, (struct sockaddr *)&address, &own))
		return -EAFNOSUPPORT;
	if (random_hex(question->branch) < 0 || random_hex(question->call_id) < 0 ||
	    random_hex(tag) < 0)
		return -EIO;
	endpoint_hostport(&own, here);
	endpoint_hostport(to, there);
	const char *transport = to->transport == TRANSPORT_TCP ? ";transport=tcp" : "";
	question->len = (size_t)snprintf(question->text, sizeof question->text,
	                                 "OPTIONS sip:%s%s SIP/2.0\r\n"
	                                 "Via: SIP/2.0/%s %s;branch=z9hG4bK%s;rport\r\n"
	                                 "Max-Forwards: 70\r\n"
	                                 "From: <sip:ping@%s>;tag=%s\r\n"
	                                 "To: <sip:%s%s>\r\n"
	                                 "Call-ID: %s\r\n"
	                                 "CSeq: 1 OPTIONS\r\n"
	                                 "Contact: <sip:ping@%s%s>\r\n"
	                                 "Accept: application/sdp\r\n"
	                                 "Content-Length: 0\r\n"
	                                 "\r\n",
	                                 there, transport, transport_name(to->transport),
	                                 here, question->branch, here, tag, there,
	                                 transport, question->call_id, here, transport);
	return 0;
}

/* The status code if text, up to its empty line, is an answer to question; 0 if it is
 * anything else. */
static int answer_status(const struct question *question, const char *text, size_t len)
{
	unsigned long status;
	const char *end = memmem(text, len, "\r\n\r\n", 4);
	size_t head = end ? (size_t)(end - text) : len;
	if (head < 12 || strncasecmp(text, "SIP/2.0 ", 8) != 0 ||
	    !slice_number((struct slice){text + 8, 3}, 699, &status) || status < 100)
		return 0;
	if (!memmem(text, head, question->branch, strlen(question->branch)) ||
	    !memmem(text, head, question->call_id, strlen(question->call_id)))
		return 0;
	return (int)status;
}

/* Waits until fd is ready. 0, or -ETIMEDOUT at until_ms. */
static int wait_for(int fd, short events, int64_t until_ms)
{
	struct pollfd pollfd = {.fd = fd, .events = events};
	for (;;) {
		int64_t left_ms = until_ms - clock_ms();
		if (left_ms <= 0)
			return -ETIMEDOUT;
		int ready = poll(&pollfd, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -errno;
	}
}

/* The final status, 0 for a datagram that is none, or -errno; an ICMP error comes up
 * here. */
static int receive_datagram(int fd, const struct question *question, int64_t *interval_ms)
{
	char answer[65536];
	ssize_t len = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	int status = answer_status(question, answer, (size_t)len);
	if (status >= 200)
		return status;
	if (status > 0)
		*interval_ms = T2_MS;
	return 0;
}

static int over_udp(int fd, const struct question *question, int64_t deadline_ms)
{
	int64_t interval_ms = T1_MS, resend_ms = clock_ms();
	for (;;) {
		int64_t time_ms = clock_ms();
		if (time_ms >= deadline_ms)
			return -ETIMEDOUT;
		if (time_ms >= resend_ms) {
			if (send(fd, question->text, question->len, MSG_NOSIGNAL) < 0)
				return -errno;
			resend_ms = time_ms + interval_ms;
			interval_ms = interval_ms * 2 < T2_MS ? interval_ms * 2 : T2_MS;
		}
		int err = wait_for(fd, POLLIN,
		                   resend_ms < deadline_ms ? resend_ms : deadline_ms);
		if (err == -ETIMEDOUT)
			continue;
		int status = err < 0 ? err : receive_datagram(fd, question, &interval_ms);
		if (status != 0)
			return status;
	}
}

/* Takes complete headers off the front of the len bytes at text, until one is a final
 * answer. */
static int take_answers(const struct question *question, char *text, size_t *len)
{
	for (;;) {
		const char *end = memmem(text, *len, "\r\n\r\n", 4);
		if (!end)
			return 0;
		int status = answer_status(question, text, *len);
		if (status >= 200)
			return status;
		size_t taken = (size_t)(end - text) + 4;
		*len -= taken;
		memmove(text, text + taken, *len);
	}
}

static int over_tcp(int fd, const struct question *question, int64_t deadline_ms)
{
	char text[65536];
	size_t len = 0;
	/* The send buffer of a new connection holds far more than a question. */
	if (send(fd, question->text, question->len, MSG_NOSIGNAL) !=
	    (ssize_t)question->len)
		return -EIO;
	for (;;) {
		int err = wait_for(fd, POLLIN, deadline_ms);
		if (err < 0)
			return err;
		ssize_t more = recv(fd, text + len, sizeof text - len, MSG_DONTWAIT);
		if (more == 0)
			return -ECONNRESET;
		if (more < 0) {
			if (errno == EAGAIN || errno == EINTR)
				continue;
			return -errno;
		}
		len += (size_t)more;
		int status = take_answers(question, text, &len);
		if (status != 0)
			return status;
		if (len == sizeof text)
			return -EMSGSIZE;
	}
}

static int connect_until(int fd, const struct endpoint *to, int64_t deadline_ms)
{
	struct sockaddr_storage address;
	socklen_t size = endpoint_to_sockaddr(to, &address);
	if (connect(fd, (struct sockaddr *)&address, size) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	int err = wait_for(fd, POLLOUT, deadline_ms);
	socklen_t err_size = sizeof err;
	if (err == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &err_size) < 0)
		return -errno;
	return err < 0 ? err : -err;
}

int ping(const struct endpoint *to, unsigned timeout_ms)
{
	int64_t deadline_ms = clock_ms() + timeout_ms;
	bool tcp = to->transport == TRANSPORT_TCP;
	struct question question;
	int fd = socket(address_is_v4(&to->address) ? AF_INET : AF_INET6,
	                (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
	                0);
	if (fd < 0)
		return -errno;
	int status = connect_until(fd, to, deadline_ms);
	if (status == 0)
		status = ask(fd, to, &question);
	if (status == 0 && tcp)
		status = over_tcp(fd, &question, deadline_ms);
	else if (status == 0)
		status = over_udp(fd, &question, deadline_ms);
	close(fd);
	return status;
}
