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
                        const char *text)
{
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
                        const char *text)
{
	for (size_t i = 0; i < texts->count; i++)
		if (one_matches(kind, &texts->list[i], text))
			return true;
	return false;
}

/* "Of several header fields with one name one is enough." */
static bool header_matches(const char *name, const struct ref_texts *texts,
                           const struct ref_call *call)
{
	for (size_t i = 0; call->headers[i]; i += 2)
		if (strcasecmp(call->headers[i], name) == 0 &&
		    any_matches(REF_CALLED, texts, call->headers[i + 1]))
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

/* "A rule matches if all of its criteria match." */
static bool all_match(const struct ref_criteria *criteria, const struct ref_call *call)
{
	for (int kind = 0; kind < REF_TEXT_KINDS; kind++)
		if (criteria->texts[kind].count &&
		    !any_matches(kind, &criteria->texts[kind], call->texts[kind]))
			return false;
	return headers_match(criteria, call) &&
	       (!criteria->has_npdi || criteria->npdi == call->npdi);
}

/* "The rule matches only if none of them does." */
static bool none_matches(const struct ref_criteria *criteria, const struct ref_call *call)
{
	for (int kind = 0; kind < REF_TEXT_KINDS; kind++)
		if (any_matches(kind, &criteria->texts[kind], call->texts[kind]))
			return false;
	return !(criteria->header_count && headers_match(criteria, call)) &&
	       !(criteria->has_npdi && criteria->npdi == call->npdi);
}

static bool rule_matches(const struct ref_rule *rule, const struct ref_call *call)
{
	return all_match(&rule->when, call) &&
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
		if (!text_matches(text, call->texts[REF_CALLED]))
			continue;
		size_t mine = text->form == REF_EXACT    ? 1000000
		              : text->form == REF_PREFIX ? strlen(text->text)
		                                         : 0;
		best = mine > best ? mine : best;
	}
	return best;
}

const struct ref_rule *reference_match(const struct ref_table *table,
                                       const struct ref_call *call)
{
	const struct ref_rule *best = NULL;
	for (size_t i = 0; i < table->rule_count; i++) {
		const struct ref_rule *rule = &table->rules[i];
		if (!rule_matches(rule, call))
			continue;
		if (!best || (table->longest && rank(rule, call) > rank(best, call)))
			best = rule;
	}
	return best ? best : &table->fallback;
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

/* "They are applied in this order": strip, prepend, replace. */
static void rewrite(const struct ref_rewrite *rewrite, char number[NUMBER_ROOM])
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

static void make_uri(const struct ref_gateway *gateway, const char *number,
                     const char *caller, char uri[NUMBER_ROOM])
{
	char user[NUMBER_ROOM] = "";
	const char *at = *gateway->user ? gateway->user : "{called}@";
	while (*at != '@') {
		if (begins(at, "{called}"))
			append_escaped(user, number), at += strlen("{called}");
		else if (begins(at, "{caller}"))
			append_escaped(user, caller), at += strlen("{caller}");
		else
			append_char(user, *at++);
	}
	sprintf(uri, "sip:%s%s%s", user, *user ? "@" : "", gateway->hostport);
}

static bool is(struct slice text, const char *expected)
{
	return text.len == strlen(expected) && memcmp(text.at, expected, text.len) == 0;
}

struct offers {
	const struct ref_table *table;
	const char *number, *caller;
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

/* One target for each URI of the tier that has not been offered yet, in any order, as
 * long as there are not 10. */
static bool tier_agrees(struct offers *offers, const struct ref_tier *tier, FILE *why)
{
	char uris[4][NUMBER_ROOM];
	bool open[4] = {false};
	size_t expected = 0;
	for (size_t i = 0; i < tier->count; i++) {
		const struct ref_gateway *gateway =
			&offers->table->gateways[tier->members[i]];
		make_uri(gateway, offers->number, offers->caller, uris[i]);
		open[i] = gateway->enabled && !is_offered(offers, uris[i]);
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
		if (i == tier->count)
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

static bool redirect_agrees(const struct ref_table *table, const struct ref_rule *rule,
                            const struct ref_call *call, const struct decision *decision,
                            FILE *why)
{
	char number[NUMBER_ROOM];
	strcpy(number, call->texts[REF_CALLED]);
	if (rule->rewrites) {
		rewrite(&rule->rewrite, number);
		if (!*number)
			return status_agrees(decision, 484, CAUSE_INCOMPLETE, why);
	}
	struct offers offers = {table, number, call->texts[REF_CALLER], decision, 0};
	for (size_t i = 0; i < rule->route.count; i++)
		if (!tier_agrees(&offers, &rule->route.tiers[i], why))
			return false;
	if (!is(decision->number, number))
		return fprintf(why, "number %s is expected\n", number) < 0;
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
	if (!is(decision->rule, rule->name))
		return fprintf(why, "rule %s is expected\n", rule->name) < 0;
	return rule->status < 400 ? redirect_agrees(table, rule, call, decision, why)
	                          : reject_agrees(rule, decision, why);
}
