/* SPDX-License-Identifier: MIT */
/* The quick way and the full one, held against each other: what scan_message() takes,
 * message_parse() takes into the same pieces; what quick_read() takes, sofia-sip's
 * parsers read the same, and the reply is the same to the byte. server_quick_test.c runs
 * it as well. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_alloc.h>

#include "server/sip/quick.h"
#include "server/sip/request.h"
#include "server/sip/scan.h"
#include "tests/fuzz/server.h"
#include "tests/fuzz/sip_mutator.h"

const size_t sip_mutator_prefix = 0;

static const char rules_text[] =
	"gateways: {a: sip:gw1.example.net, b: "
	"\"sip:{caller}-{called}@gw2.example.net\"}\n"
	"groups: {g: [[a, b], \"b\"]}\n"
	"rules:\n"
	"  - {npdi: true, tgrp: {prefix: t}, redirect: \"sip:{rn}-{tgrp}@n\"}\n"
	"  - {called: {prefix: \"+44\"}, rewrite: {strip: \"+\", prepend: \"00\"}, "
	"redirect: g}\n"
	"  - {host: [b, \"[2001:db8::1]\"], redirect: \"sip:b\", status: 301}\n"
	"  - {header: {Subject: {prefix: x}, X-A: {regex: \"b+\"}}, redirect: "
	"\"sips:s.example.net\", expires: 60}\n"
	"  - {called: [\"100\", alice], reject: {status: 603, reason: "
	"\"Q.850;cause=21\"}}\n"
	"default: {redirect: [g, \"sip:{called}@b;user=phone\"]}\n";

/* How much of what was tried went the quick way. */
static struct {
	size_t messages, scanned, read, addresses;
} taken;

static struct served served;
static struct slice tried; /* told if a promise is broken */

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken promise: %s\n%.*s\n", what, (int)tried.len, tried.at);
	abort();
}

static void same(struct slice quick, struct slice full, const char *what)
{
	if (slice_equal(quick, full))
		return;
	fprintf(stderr, "quick \"%.*s\", full \"%.*s\"\n", (int)quick.len, quick.at,
	        (int)full.len, full.at);
	require(false, what);
}

/* Messages */

static void compare_messages(const struct message *quick, const struct message *full)
{
	require(full != NULL, "what is scanned can be parsed");
	same(quick->start_line, full->start_line, "one start line");
	require(quick->field_count == full->field_count, "as many fields");
	for (size_t i = 0; i < quick->field_count; i++) {
		same(quick->fields[i].name, full->fields[i].name, "one name");
		same(quick->fields[i].value, full->fields[i].value, "one value");
		require(!quick->clean || slice_control(quick->fields[i].value) ==
		                                 quick->fields[i].value.len,
		        "clean is without control characters");
	}
	require(quick->framing == full->framing && full->framing == FRAMING_OK,
	        "one framing");
	require(!quick->bad_lines && !full->bad_lines, "no bad lines");
}

/* Requests */

static void compare_parties(struct party quick, struct party full, const char *what)
{
	same(quick.user, full.user, what);
	require(quick.telephone == full.telephone, what);
}

static void compare_requests(const struct request *quick, const struct request *full)
{
	require(!full->fault, "what is plain has no fault");
	same(quick->method, full->method, "one method");
	same(quick->uri, full->uri, "one Request-URI");
	require(quick->scheme == full->scheme, "one scheme");
	same(quick->host, full->host, "one host");
	compare_parties(quick->called, full->called, "one called");
	compare_parties(quick->from_party, full->from_party, "one From");
	same(quick->top.host, full->top.host, "one sent-by");
	same(quick->top.port, full->top.port, "one port");
	same(quick->top.before, full->top.before, "one Via up to rport");
	same(quick->top.behind, full->top.behind, "one Via behind rport");
	require(quick->top.rport == full->top.rport, "rport asked for or not");
	require(quick->top_field == full->top_field, "one top Via");
	same(quick->top_rest, full->top_rest, "the same rest of the Via");
	same(quick->from, full->from, "one From header");
	same(quick->to, full->to, "one To header");
	same(quick->call_id, full->call_id, "one Call-ID");
	same(quick->cseq, full->cseq, "one CSeq");
	same(quick->from_tag, full->from_tag, "one From tag");
	same(quick->to_tag, full->to_tag, "one To tag");
	same(quick->branch, full->branch, "one branch");
	require(quick->to_usable && full->to_usable, "a usable To");
	require(quick->cseq_number == full->cseq_number, "one sequence number");
}

/* Identities: what quick_identity() takes, sofia-sip takes for the same. */

static void check_identity(struct slice value)
{
	struct party party;
	su_home_t home[1] = {SU_HOME_INIT(home)};
	if (!quick_identity(value, &party))
		return;
	taken.addresses++;
	su_home_init(home);
	char *copy = su_strndup(home, value.at, (isize_t)value.len);
	for (char *c = copy; *c; c++)
		*c = (unsigned char)*c < ' ' || *c == 127 ? ' ' : *c;
	sip_p_asserted_identity_t *full = sip_p_asserted_identity_make(home, copy);
	require(full && full->paid_url->url_type == url_sip && !full->paid_next,
	        "a plain identity is one sip identity");
	const char *params = full->paid_url->url_params;
	struct slice user = {0};
	same(party.user, slice_of(full->paid_url->url_user), "one identity");
	require(party.telephone ==
	                (params && uri_param(slice_of(params), "user", &user) &&
	                 slice_equal_nocase(user, slice_of("phone"))),
	        "one kind of identity");
	su_home_deinit(home);
}

/* The whole value, and what stands between two of its commas. */
static void check_identities(const struct message *message)
{
	for (size_t i = 0; i < message->field_count; i++) {
		struct slice rest = message->fields[i].value;
		if (!field_is(&message->fields[i], slice_of("P-Asserted-Identity")))
			continue;
		check_identity(rest);
		while (rest.len) {
			size_t end = slice_find(rest, ',');
			check_identity((struct slice){rest.at, end});
			rest = slice_skip(rest, end + 1);
		}
	}
}

/* Facts and replies */

static void compare_facts(struct request *quick, struct request *full,
                          const struct arrival *arrival)
{
	static struct request_numbers quick_numbers, full_numbers;
	struct facts a, b;
	bool fits = request_facts(quick, arrival, 7, &quick_numbers, &a);
	require(fits == request_facts(full, arrival, 7, &full_numbers, &b), "one length");
	same(a.called, b.called, "one called number");
	same(a.caller, b.caller, "one caller");
	same(a.host, b.host, "one host to rules");
}

/* message with a field in compact form, which nothing asks for, so that it is not plain.
 */
static const struct message *unplain(const struct message *message)
{
	static struct field fields[QUICK_FIELDS_MAX + 1];
	static struct message out;
	memcpy(fields, message->fields, message->field_count * sizeof *fields);
	fields[message->field_count] = (struct field){{"z", 1}, {"", 0}};
	out = *message;
	out.fields = fields;
	out.field_count++;
	struct request request = {.message = &out};
	require(!quick_read(&request), "a compact name is not plain");
	return &out;
}

static void compare_replies(const struct message *message, const struct arrival *arrival)
{
	static struct reply quick, full;
	quick = (struct reply){.length = 0};
	full = (struct reply){.length = 0};
	redirect_answer(served.redirect, message, arrival, &quick);
	redirect_answer(served.redirect, unplain(message), arrival, &full);
	same((struct slice){quick.text, quick.length},
	     (struct slice){full.text, full.length}, "one reply");
	require(quick.close == full.close, "one end");
	require(!quick.length || (quick.to.port == full.to.port &&
	                          address_equal(&quick.to.address, &full.to.address)),
	        "one destination");
}

static bool check_message(const struct message *message, const struct arrival *arrival)
{
	struct request quick = {.message = message}, full;
	check_identities(message);
	if (!quick_read(&quick))
		return false;
	require(request_read_fully(&full, message) == REQUEST_ANSWER,
	        "what is plain is answered");
	compare_requests(&quick, &full);
	compare_facts(&quick, &full, arrival);
	compare_replies(message, arrival);
	request_done(&quick);
	request_done(&full);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct scan scan;
	if (!served.redirect)
		served_start(&served, &(struct served_texts){.rules = rules_text});
	tried = (struct slice){(const char *)data, size};
	struct arrival arrival = served_arrival(
		&served, 0, size % 2 ? "udp:127.0.0.1:999" : "udp:[::1]:999");
	const struct message *plain = scan_message(&scan, tried);
	msg_t *msg = message_parse(tried);
	const struct message *parsed = msg ? message_of(msg) : NULL;
	taken.messages++;
	if (plain)
		compare_messages(plain, parsed);
	taken.scanned += plain != NULL;
	bool read = plain && check_message(plain, &arrival);
	taken.read += read;
	require(!parsed || check_message(parsed, &arrival) == read || !plain,
	        "scanned or parsed, it is read the same way");
	msg_destroy(msg);
	return 0;
}
