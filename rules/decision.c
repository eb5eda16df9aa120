/* SPDX-License-Identifier: MIT */
#include "rules/decision.h"

struct slice decision_label(struct slice table, struct slice rule,
                            char buffer[DECISION_LABEL_MAX])
{
	int len = snprintf(buffer, DECISION_LABEL_MAX, "%.*s%s%.*s", (int)table.len,
	                   table.len ? table.at : "", table.len ? "/" : "", (int)rule.len,
	                   rule.len ? rule.at : "");
	return (struct slice){buffer, (size_t)len < DECISION_LABEL_MAX
	                                      ? (size_t)len
	                                      : DECISION_LABEL_MAX - 1};
}
