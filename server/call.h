/* SPDX-License-Identifier: MIT */
/* call.h - makes an answered request what the log tells of it: log/calllog.h's struct
 * call. */
#ifndef SERVER_CALL_H
#define SERVER_CALL_H

#include "server/log/calllog.h"
#include "server/redirect.h"
#include "server/sip/request.h"
#include "server/sip/response.h"

/* Fills call, but for time_ns, microseconds and table. Its texts are the arguments', and
 * label's. */
void call_fill(struct call *call, const struct request *request,
               const struct arrival *arrival, const struct explanation *explanation,
               const struct response *response, char label[DECISION_LABEL_MAX]);

#endif
