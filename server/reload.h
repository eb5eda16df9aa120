/* SPDX-License-Identifier: MIT */
/* reload.h - puts a new routing table and new certificates in place of those in force, if
 * they are good. */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include "server/configuration.h"
#include "server/snapshot.h"

/* Reads, validates and compiles beside the table in force, then swaps one pointer. Any
 * error keeps the old table. Findings and the outcome are printed: how many rules,
 * gateways and groups before and after, and how long it took. Returns whether the table
 * was exchanged. */
bool reload(const struct configuration *configuration, struct snapshot *snapshot);

/* The same for the certificates, if there are any: connections live on. */
bool reload_certificates(const struct configuration *configuration);

#endif
