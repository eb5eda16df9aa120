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

static bool one_in(uint64_t *state, size_t count)
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

static const char *const kind_names[REF_TEXT_KINDS] = {
	"called", "caller", "host", "source", "listener", "profile",
	"peer",   "user",   "rn",   "cic",    "tgrp",     "trunk_context"};
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
	if (one_in(state, 12)) {
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

static const char *const zones[REF_ZONES] = {"UTC", "Europe/London", "America/New_York"};
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
		setenv("TZ", zones[zone], 1);
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
			one_in(state, 2) ? 1 + (int)random_below(state, 12) : 0, first,
			one_in(state, 3) ? first : first + more};
	}
	return count;
}

/* One that another excepts comes before it, and excepts none itself. */
static void random_time(uint64_t *state, size_t i, struct ref_table *table)
{
	struct ref_time *time = &table->times[i];
	sprintf(time->name, "time%zu", i);
	time->zone = random_below(state, REF_ZONES);
	if (one_in(state, 2))
		time->days = (unsigned)(1 + random_below(state, 127));
	if (!one_in(state, 3)) {
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
	if (one_in(state, 3) || (!time->days && !time->hour_count))
		time->date_count = random_dates(state, time->dates);
	if (one_in(state, 4))
		time->except_date_count = random_dates(state, time->except_dates);
	if (i >= REF_TIMES / 2 && one_in(state, 3))
		time->except = &table->times[random_below(state, REF_TIMES / 2)];
}

static void random_span(uint64_t *state, size_t rare, struct ref_span *span)
{
	*span = (struct ref_span){INT64_MIN, INT64_MAX};
	if (!one_in(state, rare))
		return;
	int64_t a = PICK(state, moments).now_s, b = PICK(state, moments).now_s;
	if (!one_in(state, 3))
		span->from_s = a < b ? a : b;
	if (a != b && !one_in(state, 3))
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

static size_t count_form(const struct ref_texts *texts, enum ref_form form)
{
	size_t count = 0;
	for (size_t i = 0; i < texts->count; i++)
		count += texts->list[i].form == form;
	return count;
}

static bool has_forms(enum ref_kind kind)
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
		if (has_forms(kind))
			random_form(state, kind == REF_RN || kind == REF_CIC ? 2 : 0,
			            &texts->list[i]);
	}
}

/* Now and then, the called or calling number in number tables as well. */
static void random_numbers_in(uint64_t *state, const struct ref_table *table,
                              struct ref_texts *texts)
{
	size_t first = random_below(state, REF_NUMBERS);
	if (one_in(state, 2))
		texts->count = 0;
	for (size_t i = one_in(state, 2); i < 2 && texts->count < REF_TEXTS; i++) {
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
	numbers->prefixes = one_in(state, 2);
	numbers->portability = one_in(state, 3);
	for (size_t j = random_below(state, REF_ROWS + 1); j > 0; j--) {
		struct ref_row *row = &numbers->rows[numbers->count];
		random_number(state, row->number);
		row->gateway = one_in(state, 6)
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
			if (one_in(state, 2))
				random_form(state, 0, &texts->list[j]);
		}
	}
}

/* Each of the others in one rule of rare. */
static void random_criteria(uint64_t *state, size_t rare, const struct ref_table *table,
                            struct ref_criteria *criteria)
{
	if (one_in(state, rare)) {
		criteria->time_count = 1 + random_below(state, 2);
		for (size_t i = 0; i < criteria->time_count; i++)
			criteria->times[i] = &PICK(state, table->times);
	}
	for (int kind = REF_CALLER; kind < REF_TEXT_KINDS; kind++)
		if (one_in(state, rare))
			random_texts(state, kind, &criteria->texts[kind]);
	if (one_in(state, rare))
		random_headers(state, criteria);
	criteria->has_npdi = one_in(state, 2 * rare);
	criteria->npdi = one_in(state, 2);
}

static void random_negation(uint64_t *state, const struct ref_table *table,
                            struct ref_rule *rule)
{
	rule->negates = one_in(state, 4);
	if (!rule->negates)
		return;
	if (one_in(state, 2))
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
	if (one_in(state, 3))
		rewrite->rn = PICK(state, numbers);
	if (one_in(state, 3))
		rewrite->cic = PICK(state, numbers);
	rewrite->has_npdi = one_in(state, 3);
	rewrite->npdi = rewrite->has_npdi && one_in(state, 2);
	if (one_in(state, 3)) {
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
	if (one_in(state, 3))
		rewrite->strip_count = (unsigned)(1 + random_below(state, 3));
	else if (one_in(state, 2))
		rewrite->strip_text = PICK(state, starts);
	if (one_in(state, 3))
		random_parameters(state, rewrite);
	if (one_in(state, 3) || !says_anything(rewrite))
		rewrite->prepend = PICK(state, starts);
	if (one_in(state, 3)) {
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
	rule->expires_s = one_in(state, 4) ? 1 + random_below(state, 100) : 0;
	rule->route.count = 1 + random_below(state, one_in(state, 5) ? 7 : 3);
	for (size_t i = 0; i < rule->route.count; i++)
		random_tier(state, table, &rule->route.tiers[i]);
	rule->rewrites = one_in(state, 2);
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
	rule->retry_after_s = one_in(state, 2) ? 1 + random_below(state, 100) : 0;
}

static void random_answer(uint64_t *state, const struct ref_table *table,
                          struct ref_rule *rule)
{
	rule->phrase = rule->reason = "";
	if (one_in(state, 4))
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
	gateway->weight = one_in(state, 2) ? 1 : (unsigned)(1 + random_below(state, 100));
	gateway->enabled = !one_in(state, 5);
	random_span(state, 8, &gateway->span);
}

static void random_ruleset(uint64_t *state, const struct ref_table *table,
                           size_t rule_max, struct ref_ruleset *set)
{
	set->longest = one_in(state, 2);
	set->rule_count = random_below(state, rule_max + 1);
	size_t rare = 4 + random_below(state, 30);
	for (size_t i = 0; i < set->rule_count; i++) {
		struct ref_rule *rule = &set->rules[i];
		sprintf(rule->name, one_in(state, 2) ? "rule %zu" : "r%zu", i + 1);
		if (!one_in(state, 8))
			random_texts(state, REF_CALLED, &rule->when.texts[REF_CALLED]);
		random_criteria(state, rare, table, &rule->when);
		for (enum ref_kind kind = REF_CALLED; kind <= REF_CALLER; kind++)
			if (one_in(state, 6))
				random_numbers_in(state, table, &rule->when.texts[kind]);
		random_span(state, rare, &rule->span);
		random_negation(state, table, rule);
		random_answer(state, table, rule);
		rule->by_row = rule->status < 400 && one_in(state, 2) &&
		               (count_form(&rule->when.texts[REF_CALLED], REF_IN) ||
		                count_form(&rule->when.texts[REF_CALLER], REF_IN));
	}
	strcpy(set->fallback.name, "default");
	if (one_in(state, 2)) {
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
	table->ignores_rn = one_in(state, 3);
	table->gateway_count = 1 + random_below(state, REF_GATEWAYS);
	for (size_t i = 0; i < table->gateway_count; i++)
		random_gateway(state, i, &table->gateways[i]);
	for (size_t i = 0; i < REF_TIMES; i++)
		random_time(state, i, table);
	for (size_t i = 0; i < REF_NUMBERS; i++)
		random_numbers(state, i, table);
	table->tenant_count = one_in(state, 2) ? random_below(state, REF_TENANTS + 1) : 0;
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
	            one_in(state, 10);
	for (size_t i = random_below(state, 4); has_forms(kind) && more && i > 0; i--)
		append(to, "0127"[random_below(state, 4)]);
}

static void call_text(uint64_t *state, enum ref_kind kind, const struct ref_ruleset *set,
                      char to[REF_TEXT])
{
	for (int tries = 0; tries < 4 && set->rule_count && !one_in(state, 5); tries++) {
		const struct ref_rule *rule =
			&set->rules[random_below(state, set->rule_count)];
		const struct ref_texts *texts = one_in(state, 4)
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
	if (strcmp(host, "[2001:db8::1]") == 0 && one_in(state, 2))
		strcpy(host, "[2001:DB8:0:0::1]");
	else if (one_in(state, 2))
		host[0] = (char)toupper(host[0]);
}

void random_call(uint64_t *state, const struct ref_table *table, struct ref_call *call)
{
	memset(call, 0, sizeof *call);
	call->moment = &PICK(state, moments);
	const struct ref_ruleset *set =
		table->tenant_count && one_in(state, 2)
			? &table->tenants[random_below(state, table->tenant_count)]
			: &table->top;
	for (int kind = 0; kind < REF_TEXT_KINDS; kind++)
		if (kind < REF_RN || one_in(state, 3))
			call_text(state, kind, set, call->texts[kind]);
	for (int kind = 0; kind < REF_TEXT_KINDS; kind++)
		if (set->scope.texts[kind].count)
			wanted_text(state, kind, &set->scope.texts[kind],
			            call->texts[kind]);
	strcpy(call->texts[REF_SOURCE], PICK(state, addresses));
	disguise_host(state, call->texts[REF_HOST]);
	if (one_in(state, 10))
		call->texts[REF_CALLER][0] = '\0';
	call->npdi = one_in(state, 2);
	for (size_t i = random_below(state, REF_HEADERS + 1); i > 0; i--) {
		call->headers[2 * i - 2] = PICK(state, header_names);
		call->headers[2 * i - 1] = PICK(state, values);
		if (one_in(state, 4))
			call->headers[2 * i - 2] = "x-one";
	}
}

/* The file */

static void put_quoted(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++)
		fprintf(to, strchr("\"\\", *text) ? "\\%c" : "%c", *text);
	fputc('"', to);
}

/* "a number is an optional +, digits (at least one), * and #" */
static bool is_number(const char *text)
{
	text += *text == '+';
	return strspn(text, "0123456789*#") == strlen(text) &&
	       strpbrk(text, "0123456789");
}

/* With separators, or letters in another case, where these do not count. */
static void put_disguised(FILE *to, uint64_t *state, enum ref_kind kind, const char *text)
{
	char out[2 * REF_TEXT] = "";
	bool number = (kind == REF_CALLED || kind == REF_CALLER) && is_number(text);
	bool letters = kind == REF_HOST || kind == REF_TGRP || kind == REF_TRUNK_CONTEXT;
	for (; *text; text++) {
		char c = letters && one_in(state, 3) ? (char)toupper(*text) : *text;
		append(out, c);
		if (number && one_in(state, 6))
			append(out, " -.()"[random_below(state, 5)]);
	}
	if (kind == REF_LISTENER && strstr(out, ":5060") && one_in(state, 2))
		*strstr(out, ":5060") = '\0';
	put_quoted(to, out);
}

static void put_form(FILE *to, uint64_t *state, enum ref_kind kind,
                     const struct ref_texts *texts, enum ref_form form)
{
	const char *comma = "";
	fputc('[', to);
	for (size_t i = 0; i < texts->count; i++) {
		const struct ref_text *text = &texts->list[i];
		if (text->form != form)
			continue;
		fputs(comma, to);
		if (form == REF_IN)
			fputs(text->numbers->name, to);
		else if (form == REF_REGEX)
			put_quoted(to, text->regex->text);
		else
			put_disguised(to, state, kind, text->text);
		comma = ", ";
	}
	fputc(']', to);
}

static void put_texts(FILE *to, uint64_t *state, enum ref_kind kind,
                      const struct ref_texts *texts)
{
	static const char *const forms[] = {"exact", "prefix", "regex", "in"};
	const char *comma = "";
	if (count_form(texts, REF_EXACT) == texts->count &&
	    (!has_forms(kind) || one_in(state, 2))) {
		if (texts->count == 1 && one_in(state, 2))
			put_disguised(to, state, kind, texts->list[0].text);
		else
			put_form(to, state, kind, texts, REF_EXACT);
		return;
	}
	fputc('{', to);
	for (enum ref_form form = REF_EXACT; form <= REF_IN; form++) {
		if (!count_form(texts, form))
			continue;
		fprintf(to, "%s%s: ", comma, forms[form]);
		put_form(to, state, kind, texts, form);
		comma = ", ";
	}
	fputc('}', to);
}

static void put_criteria(FILE *to, uint64_t *state, const struct ref_criteria *criteria)
{
	for (int kind = 0; kind < REF_TEXT_KINDS; kind++) {
		if (!criteria->texts[kind].count)
			continue;
		fprintf(to, "%s: ", kind_names[kind]);
		put_texts(to, state, kind, &criteria->texts[kind]);
		fputs(", ", to);
	}
	if (criteria->time_count)
		fprintf(to, "time: [%s%s%s], ", criteria->times[0]->name,
		        criteria->time_count > 1 ? ", " : "",
		        criteria->time_count > 1 ? criteria->times[1]->name : "");
	if (criteria->has_npdi)
		fprintf(to, "npdi: %s, ", criteria->npdi ? "true" : "false");
	if (!criteria->header_count)
		return;
	fputs("header: {", to);
	for (size_t i = 0; i < criteria->header_count; i++) {
		fprintf(to, "%s%s: ", i ? ", " : "", criteria->headers[i].name);
		put_texts(to, state, REF_RN, &criteria->headers[i].texts);
	}
	fputs("}, ", to);
}

static void put_rewrite(FILE *to, const struct ref_rewrite *rewrite)
{
	const char *comma = "";
	fputs(", rewrite: {", to);
	if (rewrite->regex) { /* the order of the keys does not count */
		fputs("replace: {regex: ", to);
		put_quoted(to, rewrite->regex->text);
		fputs(", with: ", to);
		put_quoted(to, rewrite->with);
		fputs("}", to);
		comma = ", ";
	}
	if (rewrite->strip_text)
		fprintf(to, "%sstrip: \"%s\"", comma, rewrite->strip_text), comma = ", ";
	else if (rewrite->strip_count)
		fprintf(to, "%sstrip: %u", comma, rewrite->strip_count), comma = ", ";
	if (rewrite->prepend)
		fprintf(to, "%sprepend: \"%s\"", comma, rewrite->prepend), comma = ", ";
	if (rewrite->rn)
		fprintf(to, "%srn: \"%s\"", comma, rewrite->rn), comma = ", ";
	if (rewrite->cic)
		fprintf(to, "%scic: \"%s\"", comma, rewrite->cic), comma = ", ";
	if (rewrite->has_npdi)
		fprintf(to, "%snpdi: %s", comma, rewrite->npdi ? "true" : "false"),
			comma = ", ";
	if (rewrite->tgrp)
		fprintf(to, "%stgrp: \"%s\", trunk_context: \"%s\"", comma, rewrite->tgrp,
		        rewrite->trunk_context);
	fputs("}", to);
}

static void put_route(FILE *to, const struct ref_table *table,
                      const struct ref_route *route)
{
	fputs("redirect: [", to);
	for (size_t i = 0; i < route->count; i++) {
		const struct ref_tier *tier = &route->tiers[i];
		fputs(i ? ", [" : "[", to);
		for (size_t j = 0; j < tier->count; j++)
			fprintf(to, "%s%s", j ? ", " : "",
			        table->gateways[tier->members[j]].name);
		fputs("]", to);
	}
	fputs("]", to);
}

static void put_answer(FILE *to, const struct ref_table *table,
                       const struct ref_rule *rule)
{
	if (rule->status < 400) {
		if (rule->by_row)
			fputs("redirect: {row.gateway}", to);
		else
			put_route(to, table, &rule->route);
		fprintf(to, ", status: %u", rule->status);
		if (rule->expires_s)
			fprintf(to, ", expires: %lu", rule->expires_s);
		if (rule->rewrites)
			put_rewrite(to, &rule->rewrite);
		return;
	}
	fprintf(to, "reject: {status: %u", rule->status);
	if (*rule->phrase)
		fprintf(to, ", phrase: %s", rule->phrase);
	if (*rule->reason)
		fprintf(to, ", reason: %s", rule->reason);
	if (rule->retry_after_s)
		fprintf(to, ", retry_after: %lu", rule->retry_after_s);
	fputs("}", to);
}

static void put_moment(FILE *to, const char *key, int64_t at, const char *after)
{
	char text[64];
	time_t time = (time_t)at;
	struct tm tm;
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&time, &tm));
	fprintf(to, "%s: \"%s\"%s", key, text, after);
}

static void put_span(FILE *to, const struct ref_span *span)
{
	if (span->from_s != INT64_MIN)
		put_moment(to, "from", span->from_s, ", ");
	if (span->until_s != INT64_MAX)
		put_moment(to, "until", span->until_s, ", ");
}

static void put_dates(FILE *to, const struct ref_date dates[2], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct ref_date *date = &dates[i];
		char month[8] = "";
		if (date->month)
			sprintf(month, "%02d-", date->month);
		fprintf(to, "%s\"%s%02d", i ? ", " : "", month, date->first);
		if (date->last > date->first)
			fprintf(to, "..%s%02d", month, date->last);
		fputs("\"", to);
	}
}

static void put_hour(FILE *to, int second, const char *after)
{
	fprintf(to, "%02d:%02d%s", second / 3600, second / 60 % 60, after);
}

static void put_time(FILE *to, const struct ref_time *time)
{
	static const char *const days[] = {"sun", "mon", "tue", "wed",
	                                   "thu", "fri", "sat"};
	fprintf(to, "  %s: {zone: %s", time->name, zones[time->zone]);
	const char *comma = "";
	if (time->days) {
		fputs(", days: [", to);
		for (size_t i = 0; i < 7; i++)
			if (time->days >> i & 1)
				fprintf(to, "%s%s", comma, days[i]), comma = ", ";
		fputs("]", to);
	}
	if (time->hour_count) {
		fputs(", hours: [", to);
		for (size_t i = 0; i < time->hour_count; i++) {
			fputs(i ? ", \"" : "\"", to);
			put_hour(to, time->hours[i][0], "-");
			put_hour(to, time->hours[i][1], "\"");
		}
		fputs("]", to);
	}
	if (time->date_count) {
		fputs(", dates: [", to);
		put_dates(to, time->dates, time->date_count);
		fputs("]", to);
	}
	if (time->except_date_count || time->except) {
		fputs(", except: [", to);
		put_dates(to, time->except_dates, time->except_date_count);
		if (time->except)
			fprintf(to, "%s%s", time->except_date_count ? ", " : "",
			        time->except->name);
		fputs("]", to);
	}
	fputs("}\n", to);
}

static void put_gateway(FILE *to, const struct ref_gateway *gateway)
{
	fprintf(to, "  %s: {", gateway->name);
	put_span(to, &gateway->span);
	fprintf(to, "uri: \"sip:%s%s\"", gateway->user, gateway->hostport);
	if (gateway->weight != 1)
		fprintf(to, ", weight: %u", gateway->weight);
	if (!gateway->enabled)
		fputs(", enabled: false", to);
	fputs("}\n", to);
}

static void put_ruleset(FILE *to, uint64_t *state, const struct ref_table *table,
                        const struct ref_ruleset *set, const char *indent)
{
	fprintf(to, "%smatch: %s\n", indent, set->longest ? "longest" : "first");
	fprintf(to, "%srules:%s\n", indent, set->rule_count ? "" : " []");
	for (size_t i = 0; i < set->rule_count; i++) {
		const struct ref_rule *rule = &set->rules[i];
		fprintf(to, "%s- {", indent);
		if (rule->name[1] != 'u') /* the name that it gets without one */
			fprintf(to, "name: %s, ", rule->name);
		put_criteria(to, state, &rule->when);
		put_span(to, &rule->span);
		if (rule->negates) {
			fputs("not: {", to);
			put_criteria(to, state, &rule->unless);
			fputs("}, ", to);
		}
		put_answer(to, table, rule);
		fputs("}\n", to);
	}
	if (set->fallback.status != 404 || *set->fallback.phrase ||
	    *set->fallback.reason || set->fallback.retry_after_s) {
		fprintf(to, "%sdefault: {", indent);
		put_answer(to, table, &set->fallback);
		fputs("}\n", to);
	}
}

/* The file of a number table. */
static void write_rows(uint64_t *state, const struct ref_table *table,
                       const struct ref_numbers *numbers)
{
	char name[32];
	sprintf(name, "%s.csv", numbers->name);
	remove(name); /* another file than the one before, to be read again */
	FILE *to = fopen(name, "w");
	for (size_t i = 0; i < numbers->count; i++) {
		const struct ref_row *row = &numbers->rows[i];
		put_disguised(to, state, REF_CALLED, row->number);
		fprintf(to, ",%s\n",
		        row->gateway < 0 ? "" : table->gateways[row->gateway].name);
	}
	fclose(to);
}

static void put_scope(FILE *to, uint64_t *state, const struct ref_criteria *scope)
{
	for (int kind = 0; kind < REF_TEXT_KINDS; kind++) {
		if (!scope->texts[kind].count)
			continue;
		fprintf(to, "    %s: ", kind_names[kind]);
		put_texts(to, state, kind, &scope->texts[kind]);
		fputs("\n", to);
	}
}

char *random_yaml(uint64_t *state, const struct ref_table *table)
{
	char *yaml = NULL;
	size_t size;
	FILE *to = open_memstream(&yaml, &size);
	if (table->ignores_rn)
		fputs("routing_number: ignore\n", to);
	else if (one_in(state, 2))
		fputs("routing_number: use\n", to);
	fputs("gateways:\n", to);
	for (size_t i = 0; i < table->gateway_count; i++)
		put_gateway(to, &table->gateways[i]);
	fputs("numbers:\n", to);
	for (size_t i = 0; i < REF_NUMBERS; i++) {
		const struct ref_numbers *numbers = &table->numbers[i];
		write_rows(state, table, numbers);
		fprintf(to,
		        "  %s: {file: %s.csv, match: %s, columns: [number, gateway]%s}\n",
		        numbers->name, numbers->name,
		        numbers->prefixes ? "prefix" : "exact",
		        numbers->portability ? ", portability: true" : "");
	}
	fputs("times:\n", to);
	for (size_t i = 0; i < REF_TIMES; i++)
		put_time(to, &table->times[i]);
	if (table->tenant_count)
		fputs("tables:\n", to);
	for (size_t i = 0; i < table->tenant_count; i++) {
		fprintf(to, "  %s:\n", table->tenants[i].name);
		put_scope(to, state, &table->tenants[i].scope);
		put_ruleset(to, state, table, &table->tenants[i], "    ");
	}
	put_ruleset(to, state, table, &table->top, "");
	fclose(to);
	return yaml;
}
