/* SPDX-License-Identifier: MIT */
/* explain.h - the answer to one request, and why, in words. */
#ifndef SERVER_EXPLAIN_H
#define SERVER_EXPLAIN_H

#include <stdio.h>

#include "server/redirect.h"

/* Asks as redirect_explain() does, at explanation->now_s, and writes the rules considered
 * and the decision to `to`. An arrival without a peer gets no reply.
 * False when out of memory. */
bool explain(struct redirect *redirect, const struct table *table,
             const struct arrival *arrival, const char *request, FILE *to,
             struct explanation *explanation, struct reply *reply);

/* The same without words. */
bool explain_silently(struct redirect *redirect, const struct table *table,
                      const struct arrival *arrival, const char *request,
                      struct explanation *explanation, struct reply *reply);

#endif
