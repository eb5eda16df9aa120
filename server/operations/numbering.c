/* SPDX-License-Identifier: MIT */
#include "server/operations/numbering.h"

#include <stdlib.h>

/* RFC 3261, 3262, 3265, 3311, 3428, 3515, 3903, 6086. Their number is their place, from 1
 * on. */
static const char *const known[] = {
	"INVITE",    "ACK",    "CANCEL",  "OPTIONS", "BYE",   "REGISTER", "PRACK",
	"SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO",    "REFER", "MESSAGE",  "UPDATE",
};
#define KNOWN (sizeof known / sizeof known[0])
_Static_assert(KNOWN + METHODS_MAX <= REGISTRY_METHODS_MAX,
               "those of the first settings have room");

void numbering_start(struct registry *registry)
{
	for (size_t i = 0; i < KNOWN; i++)
		registry_number(registry, REGISTRY_METHODS, slice_of(known[i]));
}

unsigned numbering_method(struct slice method)
{
	for (unsigned i = 0; i < KNOWN; i++)
		if (slice_equal(method, slice_of(known[i])))
			return i + 1;
	return REGISTRY_OTHER;
}

/* What is being filled. */
struct filling {
	struct registry *registry;
	uint16_t *rules, *gateways;
	struct slice *gateway_names;
};

static void add_rule(void *arg, size_t number, struct slice table, struct slice rule)
{
	const struct filling *filling = arg;
	char buffer[DECISION_LABEL_MAX];
	filling->rules[number] = (uint16_t)registry_number(
		filling->registry, REGISTRY_RULES, decision_label(table, rule, buffer));
}

static void keep_gateway(void *arg, size_t number, struct slice name, struct slice uri)
{
	const struct filling *filling = arg;
	filling->gateway_names[number] = name.len ? name : uri;
}

/* The first ones of the file get numbers if there is not room for all. */
static bool add_table(struct filling *filling, const struct table *table)
{
	size_t count = table_gateway_numbers(table);
	filling->gateway_names = calloc(count + 1, sizeof *filling->gateway_names);
	if (!filling->gateway_names)
		return false;
	table_names(table, &(struct table_namer){filling, add_rule, keep_gateway});
	for (size_t i = 0; i < count; i++)
		filling->gateways[i] = (uint16_t)registry_number(
			filling->registry, REGISTRY_GATEWAYS, filling->gateway_names[i]);
	free(filling->gateway_names);
	return true;
}

static void add_settings(struct registry *registry, const struct settings *settings,
                         uint16_t *profiles, uint16_t *peers, uint16_t *listeners)
{
	for (size_t i = 0; i < settings->profile_count; i++)
		profiles[i] = (uint16_t)registry_number(registry, REGISTRY_PROFILES,
		                                        settings->profiles[i]->name);
	for (size_t i = 0; i < settings->peer_count; i++)
		peers[i] = (uint16_t)registry_number(registry, REGISTRY_PEERS,
		                                     settings->peers[i]->name);
	for (size_t i = 0; i < settings->listen_count; i++)
		listeners[i] = (uint16_t)registry_number(registry, REGISTRY_LISTENERS,
		                                         settings->listens[i].text);
}

struct numbering *numbering_new(struct registry *registry,
                                const struct settings *settings,
                                const struct table *table)
{
	size_t rules = table_rule_numbers(table), gateways = table_gateway_numbers(table);
	size_t count = settings->profile_count + settings->peer_count +
	               settings->listen_count + rules + gateways;
	struct numbering *numbering =
		malloc(sizeof *numbering + count * sizeof(uint16_t));
	if (!numbering)
		return NULL;
	uint16_t *profiles = (uint16_t *)(numbering + 1);
	uint16_t *peers = profiles + settings->profile_count;
	uint16_t *listeners = peers + settings->peer_count;
	struct filling filling = {registry, listeners + settings->listen_count,
	                          listeners + settings->listen_count + rules};
	*numbering = (struct numbering){profiles, peers, listeners, filling.rules,
	                                filling.gateways};
	add_settings(registry, settings, profiles, peers, listeners);
	for (size_t i = 0; i < settings->method_count; i++)
		numbering->methods[i] = (uint16_t)registry_number(
			registry, REGISTRY_METHODS, settings->methods[i]);
	if (add_table(&filling, table))
		return numbering;
	free(numbering);
	return NULL;
}

void numbering_free(struct numbering *numbering)
{
	free(numbering);
}
