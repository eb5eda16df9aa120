/* SPDX-License-Identifier: MIT */
/* logging.h - the keys `log` and `hep` of the settings. */
#ifndef SERVER_LOGGING_H
#define SERVER_LOGGING_H

#include "rules/schema.h"
#include "server/settings/settings.h"

/* {calls: all, format: json, to: /var/log/signpost/signpost.log} */
bool logging_read(struct load *load, const struct node *node, struct settings *settings);

/* {to: 10.0.0.5:9060, id: 7} */
bool logging_read_mirror(struct load *load, const struct node *node,
                         struct settings *settings);

/* While old is in force: where the log goes stays as it is, with a warning, if the
 * sandbox would not let it go there: it lets no socket of syslog be made, and files only
 * if there was one at the start. False: out of memory. */
bool logging_keep_fixed(struct load *load, const struct settings *old,
                        struct settings *new);

#endif
