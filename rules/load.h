/* SPDX-License-Identifier: MIT */
/* load.h - fills a table from its files: the keys of rules.yaml. */
#ifndef RULES_LOAD_H
#define RULES_LOAD_H

#include "rules/files.h"
#include "rules/rule.h"

/* Reads everything in files into load->table, whose arena is set. False if there was an
 * error. */
bool load_table(struct table_load *load, const struct files *files);

#endif
