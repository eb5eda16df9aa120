/* SPDX-License-Identifier: MIT */
/* files.h - the files that a routing table is made of: the main one, and those that it
 * includes.
 *
 *     include: [gateways.yaml, "tenant-*.yaml"]     at the top level of a file
 *     rules:
 *       - include: "carrier-*.yaml"                 in any list of rules
 *
 * Paths are relative to the folder of the file that names them. What has * ? or [ is a
 * glob(7); its matches are taken in the order of their bytes. Each file is read once,
 * however often it is included; which file it is, device and inode say.
 */
#ifndef RULES_FILES_H
#define RULES_FILES_H

#include "rules/document.h"
#include "rules/schema.h"

#define FILES_MAX       100000u /* of one table */
#define FILES_DEPTH_MAX 16      /* files that include each other in a row */

struct file {
	const char *path; /* as findings name it */
	const struct node *root;
	/* Of its top level, NULL: none. A file that is a list is its rules. */
	const struct node *include, *rules;

	/* The sequence that took its rules last, where it was named, and whether there
	 * were any: sequence.h. */
	const void *taken_by;
	struct position taken_at;
	bool gave_rules;
};

struct files;

/* Reads path and all that is included. Findings go to load->diags, and what outlives the
 * files, their paths, to load->arena. memory_limit is for all documents together. NULL if
 * there was an error; the caller frees. path must outlive diags and the arena. */
struct files *files_read(struct load *load, const char *path, size_t memory_limit);
void files_free(struct files *files);

/* All of them, the main one last: an included file stands before the one that includes
 * it. */
size_t files_count(const struct files *files);
struct file *files_get(const struct files *files, size_t i);

/* The files that node, the value of an `include`, names. */
struct inclusion {
	size_t count;
	struct file *const *files;
};
struct inclusion files_included(const struct files *files, const struct node *node);

#endif
