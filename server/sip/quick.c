/* SPDX-License-Identifier: MIT */
#include "server/sip/quick.h"

#include <string.h>

/* What a byte may be part of. */
enum {
	IN_USER = 1,  /* a user part without escapes: letters, digits, + - _ . * # */
	IN_HOST = 2,  /* a name or an IPv4 address: letters, digits, - . */
	IN_PARAM = 4, /* a parameter's name or value: letters, digits, - . _ + ~ ! *,
	                 no escapes, which sofia-sip undoes in a URI */
	IN_NAME = 8,  /* an unquoted display name: letters, digits, blank, - . _ */
	IN_DIGIT = 16,
};

static const unsigned char classes[256] = {
	['0' ... '9'] = IN_USER | IN_HOST | IN_PARAM | IN_NAME | IN_DIGIT,
	['a' ... 'z'] = IN_USER | IN_HOST | IN_PARAM | IN_NAME,
	['A' ... 'Z'] = IN_USER | IN_HOST | IN_PARAM | IN_NAME,
	['+'] = IN_USER | IN_PARAM,
	['-'] = IN_USER | IN_HOST | IN_PARAM | IN_NAME,
	['_'] = IN_USER | IN_PARAM | IN_NAME,
	['.'] = IN_USER | IN_HOST | IN_PARAM | IN_NAME,
	['*'] = IN_USER | IN_PARAM,
	['#'] = IN_USER,
	['~'] = IN_PARAM,
	['!'] = IN_PARAM,
	[' '] = IN_NAME,
};

/* Takes the longest run of bytes of class off text. */
static struct slice take(struct slice *text, unsigned class)
{
	if (!text->len)
		return *text; /* which may be nowhere */
	const char *at = text->at, *end = at + text->len;
	while (at < end && classes[(unsigned char)*at] & class)
		at++;
	struct slice run = {text->at, (size_t)(at - text->at)};
	*text = (struct slice){at, (size_t)(end - at)};
	return run;
}

static bool take_char(struct slice *text, char c)
{
	if (!text->len || text->at[0] != c)
		return false;
	text->at++;
	text->len--;
	return true;
}

static bool take_text(struct slice *text, const char *wanted, size_t len)
{
	if (text->len < len || memcmp(text->at, wanted, len) != 0)
		return false;
	text->at += len;
	text->len -= len;
	return true;
}

/* [":" port]: 1 to 65535, without a leading zero. */
static bool take_port(struct slice *text, struct slice *port)
{
	unsigned long number;
	*port = (struct slice){0};
	if (!take_char(text, ':'))
		return true;
	*port = take(text, IN_DIGIT);
	return port->len && port->at[0] != '0' && slice_number(*port, 65535, &number);
}

/* ";" name ["=" value]. */
static bool take_param(struct slice *text, struct slice *name, struct slice *value)
{
	*value = (struct slice){0};
	if (!take_char(text, ';'))
		return false;
	*name = take(text, IN_PARAM);
	if (take_char(text, '=')) {
		*value = take(text, IN_PARAM);
		if (!value->len)
			return false;
	}
	return name->len;
}

/* A plain sip URI with all of its pieces that a request or an address needs. */
struct plain_uri {
	struct party party;
	struct slice host;
};

static bool take_uri(struct slice *text, struct plain_uri *uri)
{
	struct slice port, name, value;
	bool user_seen = false;
	if (!take_text(text, "sip:", 4))
		return false;
	*uri = (struct plain_uri){.host = take(text, IN_USER)};
	if (take_char(text, '@')) {
		uri->party.user = uri->host;
		if (!uri->party.user.len)
			return false;
		uri->host = take(text, IN_HOST);
	}
	struct slice host = uri->host;
	if (!host.len || take(&host, IN_HOST).len < uri->host.len ||
	    !take_port(text, &port))
		return false;
	while (text->len && text->at[0] == ';') {
		if (!take_param(text, &name, &value))
			return false;
		if (user_seen || !slice_equal_nocase(name, slice_of("user")))
			continue;
		user_seen = true;
		uri->party.telephone = slice_equal_nocase(value, slice_of("phone"));
	}
	return true;
}

/* The display name, if there is one, and the "<". */
static bool take_display(struct slice *text)
{
	if (take_char(text, '<'))
		return true;
	if (take_char(text, '"')) {
		size_t end = slice_find(*text, '"');
		struct slice display = {text->at, end};
		if (slice_find(display, '\\') < end || end == text->len)
			return false;
		*text = slice_skip(*text, end + 1);
		take_char(text, ' ');
		return take_char(text, '<');
	}
	struct slice display = take(text, IN_NAME);
	return display.len && display.at[0] != ' ' && take_char(text, '<');
}

bool quick_identity(struct slice value, struct party *party)
{
	struct plain_uri uri;
	if (!take_display(&value) || !take_uri(&value, &uri) || !take_char(&value, '>') ||
	    value.len)
		return false;
	*party = uri.party;
	return true;
}

bool quick_address(struct slice value, struct party *party, struct slice *tag)
{
	struct plain_uri uri;
	struct slice name, param;
	*tag = (struct slice){0};
	if (!take_display(&value) || !take_uri(&value, &uri) || !take_char(&value, '>'))
		return false;
	while (value.len) {
		if (!take_param(&value, &name, &param))
			return false;
		if (!slice_equal_nocase(name, slice_of("tag")))
			continue;
		if (tag->len || !param.len)
			return false;
		*tag = param;
	}
	*party = uri.party;
	return true;
}

/* Method SP sip-URI SP "SIP/2.0" */
static bool read_start(struct request *request)
{
	struct slice line = request->message->start_line;
	struct plain_uri uri;
	size_t len = slice_token(line);
	request->method = (struct slice){line.at, len};
	line = slice_skip(line, len);
	if (!len || !take_char(&line, ' '))
		return false;
	request->uri.at = line.at;
	if (!take_uri(&line, &uri))
		return false;
	request->uri.len = (size_t)(line.at - request->uri.at);
	request->scheme = SCHEME_SIP;
	request->host = uri.host;
	request->called = uri.party;
	return line.len == 8 && memcmp(line.at, " SIP/2.0", 8) == 0;
}

/* A parameter of the top Via: text ends behind it. */
static bool read_via_param(struct request *request, struct slice value,
                           struct slice *text)
{
	struct slice name, param;
	size_t start = (size_t)(text->at - value.at);
	if (!take_param(text, &name, &param))
		return false;
	if (slice_equal_nocase(name, slice_of("branch"))) {
		if (request->branch.len || !param.len)
			return false;
		request->branch = param;
	} else if (slice_equal_nocase(name, slice_of("rport"))) {
		if (request->top.rport)
			return false;
		request->top.rport = true;
		request->top.before.len = start;
		request->top.behind = *text;
	}
	return !slice_equal_nocase(name, slice_of("received"));
}

/* "SIP/2.0/UDP" host [":" port] parameters, one Via in the field. */
static bool read_via(struct request *request, struct slice value)
{
	static const char *const protocols[] = {"SIP/2.0/UDP", "SIP/2.0/TCP",
	                                        "SIP/2.0/TLS"};
	struct slice text = value;
	size_t i = 0;
	while (i < 3 && !take_text(&text, protocols[i], 11))
		i++;
	if (i == 3 || !take_char(&text, ' '))
		return false;
	request->top.before = value;
	request->top.host = take(&text, IN_HOST);
	if (!request->top.host.len || !take_port(&text, &request->top.port))
		return false;
	while (text.len)
		if (!read_via_param(request, value, &text))
			return false;
	return true;
}

/* Digits SP Method */
static bool read_cseq(struct request *request)
{
	struct slice text = request->cseq, number = take(&text, IN_DIGIT);
	return slice_number(number, 2147483647, &request->cseq_number) &&
	       take_char(&text, ' ') && slice_equal(text, request->method);
}

static bool is_visible(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] <= ' ' || text.at[i] == 127)
			return false;
	return text.len > 0;
}

/* True if this is the only field of its name so far. */
static bool once(struct slice *value, const struct field *field)
{
	if (value->at)
		return false;
	*value = field->value;
	return field->value.len;
}

/* Puts a field where it belongs; most belong nowhere. */
static bool take_field(struct request *request, size_t index)
{
	const struct field *field = &request->message->fields[index];
	switch (field->name.len) {
	case 1:
		return false; /* compact */
	case 2:
		return !slice_equal_nocase(field->name, slice_of("To")) ||
		       once(&request->to, field);
	case 3:
		if (!slice_equal_nocase(field->name, slice_of("Via")) ||
		    request->top.before.at)
			return true;
		request->top_field = index;
		return read_via(request, field->value);
	case 4:
		if (slice_equal_nocase(field->name, slice_of("From")))
			return once(&request->from, field);
		return !slice_equal_nocase(field->name, slice_of("CSeq")) ||
		       once(&request->cseq, field);
	case 7:
		return !slice_equal_nocase(field->name, slice_of("Call-ID")) ||
		       once(&request->call_id, field);
	default:
		return true;
	}
}

bool quick_read(struct request *request)
{
	const struct message *message = request->message;
	struct party to;
	if (message->framing != FRAMING_OK || message->field_count > QUICK_FIELDS_MAX ||
	    !read_start(request))
		return false;
	for (size_t i = 0; i < message->field_count; i++)
		if (!take_field(request, i))
			return false;
	request->to_usable = true;
	return request->top.before.at && is_visible(request->call_id) &&
	       quick_address(request->from, &request->from_party, &request->from_tag) &&
	       quick_address(request->to, &to, &request->to_tag) && read_cseq(request);
}
