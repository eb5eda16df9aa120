/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/sip_util.h>

#include "server/sip/message.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal)                                                                    \
	{                                                                                \
		literal, sizeof(literal) - 1                                             \
	}
#define START "INVITE sip:a@b SIP/2.0\r\n"

static char seen[1 << 17]; /* what has been understood, as text */

static void see(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void see(const char *format, ...)
{
	size_t len = strlen(seen);
	va_list args;
	va_start(args, format);
	int written = vsnprintf(seen + len, sizeof seen - len, format, args);
	va_end(args);
	ck_assert_uint_lt((size_t)written, sizeof seen - len);
}

static void init(void)
{
	ck_assert(message_init());
}

static void see_fields(const struct message *message)
{
	for (size_t i = 0; i < message->field_count; i++) {
		const struct field *field = &message->fields[i];
		see("%.*s=%.*s|", (int)field->name.len, field->name.at,
		    (int)field->value.len, field->value.at);
	}
}

/* Datagrams */

static const struct {
	struct slice text;
	const char *start_line, *fields;
	size_t bad_lines;
} parsed[] = {
	/* as it came: names and values trimmed, nothing else */
	{TEXT(START "Via :  a \t\r\nSubject:\tb  c  \r\n\r\n"), "INVITE sip:a@b SIP/2.0",
         "Via=a|Subject=b  c|", 0},
	{TEXT(START "v: 1\r\nVIA:2\r\nm:\r\n\r\n"), "INVITE sip:a@b SIP/2.0",
         "v=1|VIA=2|m=|", 0},
	{TEXT(START "A: :b:\r\n\r\n"), "INVITE sip:a@b SIP/2.0", "A=:b:|", 0},
	{TEXT(START "A: \xff\x01\x7f\r\n\r\n"), "INVITE sip:a@b SIP/2.0",
         "A=\xff\x01\x7f|", 0},
	{TEXT(START "!x-.%*_+`'~9: 1\r\n\r\n"), "INVITE sip:a@b SIP/2.0",
         "!x-.%*_+`'~9=1|", 0},
	{TEXT(START "\r\n"), "INVITE sip:a@b SIP/2.0", "", 0},
	{TEXT("  what ever \r\n\r\n"), "what ever", "", 0},
	{TEXT("\r\n\r\n" START "A: b\r\n\r\n"), "INVITE sip:a@b SIP/2.0", "A=b|", 0},
	{TEXT("INVITE sip:a@b SIP/2.0\nA: b\nC: d\n\n"), "INVITE sip:a@b SIP/2.0",
         "A=b|C=d|", 0},
	/* RFC 3261 7.3.1: folding */
	{TEXT(START "A: b\r\n c\r\n\t\td\r\nE: f\r\n\r\n"), "INVITE sip:a@b SIP/2.0",
         "A=b\r\n c\r\n\t\td|E=f|", 0},
	{TEXT(START "A\r\n :\r\n b\r\n\r\n"), "INVITE sip:a@b SIP/2.0", "A=b|", 0},
	{TEXT(START "A:\r\n \r\nB: c\r\n\r\n"), "INVITE sip:a@b SIP/2.0", "A=|B=c|", 0},
	/* lines that are no header fields */
	{TEXT(START "x\r\nA: b\r\n: y\r\nC: d\r\n \r\n\r\n"), "INVITE sip:a@b SIP/2.0",
         "A=b|C=d|", 2},
	{TEXT(START "A b: c\r\n(x): y\r\n<: z\r\nA: b\r\n\r\n"), "INVITE sip:a@b SIP/2.0",
         "A=b|", 3},
	{TEXT(START "x\n\r\n"), "INVITE sip:a@b SIP/2.0", "", 1},
	/* RFC 4475 3.1.1.2: a NUL in a quoted pair */
	{TEXT(START "A: \"b\\\0c\"\r\nD\0: \0e\r\n\r\n"), "INVITE sip:a@b SIP/2.0",
         "A=\"b\\ c\"|D=e|", 0},
	{TEXT("INV\0TE sip:a\0b SIP/2.0\r\nA: b\r\n\r\n"), "INV TE sip:a b SIP/2.0",
         "A=b|", 0},
	/* responses */
	{TEXT("SIP/2.0 200 OK\r\nA: b\r\n\r\nbody"), "SIP/2.0 200 OK", "A=b|", 0},
};

START_TEST(fields_are_handed_over_as_they_came)
{
	msg_t *msg = message_parse(parsed[_i].text);
	const struct message *message = message_of(msg);
	ck_assert_ptr_nonnull(message);
	ck_assert(slice_equal(message->start_line, slice_of(parsed[_i].start_line)));
	see_fields(message);
	ck_assert_str_eq(seen, parsed[_i].fields);
	ck_assert_uint_eq(message->bad_lines, parsed[_i].bad_lines);
	ck_assert_int_eq(message->framing, FRAMING_OK);
	msg_destroy(msg);
}
END_TEST

static const struct slice no_messages[] = {
	TEXT(""),
	TEXT("\r\n"),
	TEXT("\r\n\r\n\r\n\r\n"),
	TEXT("   "),
	TEXT("x"),
	TEXT("INVITE sip:a@b SIP/2.0"),
	TEXT(START),
	TEXT(START "A: b\r\n"),
	TEXT(START "A: b\r\n "),
	TEXT("\0\1\0\0\x21\x12\xa4\x42"),
	TEXT("\xff\xfe\xfd"),
	TEXT("SIP/2.0 200 OK\r\n"),
};

START_TEST(what_has_no_end_of_headers_is_no_message)
{
	ck_assert_ptr_null(message_parse(no_messages[_i]));
}
END_TEST

START_TEST(a_message_may_have_65535_bytes)
{
	static char text[MESSAGE_MAX + 1] = START "A: b\r\n\r\n";
	memset(text + strlen(text), 'x', sizeof text - strlen(text));
	msg_t *msg = message_parse((struct slice){text, MESSAGE_MAX});
	ck_assert_ptr_nonnull(msg);
	ck_assert_int_eq(message_of(msg)->framing, FRAMING_OK);
	msg_destroy(msg);
	ck_assert_ptr_null(message_parse((struct slice){text, sizeof text}));
}
END_TEST

START_TEST(the_view_of_nothing_is_nothing)
{
	msg_t *msg = msg_create(message_class(false), 0);
	ck_assert_ptr_null(message_of(msg));
	ck_assert_ptr_null(message_of(NULL));
	msg_destroy(msg);
}
END_TEST

/* What nta is shown */

START_TEST(nta_sees_a_request_in_order_whatever_came)
{
	msg_t *msg = message_parse(parsed[_i].text);
	sip_t *sip = sip_object(msg);
	bool response = slice_begins(parsed[_i].text, slice_of("SIP/"));
	ck_assert_int_eq(sip->sip_request == NULL, response);
	ck_assert_int_eq(sip_sanity_check(sip), response ? -1 : 0);
	ck_assert_uint_eq(
		sip->sip_flags & (MSG_FLG_ERROR | MSG_FLG_TRUNC | MSG_FLG_TOOLARGE), 0);
	ck_assert_ptr_null(sip->sip_error);
	msg_destroy(msg);
}
END_TEST

/* Content-Length */

static const struct {
	const char *fields;
	enum framing datagram, stream; /* of a message with the body "abc" */
} lengths[] = {
	{"", FRAMING_OK, FRAMING_OK},
	{"Content-Length: 3\r\n", FRAMING_OK, FRAMING_OK},
	{"l: 3\r\n", FRAMING_OK, FRAMING_OK},
	{"CONTENT-LENGTH : \r\n 3\r\n", FRAMING_OK, FRAMING_OK},
	{"Content-Length: 0003\r\n", FRAMING_OK, FRAMING_OK},
	{"Content-Length: 2\r\n", FRAMING_OK, FRAMING_OK},
	{"Content-Length: 0\r\n", FRAMING_OK, FRAMING_OK},
	{"Content-Length: 4\r\n", FRAMING_TRUNCATED, FRAMING_TRUNCATED},
	{"Content-Length: 65000\r\n", FRAMING_TRUNCATED, FRAMING_TRUNCATED},
	{"Content-Length: 65536\r\n", FRAMING_TRUNCATED, FRAMING_TOO_LARGE},
	{"Content-Length: 2147483648\r\n", FRAMING_TRUNCATED, FRAMING_TOO_LARGE},
	{"Content-Length: 4294967295\r\n", FRAMING_TRUNCATED, FRAMING_TOO_LARGE},
	{"Content-Length: 4294967296\r\n", FRAMING_BAD_LENGTH, FRAMING_BAD_LENGTH},
	{"Content-Length: 99999999999999999999999\r\n", FRAMING_BAD_LENGTH,
         FRAMING_BAD_LENGTH},
	{"Content-Length:\r\n", FRAMING_BAD_LENGTH, FRAMING_BAD_LENGTH},
	{"Content-Length: x\r\n", FRAMING_BAD_LENGTH, FRAMING_BAD_LENGTH},
	{"Content-Length: -1\r\n", FRAMING_BAD_LENGTH, FRAMING_BAD_LENGTH},
	{"Content-Length: +3\r\n", FRAMING_BAD_LENGTH, FRAMING_BAD_LENGTH},
	{"Content-Length: 3 3\r\n", FRAMING_BAD_LENGTH, FRAMING_BAD_LENGTH},
	{"Content-Length: 3, 3\r\n", FRAMING_BAD_LENGTH, FRAMING_BAD_LENGTH},
	{"Content-Length: 0x3\r\n", FRAMING_BAD_LENGTH, FRAMING_BAD_LENGTH},
	{"Content-Length: 3\r\nl: 3\r\n", FRAMING_OK, FRAMING_OK},
	{"Content-Length: 3\r\nl: 03\r\nContent-Length: 3\r\n", FRAMING_OK, FRAMING_OK},
	{"Content-Length: 3\r\nl: 2\r\n", FRAMING_BAD_LENGTH, FRAMING_BAD_LENGTH},
	{"Content-Length: 0\r\nContent-Length: 3\r\n", FRAMING_BAD_LENGTH,
         FRAMING_BAD_LENGTH},
	{"Content-Length: 3\r\nContent-Length: x\r\n", FRAMING_BAD_LENGTH,
         FRAMING_BAD_LENGTH},
};

START_TEST(a_datagram_holds_what_content_length_says)
{
	char text[256];
	snprintf(text, sizeof text, START "%s\r\nabc", lengths[_i].fields);
	msg_t *msg = message_parse(slice_of(text));
	ck_assert_int_eq(message_of(msg)->framing, lengths[_i].datagram);
	ck_assert_int_eq(sip_sanity_check(sip_object(msg)), 0);
	msg_destroy(msg);
}
END_TEST

/* Streams */

static msg_t *new_message(void)
{
	msg_t *msg = msg_create(message_class(true), 0);
	ck_assert_ptr_nonnull(msg);
	msg_maxsize(msg, MESSAGE_BUFFER_MAX);
	return msg;
}

/* As sofia-sip's transports do it. What msg_extract() returns: 0 if there is more to
 * come. */
static int append(msg_t *msg, struct slice text, bool end)
{
	msg_iovec_t room[8] = {{0}};
	if (text.len) {
		issize_t count =
			msg_recv_iovec(msg, room, COUNT(room), (usize_t)text.len, 0);
		ck_assert_int_eq(count, 1);
		memcpy(room[0].mv_base, text.at, text.len);
	}
	msg_recv_commit(msg, (usize_t)text.len, end);
	return msg_extract(msg);
}

static void see_message(msg_t *msg)
{
	static const char *const framings[] = {"", "truncated ", "too large ",
	                                       "bad length "};
	const struct message *message = message_of(msg);
	if (!message) {
		see("nothing\n");
		return;
	}
	if (sip_object(msg)->sip_request)
		ck_assert_int_eq(sip_sanity_check(sip_object(msg)), 0);
	see("%s%.*s ", framings[message->framing], (int)message->start_line.len,
	    message->start_line.at);
	see_fields(message);
	see("\n");
}

/* Reads a stream that comes in pieces. What is left at the end is not told. */
static void receive(struct slice text, size_t piece)
{
	msg_t *msg = NULL;
	seen[0] = '\0';
	for (; text.len; text = slice_skip(text, piece)) {
		struct slice part = {text.at, text.len < piece ? text.len : piece};
		if (!msg)
			msg = new_message();
		for (int status = append(msg, part, false); msg && status;) {
			see_message(msg);
			msg_t *next = status > 0 ? msg_next(msg) : NULL;
			msg_destroy(msg);
			msg = next;
			status = msg ? msg_extract(msg) : 0;
		}
	}
	msg_destroy(msg);
}

static const struct {
	struct slice text;
	const char *messages;
} streams[] = {
	{TEXT("A sip:a SIP/2.0\r\nl: 3\r\n\r\nabcB sip:b SIP/2.0\r\nX: y\r\nl: "
              "0\r\n\r\nC sip:c SIP/2.0\r\n\r\n"),
         "A sip:a SIP/2.0 l=3|\nB sip:b SIP/2.0 X=y|l=0|\nC sip:c SIP/2.0 \n"},
	{TEXT("\r\n\r\nA sip:a SIP/2.0\r\nl: 2\r\n\r\nab\r\n\r\n\r\nB sip:b "
              "SIP/2.0\r\n\r\n"),
         "A sip:a SIP/2.0 l=2|\nB sip:b SIP/2.0 \n"},
	{TEXT("A sip:a SIP/2.0\r\nl: 21\r\n\r\nB sip:b "
              "SIP/2.0\r\n\r\n\r\nC sip:c SIP/2.0\r\nl: 0\r\nl: 0\r\n\r\n"),
         "A sip:a SIP/2.0 l=21|\nC sip:c SIP/2.0 l=0|l=0|\n"},
	{TEXT("SIP/2.0 200 OK\r\nl: 4\r\n\r\nA sAB sip:b SIP/2.0\r\n\r\n"),
         "SIP/2.0 200 OK l=4|\nB sip:b SIP/2.0 \n"},
	{TEXT("A sip:a SIP/2.0\r\nX: a\r\n b\r\n\tc\r\n\r\n"),
         "A sip:a SIP/2.0 X=a\r\n b\r\n\tc|\n"},
	{TEXT("A sip:a SIP/2.0\r\nbad\r\n:\r\n(: x\r\nX: y\r\n\r\nB sip:b "
              "SIP/2.0\r\n\r\n"),
         "A sip:a SIP/2.0 X=y|\nB sip:b SIP/2.0 \n"},
	{TEXT("A sip:a SIP/2.0\r\nX: a\0b\r\nl: 3\r\n\r\na\0cB sip:b "
              "SIP/2.0\r\n\0Y: z\r\n\r\n"),
         "A sip:a SIP/2.0 X=a b|l=3|\nB sip:b SIP/2.0 Y=z|\n"},
};

START_TEST(a_stream_is_cut_the_same_wherever_it_comes_apart)
{
	for (size_t piece = 1; piece <= streams[_i].text.len; piece++) {
		receive(streams[_i].text, piece);
		ck_assert_msg(strcmp(seen, streams[_i].messages) == 0,
		              "in pieces of %zu:\n%s", piece, seen);
	}
}
END_TEST

START_TEST(a_stream_carries_what_content_length_says)
{
	char text[256];
	snprintf(text, sizeof text, START "%s\r\nabc", lengths[_i].fields);
	msg_t *msg = new_message();
	enum framing framing = lengths[_i].stream;
	int status = append(msg, slice_of(text), false);
	ck_assert_int_eq(status, framing == FRAMING_TRUNCATED ? 0 : 1);
	ck_assert_int_eq(message_of(msg)->framing, framing);
	if (framing == FRAMING_TOO_LARGE || framing == FRAMING_BAD_LENGTH)
		ck_assert_ptr_null(msg_next(msg)); /* nothing behind it is looked at */
	msg_destroy(msg);
}
END_TEST

START_TEST(nta_is_shown_nothing_in_order_before_the_body_is_there)
{
	msg_t *msg = new_message();
	ck_assert_int_eq(append(msg, slice_of(START "A: b\r\n"), false), 0);
	ck_assert_ptr_null(message_of(msg));
	ck_assert_int_eq(append(msg, slice_of("l: 3\r\n\r\nab"), false), 0);
	ck_assert_int_eq(sip_sanity_check(sip_object(msg)), -1);
	ck_assert_ptr_null(sip_object(msg)->sip_via);
	ck_assert_int_eq(append(msg, slice_of("c"), false), 1);
	ck_assert_int_eq(sip_sanity_check(sip_object(msg)), 0);
	ck_assert_int_eq(message_of(msg)->framing, FRAMING_OK);
	msg_destroy(msg);
}
END_TEST

START_TEST(a_stream_that_ends_in_a_body_is_truncated)
{
	msg_t *msg = new_message();
	append(msg, slice_of(START "l: 3\r\n\r\nab"), false);
	append(msg, (struct slice){0}, true);
	ck_assert_int_eq(message_of(msg)->framing, FRAMING_TRUNCATED);
	ck_assert_int_eq(sip_sanity_check(sip_object(msg)), -1);
	msg_destroy(msg);
}
END_TEST

static struct slice sized_message(size_t header_size, size_t body_size)
{
	static char text[2 * MESSAGE_MAX + 200];
	int used = snprintf(text, sizeof text, START "l: %zu\r\nX: ", body_size);
	size_t fill = header_size - (size_t)used - 4;
	memset(text + used, 'x', fill);
	memcpy(text + used + fill, "\r\n\r\n", 4);
	memset(text + header_size, 'y', body_size);
	return (struct slice){text, header_size + body_size};
}

static const struct {
	size_t header_size, body_size;
	enum framing framing;
} sizes[] = {
	{100, 65000, FRAMING_OK},
	{100, MESSAGE_MAX - 100, FRAMING_OK},
	{100, MESSAGE_MAX, FRAMING_TOO_LARGE},
	{65000, 0, FRAMING_OK},
	{65000, MESSAGE_MAX - 65000, FRAMING_OK},
	{65000, 1000, FRAMING_TOO_LARGE},
	{MESSAGE_MAX + 100, 0, FRAMING_TOO_LARGE},
};

START_TEST(a_message_on_a_stream_has_the_same_limit)
{
	static const size_t pieces[] = {1000, 16384, 65535};
	struct slice text = sized_message(sizes[_i].header_size, sizes[_i].body_size);
	for (size_t p = 0; p < COUNT(pieces); p++) {
		msg_t *msg = new_message();
		int status = 0;
		for (struct slice left = text; left.len && !status;
		     left = slice_skip(left, pieces[p]))
			status = append(msg,
			                (struct slice){left.at, left.len < pieces[p]
			                                                ? left.len
			                                                : pieces[p]},
			                false);
		ck_assert_int_eq(status, 1);
		ck_assert_int_eq(message_of(msg)->framing, sizes[_i].framing);
		msg_destroy(msg);
	}
}
END_TEST

START_TEST(fields_stay_where_they_are_while_a_message_grows)
{
	char text[4096];
	size_t len = (size_t)sprintf(text, START);
	for (int i = 0; i < 100; i++)
		len += (size_t)sprintf(text + len, "X-%d: %d\r\n y%d\r\n", i, i, i);
	len += (size_t)sprintf(text + len, "l: 600\r\n\r\n");
	len += (size_t)sprintf(text + len, "%600s", "");
	receive((struct slice){text, len}, 1);
	char *at = seen;
	for (int i = 0; i < 100; i++) {
		char wanted[64];
		sprintf(wanted, "X-%d=%d\r\n y%d|", i, i, i);
		at = strstr(at, wanted);
		ck_assert_ptr_nonnull(at);
	}
}
END_TEST

START_TEST(thousands_of_messages_may_come_at_once)
{
	enum { MESSAGES = 3000 };
	static const char one[] = START "A: b\r\nl: 4\r\n\r\nbody";
	static char text[MESSAGES * sizeof one];
	size_t len = 0, count = 0;
	for (int i = 0; i < MESSAGES; i++, len += sizeof one - 1)
		memcpy(text + len, one, sizeof one - 1);
	receive((struct slice){text, len}, 16384);
	for (const char *at = seen; (at = strchr(at, '\n')); at++)
		count++;
	ck_assert_uint_eq(count, MESSAGES);
}
END_TEST

/* Names */

static const struct {
	const char *compact, *full;
} forms[] = {
	{"a", "Accept-Contact"},
	{"b", "Referred-By"},
	{"c", "Content-Type"},
	{"d", "Request-Disposition"},
	{"e", "Content-Encoding"},
	{"f", "From"},
	{"i", "Call-ID"},
	{"j", "Reject-Contact"},
	{"k", "Supported"},
	{"l", "Content-Length"},
	{"m", "Contact"},
	{"o", "Event"},
	{"r", "Refer-To"},
	{"s", "Subject"},
	{"t", "To"},
	{"u", "Allow-Events"},
	{"v", "Via"},
	{"x", "Session-Expires"},
	{"y", "Identity"},
};

START_TEST(compact_and_full_names_are_the_same)
{
	struct field compact = {slice_of(forms[_i].compact), {0}};
	struct field full = {slice_of(forms[_i].full), {0}};
	char upper[2] = {(char)(forms[_i].compact[0] - 'a' + 'A')};
	ck_assert(field_is(&compact, slice_of(forms[_i].full)));
	ck_assert(field_is(&compact, slice_of(forms[_i].compact)));
	ck_assert(field_is(&compact, slice_of(upper)));
	ck_assert(field_is(&full, slice_of(upper)));
	ck_assert(field_is(&full, slice_of(forms[_i].full)));
	ck_assert(
		slice_equal(field_full_name(slice_of(upper)), slice_of(forms[_i].full)));
	for (size_t i = 0; i < COUNT(forms); i++)
		ck_assert_int_eq(field_is(&compact, slice_of(forms[i].full)),
		                 i == (size_t)_i);
}
END_TEST

START_TEST(other_names_are_only_themselves)
{
	static const char *const names[] = {"", "z", "!", "q", "Vi", "Vias", "X-Via"};
	for (size_t i = 0; i < COUNT(names); i++) {
		struct field field = {slice_of(names[i]), {0}};
		ck_assert(slice_equal(field_full_name(field.name), field.name));
		ck_assert(!field_is(&field, slice_of("Via")));
		ck_assert(field_is(&field, field.name));
	}
}
END_TEST

/* Time: a message of this size takes 1 ms, and took a second when each bad line cost more
 * than the one before. Sanitizers look through all of a text at every strcspn(). */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LONG (10 * CLOCKS_PER_SEC)
#else
#define LONG (CLOCKS_PER_SEC / 4)
#endif

static const struct {
	const char *filler, *end;
} floods[] = {
	{"x\r\n", "\r\n"},  {"x\n", "\r\n"},     {":\r\n", "\r\n"},
	{"a:\r\n", "\r\n"}, {"a:\n", "\r\n"},    {"x\r\n", ""},
	{"\r\n ", "\r\n"},  {"l:1\r\n", "\r\n"}, {" ", "\r\n\r\n"},
};

START_TEST(no_filler_makes_a_message_take_long)
{
	static char text[65507];
	size_t len = (size_t)sprintf(text, START "A: b\r\n");
	size_t piece = strlen(floods[_i].filler), end = strlen(floods[_i].end);
	for (; len + piece + end <= sizeof text; len += piece)
		memcpy(text + len, floods[_i].filler, piece);
	memcpy(text + len, floods[_i].end, end);
	clock_t start = clock();
	msg_t *msg = message_parse((struct slice){text, len + end});
	ck_assert_int_eq(msg != NULL, end > 0);
	msg_destroy(msg);
	ck_assert_int_lt(clock() - start, LONG);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/message");
	TCase *tests = tcase_create("message");
	tcase_add_checked_fixture(tests, init, NULL);
	tcase_add_loop_test(tests, fields_are_handed_over_as_they_came, 0, COUNT(parsed));
	tcase_add_loop_test(tests, what_has_no_end_of_headers_is_no_message, 0,
	                    COUNT(no_messages));
	tcase_add_test(tests, a_message_may_have_65535_bytes);
	tcase_add_test(tests, the_view_of_nothing_is_nothing);
	tcase_add_loop_test(tests, nta_sees_a_request_in_order_whatever_came, 0,
	                    COUNT(parsed));
	tcase_add_loop_test(tests, a_datagram_holds_what_content_length_says, 0,
	                    COUNT(lengths));
	tcase_add_loop_test(tests, a_stream_is_cut_the_same_wherever_it_comes_apart, 0,
	                    COUNT(streams));
	tcase_add_loop_test(tests, a_stream_carries_what_content_length_says, 0,
	                    COUNT(lengths));
	tcase_add_test(tests, nta_is_shown_nothing_in_order_before_the_body_is_there);
	tcase_add_test(tests, a_stream_that_ends_in_a_body_is_truncated);
	tcase_add_loop_test(tests, a_message_on_a_stream_has_the_same_limit, 0,
	                    COUNT(sizes));
	tcase_add_test(tests, fields_stay_where_they_are_while_a_message_grows);
	tcase_add_test(tests, thousands_of_messages_may_come_at_once);
	tcase_add_loop_test(tests, compact_and_full_names_are_the_same, 0, COUNT(forms));
	tcase_add_test(tests, other_names_are_only_themselves);
	tcase_add_loop_test(tests, no_filler_makes_a_message_take_long, 0, COUNT(floods));
	suite_add_tcase(suite, tests);
	return suite;
}
