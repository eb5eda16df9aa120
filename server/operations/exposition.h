/* SPDX-License-Identifier: MIT */
/* exposition.h - /metrics: Prometheus' text format, version 0.0.4. See signpost(8). */
#ifndef SERVER_EXPOSITION_H
#define SERVER_EXPOSITION_H

#include <stdio.h>

struct operations;

void exposition_write(const struct operations *operations, FILE *to);

#endif
