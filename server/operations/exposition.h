/* SPDX-License-Identifier: MIT */
/* exposition.h - /metrics: Prometheus' text format, version 0.0.4. signpost(8) has the
 * list. */
#ifndef SERVER_EXPOSITION_H
#define SERVER_EXPOSITION_H

#include <stdio.h>

#include "rules/slice.h"

struct operations;

/* False: out of memory. */
bool exposition_write(const struct operations *operations, FILE *to);

/* A label's value, without the quotes around it: \ " and newlines escaped, and U+FFFD for
 * what is not UTF-8. */
void exposition_label(struct slice value, FILE *to);

#endif
