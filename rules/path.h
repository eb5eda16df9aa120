/* SPDX-License-Identifier: MIT */
/* path.h - paths in a file are relative to its folder. */
#ifndef RULES_PATH_H
#define RULES_PATH_H

#include "rules/schema.h"

/* Reads the path at node, resolved against the folder of the file that node is in. False
 * after an error. */
bool path_read(struct load *load, const struct node *node, const char *what,
               const char **out);

/* path as seen from the file from; NULL when out of memory, which is noted. */
const char *path_resolve(struct load *load, const char *from, struct slice path);

#endif
