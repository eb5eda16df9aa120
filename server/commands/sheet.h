/* SPDX-License-Identifier: MIT */
/* sheet.h - a table as a database exports it: CSV, read by the names in its first row.
 *
 *     enum { PREFIX, VALUE, COLUMNS };
 *     static const struct sheet_column columns[COLUMNS] = {
 *             [PREFIX] = {"tprefix", SHEET_REQUIRED}, [VALUE] = {"tvalue",
 * SHEET_REQUIRED}}; if (sheet_open(&sheet, "mtree.csv", columns, COLUMNS, diags)) while
 * (sheet_next(&sheet)) use(sheet_cell(&sheet, PREFIX)); sheet_close(&sheet);
 *
 * Nothing is passed over in silence: a column that has no name here, or that nothing is
 * made of, is a warning, a row that is none an error.
 */
#ifndef SERVER_SHEET_H
#define SERVER_SHEET_H

#include "rules/csv.h"

#define SHEET_COLUMNS_MAX 24

enum sheet_use {
	SHEET_UNUSED, /* says nothing about calls: a description, a key */
	SHEET_OPTIONAL,
	SHEET_REQUIRED,
	SHEET_LOST, /* the first value other than 0 is a warning */
};

struct sheet_column {
	const char *name;
	enum sheet_use use;
};

struct sheet {
	const char *path;
	const struct sheet_column *columns;
	size_t count;
	struct diags *diags;
	struct csv *csv;
	size_t width;                     /* fields of the first row */
	size_t places[SHEET_COLUMNS_MAX]; /* field of each column; SIZE_MAX: not there */
	bool said[SHEET_COLUMNS_MAX];
	struct csv_row row;
	bool failed; /* the file could not be read to its end */
};

/* path, columns and diags must outlive the sheet. False after an error. */
bool sheet_open(struct sheet *sheet, const char *path, const struct sheet_column *columns,
                size_t count, struct diags *diags);
void sheet_close(struct sheet *sheet);

/* The next good row. False at the end of the file, or if it cannot be read. */
bool sheet_next(struct sheet *sheet);

bool sheet_has(const struct sheet *sheet, size_t column);

/* A value of the row, until the next one is read: without blanks at its ends, and empty
 * if it is NULL, as databases write it, or has no column. */
struct slice sheet_cell(const struct sheet *sheet, size_t column);

/* A value as a number; 0 if it is empty. False after an error. */
bool sheet_number(struct sheet *sheet, size_t column, unsigned long max,
                  unsigned long *out);

struct position sheet_at(const struct sheet *sheet, size_t column);

/* A finding about a value of the row. Returns false. */
bool sheet_find(struct sheet *sheet, enum severity severity, size_t column,
                const char *hint, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#endif
