/* SPDX-License-Identifier: MIT */
#include "rules/list.h"

#include <stdint.h>

#include "rules/criteria.h"
#include "rules/lcr.h"
#include "rules/rule.h"

/* Names by the route that they mean: a rule that names one has its tiers. */
struct naming {
	struct arena *arena;
	struct map names; /* address of tiers → struct named */
};

static struct slice key_of(const struct tier *const *tiers)
{
	return (struct slice){(const char *)tiers, sizeof *tiers};
}

/* Without memory for it, gateways are listed in place of the name. */
static void naming_init(struct naming *naming, const struct table *table)
{
	*naming = (struct naming){.arena = arena_new(TABLE_BYTES_MAX)};
	for (const struct named *n = table->named; n && naming->arena; n = n->next) {
		const struct tier *const *tiers =
			n->group ? &n->group->route.tiers : &n->route.tiers;
		if (*tiers && !map_find(&naming->names, key_of(tiers)) &&
		    !map_add(&naming->names, naming->arena, key_of(tiers),
		             (void *)(uintptr_t)n))
			return;
	}
}

static void write_tier(const struct tier *tier, FILE *to)
{
	fputs(tier->count > 1 ? "[" : "", to);
	for (size_t i = 0; i < tier->count; i++) {
		const struct gateway *gateway = tier->gateways[i];
		fputs(i ? ", " : "", to);
		diags_print_text(gateway->name.len ? gateway->name : gateway->uri.text,
		                 to);
	}
	fputs(tier->count > 1 ? "]" : "", to);
}

static void write_route(const struct naming *naming, const struct route *route, FILE *to)
{
	const struct named *named = map_find(&naming->names, key_of(&route->tiers));
	if (named) {
		diags_print_text(named->name, to);
		return;
	}
	for (size_t i = 0; i < route->tier_count; i++) {
		fputs(i ? ", " : "", to);
		write_tier(&route->tiers[i], to);
	}
}

static void write_choice(const struct lcr *lcr, FILE *to)
{
	fprintf(to, "lcr [");
	for (size_t i = 0; i < lcr->count; i++) {
		fputs(i ? ", " : "", to);
		diags_print_text(lcr->carriers[i]->name, to);
	}
	fputs(lcr->by_quality ? "] by quality" : "]", to);
}

static void write_targets(const struct naming *naming, const struct action *action,
                          FILE *to)
{
	if (action->lcr) {
		write_choice(action->lcr, to);
	} else if (action->route_column.len) {
		fputs("{row.", to);
		diags_print_text(action->route_column, to);
		fputc('}', to);
	} else {
		write_route(naming, &action->route, to);
	}
}

static void write_answer(const struct naming *naming, const struct action *action,
                         FILE *to)
{
	bool redirects = action->status < 400;
	fprintf(to, "%s %u", redirects ? "redirect" : "reject", action->status);
	if (redirects || action->phrase.len)
		fputc(' ', to);
	if (redirects)
		write_targets(naming, action, to);
	else
		diags_print_text(action->phrase, to);
	if (action->rewrite)
		fputs("; rewrite", to);
}

/* Returns whether there was one. */
static bool write_criterion(const char *before, const char *name,
                            const struct criterion *criterion, FILE *to)
{
	if (!criterion)
		return false;
	fprintf(to, "%s%s ", before, name);
	diags_print_text(criterion->wanted, to);
	return true;
}

static void write_criteria(const struct rule *rule, FILE *to)
{
	bool any = false;
	for (enum criterion_kind kind = 0; kind < CRITERION_KINDS; kind++)
		any |= write_criterion(any ? "; " : "", criterion_name(kind),
		                       rule->when[kind], to);
	for (enum criterion_kind kind = 0; kind < CRITERION_KINDS; kind++)
		any |= write_criterion(any ? "; not " : "not ", criterion_name(kind),
		                       rule->unless[kind], to);
	if (!any)
		fputs("any call", to);
}

static void write_place(const struct position *position, FILE *to)
{
	if (!position->line) {
		fputc('-', to);
		return;
	}
	diags_print_text(slice_of(position->file), to);
	fprintf(to, ":%u:%u", position->line, position->column);
}

/* number 0: the default. */
static void write_rule(const struct naming *naming, const struct ruleset *ruleset,
                       const struct rule *rule, size_t number, FILE *to)
{
	if (number)
		fprintf(to, "%zu\t", number);
	else
		fputs("-\t", to);
	diags_print_text(ruleset->name.len ? ruleset->name : slice_of("-"), to);
	fputc('\t', to);
	diags_print_text(rule->name, to);
	fputc('\t', to);
	write_place(&rule->position, to);
	fputc('\t', to);
	write_criteria(rule, to);
	fputc('\t', to);
	write_answer(naming, &rule->action, to);
	fputc('\n', to);
}

void list_ruleset(const struct ruleset *ruleset, FILE *to)
{
	if (!ruleset->name.len) {
		fputs("top level", to);
		return;
	}
	fputs("table \"", to);
	diags_print_text(ruleset->name, to);
	fputs("\" (", to);
	diags_print_text(slice_of(ruleset->position.file), to);
	fprintf(to, ":%u)", ruleset->position.line);
	bool any = write_criterion(", for ", "profile", ruleset->profile, to);
	any |= write_criterion(any ? "; " : ", for ", "peer", ruleset->peer, to);
	write_criterion(any ? "; " : ", for ", "host", ruleset->host, to);
}

static void write_title(const struct ruleset *ruleset, FILE *to)
{
	fputs(ruleset->longest
	              ? "# match: longest (exact numbers first, then the longest "
	                "prefix, then the rest; equals in this order): "
	              : "# match: first: ",
	      to);
	list_ruleset(ruleset, to);
	fputc('\n', to);
}

/* Its rules from first to end, where the default is the last one. */
static void write_rules(const struct naming *naming, const struct ruleset *ruleset,
                        size_t first, size_t end, FILE *to)
{
	for (size_t i = first; i < end && i < ruleset->rule_count; i++)
		write_rule(naming, ruleset, &ruleset->rules[i], i + 1, to);
	if (first <= ruleset->rule_count && end > ruleset->rule_count)
		write_rule(naming, ruleset, &ruleset->fallback, 0, to);
}

void list_write(const struct table *table, FILE *to)
{
	struct naming naming;
	naming_init(&naming, table);
	for (size_t i = 0; i < table_ruleset_count(table); i++) {
		const struct ruleset *ruleset = table_ruleset(table, i);
		write_title(ruleset, to);
		write_rules(&naming, ruleset, 0, SIZE_MAX, to);
	}
	arena_free(naming.arena);
}

void list_write_part(const struct table *table, size_t first, size_t count, FILE *to)
{
	struct naming naming;
	naming_init(&naming, table);
	for (size_t i = 0; i < table_ruleset_count(table) && count; i++) {
		const struct ruleset *ruleset = table_ruleset(table, i);
		size_t lines = ruleset->rule_count + 1;
		size_t here = first < lines ? lines - first : 0;
		if (here > count)
			here = count;
		write_rules(&naming, ruleset, first, first + here, to);
		first -= first < lines ? first : lines;
		count -= here;
	}
	arena_free(naming.arena);
}
