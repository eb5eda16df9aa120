/* SPDX-License-Identifier: MIT */
/* call.h - an answered request as the log tells it. */
#ifndef SERVER_CALL_H
#define SERVER_CALL_H

#include "server/log/calllog.h"
#include "server/redirect.h"
#include "server/sip/request.h"
#include "server/sip/response.h"

/* What was asked and answered, into call; when, how long it took and by which table is
 * the caller's to add. Its texts are the others', and label's. */
void call_tell(struct call *call, const struct request *request,
               const struct arrival *arrival, const struct explanation *explanation,
               const struct response *response, char label[DECISION_LABEL_MAX]);

#endif
