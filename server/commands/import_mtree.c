/* SPDX-License-Identifier: MIT */
/* As Kamailio's mtree has it: the value of the longest prefix. What the value means is
 * the script's affair; here it is where the call goes. */
#include <stdlib.h>

#include "rules/arena.h"
#include "rules/map.h"
#include "rules/prefixes.h"
#include "rules/uri.h"
#include "server/commands/import_formats.h"
#include "server/commands/sheet.h"

#define TREES_MAX 256 /* as many number tables as there may be */

enum { TREE, PREFIX, VALUE, KEY, COLUMNS };

static const struct sheet_column columns[COLUMNS] = {
	[TREE] = {"tname", SHEET_OPTIONAL},
	[PREFIX] = {"tprefix", SHEET_REQUIRED},
	[VALUE] = {"tvalue", SHEET_REQUIRED},
	[KEY] = {"id", SHEET_UNUSED},
};

struct tree {
	struct slice name;
	FILE *file;
	struct map prefixes; /* → itself */
};

struct reading {
	const struct import_job *job;
	struct sheet sheet;
	struct map by_name; /* → struct tree */
	struct tree *trees[TREES_MAX];
	size_t count;
	bool failed;
};

static bool is_table_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i], letter = (char)(c | 0x20);
		if (!(c >= '0' && c <= '9') && !(letter >= 'a' && letter <= 'z') &&
		    c != '-' && c != '_')
			return false;
	}
	return name.len && name.len <= 48;
}

static bool create_file(struct reading *reading, struct tree *tree)
{
	struct outline *outline = reading->job->outline;
	struct slice file =
		outline_text(outline, "%.*s.csv", (int)tree->name.len, tree->name.at);
	tree->file = import_create(reading->job->into, file.at);
	if (!tree->file)
		return false;
	fputs("prefix,gateway\n", tree->file);
	outline_numbers(outline, tree->name, file);
	return outline_route(outline, &(struct outline_route){.group = tree->name,
	                                                      .name = tree->name,
	                                                      .numbers = tree->name});
}

/* The tree of the row. NULL: there is none, which has been said. */
static struct tree *find_tree(struct reading *reading)
{
	struct outline *outline = reading->job->outline;
	struct slice name = sheet_cell(&reading->sheet, TREE);
	if (!sheet_has(&reading->sheet, TREE))
		name = slice_of("mtree");
	struct tree *tree = map_find(&reading->by_name, name);
	if (tree)
		return tree;
	if (!is_table_name(name) || reading->count == TREES_MAX) {
		sheet_find(&reading->sheet, SEVERITY_ERROR, TREE, NULL,
		           "this is left out: a tree's name has 1 to 48 letters, digits, "
		           "- and _, and there are %d of them at most",
		           TREES_MAX);
		return NULL;
	}
	tree = arena_alloc(outline_arena(outline), sizeof *tree);
	if (!tree)
		return NULL;
	tree->name = outline_copy(outline, name);
	reading->failed =
		!create_file(reading, tree) ||
		!map_add(&reading->by_name, outline_arena(outline), tree->name, tree);
	reading->trees[reading->count++] = tree;
	return reading->failed ? NULL : tree;
}

/* An address, sip: or not; a number, or a word, is something that the script knows. */
static struct slice uri_of(struct outline *outline, struct slice value)
{
	struct uri uri;
	const char *why;
	size_t at;
	bool scheme = (value.len > 4 && slice_folds(value.at, "sip:", 4)) ||
	              (value.len > 5 && slice_folds(value.at, "sips:", 5));
	struct slice text = outline_text(outline, "%s%.*s",
	                                 scheme ? "" : "sip:", (int)value.len, value.at);
	bool good = uri_parse(text, &uri, &why, &at) && !uri.user.at &&
	            (scheme || slice_find(uri.host, '.') < uri.host.len ||
	             uri.host.at[0] == '[');
	return good ? text : (struct slice){NULL, 0};
}

static const struct outline_gateway *find_gateway(struct reading *reading)
{
	struct outline *outline = reading->job->outline;
	struct slice value = sheet_cell(&reading->sheet, VALUE), name = value;
	const struct outline_gateway *gateway = outline_find(outline, value);
	if (gateway)
		return gateway;
	struct outline_gateway wanted = {.uri = uri_of(outline, value)};
	wanted.disabled = !wanted.uri.len;
	if (wanted.disabled) {
		sheet_find(&reading->sheet, SEVERITY_WARNING, VALUE,
		           "write the gateway's URI into rules.yaml, and take enabled: "
		           "false away",
		           "\"%.*s\" is no address", (int)value.len, value.at);
		wanted.uri = slice_of("sip:address.invalid");
	} else if (slice_find(name, ':') == 3 || slice_find(name, ':') == 4) {
		name = slice_skip(name, slice_find(name, ':') + 1);
	}
	wanted.name = name;
	return outline_gateway(outline, value, &wanted, sheet_at(&reading->sheet, VALUE));
}

static bool is_prefix(struct slice prefix)
{
	struct packed packed = prefixes_pack(prefix);
	return prefix.len && prefixes_is_whole(&packed, prefix);
}

static void read_row(struct reading *reading)
{
	struct outline *outline = reading->job->outline;
	struct sheet *sheet = &reading->sheet;
	struct slice prefix = sheet_cell(sheet, PREFIX);
	struct tree *tree = find_tree(reading);
	if (!tree)
		return;
	if (!is_prefix(prefix)) {
		sheet_find(sheet, SEVERITY_ERROR, PREFIX, NULL,
		           "this is left out: a prefix has 1 to %d digits, * or #, and a "
		           "+ in front of them",
		           PREFIXES_KEY_MAX);
		return;
	}
	if (map_find(&tree->prefixes, prefix)) {
		sheet_find(sheet, SEVERITY_ERROR, PREFIX, NULL,
		           "this is left out: the prefix has a value already");
		return;
	}
	const struct outline_gateway *gateway = find_gateway(reading);
	if (!gateway || !map_add(&tree->prefixes, outline_arena(outline),
	                         outline_copy(outline, prefix), tree))
		return;
	fprintf(tree->file, "%.*s,%.*s\n", (int)prefix.len, prefix.at,
	        (int)gateway->name.len, gateway->name.at);
	outline_use(outline, gateway);
}

static bool close_files(struct reading *reading)
{
	bool good = true;
	for (size_t i = 0; i < reading->count; i++) {
		FILE *file = reading->trees[i]->file;
		if (file && (ferror(file) | fclose(file)))
			good = false;
	}
	if (!good)
		fprintf(stderr, "signpost: %s: not all was written\n",
		        reading->job->into);
	return good;
}

bool import_mtree(const struct import_job *job)
{
	static struct reading reading;
	reading = (struct reading){.job = job};
	bool good =
		sheet_open(&reading.sheet, job->files[0], columns, COLUMNS, job->diags);
	while (good && !reading.failed && sheet_next(&reading.sheet))
		read_row(&reading);
	sheet_close(&reading.sheet);
	good = close_files(&reading) && good;
	return good && !reading.failed && !reading.sheet.failed;
}
