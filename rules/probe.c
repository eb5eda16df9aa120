/* SPDX-License-Identifier: MIT */
#include "rules/probe.h"

#include <stddef.h>

#include "rules/rule.h"
#include "rules/table.h"
#include "rules/units.h"
#include "rules/uri.h"

static const struct probe probe_default = {10000, 2000, 3, 2};

/* Reading */

static bool read_duration(struct load *load, const struct node *node, const char *what,
                          unsigned long min_ms, unsigned long max_ms, unsigned long *ms)
{
	struct slice text;
	if (!schema_text(load, node, what, &text))
		return false;
	return (units_duration(text, max_ms, ms) && *ms >= min_ms) ||
	       load_error(load, node, NULL,
	                  "\"%s\" must be a time from %lums to %lus: 500ms, 10s, 1m",
	                  what, min_ms, max_ms / 1000);
}

static bool read_every(struct load *load, const struct node *node, void *into)
{
	return read_duration(load, node, "every", PROBE_EVERY_MIN_MS, PROBE_EVERY_MAX_MS,
	                     &((struct probe *)into)->every_ms);
}

static bool read_timeout(struct load *load, const struct node *node, void *into)
{
	return read_duration(load, node, "timeout", PROBE_TIMEOUT_MIN_MS,
	                     PROBE_TIMEOUT_MAX_MS, &((struct probe *)into)->timeout_ms);
}

static bool read_down_after(struct load *load, const struct node *node, void *into)
{
	return schema_number(load, node, "down_after", 1, PROBE_IN_A_ROW_MAX,
	                     &((struct probe *)into)->down_after);
}

static bool read_up_after(struct load *load, const struct node *node, void *into)
{
	return schema_number(load, node, "up_after", 1, PROBE_IN_A_ROW_MAX,
	                     &((struct probe *)into)->up_after);
}

static bool read_mapping(struct load *load, const struct node *node, struct probe *probe)
{
	static const struct field fields[] = {{"every", read_every, 0},
	                                      {"timeout", read_timeout, 0},
	                                      {"down_after", read_down_after, 0},
	                                      {"up_after", read_up_after, 0}};
	if (!schema_read(load, node, "\"probe\"", fields, sizeof fields / sizeof *fields,
	                 probe))
		return false;
	if (!probe->timeout_ms)
		probe->timeout_ms = probe_default.timeout_ms < probe->every_ms
		                            ? probe_default.timeout_ms
		                            : probe->every_ms;
	return probe->timeout_ms <= probe->every_ms ||
	       load_error(load, node, "the next probe begins when this one has ended",
	                  "\"timeout\" is longer than \"every\"");
}

bool probe_read(struct load *load, const struct node *node, void *into)
{
	struct probing *probing = into;
	bool wanted;
	probing->given = true;
	if (node->type != NODE_MAPPING) {
		if (!schema_bool(load, node, "probe", &wanted))
			return false;
		probing->probe = wanted ? &probe_default : NULL;
		return true;
	}
	struct probe *probe = arena_alloc(load->arena, sizeof *probe);
	if (!probe)
		return load_memory(load);
	*probe = probe_default;
	probe->timeout_ms = 0; /* not given */
	probing->probe = probe;
	return read_mapping(load, node, probe);
}

/* Who is probed */

static void probe_members(const struct table *table, const struct group *group)
{
	for (size_t t = 0; t < group->route.tier_count; t++)
		for (size_t g = 0; g < group->route.tiers[t].count; g++) {
			const struct gateway *member = group->route.tiers[t].gateways[g];
			struct named *named = map_find(&table->names, member->name);
			named->gateway->probe = group->probing.probe;
		}
}

/* Over UDP and TCP only. */
static bool check(struct load *load, const struct gateway *gateway)
{
	struct gateway_view view;
	gateway_view(gateway, &view);
	if (view.transport != PROBED_OTHER)
		return true;
	diags_add(load->diags, SEVERITY_ERROR, gateway->position,
	          "write probe: false for it",
	          "gateway \"%s\" cannot be probed: only UDP and TCP are",
	          gateway->name.at);
	return false;
}

static bool decide(struct load *load, struct gateway *gateway)
{
	if (gateway->probing.given)
		gateway->probe = gateway->probing.probe;
	if (!gateway->enabled)
		gateway->probe = NULL;
	return !gateway->probe || check(load, gateway);
}

/* What has been read the last stands first in the list of names. */
static bool number(struct load *load, struct table *table, size_t all, size_t probed)
{
	table->listed = arena_array(load->arena, all, sizeof(void *));
	table->probed = arena_array(load->arena, probed, sizeof(void *));
	if (!table->listed || !table->probed)
		return load_memory(load);
	table->probed_count = probed;
	for (const struct named *n = table->named; n; n = n->next) {
		if (!n->gateway)
			continue;
		table->listed[--all] = n->gateway;
		if (!n->gateway->probe)
			continue;
		n->gateway->probe_number = probed;
		table->probed[--probed] = n->gateway;
	}
	return true;
}

bool probes_finish(struct load *load)
{
	struct table *table = ((struct table_load *)load)->table;
	bool good = true;
	size_t all = 0, probed = 0;
	/* So the first group of the file has the last word. */
	for (const struct named *n = table->named; n; n = n->next)
		if (n->group && n->group->probing.probe)
			probe_members(table, n->group);
	for (const struct named *n = table->named; n; n = n->next) {
		if (!n->gateway)
			continue;
		good &= decide(load, n->gateway);
		all++;
		probed += n->gateway->probe != NULL;
	}
	return number(load, table, all, probed) && good;
}

/* For those who probe */

static enum probed_transport transport_of(const struct target_uri *uri,
                                          struct slice params)
{
	struct slice value;
	if (!slice_equal_nocase(uri->head, slice_of("sip:")))
		return PROBED_OTHER;
	if (!uri_param(params, "transport", &value))
		return PROBED_ANY;
	if (slice_equal_nocase(value, slice_of("udp")))
		return PROBED_UDP;
	return slice_equal_nocase(value, slice_of("tcp")) ? PROBED_TCP : PROBED_OTHER;
}

void gateway_view(const struct gateway *gateway, struct gateway_view *out)
{
	const struct target_uri *uri = &gateway->uri;
	struct slice params = slice_skip(uri->tail, slice_find(uri->tail, ';') + 1);
	struct slice maddr;
	*out = (struct gateway_view){.name = gateway->name,
	                             .uri = uri->text,
	                             .server = uri->tail,
	                             .host = uri->host,
	                             .port = uri->port,
	                             .transport = transport_of(uri, params),
	                             .probe = gateway->probe,
	                             .number = gateway->probe_number,
	                             .position = gateway->position};
	/* RFC 3263 4: the target is the maddr, if there is one. */
	if (uri_param(params, "maddr", &maddr) && maddr.len)
		out->host = maddr;
}
