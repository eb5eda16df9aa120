/* SPDX-License-Identifier: MIT */
/* import.h - the command `import`: a routing table from what another server's database
 * exports.
 *
 * What cannot be converted is an error with file:line:column, and left out; what becomes
 * something else is a warning.
 */
#ifndef SERVER_IMPORT_H
#define SERVER_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

struct import_options {
	const char *format;       /* drouting, lcr or mtree */
	const char *const *files; /* CSV */
	size_t file_count;
	const char *into; /* a folder; NULL: rules.yaml goes to standard output */
};

/* False: there is no such format, or it wants other files. */
bool import_is_sensible(const struct import_options *options);

/* Writes the table, findings and counts to standard error. 0: all of it is converted, 1:
 * something is left out, 2: a file cannot be read or written. */
int import(const struct import_options *options);

#endif
