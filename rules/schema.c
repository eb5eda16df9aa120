/* SPDX-License-Identifier: MIT */
#include "rules/schema.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#define FIELDS_MAX     32
#define NAME_MAX_BYTES 64 /* of names compared; a longer one is near to none */
#define NEAR_MAX       2  /* edits */

bool load_error(struct load *load, const struct node *node, const char *hint,
                const char *format, ...)
{
	va_list args;
	/* What is missing then may just not have been read. */
	if (load->out_of_memory)
		return false;
	va_start(args, format);
	diags_vadd(load->diags, SEVERITY_ERROR, node->position, hint, format, args);
	va_end(args);
	return false;
}

void load_warning(struct load *load, struct position position, const char *hint,
                  const char *format, ...)
{
	va_list args;
	va_start(args, format);
	diags_vadd(load->diags, SEVERITY_WARNING, position, hint, format, args);
	va_end(args);
}

bool load_memory(struct load *load)
{
	load->out_of_memory = true;
	return false;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;
	return least < c ? least : c;
}

/* Edits (insert, delete, replace, swap neighbours; letters without case) that make a into
 * b, or more than NEAR_MAX as soon as it is known to be more. Both at most NAME_MAX_BYTES
 * long. */
static size_t distance(struct slice a, struct slice b)
{
	size_t rows[3][NAME_MAX_BYTES + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b.len; j++)
		above[j] = before[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t least = row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			char x = lower(a.at[i - 1]), y = lower(b.at[j - 1]);
			row[j] = min3(above[j] + 1, row[j - 1] + 1,
			              above[j - 1] + (x != y));
			bool swapped = i > 1 && j > 1 && x == lower(b.at[j - 2]) &&
			               y == lower(a.at[i - 2]);
			if (swapped && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
			if (row[j] < least)
				least = row[j];
		}
		if (least > NEAR_MAX)
			return least;
		size_t *reused = before;
		before = above;
		above = row;
		row = reused;
	}
	return above[b.len];
}

const char *schema_nearest(struct slice text,
                           const char *(*name_at)(const void *names, size_t i),
                           const void *names, size_t count)
{
	const char *nearest = NULL;
	size_t nearest_edits = NEAR_MAX + 1;
	for (size_t i = 0; i < count; i++) {
		struct slice name = slice_of(name_at(names, i));
		size_t longer = name.len > text.len ? name.len : text.len;
		if (longer > NAME_MAX_BYTES || longer > name.len + NEAR_MAX ||
		    longer > text.len + NEAR_MAX)
			continue;
		size_t edits = distance(text, name);
		if (edits < nearest_edits && edits < name.len) {
			nearest = name.at;
			nearest_edits = edits;
		}
	}
	return nearest;
}

const char *load_nearest(const struct load *load, struct slice text,
                         const char *(*name_at)(const void *names, size_t i),
                         const void *names, size_t count)
{
	return diags_is_full(load->diags) ? NULL
	                                  : schema_nearest(text, name_at, names, count);
}

static const char *field_name(const void *fields, size_t i)
{
	return ((const struct field *)fields)[i].name;
}

static void hint_keys(char hint[DIAGS_HINT_MAX], const struct field *fields, size_t count)
{
	char names[DIAGS_HINT_MAX] = "";
	size_t len = 0;
	for (size_t i = 0; i < count && len < sizeof names; i++)
		len += (size_t)snprintf(names + len, sizeof names - len, "%s%s",
		                        i ? ", " : "", fields[i].name);
	diags_hint(hint, "known keys: %s", names);
}

static bool unknown_key(struct load *load, const struct node *key,
                        const struct field *fields, size_t count)
{
	char hint[DIAGS_HINT_MAX];
	const char *nearest = schema_nearest(key->text, field_name, fields, count);
	if (nearest)
		diags_hint(hint, "did you mean \"%s\"?", nearest);
	else
		hint_keys(hint, fields, count);
	return load_error(load, key, hint, "unknown key \"%s\"", key->text.at);
}

static bool duplicate_key(struct load *load, const struct node *key,
                          const struct node *first)
{
	char hint[DIAGS_HINT_MAX];
	diags_hint(hint, "first given at %s:%u:%u", first->position.file,
	           first->position.line, first->position.column);
	return load_error(load, key, hint, "\"%s\" is given twice", key->text.at);
}

static bool read_pair(struct load *load, const struct pair *pair,
                      const struct field *fields, size_t count, const struct node **given,
                      void *into)
{
	for (size_t i = 0; i < count; i++) {
		if (!slice_equal(pair->key->text, slice_of(fields[i].name)))
			continue;
		if (given[i])
			return duplicate_key(load, pair->key, given[i]);
		given[i] = pair->key;
		return fields[i].read(load, pair->value, (char *)into + fields[i].offset);
	}
	return unknown_key(load, pair->key, fields, count);
}

bool schema_read(struct load *load, const struct node *node, const char *what,
                 const struct field *fields, size_t count, void *into)
{
	const struct node *given[FIELDS_MAX] = {NULL};
	assert(count <= FIELDS_MAX);
	if (node->type != NODE_MAPPING)
		return load_error(load, node, NULL, "%s must be a mapping, not %s", what,
		                  node_type_name(node));
	bool good = true;
	for (size_t i = 0; i < node->count; i++)
		good &= read_pair(load, &node->pairs[i], fields, count, given, into);
	for (size_t i = 0; i < count; i++)
		if ((fields[i].flags & FIELD_REQUIRED) && !given[i])
			good = load_error(load, node, NULL, "%s needs \"%s\"", what,
			                  fields[i].name);
	return good;
}

bool schema_text(struct load *load, const struct node *node, const char *what,
                 struct slice *out)
{
	if (node->type != NODE_SCALAR)
		return load_error(load, node, NULL, "\"%s\" must be a text, not %s", what,
		                  node_type_name(node));
	if (node->text.len == 0)
		return load_error(load, node, NULL, "\"%s\" must not be empty", what);
	*out = node->text;
	return true;
}

bool schema_number(struct load *load, const struct node *node, const char *what,
                   unsigned long min, unsigned long max, unsigned long *out)
{
	unsigned long number = 0;
	bool whole = node->type == NODE_SCALAR &&
	             slice_number(node->text, max, &number) && number >= min;
	/* YAML 1.1 takes 010 for 8, people take it for 10. */
	bool octal = whole && node->text.len > 1 && node->text.at[0] == '0';
	if (whole && node->plain && !octal) {
		*out = number;
		return true;
	}
	const char *hint = octal   ? "write it without leading zeros"
	                   : whole ? "write it without quotes"
	                           : NULL;
	return load_error(load, node, hint,
	                  "\"%s\" must be a whole number from %lu to %lu", what, min,
	                  max);
}

bool schema_bool(struct load *load, const struct node *node, const char *what, bool *out)
{
	struct slice text = node->type == NODE_SCALAR ? node->text : slice_of(NULL);
	bool yes = slice_equal(text, slice_of("true")),
	     no = slice_equal(text, slice_of("false"));
	if ((yes || no) && node->plain) {
		*out = yes;
		return true;
	}
	const char *hint =
		yes || no ? "write it without quotes"
			  : "only true and false are known, not yes, no, on or off";
	return load_error(load, node, hint, "\"%s\" must be true or false", what);
}

static const char *text_at(const void *names, size_t i)
{
	return ((const char *const *)names)[i];
}

bool schema_choice(struct load *load, const struct node *node, const char *what,
                   const char *const *names, size_t count, size_t *out)
{
	struct slice text;
	char hint[DIAGS_HINT_MAX], all[DIAGS_HINT_MAX] = "";
	size_t len = 0;
	if (!schema_text(load, node, what, &text))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (slice_equal(text, slice_of(names[i]))) {
			*out = i;
			return true;
		}
		if (len < sizeof all)
			len += (size_t)snprintf(all + len, sizeof all - len, "%s%s",
			                        i ? ", " : "", names[i]);
	}
	const char *near = schema_nearest(text, text_at, names, count);
	return load_error(load, node,
	                  near ? diags_hint(hint, "did you mean \"%s\"?", near) : NULL,
	                  "\"%s\" must be one of %s, not \"%s\"", what, all, text.at);
}

bool schema_keep(struct load *load, const struct node *node, void *into)
{
	(void)load;
	*(const struct node **)into = node;
	return true;
}

bool schema_each(struct load *load, const struct node *node, const char *what,
                 schema_reader *read, void *into)
{
	if (node->type != NODE_LIST)
		return read(load, node, into);
	if (node->count == 0)
		return load_error(load, node, NULL, "\"%s\" must not be an empty list",
		                  what);
	bool good = true;
	for (size_t i = 0; i < node->count; i++)
		good &= read(load, node->items[i], into);
	return good;
}

size_t schema_each_count(const struct node *node)
{
	return node->type == NODE_LIST ? node->count : 1;
}
