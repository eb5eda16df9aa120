/* SPDX-License-Identifier: MIT */
/* pattern.h - regular expressions (PCRE2, bytes not characters, not anchored).
 *
 * The subject comes from the network and the expression may be a careless one, so every
 * match is bounded. PCRE2's own match limit does not do that: the interpreter starts
 * counting anew at each byte of the subject, and JIT code counts only some of what it
 * does. So each item of the expression calls back and is counted as one step, and so are
 * each 64 bytes that it moves forward.
 *
 * $ is the very end of the subject, not also before a newline that ends it.
 */
#ifndef RULES_PATTERN_H
#define RULES_PATTERN_H

#include "rules/slice.h"

#define PATTERN_BYTES_MAX    1024   /* of an expression */
#define PATTERN_NESTING_MAX  32     /* levels of parentheses */
#define PATTERN_GROUPS_MAX   9      /* captures a replacement can name: $1 to $9 */
#define PATTERN_CAPTURES_MAX 32     /* groups that an expression may have */
#define PATTERN_MATCH_LIMIT  20000u /* steps of one match, 0.1 to 0.5 ms */

struct pattern; /* read-only after compiling: any number of threads may match with it */
struct pattern_space; /* what one match writes; one per thread */

enum pattern_result { PATTERN_NO, PATTERN_YES, PATTERN_GAVE_UP };

/* Compiles text, with JIT where the system allows it. On failure returns NULL, error says
 * what is wrong and *offset is the byte where. */
struct pattern *pattern_new(struct slice text, char error[128], size_t *offset);
void pattern_free(struct pattern *pattern);

/* How many groups the expression captures, 0 to PATTERN_CAPTURES_MAX. */
unsigned pattern_groups(const struct pattern *pattern);

struct pattern_space *pattern_space_new(void); /* NULL when out of memory */
void pattern_space_free(struct pattern_space *space);

/* Bounded in time: gives up after PATTERN_MATCH_LIMIT steps. Allocates nothing, save that
 * without JIT the space grows with the deepest match so far, up to 8 MiB. */
enum pattern_result pattern_match(const struct pattern *pattern, struct slice subject,
                                  struct pattern_space *space);

/* After PATTERN_YES: what group (0 = the whole match) matched; empty if it took no part.
 * Points into the subject. */
struct slice pattern_group(const struct pattern_space *space, struct slice subject,
                           unsigned group);

#endif
