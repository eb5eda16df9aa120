/* SPDX-License-Identifier: MIT */
/* filesums.h - which files a routing table was made of, to be told apart by their
 * contents. */
#ifndef SERVER_FILESUMS_H
#define SERVER_FILESUMS_H

#include <stdint.h>
#include <sys/stat.h>

#include "rules/diags.h"
#include "rules/table.h"

struct filesum {
	const char *path; /* lives as long as the table */
	bool has_rows;    /* a CSV file */
	size_t rows;
	struct stat status;
	char sha256[65]; /* in hex; empty: it cannot be read any more */
};

/* Ordered by their paths; each file once. */
struct filesums {
	size_t count;
	struct filesum items[];
};

/* Reads all files of table, which has just been loaded, once more; but not those that
 * are in previous (which may be NULL) and have not changed since. Lets others have the
 * processor as diags_progress() does; diags may be NULL. NULL when out of memory. */
struct filesums *filesums_new(const struct table *table, const struct filesums *previous,
                              const struct diags *diags);
void filesums_free(struct filesums *filesums);

#endif
