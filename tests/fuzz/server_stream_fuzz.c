/* SPDX-License-Identifier: MIT */
/* From the bytes of a TCP connection to its replies, through the connection that the
 * stream door has: however they are cut into segments, the replies are the same and
 * whole, the connection ends, and nothing of it is left. server_stream_corpus_test.c runs
 * it as well. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/doors/connection.h"
#include "tests/fuzz/server.h"
#include "tests/fuzz/sip_mutator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                               \
	do {                                                                             \
		if (!(condition))                                                        \
			abort();                                                         \
	} while (0)

#define SEGMENTS      4          /* their lengths go before the bytes */
#define SEGMENTS_MAX  8          /* then all the rest comes at once */
#define RECEIVE_EVERY 512        /* bytes, whose replies a socket has room for */
#define STREAM_MAX    65536      /* bytes: what a socket takes at once */
#define REPLIES_MAX   (1u << 22) /* bytes */

const size_t sip_mutator_prefix = SEGMENTS;

static const char rules_text[] =
	"rules:\n"
	"  - {called: {prefix: \"+44\"}, redirect: \"sip:{called}@gw.example.net\"}\n"
	"  - {header: {Subject: x}, reject: 603}\n"
	"default: {redirect: [\"sip:a.example.net\", \"sip:b.example.net\"]}\n";

static struct {
	struct served served;
	struct connections *connections;
	struct arrival arrival;
	unsigned long closed;
} server;

static void on_close(void *arg, const struct arrival *arrival)
{
	(void)arg;
	(void)arrival;
	server.closed++;
}

static void start(void)
{
	served_start(&server.served, &(struct served_texts){.rules = rules_text});
	server.arrival = served_arrival(&server.served, 1, "tcp:127.0.0.1:999");
	server.connections = connections_new();
	REQUIRE(server.connections && (server.connections->base = event_base_new()));
	server.connections->redirect = server.served.redirect;
	server.connections->limits = server.served.settings->limits;
	server.connections->on_close = on_close;
}

struct replies {
	size_t len;
	char text[REPLIES_MAX];
};

/* All that is there: a socket gives as much as it has. */
static void receive(int fd, struct replies *replies)
{
	ssize_t len = read(fd, replies->text + replies->len, REPLIES_MAX - replies->len);
	replies->len += len > 0 ? (size_t)len : 0;
	REQUIRE(replies->len < REPLIES_MAX);
}

static void turn(void)
{
	event_base_loop(server.connections->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* Of the first that are sent; segments tells what share of the text each is, from a
 * single byte to a quarter. */
static size_t segment_len(const uint8_t *segments, size_t i, size_t size)
{
	if (!segments || i >= SEGMENTS_MAX)
		return size;
	return 1 + segments[i % SEGMENTS] * size / 1024;
}

/* One connection, from its first byte to its end; segments NULL: all at once. */
static void converse(struct slice text, const uint8_t *segments, struct replies *replies)
{
	int ends[2];
	unsigned long closed = server.closed;
	const size_t size = text.len;
	replies->len = 0;
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	                   ends) == 0);
	REQUIRE(connection_open(server.connections, ends[0], NULL, &server.arrival));
	for (size_t i = 0; text.len; i++) {
		size_t len = segment_len(segments, i, size);
		len = len < text.len ? len : text.len;
		ssize_t sent = send(ends[1], text.at, len, MSG_NOSIGNAL);
		if (sent < 0)
			break; /* closed */
		text = slice_skip(text, (size_t)sent);
		turn();
		if (len > RECEIVE_EVERY || i % SEGMENTS == 0)
			receive(ends[1], replies);
	}
	shutdown(ends[1], SHUT_WR);
	for (int i = 0; i < 8 && server.closed == closed; i++) {
		turn();
		receive(ends[1], replies);
	}
	turn();
	receive(ends[1], replies);
	REQUIRE(server.closed == closed + 1 && server.connections->count == 0);
	close(ends[1]);
}

/* Status lines and header fields, each with its CRLF; no other control characters. */
static void check(const struct replies *replies)
{
	struct slice rest = {replies->text, replies->len};
	while (rest.len) {
		const char *end = memmem(rest.at, rest.len, "\r\n", 2);
		REQUIRE(end);
		struct slice line = {rest.at, (size_t)(end - rest.at)};
		REQUIRE(!slice_has_control(line));
		rest = slice_skip(rest, line.len + 2);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct replies whole, cut;
	if (!server.connections)
		start();
	if (size < SEGMENTS || size > STREAM_MAX)
		return 0;
	struct slice text = {(const char *)data + SEGMENTS, size - SEGMENTS};
	converse(text, NULL, &whole);
	check(&whole);
	converse(text, data, &cut);
	REQUIRE(whole.len == cut.len && memcmp(whole.text, cut.text, cut.len) == 0);
	return 0;
}
