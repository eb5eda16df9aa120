/* SPDX-License-Identifier: MIT */
/* csvsource.h - a CSV file that rules.yaml names: how it is read, and what is wrong with
 * its rows. Number tables and decks are read from one. */
#ifndef RULES_CSVSOURCE_H
#define RULES_CSVSOURCE_H

#include "rules/csv.h"
#include "rules/schema.h"

struct csvsource {
	const char *path; /* as long as the diags live */

	/* How to read it. */
	char delimiter;        /* 0: as csv_open() finds it */
	bool skip;             /* rows in error are left out, with a warning */
	size_t column_count;   /* 0: the first row has the names */
	struct slice *columns; /* their names */

	/* What was read. */
	struct csv_identity identity;
	size_t rows, faults; /* faults: rows left out */
};

/* Readers of the keys `file`, `delimiter` and `on_error`, into a struct csvsource. */
schema_reader csvsource_read_file, csvsource_read_delimiter, csvsource_read_on_error;

/* Reads `columns`; read is called with source for each, and adds it. */
bool csvsource_read_columns(struct load *load, const struct node *node, const char *hint,
                            schema_reader *read, struct csvsource *source);

/* Whether both are read from the same file in the same state and in the same way. */
bool csvsource_is_same(const struct csvsource *a, const struct csvsource *b);

/* Reads the row with the names of the columns. False after a finding. */
bool csvsource_first_row(const struct csvsource *source, struct csv *csv,
                         struct csv_row *row, struct diags *diags);

/* Counts the rows and hands them to add, which says false when out of memory: memory is
 * then the finding. False after a finding about the file as a whole. */
bool csvsource_rows(struct csvsource *source, struct csv *csv,
                    bool (*add)(void *arg, const struct csv_row *row), void *arg,
                    const char *memory, struct diags *diags);

/* A finding about the file as a whole; gives false. */
bool csvsource_error(const struct csvsource *source, const char *message,
                     struct diags *diags);

/* What a fault of a row is; and counts one: true if it is to be printed. */
enum severity csvsource_severity(const struct csvsource *source);
bool csvsource_count_fault(struct csvsource *source);

/* Adds how many rows are in error: with skip those that are left out, else those beyond
 * the findings that are printed. Nothing if there is nothing to say. */
void csvsource_report(const struct csvsource *source, struct diags *diags);

#endif
