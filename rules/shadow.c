/* SPDX-License-Identifier: MIT */
#include "rules/shadow.h"

#include "rules/criteria.h"
#include "rules/index.h"

struct search {
	const struct table *table;
	uint32_t rule; /* that may be unreachable */
	const struct rule *found;
	size_t *budget;
};

/* Does `called` of outer take all that inner's takes, as the table's order of asking sees
 * it? With longest, a shorter prefix is asked after a longer one: only equal texts are
 * asked in the file's order. */
static bool called_covers(const struct table *table, const struct rule *outer,
                          const struct rule *inner)
{
	const struct criterion *wide = outer->when[CRITERION_CALLED];
	const struct criterion *narrow = inner->when[CRITERION_CALLED];
	if (!table->longest)
		return !wide ||
		       (narrow && criterion_covers(CRITERION_CALLED, wide, narrow));
	if (!criteria_indexed(outer) || !criteria_indexed(inner))
		return !wide && !narrow;
	for (size_t i = 0; i < narrow->text.prefix_count; i++) {
		size_t o = 0;
		while (o < wide->text.prefix_count &&
		       !slice_equal(wide->text.prefix[o], narrow->text.prefix[i]))
			o++;
		if (o == wide->text.prefix_count)
			return false;
	}
	struct text_match exact_outer = wide->text, exact_inner = narrow->text;
	exact_outer.prefix_count = exact_inner.prefix_count = 0;
	return criterion_covers(CRITERION_CALLED,
	                        &(struct criterion){.text = exact_outer},
	                        &(struct criterion){.text = exact_inner});
}

static bool compare(void *arg, uint32_t earlier)
{
	struct search *search = arg;
	const struct table *table = search->table;
	const struct rule *outer = &table->rules[earlier],
			  *inner = &table->rules[search->rule];
	if (earlier >= search->rule || search->found || *search->budget == 0)
		return false;
	--*search->budget;
	if (called_covers(table, outer, inner) && criteria_cover(outer, inner))
		search->found = outer;
	return !search->found;
}

/* A rule in front of this one must take this one's first called text, so it stands in the
 * chain of that text or of one of its prefixes, or in the rest. */
static const struct rule *find(const struct table *table, uint32_t rule, size_t *budget)
{
	struct search search = {table, rule, NULL, budget};
	index_visit_rest(table->index, compare, &search);
	if (!criteria_indexed(&table->rules[rule]))
		return search.found;
	const struct text_match *called =
		&table->rules[rule].when[CRITERION_CALLED]->text;
	bool exact = called->exact_count > 0;
	if (!exact && !called->prefix_count)
		return search.found;
	struct slice text = exact ? called->exact[0] : called->prefix[0];
	if (exact)
		index_visit(table->index, text, true, compare, &search);
	for (size_t len = 0; len <= text.len && !search.found; len++)
		index_visit(table->index, (struct slice){text.at, len}, false, compare,
		            &search);
	return search.found;
}

void shadow_warn(struct load *load, const struct table *table)
{
	size_t budget = SHADOW_COMPARISONS_MAX;
	char hint[DIAGS_HINT_MAX];
	for (size_t i = 0; i < table->rule_count && budget; i++) {
		const struct rule *rule = &table->rules[i];
		const struct rule *front = find(table, (uint32_t)i, &budget);
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
