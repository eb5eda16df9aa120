/* SPDX-License-Identifier: MIT */
/* As Kamailio's lcr routes: all rules whose prefix the number has give their gateways,
 * the longest prefix first, of one prefix by priority, of one priority by weight; a
 * stopper keeps shorter prefixes out. A rule of ours has all that follow it in its own
 * list. */
#include <stdlib.h>

#include "rules/arena.h"
#include "rules/map.h"
#include "server/commands/import_formats.h"
#include "server/commands/sheet.h"

#define OFFERS_MAX 64 /* of a redirect; 10 of them at most are Contacts */

enum {
	GW_ID,
	GW_INSTANCE,
	GW_NAME,
	GW_ADDRESS,
	GW_HOST,
	GW_PORT,
	GW_PARAMS,
	GW_SCHEME,
	GW_TRANSPORT,
	GW_STRIP,
	GW_LEAD,
	GW_DEFUNCT,
	GW_TAG,
	GW_FLAGS,
	GW_COLUMNS
};

static const struct sheet_column gateway_columns[GW_COLUMNS] = {
	[GW_ID] = {"id", SHEET_REQUIRED},
	[GW_INSTANCE] = {"lcr_id", SHEET_UNUSED},
	[GW_NAME] = {"gw_name", SHEET_OPTIONAL},
	[GW_ADDRESS] = {"ip_addr", SHEET_OPTIONAL},
	[GW_HOST] = {"hostname", SHEET_OPTIONAL},
	[GW_PORT] = {"port", SHEET_OPTIONAL},
	[GW_PARAMS] = {"params", SHEET_OPTIONAL},
	[GW_SCHEME] = {"uri_scheme", SHEET_OPTIONAL},
	[GW_TRANSPORT] = {"transport", SHEET_OPTIONAL},
	[GW_STRIP] = {"strip", SHEET_OPTIONAL},
	[GW_LEAD] = {"prefix", SHEET_OPTIONAL},
	[GW_DEFUNCT] = {"defunct", SHEET_OPTIONAL},
	[GW_TAG] = {"tag", SHEET_LOST},
	[GW_FLAGS] = {"flags", SHEET_LOST},
};

enum {
	RULE_ID,
	RULE_INSTANCE,
	RULE_PREFIX,
	RULE_FROM,
	RULE_REQUEST,
	RULE_TREE,
	RULE_STOPPER,
	RULE_ENABLED,
	RULE_COLUMNS
};

static const struct sheet_column rule_columns[RULE_COLUMNS] = {
	[RULE_ID] = {"id", SHEET_REQUIRED},
	[RULE_INSTANCE] = {"lcr_id", SHEET_REQUIRED},
	[RULE_PREFIX] = {"prefix", SHEET_REQUIRED},
	[RULE_FROM] = {"from_uri", SHEET_OPTIONAL},
	[RULE_REQUEST] = {"request_uri", SHEET_OPTIONAL},
	[RULE_TREE] = {"mt_tvalue", SHEET_OPTIONAL},
	[RULE_STOPPER] = {"stopper", SHEET_OPTIONAL},
	[RULE_ENABLED] = {"enabled", SHEET_OPTIONAL},
};

enum {
	TARGET_RULE,
	TARGET_GATEWAY,
	TARGET_PRIORITY,
	TARGET_WEIGHT,
	TARGET_INSTANCE,
	TARGET_ID,
	TARGET_COLUMNS
};

static const struct sheet_column target_columns[TARGET_COLUMNS] = {
	[TARGET_RULE] = {"rule_id", SHEET_REQUIRED},
	[TARGET_GATEWAY] = {"gw_id", SHEET_REQUIRED},
	[TARGET_PRIORITY] = {"priority", SHEET_REQUIRED},
	[TARGET_WEIGHT] = {"weight", SHEET_OPTIONAL},
	[TARGET_INSTANCE] = {"lcr_id", SHEET_UNUSED},
	[TARGET_ID] = {"id", SHEET_UNUSED},
};

struct target {
	const struct outline_gateway *gateway;
	unsigned long priority, weight;
	struct target *next; /* of the same rule: the lowest priority first */
};

struct rule {
	struct slice id, instance, prefix;
	struct position at;
	bool stopper, ignored; /* ignored: nothing is said about its targets any more */
	struct target *targets;
	struct rule *next;
};

struct reading {
	const struct import_job *job;
	struct outline *outline;
	struct arena *arena;
	struct sheet sheet;
	struct map by_id, by_prefix; /* → struct rule; "INSTANCE PREFIX" */
	struct rule *first, **end;
	bool said_weights;
};

/* Gateways */

static const char *const transports[] = {"", ";transport=udp", ";transport=tcp",
                                         ";transport=tls", ";transport=sctp"};

static bool find_host(struct reading *reading, struct slice *host)
{
	struct sheet *sheet = &reading->sheet;
	struct slice address = sheet_cell(sheet, GW_ADDRESS);
	*host = sheet_cell(sheet, GW_HOST);
	if (address.len && host->len)
		sheet_find(
			sheet, SEVERITY_WARNING, GW_HOST,
			"write the name in its place if it resolves to the address",
			"a Contact has one of \"%.*s\" and the address: the address is "
			"taken",
			(int)host->len, host->at);
	if (!address.len && !host->len)
		return sheet_find(sheet, SEVERITY_ERROR, GW_ADDRESS, NULL,
		                  "the gateway has no address and no name");
	bool v6 = slice_find(address, ':') < address.len && address.at[0] != '[';
	if (address.len)
		*host = outline_text(reading->outline, "%s%.*s%s", v6 ? "[" : "",
		                     (int)address.len, address.at, v6 ? "]" : "");
	return true;
}

static bool make_uri(struct reading *reading, struct slice *uri)
{
	struct sheet *sheet = &reading->sheet;
	struct slice params = sheet_cell(sheet, GW_PARAMS), host;
	unsigned long port, scheme, transport;
	char colon[24] = "";
	if (!sheet_number(sheet, GW_PORT, 65535, &port) ||
	    !sheet_number(sheet, GW_SCHEME, 2, &scheme) ||
	    !sheet_number(sheet, GW_TRANSPORT, 4, &transport) ||
	    !find_host(reading, &host))
		return false;
	if (port)
		snprintf(colon, sizeof colon, ":%lu", port);
	*uri = outline_text(reading->outline, "%s%.*s%s%s%s%.*s",
	                    scheme == 2 ? "sips:" : "sip:", (int)host.len, host.at, colon,
	                    transports[transport],
	                    params.len && params.at[0] != ';' ? ";" : "", (int)params.len,
	                    params.at);
	return true;
}

/* A time until which it is not used, or, as the greatest of 32 bits, for good. */
static bool read_defunct(struct sheet *sheet, bool *disabled)
{
	unsigned long until;
	if (!sheet_number(sheet, GW_DEFUNCT, ~0ul, &until))
		return false;
	*disabled = until >= 0xffffffff;
	if (until && !*disabled)
		sheet_find(sheet, SEVERITY_WARNING, GW_DEFUNCT, NULL,
		           "it is out of use for some time: that is not converted");
	return true;
}

static void read_gateway(struct reading *reading)
{
	struct sheet *sheet = &reading->sheet;
	struct slice id = sheet_cell(sheet, GW_ID), name = sheet_cell(sheet, GW_NAME);
	struct outline_gateway gateway = {.lead = sheet_cell(sheet, GW_LEAD)};
	if (!sheet_number(sheet, GW_STRIP, 1024, &gateway.strip) ||
	    !read_defunct(sheet, &gateway.disabled) || !make_uri(reading, &gateway.uri))
		return;
	gateway.name =
		name.len ? name
			 : outline_text(reading->outline, "gw-%.*s", (int)id.len, id.at);
	outline_gateway(reading->outline, id, &gateway, sheet_at(sheet, GW_ID));
}

/* Rules */

static struct slice prefix_key(struct reading *reading, struct slice instance,
                               struct slice prefix)
{
	return outline_text(reading->outline, "%.*s %.*s", (int)instance.len, instance.at,
	                    (int)prefix.len, prefix.at);
}

/* Rules that ask for more than the prefix cannot be put into one list with others. */
static bool is_convertible(struct sheet *sheet)
{
	static const size_t more[] = {RULE_FROM, RULE_REQUEST, RULE_TREE};
	for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
		if (sheet_cell(sheet, more[i]).len)
			return sheet_find(sheet, SEVERITY_ERROR, more[i], NULL,
			                  "this is left out: rules with \"%s\" are not "
			                  "converted",
			                  rule_columns[more[i]].name);
	return true;
}

static bool is_enabled(struct sheet *sheet)
{
	unsigned long enabled;
	if (!sheet_has(sheet, RULE_ENABLED))
		return true;
	if (!sheet_number(sheet, RULE_ENABLED, 1, &enabled))
		return false;
	if (!enabled)
		sheet_find(sheet, SEVERITY_WARNING, RULE_ENABLED, NULL,
		           "this is left out: it is not enabled");
	return enabled;
}

static void read_rule(struct reading *reading)
{
	struct sheet *sheet = &reading->sheet;
	struct rule *rule = arena_alloc(reading->arena, sizeof *rule);
	unsigned long stopper;
	if (!rule || !sheet_number(sheet, RULE_STOPPER, 1, &stopper))
		return;
	*rule = (struct rule){
		.id = outline_copy(reading->outline, sheet_cell(sheet, RULE_ID)),
		.instance =
			outline_copy(reading->outline, sheet_cell(sheet, RULE_INSTANCE)),
		.prefix = outline_copy(reading->outline, sheet_cell(sheet, RULE_PREFIX)),
		.at = sheet_at(sheet, RULE_ID),
		.stopper = stopper};
	struct slice key = prefix_key(reading, rule->instance, rule->prefix);
	if (map_find(&reading->by_id, rule->id)) {
		sheet_find(sheet, SEVERITY_ERROR, RULE_ID, NULL,
		           "there is a rule \"%s\" already", rule->id.at);
		return;
	}
	map_add(&reading->by_id, reading->arena, rule->id, rule);
	rule->ignored = !is_convertible(sheet) || !is_enabled(sheet);
	if (rule->ignored)
		return;
	if (map_find(&reading->by_prefix, key)) {
		rule->ignored = true;
		sheet_find(sheet, SEVERITY_ERROR, RULE_PREFIX, NULL,
		           "this is left out: the prefix has a rule already");
		return;
	}
	map_add(&reading->by_prefix, reading->arena, key, rule);
	*reading->end = rule;
	reading->end = &rule->next;
}

/* Targets */

static void add_target(struct rule *rule, struct target *target)
{
	struct target **place = &rule->targets;
	while (*place && (*place)->priority <= target->priority)
		place = &(*place)->next;
	target->next = *place;
	*place = target;
}

static void read_target(struct reading *reading)
{
	struct sheet *sheet = &reading->sheet;
	struct slice rule_id = sheet_cell(sheet, TARGET_RULE);
	struct slice gateway_id = sheet_cell(sheet, TARGET_GATEWAY);
	struct rule *rule = map_find(&reading->by_id, rule_id);
	struct target *target = arena_alloc(reading->arena, sizeof *target);
	if (!target || (rule && rule->ignored))
		return;
	target->gateway = outline_find(reading->outline, gateway_id);
	if (!rule)
		sheet_find(sheet, SEVERITY_ERROR, TARGET_RULE, NULL,
		           "this is left out: there is no rule \"%.*s\"",
		           (int)rule_id.len, rule_id.at);
	else if (!target->gateway)
		sheet_find(sheet, SEVERITY_ERROR, TARGET_GATEWAY, NULL,
		           "this is left out: there is no gateway \"%.*s\"",
		           (int)gateway_id.len, gateway_id.at);
	else if (sheet_number(sheet, TARGET_PRIORITY, 255, &target->priority) &&
	         sheet_number(sheet, TARGET_WEIGHT, 254, &target->weight))
		add_target(rule, target);
}

/* Routes */

static bool is_offered(const struct outline_offer *offers, size_t count,
                       const struct outline_gateway *gateway)
{
	for (size_t i = 0; i < count; i++)
		if (offers[i].gateway == gateway)
			return true;
	return false;
}

static void note_weights(struct reading *reading, const struct rule *rule)
{
	for (const struct target *i = rule->targets; i && i->next; i = i->next) {
		if (i->priority != i->next->priority || i->weight == i->next->weight ||
		    reading->said_weights)
			continue;
		reading->said_weights = true;
		diags_add(reading->job->diags, SEVERITY_WARNING, rule->at, NULL,
		          "weights are shares here: lcr favours the greater more");
	}
}

/* Those of one rule, behind those that are there. */
static size_t add_offers(const struct rule *rule, struct outline_offer offers[OFFERS_MAX],
                         size_t count)
{
	unsigned tier = count ? offers[count - 1].tier + 1 : 0;
	for (const struct target *i = rule->targets; i && count < OFFERS_MAX;
	     i = i->next) {
		unsigned weight = i->weight ? (unsigned)i->weight : 1;
		if (!is_offered(offers, count, i->gateway))
			offers[count++] =
				(struct outline_offer){i->gateway, weight, tier};
		tier += i->next && i->next->priority != i->priority;
	}
	return count;
}

static void add_route(struct reading *reading, const struct rule *rule)
{
	struct outline_offer offers[OFFERS_MAX];
	struct slice shorter = rule->prefix;
	size_t count = add_offers(rule, offers, 0);
	bool stopped = rule->stopper;
	note_weights(reading, rule);
	while (shorter.len && !stopped) {
		shorter.len--;
		const struct rule *next =
			map_find(&reading->by_prefix,
		                 prefix_key(reading, rule->instance, shorter));
		if (next)
			count = add_offers(next, offers, count);
		stopped = next && next->stopper;
	}
	outline_route(
		reading->outline,
		&(struct outline_route){
			.group = rule->instance,
			.name = outline_text(reading->outline, "rule %s", rule->id.at),
			.prefix = rule->prefix,
			.offers = offers,
			.offer_count = count,
			.rejects = !count,
			.at = rule->at});
}

static bool read_all(struct reading *reading, const char *path,
                     const struct sheet_column *columns, size_t count,
                     void (*read)(struct reading *reading))
{
	struct sheet *sheet = &reading->sheet;
	bool good = sheet_open(sheet, path, columns, count, reading->job->diags);
	while (good && sheet_next(sheet))
		read(reading);
	sheet_close(sheet);
	return !sheet->failed;
}

bool import_lcr(const struct import_job *job)
{
	struct reading reading = {.job = job,
	                          .outline = job->outline,
	                          .arena = outline_arena(job->outline)};
	reading.end = &reading.first;
	if (!read_all(&reading, job->files[0], gateway_columns, GW_COLUMNS,
	              read_gateway) ||
	    !read_all(&reading, job->files[1], rule_columns, RULE_COLUMNS, read_rule) ||
	    !read_all(&reading, job->files[2], target_columns, TARGET_COLUMNS,
	              read_target))
		return false;
	for (const struct rule *rule = reading.first; rule; rule = rule->next)
		add_route(&reading, rule);
	return true;
}
