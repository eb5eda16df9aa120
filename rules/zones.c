/* SPDX-License-Identifier: MIT */
#include "rules/zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST_BYTES_MAX (1u << 20)
#define LIST_NAMES_MAX 2000
#define PATH_BYTES_MAX 4096

const struct zone *zones_default(const struct table *table)
{
	return table->zone ? table->zone : zone_utc();
}

/* Files */

static const char *path_of(const char *folder, const char *name,
                           char path[PATH_BYTES_MAX])
{
	snprintf(path, PATH_BYTES_MAX, "%s/%s", folder, name);
	return path;
}

/* Reads a file of the database into to; 0 if it cannot be read or does not fit. */
static size_t read_file(const char *folder, const char *name, char *to, size_t size)
{
	char path[PATH_BYTES_MAX];
	FILE *file = fopen(path_of(folder, name, path), "re");
	if (!file)
		return 0;
	size_t len = fread(to, 1, size, file);
	bool whole = !ferror(file) && len < size;
	fclose(file);
	return whole ? len : 0;
}

/* Part of a path: Europe/London, Etc/GMT+1. No part begins with a dot. */
static bool is_name(struct slice text)
{
	bool begins = true;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		             (c >= '0' && c <= '9') || c == '_';
		if (!plain && (begins || !strchr("/+-.", c) || !c))
			return false;
		begins = c == '/';
	}
	return text.len && text.len <= NAME_MAX_BYTES && !begins;
}

/* Hints */

struct names {
	size_t count;
	const char *at[LIST_NAMES_MAX];
};

/* The names in the database's list: "Z name ..." a zone, "L other name" another name. */
static void read_list(const char *folder, char *text, struct names *names)
{
	size_t len = read_file(folder, "tzdata.zi", text, LIST_BYTES_MAX - 1);
	char *rest = NULL;
	text[len] = '\0';
	for (char *line = strtok_r(text, "\n", &rest);
	     line && names->count < LIST_NAMES_MAX; line = strtok_r(NULL, "\n", &rest)) {
		char *words = NULL;
		const char *kind = strtok_r(line, " ", &words);
		const char *name = strtok_r(NULL, " ", &words);
		if (kind && strcmp(kind, "L") == 0)
			name = strtok_r(NULL, " ", &words);
		else if (!kind || strcmp(kind, "Z") != 0)
			continue;
		if (name)
			names->at[names->count++] = name;
	}
}

static const char *name_at(const void *names, size_t i)
{
	return ((const struct names *)names)->at[i];
}

static const char *city_at(const void *names, size_t i)
{
	const char *name = name_at(names, i), *slash = strrchr(name, '/');
	return slash ? slash + 1 : name;
}

/* The nearest name, or the one whose city is nearest: London is Europe/London. */
static const char *nearest(const struct names *names, struct slice text)
{
	const char *near = schema_nearest(text, name_at, names, names->count);
	if (near || slice_find(text, '/') < text.len)
		return near;
	const char *city = schema_nearest(text, city_at, names, names->count);
	for (size_t i = 0; city && i < names->count; i++)
		if (city == city_at(names, i))
			return names->at[i];
	return NULL;
}

static const char *hint_name(const char *folder, struct slice text,
                             char hint[DIAGS_HINT_MAX])
{
	char *list = malloc(LIST_BYTES_MAX);
	struct names names = {0};
	if (list)
		read_list(folder, list, &names);
	const char *near = nearest(&names, text);
	if (near)
		diags_hint(hint, "did you mean \"%s\"?", near);
	else
		diags_hint(hint,
		           "the names are those of files in %s, for example "
		           "Europe/London",
		           folder);
	free(list);
	return hint;
}

static bool unknown_zone(struct load *load, const char *folder, const struct node *node)
{
	char path[PATH_BYTES_MAX], hint[DIAGS_HINT_MAX];
	if (access(path_of(folder, "UTC", path), R_OK) != 0)
		return load_error(load, node,
		                  diags_hint(hint,
		                             "install the package tzdata; there is "
		                             "nothing to read in %s",
		                             folder),
		                  "no time zone but UTC is known, and not \"%s\"",
		                  node->text.at);
	return load_error(
		load, node,
		diags_is_full(load->diags) ? NULL : hint_name(folder, node->text, hint),
		"no time zone is called \"%s\"", node->text.at);
}

/* Zones */

static struct zone *read_zone(struct load *load, const char *folder,
                              const struct node *node)
{
	char *bytes = malloc(ZONE_BYTES_MAX);
	char hint[DIAGS_HINT_MAX];
	const char *why = NULL;
	if (!bytes) {
		load_memory(load);
		return NULL;
	}
	size_t len = read_file(folder, node->text.at, bytes, ZONE_BYTES_MAX);
	struct zone *zone = NULL;
	if (!len)
		unknown_zone(load, folder, node);
	else
		zone = zone_parse(load->arena, node->text, (struct slice){bytes, len},
		                  &why);
	if (len && !zone && !why)
		load_memory(load);
	else if (len && !zone)
		load_error(load, node,
		           diags_hint(hint, "look at %s/%s", folder, node->text.at),
		           "time zone \"%s\" cannot be used: %s", node->text.at, why);
	free(bytes);
	return zone;
}

const struct zone *zones_find(struct load *load, const char *folder,
                              const struct node *node)
{
	struct table *table = ((struct table_load *)load)->table;
	struct slice name;
	if (!schema_text(load, node, "zone", &name))
		return NULL;
	if (slice_equal(name, slice_of("UTC")))
		return zone_utc();
	if (!is_name(name)) {
		load_error(load, node, "for example Europe/London",
		           "\"%s\" is no name of a time zone", name.at);
		return NULL;
	}
	struct zone *zone = map_find(&table->zones, name);
	if (zone)
		return zone;
	zone = read_zone(load, folder, node);
	if (zone && !map_add(&table->zones, load->arena, zone_name(zone), zone))
		load_memory(load);
	return zone;
}

bool zones_read(struct load *load, const struct node *node, void *into)
{
	const struct zone *zone = zones_find(load, ZONES_FOLDER, node);
	if (zone)
		*(const struct zone **)into = zone;
	return zone;
}
