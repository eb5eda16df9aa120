/* SPDX-License-Identifier: MIT */
#include "rules/gateway.h"

#include <stddef.h>
#include <string.h>

#include "rules/numbertable.h"
#include "rules/target.h"

#define WEIGHT_MAX 10000

static struct table *table_of(struct load *load)
{
	return ((struct table_load *)load)->table;
}

/* Names */

bool name_read(struct load *load, const struct node *node, const char *what,
               struct slice *out)
{
	if (!schema_text(load, node, what, out))
		return false;
	if (out->len > NAME_MAX_BYTES)
		return load_error(load, node, NULL, "a %s may have %d bytes", what,
		                  NAME_MAX_BYTES);
	for (size_t i = 0; i < out->len; i++)
		if ((unsigned char)out->at[i] < ' ' || out->at[i] == 127)
			return load_error(load, node, NULL,
			                  "a %s may not have control characters", what);
	*out = arena_copy(load->arena, *out);
	return out->at || load_memory(load);
}

/* Enters a gateway or a group, whose names share one space, and which may not look like
 * URIs. */
static bool add_name(struct load *load, const struct node *key, struct slice name,
                     struct gateway *gateway, const struct group *group)
{
	struct table *table = table_of(load);
	const struct named *other = map_find(&table->names, name);
	char hint[DIAGS_HINT_MAX];
	if (other && other->gateway && group)
		return load_error(load, key,
		                  diags_hint(hint, "the gateway is defined at %s:%u:%u",
		                             other->position.file, other->position.line,
		                             other->position.column),
		                  "\"%s\" is a gateway and a group", name.at);
	if (slice_find(name, ':') < name.len)
		return load_error(load, key, "what has a : is taken for a URI",
		                  "the name \"%s\" may not contain a :", name.at);
	struct named *named = arena_alloc(load->arena, sizeof *named);
	if (!named)
		return load_memory(load);
	*named = (struct named){.name = name,
	                        .gateway = gateway,
	                        .group = group,
	                        .position = key->position,
	                        .next = table->named};
	table->named = named;
	return map_add(&table->names, load->arena, name, named) || load_memory(load);
}

/* A duplicate key is schema-like trouble of a mapping whose keys people choose. */
static bool is_duplicate(struct load *load, const struct node *key, struct position first,
                         const char *what)
{
	char hint[DIAGS_HINT_MAX];
	load_error(load, key,
	           diags_hint(hint, "first defined at %s:%u:%u", first.file, first.line,
	                      first.column),
	           "%s \"%s\" is defined twice", what, key->text.at);
	return true;
}

/* Gateways */

static bool read_weight(struct load *load, const struct node *node, void *into)
{
	unsigned long weight;
	if (!schema_number(load, node, "weight", 1, WEIGHT_MAX, &weight))
		return false;
	*(unsigned *)into = (unsigned)weight;
	return true;
}

static bool read_enabled(struct load *load, const struct node *node, void *into)
{
	return schema_bool(load, node, "enabled", into);
}

static struct gateway *gateway_new(struct load *load, const struct node *node)
{
	struct table *table = table_of(load);
	struct gateway *gateway = arena_alloc(load->arena, sizeof *gateway);
	if (!gateway) {
		load_memory(load);
		return NULL;
	}
	gateway->weight = 1;
	gateway->enabled = true;
	gateway->position = node->position;
	gateway->number = table->gateways ? table->gateways->number + 1 : 0;
	gateway->next = table->gateways;
	table->gateways = gateway;
	return gateway;
}

static bool read_gateway(struct load *load, const struct pair *pair)
{
	static const struct field fields[] = {
		{"uri", target_read, FIELD_REQUIRED, offsetof(struct gateway, uri)},
		{"weight", read_weight, 0, offsetof(struct gateway, weight)},
		{"enabled", read_enabled, 0, offsetof(struct gateway, enabled)},
		{"from", period_read_from, 0, offsetof(struct gateway, period)},
		{"until", period_read_until, 0, offsetof(struct gateway, period)},
		{"probe", probe_read, 0, offsetof(struct gateway, probing)},
		{"headers", headers_read, 0, offsetof(struct gateway, extra.reply)},
		{"uri_headers", headers_read_uri, 0,
	         offsetof(struct gateway, extra.uri)}};
	struct table *table = table_of(load);
	const struct named *other = map_find(&table->names, pair->key->text);
	if (other && is_duplicate(load, pair->key, other->position, "gateway"))
		return false;
	struct gateway *gateway = gateway_new(load, pair->value);
	if (!gateway || !name_read(load, pair->key, "gateway name", &gateway->name))
		return false;
	gateway->hash = map_hash(gateway->name);
	table->gateway_count++;
	bool good = pair->value->type == NODE_SCALAR
	                    ? target_read(load, pair->value, &gateway->uri)
	                    : schema_read(load, pair->value, "a gateway", fields,
	                                  sizeof fields / sizeof fields[0], gateway);
	return add_name(load, pair->key, gateway->name, gateway, NULL) && good;
}

bool gateways_read(struct load *load, const struct node *node, void *into)
{
	(void)into;
	if (node->type != NODE_MAPPING)
		return load_error(load, node, "write gateways: {name: sip:host}",
		                  "\"gateways\" must be a mapping of names to gateways");
	bool good = true;
	for (size_t i = 0; i < node->count; i++)
		good &= read_gateway(load, &node->pairs[i]);
	return numbertable_check_gateway_uses(load) && good;
}

/* Routes: tiers collected while a list is read. */

struct collecting {
	size_t tier_count, target_count;
	struct tier tiers[ROUTE_TARGETS_MAX];
	bool group; /* reading a group: members are gateways only */
};

static const char *name_at(const void *names, size_t i)
{
	return ((const char *const *)names)[i];
}

/* The nearest of some names. */
const char *gateway_nearest(const struct table *table, struct slice text, bool gateway)
{
	const char *list[256];
	size_t count = 0;
	for (const struct named *n = table->named; n && count < 256; n = n->next)
		if (n->gateway || !gateway)
			list[count++] = n->name.at;
	return schema_nearest(text, name_at, list, count);
}

static bool unknown_name(struct load *load, const struct node *node, bool group)
{
	char hint[DIAGS_HINT_MAX];
	const char *near = diags_is_full(load->diags)
	                           ? NULL
	                           : gateway_nearest(table_of(load), node->text, group);
	if (near)
		diags_hint(hint, "did you mean \"%s\"?", near);
	else
		diags_hint(hint, "gateways are defined under \"gateways\"%s",
		           group ? "" : ", groups under \"groups\"");
	return load_error(load, node, hint,
	                  group ? "no gateway is called \"%s\""
	                        : "no gateway or group is called \"%s\"",
	                  node->text.at);
}

static bool too_many(struct load *load, const struct node *node)
{
	return load_error(load, node, NULL, "more than %d gateways for one call",
	                  ROUTE_TARGETS_MAX);
}

/* The gateway that node names, or a nameless one for a URI. NULL after an error. */
static const struct gateway *read_member(struct load *load, const struct node *node,
                                         bool group)
{
	struct slice text;
	if (numbertable_is_row(node, &text)) {
		load_error(load, node, "write redirect: {row.COLUMN}",
		           "{row.%.*s} stands alone, not in a list", (int)text.len,
		           text.at);
		return NULL;
	}
	if (!schema_text(load, node, group ? "gateway name" : "redirect", &text))
		return NULL;
	if (!group && slice_find(text, ':') < text.len) {
		struct gateway *gateway = gateway_new(load, node);
		if (!gateway || !target_read(load, node, &gateway->uri))
			return NULL;
		gateway->hash = map_hash(gateway->uri.text);
		return gateway;
	}
	const struct named *named = map_find(&table_of(load)->names, text);
	if (named && named->gateway)
		return named->gateway;
	if (named)
		load_error(
			load, node,
			"name its gateways; a group may stand as a tier of \"redirect\"",
			"\"%s\" is a group; here only gateways share", text.at);
	else
		unknown_name(load, node, group);
	return NULL;
}

static bool is_same(const struct gateway *a, const struct gateway *b)
{
	return a == b ||
	       (!a->name.len && !b->name.len && slice_equal(a->uri.text, b->uri.text));
}

static bool add_member(struct load *load, const struct node *node,
                       const struct gateway *gateway, const struct gateway **members,
                       size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		if (is_same(members[i], gateway))
			return load_error(load, node, "give it a greater weight instead",
			                  "\"%s\" stands twice in one tier",
			                  node->text.at);
	members[(*count)++] = gateway;
	return true;
}

/* What is wrong with a member is said, and the tier goes on without it. */
static bool add_tier(struct load *load, const struct node *node,
                     const struct node *const *items, size_t count,
                     struct collecting *collecting)
{
	if (count == 0)
		return load_error(load, node, NULL, "an empty list of gateways");
	if (collecting->target_count + count > ROUTE_TARGETS_MAX)
		return too_many(load, node);
	struct tier tier = {0};
	const struct gateway **members =
		arena_array(load->arena, count, sizeof(const struct gateway *));
	if (!members)
		return load_memory(load);
	bool good = true;
	for (size_t i = 0; i < count; i++) {
		const struct gateway *gateway =
			read_member(load, items[i], collecting->group);
		good &= gateway &&
		        add_member(load, items[i], gateway, members, &tier.count);
	}
	tier.gateways = members;
	collecting->target_count += count;
	if (tier.count)
		collecting->tiers[collecting->tier_count++] = tier;
	return good;
}

static bool add_group(struct load *load, const struct node *node,
                      const struct group *group, struct collecting *collecting)
{
	for (size_t i = 0; i < group->route.tier_count; i++) {
		const struct tier *tier = &group->route.tiers[i];
		if (collecting->target_count + tier->count > ROUTE_TARGETS_MAX)
			return too_many(load, node);
		collecting->target_count += tier->count;
		collecting->tiers[collecting->tier_count++] = *tier;
	}
	return true;
}

static bool add_item(struct load *load, const struct node *node,
                     struct collecting *collecting)
{
	if (node->type == NODE_LIST)
		return add_tier(load, node, node->items, node->count, collecting);
	const struct named *named = node->type == NODE_SCALAR
	                                    ? map_find(&table_of(load)->names, node->text)
	                                    : NULL;
	if (named && named->group && !collecting->group)
		return add_group(load, node, named->group, collecting);
	return add_tier(load, node, &node, 1, collecting);
}

static bool collect(struct load *load, const struct node *node, bool group,
                    struct route *out)
{
	struct collecting collecting = {.group = group};
	bool good = true;
	if (node->type != NODE_LIST)
		good = add_item(load, node, &collecting);
	else if (!node->count)
		good = load_error(load, node, NULL, "an empty list of gateways");
	for (size_t i = 0; node->type == NODE_LIST && i < node->count; i++)
		good &= add_item(load, node->items[i], &collecting);
	struct tier *tiers =
		arena_array(load->arena, collecting.tier_count, sizeof *tiers);
	if (!tiers)
		return load_memory(load);
	memcpy(tiers, collecting.tiers, collecting.tier_count * sizeof *tiers);
	*out = (struct route){collecting.tier_count, tiers};
	return good;
}

/* One name is the common case, and rules that give the same share its route. */
bool route_read(struct load *load, const struct node *node, struct route *out)
{
	struct named *named = node->type == NODE_SCALAR
	                              ? map_find(&table_of(load)->names, node->text)
	                              : NULL;
	if (!named)
		return collect(load, node, false, out);
	if (named->group)
		named->route = named->group->route;
	else if (!named->route.tier_count && !collect(load, node, false, &named->route))
		return false;
	*out = named->route;
	return true;
}

static bool complete(struct load *load, struct named *named)
{
	if (named->route.tier_count)
		return true;
	if (named->group) {
		named->route = named->group->route;
		return true;
	}
	struct tier *tier = arena_alloc(load->arena, sizeof *tier);
	const struct gateway **member = arena_alloc(load->arena, sizeof(void *));
	if (!tier || !member)
		return load_memory(load);
	*member = named->gateway;
	*tier = (struct tier){1, member};
	named->route = (struct route){1, tier};
	return true;
}

bool routes_complete(struct load *load)
{
	for (const struct named *n = table_of(load)->named; n; n = n->next)
		if (!complete(load, map_find(&table_of(load)->names, n->name)))
			return false;
	return true;
}

bool route_is_disabled(const struct route *route)
{
	for (size_t t = 0; t < route->tier_count; t++)
		for (size_t g = 0; g < route->tiers[t].count; g++)
			if (route->tiers[t].gateways[g]->enabled)
				return false;
	return true;
}

/* Groups */

static bool read_tiers(struct load *load, const struct node *node, void *into)
{
	return collect(load, node, true, into);
}

/* A list of tiers, or a mapping that has one. */
static bool read_members(struct load *load, const struct node *node, struct group *group)
{
	static const struct field fields[] = {
		{"gateways", read_tiers, FIELD_REQUIRED, offsetof(struct group, route)},
		{"probe", probe_read, 0, offsetof(struct group, probing)}};
	return node->type == NODE_MAPPING
	               ? schema_read(load, node, "a group", fields,
	                             sizeof fields / sizeof *fields, group)
	               : collect(load, node, true, &group->route);
}

static bool read_group(struct load *load, const struct pair *pair)
{
	struct table *table = table_of(load);
	const struct named *other = map_find(&table->names, pair->key->text);
	if (other && other->group &&
	    is_duplicate(load, pair->key, other->position, "group"))
		return false;
	struct group *group = arena_alloc(load->arena, sizeof *group);
	if (!group)
		return load_memory(load);
	group->position = pair->key->position;
	table->group_count++;
	if (!name_read(load, pair->key, "group name", &group->name))
		return false;
	bool good = read_members(load, pair->value, group);
	return add_name(load, pair->key, group->name, NULL, group) && good;
}

bool groups_read(struct load *load, const struct node *node, void *into)
{
	(void)into;
	if (node->type != NODE_MAPPING)
		return load_error(
			load, node, "write groups: {name: [first, second]}",
			"\"groups\" must be a mapping of names to lists of gateways");
	bool good = true;
	for (size_t i = 0; i < node->count; i++)
		good &= read_group(load, &node->pairs[i]);
	return good;
}
