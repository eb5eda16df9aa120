/* SPDX-License-Identifier: MIT */
#include "rules/document.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "rules/arena.h"
#include "rules/map.h"
#include "rules/textfile.h"

struct document {
	struct arena *arena; /* holds the document itself, too */
	const struct node *root;
	bool secret;
};

struct anchor {
	const struct node *node; /* NULL inside it, where an alias would be a loop */
	struct position position;
	size_t weight;   /* nodes, every alias counted as often as it stands */
	unsigned height; /* levels of lists and mappings */
};

#define PROGRESS_NODES 4096

struct reader {
	const char *path;
	struct diags *diags;
	struct arena *arena;
	bool secret; /* what libyaml has of it is wiped */
	struct textfile file;
	yaml_parser_t parser;
	struct map anchors;
	size_t weight;   /* nodes so far, expanded */
	size_t pushed;   /* so often a node was put among the pending ones */
	unsigned height; /* deepest level since the innermost open anchor */

	/* Children of parents that are not complete; those of the innermost are last. */
	const struct node **pending;
	size_t pending_count, pending_size;
};

static void fault(struct reader *reader, struct position position, const char *hint,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

static void fault(struct reader *reader, struct position position, const char *hint,
                  const char *format, ...)
{
	va_list args;
	va_start(args, format);
	diags_vadd(reader->diags, SEVERITY_ERROR, position, hint, format, args);
	va_end(args);
}

/* Names of anchors and aliases are not shown: one may be a password without quotes. */

static struct position whole_file(const struct reader *reader)
{
	return (struct position){reader->path, 0, 0};
}

static bool out_of_memory(struct reader *reader)
{
	fault(reader, whole_file(reader), NULL, "not enough memory to read the file");
	return false;
}

static struct position position_of(const struct reader *reader, yaml_mark_t mark)
{
	return (struct position){reader->path, (unsigned)mark.line + 1,
	                         (unsigned)mark.column + 1};
}

static struct slice skip_line(struct slice text)
{
	while (text.len && !textfile_line_break(text))
		text = slice_skip(text, 1);
	return text;
}

static struct slice skip_blank(struct slice text)
{
	while (text.len) {
		size_t len = textfile_line_break(text);
		if (text.at[0] == '#')
			text = skip_line(text);
		else if (len || text.at[0] == ' ' || text.at[0] == '\t')
			text = slice_skip(text, len ? len : 1);
		else
			break;
	}
	return text;
}

/* libyaml compares each %TAG with all before it, and copies its prefix to each node that
 * uses it: a file of them takes hours. So %YAML is the only directive let through, and
 * that once. */
static bool check_directives(struct reader *reader)
{
	struct slice rest = skip_blank(reader->file.text);
	if (slice_begins(rest, slice_of("%YAML ")))
		rest = skip_blank(skip_line(rest));
	if (!slice_begins(rest, slice_of("%")))
		return true;
	fault(reader,
	      textfile_position(&reader->file, (size_t)(rest.at - reader->file.text.at)),
	      NULL, "directives other than one %%YAML are not supported");
	return false;
}

static char char_at(const struct reader *reader, yaml_mark_t mark)
{
	size_t offset = textfile_offset(&reader->file, mark.index);
	return offset < reader->file.text.len ? reader->file.text.at[offset] : '\0';
}

/* Service codes begin with *, which YAML takes for an alias. */
static const char *syntax_hint(const struct reader *reader, char hint[DIAGS_HINT_MAX])
{
	const yaml_parser_t *parser = &reader->parser;
	if (char_at(reader, parser->problem_mark) == '\t')
		return "indent with spaces, not with tabs";
	if (!parser->context)
		return NULL;
	char first = char_at(reader, parser->context_mark);
	if (first && strchr("*&!%@`", first))
		return diags_hint(hint, "quote a text that begins with %c", first);
	struct position context = position_of(reader, parser->context_mark);
	return diags_hint(hint, "%s at %s:%u:%u", parser->context, context.file,
	                  context.line, context.column);
}

static void syntax_error(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	if (parser->error == YAML_MEMORY_ERROR) {
		out_of_memory(reader);
		return;
	}
	if (parser->error == YAML_READER_ERROR) {
		fault(reader, textfile_position(&reader->file, parser->problem_offset),
		      NULL, "%s", parser->problem);
		return;
	}
	char hint[DIAGS_HINT_MAX];
	fault(reader, position_of(reader, parser->problem_mark),
	      syntax_hint(reader, hint), "%s", parser->problem);
}

static bool next_event(struct reader *reader, yaml_event_t *event)
{
	if (yaml_parser_parse(&reader->parser, event))
		return true;
	syntax_error(reader);
	return false;
}

/* Counts what is about to join the tree: its nodes, and how deep it goes. */
static bool admit(struct reader *reader, struct position position, size_t weight,
                  unsigned height)
{
	if (height > DOCUMENT_DEPTH_MAX) {
		fault(reader, position, NULL, "nested more than %d levels deep",
		      DOCUMENT_DEPTH_MAX);
		return false;
	}
	if (weight > DOCUMENT_NODES_MAX - reader->weight) {
		fault(reader, position,
		      weight > 1 ? "an alias counts as often as it stands" : NULL,
		      "more than %u values", DOCUMENT_NODES_MAX);
		return false;
	}
	reader->weight += weight;
	if (reader->height < height)
		reader->height = height;
	return true;
}

static bool push(struct reader *reader, const struct node *node)
{
	if (reader->pending_count == reader->pending_size) {
		size_t size = reader->pending_size ? reader->pending_size * 2 : 64;
		const struct node **pending =
			reallocarray(reader->pending, size, sizeof(const struct node *));
		if (!pending)
			return out_of_memory(reader);
		reader->pending = pending;
		reader->pending_size = size;
	}
	reader->pending[reader->pending_count++] = node;
	if (++reader->pushed % PROGRESS_NODES == 0)
		diags_progress(reader->diags);
	return true;
}

static void wipe_text(const struct reader *reader, yaml_char_t *text, size_t len)
{
	if (reader->secret)
		explicit_bzero(text, len);
}

static void event_free(const struct reader *reader, yaml_event_t *event)
{
	if (event->type == YAML_SCALAR_EVENT)
		wipe_text(reader, event->data.scalar.value, event->data.scalar.length);
	yaml_event_delete(event);
}

/* After a syntax error there may be tokens that have not become events. */
static void parser_free(struct reader *reader)
{
	yaml_parser_t *parser = &reader->parser;
	for (yaml_token_t *token = parser->tokens.head; token != parser->tokens.tail;
	     token++)
		if (token->type == YAML_SCALAR_TOKEN)
			wipe_text(reader, token->data.scalar.value,
			          token->data.scalar.length);
	wipe_text(reader, parser->raw_buffer.start,
	          (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
	wipe_text(reader, parser->buffer.start,
	          (size_t)(parser->buffer.end - parser->buffer.start));
	yaml_parser_delete(parser);
}

/* Both return NULL, after a finding, if reading cannot go on. */
static const struct node *build(struct reader *reader, const yaml_event_t *event,
                                unsigned depth);

static const struct node *build_next(struct reader *reader, unsigned depth)
{
	yaml_event_t event;
	if (!next_event(reader, &event))
		return NULL;
	const struct node *node = build(reader, &event, depth);
	event_free(reader, &event);
	return node;
}

/* Builds nodes up to the event end and leaves them pending. */
static bool build_children(struct reader *reader, yaml_event_type_t end, unsigned depth)
{
	for (;;) {
		yaml_event_t event;
		if (!next_event(reader, &event))
			return false;
		bool ended = event.type == end;
		const struct node *node = ended ? NULL : build(reader, &event, depth);
		event_free(reader, &event);
		if (ended)
			return true;
		if (!node || !push(reader, node))
			return false;
	}
}

static bool fill_scalar(struct reader *reader, struct node *node,
                        const yaml_event_t *event)
{
	struct slice text = {(const char *)event->data.scalar.value,
	                     event->data.scalar.length};
	node->type = NODE_SCALAR;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = arena_copy(reader->arena, text);
	if (!node->text.at)
		return out_of_memory(reader);
	if (slice_find(text, '\0') < text.len)
		fault(reader, node->position, NULL, "a text may not contain \\0");
	return true;
}

static bool fill_list(struct reader *reader, struct node *node, unsigned depth)
{
	size_t first = reader->pending_count;
	if (!build_children(reader, YAML_SEQUENCE_END_EVENT, depth))
		return false;
	size_t count = reader->pending_count - first;
	const struct node **items =
		arena_array(reader->arena, count, sizeof(const struct node *));
	if (!items)
		return out_of_memory(reader);
	for (size_t i = 0; i < count; i++)
		items[i] = reader->pending[first + i];
	reader->pending_count = first;
	node->type = NODE_LIST;
	node->count = (uint32_t)count; /* at most DOCUMENT_NODES_MAX */
	node->items = items;
	return true;
}

static bool fill_mapping(struct reader *reader, struct node *node, unsigned depth)
{
	size_t first = reader->pending_count;
	if (!build_children(reader, YAML_MAPPING_END_EVENT, depth))
		return false;
	size_t count = (reader->pending_count - first) / 2;
	struct pair *pairs = arena_array(reader->arena, count, sizeof *pairs);
	if (!pairs)
		return out_of_memory(reader);
	for (size_t i = 0; i < count; i++) {
		pairs[i].key = reader->pending[first + 2 * i];
		pairs[i].value = reader->pending[first + 2 * i + 1];
		if (pairs[i].key->type != NODE_SCALAR)
			fault(reader, pairs[i].key->position, NULL,
			      "a key must be a text, not %s",
			      node_type_name(pairs[i].key));
	}
	reader->pending_count = first;
	node->type = NODE_MAPPING;
	node->count = (uint32_t)count;
	node->pairs = pairs;
	return true;
}

/* What stands in for an alias that names nothing, so that reading can go on. */
static const struct node nothing = {.type = NODE_SCALAR};

static const struct node *build_alias(struct reader *reader, const yaml_event_t *event,
                                      unsigned depth)
{
	struct position position = position_of(reader, event->start_mark);
	const char *name = (const char *)event->data.alias.anchor;
	const struct anchor *anchor = map_find(&reader->anchors, slice_of(name));
	if (anchor && anchor->node) {
		bool admitted =
			admit(reader, position, anchor->weight, depth + anchor->height);
		return admitted ? anchor->node : NULL;
	}
	if (!anchor) {
		fault(reader, position, "quote a text that begins with *",
		      "there is no such anchor before this alias");
	} else {
		char hint[DIAGS_HINT_MAX];
		diags_hint(hint, "the anchor is given at %s:%u:%u", anchor->position.file,
		           anchor->position.line, anchor->position.column);
		fault(reader, position, hint, "this alias stands inside its own anchor");
	}
	return admit(reader, position, 1, depth) ? &nothing : NULL;
}

/* The anchor called name, new. One that is given twice is an error: an alias might mean
 * either. */
static struct anchor *add_anchor(struct reader *reader, const char *name,
                                 struct position position)
{
	struct anchor *known = map_find(&reader->anchors, slice_of(name));
	if (known) {
		char hint[DIAGS_HINT_MAX];
		diags_hint(hint, "first given at %s:%u:%u", known->position.file,
		           known->position.line, known->position.column);
		fault(reader, position, hint, "this anchor is given twice");
		return known;
	}
	struct slice key = arena_copy(reader->arena, slice_of(name));
	struct anchor *anchor = arena_alloc(reader->arena, sizeof *anchor);
	if (!key.at || !anchor ||
	    !map_add(&reader->anchors, reader->arena, key, anchor)) {
		out_of_memory(reader);
		return NULL;
	}
	anchor->position = position;
	return anchor;
}

/* Builds what has no anchor of its own, or whose anchor is already known. */
static const struct node *build_bare(struct reader *reader, const yaml_event_t *event,
                                     unsigned depth)
{
	struct node *node = arena_alloc(reader->arena, sizeof *node);
	if (!node) {
		out_of_memory(reader);
		return NULL;
	}
	node->position = position_of(reader, event->start_mark);
	bool scalar = event->type == YAML_SCALAR_EVENT;
	if (!admit(reader, node->position, 1, scalar ? depth : depth + 1))
		return NULL;
	bool filled = scalar ? fill_scalar(reader, node, event)
	              : event->type == YAML_SEQUENCE_START_EVENT
	                      ? fill_list(reader, node, depth + 1)
	                      : fill_mapping(reader, node, depth + 1);
	return filled ? node : NULL;
}

static const struct node *build_anchored(struct reader *reader, const yaml_event_t *event,
                                         const char *name, unsigned depth)
{
	struct anchor *anchor =
		add_anchor(reader, name, position_of(reader, event->start_mark));
	if (!anchor)
		return NULL;
	size_t weight_before = reader->weight;
	unsigned height_before = reader->height;
	reader->height = depth;
	const struct node *node = build_bare(reader, event, depth);
	anchor->weight = reader->weight - weight_before;
	anchor->height = reader->height - depth;
	anchor->node = node;
	if (reader->height < height_before)
		reader->height = height_before;
	return node;
}

static const struct node *build(struct reader *reader, const yaml_event_t *event,
                                unsigned depth)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return build_alias(reader, event, depth);
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	default:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	}
	if (tag)
		fault(reader, position_of(reader, event->start_mark),
		      "quote a text that begins with !", "tags are not supported");
	return anchor ? build_anchored(reader, event, (const char *)anchor, depth)
	              : build_bare(reader, event, depth);
}

/* Takes the next event, which carries nothing that matters but its type and its end. */
static yaml_event_type_t skip_event(struct reader *reader, yaml_mark_t *end)
{
	yaml_event_t event;
	if (!next_event(reader, &event))
		return YAML_NO_EVENT;
	yaml_event_type_t type = event.type;
	*end = event.end_mark;
	yaml_event_delete(&event);
	return type;
}

/* Looks at the text itself: libyaml would read the directives of a second document first.
 */
static bool check_end(struct reader *reader, yaml_mark_t end)
{
	size_t offset = textfile_offset(&reader->file, end.index);
	struct slice rest = skip_blank(slice_skip(reader->file.text, offset));
	if (rest.len == 0)
		return true;
	bool second =
		slice_begins(rest, slice_of("---")) || slice_begins(rest, slice_of("%"));
	fault(reader,
	      textfile_position(&reader->file, (size_t)(rest.at - reader->file.text.at)),
	      "a file holds one document", "%s",
	      second ? "a second document begins"
	             : "text behind the end of the document");
	return false;
}

static const struct node *build_document(struct reader *reader)
{
	yaml_mark_t end;
	if (skip_event(reader, &end) == YAML_NO_EVENT)
		return NULL;
	yaml_event_type_t start = skip_event(reader, &end);
	if (start == YAML_STREAM_END_EVENT)
		fault(reader, whole_file(reader), NULL, "the file is empty");
	if (start != YAML_DOCUMENT_START_EVENT)
		return NULL;
	const struct node *root = build_next(reader, 0);
	if (!root || skip_event(reader, &end) == YAML_NO_EVENT || !check_end(reader, end))
		return NULL;
	return root;
}

static const struct node *parse(struct reader *reader)
{
	struct slice text = reader->file.text;
	if (!yaml_parser_initialize(&reader->parser)) {
		out_of_memory(reader);
		return NULL;
	}
	yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text.at,
	                             text.len);
	const struct node *root = build_document(reader);
	parser_free(reader);
	return root;
}

static const struct node *read_tree(struct reader *reader)
{
	if (!textfile_read(reader->path, DOCUMENT_BYTES_MAX, reader->diags,
	                   &reader->file))
		return NULL;
	const struct node *root = check_directives(reader) ? parse(reader) : NULL;
	textfile_free(&reader->file);
	free(reader->pending);
	return root;
}

static struct document *read_document(const char *path, size_t memory_limit, bool secret,
                                      struct diags *diags)
{
	struct reader reader = {.path = path,
	                        .diags = diags,
	                        .arena = arena_new(memory_limit),
	                        .secret = secret};
	struct document *document = NULL;
	if (reader.arena)
		document = arena_alloc(reader.arena, sizeof *document);
	if (!document) {
		out_of_memory(&reader);
		arena_free(reader.arena);
		return NULL;
	}
	size_t errors = diags_errors(diags);
	document->arena = reader.arena;
	document->secret = secret;
	document->root = read_tree(&reader);
	if (document->root && diags_errors(diags) == errors)
		return document;
	document_free(document);
	return NULL;
}

struct document *document_read(const char *path, size_t memory_limit, struct diags *diags)
{
	return read_document(path, memory_limit, false, diags);
}

struct document *document_read_secret(const char *path, size_t memory_limit,
                                      struct diags *diags)
{
	return read_document(path, memory_limit, true, diags);
}

void document_free(struct document *document)
{
	if (!document)
		return;
	/* the document itself lies in it */
	struct arena *arena = document->arena;
	if (document->secret)
		arena_wipe(arena);
	arena_free(arena);
}

size_t document_bytes(const struct document *document)
{
	return arena_bytes(document->arena);
}

const struct node *document_root(const struct document *document)
{
	return document->root;
}

const char *node_type_name(const struct node *node)
{
	static const char *const names[] = {
		[NODE_SCALAR] = "a text",
		[NODE_LIST] = "a list",
		[NODE_MAPPING] = "a mapping",
	};
	return names[node->type];
}
