/* SPDX-License-Identifier: MIT */
/* dialect.h - what a peer makes of a redirect, and so how it gets one. */
#ifndef RULES_DIALECT_H
#define RULES_DIALECT_H

#include <stdbool.h>

struct load;
struct node;

struct dialect {
	unsigned status;            /* of several Contacts, if the rule names none */
	unsigned long max_contacts; /* 1..DECISION_TARGETS_MAX */
	bool q;                     /* q parameters, from 1.0 in steps of 0.1 */
	bool user_phone;            /* telephone numbers get ;user=phone */
	bool embedded;              /* headers in Contact URIs, ?Name=value */
	unsigned long max_bytes; /* of a reply over UDP, unless one Contact needs more */
};

/* What works everywhere, for peers without a dialect. */
extern const struct dialect dialect_universal;

/* Reads a preset's name, or a mapping of what differs from universal or from its
 * `preset`; into is a struct dialect. */
bool dialect_read(struct load *load, const struct node *node, void *into);

#endif
