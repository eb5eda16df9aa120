/* SPDX-License-Identifier: MIT */
#include "rules/decks.h"

#include <stddef.h>
#include <string.h>

#include "rules/gateway.h"
#include "rules/numbertable.h"
#include "rules/zones.h"

#define WEIGHT_MAX 10000

static struct table *table_of(struct load *load)
{
	return ((struct table_load *)load)->table;
}

/* Keys */

static bool read_redirect(struct load *load, const struct node *node, void *into)
{
	struct carrier *carrier = into;
	return route_read(load, node, &carrier->route);
}

static const char *column_name_at(const void *names, size_t i)
{
	(void)names;
	return deckfile_column_name((enum deck_column)i);
}

/* A name that is known, or "" for a column that is not read. */
static bool read_column(struct load *load, const struct node *node, void *into)
{
	struct csvsource *source = into;
	enum deck_column column;
	char hint[DIAGS_HINT_MAX];
	struct slice name =
		node->type == NODE_SCALAR ? slice_trim(node->text) : slice_of("?");
	if (name.len && !deckfile_column(name, &column)) {
		const char *near =
			schema_nearest(name, column_name_at, NULL, DECK_COLUMNS);
		if (near)
			diags_hint(hint, "did you mean \"%s\"?", near);
		else
			diags_hint(hint, "prefix, rate, destination, from, until, "
			                 "increment, quality, or \"\" for what is not "
			                 "to be read");
		return load_error(load, node, hint, "unknown column \"%.*s\"",
		                  (int)name.len, name.at);
	}
	struct slice *out = &source->columns[source->column_count++];
	*out = arena_copy(load->arena, name);
	return out->at || load_memory(load);
}

static bool read_columns(struct load *load, const struct node *node, void *into)
{
	return csvsource_read_columns(load, node, "write columns: [prefix, rate]",
	                              read_column, into);
}

static bool read_prepend(struct load *load, const struct node *node, void *into)
{
	struct deckfile *file = &((struct carrier *)into)->file;
	struct packed packed;
	if (node->type == NODE_SCALAR) {
		packed = prefixes_pack(node->text);
		if (prefixes_is_whole(&packed, node->text)) {
			file->prepend = arena_copy(load->arena, node->text);
			return file->prepend.at || load_memory(load);
		}
	}
	return load_error(load, node, NULL,
	                  "\"prepend\" must be \"+\", up to 15 digits, or both, or \"\"");
}

static bool read_weight(struct load *load, const struct node *node, void *into)
{
	unsigned long weight;
	if (!schema_number(load, node, "weight", 1, WEIGHT_MAX, &weight))
		return false;
	((struct carrier *)into)->weight = (unsigned)weight;
	return true;
}

/* Decks */

static bool add_carrier(struct load *load, const struct node *key,
                        struct carrier *carrier)
{
	struct table *table = table_of(load);
	const struct carrier *other = map_find(&table->carriers, key->text);
	char hint[DIAGS_HINT_MAX];
	if (other)
		return load_error(load, key,
		                  diags_hint(hint, "first defined at %s:%u:%u",
		                             other->position.file, other->position.line,
		                             other->position.column),
		                  "deck \"%s\" is defined twice", key->text.at);
	if (!name_read(load, key, "name of a deck", &carrier->name))
		return false;
	carrier->position = key->position;
	carrier->weight = 1;
	/* Other than that of a gateway of the same name. */
	carrier->hash = ~map_hash(carrier->name);
	carrier->file.prepend = slice_of("+");
	carrier->file.zone = zones_default(table);
	carrier->file.next = table->deckfiles;
	table->deckfiles = &carrier->file;
	return map_add(&table->carriers, load->arena, carrier->name, carrier) ||
	       load_memory(load);
}

static bool load_file(struct load *load, struct carrier *carrier)
{
	struct table_load *table_load = (struct table_load *)load;
	struct table *table = table_load->table;
	const struct table *previous = table_load->previous;
	if (!deckfile_load(&carrier->file, previous ? previous->deckfiles : NULL,
	                   table_load->memory_limit, load->diags))
		return false;
	table->deck_count++;
	table->deck_bytes += deck_bytes(carrier->file.deck);
	return true;
}

#define SOURCE offsetof(struct carrier, file.source)

static bool read_deck(struct load *load, const struct pair *pair)
{
	static const struct field fields[] = {
		{"file", csvsource_read_file, FIELD_REQUIRED, SOURCE},
		{"redirect", read_redirect, FIELD_REQUIRED},
		{"columns", read_columns, 0, SOURCE},
		{"delimiter", csvsource_read_delimiter, 0, SOURCE},
		{"on_error", csvsource_read_on_error, 0, SOURCE},
		{"prepend", read_prepend, 0},
		{"weight", read_weight, 0},
	};
	struct carrier *carrier = arena_alloc(load->arena, sizeof *carrier);
	if (!carrier)
		return load_memory(load);
	bool good = add_carrier(load, pair->key, carrier);
	good &= schema_read(load, pair->value, "a deck", fields,
	                    sizeof fields / sizeof *fields, carrier);
	return good && load_file(load, carrier);
}

bool decks_read(struct load *load, const struct node *node, void *into)
{
	(void)into;
	if (node->type != NODE_MAPPING)
		return load_error(
			load, node,
			"write decks: {name: {file: name.csv, redirect: gateway}}",
			"\"decks\" must be a mapping of names to decks");
	bool good = true;
	for (size_t i = 0; i < node->count && !load->out_of_memory; i++)
		good &= read_deck(load, &node->pairs[i]);
	return numbertable_check_gateway_uses(load) && good;
}

void decks_free(struct table *table)
{
	for (const struct deckfile *file = table->deckfiles; file; file = file->next)
		deck_release(file->deck);
}

/* Naming them */

static const struct carrier *carrier_of(const struct deckfile *file)
{
	return (const struct carrier *)((const char *)file -
	                                offsetof(struct carrier, file));
}

static const char *name_at(const void *names, size_t i)
{
	return ((const char *const *)names)[i];
}

static void unknown_name(struct load *load, const struct node *node)
{
	const char *list[256], *near;
	char hint[DIAGS_HINT_MAX];
	size_t count = 0;
	for (const struct deckfile *file = table_of(load)->deckfiles; file && count < 256;
	     file = file->next)
		list[count++] = carrier_of(file)->name.at;
	near = load_nearest(load, node->text, name_at, list, count);
	if (near)
		diags_hint(hint, "did you mean \"%s\"?", near);
	else
		diags_hint(hint, "decks are defined under \"decks\"");
	load_error(load, node, hint, "no deck is called \"%s\"", node->text.at);
}

const struct carrier *decks_find(struct load *load, const struct node *node)
{
	struct slice name;
	if (!schema_text(load, node, "name of a deck", &name))
		return NULL;
	const struct carrier *carrier = map_find(&table_of(load)->carriers, name);
	if (!carrier)
		unknown_name(load, node);
	return carrier;
}
