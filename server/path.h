/* SPDX-License-Identifier: MIT */
/* path.h - paths in signpost.yaml are relative to its folder. */
#ifndef SERVER_PATH_H
#define SERVER_PATH_H

#include "rules/schema.h"

/* Reads the path at node, resolved against the folder of the file that node is in. False
 * after an error. */
bool path_read(struct load *load, const struct node *node, const char *what,
               const char **out);

/* path as seen from the file from; NULL when out of memory, which is noted. */
const char *path_resolve(struct load *load, const char *from, struct slice path);

#endif
