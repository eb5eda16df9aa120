/* SPDX-License-Identifier: MIT */
#include "rules/rewrite.h"

#include <stddef.h>
#include <string.h>

#include "rules/parameter_rewrite.h"
#include "rules/texts.h"

/* Reading */

static bool copy_text(struct load *load, const struct node *node, const char *what,
                      struct slice *out)
{
	struct slice text;
	if (!schema_text(load, node, what, &text))
		return false;
	if (text.len > NUMBER_MAX)
		return load_error(load, node, NULL, "\"%s\" is longer than %d bytes",
		                  what, NUMBER_MAX);
	*out = arena_copy(load->arena, text);
	return out->at || load_memory(load);
}

static bool is_digits(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
	return text.len > 0;
}

/* 3 strips three characters, "00" strips these two zeros. 00, or 44207, could mean
 * either.
 */
static bool read_strip(struct load *load, const struct node *node, void *into)
{
	struct rewrite *rewrite = into;
	rewrite->has_strip = true;
	bool minus = node->type == NODE_SCALAR && node->text.len &&
	             node->text.at[0] == '-' && is_digits(slice_skip(node->text, 1));
	if (node->plain && minus)
		return load_error(load, node, "quote it to strip these characters",
		                  "strip: %s is less than nothing", node->text.at);
	if (node->type != NODE_SCALAR || !node->plain || !is_digits(node->text))
		return copy_text(load, node, "strip", &rewrite->strip_text);
	if (node->text.at[0] != '0' &&
	    slice_number(node->text, NUMBER_MAX, &rewrite->strip_count))
		return true;
	return load_error(
		load, node,
		"quote it to strip these digits; write a number to strip so many",
		"strip: %s may mean digits or how many", node->text.at);
}

static bool read_prepend(struct load *load, const struct node *node, void *into)
{
	struct rewrite *rewrite = into;
	return copy_text(load, node, "prepend", &rewrite->prepend);
}

static bool read_regex(struct load *load, const struct node *node, void *into)
{
	struct rewrite *rewrite = *(struct rewrite **)into;
	rewrite->pattern = texts_pattern(load, node, "regex");
	return rewrite->pattern;
}

/* Takes the next piece off text: a literal up to a $, or a $ and what follows it. */
static bool next_piece(struct load *load, const struct node *node, struct slice *text,
                       struct replace_piece *piece)
{
	size_t dollar = slice_find(*text, '$');
	if (dollar) {
		piece->group = -1;
		piece->literal = (struct slice){text->at, dollar};
		*text = slice_skip(*text, dollar);
		return true;
	}
	char c = text->len > 1 ? text->at[1] : 0;
	if (c != '$' && (c < '0' || c > '9'))
		return load_error(load, node, "write $$ for a dollar sign",
		                  "a $ in \"with\" must be followed by a digit");
	piece->group = c == '$' ? -1 : c - '0';
	piece->literal = (struct slice){text->at, 1};
	*text = slice_skip(*text, 2);
	return true;
}

static bool read_with(struct load *load, const struct node *node, struct rewrite *rewrite)
{
	if (node->type != NODE_SCALAR)
		return load_error(load, node, NULL, "\"with\" must be a text, not %s",
		                  node_type_name(node));
	if (node->text.len > NUMBER_MAX)
		return load_error(load, node, NULL, "\"with\" is longer than %d bytes",
		                  NUMBER_MAX);
	struct slice text = arena_copy(load->arena, node->text);
	struct replace_piece *pieces =
		arena_array(load->arena, text.len + 1, sizeof *pieces);
	if (!text.at || !pieces)
		return load_memory(load);
	for (size_t i = 0; i + 1 < text.len; i++)
		if (text.at[i] == '\\' && text.at[i + 1] >= '0' && text.at[i + 1] <= '9')
			return load_error(load, node,
			                  "write $1 for what the first group matched",
			                  "\"with\" has a backslash before a digit");
	while (text.len)
		if (!next_piece(load, node, &text, &pieces[rewrite->piece_count++]))
			return false;
	rewrite->pieces = pieces;
	return true;
}

static bool check_groups(struct load *load, const struct node *node,
                         const struct rewrite *rewrite)
{
	int groups = (int)pattern_groups(rewrite->pattern->pattern);
	for (size_t i = 0; i < rewrite->piece_count; i++)
		if (rewrite->pieces[i].group > groups)
			return load_error(load, node, NULL,
			                  "\"with\" uses $%d, but the regex has %d "
			                  "group%s in parentheses",
			                  rewrite->pieces[i].group, groups,
			                  groups == 1 ? "" : "s");
	return true;
}

/* A replacement while its mapping is read. */
struct replacing {
	struct rewrite *rewrite;
	const struct node *with;
};

static bool read_replace(struct load *load, const struct node *node, void *into)
{
	static const struct field fields[] = {
		{"regex", read_regex, FIELD_REQUIRED,
	         offsetof(struct replacing, rewrite)},
		{"with", schema_keep, FIELD_REQUIRED, offsetof(struct replacing, with)}};
	struct replacing replacing = {into, NULL};
	bool good = schema_read(load, node, "\"replace\"", fields, 2, &replacing);
	good &= replacing.with && read_with(load, replacing.with, into);
	return good && check_groups(load, replacing.with, into);
}

bool rewrite_read(struct load *load, const struct node *node, void *into)
{
#define PARAMETERS offsetof(struct rewrite, parameters)
	static const struct field fields[] = {
		{"strip", read_strip, 0},
		{"prepend", read_prepend, 0},
		{"replace", read_replace, 0},
		{"rn", parameter_rewrite_rn, 0, PARAMETERS},
		{"npdi", parameter_rewrite_npdi, 0, PARAMETERS},
		{"cic", parameter_rewrite_cic, 0, PARAMETERS},
		{"tgrp", parameter_rewrite_tgrp, 0, PARAMETERS},
		{"trunk_context", parameter_rewrite_trunk_context, 0, PARAMETERS}};
	if (node->type == NODE_MAPPING && !node->count)
		return load_error(load, node,
		                  "write one of strip, prepend, replace, rn, npdi, cic",
		                  "\"rewrite\" says nothing to change");
	struct rewrite *rewrite = arena_alloc(load->arena, sizeof *rewrite);
	if (!rewrite)
		return load_memory(load);
	*(const struct rewrite **)into = rewrite;
	bool good = schema_read(load, node, "\"rewrite\"", fields,
	                        sizeof fields / sizeof fields[0], rewrite);
	return parameter_rewrite_check(load, node, &rewrite->parameters) && good;
}

/* Applying */

static bool append(char buffer[NUMBER_MAX], size_t *len, struct slice text)
{
	if (text.len > NUMBER_MAX - *len)
		return false;
	if (text.len)
		memcpy(buffer + *len, text.at, text.len);
	*len += text.len;
	return true;
}

static struct slice strip(const struct rewrite *rewrite, struct slice number)
{
	if (!rewrite->strip_text.len)
		return slice_skip(number, rewrite->strip_count);
	return slice_begins(number, rewrite->strip_text)
	               ? slice_skip(number, rewrite->strip_text.len)
	               : number;
}

/* Replaces the first match. */
static enum pattern_result replace(const struct rewrite *rewrite, struct slice number,
                                   char buffer[NUMBER_MAX], struct pattern_space *space,
                                   struct slice *out)
{
	*out = number;
	enum pattern_result result =
		pattern_match(rewrite->pattern->pattern, number, space);
	if (result != PATTERN_YES)
		return result == PATTERN_NO ? PATTERN_YES : result;
	struct slice match = pattern_group(space, number, 0);
	size_t start = (size_t)(match.at - number.at), len = 0;
	bool fits = append(buffer, &len, (struct slice){number.at, start});
	for (size_t i = 0; fits && i < rewrite->piece_count; i++) {
		const struct replace_piece *piece = &rewrite->pieces[i];
		fits = append(buffer, &len,
		              piece->group < 0 ? piece->literal
		                               : pattern_group(space, number,
		                                               (unsigned)piece->group));
	}
	fits = fits && append(buffer, &len, slice_skip(number, start + match.len));
	*out = (struct slice){buffer, len};
	return fits ? PATTERN_YES : PATTERN_NO;
}

enum pattern_result rewrite_apply(const struct rewrite *rewrite, struct slice number,
                                  char buffers[2][NUMBER_MAX],
                                  struct pattern_space *space, struct slice *out)
{
	if (rewrite->has_strip)
		number = strip(rewrite, number);
	if (rewrite->prepend.len) {
		size_t len = 0;
		if (!append(buffers[0], &len, rewrite->prepend) ||
		    !append(buffers[0], &len, number))
			return PATTERN_NO;
		number = (struct slice){buffers[0], len};
	}
	enum pattern_result result = PATTERN_YES;
	*out = number;
	if (!rewrite->has_strip && !rewrite->prepend.len && !rewrite->pattern)
		return result;
	if (rewrite->pattern)
		result = replace(rewrite, number, buffers[1], space, out);
	return result == PATTERN_YES && !out->len ? PATTERN_NO : result;
}
