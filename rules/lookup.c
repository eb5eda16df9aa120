/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "rules/criteria.h"
#include "rules/dialect.h"
#include "rules/health.h"
#include "rules/index.h"
#include "rules/lcr.h"
#include "rules/moment.h"
#include "rules/numbertable.h"
#include "rules/parameter_rewrite.h"
#include "rules/rewrite.h"
#include "rules/select.h"
#include "rules/table.h"
#include "rules/target.h"
#include "rules/tenants.h"

/* Lookups: match → rewrite → select. */

#define DETAIL_MAX 400

/* A gateway that is down, and which carrier's it is. */
struct waiting {
	const struct gateway *gateway;
	size_t carrier;
};

/* Of all headers that are added to one reply. */
#define HEADERS_TEXT_MAX 8192

struct workspace {
	struct pattern_space *space;
	struct walk walk;
	char detail[DETAIL_MAX]; /* of the rule that a trace is told of */
	char numbers[2][NUMBER_MAX];
	char parameter_texts[PARAMETERS_MAX];
	char headers[HEADERS_TEXT_MAX];
	struct parameters parameters;
	char targets[DECISION_TARGETS_MAX][TARGET_TEXT_MAX];
	struct lcr_offer offers[LCR_DECKS_MAX];
	size_t waiting_count;
	struct waiting waiting[LCR_DECKS_MAX * ROUTE_TARGETS_MAX];
};

struct workspace *workspace_new(void)
{
	struct workspace *workspace = calloc(1, sizeof *workspace);
	if (workspace && !(workspace->space = pattern_space_new())) {
		free(workspace);
		return NULL;
	}
	return workspace;
}

void workspace_free(struct workspace *workspace)
{
	if (!workspace)
		return;
	pattern_space_free(workspace->space);
	free(workspace);
}

static void describe(const struct rule *rule, size_t index, struct considered *out)
{
	*out = (struct considered){
		.index = index, .name = rule->name, .position = rule->position};
}

static const char *const negated_names[CRITERION_KINDS] = {
	[CRITERION_CALLED] = "not: called",
	[CRITERION_CALLER] = "not: caller",
	[CRITERION_HOST] = "not: host",
	[CRITERION_SOURCE] = "not: source",
	[CRITERION_LISTENER] = "not: listener",
	[CRITERION_HEADER] = "not: header",
	[CRITERION_PROFILE] = "not: profile",
	[CRITERION_PEER] = "not: peer",
	[CRITERION_USER] = "not: user",
	[CRITERION_RN] = "not: rn",
	[CRITERION_NPDI] = "not: npdi",
	[CRITERION_CIC] = "not: cic",
	[CRITERION_TGRP] = "not: tgrp",
	[CRITERION_TRUNK_CONTEXT] = "not: trunk_context",
	[CRITERION_DATE] = "not: date",
	[CRITERION_TIME] = "not: time",
};

/* What the clocks show, where that decided. */
static struct slice explain_time(const struct criterion *criterion, int64_t now_s,
                                 char detail[DETAIL_MAX])
{
	if (criterion && criterion->period)
		moment_text(criterion->period->zone, now_s, detail);
	else if (criterion && criterion->times)
		timeset_explain(criterion->times, criterion->time_count, now_s, detail,
		                DETAIL_MAX);
	else
		detail[0] = '\0';
	return slice_of(detail);
}

static void tell(const struct trace *trace, const struct ruleset *ruleset,
                 const struct facts *facts, struct workspace *workspace, uint32_t index,
                 bool matched, enum criterion_kind kind, bool negated)
{
	const struct rule *rule = &ruleset->rules[index];
	struct considered considered;
	if (!trace)
		return;
	describe(rule, index, &considered);
	considered.matched = matched;
	const struct criterion *decisive = rule->when[CRITERION_TIME]
	                                           ? rule->when[CRITERION_TIME]
	                                           : rule->unless[CRITERION_TIME];
	if (!matched) {
		considered.criterion =
			negated ? negated_names[kind] : criterion_name(kind);
		decisive = negated ? rule->unless[kind] : rule->when[kind];
		considered.wanted = decisive->wanted;
	}
	considered.clocks = explain_time(decisive, facts->now_s, workspace->detail);
	trace->considered(trace->arg, &considered);
}

/* The first rule that matches, the default if none does; NULL if a regex gave up, and
 * then *gave_up is the rule it stands in. */
static const struct rule *match(const struct ruleset *ruleset, const struct facts *facts,
                                struct workspace *workspace, const struct trace *trace,
                                const struct rule **gave_up)
{
	uint32_t index;
	bool known, negated;
	enum criterion_kind kind;
	walk_start(&workspace->walk, ruleset->index, facts, ruleset->longest);
	while (walk_next(&workspace->walk, &index, &known)) {
		const struct rule *rule = &ruleset->rules[index];
		enum pattern_result result = criteria_match(
			rule, facts, known, workspace->space, &kind, &negated);
		tell(trace, ruleset, facts, workspace, index, result == PATTERN_YES, kind,
		     negated);
		if (result == PATTERN_YES)
			return rule;
		if (result == PATTERN_GAVE_UP) {
			*gave_up = rule;
			return NULL;
		}
	}
	return &ruleset->fallback;
}

static void refuse(struct decision *decision, unsigned status, enum decision_cause cause)
{
	decision->status = status;
	decision->cause = cause;
	decision->target_count = 0;
	decision->left_out = 0;
	decision->expires_s = 0;
	decision->headers = NULL;
}

/* The same URI twice is of no use to the caller: it has just failed. */
static bool is_offered(const struct decision *decision, struct slice uri)
{
	for (size_t i = 0; i < decision->target_count; i++)
		if (slice_equal(decision->targets[i].uri, uri))
			return true;
	return false;
}

/* What is written behind the called number; NULL: nothing. */
static const struct parameters *parameters_for(const struct gateway *gateway,
                                               const struct rewrite *rewrite,
                                               const struct template_values *values,
                                               struct workspace *workspace)
{
	const struct facts *facts = values->facts;
	if (!rewrite && !facts->npdi && !facts->rn.len && !facts->cic.len)
		return NULL;
	bool kept = gateway->uri.is_called && slice_equal(values->called, facts->called);
	parameter_rewrite_apply(rewrite ? &rewrite->parameters : NULL, values, kept,
	                        workspace->parameter_texts, &workspace->parameters);
	return &workspace->parameters;
}

/* Writes the URI into the place that is next. False: it cannot be written. */
static bool make_target(const struct decision *decision, const struct gateway *gateway,
                        const struct action *action, const struct facts *facts,
                        struct workspace *workspace, struct target *out)
{
	const struct dialect *dialect = facts->dialect;
	char *text = workspace->targets[decision->target_count];
	struct template_values values = {facts,         decision->number, decision->rule,
	                                 gateway->name, decision->asked,  &decision->row};
	struct headers_levels headers = {{action->extra ? &action->extra->uri : NULL,
	                                  &gateway->extra.uri,
	                                  facts->extra ? &facts->extra->uri : NULL}};
	struct target_call call = {
		.values = &values,
		.parameters =
			parameters_for(gateway, action->rewrite, &values, workspace),
		.user_phone = dialect && dialect->user_phone,
		.bare = dialect && !dialect->embedded,
		.headers = headers_are_none(&headers) ? NULL : &headers};
	struct slice uri = {text,
	                    target_write(&gateway->uri, &call, text, TARGET_TEXT_MAX)};
	*out = (struct target){.uri = uri,
	                       .host = gateway->uri.host,
	                       .gateway = gateway->name,
	                       .gateway_number = gateway->number,
	                       .headers = &gateway->extra.reply};
	return uri.len > 0;
}

static bool is_fit(const struct facts *facts, const struct target *target)
{
	return !facts->takes || facts->takes(facts->request, target);
}

static bool add_target(struct decision *decision, const struct gateway *gateway,
                       bool down, const struct action *action, const struct facts *facts,
                       struct workspace *workspace)
{
	struct target target;
	if (decision->target_count == DECISION_TARGETS_MAX) {
		decision->left_out++;
		return true;
	}
	if (!make_target(decision, gateway, action, facts, workspace, &target))
		return false;
	target.down = down;
	if (!is_fit(facts, &target))
		decision->unfit++;
	else if (!is_offered(decision, target.uri))
		decision->targets[decision->target_count++] = target;
	return true;
}

/* One that is down waits, if it can be offered at all. */
static bool add_down(struct decision *decision, const struct waiting *waiting,
                     const struct action *action, const struct facts *facts,
                     struct workspace *workspace)
{
	struct target target;
	if (decision->target_count < DECISION_TARGETS_MAX) {
		if (!make_target(decision, waiting->gateway, action, facts, workspace,
		                 &target))
			return false;
		if (!is_fit(facts, &target)) {
			decision->unfit++;
			return true;
		}
	}
	workspace->waiting[workspace->waiting_count++] = *waiting;
	return true;
}

/* How many gateways of a route are in use, and of those that can be offered how many are
 * up and how many down. */
struct usable {
	size_t in_use, up, down;
};

/* Adds the gateways of route that are up; those that are down wait. False: a URI cannot
 * be written. */
static bool add_route(struct decision *decision, const struct route *route,
                      size_t carrier, const struct action *action,
                      const struct facts *facts, struct workspace *workspace,
                      struct usable *usable)
{
	*usable = (struct usable){0};
	for (size_t t = 0; t < route->tier_count; t++) {
		const struct gateway *order[ROUTE_TARGETS_MAX];
		size_t in_use = select_order(&route->tiers[t], facts->call_key,
		                             facts->now_s, order);
		usable->in_use += in_use;
		for (size_t i = 0; i < in_use; i++) {
			bool down = health_is_down(facts->health, order[i]->probe_number);
			size_t unfit = decision->unfit;
			struct waiting waiting = {order[i], carrier};
			if (down ? !add_down(decision, &waiting, action, facts, workspace)
			         : !add_target(decision, order[i], false, action, facts,
			                       workspace))
				return false;
			*(down ? &usable->down : &usable->up) += unfit == decision->unfit;
		}
	}
	return true;
}

/* Those that are down, in their order, behind all that are up. Of carriers: of those that
 * are offered; NULL: there are none. */
static bool add_waiting(struct decision *decision, const struct lcr_offer *offers,
                        const struct action *action, const struct facts *facts,
                        struct workspace *workspace)
{
	for (size_t i = 0; i < workspace->waiting_count; i++) {
		const struct waiting *waiting = &workspace->waiting[i];
		if (offers && offers[waiting->carrier].outcome != PRICED_OFFERED &&
		    offers[waiting->carrier].outcome != PRICED_DOWN)
			continue;
		if (!add_target(decision, waiting->gateway, true, action, facts,
		                workspace))
			return false;
	}
	return true;
}

static bool add_gateways(struct decision *decision, const struct route *route,
                         const struct action *action, const struct facts *facts,
                         struct workspace *workspace)
{
	struct usable usable;
	workspace->waiting_count = 0;
	return add_route(decision, route, 0, action, facts, workspace, &usable) &&
	       add_waiting(decision, NULL, action, facts, workspace);
}

/* Why there is none, of the carriers that were not offered. */
static void refuse_all(struct decision *decision, const struct lcr_offer *offers,
                       size_t count)
{
	bool disabled = false, dear = false;
	for (size_t i = 0; i < count; i++) {
		disabled |= offers[i].outcome == PRICED_DISABLED;
		dear |= offers[i].outcome == PRICED_TOO_DEAR;
	}
	if (disabled)
		refuse(decision, 480, CAUSE_DISABLED);
	else if (dear)
		refuse(decision, 480, CAUSE_TOO_DEAR);
	else
		refuse(decision, 404, CAUSE_NO_RATE);
}

/* Carriers whose gateways are all down come behind the others, if there is room for them.
 * Returns how many are offered then. */
static size_t offer_down(struct lcr_offer *offers, size_t count, size_t offered,
                         size_t max)
{
	for (size_t i = 0; i < count; i++)
		if (offers[i].outcome == PRICED_DOWN && offered++ >= max)
			offers[i].outcome = PRICED_BEYOND_MAX;
	return offered;
}

/* The carriers in order, until there are enough. A carrier without a gateway that can be
 * offered does not count. */
static bool add_carriers(struct decision *decision, const struct action *action,
                         const struct facts *facts, struct workspace *workspace,
                         const struct trace *trace)
{
	const struct lcr *lcr = action->lcr;
	struct lcr_offer *offers = workspace->offers;
	struct lcr_question question =
		lcr_ask(lcr, decision->asked, facts, &decision->row);
	size_t count = lcr_choose(lcr, &question, offers);
	size_t offered = 0;
	workspace->waiting_count = 0;
	for (size_t i = 0; i < count && offered < lcr->max; i++) {
		struct usable usable;
		if (!add_route(decision, &offers[i].carrier->route, i, action, facts,
		               workspace, &usable))
			return false;
		offers[i].outcome = usable.up       ? PRICED_OFFERED
		                    : usable.down   ? PRICED_DOWN
		                    : usable.in_use ? PRICED_UNFIT
		                                    : PRICED_DISABLED;
		offered += usable.up > 0;
	}
	offered = offer_down(offers, count, offered, lcr->max);
	if (!add_waiting(decision, offers, action, facts, workspace))
		return false;
	lcr_tell(lcr, &question, offers, trace);
	if (!offered && !decision->unfit)
		refuse_all(decision, offers, lcr->count);
	return true;
}

/* The route of an action; NULL if a row names none. */
static const struct route *route_of(const struct table *table,
                                    const struct action *action, const struct row *row)
{
	if (!action->route_column.len)
		return &action->route;
	struct slice name = numbertable_value(row, action->route_column);
	const struct named *named = name.len ? map_find(&table->names, name) : NULL;
	return named ? &named->route : NULL;
}

static void redirect(const struct table *table, const struct action *action,
                     const struct facts *facts, struct workspace *workspace,
                     const struct trace *trace, struct decision *decision)
{
	const struct route *route = route_of(table, action, &decision->row);
	enum pattern_result rewritten = PATTERN_YES;
	if (!route) {
		refuse(decision, 480, CAUSE_NO_GATEWAY);
		return;
	}
	if (action->rewrite)
		rewritten =
			rewrite_apply(action->rewrite, facts->called, workspace->numbers,
		                      workspace->space, &decision->number);
	if (rewritten != PATTERN_YES) {
		decision->number = (struct slice){0};
		refuse(decision, rewritten == PATTERN_NO ? 484 : 500,
		       rewritten == PATTERN_NO ? CAUSE_INCOMPLETE : CAUSE_GAVE_UP);
		return;
	}
	decision->expires_s = action->expires_s;
	bool written = action->lcr
	                       ? add_carriers(decision, action, facts, workspace, trace)
	                       : add_gateways(decision, route, action, facts, workspace);
	if (!written)
		refuse(decision, 484, CAUSE_INCOMPLETE);
	else if (decision->status < 400 && !decision->target_count)
		refuse(decision, decision->unfit ? 404 : 480,
		       decision->unfit ? CAUSE_UNFIT : CAUSE_DISABLED);
}

/* RFC 4694 5.1: a call to a ported number goes where its routing number does. */
static const struct facts *ask_rn(const struct table *table, const struct facts *facts,
                                  struct facts *routed)
{
	if (table->ignores_rn || !facts->rn.len)
		return facts;
	*routed = *facts;
	routed->called = facts->rn;
	return routed;
}

void table_lookup(const struct table *table, const struct facts *facts,
                  struct workspace *workspace, const struct trace *trace,
                  struct decision *decision)
{
	const struct ruleset *ruleset = tenants_choose(table, facts);
	const struct rule *gave_up = NULL;
	struct facts routed;
	const struct facts *asked = ask_rn(table, facts, &routed);
	if (trace && trace->chosen)
		trace->chosen(trace->arg, ruleset);
	const struct rule *rule = match(ruleset, asked, workspace, trace, &gave_up);
	const struct rule *named = rule ? rule : gave_up;
	const struct action *action = &named->action;
	*decision =
		(struct decision){.status = action->status,
	                          .table = ruleset->name,
	                          .rule = named->name,
	                          .position = named->position,
	                          .rule_number = rule_number(ruleset, named),
	                          .asked = asked->called,
	                          .headers = action->extra ? &action->extra->reply : NULL,
	                          .status_given = action->status_given,
	                          .priority = named->priority};
	if (named->has_row)
		decision->row = numbertable_rule_row(named, asked);
	if (!rule) {
		refuse(decision, 500, CAUSE_GAVE_UP);
	} else if (action->status < 400) {
		decision->number = facts->called;
		redirect(table, action, facts, workspace, trace, decision);
	} else {
		decision->phrase = action->phrase;
		decision->reason = action->reason;
		decision->retry_after_s = action->retry_after_s;
	}
}

/* A Reason that `reject` gives is the only one. */
static const struct header no_reason_item = {.name = {"Reason", 6}};
static const struct headers no_reason = {1, &no_reason_item};

struct slice table_headers(const struct decision *decision, const struct facts *facts,
                           struct workspace *workspace)
{
	const struct target *first =
		decision->target_count ? &decision->targets[0] : NULL;
	struct headers_levels headers = {{decision->reason.len ? &no_reason : NULL,
	                                  decision->headers,
	                                  first ? first->headers : NULL,
	                                  facts->extra ? &facts->extra->reply : NULL}};
	if (headers_are_none(&headers))
		return (struct slice){0};
	struct template_values values = {
		facts,           decision->number.len ? decision->number : facts->called,
		decision->rule,  first ? first->gateway : (struct slice){0},
		decision->asked, &decision->row};
	struct writer writer = {workspace->headers, HEADERS_TEXT_MAX, 0, false};
	headers_write(&headers, &values, &writer);
	return writer_since(&writer, 0);
}

void ruleset_rule(const struct ruleset *ruleset, size_t index, struct considered *out)
{
	const struct rule *rule = &ruleset->rules[index];
	describe(rule, index, out);
	out->criterion = criterion_name(CRITERION_CALLED);
	if (rule->when[CRITERION_CALLED])
		out->wanted = rule->when[CRITERION_CALLED]->wanted;
}
