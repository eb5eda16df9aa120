/* SPDX-License-Identifier: MIT */
/* times.h - the key `times`: named sets of moments, and their names elsewhere. */
#ifndef RULES_TIMES_H
#define RULES_TIMES_H

#include "rules/rule.h"

#define TIMES_ITEMS_MAX 1000 /* of one list */

/* Reader for the key `times`, which stands in several files. Zones that are not given
 * are the table's. */
schema_reader times_read;

/* When all of them have been read: finds the times that others except, and warns of those
 * that never hold, unless that takes too long. */
bool times_finish(struct load *load);

/* The time of that name; NULL after an error. */
const struct time_set *times_find(struct load *load, const struct node *node);

#endif
