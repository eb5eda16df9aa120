/* SPDX-License-Identifier: MIT */
/* redirect.h - the request's way, from a parsed message to the reply's text.
 *
 *     door → peers → request → digest → (facts) → rules: match → select → rewrite
 *          → (decision) → contacts → response → door; then the call log
 *
 * One function, read from top to bottom in redirect.c. Doors use what door.h declares;
 * this header is for those who set it up, and for `signpost route`, which goes the same
 * way.
 */
#ifndef SERVER_REDIRECT_H
#define SERVER_REDIRECT_H

#include "rules/decision.h"
#include "rules/facts.h"
#include "server/doors/door.h"
#include "server/operations/counters.h"
#include "server/sip/tag.h"
#include "server/snapshot.h"

/* For one thread. All three must outlive it. settings: for redirect_explain(); what is
 * answered is answered by those of the snapshot. NULL when out of memory. */
struct redirect *redirect_new(const struct settings *settings, struct snapshot *snapshot,
                              const struct tag_keys *keys);
void redirect_free(struct redirect *redirect);

/* Counts into counters from now on, which outlive it; see count.h. */
void redirect_count(struct redirect *redirect, struct counters *counters);

/* What redirect_explain() tells besides the reply. */
struct explanation {
	const struct trace *trace;   /* in: told of the rules considered; may be NULL */
	int64_t now_s;               /* in: Unix time of the request */
	const struct health *health; /* in: of the table's gateways; NULL: all are up */
	bool decided; /* out: a table was asked, and the next two are set */
	struct facts facts;
	struct decision decision; /* its targets as offered */
	size_t unfit;             /* out: Contacts left out for the path */
	bool refused;             /* out: the peer is over its limit */
	bool challenged;          /* out: credentials are asked for, none were wrong */
	const char *why;          /* out: static text, when no table was asked */
};

/* redirect_answer() with the reasons, on a table that is held by the caller; writes no
 * log. Texts of the explanation live until the next call. */
void redirect_explain(struct redirect *redirect, const struct table *table,
                      const struct message *message, const struct arrival *arrival,
                      struct explanation *explanation, struct reply *reply);

/* Why the answer is what it is, where its status alone does not tell; else NULL. Static
 * text. */
static inline const char *explanation_why(const struct explanation *explanation)
{
	return explanation->why ? explanation->why
	                        : decision_why(explanation->decision.cause);
}

#endif
