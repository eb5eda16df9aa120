/* SPDX-License-Identifier: MIT */
#include "rules/headers.h"

#include <stdio.h>

#include "rules/schema.h"

/* What may be added. Not the message's own: routing, dialog, body, authentication,
 * capabilities (RFC 3261 19.1.5), nor what the reply has already. */
static const char *const in_reply[] = {
	"Alert-Info",   "Call-Info",    "Diversion", "Error-Info", "Geolocation",
	"History-Info", "Organization", "Privacy",   "Reason",     "Remote-Party-ID",
	"Server",       "User-to-User", "Warning"};
static const char *const in_uri[] = {"Alert-Info",      "Call-Info",    "Diversion",
                                     "Geolocation",     "History-Info", "Identity",
                                     "Priority",        "Privacy",      "Reason",
                                     "Remote-Party-ID", "Subject",      "User-to-User"};

struct allowed {
	const char *what;
	size_t count;
	const char *const *names;
	enum template_place place;
};

static const struct allowed reply = {"reply", sizeof in_reply / sizeof *in_reply,
                                     in_reply, TEMPLATE_HEADER};
static const struct allowed contact = {"Contact URI", sizeof in_uri / sizeof *in_uri,
                                       in_uri, TEMPLATE_URI_HEADER};

/* Reading */

static const char *name_at(const void *names, size_t i)
{
	return ((const char *const *)names)[i];
}

static bool is_name_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
}

/* X-... and P-..., of letters, digits, - _ and . that need no escape in a URI. */
static bool is_private(struct slice name)
{
	struct slice class = {name.at, name.len < 2 ? name.len : 2};
	if (!slice_equal_nocase(class, slice_of("X-")) &&
	    !slice_equal_nocase(class, slice_of("P-")))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_char(name.at[i]))
			return false;
	return name.len > 2;
}

static bool is_allowed(const struct allowed *allowed, struct slice name)
{
	for (size_t i = 0; i < allowed->count; i++)
		if (slice_equal_nocase(name, slice_of(allowed->names[i])))
			return true;
	return is_private(name);
}

static bool refuse_name(struct load *load, const struct node *key,
                        const struct allowed *allowed)
{
	char hint[DIAGS_HINT_MAX], names[DIAGS_HINT_MAX] = "";
	size_t len = 0;
	const char *near =
		schema_nearest(key->text, name_at, allowed->names, allowed->count);
	for (size_t i = 0; i < allowed->count && len < sizeof names; i++)
		len += (size_t)snprintf(names + len, sizeof names - len, ", %s",
		                        allowed->names[i]);
	if (near)
		diags_hint(hint, "did you mean \"%s\"?", near);
	else
		diags_hint(hint, "X-..., P-...%s may be", names);
	return load_error(load, key, hint, "header \"%s\" may not be added to a %s",
	                  key->text.at, allowed->what);
}

static bool read_value(struct load *load, const struct node *node,
                       const struct allowed *allowed, struct template *out)
{
	if (node->type != NODE_SCALAR)
		return load_error(load, node, NULL,
		                  "the value of a header must be a text, not %s",
		                  node_type_name(node));
	if (node->plain && !node->text.len)
		return load_error(load, node, "write \"\" for no such header",
		                  "the value of a header must not be empty");
	if (node->text.len > HEADER_WRITTEN_MAX)
		return load_error(load, node, NULL,
		                  "the value of a header may have %d bytes",
		                  HEADER_WRITTEN_MAX);
	if (slice_has_control(node->text))
		return load_error(
			load, node, NULL,
			"the value of a header may not have control characters");
	struct slice text = arena_copy(load->arena, slice_trim(node->text));
	return text.at ? template_parse(load, node, text, allowed->place, out)
	               : load_memory(load);
}

static bool check_once(struct load *load, const struct node *key,
                       const struct header *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal_nocase(items[i].name, key->text))
			return load_error(load, key, NULL, "\"%s\" is given twice",
			                  key->text.at);
	return true;
}

static bool read_header(struct load *load, const struct pair *pair,
                        const struct allowed *allowed, struct header *header)
{
	if (pair->key->text.len > HEADER_NAME_MAX ||
	    !is_allowed(allowed, pair->key->text))
		return refuse_name(load, pair->key, allowed);
	header->name = arena_copy(load->arena, pair->key->text);
	if (!header->name.at)
		return load_memory(load);
	return read_value(load, pair->value, allowed, &header->value);
}

static bool read_headers(struct load *load, const struct node *node,
                         const struct allowed *allowed, struct headers *out)
{
	if (node->type != NODE_MAPPING)
		return load_error(load, node, "write {X-Name: value}",
		                  "headers must be a mapping of names to values, not %s",
		                  node_type_name(node));
	if (node->count > HEADERS_ADDED_MAX)
		return load_error(load, node, NULL, "more than %d headers",
		                  HEADERS_ADDED_MAX);
	struct header *items = arena_array(load->arena, node->count, sizeof *items);
	if (!items)
		return load_memory(load);
	bool good = true;
	for (size_t i = 0; i < node->count; i++) {
		good &= check_once(load, node->pairs[i].key, items, i);
		good &= read_header(load, &node->pairs[i], allowed, &items[i]);
	}
	*out = (struct headers){node->count, items};
	return good;
}

bool headers_read(struct load *load, const struct node *node, void *into)
{
	return read_headers(load, node, &reply, into);
}

bool headers_read_uri(struct load *load, const struct node *node, void *into)
{
	return read_headers(load, node, &contact, into);
}

/* Writing */

bool headers_are_none(const struct headers_levels *levels)
{
	for (size_t i = 0; i < HEADERS_LEVELS; i++)
		if (levels->levels[i] && levels->levels[i]->count)
			return false;
	return true;
}

/* True if a level before this one speaks of name. */
static bool is_overruled(const struct headers_levels *levels, size_t level,
                         struct slice name)
{
	for (size_t l = 0; l < level; l++)
		for (size_t i = 0; levels->levels[l] && i < levels->levels[l]->count; i++)
			if (slice_equal_nocase(levels->levels[l]->items[i].name, name))
				return true;
	return false;
}

/* Writes what is between, name, equals, value, end; all of it or nothing. */
static bool put_header(struct writer *writer, const struct header *header,
                       const struct template_values *values, const char *between,
                       const char *equals, const char *end)
{
	struct writer before = *writer;
	if (!header->value.piece_count || template_is_empty(&header->value, values))
		return false;
	writer_put(writer, slice_of(between));
	writer_put(writer, header->name);
	writer_put(writer, slice_of(equals));
	size_t start = writer->len;
	template_write(&header->value, values, writer);
	if (writer->len - start > HEADER_VALUE_MAX)
		writer->full = true;
	writer_put(writer, slice_of(end));
	if (!writer->full)
		return true;
	*writer = before;
	return false;
}

void headers_write(const struct headers_levels *levels,
                   const struct template_values *values, struct writer *writer)
{
	for (size_t l = 0; l < HEADERS_LEVELS; l++)
		for (size_t i = 0; levels->levels[l] && i < levels->levels[l]->count;
		     i++) {
			const struct header *header = &levels->levels[l]->items[i];
			if (!is_overruled(levels, l, header->name))
				put_header(writer, header, values, "", ": ", "\r\n");
		}
}

/* headers begin with a ?; each is name=value. */
static bool has_own(struct slice headers, struct slice name)
{
	headers = slice_skip(headers, 1);
	while (headers.len) {
		struct slice one = {headers.at, slice_find(headers, '&')};
		headers = slice_skip(headers, one.len + 1);
		one.len = slice_find(one, '=');
		if (slice_equal_nocase(one, name))
			return true;
	}
	return false;
}

void headers_write_uri(const struct headers_levels *levels, struct slice own,
                       const struct template_values *values, struct writer *writer)
{
	bool begun = own.len;
	for (size_t l = 0; l < HEADERS_LEVELS; l++)
		for (size_t i = 0; levels->levels[l] && i < levels->levels[l]->count;
		     i++) {
			const struct header *header = &levels->levels[l]->items[i];
			if (is_overruled(levels, l, header->name) ||
			    has_own(own, header->name))
				continue;
			begun |= put_header(writer, header, values, begun ? "&" : "?",
			                    "=", "");
		}
}
