/* SPDX-License-Identifier: MIT */
/* status.h - /status: how the server is, as one JSON object. See signpost(8). */
#ifndef SERVER_STATUS_H
#define SERVER_STATUS_H

#include <stdio.h>

struct operations;

void status_write(const struct operations *operations, FILE *to);

#endif
