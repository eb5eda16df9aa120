/* SPDX-License-Identifier: MIT */
/* coverage.h - which rules of which routing tables were reached. */
#ifndef SERVER_COVERAGE_H
#define SERVER_COVERAGE_H

#include <stdio.h>

#include "rules/table.h"

struct coverage;
struct covered; /* one table's part of it */

struct coverage *coverage_new(void); /* NULL when out of memory */
void coverage_free(struct coverage *coverage);

/* The part of the table of path; all that are loaded from one path share it. Keeps copies
 * of what it needs. NULL when out of memory. */
struct covered *coverage_of(struct coverage *coverage, const char *path,
                            const struct table *table);

/* Rules go by their decision_label(). True if there is one called name; else *nearest is
 * one that is near, or NULL. */
bool covered_has(const struct covered *covered, struct slice name, const char **nearest);

/* A call was decided by the rule called name, or by what is no rule. */
void covered_reach(struct covered *covered, struct slice name);

/* A line for each rule that was not reached, and one for each table. */
void coverage_print(const struct coverage *coverage, FILE *to);

#endif
