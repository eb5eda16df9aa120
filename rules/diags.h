/* SPDX-License-Identifier: MIT */
/* diags.h - findings about a file that people wrote.
 *
 *     rules.yaml:14:9: error: unknown key "prioritty"
 *       hint: did you mean "priority"?
 *
 * Collected while a file is read, sorted by file, line and column when printed, and
 * printed all of them, never only the first. serve, check and reload print the same.
 */
#ifndef RULES_DIAGS_H
#define RULES_DIAGS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "rules/slice.h"

#define DIAGS_MAX 1000 /* findings kept; further ones are only counted */

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct position {
	const char *file; /* as the user named it; NULL: none. Diags keep a copy */
	unsigned line;    /* from 1; 0: the file as a whole */
	unsigned column;  /* from 1, in characters; 0: the line as a whole */
};

struct diags;

struct diags *diags_new(void);        /* NULL when out of memory */
void diags_free(struct diags *diags); /* NULL is allowed */

/* Has progress called now and then while files are read, so that a server that reads
 * beside its work can let the work go on. */
void diags_on_progress(struct diags *diags, void (*progress)(void *arg), void *arg);

/* For whoever reads: some thousand rows or values more have been read. */
void diags_progress(const struct diags *diags);

/* Adds a finding; hint may be NULL. Texts are copied, cut to 1,000 bytes; control
 * characters and bytes that are not UTF-8 are printed escaped. Beyond DIAGS_MAX findings,
 * or out of memory, they are only counted, and diags_print says how many. */
void diags_add(struct diags *diags, enum severity severity, struct position position,
               const char *hint, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

void diags_vadd(struct diags *diags, enum severity severity, struct position position,
                const char *hint, const char *format, va_list args)
	__attribute__((format(printf, 5, 0)));

/* Formats a hint for diags_add(). */
#define DIAGS_HINT_MAX 256 /* bytes of a hint, the NUL included; longer ones are cut */
const char *diags_hint(char hint[DIAGS_HINT_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

size_t diags_errors(const struct diags *diags);

/* Nobody will see a further finding, so it needs no costly hint. */
bool diags_is_full(const struct diags *diags);

/* Prints text on one line: control characters and bytes that are not UTF-8 escaped. */
void diags_print_text(struct slice text, FILE *to);

/* Prints every finding, sorted; those of one place in the order of adding. */
void diags_print(struct diags *diags, FILE *to);

/* The same as a text, to be freed. NULL: there are none, or there is no memory for it. */
char *diags_text(struct diags *diags);

#endif
