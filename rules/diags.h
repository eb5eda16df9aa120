/* SPDX-License-Identifier: MIT */
/* diags.h - findings about a file that people wrote.
 *
 *     rules.yaml:14:9: error: unknown key "prioritty"
 *       hint: did you mean "priority"?
 *
 * Collected while a file is read, sorted by file, line and column when printed, and printed all of
 * them, never only the first. serve, check and reload print the same.
 */
#ifndef RULES_DIAGS_H
#define RULES_DIAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct position {
	const char *file; /* as the user named it; lives as long as the diags */
	unsigned line;    /* from 1; 0: the file as a whole */
	unsigned column;  /* from 1, in characters; 0: the line as a whole */
};

struct diags;

struct diags *diags_new(void); /* NULL when out of memory */
void diags_free(struct diags *diags);

/* Adds a finding; hint may be NULL. Texts are copied; control characters and bytes that are not
 * UTF-8 are printed escaped. Beyond 1,000 findings, or out of memory, they are only counted, and
 * diags_print says how many. */
void diags_add(struct diags *diags, enum severity severity, struct position position,
               const char *hint, const char *format, ...)
        __attribute__((format(printf, 5, 6)));

/* The same for an error, the common case, with a formatted hint: use diags_hint() to make one. */
#define DIAGS_HINT_MAX 256 /* bytes of a hint, the NUL included; longer ones are cut */
const char *diags_hint(char hint[DIAGS_HINT_MAX], const char *format, ...)
        __attribute__((format(printf, 2, 3)));

size_t diags_errors(const struct diags *diags);
size_t diags_warnings(const struct diags *diags);

/* Prints every finding, sorted. */
void diags_print(struct diags *diags, FILE *to);

#endif
