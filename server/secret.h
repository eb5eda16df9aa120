/* SPDX-License-Identifier: MIT */
/* secret.h - the file with the secret that replicas share. */
#ifndef SERVER_SECRET_H
#define SERVER_SECRET_H

#include "rules/schema.h"

/* Reads the SECRET_MIN to SECRET_MAX bytes of path, less the line ends behind them, into
 * load's arena. False after an error, which stands at node; that everybody can read the
 * file is a warning. */
bool secret_read(struct load *load, const struct node *node, const char *path,
                 struct slice *out);

#endif
