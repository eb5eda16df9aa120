/* SPDX-License-Identifier: MIT */
#include "rules/parameters.h"

#include "rules/number.h"
#include "rules/uri.h"

static bool is_separator(char c)
{
	return c == '-' || c == '.' || c == '(' || c == ')' || c == ' ' || c == '\t';
}

/* A digit of RFC 4694 4, hex-phonedigit: upper case, or 0. */
static char hex_digit(char c)
{
	if (c >= 'a' && c <= 'f')
		return (char)(c - 'a' + 'A');
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') ? c : '\0';
}

bool parameters_clean_number(struct slice text, char buffer[PARAMETER_MAX],
                             struct slice *out)
{
	struct writer writer = {buffer, PARAMETER_MAX, 0, false};
	for (size_t i = 0; i < text.len; i++) {
		char digit = hex_digit(text.at[i]);
		if (digit)
			writer_put_char(&writer, digit);
		else if (text.at[i] == '+' && !writer.len)
			WRITER_PUT(&writer, "+");
		else if (!is_separator(text.at[i]))
			return false;
	}
	*out = writer_since(&writer, 0);
	return !writer.full && (out->len > 1 || !out->len || buffer[0] != '+');
}

bool parameters_clean_label(struct slice text, char buffer[PARAMETER_MAX],
                            struct slice *out)
{
	struct writer writer = {buffer, PARAMETER_MAX, 0, false};
	bool number = slice_begins(text, slice_of("+"));
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (!number || !is_separator(c))
			writer_put_char(&writer,
			                c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
	}
	*out = writer_since(&writer, 0);
	return !writer.full;
}

/* Reading */

struct reading {
	struct slice params;
	char *next; /* of the buffer */
};

/* The value of a parameter with its escapes undone; empty if it is not there. */
static struct slice find(const struct reading *reading, const char *name,
                         char buffer[PARAMETER_MAX])
{
	struct slice value;
	struct writer writer = {buffer, PARAMETER_MAX, 0, false};
	if (!uri_param(reading->params, name, &value))
		return (struct slice){0};
	while (value.len && !writer.full) {
		char c = value.at[0];
		bool escaped = uri_unescape(value, &c);
		writer_put_char(&writer, c);
		value = slice_skip(value, escaped ? 3 : 1);
	}
	if (writer.full)
		writer.len = 0;
	return writer_since(&writer, 0);
}

/* Keeps text, which is in the next place of the buffer. */
static struct slice keep(struct reading *reading, struct slice text)
{
	if (text.len)
		reading->next += PARAMETER_MAX;
	return text;
}

static struct slice join(struct slice front, struct slice back, char to[PARAMETER_MAX])
{
	struct writer writer = {to, PARAMETER_MAX, 0, false};
	writer_put(&writer, front);
	writer_put(&writer, back);
	if (writer.full)
		writer.len = 0;
	return writer_since(&writer, 0);
}

/* RFC 4694 4: a number that does not begin with + has a context: another in front of it,
 * or a domain, which is kept. */
static void read_number(struct reading *reading, const char *name,
                        const char *context_name, struct slice *number,
                        struct slice *context)
{
	char raw[PARAMETER_MAX], local[PARAMETER_MAX], front[PARAMETER_MAX];
	struct slice digits, prefix;
	if (!parameters_clean_number(find(reading, name, raw), local, &digits) ||
	    !digits.len)
		return;
	struct slice where = {0};
	if (digits.at[0] != '+')
		where = find(reading, context_name, raw);
	bool global = slice_begins(where, slice_of("+"));
	if (global && parameters_clean_number(where, front, &prefix))
		*number = keep(reading, join(prefix, digits, reading->next));
	else
		*number = keep(reading, join(digits, (struct slice){0}, reading->next));
	if (where.len && !global && number->len)
		*context = keep(reading, join(where, (struct slice){0}, reading->next));
}

/* RFC 4904 5: one without the other says nothing. */
static void read_trunk(struct reading *reading, struct facts *facts)
{
	struct slice group = keep(reading, find(reading, "tgrp", reading->next));
	struct slice context = {0};
	if (group.len)
		context = keep(reading, find(reading, "trunk-context", reading->next));
	if (!context.len)
		return;
	facts->tgrp = group;
	facts->trunk_context = context;
}

void parameters_read(struct slice user, bool telephone, char buffer[PARAMETERS_MAX],
                     struct facts *facts)
{
	struct slice none;
	struct reading reading = {number_parameters(user, telephone), buffer};
	if (!reading.params.len)
		return;
	facts->npdi = uri_param(reading.params, "npdi", &none);
	read_number(&reading, "rn", "rn-context", &facts->rn, &facts->rn_context);
	read_number(&reading, "cic", "cic-context", &facts->cic, &facts->cic_context);
	read_trunk(&reading, facts);
}

/* Writing */

/* What both a parameter of a number (RFC 3966 3) and a user part (RFC 3261 25.1) take
 * without an escape. */
static bool is_plain(char c)
{
	static const char others[] = "-_.!~*'()/&+$";
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || (c && strchr(others, c));
}

static void put(struct writer *writer, const char *name, struct slice value)
{
	if (!value.len)
		return;
	writer_put(writer, slice_of(name));
	for (size_t i = 0; i < value.len; i++)
		if (is_plain(value.at[i]))
			writer_put_char(writer, value.at[i]);
		else
			writer_put_escape(writer, value.at[i]);
}

void parameters_write(const struct parameters *parameters, struct writer *writer)
{
	bool trunk = parameters->tgrp.len && parameters->trunk_context.len;
	put(writer, ";cic=", parameters->cic);
	if (parameters->cic.len)
		put(writer, ";cic-context=", parameters->cic_context);
	if (parameters->npdi)
		WRITER_PUT(writer, ";npdi");
	put(writer, ";rn=", parameters->rn);
	if (parameters->rn.len)
		put(writer, ";rn-context=", parameters->rn_context);
	if (!trunk)
		return;
	put(writer, ";tgrp=", parameters->tgrp);
	put(writer, ";trunk-context=", parameters->trunk_context);
}
