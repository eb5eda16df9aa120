/* SPDX-License-Identifier: MIT */
/* action.h - what a rule answers: `redirect` or `reject`, and what goes with them. */
#ifndef RULES_ACTION_H
#define RULES_ACTION_H

#include "rules/rule.h"

/* Readers for schema rows; into is a struct action_reading. */
schema_reader action_read_redirect, action_read_reject, action_read_status,
	action_read_expires, action_read_rewrite, action_read_headers,
	action_read_uri_headers;

/* An action while its mapping is read: which keys were there. */
struct action_reading {
	struct action action;
	const struct node *redirect, *reject, *status, *expires, *rewrite, *uri_headers;
};

/* Checks what the keys say together; node is their mapping. */
bool action_check(struct load *load, const struct node *node,
                  struct action_reading *reading);

#endif
