/* SPDX-License-Identifier: MIT */
/* textfile.h - a file read as a whole: regular, bounded, UTF-8.
 *
 * Its lines are counted as YAML 1.1 and libyaml count them: besides LF, CR LF and CR, the
 * characters U+0085, U+2028 and U+2029 end a line.
 */
#ifndef RULES_TEXTFILE_H
#define RULES_TEXTFILE_H

#include "rules/diags.h"
#include "rules/slice.h"

struct textfile {
	const char *path;
	char *bytes;
	struct slice text; /* the same without a byte order mark */
};

/* Reads path, which must be a regular file of at most size_max bytes (whole MiB) and
 * UTF-8. False after a finding. path must outlive the textfile. */
bool textfile_read(const char *path, size_t size_max, struct diags *diags,
                   struct textfile *out);
void textfile_free(struct textfile *file);

/* Line and column of the byte at offset of text. */
struct position textfile_position(const struct textfile *file, size_t offset);

/* The byte at which the character at index (from 0) of text begins. */
size_t textfile_offset(const struct textfile *file, size_t index);

/* Bytes of the line break that text begins with, or 0. */
size_t textfile_line_break(struct slice text);

#endif
