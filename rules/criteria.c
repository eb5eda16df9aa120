/* SPDX-License-Identifier: MIT */
#include "rules/criteria.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/number.h"
#include "rules/numbertable.h"
#include "rules/texts.h"
#include "rules/times.h"

#define NETWORKS_MAX 100000u
#define HEADERS_MAX  32

static const char *const names[CRITERION_KINDS] = {
	[CRITERION_CALLED] = "called",     [CRITERION_CALLER] = "caller",
	[CRITERION_HOST] = "host",         [CRITERION_SOURCE] = "source",
	[CRITERION_LISTENER] = "listener", [CRITERION_HEADER] = "header",
	[CRITERION_PROFILE] = "profile",   [CRITERION_PEER] = "peer",
	[CRITERION_USER] = "user",         [CRITERION_RN] = "rn",
	[CRITERION_NPDI] = "npdi",         [CRITERION_CIC] = "cic",
	[CRITERION_TGRP] = "tgrp",         [CRITERION_TRUNK_CONTEXT] = "trunk_context",
	[CRITERION_DATE] = "date",         [CRITERION_TIME] = "time",
};

const struct criterion *const criteria_none[CRITERION_KINDS];

const char *criterion_name(enum criterion_kind kind)
{
	return names[kind];
}

/* Reading */

static struct criterion *criterion_new(struct load *load, const struct node *node)
{
	struct criterion *criterion = arena_alloc(load->arena, sizeof *criterion);
	if (!criterion) {
		load_memory(load);
		return NULL;
	}
	criterion->position = node->position;
	return criterion;
}

static bool read_texts(struct load *load, const struct node *node,
                       enum criterion_kind kind, enum texts_form form, void *into)
{
	struct rule *rule = into;
	struct criterion *criterion = criterion_new(load, node);
	if (!criterion || !texts_read(load, node, names[kind], form, &criterion->text))
		return false;
	if (!texts_describe(load, &criterion->text, &criterion->wanted))
		return false;
	rule->when[kind] = criterion;
	return true;
}

bool criteria_read_called(struct load *load, const struct node *node, void *into)
{
	return read_texts(load, node, CRITERION_CALLED, TEXTS_NUMBER, into);
}

bool criteria_read_caller(struct load *load, const struct node *node, void *into)
{
	return read_texts(load, node, CRITERION_CALLER, TEXTS_NUMBER, into);
}

bool criteria_read_host(struct load *load, const struct node *node, void *into)
{
	return read_texts(load, node, CRITERION_HOST, TEXTS_HOST, into);
}

bool criteria_read_listener(struct load *load, const struct node *node, void *into)
{
	return read_texts(load, node, CRITERION_LISTENER, TEXTS_LISTENER, into);
}

bool criteria_read_profile(struct load *load, const struct node *node, void *into)
{
	return read_texts(load, node, CRITERION_PROFILE, TEXTS_NAME, into);
}

bool criteria_read_peer(struct load *load, const struct node *node, void *into)
{
	return read_texts(load, node, CRITERION_PEER, TEXTS_NAME, into);
}

bool criteria_read_user(struct load *load, const struct node *node, void *into)
{
	return read_texts(load, node, CRITERION_USER, TEXTS_PLAIN, into);
}

bool criteria_read_rn(struct load *load, const struct node *node, void *into)
{
	return read_texts(load, node, CRITERION_RN, TEXTS_DIGITS, into);
}

bool criteria_read_cic(struct load *load, const struct node *node, void *into)
{
	return read_texts(load, node, CRITERION_CIC, TEXTS_DIGITS, into);
}

bool criteria_read_tgrp(struct load *load, const struct node *node, void *into)
{
	return read_texts(load, node, CRITERION_TGRP, TEXTS_LABEL, into);
}

bool criteria_read_trunk_context(struct load *load, const struct node *node, void *into)
{
	return read_texts(load, node, CRITERION_TRUNK_CONTEXT, TEXTS_LABEL, into);
}

bool criteria_read_npdi(struct load *load, const struct node *node, void *into)
{
	struct rule *rule = into;
	struct criterion *criterion = criterion_new(load, node);
	if (!criterion || !schema_bool(load, node, "npdi", &criterion->yes))
		return false;
	criterion->wanted = slice_of(criterion->yes ? "true" : "false");
	rule->when[CRITERION_NPDI] = criterion;
	return true;
}

struct network_list {
	size_t count;
	struct network *networks;
};

static bool read_network(struct load *load, const struct node *node, void *into)
{
	struct network_list *list = into;
	struct slice text;
	const char *why;
	if (!schema_text(load, node, "source", &text))
		return false;
	if (!network_parse(text, &list->networks[list->count], &why))
		return load_error(load, node,
		                  "write 192.0.2.0/24, 2001:db8::/32 or one address",
		                  "source \"%s\" is no network: %s", text.at, why);
	list->count++;
	return true;
}

static int compare_networks(const void *left, const void *right)
{
	const struct network *a = left, *b = right;
	int order = memcmp(a->address.bytes, b->address.bytes, sizeof a->address.bytes);
	return order ? order : a->bits - b->bits;
}

/* Sorts, and drops what lies in another network. What is left does not overlap, so that
 * one search finds the only one that may have an address. */
static size_t sort_networks(struct network *networks, size_t count)
{
	size_t kept = 0;
	qsort(networks, count, sizeof *networks, compare_networks);
	for (size_t i = 0; i < count; i++)
		if (!kept || !network_covers(&networks[kept - 1], &networks[i]))
			networks[kept++] = networks[i];
	return kept;
}

/* "10.0.0.0/8, 192.0.2.1": the words of the file, for explanations. */
static bool describe_nodes(struct load *load, const struct node *node, struct slice *out)
{
	struct texts_words words = {0};
	if (node->type == NODE_SCALAR)
		texts_word(&words, "", node->text);
	for (size_t i = 0; node->type == NODE_LIST && i < node->count; i++)
		texts_word(&words, "", node->items[i]->text);
	return texts_words_copy(load, &words, out);
}

bool criteria_read_source(struct load *load, const struct node *node, void *into)
{
	struct rule *rule = into;
	size_t count = schema_each_count(node);
	if (count > NETWORKS_MAX)
		return load_error(load, node, NULL, "source lists more than %u networks",
		                  NETWORKS_MAX);
	struct criterion *criterion = criterion_new(load, node);
	if (!criterion)
		return false;
	struct network_list list = {
		0, arena_array(load->arena, count, sizeof *list.networks)};
	if (!list.networks)
		return load_memory(load);
	if (!schema_each(load, node, "source", read_network, &list) ||
	    !describe_nodes(load, node, &criterion->wanted))
		return false;
	criterion->networks = list.networks;
	criterion->network_count = sort_networks(list.networks, list.count);
	rule->when[CRITERION_SOURCE] = criterion;
	return true;
}

static bool read_header(struct load *load, const struct pair *pair,
                        struct header_match *header, struct texts_words *words)
{
	if (!pair->key->text.len || slice_token(pair->key->text) < pair->key->text.len)
		return load_error(load, pair->key, NULL, "\"%s\" is no header name",
		                  pair->key->text.at);
	header->name = arena_copy(load->arena, pair->key->text);
	if (!header->name.at)
		return load_memory(load);
	struct slice wanted;
	if (!texts_read(load, pair->value, header->name.at, TEXTS_PLAIN, &header->text) ||
	    !texts_describe(load, &header->text, &wanted))
		return false;
	texts_word(words, header->name.at, wanted);
	return true;
}

/* Each header once: the key of one that was there before is an error. */
static bool check_header_names(struct load *load, const struct node *node)
{
	char hint[DIAGS_HINT_MAX];
	bool good = true;
	for (size_t i = 0; i < node->count; i++) {
		const struct node *key = node->pairs[i].key;
		size_t first = 0;
		while (!slice_equal_nocase(node->pairs[first].key->text, key->text))
			first++;
		const struct position *at = &node->pairs[first].key->position;
		if (first < i)
			good = load_error(load, key,
			                  diags_hint(hint, "first given at %s:%u:%u",
			                             at->file, at->line, at->column),
			                  "\"%s\" is given twice", key->text.at);
	}
	return good;
}

bool criteria_read_header(struct load *load, const struct node *node, void *into)
{
	struct rule *rule = into;
	if (node->type != NODE_MAPPING || !node->count)
		return load_error(
			load, node, "write header: {X-Tenant: acme}",
			"\"header\" must be a mapping of header names to values");
	if (node->count > HEADERS_MAX)
		return load_error(load, node, NULL, "more than %d headers", HEADERS_MAX);
	struct criterion *criterion = criterion_new(load, node);
	if (!criterion)
		return false;
	struct header_match *headers =
		arena_array(load->arena, node->count, sizeof *headers);
	if (!headers)
		return load_memory(load);
	struct texts_words words = {0};
	bool good = check_header_names(load, node);
	for (size_t i = 0; i < node->count; i++)
		good &= read_header(load, &node->pairs[i], &headers[i], &words);
	criterion->headers = headers;
	criterion->header_count = node->count;
	if (!good || !texts_words_copy(load, &words, &criterion->wanted))
		return false;
	rule->when[CRITERION_HEADER] = criterion;
	return true;
}

struct time_list {
	size_t count;
	const struct time_set **times;
};

static bool read_time(struct load *load, const struct node *node, void *into)
{
	struct time_list *list = into;
	const struct time_set *set = times_find(load, node);
	if (set)
		list->times[list->count++] = set;
	return set;
}

bool criteria_read_time(struct load *load, const struct node *node, void *into)
{
	struct rule *rule = into;
	struct criterion *criterion = criterion_new(load, node);
	if (!criterion)
		return false;
	struct time_list list = {0, arena_array(load->arena, schema_each_count(node),
	                                        sizeof(const struct time_set *))};
	if (!list.times)
		return load_memory(load);
	if (!schema_each(load, node, "time", read_time, &list) ||
	    !describe_nodes(load, node, &criterion->wanted))
		return false;
	criterion->times = list.times;
	criterion->time_count = list.count;
	rule->when[CRITERION_TIME] = criterion;
	return true;
}

bool criteria_set_period(struct load *load, struct rule *rule, struct period *period)
{
	char text[128];
	struct criterion *criterion = arena_alloc(load->arena, sizeof *criterion);
	if (!criterion)
		return load_memory(load);
	int length =
		snprintf(text, sizeof text, "%s%s%s%s%s", period->from.len ? "from " : "",
	                 period->from.len ? period->from.at : "",
	                 period->from.len && period->until.len ? " " : "",
	                 period->until.len ? "until " : "",
	                 period->until.len ? period->until.at : "");
	criterion->position = rule->position;
	criterion->period = period;
	criterion->wanted = arena_copy(load->arena, (struct slice){text, (size_t)length});
	rule->when[CRITERION_DATE] = criterion;
	return criterion->wanted.at || load_memory(load);
}

bool criteria_read_not(struct load *load, const struct node *node, void *into)
{
	static const struct field fields[] = {
		{"called", criteria_read_called, 0},
		{"caller", criteria_read_caller, 0},
		{"host", criteria_read_host, 0},
		{"source", criteria_read_source, 0},
		{"listener", criteria_read_listener, 0},
		{"header", criteria_read_header, 0},
		{"profile", criteria_read_profile, 0},
		{"peer", criteria_read_peer, 0},
		{"user", criteria_read_user, 0},
		{"rn", criteria_read_rn, 0},
		{"npdi", criteria_read_npdi, 0},
		{"cic", criteria_read_cic, 0},
		{"tgrp", criteria_read_tgrp, 0},
		{"trunk_context", criteria_read_trunk_context, 0},
		{"time", criteria_read_time, 0},
	};
	struct rule *rule = into;
	struct rule negated = {0};
	if (!schema_read(load, node, "\"not\"", fields, sizeof fields / sizeof fields[0],
	                 &negated))
		return false;
	const struct criterion **unless =
		arena_array(load->arena, CRITERION_KINDS, sizeof(struct criterion *));
	if (!unless)
		return load_memory(load);
	memcpy(unless, negated.when, sizeof negated.when);
	rule->unless = unless;
	return true;
}

/* Asking */

static enum pattern_result match_headers(const struct criterion *criterion,
                                         const struct facts *facts,
                                         struct pattern_space *space)
{
	for (size_t h = 0; h < criterion->header_count; h++) {
		const struct header_match *wanted = &criterion->headers[h];
		enum pattern_result result = PATTERN_NO;
		struct slice value;
		for (size_t i = 0; result == PATTERN_NO && facts->header &&
		                   facts->header(facts->request, wanted->name, i, &value);
		     i++)
			result = texts_match(&wanted->text, value, space);
		if (result != PATTERN_YES)
			return result;
	}
	return PATTERN_YES;
}

/* The last network that begins at address or before it; NULL if none does. */
static const struct network *find_network(const struct criterion *criterion,
                                          const struct address *address)
{
	const struct network wanted = {*address, 128};
	size_t from = 0, end = criterion->network_count;
	while (from < end) {
		size_t middle = from + (end - from) / 2;
		if (compare_networks(&criterion->networks[middle], &wanted) <= 0)
			from = middle + 1;
		else
			end = middle;
	}
	return from ? &criterion->networks[from - 1] : NULL;
}

static enum pattern_result match_source(const struct criterion *criterion,
                                        const struct facts *facts)
{
	const struct network *network = find_network(criterion, &facts->source);
	return network && network_has(network, &facts->source) ? PATTERN_YES : PATTERN_NO;
}

static enum pattern_result match_number(const struct text_match *match,
                                        const struct facts *facts, struct slice number,
                                        struct pattern_space *space)
{
	struct row row;
	if (match->table_count && numbertable_row(match, facts, number, &row))
		return PATTERN_YES;
	return texts_match(match, number, space);
}

static enum pattern_result match_one(enum criterion_kind kind,
                                     const struct criterion *criterion,
                                     const struct facts *facts,
                                     struct pattern_space *space)
{
	switch (kind) {
	case CRITERION_CALLED:
		return match_number(&criterion->text, facts, facts->called, space);
	case CRITERION_CALLER:
		return match_number(&criterion->text, facts, facts->caller, space);
	case CRITERION_HOST:
		return texts_match_host(&criterion->text, facts->host);
	case CRITERION_SOURCE:
		return match_source(criterion, facts);
	case CRITERION_LISTENER:
		return texts_match(&criterion->text, facts->listener, space);
	case CRITERION_PROFILE:
		return texts_match(&criterion->text, facts->profile, space);
	case CRITERION_PEER:
		return texts_match(&criterion->text, facts->peer, space);
	case CRITERION_USER:
		return texts_match(&criterion->text, facts->user, space);
	case CRITERION_RN:
		return texts_match(&criterion->text, facts->rn, space);
	case CRITERION_NPDI:
		return facts->npdi == criterion->yes ? PATTERN_YES : PATTERN_NO;
	case CRITERION_CIC:
		return texts_match(&criterion->text, facts->cic, space);
	case CRITERION_TGRP:
		return texts_match_label(&criterion->text, facts->tgrp, space);
	case CRITERION_TRUNK_CONTEXT:
		return texts_match_label(&criterion->text, facts->trunk_context, space);
	case CRITERION_DATE:
		return period_has(criterion->period, facts->now_s) ? PATTERN_YES
		                                                   : PATTERN_NO;
	case CRITERION_TIME:
		return timeset_any(criterion->times, criterion->time_count, facts->now_s)
		               ? PATTERN_YES
		               : PATTERN_NO;
	default:
		return match_headers(criterion, facts, space);
	}
}

enum pattern_result criteria_match(const struct rule *rule, const struct facts *facts,
                                   bool called_known, struct pattern_space *space,
                                   enum criterion_kind *kind, bool *negated)
{
	*negated = false;
	if (called_known && rule->only_called)
		return PATTERN_YES;
	for (*kind = called_known ? CRITERION_CALLED + 1 : CRITERION_CALLED;
	     *kind < CRITERION_KINDS; ++*kind) {
		if (!rule->when[*kind])
			continue;
		enum pattern_result result =
			match_one(*kind, rule->when[*kind], facts, space);
		if (result != PATTERN_YES)
			return result;
	}
	if (rule->unless == criteria_none)
		return PATTERN_YES;
	*negated = true;
	for (*kind = CRITERION_CALLED; *kind < CRITERION_KINDS; ++*kind) {
		if (!rule->unless[*kind])
			continue;
		enum pattern_result result =
			match_one(*kind, rule->unless[*kind], facts, space);
		if (result != PATTERN_NO)
			return result == PATTERN_YES ? PATTERN_NO : result;
	}
	return PATTERN_YES;
}

/* Comparing */

static bool networks_cover(const struct criterion *outer, const struct criterion *inner)
{
	for (size_t i = 0; i < inner->network_count; i++) {
		const struct network *network =
			find_network(outer, &inner->networks[i].address);
		if (!network || !network_covers(network, &inner->networks[i]))
			return false;
	}
	return true;
}

/* Every header that outer wants, inner wants at least as strictly. */
static bool headers_cover(const struct criterion *outer, const struct criterion *inner)
{
	for (size_t o = 0; o < outer->header_count; o++) {
		size_t i = 0;
		while (i < inner->header_count &&
		       !(slice_equal_nocase(outer->headers[o].name,
		                            inner->headers[i].name) &&
		         texts_cover(&outer->headers[o].text, &inner->headers[i].text)))
			i++;
		if (i == inner->header_count)
			return false;
	}
	return true;
}

/* Times are compared by their names. */
static bool times_cover(const struct criterion *outer, const struct criterion *inner)
{
	for (size_t i = 0; i < inner->time_count; i++) {
		size_t o = 0;
		while (o < outer->time_count && outer->times[o] != inner->times[i])
			o++;
		if (o == outer->time_count)
			return false;
	}
	return true;
}

static bool covers(enum criterion_kind kind, const struct criterion *outer,
                   const struct criterion *inner)
{
	if (kind == CRITERION_SOURCE)
		return networks_cover(outer, inner);
	if (kind == CRITERION_HEADER)
		return headers_cover(outer, inner);
	if (kind == CRITERION_NPDI)
		return outer->yes == inner->yes;
	if (kind == CRITERION_DATE)
		return period_covers(outer->period, inner->period);
	if (kind == CRITERION_TIME)
		return times_cover(outer, inner);
	return texts_cover(&outer->text, &inner->text);
}

bool criteria_cover(const struct rule *outer, const struct rule *inner)
{
	for (enum criterion_kind kind = CRITERION_CALLED; kind < CRITERION_KINDS;
	     kind++) {
		const struct criterion *wide = outer->when[kind],
				       *narrow = inner->when[kind];
		if (kind != CRITERION_CALLED && wide &&
		    !(narrow && covers(kind, wide, narrow)))
			return false;
		/* What outer leaves out, inner must leave out as well. */
		wide = inner->unless[kind], narrow = outer->unless[kind];
		if (narrow && !(wide && covers(kind, wide, narrow)))
			return false;
	}
	return true;
}

static size_t text_count(const struct text_match *text)
{
	return text->exact_count + text->prefix_count + text->pattern_count +
	       text->table_count;
}

static size_t criterion_size(const struct criterion *criterion)
{
	if (!criterion)
		return 0;
	size_t size = text_count(&criterion->text) + criterion->network_count +
	              criterion->time_count;
	for (size_t i = 0; i < criterion->header_count; i++)
		size += text_count(&criterion->headers[i].text);
	return size;
}

size_t criteria_size(const struct rule *rule)
{
	size_t size = 1;
	for (int kind = 0; kind < CRITERION_KINDS; kind++)
		size += criterion_size(rule->when[kind]) +
		        criterion_size(rule->unless[kind]);
	return size;
}

bool criteria_only_called(const struct rule *rule)
{
	for (enum criterion_kind kind = CRITERION_CALLED; kind < CRITERION_KINDS; kind++)
		if (rule->unless[kind] || (kind != CRITERION_CALLED && rule->when[kind]))
			return false;
	return true;
}

bool criteria_has_row(const struct rule *rule)
{
	const struct criterion *called = rule->when[CRITERION_CALLED],
			       *caller = rule->when[CRITERION_CALLER];
	return (called && called->text.table_count) ||
	       (caller && caller->text.table_count);
}
