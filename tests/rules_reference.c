/* SPDX-License-Identifier: MIT */
#include "tests/rules_reference.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Matching */

static bool begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool text_matches(const struct ref_text *wanted, const char *text)
{
	if (wanted->form == REF_REGEX)
		return regexec(&wanted->regex->compiled, text, 0, NULL, 0) == 0;
	if (wanted->form == REF_PREFIX)
		return begins(text, wanted->text);
	return strcmp(text, wanted->text) == 0;
}

/* "The row of the longest prefix is taken." */
static const struct ref_row *find_row(const struct ref_numbers *numbers, const char *text,
                                      bool npdi)
{
	const struct ref_row *best = NULL;
	if (numbers->portability && npdi)
		return NULL;
	for (size_t i = 0; i < numbers->count; i++) {
		const struct ref_row *row = &numbers->rows[i];
		bool found = numbers->prefixes ? begins(text, row->number)
		                               : strcmp(text, row->number) == 0;
		if (found && (!best || strlen(row->number) > strlen(best->number)))
			best = row;
	}
	return best;
}

/* "Names are compared without case, IPv6 addresses (in brackets) by their value." */
static bool host_matches(const struct ref_text *wanted, const char *host)
{
	char texts[2][REF_TEXT];
	struct in6_addr a, b;
	if (wanted->text[0] != '[' || host[0] != '[')
		return strcasecmp(wanted->text, host) == 0;
	sscanf(wanted->text, "[%47[^]]", texts[0]);
	sscanf(host, "[%47[^]]", texts[1]);
	return inet_pton(AF_INET6, texts[0], &a) == 1 &&
	       inet_pton(AF_INET6, texts[1], &b) == 1 && memcmp(&a, &b, 16) == 0;
}

/* "IPv4 addresses count as IPv4-mapped IPv6 ones." Gives the bits in front of those of an
 * IPv4 address. */
static unsigned read_address(const char *text, unsigned char bytes[16])
{
	memset(bytes, 0, 16);
	if (inet_pton(AF_INET6, text, bytes) == 1)
		return 0;
	bytes[10] = bytes[11] = 255;
	inet_pton(AF_INET, text, bytes + 12);
	return 96;
}

static bool network_matches(const struct ref_text *wanted, const char *source)
{
	char text[REF_TEXT];
	unsigned char network[16], address[16];
	strcpy(text, wanted->text);
	char *slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	unsigned before = read_address(text, network);
	unsigned bits = slash ? before + (unsigned)atoi(slash + 1) : 128;
	read_address(source, address);
	for (unsigned i = 0; i < bits; i++)
		if ((network[i / 8] ^ address[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static bool one_matches(enum ref_kind kind, const struct ref_text *wanted,
                        const char *text, bool npdi)
{
	if (wanted->form == REF_IN)
		return find_row(wanted->numbers, text, npdi);
	switch (kind) {
	case REF_HOST:
		return host_matches(wanted, text);
	case REF_SOURCE:
		return network_matches(wanted, text);
	default:
		return text_matches(wanted, text);
	}
}

static bool any_matches(enum ref_kind kind, const struct ref_texts *texts,
                        const char *text, bool npdi)
{
	for (size_t i = 0; i < texts->count; i++)
		if (one_matches(kind, &texts->list[i], text, npdi))
			return true;
	return false;
}

/* "Of several header fields with one name one is enough." */
static bool header_matches(const char *name, const struct ref_texts *texts,
                           const struct ref_call *call)
{
	for (size_t i = 0; call->headers[i]; i += 2)
		if (strcasecmp(call->headers[i], name) == 0 &&
		    any_matches(REF_CALLED, texts, call->headers[i + 1], false))
			return true;
	return false;
}

static bool headers_match(const struct ref_criteria *criteria,
                          const struct ref_call *call)
{
	for (size_t i = 0; i < criteria->header_count; i++)
		if (!header_matches(criteria->headers[i].name,
		                    &criteria->headers[i].texts, call))
			return false;
	return true;
}

/* Times */

static bool date_has(const struct ref_date *date, const struct ref_clock *clock)
{
	return (!date->month || date->month == clock->month) &&
	       clock->day >= date->first && clock->day <= date->last;
}

static bool dates_have(const struct ref_date dates[2], size_t count,
                       const struct ref_clock *clock)
{
	for (size_t i = 0; i < count; i++)
		if (date_has(&dates[i], clock))
			return true;
	return false;
}

/* "All of its keys that are given must hold", of the day on which the hours begin. */
static bool day_holds(const struct ref_time *time, const struct ref_clock *begin)
{
	return (!time->days || (time->days >> begin->weekday & 1)) &&
	       (!time->date_count || dates_have(time->dates, time->date_count, begin)) &&
	       !dates_have(time->except_dates, time->except_date_count, begin);
}

static bool time_holds(const struct ref_time *time, const struct ref_moment *moment)
{
	const struct ref_clock *today = &moment->clocks[time->zone];
	const struct ref_clock *yesterday = &moment->yesterday[time->zone];
	if (time->except && time_holds(time->except, moment))
		return false;
	if (!time->hour_count)
		return day_holds(time, today);
	for (size_t i = 0; i < time->hour_count; i++) {
		int from = time->hours[i][0], to = time->hours[i][1];
		bool over_midnight = from > to;
		if (today->second >= from && (over_midnight || today->second < to) &&
		    day_holds(time, today))
			return true;
		if (over_midnight && today->second < to && day_holds(time, yesterday))
			return true;
	}
	return false;
}

static bool times_match(const struct ref_criteria *criteria, const struct ref_call *call)
{
	for (size_t i = 0; i < criteria->time_count; i++)
		if (time_holds(criteria->times[i], call->moment))
			return true;
	return false;
}

static bool span_has(const struct ref_span *span, const struct ref_call *call)
{
	return call->moment->now_s >= span->from_s && call->moment->now_s < span->until_s;
}

/* "A rule matches if all of its criteria match." */
static bool all_match(const struct ref_criteria *criteria, const struct ref_call *call)
{
	for (int kind = 0; kind < REF_TEXT_KINDS; kind++)
		if (criteria->texts[kind].count &&
		    !any_matches(kind, &criteria->texts[kind], call->texts[kind],
		                 call->npdi))
			return false;
	return headers_match(criteria, call) &&
	       (!criteria->time_count || times_match(criteria, call)) &&
	       (!criteria->has_npdi || criteria->npdi == call->npdi);
}

/* "The rule matches only if none of them does." */
static bool none_matches(const struct ref_criteria *criteria, const struct ref_call *call)
{
	for (int kind = 0; kind < REF_TEXT_KINDS; kind++)
		if (any_matches(kind, &criteria->texts[kind], call->texts[kind],
		                call->npdi))
			return false;
	return !(criteria->header_count && headers_match(criteria, call)) &&
	       !times_match(criteria, call) &&
	       !(criteria->has_npdi && criteria->npdi == call->npdi);
}

static bool rule_matches(const struct ref_rule *rule, const struct ref_call *call)
{
	return span_has(&rule->span, call) && all_match(&rule->when, call) &&
	       (!rule->negates || none_matches(&rule->unless, call));
}

/* The place at which `match: longest` asks a rule that matches: "those that have the
 * called number as an exact text, those that have a prefix of it, the longest prefix
 * first, those with the prefix "", those with a regex in called, and those without
 * called". */
static size_t rank(const struct ref_rule *rule, const struct ref_call *call)
{
	const struct ref_texts *called = &rule->when.texts[REF_CALLED];
	size_t best = 0;
	for (size_t i = 0; i < called->count; i++) {
		const struct ref_text *text = &called->list[i];
		if (text->form == REF_IN) {
			const struct ref_row *row = find_row(
				text->numbers, call->texts[REF_CALLED], call->npdi);
			size_t place = !row                      ? 0
			               : text->numbers->prefixes ? strlen(row->number)
			                                         : 1000000;
			best = place > best ? place : best;
			continue;
		}
		if (!text_matches(text, call->texts[REF_CALLED]))
			continue;
		size_t mine = text->form == REF_EXACT    ? 1000000
		              : text->form == REF_PREFIX ? strlen(text->text)
		                                         : 0;
		best = mine > best ? mine : best;
	}
	return best;
}

/* "A request asks the first table that is for it, and only that one; if none is, the
 * rules of the top level." */
const struct ref_ruleset *reference_ruleset(const struct ref_table *table,
                                            const struct ref_call *call)
{
	for (size_t i = 0; i < table->tenant_count; i++)
		if (all_match(&table->tenants[i].scope, call))
			return &table->tenants[i];
	return &table->top;
}

/* "For a number with rn, rules see the routing number as the called number." */
static struct ref_call seen_by_rules(const struct ref_table *table,
                                     const struct ref_call *call)
{
	struct ref_call seen = *call;
	if (*call->texts[REF_RN] && !table->ignores_rn)
		strcpy(seen.texts[REF_CALLED], call->texts[REF_RN]);
	return seen;
}

const struct ref_rule *reference_match(const struct ref_table *table,
                                       const struct ref_call *asked)
{
	const struct ref_ruleset *set = reference_ruleset(table, asked);
	const struct ref_rule *best = NULL;
	struct ref_call seen = seen_by_rules(table, asked);
	const struct ref_call *call = &seen;
	for (size_t i = 0; i < set->rule_count; i++) {
		const struct ref_rule *rule = &set->rules[i];
		if (!rule_matches(rule, call))
			continue;
		if (!best || (set->longest && rank(rule, call) > rank(best, call)))
			best = rule;
	}
	return best ? best : &set->fallback;
}

/* Rewriting */

#define NUMBER_ROOM 4096

static void append_char(char *to, char c)
{
	size_t length = strlen(to);
	to[length] = c;
	to[length + 1] = '\0';
}

static void replace(const struct ref_rewrite *rewrite, char number[NUMBER_ROOM])
{
	char out[NUMBER_ROOM] = "";
	regmatch_t groups[10];
	if (regexec(&rewrite->regex->compiled, number, 10, groups, 0) != 0)
		return;
	strncat(out, number, (size_t)groups[0].rm_so);
	for (const char *at = rewrite->with; *at; at++) {
		if (*at != '$') {
			append_char(out, *at);
			continue;
		}
		at++;
		const regmatch_t *group = &groups[*at == '$' ? 0 : *at - '0'];
		if (*at == '$')
			strcat(out, "$");
		else if (group->rm_so >= 0)
			strncat(out, number + group->rm_so,
			        (size_t)(group->rm_eo - group->rm_so));
	}
	strcat(out, number + groups[0].rm_eo);
	strcpy(number, out);
}

/* "The first three change the number, in this order": strip, prepend, replace. False if
 * none of them is given. */
static bool rewrite(const struct ref_rewrite *rewrite, char number[NUMBER_ROOM])
{
	char out[NUMBER_ROOM] = "";
	size_t length = strlen(number), strip = rewrite->strip_count;
	if (rewrite->strip_text)
		strip = begins(number, rewrite->strip_text) ? strlen(rewrite->strip_text)
		                                            : 0;
	if (rewrite->prepend)
		strcat(out, rewrite->prepend);
	strcat(out, number + (strip < length ? strip : length));
	strcpy(number, out);
	if (rewrite->regex)
		replace(rewrite, number);
	return rewrite->strip_count || rewrite->strip_text || rewrite->prepend ||
	       rewrite->regex;
}

/* Targets */

/* "What is filled in is escaped for the user part." */
static void append_escaped(char *to, const char *text)
{
	for (; *text; text++) {
		bool escape = text[0] == '%' && text[1] && text[2] &&
		              strspn(text + 1, "0123456789abcdefABCDEF") >= 2;
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		           "0123456789-_.!~*'()&=+$,;?/",
		           *text) ||
		    escape)
			append_char(to, *text);
		else
			sprintf(to + strlen(to), "%%%02X", (unsigned char)*text);
	}
}

/* What a Contact is made from. */
struct filling {
	char number[NUMBER_ROOM]; /* rewritten */
	const struct ref_call *call;
	const struct ref_rewrite *rewrite;
};

/* "an optional +, digits (at least one), *, #, the separators, and parameters behind
 * a ;" */
static bool is_telephone(const char *user)
{
	size_t length;
	user += *user == '+';
	length = strspn(user, "0123456789*#-.()");
	return (!user[length] || user[length] == ';') &&
	       strcspn(user, "0123456789") < length;
}

static void append_parameter(char *to, const char *name, const char *given,
                             const char *passed_on)
{
	const char *value = given ? given : passed_on;
	if (*value)
		sprintf(to + strlen(to), ";%s=%s", name, value);
}

/* "What is not rewritten of rn, npdi and cic goes on as it is in the request, but only
 * with the number that it belongs to." "A trunk group in the request is not passed on."
 */
static void append_parameters(char *to, const struct filling *filling, bool only_called)
{
	const struct ref_rewrite *rewrite = filling->rewrite;
	const struct ref_call *call = filling->call;
	bool on = only_called && strcmp(filling->number, call->texts[REF_CALLED]) == 0;
	append_parameter(to, "cic", rewrite->cic, on ? call->texts[REF_CIC] : "");
	if (rewrite->has_npdi ? rewrite->npdi : on && call->npdi)
		strcat(to, ";npdi");
	append_parameter(to, "rn", rewrite->rn, on ? call->texts[REF_RN] : "");
	if (rewrite->tgrp && *rewrite->tgrp && *rewrite->trunk_context) {
		append_parameter(to, "tgrp", rewrite->tgrp, "");
		append_parameter(to, "trunk-context", rewrite->trunk_context, "");
	}
}

static void make_uri(const struct ref_gateway *gateway, const struct filling *filling,
                     char uri[NUMBER_ROOM])
{
	char user[NUMBER_ROOM] = "", plain[NUMBER_ROOM] = "",
	     parameters[NUMBER_ROOM] = "";
	const char *form = *gateway->user ? gateway->user : "{called}@";
	for (const char *at = form; *at != '@';) {
		const char *text = begins(at, "{called}")
		                           ? filling->number
		                           : filling->call->texts[REF_CALLER];
		if (*at != '{') {
			append_char(user, *at);
			append_char(plain, *at++);
			continue;
		}
		append_escaped(user, text);
		strcat(plain, text);
		at += strlen("{called}");
	}
	if (strstr(form, "{called}") && is_telephone(plain))
		append_parameters(parameters, filling, strcmp(form, "{called}@") == 0);
	size_t host = strcspn(gateway->hostport, "?");
	sprintf(uri, "sip:%s%s%s%.*s%s%s", user, parameters, *user ? "@" : "", (int)host,
	        gateway->hostport, *parameters ? ";user=phone" : "",
	        gateway->hostport + host);
}

static bool is(struct slice text, const char *expected)
{
	return text.len == strlen(expected) &&
	       (!text.len || memcmp(text.at, expected, text.len) == 0);
}

struct offers {
	const struct ref_table *table;
	const struct filling *filling;
	const struct decision *decision;
	size_t next; /* of the decision's targets */
};

static bool is_offered(const struct offers *offers, const char *uri)
{
	for (size_t i = 0; i < offers->next; i++)
		if (is(offers->decision->targets[i].uri, uri))
			return true;
	return false;
}

/* One target for each URI of the tier's gateways that are up, or of those that are down,
 * that has not been offered yet, in any order, as long as there are not 10. */
static bool tier_agrees(struct offers *offers, const struct ref_tier *tier, bool down,
                        FILE *why)
{
	char uris[4][NUMBER_ROOM];
	bool open[4] = {false};
	size_t expected = 0;
	for (size_t i = 0; i < tier->count; i++) {
		const struct ref_gateway *gateway =
			&offers->table->gateways[tier->members[i]];
		make_uri(gateway, offers->filling, uris[i]);
		open[i] = gateway->enabled && gateway->down == down &&
		          span_has(&gateway->span, offers->filling->call) &&
		          !is_offered(offers, uris[i]);
		bool twice = false;
		for (size_t j = 0; j < i; j++)
			twice |= open[j] && open[i] && strcmp(uris[i], uris[j]) == 0;
		expected += open[i] && !twice;
	}
	for (; expected && offers->next < 10; expected--, offers->next++) {
		const struct target *target = &offers->decision->targets[offers->next];
		size_t i = 0;
		if (offers->next == offers->decision->target_count)
			return fprintf(why, "a target is missing\n") < 0;
		while (i < tier->count &&
		       !(open[i] && is(target->uri, uris[i]) &&
		         is(target->gateway,
		            offers->table->gateways[tier->members[i]].name)))
			i++;
		if (i == tier->count || target->down != down)
			return fprintf(why, "target %zu is not of its tier\n",
			               offers->next + 1) < 0;
		for (size_t j = 0; j < tier->count; j++)
			open[j] = open[j] && strcmp(uris[j], uris[i]) != 0;
	}
	return true;
}

static bool status_agrees(const struct decision *decision, unsigned status,
                          enum decision_cause cause, FILE *why)
{
	return (decision->status == status && decision->cause == cause &&
	        (status < 400 || !decision->target_count)) ||
	       fprintf(why, "status %u cause %d is expected\n", status, (int)cause) < 0;
}

static bool has_in(const struct ref_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		if (texts->list[i].form == REF_IN)
			return true;
	return false;
}

/* "Of the row that called has found, or if it has no in, that caller has found." "With a
 * list of tables the first one that has a row gives it." */
static const struct ref_row *row_of(const struct ref_table *table,
                                    const struct ref_rule *rule,
                                    const struct ref_call *call)
{
	struct ref_call seen = seen_by_rules(table, call);
	enum ref_kind kind =
		has_in(&rule->when.texts[REF_CALLED]) ? REF_CALLED : REF_CALLER;
	const struct ref_texts *texts = &rule->when.texts[kind];
	for (size_t i = 0; i < texts->count; i++) {
		const struct ref_row *row =
			texts->list[i].form == REF_IN
				? find_row(texts->list[i].numbers, seen.texts[kind],
		                           call->npdi)
				: NULL;
		if (row)
			return row;
	}
	return NULL;
}

/* What the rule redirects to; false: the row names nothing. */
static bool find_route(const struct ref_table *table, const struct ref_rule *rule,
                       const struct ref_call *call, struct ref_route *route)
{
	*route = rule->route;
	if (!rule->by_row)
		return true;
	const struct ref_row *row = row_of(table, rule, call);
	*route = (struct ref_route){.count = 1, .tiers[0].count = 1};
	if (row && row->gateway >= 0)
		route->tiers[0].members[0] = (size_t)row->gateway;
	return row && row->gateway >= 0;
}

static bool redirect_agrees(const struct ref_table *table, const struct ref_rule *rule,
                            const struct ref_call *call, const struct decision *decision,
                            FILE *why)
{
	struct filling filling = {.call = call, .rewrite = &rule->rewrite};
	struct ref_route route;
	if (!find_route(table, rule, call, &route))
		return status_agrees(decision, 480, CAUSE_NO_GATEWAY, why);
	strcpy(filling.number, call->texts[REF_CALLED]);
	if (rule->rewrites) {
		bool changes = rewrite(&rule->rewrite, filling.number);
		if (changes && !*filling.number)
			return status_agrees(decision, 484, CAUSE_INCOMPLETE, why);
	}
	struct offers offers = {table, &filling, decision, 0};
	/* "Those that are down come behind all that are up." */
	for (int down = 0; down < 2; down++)
		for (size_t i = 0; i < route.count; i++)
			if (!tier_agrees(&offers, &route.tiers[i], down, why))
				return false;
	if (!is(decision->number, filling.number))
		return fprintf(why, "number %s is expected\n", filling.number) < 0;
	if (!offers.next)
		return status_agrees(decision, 480, CAUSE_DISABLED, why);
	if (offers.next != decision->target_count)
		return fprintf(why, "there are too many targets\n") < 0;
	return status_agrees(decision, rule->status, CAUSE_RULE, why) &&
	       (decision->expires_s == rule->expires_s ||
	        fprintf(why, "expires %lu is expected\n", rule->expires_s) < 0);
}

static bool reject_agrees(const struct ref_rule *rule, const struct decision *decision,
                          FILE *why)
{
	if (!is(decision->phrase, rule->phrase) || !is(decision->reason, rule->reason) ||
	    decision->retry_after_s != rule->retry_after_s)
		return fprintf(why, "phrase \"%s\", reason \"%s\", retry_after %lu\n",
		               rule->phrase, rule->reason, rule->retry_after_s) < 0;
	return status_agrees(decision, rule->status, CAUSE_RULE, why);
}

bool reference_agrees(const struct ref_table *table, const struct ref_call *call,
                      const struct decision *decision, FILE *why)
{
	const struct ref_rule *rule = reference_match(table, call);
	const char *tenant = reference_ruleset(table, call)->name;
	if (!is(decision->rule, rule->name) || !is(decision->table, tenant))
		return fprintf(why, "rule %s of table \"%s\" is expected\n", rule->name,
		               tenant) < 0;
	return rule->status < 400 ? redirect_agrees(table, rule, call, decision, why)
	                          : reject_agrees(rule, decision, why);
}
