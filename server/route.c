/* SPDX-License-Identifier: MIT */
#include "server/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/number.h"
#include "server/redirect.h"

enum { ROUTE_REDIRECT = 0, ROUTE_FAILED = 1, ROUTE_OTHER = 3 };

#define SKIPPED_SHOWN                                                                    \
	50 /* rules passed over: so many from the top of the file are printed */

static bool complain(const char *what, const char *value, const char *why)
{
	fprintf(stderr, "signpost: %s \"%s\": %s\n", what, value, why);
	return false;
}

/* The arrival */

static const struct listen *find_listen(const struct settings *settings, const char *name)
{
	struct endpoint endpoint;
	const char *why;
	char text[ENDPOINT_TEXT_MAX];
	if (!name)
		return &settings->listens[0];
	if (!endpoint_parse(slice_of(name), &endpoint, &why)) {
		complain("listener", name, why);
		return NULL;
	}
	endpoint_text(&endpoint, text);
	for (size_t i = 0; i < settings->listen_count; i++)
		if (slice_equal(settings->listens[i].text, slice_of(text)))
			return &settings->listens[i];
	complain("listener", name, "the settings have no such listener");
	return NULL;
}

/* Somebody whom the profile knows: the first address of its first network. */
static struct address default_source(const struct profile *profile)
{
	struct address loopback;
	address_parse(slice_of("127.0.0.1"), &loopback);
	if (profile_peer(profile, &loopback))
		return loopback;
	for (size_t i = 0; i < profile->peer_count; i++)
		if (profile->peers[i]->network_count)
			return profile->peers[i]->networks[0].address;
	return loopback;
}

static bool set_source(struct arrival *arrival, const char *source)
{
	arrival->source.transport = arrival->listen->endpoint.transport;
	arrival->source.port = ENDPOINT_PORT;
	if (!source) {
		arrival->source.address = default_source(arrival->listen->profile);
		return true;
	}
	if (address_parse(slice_of(source), &arrival->source.address))
		return true;
	char text[ENDPOINT_TEXT_MAX + 8];
	const char *why = "too long";
	int length = snprintf(text, sizeof text, "udp:%s", source);
	struct endpoint endpoint;
	if ((size_t)length >= sizeof text ||
	    !endpoint_parse(slice_of(text), &endpoint, &why))
		return complain("source", source, why);
	arrival->source.address = endpoint.address;
	arrival->source.port = endpoint.port;
	return true;
}

/* The request */

static bool has_scheme(const char *text)
{
	static const char *const schemes[] = {"sip:", "sips:", "tel:"};
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (strncasecmp(text, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}

/* A number becomes the user part of a URI at host. */
static void put_uri(FILE *to, const char *text, const char *host)
{
	char escaped[3 * NUMBER_MAX];
	if (has_scheme(text)) {
		fputs(text, to);
		return;
	}
	size_t length = number_escape(slice_of(text), escaped, sizeof escaped);
	fprintf(to, "sip:%.*s@%s", (int)(length < sizeof escaped ? length : 0), escaped,
	        host);
}

static bool is_one_line(const char *text)
{
	return !strpbrk(text, "\r\n");
}

static bool check_question(const struct question *question)
{
	const char *const texts[] = {question->called, question->caller, question->method,
	                             question->call_id};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (texts[i] && (!is_one_line(texts[i]) || !*texts[i]))
			return complain("argument", texts[i],
			                "must be one line, and not empty");
	if (strlen(question->called) > NUMBER_MAX && !has_scheme(question->called))
		return complain("called number", question->called, "is too long");
	for (size_t i = 0; i < question->header_count; i++)
		if (!is_one_line(question->headers[i]) ||
		    !strchr(question->headers[i], ':'))
			return complain("header", question->headers[i],
			                "write Name: value");
	return true;
}

static char *write_request(const struct question *question, const struct arrival *arrival)
{
	char source[ENDPOINT_TEXT_MAX], own[ENDPOINT_TEXT_MAX], *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	if (!to)
		return NULL;
	const char *method = question->method ? question->method : "INVITE";
	endpoint_hostport(&arrival->source, source);
	endpoint_hostport(&arrival->listen->endpoint, own);
	fprintf(to, "%s ", method);
	put_uri(to, question->called, own);
	fprintf(to,
	        " SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bK-route\r\nMax-Forwards: "
	        "70\r\nFrom: <",
	        transport_name(arrival->source.transport), source);
	put_uri(to, question->caller ? question->caller : "anonymous", source);
	fputs(">;tag=route\r\nTo: <", to);
	put_uri(to, question->called, own);
	fprintf(to, ">\r\nCall-ID: %s\r\nCSeq: 1 %s\r\n",
	        question->call_id ? question->call_id : "route", method);
	for (size_t i = 0; i < question->header_count; i++)
		fprintf(to, "%s\r\n", question->headers[i]);
	fputs("Content-Length: 0\r\n\r\n", to);
	return fclose(to) == 0 ? text : NULL;
}

/* The answer */

static void print_message(const char *heading, const char *text, size_t length)
{
	printf("%s\n", heading);
	fwrite(text, 1, length, stdout);
}

static void print_considered(const struct considered *considered)
{
	const struct position *at = &considered->position;
	printf("  %s:%u: rule \"%s\": ", at->file, at->line, considered->name.at);
	if (considered->matched)
		printf("matches\n");
	else
		printf("no, %s is not %.*s\n", considered->criterion,
		       (int)considered->wanted.len, considered->wanted.at);
}

/* What is printed of a lookup. The index passes over rules whose called number is
 * another; in the file's order it is plain which they are, and the first of them are
 * printed as well. */
struct showing {
	const struct table *table;
	size_t next;   /* first rule not yet spoken of */
	size_t hidden; /* rules passed over and not printed */
	bool *seen; /* with match: longest, a rule of several prefixes is considered more
	               than once */
};

static void show_passed_over(struct showing *showing, size_t end)
{
	for (; showing->next < end; showing->next++) {
		struct considered passed_over;
		if (table_is_longest(showing->table) || showing->next >= SKIPPED_SHOWN) {
			showing->hidden += !showing->seen[showing->next];
			continue;
		}
		table_rule(showing->table, showing->next, &passed_over);
		print_considered(&passed_over);
	}
}

static void show(void *arg, const struct considered *considered)
{
	struct showing *showing = arg;
	if (!table_is_longest(showing->table)) {
		show_passed_over(showing, considered->index);
		showing->next = considered->index + 1;
	}
	if (!showing->seen[considered->index])
		print_considered(considered);
	showing->seen[considered->index] = true;
}

/* After the lookup: the rules behind the one that matched were not reached. */
static void show_rest(struct showing *showing, const struct explanation *explanation)
{
	size_t count = table_counts(showing->table).rules;
	bool matched = explanation->decided && explanation->decision.position.line &&
	               !slice_equal(explanation->decision.rule, slice_of("default"));
	if (!explanation->decided)
		return;
	if (!matched || table_is_longest(showing->table))
		show_passed_over(showing, count);
	if (showing->hidden)
		printf("  %zu more: called is another, or has a longer prefix above\n",
		       showing->hidden);
}

static void print_text(const char *name, struct slice text)
{
	if (text.len)
		printf("  %s \"%.*s\"\n", name, (int)text.len, text.at);
}

static const char *cause_text(enum decision_cause cause)
{
	switch (cause) {
	case CAUSE_DISABLED:
		return "every gateway of the rule is disabled";
	case CAUSE_INCOMPLETE:
		return "the rewriting leaves no number";
	case CAUSE_GAVE_UP:
		return "a regex took too long, so no rule could be chosen";
	default:
		return NULL;
	}
}

static void print_decision(const struct explanation *explanation)
{
	const struct decision *decision = &explanation->decision;
	printf("decision:\n  rule \"%.*s\"", (int)decision->rule.len, decision->rule.at);
	if (decision->position.line)
		printf(" (%s:%u)", decision->position.file, decision->position.line);
	printf(", status %u\n", decision->status);
	if (cause_text(decision->cause))
		printf("  %s\n", cause_text(decision->cause));
	print_text("called ", explanation->facts.called);
	if (decision->number.len &&
	    !slice_equal(decision->number, explanation->facts.called))
		print_text("rewritten to", decision->number);
	for (size_t i = 0; i < decision->target_count; i++) {
		const struct target *target = &decision->targets[i];
		printf("  %zu. %.*s%s%.*s%s\n", i + 1, (int)target->uri.len,
		       target->uri.at, target->gateway.len ? " (" : "",
		       (int)target->gateway.len,
		       target->gateway.len ? target->gateway.at : "",
		       target->gateway.len ? ")" : "");
	}
	if (decision->left_out)
		printf("  %zu more left out: a reply has at most %d Contacts\n",
		       decision->left_out, DECISION_TARGETS_MAX);
}

static int print_answer(const struct explanation *explanation, const struct reply *reply)
{
	if (explanation->decided)
		print_decision(explanation);
	if (explanation->why)
		printf("  %s\n", explanation->why);
	if (!reply->length) {
		puts("reply: none");
		return ROUTE_OTHER;
	}
	print_message("reply:", reply->text, reply->length);
	return strncmp(reply->text, "SIP/2.0 3", 9) == 0 ? ROUTE_REDIRECT : ROUTE_OTHER;
}

static int ask(struct redirect *redirect, const struct table *table,
               const struct arrival *arrival, const char *request)
{
	static struct reply reply;
	struct table_counts counts = table_counts(table);
	struct showing showing = {.table = table,
	                          .seen = calloc(counts.rules + 1, sizeof(bool))};
	struct trace trace = {show, &showing};
	struct explanation explanation = {.trace = &trace};
	msg_t *msg = message_parse(slice_of(request));
	if (!showing.seen || !msg) {
		fputs("signpost: out of memory\n", stderr);
		free(showing.seen);
		msg_destroy(msg);
		return ROUTE_FAILED;
	}
	print_message("request:", request, strlen(request));
	puts("rules:");
	redirect_explain(redirect, table, message_of(msg), arrival, &explanation, &reply);
	show_rest(&showing, &explanation);
	int status = print_answer(&explanation, &reply);
	free(showing.seen);
	msg_destroy(msg);
	return status;
}

int route(const struct configuration *configuration, const struct question *question)
{
	struct tag_keys keys;
	struct arrival arrival = {
		.listen = find_listen(configuration->settings, question->listener)};
	if (!arrival.listen || !set_source(&arrival, question->source) ||
	    !check_question(question))
		return ROUTE_FAILED;
	if (!profile_peer(arrival.listen->profile, &arrival.source.address)) {
		puts("reply: none\n  no peer of the profile has this source");
		return ROUTE_OTHER;
	}
	char *request = write_request(question, &arrival);
	struct redirect *redirect = redirect_new(configuration->settings, NULL, &keys);
	bool ready = request && redirect && message_init() &&
	             tag_keys_init(&keys, configuration->settings->secret);
	int status = ready ? ask(redirect, configuration->table, &arrival, request)
	                   : ROUTE_FAILED;
	redirect_free(redirect);
	free(request);
	return status;
}
