/* SPDX-License-Identifier: MIT */
/* shadow.h - finds rules that can never match because an earlier one always does. */
#ifndef RULES_SHADOW_H
#define RULES_SHADOW_H

#include "rules/rule.h"

/* Warns of every such rule, naming the rule in front of it. Compares what the rules say,
 * not what regexes mean, so it is silent rather than wrong. Each comparison of two texts
 * is taken off *budget, and at 0 the search ends: a table of very many rules on the same
 * numbers still loads in bounded time. */
#define SHADOW_COMPARISONS_MAX 5000000u /* what a whole table may cost */
void shadow_warn(struct load *load, const struct ruleset *ruleset, size_t *budget);

#endif
