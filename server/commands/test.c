/* SPDX-License-Identifier: MIT */
#include "server/commands/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/commands/coverage.h"
#include "server/commands/expectations.h"
#include "server/commands/explain.h"
#include "server/commands/shares.h"
#include "server/commands/verdict.h"
#include "server/configuration.h"

struct testing {
	const struct test_options *options;
	struct coverage *coverage;
	size_t passed, failed, unread; /* the last: files with an error */
	bool out_of_memory;
};

/* What the expectations of one file are asked with. */
struct asking {
	const struct configuration *configuration;
	struct redirect *redirect;
	struct tag_keys keys;
	struct covered *covered;
	struct reply reply;
};

static bool lack_memory(struct testing *testing)
{
	testing->out_of_memory = true;
	return false;
}

/* Expectations against the table and the settings that they are about */

static bool unknown(struct diags *diags, const struct said *said, const char *what,
                    const char *nearest)
{
	char hint[DIAGS_HINT_MAX];
	diags_add(diags, SEVERITY_ERROR, said->position,
	          nearest ? diags_hint(hint, "did you mean \"%s\"?", nearest) : NULL,
	          "no %s is called \"%s\"", what, said->text.at);
	return false;
}

static void check_rule(const struct said *rule, const struct covered *covered,
                       struct diags *diags)
{
	const char *nearest;
	if (rule->text.at && !slice_equal(rule->text, slice_of("default")) &&
	    !covered_has(covered, rule->text, &nearest))
		unknown(diags, rule, "rule", nearest);
}

/* What has a colon is the URI of a target without a name. */
static void check_gateway(const struct said *gateway, const struct table *table,
                          struct diags *diags)
{
	const char *nearest;
	if (slice_find(gateway->text, ':') == gateway->text.len &&
	    !table_has_gateway(table, gateway->text, &nearest))
		unknown(diags, gateway, "gateway", nearest);
}

static void check_gateways(const struct expected *expected, const struct table *table,
                           struct diags *diags)
{
	for (size_t i = 0; i < expected->gateways.count; i++) {
		const struct said_tier *tier = &expected->gateways.tiers[i];
		for (size_t j = 0; j < tier->count; j++)
			check_gateway(&tier->members[j], table, diags);
	}
	for (size_t i = 0; i < expected->share_count; i++)
		check_gateway(&expected->shares[i].gateway, table, diags);
}

/* Where and when the call comes in. */
static bool find_arrival(const struct expectation *test,
                         const struct configuration *configuration,
                         struct arrival *arrival, int64_t *now_s,
                         struct question_fault *fault)
{
	return question_arrival(&test->question, configuration->settings, arrival,
	                        fault) &&
	       question_now(&test->question, configuration->table, now_s, fault);
}

static void check_arrival(const struct expectation *test,
                          const struct configuration *configuration, struct diags *diags)
{
	struct arrival arrival;
	struct question_fault fault;
	int64_t now_s;
	if (!find_arrival(test, configuration, &arrival, &now_s, &fault))
		diags_add(diags, SEVERITY_ERROR, test->parts[fault.part], NULL,
		          "\"%s\": %s", fault.value, fault.why);
}

static bool check(const struct expectations *expectations, const struct asking *asking,
                  struct diags *diags)
{
	size_t errors = diags_errors(diags);
	for (size_t i = 0; i < expectations->count; i++) {
		const struct expectation *test = &expectations->tests[i];
		check_arrival(test, asking->configuration, diags);
		check_rule(&test->expected.rule, asking->covered, diags);
		check_gateways(&test->expected, asking->configuration->table, diags);
	}
	return diags_errors(diags) == errors;
}

/* One expectation */

/* The same call so many times, each with a Call-ID of its own. */
static bool count_shares(struct asking *asking, const struct expectation *test,
                         const struct arrival *arrival, int64_t now_s,
                         struct tally *tally)
{
	struct question question = test->question;
	const char *base = question.call_id ? question.call_id : "test";
	for (unsigned long i = 0; i < test->expected.calls; i++) {
		struct explanation explanation = {.now_s = now_s};
		char *call_id, *request = NULL;
		if (asprintf(&call_id, "%s-%lu", base, i) < 0)
			return false;
		question.call_id = call_id;
		request = question_request(&question, arrival, &asking->keys, now_s);
		free(call_id);
		bool asked =
			request &&
			explain_silently(asking->redirect, asking->configuration->table,
		                         arrival, request, &explanation, &asking->reply);
		free(request);
		if (!asked)
			return false;
		tally_add(tally, verdict_first(&explanation));
	}
	return true;
}

static bool compare_shares(struct asking *asking, const struct expectation *test,
                           const struct arrival *arrival, int64_t now_s, bool *same,
                           FILE *diff)
{
	struct tally tally;
	if (!test->expected.share_count)
		return true;
	if (!tally_init(&tally, &test->expected))
		return false;
	bool counted = count_shares(asking, test, arrival, now_s, &tally);
	if (counted)
		*same &= tally_write(&tally, diff);
	tally_fini(&tally);
	return counted;
}

/* Asks; the difference goes to diff, the reasons to words. False when out of memory. */
static bool ask(struct asking *asking, const struct expectation *test, bool *same,
                FILE *diff, FILE *words)
{
	struct arrival arrival;
	struct question_fault fault;
	char label[DECISION_LABEL_MAX];
	int64_t now_s;
	if (!find_arrival(test, asking->configuration, &arrival, &now_s, &fault))
		return false;
	struct explanation explanation = {.now_s = now_s};
	char *request = question_request(&test->question, &arrival, &asking->keys, now_s);
	bool asked = request &&
	             explain(asking->redirect, asking->configuration->table, &arrival,
	                     request, words, &explanation, &asking->reply);
	free(request);
	if (!asked)
		return false;
	covered_reach(asking->covered, decision_label(explanation.decision.table,
	                                              explanation.decision.rule, label));
	*same = verdict_write(&test->expected, &explanation, &asking->reply, diff);
	return compare_shares(asking, test, &arrival, now_s, same, diff);
}

static void print_indented(const char *text)
{
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");
		printf("    %.*s\n", (int)length, line);
		line += length + (line[length] == '\n');
	}
}

static void report(struct testing *testing, const struct expectation *test, bool same,
                   const char *diff, const char *words)
{
	const struct position *at = &test->position;
	*(same ? &testing->passed : &testing->failed) += 1;
	if (!same || testing->options->verbose)
		printf("%s:%u:%u: %s: %s\n", at->file, at->line, at->column,
		       same ? "passed" : "failed", test->name.at);
	if (!same) {
		fputs(diff, stdout);
		print_indented(words);
	}
}

static bool run_test(struct testing *testing, struct asking *asking,
                     const struct expectation *test)
{
	char *texts[2] = {NULL, NULL};
	size_t sizes[2];
	bool same = false, asked = false;
	FILE *diff = open_memstream(&texts[0], &sizes[0]);
	FILE *words = open_memstream(&texts[1], &sizes[1]);
	if (diff && words)
		asked = ask(asking, test, &same, diff, words);
	if (diff && fclose(diff) != 0)
		asked = false;
	if (words && fclose(words) != 0)
		asked = false;
	if (asked)
		report(testing, test, same, texts[0], texts[1]);
	free(texts[0]);
	free(texts[1]);
	return asked || lack_memory(testing);
}

/* One file */

static bool run_tests(struct testing *testing, struct asking *asking,
                      const struct expectations *expectations)
{
	asking->redirect =
		redirect_new(asking->configuration->settings, NULL, &asking->keys);
	bool good = asking->redirect &&
	            tag_keys_init(&asking->keys, slice_of("signpost test"));
	for (size_t i = 0; good && i < expectations->count; i++)
		good = run_test(testing, asking, &expectations->tests[i]);
	redirect_free(asking->redirect);
	return good || lack_memory(testing);
}

/* Loads the table and the settings and runs. False after an error. */
static bool run_loaded(struct testing *testing, const struct expectations *expectations,
                       struct diags *diags)
{
	struct configuration configuration = {.settings_path =
	                                              expectations->settings_path,
	                                      .rules_path = expectations->rules_path};
	struct asking *asking = calloc(1, sizeof *asking);
	bool good =
		asking ? configuration_load(&configuration, diags) : lack_memory(testing);
	if (good) {
		asking->configuration = &configuration;
		asking->covered = coverage_of(testing->coverage, configuration.rules_path,
		                              configuration.table);
		good = asking->covered ? check(expectations, asking, diags)
		                       : lack_memory(testing);
	}
	diags_print(diags, stderr);
	good = good && run_tests(testing, asking, expectations);
	configuration_free(&configuration);
	free(asking);
	return good;
}

static bool run_file(struct testing *testing, const char *path)
{
	struct diags *diags = diags_new();
	if (!diags)
		return lack_memory(testing);
	struct expectations *expectations = expectations_load(path, diags);
	bool good = expectations && run_loaded(testing, expectations, diags);
	if (!expectations)
		diags_print(diags, stderr);
	expectations_free(expectations);
	diags_free(diags);
	testing->unread += !good;
	return good;
}

static void print_summary(const struct testing *testing)
{
	if (testing->options->coverage)
		coverage_print(testing->coverage, stdout);
	printf("%zu passed, %zu failed", testing->passed, testing->failed);
	if (testing->unread)
		printf(", %zu file%s with errors", testing->unread,
		       testing->unread == 1 ? "" : "s");
	putchar('\n');
}

int test(const struct test_options *options)
{
	struct testing testing = {.options = options, .coverage = coverage_new()};
	if (!testing.coverage || !message_init())
		lack_memory(&testing);
	for (size_t i = 0; i < options->file_count && !testing.out_of_memory; i++)
		run_file(&testing, options->files[i]);
	if (testing.out_of_memory)
		fputs("signpost: out of memory\n", stderr);
	else
		print_summary(&testing);
	coverage_free(testing.coverage);
	return testing.failed || testing.unread || testing.out_of_memory ? EXIT_FAILURE
	                                                                 : EXIT_SUCCESS;
}
