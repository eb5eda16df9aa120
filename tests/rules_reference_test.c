/* SPDX-License-Identifier: MIT */
/* The compiled table against the slow, obvious reference: random tables, random calls.
 *
 * SEED=N repeats the run that printed it, CALLS=N makes more or fewer calls. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "rules/health.h"
#include "tests/rules_loading.h"
#include "tests/rules_random.h"
#include "tests/rules_written.h"
#include "tests/runner.h"

#define CALLS_OF_A_TABLE 400

static uint64_t seed;
static size_t calls;

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void enter(void)
{
	uint64_t drawn = 0;
	loading_enter();
	random_init();
	ck_assert_int_eq(getrandom(&drawn, 4, 0), 4);
	seed = from_environment("SEED", drawn);
	calls = (size_t)from_environment("CALLS", 100000);
}

static void leave(void)
{
	random_fini();
	remove("n0.csv");
	remove("n1.csv");
	loading_leave();
}

static struct facts facts_of(const struct ref_call *call, uint64_t call_key)
{
	struct facts facts = {.called = slice_of(call->texts[REF_CALLED]),
	                      .caller = slice_of(call->texts[REF_CALLER]),
	                      .host = slice_of(call->texts[REF_HOST]),
	                      .listener = slice_of(call->texts[REF_LISTENER]),
	                      .profile = slice_of(call->texts[REF_PROFILE]),
	                      .peer = slice_of(call->texts[REF_PEER]),
	                      .user = slice_of(call->texts[REF_USER]),
	                      .rn = slice_of(call->texts[REF_RN]),
	                      .cic = slice_of(call->texts[REF_CIC]),
	                      .tgrp = slice_of(call->texts[REF_TGRP]),
	                      .trunk_context = slice_of(call->texts[REF_TRUNK_CONTEXT]),
	                      .npdi = call->npdi,
	                      .now_s = call->moment->now_s,
	                      .call_key = call_key,
	                      .header = loading_header,
	                      .request = call->headers};
	ck_assert(address_parse(slice_of(call->texts[REF_SOURCE]), &facts.source));
	return facts;
}

static struct table *load(const char *yaml)
{
	char *findings;
	struct table *table = loading_try(yaml, &findings);
	if (!table) {
		fprintf(stderr, "%s\n%s", yaml, findings);
		ck_abort_msg("SEED=%" PRIu64 ": the table is refused", seed);
	}
	free(findings);
	return table;
}

static void complain(const struct ref_table *model, const struct ref_call *call,
                     const struct facts *facts, const struct table *table,
                     const char *yaml, const char *why)
{
	char *got = loading_decide(table, facts);
	fprintf(stderr, "SEED=%" PRIu64 "\n%scall:", seed, yaml);
	for (int kind = 0; kind < REF_TEXT_KINDS; kind++)
		fprintf(stderr, " \"%s\"", call->texts[kind]);
	fprintf(stderr, " %s", call->npdi ? "npdi" : "");
	for (size_t i = 0; call->headers[i]; i += 2)
		fprintf(stderr, " %s: %s", call->headers[i], call->headers[i + 1]);
	fprintf(stderr, "\nthe rule is %s\ngot %s\nbut %s",
	        reference_match(model, call)->name, got, why);
	ck_abort_msg("SEED=%" PRIu64, seed);
}

static void check(const struct ref_table *model, const struct ref_call *call,
                  const struct facts *facts, const struct table *table, const char *yaml,
                  const struct decision *decision)
{
	char text[512] = "";
	FILE *why = fmemopen(text, sizeof text, "w");
	bool agrees = reference_agrees(model, call, decision, why);
	fclose(why);
	if (!agrees)
		complain(model, call, facts, table, yaml, text);
}

/* What the calls came to, to see that none of it is rare. */
struct met {
	size_t exact, prefix, rest, fallback, tenants, redirects, shared, moved,
		tables[2];
};

static bool wants(const struct ref_rule *rule, const char *called, enum ref_form form)
{
	const struct ref_texts *texts = &rule->when.texts[REF_CALLED];
	for (size_t i = 0; i < texts->count; i++)
		if (texts->list[i].form == form &&
		    strncmp(called, texts->list[i].text,
		            form == REF_EXACT ? REF_TEXT : strlen(texts->list[i].text)) ==
		            0)
			return true;
	return false;
}

static void count(struct met *met, const struct ref_table *model,
                  const struct ref_call *call, const struct decision *decision)
{
	const struct ref_rule *rule = reference_match(model, call);
	const char *called = call->texts[REF_CALLED];
	if (rule == &reference_ruleset(model, call)->fallback)
		met->fallback++;
	else if (wants(rule, called, REF_EXACT))
		met->exact++;
	else if (wants(rule, called, REF_PREFIX))
		met->prefix++;
	else
		met->rest++;
	met->tenants += decision->table.len > 0;
	met->redirects += decision->status < 400;
	met->shared += decision->target_count > 1;
}

/* Without the gateway, which has just been disabled, the answer is what it was. */
static void check_without(const struct ref_gateway *gone, const struct decision *with,
                          const struct decision *without, const char *yaml)
{
	size_t next = 0;
	if (with->left_out || without->left_out)
		return;
	for (size_t i = 0; i < with->target_count; i++) {
		const struct target *target = &with->targets[i];
		if (slice_equal(target->gateway, slice_of(gone->name)))
			continue;
		if (next == without->target_count ||
		    !slice_equal(target->uri, without->targets[next].uri)) {
			fputs(yaml, stderr);
			ck_abort_msg("SEED=%" PRIu64 ": %s was disabled and moved others",
			             seed, gone->name);
		}
		next++;
	}
	loading_expect(next == without->target_count || with->status >= 400,
	               "SEED=%" PRIu64 " %s was disabled and gave way to others", seed,
	               gone->name);
}

/* Some of the gateways that are probed are down: in the model and in health, which has
 * room for all. */
static void draw_health(uint64_t *state, struct ref_table *model,
                        const struct table *table, struct health *health)
{
	size_t one_in = 1 + random_below(state, 4);
	memset(health->down, 0, REF_GATEWAYS + 1);
	for (size_t i = 0; i < model->gateway_count; i++) {
		struct ref_gateway *gateway = &model->gateways[i];
		size_t number = table_probed_find(table, slice_of(gateway->name));
		loading_expect((number > 0) == (gateway->probed && gateway->enabled),
		               "SEED=%" PRIu64 ": is %s probed?", seed, gateway->name);
		gateway->down = number && random_below(state, one_in) == 0;
		health_set(health, number, gateway->down);
	}
	loading_expect(!health->down[0], "what is not probed is down");
}

static void all_up(struct ref_table *model)
{
	for (size_t i = 0; i < model->gateway_count; i++)
		model->gateways[i].down = false;
}

/* Those that are up stand as they would if nothing were down, and so do the others behind
 * them. Returns whether something has moved. */
static bool check_moved(const struct decision *healthy, const struct decision *sick,
                        const char *yaml)
{
	size_t next = 0;
	if (healthy->left_out || healthy->target_count != sick->target_count)
		return false;
	for (int down = 0; down < 2; down++)
		for (size_t i = 0; i < healthy->target_count; i++) {
			size_t at = 0;
			while (!slice_equal(sick->targets[at].uri,
			                    healthy->targets[i].uri))
				at++;
			if (sick->targets[at].down != down)
				continue;
			if (at != next++) {
				fputs(yaml, stderr);
				ck_abort_msg("SEED=%" PRIu64 ": others have moved", seed);
			}
		}
	return next && !slice_equal(sick->targets[0].uri, healthy->targets[0].uri);
}

static bool share_a_uri(const struct ref_table *model)
{
	for (size_t i = 0; i < model->gateway_count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(model->gateways[i].hostport,
			           model->gateways[j].hostport) == 0)
				return true;
	return false;
}

static void try_table(uint64_t *state, struct met *met)
{
	static struct ref_table model, less;
	static union {
		struct health health;
		char room[sizeof(struct health) + REF_GATEWAYS + 1];
	} sick;
	struct workspace *workspaces[2] = {workspace_new(), workspace_new()};
	random_table(state, &model);
	less = model;
	size_t gone = random_below(state, model.gateway_count);
	less.gateways[gone].enabled = false;
	char *yaml = written_yaml(state, &model);
	struct table *table = load(yaml);
	char *less_yaml = written_yaml(state, &less);
	struct table *less_table = load(less_yaml);
	bool comparable = !share_a_uri(&model);
	met->tables[model.top.longest]++;
	for (size_t i = 0; i < CALLS_OF_A_TABLE; i++) {
		struct ref_call call;
		struct decision decision, without, ill;
		random_call(state, &model, &call);
		struct facts facts = facts_of(&call, loading_random(state));
		table_lookup(table, &facts, workspaces[0], NULL, &decision);
		check(&model, &call, &facts, table, yaml, &decision);
		table_lookup(less_table, &facts, workspaces[1], NULL, &without);
		check(&less, &call, &facts, less_table, less_yaml, &without);
		if (comparable)
			check_without(&model.gateways[gone], &decision, &without, yaml);
		draw_health(state, &model, table, &sick.health);
		facts.health = &sick.health;
		table_lookup(table, &facts, workspaces[1], NULL, &ill);
		check(&model, &call, &facts, table, yaml, &ill);
		all_up(&model);
		if (comparable)
			met->moved += check_moved(&decision, &ill, yaml);
		count(met, &model, &call, &decision);
	}
	table_free(table);
	table_free(less_table);
	free(yaml);
	free(less_yaml);
	workspace_free(workspaces[0]);
	workspace_free(workspaces[1]);
}

START_TEST(a_table_decides_as_the_manual_says)
{
	struct met met = {0};
	uint64_t state = seed;
	size_t tables = (calls + CALLS_OF_A_TABLE - 1) / CALLS_OF_A_TABLE;
	for (size_t i = 0; i < tables; i++)
		try_table(&state, &met);
	size_t all = tables * CALLS_OF_A_TABLE;
	printf("SEED=%" PRIu64
	       ": %zu calls over %zu + %zu tables, %zu of them of tenants: "
	       "%zu exact, %zu by prefix, %zu by other rules, %zu default; %zu "
	       "redirects, "
	       "%zu of them with several targets, %zu with another first one because "
	       "one is down\n",
	       seed, all, met.tables[0], met.tables[1], met.tenants, met.exact,
	       met.prefix, met.rest, met.fallback, met.redirects, met.shared, met.moved);
	ck_assert_uint_gt(met.tenants, all / 20);
	ck_assert_uint_gt(met.exact, all / 50);
	ck_assert_uint_gt(met.prefix, all / 10);
	ck_assert_uint_gt(met.rest, all / 50);
	ck_assert_uint_gt(met.fallback, all / 50);
	ck_assert_uint_gt(met.shared, all / 10);
	ck_assert_uint_gt(met.moved, all / 200);
}
END_TEST

/* Weights */

#define SHARING_MAX 6

struct sharing {
	size_t count;
	unsigned weights[SHARING_MAX];
	size_t pair[SHARING_MAX][SHARING_MAX]; /* first, second */
};

static struct table *load_sharing(uint64_t *state, struct sharing *sharing)
{
	char yaml[1024];
	size_t length;
	*sharing = (struct sharing){.count = 2 + random_below(state, SHARING_MAX - 1)};
	length = (size_t)sprintf(yaml, "gateways:\n");
	for (size_t i = 0; i < sharing->count; i++) {
		sharing->weights[i] = (unsigned)(1 + random_below(state, 9));
		length += (size_t)sprintf(yaml + length,
		                          "  g%zu: {uri: sip:g%zu.test, weight: %u}\n", i,
		                          i, sharing->weights[i]);
	}
	length += (size_t)sprintf(yaml + length, "rules: [{redirect: [[");
	for (size_t i = 0; i < sharing->count; i++)
		length += (size_t)sprintf(yaml + length, "%sg%zu", i ? ", " : "", i);
	sprintf(yaml + length, "]]}]\n");
	return load(yaml);
}

static size_t number_of(const struct target *target)
{
	return (size_t)(target->gateway.at[1] - '0');
}

/* The probability of a greater chi-square is below 1e-8 if the result exceeds 5.7: it is
 * about a normal variable (Wilson and Hilferty). */
static double deviation(double chi_square, size_t freedom)
{
	double f = (double)freedom, x = chi_square / f;
	double root = 1; /* the cube root of x, by Newton */
	for (int i = 0; i < 60; i++)
		root = (2 * root + x / (root * root)) / 3;
	double variance = 2 / (9 * f), deviation = 1;
	for (int i = 0; i < 60; i++)
		deviation = (deviation + variance / deviation) / 2;
	return (root - (1 - variance)) / deviation;
}

/* Of all calls: first by the weight; of those left, second by the weight. */
static double measure(const struct sharing *sharing, size_t all)
{
	double chi_square = 0, sum = 0;
	for (size_t i = 0; i < sharing->count; i++)
		sum += sharing->weights[i];
	for (size_t i = 0; i < sharing->count; i++)
		for (size_t j = 0; j < sharing->count; j++) {
			if (i == j)
				continue;
			double wi = sharing->weights[i], wj = sharing->weights[j];
			double expected = (double)all * wi / sum * wj / (sum - wi);
			double apart = (double)sharing->pair[i][j] - expected;
			chi_square += apart * apart / expected;
		}
	size_t cells = sharing->count * (sharing->count - 1);
	return deviation(chi_square, cells - 1);
}

START_TEST(weights_pass_a_chi_square_test)
{
	uint64_t state = seed + (uint64_t)_i;
	struct workspace *workspace = workspace_new();
	struct sharing sharing;
	struct table *table = load_sharing(&state, &sharing);
	const size_t all = 100000;
	for (size_t i = 0; i < all; i++) {
		struct facts facts = {.called = slice_of("1"),
		                      .call_key = loading_random(&state)};
		struct decision decision;
		table_lookup(table, &facts, workspace, NULL, &decision);
		loading_expect(decision.target_count == sharing.count, "one is missing");
		sharing.pair[number_of(&decision.targets[0])]
			    [number_of(&decision.targets[1])]++;
	}
	double apart = measure(&sharing, all);
	ck_assert_msg(apart < 5.7,
	              "SEED=%" PRIu64 ": %zu gateways that share are %.2f standard "
	              "deviations off",
	              seed, sharing.count, apart);
	table_free(table);
	workspace_free(workspace);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("rules/ against the reference");
	TCase *tests = tcase_create("reference");
	tcase_add_unchecked_fixture(tests, enter, leave);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, a_table_decides_as_the_manual_says);
	tcase_add_loop_test(tests, weights_pass_a_chi_square_test, 0, 10);
	suite_add_tcase(suite, tests);
	return suite;
}
