/* SPDX-License-Identifier: MIT */
#include "server/commands/question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/number.h"
#include "rules/parameters.h"
#include "rules/table.h"
#include "server/trust/challenge.h"

static bool blame(struct question_fault *fault, enum question_part part,
                  const char *value, const char *why)
{
	*fault = (struct question_fault){part, value, why};
	return false;
}

/* The arrival */

static const struct peer *find_peer(const struct profile *profile, const char *name)
{
	for (size_t i = 0; i < profile->peer_count; i++)
		if (slice_equal(profile->peers[i]->name, slice_of(name)))
			return profile->peers[i];
	return NULL;
}

/* One without networks is known by its certificate. */
static bool can_call(const struct peer *peer, const struct listen *listen)
{
	return peer &&
	       (peer->network_count || (listen->endpoint.transport == TRANSPORT_TLS &&
	                                listen->profile->identifies));
}

static const struct user *find_user(const struct profile *profile, const char *name)
{
	return profile->realm ? users_find(profile->realm->users, slice_of(name)) : NULL;
}

/* The first listener that is all that was asked for. */
static const struct listen *first_listen(const struct settings *settings,
                                         struct slice text, const char *profile,
                                         const char *peer, const char *user)
{
	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen *listen = &settings->listens[i];
		if ((!text.len || slice_equal(listen->text, text)) &&
		    (!profile || slice_equal(listen->profile->name, slice_of(profile))) &&
		    (!peer || can_call(find_peer(listen->profile, peer), listen)) &&
		    (!user || find_user(listen->profile, user)))
			return listen;
	}
	return NULL;
}

static bool find_listen(const struct question *question, const struct settings *settings,
                        const struct listen **out, struct question_fault *fault)
{
	struct endpoint endpoint;
	struct slice text = {0};
	const char *why, *profile = question->profile, *peer = question->peer,
			 *user = question->user;
	char buffer[ENDPOINT_TEXT_MAX];
	if (question->listener) {
		if (!endpoint_parse(slice_of(question->listener), &endpoint, &why))
			return blame(fault, QUESTION_LISTENER, question->listener, why);
		text = slice_of(endpoint_text(&endpoint, buffer));
		if (!first_listen(settings, text, NULL, NULL, NULL))
			return blame(fault, QUESTION_LISTENER, question->listener,
			             "the settings have no such listener");
	}
	if (profile && !first_listen(settings, text, profile, NULL, NULL))
		return blame(fault, QUESTION_PROFILE, profile,
		             question->listener ? "the listener is another profile's"
		                                : "the settings have no such profile");
	if (peer && !first_listen(settings, text, profile, peer, NULL))
		return blame(fault, QUESTION_PEER, peer,
		             profile || question->listener
		                     ? "the profile has no such peer"
		                     : "no profile has such a peer");
	*out = first_listen(settings, text, profile, peer, user);
	if (!*out)
		return blame(fault, QUESTION_USER, user,
		             profile || question->listener || peer
		                     ? "the profile has no such user"
		                     : "no profile has such a user");
	return true;
}

/* The first address of a network of peer that no closer network gives to another. */
static bool peer_address(const struct profile *profile, const struct peer *peer,
                         struct address *out)
{
	for (size_t i = 0; i < peer->network_count; i++)
		if (profile_peer(profile, &peer->networks[i].address) == peer) {
			*out = peer->networks[i].address;
			return true;
		}
	return false;
}

/* Somebody whom the profile knows. */
static struct address default_source(const struct profile *profile)
{
	struct address address;
	address_parse(slice_of("127.0.0.1"), &address);
	if (!profile_peer(profile, &address))
		for (size_t i = 0; i < profile->peer_count; i++)
			if (peer_address(profile, profile->peers[i], &address))
				break;
	return address;
}

static bool read_source(const char *text, struct endpoint *out, const char **why)
{
	char full[ENDPOINT_TEXT_MAX + 8];
	struct endpoint endpoint;
	if (address_parse(slice_of(text), &out->address))
		return true;
	int length = snprintf(full, sizeof full, "udp:%s", text);
	*why = "too long";
	if ((size_t)length >= sizeof full ||
	    !endpoint_parse(slice_of(full), &endpoint, why))
		return false;
	out->address = endpoint.address;
	out->port = endpoint.port;
	return true;
}

/* Whether it comes with a certificate that says that it is peer's. */
static bool shows_name(const struct arrival *arrival, const struct peer *peer)
{
	return peer && peer->tls_name_count && arrival->listen->profile->identifies &&
	       arrival->source.transport == TRANSPORT_TLS;
}

/* The source, and whose it is. */
static bool find_source(const struct question *question, struct arrival *arrival,
                        struct question_fault *fault)
{
	const char *why;
	const struct profile *profile = arrival->listen->profile;
	struct endpoint *out = &arrival->source;
	const struct peer *peer =
		question->peer ? find_peer(profile, question->peer) : NULL;
	bool named = shows_name(arrival, peer);
	if (question->source && !read_source(question->source, out, &why))
		return blame(fault, QUESTION_SOURCE, question->source, why);
	if (!question->source && (!peer || (named && !peer->network_count)))
		out->address = default_source(profile);
	else if (!question->source && !peer_address(profile, peer, &out->address))
		return blame(fault, QUESTION_PEER, question->peer,
		             "no network begins with an address of its own: give the "
		             "source");
	arrival->peer = named ? peer : profile_peer(profile, &out->address);
	if (question->source && peer && arrival->peer != peer)
		return blame(fault, QUESTION_SOURCE, question->source,
		             "this address is not the peer's");
	return true;
}

bool question_arrival(const struct question *question, const struct settings *settings,
                      struct arrival *arrival, struct question_fault *fault)
{
	*arrival = (struct arrival){0};
	if (!find_listen(question, settings, &arrival->listen, fault))
		return false;
	arrival->source.transport = arrival->listen->endpoint.transport;
	arrival->source.port = ENDPOINT_PORT;
	return find_source(question, arrival, fault);
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

/* A number becomes the user part of a URI at host. parameters may be NULL. */
static void put_uri(FILE *to, const char *text, const struct parameters *parameters,
                    const char *host)
{
	char escaped[3 * NUMBER_MAX], behind[4 * PARAMETERS_MAX];
	struct writer writer = {behind, sizeof behind, 0, false};
	if (has_scheme(text)) {
		fputs(text, to);
		return;
	}
	if (parameters)
		parameters_write(parameters, &writer);
	size_t length = number_escape(slice_of(text), escaped, sizeof escaped);
	fprintf(to, "sip:%.*s%.*s@%s", (int)(length < sizeof escaped ? length : 0),
	        escaped, (int)writer.len, behind, host);
}

static struct parameters parameters_of(const struct question *question)
{
	return (struct parameters){.rn = slice_of(question->rn),
	                           .cic = slice_of(question->cic),
	                           .tgrp = slice_of(question->tgrp),
	                           .trunk_context = slice_of(question->trunk_context),
	                           .npdi = question->npdi};
}

static bool is_number(const char *text)
{
	char with[NUMBER_MAX + 8];
	int length = snprintf(with, sizeof with, "%s;x", text);
	return (size_t)length < sizeof with &&
	       number_parameters(slice_of(with), false).len;
}

static bool check_parameters(const struct question *question,
                             struct question_fault *fault)
{
	const struct {
		enum question_part part;
		const char *text;
	} rows[] = {{QUESTION_RN, question->rn},
	            {QUESTION_CIC, question->cic},
	            {QUESTION_TGRP, question->tgrp},
	            {QUESTION_TRUNK_CONTEXT, question->trunk_context},
	            {QUESTION_NPDI, question->npdi ? "npdi" : NULL}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *text = rows[i].text;
		if (!text)
			continue;
		if (!*text || strlen(text) > PARAMETER_MAX)
			return blame(fault, rows[i].part, text,
			             "must have 1 to 128 bytes");
		if (has_scheme(question->call))
			return blame(fault, rows[i].part, text,
			             "write the parameters into the URI");
		if (!is_number(question->call))
			return blame(fault, rows[i].part, text,
			             "belongs to a telephone number");
	}
	if (!question->tgrp != !question->trunk_context) /* RFC 4904 5 */
		return blame(fault,
		             question->tgrp ? QUESTION_TGRP : QUESTION_TRUNK_CONTEXT,
		             question->tgrp ? question->tgrp : question->trunk_context,
		             "a trunk group and its context go together");
	return true;
}

static bool is_one_line(const char *text)
{
	return !strpbrk(text, "\r\n");
}

/* Texts that must stand on one line; words may not have blanks either. */
static bool check_texts(const struct question *question, struct question_fault *fault)
{
	const struct {
		enum question_part part;
		bool word;
		const char *text;
	} rows[] = {{QUESTION_CALL, false, question->call},
	            {QUESTION_CALLER, false, question->caller},
	            {QUESTION_USER, false, question->user},
	            {QUESTION_HOST, true, question->host},
	            {QUESTION_METHOD, true, question->method},
	            {QUESTION_CALL_ID, true, question->call_id}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *text = rows[i].text;
		if (text && (!is_one_line(text) || !*text))
			return blame(fault, rows[i].part, text,
			             "must be one line, and not empty");
		if (text && rows[i].word && strpbrk(text, " \t"))
			return blame(fault, rows[i].part, text, "must be one word");
	}
	return true;
}

bool question_check(const struct question *question, struct question_fault *fault)
{
	if (!check_texts(question, fault))
		return false;
	if (strlen(question->call) > NUMBER_MAX && !has_scheme(question->call))
		return blame(fault, QUESTION_CALL, question->call, "is too long");
	if (question->host && has_scheme(question->call))
		return blame(fault, QUESTION_HOST, question->host,
		             "the URI that is called has a host of its own");
	for (size_t i = 0; i < question->header_count; i++)
		if (!is_one_line(question->headers[i]) ||
		    !strchr(question->headers[i], ':'))
			return blame(fault, QUESTION_HEADERS, question->headers[i],
			             "write Name: value");
	return check_parameters(question, fault);
}

/* As put_uri() writes it; to be freed. NULL when out of memory. */
static char *make_uri(const char *text, const struct parameters *parameters,
                      const char *host)
{
	char *uri = NULL;
	size_t size;
	FILE *to = open_memstream(&uri, &size);
	if (!to)
		return NULL;
	put_uri(to, text, parameters, host);
	if (fclose(to) == 0)
		return uri;
	free(uri);
	return NULL;
}

static const char *caller_of(const struct question *question,
                             const struct profile *profile)
{
	if (question->caller)
		return question->caller;
	return question->user ? find_user(profile, question->user)->caller.at
	                      : "anonymous";
}

static bool put_credentials(FILE *to, const struct question *question,
                            const struct arrival *arrival, const struct tag_keys *keys,
                            int64_t now_s, const char *method, const char *uri)
{
	if (!question->user)
		return true;
	struct hasher *hasher = hasher_new();
	bool good = hasher &&
	            challenge_answer(hasher, keys, arrival, now_s,
	                             find_user(arrival->listen->profile, question->user),
	                             slice_of(method), slice_of(uri), to);
	hasher_free(hasher);
	return good;
}

static bool put_request(FILE *to, const struct question *question,
                        const struct arrival *arrival, const struct tag_keys *keys,
                        int64_t now_s, const char *uri)
{
	char source[ENDPOINT_TEXT_MAX];
	const char *method = question->method ? question->method : "INVITE";
	endpoint_hostport(&arrival->source, source);
	fprintf(to,
	        "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bK-route\r\n"
	        "Max-Forwards: 70\r\nFrom: <",
	        method, uri, transport_name(arrival->source.transport), source);
	put_uri(to, caller_of(question, arrival->listen->profile), NULL, source);
	fprintf(to, ">;tag=route\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\n", uri,
	        question->call_id ? question->call_id : "route", method);
	for (size_t i = 0; i < question->header_count; i++)
		fprintf(to, "%s\r\n", question->headers[i]);
	bool good = put_credentials(to, question, arrival, keys, now_s, method, uri);
	fputs("Content-Length: 0\r\n\r\n", to);
	return good;
}

char *question_request(const struct question *question, const struct arrival *arrival,
                       const struct tag_keys *keys, int64_t now_s)
{
	char own[ENDPOINT_TEXT_MAX], *text = NULL;
	size_t size = 0;
	struct parameters parameters = parameters_of(question);
	endpoint_hostport(&arrival->listen->endpoint, own);
	char *uri = make_uri(question->call, &parameters,
	                     question->host ? question->host : own);
	FILE *to = uri ? open_memstream(&text, &size) : NULL;
	bool good = to && put_request(to, question, arrival, keys, now_s, uri);
	free(uri);
	if (to && fclose(to) == 0 && good)
		return text;
	free(text);
	return NULL;
}

bool question_now(const struct question *question, const struct table *table,
                  int64_t *now_s, struct question_fault *fault)
{
	struct timespec now;
	if (question->at)
		return table_moment(table, slice_of(question->at), now_s) ||
		       blame(fault, QUESTION_AT, question->at,
		             "write 2026-12-25T10:00, with Z or +01:00 behind it if it "
		             "is not in the table's zone");
	clock_gettime(CLOCK_REALTIME, &now);
	*now_s = now.tv_sec;
	return true;
}
