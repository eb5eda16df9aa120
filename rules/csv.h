/* SPDX-License-Identifier: MIT */
/* csv.h - reads a CSV file row by row, of any size in little memory.
 *
 * Rows as in RFC 4180: fields in double quotes may hold delimiters, line ends and doubled
 * quotes. Lines end in LF or CR LF; empty lines are passed over; a byte order mark is
 * left out. The file must be a regular one, in UTF-8, without control characters.
 *
 *     struct csv *csv = csv_open("rates.csv", 0, diags);
 *     while ((result = csv_next(csv, &row)) != CSV_END && result != CSV_FAILED)
 *             if (result == CSV_BAD)
 *                     csv_report(csv, SEVERITY_WARNING);
 *             else
 *                     use(row.fields[0]);
 *     csv_free(csv);
 *
 * The file is read through a buffer, so one that shrinks or changes is a finding and not
 * a crash.
 */
#ifndef RULES_CSV_H
#define RULES_CSV_H

#include <stdint.h>

#include "rules/diags.h"
#include "rules/slice.h"

#define CSV_ROW_MAX    ((size_t)64 << 10) /* bytes of a row */
#define CSV_FIELDS_MAX 256                /* of a row */

struct csv;

enum csv_result {
	CSV_ROW,
	CSV_BAD,    /* a row that is none: see csv_report(); the next one can be read */
	CSV_END,    /* no more rows, and the file has not changed since it was opened */
	CSV_FAILED, /* the file cannot be read, or changes: the finding has been added */
};

struct csv_row {
	unsigned line;              /* on which it begins */
	size_t count;               /* of fields; at least 1 */
	const struct slice *fields; /* until the next call of csv_next(), csv_rewind() */
};

/* Which file it is, and which state of it. */
struct csv_identity {
	uint64_t device, inode, size;
	int64_t mtime_ns;
};

/* Opens path, which must outlive the reader. delimiter: ',' ';' or '\t'; 0: the one of
 * these that stands most often in the first row. NULL after a finding. */
struct csv *csv_open(const char *path, char delimiter, struct diags *diags);
void csv_free(struct csv *csv); /* NULL is allowed */

/* The next row. row is written for CSV_ROW only. */
enum csv_result csv_next(struct csv *csv, struct csv_row *row);

/* Goes back to the first row. False after a finding. */
bool csv_rewind(struct csv *csv);

/* At least as many as there are rows: a count of the lines. Then goes back to the first
 * row. False after a finding. */
bool csv_count(struct csv *csv, size_t *rows);

/* Adds what is wrong with the row for which csv_next() has just said CSV_BAD. */
void csv_report(const struct csv *csv, enum severity severity);

/* Findings about the rows of one file that are printed; further ones are counted. */
#define CSV_FINDINGS_MAX 20

/* Where a field of the row that was read last begins: line and column, in characters. */
struct position csv_position(const struct csv *csv, size_t field);

/* As the file was when it was opened. */
struct csv_identity csv_identity(const struct csv *csv);
bool csv_identity_equal(const struct csv_identity *a, const struct csv_identity *b);

#endif
