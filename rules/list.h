/* SPDX-License-Identifier: MIT */
/* list.h - a routing table in words: `signpost check --list`. */
#ifndef RULES_LIST_H
#define RULES_LIST_H

#include <stdio.h>

#include "rules/table.h"

/* Every rule in the order in which they are asked, one to a line, six fields with tabs
 * between them: number, table, name, file:line:column, criteria, answer. A line that
 * begins with # stands in front of the rules of each table. */
void list_write(const struct table *table, FILE *to);

/* A part of it, without the lines that begin with #: at most count rules, from the
 * first-th on (from 0; what a table does by default is its last). */
void list_write_part(const struct table *table, size_t first, size_t count, FILE *to);

/* table "acme" (rules.yaml:12), for host "acme.example" */
void list_ruleset(const struct ruleset *ruleset, FILE *to);

#endif
