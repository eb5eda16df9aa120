/* SPDX-License-Identifier: MIT */
#include "server/commands/expected.h"

#include <limits.h>

#include "rules/schema.h"

#define CALLS_DEFAULT 10000
#define CALLS_MAX     1000000

/* What is read, and which keys were given. */
struct reading {
	struct expected *expected;
	const struct node *shares, *calls, *tolerance;
};

/* Status: 404, 603 Barred, none */

static bool bad_status(struct load *load, const struct node *node)
{
	return load_error(load, node, "for example 302, or 603 Barred, or none: no reply",
	                  "\"status\" must begin with a status from 200 to 699");
}

static bool read_status_text(struct load *load, const struct node *node,
                             struct expected *expected)
{
	struct slice text = node->text;
	size_t blank = slice_find(text, ' ');
	unsigned long status;
	if (!slice_number((struct slice){text.at, blank}, 699, &status) || status < 200)
		return bad_status(load, node);
	expected->has_status = true;
	expected->status = (unsigned)status;
	expected->phrase = slice_trim(slice_skip(text, blank));
	return true;
}

static bool read_status(struct load *load, const struct node *node, void *into)
{
	struct expected *expected = ((struct reading *)into)->expected;
	if (node->type != NODE_SCALAR)
		return bad_status(load, node);
	if (!slice_equal(node->text, slice_of("none")))
		return read_status_text(load, node, expected);
	expected->has_status = true;
	expected->status = 0;
	return true;
}

/* Texts */

static bool read_said(struct load *load, const struct node *node, const char *what,
                      struct said *out)
{
	out->position = node->position;
	return schema_text(load, node, what, &out->text);
}

static bool read_rule(struct load *load, const struct node *node, void *into)
{
	return read_said(load, node, "rule", &((struct reading *)into)->expected->rule);
}

static bool read_number(struct load *load, const struct node *node, void *into)
{
	return read_said(load, node, "number",
	                 &((struct reading *)into)->expected->number);
}

static bool read_why(struct load *load, const struct node *node, void *into)
{
	return read_said(load, node, "why", &((struct reading *)into)->expected->why);
}

/* Lists of targets */

static bool read_tier(struct load *load, const struct node *node, const char *what,
                      struct said_tier *tier)
{
	size_t count = schema_each_count(node);
	struct said *members = arena_array(load->arena, count, sizeof *members);
	if (!members)
		return load_memory(load);
	if (!count)
		return load_error(load, node, NULL, "\"%s\" has an empty list", what);
	bool good = true;
	for (size_t i = 0; i < count; i++)
		good &= read_said(load, node->type == NODE_LIST ? node->items[i] : node,
		                  what, &members[i]);
	*tier = (struct said_tier){count, members};
	return good;
}

/* One text, or a list in which texts that share stand in a list. The empty list: no
 * targets. */
static bool read_list(struct load *load, const struct node *node, const char *what,
                      struct said_list *list)
{
	size_t count = schema_each_count(node);
	struct said_tier *tiers = arena_array(load->arena, count, sizeof *tiers);
	if (!tiers)
		return load_memory(load);
	bool good = true;
	for (size_t i = 0; i < count; i++)
		good &= read_tier(load, node->type == NODE_LIST ? node->items[i] : node,
		                  what, &tiers[i]);
	*list = (struct said_list){true, count, tiers};
	return good;
}

static bool read_gateways(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	return read_list(load, node, "gateways", &reading->expected->gateways);
}

static bool check_uri(struct load *load, const struct said *contact)
{
	if (slice_find(contact->text, ':') < contact->text.len)
		return true;
	diags_add(load->diags, SEVERITY_ERROR, contact->position,
	          "\"contacts\" lists whole URIs, \"gateways\" names", "\"%s\" is no URI",
	          contact->text.at);
	return false;
}

static bool read_contacts(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	struct said_list *list = &reading->expected->contacts;
	if (!read_list(load, node, "contacts", list))
		return false;
	bool good = true;
	for (size_t i = 0; i < list->count; i++)
		for (size_t j = 0; j < list->tiers[i].count; j++)
			good &= check_uri(load, &list->tiers[i].members[j]);
	return good;
}

/* Headers of the reply */

static bool read_headers(struct load *load, const struct node *node, void *into)
{
	struct expected *expected = ((struct reading *)into)->expected;
	if (node->type != NODE_MAPPING || !node->count)
		return load_error(
			load, node, "write headers: {Retry-After: 30}",
			"\"headers\" must be a mapping of header names to values");
	struct said_header *headers =
		arena_array(load->arena, node->count, sizeof *headers);
	if (!headers)
		return load_memory(load);
	expected->headers = headers;
	expected->header_count = node->count;
	bool good = true;
	for (size_t i = 0; i < node->count; i++) {
		const struct pair *pair = &node->pairs[i];
		headers[i].name = pair->key->text;
		if (!headers[i].name.len ||
		    slice_token(headers[i].name) < headers[i].name.len)
			good = load_error(load, pair->key, NULL,
			                  "\"%s\" is no header name", pair->key->text.at);
		good &= schema_text(load, pair->value, pair->key->text.at,
		                    &headers[i].value);
	}
	return good;
}

/* Shares */

/* 0, 0.75, 1: six decimals at most. */
static bool read_fraction(struct load *load, const struct node *node, const char *what,
                          unsigned long *millionths)
{
	struct slice text = node->type == NODE_SCALAR ? node->text : slice_of(NULL);
	size_t point = slice_find(text, '.');
	struct slice decimals = slice_skip(text, point + 1);
	unsigned long whole, part = 0;
	bool good = slice_number((struct slice){text.at, point}, 1, &whole) &&
	            decimals.len <= 6 &&
	            (point == text.len || slice_number(decimals, MILLION - 1, &part));
	for (size_t i = decimals.len; good && i < 6; i++)
		part *= 10;
	if (!good || (whole && part))
		return load_error(load, node, "half of the calls are 0.5",
		                  "\"%s\" must be a number from 0 to 1, with at most 6 "
		                  "decimals",
		                  what);
	*millionths = whole * MILLION + part;
	return true;
}

static bool read_share(struct load *load, const struct node *mapping, size_t i,
                       struct said_share *share)
{
	char hint[DIAGS_HINT_MAX];
	const struct node *key = mapping->pairs[i].key;
	share->gateway = (struct said){key->text, key->position};
	for (size_t j = 0; j < i; j++) {
		const struct node *other = mapping->pairs[j].key;
		if (slice_equal(other->text, key->text))
			return load_error(load, key,
			                  diags_hint(hint, "first given at %s:%u:%u",
			                             other->position.file,
			                             other->position.line,
			                             other->position.column),
			                  "\"%s\" is given twice", key->text.at);
	}
	return read_fraction(load, mapping->pairs[i].value, key->text.at,
	                     &share->millionths);
}

/* Rounded shares may come to a little more than the whole. */
static bool check_sum(struct load *load, const struct node *node, unsigned long sum)
{
	return sum <= MILLION + MILLION / 100 ||
	       load_error(load, node, NULL, "the shares come to more than 1");
}

#define SHARES_MAX 64

static bool read_shares(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	unsigned long sum = 0;
	if (node->type != NODE_MAPPING || !node->count || node->count > SHARES_MAX)
		return load_error(load, node, "write shares: {big: 0.75, small: 0.25}",
		                  "\"shares\" must be a mapping of 1 to %d gateways to "
		                  "parts of 1",
		                  SHARES_MAX);
	struct said_share *shares = arena_array(load->arena, node->count, sizeof *shares);
	if (!shares)
		return load_memory(load);
	bool good = true;
	for (size_t i = 0; i < node->count; i++) {
		good &= read_share(load, node, i, &shares[i]);
		sum += shares[i].millionths;
	}
	reading->shares = node;
	reading->expected->shares = shares;
	reading->expected->share_count = node->count;
	return good && check_sum(load, node, sum);
}

static bool read_calls(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	reading->calls = node;
	return schema_number(load, node, "calls", 1, CALLS_MAX,
	                     &reading->expected->calls);
}

static bool read_tolerance(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	reading->tolerance = node;
	reading->expected->has_tolerance = true;
	return read_fraction(load, node, "tolerance", &reading->expected->tolerance);
}

/* The whole */

static bool check_needs_shares(struct load *load, const struct reading *reading,
                               const struct node *node, const char *what)
{
	return !node || reading->shares ||
	       load_error(load, node, NULL, "\"%s\" stands only with \"shares\"", what);
}

static bool read_mapping(struct load *load, const struct node *node,
                         struct reading *reading)
{
	static const struct field fields[] = {
		{"status", read_status, 0},     {"rule", read_rule, 0},
		{"gateways", read_gateways, 0}, {"contacts", read_contacts, 0},
		{"headers", read_headers, 0},   {"why", read_why, 0},
		{"number", read_number, 0},     {"shares", read_shares, 0},
		{"calls", read_calls, 0},       {"tolerance", read_tolerance, 0},
	};
	if (node->type == NODE_MAPPING && !node->count)
		return load_error(load, node, "for example expect: {status: 302}",
		                  "nothing is expected");
	if (!schema_read(load, node, "\"expect\"", fields, sizeof fields / sizeof *fields,
	                 reading))
		return false;
	bool good = check_needs_shares(load, reading, reading->calls, "calls");
	return check_needs_shares(load, reading, reading->tolerance, "tolerance") && good;
}

/* Unquoted, and a number comes first. */
static bool is_status(const struct node *node)
{
	struct slice digits = {node->text.at, slice_find(node->text, ' ')};
	unsigned long number;
	return node->plain && slice_number(digits, ULONG_MAX, &number);
}

bool expected_read(struct load *load, const struct node *node, void *into)
{
	struct reading reading = {.expected = into};
	reading.expected->calls = CALLS_DEFAULT;
	if (node->type != NODE_SCALAR)
		return read_mapping(load, node, &reading);
	return is_status(node) ? read_status_text(load, node, reading.expected)
	                       : read_rule(load, node, &reading);
}
