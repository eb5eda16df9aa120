/* SPDX-License-Identifier: MIT */
/* From the bytes of a TCP connection to its replies, through the connection that the
 * stream door has: however they are cut into segments, the replies are the same and
 * whole, the connection ends, and nothing of it is left. server_stream_corpus_test.c runs
 * it as well. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/doors/connection.h"
#include "server/redirect.h"
#include "tests/fuzz/sip_mutator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                               \
	do {                                                                             \
		if (!(condition))                                                        \
			abort();                                                         \
	} while (0)

#define SEGMENTS    4          /* their lengths go before the bytes */
#define STREAM_MAX  65536      /* bytes: what a socket takes at once */
#define REPLIES_MAX (1u << 22) /* bytes */

const size_t sip_mutator_prefix = SEGMENTS;

static const char rules_text[] =
	"rules:\n"
	"  - {called: {prefix: \"+44\"}, redirect: \"sip:{called}@gw.example.net\"}\n"
	"  - {header: {Subject: x}, reject: 603}\n"
	"default: {redirect: [\"sip:a.example.net\", \"sip:b.example.net\"]}\n";

static struct {
	struct settings *settings;
	struct connections *connections;
	struct arrival arrival;
	unsigned long closed;
} server;

static struct table *load_rules(struct diags *diags)
{
	static char path[] = "/dev/shm/signpost-fuzz-XXXXXX";
	ssize_t size = sizeof rules_text - 1;
	int fd = mkstemp(path);
	REQUIRE(fd >= 0 && write(fd, rules_text, (size_t)size) == size);
	close(fd);
	struct table *table = table_load(path, TABLE_BYTES_MAX, diags);
	unlink(path);
	return table;
}

static void on_close(void *arg, const struct arrival *arrival)
{
	(void)arg;
	(void)arrival;
	server.closed++;
}

static void start(void)
{
	static struct tag_keys keys;
	struct diags *diags = diags_new();
	const char *why;
	server.settings = settings_load(NULL, diags);
	struct table *table = load_rules(diags);
	diags_print(diags, stderr);
	diags_free(diags);
	REQUIRE(server.settings && table && message_init());
	REQUIRE(tag_keys_init(&keys, slice_of("0123456789abcdef")));
	server.settings->log_calls = LOG_CALLS_NONE;
	server.arrival.listen = &server.settings->listens[1];
	REQUIRE(endpoint_parse(slice_of("tcp:127.0.0.1:999"), &server.arrival.source,
	                       &why));
	server.connections = connections_new();
	REQUIRE(server.connections && (server.connections->base = event_base_new()));
	struct snapshot *snapshot = snapshot_new(
		&(struct configuration){.settings = server.settings, .table = table});
	server.connections->redirect = redirect_new(NULL, snapshot, &keys);
	server.connections->limits = server.settings->limits;
	server.connections->on_close = on_close;
	REQUIRE(server.connections->redirect);
}

struct replies {
	size_t len;
	char text[REPLIES_MAX];
};

static void receive(int fd, struct replies *replies)
{
	ssize_t len;
	while ((len = read(fd, replies->text + replies->len,
	                   REPLIES_MAX - replies->len)) > 0)
		replies->len += (size_t)len;
	REQUIRE(replies->len < REPLIES_MAX);
}

static void turn(void)
{
	event_base_loop(server.connections->base, EVLOOP_NONBLOCK);
}

/* One connection, from its first byte to its end; segments NULL: all at once. */
static void converse(struct slice text, const uint8_t *segments, struct replies *replies)
{
	int ends[2];
	unsigned long closed = server.closed;
	replies->len = 0;
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	                   ends) == 0);
	REQUIRE(connection_open(server.connections, ends[0], NULL, &server.arrival));
	for (size_t i = 0; text.len; i++) {
		size_t len = segments ? 1u + segments[i % SEGMENTS] : text.len;
		len = len < text.len ? len : text.len;
		ssize_t sent = send(ends[1], text.at, len, MSG_NOSIGNAL);
		if (sent < 0)
			break; /* closed */
		text = slice_skip(text, (size_t)sent);
		turn();
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
	if (!server.settings)
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
