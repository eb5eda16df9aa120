/* SPDX-License-Identifier: MIT */
/* route.h - `signpost route`: what would the server answer, and why? */
#ifndef SERVER_ROUTE_H
#define SERVER_ROUTE_H

#include <stdio.h>

#include "server/commands/question.h"
#include "server/configuration.h"

/* Prints the request that is asked, every rule considered, the decision and the reply,
 * byte for byte what the server would send. Exit status: 0 for a redirect, 3 for any
 * other answer or none, 1 if the question makes no sense. */
int route(const struct configuration *configuration, const struct question *question);

/* The same for a server that runs, with the keys that it answers with: to `to`, and why
 * the question makes no sense to complaints. For one thread. */
int route_write(const struct configuration *configuration,
                const struct question *question, const struct tag_keys *keys, FILE *to,
                FILE *complaints);

#endif
