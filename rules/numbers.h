/* SPDX-License-Identifier: MIT */
/* numbers.h - a table of millions of numbers, or prefixes, each with some columns.
 *
 *     number → prefixes.h ──→ records.h: the columns
 *
 * A row takes 14.3 bytes beside its record, and most numbers are found with one miss of
 * the cache. Numbers with letters and longer ones are kept in a map of their own.
 *
 * Read-only when finished, so any number of threads may look things up. Several routing
 * tables may hold the same numbers; holding and releasing them is for one thread.
 */
#ifndef RULES_NUMBERS_H
#define RULES_NUMBERS_H

#include <stdint.h>

#include "rules/csv.h"
#include "rules/number.h"

#define NUMBERS_COLUMNS_MAX 255 /* beside the number */

struct numbers;

enum numbers_match { NUMBERS_EXACT, NUMBERS_PREFIX };

/* A row that was found. */
struct numbers_row {
	uint32_t record;
	uint32_t key_len; /* bytes of the number or the prefix */
};

/* The row of number, a number_clean()ed one; with NUMBERS_PREFIX that of its longest
 * prefix. False if there is none. */
bool numbers_find(const struct numbers *numbers, struct slice number,
                  struct numbers_row *row);

/* A column, from 0; the number is none. Empty if the file's field is. */
struct slice numbers_value(const struct numbers *numbers, const struct numbers_row *row,
                           size_t column);

/* The column called name. */
bool numbers_column(const struct numbers *numbers, struct slice name, size_t *column);

/* The names of all columns. */
const struct slice *numbers_columns(const struct numbers *numbers, size_t *count);

/* Calls visit, until it returns false, for every text in a column but the empty one, for
 * those that are often there seldom more than once. */
void numbers_visit(const struct numbers *numbers, size_t column,
                   bool (*visit)(void *arg, struct slice text), void *arg);

enum numbers_match numbers_match(const struct numbers *numbers);
size_t numbers_count(const struct numbers *numbers); /* of rows */
size_t numbers_bytes(const struct numbers *numbers); /* of memory */

/* Another holder; a release by each, the last of which frees. NULL is allowed. */
struct numbers *numbers_hold(struct numbers *numbers);
void numbers_release(struct numbers *numbers);

/* Making one: numbersfile.h does. */

/* For row_count rows at most, with columns of these names. Holds at most memory_limit
 * bytes. NULL when out of memory. */
struct numbers *numbers_new(enum numbers_match match, size_t column_count,
                            const struct slice *columns, size_t row_count,
                            size_t memory_limit);

enum numbers_added { NUMBERS_ADDED, NUMBERS_THERE, NUMBERS_NO_MEMORY };

/* Adds a row. number has been cleaned; NUMBERS_THERE: it has a row already, which stays.
 */
enum numbers_added numbers_add(struct numbers *numbers, struct slice number,
                               const struct slice *columns);

/* All rows are there; now rows may be found. */
void numbers_finish(struct numbers *numbers);

#endif
