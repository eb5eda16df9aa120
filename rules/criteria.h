/* SPDX-License-Identifier: MIT */
/* criteria.h - what a rule asks of a request: read, asked, compared. */
#ifndef RULES_CRITERIA_H
#define RULES_CRITERIA_H

#include "rules/facts.h"
#include "rules/rule.h"

/* What a rule without `not` has there. */
extern const struct criterion *const criteria_none[CRITERION_KINDS];

/* Readers for schema rows; into is a struct rule. */
schema_reader criteria_read_called, criteria_read_caller, criteria_read_host,
	criteria_read_source, criteria_read_listener, criteria_read_header,
	criteria_read_profile, criteria_read_peer, criteria_read_user, criteria_read_rn,
	criteria_read_npdi, criteria_read_cic, criteria_read_tgrp,
	criteria_read_trunk_context, criteria_read_time, criteria_read_not;

/* Makes a criterion of a rule's `from` and `until`. */
bool criteria_set_period(struct load *load, struct rule *rule, struct period *period);

/* "called", "source", ... */
const char *criterion_name(enum criterion_kind kind);

/* What a rule says to a request. called_known: the index has found that `called` matches,
 * so it is not asked again. Unless the answer is PATTERN_YES, *kind and *negated tell the
 * criterion that decided. */
enum pattern_result criteria_match(const struct rule *rule, const struct facts *facts,
                                   bool called_known, struct pattern_space *space,
                                   enum criterion_kind *kind, bool *negated);

/* True if every request that inner matches is certainly matched by outer as well,
 * `called` aside. Regexes are compared by their text. */
bool criteria_cover(const struct rule *outer, const struct rule *inner);

/* How many texts and networks a rule has, and one: what comparing it costs. */
size_t criteria_size(const struct rule *rule);

/* True if `called` or `caller` asks a number table. */
bool criteria_has_row(const struct rule *rule);

/* True if the rule has no criterion, or `called` alone. */
bool criteria_only_called(const struct rule *rule);

#endif
