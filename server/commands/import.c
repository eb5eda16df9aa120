/* SPDX-License-Identifier: MIT */
#include "server/commands/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/commands/import_formats.h"

enum { COMPLETE = 0, INCOMPLETE = 1, TROUBLE = 2 };

static const struct format {
	const char *name;
	bool (*read)(const struct import_job *job);
	size_t files_min, files_max;
	bool needs_folder;
	const char *peer; /* whose tables those of groups are */
} formats[] = {
	{"drouting", import_drouting, 2, 3, false, "group-"},
	{"lcr", import_lcr, 3, 3, false, "lcr-"},
	{"mtree", import_mtree, 1, 1, true, ""},
};

static const struct format *find_format(const char *name)
{
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
		if (strcmp(name, formats[i].name) == 0)
			return &formats[i];
	return NULL;
}

bool import_is_sensible(const struct import_options *options)
{
	const struct format *format = find_format(options->format);
	return format && options->file_count >= format->files_min &&
	       options->file_count <= format->files_max &&
	       (options->into || !format->needs_folder);
}

static void complain(const char *path)
{
	fprintf(stderr, "signpost: %s: %s\n", path, strerror(errno));
}

FILE *import_create(const char *into, const char *name)
{
	char *path = NULL;
	FILE *file = NULL;
	if (asprintf(&path, "%s/%s", into, name) < 0)
		return NULL;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd >= 0 && !(file = fdopen(fd, "w")))
		close(fd);
	if (!file)
		complain(path);
	free(path);
	return file;
}

static bool write_table(const struct format *format, const struct import_options *options,
                        struct outline *outline)
{
	FILE *to = options->into ? import_create(options->into, "rules.yaml") : stdout;
	if (!to)
		return false;
	fprintf(to, "# Made by `signpost import %s`.\n", format->name);
	outline_write(outline, format->peer, to);
	bool good = !fflush(to) && !ferror(to) && outline_is_complete(outline);
	if (!good)
		complain(options->into ? options->into : "standard output");
	if (to != stdout)
		fclose(to);
	return good;
}

static bool make_folder(const char *into)
{
	if (!into || mkdir(into, 0777) == 0 || errno == EEXIST)
		return true;
	complain(into);
	return false;
}

static int convert(const struct format *format, const struct import_options *options,
                   struct outline *outline, struct diags *diags)
{
	struct import_job job = {options->files, options->file_count, options->into,
	                         outline, diags};
	bool good = make_folder(options->into) && format->read(&job);
	if (good && !outline_is_complete(outline)) {
		fputs("signpost: out of memory\n", stderr);
		good = false;
	}
	diags_print(diags, stderr);
	if (!good || !write_table(format, options, outline))
		return TROUBLE;
	fprintf(stderr, "%zu rule%s, %zu gateway%s, %zu error%s\n",
	        outline_routes(outline), outline_routes(outline) == 1 ? "" : "s",
	        outline_gateways(outline), outline_gateways(outline) == 1 ? "" : "s",
	        diags_errors(diags), diags_errors(diags) == 1 ? "" : "s");
	return diags_errors(diags) ? INCOMPLETE : COMPLETE;
}

int import(const struct import_options *options)
{
	const struct format *format = find_format(options->format);
	struct diags *diags = diags_new();
	struct outline *outline = diags ? outline_new(diags) : NULL;
	int status = TROUBLE;
	if (format && outline)
		status = convert(format, options, outline, diags);
	else
		fputs("signpost: out of memory\n", stderr);
	outline_free(outline);
	diags_free(diags);
	return status;
}
