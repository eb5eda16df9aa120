/* SPDX-License-Identifier: MIT */
/* numbersfile.h - a CSV file read into a table of numbers. */
#ifndef RULES_NUMBERSFILE_H
#define RULES_NUMBERSFILE_H

#include "rules/csvsource.h"
#include "rules/numbers.h"

struct numbersfile {
	/* columns: the number is the column called number or prefix, else the first. One
	 * without a name is not kept. */
	struct csvsource source;
	enum numbers_match match;
	struct numbers *numbers; /* what was read */

	struct numbersfile *next; /* of files that have been read before */
};

/* Reads the file: sets the numbers, and what source says of it. If one of known, a list,
 * was read from the same file in the same state and in the same way, its numbers are held
 * once more and nothing is read. False after a finding. The caller releases
 * file->numbers. */
bool numbersfile_load(struct numbersfile *file, const struct numbersfile *known,
                      size_t memory_limit, struct diags *diags);

/* Adds an error for each row, the first ones of them, whose text in column is not wanted:
 * why and the text, as in no gateway is called "x". For that it reads the file again.
 * False if none was found: the file is not what it was. */
bool numbersfile_refuse(const struct numbersfile *file, size_t column,
                        bool (*wanted)(void *arg, struct slice text), void *arg,
                        const char *why, struct diags *diags);

#endif
