/* SPDX-License-Identifier: MIT */
/* calllog.h - one line for each call: what was asked and answered, by which rule.
 *
 * The thread that answers copies what is to be told into its ring; the log's thread makes
 * a line of it.
 */
#ifndef SERVER_CALLLOG_H
#define SERVER_CALLLOG_H

#include "rules/slice.h"
#include "server/log/log.h"
#include "server/log/ring.h"
#include "server/settings/settings.h"
#include "server/sip/endpoint.h"

struct call {
	int64_t time_ns;                              /* Unix time */
	struct slice method, call_id, caller, called; /* as the rules saw them */
	struct endpoint source;
	struct slice listener;      /* as listen.text has it */
	struct slice profile, peer; /* their names */
	struct slice user;          /* who has proved to be it; empty: nobody */
	struct slice rule; /* its decision_label(); empty when no table was asked */
	unsigned status;
	const char *why;       /* static: why, if no rule says so; NULL: one does */
	struct slice gateway;  /* the one offered first; empty: none, or a URI */
	unsigned offered, cut; /* Contacts in the answer; those that were left out */
	struct slice contacts; /* value of the Contact header; empty for a reject */
	unsigned long table;   /* serial of the configuration */
	unsigned microseconds;
};

/* Whether settings want a line of a call with this status. key: facts.call_key, by which
 * one in so many is chosen: all copies of a request, and all replicas with the same
 * secret, choose alike. */
bool calllog_wants(const struct settings *settings, unsigned status, uint64_t key);

/* Puts the call into ring; the log drops it if that is full. NULL: it is written at once,
 * as journal_put() does without a thread. */
void calllog_put(struct ring *ring, enum log_format format, const struct call *call);

/* Makes a line of what was put, newline included. Returns its length.
 * Text (one line):
 *
 *     2026-11-22T12:00:00.123Z call id="a84b" method="INVITE" source=udp:192.0.2.1:5060
 *     listener=udp:10.0.0.1:5060 profile="trunks" peer="pbx" user="" caller="+44..."
 *     called="+44..." rule="uk" status=302 why="" gateway="gw1" offered=2 cut=0
 *     contacts="<sip:...>;q=1.0, ..." table=1 us=12
 *
 * JSON: one object a line with the same keys, and "time" and "event": "call". Texts are
 * escaped, and cut when they are too long. */
size_t calllog_line(const void *record, char line[LOG_LINE_MAX]);

#endif
