/* SPDX-License-Identifier: MIT */
/* zones.h - the zones that a table names, read from the system's tz database. */
#ifndef RULES_ZONES_H
#define RULES_ZONES_H

#include "rules/rule.h"

#define ZONES_FOLDER "/usr/share/zoneinfo" /* Debian's package tzdata */

/* The zone that node names: UTC, or a file below folder, each read once for a table. NULL
 * after an error. load is the first member of a struct table_load. */
const struct zone *zones_find(struct load *load, const char *folder,
                              const struct node *node);

/* Reader for the keys `zone`, into a const struct zone *; in ZONES_FOLDER. */
schema_reader zones_read;

/* The zone of dates and times that do not name one. */
const struct zone *zones_default(const struct table *table);

#endif
