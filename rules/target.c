/* SPDX-License-Identifier: MIT */
#include "rules/target.h"

#include "rules/number.h"
#include "rules/uri.h"

/* Reading */

/* Splits "scheme:user@rest". No piece but the user has a bare @ behind it, RFC 3261 25.1.
 */
static bool split(struct slice text, struct slice *head, struct slice *user,
                  struct slice *tail)
{
	size_t colon = slice_find(text, ':');
	if (colon == text.len)
		return false;
	*head = (struct slice){text.at, colon + 1};
	struct slice rest = slice_skip(text, colon + 1);
	size_t at = rest.len;
	while (at > 0 && rest.at[at - 1] != '@')
		at--;
	*user = (struct slice){at ? rest.at : NULL, at ? at - 1 : 0};
	*tail = slice_skip(rest, at);
	return true;
}

/* Writing */

/* What the target says itself is not said twice. */
static void write_parameters(const struct target_uri *target,
                             const struct parameters *parameters, struct slice user,
                             struct writer *writer)
{
	struct slice own = slice_skip(user, slice_find(user, ';') + 1), value;
	struct parameters others = *parameters;
	if (target->has_parameters) {
		if (uri_param(own, "rn", &value))
			others.rn.len = 0;
		if (uri_param(own, "cic", &value))
			others.cic.len = 0;
		if (uri_param(own, "tgrp", &value) ||
		    uri_param(own, "trunk-context", &value))
			others.tgrp.len = 0;
		others.npdi = others.npdi && !uri_param(own, "npdi", &value);
	}
	parameters_write(&others, writer);
}

/* The user part, and whether the URI shall say that it is a telephone number: RFC 3261
 * 19.1.6, and without it nobody need look for parameters there. */
static bool write_user(const struct target_uri *target, const struct target_call *call,
                       struct writer *writer)
{
	size_t start = writer->len;
	template_write(&target->user, call->values, writer);
	if ((!call->parameters && !call->user_phone) || writer->full)
		return false;
	struct slice user = writer_since(writer, start);
	if (!number_is_telephone(user))
		return false;
	size_t end = writer->len;
	if (call->parameters && target->has_called)
		write_parameters(target, call->parameters, user, writer);
	return (call->user_phone || writer->len > end) && !target->has_user_param;
}

size_t target_write(const struct target_uri *target, const struct target_call *call,
                    char *to, size_t size)
{
	struct writer writer = {to, size, 0, false};
	writer_put(&writer, target->head);
	size_t start = writer.len;
	bool phone = write_user(target, call, &writer);
	if (writer.len > start)
		WRITER_PUT(&writer, "@");
	writer_put(&writer, target->tail);
	if (phone)
		WRITER_PUT(&writer, ";user=phone");
	if (!call->bare)
		writer_put(&writer, target->headers);
	if (!call->bare && call->headers)
		headers_write_uri(call->headers, target->headers, call->values, &writer);
	return writer.full ? 0 : writer.len;
}

/* Checking */

static bool has(struct slice text, char c)
{
	return slice_find(text, c) < text.len;
}

/* The grammar knows no braces, so look at what is written with - for every placeholder: a
 * character of any user part, but none that completes an escape. */
static bool check_grammar(struct load *load, const struct node *node,
                          struct target_uri *out)
{
	char plain[2 * TARGET_URI_MAX];
	struct slice any = slice_of("-");
	struct facts facts = {.caller = any,
	                      .host = any,
	                      .rn = any,
	                      .cic = any,
	                      .tgrp = any,
	                      .trunk_context = any};
	struct template_values values = {&facts, any, any, any, any, NULL};
	struct target_call call = {.values = &values};
	size_t len = target_write(out, &call, plain, sizeof plain), at;
	struct uri uri;
	const char *why;
	if (!uri_parse((struct slice){plain, len}, &uri, &why, &at))
		return load_error(load, node,
		                  has(out->tail, '{')
		                          ? "placeholders stand in the user part only"
		                          : NULL,
		                  "bad URI \"%s\": %s", out->text.at, why);
	struct slice value;
	out->has_user_param = uri_param(uri.params, "user", &value);
	out->host = arena_copy(load->arena, uri.host);
	out->port = uri.port;
	return out->host.at || load_memory(load);
}

static bool read_user(struct load *load, const struct node *node, struct slice user,
                      struct target_uri *out)
{
	static const char called[] = "{called}";
	size_t end = slice_find(user, ';');
	if (!user.at) {
		out->user = template_called;
		out->has_called = out->is_called = true;
		return true;
	}
	out->has_parameters = end < user.len;
	out->is_called = slice_equal((struct slice){user.at, end}, slice_of(called));
	if (!template_parse(load, node, user, TEMPLATE_USER, &out->user))
		return false;
	out->has_called = template_has_called(&out->user);
	return true;
}

bool target_read(struct load *load, const struct node *node, void *into)
{
	struct target_uri *out = into;
	struct slice text, user;
	if (!schema_text(load, node, "uri", &text))
		return false;
	if (text.len > TARGET_URI_MAX)
		return load_error(load, node, NULL, "a URI may have %d bytes",
		                  TARGET_URI_MAX);
	out->text = arena_copy(load->arena, text);
	if (!out->text.at)
		return load_memory(load);
	if (!split(out->text, &out->head, &user, &out->tail))
		return load_error(load, node, "write sip:host, or sip:user@host",
		                  "\"%s\" is no SIP URI", text.at);
	if (slice_equal_nocase(out->head, slice_of("tel:")))
		return load_error(load, node,
		                  "many peers cannot follow tel: in a redirect; write "
		                  "sip:{called}@gateway",
		                  "a target must be a sip: or sips: URI");
	if (user.at && !user.len)
		return load_error(load, node, "leave the @ out for the called number",
		                  "the user part of \"%s\" is empty", text.at);
	if (has(user, ':') && has(user, '{'))
		return load_error(load, node, "write %3A for a : in the user part",
		                  "\"%s\" has a password and a placeholder", text.at);
	size_t end = slice_find(out->tail, '?');
	out->headers = slice_skip(out->tail, end);
	out->tail.len = end;
	return read_user(load, node, user, out) && check_grammar(load, node, out);
}

unsigned target_port(const struct target_uri *target)
{
	if (target->port)
		return target->port;
	return slice_equal_nocase(target->head, slice_of("sips:")) ? 5061 : 5060;
}
