/* SPDX-License-Identifier: MIT */
#include "rules/index.h"

struct index {
	struct map exact, prefix; /* → the first link of a chain */
	struct link *rest;
	uint64_t lengths[NUMBER_MAX / 64 + 1]; /* a bit for each that some prefix has */
};

static bool has_length(const struct index *index, size_t len)
{
	return len <= NUMBER_MAX && index->lengths[len / 64] >> (len % 64) & 1;
}

/* A rule's own link, or another if it stands in several chains. */
static struct link *link_new(struct arena *arena, struct rule *rule)
{
	return rule->link.last ? arena_alloc(arena, sizeof(struct link)) : &rule->link;
}

static bool append(struct arena *arena, struct link **first, struct rule *rule,
                   uint32_t number, bool known)
{
	if (*first && (*first)->last->rule == number)
		return true;
	struct link *link = link_new(arena, rule);
	if (!link)
		return false;
	*link = (struct link){NULL, link, number, known};
	if (*first) {
		(*first)->last->next = link;
		(*first)->last = link;
	} else {
		*first = link;
	}
	return true;
}

static bool add(struct map *map, struct arena *arena, struct slice key, struct rule *rule,
                uint32_t number)
{
	struct link *first = map_find(map, key);
	if (first)
		return append(arena, &first, rule, number, true);
	return append(arena, &first, rule, number, true) &&
	       map_add(map, arena, key, first);
}

static bool add_rule(struct index *index, struct arena *arena, struct rule *rule,
                     uint32_t number)
{
	static const struct text_match none;
	const struct criterion *criterion = rule->when[CRITERION_CALLED];
	const struct text_match *called = criterion ? &criterion->text : &none;
	if ((!criterion || called->pattern_count) &&
	    !append(arena, &index->rest, rule, number, false))
		return false;
	for (size_t i = 0; i < called->exact_count; i++)
		if (!add(&index->exact, arena, called->exact[i], rule, number))
			return false;
	for (size_t i = 0; i < called->prefix_count; i++) {
		if (!add(&index->prefix, arena, called->prefix[i], rule, number))
			return false;
		size_t len = called->prefix[i].len;
		index->lengths[len / 64] |= (uint64_t)1 << (len % 64);
	}
	return true;
}

struct index *index_new(struct arena *arena, const struct ruleset *ruleset)
{
	struct index *index = arena_alloc(arena, sizeof *index);
	for (size_t i = 0; index && i < ruleset->rule_count; i++)
		if (!add_rule(index, arena, &ruleset->rules[i], (uint32_t)i))
			return NULL;
	return index;
}

/* Chains in rising length of the prefix, the rest first and the exact number last. */
void walk_start(struct walk *walk, const struct index *index, struct slice called,
                bool longest)
{
	uint64_t hash = MAP_HASH_START;
	walk->longest = longest;
	walk->chain_count = 0;
	walk->chains[walk->chain_count++] = index->rest;
	for (size_t len = 0; len <= called.len; len++) {
		const struct link *link = NULL;
		if (has_length(index, len))
			link = map_find_hashed(&index->prefix,
			                       (struct slice){called.at, len}, hash);
		if (link)
			walk->chains[walk->chain_count++] = link;
		if (len == 0)
			walk->floor = walk->chain_count;
		if (len < called.len)
			hash = map_hash_next(hash, called.at[len]);
	}
	walk->chains[walk->chain_count++] = map_find_hashed(&index->exact, called, hash);
}

/* The chain, of the first end ones, whose next rule stands first in the file; end if all
 * are empty. */
static size_t earliest(const struct walk *walk, size_t end)
{
	size_t best = end;
	for (size_t i = 0; i < end; i++)
		if (walk->chains[i] &&
		    (best == end || walk->chains[i]->rule < walk->chains[best]->rule))
			best = i;
	return best;
}

/* Takes the rule off every chain that has it next: one rule may have several prefixes of
 * a number. */
static void take(struct walk *walk, uint32_t rule)
{
	for (size_t i = 0; i < walk->chain_count; i++)
		if (walk->chains[i] && walk->chains[i]->rule == rule)
			walk->chains[i] = walk->chains[i]->next;
}

/* With longest: the longest chain that is left; those of length 0 are merged. */
static size_t next_chain(const struct walk *walk)
{
	if (!walk->longest)
		return earliest(walk, walk->chain_count);
	for (size_t i = walk->chain_count; i > walk->floor; i--)
		if (walk->chains[i - 1])
			return i - 1;
	size_t chain = earliest(walk, walk->floor);
	return chain < walk->floor ? chain : walk->chain_count;
}

bool walk_next(struct walk *walk, uint32_t *rule, bool *known)
{
	size_t chain = next_chain(walk);
	if (chain == walk->chain_count)
		return false;
	*rule = walk->chains[chain]->rule;
	*known = walk->chains[chain]->known;
	if (walk->longest)
		walk->chains[chain] = walk->chains[chain]->next;
	else
		take(walk, *rule);
	return true;
}

static void visit_chain(const struct link *link, bool (*visit)(void *arg, uint32_t rule),
                        void *arg)
{
	while (link && visit(arg, link->rule))
		link = link->next;
}

void index_visit(const struct index *index, struct slice key, bool exact,
                 bool (*visit)(void *arg, uint32_t rule), void *arg)
{
	visit_chain(map_find(exact ? &index->exact : &index->prefix, key), visit, arg);
}

void index_visit_rest(const struct index *index, bool (*visit)(void *arg, uint32_t rule),
                      void *arg)
{
	visit_chain(index->rest, visit, arg);
}
