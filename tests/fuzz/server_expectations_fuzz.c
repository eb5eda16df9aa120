/* SPDX-License-Identifier: MIT */
/* Reads a file of expectations, asks what it asks, and holds the answers against what it
 * expects. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sofia-sip/su_wait.h>

#include "server/commands/expectations.h"
#include "server/commands/explain.h"
#include "server/commands/shares.h"
#include "server/commands/verdict.h"
#include "server/configuration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                               \
	do {                                                                             \
		if (!(condition))                                                        \
			abort();                                                         \
	} while (0)

/* Behind the number of the process. */
#define FILE_NAME "fuzz.test.yaml"

static const char rules[] =
	"gateways: {a: sip:a.test, b: {uri: sip:b.test, weight: 3}, c: sip:c.test}\n"
	"rules:\n"
	"- {name: emergency, called: '112', redirect: c}\n"
	"- {name: premium, called: {prefix: '+449'}, reject: 603 Barred}\n"
	"- {name: uk, called: {prefix: '+44'}, redirect: [[a, b], c]}\n";

static const char *write_file(const char *name, const void *data, size_t size)
{
	static char path[96];
	snprintf(path, sizeof path, "/dev/shm/signpost-%d-%s", getpid(), name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0);
	REQUIRE(write(fd, data, size) == (ssize_t)size);
	close(fd);
	return path;
}

static struct configuration configuration;
static struct tag_keys keys;
static struct redirect *redirect;

static void start(void)
{
	static char path[96];
	if (redirect)
		return;
	struct diags *diags = diags_new();
	REQUIRE(su_init() == 0 && message_init() && diags);
	strcpy(path, write_file("fuzz.yaml", rules, sizeof rules - 1));
	configuration.rules_path = path;
	REQUIRE(configuration_load(&configuration, diags));
	REQUIRE(tag_keys_init(&keys, slice_of("signpost test")));
	REQUIRE(redirect = redirect_new(configuration.settings, NULL, &keys));
	unlink(path);
	diags_free(diags);
}

static void check_answer(const struct expectation *test,
                         const struct explanation *explanation, const struct reply *reply)
{
	char *text = NULL;
	size_t length = 0;
	struct tally tally;
	FILE *diff = open_memstream(&text, &length);
	REQUIRE(diff && tally_init(&tally, &test->expected));
	verdict_write(&test->expected, explanation, reply, diff);
	tally_add(&tally, verdict_first(explanation));
	if (test->expected.share_count)
		tally_write(&tally, diff);
	tally_fini(&tally);
	REQUIRE(fclose(diff) == 0);
	free(text);
}

static void ask(const struct expectation *test)
{
	static struct reply reply;
	struct arrival arrival;
	struct question_fault fault;
	struct explanation explanation = {0};
	REQUIRE(test->name.at && test->question.call && test->expected.calls);
	if (!question_arrival(&test->question, configuration.settings, &arrival,
	                      &fault)) {
		REQUIRE(test->parts[fault.part].line);
		return;
	}
	char *request = question_request(&test->question, &arrival, &keys, 0),
	     *words = NULL;
	size_t length = 0;
	FILE *to = open_memstream(&words, &length);
	REQUIRE(request && to);
	if (explain(redirect, configuration.table, &arrival, request, to, &explanation,
	            &reply))
		check_answer(test, &explanation, &reply);
	REQUIRE(fclose(to) == 0);
	free(words);
	free(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diags *diags = diags_new();
	start();
	REQUIRE(diags);
	const char *path = write_file(FILE_NAME, data, size);
	struct expectations *expectations = expectations_load(path, diags);
	REQUIRE(!expectations == (diags_errors(diags) > 0));
	for (size_t i = 0; expectations && i < expectations->count && i < 20; i++)
		ask(&expectations->tests[i]);
	expectations_free(expectations);
	diags_free(diags);
	unlink(path);
	return 0;
}
