/* SPDX-License-Identifier: MIT */
/* From the bytes of a datagram, or of a stream, to the reply: nothing crashes, and every
 * promise that can be seen in one message holds. server_corpus_test.c runs it as well. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/sip_parser.h>

#include "server/redirect.h"
#include "tests/fuzz/sip_mutator.h"

const size_t sip_mutator_prefix = 0;

static const char rules_text[] =
	"gateways: {a: sip:gw1.example.net, b: "
	"\"sip:{caller}-{called}@gw2.example.net\"}\n"
	"groups: {g: [[a, b], \"b\"]}\n"
	"rules:\n"
	"  - {called: {prefix: \"+44\"}, rewrite: {strip: \"+\", prepend: \"00\"}, "
	"redirect: g}\n"
	"  - {caller: {regex: \"^[+]1\"}, rewrite: {replace: {regex: \"(.)(.*)\", with: "
	"\"$2$1\"}}, redirect: b, status: 301}\n"
	"  - {header: {Subject: {prefix: x}, X-A: {regex: \"b+\"}}, redirect: "
	"\"sips:s.example.net\", expires: 60}\n"
	"  - {not: {host: example.net}, reject: {status: 603, reason: "
	"\"Q.850;cause=21\"}}\n"
	"default: {redirect: g}\n";

static struct settings *settings;
static struct table *table;
static struct snapshot *snapshot;
static struct tag_keys keys;
static struct redirect *redirect;

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static struct table *load_rules(struct diags *diags)
{
	static char path[] = "/tmp/signpost-fuzz-XXXXXX";
	int fd = mkstemp(path);
	require(fd >= 0 && write(fd, rules_text, strlen(rules_text)) ==
	                           (ssize_t)strlen(rules_text),
	        "a temporary file");
	close(fd);
	struct table *loaded = table_load(path, TABLE_BYTES_MAX, diags);
	unlink(path);
	return loaded;
}

static void start(void)
{
	struct diags *diags = diags_new();
	settings = settings_load(NULL, diags);
	table = load_rules(diags);
	diags_print(diags, stderr);
	diags_free(diags);
	require(settings && table && message_init() &&
	                tag_keys_init(&keys, slice_of("0123456789abcdef")),
	        "a start");
	settings->log_calls = LOG_CALLS_NONE;
	snapshot = snapshot_new(
		&(struct configuration){.settings = settings, .table = table});
	redirect = redirect_new(settings, snapshot, &keys);
}

/* Lines, each with CRLF, no other control characters, an empty one at the end only. */
static bool is_lines(const struct reply *reply)
{
	const char *text = reply->text;
	for (size_t i = 0; i < reply->length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '\r' ? text[++i] != '\n' : c < ' ' || c == 127)
			return false;
	}
	return reply->length > 4 &&
	       memmem(text, reply->length, "\r\n\r\n", 4) == text + reply->length - 4;
}

/* The library sends what it can read. Vias below the top are copied whatever they are. */
static void check_with_library(const struct reply *reply)
{
	msg_t *msg =
		msg_make(sip_default_mclass(), 0, reply->text, (ssize_t)reply->length);
	sip_t *sip = sip_object(msg);
	require(sip && sip->sip_status, "the library reads the reply");
	int status = sip->sip_status->st_status;
	require((status >= 300 && status < 400) == (sip->sip_contact != NULL),
	        "a 3xx, and nothing else, has Contacts");
	msg_destroy(msg);
}

static void answer(const struct message *message, const struct arrival *arrival)
{
	static struct reply reply, again;
	struct explanation explanation = {0};
	redirect_answer(redirect, message, arrival, &reply);
	redirect_explain(redirect, table, message, arrival, &explanation, &again);
	require(reply.length == again.length &&
	                memcmp(reply.text, again.text, reply.length) == 0 &&
	                reply.close == again.close,
	        "the explanation is the answer");
	if (!reply.length)
		return;
	require(is_lines(&reply), "the reply is lines");
	require(arrival->source.transport == TRANSPORT_TCP ||
	                address_equal(&reply.to.address, &arrival->source.address),
	        "the reply goes to its source");
	check_with_library(&reply);
}

static void answer_datagram(struct slice text, const struct arrival *arrival)
{
	msg_t *msg = message_parse(text);
	if (msg)
		answer(message_of(msg), arrival);
	msg_destroy(msg);
}

static bool append(msg_t *msg, struct slice part)
{
	msg_iovec_t room[8] = {{0}};
	if (msg_recv_iovec(msg, room, 8, (usize_t)part.len, 0) != 1)
		return false;
	memcpy(room[0].mv_base, part.at, part.len);
	msg_recv_commit(msg, (usize_t)part.len, 0);
	return true;
}

/* As sofia-sip's transports do it, until a framing error. */
static void answer_stream(struct slice text, size_t piece, const struct arrival *arrival)
{
	msg_t *msg = NULL;
	bool open = true;
	for (; open && text.len; text = slice_skip(text, piece)) {
		struct slice part = {text.at, text.len < piece ? text.len : piece};
		if (!msg) {
			msg = msg_create(message_class(true), 0);
			msg_maxsize(msg, MESSAGE_BUFFER_MAX);
		}
		if (!append(msg, part))
			break;
		for (int status = msg_extract(msg); msg && status && open;) {
			const struct message *message = message_of(msg);
			if (message) {
				answer(message, arrival);
				open = message->framing == FRAMING_OK;
			}
			msg_t *next = status > 0 ? msg_next(msg) : NULL;
			msg_destroy(msg);
			msg = next;
			status = msg ? msg_extract(msg) : 0;
		}
	}
	msg_destroy(msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!redirect)
		start();
	struct slice text = {(const char *)data, size};
	struct arrival udp = {.listen = &settings->listens[0]};
	struct arrival tcp = {.listen = &settings->listens[1]};
	const char *why;
	endpoint_parse(slice_of(size % 2 ? "udp:127.0.0.1:999" : "udp:[::1]:999"),
	               &udp.source, &why);
	endpoint_parse(slice_of("tcp:127.0.0.1:999"), &tcp.source, &why);
	answer_datagram(text, &udp);
	answer_stream(text, 1 + size % 97, &tcp);
	answer_stream(text, size ? size : 1, &tcp);
	return 0;
}
