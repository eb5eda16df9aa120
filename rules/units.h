/* SPDX-License-Identifier: MIT */
/* units.h - durations and sizes as people write them: 500ms, 5s, 256K. */
#ifndef RULES_UNITS_H
#define RULES_UNITS_H

#include "rules/slice.h"

/* A whole number and its unit: ms, s, m or h. False if it is anything else, 0, or more
 * than max_ms. */
bool units_duration(struct slice text, unsigned long max_ms, unsigned long *ms);

/* A whole number of bytes, or of K (1,024) or M of them; likewise. */
bool units_size(struct slice text, unsigned long max, unsigned long *bytes);

#endif
