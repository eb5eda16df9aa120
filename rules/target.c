/* SPDX-License-Identifier: MIT */
#include "rules/target.h"

#include <string.h>

#include "rules/number.h"
#include "rules/uri.h"

struct target_piece {
	enum { PIECE_LITERAL, PIECE_CALLED, PIECE_CALLER } kind;
	struct slice literal;
};

/* Reading */

static bool placeholder(struct slice name, struct target_piece *piece)
{
	if (slice_equal(name, slice_of("called")))
		piece->kind = PIECE_CALLED;
	else if (slice_equal(name, slice_of("caller")))
		piece->kind = PIECE_CALLER;
	else
		return false;
	return true;
}

/* Takes the next piece off user: text up to a brace, or a placeholder. */
static bool next_piece(struct load *load, const struct node *node, struct slice *user,
                       struct target_piece *piece)
{
	size_t brace = slice_find(*user, '{');
	if (brace) {
		piece->kind = PIECE_LITERAL;
		piece->literal = (struct slice){user->at, brace};
		*user = slice_skip(*user, brace);
		return true;
	}
	size_t end = slice_find(*user, '}');
	struct slice name = {user->at + 1, end ? end - 1 : 0};
	if (end == user->len || !placeholder(name, piece))
		return load_error(load, node,
		                  "the placeholders are {called} and {caller}",
		                  "unknown placeholder in \"%s\"", node->text.at);
	*user = slice_skip(*user, end + 1);
	return true;
}

static bool read_pieces(struct load *load, const struct node *node, struct slice user,
                        struct target_uri *out)
{
	struct target_piece *pieces =
		arena_array(load->arena, user.len + 1, sizeof *pieces);
	if (!pieces)
		return load_memory(load);
	out->pieces = pieces;
	if (!user.len) {
		pieces[0].kind = PIECE_CALLED;
		out->piece_count = 1;
	}
	while (user.len)
		if (!next_piece(load, node, &user, &pieces[out->piece_count++]))
			return false;
	return true;
}

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

struct writing {
	char *to;
	size_t size, len;
	bool full;
};

static void put(struct writing *writing, struct slice text)
{
	writing->full = writing->full || text.len > writing->size - writing->len;
	if (writing->full || !text.len)
		return;
	memcpy(writing->to + writing->len, text.at, text.len);
	writing->len += text.len;
}

static void put_escaped(struct writing *writing, struct slice number)
{
	if (writing->full)
		return;
	size_t room = writing->size - writing->len;
	size_t need = number_escape(number, writing->to + writing->len, room);
	writing->full = need > room;
	writing->len += writing->full ? 0 : need;
}

size_t target_write(const struct target_uri *target, struct slice number,
                    struct slice caller, char *to, size_t size)
{
	struct writing writing = {to, size, 0, false};
	put(&writing, target->head);
	size_t start = writing.len;
	for (size_t i = 0; i < target->piece_count; i++) {
		const struct target_piece *piece = &target->pieces[i];
		if (piece->kind == PIECE_LITERAL)
			put(&writing, piece->literal);
		else
			put_escaped(&writing,
			            piece->kind == PIECE_CALLED ? number : caller);
	}
	if (writing.len > start)
		put(&writing, slice_of("@"));
	put(&writing, target->tail);
	return writing.full ? 0 : writing.len;
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
	size_t len = target_write(out, any, any, plain, sizeof plain), at;
	struct uri uri;
	const char *why;
	if (!uri_parse((struct slice){plain, len}, &uri, &why, &at))
		return load_error(load, node,
		                  has(out->tail, '{')
		                          ? "placeholders stand in the user part only"
		                          : NULL,
		                  "bad URI \"%s\": %s", out->text.at, why);
	out->host = arena_copy(load->arena, uri.host);
	out->port = uri.port;
	return out->host.at || load_memory(load);
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
	return read_pieces(load, node, user, out) && check_grammar(load, node, out);
}

unsigned target_port(const struct target_uri *target)
{
	if (target->port)
		return target->port;
	return slice_equal_nocase(target->head, slice_of("sips:")) ? 5061 : 5060;
}
