/* SPDX-License-Identifier: MIT */
#include "rules/uri.h"

#include <stdint.h>
#include <string.h>

#include "rules/network.h"

/* RFC 3261 25.1: what each piece allows besides unreserved characters and escapes. */
#define USER_UNRESERVED     "&=+$,;?/"
#define PASSWORD_UNRESERVED "&=+$,"
#define PARAM_UNRESERVED    "[]/:&+$"
#define HEADER_UNRESERVED   "[]/?:+$"

#define RESERVED ";/?:@&=+$," /* RFC 2396 2.2 */

/* What is still to be read; it stands where the error is when reading fails. */
struct reader {
	struct slice rest;
	const char *why;
};

static bool is_among(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_unreserved(char c)
{
	return is_alnum(c) || is_among(c, "-_.!~*'()");
}

bool uri_is_user_char(char c)
{
	return is_unreserved(c) || is_among(c, USER_UNRESERVED);
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool uri_unescape(struct slice text, char *byte)
{
	if (text.len < 3 || text.at[0] != '%')
		return false;
	int high = hex_value(text.at[1]), low = hex_value(text.at[2]);
	if (high < 0 || low < 0)
		return false;
	*byte = (char)(high << 4 | low);
	return true;
}

static bool fail(struct reader *reader, const char *why)
{
	reader->why = why;
	return false;
}

static bool at_char(const struct reader *reader, char c)
{
	return reader->rest.len > 0 && reader->rest.at[0] == c;
}

/* Fails at a character that does not belong where it stands. */
static bool fail_char(struct reader *reader)
{
	if (at_char(reader, '%'))
		return fail(reader, "% must have two hex digits behind it");
	return fail(reader, "this character must be written as %XX");
}

/* Fails where there should be something, for want of it or at what is there instead. */
static bool fail_missing(struct reader *reader, const char *why)
{
	if (reader->rest.len == 0 || is_among(reader->rest.at[0], ";?&="))
		return fail(reader, why);
	return fail_char(reader);
}

static struct slice take(struct reader *reader, size_t count)
{
	struct slice taken = {reader->rest.at, count};
	reader->rest = slice_skip(reader->rest, count);
	return taken;
}

static bool take_char(struct reader *reader, char c)
{
	if (!at_char(reader, c))
		return false;
	take(reader, 1);
	return true;
}

/* Takes unreserved characters, escapes, and those of also. */
static struct slice take_chars(struct reader *reader, const char *also)
{
	size_t len = 0;
	struct slice rest = reader->rest;
	char byte;
	while (len < rest.len) {
		if (is_unreserved(rest.at[len]) || is_among(rest.at[len], also))
			len++;
		else if (uri_unescape(slice_skip(rest, len), &byte))
			len += 3;
		else
			break;
	}
	return take(reader, len);
}

/* What was read since start stood at the first byte. */
static struct slice since(const struct reader *reader, struct slice start)
{
	return (struct slice){start.at, start.len - reader->rest.len};
}

static bool read_scheme(struct reader *reader, struct uri *uri)
{
	struct slice scheme = {reader->rest.at, slice_find(reader->rest, ':')};
	uri->sips = slice_equal_nocase(scheme, slice_of("sips"));
	if (scheme.len == reader->rest.len ||
	    !(uri->sips || slice_equal_nocase(scheme, slice_of("sip"))))
		return fail(reader, "a SIP URI begins with sip: or sips:");
	take(reader, scheme.len + 1);
	return true;
}

/* userinfo = user [ ":" password ] "@": no piece but this has a bare @ behind it. */
static bool read_userinfo(struct reader *reader, struct uri *uri)
{
	if (slice_find(reader->rest, '@') == reader->rest.len)
		return true;
	uri->user = take_chars(reader, USER_UNRESERVED);
	if (uri->user.len == 0 && (at_char(reader, '@') || at_char(reader, ':')))
		return fail(reader, "the user before @ is missing");
	if (take_char(reader, ':'))
		uri->password = take_chars(reader, PASSWORD_UNRESERVED);
	if (!take_char(reader, '@'))
		return fail_char(reader);
	return true;
}

static size_t label_len(struct slice text)
{
	size_t len = 0;
	while (len < text.len &&
	       (is_alnum(text.at[len]) || text.at[len] == '-' || text.at[len] == '_'))
		len++;
	return len;
}

static bool is_number(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_digit(text.at[i]))
			return false;
	return true;
}

/* hostname = *( domainlabel "." ) toplabel [ "." ], or an IPv4 address. */
static bool read_name(struct reader *reader, struct slice *host)
{
	struct slice start = reader->rest;
	struct slice label;
	do {
		label = (struct slice){reader->rest.at, label_len(reader->rest)};
		if (label.len == 0)
			return fail(reader, "a host name or address is missing here");
		if (label.at[0] == '-' || label.at[label.len - 1] == '-')
			return fail(reader,
			            "a part of a host name cannot begin or end with -");
		take(reader, label.len);
	} while (take_char(reader, '.') && label_len(reader->rest) > 0);
	if (at_char(reader, '.'))
		return fail(reader, "a part of a host name is empty");

	struct slice name = since(reader, start);
	struct address address;
	if (is_number(label) && !address_parse(name, &address)) {
		reader->rest = start;
		return fail(reader, "not an IPv4 address");
	}
	*host = name;
	return true;
}

static bool read_v6(struct reader *reader, struct slice *host)
{
	size_t close = slice_find(reader->rest, ']');
	if (close == reader->rest.len)
		return fail(reader, "the ] behind an IPv6 address is missing");
	struct address address;
	if (!address_parse((struct slice){reader->rest.at, close + 1}, &address))
		return fail(reader, "not an IPv6 address");
	*host = take(reader, close + 1);
	return true;
}

/* What is left of a piece that ends at a ; or ?. */
static struct slice up_to_params(struct slice text)
{
	text.len = slice_find(text, ';');
	text.len = slice_find(text, '?');
	return text;
}

static bool read_host(struct reader *reader, struct uri *uri)
{
	if (at_char(reader, '['))
		return read_v6(reader, &uri->host);
	struct slice hostport = up_to_params(reader->rest);
	struct slice port = slice_skip(hostport, slice_find(hostport, ':') + 1);
	if (slice_find(port, ':') < port.len)
		return fail(reader, "an IPv6 address stands in brackets: [2001:db8::1]");
	return read_name(reader, &uri->host);
}

static bool read_port(struct reader *reader, struct uri *uri)
{
	if (!take_char(reader, ':'))
		return true;
	struct slice text = up_to_params(reader->rest);
	unsigned long port;
	if (!slice_number(text, 65535, &port) || port == 0)
		return fail(reader, "port must be 1 to 65535");
	uri->port = (unsigned)port;
	take(reader, text.len);
	return true;
}

static bool read_param(struct reader *reader)
{
	if (take_chars(reader, PARAM_UNRESERVED).len == 0)
		return fail_missing(reader, "a parameter's name is missing here");
	if (take_char(reader, '=') && take_chars(reader, PARAM_UNRESERVED).len == 0)
		return fail_missing(reader, "a parameter's value is missing here");
	return true;
}

static bool read_params(struct reader *reader, struct uri *uri)
{
	struct slice start = slice_skip(reader->rest, 1);
	bool any = false;
	while (take_char(reader, ';')) {
		if (!read_param(reader))
			return false;
		any = true;
	}
	if (any)
		uri->params = since(reader, start);
	return true;
}

/* header = hname "=" hvalue; the value may be empty, but its = may not be missing. */
static bool read_header(struct reader *reader)
{
	if (take_chars(reader, HEADER_UNRESERVED).len == 0)
		return fail_missing(reader, "a header's name is missing here");
	if (!take_char(reader, '='))
		return fail_missing(reader,
		                    "a header's name must have = and a value behind it");
	take_chars(reader, HEADER_UNRESERVED);
	return true;
}

static bool read_headers(struct reader *reader, struct uri *uri)
{
	if (!take_char(reader, '?'))
		return true;
	struct slice start = reader->rest;
	do {
		if (!read_header(reader))
			return false;
	} while (take_char(reader, '&'));
	uri->headers = since(reader, start);
	return true;
}

static bool read_end(struct reader *reader, const struct uri *uri)
{
	if (reader->rest.len == 0)
		return true;
	if (uri->headers.at || uri->params.at)
		return fail_char(reader);
	return fail(reader, "this character cannot stand in a host");
}

bool uri_parse(struct slice text, struct uri *out, const char **why, size_t *at)
{
	struct reader reader = {text, NULL};
	struct uri uri = {0};
	if (!read_scheme(&reader, &uri) || !read_userinfo(&reader, &uri) ||
	    !read_host(&reader, &uri) || !read_port(&reader, &uri) ||
	    !read_params(&reader, &uri) || !read_headers(&reader, &uri) ||
	    !read_end(&reader, &uri)) {
		*why = reader.why;
		*at = text.len - reader.rest.len;
		return false;
	}
	*out = uri;
	return true;
}

/* Takes one character to compare: an escape is what it stands for, save that the escape
 * of a reserved character differs from the character (RFC 3261 19.1.4). */
static int next_char(struct slice *text)
{
	char byte;
	if (!uri_unescape(*text, &byte)) {
		byte = text->at[0];
		*text = slice_skip(*text, 1);
		return (unsigned char)byte;
	}
	*text = slice_skip(*text, 3);
	return is_among(byte, RESERVED) ? 256 + byte : (unsigned char)byte;
}

static int lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool same(struct slice a, struct slice b)
{
	if ((a.at == NULL) != (b.at == NULL))
		return false;
	while (a.len > 0 && b.len > 0)
		if (next_char(&a) != next_char(&b))
			return false;
	return a.len == b.len;
}

static bool same_nocase(struct slice a, struct slice b)
{
	while (a.len > 0 && b.len > 0)
		if (lower(next_char(&a)) != lower(next_char(&b)))
			return false;
	return a.len == b.len;
}

/* Takes the next of the pieces "name=value" or "name". */
static bool next_piece(struct slice *rest, char separator, struct slice *name,
                       struct slice *value)
{
	if (rest->len == 0)
		return false;
	struct slice piece = {rest->at, slice_find(*rest, separator)};
	*rest = slice_skip(*rest, piece.len + 1);
	*name = (struct slice){piece.at, slice_find(piece, '=')};
	*value = slice_skip(piece, name->len + 1);
	return true;
}

static size_t count_pieces(struct slice text, char separator)
{
	size_t count = text.len > 0;
	for (size_t i = 0; i < text.len; i++)
		count += text.at[i] == separator;
	return count;
}

bool uri_param(struct slice params, const char *name, struct slice *value)
{
	struct slice wanted = slice_of(name), found_name, found;
	while (next_piece(&params, ';', &found_name, &found)) {
		if (same_nocase(found_name, wanted)) {
			*value = found;
			return true;
		}
	}
	return false;
}

/* RFC 3261 19.1.4: parameters that matter even if only one URI has them; transport by its
 * example. */
static bool always_matters(struct slice name)
{
	static const char *const names[] = {"user", "ttl", "method", "maddr",
	                                    "transport"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (same_nocase(name, slice_of(names[i])))
			return true;
	return false;
}

/* True if a parameter does not keep its URI from being equal to one with the others. */
static bool param_agrees(struct slice name, struct slice value, struct slice others)
{
	bool in_both = false;
	struct slice other, other_value;
	while (next_piece(&others, ';', &other, &other_value)) {
		if (!same_nocase(name, other))
			continue;
		if (same_nocase(value, other_value))
			return true;
		in_both = true;
	}
	return !in_both && !always_matters(name);
}

static bool params_agree(struct slice a, struct slice b)
{
	struct slice name, value;
	while (next_piece(&a, ';', &name, &value))
		if (!param_agrees(name, value, b))
			return false;
	return true;
}

static bool params_equal(struct slice a, struct slice b)
{
	if (count_pieces(a, ';') > URI_PIECES_MAX ||
	    count_pieces(b, ';') > URI_PIECES_MAX)
		return slice_equal(a, b);
	return params_agree(a, b) && params_agree(b, a);
}

/* Finds one of the headers that is equal and not in used yet, and puts it there. */
static bool use_header(struct slice headers, struct slice wanted_name,
                       struct slice wanted_value, uint64_t *used)
{
	struct slice name, value;
	for (unsigned i = 0; next_piece(&headers, '&', &name, &value); i++) {
		if (!(*used >> i & 1) && same_nocase(name, wanted_name) &&
		    same_nocase(value, wanted_value)) {
			*used |= (uint64_t)1 << i;
			return true;
		}
	}
	return false;
}

/* The same headers in any order; a name may come several times. */
static bool headers_equal(struct slice a, struct slice b)
{
	size_t count = count_pieces(a, '&');
	if (count != count_pieces(b, '&'))
		return false;
	if (count > URI_PIECES_MAX)
		return slice_equal(a, b);
	struct slice name, value;
	uint64_t used = 0;
	_Static_assert(URI_PIECES_MAX <= 64, "one bit of used for each header");
	while (next_piece(&a, '&', &name, &value))
		if (!use_header(b, name, value, &used))
			return false;
	return true;
}

/* RFC 5954 4.2: IPv6 addresses are the same however they are written. */
static bool hosts_equal(struct slice a, struct slice b)
{
	struct address one, other;
	if (slice_begins(a, slice_of("[")) && slice_begins(b, slice_of("[")) &&
	    address_parse(a, &one) && address_parse(b, &other))
		return address_equal(&one, &other);
	return slice_equal_nocase(a, b);
}

bool uri_equal(const struct uri *a, const struct uri *b)
{
	return a->sips == b->sips && a->port == b->port &&
	       hosts_equal(a->host, b->host) && same(a->user, b->user) &&
	       same(a->password, b->password) && params_equal(a->params, b->params) &&
	       headers_equal(a->headers, b->headers);
}
