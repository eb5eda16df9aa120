/* SPDX-License-Identifier: MIT */
/* import_formats.h - what `import` reads: each makes an outline of one format's files.
 *
 * False if a file cannot be read. What is wrong with its rows is in diags.
 */
#ifndef SERVER_IMPORT_FORMATS_H
#define SERVER_IMPORT_FORMATS_H

#include "server/commands/outline.h"

/* The tables, as files, and where to. */
struct import_job {
	const char *const *files;
	size_t file_count;
	const char *into; /* folder, or NULL */
	struct outline *outline;
	struct diags *diags;
};

/* Kamailio's and OpenSIPS's drouting: dr_rules, dr_gateways and, if rules refer to them,
 * Kamailio's dr_gw_lists or OpenSIPS's dr_carriers. */
bool import_drouting(const struct import_job *job);

/* Kamailio's lcr: lcr_gw, lcr_rule, lcr_rule_target. */
bool import_lcr(const struct import_job *job);

/* Kamailio's mtree: mtree, or mtrees with several. Writes the numbers into the folder. */
bool import_mtree(const struct import_job *job);

/* A new file in the folder, which is not there yet. NULL after an error. */
FILE *import_create(const char *into, const char *name);

#endif
