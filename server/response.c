/* SPDX-License-Identifier: MIT */
#include "server/response.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_util.h>

struct writing {
	char *to;
	size_t size, len;
	bool full;
};

static void put(struct writing *w, struct slice text)
{
	w->full = w->full || text.len > w->size - w->len;
	if (w->full)
		return;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		w->to[w->len++] = c < ' ' || c == 127 ? ' ' : (char)c;
	}
}

static void end_line(struct writing *w)
{
	w->full = w->full || w->size - w->len < 2;
	if (w->full)
		return;
	w->to[w->len++] = '\r';
	w->to[w->len++] = '\n';
}

static void put_format(struct writing *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void put_format(struct writing *w, const char *format, ...)
{
	char text[128];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	w->full = w->full || (size_t)length >= sizeof text;
	if (!w->full)
		put(w, (struct slice){text, (size_t)length});
}

static void put_field(struct writing *w, const char *name, struct slice value)
{
	if (!value.len)
		return;
	put_format(w, "%s: ", name);
	put(w, value);
	end_line(w);
}

static void put_seconds(struct writing *w, const char *name, unsigned long seconds)
{
	if (!seconds)
		return;
	put_format(w, "%s: %lu", name, seconds);
	end_line(w);
}

/* Via */

static bool is_param(const char *param, const char *name)
{
	size_t len = strlen(name);
	return strncasecmp(param, name, len) == 0 &&
	       (param[len] == '=' || param[len] == '\0' || param[len] == ' ');
}

/* RFC 3261 18.2.1: the sent-by is not where the packet came from. */
static bool differs(const sip_via_t *via, const struct endpoint *source)
{
	struct address address;
	return !address_parse(slice_of(via->v_host), &address) ||
	       !address_equal(&address, &source->address);
}

/* The top Via, with received and rport as we know them, whatever the peer put there. RFC
 * 3581 4: received goes with every rport. */
static void put_top_via(struct writing *w, const struct request *request,
                        const struct endpoint *source)
{
	const sip_via_t *via = request->top;
	bool rport = false;
	put_format(w, "Via: ");
	put(w, slice_of(via->v_protocol));
	put(w, slice_of(" "));
	put(w, slice_of(via->v_host));
	if (via->v_port) {
		put(w, slice_of(":"));
		put(w, slice_of(via->v_port));
	}
	for (size_t i = 0; via->v_params && via->v_params[i]; i++) {
		const char *param = via->v_params[i];
		if (is_param(param, "rport")) {
			if (!rport)
				put_format(w, ";rport=%u", (unsigned)source->port);
			rport = true;
		} else if (!is_param(param, "received")) {
			put(w, slice_of(";"));
			put(w, slice_of(param));
		}
	}
	if (rport || differs(via, source)) {
		char text[ADDRESS_TEXT_MAX];
		put_format(w, ";received=%s", address_text(&source->address, text));
	}
	end_line(w);
}

/* RFC 3261 8.2.6.2: all of them, in order. */
static void put_vias(struct writing *w, const struct request *request,
                     const struct endpoint *source)
{
	put_top_via(w, request, source);
	put_field(w, "Via", request->top_rest); /* a broken one cannot spoil the first */
	for (size_t i = request->top_field + 1; i < request->message->field_count; i++)
		if (field_is(&request->message->fields[i], slice_of("Via")))
			put_field(w, "Via", request->message->fields[i].value);
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
	put_format(w, "SIP/2.0 %u ", response->status);
	put(w,
	    response->phrase.len ? response->phrase : response_phrase(response->status));
	end_line(w);
}

/* A To that could not be read is copied as it is: a tag might land inside a quoted
 * string. */
static void put_to(struct writing *w, const struct request *request, const char *tag)
{
	if (!request->to.len)
		return;
	put_format(w, "To: ");
	put(w, request->to);
	if (!request->to_tag.len && request->to_usable)
		put_format(w, ";tag=%s", tag);
	end_line(w);
}

size_t response_write(const struct response *response, const struct request *request,
                      const struct endpoint *source, const char *tag, char *to,
                      size_t size)
{
	struct writing w = {to, size, 0, false};
	put_status(&w, response);
	put_vias(&w, request, source);
	put_field(&w, "From", request->from);
	put_to(&w, request, tag);
	put_field(&w, "Call-ID", request->call_id);
	put_field(&w, "CSeq", request->cseq);
	put_field(&w, "Contact", response->contacts);
	put_seconds(&w, "Expires", response->expires_s);
	put_field(&w, "Allow", slice_of(response->allow));
	if (response->capabilities) {
		put_field(&w, "Accept", slice_of("application/sdp"));
		put_format(&w, "Supported: "); /* no extension: RFC 3261 20.37 allows an
		                                  empty one */
		end_line(&w);
	}
	put_field(&w, "Reason", response->reason);
	put_seconds(&w, "Retry-After", response->retry_after_s);
	put_field(&w, "Content-Length", slice_of("0"));
	end_line(&w);
	return w.full ? 0 : w.len;
}

struct endpoint response_destination(const struct request *request,
                                     const struct endpoint *source)
{
	struct endpoint to = *source;
	const sip_via_t *via = request->top;
	unsigned long port = ENDPOINT_PORT;
	for (size_t i = 0; via->v_params && via->v_params[i]; i++)
		if (is_param(via->v_params[i], "rport"))
			return to;
	if (via->v_port && *via->v_port)
		slice_number(slice_of(via->v_port), 65535, &port);
	to.port = (uint16_t)port;
	return to;
}
