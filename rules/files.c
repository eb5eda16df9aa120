/* SPDX-License-Identifier: MIT */
#include "rules/files.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rules/map.h"
#include "rules/path.h"

/* What tells files apart, whatever they are called. */
struct identity {
	dev_t device;
	ino_t inode;
};

struct source {
	struct file file; /* must be first */
	struct identity identity;
	struct document *document;
	const struct source *includer; /* the one that was read when it was found */
	bool open;                     /* it or what it includes is being read */
	size_t place;                  /* among all, when it has been read */
	struct source *next;           /* of all */
};

/* What an `include` names, by its node. */
struct included {
	const struct node *node;
	struct inclusion inclusion;
};

struct files {
	struct load *load;
	struct arena *arena; /* for all but the paths */
	size_t memory_left;
	struct source *sources;
	size_t found_count, read_count;
	struct map known;      /* identity → source */
	struct map inclusions; /* node → included */
	struct file **order;
};

/* One `include` that is being looked up; what it names so far. */
struct reading {
	struct files *files;
	const struct source *from;
	unsigned depth;
	struct file **found;
	size_t count, size;
};

/* Whatever goes wrong is a finding, or noted in files->load, and reading goes on where it
 * can: so that all is found. Nothing is returned. */

static struct slice key_of(const void *at, size_t size)
{
	return (struct slice){at, size};
}

/* Looking for `include` comes before anybody knows whether the rest is right. */

static void include(struct files *files, const struct source *from,
                    const struct node *node, unsigned depth);

static void scan_rules(struct files *files, const struct source *source,
                       const struct node *rules, unsigned depth)
{
	for (size_t i = 0; rules->type == NODE_LIST && i < rules->count; i++) {
		const struct node *item = rules->items[i];
		for (size_t j = 0; item->type == NODE_MAPPING && j < item->count; j++)
			if (slice_equal(item->pairs[j].key->text, slice_of("include")))
				include(files, source, item->pairs[j].value, depth);
	}
}

static void scan_tables(struct files *files, const struct source *source,
                        const struct node *tables, unsigned depth)
{
	for (size_t i = 0; tables->type == NODE_MAPPING && i < tables->count; i++) {
		const struct node *table = tables->pairs[i].value;
		for (size_t j = 0; table->type == NODE_MAPPING && j < table->count; j++)
			if (slice_equal(table->pairs[j].key->text, slice_of("rules")))
				scan_rules(files, source, table->pairs[j].value, depth);
	}
}

static void scan(struct files *files, struct source *source, unsigned depth)
{
	const struct node *root = source->file.root;
	const struct node *tables = NULL;
	struct file *file = &source->file;
	if (root->type == NODE_LIST)
		file->rules = root;
	for (size_t i = 0; root->type == NODE_MAPPING && i < root->count; i++) {
		struct slice key = root->pairs[i].key->text;
		const struct node *value = root->pairs[i].value;
		if (slice_equal(key, slice_of("include")))
			file->include = value;
		else if (slice_equal(key, slice_of("rules")))
			file->rules = value;
		else if (slice_equal(key, slice_of("tables")))
			tables = value;
	}
	if (file->include)
		include(files, source, file->include, depth);
	if (tables)
		scan_tables(files, source, tables, depth);
	if (file->rules)
		scan_rules(files, source, file->rules, depth);
}

/* Reads the file, and what it includes. */
static void read_source(struct files *files, struct source *source, unsigned depth)
{
	source->document =
		document_read(source->file.path, files->memory_left, files->load->diags);
	if (!source->document)
		return;
	files->memory_left -= document_bytes(source->document);
	source->file.root = document_root(source->document);
	source->open = true;
	scan(files, source, depth);
	source->open = false;
	source->place = files->read_count++;
}

static struct source *source_new(struct files *files, const char *path,
                                 const struct identity *identity)
{
	struct source *source = arena_alloc(files->arena, sizeof *source);
	if (!source) {
		load_memory(files->load);
		return NULL;
	}
	source->file.path = path;
	source->identity = *identity;
	source->next = files->sources;
	files->sources = source;
	files->found_count++;
	if (map_add(&files->known, files->arena,
	            key_of(&source->identity, sizeof source->identity), source))
		return source;
	load_memory(files->load);
	return NULL;
}

/* One `include` */

/* "rules.yaml includes a.yaml includes rules.yaml" */
static const char *hint_chain(char hint[DIAGS_HINT_MAX], const struct source *from,
                              const struct source *to)
{
	const struct source *chain[FILES_DEPTH_MAX + 1];
	char text[2 * DIAGS_HINT_MAX] = "";
	size_t count = 0, len = 0;
	for (const struct source *s = from; s != to; s = s->includer)
		chain[count++] = s;
	chain[count++] = to;
	while (count-- > 0 && len < sizeof text)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s includes ",
		                        chain[count]->file.path);
	return diags_hint(hint, "%s%s", text, len < sizeof text ? to->file.path : "");
}

static void add_found(struct reading *reading, struct source *source)
{
	if (reading->count == reading->size) {
		size_t size = reading->size ? 2 * reading->size : 8;
		struct file **found =
			reallocarray(reading->found, size, sizeof(struct file *));
		if (!found) {
			load_memory(reading->files->load);
			return;
		}
		reading->found = found;
		reading->size = size;
	}
	reading->found[reading->count++] = &source->file;
}

static bool find_identity(const char *path, struct identity *out)
{
	struct stat status;
	if (stat(path, &status) != 0)
		return false;
	/* Its bytes are a key, so those between the members matter as well. */
	memset(out, 0, sizeof *out);
	out->device = status.st_dev;
	out->inode = status.st_ino;
	return true;
}

/* path lives as long as the load's arena. */
static void include_file(struct reading *reading, const struct node *node,
                         const char *path)
{
	struct files *files = reading->files;
	struct identity identity;
	char hint[DIAGS_HINT_MAX];
	if (!find_identity(path, &identity)) {
		load_error(files->load, node, NULL, "cannot include \"%s\": %s", path,
		           strerror(errno));
		return;
	}
	struct source *source =
		map_find(&files->known, key_of(&identity, sizeof identity));
	if (source && source->open) {
		load_error(files->load, node, hint_chain(hint, reading->from, source),
		           "\"%s\" includes itself", source->file.path);
		return;
	}
	if (!source && files->found_count >= FILES_MAX) {
		load_error(files->load, node, NULL, "more than %u files", FILES_MAX);
		return;
	}
	if (!source && (source = source_new(files, path, &identity))) {
		source->includer = reading->from;
		read_source(files, source, reading->depth + 1);
	}
	if (source)
		add_found(reading, source);
}

/* The pattern with the folder of from in front, which means itself only. */
static char *glob_pattern(struct files *files, const char *from, struct slice pattern)
{
	const char *slash = strrchr(from, '/');
	size_t folder = !slash || pattern.at[0] == '/' ? 0 : (size_t)(slash - from) + 1;
	char *out = arena_alloc(files->arena, 2 * folder + pattern.len + 1), *to = out;
	for (size_t i = 0; out && i < folder; i++) {
		if (strchr("*?[]\\", from[i]))
			*to++ = '\\';
		*to++ = from[i];
	}
	if (out)
		memcpy(to, pattern.at, pattern.len);
	else
		load_memory(files->load);
	return out;
}

static int compare_paths(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static void include_matches(struct reading *reading, const struct node *node,
                            const glob_t *matches)
{
	struct load *load = reading->files->load;
	qsort(matches->gl_pathv, matches->gl_pathc, sizeof(char *), compare_paths);
	for (size_t i = 0; i < matches->gl_pathc && !load->out_of_memory; i++) {
		struct slice path =
			arena_copy(load->arena, slice_of(matches->gl_pathv[i]));
		if (path.at)
			include_file(reading, node, path.at);
		else
			load_memory(load);
	}
}

/* A folder that may not be read must not look like one that is empty. */
static int stop_unless_missing(const char *path, int error)
{
	(void)path;
	return error != ENOENT && error != ENOTDIR;
}

static void include_glob(struct reading *reading, const struct node *node)
{
	struct load *load = reading->files->load;
	glob_t matches = {0};
	char *pattern =
		glob_pattern(reading->files, reading->from->file.path, node->text);
	if (!pattern)
		return;
	int result = glob(pattern, GLOB_NOSORT, stop_unless_missing, &matches);
	if (result == 0)
		include_matches(reading, node, &matches);
	else if (result == GLOB_NOMATCH)
		load_warning(load, node->position, NULL, "no file matches \"%s\"",
		             node->text.at);
	else if (result == GLOB_NOSPACE)
		load_memory(load);
	else
		load_error(load, node, NULL, "a folder of \"%s\" cannot be read",
		           node->text.at);
	globfree(&matches);
}

static bool include_path(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	const char *path;
	if (!path_read(load, node, "include", &path))
		return false;
	if (strpbrk(node->text.at, "*?["))
		include_glob(reading, node);
	else
		include_file(reading, node, path);
	return true;
}

/* Keeps what was found under node. */
static void keep_inclusion(struct reading *reading, const struct node *node)
{
	struct files *files = reading->files;
	struct included *included = arena_alloc(files->arena, sizeof *included);
	struct file **found =
		arena_array(files->arena, reading->count, sizeof(struct file *));
	if (!included || !found) {
		load_memory(files->load);
		return;
	}
	for (size_t i = 0; i < reading->count; i++)
		found[i] = reading->found[i];
	*included = (struct included){node, {reading->count, found}};
	if (!map_add(&files->inclusions, files->arena,
	             key_of(&included->node, sizeof(const struct node *)), included))
		load_memory(files->load);
}

static void include(struct files *files, const struct source *from,
                    const struct node *node, unsigned depth)
{
	struct reading reading = {.files = files, .from = from, .depth = depth};
	/* An alias is looked up already. */
	if (files->load->out_of_memory ||
	    map_find(&files->inclusions, key_of(&node, sizeof(const struct node *))))
		return;
	if (depth == FILES_DEPTH_MAX) {
		load_error(files->load, node, NULL,
		           "more than %d files include each other in a row",
		           FILES_DEPTH_MAX);
		return;
	}
	schema_each(files->load, node, "include", include_path, &reading);
	keep_inclusion(&reading, node);
	free(reading.found);
}

struct inclusion files_included(const struct files *files, const struct node *node)
{
	const struct included *included =
		map_find(&files->inclusions, key_of(&node, sizeof(const struct node *)));
	return included ? included->inclusion : (struct inclusion){0};
}

/* All of them */

static void put_in_order(struct files *files)
{
	files->order =
		arena_array(files->arena, files->found_count, sizeof(struct file *));
	if (!files->order) {
		load_memory(files->load);
		return;
	}
	for (struct source *s = files->sources; s; s = s->next)
		files->order[s->place] = &s->file;
}

static void read_all(struct files *files, const char *path)
{
	struct identity identity;
	/* What is wrong with it, document_read() says. */
	if (!find_identity(path, &identity))
		memset(&identity, 0, sizeof identity);
	struct source *source = source_new(files, path, &identity);
	if (source)
		read_source(files, source, 0);
	put_in_order(files);
}

static struct files *files_new(struct load *load, size_t memory_limit)
{
	struct arena *arena = arena_new(memory_limit);
	struct files *files = arena ? arena_alloc(arena, sizeof *files) : NULL;
	if (!files) {
		arena_free(arena);
		load_memory(load);
		return NULL;
	}
	files->load = load;
	files->arena = arena;
	files->memory_left = memory_limit;
	return files;
}

struct files *files_read(struct load *load, const char *path, size_t memory_limit)
{
	size_t errors = diags_errors(load->diags);
	struct files *files = files_new(load, memory_limit);
	if (!files)
		return NULL;
	read_all(files, path);
	if (diags_errors(load->diags) == errors && !load->out_of_memory)
		return files;
	files_free(files);
	return NULL;
}

void files_free(struct files *files)
{
	if (!files)
		return;
	for (struct source *s = files->sources; s; s = s->next)
		document_free(s->document);
	arena_free(files->arena);
}

size_t files_count(const struct files *files)
{
	return files->read_count;
}

struct file *files_get(const struct files *files, size_t i)
{
	return files->order[i];
}
