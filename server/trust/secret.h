/* SPDX-License-Identifier: MIT */
/* secret.h - the file with the secret that replicas share. */
#ifndef SERVER_SECRET_H
#define SERVER_SECRET_H

#include "rules/schema.h"

/* Reads the SECRET_MIN to SECRET_MAX bytes of path, less the line ends behind them, into
 * load's arena. False after an error, which stands at node; a file that everybody can
 * read is refused. settings_wipe() ends it. */
bool secret_read(struct load *load, const struct node *node, const char *path,
                 struct slice *out);

#endif
