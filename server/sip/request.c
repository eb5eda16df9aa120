/* SPDX-License-Identifier: MIT */
#include "server/sip/request.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sofia-sip/sip.h>
#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/url.h>

#include "server/sip/quick.h"

/* No honest request comes near; what rules cost grows with the header fields that they
 * are held against. */
#define FIELDS_MAX 500

/* Only made when a parser of sofia-sip's needs it: a plain request does without. */
static su_home_t *request_home(struct request *request)
{
	if (!request->has_home) {
		request->home[0] = (su_home_t){.suh_size = sizeof request->home};
		su_home_init(request->home);
		request->has_home = true;
	}
	return request->home;
}

void request_done(struct request *request)
{
	if (request->has_home)
		su_home_deinit(request->home);
	request->has_home = false;
}

/* sofia-sip's parsers want a NUL-terminated text of their own. Control characters
 * (folding, a stray NUL) become blanks: RFC 3261 7.3.1 has a fold mean one blank. */
static char *copy_text(su_home_t *home, struct slice text)
{
	char *copy = su_alloc(home, (isize_t)text.len + 1);
	if (!copy)
		return NULL;
	for (size_t i = 0; i < text.len; i++)
		copy[i] = (unsigned char)text.at[i] < ' ' || text.at[i] == 127
		                  ? ' '
		                  : text.at[i];
	copy[text.len] = '\0';
	return copy;
}

/* Only the first fault counts. */
static void fault(struct request *request, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void fault(struct request *request, unsigned status, const char *format, ...)
{
	va_list args;
	if (request->fault)
		return;
	request->fault = status;
	va_start(args, format);
	vsnprintf(request->phrase, sizeof request->phrase, format, args);
	va_end(args);
}

/* The first field called name; count tells how many there are. */
static struct slice find(const struct message *message, const char *name, size_t *count)
{
	struct slice value = {0};
	*count = 0;
	for (size_t i = 0; i < message->field_count; i++)
		if (field_is(&message->fields[i], slice_of(name)) && (*count)++ == 0)
			value = message->fields[i].value;
	return value;
}

/* A header of which there must be one. */
static struct slice need(struct request *request, const char *name)
{
	size_t count;
	struct slice value = find(request->message, name, &count);
	if (!count)
		fault(request, 400, "Missing %s Header", name);
	else if (count > 1)
		fault(request, 400, "Several %s Headers", name);
	else if (!value.len)
		fault(request, 400, "Bad %s Header", name);
	return value.len ? value : (struct slice){0};
}

/* The start line */

static enum scheme scheme_of(const url_t *url)
{
	switch (url->url_type) {
	case url_sip:
		return SCHEME_SIP;
	case url_sips:
		return SCHEME_SIPS;
	case url_tel:
		return SCHEME_TEL;
	default:
		return SCHEME_OTHER;
	}
}

static bool is_port(const char *text)
{
	unsigned long port;
	return !text || !*text ||
	       (slice_number(slice_of(text), 65535, &port) && port > 0);
}

/* True if text is not empty and all of its characters are letters, digits or in others.
 */
static bool consists_of(struct slice text, const char *others)
{
	for (size_t i = 0; i < text.len; i++)
		if (!isalnum((unsigned char)text.at[i]) &&
		    !memchr(others, text.at[i], strlen(others)))
			return false;
	return text.len > 0;
}

/* RFC 3261 25.1: scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ), and a colon. */
static bool has_scheme(struct slice uri)
{
	struct slice scheme = {uri.at, slice_find(uri, ':')};
	return scheme.len < uri.len && consists_of(scheme, "+-.") &&
	       isalpha((unsigned char)uri.at[0]);
}

/* A name, an IPv4 address or a bracketed IPv6 one; by characters only, nothing is looked
 * up. */
static bool is_host(struct slice host)
{
	struct address address;
	if (host.len && host.at[0] == '[')
		return address_parse(host, &address);
	return consists_of(host, ".-_");
}

static bool is_usable(const url_t *url)
{
	if (url->url_type == url_sip || url->url_type == url_sips)
		return is_host(slice_of(url->url_host)) && is_port(url->url_port);
	return url->url_type != url_tel || (url->url_user && *url->url_user);
}

/* "SIP/2.0", or another version: digits, a dot, digits. */
static bool is_version(struct slice text)
{
	unsigned long number;
	if (text.len < 4 ||
	    !slice_equal_nocase((struct slice){text.at, 4}, slice_of("SIP/")))
		return false;
	text = slice_skip(text, 4);
	size_t dot = slice_find(text, '.');
	return slice_number((struct slice){text.at, dot}, 999, &number) &&
	       slice_number(slice_skip(text, dot + 1), 999, &number);
}

/* Takes the text up to the next blank off line. */
static struct slice next_word(struct slice *line)
{
	size_t end = slice_find(*line, ' ');
	struct slice word = {line->at, end};
	*line = slice_trim(slice_skip(*line, end));
	return word;
}

/* Parties */

static bool is_telephone(const url_t *url)
{
	struct slice user;
	return url->url_type == url_tel ||
	       (url->url_params && uri_param(slice_of(url->url_params), "user", &user) &&
	        slice_equal_nocase(user, slice_of("phone")));
}

/* The user part as it is written in uri, for sofia-sip's copy has lost escapes that mean
 * something (RFC 3261 19.1.4). */
static struct slice user_part(const url_t *url, struct slice uri)
{
	if (!url->url_user)
		return (struct slice){0};
	struct slice user = slice_skip(uri, slice_find(uri, ':') + 1);
	if (url->url_type == url_tel)
		return (struct slice){user.at, slice_find(user, '?')};
	user.len = slice_find(user, '@');
	user.len = slice_find(user, ':');
	return user;
}

static struct party party_of(const url_t *url, struct slice uri)
{
	return (struct party){user_part(url, uri), is_telephone(url)};
}

static bool read_uri(struct request *request)
{
	char *copy = copy_text(request_home(request), request->uri);
	url_t url;
	if (!copy || !has_scheme(request->uri) || url_d(&url, copy) < 0)
		return false;
	request->scheme = scheme_of(&url);
	request->host = slice_of(url.url_host);
	request->called = party_of(&url, request->uri);
	return is_usable(&url);
}

/* RFC 3261 25.1: Method SP Request-URI SP SIP-Version; more blanks than one are let pass.
 */
static void read_start(struct request *request)
{
	struct slice line = request->message->start_line;
	request->scheme = SCHEME_OTHER;
	request->method = next_word(&line);
	request->uri = next_word(&line);
	if (!request->method.len || slice_token(request->method) < request->method.len ||
	    !is_version(line))
		fault(request, 400, "Bad Request Line");
	else if (!slice_equal_nocase(line, slice_of("SIP/2.0")))
		fault(request, 505, "%s", "");
	else if (!read_uri(request))
		fault(request, 400, "Bad Request-URI");
}

/* Lists of values */

/* Where the first value ends: at a comma that is neither quoted nor in angle brackets. */
static size_t first_value(struct slice text)
{
	bool quoted = false, bracketed = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (c == '"' && !bracketed)
			quoted = !quoted;
		else if (quoted && c == '\\')
			i++;
		else if (!quoted && (c == '<' || c == '>'))
			bracketed = c == '<';
		else if (!quoted && !bracketed && c == ',')
			return i;
	}
	return text.len;
}

/* sofia-sip's parsers get one value of a list at a time. Where they might see more in it,
 * its commas bound how many. */
static char *copy_value(su_home_t *home, struct slice value)
{
	enum { COMMAS_MAX = 32 };
	size_t commas = 0;
	for (size_t i = 0; i < value.len; i++)
		commas += value.at[i] == ',';
	return commas > COMMAS_MAX ? NULL : copy_text(home, slice_trim(value));
}

/* Where the URI stands in an address that sofia-sip can read: in angle brackets, or up to
 * the parameters. */
static struct slice address_uri(struct slice address)
{
	bool quoted = false;
	for (size_t i = 0; i < address.len; i++) {
		char c = address.at[i];
		if (c == '"')
			quoted = !quoted;
		else if (quoted && c == '\\')
			i++;
		else if (!quoted && c == '<') {
			address = slice_skip(address, i + 1);
			return (struct slice){address.at, slice_find(address, '>')};
		}
	}
	return (struct slice){address.at, slice_find(address, ';')};
}

/* Via */

static bool is_param(const char *param, const char *name)
{
	struct slice text = slice_of(param);
	text.len = slice_find(text, '=');
	return slice_equal_nocase(slice_trim(text), slice_of(name));
}

/* Text being joined in a home; at is NULL when out of memory. */
struct joining {
	char *at;
	size_t len;
};

static void join(struct joining *joining, const char *before, const char *text)
{
	if (joining->at)
		joining->len +=
			(size_t)sprintf(joining->at + joining->len, "%s%s", before, text);
}

static size_t via_length(const sip_via_t *via)
{
	size_t len = strlen(via->v_protocol) + 1 + strlen(via->v_host) +
	             (via->v_port ? 1 + strlen(via->v_port) : 0);
	for (size_t i = 0; via->v_params && via->v_params[i]; i++)
		len += 1 + strlen(via->v_params[i]);
	return len;
}

/* As sofia-sip has cleaned it of blanks. What we know better, received and rport (RFC
 * 3261 18.2.1, RFC 3581 4), is left out, whatever the peer put there. */
static bool join_via(struct request *request, const sip_via_t *via)
{
	struct joining text = {
		su_alloc(request_home(request), (isize_t)via_length(via) + 1), 0};
	size_t split = 0;
	request->top = (struct via){slice_of(via->v_host), slice_of(via->v_port)};
	join(&text, via->v_protocol, " ");
	join(&text, via->v_host, "");
	if (request->top.port.len)
		join(&text, ":", via->v_port);
	for (size_t i = 0; via->v_params && via->v_params[i]; i++) {
		const char *param = via->v_params[i];
		if (is_param(param, "rport")) {
			split = request->top.rport ? split : text.len;
			request->top.rport = true;
		} else if (!is_param(param, "received")) {
			join(&text, ";", param);
		}
	}
	split = request->top.rport ? split : text.len;
	request->top.before = (struct slice){text.at, split};
	request->top.behind = slice_skip((struct slice){text.at, text.len}, split);
	return text.at;
}

static bool read_top_via(struct request *request)
{
	const struct message *message = request->message;
	size_t i = 0;
	while (i < message->field_count &&
	       !field_is(&message->fields[i], slice_of("Via")))
		i++;
	if (i == message->field_count)
		return false;
	struct slice value = message->fields[i].value;
	size_t end = first_value(value);
	su_home_t *home = request_home(request);
	char *copy = copy_value(home, (struct slice){value.at, end});
	sip_via_t *via = copy ? sip_via_make(home, copy) : NULL;
	if (!via || !via->v_host || !is_port(via->v_port) ||
	    !consists_of(slice_of(via->v_protocol), "/-.!%*_+`'~"))
		return false;
	if (!join_via(request, via))
		return false;
	request->top_field = i;
	request->top_rest = slice_trim(slice_skip(value, end + 1));
	request->branch = slice_of(via->v_branch);
	return true;
}

/* From, To, CSeq, Call-ID */

/* sofia-sip takes a comment behind an address, as RFC 2543 had it; a tag behind the
 * comment it would not. */
static bool ends_in_comment(struct slice address)
{
	return address.len && address.at[address.len - 1] == ')';
}

static void read_addresses(struct request *request)
{
	request->from = need(request, "From");
	request->to = need(request, "To");
	su_home_t *home = request_home(request);
	char *from = copy_text(home, request->from);
	char *to = copy_text(home, request->to);
	sip_from_t *parsed_from = from && *from ? sip_from_make(home, from) : NULL;
	sip_to_t *parsed_to =
		to && *to && !ends_in_comment(request->to) ? sip_to_make(home, to) : NULL;
	if (!parsed_from)
		fault(request, 400, "Bad From Header");
	if (parsed_to && parsed_to->a_tag && !*parsed_to->a_tag)
		parsed_to = NULL; /* ";tag" alone: ours behind it would be a second one */
	if (!parsed_to)
		fault(request, 400, "Bad To Header");
	request->from_tag = slice_of(parsed_from ? parsed_from->a_tag : NULL);
	if (parsed_from)
		request->from_party =
			party_of(parsed_from->a_url, address_uri(slice_of(from)));
	request->to_usable = parsed_to != NULL;
	request->to_tag = slice_of(parsed_to ? parsed_to->a_tag : NULL);
}

/* RFC 3261 20.16: a number below 2^31, blanks, the request's method. */
static void read_cseq(struct request *request)
{
	request->cseq = need(request, "CSeq");
	struct slice number = request->cseq;
	size_t digits = 0;
	while (digits < number.len && number.at[digits] >= '0' &&
	       number.at[digits] <= '9')
		digits++;
	struct slice method = slice_trim(slice_skip(number, digits));
	number.len = digits;
	if (!slice_number(number, 2147483647, &request->cseq_number) || !method.len ||
	    digits + method.len >= request->cseq.len)
		fault(request, 400, "Bad CSeq Header");
	else if (!slice_equal(method, request->method))
		fault(request, 400, "CSeq Does Not Match The Method");
}

static void read_call_id(struct request *request)
{
	request->call_id = need(request, "Call-ID");
	for (size_t i = 0; i < request->call_id.len; i++)
		if ((unsigned char)request->call_id.at[i] <= ' ' ||
		    request->call_id.at[i] == 127)
			fault(request, 400, "Bad Call-ID Header");
}

static void read_framing(struct request *request)
{
	switch (request->message->framing) {
	case FRAMING_OK:
		break;
	case FRAMING_TOO_LARGE:
		fault(request, 413, "%s", "");
		break;
	case FRAMING_TRUNCATED:
		fault(request, 400, "Message Shorter Than Content-Length");
		break;
	case FRAMING_BAD_LENGTH:
		fault(request, 400, "Bad Content-Length Header");
		break;
	case FRAMING_NO_LENGTH:
		fault(request, 400, "Missing Content-Length Header");
	}
}

static bool is_response(struct slice start_line)
{
	return start_line.len >= 4 &&
	       slice_equal_nocase((struct slice){start_line.at, 4}, slice_of("SIP/"));
}

enum request_use request_read_fully(struct request *request,
                                    const struct message *message)
{
	*request = (struct request){.message = message};
	if (is_response(message->start_line))
		return REQUEST_RESPONSE;
	if (!read_top_via(request))
		return REQUEST_NO_VIA;
	read_start(request);
	read_framing(request);
	if (message->field_count > FIELDS_MAX)
		fault(request, 400, "Too Many Header Fields");
	read_call_id(request);
	read_addresses(request);
	read_cseq(request);
	return REQUEST_ANSWER;
}

enum request_use request_read(struct request *request, const struct message *message)
{
	*request = (struct request){.message = message};
	if (quick_read(request))
		return REQUEST_ANSWER;
	return request_read_fully(request, message);
}

/* Facts */

/* False if value is broken or names neither a number nor a user. */
static bool read_identity(struct request *request, struct slice value,
                          struct party *party)
{
	if (quick_identity(value, party))
		return party->user.len;
	su_home_t *home = request_home(request);
	char *copy = copy_value(home, value);
	sip_p_asserted_identity_t *identity =
		copy && *copy ? sip_p_asserted_identity_make(home, copy) : NULL;
	if (!identity || scheme_of(identity->paid_url) == SCHEME_OTHER ||
	    !identity->paid_url->url_user)
		return false;
	*party = party_of(identity->paid_url, address_uri(slice_of(copy)));
	return true;
}

static bool is_folded(struct slice value)
{
	return value.len &&
	       (memchr(value.at, '\n', value.len) || memchr(value.at, '\r', value.len));
}

/* RFC 3261 7.3.1: a fold, with the blanks around it, means one blank. Returns the length,
 * which is no more than the value's. */
static size_t unfold(struct slice value, char *to)
{
	size_t start = 0, len = 0;
	for (size_t i = 0; i <= value.len; i++) {
		if (i < value.len && value.at[i] != '\r' && value.at[i] != '\n')
			continue;
		struct slice line =
			slice_trim((struct slice){value.at + start, i - start});
		start = i + 1;
		if (!line.len)
			continue;
		if (len)
			to[len++] = ' ';
		memcpy(to + len, line.at, line.len);
		len += line.len;
	}
	return len;
}

/* A field's value as rules compare it. It is copied once, however many of them ask; when
 * out of memory it is as it came. */
static struct slice plain_value(struct request *request, size_t field)
{
	size_t count = request->message->field_count;
	struct slice value = request->message->fields[field].value;
	if (!is_folded(value))
		return value;
	if (!request->unfolded)
		request->unfolded =
			su_zalloc(request_home(request),
		                  (isize_t)(count * sizeof *request->unfolded));
	if (!request->unfolded)
		return value;
	struct slice *unfolded = &request->unfolded[field];
	char *copy =
		unfolded->at ? NULL : su_alloc(request_home(request), (isize_t)value.len);
	if (copy)
		*unfolded = (struct slice){copy, unfold(value, copy)};
	return unfolded->at ? *unfolded : value;
}

static bool header_value(const void *arg, struct slice name, size_t i,
                         struct slice *value)
{
	struct request *request = (struct request *)(uintptr_t)arg;
	const struct message *message = request->message;
	struct header_cursor *cursor = &request->cursor;
	if (cursor->name != name.at || cursor->value != i)
		*cursor = (struct header_cursor){.name = name.at};
	for (size_t f = cursor->field; f < message->field_count; f++) {
		if (!field_is(&message->fields[f], name))
			continue;
		cursor->field = f + 1;
		if (cursor->value++ < i)
			continue;
		*value = plain_value(request, f);
		return true;
	}
	return false;
}

/* RFC 3325 9.1: there may be a sip and a tel identity, in one header field or in two. The
 * first that can be used counts, and without one the From header. */
static struct party find_caller(struct request *request)
{
	enum { IDENTITIES_MAX = 8 };
	const struct slice name = slice_of("P-Asserted-Identity");
	struct party party;
	struct slice value;
	size_t seen = 0;
	for (size_t i = 0; header_value(request, name, i, &value); i++)
		while (value.len && seen++ < IDENTITIES_MAX) {
			size_t end = first_value(value);
			if (read_identity(request, (struct slice){value.at, end}, &party))
				return party;
			value = slice_skip(value, end + 1);
		}
	return request->from_party;
}

static bool clean_number(struct party party, char buffer[NUMBER_MAX], struct slice *out)
{
	*out = (struct slice){0};
	return number_clean(party.user, party.telephone, buffer, out);
}

bool request_facts(struct request *request, const struct arrival *arrival,
                   uint64_t call_key, struct request_numbers *numbers,
                   struct facts *facts)
{
	*facts = (struct facts){
		.host = request->host,
		.listener = arrival->listen->text,
		.source = arrival->source.address,
		.call_key = call_key,
		.header = header_value,
		.request = request,
	};
	parameters_read(request->called.user, request->called.telephone,
	                numbers->parameters, facts);
	clean_number(find_caller(request), numbers->caller, &facts->caller);
	return clean_number(request->called, numbers->called, &facts->called);
}
