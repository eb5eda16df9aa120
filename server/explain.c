/* SPDX-License-Identifier: MIT */
#include "server/explain.h"

#include <stdlib.h>

#include "rules/list.h"

#define SKIPPED_SHOWN                                                                    \
	50 /* rules passed over: so many from the top of the file are printed */

/* What is printed of a lookup. The index passes over rules whose called number is
 * another; in the file's order it is plain which they are, and the first of them are
 * printed as well. */
struct showing {
	FILE *to;
	const struct table *table;
	const struct ruleset *ruleset; /* whose rules are asked; NULL: none yet */
	size_t next;                   /* first rule not yet spoken of */
	size_t hidden;                 /* rules passed over and not printed */
	bool *seen; /* with match: longest, a rule of several prefixes is considered more
	               than once */
};

static void print_considered(FILE *to, const struct considered *considered)
{
	const struct position *at = &considered->position;
	fprintf(to, "  %s:%u: rule \"%s\": ", at->file, at->line, considered->name.at);
	if (considered->matched)
		fputs("matches", to);
	else
		fprintf(to, "no, %s is not %.*s", considered->criterion,
		        (int)considered->wanted.len, considered->wanted.at);
	if (considered->clocks.len)
		fprintf(to, " (%.*s)", (int)considered->clocks.len,
		        considered->clocks.at);
	fputc('\n', to);
}

static void show_passed_over(struct showing *showing, size_t end)
{
	for (; showing->next < end; showing->next++) {
		struct considered passed_over;
		if (ruleset_is_longest(showing->ruleset) ||
		    showing->next >= SKIPPED_SHOWN) {
			showing->hidden += !showing->seen[showing->next];
			continue;
		}
		ruleset_rule(showing->ruleset, showing->next, &passed_over);
		print_considered(showing->to, &passed_over);
	}
}

static void show(void *arg, const struct considered *considered)
{
	struct showing *showing = arg;
	if (!ruleset_is_longest(showing->ruleset)) {
		show_passed_over(showing, considered->index);
		showing->next = considered->index + 1;
	}
	if (!showing->seen[considered->index])
		print_considered(showing->to, considered);
	showing->seen[considered->index] = true;
}

/* With one ruleset only there is nothing to choose. */
static void show_ruleset(void *arg, const struct ruleset *ruleset)
{
	struct showing *showing = arg;
	showing->ruleset = ruleset;
	if (table_ruleset_count(showing->table) == 1)
		return;
	fputs("  asked: ", showing->to);
	list_ruleset(ruleset, showing->to);
	fputc('\n', showing->to);
}

/* After the lookup: the rules behind the one that matched were not reached. */
static void show_rest(struct showing *showing, const struct explanation *explanation)
{
	bool matched = explanation->decided && explanation->decision.position.line &&
	               !slice_equal(explanation->decision.rule, slice_of("default"));
	if (!explanation->decided)
		return;
	if (!matched || ruleset_is_longest(showing->ruleset))
		show_passed_over(showing, ruleset_count(showing->ruleset));
	if (showing->hidden)
		fprintf(showing->to,
		        "  %zu more: called is another, or has a longer prefix above\n",
		        showing->hidden);
}

static void print_text(FILE *to, const char *name, struct slice text)
{
	if (text.len)
		fprintf(to, "  %s \"%.*s\"\n", name, (int)text.len, text.at);
}

static void print_parameters(FILE *to, const struct facts *facts)
{
	print_text(to, "rn", facts->rn);
	if (facts->npdi)
		fputs("  npdi\n", to);
	print_text(to, "cic", facts->cic);
	print_text(to, "tgrp", facts->tgrp);
	print_text(to, "trunk_context", facts->trunk_context);
}

static const char *cause_text(enum decision_cause cause)
{
	switch (cause) {
	case CAUSE_DISABLED:
		return "every gateway of the rule is disabled or out of its time";
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

const char *explain_why(const struct explanation *explanation)
{
	return explanation->why ? explanation->why
	                        : cause_text(explanation->decision.cause);
}

static void print_target(FILE *to, size_t number, const struct target *target)
{
	fprintf(to, "  %zu. %.*s", number, (int)target->uri.len, target->uri.at);
	if (target->gateway.len)
		fprintf(to, " (%.*s)", (int)target->gateway.len, target->gateway.at);
	fputc('\n', to);
}

static void print_row(FILE *to, const struct row *row)
{
	if (!row->numbers)
		return;
	size_t count;
	const struct slice *columns = numbers_columns(row->numbers, &count);
	fprintf(to, "  row of %.*s \"%.*s\"", (int)row->table.len, row->table.at,
	        (int)row->key.len, row->key.at);
	for (size_t i = 0; i < count; i++) {
		struct slice value = numbers_value(row->numbers, &row->at, i);
		fprintf(to, "%s %s \"%.*s\"", i ? "," : ":", columns[i].at,
		        (int)value.len, value.at);
	}
	fputc('\n', to);
}

static void print_decision(FILE *to, const struct explanation *explanation)
{
	const struct decision *decision = &explanation->decision;
	const unsigned long max = explanation->facts.dialect->max_contacts;
	fputs("decision:\n  ", to);
	if (decision->table.len)
		fprintf(to, "table \"%.*s\", ", (int)decision->table.len,
		        decision->table.at);
	fprintf(to, "rule \"%.*s\"", (int)decision->rule.len, decision->rule.at);
	if (decision->position.line)
		fprintf(to, " (%s:%u)", decision->position.file, decision->position.line);
	fprintf(to, ", status %u\n", decision->status);
	if (cause_text(decision->cause))
		fprintf(to, "  %s\n", cause_text(decision->cause));
	print_text(to, "called ", explanation->facts.called);
	print_parameters(to, &explanation->facts);
	if (!slice_equal(decision->asked, explanation->facts.called))
		print_text(to, "routed on", decision->asked);
	print_row(to, &decision->row);
	if (decision->number.len &&
	    !slice_equal(decision->number, explanation->facts.called))
		print_text(to, "rewritten to", decision->number);
	for (size_t i = 0; i < decision->target_count; i++)
		print_target(to, i + 1, &decision->targets[i]);
	if (decision->left_out)
		fprintf(to, "  %zu more left out: a reply has at most %lu Contact%s\n",
		        decision->left_out, max, max == 1 ? "" : "s");
}

bool explain_silently(struct redirect *redirect, const struct table *table,
                      const struct arrival *arrival, const char *request,
                      struct explanation *explanation, struct reply *reply)
{
	if (!arrival->peer) {
		explanation->why = "no peer of the profile has this source";
		reply->length = 0;
		return true;
	}
	msg_t *msg = message_parse(slice_of(request));
	if (!msg)
		return false;
	redirect_explain(redirect, table, message_of(msg), arrival, explanation, reply);
	msg_destroy(msg);
	return true;
}

bool explain(struct redirect *redirect, const struct table *table,
             const struct arrival *arrival, const char *request, FILE *to,
             struct explanation *explanation, struct reply *reply)
{
	struct showing showing = {
		.to = to,
		.table = table,
		.seen = calloc(table_counts(table).rules + 1, sizeof(bool))};
	struct trace trace = {show, &showing, show_ruleset};
	if (!showing.seen)
		return false;
	fputs("rules:\n", to);
	explanation->trace = &trace;
	bool asked =
		explain_silently(redirect, table, arrival, request, explanation, reply);
	explanation->trace = NULL;
	show_rest(&showing, explanation);
	if (explanation->decided)
		print_decision(to, explanation);
	if (explanation->why)
		fprintf(to, "  %s\n", explanation->why);
	free(showing.seen);
	return asked;
}
