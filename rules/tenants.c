/* SPDX-License-Identifier: MIT */
#include "rules/tenants.h"

#include <string.h>

#include "rules/texts.h"

/* What a combination leaves open is written as this, which no name and no host has. */
static const struct slice anything = {"\1", 1};

/* The bits of a shape: what a combination gives. */
enum { GIVES_PROFILE = 1, GIVES_PEER = 2, GIVES_HOST = 4, SHAPES = 8 };

struct tenants {
	bool has_shape[SHAPES];
	struct map combinations; /* key → the first ruleset */
	size_t count; /* combinations of all tables, one that is double twice */
};

struct combination {
	struct slice profile, peer, host;
};

struct key {
	struct slice text;
	char buffer[NUMBER_MAX + 2 * NAME_MAX_BYTES + 4];
};

static void append(struct key *key, struct slice text)
{
	if (text.len)
		memcpy(key->buffer + key->text.len, text.at, text.len);
	key->text.len += text.len;
	key->buffer[key->text.len++] = '\n';
}

/* False if it is too long, so that no table has it. */
static bool make_key(const struct combination *combination, unsigned shape,
                     struct key *key)
{
	struct slice profile = shape & GIVES_PROFILE ? combination->profile : anything,
		     peer = shape & GIVES_PEER ? combination->peer : anything,
		     host = shape & GIVES_HOST ? combination->host : anything;
	key->text = (struct slice){key->buffer, 0};
	if (profile.len > NAME_MAX_BYTES || peer.len > NAME_MAX_BYTES ||
	    host.len > NUMBER_MAX)
		return false;
	append(key, profile);
	append(key, peer);
	append(key, host);
	return true;
}

/* The first table that is for combination, by the bits of shape or by fewer. */
static const struct ruleset *find(const struct tenants *tenants,
                                  const struct combination *combination, unsigned shape)
{
	const struct ruleset *first = NULL;
	struct key key;
	for (unsigned fewer = 0; fewer < SHAPES; fewer++) {
		if (!tenants->has_shape[fewer] || (fewer & ~shape) ||
		    !make_key(combination, fewer, &key))
			continue;
		const struct ruleset *found = map_find(&tenants->combinations, key.text);
		if (found && (!first || found < first)) /* they are in one array */
			first = found;
	}
	return first;
}

const struct ruleset *tenants_choose(const struct table *table, const struct facts *facts)
{
	struct combination combination = {facts->profile, facts->peer, {0}};
	char buffer[NUMBER_MAX];
	if (!table->tenant_count)
		return &table->top;
	unsigned shape = GIVES_PROFILE | GIVES_PEER;
	if (texts_clean_host(facts->host, buffer, &combination.host))
		shape |= GIVES_HOST;
	const struct ruleset *found = find(table->tenants_index, &combination, shape);
	return found ? found : &table->top;
}

/* Making */

static bool add(struct load *load, struct tenants *tenants, struct ruleset *ruleset,
                const struct combination *combination, unsigned shape)
{
	struct key key;
	/* Names that no settings can have, for instance: nobody asks for them. */
	if (!make_key(combination, shape, &key) ||
	    map_find(&tenants->combinations, key.text))
		return true;
	struct slice kept = arena_copy(load->arena, key.text);
	return (kept.at && map_add(&tenants->combinations, load->arena, kept, ruleset)) ||
	       load_memory(load);
}

static size_t choices(const struct criterion *criterion)
{
	return criterion ? criterion->text.exact_count : 1;
}

static struct slice choice(const struct criterion *criterion, size_t i)
{
	return criterion ? criterion->text.exact[i] : anything;
}

static struct combination combination_at(const struct ruleset *ruleset, size_t i)
{
	size_t hosts = choices(ruleset->host), peers = choices(ruleset->peer);
	return (struct combination){choice(ruleset->profile, i / hosts / peers),
	                            choice(ruleset->peer, i / hosts % peers),
	                            choice(ruleset->host, i % hosts)};
}

static void warn_unless_asked(struct load *load, const struct ruleset *ruleset,
                              size_t asked, const struct ruleset *front)
{
	char hint[DIAGS_HINT_MAX];
	if (asked || !front)
		return;
	diags_hint(hint, "table \"%s\" at %s:%u:%u is asked first", front->name.at,
	           front->position.file, front->position.line, front->position.column);
	load_warning(load, ruleset->position, hint, "table \"%s\" is never asked",
	             ruleset->name.at);
}

static bool enter(struct load *load, struct tenants *tenants, struct ruleset *ruleset)
{
	unsigned shape = (ruleset->profile ? GIVES_PROFILE : 0) |
	                 (ruleset->peer ? GIVES_PEER : 0) |
	                 (ruleset->host ? GIVES_HOST : 0);
	size_t count = choices(ruleset->profile) * choices(ruleset->peer) *
	               choices(ruleset->host);
	size_t asked = 0;
	const struct ruleset *front = NULL;
	tenants->has_shape[shape] = true;
	for (size_t i = 0; i < count; i++) {
		if (tenants->count++ == COMBINATIONS_MAX) {
			diags_add(load->diags, SEVERITY_ERROR, ruleset->position, NULL,
			          "more than %u combinations of profile, peer and host",
			          COMBINATIONS_MAX);
			return false;
		}
		struct combination combination = combination_at(ruleset, i);
		const struct ruleset *first = find(tenants, &combination, shape);
		if (!first || first == ruleset)
			asked++;
		else
			front = first;
		if (!add(load, tenants, ruleset, &combination, shape))
			return false;
	}
	warn_unless_asked(load, ruleset, asked, front);
	return true;
}

bool tenants_make(struct load *load, struct table *table)
{
	struct tenants *tenants = arena_alloc(load->arena, sizeof *tenants);
	if (!tenants)
		return load_memory(load);
	table->tenants_index = tenants;
	for (size_t i = 0; i < table->tenant_count; i++)
		if (!enter(load, tenants, &table->tenants[i]))
			return false;
	return true;
}
