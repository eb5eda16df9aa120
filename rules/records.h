/* SPDX-License-Identifier: MIT */
/* records.h - the columns of many rows: each distinct row of them once, and in it each
 * distinct text once.
 *
 *     rows                       heap
 *     +4479 | gw-a               1: 5 "+4479" | 4 "gw-a"
 *     +4479 | gw-b               12: → 1 | 4 "gw-b"
 *     +4480 | gw-b               18: 5 "+4480" | → 13
 *     +4479 | gw-b               the one at 12
 *
 * A record is where its columns begin in the heap. A column is a text, the first time
 * that it is seen, behind its length; else the place of that text. Both are numbers of
 * variable length, so that a row of new texts costs them and a byte each.
 *
 * Read-only when finished.
 */
#ifndef RULES_RECORDS_H
#define RULES_RECORDS_H

#include <stdint.h>

#include "rules/pages.h"
#include "rules/slice.h"

#define RECORDS_COLUMNS_MAX 256

struct records;

/* For rows of column_count texts, about row_count of them. NULL when out of memory. */
struct records *records_new(size_t column_count, size_t row_count, struct budget *budget);
void records_free(struct records *records); /* NULL is allowed */

/* The record of these texts, which is made if there is none yet. False when out of
 * memory or with 4 GiB of texts. */
bool records_add(struct records *records, const struct slice *texts, uint32_t *record);

/* No more will be added: frees what only that needs. */
void records_finish(struct records *records);

/* A column, from 0. */
struct slice records_value(const struct records *records, uint32_t record, size_t column);

/* Calls visit, until it returns false, for every text in a column but the empty one, for
 * those that are often there seldom more than once. */
void records_visit(const struct records *records, size_t column,
                   bool (*visit)(void *arg, struct slice text), void *arg);

#endif
