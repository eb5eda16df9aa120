/* SPDX-License-Identifier: MIT */
/* As drouting(Kamailio 5, OpenSIPS 1.9 to 3) routes: of the rules of the caller's group
 * those with the longest prefix, of these the one of the highest priority whose time is
 * now; if there is none, those of the next shorter prefix. Lists are tried in their
 * order, or by weight. */
#include <stdint.h>

#include "rules/arena.h"
#include "rules/map.h"
#include "server/commands/import_formats.h"
#include "server/commands/sheet.h"
#include "server/commands/timerec.h"

#define LIST_MAX   256 /* gateways of one list */
#define WEIGHT_MAX 10000

enum {
	GW_ID,
	GW_ADDRESS,
	GW_STRIP,
	GW_LEAD,
	GW_STATE,
	GW_PROBE,
	GW_TYPE,
	GW_ATTRS,
	GW_SOCKET,
	GW_KEY,
	GW_NOTE,
	GW_COLUMNS
};

static const struct sheet_column gateway_columns[GW_COLUMNS] = {
	[GW_ID] = {"gwid", SHEET_REQUIRED},
	[GW_ADDRESS] = {"address", SHEET_REQUIRED},
	[GW_STRIP] = {"strip", SHEET_OPTIONAL},
	[GW_LEAD] = {"pri_prefix", SHEET_OPTIONAL},
	[GW_STATE] = {"state", SHEET_OPTIONAL},
	[GW_PROBE] = {"probe_mode", SHEET_LOST},
	[GW_TYPE] = {"type", SHEET_UNUSED}, /* for is_from_gw() */
	[GW_ATTRS] = {"attrs", SHEET_LOST},
	[GW_SOCKET] = {"socket", SHEET_LOST},
	[GW_KEY] = {"id", SHEET_UNUSED},
	[GW_NOTE] = {"description", SHEET_UNUSED},
};

enum {
	LIST_ID,
	LIST_CARRIER,
	LIST_GATEWAYS,
	LIST_FLAGS,
	LIST_SORT,
	LIST_STATE,
	LIST_ATTRS,
	LIST_NOTE,
	LIST_COLUMNS
};

static const struct sheet_column list_columns[LIST_COLUMNS] = {
	[LIST_ID] = {"id", SHEET_OPTIONAL},
	[LIST_CARRIER] = {"carrierid", SHEET_OPTIONAL},
	[LIST_GATEWAYS] = {"gwlist", SHEET_REQUIRED},
	[LIST_FLAGS] = {"flags", SHEET_OPTIONAL},
	[LIST_SORT] = {"sort_alg", SHEET_OPTIONAL},
	[LIST_STATE] = {"state", SHEET_OPTIONAL},
	[LIST_ATTRS] = {"attrs", SHEET_LOST},
	[LIST_NOTE] = {"description", SHEET_UNUSED},
};

enum {
	RULE_ID,
	RULE_GROUP,
	RULE_PREFIX,
	RULE_TIME,
	RULE_PRIORITY,
	RULE_ROUTE,
	RULE_LIST,
	RULE_SORT,
	RULE_PROFILE,
	RULE_ATTRS,
	RULE_NOTE,
	RULE_COLUMNS
};

static const struct sheet_column rule_columns[RULE_COLUMNS] = {
	[RULE_ID] = {"ruleid", SHEET_REQUIRED},
	[RULE_GROUP] = {"groupid", SHEET_REQUIRED},
	[RULE_PREFIX] = {"prefix", SHEET_REQUIRED},
	[RULE_TIME] = {"timerec", SHEET_OPTIONAL},
	[RULE_PRIORITY] = {"priority", SHEET_OPTIONAL},
	[RULE_ROUTE] = {"routeid", SHEET_LOST},
	[RULE_LIST] = {"gwlist", SHEET_REQUIRED},
	[RULE_SORT] = {"sort_alg", SHEET_OPTIONAL},
	[RULE_PROFILE] = {"sort_profile", SHEET_LOST},
	[RULE_ATTRS] = {"attrs", SHEET_LOST},
	[RULE_NOTE] = {"description", SHEET_UNUSED},
};

/* A list that rules refer to by #ID, before its gateways are looked for. */
struct list {
	struct slice members;
	char sort;       /* 'w': by weight, else in order */
	bool first_only; /* of its gateways only the first is tried */
	bool disabled;
};

struct reading {
	const struct import_job *job;
	struct outline *outline;
	struct sheet sheet; /* of what is being read */
	struct map lists;   /* → struct list */
	bool opensips, said_weights, said_tiers;

	/* Of the rule that is being read. */
	size_t column; /* where findings about its list are */
	struct outline_offer offers[LIST_MAX];
	size_t count;
	unsigned tier;
};

/* Gateways */

static bool has_scheme(struct slice address)
{
	return (address.len > 4 && slice_folds(address.at, "sip:", 4)) ||
	       (address.len > 5 && slice_folds(address.at, "sips:", 5));
}

static bool is_number(struct slice text)
{
	unsigned long ignored;
	return slice_number(text, UINT32_MAX, &ignored);
}

static void read_gateway(struct reading *reading)
{
	struct sheet *sheet = &reading->sheet;
	struct outline *outline = reading->outline;
	struct slice id = sheet_cell(sheet, GW_ID), at = sheet_cell(sheet, GW_ADDRESS);
	struct outline_gateway gateway = {.lead = sheet_cell(sheet, GW_LEAD)};
	unsigned long state;
	if (!sheet_number(sheet, GW_STRIP, 1024, &gateway.strip) ||
	    !sheet_number(sheet, GW_STATE, 2, &state))
		return;
	gateway.disabled = state == 1; /* 2 is down, for now */
	gateway.name = outline_text(outline, "%s%.*s", is_number(id) ? "gw-" : "",
	                            (int)id.len, id.at);
	gateway.uri = outline_text(outline, "%s%.*s",
	                           has_scheme(at) ? "" : "sip:", (int)at.len, at.at);
	outline_gateway(outline, id, &gateway, sheet_at(sheet, GW_ADDRESS));
}

static bool read_gateways(struct reading *reading, const char *path)
{
	struct sheet *sheet = &reading->sheet;
	bool good =
		sheet_open(sheet, path, gateway_columns, GW_COLUMNS, reading->job->diags);
	reading->opensips = good && sheet_has(sheet, GW_PROBE);
	while (good && sheet_next(sheet))
		read_gateway(reading);
	sheet_close(sheet);
	return !sheet->failed;
}

/* Lists */

static char sort_of(struct sheet *sheet, size_t column)
{
	struct slice sort = sheet_cell(sheet, column);
	char c = sort.len ? (char)(sort.at[0] | 0x20) : 0;
	if (c == 'q')
		sheet_find(sheet, SEVERITY_WARNING, column, NULL,
		           "there is no order by quality: it is that of the list");
	return c;
}

/* In OpenSIPS 1 and 2 the flags had in them what are columns of their own since. */
static void read_flags(struct sheet *sheet, struct list *list)
{
	unsigned long flags, state;
	if (!sheet_number(sheet, LIST_FLAGS, UINT32_MAX, &flags) ||
	    !sheet_number(sheet, LIST_STATE, UINT32_MAX, &state))
		return;
	if (sheet_has(sheet, LIST_SORT)) {
		list->sort = sort_of(sheet, LIST_SORT);
		list->first_only = flags & 1;
	} else {
		list->sort = flags & 1 ? 'w' : 0;
		list->first_only = flags & 2;
	}
	list->disabled = state == 1 || (!sheet_has(sheet, LIST_STATE) && flags & 4);
}

static void read_list(struct reading *reading)
{
	struct sheet *sheet = &reading->sheet;
	bool carrier = sheet_has(sheet, LIST_CARRIER);
	size_t column = carrier ? LIST_CARRIER : LIST_ID;
	struct slice id = sheet_cell(sheet, column);
	struct arena *arena = outline_arena(reading->outline);
	struct list *list = arena_alloc(arena, sizeof *list);
	if (!list)
		return;
	if (map_find(&reading->lists, id)) {
		sheet_find(sheet, SEVERITY_ERROR, column, NULL,
		           "there is a list \"%.*s\" already", (int)id.len, id.at);
		return;
	}
	list->members = outline_copy(reading->outline, sheet_cell(sheet, LIST_GATEWAYS));
	if (carrier)
		read_flags(sheet, list);
	map_add(&reading->lists, arena, outline_copy(reading->outline, id), list);
}

static bool read_lists(struct reading *reading, const char *path)
{
	struct sheet *sheet = &reading->sheet;
	bool good =
		sheet_open(sheet, path, list_columns, LIST_COLUMNS, reading->job->diags);
	while (good && sheet_next(sheet))
		read_list(reading);
	sheet_close(sheet);
	return !sheet->failed;
}

/* Rules */

/* One of a list: ID, ID=WEIGHT or #ID of another list; what ends it. */
struct member {
	struct slice id;
	bool is_list;
	unsigned long weight;
	char end;
};

static bool fault(struct reading *reading, const char *what, struct slice text)
{
	return sheet_find(&reading->sheet, SEVERITY_ERROR, reading->column, NULL,
	                  "this is left out: %s \"%.*s\"", what, (int)text.len, text.at);
}

static bool is_end(char c)
{
	return c == ',' || c == ';' || c == '|' || c == ' ';
}

static bool next_member(struct reading *reading, struct slice *text,
                        struct member *member)
{
	size_t len = 0;
	while (len < text->len && !is_end(text->at[len]))
		len++;
	struct slice word = {text->at, len};
	*member = (struct member){.end = len < text->len ? text->at[len] : ','};
	*text = slice_skip(*text, len + 1);
	member->is_list = slice_take(&word, '#');
	size_t equals = slice_find(word, '=');
	if (equals < word.len &&
	    !slice_number(slice_skip(word, equals + 1), WEIGHT_MAX, &member->weight))
		return fault(reading, "its list has the weight", word);
	member->id = (struct slice){word.at, equals};
	return true;
}

static bool is_offered(const struct reading *reading,
                       const struct outline_gateway *gateway)
{
	for (size_t i = 0; i < reading->count; i++)
		if (reading->offers[i].gateway == gateway)
			return true;
	return false;
}

/* A gateway that has been there already is not tried again. */
static bool offer(struct reading *reading, struct slice id, unsigned weight)
{
	const struct outline_gateway *gateway = outline_find(reading->outline, id);
	if (!gateway)
		return fault(reading, "there is no gateway", id);
	if (is_offered(reading, gateway))
		return true;
	if (reading->count == LIST_MAX)
		return fault(reading, "its list is too long, from", id);
	reading->offers[reading->count++] =
		(struct outline_offer){gateway, weight, reading->tier};
	return true;
}

static bool add_list(struct reading *reading, const struct member *from, bool weighted);

static bool add_member(struct reading *reading, const struct member *member,
                       bool weighted)
{
	unsigned weight = weighted && member->weight ? (unsigned)member->weight : 1;
	return member->is_list ? add_list(reading, member, weighted)
	                       : offer(reading, member->id, weight);
}

/* One after the other; with sharing, those between semicolons share. */
static bool add_in_order(struct reading *reading, struct slice text, bool sharing)
{
	struct member member;
	while (text.len) {
		if (!next_member(reading, &text, &member) ||
		    (member.id.len && !add_member(reading, &member, false)))
			return false;
		reading->tier += !sharing || member.end == ';';
	}
	reading->tier++;
	return true;
}

/* They share by their weights; those without one come behind the others. */
static bool add_by_weight(struct reading *reading, struct slice text)
{
	struct member member;
	for (int without = 0; without < 2; without++) {
		struct slice left = text;
		while (left.len) {
			if (!next_member(reading, &left, &member))
				return false;
			if (!member.id.len || without == (member.weight > 0))
				continue;
			if (!add_member(reading, &member, true))
				return false;
		}
		reading->tier++;
	}
	return true;
}

/* A list that shares a tier with others can be one only if it has one gateway itself. */
static bool share(struct reading *reading, const struct member *from, size_t before,
                  unsigned tier)
{
	size_t added = reading->count - before;
	if (added > 1)
		return fault(reading, "others have weights beside the list", from->id);
	if (added) {
		reading->offers[before].weight =
			from->weight ? (unsigned)from->weight : 1;
		reading->offers[before].tier = tier;
	}
	reading->tier = tier;
	return true;
}

static bool add_list(struct reading *reading, const struct member *from, bool weighted)
{
	const struct list *list = map_find(&reading->lists, from->id);
	size_t before = reading->count;
	unsigned tier = reading->tier;
	if (!list)
		return fault(reading, "there is no list", from->id);
	if (slice_find(list->members, '#') < list->members.len)
		return fault(reading, "lists are in the list", from->id);
	if (list->disabled) {
		sheet_find(&reading->sheet, SEVERITY_WARNING, reading->column, NULL,
		           "nothing is made of the list \"%.*s\", it is not enabled",
		           (int)from->id.len, from->id.at);
		return true;
	}
	if (!(list->sort == 'w' ? add_by_weight(reading, list->members)
	                        : add_in_order(reading, list->members, false)))
		return false;
	if (list->first_only && reading->count > before + 1) {
		if (list->sort == 'w')
			return fault(reading,
			             "one of them by weight is taken of the list",
			             from->id);
		reading->count = before + 1;
	}
	return !weighted || share(reading, from, before, tier);
}

static bool has_weights(struct slice text)
{
	return slice_find(text, '=') < text.len;
}

/* Whether the rule's own list goes by weight. */
static bool goes_by_weight(struct reading *reading, struct slice text)
{
	struct sheet *sheet = &reading->sheet;
	if (sheet_has(sheet, RULE_SORT))
		return sort_of(sheet, RULE_SORT) == 'w';
	if (!has_weights(text))
		return false;
	if (!reading->said_weights)
		sheet_find(sheet, SEVERITY_WARNING, RULE_LIST, NULL,
		           "weights count, as with the flag W of do_routing()");
	reading->said_weights = true;
	return true;
}

static void note_tiers(struct reading *reading, struct slice text)
{
	if (reading->opensips || reading->said_tiers || slice_find(text, ';') == text.len)
		return;
	sheet_find(&reading->sheet, SEVERITY_WARNING, RULE_LIST, NULL,
	           "gateways between semicolons share, as with sort_order 1");
	reading->said_tiers = true;
}

/* Kamailio's gw_lists stand for the whole list of a rule. */
static bool find_list(struct reading *reading, struct slice *text)
{
	struct member member;
	if (reading->opensips || !text->len || text->at[0] != '#')
		return true;
	if (!next_member(reading, text, &member))
		return false;
	const struct list *list = map_find(&reading->lists, member.id);
	if (!list)
		return fault(reading, "there is no list", member.id);
	*text = list->members;
	return true;
}

static bool read_offers(struct reading *reading)
{
	struct slice text = sheet_cell(&reading->sheet, RULE_LIST);
	reading->column = RULE_LIST;
	reading->count = 0;
	reading->tier = 0;
	if (!find_list(reading, &text))
		return false;
	note_tiers(reading, text);
	if (reading->opensips && goes_by_weight(reading, text))
		return add_by_weight(reading, text);
	bool sharing = !reading->opensips && slice_find(text, ';') < text.len;
	return add_in_order(reading, text, sharing);
}

static bool read_time(struct reading *reading, struct timerec *time)
{
	const char *why;
	if (!timerec_read(sheet_cell(&reading->sheet, RULE_TIME), time, &why))
		return sheet_find(&reading->sheet, SEVERITY_ERROR, RULE_TIME, NULL,
		                  "this is left out: of its time, %s", why);
	if (time->cut)
		sheet_find(&reading->sheet, SEVERITY_WARNING, RULE_TIME, NULL,
		           "the time goes on to midnight only, as drouting has it");
	return true;
}

/* Once for each of its groups. */
static void add_route(struct reading *reading, struct outline_route *route)
{
	struct slice groups = sheet_cell(&reading->sheet, RULE_GROUP);
	bool any = false;
	while (groups.len) {
		size_t len = 0;
		while (len < groups.len && !is_end(groups.at[len]))
			len++;
		route->group = (struct slice){groups.at, len};
		groups = slice_skip(groups, len + 1);
		if (!len)
			continue;
		any = true;
		if (!outline_route(reading->outline, route))
			return;
	}
	if (!any)
		sheet_find(&reading->sheet, SEVERITY_ERROR, RULE_GROUP, NULL,
		           "this is left out: it is of no group");
}

static bool is_prefix(struct slice prefix)
{
	for (size_t i = 0; i < prefix.len; i++)
		if (!strchr("0123456789+*#", prefix.at[i]))
			return false;
	return true;
}

static void read_rule(struct reading *reading)
{
	struct sheet *sheet = &reading->sheet;
	struct slice id = sheet_cell(sheet, RULE_ID);
	struct timerec time;
	unsigned long priority;
	if (!is_prefix(sheet_cell(sheet, RULE_PREFIX))) {
		sheet_find(sheet, SEVERITY_ERROR, RULE_PREFIX, NULL,
		           "this is left out: a prefix has digits, +, * and #");
		return;
	}
	if (!sheet_number(sheet, RULE_PRIORITY, INT32_MAX, &priority) ||
	    !read_time(reading, &time) || !read_offers(reading))
		return;
	struct outline_route route = {
		.name = outline_text(reading->outline, "rule %.*s", (int)id.len, id.at),
		.prefix = sheet_cell(sheet, RULE_PREFIX),
		.priority = (long)priority,
		.time = slice_of(time.time),
		.from = slice_of(time.from),
		.until = slice_of(time.until),
		.offers = reading->offers,
		.offer_count = reading->count,
		.at = sheet_at(sheet, RULE_ID)};
	add_route(reading, &route);
}

static bool read_rules(struct reading *reading, const char *path)
{
	struct sheet *sheet = &reading->sheet;
	bool good =
		sheet_open(sheet, path, rule_columns, RULE_COLUMNS, reading->job->diags);
	if (good && sheet_has(sheet, RULE_ATTRS))
		reading->opensips = true;
	while (good && sheet_next(sheet))
		read_rule(reading);
	sheet_close(sheet);
	return !sheet->failed;
}

bool import_drouting(const struct import_job *job)
{
	struct reading reading = {.job = job, .outline = job->outline};
	return read_gateways(&reading, job->files[1]) &&
	       (job->file_count < 3 || read_lists(&reading, job->files[2])) &&
	       read_rules(&reading, job->files[0]);
}
