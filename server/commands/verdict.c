/* SPDX-License-Identifier: MIT */
#include "server/commands/verdict.h"

#include <stdlib.h>

#include "server/commands/explain.h"

/* Lines */

void verdict_same(FILE *to, const char *key, struct slice value)
{
	fprintf(to, "    %s: %.*s\n", key, (int)value.len, value.at);
}

void verdict_differ(FILE *to, const char *key, struct slice wanted, struct slice got)
{
	fprintf(to, "  - %s: %.*s\n", key, (int)wanted.len, wanted.at);
	fprintf(to, "  + %s: %.*s\n", key, (int)got.len, got.at);
}

static bool compare(FILE *to, const char *key, struct slice wanted, struct slice got)
{
	if (slice_equal(wanted, got)) {
		verdict_same(to, key, wanted);
		return true;
	}
	verdict_differ(to, key, wanted, got.len ? got : slice_of("none"));
	return false;
}

static bool compare_said(FILE *to, const char *key, const struct said *wanted,
                         struct slice got)
{
	return !wanted->text.at || compare(to, key, wanted->text, got);
}

/* The reply */

/* Takes the next line off text. */
static struct slice next_line(struct slice *text)
{
	struct slice line = {text->at, slice_find(*text, '\n')};
	*text = slice_skip(*text, line.len + 1);
	return slice_trim(line);
}

/* "302 Moved Temporarily" */
static struct slice status_line(const struct reply *reply)
{
	struct slice text = {reply->text, reply->length};
	struct slice line = next_line(&text);
	return slice_skip(line, slice_find(line, ' ') + 1);
}

static bool compare_status(const struct expected *expected, const struct reply *reply,
                           FILE *to)
{
	char wanted[16] = "none";
	struct slice got = status_line(reply);
	if (!expected->has_status)
		return true;
	if (!expected->phrase.len && got.len > 3)
		got.len = 3;
	if (!expected->status)
		return compare(to, "status", slice_of(wanted),
		               got.len ? got : slice_of(wanted));
	char *text = NULL;
	int length = asprintf(&text, "%u%s%.*s", expected->status,
	                      expected->phrase.len ? " " : "", (int)expected->phrase.len,
	                      expected->phrase.at);
	bool same = length > 0 &&
	            compare(to, "status", (struct slice){text, (size_t)length}, got);
	free(length < 0 ? NULL : text);
	return same;
}

/* Any field of that name may have the value. */
static bool compare_header(const struct said_header *header, const struct reply *reply,
                           FILE *to)
{
	struct slice rest = {reply->text, reply->length}, seen = {0};
	while (rest.len) {
		struct slice line = next_line(&rest);
		struct slice name = {line.at, slice_find(line, ':')};
		if (!slice_equal_nocase(slice_trim(name), header->name))
			continue;
		seen = slice_trim(slice_skip(line, name.len + 1));
		if (slice_equal(seen, header->value))
			break;
	}
	return compare(to, header->name.at, header->value, seen);
}

/* Targets */

struct labels {
	size_t count;
	struct slice list[DECISION_TARGETS_MAX];
};

static struct slice target_label(const struct target *target)
{
	return target->gateway.len ? target->gateway : target->uri;
}

static struct slice target_uri(const struct target *target)
{
	return target->uri;
}

static struct labels label(const struct explanation *explanation,
                           struct slice (*of)(const struct target *target))
{
	struct labels labels = {.count = explanation->decision.target_count};
	for (size_t i = 0; i < labels.count; i++)
		labels.list[i] = of(&explanation->decision.targets[i]);
	return labels;
}

struct slice verdict_first(const struct explanation *explanation)
{
	return explanation->decision.target_count
	               ? target_label(&explanation->decision.targets[0])
	               : (struct slice){0};
}

static size_t count_said(const struct said_tier *tier, struct slice text)
{
	size_t count = 0;
	for (size_t i = 0; i < tier->count; i++)
		count += slice_equal(tier->members[i].text, text);
	return count;
}

static size_t count_got(const struct slice *list, size_t length, struct slice text)
{
	size_t count = 0;
	for (size_t i = 0; i < length; i++)
		count += slice_equal(list[i], text);
	return count;
}

/* The same texts in any order. */
static bool is_tier(const struct said_tier *tier, const struct slice *list)
{
	for (size_t i = 0; i < tier->count; i++)
		if (count_said(tier, tier->members[i].text) !=
		    count_got(list, tier->count, tier->members[i].text))
			return false;
	return true;
}

static bool is_list(const struct said_list *said, const struct labels *got)
{
	size_t at = 0;
	for (size_t i = 0; i < said->count; i++) {
		const struct said_tier *tier = &said->tiers[i];
		if (tier->count > got->count - at || !is_tier(tier, &got->list[at]))
			return false;
		at += tier->count;
	}
	return at == got->count;
}

static void write_said(FILE *to, const struct said_list *said)
{
	fputc('[', to);
	for (size_t i = 0; i < said->count; i++) {
		const struct said_tier *tier = &said->tiers[i];
		fputs(i ? ", " : "", to);
		fputs(tier->count > 1 ? "[" : "", to);
		for (size_t j = 0; j < tier->count; j++)
			fprintf(to, "%s%s", j ? ", " : "", tier->members[j].text.at);
		fputs(tier->count > 1 ? "]" : "", to);
	}
	fputs("]\n", to);
}

static void write_got(FILE *to, const struct labels *got)
{
	fputc('[', to);
	for (size_t i = 0; i < got->count; i++)
		fprintf(to, "%s%.*s", i ? ", " : "", (int)got->list[i].len,
		        got->list[i].at);
	fputs("]\n", to);
}

static bool compare_list(FILE *to, const char *key, const struct said_list *said,
                         struct labels got)
{
	if (!said->given)
		return true;
	bool same = is_list(said, &got);
	fprintf(to, "  %s %s: ", same ? " " : "-", key);
	write_said(to, said);
	if (same)
		return true;
	fprintf(to, "  + %s: ", key);
	write_got(to, &got);
	return false;
}

/* The whole */

bool verdict_write(const struct expected *expected, const struct explanation *explanation,
                   const struct reply *reply, FILE *to)
{
	const struct decision *decision = &explanation->decision;
	char rule[DECISION_LABEL_MAX];
	bool same = compare_status(expected, reply, to);
	same &= compare_said(to, "rule", &expected->rule,
	                     decision_label(decision->table, decision->rule, rule));
	same &= compare_said(to, "number", &expected->number, decision->number);
	same &= compare_list(to, "gateways", &expected->gateways,
	                     label(explanation, target_label));
	same &= compare_list(to, "contacts", &expected->contacts,
	                     label(explanation, target_uri));
	for (size_t i = 0; i < expected->header_count; i++)
		same &= compare_header(&expected->headers[i], reply, to);
	same &= compare_said(to, "why", &expected->why,
	                     slice_of(explanation_why(explanation)));
	return same;
}
