/* SPDX-License-Identifier: MIT */
#include "rules/index.h"

#define RANK_EXACT (NUMBER_MAX + 1)

/* The rules that ask a number table. */
struct asked {
	const struct number_table *table;
	struct link *first;
	struct asked *next;
};

struct index {
	struct map exact, prefix; /* → the first link of a chain */
	struct asked *tables;
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

static bool add_table(struct index *index, struct arena *arena,
                      const struct number_table *table, struct rule *rule,
                      uint32_t number)
{
	struct asked *asked = index->tables;
	while (asked && asked->table != table)
		asked = asked->next;
	if (!asked) {
		asked = arena_alloc(arena, sizeof *asked);
		if (!asked)
			return false;
		*asked = (struct asked){table, NULL, index->tables};
		index->tables = asked;
	}
	return append(arena, &asked->first, rule, number, true);
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
	for (size_t i = 0; i < called->table_count; i++)
		if (!add_table(index, arena, called->tables[i], rule, number))
			return false;
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

static void add_chain(struct walk *walk, const struct link *first, size_t rank)
{
	size_t i = walk->chain_count++;
	for (; i > 0 && walk->chains[i - 1].rank > rank; i--)
		walk->chains[i] = walk->chains[i - 1];
	walk->chains[i] = (struct chain){first, rank};
}

static void ask_tables(struct walk *walk, const struct index *index,
                       const struct facts *facts)
{
	struct numbers_row row;
	for (const struct asked *asked = index->tables; asked; asked = asked->next)
		if (numbertable_find(asked->table, facts, facts->called, &row))
			add_chain(walk, asked->first,
			          asked->table->file.match == NUMBERS_EXACT
			                  ? RANK_EXACT
			                  : row.key_len);
}

void walk_start(struct walk *walk, const struct index *index, const struct facts *facts,
                bool longest)
{
	struct slice called = facts->called;
	uint64_t hash = MAP_HASH_START;
	walk->longest = longest;
	walk->chain_count = 0;
	add_chain(walk, index->rest, 0);
	for (size_t len = 0; len <= called.len; len++) {
		const struct link *link = NULL;
		if (has_length(index, len))
			link = map_find_hashed(&index->prefix,
			                       (struct slice){called.at, len}, hash);
		if (link)
			add_chain(walk, link, len);
		if (len < called.len)
			hash = map_hash_next(hash, called.at[len]);
	}
	add_chain(walk, map_find_hashed(&index->exact, called, hash), RANK_EXACT);
	ask_tables(walk, index, facts);
}

/* The chain, of those from begin to end, whose next rule stands first in the file; end if
 * all are empty. */
static size_t earliest(const struct walk *walk, size_t begin, size_t end)
{
	size_t best = end;
	for (size_t i = begin; i < end; i++) {
		const struct link *next = walk->chains[i].next;
		if (next && (best == end || next->rule < walk->chains[best].next->rule))
			best = i;
	}
	return best;
}

/* Takes the rule off every chain that has it next: one rule may have several prefixes of
 * a number. */
static void take(struct walk *walk, uint32_t rule)
{
	for (size_t i = 0; i < walk->chain_count; i++) {
		struct chain *chain = &walk->chains[i];
		if (chain->next && chain->next->rule == rule)
			chain->next = chain->next->next;
	}
}

/* With longest: one of the highest rank of which there are rules left; equals are merged.
 */
static size_t next_chain(const struct walk *walk)
{
	size_t end = walk->chain_count, begin;
	if (!walk->longest)
		return earliest(walk, 0, end);
	while (end > 0 && !walk->chains[end - 1].next)
		end--;
	if (!end)
		return walk->chain_count;
	for (begin = end - 1;
	     begin > 0 && walk->chains[begin - 1].rank == walk->chains[end - 1].rank;)
		begin--;
	return earliest(walk, begin, end);
}

bool walk_next(struct walk *walk, uint32_t *rule, bool *known)
{
	size_t i = next_chain(walk);
	if (i == walk->chain_count)
		return false;
	struct chain *chain = &walk->chains[i];
	*rule = chain->next->rule;
	*known = chain->next->known;
	if (walk->longest)
		chain->next = chain->next->next;
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

void index_visit_table(const struct index *index, const struct number_table *table,
                       bool (*visit)(void *arg, uint32_t rule), void *arg)
{
	for (const struct asked *asked = index->tables; asked; asked = asked->next)
		if (asked->table == table)
			visit_chain(asked->first, visit, arg);
}

void index_visit_rest(const struct index *index, bool (*visit)(void *arg, uint32_t rule),
                      void *arg)
{
	visit_chain(index->rest, visit, arg);
}
