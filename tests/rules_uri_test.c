/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "rules/number.h"
#include "rules/uri.h"
#include "tests/runner.h"

#define COUNT(rows) (int)(sizeof(rows) / sizeof((rows)[0]))

static struct uri parsed(struct slice text)
{
	struct uri uri;
	const char *why = "";
	size_t at = 0;
	ck_assert_msg(uri_parse(text, &uri, &why, &at), "%.*s: %s at %zu", (int)text.len,
	              text.at, why, at);
	return uri;
}

/* NULL in a row: the piece is absent. */
static const struct {
	const char *text;
	bool sips;
	const char *user, *password, *host;
	unsigned port;
	const char *params, *headers;
} pieces[] = {
	{"sip:a", false, NULL, NULL, "a", 0, NULL, NULL},
	{"SIPS:A", true, NULL, NULL, "A", 0, NULL, NULL},
	{"sip:alice@example.com", false, "alice", NULL, "example.com", 0, NULL, NULL},
	{"sip:alice:pw@example.com:5061;lr;transport=tcp?a=b&c=", false, "alice", "pw",
         "example.com", 5061, "lr;transport=tcp", "a=b&c="},
	{"sip:alice:@h", false, "alice", "", "h", 0, NULL, NULL},
	{"sip:+44-20(71).1;ext=5;isub=1@h", false, "+44-20(71).1;ext=5;isub=1", NULL, "h",
         0, NULL, NULL},
	{"sip:a&=+$,;?/-_.!~*'()%40%00@h", false, "a&=+$,;?/-_.!~*'()%40%00", NULL, "h",
         0, NULL, NULL},
	{"sip:a?b=c@h?d=e", false, "a?b=c", NULL, "h", 0, NULL, "d=e"},
	{"sip:a:p&=+$,%3B@h", false, "a", "p&=+$,%3B", "h", 0, NULL, NULL},
	{"sip:192.0.2.1", false, NULL, NULL, "192.0.2.1", 0, NULL, NULL},
	{"sip:0.0.0.0:1", false, NULL, NULL, "0.0.0.0", 1, NULL, NULL},
	{"sip:255.255.255.255:65535", false, NULL, NULL, "255.255.255.255", 65535, NULL,
         NULL},
	{"sip:[2001:db8::1]", false, NULL, NULL, "[2001:db8::1]", 0, NULL, NULL},
	{"sip:u@[::ffff:192.0.2.1]:5060;x", false, "u", NULL, "[::ffff:192.0.2.1]", 5060,
         "x", NULL},
	{"sip:example.com.", false, NULL, NULL, "example.com.", 0, NULL, NULL},
	{"sip:example.com.:5060", false, NULL, NULL, "example.com.", 5060, NULL, NULL},
	{"sip:my_host._sip.x-y.1a", false, NULL, NULL, "my_host._sip.x-y.1a", 0, NULL,
         NULL},
	{"sip:1.2.3.4.example", false, NULL, NULL, "1.2.3.4.example", 0, NULL, NULL},
	{"sip:h:05060", false, NULL, NULL, "h", 5060, NULL, NULL},
	{"sip:h;maddr=[::1];a[]/:&+$=%41;b", false, NULL, NULL, "h", 0,
         "maddr=[::1];a[]/:&+$=%41;b", NULL},
	{"sip:h?[]/?:+$%41=[]/?:+$%42", false, NULL, NULL, "h", 0, NULL,
         "[]/?:+$%41=[]/?:+$%42"},
	{"sip:h?to=sip:bob%40biloxi.com", false, NULL, NULL, "h", 0, NULL,
         "to=sip:bob%40biloxi.com"},
};

static void expect_piece(struct slice got, const char *want, const char *name, int row)
{
	ck_assert_msg((got.at != NULL) == (want != NULL), "%s: %s is %s",
	              pieces[row].text, name, got.at ? "there" : "absent");
	ck_assert_msg(slice_equal(got, slice_of(want)), "%s: %s is '%.*s'",
	              pieces[row].text, name, (int)got.len, got.at);
}

START_TEST(a_uri_is_taken_apart)
{
	struct uri uri = parsed(slice_of(pieces[_i].text));
	ck_assert_msg(uri.sips == pieces[_i].sips, "%s: sips", pieces[_i].text);
	ck_assert_msg(uri.port == pieces[_i].port, "%s: port %u", pieces[_i].text,
	              uri.port);
	expect_piece(uri.user, pieces[_i].user, "user", _i);
	expect_piece(uri.password, pieces[_i].password, "password", _i);
	expect_piece(uri.host, pieces[_i].host, "host", _i);
	expect_piece(uri.params, pieces[_i].params, "params", _i);
	expect_piece(uri.headers, pieces[_i].headers, "headers", _i);
}
END_TEST

#define SCHEME     "a SIP URI begins with sip: or sips:"
#define NO_USER    "the user before @ is missing"
#define ESCAPE     "% must have two hex digits behind it"
#define NO_HOST    "a host name or address is missing here"
#define HOST_CHAR  "this character cannot stand in a host"
#define HYPHEN     "a part of a host name cannot begin or end with -"
#define EMPTY_PART "a part of a host name is empty"
#define NO_V4      "not an IPv4 address"
#define NO_V6      "not an IPv6 address"
#define BRACKETS   "an IPv6 address stands in brackets: [2001:db8::1]"
#define NO_BRACKET "the ] behind an IPv6 address is missing"
#define PORT       "port must be 1 to 65535"
#define PARAM      "a parameter's name is missing here"
#define VALUE      "a parameter's value is missing here"
#define HEADER     "a header's name is missing here"
#define EQUALS     "a header's name must have = and a value behind it"
#define CHAR       "this character must be written as %XX"

static const struct {
	const char *text, *why;
	size_t at;
} faults[] = {
	{"", SCHEME, 0},
	{"sip", SCHEME, 0},
	{"sips", SCHEME, 0},
	{":a", SCHEME, 0},
	{" sip:a", SCHEME, 0},
	{"sip :a", SCHEME, 0},
	{"sipx:a", SCHEME, 0},
	{"tel:+44", SCHEME, 0},
	{"http://a", SCHEME, 0},
	{"<sip:a>", SCHEME, 0},
	{"sip:", NO_HOST, 4},
	{"sips:", NO_HOST, 5},
	{"sip:@", NO_USER, 4},
	{"sip:@h", NO_USER, 4},
	{"sip::pw@h", NO_USER, 4},
	{"sip:u@", NO_HOST, 6},
	{"sip:u@@h", NO_HOST, 6},
	{"sip:a@b@c", HOST_CHAR, 7},
	{"sip:a b@h", CHAR, 5},
	{"sip:a#b@h", CHAR, 5},
	{"sip:\"a\"@h", CHAR, 4},
	{"sip:a\xc3\xa9@h", CHAR, 5},
	{"sip:[a]@h", CHAR, 4},
	{"sip:a:b:c@h", CHAR, 7},
	{"sip:a:b;c@h", CHAR, 7},
	{"sip:{called}@h", CHAR, 4},
	{"sip:a%@h", ESCAPE, 5},
	{"sip:a%4@h", ESCAPE, 5},
	{"sip:a%zz@h", ESCAPE, 5},
	{"sip:a:%g0@h", ESCAPE, 6},
	{"sip://h", NO_HOST, 4},
	{"sip:;lr", NO_HOST, 4},
	{"sip::5060", NO_HOST, 4},
	{"sip:?a=b", NO_HOST, 4},
	{"sip:.h", NO_HOST, 4},
	{"sip:h..i", EMPTY_PART, 6},
	{"sip:h..", EMPTY_PART, 6},
	{"sip:-h", HYPHEN, 4},
	{"sip:h-.com", HYPHEN, 4},
	{"sip:a.-", HYPHEN, 6},
	{"sip:h i", HOST_CHAR, 5},
	{"sip:h ", HOST_CHAR, 5},
	{"sip:h\n", HOST_CHAR, 5},
	{"sip:h%41", HOST_CHAR, 5},
	{"sip:h,i", HOST_CHAR, 5},
	{"sip:h/i", HOST_CHAR, 5},
	{"sip:h&a=b", HOST_CHAR, 5},
	{"sip:b\xc3\xbc", HOST_CHAR, 5},
	{"sip:u@1", NO_V4, 6},
	{"sip:10.1", NO_V4, 4},
	{"sip:256.0.0.1", NO_V4, 4},
	{"sip:1.2.3.4.5", NO_V4, 4},
	{"sip:1.2.3.4.", NO_V4, 4},
	{"sip:010.0.0.1", NO_V4, 4},
	{"sip:example.123", NO_V4, 4},
	{"sip:1.2.3.4.5:99999", NO_V4, 4},
	{"sip:2001:db8::1", BRACKETS, 4},
	{"sip:u@::1", BRACKETS, 6},
	{"sip:h:5060:5061", BRACKETS, 4},
	{"sip:[2001:db8::1", NO_BRACKET, 4},
	{"sip:[]", NO_V6, 4},
	{"sip:[1.2.3.4]", NO_V6, 4},
	{"sip:[::g]", NO_V6, 4},
	{"sip:[fe80::1%25eth0]", NO_V6, 4},
	{"sip:[::1]x", HOST_CHAR, 9},
	{"sip:[::1]]", HOST_CHAR, 9},
	{"sip:h:", PORT, 6},
	{"sip:h:;lr", PORT, 6},
	{"sip:h:0", PORT, 6},
	{"sip:h:65536", PORT, 6},
	{"sip:h:4294972356", PORT, 6},
	{"sip:h:18446744073709556676", PORT, 6},
	{"sip:h:-1", PORT, 6},
	{"sip:h:+1", PORT, 6},
	{"sip:h: 1", PORT, 6},
	{"sip:h:5060x", PORT, 6},
	{"sip:[::1]:x;lr", PORT, 10},
	{"sip:h;", PARAM, 6},
	{"sip:h;;lr", PARAM, 6},
	{"sip:h;=x", PARAM, 6},
	{"sip:h; lr", CHAR, 6},
	{"sip:h;lr=", VALUE, 9},
	{"sip:h;lr=;x", VALUE, 9},
	{"sip:h;a==b", VALUE, 8},
	{"sip:h;a=b=c", CHAR, 9},
	{"sip:h;a=b c", CHAR, 9},
	{"sip:h;a=\"b\"", CHAR, 8},
	{"sip:h;a=b@", NO_HOST, 10},
	{"sip:h;a%=b", ESCAPE, 7},
	{"sip:h;%=b", ESCAPE, 6},
	{"sip:h;a=%1", ESCAPE, 8},
	{"sip:h;a=x%1", ESCAPE, 9},
	{"sip:h?", HEADER, 6},
	{"sip:h?=b", HEADER, 6},
	{"sip:h?a=b&", HEADER, 10},
	{"sip:h?a=b&&c=d", HEADER, 10},
	{"sip:h?a", EQUALS, 7},
	{"sip:h?a&b=c", EQUALS, 7},
	{"sip:h?a b=c", CHAR, 7},
	{"sip:h?a%x=c", ESCAPE, 7},
	{"sip:h?a=b=c", CHAR, 9},
	{"sip:h?a=b;c", CHAR, 9},
	{"sip:h?a=%1g", ESCAPE, 8},
};

START_TEST(a_bad_uri_says_why_and_where)
{
	struct uri uri = {.port = 77};
	const char *why = "nothing said";
	size_t at = 999;
	ck_assert_msg(!uri_parse(slice_of(faults[_i].text), &uri, &why, &at), "%s",
	              faults[_i].text);
	ck_assert_msg(strcmp(why, faults[_i].why) == 0, "%s: %s", faults[_i].text, why);
	ck_assert_msg(at == faults[_i].at, "%s: at %zu", faults[_i].text, at);
	ck_assert_msg(uri.port == 77, "%s: out was written", faults[_i].text);
}
END_TEST

START_TEST(no_piece_holds_a_bare_byte_that_the_grammar_forbids)
{
	static const char *const frames[] = {"sip:a_b@h",    "sip:a:b_@h",
	                                     "sip:u@h_i",    "sip:u@[::_]",
	                                     "sip:u@h;a_=b", "sip:u@h?a=_"};
	static const char *const allowed[] = {"&=+$,;?/:@", "&=+$,@",     "._-:;?@",
	                                      NULL,         "[]/:&+$=;?", "[]/?:+$&"};
	struct uri uri;
	const char *why;
	size_t at;
	for (int byte = 0; byte < 256; byte++) {
		bool plain =
			byte && strchr("-_.!~*'()0123456789abcdefghijklmnopqrstuvwxyz"
		                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
		                       byte);
		for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
			char text[16];
			strcpy(text, frames[i]);
			*strchr(text, '_') = (char)byte;
			if (!allowed[i] || plain || (byte && strchr(allowed[i], byte)))
				continue;
			ck_assert_msg(!uri_parse((struct slice){text, strlen(frames[i])},
			                         &uri, &why, &at),
			              "%s with byte %d", frames[i], byte);
		}
	}
}
END_TEST

START_TEST(a_uri_cut_short_is_read_within_its_bytes)
{
	const char *whole = "sips:al%69ce:p%41w@[2001:db8::1]:5061;a=%41;lr?b=%42&c=d";
	struct uri uri;
	const char *why;
	size_t at;
	for (size_t len = 0; len <= strlen(whole); len++) {
		/* Its own block, so that the sanitizer sees a read beyond the end. */
		char *cut = malloc(len + 1);
		memcpy(cut + 1, whole, len);
		if (!uri_parse((struct slice){cut + 1, len}, &uri, &why, &at))
			ck_assert_msg(at <= len, "%zu bytes: at %zu", len, at);
		free(cut);
	}
	ck_assert(!uri_parse((struct slice){NULL, 0}, &uri, &why, &at));
}
END_TEST

static const struct {
	const char *a, *b;
	bool equal;
} pairs[] = {
	/* The examples of RFC 3261 19.1.4: equal */
	{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp",
         true},
	{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
	{"sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true},
	{"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
	{"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
         "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
	{"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
         "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
	/* and not equal */
	{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP",
         false},
	{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
	{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
	{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
	{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
	{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
	{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off",
         false},
	/* scheme, user, password */
	{"SIP:a@h", "sip:a@h", true},
	{"sip:a@h", "sips:a@h", false},
	{"sip:a@h", "sip:h", false},
	{"sip:a@h", "sip:a:@h", false},
	{"sip:a:p@h", "sip:a:p@h", true},
	{"sip:a:p@h", "sip:a:%70@h", true},
	{"sip:a:p@h", "sip:a:P@h", false},
	{"sip:a:p@h", "sip:a@h", false},
	{"sip:ab@h", "sip:a@h", false},
	{"sip:a%2cb@h", "sip:a%2Cb@h", true},
	{"sip:a,b@h", "sip:a%2Cb@h", false},
	{"sip:a%3b@h", "sip:a;@h", false},
	{"sip:%2B44@h", "sip:+44@h", false},
	{"sip:a%40b@h", "sip:a%40b@h", true},
	{"sip:a%2541@h", "sip:aA@h", false},
	{"sip:a%2541@h", "sip:a%41@h", false},
	{"sip:%e9@h", "sip:%E9@h", true},
	{"sip:%C9@h", "sip:%E9@h", false},
	{"sip:%00a@h", "sip:%00b@h", false},
	{"sip:%00@h", "sip:%00@h", true},
	{"sip:%7E@h", "sip:~@h", true},
	{"sip:1-2@h", "sip:12@h", false},
	/* host and port */
	{"sip:h:5060", "sip:h:05060", true},
	{"sip:h:5060", "sip:h:5061", false},
	{"sip:example.com", "sip:example.com.", false},
	{"sip:[2001:DB8::1]", "sip:[2001:db8:0:0::1]", true},
	{"sip:[::ffff:192.0.2.1]", "sip:[::ffff:c000:201]", true},
	{"sip:[2001:db8::1]", "sip:[2001:db8::2]", false},
	{"sip:192.0.2.1", "sip:[::ffff:192.0.2.1]", false},
	/* parameters */
	{"sip:h;a=1;b=2", "sip:h;b=2;a=1", true},
	{"sip:h;A=x", "sip:h;a=X", true},
	{"sip:h;%61=%78", "sip:h;a=x", true},
	{"sip:h;a=1", "sip:h;a=2", false},
	{"sip:h;a=1", "sip:h;a=12", false},
	{"sip:h;a", "sip:h;a=1", false},
	{"sip:h;a=%3a", "sip:h;a=:", false},
	{"sip:h;lr", "sip:h", true},
	{"sip:h;user=phone", "sip:h", false},
	{"sip:h", "sip:h;USER=ip", false},
	{"sip:h;ttl=1", "sip:h", false},
	{"sip:h", "sip:h;method=INVITE", false},
	{"sip:h;maddr=192.0.2.1", "sip:h", false},
	{"sip:h;tr%61nsport=udp", "sip:h", false},
	{"sip:h;users=1", "sip:h", true},
	{"sip:h;a=1;a=2", "sip:h;a=1;a=3", false},
	{"sip:h;a=1;a=2", "sip:h;a=1", false},
	{"sip:h;a=1", "sip:h;a=1;a=2", false},
	/* headers */
	{"sip:h?A=x", "sip:h?a=X", true},
	{"sip:h?a=x", "sip:h?a=y", false},
	{"sip:h?a=x", "sip:h?b=x", false},
	{"sip:h?a=", "sip:h", false},
	{"sip:h?a=1&a=2", "sip:h?a=2&a=1", true},
	{"sip:h?a=1&a=1", "sip:h?a=1&a=2", false},
	{"sip:h?a=1&a=2", "sip:h?a=1&a=1", false},
	{"sip:h?a=1&a=1", "sip:h?a=1", false},
};

START_TEST(uris_are_equal_as_rfc_3261_says)
{
	struct uri a = parsed(slice_of(pairs[_i].a)), b = parsed(slice_of(pairs[_i].b));
	ck_assert_msg(uri_equal(&a, &b) == pairs[_i].equal, "%s and %s", pairs[_i].a,
	              pairs[_i].b);
	ck_assert_msg(uri_equal(&b, &a) == pairs[_i].equal, "%s and %s", pairs[_i].b,
	              pairs[_i].a);
	ck_assert_msg(uri_equal(&a, &a), "%s and itself", pairs[_i].a);
	ck_assert_msg(uri_equal(&b, &b), "%s and itself", pairs[_i].b);
}
END_TEST

/* "sip:h", then count pieces p0, p1, ..., last first if reverse is set. */
static struct slice many(char *to, char first, char separator, int count, bool reverse)
{
	size_t len = (size_t)sprintf(to, "sip:h");
	for (int i = 0; i < count; i++)
		len += (size_t)sprintf(to + len, "%cp%d=x", i == 0 ? first : separator,
		                       reverse ? count - 1 - i : i);
	return (struct slice){to, len};
}

static const struct {
	char first, separator;
	int count;
	bool equal_reversed;
} counts[] = {
	{';', ';', URI_PIECES_MAX, true},
	{';', ';', URI_PIECES_MAX + 1, false},
	{'?', '&', URI_PIECES_MAX, true},
	{'?', '&', URI_PIECES_MAX + 1, false},
};

START_TEST(beyond_the_maximum_only_the_same_bytes_are_equal)
{
	static char forward[2000], backward[2000];
	char first = counts[_i].first, separator = counts[_i].separator;
	struct uri a = parsed(many(forward, first, separator, counts[_i].count, false));
	struct uri b = parsed(many(backward, first, separator, counts[_i].count, true));
	ck_assert_msg(uri_equal(&a, &b) == counts[_i].equal_reversed, "row %d", _i);
	ck_assert_msg(uri_equal(&b, &a) == counts[_i].equal_reversed, "row %d", _i);
	struct uri none = parsed(slice_of("sip:h"));
	bool like_none = first == ';' && counts[_i].equal_reversed;
	ck_assert_msg(uri_equal(&a, &none) == like_none, "row %d: none", _i);
	ck_assert_msg(uri_equal(&none, &a) == like_none, "row %d: none", _i);
	b = parsed(many(backward, first, separator, counts[_i].count, false));
	ck_assert_msg(uri_equal(&a, &b), "row %d: itself", _i);
}
END_TEST

/* All pieces with all, to their last byte: what takes longest. */
START_TEST(the_longest_uris_are_compared)
{
	static char one[70000], other[70000];
	memset(one, 'a', sizeof(one));
	memcpy(one, "sip:h", 5);
	for (size_t i = 5; i < 65000; i += 1016)
		one[i] = ';';
	memcpy(other, one, sizeof(one));
	for (size_t i = 5; i < 65000; i += 1016)
		other[i + 1015] = 'b';
	struct uri a = parsed((struct slice){one, 5 + 64 * 1016});
	struct uri b = parsed((struct slice){other, 5 + 64 * 1016});
	ck_assert(uri_equal(&a, &b));
}
END_TEST

static const struct {
	const char *params, *name, *value; /* NULL: absent */
} params[] = {
	{"transport=tcp", "transport", "tcp"},
	{"lr;TransPort=TCP", "transport", "TCP"},
	{"transport=tcp;lr", "lr", ""},
	{"a=1;a=2", "a", "1"},
	{"%61=1", "a", "1"},
	{"a=b=c", "a", "b=c"},
	{"aa=1", "a", NULL},
	{"a=1", "aa", NULL},
	{"", "a", NULL},
	{";;a=1;", "a", "1"},
	{"a=", "a", ""},
};

START_TEST(a_parameter_is_found_without_case)
{
	struct slice value = {"untouched", 9};
	bool found = uri_param(slice_of(params[_i].params), params[_i].name, &value);
	ck_assert_msg(found == (params[_i].value != NULL), "%s in %s", params[_i].name,
	              params[_i].params);
	ck_assert_msg(
		slice_equal(value, slice_of(found ? params[_i].value : "untouched")),
		"%s in %s: '%.*s'", params[_i].name, params[_i].params, (int)value.len,
		value.at);
}
END_TEST

START_TEST(any_number_escaped_makes_a_uri)
{
	char number[256], text[3 * 256 + 16] = "sip:";
	for (int i = 0; i < 256; i++)
		number[i] = (char)(255 - i);
	size_t len =
		number_escape((struct slice){number, sizeof(number)}, text + 4, 3 * 256);
	memcpy(text + 4 + len, "@h", 2);
	struct uri uri = parsed((struct slice){text, 4 + len + 2});
	ck_assert_uint_eq(uri.user.len, len);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("uri");
	TCase *tc = tcase_create("uri");
	tcase_add_loop_test(tc, a_uri_is_taken_apart, 0, COUNT(pieces));
	tcase_add_loop_test(tc, a_bad_uri_says_why_and_where, 0, COUNT(faults));
	tcase_add_test(tc, no_piece_holds_a_bare_byte_that_the_grammar_forbids);
	tcase_add_test(tc, a_uri_cut_short_is_read_within_its_bytes);
	tcase_add_loop_test(tc, uris_are_equal_as_rfc_3261_says, 0, COUNT(pairs));
	tcase_add_loop_test(tc, beyond_the_maximum_only_the_same_bytes_are_equal, 0,
	                    COUNT(counts));
	tcase_add_test(tc, the_longest_uris_are_compared);
	tcase_add_loop_test(tc, a_parameter_is_found_without_case, 0, COUNT(params));
	tcase_add_test(tc, any_number_escaped_makes_a_uri);
	suite_add_tcase(suite, tc);
	return suite;
}
