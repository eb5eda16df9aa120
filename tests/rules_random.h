/* SPDX-License-Identifier: MIT */
/* rules_random.h - random routing tables and calls for the reference, and the table as a
 * file.
 *
 * Few different texts, and calls made from those that the rules ask for, so that exact
 * numbers, prefixes, regexes and the default are all met often.
 */
#ifndef TESTS_RULES_RANDOM_H
#define TESTS_RULES_RANDOM_H

#include <stdint.h>

#include "tests/rules_reference.h"

/* Compiles the regexes that tables are made with; once. */
void random_init(void);
void random_fini(void);

/* 0 to count - 1. */
size_t random_below(uint64_t *state, size_t count);

void random_table(uint64_t *state, struct ref_table *table);
void random_call(uint64_t *state, const struct ref_table *table, struct ref_call *call);

/* The table as rules.yaml says it, to be freed; the files of its number tables, n0.csv
 * and n1.csv, are written into the working folder. The same table is written in different
 * ways: short or long forms, numbers with separators, names in another case. */
char *random_yaml(uint64_t *state, const struct ref_table *table);

#endif
