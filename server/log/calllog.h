/* SPDX-License-Identifier: MIT */
/* calllog.h - one line for each call: what was asked and answered, by which rule. */
#ifndef SERVER_CALLLOG_H
#define SERVER_CALLLOG_H

#include "rules/slice.h"
#include "server/settings/settings.h"
#include "server/sip/endpoint.h"

struct call {
	struct slice method, call_id, caller, called; /* as the rules saw them */
	struct endpoint source;
	const char *listener; /* as listen.text has it */
	struct slice rule;    /* its decision_label(); empty when no table was asked */
	unsigned status;
	struct slice contacts; /* value of the Contact header; empty for a reject */
	unsigned microseconds;
};

/* Writes the line that format asks for, if calls says that this one is to be written.
 * Text (one line):
 *
 *     2026-11-22T12:00:00.123Z call id="a84b" method="INVITE" source=udp:192.0.2.1:5060
 *     listener=udp:10.0.0.1:5060 caller="+44..." called="+44..." rule="uk" status=302
 *     contacts="<sip:...>;q=1.0" us=12
 *
 * JSON: one object a line with the same keys, and "time" and "event": "call". Texts are
 * escaped, and cut when they are too long, so that the line is one write. */
void calllog_write(enum log_calls calls, enum log_format format, const struct call *call);

#endif
