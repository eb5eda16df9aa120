/* SPDX-License-Identifier: MIT */
#include "server/log/calllog.h"

#include <stdalign.h>
#include <string.h>

#include "rules/writer.h"
#include "server/log/escape.h"
#include "server/log/journal.h"
#include "server/log/stamp.h"

/* Texts of a record, in its order. */
enum text {
	CALL_ID,
	METHOD,
	LISTENER,
	PROFILE,
	PEER,
	USER,
	CALLER,
	CALLED,
	RULE,
	GATEWAY,
	CONTACTS,
	TEXTS
};

/* Bytes in a line at most, escaped, with the NUL that escape() writes. Contacts get what
 * is left, which is more than a datagram may have of them. */
static const uint16_t limits[TEXTS] = {
	[CALL_ID] = 512, [METHOD] = 64,     [LISTENER] = ENDPOINT_TEXT_MAX,
	[PROFILE] = 96,  [PEER] = 96,       [USER] = 136,
	[CALLER] = 320,  [CALLED] = 320,    [RULE] = 264,
	[GATEWAY] = 96,  [CONTACTS] = 1500,
};
#define LIMITS                                                                           \
	(512 + 64 + ENDPOINT_TEXT_MAX + 96 + 96 + 136 + 320 + 320 + 264 + 96 + 1500)
#define WHY_MAX 72
#define KEYS    480 /* bytes of all keys, the time, the source, the reason and numbers */
_Static_assert(LIMITS + KEYS <= LOG_LINE_MAX, "a call fits into a line");

/* What a worker copies; behind it the texts, one after the other. */
struct record {
	int64_t time_ns;
	const char *why;
	unsigned long table;
	struct endpoint source;
	unsigned microseconds, offered, cut;
	uint16_t status;
	bool json;
	uint16_t lens[TEXTS];
};

/* Putting */

bool calllog_wants(const struct settings *settings, unsigned status, uint64_t key)
{
	switch (settings->log_calls) {
	case LOG_CALLS_ALL:
		return true;
	case LOG_CALLS_REJECTED:
		return status >= 400;
	case LOG_CALLS_SAMPLED:
		/* Mixed (as MurmurHash3 ends): the key itself orders gateways, whose
		 * shares among those that are chosen are to be the same. */
		key ^= key >> 33;
		key *= UINT64_C(0xff51afd7ed558ccd);
		key ^= key >> 33;
		key *= UINT64_C(0xc4ceb9fe1a85ec53);
		key ^= key >> 33;
		return key % settings->log_one_in == 0;
	case LOG_CALLS_NONE:
		break;
	}
	return false;
}

/* One byte beyond the limit is enough to know that a text is to be cut. */
static uint16_t length_kept(struct slice text, enum text which)
{
	return text.len < limits[which] ? (uint16_t)text.len : limits[which];
}

static void fill(struct record *record, bool json, const struct call *call)
{
	record->time_ns = call->time_ns;
	record->why = call->why;
	record->table = call->table;
	record->source = call->source;
	record->microseconds = call->microseconds;
	record->offered = call->offered;
	record->cut = call->cut;
	record->status = (uint16_t)call->status;
	record->json = json;
}

static size_t copy(struct record *record, bool json, const struct call *call,
                   const struct slice texts[TEXTS], const uint16_t lens[TEXTS])
{
	char *to = (char *)(record + 1);
	fill(record, json, call);
	memcpy(record->lens, lens, sizeof record->lens);
	for (size_t i = 0; i < TEXTS; to += lens[i++])
		if (lens[i])
			memcpy(to, texts[i].at, lens[i]);
	return (size_t)(to - (char *)record);
}

static void write_now(const void *record)
{
	char line[LOG_LINE_MAX];
	journal_put(LOG_INFO, false, line, calllog_line(record, line));
}

void calllog_put(struct ring *ring, enum log_format format, const struct call *call)
{
	const struct slice texts[TEXTS] = {
		[CALL_ID] = call->call_id,   [METHOD] = call->method,
		[LISTENER] = call->listener, [PROFILE] = call->profile,
		[PEER] = call->peer,         [USER] = call->user,
		[CALLER] = call->caller,     [CALLED] = call->called,
		[RULE] = call->rule,         [GATEWAY] = call->gateway,
		[CONTACTS] = call->contacts,
	};
	alignas(struct record) char own[sizeof(struct record) + LIMITS];
	uint16_t lens[TEXTS];
	size_t len = sizeof(struct record);
	for (size_t i = 0; i < TEXTS; i++)
		len += lens[i] = length_kept(texts[i], i);
	void *record = ring ? ring_begin(ring, len) : own;
	if (!record)
		return;
	copy(record, format == LOG_FORMAT_JSON, call, texts, lens);
	if (ring)
		ring_commit(ring, len);
	else
		write_now(record);
}

/* The line */

struct line {
	struct writer writer;
	bool json;
	const struct record *record;
	const char *at; /* the next text of the record */
};

#define PUT_KEY(line, key)                                                               \
	writer_put(&(line)->writer,                                                      \
	           (line)->json ? slice_of(",\"" key "\":") : slice_of(" " key "="))

static void put_number(struct line *line, unsigned long number)
{
	char digits[20];
	size_t at = sizeof digits;
	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	writer_put(&line->writer, (struct slice){digits + at, sizeof digits - at});
}

static void put_quoted(struct line *line, struct slice text, size_t limit)
{
	struct writer *writer = &line->writer;
	writer_put_char(writer, '"');
	writer->len += escape(text, line->json, writer->to + writer->len, limit);
	writer_put_char(writer, '"');
}

/* The record's next text. */
static struct slice take(struct line *line, enum text which)
{
	struct slice text = {line->at, line->record->lens[which]};
	line->at += text.len;
	return text;
}

static void put_text(struct line *line, enum text which)
{
	put_quoted(line, take(line, which), limits[which]);
}

/* Without quotes in text. */
static void put_word(struct line *line, struct slice word)
{
	if (line->json)
		put_quoted(line, word, ENDPOINT_TEXT_MAX);
	else
		writer_put(&line->writer, word);
}

/* "udp:192.0.2.1:5060" */
static void put_v4(struct line *line, const struct endpoint *endpoint)
{
	static const char *const names[] = {[TRANSPORT_UDP] = "udp:",
	                                    [TRANSPORT_TCP] = "tcp:",
	                                    [TRANSPORT_TLS] = "tls:"};
	const uint8_t *bytes = endpoint->address.bytes + 12;
	writer_put(&line->writer, slice_of(names[endpoint->transport]));
	for (int i = 0; i < 4; i++) {
		put_number(line, bytes[i]);
		writer_put_char(&line->writer, i < 3 ? '.' : ':');
	}
	put_number(line, endpoint->port);
}

/* Nothing in it has to be escaped. */
static void put_endpoint(struct line *line, const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];
	if (line->json)
		writer_put_char(&line->writer, '"');
	if (address_is_v4(&endpoint->address))
		put_v4(line, endpoint);
	else
		writer_put(&line->writer, slice_of(endpoint_text(endpoint, text)));
	if (line->json)
		writer_put_char(&line->writer, '"');
}

static void put_start(struct line *line)
{
	char time[STAMP_MAX];
	struct writer *writer = &line->writer;
	if (line->json)
		WRITER_PUT(writer, "{\"time\":\"");
	writer_put(writer, (struct slice){time, stamp(line->record->time_ns, time)});
	if (line->json)
		WRITER_PUT(writer, "\",\"event\":\"call\"");
	else
		WRITER_PUT(writer, " call");
	PUT_KEY(line, "id");
	put_text(line, CALL_ID);
	PUT_KEY(line, "method");
	put_text(line, METHOD);
	PUT_KEY(line, "source");
	put_endpoint(line, &line->record->source);
	PUT_KEY(line, "listener");
	put_word(line, take(line, LISTENER));
}

static void put_question(struct line *line)
{
	PUT_KEY(line, "profile");
	put_text(line, PROFILE);
	PUT_KEY(line, "peer");
	put_text(line, PEER);
	PUT_KEY(line, "user");
	put_text(line, USER);
	PUT_KEY(line, "caller");
	put_text(line, CALLER);
	PUT_KEY(line, "called");
	put_text(line, CALLED);
}

static void put_answer(struct line *line)
{
	const struct record *record = line->record;
	PUT_KEY(line, "rule");
	put_text(line, RULE);
	PUT_KEY(line, "status");
	put_number(line, record->status);
	PUT_KEY(line, "why");
	put_quoted(line, slice_of(record->why), WHY_MAX);
	PUT_KEY(line, "gateway");
	put_text(line, GATEWAY);
	PUT_KEY(line, "offered");
	put_number(line, record->offered);
	PUT_KEY(line, "cut");
	put_number(line, record->cut);
	PUT_KEY(line, "contacts");
	put_text(line, CONTACTS);
	PUT_KEY(line, "table");
	put_number(line, record->table);
	PUT_KEY(line, "us");
	put_number(line, record->microseconds);
}

size_t calllog_line(const void *record, char text[LOG_LINE_MAX])
{
	const struct record *of = record;
	struct line line = {.writer = {text, LOG_LINE_MAX, 0, false},
	                    .json = of->json,
	                    .record = of,
	                    .at = (const char *)(of + 1)};
	put_start(&line);
	put_question(&line);
	put_answer(&line);
	if (line.json)
		writer_put_char(&line.writer, '}');
	writer_put_char(&line.writer, '\n');
	return line.writer.len;
}
