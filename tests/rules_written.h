/* SPDX-License-Identifier: MIT */
/* rules_written.h - a table of the reference as rules.yaml says it. */
#ifndef TESTS_RULES_WRITTEN_H
#define TESTS_RULES_WRITTEN_H

#include <stdint.h>

#include "tests/rules_reference.h"

/* To be freed; the files of its number tables, n0.csv and n1.csv, are written into the
 * working folder. The same table is written in different ways: short or long forms,
 * numbers with separators, names in another case. */
char *written_yaml(uint64_t *state, const struct ref_table *table);

#endif
