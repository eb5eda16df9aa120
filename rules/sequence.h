/* SPDX-License-Identifier: MIT */
/* sequence.h - rules in the order in which they are asked.
 *
 * Included rules stand where they are included. An `include` at the top level of a file
 * is the same as one in front of its rules:
 *
 *     rules.yaml: include: a.yaml                 a.yaml's rules
 *                 rules: [x, {include: b}, y]  →  x, those of b, y
 */
#ifndef RULES_SEQUENCE_H
#define RULES_SEQUENCE_H

#include "rules/files.h"

#define RULES_MAX 1000000u /* of one sequence */

struct sequence {
	const struct files *files;
	const void *owner; /* unlike that of any other sequence of these files */
	const struct node **rules;
	size_t count, size;
	bool full; /* and it has been said */
};

/* Adds the rules of a file, or of a list. The same file may stand in many sequences but,
 * if it has rules, only once in each. False after an error. */
bool sequence_add_file(struct load *load, struct sequence *sequence, struct file *file);
bool sequence_add_list(struct load *load, struct sequence *sequence,
                       const struct node *list);
void sequence_free(struct sequence *sequence);

#endif
