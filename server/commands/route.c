/* SPDX-License-Identifier: MIT */
#include "server/commands/route.h"

#include <stdlib.h>
#include <string.h>

#include "server/commands/explain.h"

enum { ROUTE_REDIRECT = 0, ROUTE_FAILED = 1, ROUTE_OTHER = 3 };

static bool complain(const struct question_fault *fault, FILE *to)
{
	static const char *const parts[QUESTION_PARTS] = {
		[QUESTION_CALL] = "called number",
		[QUESTION_CALLER] = "caller",
		[QUESTION_USER] = "user",
		[QUESTION_RN] = "rn",
		[QUESTION_NPDI] = "parameter",
		[QUESTION_CIC] = "cic",
		[QUESTION_TGRP] = "tgrp",
		[QUESTION_TRUNK_CONTEXT] = "trunk_context",
		[QUESTION_HOST] = "host",
		[QUESTION_PEER] = "peer",
		[QUESTION_PROFILE] = "profile",
		[QUESTION_SOURCE] = "source",
		[QUESTION_LISTENER] = "listener",
		[QUESTION_METHOD] = "method",
		[QUESTION_CALL_ID] = "call-id",
		[QUESTION_AT] = "time",
		[QUESTION_HEADERS] = "header"};
	fprintf(to, "signpost: %s \"%s\": %s\n", parts[fault->part], fault->value,
	        fault->why);
	return false;
}

static bool find_arrival(const struct configuration *configuration,
                         const struct question *question, struct arrival *arrival,
                         int64_t *now_s, FILE *complaints)
{
	struct question_fault fault;
	return (question_arrival(question, configuration->settings, arrival, &fault) &&
	        question_check(question, &fault) &&
	        question_now(question, configuration->table, now_s, &fault)) ||
	       complain(&fault, complaints);
}

static int print_reply(const struct reply *reply, FILE *to)
{
	if (!reply->length) {
		fputs("reply: none\n", to);
		return ROUTE_OTHER;
	}
	fputs("reply:\n", to);
	fwrite(reply->text, 1, reply->length, to);
	return strncmp(reply->text, "SIP/2.0 3", 9) == 0 ? ROUTE_REDIRECT : ROUTE_OTHER;
}

/* What the argument says, so that a gap or a doubled hour is seen. */
static void print_moment(const struct table *table, int64_t now_s, FILE *to)
{
	char text[TABLE_MOMENT_MAX];
	table_moment_text(table, now_s, text);
	fprintf(to, "at:\n  %s\n", text);
}

static int ask(struct redirect *redirect, const struct configuration *configuration,
               const struct arrival *arrival, const char *request, int64_t now_s,
               FILE *to)
{
	static struct reply reply;
	struct explanation explanation = {.now_s = now_s,
	                                  .health = configuration->health};
	fprintf(to, "request:\n%s", request);
	if (explain(redirect, configuration->table, arrival, request, to, &explanation,
	            &reply))
		return print_reply(&reply, to);
	return ROUTE_FAILED;
}

int route_write(const struct configuration *configuration,
                const struct question *question, const struct tag_keys *keys, FILE *to,
                FILE *complaints)
{
	struct arrival arrival = {0};
	int64_t now_s;
	if (!find_arrival(configuration, question, &arrival, &now_s, complaints))
		return ROUTE_FAILED;
	char *request = question_request(question, &arrival, keys, now_s);
	struct redirect *redirect = redirect_new(configuration->settings, NULL, keys);
	int status = ROUTE_FAILED;
	if (question->at)
		print_moment(configuration->table, now_s, to);
	if (request && redirect)
		status = ask(redirect, configuration, &arrival, request, now_s, to);
	if (status == ROUTE_FAILED)
		fputs("signpost: out of memory\n", complaints);
	redirect_free(redirect);
	free(request);
	return status;
}

int route(const struct configuration *configuration, const struct question *question)
{
	struct tag_keys keys;
	if (!message_init() || !tag_keys_init(&keys, configuration->settings->secret))
		return ROUTE_FAILED;
	return route_write(configuration, question, &keys, stdout, stderr);
}
