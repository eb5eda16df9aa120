/* SPDX-License-Identifier: MIT */
#include "server/commands/explain.h"

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
	size_t priced_count;
	struct priced priced[PRICED_MAX];
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

/* They are printed behind the rules. */
static void keep_priced(void *arg, const struct priced *priced)
{
	struct showing *showing = arg;
	showing->priced[showing->priced_count++] = *priced;
}

static void print_rate(FILE *to, const struct priced *priced)
{
	char rate[DECIMAL_TEXT_MAX], quality[DECIMAL_TEXT_MAX];
	fprintf(to, "%s for \"%.*s\"", decimal_text(priced->rate, rate),
	        (int)priced->prefix.len, priced->prefix.at);
	if (priced->destination.len)
		fprintf(to, " %.*s", (int)priced->destination.len,
		        priced->destination.at);
	if (priced->increment.len)
		fprintf(to, ", increment %.*s", (int)priced->increment.len,
		        priced->increment.at);
	if (priced->has_quality)
		fprintf(to, ", quality %s", decimal_text(priced->quality, quality));
}

static void print_priced(FILE *to, size_t place, const struct priced *priced)
{
	char limit[DECIMAL_TEXT_MAX];
	if (priced->outcome == PRICED_OFFERED || priced->outcome == PRICED_DOWN)
		fprintf(to, "  %zu. %.*s: ", place, (int)priced->deck.len,
		        priced->deck.at);
	else
		fprintf(to, "  %.*s: no, ", (int)priced->deck.len, priced->deck.at);
	switch (priced->outcome) {
	case PRICED_NOWHERE:
		fputs("it has no rate in force for the number", to);
		break;
	case PRICED_BLOCKED:
		fprintf(to, "it blocks \"%.*s\"", (int)priced->prefix.len,
		        priced->prefix.at);
		break;
	default:
		print_rate(to, priced);
	}
	if (priced->outcome == PRICED_TOO_DEAR)
		fprintf(to, ", above %s", decimal_text(priced->limit, limit));
	else if (priced->outcome == PRICED_DISABLED)
		fputs(": none of its gateways is in use", to);
	else if (priced->outcome == PRICED_UNFIT)
		fputs(": none of its gateways may be offered for this Request-URI", to);
	else if (priced->outcome == PRICED_DOWN)
		fputs(": its gateways are down", to);
	else if (priced->outcome == PRICED_BEYOND_MAX)
		fputs(": there are enough before it", to);
	fputc('\n', to);
}

static void show_priced(const struct showing *showing)
{
	if (showing->priced_count)
		fputs("decks:\n", showing->to);
	for (size_t i = 0; i < showing->priced_count; i++)
		print_priced(showing->to, i + 1, &showing->priced[i]);
}

static void print_target(FILE *to, size_t number, const struct target *target,
                         bool all_down)
{
	fprintf(to, "  %zu. %.*s", number, (int)target->uri.len, target->uri.at);
	if (target->gateway.len)
		fprintf(to, " (%.*s)", (int)target->gateway.len, target->gateway.at);
	if (target->down)
		fputs(all_down ? ": down" : ": down, so behind those that are up", to);
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
	if (decision_why(decision->cause))
		fprintf(to, "  %s\n", decision_why(decision->cause));
	print_text(to, "called ", explanation->facts.called);
	print_parameters(to, &explanation->facts);
	if (!slice_equal(decision->asked, explanation->facts.called))
		print_text(to, "routed on", decision->asked);
	print_row(to, &decision->row);
	if (decision->number.len &&
	    !slice_equal(decision->number, explanation->facts.called))
		print_text(to, "rewritten to", decision->number);
	for (size_t i = 0; i < decision->target_count; i++)
		print_target(to, i + 1, &decision->targets[i], decision->targets[0].down);
	if (decision->target_count && decision->targets[0].down)
		fputs("  all gateways are down: they stand in the order of the table\n",
		      to);
	if (decision->left_out)
		fprintf(to, "  %zu more left out: a reply has at most %lu Contact%s\n",
		        decision->left_out, max, max == 1 ? "" : "s");
	if (explanation->unfit)
		fprintf(to, "  %zu more left out: the reply would be too large\n",
		        explanation->unfit);
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
	struct trace trace = {show, &showing, show_ruleset, keep_priced};
	if (!showing.seen)
		return false;
	fputs("rules:\n", to);
	explanation->trace = &trace;
	bool asked =
		explain_silently(redirect, table, arrival, request, explanation, reply);
	explanation->trace = NULL;
	show_rest(&showing, explanation);
	show_priced(&showing);
	if (explanation->decided)
		print_decision(to, explanation);
	if (explanation->why)
		fprintf(to, "  %s\n", explanation->why);
	free(showing.seen);
	return asked;
}
