/* SPDX-License-Identifier: MIT */
#include "server/sip/response.h"

#include <string.h>

#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_util.h>

#include "rules/writer.h"

struct writing {
	struct writer out;
	bool clean; /* the peer's text has no control characters */
};

/* Text of ours. */
static inline void put(struct writing *w, struct slice text)
{
	writer_put(&w->out, text);
}

#define PUT(w, literal) put(w, (struct slice){literal, sizeof(literal) - 1})

static void blank_controls(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 127)
			text[i] = ' ';
}

/* Text of a peer's: control characters become blanks. */
static inline void put_foreign(struct writing *w, struct slice text)
{
	size_t start = w->out.len;
	put(w, text);
	if (!w->clean)
		blank_controls(w->out.to + start, w->out.len - start);
}

static void put_number(struct writing *w, unsigned long number)
{
	char digits[24], *at = digits + sizeof digits;
	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	put(w, (struct slice){at, (size_t)(digits + sizeof digits - at)});
}

/* name has its colon and blank. */
static void put_field(struct writing *w, const char *name, struct slice value)
{
	if (!value.len)
		return;
	put(w, slice_of(name));
	put_foreign(w, value);
	PUT(w, "\r\n");
}

static void put_seconds(struct writing *w, const char *name, unsigned long seconds)
{
	if (!seconds)
		return;
	put(w, slice_of(name));
	put_number(w, seconds);
	PUT(w, "\r\n");
}

/* Via */

/* RFC 3261 18.2.1: the sent-by is not where the packet came from. */
static bool differs(const struct via *via, const struct endpoint *source)
{
	struct address address;
	return !address_parse(via->host, &address) ||
	       !address_equal(&address, &source->address);
}

/* The top Via, with received and rport as we know them. RFC 3581 4: received goes with
 * every rport. */
static void put_top_via(struct writing *w, const struct via *via,
                        const struct endpoint *source)
{
	PUT(w, "Via: ");
	put_foreign(w, via->before);
	if (via->rport) {
		PUT(w, ";rport=");
		put_number(w, source->port);
		put_foreign(w, via->behind);
	}
	if (via->rport || differs(via, source)) {
		char text[ADDRESS_TEXT_MAX];
		PUT(w, ";received=");
		put(w, slice_of(address_text(&source->address, text)));
	}
	PUT(w, "\r\n");
}

/* RFC 3261 8.2.6.2: all of them, in order. */
static void put_vias(struct writing *w, const struct request *request,
                     const struct endpoint *source)
{
	put_top_via(w, &request->top, source);
	put_field(w,
	          "Via: ", request->top_rest); /* a broken one cannot spoil the first */
	for (size_t i = request->top_field + 1; i < request->message->field_count; i++)
		if (field_is(&request->message->fields[i], slice_of("Via")))
			put_field(w, "Via: ", request->message->fields[i].value);
}

struct slice response_phrase(unsigned status)
{
	const char *phrase = sip_status_phrase((int)status);
	if (phrase && *phrase)
		return slice_of(phrase);
	return slice_of(status < 500   ? "Request Failure"
	                : status < 600 ? "Server Failure"
	                               : "Global Failure");
}

static void put_status(struct writing *w, const struct response *response)
{
	PUT(w, "SIP/2.0 ");
	put_number(w, response->status);
	PUT(w, " ");
	put_foreign(w, response->phrase.len ? response->phrase
	                                    : response_phrase(response->status));
	PUT(w, "\r\n");
}

/* A To that could not be read is copied as it is: a tag might land inside a quoted
 * string. */
static void put_to(struct writing *w, const struct request *request, const char *tag)
{
	if (!request->to.len)
		return;
	PUT(w, "To: ");
	put_foreign(w, request->to);
	if (!request->to_tag.len && request->to_usable) {
		PUT(w, ";tag=");
		put(w, slice_of(tag));
	}
	PUT(w, "\r\n");
}

size_t response_write(const struct response *response, const struct request *request,
                      const struct endpoint *source, const char *tag, char *to,
                      size_t size)
{
	struct writing w = {{to, size, 0, false}, request->message->clean};
	put_status(&w, response);
	put_vias(&w, request, source);
	put_field(&w, "From: ", request->from);
	put_to(&w, request, tag);
	put_field(&w, "Call-ID: ", request->call_id);
	put_field(&w, "CSeq: ", request->cseq);
	put_field(&w, "Contact: ", response->contacts);
	put_seconds(&w, "Expires: ", response->expires_s);
	put_field(&w, "Allow: ", slice_of(response->allow));
	if (response->capabilities) {
		put_field(&w, "Accept: ", slice_of("application/sdp"));
		PUT(&w, "Supported: "); /* no extension: RFC 3261 20.37 allows an
		                                  empty one */
		PUT(&w, "\r\n");
	}
	put_field(&w, "Reason: ", response->reason);
	put_seconds(&w, "Retry-After: ", response->retry_after_s);
	put(&w, response->headers);
	put_field(&w, "Content-Length: ", slice_of("0"));
	PUT(&w, "\r\n");
	return w.out.full ? 0 : w.out.len;
}

struct endpoint response_destination(const struct request *request,
                                     const struct endpoint *source)
{
	struct endpoint to = *source;
	unsigned long port = ENDPOINT_PORT;
	if (request->top.rport)
		return to;
	if (request->top.port.len)
		slice_number(request->top.port, 65535, &port);
	to.port = (uint16_t)port;
	return to;
}
