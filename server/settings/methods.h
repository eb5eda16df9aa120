/* SPDX-License-Identifier: MIT */
/* methods.h - the methods of signpost.yaml, which are answered like INVITE. */
#ifndef SERVER_METHODS_H
#define SERVER_METHODS_H

#include "rules/schema.h"
#include "server/settings/settings.h"

/* Reads one or a list into settings, in place of what is there. Texts point into the
 * document. False after an error. */
bool methods_read(struct load *load, const struct node *node, struct settings *settings);

/* Sets settings->allow. False when out of memory. */
bool methods_allow(struct load *load, struct settings *settings);

#endif
