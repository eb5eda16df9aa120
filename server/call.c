/* SPDX-License-Identifier: MIT */
#include "server/call.h"

/* What was asked: the rules' view of it if they were asked, else the Request-URI as it
 * came. */
static void tell_question(struct call *call, const struct request *request,
                          const struct arrival *arrival,
                          const struct explanation *explanation)
{
	const struct facts *facts = &explanation->facts;
	call->method = request->method;
	call->call_id = request->call_id;
	call->source = arrival->source;
	call->listener = arrival->listen->text;
	call->profile = arrival->listen->profile->name;
	call->peer = arrival->peer->name;
	call->user = facts->user;
	call->caller = facts->caller;
	call->called = explanation->decided ? facts->called : request->uri;
}

static void tell_answer(struct call *call, const struct explanation *explanation,
                        const struct response *response, char label[DECISION_LABEL_MAX])
{
	const struct decision *decision = &explanation->decision;
	call->rule = decision_label(decision->table, decision->rule, label);
	call->status = response->status;
	call->contacts = response->contacts;
	if (response->status >= 400) {
		call->why = explanation_why(explanation);
	} else if (decision->target_count) {
		call->gateway = decision->targets[0].gateway;
		call->offered = (unsigned)decision->target_count;
		call->cut = (unsigned)(decision->left_out + explanation->unfit);
	}
}

void call_fill(struct call *call, const struct request *request,
               const struct arrival *arrival, const struct explanation *explanation,
               const struct response *response, char label[DECISION_LABEL_MAX])
{
	tell_question(call, request, arrival, explanation);
	tell_answer(call, explanation, response, label);
}
