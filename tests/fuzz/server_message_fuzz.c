/* SPDX-License-Identifier: MIT */
/* From the bytes of a datagram, or of a stream, to the reply, where everybody is let in
 * and where only users are: nothing crashes, and every promise that can be seen in one
 * message holds. server_corpus_test.c runs it as well. */
#include <stdint.h>
#include <time.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/sip_parser.h>

#include "tests/fuzz/client.h"
#include "tests/fuzz/server.h"
#include "tests/fuzz/sip_mutator.h"

const size_t sip_mutator_prefix = 0;

static const char settings_text[] =
	"profiles:\n"
	"  open: {listen: [\"udp:127.0.0.1:5060\", \"tcp:127.0.0.1:5060\"], peers: [a, "
	"b, "
	"c]}\n"
	"  phones: {listen: \"udp:127.0.0.1:5070\", peers: [a, b, c],\n"
	"           auth: {realm: example.net, users: users.yaml}}\n"
	"  bound: {listen: \"udp:127.0.0.1:5080\", peers: [a, b, c],\n"
	"          auth: {realm: example.net, users: users.yaml, bind_from: true}}\n"
	"peers:\n"
	"  a: {networks: [127.0.0.1, 127.0.0.3]}\n"
	"  b: {networks: \"::1\", dialect: {preset: first-only, user_phone: true},\n"
	"      headers: {Server: \"{caller}\", X-To: \"<sip:{called}@{host}>\"}}\n"
	"  c: {networks: 127.0.0.2, dialect: freeswitch, spoofable: true}\n"
	"rules: rules.yaml\n";
enum { LISTEN_UDP, LISTEN_TCP, LISTEN_PHONES, LISTEN_BOUND, LISTENS };

static const char rules_text[] =
	"gateways: {a: {uri: sip:gw1.example.net, headers: {X-G: \"{gateway} {rule}\"}}, "
	"b: \"sip:{caller}-{called}@gw2.example.net\"}\n"
	"groups: {g: [[a, b], \"b\"]}\n"
	"numbers: {n: {file: numbers.csv, portability: true}}\n"
	"rules:\n"
	"  - {called: {in: n}, redirect: \"{row.gateway}\", rewrite: {rn: \"{row.rn}\", "
	"npdi: true}, headers: {Diversion: \"\\\"{row.name}\\\" "
	"<sip:{called}@{host}>\"}, "
	"uri_headers: {P-Asserted-Identity: '\"{n[caller].name}\" "
	"<sip:{caller}@{host}>', "
	"Subject: \"{row.name}\"}}\n"
	"  - {called: {prefix: \"+44\"}, rewrite: {strip: \"+\", prepend: \"00\"}, "
	"redirect: g}\n"
	"  - {caller: {regex: \"^[+]1\"}, rewrite: {replace: {regex: \"(.)(.*)\", with: "
	"\"$2$1\"}}, redirect: b, status: 301}\n"
	"  - {header: {Subject: {prefix: x}, X-A: {regex: \"b+\"}}, redirect: "
	"\"sips:s.example.net\", expires: 60}\n"
	"  - {source: [10.0.0.0/8, \"::1\"], cic: {prefix: \"+1\"}, trunk_context: t, "
	"rewrite: {trunk_context: \"{trunk_context}\", tgrp: \"{tgrp}\"}, redirect: "
	"\"sip:x@a;transport=tcp?X=y\"}\n"
	"  - {called: \"112\", priority: true, redirect: a}\n"
	"  - {user: alice, redirect: \"sip:1@users.example.net\"}\n"
	"  - {not: {host: example.net}, reject: {status: 603, reason: "
	"\"Q.850;cause=21\"}}\n"
	"default: {redirect: g}\n";

static const char numbers_text[] = "number,rn,gateway,name\n"
				   "+12025550100,+12025550199,a,\"A \"\"B\"\", <c>\"\n"
				   "+12025550101,,b,\xc3\xa9;?&=\n"
				   "+442071234567,+13035550199,g,\n"
				   "alice,,a,\\\n";

#define NONCE_LEN 40

static const char *const sources[] = {"udp:127.0.0.1:999", "udp:[::1]:999",
                                      "udp:127.0.0.2:999"};
#define SOURCES (sizeof sources / sizeof sources[0])

static struct served served;
static char nonces[LISTENS][SOURCES][NONCE_LEN + 1]; /* what is asked for there */

#define require served_require

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

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* RFC 3261 8.2.6.2, as the library reads both. */
static void check_copies(const sip_t *reply, const sip_t *request)
{
	require(reply->sip_call_id &&
	                same(reply->sip_call_id->i_id, request->sip_call_id->i_id),
	        "the Call-ID is the request's");
	require(reply->sip_cseq && reply->sip_cseq->cs_seq == request->sip_cseq->cs_seq &&
	                same(reply->sip_cseq->cs_method_name,
	                     request->sip_cseq->cs_method_name),
	        "the CSeq is the request's");
	require(reply->sip_from && same(reply->sip_from->a_tag, request->sip_from->a_tag),
	        "the From is the request's");
	require(reply->sip_to && reply->sip_to->a_tag &&
	                (!request->sip_to->a_tag ||
	                 same(reply->sip_to->a_tag, request->sip_to->a_tag)),
	        "the To has a tag, the request's if it had one");
	/* The library would take the one below a broken one. */
	require(request->sip_error ||
	                (reply->sip_via &&
	                 same(reply->sip_via->v_host, request->sip_via->v_host) &&
	                 same(reply->sip_via->v_port, request->sip_via->v_port) &&
	                 same(reply->sip_via->v_branch, request->sip_via->v_branch)),
	        "the top Via is the request's");
}

/* The library sends what it can read. Vias below the top are copied whatever they are. */
static int check_with_library(const struct reply *reply, struct slice text)
{
	msg_t *msg =
		msg_make(sip_default_mclass(), 0, reply->text, (ssize_t)reply->length);
	msg_t *asked =
		text.len ? msg_make(sip_default_mclass(), 0, text.at, (ssize_t)text.len)
			 : NULL;
	sip_t *sip = sip_object(msg), *request = sip_object(asked);
	require(sip && sip->sip_status, "the library reads the reply");
	int status = sip->sip_status->st_status;
	require((status >= 300 && status < 400) == (sip->sip_contact != NULL),
	        "a 3xx, and nothing else, has Contacts");
	require((status == 401) == (sip_www_authenticate(sip) != NULL),
	        "a 401, and nothing else, has a challenge");
	/* A NUL is a blank to us, and the end of the text to the library. */
	bool whole = request && request->sip_call_id && request->sip_cseq &&
	             request->sip_from && request->sip_to && request->sip_via &&
	             !memchr(text.at, '\0', text.len);
	if (whole && status != 400 && status != 413 && status != 505)
		check_copies(sip, request);
	msg_destroy(asked);
	msg_destroy(msg);
	return status;
}

/* Its status; 0: there is none. */
static int check_reply(const struct reply *reply, struct slice text,
                       const struct arrival *arrival)
{
	if (!reply->length)
		return 0;
	require(is_lines(reply), "the reply is lines");
	require(arrival->source.transport == TRANSPORT_TCP ||
	                address_equal(&reply->to.address, &arrival->source.address),
	        "the reply goes to its source");
	require(!arrival->bytes ||
	                !profile_peer(arrival->listen->profile, &arrival->source.address)
	                         ->spoofable ||
	                reply->length <= SPOOFABLE_TIMES * arrival->bytes,
	        "no more is sent to a forged source than it could send");
	return check_with_library(reply, text);
}

/* Where everybody is let in */

static void answer(const struct message *message, struct slice text,
                   const struct arrival *arrival)
{
	static struct reply reply, again;
	struct explanation explanation = {0};
	struct arrival admitted = *arrival;
	redirect_answer(served.redirect, message, arrival, &reply);
	require(redirect_admits(served.redirect, &admitted), "a peer");
	redirect_explain(served.redirect, served.table, message, &admitted, &explanation,
	                 &again);
	require(reply.length == again.length &&
	                memcmp(reply.text, again.text, reply.length) == 0 &&
	                reply.close == again.close,
	        "the explanation is the answer");
	check_reply(&reply, text, arrival);
}

/* Over the limit: refused, unless it has priority. */
static void answer_over(const struct message *message, const struct arrival *arrival)
{
	static struct reply reply;
	struct explanation explanation = {0};
	struct arrival over = *arrival;
	over.over = true;
	require(redirect_admits(served.redirect, &over), "a peer");
	redirect_explain(served.redirect, served.table, message, &over, &explanation,
	                 &reply);
	/* A broken message gets it too: the library may read that another way. */
	int status = check_reply(&reply, (struct slice){0}, arrival);
	bool urgent = explanation.decision.priority;
	for (size_t i = 0; i < message->field_count; i++)
		urgent |= field_is(&message->fields[i], slice_of("Resource-Priority"));
	require(!status || status == 503 || urgent, "no more than the limit");
}

static void answer_datagram(struct slice text, const struct arrival *arrival)
{
	msg_t *msg = message_parse(text);
	if (msg)
		answer(message_of(msg), text, arrival);
	if (msg && text.len % 4 == 0)
		answer_over(message_of(msg), arrival);
	msg_destroy(msg);
}

/* Where only users are let in. The time stands still. */

#define NOW   1795364040
#define LATER (NOW + 3600)

struct answered {
	int status; /* 0: none */
	bool decided, stale;
	struct reply reply;
};

static const struct answered *explain(struct slice text, const struct arrival *arrival,
                                      int64_t now_s)
{
	static struct answered answered;
	struct explanation explanation = {.now_s = now_s};
	struct arrival admitted = *arrival;
	msg_t *msg = message_parse(text);
	answered = (struct answered){0};
	require(redirect_admits(served.redirect, &admitted), "a peer");
	if (!msg)
		return &answered;
	redirect_explain(served.redirect, served.table, message_of(msg), &admitted,
	                 &explanation, &answered.reply);
	answered.status = check_reply(&answered.reply, text, arrival);
	answered.decided = explanation.decided;
	answered.stale = memmem(answered.reply.text, answered.reply.length,
	                        ", stale=true", 12) != NULL;
	msg_destroy(msg);
	return &answered;
}

static const char nonce_wanted[] = "NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN";
static const char response_wanted[] =
	"RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR";

/* What the server asks this source for. */
static void get_nonce(size_t listener, size_t source)
{
	static const char invite[] =
		"INVITE sip:1@a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\n"
		"From: <sip:a@b>;tag=c\r\nTo: <sip:1@a>\r\nCall-ID: d\r\nCSeq: 1 INVITE"
		"\r\n\r\n";
	struct arrival arrival = served_arrival(&served, listener, sources[source]);
	const struct answered *answered = explain(slice_of(invite), &arrival, NOW);
	const char *at = memmem(answered->reply.text, answered->reply.length, " nonce=\"",
	                        strlen(" nonce=\""));
	require(answered->status == 401 && !answered->stale && at, "a challenge");
	snprintf(nonces[listener][source], NONCE_LEN + 1, "%.*s", NONCE_LEN,
	         at + strlen(" nonce=\""));
}

static bool next_digest(const struct message *message, size_t *at, struct digest *digest)
{
	while (*at < message->field_count) {
		const struct field *field = &message->fields[(*at)++];
		if (field_is(field, slice_of("Authorization")) &&
		    digest_read(field->value, digest))
			return true;
	}
	return false;
}

static struct slice method_of(const struct message *message)
{
	struct slice line = message->start_line;
	return (struct slice){line.at, slice_find(line, ' ')};
}

/* Whether somebody has proven who he is in text. */
static bool has_right_digest(struct slice text, const char *nonce)
{
	msg_t *msg = message_parse(text);
	struct digest digest;
	bool right = false;
	for (size_t at = 0; msg && !right && next_digest(message_of(msg), &at, &digest);)
		right = client_is_right(&digest, method_of(message_of(msg)), nonce);
	msg_destroy(msg);
	return right;
}

/* Puts the response that is right, whatever else is said with it, where text has a place
 * for one. */
static void fill_responses(char *text, size_t len)
{
	enum digest_algorithm algorithm;
	const struct client *client;
	struct digest digest;
	char response[65];
	msg_t *msg = message_parse((struct slice){text, len});
	for (size_t at = 0; msg && next_digest(message_of(msg), &at, &digest);) {
		if (!digest_algorithm(digest.algorithm, &algorithm) ||
		    !(client = client_of(&digest, algorithm)))
			continue;
		client_response(client, client->password, algorithm, &digest,
		                method_of(message_of(msg)), response);
		char *to = memmem(text, len, response_wanted, strlen(response));
		if (to)
			memcpy(to, response, strlen(response));
	}
	msg_destroy(msg);
}

/* Puts nonce, and responses, where text has places for them. */
static struct slice fill(struct slice text, const char *nonce)
{
	static char filled[MESSAGE_MAX];
	struct slice out = {filled, text.len < sizeof filled ? text.len : sizeof filled};
	memcpy(filled, text.at, out.len);
	char *at = memmem(filled, out.len, nonce_wanted, NONCE_LEN);
	if (!at)
		return out;
	for (; at; at = memmem(filled, out.len, nonce_wanted, NONCE_LEN))
		memcpy(at, nonce, NONCE_LEN);
	fill_responses(filled, out.len);
	return out;
}

/* text with line behind its start line; what follows that stays a line of its own. Empty:
 * there is no start line. */
static struct slice insert(struct slice text, const char *line, size_t len)
{
	static char out[2 * MESSAGE_MAX];
	static const char before[] = "\r\n", behind[] = "\r\nX: ";
	msg_t *msg = message_parse(text);
	struct slice start = msg ? message_of(msg)->start_line : (struct slice){0};
	const char *at = msg ? memmem(text.at, text.len, start.at, start.len) : NULL;
	size_t head = at ? (size_t)(at - text.at) + start.len : 0;
	msg_destroy(msg);
	if (!at)
		return (struct slice){0};
	int count = snprintf(out, sizeof out, "%.*s%s%.*s%s", (int)head, text.at, before,
	                     (int)len, line, behind);
	if ((size_t)count != head + len + strlen(before) + strlen(behind))
		return (struct slice){0}; /* a NUL */
	memcpy(out + count, text.at + head, text.len - head);
	return (struct slice){out, (size_t)count + text.len - head};
}

/* What a client may get wrong. */
enum mistake {
	MISTAKE_NONE,
	MISTAKE_PASSWORD,
	MISTAKE_TIME,
	MISTAKE_ADDRESS,
	MISTAKE_PROFILE,
	MISTAKES
};

/* text comes again, with credentials. */
static void come_again(struct slice text, const struct arrival *arrival,
                       const char *nonce, enum mistake mistake,
                       const struct client *client)
{
	char line[2048];
	struct arrival from = *arrival;
	msg_t *msg = message_parse(text);
	struct slice method = method_of(message_of(msg));
	struct slice rest =
		slice_trim(slice_skip(message_of(msg)->start_line, method.len));
	struct slice uri = {rest.at, slice_find(rest, ' ')};
	bool quotable = uri.len && !slice_has_control(uri) &&
	                !memchr(uri.at, '"', uri.len) && !memchr(uri.at, '\\', uri.len);
	size_t len = client_answer(client,
	                           mistake == MISTAKE_PASSWORD ? "x" : client->password,
	                           nonce, method, uri, line, sizeof line);
	msg_destroy(msg);
	struct slice again = insert(text, line, len);
	if (!quotable || !len || !again.len || again.len > MESSAGE_MAX)
		return;
	const struct listen *listens = served.settings->listens;
	if (mistake == MISTAKE_ADDRESS)
		from.source.address =
			served_arrival(&served, 0, "udp:127.0.0.3:1").source.address;
	if (mistake == MISTAKE_PROFILE)
		from.listen = &listens[arrival->listen == &listens[LISTEN_PHONES]
		                               ? LISTEN_BOUND
		                               : LISTEN_PHONES];
	from.bytes = arrival->bytes ? again.len : 0;
	const struct answered *answered =
		explain(again, &from, mistake == MISTAKE_TIME ? LATER : NOW);
	if (answered->status == 400 || !answered->status)
		return; /* a header field too many, or a reply too large */
	require((answered->status == 401) == (mistake != MISTAKE_NONE),
	        "who is right is let in, and nobody else");
	require(mistake == MISTAKE_PASSWORD ||
	                answered->stale == (mistake >= MISTAKE_TIME),
	        "who is right but for the nonce is told so");
	require(!answered->decided || mistake == MISTAKE_NONE, "rules are for users");
}

static void answer_users(struct slice text, size_t listener, size_t source)
{
	static struct reply reply;
	struct arrival arrival = served_arrival(&served, listener, sources[source]);
	arrival.bytes = text.len;
	const char *nonce = nonces[listener][source];
	struct slice filled = fill(text, nonce);
	const struct answered *answered = explain(filled, &arrival, NOW);
	require(!answered->decided || has_right_digest(filled, nonce),
	        "rules are for users");
	require(answered->decided || answered->status / 100 != 3,
	        "a redirect is for users");
	if (answered->status == 401)
		come_again(filled, &arrival, nonce, text.len / 4 % MISTAKES,
		           &clients[text.len / 16 % CLIENTS]);
	msg_t *msg = answered->decided ? message_parse(filled) : NULL;
	if (msg) {
		redirect_answer(served.redirect, message_of(msg), &arrival, &reply);
		require(check_reply(&reply, filled, &arrival) == 401,
		        "the nonce is of another time");
	}
	msg_destroy(msg);
}

static void start(void)
{
	served_start(&served, &(struct served_texts){settings_text, rules_text,
	                                             client_users, numbers_text});
	for (size_t i = LISTEN_PHONES; i < LISTENS; i++)
		for (size_t j = 0; j < SOURCES; j++)
			get_nonce(i, j);
}

/* A stream, where everybody is let in */

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
				answer(message, (struct slice){0}, arrival);
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
	if (!served.redirect)
		start();
	struct slice text = {(const char *)data, size};
	struct arrival udp = served_arrival(&served, LISTEN_UDP, sources[size % SOURCES]);
	struct arrival tcp = served_arrival(&served, LISTEN_TCP, "tcp:127.0.0.1:999");
	udp.bytes = size;
	answer_datagram(text, &udp);
	answer_users(text, size / SOURCES % 2 ? LISTEN_PHONES : LISTEN_BOUND,
	             size % SOURCES);
	answer_stream(text, 1 + size % 97, &tcp);
	answer_stream(text, size ? size : 1, &tcp);
	return 0;
}
