/* SPDX-License-Identifier: MIT */
#include "rules/action.h"

#include <stddef.h>

#include "rules/gateway.h"
#include "rules/lcr.h"
#include "rules/numbertable.h"
#include "rules/rewrite.h"

#define SECONDS_MAX 4294967295u /* RFC 3261 25.1 delta-seconds */

static const struct field lcr_field[] = {
	{"lcr", lcr_read, FIELD_REQUIRED, offsetof(struct action, lcr)}};

bool action_read_redirect(struct load *load, const struct node *node, void *into)
{
	struct action_reading *reading = into;
	struct slice column;
	reading->redirect = node;
	if (numbertable_is_row(node, &column)) {
		column = reading->action.route_column = arena_copy(load->arena, column);
		return column.at
		               ? numbertable_use(load, node->position, column, ROW_ROUTE)
		               : load_memory(load);
	}
	if (node->type == NODE_MAPPING)
		return schema_read(load, node, "\"redirect\"", lcr_field, 1,
		                   &reading->action);
	return route_read(load, node, &reading->action.route);
}

bool action_read_rewrite(struct load *load, const struct node *node, void *into)
{
	struct action_reading *reading = into;
	reading->rewrite = node;
	return rewrite_read(load, node, &reading->action.rewrite);
}

/* Few rules add headers. */
static struct extra_headers *extra_of(struct load *load, struct action *action)
{
	if (!action->extra)
		action->extra = arena_alloc(load->arena, sizeof *action->extra);
	if (!action->extra)
		load_memory(load);
	return action->extra;
}

bool action_read_headers(struct load *load, const struct node *node, void *into)
{
	struct action_reading *reading = into;
	struct extra_headers *extra = extra_of(load, &reading->action);
	return extra && headers_read(load, node, &extra->reply);
}

bool action_read_uri_headers(struct load *load, const struct node *node, void *into)
{
	struct action_reading *reading = into;
	struct extra_headers *extra = extra_of(load, &reading->action);
	reading->uri_headers = node;
	return extra && headers_read_uri(load, node, &extra->uri);
}

bool action_read_status(struct load *load, const struct node *node, void *into)
{
	static const unsigned long known[] = {300, 301, 302, 305, 380};
	struct action_reading *reading = into;
	unsigned long status = 0;
	reading->status = node;
	if (node->type == NODE_SCALAR && slice_number(node->text, 999, &status))
		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
			if (known[i] == status) {
				reading->action.status = (unsigned)status;
				return true;
			}
	return load_error(load, node, "to refuse the call, write reject",
	                  "\"status\" must be 300, 301, 302, 305 or 380");
}

static bool read_seconds(struct load *load, const struct node *node, const char *what,
                         unsigned long *out)
{
	return schema_number(load, node, what, 1, SECONDS_MAX, out);
}

bool action_read_expires(struct load *load, const struct node *node, void *into)
{
	struct action_reading *reading = into;
	reading->expires = node;
	return read_seconds(load, node, "expires", &reading->action.expires_s);
}

/* Reject */

static bool set_status(struct load *load, const struct node *node, struct slice text,
                       struct action *action)
{
	unsigned long status;
	if (!slice_number(text, 699, &status) || status < 400)
		return load_error(load, node, "for example 404, or 603 Not on this trunk",
		                  "\"reject\" must begin with a status from 400 to 699");
	action->status = (unsigned)status;
	return true;
}

/* RFC 3261 25.1 Reason-Phrase: any text on one line. */
static bool set_phrase(struct load *load, const struct node *node, struct slice text,
                       struct action *action)
{
	if (text.len > 128)
		return load_error(load, node, NULL, "a phrase may have 128 bytes");
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < ' ' || text.at[i] == 127)
			return load_error(load, node, NULL,
			                  "a phrase may not have control characters");
	action->phrase = arena_copy(load->arena, text);
	return action->phrase.at || load_memory(load);
}

static bool read_reject_status(struct load *load, const struct node *node, void *into)
{
	return set_status(load, node,
	                  node->type == NODE_SCALAR ? node->text : slice_of(""), into);
}

static bool read_phrase(struct load *load, const struct node *node, void *into)
{
	struct slice text;
	return schema_text(load, node, "phrase", &text) &&
	       set_phrase(load, node, text, into);
}

static bool read_retry_after(struct load *load, const struct node *node, void *into)
{
	return read_seconds(load, node, "retry_after",
	                    &((struct action *)into)->retry_after_s);
}

/* The length of the quoted string that text begins with, 0 if it has no end. RFC 3261
 * 25.1, but no control characters at all. */
static size_t quoted_length(struct slice text)
{
	bool quoted_pair = false;
	for (size_t i = 1; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		if (c < ' ' || c == 127 || (quoted_pair && c > 127))
			return 0;
		if (c == '"' && !quoted_pair)
			return i + 1;
		quoted_pair = c == '\\' && !quoted_pair;
	}
	return 0;
}

/* RFC 3326 2: protocol *(";" token ["=" (token / quoted-string)]), without blanks. */
static bool is_reason(struct slice text)
{
	size_t len = slice_token(text);
	if (!len)
		return false;
	for (text = slice_skip(text, len); text.len; text = slice_skip(text, len)) {
		struct slice rest = slice_skip(text, 1);
		size_t name = slice_token(rest);
		if (text.at[0] != ';' || !name)
			return false;
		len = 1 + name;
		rest = slice_skip(rest, name);
		if (!rest.len || rest.at[0] != '=')
			continue;
		rest = slice_skip(rest, 1);
		size_t value = rest.len && rest.at[0] == '"' ? quoted_length(rest)
		                                             : slice_token(rest);
		if (!value)
			return false;
		len += 1 + value;
	}
	return true;
}

static bool read_reason(struct load *load, const struct node *node, void *into)
{
	struct action *action = into;
	struct slice text;
	if (!schema_text(load, node, "reason", &text))
		return false;
	if (text.len > 256 || !is_reason(text))
		return load_error(load, node,
		                  "for example Q.850;cause=21;text=\"Call rejected\"",
		                  "\"reason\" is no Reason header (RFC 3326)");
	action->reason = arena_copy(load->arena, text);
	return action->reason.at || load_memory(load);
}

bool action_read_reject(struct load *load, const struct node *node, void *into)
{
	static const struct field fields[] = {
		{"status", read_reject_status, FIELD_REQUIRED},
		{"phrase", read_phrase, 0},
		{"reason", read_reason, 0},
		{"retry_after", read_retry_after, 0}};
	struct action_reading *reading = into;
	reading->reject = node;
	if (node->type != NODE_SCALAR)
		return schema_read(load, node, "\"reject\"", fields,
		                   sizeof fields / sizeof fields[0], &reading->action);
	size_t space = slice_find(node->text, ' ');
	struct slice phrase = slice_trim(slice_skip(node->text, space));
	return set_status(load, node, (struct slice){node->text.at, space},
	                  &reading->action) &&
	       (!phrase.len || set_phrase(load, node, phrase, &reading->action));
}

/* An error if a key that belongs to a redirect is there. */
static bool refuse_key(struct load *load, const struct node *node, const char *key)
{
	return !node ||
	       load_error(load, node, NULL,
	                  "\"%s\" belongs to \"redirect\", not to \"reject\"", key);
}

static bool check_reject(struct load *load, const struct action_reading *reading)
{
	bool good = refuse_key(load, reading->status, "status");
	good &= refuse_key(load, reading->expires, "expires");
	good &= refuse_key(load, reading->rewrite, "rewrite");
	good &= refuse_key(load, reading->uri_headers, "uri_headers");
	return good;
}

bool action_check(struct load *load, const struct node *node,
                  struct action_reading *reading)
{
	struct action *action = &reading->action;
	if (reading->redirect && reading->reject)
		return load_error(
			load, reading->reject, NULL,
			"a rule says either \"redirect\" or \"reject\", not both");
	if (!reading->redirect && !reading->reject)
		return load_error(load, node, NULL,
		                  "neither \"redirect\" nor \"reject\"");
	if (reading->reject)
		return check_reject(load, reading);
	action->status_given = action->status;
	if (!action->status)
		action->status = 302;
	if (action->route.tier_count && route_is_disabled(&action->route))
		load_warning(load, reading->redirect->position,
		             "calls will be answered 480",
		             "every gateway of this redirect is disabled");
	return true;
}
