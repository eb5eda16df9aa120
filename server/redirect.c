/* SPDX-License-Identifier: MIT */
#include "server/redirect.h"

#include <stdlib.h>

#include "rules/table.h"
#include "server/call.h"
#include "server/clock.h"
#include "server/log/hep.h"
#include "server/log/journal.h"
#include "server/log/log.h"
#include "server/log/stamp.h"
#include "server/operations/count.h"
#include "server/operations/lifecycle.h"
#include "server/sip/contacts.h"
#include "server/sip/priority.h"
#include "server/sip/request.h"
#include "server/sip/response.h"
#include "server/trust/challenge.h"

struct redirect {
	const struct settings *settings;
	struct snapshot *snapshot;
	const struct tag_keys *keys;
	struct workspace *workspace;
	struct counters *counters; /* NULL: nothing is counted */
	uint64_t unsent;           /* replies since the batch began */
	struct hasher *hasher;     /* made when a profile's auth first needs it */
	const struct configuration
		*held;       /* between redirect_hold() and redirect_let_go() */
	int64_t now_s;       /* when it was held, as rules see it */
	int64_t time_ns;     /* the same, as the log sees it */
	uint64_t now_ns;     /* the same, as the limiter sees it */
	struct ring *log;    /* NULL: the log has no thread */
	struct ring *mirror; /* NULL: nobody has asked for copies yet */
	struct slice text;   /* of the message that was let through last */
	struct request_numbers numbers;
	char tag[TAG_TEXT_MAX];
	char contacts[CONTACTS_TEXT_MAX];
	char challenge[CHALLENGE_TEXT_MAX];
};

struct redirect *redirect_new(const struct settings *settings, struct snapshot *snapshot,
                              const struct tag_keys *keys)
{
	struct redirect *redirect = calloc(1, sizeof *redirect);
	struct workspace *workspace = workspace_new();
	if (!redirect || !workspace) {
		free(redirect);
		workspace_free(workspace);
		return NULL;
	}
	redirect->settings = settings;
	redirect->snapshot = snapshot;
	redirect->keys = keys;
	redirect->workspace = workspace;
	if (!snapshot || journal_ring(&redirect->log))
		return redirect;
	redirect_free(redirect);
	return NULL;
}

void redirect_free(struct redirect *redirect)
{
	if (!redirect)
		return;
	workspace_free(redirect->workspace);
	hasher_free(redirect->hasher);
	ring_leave(redirect->log);
	ring_leave(redirect->mirror);
	free(redirect);
}

void redirect_count(struct redirect *redirect, struct counters *counters)
{
	redirect->counters = counters;
}

/* Whether a line of kind is to be printed. One clock is read for all of a batch. */
static bool is_due(const struct redirect *redirect, enum log_kind kind)
{
	return log_often_due(kind,
	                     redirect->held ? redirect->now_ns : (uint64_t)clock_ns());
}

void redirect_stranger(struct redirect *redirect, const struct arrival *arrival)
{
	char text[ENDPOINT_TEXT_MAX];
	count_dropped(redirect->counters, redirect->held, arrival);
	if (is_due(redirect, LOG_STRANGER))
		log_event(LOG_WARNING, "stranger ignored source=%s listener=%s",
		          endpoint_text(&arrival->source, text),
		          arrival->listen->text.at);
}

bool redirect_admits(struct redirect *redirect, struct arrival *arrival)
{
	arrival->peer = profile_peer(arrival->listen->profile, &arrival->source.address);
	if (!arrival->peer)
		redirect_stranger(redirect, arrival);
	return arrival->peer;
}

/* Copies */

static bool mirrors(const struct redirect *redirect)
{
	return redirect->held && redirect->mirror && redirect->settings->mirrors;
}

/* Where the message came in. */
static struct endpoint here(const struct arrival *arrival)
{
	struct endpoint here = arrival->listen->endpoint;
	if (address_is_any(&here.address) && !address_is_any(&arrival->local))
		here.address = arrival->local;
	return here;
}

static void mirror_request(struct redirect *redirect, const struct arrival *arrival)
{
	if (redirect->text.len && mirrors(redirect))
		hep_put(redirect->mirror,
		        &(struct hep_packet){redirect->time_ns, arrival->source,
		                             here(arrival), redirect->text});
}

static void mirror_reply(struct redirect *redirect, const struct arrival *arrival,
                         const struct reply *reply)
{
	bool stream = transport_is_stream(arrival->source.transport);
	if (reply->length && mirrors(redirect))
		hep_put(redirect->mirror,
		        &(struct hep_packet){stamp_now(),
		                             here(arrival),
		                             stream ? arrival->source : reply->to,
		                             {reply->text, reply->length}});
}

/* Who may, and how much */

static void log_over(const struct redirect *redirect, const struct arrival *arrival)
{
	char source[ENDPOINT_TEXT_MAX];
	if (is_due(redirect, LOG_OVER))
		log_event(LOG_WARNING, "over the limit peer=\"%s\" source=%s",
		          arrival->peer->name.at,
		          endpoint_text(&arrival->source, source));
}

/* One that only explains says nothing to the log. */
static bool is_serving(const struct redirect *redirect)
{
	return redirect->snapshot;
}

void redirect_unread(struct redirect *redirect, const struct arrival *arrival)
{
	count_dropped(redirect->counters, redirect->held, arrival);
}

/* What keeps a NAT open: CRLF, or two of them. */
static bool is_keepalive(struct slice text)
{
	return text.len <= 4 && slice_trim(text).len == 0;
}

bool redirect_passes(struct redirect *redirect, struct slice text,
                     struct arrival *arrival)
{
	struct limiter *limiter = redirect->held ? redirect->held->limiter : NULL;
	redirect->text = text;
	if (limiter && is_keepalive(text))
		return false;
	count_received(redirect->counters, redirect->held, arrival);
	if (limiter && slice_begins(text, slice_of("ACK "))) {
		mirror_request(redirect, arrival);
		return false; /* RFC 3261 8.2.7: never answered */
	}
	enum limit limit = limiter_take(limiter, arrival->peer, &arrival->source.address,
	                                redirect->now_ns);
	arrival->over = limit != LIMIT_PASS;
	if (limit != LIMIT_DROP)
		return true;
	count_dropped(redirect->counters, redirect->held, arrival);
	log_over(redirect, arrival);
	return false;
}

static bool is_listed(const struct settings *settings, struct slice method)
{
	for (size_t i = 0; i < settings->method_count; i++)
		if (slice_equal(settings->methods[i], method))
			return true;
	return false;
}

/* RFC 3261 22.2 */
static void challenge(struct redirect *redirect, const struct arrival *arrival,
                      bool stale, struct explanation *explanation,
                      struct response *response)
{
	response->headers =
		challenge_write(redirect->hasher, redirect->keys, arrival,
	                        explanation->now_s, stale, redirect->challenge);
	response->status = response->headers.len ? 401 : 500;
}

static void log_credentials(const struct redirect *redirect,
                            const struct arrival *arrival)
{
	char source[ENDPOINT_TEXT_MAX];
	if (is_due(redirect, LOG_CREDENTIALS))
		log_event(LOG_WARNING, "wrong credentials source=%s listener=%s",
		          endpoint_text(&arrival->source, source),
		          arrival->listen->text.at);
}

/* Finds out who calls, where the profile wants to know. False: that is what is answered.
 */
static bool identify(struct redirect *redirect, const struct request *request,
                     const struct arrival *arrival, struct explanation *explanation,
                     struct response *response, const struct user **user)
{
	static const char *const whys[] = {
		[IDENTITY_MISSING] = "the profile wants to know who calls",
		[IDENTITY_WRONG] = "there is no such user, or the password is another",
		[IDENTITY_OLD] = "the nonce is old, or was made for another source",
		[IDENTITY_BROKEN] = "the credentials are broken",
		[IDENTITY_ELSEWHERE] = "the credentials are for another number",
		[IDENTITY_FAILED] = "out of memory",
	};
	enum identity identity = IDENTITY_FAILED;
	*user = NULL;
	if (!arrival->listen->profile->realm)
		return true;
	if (!redirect->hasher)
		redirect->hasher = hasher_new();
	if (redirect->hasher)
		identity = challenge_check(redirect->hasher, redirect->keys, request,
		                           arrival, explanation->now_s, user);
	if (identity == IDENTITY_PROVEN)
		return true;
	explanation->why = whys[identity];
	explanation->challenged =
		identity == IDENTITY_MISSING || identity == IDENTITY_OLD;
	if (identity == IDENTITY_WRONG)
		log_credentials(redirect, arrival);
	if (identity == IDENTITY_WRONG || explanation->challenged) {
		challenge(redirect, arrival, identity == IDENTITY_OLD, explanation,
		          response);
	} else if (identity == IDENTITY_FAILED) {
		response->status = 500;
	} else { /* RFC 7616 3.4 and 3.4.6 */
		response->status = 400;
		response->phrase = slice_of(identity == IDENTITY_BROKEN
		                                    ? "Bad Authorization Header"
		                                    : "Digest URI For Another User");
	}
	return false;
}

/* True unless user, who is bound to his name, calls as somebody else: From and what rules
 * take for the caller, which may be of a P-Asserted-Identity, must be his. */
static bool is_himself(const struct user *user, const struct request *request,
                       const struct facts *facts)
{
	char buffer[NUMBER_MAX];
	struct slice from;
	return number_clean(request->from_party.user, request->from_party.telephone,
	                    buffer, &from) &&
	       slice_equal(from, user->caller) &&
	       slice_equal(facts->caller, user->caller);
}

/* The settings' names for where the request came in and who sent it. */
static void add_names(const struct arrival *arrival, struct facts *facts)
{
	const struct profile *profile = arrival->listen->profile;
	const struct peer *peer = arrival->peer;
	if (!peer) /* explained, not answered */
		peer = profile_peer(profile, &arrival->source.address);
	facts->profile = profile->name;
	facts->dialect = &dialect_universal;
	if (!peer)
		return;
	facts->peer = peer->name;
	facts->extra = &peer->extra;
	if (peer->dialect)
		facts->dialect = peer->dialect;
}

/* So many Contacts as the peer takes, and the status that it wants with several. */
static void speak(struct decision *decision, struct response *response)
{
	const struct dialect *dialect = response->dialect;
	if (decision->target_count > dialect->max_contacts) {
		decision->left_out += decision->target_count - dialect->max_contacts;
		decision->target_count = dialect->max_contacts;
	}
	if (!decision->status_given && decision->target_count > 1)
		response->status = decision->status = dialect->status;
}

/* What the rules are to know, but for the user. False: the called number is too long. */
static bool find_facts(struct redirect *redirect, struct request *request,
                       const struct arrival *arrival,
                       const struct explanation *explanation, struct facts *facts)
{
	uint64_t key = tag_call_key(redirect->keys, request->call_id);
	if (!request_facts(request, arrival, key, &redirect->numbers, facts))
		return false;
	add_names(arrival, facts);
	facts->now_s = explanation->now_s;
	facts->takes = contacts_take;
	facts->health = explanation->health;
	return true;
}

/* Who has yet to say who he is must be able to, where a priority would answer: the rules
 * are asked as if he were nobody. */
static bool leads_to_priority(struct redirect *redirect, const struct table *table,
                              struct request *request, const struct arrival *arrival,
                              const struct explanation *explanation)
{
	struct facts facts;
	struct decision decision;
	if (!explanation->challenged ||
	    !find_facts(redirect, request, arrival, explanation, &facts))
		return false;
	table_lookup(table, &facts, redirect->workspace, NULL, &decision);
	return decision.priority;
}

/* Asks the table; what it decides goes into response. */
static void ask(struct redirect *redirect, const struct table *table,
                struct request *request, const struct arrival *arrival,
                struct explanation *explanation, struct response *response)
{
	struct decision *decision = &explanation->decision;
	char label[DECISION_LABEL_MAX];
	const struct user *user;
	if (!identify(redirect, request, arrival, explanation, response, &user))
		return;
	if (!find_facts(redirect, request, arrival, explanation, &explanation->facts)) {
		response->status = 414; /* RFC 3261 21.4.12 */
		explanation->why = "the user part of the Request-URI is too long";
		return;
	}
	if (user)
		explanation->facts.user = user->name;
	if (user && arrival->listen->profile->realm->binds_from &&
	    !is_himself(user, request, &explanation->facts)) {
		response->status = 403; /* RFC 3261 21.4.4 */
		explanation->why = "the caller is not the user who calls";
		return;
	}
	table_lookup(table, &explanation->facts, redirect->workspace, explanation->trace,
	             decision);
	if (decision->cause == CAUSE_UNFIT && request->scheme == SCHEME_SIPS)
		decision->status = 480; /* RFC 5630 5.4 */
	explanation->decided = true;
	response->status = decision->status;
	response->phrase = decision->phrase;
	response->reason = decision->reason;
	response->retry_after_s = decision->retry_after_s;
	response->expires_s = decision->expires_s;
	if (decision->cause == CAUSE_GAVE_UP && is_serving(redirect) &&
	    is_due(redirect, LOG_GAVE_UP))
		log_event(LOG_WARNING,
		          "rule undecided, its regex took too long rule=\"%s\"",
		          decision_label(decision->table, decision->rule, label).at);
	response->dialect = explanation->facts.dialect;
	if (decision->status < 400)
		speak(decision, response);
	response->headers =
		table_headers(decision, &explanation->facts, redirect->workspace);
}

/* RFC 3261 11.2. Whoever asks with it whether we are there goes elsewhere before we do.
 */
static void answer_options(const struct settings *settings,
                           struct explanation *explanation, struct response *response)
{
	if (lifecycle_state() == LIFECYCLE_DRAINING) {
		response->status = 503; /* RFC 3261 21.5.4 */
		response->retry_after_s = settings->drain_ms / 1000 + 1;
		explanation->why = "the server is about to stop";
		return;
	}
	response->status = 200;
	response->allow = settings->allow;
	response->capabilities = true;
	explanation->why = "an OPTIONS is answered 200";
}

/* The answer table, row by row. Silence is status 0. */
static void decide(struct redirect *redirect, const struct table *table,
                   struct request *request, const struct arrival *arrival,
                   struct explanation *explanation, struct response *response)
{
	struct slice method = request->method;
	if (slice_equal(method, slice_of("ACK"))) {
		explanation->why = "an ACK is never answered"; /* RFC 3261 8.2.7 */
	} else if (request->fault) {
		response->status = request->fault;
		response->phrase = slice_of(request->phrase);
		explanation->why = "the message is broken";
	} else if (slice_equal(method, slice_of("CANCEL"))) {
		response->status = 200; /* RFC 3261 9.2 */
		explanation->why = "a CANCEL is answered 200";
	} else if (request->scheme == SCHEME_OTHER) {
		response->status = 416; /* RFC 3261 8.2.2.1 */
		explanation->why = "the Request-URI is neither sip, sips nor tel";
	} else if (request->to_tag.len) {
		response->status = 481; /* RFC 3261 12.2.2 */
		explanation->why = "the To tag names a dialog, and there are none here";
	} else if (slice_equal(method, slice_of("OPTIONS"))) {
		answer_options(redirect->settings, explanation, response);
	} else if (!is_listed(redirect->settings, method)) {
		response->status = 405; /* RFC 3261 8.2.1 */
		response->allow = redirect->settings->allow;
		explanation->why = "the method is not among those in settings";
	} else {
		ask(redirect, table, request, arrival, explanation, response);
	}
}

static size_t write_reply(struct redirect *redirect, const struct request *request,
                          const struct arrival *arrival, struct response *response,
                          size_t count, const struct decision *decision,
                          struct reply *reply)
{
	if (count)
		response->contacts = contacts_write(decision, count, response->dialect->q,
		                                    redirect->contacts);
	return response_write(response, request, &arrival->source, redirect->tag,
	                      reply->text, REPLY_MAX);
}

/* How many Contacts take at most room bytes; never none. */
static size_t count_fitting(struct redirect *redirect, const struct decision *decision,
                            bool with_q, size_t room)
{
	size_t count = decision->target_count;
	while (count > 1 &&
	       contacts_write(decision, count, with_q, redirect->contacts).len > room)
		count--;
	return count;
}

/* limit, or less for one whose source may be forged. */
static size_t reply_limit(const struct arrival *arrival, size_t limit)
{
	size_t spoofed = SPOOFABLE_TIMES * arrival->bytes;
	bool bounded = arrival->bytes && arrival->peer && arrival->peer->spoofable &&
	               arrival->source.transport == TRANSPORT_UDP;
	return bounded && spoofed < limit ? spoofed : limit;
}

/* Drops the worst Contacts of a 3xx over UDP until it fits the path, never all of them.
 * Written at most three times, for a request may have thousands of Vias. */
static void fit_reply(struct redirect *redirect, const struct request *request,
                      const struct arrival *arrival, struct response *response,
                      struct explanation *explanation, struct reply *reply)
{
	struct decision *decision = &explanation->decision;
	char label[DECISION_LABEL_MAX];
	bool redirects = response->status >= 300 && response->status < 400;
	bool bounded = redirects && arrival->source.transport == TRANSPORT_UDP;
	size_t limit = bounded ? response->dialect->max_bytes : REPLY_MAX;
	limit = reply_limit(arrival, limit);
	size_t offered = redirects ? decision->target_count : 0, count = offered;
	reply->length =
		write_reply(redirect, request, arrival, response, count, decision, reply);
	if (count > 1 && (!reply->length || reply->length > limit)) {
		reply->length = write_reply(redirect, request, arrival, response, 1,
		                            decision, reply);
		size_t rest = reply->length - response->contacts.len;
		count = reply->length && rest < limit
		                ? count_fitting(redirect, decision, response->dialect->q,
		                                limit - rest)
		                : 1;
	}
	if (count > 1 && count < offered)
		reply->length = write_reply(redirect, request, arrival, response, count,
		                            decision, reply);
	if (count < offered && is_serving(redirect) && is_due(redirect, LOG_CUT))
		log_event(LOG_WARNING,
		          "contacts left out to fit the path rule=\"%s\" kept=%zu of=%zu",
		          decision_label(decision->table, decision->rule, label).at,
		          count, offered);
	explanation->unfit = offered - count;
	decision->target_count = count;
}

/* Over the limit, and no priority. */
static void refuse_over(const struct redirect *redirect, const struct arrival *arrival,
                        struct explanation *explanation, struct response *response)
{
	*response = (struct response){0};
	log_over(redirect, arrival);
	explanation->challenged = false;
	explanation->refused = true;
	explanation->why = "the peer is over its limit";
	if (arrival->peer->quota.over == OVER_DROP)
		return;
	response->status = 503; /* RFC 3261 21.5.4 */
	response->retry_after_s = 1;
}

/* RFC 3261 has no bound; a forged source must not get much more than was sent. */
static void check_amplification(const struct redirect *redirect,
                                const struct arrival *arrival, struct reply *reply)
{
	char source[ENDPOINT_TEXT_MAX];
	if (reply->length <= reply_limit(arrival, REPLY_MAX))
		return;
	reply->length = 0;
	if (!is_due(redirect, LOG_AMPLIFIED))
		return;
	log_event(LOG_WARNING,
	          "reply not sent, it is too large for its request peer=\"%s\" "
	          "source=%s bytes=%zu",
	          arrival->peer->name.at, endpoint_text(&arrival->source, source),
	          arrival->bytes);
}

static void make_reply(struct redirect *redirect, const struct table *table,
                       struct request *request, const struct arrival *arrival,
                       struct explanation *explanation, struct response *response,
                       struct reply *reply)
{
	decide(redirect, table, request, arrival, explanation, response);
	if (response->status && arrival->over && !explanation->decision.priority &&
	    !priority_is_asked(request->message) &&
	    !leads_to_priority(redirect, table, request, arrival, explanation))
		refuse_over(redirect, arrival, explanation, response);
	if (!response->status)
		return;
	tag_make(redirect->keys, request->call_id, request->from_tag, request->branch,
	         request->cseq_number, redirect->tag);
	fit_reply(redirect, request, arrival, response, explanation, reply);
	reply->to = response_destination(request, &arrival->source);
	if (!reply->length) {
		if (is_serving(redirect) && is_due(redirect, LOG_TOO_LARGE))
			log_event(LOG_WARNING,
			          "reply not sent, it is longer than %d bytes",
			          REPLY_MAX);
		reply->close = true; /* so that nobody waits for it */
	}
	check_amplification(redirect, arrival, reply);
}

/* For each answered request of a method that is routed, be it broken; not for one that is
 * to come again with credentials. */
static bool is_logged(const struct redirect *redirect, const struct request *request,
                      const struct explanation *explanation,
                      const struct response *response)
{
	const struct settings *settings = redirect->settings;
	if (explanation->challenged || settings->log_calls == LOG_CALLS_NONE ||
	    !is_listed(settings, request->method))
		return false;
	uint64_t key = settings->log_calls == LOG_CALLS_SAMPLED
	                       ? tag_call_key(redirect->keys, request->call_id)
	                       : 0;
	return calllog_wants(settings, response->status, key);
}

/* One line for each call. */
static void write_log(const struct redirect *redirect, const struct request *request,
                      const struct arrival *arrival,
                      const struct explanation *explanation,
                      const struct response *response, int64_t start_ns)
{
	char label[DECISION_LABEL_MAX];
	if (!is_logged(redirect, request, explanation, response))
		return;
	struct call call = {.time_ns = redirect->time_ns,
	                    .table = redirect->held->serial,
	                    .microseconds = (unsigned)((clock_ns() - start_ns) / 1000)};
	call_fill(&call, request, arrival, explanation, response, label);
	calllog_put(redirect->log, redirect->settings->log_format, &call);
}

static void start_reply(const struct message *message, struct reply *reply)
{
	reply->length = 0;
	reply->close = message->framing != FRAMING_OK;
}

static enum request_use read_request(const struct redirect *redirect,
                                     struct request *request,
                                     const struct message *message,
                                     const struct arrival *arrival)
{
	char text[ENDPOINT_TEXT_MAX];
	enum request_use use = request_read(request, message);
	if (use == REQUEST_NO_VIA && is_serving(redirect) && is_due(redirect, LOG_NO_VIA))
		log_event(LOG_WARNING, "message without a usable Via ignored source=%s",
		          endpoint_text(&arrival->source, text));
	return use;
}

/* The one place where it is counted what a message has come to. */
static void count(struct redirect *redirect, enum request_use use,
                  const struct request *request, const struct arrival *arrival,
                  const struct explanation *explanation, const struct response *response,
                  const struct reply *reply)
{
	if (use == REQUEST_RESPONSE)
		return;
	if (!reply->length) {
		if (use == REQUEST_NO_VIA ||
		    !slice_equal(request->method, slice_of("ACK")))
			count_dropped(redirect->counters, redirect->held, arrival);
		return;
	}
	bool decided = explanation->decided && !explanation->refused;
	redirect->unsent++;
	count_reply(redirect->counters, redirect->held, arrival,
	            &(struct counted){
			    .method = request->method,
			    .status = response->status,
			    .decision = decided ? &explanation->decision : NULL,
			    .offers = response->contacts.len > 0,
			    .cut = explanation->unfit,
		    });
}

void redirect_now(struct redirect *redirect)
{
	redirect->time_ns = stamp_now();
	redirect->now_s = redirect->time_ns / 1000000000;
	redirect->now_ns = (uint64_t)clock_ns();
	redirect->unsent = 0;
}

void redirect_sent(struct redirect *redirect)
{
	if (!redirect->counters || !redirect->unsent)
		return;
	counters_handled(redirect->counters, (uint64_t)clock_ns() - redirect->now_ns,
	                 redirect->unsent);
	redirect->unsent = 0;
}

unsigned redirect_opened(struct redirect *redirect, const struct arrival *arrival)
{
	return count_opened(redirect->counters, redirect->held, arrival);
}

void redirect_closed(struct redirect *redirect, unsigned listener)
{
	count_closed(redirect->counters, listener);
}

const struct configuration *redirect_hold(struct redirect *redirect)
{
	redirect->held = snapshot_acquire(redirect->snapshot);
	redirect->settings = redirect->held->settings;
	if (redirect->settings->mirrors && !redirect->mirror)
		redirect->mirror = hep_ring();
	redirect_now(redirect);
	return redirect->held;
}

void redirect_let_go(struct redirect *redirect)
{
	snapshot_release(redirect->snapshot, redirect->held);
	redirect->held = NULL;
}

/* With what is held. */
static void answer(struct redirect *redirect, const struct message *message,
                   const struct arrival *arrival, struct reply *reply)
{
	struct request request;
	struct response response = {0};
	struct explanation explanation = {.now_s = redirect->now_s,
	                                  .health = redirect->held->health};
	int64_t start_ns =
		redirect->settings->log_calls == LOG_CALLS_NONE ? 0 : clock_ns();
	enum request_use use = read_request(redirect, &request, message, arrival);
	if (use == REQUEST_ANSWER) {
		make_reply(redirect, redirect->held->table, &request, arrival,
		           &explanation, &response, reply);
		if (reply->length)
			write_log(redirect, &request, arrival, &explanation, &response,
			          start_ns);
	}
	count(redirect, use, &request, arrival, &explanation, &response, reply);
	request_done(&request);
}

static struct slice text_of(const struct message *message)
{
	return message->text.len ? message->text : message->start_line;
}

void redirect_answer(struct redirect *redirect, const struct message *message,
                     const struct arrival *arrival, struct reply *reply)
{
	struct arrival admitted = *arrival;
	bool held = redirect->held;
	start_reply(message, reply);
	bool asked = admitted.peer;
	if (!asked && !redirect_admits(redirect, &admitted)) {
		reply->close = true;
		return;
	}
	if (!held)
		redirect_hold(redirect);
	if (asked || redirect_passes(redirect, text_of(message), &admitted)) {
		mirror_request(redirect, &admitted);
		answer(redirect, message, &admitted, reply);
		mirror_reply(redirect, &admitted, reply);
	}
	if (!held)
		redirect_let_go(redirect);
}

void redirect_explain(struct redirect *redirect, const struct table *table,
                      const struct message *message, const struct arrival *arrival,
                      struct explanation *explanation, struct reply *reply)
{
	struct request request;
	struct response response = {0};
	start_reply(message, reply);
	if (read_request(redirect, &request, message, arrival) == REQUEST_ANSWER)
		make_reply(redirect, table, &request, arrival, explanation, &response,
		           reply);
	request_done(&request);
}
