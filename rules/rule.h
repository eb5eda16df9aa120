/* SPDX-License-Identifier: MIT */
/* rule.h - the compiled parts of a routing table, private to rules/.
 *
 *     table ── ruleset[] ┬─ rules[] ──┬─ when[], unless[]  criteria, by kind
 *       │                │            ├─ rewrite
 *       │                │            └─ action ── route ── tiers[] ── gateways[]
 *       │                └─ index    called numbers and prefixes → rules
 *       └─ gateways, groups by name
 *
 * Everything lives in the table's arena except compiled regexes, which the table lists
 * and frees.
 */
#ifndef RULES_RULE_H
#define RULES_RULE_H

#include <stdint.h>

#include "rules/decision.h"
#include "rules/document.h"
#include "rules/headers.h"
#include "rules/map.h"
#include "rules/network.h"
#include "rules/pattern.h"
#include "rules/period.h"
#include "rules/probe.h"
#include "rules/schema.h"
#include "rules/template.h"
#include "rules/timeset.h"
#include "rules/zone.h"

#define NAME_MAX_BYTES    64
#define ROUTE_TARGETS_MAX 64    /* gateways of one redirect */
#define PATTERNS_MAX      10000 /* regexes of one table */
#define TARGET_URI_MAX    512   /* bytes of a URI as written */
#define TARGET_TEXT_MAX   4096  /* bytes of a URI with its placeholders filled in */

struct number_table;
struct numbersfile;
struct row_use;
struct deckfile;

struct compiled_pattern {
	struct slice text;
	struct pattern *pattern;
	struct compiled_pattern *next; /* all of a table's, to free them */
};

/* Any of these texts. */
struct text_match {
	size_t exact_count, prefix_count, pattern_count;
	const struct slice *exact, *prefix; /* sorted */
	const struct compiled_pattern *const *patterns;
	size_t table_count;
	const struct number_table *const *tables; /* has a row in one of them */
};

enum criterion_kind {
	CRITERION_CALLED,
	CRITERION_CALLER,
	CRITERION_HOST,
	CRITERION_SOURCE,
	CRITERION_LISTENER,
	CRITERION_HEADER,
	CRITERION_PROFILE,
	CRITERION_PEER,
	CRITERION_USER,
	CRITERION_RN,
	CRITERION_NPDI,
	CRITERION_CIC,
	CRITERION_TGRP,
	CRITERION_TRUNK_CONTEXT,
	CRITERION_DATE, /* from, until */
	CRITERION_TIME,
	CRITERION_KINDS
};

struct header_match {
	struct slice name;
	struct text_match text;
};

struct criterion {
	struct position position;
	struct slice wanted; /* for explanations: prefix "+44" */
	struct text_match text;
	size_t network_count;
	const struct network *networks;
	size_t header_count;
	const struct header_match *headers;
	bool yes; /* npdi: true */
	struct period *period;
	size_t time_count;
	const struct time_set *const *times; /* any of them */
};

/* A URI that Contacts are made from: head, user (pieces), tail. */
struct target_uri {
	struct slice text; /* as written */
	struct slice host; /* "gw1.example.net", "[2001:db8::1]" */
	unsigned port;     /* 0: not given */
	struct slice head; /* "sip:" */
	struct template user;
	bool has_called;      /* the user part has {called} in it */
	bool is_called;       /* it is {called}, perhaps with parameters behind it */
	bool has_parameters;  /* it has parameters, written behind a ; */
	bool has_user_param;  /* ;user=phone, or another */
	struct slice tail;    /* "gw1.example.net;transport=tcp", without the @ */
	struct slice headers; /* "?Subject=hi", or empty */
};

struct gateway {
	struct slice name; /* empty: a URI written in a rule */
	struct position position;
	struct target_uri uri;
	unsigned weight;
	bool enabled;
	struct period *period; /* NULL: always; outside of it as if not enabled */
	struct extra_headers extra;
	struct probing probing;
	const struct probe *probe; /* NULL: not probed */
	size_t probe_number;       /* for health.h; 0: not probed */
	size_t number;             /* of all of a table's, from 0 */
	uint64_t hash; /* of the name or the URI's text: its luck in weighted choice */
	const struct gateway *next; /* all of a table's, URIs written in rules included */
};

struct tier {
	size_t count;
	const struct gateway *const *gateways;
};

/* What a group is, and what `redirect` names. */
struct route {
	size_t tier_count;
	const struct tier *tiers; /* best first */
};

struct group {
	struct slice name;
	struct position position;
	struct route route;
	struct probing probing;
};

/* Of each: no pieces: not given. */
struct parameter_rewrite {
	struct template rn, cic, tgrp, trunk_context;
	bool npdi_given, npdi;
};

struct rewrite {
	bool has_strip;
	unsigned long strip_count; /* used when strip_text is empty */
	struct slice strip_text;
	struct slice prepend;
	const struct compiled_pattern *pattern; /* NULL: no replace */
	size_t piece_count;
	const struct replace_piece *pieces;
	struct parameter_rewrite parameters;
};

/* A literal, or what a group of the pattern matched. */
struct replace_piece {
	struct slice literal; /* used when group is < 0 */
	int group;
};

struct lcr;

/* What a rule answers. status 300..399: route, or lcr; else reject. */
struct action {
	unsigned status : 31;
	bool status_given : 1; /* no dialect changes it */
	struct route route;
	struct slice route_column; /* not empty: the row's column names the route */
	const struct lcr *lcr;     /* NULL: route */
	unsigned long expires_s;
	struct slice phrase, reason;
	unsigned long retry_after_s;
	const struct rewrite *rewrite; /* NULL: none */
	struct extra_headers *extra;   /* NULL: none */
};

/* A rule's place in a chain of the index: index.h. */
struct link {
	const struct link *next;
	struct link *last; /* of the chain; kept in its first link */
	uint32_t rule;
	bool known; /* the index has found that `called` matches */
};

/* What a lookup reads of most rules comes first, close together. */
struct rule {
	struct link
		link;  /* its first place in the index; last is NULL until it is used */
	bool has_row;  /* a number table is asked by its `called` or `caller` */
	bool priority; /* answered whatever the limits say */
	bool only_called; /* no criterion but, perhaps, `called` */
	struct action action;
	struct slice name;
	struct position position;
	const struct criterion *when[CRITERION_KINDS]; /* NULL: anything */
	const struct criterion *const *unless; /* as many, NULL: nothing; rarely given */
};

struct index;
struct tenants;

/* Rules that are asked one after the other, and what is answered if none of them matches.
 */
struct ruleset {
	/* A table of `tables`: what it is called, and whose requests it is for. */
	struct slice name; /* empty: the top level */
	struct position position;
	const struct criterion *profile, *peer, *host; /* NULL: any */

	bool longest;        /* match: longest */
	size_t first_number; /* of its rules; `default` is behind the last of them */
	size_t rule_count;
	struct rule *rules;
	struct rule fallback; /* `default` */
	struct index *index;
};

/* Of one of its rules, or its default: no two of a table have the same. */
size_t rule_number(const struct ruleset *ruleset, const struct rule *rule);

struct table {
	struct arena *arena;
	struct ruleset top;
	size_t tenant_count;
	struct ruleset *tenants; /* `tables`, in their order */
	struct tenants *tenants_index;
	struct map names; /* of gateways and groups: struct named */
	const struct named *named;
	size_t gateway_count, group_count;
	const struct gateway **listed; /* those that have names, in the file's order */
	size_t probed_count;
	const struct gateway **probed;    /* by their numbers, which begin at 1 */
	struct map number_names;          /* → struct number_table */
	struct numbersfile *numbersfiles; /* of all number tables, the newest first */
	size_t number_table_count;
	size_t number_count, number_bytes; /* rows and memory of all of them */
	struct compiled_pattern *patterns;
	size_t pattern_count;
	const struct gateway *gateways;
	size_t file_count; /* of YAML */
	const char **files;
	struct map carriers;        /* by name: struct carrier */
	struct deckfile *deckfiles; /* of all carriers, the newest first */
	size_t deck_count, deck_bytes;
	bool ignores_rn;            /* routing_number: ignore */
	const struct zone *zone;    /* of dates and times without one; NULL: UTC */
	struct map zones;           /* that were read: struct zone */
	struct map times;           /* struct time_set */
	struct time_set *last_time; /* all of them, the newest first */
};

/* A gateway or a group: they share one namespace. */
struct named {
	struct slice name;
	struct gateway *gateway; /* NULL: a group */
	const struct group *group;
	struct route route; /* what naming it alone means; shared by all rules that do */
	struct position position;
	const struct named *next; /* all of a table's, the newest first */
};

/* Reading a table: the schema's load, and what is being made. */
struct table_load {
	struct load load; /* must be first */
	struct table *table;
	const struct table
		*previous;        /* shares its number tables and decks; may be NULL */
	size_t memory_limit;      /* of one number table or deck */
	struct row_use *row_uses; /* numbertable.h: not yet checked */
	bool in_failed;           /* and `in` of the rule has findings */
};

#endif
