/* SPDX-License-Identifier: MIT */
#include "tests/rules_random.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(of) (sizeof(of) / sizeof((of)[0]))

/* SplitMix64. */
size_t random_below(uint64_t *state, size_t count)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return (size_t)((x ^ (x >> 31)) >> 11) % count;
}

bool random_one_in(uint64_t *state, size_t count)
{
	return random_below(state, count) == 0;
}

#define PICK(state, list) ((list)[random_below(state, COUNT(list))])

/* What texts are made of */

static struct ref_regex regexes[] = {{.text = "^7[0-9]{2}$", .matching = "712"},
                                     {.text = "2$", .matching = "12"},
                                     {.text = "12", .matching = "2120"},
                                     {.text = "^(1|22)", .matching = "221"},
                                     {.text = ".", .matching = "0"},
                                     {.text = "^$", .matching = ""},
                                     {.text = "^\\+44", .matching = "+4420"},
                                     {.text = "[a-z]+", .matching = "bob"},
                                     {.text = "^0*([1-9]*)$", .matching = "00"}};

static struct ref_regex replaced[] = {
	{.text = "^7(.*)$"}, {.text = "(1+)(2*)"},       {.text = "0"},
	{.text = "^"},       {.text = "([0-9])([0-9])"}, {.text = "(7)?1"}};
static const char *const withs[COUNT(replaced)] = {"55$1", "$2x$1",  "",
                                                   "9",    "$2$1$$", "<$1>$0"};

static const char *const hosts[] = {"a.net", "b.net", "[2001:db8::1]", "192.0.2.9"};
static const char *const networks[] = {"10.0.0.0/8",  "10.1.0.0/16",   "10.1.2.3",
                                       "10.1.2.0/31", "0.0.0.0/0",     "::/0",
                                       "2001:db8::1", "2001:db8::/33", "::ffff:0:0/96"};
static const char *const addresses[] = {"10.1.2.3",    "10.1.2.2",        "10.1.2.4",
                                        "10.2.0.1",    "192.0.2.1",       "2001:db8::1",
                                        "2001:db9::1", "2001:db8:8000::1"};
static const char *const listeners[] = {"udp:10.0.0.1:5060", "tcp:10.0.0.1:5060",
                                        "tls:[2001:db8::1]:5061"};
static const char *const names[] = {"alpha", "beta", "gamma ray"};
static const char *const groups[] = {"tg-1", "tg-2", "example.net", "+44"};
static const char *const header_names[] = {"X-One", "X-Two", "Subject"};
static const char *const values[] = {"acme", "acme corp", "Acme", "b"};

static void append(char *to, char c)
{
	size_t length = strlen(to);
	to[length] = c;
	to[length + 1] = '\0';
}

/* A number of up to 6 characters, now and then a name. */
static void random_number(uint64_t *state, char to[REF_TEXT])
{
	static const char *const users[] = {"bob", "al.ice", "a%2Fb", "bob;x", "*7#"};
	static const char *const starts[] = {"", "", "", "+44", "+", "0", "00", "7"};
	if (random_one_in(state, 12)) {
		strcpy(to, PICK(state, users));
		return;
	}
	strcpy(to, PICK(state, starts));
	for (size_t i = random_below(state, 4); i > 0; i--)
		append(to, "0122127"[random_below(state, 7)]);
}

static void random_text(uint64_t *state, enum ref_kind kind, char to[REF_TEXT])
{
	switch (kind) {
	case REF_HOST:
		strcpy(to, PICK(state, hosts));
		break;
	case REF_SOURCE:
		strcpy(to, PICK(state, networks));
		break;
	case REF_LISTENER:
		strcpy(to, PICK(state, listeners));
		break;
	case REF_PROFILE:
	case REF_PEER:
	case REF_USER:
		strcpy(to, PICK(state, names));
		break;
	case REF_TGRP:
	case REF_TRUNK_CONTEXT:
		strcpy(to, PICK(state, groups));
		break;
	case REF_RN:
	case REF_CIC:
		sprintf(to, "+%zu", 10 + random_below(state, 4));
		break;
	default:
		random_number(state, to);
	}
}

/* Times */

const char *const random_zones[REF_ZONES] = {"UTC", "Europe/London", "America/New_York"};
static struct ref_moment moments[64];
static const int turns[] = {0,         6 * 3600,  8 * 3600 + 1800,
                            12 * 3600, 18 * 3600, 22 * 3600};

static void show_clock(time_t at, struct ref_clock *clock)
{
	struct tm tm;
	localtime_r(&at, &tm);
	*clock = (struct ref_clock){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	                            tm.tm_wday,
	                            tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec};
}

/* The clocks are those of the C library. Yesterday is the day before at noon, for the
 * day may have 23 or 25 hours; its second does not count. Many of the moments are at a
 * full hour of 2026, or a second before. */
static void init_moments(void)
{
	uint64_t state = 1;
	for (size_t i = 0; i < COUNT(moments); i++)
		moments[i].now_s = 1767225600 +
		                   (int64_t)random_below(&state, 365 * 48) * 1800 -
		                   (int64_t)random_below(&state, 2);
	for (size_t zone = 0; zone < REF_ZONES; zone++) {
		setenv("TZ", random_zones[zone], 1);
		tzset();
		for (size_t i = 0; i < COUNT(moments); i++) {
			struct ref_moment *moment = &moments[i];
			show_clock((time_t)moment->now_s, &moment->clocks[zone]);
			show_clock((time_t)moment->now_s - moment->clocks[zone].second -
			                   12 * 3600,
			           &moment->yesterday[zone]);
		}
	}
	unsetenv("TZ");
	tzset();
}

static size_t random_dates(uint64_t *state, struct ref_date dates[2])
{
	size_t count = 1 + random_below(state, 2);
	for (size_t i = 0; i < count; i++) {
		int first = 1 + (int)random_below(state, 28);
		int more = (int)random_below(state, (size_t)(29 - first));
		dates[i] = (struct ref_date){
			random_one_in(state, 2) ? 1 + (int)random_below(state, 12) : 0,
			first, random_one_in(state, 3) ? first : first + more};
	}
	return count;
}

/* One that another excepts comes before it, and excepts none itself. */
static void random_time(uint64_t *state, size_t i, struct ref_table *table)
{
	struct ref_time *time = &table->times[i];
	sprintf(time->name, "time%zu", i);
	time->zone = random_below(state, REF_ZONES);
	if (random_one_in(state, 2))
		time->days = (unsigned)(1 + random_below(state, 127));
	if (!random_one_in(state, 3)) {
		time->hour_count = 1 + random_below(state, 2);
		for (size_t j = 0; j < time->hour_count; j++) {
			size_t from = random_below(state, COUNT(turns));
			time->hours[j][0] = turns[from];
			time->hours[j][1] =
				turns[(from + 1 + random_below(state, 4)) % COUNT(turns)];
			if (!time->hours[j][1])
				time->hours[j][1] = 24 * 3600;
		}
	}
	if (random_one_in(state, 3) || (!time->days && !time->hour_count))
		time->date_count = random_dates(state, time->dates);
	if (random_one_in(state, 4))
		time->except_date_count = random_dates(state, time->except_dates);
	if (i >= REF_TIMES / 2 && random_one_in(state, 3))
		time->except = &table->times[random_below(state, REF_TIMES / 2)];
}

static void random_span(uint64_t *state, size_t rare, struct ref_span *span)
{
	*span = (struct ref_span){INT64_MIN, INT64_MAX};
	if (!random_one_in(state, rare))
		return;
	int64_t a = PICK(state, moments).now_s, b = PICK(state, moments).now_s;
	if (!random_one_in(state, 3))
		span->from_s = a < b ? a : b;
	if (a != b && !random_one_in(state, 3))
		span->until_s = a < b ? b : a;
}

void random_init(void)
{
	for (size_t i = 0; i < COUNT(regexes); i++)
		regcomp(&regexes[i].compiled, regexes[i].text, REG_EXTENDED);
	init_moments();
	for (size_t i = 0; i < COUNT(replaced); i++)
		regcomp(&replaced[i].compiled, replaced[i].text, REG_EXTENDED);
}

void random_fini(void)
{
	for (size_t i = 0; i < COUNT(regexes); i++)
		regfree(&regexes[i].compiled);
	for (size_t i = 0; i < COUNT(replaced); i++)
		regfree(&replaced[i].compiled);
}

/* Tables */

size_t random_count(const struct ref_texts *texts, enum ref_form form)
{
	size_t count = 0;
	for (size_t i = 0; i < texts->count; i++)
		count += texts->list[i].form == form;
	return count;
}

bool random_has_forms(enum ref_kind kind)
{
	return kind != REF_HOST && kind != REF_SOURCE && kind != REF_LISTENER &&
	       kind != REF_PROFILE && kind != REF_PEER;
}

/* A prefix has at least so many bytes. */
static void random_form(uint64_t *state, size_t least, struct ref_text *text)
{
	size_t form = random_below(state, 8);
	text->form = form < 3 ? REF_EXACT : form < 7 ? REF_PREFIX : REF_REGEX;
	if (text->form == REF_REGEX)
		text->regex = &PICK(state, regexes);
	else if (text->form == REF_PREFIX)
		text->text[least + random_below(state, strlen(text->text) + 1 - least)] =
			'\0';
}

static void random_texts(uint64_t *state, enum ref_kind kind, struct ref_texts *texts)
{
	texts->count = 1 + random_below(state, 3) * random_below(state, 3);
	for (size_t i = 0; i < texts->count; i++) {
		random_text(state, kind, texts->list[i].text);
		if (random_has_forms(kind))
			random_form(state, kind == REF_RN || kind == REF_CIC ? 2 : 0,
			            &texts->list[i]);
	}
}

/* Now and then, the called or calling number in number tables as well. */
static void random_numbers_in(uint64_t *state, const struct ref_table *table,
                              struct ref_texts *texts)
{
	size_t first = random_below(state, REF_NUMBERS);
	if (random_one_in(state, 2))
		texts->count = 0;
	for (size_t i = random_one_in(state, 2); i < 2 && texts->count < REF_TEXTS; i++) {
		struct ref_text *text = &texts->list[texts->count++];
		memset(text, 0, sizeof *text);
		text->form = REF_IN;
		text->numbers = &table->numbers[(first + i) % REF_NUMBERS];
	}
}

static void random_numbers(uint64_t *state, size_t i, struct ref_table *table)
{
	struct ref_numbers *numbers = &table->numbers[i];
	sprintf(numbers->name, "n%u", (unsigned)i);
	numbers->prefixes = random_one_in(state, 2);
	numbers->portability = random_one_in(state, 3);
	for (size_t j = random_below(state, REF_ROWS + 1); j > 0; j--) {
		struct ref_row *row = &numbers->rows[numbers->count];
		random_number(state, row->number);
		row->gateway = random_one_in(state, 6)
		                       ? -1
		                       : (int)random_below(state, table->gateway_count);
		bool twice = !*row->number;
		for (size_t k = 0; k < numbers->count; k++)
			twice |= strcmp(numbers->rows[k].number, row->number) == 0;
		numbers->count += !twice;
	}
}

static void random_headers(uint64_t *state, struct ref_criteria *criteria)
{
	size_t first = random_below(state, COUNT(header_names));
	criteria->header_count = 1 + random_below(state, 2);
	for (size_t i = 0; i < criteria->header_count; i++) {
		struct ref_texts *texts = &criteria->headers[i].texts;
		criteria->headers[i].name =
			header_names[(first + i) % COUNT(header_names)];
		texts->count = 1 + random_below(state, 2);
		for (size_t j = 0; j < texts->count; j++) {
			strcpy(texts->list[j].text, PICK(state, values));
			if (random_one_in(state, 2))
				random_form(state, 0, &texts->list[j]);
		}
	}
}

/* Each of the others in one rule of rare. */
static void random_criteria(uint64_t *state, size_t rare, const struct ref_table *table,
                            struct ref_criteria *criteria)
{
	if (random_one_in(state, rare)) {
		criteria->time_count = 1 + random_below(state, 2);
		for (size_t i = 0; i < criteria->time_count; i++)
			criteria->times[i] = &PICK(state, table->times);
	}
	for (int kind = REF_CALLER; kind < REF_TEXT_KINDS; kind++)
		if (random_one_in(state, rare))
			random_texts(state, kind, &criteria->texts[kind]);
	if (random_one_in(state, rare))
		random_headers(state, criteria);
	criteria->has_npdi = random_one_in(state, 2 * rare);
	criteria->npdi = random_one_in(state, 2);
}

static void random_negation(uint64_t *state, const struct ref_table *table,
                            struct ref_rule *rule)
{
	rule->negates = random_one_in(state, 4);
	if (!rule->negates)
		return;
	if (random_one_in(state, 2))
		random_texts(state, REF_CALLED, &rule->unless.texts[REF_CALLED]);
	random_criteria(state, 8, table, &rule->unless);
}

static void random_tier(uint64_t *state, const struct ref_table *table,
                        struct ref_tier *tier)
{
	size_t first = random_below(state, table->gateway_count);
	tier->count = 1 + random_below(state, 3) * random_below(state, 2);
	if (tier->count > table->gateway_count)
		tier->count = table->gateway_count;
	for (size_t i = 0; i < tier->count; i++)
		tier->members[i] = (first + i) % table->gateway_count;
}

static void random_parameters(uint64_t *state, struct ref_rewrite *rewrite)
{
	static const char *const numbers[] = {"+1303", "", "+12A"};
	static const char *const groups_to[] = {"tg-9", ""};
	if (random_one_in(state, 3))
		rewrite->rn = PICK(state, numbers);
	if (random_one_in(state, 3))
		rewrite->cic = PICK(state, numbers);
	rewrite->has_npdi = random_one_in(state, 3);
	rewrite->npdi = rewrite->has_npdi && random_one_in(state, 2);
	if (random_one_in(state, 3)) {
		rewrite->tgrp = PICK(state, groups_to);
		rewrite->trunk_context = "example.net";
	}
}

static bool says_anything(const struct ref_rewrite *rewrite)
{
	return rewrite->strip_count || rewrite->strip_text || rewrite->rn ||
	       rewrite->cic || rewrite->has_npdi || rewrite->tgrp;
}

static void random_rewrite(uint64_t *state, struct ref_rewrite *rewrite)
{
	static const char *const starts[] = {"0", "00", "+", "+44", "7", "bob"};
	if (random_one_in(state, 3))
		rewrite->strip_count = (unsigned)(1 + random_below(state, 3));
	else if (random_one_in(state, 2))
		rewrite->strip_text = PICK(state, starts);
	if (random_one_in(state, 3))
		random_parameters(state, rewrite);
	if (random_one_in(state, 3) || !says_anything(rewrite))
		rewrite->prepend = PICK(state, starts);
	if (random_one_in(state, 3)) {
		size_t i = random_below(state, COUNT(replaced));
		rewrite->regex = &replaced[i];
		rewrite->with = withs[i];
	}
}

static void random_redirect(uint64_t *state, const struct ref_table *table,
                            struct ref_rule *rule)
{
	static const unsigned statuses[] = {302, 302, 302, 300, 301, 305, 380};
	rule->status = PICK(state, statuses);
	rule->expires_s = random_one_in(state, 4) ? 1 + random_below(state, 100) : 0;
	rule->route.count = 1 + random_below(state, random_one_in(state, 5) ? 7 : 3);
	for (size_t i = 0; i < rule->route.count; i++)
		random_tier(state, table, &rule->route.tiers[i]);
	rule->rewrites = random_one_in(state, 2);
	if (rule->rewrites)
		random_rewrite(state, &rule->rewrite);
}
static void random_reject(uint64_t *state, struct ref_rule *rule)
{
	static const char *const phrases[] = {"", "Not Here", "Gesperrt \xc3\xbc"};
	static const char *const reasons[] = {"", "Q.850;cause=21"};
	rule->status = (unsigned)(400 + random_below(state, 300));
	rule->phrase = PICK(state, phrases);
	rule->reason = PICK(state, reasons);
	rule->retry_after_s = random_one_in(state, 2) ? 1 + random_below(state, 100) : 0;
}

static void random_answer(uint64_t *state, const struct ref_table *table,
                          struct ref_rule *rule)
{
	rule->phrase = rule->reason = "";
	if (random_one_in(state, 4))
		random_reject(state, rule);
	else
		random_redirect(state, table, rule);
}

static void random_gateway(uint64_t *state, size_t i, struct ref_gateway *gateway)
{
	static const char *const users[] = {
		"", "", "", "x{called}y@", "{caller}@", "trunk7@", "{called}-{caller}@"};
	static const char *const hostports[] = {"gw.test",
	                                        "gw1.test;transport=tcp",
	                                        "gw2.test:5070",
	                                        "192.0.2.7",
	                                        "[2001:db8::7]",
	                                        "gw3.test",
	                                        "gw4.test",
	                                        "gw5.test",
	                                        "gw6.test?Subject=hi"};
	sprintf(gateway->name, "g%zu", i);
	gateway->user = PICK(state, users);
	gateway->hostport = PICK(state, hostports);
	gateway->weight =
		random_one_in(state, 2) ? 1 : (unsigned)(1 + random_below(state, 100));
	gateway->enabled = !random_one_in(state, 5);
	gateway->probed = !random_one_in(state, 4);
	random_span(state, 8, &gateway->span);
}

static void random_ruleset(uint64_t *state, const struct ref_table *table,
                           size_t rule_max, struct ref_ruleset *set)
{
	set->longest = random_one_in(state, 2);
	set->rule_count = random_below(state, rule_max + 1);
	size_t rare = 4 + random_below(state, 30);
	for (size_t i = 0; i < set->rule_count; i++) {
		struct ref_rule *rule = &set->rules[i];
		sprintf(rule->name, random_one_in(state, 2) ? "rule %zu" : "r%zu", i + 1);
		if (!random_one_in(state, 8))
			random_texts(state, REF_CALLED, &rule->when.texts[REF_CALLED]);
		random_criteria(state, rare, table, &rule->when);
		for (enum ref_kind kind = REF_CALLED; kind <= REF_CALLER; kind++)
			if (random_one_in(state, 6))
				random_numbers_in(state, table, &rule->when.texts[kind]);
		random_span(state, rare, &rule->span);
		random_negation(state, table, rule);
		random_answer(state, table, rule);
		rule->by_row = rule->status < 400 && random_one_in(state, 2) &&
		               (random_count(&rule->when.texts[REF_CALLED], REF_IN) ||
		                random_count(&rule->when.texts[REF_CALLER], REF_IN));
	}
	strcpy(set->fallback.name, "default");
	if (random_one_in(state, 2)) {
		random_answer(state, table, &set->fallback);
	} else {
		set->fallback.status = 404;
		set->fallback.phrase = set->fallback.reason = "";
	}
}

static void random_tenant(uint64_t *state, const struct ref_table *table, size_t i,
                          struct ref_ruleset *set)
{
	static const enum ref_kind scopes[] = {REF_PROFILE, REF_PEER, REF_HOST};
	sprintf(set->name, "t%zu", i);
	size_t first = random_below(state, 3), count = 1 + random_below(state, 2);
	for (size_t j = 0; j < count; j++) {
		enum ref_kind kind = scopes[(first + j) % 3];
		random_texts(state, kind, &set->scope.texts[kind]);
	}
	random_ruleset(state, table, 12, set);
}

void random_table(uint64_t *state, struct ref_table *table)
{
	memset(table, 0, sizeof *table);
	table->ignores_rn = random_one_in(state, 3);
	table->gateway_count = 1 + random_below(state, REF_GATEWAYS);
	for (size_t i = 0; i < table->gateway_count; i++)
		random_gateway(state, i, &table->gateways[i]);
	for (size_t i = 0; i < REF_TIMES; i++)
		random_time(state, i, table);
	for (size_t i = 0; i < REF_NUMBERS; i++)
		random_numbers(state, i, table);
	table->tenant_count =
		random_one_in(state, 2) ? random_below(state, REF_TENANTS + 1) : 0;
	for (size_t i = 0; i < table->tenant_count; i++)
		random_tenant(state, table, i, &table->tenants[i]);
	random_ruleset(state, table, REF_RULES, &table->top);
}

/* Calls */

/* A text that the rule asks for, or nearly. */
static void wanted_text(uint64_t *state, enum ref_kind kind,
                        const struct ref_texts *texts, char to[REF_TEXT])
{
	const struct ref_text *text = &texts->list[random_below(state, texts->count)];
	if (text->form == REF_REGEX) {
		strcpy(to, text->regex->matching);
		return;
	}
	strcpy(to, text->text);
	const struct ref_numbers *numbers = text->numbers;
	if (text->form == REF_IN && numbers->count)
		strcpy(to, numbers->rows[random_below(state, numbers->count)].number);
	bool more = text->form == REF_PREFIX || (numbers && numbers->prefixes) ||
	            random_one_in(state, 10);
	for (size_t i = random_below(state, 4); random_has_forms(kind) && more && i > 0;
	     i--)
		append(to, "0127"[random_below(state, 4)]);
}

static void call_text(uint64_t *state, enum ref_kind kind, const struct ref_ruleset *set,
                      char to[REF_TEXT])
{
	for (int tries = 0; tries < 4 && set->rule_count && !random_one_in(state, 5);
	     tries++) {
		const struct ref_rule *rule =
			&set->rules[random_below(state, set->rule_count)];
		const struct ref_texts *texts = random_one_in(state, 4)
		                                        ? &rule->unless.texts[kind]
		                                        : &rule->when.texts[kind];
		if (texts->count) {
			wanted_text(state, kind, texts, to);
			return;
		}
	}
	random_text(state, kind, to);
}

/* The case, or the form, in which a request has a host. */
static void disguise_host(uint64_t *state, char host[REF_TEXT])
{
	if (strcmp(host, "[2001:db8::1]") == 0 && random_one_in(state, 2))
		strcpy(host, "[2001:DB8:0:0::1]");
	else if (random_one_in(state, 2))
		host[0] = (char)toupper(host[0]);
}

void random_call(uint64_t *state, const struct ref_table *table, struct ref_call *call)
{
	memset(call, 0, sizeof *call);
	call->moment = &PICK(state, moments);
	const struct ref_ruleset *set =
		table->tenant_count && random_one_in(state, 2)
			? &table->tenants[random_below(state, table->tenant_count)]
			: &table->top;
	for (int kind = 0; kind < REF_TEXT_KINDS; kind++)
		if (kind < REF_RN || random_one_in(state, 3))
			call_text(state, kind, set, call->texts[kind]);
	for (int kind = 0; kind < REF_TEXT_KINDS; kind++)
		if (set->scope.texts[kind].count)
			wanted_text(state, kind, &set->scope.texts[kind],
			            call->texts[kind]);
	strcpy(call->texts[REF_SOURCE], PICK(state, addresses));
	disguise_host(state, call->texts[REF_HOST]);
	if (random_one_in(state, 10))
		call->texts[REF_CALLER][0] = '\0';
	call->npdi = random_one_in(state, 2);
	for (size_t i = random_below(state, REF_HEADERS + 1); i > 0; i--) {
		call->headers[2 * i - 2] = PICK(state, header_names);
		call->headers[2 * i - 1] = PICK(state, values);
		if (random_one_in(state, 4))
			call->headers[2 * i - 2] = "x-one";
	}
}
