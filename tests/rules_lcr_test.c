/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules/lcr.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

#define NOW 1795996800 /* 2026-11-30T00:00:00Z */

static const char *const decks[][2] = {
	{"a.csv", "code,rate,quality,name,increment,from\n"
                  "1,0.01,5,US,1/1,\n2,0.03,5,,,\n3,0.02,,,,\n31,blocked,,,,\n"
                  "4,0.1,,,,\n5,0.5,1,,,\n51,0.1,9,,,2026-12-01\n"},
	{"b.csv", "code,rate,quality\n1,0.02,9\n2,0.01,5\n3,0.02,\n4,0.1,\n5,0.4,1\n"},
	{"c.csv", "code,rate,quality\n12,0.005,\n2,0.02,6\n4,0.1,\n"},
};

static void enter(void)
{
	loading_enter();
	for (int i = 0; i < LOADING_COUNT(decks); i++) {
		FILE *file = fopen(decks[i][0], "w");
		fputs(decks[i][1], file);
		fclose(file);
	}
}

static void leave(void)
{
	for (int i = 0; i < LOADING_COUNT(decks); i++)
		unlink(decks[i][0]);
	loading_leave();
}

#define HEAD                                                                             \
	"gateways:\n"                                                                    \
	"  a1: sip:a1\n  a2: sip:a2\n  b: sip:b\n  c: sip:c\n"                           \
	"  off: {uri: sip:off, enabled: false}\n"                                        \
	"groups: {a: [a1, a2]}\n"                                                        \
	"decks:\n"                                                                       \
	"  a: {file: a.csv, redirect: a}\n"                                              \
	"  b: {file: b.csv, redirect: [off, b], weight: 3}\n"                            \
	"  c: {file: c.csv, redirect: c}\n"                                              \
	"  dead: {file: c.csv, redirect: off}\n"                                         \
	"rules:\n"

#define LCR(text) HEAD "- {name: r, redirect: {lcr: {" text "}}}\n"

static char *decide(const char *yaml, const char *called, int64_t now_s, uint64_t key)
{
	struct table *table = loading_good(yaml);
	struct facts facts = {
		.called = slice_of(called), .now_s = now_s, .call_key = key};
	char *decision = loading_decide(table, &facts);
	table_free(table);
	return decision;
}

static const struct {
	const char *yaml, *called, *decision;
} choices[] = {
	/* the cheapest first, a group in its order */
	{LCR("decks: [a, b, c]"), "+11",
         "r: 302 a1=sip:+11@a1 a2=sip:+11@a2 b=sip:+11@b "
         "number=+11"},
	{LCR("decks: [a, b, c]"), "+12",
         "r: 302 c=sip:+12@c a1=sip:+12@a1 a2=sip:+12@a2 b=sip:+12@b number=+12"},
	{LCR("decks: [a, b, c]"), "+2",
         "r: 302 b=sip:+2@b c=sip:+2@c a1=sip:+2@a1 a2=sip:+2@a2 number=+2"},
	{LCR("decks: c, order: cost"), "+2", "r: 302 c=sip:+2@c number=+2"},
	/* the best first, then the cheapest; no quality is the worst */
	{LCR("decks: [a, b, c], order: quality"), "+2",
         "r: 302 c=sip:+2@c b=sip:+2@b a1=sip:+2@a1 a2=sip:+2@a2 number=+2"},
	{LCR("decks: [a, b, c], order: quality"), "+12",
         "r: 302 b=sip:+12@b a1=sip:+12@a1 a2=sip:+12@a2 c=sip:+12@c number=+12"},
	/* carriers are counted, not gateways; those out of use are not */
	{LCR("decks: [a, b, c], max: 1"), "+11",
         "r: 302 a1=sip:+11@a1 a2=sip:+11@a2 number=+11"},
	{LCR("decks: [a, b, dead], max: 1"), "+12",
         "r: 302 a1=sip:+12@a1 a2=sip:+12@a2 number=+12"},
	/* max_rate is still offered */
	{LCR("decks: [a, b, c], max_rate: 0.02"), "+2",
         "r: 302 b=sip:+2@b c=sip:+2@c number=+2"},
	{LCR("decks: [a, b, c], max_rate: \"0.019999999\""), "+2",
         "r: 302 b=sip:+2@b number=+2"},
	{LCR("decks: [a, b, c], max_rate: 0.001"), "+2", "r: 480 too dear number=+2"},
	{LCR("decks: [a, dead], max_rate: 0.02"), "+2", "r: 480 disabled number=+2"},
	{LCR("decks: [a, b, c]"), "+9", "r: 404 no rate number=+9"},
	{LCR("decks: [a, b, c]"), "1", "r: 404 no rate number=1"},
	{LCR("decks: [a, b, c]"), "", "r: 404 no rate"},
	/* a blocked prefix is not one that a shorter one stands in for */
	{LCR("decks: [a, b, c]"), "+31", "r: 302 b=sip:+31@b number=+31"},
	{LCR("decks: [a, c]"), "+31", "r: 404 no rate number=+31"},
	/* what is in force tomorrow is not today */
	{LCR("decks: [a, b]"), "+51",
         "r: 302 b=sip:+51@b a1=sip:+51@a1 a2=sip:+51@a2 number=+51"},
	/* decks see the called number, Contacts the rewritten one */
	{HEAD "- {name: r, rewrite: {strip: \"+\"}, redirect: {lcr: {decks: [c]}}}\n",
         "+12", "r: 302 c=sip:12@c number=12"},
	{HEAD "- {name: r, status: 300, expires: 5, redirect: {lcr: {decks: [c]}}}\n",
         "+12", "r: 300 c=sip:+12@c number=+12 expires=5"},
	{HEAD "- {name: r, rewrite: {strip: 3}, redirect: {lcr: {decks: [c]}}}\n", "+12",
         "r: 484 incomplete"},
};

START_TEST(carriers_are_chosen_by_their_rates)
{
	char *decision = decide(choices[_i].yaml, choices[_i].called, NOW, 1);
	ck_assert_str_eq(decision, choices[_i].decision);
	free(decision);
}
END_TEST

START_TEST(a_rate_changes_on_its_day)
{
	char *decision = decide(LCR("decks: [a, b]"), "+51", NOW + 86400, 1);
	ck_assert_str_eq(decision, "r: 302 a1=sip:+51@a1 a2=sip:+51@a2 b=sip:+51@b "
	                           "number=+51");
	free(decision);
}
END_TEST

START_TEST(the_day_begins_in_the_zone_of_the_table)
{
	char *decision = decide("zone: Asia/Tokyo\n" LCR("decks: [a, b], max: 1"), "+51",
	                        NOW + 86400 - 9 * 3600, 1);
	ck_assert_str_eq(decision, "r: 302 a1=sip:+51@a1 a2=sip:+51@a2 number=+51");
	free(decision);
	decision = decide("zone: Asia/Tokyo\n" LCR("decks: [a, b], max: 1"), "+51",
	                  NOW + 86400 - 9 * 3600 - 1, 1);
	ck_assert_str_eq(decision, "r: 302 b=sip:+51@b number=+51");
	free(decision);
}
END_TEST

static bool is_first(const struct table *table, const char *called, uint64_t key,
                     const char *gateway)
{
	struct facts facts = {.called = slice_of(called), .now_s = NOW, .call_key = key};
	char *decision = loading_decide(table, &facts);
	char *place = strstr(decision, "302 ");
	bool first = place && strncmp(place + 4, gateway, strlen(gateway)) == 0;
	free(decision);
	return first;
}

START_TEST(equal_rates_share_by_weight)
{
	enum { CALLS = 4000 };
	struct table *table = loading_good(LCR("decks: [a, b]"));
	int shared = 0, cheapest = 0;
	for (uint64_t key = 0; key < CALLS; key++) {
		shared += is_first(table, "+4", key * 0x9e3779b97f4a7c15u, "b=");
		cheapest += is_first(table, "+1", key * 0x9e3779b97f4a7c15u, "a1=");
		loading_expect(is_first(table, "+4", key, "b=") ==
		                       is_first(table, "+4", key, "b="),
		               "%d: another answer", (int)key);
	}
	ck_assert_int_eq(cheapest, CALLS);
	ck_assert_msg(shared > CALLS * 72 / 100 && shared < CALLS * 78 / 100, "%d",
	              shared);
	table_free(table);
}
END_TEST

struct told {
	FILE *to;
};

static void on_considered(void *arg, const struct considered *considered)
{
	(void)arg;
	(void)considered;
}

static void on_priced(void *arg, const struct priced *priced)
{
	static const char *const outcomes[] = {"offered", "down", "beyond",  "disabled",
	                                       "unfit",   "dear", "blocked", "nowhere"};
	struct told *told = arg;
	char text[DECIMAL_TEXT_MAX];
	fprintf(told->to, "%.*s %s %.*s %s\n", (int)priced->deck.len, priced->deck.at,
	        outcomes[priced->outcome], (int)priced->prefix.len, priced->prefix.at,
	        decimal_text(priced->rate, text));
}

static const struct {
	const char *yaml, *called, *told;
	const char *untaken; /* first letters of hosts */
} traces[] = {
	{LCR("decks: [dead, a, b, c], max: 2, max_rate: 0.025"), "+2",
         "b offered +2 0.01\nc offered +2 0.02\ndead beyond +2 0.02\na dear +2 0.03\n"},
	/* one that the request does not take does not count */
	{LCR("decks: [a, b, c], max: 1"), "+2",
         "b unfit +2 0.01\nc offered +2 0.02\na beyond +2 0.03\n", "b"},
	{LCR("decks: [dead, a], max: 1"), "+12",
         "dead disabled +12 0.005\na unfit +1 0.01\n", "a"},
	{LCR("decks: [c, a, b]"), "+31",
         "b offered +3 0.02\nc nowhere  0\na blocked +31 0\n"},
	{LCR("decks: [dead, a]"), "+12", "dead disabled +12 0.005\na offered +1 0.01\n"},
};

static bool takes(const void *request, const struct target *target)
{
	return !request || !strchr(request, target->host.at[0]);
}

START_TEST(every_carrier_is_told_of)
{
	char *text = NULL;
	size_t len = 0;
	struct told told = {open_memstream(&text, &len)};
	struct trace trace = {
		.considered = on_considered, .arg = &told, .priced = on_priced};
	/* dead and c have one rate: a key for which dead comes second, or first */
	struct facts facts = {.called = slice_of(traces[_i].called),
	                      .now_s = NOW,
	                      .takes = takes,
	                      .request = traces[_i].untaken};
	struct table *table = loading_good(traces[_i].yaml);
	struct workspace *workspace = workspace_new();
	struct decision decision;
	for (; facts.call_key < 100; facts.call_key++) {
		rewind(told.to);
		table_lookup(table, &facts, workspace, &trace, &decision);
		fflush(told.to);
		if (strcmp(text, traces[_i].told) == 0)
			break;
	}
	fclose(told.to);
	ck_assert_str_eq(text, traces[_i].told);
	free(text);
	workspace_free(workspace);
	table_free(table);
}
END_TEST

/* Choices of random decks, against sorting all of them by hand. */
START_TEST(a_choice_is_what_sorting_by_price_gives)
{
	struct table *table = loading_good(LCR("decks: [a, b, c], max_rate: 0.4"));
	static const char *const numbers[] = {"+1", "+12", "+2", "+3", "+31", "+4", "+5"};
	const struct lcr *lcr = table->top.rules[0].action.lcr;
	for (int n = 0; n < LOADING_COUNT(numbers); n++)
		for (uint64_t key = 0; key < 50; key++) {
			struct lcr_offer offers[LCR_DECKS_MAX];
			struct facts facts = {.now_s = NOW, .call_key = key};
			struct lcr_question question =
				lcr_ask(lcr, slice_of(numbers[n]), &facts, NULL);
			size_t count = lcr_choose(lcr, &question, offers);
			for (size_t i = 1; i < count; i++)
				ck_assert_int_le(
					offers[i - 1].found.rate.price.billionths,
					offers[i].found.rate.price.billionths);
			for (size_t i = 0; i < lcr->count; i++) {
				struct deck_found found;
				bool has = deck_find(offers[i].carrier->file.deck,
				                     slice_of(numbers[n]), NOW, &found) &&
				           !found.rate.blocked &&
				           found.rate.price.billionths <= 400000000;
				ck_assert_int_eq(has, i < count);
			}
		}
	table_free(table);
}
END_TEST

#define BAD(rest) LOADING_FILE ":" rest

static const struct {
	const char *yaml, *findings;
} mistakes[] = {
	{LCR("max: 2"), BAD("14:29: error: \"lcr\" needs \"decks\"\n")},
	{LCR("decks: [a, a]"), BAD("14:41: error: deck \"a\" stands twice\n")},
	{LCR("decks: [alpha, deed]"), BAD("14:38: error: no deck is called \"alpha\"\n"
                                          "  hint: decks are defined under \"decks\"\n")
                                              BAD("14:45: error: no deck is called "
                                                  "\"deed\"\n  hint: did you mean "
                                                  "\"dead\"?\n")},
	{LCR("decks: a, max: 11, max_rate: -1, order: price"),
         BAD("14:45: error: \"max\" must be a whole number from 1 to 10\n")
                 BAD("14:59: error: max_rate \"-1\": a number below zero\n"
                     "  hint: write it like 0.0125\n")
                         BAD("14:70: error: \"order\" must be one of cost, quality, "
                             "not \"price\"\n")},
	{LCR("decks: []"), BAD("14:37: error: \"decks\" must not be an empty list\n")},
};

START_TEST(mistakes_in_a_choice_are_findings)
{
	char *findings;
	ck_assert_ptr_null(loading_try(mistakes[_i].yaml, &findings));
	ck_assert_str_eq(findings, mistakes[_i].findings);
	free(findings);
}
END_TEST

#define ROWS                                                                             \
	"numbers: {sell: {file: sell.csv, match: prefix}}\n" HEAD                        \
	"- {name: r, called: {in: sell}, redirect: {lcr: {decks: [a, b, c], max_rate: "  \
	"{row.sell}}}}\n"

static void write_rows(const char *text)
{
	FILE *file = fopen("sell.csv", "w");
	fputs(text, file);
	fclose(file);
}

static const struct {
	const char *called, *decision;
} limited[] = {
	{"+2", "r: 302 b=sip:+2@b c=sip:+2@c number=+2"},
	{"+21", "r: 302 b=sip:+21@b number=+21"},
	{"+22", "r: 480 too dear number=+22"},
	{"+23", "r: 302 b=sip:+23@b c=sip:+23@c a1=sip:+23@a1 a2=sip:+23@a2 number=+23"},
};

START_TEST(the_highest_rate_may_stand_in_the_row_that_the_rule_has_found)
{
	write_rows("number,sell\n+2,0.02\n+21,.01\n+22,0\n+23,\n");
	char *decision = decide(ROWS, limited[_i].called, NOW, 1);
	ck_assert_str_eq(decision, limited[_i].decision);
	free(decision);
	unlink("sell.csv");
}
END_TEST

/* Whatever the rule is that stands before those that use the deck. */
START_TEST(the_uri_of_a_deck_may_have_what_is_in_the_row)
{
	static const char text[] =
		"numbers: {n: {file: sell.csv, match: prefix}}\n"
		"decks: {a: {file: a.csv, redirect: \"sip:%s{called}@a\"}}\n"
		"rules: [{called: \"112\", redirect: \"sip:psap\"}, {name: r, called: "
		"{in: n}, redirect: {lcr: {decks: a}}}]\n";
	char yaml[sizeof text + 16], *findings;
	write_rows("number,pfx\n+2,99\n");
	snprintf(yaml, sizeof yaml, text, "{row.pfx}");
	char *decision = decide(yaml, "+2", NOW, 1);
	ck_assert_str_eq(decision, "r: 302 sip:99+2@a number=+2");
	free(decision);
	snprintf(yaml, sizeof yaml, text, "{row.pre}");
	ck_assert_ptr_null(loading_try(yaml, &findings));
	ck_assert_str_eq(findings,
	                 "t.yaml:2:36: error: no number table has a column \"pre\"\n");
	free(findings);
	unlink("sell.csv");
}
END_TEST

START_TEST(every_row_must_have_a_rate_then_or_nothing)
{
	char *findings;
	write_rows("number,sell\n+2,0.02\n+21,cheap\n+22,\n+23,\"0,1\"\n");
	ck_assert_ptr_null(loading_try(ROWS, &findings));
	ck_assert_str_eq(findings, "sell.csv:3:5: error: this is no rate: \"cheap\"\n"
	                           "sell.csv:5:5: error: this is no rate: \"0,1\"\n");
	free(findings);
	write_rows("number,buy\n+2,0.02\n");
	ck_assert_ptr_null(loading_try(ROWS, &findings));
	ck_assert_ptr_nonnull(strstr(findings, "\"sell\""));
	free(findings);
	unlink("sell.csv");
}
END_TEST

static const struct deck *deck_of(const struct table *table)
{
	return table->top.rules[0].action.lcr->carriers[0]->file.deck;
}

START_TEST(a_reload_shares_decks_whose_files_have_not_changed)
{
	struct diags *diags = diags_new();
	struct table *old = loading_good(LCR("decks: [a, b]"));
	struct table *new = table_reload(LOADING_FILE, old, LOADING_PLENTY, diags);
	ck_assert_ptr_nonnull(new);
	ck_assert_ptr_eq(deck_of(old), deck_of(new));
	table_free(old);
	ck_assert_uint_eq(table_counts(new).decks, 4);
	char *decision = loading_decide(
		new, &(struct facts){.called = slice_of("+11"), .now_s = NOW});
	ck_assert_str_eq(decision, "r: 302 a1=sip:+11@a1 a2=sip:+11@a2 b=sip:+11@b "
	                           "number=+11");
	free(decision);
	/* in another zone its dates are others */
	loading_write("zone: Asia/Tokyo\n" LCR("decks: [a, b]"));
	old = new;
	new = table_reload(LOADING_FILE, old, LOADING_PLENTY, diags);
	ck_assert_ptr_ne(deck_of(old), deck_of(new));
	table_free(old);
	table_free(new);
	diags_free(diags);
}
END_TEST

START_TEST(lack_of_memory_at_any_point_is_a_finding_and_no_table)
{
	loading_write(LCR("decks: [a, b], max_rate: 0.5"));
	struct table *table = loading_starve(SIZE_MAX, 100);
	table_free(table);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("lcr");
	TCase *tcase = tcase_create("lcr");
	tcase_add_unchecked_fixture(tcase, enter, leave);
	tcase_add_loop_test(tcase, carriers_are_chosen_by_their_rates, 0,
	                    LOADING_COUNT(choices));
	tcase_add_test(tcase, a_rate_changes_on_its_day);
	tcase_add_test(tcase, the_day_begins_in_the_zone_of_the_table);
	tcase_add_test(tcase, equal_rates_share_by_weight);
	tcase_add_loop_test(tcase, every_carrier_is_told_of, 0, LOADING_COUNT(traces));
	tcase_add_test(tcase, a_choice_is_what_sorting_by_price_gives);
	tcase_add_loop_test(tcase, mistakes_in_a_choice_are_findings, 0,
	                    LOADING_COUNT(mistakes));
	tcase_add_loop_test(tcase,
	                    the_highest_rate_may_stand_in_the_row_that_the_rule_has_found,
	                    0, LOADING_COUNT(limited));
	tcase_add_test(tcase, the_uri_of_a_deck_may_have_what_is_in_the_row);
	tcase_add_test(tcase, every_row_must_have_a_rate_then_or_nothing);
	tcase_add_test(tcase, a_reload_shares_decks_whose_files_have_not_changed);
	tcase_add_test(tcase, lack_of_memory_at_any_point_is_a_finding_and_no_table);
	suite_add_tcase(suite, tcase);
	return suite;
}
