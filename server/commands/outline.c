/* SPDX-License-Identifier: MIT */
#include "server/commands/outline.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include "rules/map.h"
#include "rules/uri.h"

#define MEMORY_MAX   ((size_t)4 << 30)
#define NAME_BYTES   64 /* of gateways and rules */
#define OFFERS_MAX   64 /* of a redirect */
#define CONTACTS_MAX 10

/* A gateway as it is written, for the weight and the lead that a route wants of it. */
struct written {
	struct slice name;
	const struct outline_gateway *gateway;
	struct slice lead;
	unsigned weight;
	struct written *next;
};

struct offer {
	const struct written *gateway;
	unsigned tier;
};

struct route {
	struct outline_route route;
	size_t group, sequence;
	unsigned long strip;
	struct slice lead, time; /* time: its name */
	struct offer *offers;
};

/* Something with a name, in the order in which it was found. */
struct named {
	struct slice name, value;
	size_t place;
	struct named *next;
};

struct names {
	struct map map;
	struct named *first, **end;
	size_t count;
};

struct outline {
	struct arena *arena;
	struct diags *diags;
	bool out_of_memory;
	struct map keys;     /* → struct outline_gateway */
	struct map taken;    /* names of gateways → struct outline_gateway */
	struct map variants; /* → struct written */
	struct written *first, **end;
	size_t gateway_count;
	struct names groups, times, numbers;
	struct route *routes;
	size_t count, size;
};

struct outline *outline_new(struct diags *diags)
{
	struct outline *outline = calloc(1, sizeof *outline);
	if (!outline || !(outline->arena = arena_new(MEMORY_MAX))) {
		free(outline);
		return NULL;
	}
	outline->diags = diags;
	outline->end = &outline->first;
	outline->groups.end = &outline->groups.first;
	outline->times.end = &outline->times.first;
	outline->numbers.end = &outline->numbers.first;
	return outline;
}

void outline_free(struct outline *outline)
{
	if (!outline)
		return;
	arena_free(outline->arena);
	free(outline->routes);
	free(outline);
}

bool outline_is_complete(const struct outline *outline)
{
	return !outline->out_of_memory;
}

struct arena *outline_arena(struct outline *outline)
{
	return outline->arena;
}

size_t outline_gateways(const struct outline *outline)
{
	return outline->gateway_count;
}

size_t outline_routes(const struct outline *outline)
{
	return outline->count;
}

static void *note_memory(struct outline *outline)
{
	outline->out_of_memory = true;
	return NULL;
}

struct slice outline_copy(struct outline *outline, struct slice text)
{
	struct slice copy = arena_copy(outline->arena, text);
	if (!copy.at)
		note_memory(outline);
	return copy.at ? copy : (struct slice){"", 0};
}

struct slice outline_text(struct outline *outline, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0) {
		note_memory(outline);
		return (struct slice){"", 0};
	}
	struct slice copy = outline_copy(outline, (struct slice){text, (size_t)len});
	free(text);
	return copy;
}

/* Gateways */

/* Without what has a meaning here or in CSV, and not too long. */
static struct slice clean_name(struct outline *outline, struct slice wanted)
{
	if (wanted.len > NAME_BYTES - 16)
		wanted.len = NAME_BYTES - 16;
	struct slice name = outline_copy(outline, wanted);
	for (char *at = (char *)(uintptr_t)name.at; at < name.at + name.len; at++)
		if (strchr(":/=,;\"\\{}", *at))
			*at = '-';
	while (name.len && ((unsigned char)name.at[name.len - 1] & 0x80))
		name.len--; /* a character may have been cut */
	return name.len ? name : slice_of("gateway");
}

static struct slice free_name(struct outline *outline, struct slice wanted)
{
	struct slice clean = clean_name(outline, wanted), name = clean;
	for (unsigned i = 2; map_find(&outline->taken, name) && !outline->out_of_memory;
	     i++)
		name = outline_text(outline, "%.*s-%u", (int)clean.len, clean.at, i);
	return name;
}

/* Of a number: nothing that a rule would clean away, or a URI escape. */
static bool is_plain(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i], letter = (char)(c | 0x20);
		if (!(c >= '0' && c <= '9') && !(letter >= 'a' && letter <= 'z') &&
		    c != '+' && c != '*' && c != '#' && c != '_')
			return false;
	}
	return true;
}

static bool is_uri(struct outline *outline, struct slice text, struct position at)
{
	struct uri uri;
	const char *why = "it has a user part";
	size_t where;
	if (uri_parse(text, &uri, &why, &where) && !uri.user.at)
		return true;
	diags_add(outline->diags, SEVERITY_ERROR, at, NULL, "\"%.*s\" is no address: %s",
	          (int)text.len, text.at, why);
	return false;
}

const struct outline_gateway *outline_gateway(struct outline *outline, struct slice key,
                                              const struct outline_gateway *wanted,
                                              struct position at)
{
	if (map_find(&outline->keys, key)) {
		diags_add(outline->diags, SEVERITY_ERROR, at, NULL,
		          "there is a gateway \"%.*s\" already", (int)key.len, key.at);
		return NULL;
	}
	if (!is_uri(outline, wanted->uri, at))
		return NULL;
	if (!is_plain(wanted->lead)) {
		diags_add(outline->diags, SEVERITY_ERROR, at, NULL,
		          "only digits, letters, +, *, # and _ can be put in front of a "
		          "number, not \"%.*s\"",
		          (int)wanted->lead.len, wanted->lead.at);
		return NULL;
	}
	struct outline_gateway *gateway = arena_alloc(outline->arena, sizeof *gateway);
	if (!gateway)
		return note_memory(outline);
	*gateway = (struct outline_gateway){.name = free_name(outline, wanted->name),
	                                    .uri = outline_copy(outline, wanted->uri),
	                                    .strip = wanted->strip,
	                                    .lead = outline_copy(outline, wanted->lead),
	                                    .disabled = wanted->disabled};
	if (!map_add(&outline->keys, outline->arena, outline_copy(outline, key),
	             gateway) ||
	    !map_add(&outline->taken, outline->arena, gateway->name, gateway))
		return note_memory(outline);
	outline->gateway_count++;
	return gateway;
}

const struct outline_gateway *outline_find(const struct outline *outline,
                                           struct slice key)
{
	return map_find(&outline->keys, key);
}

/* "gw-1", "gw-1=20" with a weight, "gw-1/0044" with a lead. */
static const struct written *write_as(struct outline *outline,
                                      const struct outline_gateway *gateway,
                                      unsigned weight, struct slice lead)
{
	char number[16] = "";
	if (weight != 1)
		snprintf(number, sizeof number, "=%u", weight);
	struct slice name = outline_text(outline, "%.*s%s%s%.*s", (int)gateway->name.len,
	                                 gateway->name.at, number, lead.len ? "/" : "",
	                                 (int)lead.len, lead.at);
	struct written *written = map_find(&outline->variants, name);
	if (written || outline->out_of_memory)
		return written;
	written = arena_alloc(outline->arena, sizeof *written);
	if (!written || !map_add(&outline->variants, outline->arena, name, written))
		return note_memory(outline);
	*written = (struct written){name, gateway, outline_copy(outline, lead), weight,
	                            NULL};
	*outline->end = written;
	outline->end = &written->next;
	return written;
}

void outline_use(struct outline *outline, const struct outline_gateway *gateway)
{
	write_as(outline, gateway, 1, (struct slice){"", 0});
}

/* Names */

/* What is called name, added with value if there is nothing yet. NULL: no memory. */
static struct named *name_of(struct outline *outline, struct names *names,
                             struct slice key, struct slice value)
{
	struct named *named = map_find(&names->map, key);
	if (named)
		return named;
	named = arena_alloc(outline->arena, sizeof *named);
	key = outline_copy(outline, key);
	if (!named || !map_add(&names->map, outline->arena, key, named))
		return note_memory(outline);
	*named = (struct named){key, outline_copy(outline, value), names->count++, NULL};
	*names->end = named;
	names->end = &named->next;
	return named;
}

void outline_numbers(struct outline *outline, struct slice name, struct slice file)
{
	name_of(outline, &outline->numbers, name, file);
}

/* Routes */

static bool refuse(struct outline *outline, const struct outline_route *route,
                   const char *why)
{
	diags_add(outline->diags, SEVERITY_ERROR, route->at, NULL, "this is left out: %s",
	          why);
	return false;
}

static bool wants_the_same(const struct outline_route *route)
{
	const struct outline_gateway *first = route->offers[0].gateway;
	for (size_t i = 1; i < route->offer_count; i++)
		if (route->offers[i].gateway->strip != first->strip ||
		    !slice_equal(route->offers[i].gateway->lead, first->lead))
			return false;
	return true;
}

static unsigned long longest_strip(const struct outline_route *route)
{
	unsigned long longest = 0;
	for (size_t i = 0; i < route->offer_count; i++)
		if (route->offers[i].gateway->strip > longest)
			longest = route->offers[i].gateway->strip;
	return longest;
}

/* What one gateway puts in front of what the rule leaves. */
static struct slice lead_of(struct outline *outline, const struct route *route,
                            const struct outline_gateway *gateway)
{
	struct slice back = slice_skip(route->route.prefix, gateway->strip);
	back.len = route->strip - gateway->strip;
	return outline_text(outline, "%.*s%.*s", (int)gateway->lead.len, gateway->lead.at,
	                    (int)back.len, back.len ? back.at : "");
}

static bool add_offers(struct outline *outline, struct route *route)
{
	const struct outline_route *from = &route->route;
	bool same = wants_the_same(from);
	route->strip = longest_strip(from);
	if (same)
		route->lead = from->offers[0].gateway->lead;
	else if (route->strip > from->prefix.len)
		return refuse(outline, from,
		              "its gateways strip more than the prefix, and not all the "
		              "same");
	route->offers =
		arena_array(outline->arena, from->offer_count, sizeof *route->offers);
	if (!route->offers)
		return note_memory(outline);
	for (size_t i = 0; i < from->offer_count; i++) {
		const struct outline_offer *offer = &from->offers[i];
		struct slice lead = {"", 0};
		if (!same)
			lead = lead_of(outline, route, offer->gateway);
		route->offers[i] = (struct offer){
			write_as(outline, offer->gateway, offer->weight, lead),
			offer->tier};
	}
	return true;
}

static bool check_offers(struct outline *outline, const struct outline_route *route)
{
	if (!route->offer_count)
		return refuse(outline, route, "it has no gateway");
	if (route->offer_count > OFFERS_MAX)
		return refuse(outline, route, "it has more than 64 gateways");
	if (route->offer_count > CONTACTS_MAX)
		diags_add(outline->diags, SEVERITY_WARNING, route->at, NULL,
		          "of %zu gateways at most %d are offered at once",
		          route->offer_count, CONTACTS_MAX);
	return true;
}

static bool grow(struct outline *outline)
{
	if (outline->count < outline->size)
		return true;
	size_t size = outline->size ? 2 * outline->size : 256;
	struct route *routes = reallocarray(outline->routes, size, sizeof *routes);
	if (!routes)
		return note_memory(outline);
	outline->routes = routes;
	outline->size = size;
	return true;
}

static struct slice time_name(struct outline *outline, struct slice keys)
{
	if (!keys.len)
		return keys;
	struct slice name = outline_text(outline, "time-%zu", outline->times.count + 1);
	struct named *named = name_of(outline, &outline->times, keys, name);
	return named ? named->value : keys;
}

bool outline_route(struct outline *outline, const struct outline_route *from)
{
	struct named *group =
		name_of(outline, &outline->groups, from->group, from->group);
	if (!group || !grow(outline))
		return false;
	if (!is_plain(from->prefix))
		return refuse(outline, from,
		              "only digits, letters, +, *, # and _ can be in its prefix");
	struct route *route = &outline->routes[outline->count];
	*route = (struct route){
		.route = *from, .group = group->place, .sequence = outline->count};
	route->route.name = outline_copy(outline, from->name);
	route->route.prefix = outline_copy(outline, from->prefix);
	route->route.from = outline_copy(outline, from->from);
	route->route.until = outline_copy(outline, from->until);
	route->route.numbers = outline_copy(outline, from->numbers);
	route->time = time_name(outline, from->time);
	if (!from->numbers.len && !from->rejects &&
	    (!check_offers(outline, from) || !add_offers(outline, route)))
		return false;
	outline->count++;
	return !outline->out_of_memory;
}

/* Writing */

static void put_quoted(struct slice text, FILE *to)
{
	putc('"', to);
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '"' || text.at[i] == '\\')
			putc('\\', to);
		putc(text.at[i], to);
	}
	putc('"', to);
}

static void put_key(const char *key, struct slice value, FILE *to)
{
	fputs(key, to);
	put_quoted(value, to);
}

/* sip:host → sip:LEAD{called}@host */
static void put_uri(const struct written *written, FILE *to)
{
	struct slice uri = written->gateway->uri;
	size_t scheme = slice_find(uri, ':') + 1;
	putc('"', to);
	fwrite(uri.at, 1, scheme, to);
	if (written->lead.len) {
		for (size_t i = 0; i < written->lead.len; i++)
			if (written->lead.at[i] == '#') /* in no URI as it is */
				fputs("%23", to);
			else
				putc(written->lead.at[i], to);
		fputs("{called}@", to);
	}
	fwrite(uri.at + scheme, 1, uri.len - scheme, to);
	putc('"', to);
}

static void write_gateways(const struct outline *outline, FILE *to)
{
	if (outline->first)
		fputs("gateways:\n", to);
	for (const struct written *i = outline->first; i; i = i->next) {
		put_key("  ", i->name, to);
		fputs(": {uri: ", to);
		put_uri(i, to);
		if (i->weight != 1)
			fprintf(to, ", weight: %u", i->weight);
		fputs(i->gateway->disabled ? ", enabled: false}\n" : "}\n", to);
	}
}

static void write_times(const struct outline *outline, FILE *to)
{
	if (outline->times.count)
		fputs("# Times are by this clock: set the one of the machine that they "
		      "come "
		      "from.\nzone: UTC\ntimes:\n",
		      to);
	for (const struct named *i = outline->times.first; i; i = i->next)
		fprintf(to, "  %.*s: %.*s\n", (int)i->value.len, i->value.at,
		        (int)i->name.len, i->name.at);
}

static void write_numbers(const struct outline *outline, FILE *to)
{
	if (outline->numbers.count)
		fputs("numbers:\n", to);
	for (const struct named *i = outline->numbers.first; i; i = i->next) {
		put_key("  ", i->name, to);
		put_key(": {file: ", i->value, to);
		fputs(", match: prefix}\n", to);
	}
}

static void write_redirect(const struct route *route, FILE *to)
{
	size_t count = route->route.offer_count;
	fputs(", redirect: [", to);
	for (size_t i = 0; i < count; i++) {
		unsigned tier = route->offers[i].tier;
		bool first = i == 0 || route->offers[i - 1].tier != tier;
		bool last = i + 1 == count || route->offers[i + 1].tier != tier;
		fputs(i ? ", " : "", to);
		fputs(first && !last ? "[" : "", to);
		put_quoted(route->offers[i].gateway->name, to);
		fputs(last && !first ? "]" : "", to);
	}
	putc(']', to);
}

static void write_rewrite(const struct route *route, FILE *to)
{
	if (!route->strip && !route->lead.len)
		return;
	fputs(", rewrite: {", to);
	if (route->strip)
		fprintf(to, "strip: %lu%s", route->strip, route->lead.len ? ", " : "");
	if (route->lead.len)
		put_key("prepend: ", route->lead, to);
	putc('}', to);
}

static void write_rule(const struct route *route, const char *indent, FILE *to)
{
	const struct outline_route *from = &route->route;
	fputs(indent, to);
	put_key("  - {name: ", from->name, to);
	if (from->numbers.len) {
		put_key(", called: {in: ", from->numbers, to);
		fputs("}, redirect: \"{row.gateway}\"}\n", to);
		return;
	}
	if (from->prefix.len) {
		put_key(", called: {prefix: ", from->prefix, to);
		putc('}', to);
	}
	if (route->time.len)
		fprintf(to, ", time: %.*s", (int)route->time.len, route->time.at);
	if (from->from.len)
		fprintf(to, ", from: %.*s", (int)from->from.len, from->from.at);
	if (from->until.len)
		fprintf(to, ", until: %.*s", (int)from->until.len, from->until.at);
	if (from->rejects) {
		fputs(", reject: 404}\n", to);
		return;
	}
	write_rewrite(route, to);
	write_redirect(route, to);
	fputs("}\n", to);
}

static int compare_texts(struct slice a, struct slice b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter ? memcmp(a.at, b.at, shorter) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_routes(const void *a, const void *b)
{
	const struct route *x = a, *y = b;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	int order = compare_texts(x->route.prefix, y->route.prefix);
	if (order)
		return order;
	if (x->route.priority != y->route.priority)
		return x->route.priority > y->route.priority ? -1 : 1;
	return x->sequence < y->sequence ? -1 : 1;
}

static void write_group(const struct outline *outline, const struct named *group,
                        const char *indent, FILE *to)
{
	bool any = false;
	fprintf(to, "%smatch: longest\n%srules:", indent, indent);
	for (size_t i = 0; i < outline->count; i++) {
		if (outline->routes[i].group != group->place)
			continue;
		fputs(any ? "" : "\n", to);
		any = true;
		write_rule(&outline->routes[i], indent, to);
	}
	fputs(any ? "" : " []\n", to);
}

void outline_write(struct outline *outline, const char *peer, FILE *to)
{
	if (outline->count)
		qsort(outline->routes, outline->count, sizeof *outline->routes,
		      compare_routes);
	write_times(outline, to);
	write_gateways(outline, to);
	write_numbers(outline, to);
	if (!outline->groups.count)
		fputs("rules: []\n", to);
	if (outline->groups.count == 1)
		write_group(outline, outline->groups.first, "", to);
	if (outline->groups.count <= 1)
		return;
	fputs("# Each is for the calls of a peer of the settings.\ntables:\n", to);
	for (const struct named *i = outline->groups.first; i; i = i->next) {
		struct slice name = outline_text(outline, "%s%.*s", peer,
		                                 (int)i->name.len, i->name.at);
		put_key("  ", name, to);
		put_key(":\n    peer: ", name, to);
		putc('\n', to);
		write_group(outline, i, "    ", to);
	}
}
