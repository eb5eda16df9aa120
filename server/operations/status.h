/* SPDX-License-Identifier: MIT */
/* status.h - /status: how the server is, as one JSON object. Its members are listed in
 * signpost(8). */
#ifndef SERVER_STATUS_H
#define SERVER_STATUS_H

#include <stdbool.h>
#include <stdio.h>

struct operations;

/* False: out of memory. */
bool status_write(const struct operations *operations, FILE *to);

#endif
