/* SPDX-License-Identifier: MIT */
#include "rules/decision.h"

#include "rules/writer.h"

struct slice decision_label(struct slice table, struct slice rule,
                            char buffer[DECISION_LABEL_MAX])
{
	struct writer label = {.to = buffer, .size = DECISION_LABEL_MAX - 1};
	writer_put(&label, table);
	if (table.len)
		writer_put_char(&label, '/');
	writer_put(&label, rule);
	buffer[label.len] = '\0';
	return (struct slice){buffer, label.len};
}

const char *decision_why(enum decision_cause cause)
{
	switch (cause) {
	case CAUSE_DISABLED:
		return "every gateway of the rule is disabled or out of its time";
	case CAUSE_NO_RATE:
		return "no deck of the rule has a rate in force for the number";
	case CAUSE_TOO_DEAR:
		return "all rates are above max_rate";
	case CAUSE_UNFIT:
		return "no target may be offered for this Request-URI";
	case CAUSE_INCOMPLETE:
		return "the rewriting leaves no number";
	case CAUSE_NO_GATEWAY:
		return "the row names no gateway";
	case CAUSE_GAVE_UP:
		return "a regex took too long, so no rule could be chosen";
	default:
		return NULL;
	}
}
