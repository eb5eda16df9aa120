/* SPDX-License-Identifier: MIT */
/* rules_reference.h - a routing table as plain data, and the slow, obvious way to look a
 * call up in it: every rule is asked, one after the other.
 *
 * Written from rules.yaml(5), and shares no code with rules/. What the manual leaves to
 * the Call-ID, the order inside a tier, may come out in any way here.
 */
#ifndef TESTS_RULES_REFERENCE_H
#define TESTS_RULES_REFERENCE_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "rules/decision.h"

#define REF_TEXT    48 /* bytes of a text, the NUL included */
#define REF_TEXTS   8
#define REF_HEADERS 3

/* A regex that means the same to POSIX and to PCRE2. */
struct ref_regex {
	const char *text, *matching; /* a text that it matches */
	regex_t compiled;
};

enum ref_form { REF_EXACT, REF_PREFIX, REF_REGEX, REF_IN };

#define REF_ROWS    12
#define REF_NUMBERS 2

struct ref_numbers {
	char name[16];
	bool prefixes;    /* match: prefix */
	bool portability; /* has no rows for a call with npdi */
	size_t count;
	struct ref_row {
		char number[REF_TEXT];
		int gateway; /* of the table; -1: the field is empty */
	} rows[REF_ROWS];
};

/* Any of these texts; cleaned, where they are numbers. */
struct ref_texts {
	size_t count;
	struct ref_text {
		enum ref_form form;
		char text[REF_TEXT];
		const struct ref_regex *regex;
		const struct ref_numbers *numbers;
	} list[REF_TEXTS];
};

enum ref_kind {
	REF_CALLED,
	REF_CALLER,
	REF_HOST,
	REF_SOURCE,
	REF_LISTENER,
	REF_PROFILE,
	REF_PEER,
	REF_USER,
	REF_RN,
	REF_CIC,
	REF_TGRP,
	REF_TRUNK_CONTEXT,
	REF_TEXT_KINDS, /* those above have texts */
};

/* What a clock shows. */
struct ref_clock {
	int year, month, day, weekday; /* month from 1, Sunday is 0 */
	int second;                    /* of the day */
};

#define REF_ZONES 3

/* Now, and what the clocks of these zones show then and did a day before. */
struct ref_moment {
	int64_t now_s;
	struct ref_clock clocks[REF_ZONES], yesterday[REF_ZONES];
};

struct ref_time {
	char name[32];
	size_t zone;
	unsigned days; /* a bit each; 0: not given */
	size_t hour_count;
	int hours[2][2]; /* in seconds; from greater than to: past midnight */
	size_t date_count;
	struct ref_date {
		int month, first, last; /* month 0: every one */
	} dates[2], except_dates[2];
	size_t except_date_count;
	const struct ref_time *except; /* NULL: none */
};

/* Half open; INT64_MIN, INT64_MAX: not given. */
struct ref_span {
	int64_t from_s, until_s;
};

struct ref_criteria {
	struct ref_texts texts[REF_TEXT_KINDS]; /* count 0: not given */
	size_t header_count;
	struct {
		const char *name;
		struct ref_texts texts;
	} headers[REF_HEADERS];
	bool has_npdi, npdi;
	size_t time_count;
	const struct ref_time *times[2];
};

struct ref_gateway {
	char name[16];        /* empty: a URI written in a rule */
	const char *user;     /* "", or "x{called}@" */
	const char *hostport; /* "gw1.test;transport=tcp" */
	unsigned weight;
	bool enabled;
	bool probed; /* probe: true */
	bool down;   /* at the time of the call; only what is probed can be */
	struct ref_span span;
};

struct ref_tier {
	size_t count;
	size_t members[4]; /* gateways of the table */
};

struct ref_route {
	size_t count;
	struct ref_tier tiers[8];
};

struct ref_rewrite {
	unsigned strip_count;
	const char *strip_text, *prepend, *with; /* NULL: not given */
	const struct ref_regex *regex;
	const char *rn, *cic, *tgrp, *trunk_context; /* literals; NULL: not given */
	bool has_npdi, npdi;
};

struct ref_rule {
	char name[16];
	struct ref_criteria when, unless;
	struct ref_span span;
	bool negates; /* `unless` is given */
	unsigned status;
	struct ref_route route;
	bool by_row; /* redirect: {row.gateway} */
	bool rewrites;
	struct ref_rewrite rewrite;
	unsigned long expires_s, retry_after_s;
	const char *phrase, *reason; /* "": none */
};

#define REF_RULES    48
#define REF_GATEWAYS 16
#define REF_TIMES    6
#define REF_TENANTS  4

/* Rules of a tenant, or those of the top level. */
struct ref_ruleset {
	char name[24];             /* empty: the top level */
	struct ref_criteria scope; /* profile, peer, host */
	bool longest;
	size_t rule_count;
	struct ref_rule rules[REF_RULES];
	struct ref_rule fallback;
};

struct ref_table {
	bool ignores_rn; /* routing_number: ignore */
	size_t gateway_count, tenant_count;
	struct ref_gateway gateways[REF_GATEWAYS];
	struct ref_time times[REF_TIMES];
	struct ref_numbers numbers[REF_NUMBERS];
	struct ref_ruleset tenants[REF_TENANTS], top;
};

/* Texts as rules see them: numbers are cleaned. */
struct ref_call {
	char texts[REF_TEXT_KINDS][REF_TEXT]; /* source: an address */
	bool npdi;
	const char *headers[2 * REF_HEADERS + 1]; /* name, value, ..., NULL */
	const struct ref_moment *moment;
};

/* The rules that are asked. */
const struct ref_ruleset *reference_ruleset(const struct ref_table *table,
                                            const struct ref_call *call);

/* The rule that decides; the fallback if none matches. */
const struct ref_rule *reference_match(const struct ref_table *table,
                                       const struct ref_call *call);

/* True if decision is what the manual promises for call; else says to why what is wrong
 * with it. */
bool reference_agrees(const struct ref_table *table, const struct ref_call *call,
                      const struct decision *decision, FILE *why);

#endif
