/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/sip_util.h>

#include "server/sip/response.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static su_home_t *home;
static msg_t *msg;
static struct request request;
static struct endpoint source; /* 198.51.100.7:1234 */
static char reply[REPLY_MAX + 1];

static struct endpoint endpoint(const char *text)
{
	struct endpoint out;
	const char *why;
	ck_assert(endpoint_parse(slice_of(text), &out, &why));
	return out;
}

static void init(void)
{
	ck_assert(message_init());
	home = su_home_new(sizeof *home);
	source = endpoint("udp:198.51.100.7:1234");
}

static void fini(void)
{
	request_done(&request);
	msg_destroy(msg);
	su_home_unref(home);
}

static enum request_use read_text(struct slice text)
{
	request_done(&request);
	msg_destroy(msg);
	su_home_unref(home);
	home = su_home_new(sizeof *home);
	msg = message_parse(text);
	return msg ? request_read(&request, message_of(msg)) : REQUEST_NO_VIA;
}

/* A request with these Vias and this To. */
static void read_with(const char *vias, const char *to)
{
	char text[8192];
	snprintf(text, sizeof text,
	         "INVITE sip:a@b SIP/2.0\r\n%s\r\nFrom: <sip:a@b>;tag=f\r\nTo: %s\r\n"
	         "Call-ID: c\r\nCSeq: 1 INVITE\r\n\r\n",
	         vias, to);
	ck_assert_int_eq(read_text(slice_of(text)), REQUEST_ANSWER);
}

static const char *write_reply(const struct response *response)
{
	size_t len =
		response_write(response, &request, &source, "tag1", reply, REPLY_MAX);
	reply[len] = '\0';
	return reply;
}

/* The whole reply */

static const struct {
	const char *text;
	struct response response;
	const char *reply;
} golden[] = {
	{"INVITE sip:bob@b SIP/2.0\r\n"
         "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1\r\n"
         "Max-Forwards: 70\r\n"
         "Record-Route: <sip:p;lr>\r\n"
         "f: \"Alice\" <sip:alice@a>;tag=f1\r\n"
         "To: <sip:bob@b>\r\n"
         "i:  call-1@a\r\n"
         "CSeq: 0007 INVITE\r\n"
         "Content-Length: 4\r\n"
         "\r\n"
         "body",
         {.status = 302, .contacts = {"<sip:bob@gw>;q=1.0", 18}, .expires_s = 4294967295},
         "SIP/2.0 302 Moved Temporarily\r\n"
         "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1\r\n"
         "From: \"Alice\" <sip:alice@a>;tag=f1\r\n"
         "To: <sip:bob@b>;tag=tag1\r\n"
         "Call-ID: call-1@a\r\n"
         "CSeq: 0007 INVITE\r\n"
         "Contact: <sip:bob@gw>;q=1.0\r\n"
         "Expires: 4294967295\r\n"
         "Content-Length: 0\r\n"
         "\r\n"},
	{"OPTIONS sip:b SIP/2.0\r\n"
         "v: SIP/2.0/TCP h;rport;branch=z9hG4bK1,SIP/2.0/UDP g;branch=2\r\n"
         "Via: SIP/2.0/TLS f\r\n"
         "From: <sip:a>\r\n"
         "t: <sip:b>;tag=old\r\n"
         "Call-ID: c\r\n"
         "CSeq: 1 OPTIONS\r\n"
         "\r\n",
         {.status = 200, .allow = "INVITE, ACK", .capabilities = true},
         "SIP/2.0 200 OK\r\n"
         "Via: SIP/2.0/TCP h;rport=1234;branch=z9hG4bK1;received=198.51.100.7\r\n"
         "Via: SIP/2.0/UDP g;branch=2\r\n"
         "Via: SIP/2.0/TLS f\r\n"
         "From: <sip:a>\r\n"
         "To: <sip:b>;tag=old\r\n"
         "Call-ID: c\r\n"
         "CSeq: 1 OPTIONS\r\n"
         "Allow: INVITE, ACK\r\n"
         "Accept: application/sdp\r\n"
         "Supported: \r\n"
         "Content-Length: 0\r\n"
         "\r\n"},
	{"INVITE sip:b SIP/2.0\r\n"
         "Via: SIP/2.0/UDP 198.51.100.7\r\n"
         "From: <sip:a>\r\n"
         "To: <sip:b>\r\n"
         "Call-ID: c\r\n"
         "CSeq: 1 INVITE\r\n"
         "\r\n",
         {.status = 603,
          .phrase = {"Not here", 8},
          .reason = {"Q.850;cause=21", 14},
          .retry_after_s = 30},
         "SIP/2.0 603 Not here\r\n"
         "Via: SIP/2.0/UDP 198.51.100.7\r\n"
         "From: <sip:a>\r\n"
         "To: <sip:b>;tag=tag1\r\n"
         "Call-ID: c\r\n"
         "CSeq: 1 INVITE\r\n"
         "Reason: Q.850;cause=21\r\n"
         "Retry-After: 30\r\n"
         "Content-Length: 0\r\n"
         "\r\n"},
	/* what is missing is left out, what is broken comes back as it is */
	{"nonsense\r\n"
         "Via: SIP/2.0/UDP 198.51.100.7\r\n"
         "To: \"<sip:b>\r\n"
         "CSeq: x\r\n"
         "\r\n",
         {.status = 400, .phrase = {"Bad Request Line", 16}},
         "SIP/2.0 400 Bad Request Line\r\n"
         "Via: SIP/2.0/UDP 198.51.100.7\r\n"
         "To: \"<sip:b>\r\n"
         "CSeq: x\r\n"
         "Content-Length: 0\r\n"
         "\r\n"},
	/* folds, tabs, NULs and the like come back as blanks: one line each */
	{"INVITE sip:b SIP/2.0\r\n"
         "Via: SIP/2.0/UDP 198.51.100.7\r\n"
         " ;branch=1\r\n"
         "Via: SIP/2.0/UDP\r\n"
         "\tg\r\n"
         "From: \"a\x01\x7f\x1f\" <sip:a>\r\n"
         "\t;x=y\r\n"
         "To:\r\n"
         "  <sip:b>\r\n"
         "Call-ID: c\r\n"
         "CSeq: 1\r\n"
         "\tINVITE\r\n"
         "\r\n",
         {.status = 486, .phrase = {"a\r\nX: y", 7}, .reason = {"\t\r\n", 3}},
         "SIP/2.0 486 a  X: y\r\n"
         "Via: SIP/2.0/UDP 198.51.100.7;branch=1\r\n"
         "Via: SIP/2.0/UDP   g\r\n"
         "From: \"a   \" <sip:a>   ;x=y\r\n"
         "To: <sip:b>;tag=tag1\r\n"
         "Call-ID: c\r\n"
         "CSeq: 1   INVITE\r\n"
         "Reason:    \r\n"
         "Content-Length: 0\r\n"
         "\r\n"},
};

START_TEST(a_reply_is_as_written_here)
{
	ck_assert_int_eq(read_text(slice_of(golden[_i].text)), REQUEST_ANSWER);
	ck_assert_str_eq(write_reply(&golden[_i].response), golden[_i].reply);
}
END_TEST

/* Via */

static const struct {
	const char *source, *via, *reply;
} vias[] = {
	/* RFC 3261 18.2.1: received when sent-by is not the source */
	{"udp:198.51.100.7:1234", "SIP/2.0/UDP 198.51.100.7", "SIP/2.0/UDP 198.51.100.7"},
	{"udp:198.51.100.7:1234", "SIP/2.0/UDP 198.51.100.8",
         "SIP/2.0/UDP 198.51.100.8;received=198.51.100.7"},
	{"udp:198.51.100.7:1234", "SIP/2.0/UDP pbx.example",
         "SIP/2.0/UDP pbx.example;received=198.51.100.7"},
	{"udp:198.51.100.7:1234", "SIP/2.0/UDP 198.51.100.007",
         "SIP/2.0/UDP 198.51.100.007;received=198.51.100.7"},
	/* RFC 3581 4 */
	{"udp:198.51.100.7:1234", "SIP/2.0/UDP 198.51.100.7;rport",
         "SIP/2.0/UDP 198.51.100.7;rport=1234;received=198.51.100.7"},
	{"udp:198.51.100.7:1234", "SIP/2.0/UDP h:99;a;rport;b=c",
         "SIP/2.0/UDP h:99;a;rport=1234;b=c;received=198.51.100.7"},
	{"udp:198.51.100.7:1234", "SIP/2.0/UDP h ; RPORT ;a",
         "SIP/2.0/UDP h;rport=1234;a;received=198.51.100.7"},
	/* whatever the peer put there */
	{"udp:198.51.100.7:1234", "SIP/2.0/UDP h;received=203.0.113.1",
         "SIP/2.0/UDP h;received=198.51.100.7"},
	{"udp:198.51.100.7:1234", "SIP/2.0/UDP 198.51.100.7;received=203.0.113.1;a",
         "SIP/2.0/UDP 198.51.100.7;a"},
	{"udp:198.51.100.7:1234", "SIP/2.0/UDP h;Received=x;rport=7;received;rport",
         "SIP/2.0/UDP h;rport=1234;received=198.51.100.7"},
	{"udp:198.51.100.7:1234", "SIP/2.0/UDP h;rport = 7;received = x",
         "SIP/2.0/UDP h;rport=1234;received=198.51.100.7"},
	{"udp:198.51.100.7:1234", "SIP/2.0/UDP h;rports=1;receivedx=2;xreceived=3",
         "SIP/2.0/UDP h;rports=1;receivedx=2;xreceived=3;received=198.51.100.7"},
	/* IPv6 */
	{"udp:[2001:db8::1]:7", "SIP/2.0/UDP [2001:DB8:0::1]:5060",
         "SIP/2.0/UDP [2001:DB8:0::1]:5060"},
	{"tcp:[2001:db8::1]:7", "SIP/2.0/TCP [2001:db8::2];rport",
         "SIP/2.0/TCP [2001:db8::2];rport=7;received=2001:db8::1"},
	{"udp:[2001:db8::1]:7", "SIP/2.0/UDP h", "SIP/2.0/UDP h;received=2001:db8::1"},
	{"udp:198.51.100.7:7", "SIP/2.0/UDP [::ffff:198.51.100.7]",
         "SIP/2.0/UDP [::ffff:198.51.100.7]"},
	/* other parameters, quoted values and several in one field */
	{"udp:198.51.100.7:1", "SIP/2.0/UDP 198.51.100.7;ttl=1;maddr=x;x=\";a,b\\\"\"",
         "SIP/2.0/UDP 198.51.100.7;ttl=1;maddr=x;x=\";a,b\\\"\""},
	{"udp:198.51.100.7:1",
         "SIP/2.0/UDP 198.51.100.7;x=\",\",SIP/2.0/UDP g;received=1 , SIP/2.0/UDP f",
         "SIP/2.0/UDP 198.51.100.7;x=\",\"\r\nVia: SIP/2.0/UDP g;received=1 , "
         "SIP/2.0/UDP f"},
	{"udp:198.51.100.7:1", "SIP/2.0/UDP 198.51.100.7,", "SIP/2.0/UDP 198.51.100.7"},
	{"udp:198.51.100.7:1", "SIP / 2.0 / UDP\t198.51.100.7 : 5060",
         "SIP/2.0/UDP 198.51.100.7:5060"},
	{"udp:198.51.100.7:1", "sip/2.0/udp 198.51.100.7", NULL},
	{"udp:198.51.100.7:1", "SIP/2.0/SCTP 198.51.100.7", "SIP/2.0/SCTP 198.51.100.7"},
	{"udp:198.51.100.7:1", "SIP/2.0/UDP\r\n 198.51.100.7\r\n\t;a",
         "SIP/2.0/UDP 198.51.100.7;a"},
};

START_TEST(the_top_via_says_where_the_request_came_from)
{
	char line[1024], wanted[1024];
	snprintf(line, sizeof line, "Via: %s", vias[_i].via);
	snprintf(wanted, sizeof wanted, "SIP/2.0 404 Not Found\r\nVia: %s\r\nFrom: ",
	         vias[_i].reply ? vias[_i].reply : vias[_i].via);
	source = endpoint(vias[_i].source);
	read_with(line, "<sip:b>");
	write_reply(&(struct response){.status = 404});
	reply[strlen(wanted)] = '\0';
	if (vias[_i].reply)
		ck_assert_str_eq(reply, wanted);
	else
		ck_assert_int_eq(strncasecmp(reply, wanted, strlen(wanted)), 0);
}
END_TEST

START_TEST(further_vias_come_back_to_the_letter)
{
	read_with("Subject: x\r\nVia: SIP/2.0/UDP 198.51.100.7\r\nSubject: y\r\n"
	          "VIA:SIP/2.0/UDP g;received=1.2.3.4;rport=5 (c)\r\nv: what ever, \"\r\n"
	          "Via:",
	          "<sip:b>");
	write_reply(&(struct response){.status = 404});
	ck_assert_ptr_nonnull(strstr(reply,
	                             "\r\nVia: SIP/2.0/UDP 198.51.100.7\r\n"
	                             "Via: SIP/2.0/UDP g;received=1.2.3.4;rport=5 (c)\r\n"
	                             "Via: what ever, \"\r\n"
	                             "From: "));
}
END_TEST

/* To */

static const struct {
	const char *to, *reply;
} tos[] = {
	{"<sip:b>", "<sip:b>;tag=tag1"},
	{"sip:b@c", "sip:b@c;tag=tag1"},
	{"sip:b@c;x=y", "sip:b@c;x=y;tag=tag1"},
	{"\"B; tag=x\" <sip:b;tag=y>", "\"B; tag=x\" <sip:b;tag=y>;tag=tag1"},
	{"<sip:b>;tag=z", "<sip:b>;tag=z"},
	{"<sip:b>;TAG=z", "<sip:b>;TAG=z"},
	{"<sip:b> ; tag = z", "<sip:b> ; tag = z"},
	{"sip:b;tag=z", "sip:b;tag=z"},
	{"<nobody-knows:x>", "<nobody-knows:x>;tag=tag1"},
	{"<sip:b", "<sip:b"},
	{"\"x", "\"x"},
	{"<sip:b> (x)", "<sip:b> (x)"},
};

START_TEST(the_to_gets_our_tag_if_it_has_none)
{
	char wanted[256];
	read_with("Via: SIP/2.0/UDP h", tos[_i].to);
	write_reply(&(struct response){.status = 404});
	snprintf(wanted, sizeof wanted, "\r\nTo: %s\r\nCall-ID: ", tos[_i].reply);
	ck_assert_msg(strstr(reply, wanted) != NULL, "%s", reply);
}
END_TEST

/* Size */

START_TEST(what_does_not_fit_is_not_written)
{
	struct response response = {.status = 302,
	                            .contacts = slice_of("<sip:a@b>;q=1.0"),
	                            .expires_s = 60,
	                            .allow = "INVITE",
	                            .capabilities = true,
	                            .reason = slice_of("x"),
	                            .retry_after_s = 9};
	read_with("Via: SIP/2.0/UDP h;rport, SIP/2.0/UDP g\r\nVia: SIP/2.0/UDP f",
	          "<sip:b>");
	size_t len = response_write(&response, &request, &source, "t", reply, REPLY_MAX);
	ck_assert_uint_gt(len, 0);
	for (size_t size = 0; size <= len; size++) {
		char *exact = malloc(size ? size : 1);
		ck_assert_uint_eq(
			response_write(&response, &request, &source, "t", exact, size),
			size == len ? len : 0);
		if (size == len)
			ck_assert_mem_eq(exact, reply, len);
		free(exact);
	}
}
END_TEST

/* Destination: RFC 3261 18.2.2, RFC 3581 4 */

static const struct {
	const char *via, *to;
} destinations[] = {
	{"SIP/2.0/UDP h", "udp:198.51.100.7:5060"},
	{"SIP/2.0/UDP h:5070", "udp:198.51.100.7:5070"},
	{"SIP/2.0/UDP h:65535;x", "udp:198.51.100.7:65535"},
	{"SIP/2.0/UDP 203.0.113.9:5070", "udp:198.51.100.7:5070"},
	{"SIP/2.0/UDP h:5070;rport", "udp:198.51.100.7:1234"},
	{"SIP/2.0/UDP h;x;RPORT=9", "udp:198.51.100.7:1234"},
	{"SIP/2.0/UDP h;rports", "udp:198.51.100.7:5060"},
	{"SIP/2.0/UDP h;maddr=203.0.113.1;received=203.0.113.2;ttl=3",
         "udp:198.51.100.7:5060"},
	{"SIP/2.0/UDP h, SIP/2.0/UDP g:5080;rport", "udp:198.51.100.7:5060"},
};

START_TEST(a_reply_goes_to_where_the_request_came_from)
{
	char line[256], text[ENDPOINT_TEXT_MAX];
	snprintf(line, sizeof line, "Via: %s", destinations[_i].via);
	read_with(line, "<sip:b>");
	struct endpoint to = response_destination(&request, &source);
	ck_assert_str_eq(endpoint_text(&to, text), destinations[_i].to);
}
END_TEST

/* Phrases */

START_TEST(every_status_has_a_phrase)
{
	ck_assert(slice_equal(response_phrase(302), slice_of("Moved Temporarily")));
	ck_assert(slice_equal(response_phrase(499), slice_of("Request Failure")));
	ck_assert(slice_equal(response_phrase(599), slice_of("Server Failure")));
	ck_assert(slice_equal(response_phrase(699), slice_of("Global Failure")));
	for (unsigned status = 300; status < 700; status++)
		ck_assert_uint_gt(response_phrase(status).len, 0);
}
END_TEST

/* What sofia-sip makes of it */

static unsigned long long state;

static size_t below(size_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)(state >> 11) % limit;
}

static const char *const words[] = {
	"Via: SIP/2.0/UDP g\r\n",
	",",
	";",
	"\"",
	"\\",
	"<",
	">",
	"(",
	")",
	"\r\n ",
	"\r\n",
	"\r",
	"\n",
	"%41",
	"%",
	";tag=x",
	";rport",
	";received=1.2.3.4",
	":",
	"@",
	" ",
	"\t",
	"To: ",
	"v:",
	"\x7f",
	"\xc3\xa9",
	";x=\"y\"",
	"[::1]",
	"?a=b",
	"=",
	"sips:",
	"tel:+1",
};

/* Some edits, each a word in place of a few bytes or between two. */
static size_t mutate(char *text, size_t len, size_t size)
{
	for (size_t edits = below(4); edits-- > 0;) {
		const char *word = words[below(COUNT(words))];
		size_t word_len = below(8) ? strlen(word) : 0;
		size_t at = below(len), gone = below(2) ? 0 : below(6);
		if (at + gone > len || len - gone + word_len > size)
			continue;
		memmove(text + at + word_len, text + at + gone, len - at - gone);
		memcpy(text + at, word, word_len);
		len = len - gone + word_len;
	}
	return len;
}

/* With sofia-sip's own message class, which interprets all headers. */
static void check_with_library(size_t len)
{
	msg_t *parsed = msg_make(sip_default_mclass(), 0, reply, (ssize_t)len);
	sip_t *sip = sip_object(parsed);
	char *before = strndup(reply, len);
	ck_assert_msg(sip && sip->sip_status && !sip->sip_error &&
	                      !(sip->sip_flags & MSG_FLG_ERROR),
	              "%s", before);
	ck_assert_msg(sip_sanity_check(sip) == 0, "%s", before);
	ck_assert_msg(sip->sip_to->a_tag != NULL, "%s", before);
	size_t again_len = 0;
	char *again = msg_as_string(home, parsed, NULL, 0, &again_len);
	ck_assert_ptr_nonnull(again);
	msg_t *twice = msg_make(sip_default_mclass(), 0, again, (ssize_t)again_len);
	ck_assert_msg(twice && !sip_object(twice)->sip_error &&
	                      sip_sanity_check(sip_object(twice)) == 0,
	              "%s\nbecame\n%s", before, again);
	ck_assert_str_eq(sip_object(twice)->sip_to->a_tag, sip->sip_to->a_tag);
	msg_destroy(twice);
	msg_destroy(parsed);
	free(before);
}

static bool is_via(struct slice value)
{
	char *copy = strndup(value.at, value.len);
	for (char *c = copy; *c; c++)
		*c = (unsigned char)*c < ' ' || *c == 127 ? ' ' : *c;
	sip_via_t *via = sip_via_make(home, copy);
	bool good = via && !strchr(via->v_protocol, '[');
	free(copy);
	return good;
}

/* Vias below the top are copied whatever they are. */
static bool lower_vias_are_good(void)
{
	if (request.top_rest.len && !is_via(request.top_rest))
		return false;
	for (size_t i = request.top_field + 1; i < request.message->field_count; i++) {
		const struct field *field = &request.message->fields[i];
		if (field_is(field, slice_of("Via")) && field->value.len &&
		    !is_via(field->value))
			return false;
	}
	return true;
}

/* Each line ends with CRLF, and that is all the control characters there are. */
static bool is_lines(size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)reply[i];
		if (c == '\r' ? reply[++i] != '\n' : c < ' ' || c == 127)
			return false;
	}
	return len > 4 && strstr(reply, "\r\n\r\n") == reply + len - 4;
}

START_TEST(any_reply_can_be_read_by_the_library)
{
	static const char seed[] =
		"INVITE sip:+4420@example.net;user=phone SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 198.51.100.7:5060;rport;branch=z9hG4bK1;x=\"a,b\", "
		"SIP/2.0/TCP g.example:5061;received=203.0.113.1\r\n"
		"v: SIP/2.0/TLS [2001:db8::1];branch=z9hG4bK3\r\n"
		"Max-Forwards: 70\r\n"
		"From: \"Alice \\\" <x>\" <sip:alice@example.com;x=y>;tag=f1\r\n"
		"To: Bob <sip:bob@example.net>;x=\"y;tag=\"\r\n"
		"Call-ID: a84b4c76e66710@pc33.example.com\r\n"
		"CSeq: 314159 INVITE\r\n"
		"Contact: <sip:alice@pc33.example.com>\r\n"
		"\r\n";
	struct response response = {.status = 302,
	                            .contacts =
	                                    slice_of("<sip:a@b>;q=1.0, <sip:c>;q=0.9"),
	                            .reason = slice_of("Q.850;cause=21;text=\"x\"")};
	size_t answered = 0;
	state = 88172645463325252ull + (unsigned long long)_i;
	for (int i = 0; i < 2500; i++) {
		char text[2 * sizeof seed];
		memcpy(text, seed, sizeof seed - 1);
		size_t len = mutate(text, sizeof seed - 1, sizeof text);
		if (read_text((struct slice){text, len}) != REQUEST_ANSWER)
			continue;
		len = response_write(&response, &request, &source, "tag1", reply,
		                     REPLY_MAX);
		reply[len] = '\0';
		ck_assert_msg(is_lines(len), "%s", reply);
		if (request.fault || !lower_vias_are_good())
			continue;
		check_with_library(len);
		answered++;
	}
	ck_assert_uint_gt(answered, 800);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/response");
	TCase *tests = tcase_create("response");
	tcase_add_checked_fixture(tests, init, fini);
	tcase_add_loop_test(tests, a_reply_is_as_written_here, 0, COUNT(golden));
	tcase_add_loop_test(tests, the_top_via_says_where_the_request_came_from, 0,
	                    COUNT(vias));
	tcase_add_test(tests, further_vias_come_back_to_the_letter);
	tcase_add_loop_test(tests, the_to_gets_our_tag_if_it_has_none, 0, COUNT(tos));
	tcase_add_test(tests, what_does_not_fit_is_not_written);
	tcase_add_loop_test(tests, a_reply_goes_to_where_the_request_came_from, 0,
	                    COUNT(destinations));
	tcase_add_test(tests, every_status_has_a_phrase);
	tcase_add_loop_test(tests, any_reply_can_be_read_by_the_library, 0, 4);
	suite_add_tcase(suite, tests);
	return suite;
}
