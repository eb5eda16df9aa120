/* SPDX-License-Identifier: MIT */
#include "rules/shadow.h"

#include "rules/criteria.h"
#include "rules/index.h"
#include "rules/texts.h"

struct search {
	const struct ruleset *ruleset;
	uint32_t rule; /* that may be unreachable */
	size_t cost;   /* of comparing it with another */
	const struct rule *found;
	size_t *budget;
};

static const struct text_match *called_of(const struct rule *rule)
{
	static const struct slice empty;
	static const struct text_match anything = {.prefix_count = 1, .prefix = &empty};
	const struct criterion *called = rule->when[CRITERION_CALLED];
	return called ? &called->text : &anything;
}

/* Does `called` of outer take all that inner's takes, as the order of asking sees
 * it? With longest, a shorter prefix is asked after a longer one: only equal texts are
 * asked in the file's order. */
static bool called_covers(const struct ruleset *ruleset, const struct rule *outer,
                          const struct rule *inner)
{
	return ruleset->longest ? texts_include(called_of(outer), called_of(inner))
	                        : texts_cover(called_of(outer), called_of(inner));
}

static bool compare(void *arg, uint32_t earlier)
{
	struct search *search = arg;
	const struct ruleset *ruleset = search->ruleset;
	const struct rule *outer = &ruleset->rules[earlier],
			  *inner = &ruleset->rules[search->rule];
	if (earlier >= search->rule || search->found || *search->budget < search->cost)
		return false;
	*search->budget -= search->cost;
	if (called_covers(ruleset, outer, inner) && criteria_cover(outer, inner))
		search->found = outer;
	return !search->found;
}

/* A rule in front of this one must take this one's first called text, so it stands in the
 * chain of that text or of one of its prefixes, or in the rest; if this one has number
 * tables only, in the chain of the first of them. */
static const struct rule *find(const struct ruleset *ruleset, uint32_t rule,
                               size_t *budget)
{
	const struct rule *inner = &ruleset->rules[rule];
	const struct text_match *called = called_of(inner);
	struct search search = {ruleset, rule, criteria_size(inner), NULL, budget};
	struct slice text = {0};
	if (called->exact_count)
		text = called->exact[0];
	else if (called->prefix_count)
		text = called->prefix[0];
	index_visit_rest(ruleset->index, compare, &search);
	if (called->exact_count)
		index_visit(ruleset->index, text, true, compare, &search);
	if (!text.at && called->table_count)
		index_visit_table(ruleset->index, called->tables[0], compare, &search);
	for (size_t len = 0; len <= text.len && !search.found; len++)
		index_visit(ruleset->index, (struct slice){text.at, len}, false, compare,
		            &search);
	return search.found;
}

void shadow_warn(struct load *load, const struct ruleset *ruleset, size_t *budget)
{
	char hint[DIAGS_HINT_MAX];
	for (size_t i = 0; i < ruleset->rule_count && *budget; i++) {
		const struct rule *rule = &ruleset->rules[i];
		const struct rule *front = find(ruleset, (uint32_t)i, budget);
		if (front)
			load_warning(load, rule->position,
			             diags_hint(hint,
			                        "rule \"%s\" at %s:%u:%u takes every "
			                        "such call first",
			                        front->name.at, front->position.file,
			                        front->position.line,
			                        front->position.column),
			             "rule \"%s\" can never match", rule->name.at);
	}
}
