/* SPDX-License-Identifier: MIT */
#include "rules/template.h"

#include "rules/number.h"
#include "rules/numbertable.h"
#include "rules/schema.h"
#include "rules/uri.h"

/* How a value is escaped where it stands. */
enum escape {
	ESCAPE_NOT,
	ESCAPE_USER,
	ESCAPE_HOST,
	ESCAPE_TEXT,
	ESCAPE_WORDS,
	ESCAPE_QUOTED
};

enum kind {
	PIECE_LITERAL,
	PIECE_CALLED,
	PIECE_CALLER,
	PIECE_HOST,
	PIECE_RULE,
	PIECE_GATEWAY,
	PIECE_RN,
	PIECE_CIC,
	PIECE_TGRP,
	PIECE_TRUNK_CONTEXT,
	PIECE_KINDS,
	PIECE_ROW = PIECE_KINDS, /* these have more than a name */
	PIECE_LOOKUP,
};

struct template_piece {
	enum kind kind;
	enum escape escape;
	bool hvalue;          /* escaped once more, as the value of a header in a URI */
	struct slice literal; /* escaped already; of PIECE_ROW the column's name */

	/* PIECE_LOOKUP: {table[called].column}, or of the caller. */
	const struct number_table *table;
	size_t column;
	bool of_caller;
};

static const char *const names[PIECE_KINDS] = {
	[PIECE_CALLED] = "called",
	[PIECE_CALLER] = "caller",
	[PIECE_HOST] = "host",
	[PIECE_RULE] = "rule",
	[PIECE_GATEWAY] = "gateway",
	[PIECE_RN] = "rn",
	[PIECE_CIC] = "cic",
	[PIECE_TGRP] = "tgrp",
	[PIECE_TRUNK_CONTEXT] = "trunk_context",
};

#define KNOWN                                                                            \
	"the placeholders are {called}, {caller}, {host}, {rule}, {gateway}, {rn}, "     \
	"{cic}, {tgrp}, {trunk_context}"
#define KNOWN_IN_TABLES                                                                  \
	KNOWN ", {row.COLUMN}, {TABLE[called].COLUMN} and {TABLE[caller].COLUMN}"

static const struct template_piece called_piece = {PIECE_CALLED, ESCAPE_USER, false, {0}};
const struct template template_called = {1, &called_piece};

/* Escaping */

/* RFC 3261 25.1 hvalue: unreserved, and [ ] / ? : + $ */
static bool is_hvalue_char(char c)
{
	static const char others[] = "-_.!~*'()[]/?:+$";
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || (c && strchr(others, c));
}

static void put_char(struct writer *writer, bool hvalue, char c)
{
	if (hvalue && !is_hvalue_char(c))
		writer_put_escape(writer, c);
	else
		writer_put_char(writer, c);
}

static void put_chars(struct writer *writer, bool hvalue, struct slice text)
{
	for (size_t i = 0; i < text.len && !writer->full; i++)
		put_char(writer, hvalue, text.at[i]);
}

static bool stays_in_uri(enum escape escape, struct slice rest)
{
	char byte, c = rest.at[0];
	if (escape == ESCAPE_USER)
		return uri_is_user_char(c) || uri_unescape(rest, &byte);
	return c == '[' || c == ']' || c == ':' || slice_token((struct slice){&c, 1});
}

static void put_in_uri(struct writer *writer, const struct template_piece *piece,
                       struct slice value)
{
	for (size_t i = 0; i < value.len && !writer->full; i++) {
		char escape[3];
		struct writer escaped = {escape, sizeof escape, 0, false};
		if (stays_in_uri(piece->escape, slice_skip(value, i)))
			writer_put_char(&escaped, value.at[i]);
		else
			writer_put_escape(&escaped, value.at[i]);
		put_chars(writer, piece->hvalue, writer_since(&escaped, 0));
	}
}

/* RFC 3261 25.1: a display-name without quotes is of tokens, a gen-value a token or a
 * host.
 */
static bool is_word_char(char c)
{
	return c == ' ' || c == '[' || c == ']' || c == ':' ||
	       slice_token((struct slice){&c, 1});
}

static void put_words(struct writer *writer, const struct template_piece *piece,
                      struct slice value)
{
	for (size_t i = 0; i < value.len && !writer->full; i++) {
		char c = value.at[i];
		put_char(writer, piece->hvalue,
		         is_word_char(c)                            ? c
		         : slice_has_control((struct slice){&c, 1}) ? ' '
		                                                    : '?');
	}
}

/* RFC 3261 25.1 quoted-string, TEXT-UTF8; and no control character ever. */
static void put_text(struct writer *writer, const struct template_piece *piece,
                     struct slice value)
{
	for (size_t len; value.len && !writer->full; value = slice_skip(value, len)) {
		char c = value.at[0];
		len = slice_utf8(value);
		if (len > 1) {
			put_chars(writer, piece->hvalue, (struct slice){value.at, len});
			continue;
		}
		if (piece->escape == ESCAPE_QUOTED && (c == '"' || c == '\\'))
			put_char(writer, piece->hvalue, '\\');
		put_char(writer, piece->hvalue,
		         len == 0                                   ? '?'
		         : slice_has_control((struct slice){&c, 1}) ? ' '
		                                                    : c);
		len = 1;
	}
}

/* Most are numbers, for the user part of a target. */
static void put_number(struct writer *writer, struct slice number)
{
	if (writer->full)
		return;
	size_t room = writer->size - writer->len;
	size_t need = number_escape(number, writer->to + writer->len, room);
	if (need > room)
		writer_fill(writer);
	else
		writer->len += need;
}

static void put_value(struct writer *writer, const struct template_piece *piece,
                      struct slice value)
{
	switch (piece->escape) {
	case ESCAPE_NOT:
		writer_put(writer, value);
		return;
	case ESCAPE_USER:
		if (!piece->hvalue) {
			put_number(writer, value);
			return;
		}
		put_in_uri(writer, piece, value);
		return;
	case ESCAPE_HOST:
		put_in_uri(writer, piece, value);
		return;
	case ESCAPE_WORDS:
		put_words(writer, piece, value);
		return;
	case ESCAPE_TEXT:
	case ESCAPE_QUOTED:
		put_text(writer, piece, value);
	}
}

/* Reading */

/* What the literals of a header's value have opened. */
struct parsing {
	enum template_place place;
	bool address; /* some part of the value is in angle brackets */
	bool quoted, bracketed, host;
	bool bare;      /* a URI without angle brackets */
	bool backslash; /* in quotes, and nothing behind it yet */
};

static enum escape escape_of(const struct parsing *parsing, enum kind kind)
{
	if (parsing->place == TEMPLATE_PLAIN)
		return ESCAPE_NOT;
	if (parsing->place == TEMPLATE_USER)
		return ESCAPE_USER;
	if (parsing->quoted)
		return ESCAPE_QUOTED;
	if (!parsing->bracketed)
		return parsing->address ? ESCAPE_WORDS : ESCAPE_TEXT;
	return parsing->host && kind == PIECE_HOST ? ESCAPE_HOST : ESCAPE_USER;
}

static bool begins_uri(struct slice text)
{
	return slice_begins(text, slice_of("sip:")) ||
	       slice_begins(text, slice_of("sips:")) ||
	       slice_begins(text, slice_of("tel:"));
}

static void follow(struct parsing *parsing, struct slice literal)
{
	for (size_t i = 0; i < literal.len; i++) {
		char c = literal.at[i];
		bool outside = !parsing->quoted && !parsing->bracketed;
		if (parsing->backslash)
			parsing->backslash = false;
		else if (c == '"' && !parsing->bracketed)
			parsing->quoted = !parsing->quoted;
		else if (parsing->quoted && c == '\\')
			parsing->backslash = true;
		else if (!parsing->quoted && (c == '<' || c == '>'))
			parsing->bracketed = c == '<', parsing->host = false;
		else if (c == '@')
			parsing->host = true;
		parsing->bare |= outside && begins_uri(slice_skip(literal, i));
		parsing->address |= parsing->bracketed;
	}
}

/* What a placeholder stands behind can make it end the place that it stands in. */
static bool check_place(struct load *load, const struct node *node,
                        const struct parsing *parsing)
{
	bool header = parsing->place == TEMPLATE_HEADER ||
	              parsing->place == TEMPLATE_URI_HEADER;
	if (header && parsing->backslash)
		return load_error(load, node, "write \\\\ for a backslash",
		                  "a \\ stands before a placeholder in \"%s\"",
		                  node->text.at);
	if (header && parsing->bare && !parsing->quoted && !parsing->bracketed)
		return load_error(load, node, "write <sip:{called}@example.net>",
		                  "a URI with a placeholder is not in < and > in \"%s\"",
		                  node->text.at);
	return true;
}

static bool set_literal(struct load *load, const struct parsing *parsing,
                        struct slice text, struct template_piece *piece)
{
	piece->kind = PIECE_LITERAL;
	piece->literal = text;
	if (parsing->place != TEMPLATE_URI_HEADER)
		return true;
	char *escaped = arena_array(load->arena, text.len, 3);
	if (!escaped)
		return load_memory(load);
	struct writer writer = {escaped, 3 * text.len, 0, false};
	put_chars(&writer, true, text);
	piece->literal = writer_since(&writer, 0);
	return true;
}

static bool unknown(struct load *load, const struct node *node)
{
	return load_error(load, node, load->of_table ? KNOWN_IN_TABLES : KNOWN,
	                  "unknown placeholder in \"%s\"", node->text.at);
}

/* row.COLUMN */
static bool set_row(struct load *load, const struct node *node, struct slice name,
                    struct template_piece *piece)
{
	piece->kind = PIECE_ROW;
	piece->literal = arena_copy(load->arena, slice_skip(name, 4));
	if (!piece->literal.at)
		return load_memory(load);
	return numbertable_use(load, node->position, piece->literal, ROW_TEXT);
}

/* TABLE[called].COLUMN */
static bool set_lookup(struct load *load, const struct node *node, struct slice name,
                       struct template_piece *piece)
{
	struct slice table = {name.at, slice_find(name, '[')};
	struct slice rest = slice_skip(name, table.len);
	piece->kind = PIECE_LOOKUP;
	piece->of_caller = slice_begins(rest, slice_of("[caller]."));
	if (!piece->of_caller && !slice_begins(rest, slice_of("[called].")))
		return unknown(load, node);
	piece->table = numbertable_get(load, node, table);
	return piece->table &&
	       numbertable_column(load, node->position, piece->table,
	                          slice_skip(rest, strlen("[called].")), &piece->column);
}

static bool set_placeholder(struct load *load, const struct node *node,
                            const struct parsing *parsing, struct slice name,
                            struct template_piece *piece)
{
	enum kind kind = PIECE_CALLED;
	while (kind < PIECE_KINDS && !slice_equal(name, slice_of(names[kind])))
		kind++;
	piece->kind = kind;
	piece->escape = escape_of(parsing, kind);
	piece->hvalue = parsing->place == TEMPLATE_URI_HEADER;
	if (kind < PIECE_KINDS)
		return true;
	if (!load->of_table)
		return unknown(load, node);
	if (slice_begins(name, slice_of("row.")) && name.len > 4)
		return set_row(load, node, name, piece);
	return slice_find(name, '[') < name.len ? set_lookup(load, node, name, piece)
	                                        : unknown(load, node);
}

/* Takes the next piece off text: a literal up to a brace, or a placeholder. */
static bool next_piece(struct load *load, const struct node *node,
                       struct parsing *parsing, struct slice *text,
                       struct template_piece *piece)
{
	size_t brace = slice_find(*text, '{');
	if (brace) {
		struct slice literal = {text->at, brace};
		if (parsing->place != TEMPLATE_USER && slice_find(literal, '}') < brace)
			return unknown(load, node);
		*text = slice_skip(*text, brace);
		follow(parsing, literal);
		return set_literal(load, parsing, literal, piece);
	}
	size_t end = slice_find(*text, '}');
	struct slice name = {text->at + 1, end ? end - 1 : 0};
	if (end == text->len)
		return unknown(load, node);
	if (!check_place(load, node, parsing) ||
	    !set_placeholder(load, node, parsing, name, piece))
		return false;
	*text = slice_skip(*text, end + 1);
	return true;
}

/* A literal, a placeholder, a literal, ... */
static size_t count_pieces(struct slice text)
{
	size_t count = 1;
	for (size_t i = 0; i < text.len; i++)
		count += 2 * (text.at[i] == '{');
	return count;
}

bool template_parse(struct load *load, const struct node *node, struct slice text,
                    enum template_place place, struct template *out)
{
	struct parsing parsing = {.place = place}, whole = parsing;
	struct template_piece *pieces =
		arena_array(load->arena, count_pieces(text), sizeof *pieces);
	if (!pieces)
		return load_memory(load);
	size_t count = 0;
	follow(&whole, text);
	parsing.address = whole.address;
	while (text.len)
		if (!next_piece(load, node, &parsing, &text, &pieces[count++]))
			return false;
	if ((place == TEMPLATE_HEADER || place == TEMPLATE_URI_HEADER) &&
	    (parsing.quoted || parsing.bracketed))
		return load_error(load, node, NULL, "%s is not closed in \"%s\"",
		                  parsing.quoted ? "a quote" : "a <", node->text.at);
	*out = (struct template){count, pieces};
	return true;
}

bool template_has_called(const struct template *template)
{
	for (size_t i = 0; i < template->piece_count; i++)
		if (template->pieces[i].kind == PIECE_CALLED)
			return true;
	return false;
}

/* Writing */

static struct slice look_up(const struct template_piece *piece,
                            const struct template_values *values)
{
	struct numbers_row row;
	struct slice number = piece->of_caller ? values->facts->caller : values->asked;
	if (!numbertable_find(piece->table, values->facts, number, &row))
		return (struct slice){NULL, 0};
	return numbers_value(piece->table->file.numbers, &row, piece->column);
}

static struct slice value_of(const struct template_piece *piece,
                             const struct template_values *values)
{
	switch (piece->kind) {
	case PIECE_CALLED:
		return values->called;
	case PIECE_CALLER:
		return values->facts->caller;
	case PIECE_HOST:
		return values->facts->host;
	case PIECE_RULE:
		return values->rule;
	case PIECE_GATEWAY:
		return values->gateway;
	case PIECE_RN:
		return values->facts->rn;
	case PIECE_CIC:
		return values->facts->cic;
	case PIECE_TGRP:
		return values->facts->tgrp;
	case PIECE_TRUNK_CONTEXT:
		return values->facts->trunk_context;
	case PIECE_ROW:
		return numbertable_value(values->row, piece->literal);
	case PIECE_LOOKUP:
		return look_up(piece, values);
	default:
		return piece->literal;
	}
}

void template_write(const struct template *template, const struct template_values *values,
                    struct writer *writer)
{
	for (size_t i = 0; i < template->piece_count; i++) {
		const struct template_piece *piece = &template->pieces[i];
		struct slice value = value_of(piece, values);
		if (piece->kind == PIECE_LITERAL)
			writer_put(writer, value);
		else
			put_value(writer, piece, value);
	}
}

bool template_is_empty(const struct template *template,
                       const struct template_values *values)
{
	bool placeholders = false;
	for (size_t i = 0; i < template->piece_count; i++) {
		const struct template_piece *piece = &template->pieces[i];
		if (piece->kind == PIECE_LITERAL)
			continue;
		placeholders = true;
		if (value_of(piece, values).len)
			return false;
	}
	return placeholders;
}
