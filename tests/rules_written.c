/* SPDX-License-Identifier: MIT */
#include "tests/rules_written.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/rules_random.h"

static const char *const kind_names[REF_TEXT_KINDS] = {
	"called", "caller", "host", "source", "listener", "profile",
	"peer",   "user",   "rn",   "cic",    "tgrp",     "trunk_context"};

static void put_quoted(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++)
		fprintf(to, strchr("\"\\", *text) ? "\\%c" : "%c", *text);
	fputc('"', to);
}

/* "a number is an optional +, digits (at least one), * and #" */
static bool is_number(const char *text)
{
	text += *text == '+';
	return strspn(text, "0123456789*#") == strlen(text) &&
	       strpbrk(text, "0123456789");
}

/* With separators, or letters in another case, where these do not count. */
static void put_disguised(FILE *to, uint64_t *state, enum ref_kind kind, const char *text)
{
	char out[2 * REF_TEXT], *end = out;
	bool number = (kind == REF_CALLED || kind == REF_CALLER) && is_number(text);
	bool letters = kind == REF_HOST || kind == REF_TGRP || kind == REF_TRUNK_CONTEXT;
	for (; *text; text++) {
		char c =
			letters && random_one_in(state, 3) ? (char)toupper(*text) : *text;
		*end++ = c;
		if (number && random_one_in(state, 6))
			*end++ = " -.()"[random_below(state, 5)];
	}
	*end = '\0';
	if (kind == REF_LISTENER && strstr(out, ":5060") && random_one_in(state, 2))
		*strstr(out, ":5060") = '\0';
	put_quoted(to, out);
}

static void put_form(FILE *to, uint64_t *state, enum ref_kind kind,
                     const struct ref_texts *texts, enum ref_form form)
{
	const char *comma = "";
	fputc('[', to);
	for (size_t i = 0; i < texts->count; i++) {
		const struct ref_text *text = &texts->list[i];
		if (text->form != form)
			continue;
		fputs(comma, to);
		if (form == REF_IN)
			fputs(text->numbers->name, to);
		else if (form == REF_REGEX)
			put_quoted(to, text->regex->text);
		else
			put_disguised(to, state, kind, text->text);
		comma = ", ";
	}
	fputc(']', to);
}

static void put_texts(FILE *to, uint64_t *state, enum ref_kind kind,
                      const struct ref_texts *texts)
{
	static const char *const forms[] = {"exact", "prefix", "regex", "in"};
	const char *comma = "";
	if (random_count(texts, REF_EXACT) == texts->count &&
	    (!random_has_forms(kind) || random_one_in(state, 2))) {
		if (texts->count == 1 && random_one_in(state, 2))
			put_disguised(to, state, kind, texts->list[0].text);
		else
			put_form(to, state, kind, texts, REF_EXACT);
		return;
	}
	fputc('{', to);
	for (enum ref_form form = REF_EXACT; form <= REF_IN; form++) {
		if (!random_count(texts, form))
			continue;
		fprintf(to, "%s%s: ", comma, forms[form]);
		put_form(to, state, kind, texts, form);
		comma = ", ";
	}
	fputc('}', to);
}

static void put_criteria(FILE *to, uint64_t *state, const struct ref_criteria *criteria)
{
	for (int kind = 0; kind < REF_TEXT_KINDS; kind++) {
		if (!criteria->texts[kind].count)
			continue;
		fprintf(to, "%s: ", kind_names[kind]);
		put_texts(to, state, kind, &criteria->texts[kind]);
		fputs(", ", to);
	}
	if (criteria->time_count)
		fprintf(to, "time: [%s%s%s], ", criteria->times[0]->name,
		        criteria->time_count > 1 ? ", " : "",
		        criteria->time_count > 1 ? criteria->times[1]->name : "");
	if (criteria->has_npdi)
		fprintf(to, "npdi: %s, ", criteria->npdi ? "true" : "false");
	if (!criteria->header_count)
		return;
	fputs("header: {", to);
	for (size_t i = 0; i < criteria->header_count; i++) {
		fprintf(to, "%s%s: ", i ? ", " : "", criteria->headers[i].name);
		put_texts(to, state, REF_RN, &criteria->headers[i].texts);
	}
	fputs("}, ", to);
}

static void put_rewrite(FILE *to, const struct ref_rewrite *rewrite)
{
	const char *comma = "";
	fputs(", rewrite: {", to);
	if (rewrite->regex) { /* the order of the keys does not count */
		fputs("replace: {regex: ", to);
		put_quoted(to, rewrite->regex->text);
		fputs(", with: ", to);
		put_quoted(to, rewrite->with);
		fputs("}", to);
		comma = ", ";
	}
	if (rewrite->strip_text)
		fprintf(to, "%sstrip: \"%s\"", comma, rewrite->strip_text), comma = ", ";
	else if (rewrite->strip_count)
		fprintf(to, "%sstrip: %u", comma, rewrite->strip_count), comma = ", ";
	if (rewrite->prepend)
		fprintf(to, "%sprepend: \"%s\"", comma, rewrite->prepend), comma = ", ";
	if (rewrite->rn)
		fprintf(to, "%srn: \"%s\"", comma, rewrite->rn), comma = ", ";
	if (rewrite->cic)
		fprintf(to, "%scic: \"%s\"", comma, rewrite->cic), comma = ", ";
	if (rewrite->has_npdi)
		fprintf(to, "%snpdi: %s", comma, rewrite->npdi ? "true" : "false"),
			comma = ", ";
	if (rewrite->tgrp)
		fprintf(to, "%stgrp: \"%s\", trunk_context: \"%s\"", comma, rewrite->tgrp,
		        rewrite->trunk_context);
	fputs("}", to);
}

static void put_route(FILE *to, const struct ref_table *table,
                      const struct ref_route *route)
{
	fputs("redirect: [", to);
	for (size_t i = 0; i < route->count; i++) {
		const struct ref_tier *tier = &route->tiers[i];
		fputs(i ? ", [" : "[", to);
		for (size_t j = 0; j < tier->count; j++)
			fprintf(to, "%s%s", j ? ", " : "",
			        table->gateways[tier->members[j]].name);
		fputs("]", to);
	}
	fputs("]", to);
}

static void put_answer(FILE *to, const struct ref_table *table,
                       const struct ref_rule *rule)
{
	if (rule->status < 400) {
		if (rule->by_row)
			fputs("redirect: {row.gateway}", to);
		else
			put_route(to, table, &rule->route);
		fprintf(to, ", status: %u", rule->status);
		if (rule->expires_s)
			fprintf(to, ", expires: %lu", rule->expires_s);
		if (rule->rewrites)
			put_rewrite(to, &rule->rewrite);
		return;
	}
	fprintf(to, "reject: {status: %u", rule->status);
	if (*rule->phrase)
		fprintf(to, ", phrase: %s", rule->phrase);
	if (*rule->reason)
		fprintf(to, ", reason: %s", rule->reason);
	if (rule->retry_after_s)
		fprintf(to, ", retry_after: %lu", rule->retry_after_s);
	fputs("}", to);
}

static void put_moment(FILE *to, const char *key, int64_t at, const char *after)
{
	char text[64];
	time_t time = (time_t)at;
	struct tm tm;
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&time, &tm));
	fprintf(to, "%s: \"%s\"%s", key, text, after);
}

static void put_span(FILE *to, const struct ref_span *span)
{
	if (span->from_s != INT64_MIN)
		put_moment(to, "from", span->from_s, ", ");
	if (span->until_s != INT64_MAX)
		put_moment(to, "until", span->until_s, ", ");
}

static void put_dates(FILE *to, const struct ref_date dates[2], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct ref_date *date = &dates[i];
		char month[8] = "";
		if (date->month)
			sprintf(month, "%02d-", date->month);
		fprintf(to, "%s\"%s%02d", i ? ", " : "", month, date->first);
		if (date->last > date->first)
			fprintf(to, "..%s%02d", month, date->last);
		fputs("\"", to);
	}
}

static void put_hour(FILE *to, int second, const char *after)
{
	fprintf(to, "%02d:%02d%s", second / 3600, second / 60 % 60, after);
}

static void put_time(FILE *to, const struct ref_time *time)
{
	static const char *const days[] = {"sun", "mon", "tue", "wed",
	                                   "thu", "fri", "sat"};
	fprintf(to, "  %s: {zone: %s", time->name, random_zones[time->zone]);
	const char *comma = "";
	if (time->days) {
		fputs(", days: [", to);
		for (size_t i = 0; i < 7; i++)
			if (time->days >> i & 1)
				fprintf(to, "%s%s", comma, days[i]), comma = ", ";
		fputs("]", to);
	}
	if (time->hour_count) {
		fputs(", hours: [", to);
		for (size_t i = 0; i < time->hour_count; i++) {
			fputs(i ? ", \"" : "\"", to);
			put_hour(to, time->hours[i][0], "-");
			put_hour(to, time->hours[i][1], "\"");
		}
		fputs("]", to);
	}
	if (time->date_count) {
		fputs(", dates: [", to);
		put_dates(to, time->dates, time->date_count);
		fputs("]", to);
	}
	if (time->except_date_count || time->except) {
		fputs(", except: [", to);
		put_dates(to, time->except_dates, time->except_date_count);
		if (time->except)
			fprintf(to, "%s%s", time->except_date_count ? ", " : "",
			        time->except->name);
		fputs("]", to);
	}
	fputs("}\n", to);
}

static void put_gateway(FILE *to, const struct ref_gateway *gateway)
{
	fprintf(to, "  %s: {", gateway->name);
	put_span(to, &gateway->span);
	fprintf(to, "uri: \"sip:%s%s\"", gateway->user, gateway->hostport);
	if (gateway->weight != 1)
		fprintf(to, ", weight: %u", gateway->weight);
	if (!gateway->enabled)
		fputs(", enabled: false", to);
	if (gateway->probed)
		fputs(", probe: true", to);
	fputs("}\n", to);
}

static void put_ruleset(FILE *to, uint64_t *state, const struct ref_table *table,
                        const struct ref_ruleset *set, const char *indent)
{
	fprintf(to, "%smatch: %s\n", indent, set->longest ? "longest" : "first");
	fprintf(to, "%srules:%s\n", indent, set->rule_count ? "" : " []");
	for (size_t i = 0; i < set->rule_count; i++) {
		const struct ref_rule *rule = &set->rules[i];
		fprintf(to, "%s- {", indent);
		if (rule->name[1] != 'u') /* the name that it gets without one */
			fprintf(to, "name: %s, ", rule->name);
		put_criteria(to, state, &rule->when);
		put_span(to, &rule->span);
		if (rule->negates) {
			fputs("not: {", to);
			put_criteria(to, state, &rule->unless);
			fputs("}, ", to);
		}
		put_answer(to, table, rule);
		fputs("}\n", to);
	}
	if (set->fallback.status != 404 || *set->fallback.phrase ||
	    *set->fallback.reason || set->fallback.retry_after_s) {
		fprintf(to, "%sdefault: {", indent);
		put_answer(to, table, &set->fallback);
		fputs("}\n", to);
	}
}

/* The file of a number table. */
static void write_rows(uint64_t *state, const struct ref_table *table,
                       const struct ref_numbers *numbers)
{
	char name[32];
	sprintf(name, "%s.csv", numbers->name);
	remove(name); /* another file than the one before, to be read again */
	FILE *to = fopen(name, "w");
	for (size_t i = 0; i < numbers->count; i++) {
		const struct ref_row *row = &numbers->rows[i];
		put_disguised(to, state, REF_CALLED, row->number);
		fprintf(to, ",%s\n",
		        row->gateway < 0 ? "" : table->gateways[row->gateway].name);
	}
	fclose(to);
}

static void put_scope(FILE *to, uint64_t *state, const struct ref_criteria *scope)
{
	for (int kind = 0; kind < REF_TEXT_KINDS; kind++) {
		if (!scope->texts[kind].count)
			continue;
		fprintf(to, "    %s: ", kind_names[kind]);
		put_texts(to, state, kind, &scope->texts[kind]);
		fputs("\n", to);
	}
}

char *written_yaml(uint64_t *state, const struct ref_table *table)
{
	char *yaml = NULL;
	size_t size;
	FILE *to = open_memstream(&yaml, &size);
	if (table->ignores_rn)
		fputs("routing_number: ignore\n", to);
	else if (random_one_in(state, 2))
		fputs("routing_number: use\n", to);
	fputs("gateways:\n", to);
	for (size_t i = 0; i < table->gateway_count; i++)
		put_gateway(to, &table->gateways[i]);
	fputs("numbers:\n", to);
	for (size_t i = 0; i < REF_NUMBERS; i++) {
		const struct ref_numbers *numbers = &table->numbers[i];
		write_rows(state, table, numbers);
		fprintf(to,
		        "  %s: {file: %s.csv, match: %s, columns: [number, gateway]%s}\n",
		        numbers->name, numbers->name,
		        numbers->prefixes ? "prefix" : "exact",
		        numbers->portability ? ", portability: true" : "");
	}
	fputs("times:\n", to);
	for (size_t i = 0; i < REF_TIMES; i++)
		put_time(to, &table->times[i]);
	if (table->tenant_count)
		fputs("tables:\n", to);
	for (size_t i = 0; i < table->tenant_count; i++) {
		fprintf(to, "  %s:\n", table->tenants[i].name);
		put_scope(to, state, &table->tenants[i].scope);
		put_ruleset(to, state, table, &table->tenants[i], "    ");
	}
	put_ruleset(to, state, table, &table->top, "");
	fclose(to);
	return yaml;
}
