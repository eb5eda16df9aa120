/* SPDX-License-Identifier: MIT */
/* profiles.h - the peers and profiles of signpost.yaml; settings.c reads the rest. */
#ifndef SERVER_PROFILES_H
#define SERVER_PROFILES_H

#include "rules/schema.h"
#include "server/settings/settings.h"

#define SETTINGS_NAME_MAX 64 /* bytes of the name of a peer or a profile */
#define TLS_NAME_MAX      253

/* Reads both mappings into settings: profiles, peers and listen addresses. Either may be
 * NULL; no profiles: one that listens on 127.0.0.1 and lets loopback in. Names and
 * positions point into the document. in_force: NULL, or whose stacks stay as they are.
 * False after an error. */
bool profiles_read(struct load *load, const struct node *profiles,
                   const struct node *peers, const struct settings *in_force,
                   struct settings *settings);

#endif
