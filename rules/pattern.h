/* SPDX-License-Identifier: MIT */
/* pattern.h - regular expressions (PCRE2, bytes not characters, not anchored). */
#ifndef RULES_PATTERN_H
#define RULES_PATTERN_H

#include "rules/slice.h"

#define PATTERN_GROUPS_MAX 9       /* captures a replacement can name: $1 to $9 */
#define PATTERN_MATCH_LIMIT 10000u /* steps of one match; more: PATTERN_GAVE_UP */

struct pattern;       /* read-only after compiling: any number of threads may match with it */
struct pattern_space; /* what one match writes; one per thread */

enum pattern_result { PATTERN_NO, PATTERN_YES, PATTERN_GAVE_UP };

/* Compiles text, with JIT where the system allows it. On failure returns NULL, error says what is
 * wrong and *offset is the byte where. */
struct pattern *pattern_new(struct slice text, char error[128], size_t *offset);
void pattern_free(struct pattern *pattern);

/* How many groups the expression captures. */
unsigned pattern_groups(const struct pattern *pattern);

struct pattern_space *pattern_space_new(void); /* NULL when out of memory */
void pattern_space_free(struct pattern_space *space);

/* Bounded in time: gives up after PATTERN_MATCH_LIMIT steps. Allocates nothing. */
enum pattern_result pattern_match(const struct pattern *pattern, struct slice subject,
                                  struct pattern_space *space);

/* After PATTERN_YES: what group (0 = the whole match) matched; empty if it took no part. Points into
 * the subject. */
struct slice pattern_group(const struct pattern_space *space, struct slice subject, unsigned group);

#endif
