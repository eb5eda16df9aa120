/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/sip/request.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A request to be put together: NULL is the usual, "" is a line left out. Each part is
 * one or more complete lines without the last CRLF. */
struct parts {
	const char *start, *via, *from, *to, *call_id, *cseq, *more;
};

static msg_t *msg;
static struct request request;
static struct listen listen_udp = {.text = {"udp:192.0.2.1:5060", 18}};
static struct arrival arrival = {.listen = &listen_udp};
static struct request_numbers numbers;
static struct facts facts;

static void init(void)
{
	ck_assert(message_init());
	ck_assert(address_parse(slice_of("198.51.100.7"), &arrival.source.address));
}

static void fini(void)
{
	request_done(&request);
	msg_destroy(msg);
}

static void put_line(FILE *to, const char *line, const char *usual)
{
	if (!line)
		line = usual;
	if (*line)
		fprintf(to, "%s\r\n", line);
}

static enum request_use read_text(struct slice text)
{
	request_done(&request);
	msg_destroy(msg);
	msg = message_parse(text);
	ck_assert_ptr_nonnull(msg);
	return request_read(&request, message_of(msg));
}

static enum request_use read_parts(const struct parts *parts)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	put_line(to, parts->start, "INVITE sip:+441@example.net SIP/2.0");
	put_line(to, parts->via, "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1");
	put_line(to, parts->from, "From: <sip:alice@example.com>;tag=f");
	put_line(to, parts->to, "To: <sip:bob@example.net>");
	put_line(to, parts->call_id, "Call-ID: c");
	put_line(to, parts->cseq, "CSeq: 1 INVITE");
	put_line(to, parts->more, "");
	fputs("\r\nbody", to);
	fclose(to);
	enum request_use use = read_text((struct slice){text, size});
	free(text);
	return use;
}

static bool is(struct slice text, const char *wanted)
{
	return slice_equal(text, slice_of(wanted));
}

/* What a request consists of */

START_TEST(a_request_is_taken_apart)
{
	ck_assert_int_eq(read_parts(&(struct parts){
				 .via = "v: SIP/2.0/UDP h:5070;rport;branch=z9hG4bK1 , "
					"SIP/2.0/TCP g\r\nVia: SIP/2.0/TLS f",
				 .to = "t:  \"B\" <sip:bob@example.net>;tag=t",
				 .cseq = "CSeq: 0042  INVITE"}),
	                 REQUEST_ANSWER);
	ck_assert_uint_eq(request.fault, 0);
	ck_assert(is(request.method, "INVITE"));
	ck_assert(is(request.uri, "sip:+441@example.net"));
	ck_assert_int_eq(request.scheme, SCHEME_SIP);
	ck_assert(is(request.host, "example.net"));
	ck_assert(is(request.top.host, "h"));
	ck_assert(is(request.top.port, "5070"));
	ck_assert(is(request.top.before, "SIP/2.0/UDP h:5070"));
	ck_assert(is(request.top.behind, ";branch=z9hG4bK1"));
	ck_assert(request.top.rport);
	ck_assert_uint_eq(request.top_field, 0);
	ck_assert(is(request.top_rest, "SIP/2.0/TCP g"));
	ck_assert(is(request.branch, "z9hG4bK1"));
	ck_assert(is(request.from, "<sip:alice@example.com>;tag=f"));
	ck_assert(is(request.from_tag, "f"));
	ck_assert(is(request.to, "\"B\" <sip:bob@example.net>;tag=t"));
	ck_assert(is(request.to_tag, "t"));
	ck_assert(request.to_usable);
	ck_assert(is(request.call_id, "c"));
	ck_assert(is(request.cseq, "0042  INVITE"));
	ck_assert_uint_eq(request.cseq_number, 42);
}
END_TEST

static const struct {
	const char *start;
	enum scheme scheme;
} schemes[] = {
	{"INVITE sip:a@b SIP/2.0", SCHEME_SIP},
	{"INVITE SIP:a@b SIP/2.0", SCHEME_SIP},
	{"INVITE sips:a@b SIP/2.0", SCHEME_SIPS},
	{"INVITE SipS:a@b SIP/2.0", SCHEME_SIPS},
	{"INVITE tel:+441 SIP/2.0", SCHEME_TEL},
	{"INVITE TEL:112;phone-context=+44 SIP/2.0", SCHEME_TEL},
	{"INVITE http://x/y SIP/2.0", SCHEME_OTHER},
	{"INVITE urn:service:sos SIP/2.0", SCHEME_OTHER},
	{"INVITE nobody-knows:x SIP/2.0", SCHEME_OTHER},
	{"INVITE  sip:a@b   SIP/2.0", SCHEME_SIP},
	{"INVITE sip:a@b sip/2.0", SCHEME_SIP},
	{"INVITE sip:b SIP/2.0", SCHEME_SIP},
	{"INVITE sip:a@[2001:db8::1]:5060 SIP/2.0", SCHEME_SIP},
	{"INVITE sip:a:secret@b;x;lr?y=z SIP/2.0", SCHEME_SIP},
	{"INVITE sip:a;b=c@d_e.f. SIP/2.0", SCHEME_SIP},
	{"INVITE sip:a%20%00b@c SIP/2.0", SCHEME_SIP},
};

START_TEST(request_uris_of_any_scheme_are_read)
{
	ck_assert_int_eq(read_parts(&(struct parts){.start = schemes[_i].start}),
	                 REQUEST_ANSWER);
	ck_assert_msg(request.fault == 0, "%s: %s", schemes[_i].start, request.phrase);
	ck_assert_int_eq(request.scheme, schemes[_i].scheme);
}
END_TEST

/* Faults */

static const struct {
	struct parts parts;
	unsigned fault;
	const char *phrase;
} faults[] = {
	{{.start = "INVITE"}, 400, "Bad Request Line"},
	{{.start = "INVITE sip:a@b"}, 400, "Bad Request Line"},
	{{.start = "INVITE sip:a@b SIP"}, 400, "Bad Request Line"},
	{{.start = "INVITE sip:a@b SIP/2"}, 400, "Bad Request Line"},
	{{.start = "INVITE sip:a@b SIP/2.x"}, 400, "Bad Request Line"},
	{{.start = "INVITE sip:a@b HTTP/1.1"}, 400, "Bad Request Line"},
	{{.start = "INVITE sip:a@b SIP/2.0 x"}, 400, "Bad Request Line"},
	{{.start = "INVITE sip:a b@c SIP/2.0"}, 400, "Bad Request Line"},
	{{.start = "INV<ITE sip:a@b SIP/2.0"}, 400, "Bad Request Line"},
	{{.start = "INVITE\tsip:a@b SIP/2.0"}, 400, "Bad Request Line"},
	{{.start = "INVITE sip:a@b SIP/3.0"}, 505, ""},
	{{.start = "INVITE sip:a@b SIP/2.1"}, 505, ""},
	{{.start = "INVITE nonsense SIP/7.0"}, 505, ""},
	{{.start = "INVITE nonsense SIP/2.0"}, 400, "Bad Request-URI"},
	{{.start = "INVITE * SIP/2.0"}, 400, "Bad Request-URI"},
	{{.start = "INVITE sip: SIP/2.0"}, 400, "Bad Request-URI"},
	{{.start = "INVITE sip:a@ SIP/2.0"}, 400, "Bad Request-URI"},
	{{.start = "INVITE sip:;x SIP/2.0"}, 400, "Bad Request-URI"},
	{{.start = "INVITE :a@b SIP/2.0"}, 400, "Bad Request-URI"},
	{{.start = "INVITE 1sip:a@b SIP/2.0"}, 400, "Bad Request-URI"},
	{{.start = "INVITE <sip:a@b> SIP/2.0"}, 400, "Bad Request-URI"},
	{{.start = "INVITE sip:a@b:65536 SIP/2.0"}, 400, "Bad Request-URI"},
	{{.start = "INVITE sip:a@b:0 SIP/2.0"}, 400, "Bad Request-URI"},
	{{.start = "INVITE sip:a@b:x SIP/2.0"}, 400, "Bad Request-URI"},
	{{.start = "INVITE sip:a@[::1 SIP/2.0"}, 400, "Bad Request-URI"},
	{{.start = "INVITE sip:a@[x] SIP/2.0"}, 400, "Bad Request-URI"},
	{{.start = "INVITE sip:a@b<c SIP/2.0"}, 400, "Bad Request-URI"},
	{{.start = "INVITE tel: SIP/2.0"}, 400, "Bad Request-URI"},
	{{.call_id = ""}, 400, "Missing Call-ID Header"},
	{{.call_id = "i: a\r\nCall-ID: a"}, 400, "Several Call-ID Headers"},
	{{.call_id = "Call-ID:"}, 400, "Bad Call-ID Header"},
	{{.call_id = "Call-ID: a b"}, 400, "Bad Call-ID Header"},
	{{.call_id = "Call-ID: a\r\n b"}, 400, "Bad Call-ID Header"},
	{{.call_id = "Call-ID: a\x01z"}, 400, "Bad Call-ID Header"},
	{{.from = ""}, 400, "Missing From Header"},
	{{.from = "f: <sip:a@b>\r\nFrom: <sip:a@b>"}, 400, "Several From Headers"},
	{{.from = "From: "}, 400, "Bad From Header"},
	{{.from = "From: <sip:a@b"}, 400, "Bad From Header"},
	{{.from = "From: \"x <sip:a@b>"}, 400, "Bad From Header"},
	{{.from = "From: <sip:a@b>, <sip:c@d>"}, 400, "Bad From Header"},
	{{.to = ""}, 400, "Missing To Header"},
	{{.to = "t: <sip:a@b>\r\nTo: <sip:a@b>"}, 400, "Several To Headers"},
	{{.to = "To:"}, 400, "Bad To Header"},
	{{.to = "To: \"x <sip:a@b>"}, 400, "Bad To Header"},
	{{.to = "To: <sip:a@b>, <sip:c@d>"}, 400, "Bad To Header"},
	{{.to = "To: <sip:a@b> (comment)"}, 400, "Bad To Header"},
	{{.to = "To: <sip:a@b>;tag"}, 400, "Bad To Header"},
	{{.to = "To: <sip:a@b>;tag="}, 400, "Bad To Header"},
	{{.cseq = ""}, 400, "Missing CSeq Header"},
	{{.cseq = "CSeq: 1 INVITE\r\nCSeq: 1 INVITE"}, 400, "Several CSeq Headers"},
	{{.cseq = "CSeq:"}, 400, "Bad CSeq Header"},
	{{.cseq = "CSeq: 1"}, 400, "Bad CSeq Header"},
	{{.cseq = "CSeq: INVITE"}, 400, "Bad CSeq Header"},
	{{.cseq = "CSeq: 1INVITE"}, 400, "Bad CSeq Header"},
	{{.cseq = "CSeq: -1 INVITE"}, 400, "Bad CSeq Header"},
	{{.cseq = "CSeq: 2147483648 INVITE"}, 400, "Bad CSeq Header"},
	{{.cseq = "CSeq: 99999999999999999999 INVITE"}, 400, "Bad CSeq Header"},
	{{.cseq = "CSeq: 1 ACK"}, 400, "CSeq Does Not Match The Method"},
	{{.cseq = "CSeq: 1 invite"}, 400, "CSeq Does Not Match The Method"},
	{{.cseq = "CSeq: 1 INVITE x"}, 400, "CSeq Does Not Match The Method"},
	{{.more = "Content-Length: 5"}, 400, "Message Shorter Than Content-Length"},
	{{.more = "Content-Length: x"}, 400, "Bad Content-Length Header"},
	{{.more = "Content-Length: 1\r\nl: 2"}, 400, "Bad Content-Length Header"},
	/* only the first counts */
	{{.start = "INVITE sip:a@b", .cseq = "", .more = "l: x"},
         400,
         "Bad Request Line"},
	{{.call_id = "", .from = "", .cseq = "", .more = "l: x"},
         400,
         "Bad Content-Length Header"},
	{{.from = "From: x y z", .call_id = ""}, 400, "Missing Call-ID Header"},
};

START_TEST(a_fault_is_named_and_only_the_first_counts)
{
	ck_assert_int_eq(read_parts(&faults[_i].parts), REQUEST_ANSWER);
	ck_assert_str_eq(request.phrase, faults[_i].phrase);
	ck_assert_uint_eq(request.fault, faults[_i].fault);
}
END_TEST

START_TEST(a_stream_message_that_is_too_large_is_a_fault)
{
	ck_assert_int_eq(read_parts(&(struct parts){0}), REQUEST_ANSWER);
	struct message large = *message_of(msg);
	large.framing = FRAMING_TOO_LARGE;
	request_done(&request);
	ck_assert_int_eq(request_read(&request, &large), REQUEST_ANSWER);
	ck_assert_uint_eq(request.fault, 413);
	ck_assert_str_eq(request.phrase, "");
}
END_TEST

START_TEST(five_hundred_header_fields_are_enough)
{
	char more[4096] = "";
	for (int i = 0; i < 496; i++)
		strcat(more, i ? "\r\na:" : "a:");
	ck_assert_int_eq(read_parts(&(struct parts){.more = more}), REQUEST_ANSWER);
	ck_assert_uint_eq(request.fault, 400);
	ck_assert_str_eq(request.phrase, "Too Many Header Fields");
	more[strlen(more) - 4] = '\0';
	ck_assert_int_eq(read_parts(&(struct parts){.more = more}), REQUEST_ANSWER);
	ck_assert_uint_eq(request.fault, 0);
}
END_TEST

/* What nobody needs may be broken (RFC 3261 16.3, 8.3) */
static const struct parts no_faults[] = {
	{.more = "Date: x\r\nContact: <<<\r\nExpires: soon\r\nMax-Forwards: -7"},
	{.more = "Max-Forwards: 0\r\nRequire: the-moon\r\nProxy-Require: x"},
	{.more = "Content-Length: 3\r\nContent-Type: \x01"},
	{.more = "what is this\r\n: x\r\n<>: y"},
	{.more = "Route: nonsense\r\nP-Asserted-Identity: \"\r\nl: 4"},
	{.via = "Via: SIP/2.0/UDP h"},                 /* RFC 2543 */
	{.from = "From: <sip:a@b>"},                   /* RFC 2543 */
	{.from = "From: sip:a@b;tag=x"},               /* no angle brackets */
	{.from = "From: \"\\\"\" <sip:a@b>;tag=x"},    /* quoted pair */
	{.from = "From: J Rosenberg <sip:a@b>;tag=x"}, /* tokens */
	{.from = "From: <http://x/>;tag=x"},
	{.to = "To: <nobody-knows:x>"}, /* 8.2.2.1 */
	{.to = "To: <tel:+44>"},
	{.to = "To: \"(\" <sip:a@b>;x=\")\""},
	{.to = "To:\r\n <sip:a@b>\r\n\t;x=y"},
	{.cseq = "CSeq: 0 INVITE"},
	{.cseq = "CSeq: 2147483647\r\n INVITE"},
	{.call_id = "Call-ID: a@b@c(\"<>"},
	{.via = "Via: SIP/2.0/TCP h"}, /* transport of another socket */
};

START_TEST(what_no_answer_needs_is_no_fault)
{
	ck_assert_int_eq(read_parts(&no_faults[_i]), REQUEST_ANSWER);
	ck_assert_msg(request.fault == 0, "%s", request.phrase);
}
END_TEST

/* Nobody to answer to */

static const char *const no_vias[] = {
	"",
	"Via:",
	"Via: garbage",
	"Via: SIP/2.0/UDP",
	"Via: SIP/2.0 h",
	"Via: SIP/2.0/UDP h:0",
	"Via: SIP/2.0/UDP h:65536",
	"Via: SIP/2.0/UDP h:x",
	"Via: SIP/2.0/UDP h;branch=\"a",
	"Via: , SIP/2.0/UDP h",
	"Via: SIP/2.0/UDP [::1",
	"Via: SIP/2.0/UDP[::1]",
	"Via:\r\nVia: SIP/2.0/UDP h",
	"Viaa: SIP/2.0/UDP h",
};

START_TEST(without_a_usable_via_nobody_is_answered)
{
	ck_assert_int_eq(read_parts(&(struct parts){.via = no_vias[_i]}), REQUEST_NO_VIA);
}
END_TEST

#define THIRTY_COMMAS ",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,"
START_TEST(commas_in_a_via_are_counted_before_it_is_parsed)
{
	ck_assert_int_eq(read_parts(&(struct parts){
				 .via = "Via: SIP/2.0/UDP h;x=\"" THIRTY_COMMAS ",,,\""}),
	                 REQUEST_NO_VIA);
	ck_assert_int_eq(
		read_parts(&(struct parts){.via = "Via: SIP/2.0/UDP h;x=\"a,b,c\""}),
		REQUEST_ANSWER);
	ck_assert(is(request.top_rest, ""));
}
END_TEST

static const char *const responses[] = {
	"SIP/2.0 200 OK", "SIP/2.0 100 Trying", "SIP/2.0", "sip/2.0 200 OK", "SIP/ x",
};

START_TEST(a_response_is_not_answered)
{
	ck_assert_int_eq(read_parts(&(struct parts){.start = responses[_i]}),
	                 REQUEST_RESPONSE);
}
END_TEST

/* Facts */

static const struct {
	const char *uri, *from, *more;
	const char *called, *caller, *host;
} numbers_of[] = {
	/* the called number */
	{"sip:+44(20)7123-4567@b", NULL, "", "+442071234567", "alice", "b"},
	{"sip:+44.20;phone-context=x@b", NULL, "", "+4420", "alice", "b"},
	{"tel:+44-20-7123;isub=1", NULL, "", "+44207123", "alice", ""},
	{"tel:112;phone-context=+44", NULL, "", "112", "alice", ""},
	{"sip:alice.smith@b", NULL, "", "alice.smith", "alice", "b"},
	{"sip:1-a@b;user=phone", NULL, "", "1a", "alice", "b"},
	{"sip:1-a@b;USER=Phone;x", NULL, "", "1a", "alice", "b"},
	{"sip:1-a@b;user=ip", NULL, "", "1-a", "alice", "b"},
	{"sip:%2B44%32@b", NULL, "", "+442", "alice", "b"},
	{"sip:a%3bb@b", NULL, "", "a%3Bb", "alice", "b"},
	{"sip:a%3bb;c@b", NULL, "", "a%3Bb;c", "alice", "b"},
	{"sip:+1%3bnpdi@b", NULL, "", "+1%3Bnpdi", "alice", "b"},
	{"sip:%25%34%31@b", NULL, "", "%2541", "alice", "b"},
	{"sip:a/b?c@b?d=e", NULL, "", "a/b?c", "alice", "b"},
	{"sip:b;c=d", NULL, "", "", "alice", "b"},
	{"sip:1:2@B.Example:5070", NULL, "", "1", "alice", "B.Example"},
	{"sips:1@[2001:db8::1]", NULL, "", "1", "alice", "[2001:db8::1]"},
	/* the caller */
	{"sip:1@b", "\"A\" <sip:+1-2@c;x>;tag=1", "", "1", "+12", "b"},
	{"sip:1@b", "<tel:+1-2;x>;tag=1", "", "1", "+12", "b"},
	{"sip:1@b", "tel:+1-2;tag=1", "", "1", "+12", "b"},
	{"sip:1@b", "\"<sip:3@d>\\\"\" <sip:a%3bb:pw@c>", "", "1", "a%3Bb", "b"},
	{"sip:1@b", "A <sip:1-2@c;user=phone>;user=ip", "", "1", "12", "b"},
	{"sip:1@b", "sip:+1-2@c;tag=x", "", "1", "+12", "b"},
	{"sip:1@b", "sip:c", "", "1", "", "b"},
	{"sip:1@b", "<http://x/y>", "", "1", "", "b"},
	/* P-Asserted-Identity is preferred (RFC 3325) */
	{"sip:1@b", NULL, "P-Asserted-Identity: <sip:+44@c>", "1", "+44", "b"},
	{"sip:1@b", NULL, "p-asserted-identity: \"A, B\" <sip:+44@c>", "1", "+44", "b"},
	{"sip:1@b", NULL, "P-Asserted-Identity: tel:+44-1", "1", "+441", "b"},
	{"sip:1@b", NULL, "P-Asserted-Identity: <sip:c>, <tel:+44>", "1", "+44", "b"},
	{"sip:1@b", NULL, "P-Asserted-Identity: <sip:2@c>,<tel:+44>", "1", "2", "b"},
	{"sip:1@b", NULL, "P-Asserted-Identity: <sip:a,b@c>,<tel:+44>", "1", "a,b", "b"},
	{"sip:1@b", NULL,
         "P-Asserted-Identity: <sip:c>\r\nP-Asserted-Identity: <tel:+44>", "1", "+44",
         "b"},
	{"sip:1@b", NULL, "P-Asserted-Identity: <http://x/>, <sips:+44@c>", "1", "+44",
         "b"},
	/* a broken one is as good as none */
	{"sip:1@b", NULL, "P-Asserted-Identity:", "1", "alice", "b"},
	{"sip:1@b", NULL, "P-Asserted-Identity: \"", "1", "alice", "b"},
	{"sip:1@b", NULL, "P-Asserted-Identity: <sip:+44@c", "1", "alice", "b"},
	{"sip:1@b", NULL, "P-Asserted-Identity: x, ,<sip:+44@c>", "1", "+44", "b"},
	{"sip:1@b", NULL, "P-Asserted-Identity: <http://x/>", "1", "alice", "b"},
	{"sip:1@b", NULL, "P-Asserted-Identity: ,,,,,,,,,,,,,,,,,<sip:+44@c>", "1",
         "alice", "b"},
	{"sip:1@b", NULL, "P-Preferred-Identity: <sip:+44@c>", "1", "alice", "b"},
};

static bool read_facts(const char *uri, const char *from, const char *more)
{
	char start[4096], from_line[256];
	snprintf(start, sizeof start, "INVITE %s SIP/2.0", uri);
	snprintf(from_line, sizeof from_line, "From: %s", from ? from : "");
	struct parts parts = {
		.start = start, .from = from ? from_line : NULL, .more = more};
	ck_assert_int_eq(read_parts(&parts), REQUEST_ANSWER);
	ck_assert_msg(!request.fault, "%s: %s", from_line, request.phrase);
	return request_facts(&request, &arrival, 77, &numbers, &facts);
}

START_TEST(rules_see_clean_numbers)
{
	ck_assert(
		read_facts(numbers_of[_i].uri, numbers_of[_i].from, numbers_of[_i].more));
	ck_assert_msg(is(facts.called, numbers_of[_i].called), "called %.*s",
	              (int)facts.called.len, facts.called.at);
	ck_assert_msg(is(facts.caller, numbers_of[_i].caller), "caller %.*s",
	              (int)facts.caller.len, facts.caller.at);
	ck_assert(is(facts.host, numbers_of[_i].host));
}
END_TEST

START_TEST(rules_see_where_a_request_comes_from)
{
	ck_assert(read_facts("sip:1@b", NULL, ""));
	ck_assert(address_equal(&facts.source, &arrival.source.address));
	ck_assert(is(facts.listener, "udp:192.0.2.1:5060"));
	ck_assert_uint_eq(facts.call_key, 77);
}
END_TEST

START_TEST(a_called_number_has_at_most_1024_bytes)
{
	char uri[NUMBER_MAX + 16];
	int length = sprintf(uri, "sip:%0*d@b", NUMBER_MAX, 7);
	ck_assert(read_facts(uri, NULL, ""));
	ck_assert_uint_eq(facts.called.len, NUMBER_MAX);
	sprintf(uri + length - 2, "1@b");
	ck_assert(!read_facts(uri, NULL, ""));
}
END_TEST

START_TEST(a_caller_that_is_too_long_is_none)
{
	char more[NUMBER_MAX + 64];
	sprintf(more, "P-Asserted-Identity: <sip:%0*d@b>", NUMBER_MAX + 1, 7);
	ck_assert(read_facts("sip:1@b", NULL, more));
	ck_assert_uint_eq(facts.caller.len, 0);
}
END_TEST

/* Header access */

static const char *const many_headers = "X-A: 1\r\nSubject: s1\r\nx-a: 2\r\ns: "
					"s2\r\nX-A:\r\nX-B: b\r\nSUBJECT:\r\n s3\r\n"
					"X-A: 4\r\nX-F: one\r\n two \r\n\t \r\n three\r\n"
					"X-F: a  b \t c\r\n\td";

static const struct {
	const char *name;
	const char *values[6];
} headers[] = {
	{"X-A", {"1", "2", "", "4"}},
	{"x-a", {"1", "2", "", "4"}},
	{"Subject", {"s1", "s2", "s3"}},
	{"s", {"s1", "s2", "s3"}},
	{"S", {"s1", "s2", "s3"}},
	{"X-B", {"b"}},
	{"X-F", {"one two three", "a  b \t c d"}},
	{"X-C", {NULL}},
	{"", {NULL}},
	{"Via", {"SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1"}},
};

START_TEST(rules_see_every_value_of_a_header)
{
	struct slice name = slice_of(headers[_i].name), value;
	ck_assert(read_facts("sip:1@b", NULL, many_headers));
	for (int round = 0; round < 2; round++) {
		size_t i = 0;
		for (; headers[_i].values[i]; i++) {
			ck_assert(facts.header(facts.request, name, i, &value));
			ck_assert(is(value, headers[_i].values[i]));
		}
		ck_assert(!facts.header(facts.request, name, i, &value));
		ck_assert(!facts.header(facts.request, name, i, &value));
		ck_assert(!facts.header(facts.request, name, i + 1, &value));
	}
}
END_TEST

START_TEST(header_values_may_be_asked_for_in_any_order)
{
	ck_assert(read_facts("sip:1@b", NULL, many_headers));
	unsigned seed = 1;
	for (int i = 0; i < 10000; i++) {
		seed = seed * 1103515245 + 12345;
		size_t h = (seed >> 16) % COUNT(headers), v = (seed >> 8) % 6, count = 0;
		struct slice value;
		while (headers[h].values[count])
			count++;
		bool found =
			facts.header(facts.request, slice_of(headers[h].name), v, &value);
		ck_assert_int_eq(found, v < count);
		if (found)
			ck_assert(is(value, headers[h].values[v]));
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/request");
	TCase *tests = tcase_create("request");
	tcase_add_checked_fixture(tests, init, fini);
	tcase_add_test(tests, a_request_is_taken_apart);
	tcase_add_loop_test(tests, request_uris_of_any_scheme_are_read, 0,
	                    COUNT(schemes));
	tcase_add_loop_test(tests, a_fault_is_named_and_only_the_first_counts, 0,
	                    COUNT(faults));
	tcase_add_test(tests, a_stream_message_that_is_too_large_is_a_fault);
	tcase_add_test(tests, five_hundred_header_fields_are_enough);
	tcase_add_loop_test(tests, what_no_answer_needs_is_no_fault, 0, COUNT(no_faults));
	tcase_add_loop_test(tests, without_a_usable_via_nobody_is_answered, 0,
	                    COUNT(no_vias));
	tcase_add_test(tests, commas_in_a_via_are_counted_before_it_is_parsed);
	tcase_add_loop_test(tests, a_response_is_not_answered, 0, COUNT(responses));
	tcase_add_loop_test(tests, rules_see_clean_numbers, 0, COUNT(numbers_of));
	tcase_add_test(tests, rules_see_where_a_request_comes_from);
	tcase_add_test(tests, a_called_number_has_at_most_1024_bytes);
	tcase_add_test(tests, a_caller_that_is_too_long_is_none);
	tcase_add_loop_test(tests, rules_see_every_value_of_a_header, 0, COUNT(headers));
	tcase_add_test(tests, header_values_may_be_asked_for_in_any_order);
	suite_add_tcase(suite, tests);
	return suite;
}
