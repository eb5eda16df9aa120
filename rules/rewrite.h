/* SPDX-License-Identifier: MIT */
/* rewrite.h - strip, prepend, replace: the called number as the gateways want it. */
#ifndef RULES_REWRITE_H
#define RULES_REWRITE_H

#include "rules/number.h"
#include "rules/rule.h"

/* Reader for a schema row; into is a const struct rewrite *. */
schema_reader rewrite_read;

/* Strips, then prepends, then replaces. PATTERN_NO: nothing is left, or more than
 * NUMBER_MAX bytes. Two buffers, so that a step never writes over what it reads; out
 * points into one of them or into number. */
enum pattern_result rewrite_apply(const struct rewrite *rewrite, struct slice number,
                                  char buffers[2][NUMBER_MAX],
                                  struct pattern_space *space, struct slice *out);

#endif
