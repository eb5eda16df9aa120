/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "server/configuration.h"
#include "server/log/log.h"
#include "server/operations/lifecycle.h"
#include "server/redirect.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char settings_text[] =
	"profiles: {p: {listen: [\"udp:127.0.0.1:5060\", \"tcp:127.0.0.1:5060\"], peers: "
	"pbx}}\n"
	"peers: {pbx: {networks: [192.0.2.0/24, \"2001:db8::/32\"]}}\n"
	"methods: [INVITE, SUBSCRIBE]\n";

#define LONG_HOST "a-host-with-a-rather-long-name.in.some.place.of.example.net"

static const char rules_text[] =
	"gateways:\n"
	"  one: sip:gw1.example.net\n"
	"  two: {uri: \"sip:gw2.example.net;transport=tcp\"}\n"
	"  off: {uri: sip:gw3.example.net, enabled: false}\n"
	"groups:\n"
	"  both: [one, two]\n"
	"  shared: [[one, two]]\n"
	"tables:\n"
	"  tenant: {profile: p, peer: pbx, host: tenant.example, rules: [{name: uk, "
	"redirect: one}]}\n"
	"rules:\n"
	"  - {name: uk, called: {prefix: \"+44\"}, redirect: both}\n"
	"  - {name: multiple, called: \"300\", redirect: both, status: 300}\n"
	"  - {name: moved, called: \"301\", redirect: one, status: 301, expires: 60}\n"
	"  - {name: proxy, called: \"305\", redirect: one, status: 305}\n"
	"  - {name: other, called: \"380\", redirect: one, status: 380}\n"
	"  - {name: barred, called: \"603\", reject: 603 Not here}\n"
	"  - name: busy\n"
	"    called: \"486\"\n"
	"    reject: {status: 486, reason: \"Q.850;cause=17\", retry_after: 30}\n"
	"  - {name: down, called: \"480\", redirect: off}\n"
	"  - {name: short, called: \"484\", rewrite: {strip: 3}, redirect: one}\n"
	"  - {name: self, called: self, redirect: \"sip:self@home.example\"}\n"
	"  - {name: secure, called: secure, redirect: [one, \"sips:gw4.example.net\"]}\n"
	"  - {name: slow, called: {regex: \"^(([ab]+)+)+$\"}, redirect: one}\n"
	"  - {name: shared, called: shared, redirect: shared}\n"
	"  - {name: tagged, header: {a: zzz}, redirect: one}\n"
	"  - name: many\n"
	"    called: many\n"
	"    redirect: [\"sip:1." LONG_HOST "\", \"sip:2." LONG_HOST
	"\", \"sip:3." LONG_HOST "\", \"sip:4." LONG_HOST "\", \"sip:5." LONG_HOST
	"\", \"sip:6." LONG_HOST "\", \"sip:7." LONG_HOST "\", \"sip:8." LONG_HOST
	"\", \"sip:9." LONG_HOST "\", \"sip:10." LONG_HOST "\", \"sip:11." LONG_HOST
	"\"]\n";

static char folder[] = "/tmp/signpost-redirect-XXXXXX";
static struct configuration configuration;
static struct snapshot *snapshot;
static struct tag_keys keys;
static struct redirect *redirect;
static struct arrival arrival;
static struct reply reply;
static int real_stderr = -1;

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void come_from(const char *text)
{
	const char *why;
	ck_assert(endpoint_parse(slice_of(text), &arrival.source, &why));
	arrival.listen = &configuration.settings
	                          ->listens[arrival.source.transport == TRANSPORT_TCP];
	arrival.peer = NULL;
}

/* The log goes to a file. */
static void init(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	write_file("s.yaml", settings_text);
	write_file("rules.yaml", rules_text);
	configuration = (struct configuration){.settings_path = "s.yaml"};
	struct diags *diags = diags_new();
	bool good = configuration_load(&configuration, diags);
	if (!good)
		diags_print(diags, stderr);
	diags_free(diags);
	ck_assert(good);
	ck_assert(message_init());
	ck_assert(tag_keys_init(&keys, slice_of("0123456789abcdef")));
	snapshot = snapshot_new(&configuration);
	redirect = redirect_new(configuration.settings, snapshot, &keys);
	ck_assert_ptr_nonnull(redirect);
	come_from("udp:192.0.2.1:5060");
	int log = open("log", O_CREAT | O_WRONLY | O_APPEND, 0600);
	real_stderr = dup(2);
	dup2(log, 2);
	close(log);
}

static void fini(void)
{
	dup2(real_stderr, 2);
	close(real_stderr);
	redirect_free(redirect);
	snapshot_free(snapshot);
	unlink("s.yaml");
	unlink("rules.yaml");
	unlink("log");
	rmdir(folder);
}

static size_t log_lines(const char *with)
{
	char line[8192];
	size_t count = 0;
	FILE *log = fopen("log", "r");
	while (fgets(line, sizeof line, log))
		count += strstr(line, with) != NULL;
	fclose(log);
	return count;
}

/* Asks with text; the answer is reply, NUL-terminated. */
static const char *ask_text(struct slice text)
{
	msg_t *msg = message_parse(text);
	ck_assert_ptr_nonnull(msg);
	memset(&reply, 'x', sizeof reply);
	redirect_answer(redirect, message_of(msg), &arrival, &reply);
	msg_destroy(msg);
	ck_assert_uint_le(reply.length, REPLY_MAX);
	reply.text[reply.length] = '\0';
	return reply.text;
}

/* A request: method, Request-URI, and what else there is; more ends with CRLF. */
static char *write_request(const char *method, const char *uri, const char *more)
{
	static char text[MESSAGE_MAX + 1];
	snprintf(text, sizeof text,
	         "%s %s SIP/2.0\r\n"
	         "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
	         "From: <sip:alice@example.com>;tag=f\r\n"
	         "To: <sip:bob@example.net>\r\n"
	         "Call-ID: call-1\r\n"
	         "CSeq: 1 %s\r\n"
	         "%s\r\n",
	         method, uri, method, more);
	return text;
}

static const char *ask(const char *method, const char *uri, const char *more)
{
	return ask_text(slice_of(write_request(method, uri, more)));
}

/* The answer table */

static const struct {
	const char *method, *uri, *more;
	const char *status; /* NULL: silence */
	const char *fields; /* the reply's, behind CSeq */
} answers[] = {
	/* INVITE, a rule says redirect */
	{"INVITE", "sip:+4420@example.net", "", "302 Moved Temporarily",
         "Contact: <sip:+4420@gw1.example.net>;q=1.0, "
         "<sip:+4420@gw2.example.net;transport=tcp>;q=0.9\r\n"},
	{"INVITE", "tel:+44-20", "", "302 Moved Temporarily",
         "Contact: <sip:+4420@gw1.example.net>;q=1.0, "
         "<sip:+4420@gw2.example.net;transport=tcp>;q=0.9\r\n"},
	{"INVITE", "sip:300@example.net", "", "300 Multiple Choices",
         "Contact: <sip:300@gw1.example.net>;q=1.0, "
         "<sip:300@gw2.example.net;transport=tcp>;q=0.9\r\n"},
	{"INVITE", "sip:301@example.net", "", "301 Moved Permanently",
         "Contact: <sip:301@gw1.example.net>;q=1.0\r\nExpires: 60\r\n"},
	{"INVITE", "sip:305@example.net", "", "305 Use Proxy",
         "Contact: <sip:305@gw1.example.net>;q=1.0\r\n"},
	{"INVITE", "sip:380@example.net", "", "380 Alternative Service",
         "Contact: <sip:380@gw1.example.net>;q=1.0\r\n"},
	/* ... says reject, ... no rule */
	{"INVITE", "sip:603@example.net", "", "603 Not here", ""},
	{"INVITE", "sip:486@example.net", "", "486 Busy Here",
         "Reason: Q.850;cause=17\r\nRetry-After: 30\r\n"},
	{"INVITE", "sip:nobody@example.net", "", "404 Not Found", ""},
	{"INVITE", "sip:example.net", "", "404 Not Found", ""},
	{"INVITE", "sip:480@example.net", "", "480 Temporarily Unavailable", ""},
	{"INVITE", "sip:484@example.net", "", "484 Address Incomplete", ""},
	/* what may not be offered */
	{"INVITE", "sip:self@HOME.example", "", "404 Not Found", ""},
	{"INVITE", "sip:self@example.net", "", "302 Moved Temporarily",
         "Contact: <sip:self@home.example>;q=1.0\r\n"},
	{"INVITE", "sips:secure@example.net", "", "302 Moved Temporarily",
         "Contact: <sips:secure@gw4.example.net>;q=1.0\r\n"},
	{"INVITE", "sips:+4420@example.net", "", "480 Temporarily Unavailable", ""},
	{"INVITE", "sips:603@example.net", "", "603 Not here", ""},
	/* other methods */
	{"SUBSCRIBE", "sip:603@example.net", "", "603 Not here", ""},
	{"OPTIONS", "sip:example.net", "", "200 OK",
         "Allow: INVITE, SUBSCRIBE, ACK, CANCEL, OPTIONS\r\nAccept: "
         "application/sdp\r\nSupported: \r\n"},
	{"CANCEL", "sip:+4420@example.net", "", "200 OK", ""},
	{"CANCEL", "http://x/", "", "200 OK", ""},
	{"ACK", "sip:+4420@example.net", "", NULL, NULL},
	{"REGISTER", "sip:example.net", "", "405 Method Not Allowed",
         "Allow: INVITE, SUBSCRIBE, ACK, CANCEL, OPTIONS\r\n"},
	{"invite", "sip:example.net", "", "405 Method Not Allowed",
         "Allow: INVITE, SUBSCRIBE, ACK, CANCEL, OPTIONS\r\n"},
	{"NOBODY-KNOWS", "sip:example.net", "", "405 Method Not Allowed",
         "Allow: INVITE, SUBSCRIBE, ACK, CANCEL, OPTIONS\r\n"},
	/* other URIs */
	{"INVITE", "http://example.net/", "", "416 Unsupported URI Scheme", ""},
	{"OPTIONS", "urn:x", "", "416 Unsupported URI Scheme", ""},
	{"REGISTER", "urn:x", "", "416 Unsupported URI Scheme", ""},
	/* what is broken and needed */
	{"INVITE", "nonsense", "", "400 Bad Request-URI", ""},
	{"INVITE", "sip:x", "From: <sip:x>\r\n", "400 Several From Headers", ""},
	{"INVITE", "sip:x", "To: <sip:x>\r\n", "400 Several To Headers", ""},
	{"INVITE", "sip:x", "i: x\r\n", "400 Several Call-ID Headers", ""},
	{"INVITE", "sip:x", "CSeq: 1 INVITE\r\n", "400 Several CSeq Headers", ""},
	{"INVITE", "sip:x", "l: 1\r\nl: 2\r\n", "400 Bad Content-Length Header", ""},
	{"INVITE", "sip:x", "l: 1\r\n", "400 Message Shorter Than Content-Length", ""},
	{"CANCEL", "nonsense", "", "400 Bad Request-URI", ""},
	{"ACK", "nonsense", "l: 7\r\n", NULL, NULL},
	/* what is broken or unknown, and not needed */
	{"INVITE", "sip:603@x", "Date: x\r\nContact: <\r\nExpires: y\r\nwhat\r\n",
         "603 Not here", ""},
	{"INVITE", "sip:603@x", "Require: x\r\nMax-Forwards: 0\r\nContent-Type: x\r\n",
         "603 Not here", ""},
};

START_TEST(each_row_of_the_answer_table_holds)
{
	ask(answers[_i].method, answers[_i].uri, answers[_i].more);
	if (!answers[_i].status) {
		ck_assert_uint_eq(reply.length, 0);
		return;
	}
	char wanted[1024];
	int length = snprintf(wanted, sizeof wanted,
	                      "SIP/2.0 %s\r\nVia: ", answers[_i].status);
	ck_assert_msg(strncmp(reply.text, wanted, (size_t)length) == 0, "%s", reply.text);
	snprintf(wanted, sizeof wanted, "CSeq: 1 %s\r\n%sContent-Length: 0\r\n\r\n",
	         answers[_i].method, answers[_i].fields);
	const char *fields = strstr(reply.text, "CSeq: ");
	ck_assert_str_eq(fields, wanted);
	ck_assert(!reply.close == !strstr(answers[_i].more, "l: "));
}
END_TEST

/* Retry-After: until after the drain of the default settings */
START_TEST(while_draining_options_are_refused_and_calls_answered)
{
	lifecycle_enter(LIFECYCLE_DRAINING);
	configuration.settings->drain_ms = 5000;
	ask("OPTIONS", "sip:example.net", "");
	ck_assert_msg(strstr(reply.text, "SIP/2.0 503 Service Unavailable\r\n") ==
	                      reply.text,
	              "%s", reply.text);
	ck_assert_ptr_nonnull(strstr(reply.text, "\r\nRetry-After: 6\r\n"));
	ck_assert(!reply.close);
	ask("INVITE", "sip:+4420@example.net", "");
	ck_assert_ptr_eq(strstr(reply.text, "SIP/2.0 302 "), reply.text);
	lifecycle_enter(LIFECYCLE_SERVING);
	ask("OPTIONS", "sip:example.net", "");
	ck_assert_ptr_eq(strstr(reply.text, "SIP/2.0 200 "), reply.text);
}
END_TEST

/* Whole messages that the rows above cannot say */
static const struct {
	const char *text;
	const char *status;
} messages[] = {
	{"INVITE sip:+44@x SIP/3.0\r\nVia: SIP/2.0/UDP h\r\n\r\n",
         "505 Version Not Supported"},
	{"INVITE sip:+44@x\r\nVia: SIP/2.0/UDP h\r\n\r\n", "400 Bad Request Line"},
	{"INVITE sip:+44@x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n",
         "400 Missing Call-ID Header"},
	{"INVITE sip:+44@x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nTo: <sip:a>\r\nFrom: "
         "<sip:b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n",
         "302 Moved Temporarily"}, /* RFC 2543 */
	{"INVITE sip:+44@x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nTo: <sip:a>;tag=t\r\nFrom: "
         "<sip:b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n",
         "481 Call/Transaction Does Not Exist"},
	{"OPTIONS sip:+44@x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nTo: <sip:a>;tag=t\r\nFrom: "
         "<sip:b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n",
         "481 Call/Transaction Does Not Exist"},
	{"CANCEL sip:+44@x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nTo: <sip:a>;tag=t\r\nFrom: "
         "<sip:b>\r\nCall-ID: c\r\nCSeq: 1 CANCEL\r\n\r\n",
         "200 OK"},
	{"ACK sip:+44@x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nTo: <sip:a>;tag=t\r\nFrom: "
         "<sip:b>\r\nCall-ID: c\r\nCSeq: 1 ACK\r\n\r\n",
         NULL},
	{"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nTo: <sip:a>\r\nFrom: "
         "<sip:b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n",
         NULL},
	{"INVITE sip:+44@x SIP/2.0\r\n\r\n", NULL},
	{"INVITE sip:+44@x SIP/2.0\r\nVia: x\r\nTo: <sip:a>\r\nFrom: <sip:b>\r\n"
         "Call-ID: c\r\nCSeq: 1 INVITE\r\n\r\n",
         NULL},
	{"x\r\n\r\n", NULL},
};

START_TEST(other_messages_are_answered_or_not)
{
	ask_text(slice_of(messages[_i].text));
	char wanted[128];
	int length = snprintf(wanted, sizeof wanted, "SIP/2.0 %s\r\n",
	                      messages[_i].status ? messages[_i].status : "");
	if (messages[_i].status)
		ck_assert_msg(strncmp(reply.text, wanted, (size_t)length) == 0, "%s",
		              reply.text);
	else
		ck_assert_uint_eq(reply.length, 0);
	ck_assert(!reply.close);
}
END_TEST

START_TEST(a_called_number_that_is_too_long_is_414)
{
	char uri[2000];
	snprintf(uri, sizeof uri, "sip:%01025d@x", 1);
	ask("INVITE", uri, "");
	ck_assert_int_eq(strncmp(reply.text, "SIP/2.0 414 ", 12), 0);
}
END_TEST

START_TEST(a_regex_that_gives_up_is_500_and_said_once)
{
	char uri[2000];
	memset(uri, 'a', sizeof uri);
	memcpy(uri, "sip:", 4);
	strcpy(uri + 900, "c@x");
	for (int i = 0; i < 3; i++) {
		ask("INVITE", uri, "");
		ck_assert_int_eq(strncmp(reply.text, "SIP/2.0 500 ", 12), 0);
	}
	ck_assert_uint_eq(log_lines("warning rule undecided"), 1);
	ck_assert_uint_eq(log_lines("rule=\"slow\""), 4);
}
END_TEST

/* Promises */

START_TEST(the_same_question_has_the_same_answer)
{
	static struct reply first;
	ask(answers[_i].method, answers[_i].uri, answers[_i].more);
	first = reply;
	struct redirect *replica = redirect_new(configuration.settings, snapshot, &keys);
	for (int i = 0; i < 100; i++) {
		struct redirect *mine = redirect;
		if (i % 2)
			redirect = replica;
		ask(answers[_i].method, answers[_i].uri, answers[_i].more);
		redirect = mine;
		ck_assert_uint_eq(reply.length, first.length);
		ck_assert_mem_eq(reply.text, first.text, reply.length);
	}
	redirect_free(replica);
}
END_TEST

START_TEST(a_cancel_has_the_tag_of_its_invite)
{
	char tag[64];
	ask("INVITE", "sip:+4420@x", "");
	ck_assert_int_eq(sscanf(strstr(reply.text, ";tag="), ";tag=%63s", tag), 1);
	const char *to = strstr(reply.text, "To: ");
	ck_assert_int_eq(sscanf(strstr(to, ";tag="), ";tag=%63s", tag), 1);
	ck_assert_uint_eq(strlen(tag), 16);
	ask("CANCEL", "sip:+4420@x", "");
	ck_assert_ptr_nonnull(strstr(reply.text, tag));
}
END_TEST

START_TEST(gateways_that_share_are_chosen_by_the_call_id)
{
	size_t first[2] = {0};
	for (int i = 0; i < 1000; i++) {
		char text[512];
		snprintf(text, sizeof text,
		         "INVITE sip:shared@x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nTo: "
		         "<sip:a>\r\nFrom: <sip:b>\r\nCall-ID: %d\r\nCSeq: 1 INVITE\r\n"
		         "\r\n",
		         i);
		ask_text(slice_of(text));
		first[strstr(reply.text, "Contact: <sip:shared@gw2") != NULL]++;
	}
	ck_assert_uint_gt(first[0], 400);
	ck_assert_uint_gt(first[1], 400);
}
END_TEST

/* The answer of redirect_explain(). */
static void check_explained(const char *text, struct explanation *explanation)
{
	static struct reply explained;
	msg_t *msg = message_parse(slice_of(text));
	redirect_explain(redirect, configuration.table, message_of(msg), &arrival,
	                 explanation, &explained);
	msg_destroy(msg);
	ck_assert_uint_eq(explained.length, reply.length);
	ck_assert_mem_eq(explained.text, reply.text, reply.length);
	ck_assert_int_eq(explained.close, reply.close);
	ck_assert(explanation->decided || explanation->why || !reply.length);
}

START_TEST(the_explanation_is_the_answer)
{
	struct explanation explanation = {0};
	const char *text =
		write_request(answers[_i].method, answers[_i].uri, answers[_i].more);
	ask_text(slice_of(text));
	size_t lines = log_lines("");
	check_explained(text, &explanation);
	ck_assert_uint_eq(log_lines(""), lines); /* and is not logged */
	if (explanation.decided && strncmp(reply.text, "SIP/2.0 3", 9) == 0)
		ck_assert_uint_gt(explanation.decision.target_count, 0);
}
END_TEST

START_TEST(other_messages_are_explained_as_answered)
{
	struct explanation explanation = {0};
	ask_text(slice_of(messages[_i].text));
	check_explained(messages[_i].text, &explanation);
}
END_TEST

START_TEST(the_rules_know_profile_and_peer)
{
	struct explanation explanation = {0};
	const char *text = write_request("INVITE", "sip:+441@home.example", "");
	ask_text(slice_of(text));
	check_explained(text, &explanation);
	ck_assert(explanation.decided);
	ck_assert(slice_equal(explanation.facts.profile, slice_of("p")));
	ck_assert(slice_equal(explanation.facts.peer, slice_of("pbx")));
}
END_TEST

/* Size: RFC 3261 18.1.1 */

static size_t count_contacts(void)
{
	size_t count = 0;
	for (const char *at = reply.text; (at = strstr(at, ">;q=")); at++)
		count++;
	return count;
}

static const struct {
	const char *source;
	size_t padding; /* bytes of a Via below the top */
	size_t contacts;
	bool cut;
} sizes[] = {
	{"udp:192.0.2.1:5060", 0, 10, false},  {"udp:192.0.2.1:5060", 270, 9, true},
	{"udp:192.0.2.1:5060", 600, 5, true},  {"udp:192.0.2.1:5060", 900, 1, true},
	{"udp:192.0.2.1:5060", 9000, 1, true}, {"tcp:192.0.2.1:5060", 9000, 10, false},
};

START_TEST(a_udp_reply_keeps_the_best_contacts_that_fit)
{
	static char via[10000];
	snprintf(via, sizeof via, "Via: SIP/2.0/UDP %0*d\r\n", (int)sizes[_i].padding, 1);
	come_from(sizes[_i].source);
	ask("INVITE", "sip:many@x", sizes[_i].padding ? via : "");
	ck_assert_uint_eq(count_contacts(), sizes[_i].contacts);
	ck_assert_ptr_nonnull(strstr(reply.text, "Contact: <sip:many@1." LONG_HOST));
	ck_assert(reply.length <= 1300 || sizes[_i].contacts == 1 ||
	          arrival.source.transport == TRANSPORT_TCP);
	ck_assert_uint_eq(log_lines("contacts left out to fit the path"), sizes[_i].cut);
	/* one more would not have fitted */
	if (sizes[_i].cut)
		ck_assert_uint_gt(reply.length +
		                          strlen(", <sip:many@1." LONG_HOST ">;q=0.1"),
		                  1300);
}
END_TEST

START_TEST(a_reply_that_no_datagram_holds_is_not_sent)
{
	static char text[MESSAGE_MAX];
	size_t len = (size_t)snprintf(text, sizeof text, "%s",
	                              write_request("INVITE", "sip:many@x", "")) -
	             2;
	while (len < 65000)
		len += (size_t)sprintf(text + len, "v: SIP/2.0/UDP h\r\n");
	len += (size_t)sprintf(text + len, "\r\n");
	ask_text((struct slice){text, len});
	ck_assert_uint_eq(reply.length, 0);
	ck_assert_uint_eq(log_lines("reply not sent"), 1);
}
END_TEST

/* Time */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LONG (10 * CLOCKS_PER_SEC)
#else
#define LONG (CLOCKS_PER_SEC / 4)
#endif

static const struct {
	const char *uri, *before, *filler, *after;
} floods[] = {
	{"sip:many@x", "", "a:\r\n", ""},
	{"sip:many@x", "", "v:SIP/2.0/UDP h\r\n", ""},
	{"sip:many@x", "", "v:\r\n", ""},
	{"sip:many@x", "v: SIP/2.0/UDP h", ";a", "\r\n"},
	{"sip:many@x", "P-Asserted-Identity: ", "<a:b>,", "<sip:x@y>\r\n"},
	{"sip:many@x", "P-Asserted-Identity: <sip:x@y>", ";a", "\r\n"},
	{"sip:many@x", "", "P-Asserted-Identity:<a:b>\r\n", ""},
	{"sip:many@x", "X: ", "\r\n ", "x\r\n"},
	{"sip:nobody@x", "", "a:\r\n", ""},
	{"sip:nobody@x", "a:", " zz", "\r\n"},
};

START_TEST(no_request_takes_long_to_answer)
{
	static char text[65000];
	size_t len = (size_t)sprintf(text, "INVITE %s SIP/2.0\r\n%s", floods[_i].uri,
	                             floods[_i].before);
	size_t piece = strlen(floods[_i].filler);
	for (; len + piece + 500 < sizeof text; len += piece)
		memcpy(text + len, floods[_i].filler, piece);
	len += (size_t)sprintf(text + len,
	                       "%sVia: SIP/2.0/UDP 192.0.2.1\r\nFrom: <sip:a>\r\nTo: "
	                       "<sip:b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n",
	                       floods[_i].after);
	clock_t start = clock();
	ask_text((struct slice){text, len});
	ck_assert_int_lt(clock() - start, LONG);
}
END_TEST

/* Where it goes */

START_TEST(a_reply_goes_back_to_its_source)
{
	char to[ENDPOINT_TEXT_MAX];
	come_from("udp:[2001:db8::7]:999");
	ask("INVITE", "sip:603@x", "");
	ck_assert_str_eq(endpoint_text(&reply.to, to), "udp:[2001:db8::7]:5060");
	ck_assert_ptr_nonnull(strstr(reply.text, ";received=2001:db8::7\r\n"));
}
END_TEST

/* Vias that a message just holds, and a reply to it does not. */
START_TEST(who_cannot_be_answered_for_length_waits_for_nothing)
{
	static char more[65280];
	int len = snprintf(more, sizeof more, "Via: SIP/2.0/TCP h;x=");
	memset(more + len, 'x', sizeof more - (size_t)len);
	memcpy(more + sizeof more - 3, "\r\n", 3);
	come_from("tcp:192.0.2.1:5060");
	ask("OPTIONS", "sip:h", more);
	ck_assert_uint_eq(reply.length, 0);
	ck_assert(reply.close);
	ck_assert_uint_eq(log_lines("reply not sent"), 1);
	more[sizeof more - 200] = '\r'; /* a shorter one, and what is no field */
	more[sizeof more - 199] = '\n';
	ask("OPTIONS", "sip:h", more);
	ck_assert_uint_gt(reply.length, 65000);
	ck_assert(!reply.close);
}
END_TEST

/* Strangers */

static const char *const strangers[] = {"udp:192.0.3.1:5060", "tcp:127.0.0.1:5060",
                                        "udp:[2001:db9::1]:5060"};

START_TEST(strangers_hear_nothing)
{
	come_from(strangers[_i]);
	ck_assert(!redirect_admits(redirect, &arrival));
	for (size_t i = 0; i < COUNT(answers); i++) {
		ask(answers[i].method, answers[i].uri, answers[i].more);
		ck_assert_uint_eq(reply.length, 0);
		ck_assert(reply.close);
	}
	ck_assert_uint_eq(log_lines("stranger ignored"), 1);
	ck_assert_uint_eq(log_lines(""), 1);
	come_from("udp:192.0.2.255:5060");
	ck_assert(redirect_admits(redirect, &arrival));
}
END_TEST

static unsigned clock_reads;

/* In place of the C library's. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	clock_reads++;
	return (int)syscall(SYS_clock_gettime, clock, now);
}

/* The clock was read for the batch, and nothing is written that nobody will see. */
START_TEST(strangers_after_the_first_are_only_counted)
{
	unsigned admitted = 0;
	come_from(strangers[0]);
	redirect_hold(redirect);
	ck_assert(!redirect_admits(redirect, &arrival));
	ck_assert_uint_eq(log_lines("stranger ignored source=udp:192.0.3.1:5060"), 1);
	arrival.source.transport = (enum transport)(1 << 28); /* has no text */
	unsigned before = clock_reads;
	for (size_t i = 0; i < 1000; i++)
		admitted += redirect_admits(redirect, &arrival);
	ck_assert_uint_eq(clock_reads, before);
	redirect_let_go(redirect);
	ck_assert_uint_eq(admitted, 0);
	ck_assert_uint_eq(log_total(LOG_STRANGER), 1001);
	ck_assert_uint_eq(log_lines(""), 1);
}
END_TEST

/* The log */

START_TEST(a_call_is_one_line)
{
	bool call = answers[_i].status && (strcmp(answers[_i].method, "INVITE") == 0 ||
	                                   strcmp(answers[_i].method, "SUBSCRIBE") == 0);
	ask(answers[_i].method, answers[_i].uri, answers[_i].more);
	ck_assert_uint_eq(log_lines(""), call);
	if (!call)
		return;
	char status[16];
	snprintf(status, sizeof status, "status=%.3s ", answers[_i].status);
	ck_assert_uint_eq(log_lines(status), 1);
	ck_assert_uint_eq(log_lines("id=\"call-1\""), 1);
	ck_assert_uint_eq(log_lines("source=udp:192.0.2.1:5060"), 1);
	ck_assert_uint_eq(log_lines("listener=udp:127.0.0.1:5060"), 1);
}
END_TEST

START_TEST(a_rule_of_a_table_is_logged_with_it)
{
	ask("INVITE", "sip:+441@tenant.example", "");
	ck_assert_uint_eq(log_lines("rule=\"tenant/uk\" status=302"), 1);
	ask("INVITE", "sip:+441@home.example", "");
	ck_assert_uint_eq(log_lines("rule=\"uk\" status=302"), 1);
}
END_TEST

START_TEST(only_what_is_asked_for_is_logged)
{
	configuration.settings->log_calls = LOG_CALLS_REJECTED;
	ask("INVITE", "sip:+4420@x", "");
	ck_assert_uint_eq(log_lines(""), 0);
	ask("INVITE", "sip:603@x", "");
	ck_assert_uint_eq(log_lines(""), 1);
	configuration.settings->log_calls = LOG_CALLS_NONE;
	ask("INVITE", "sip:603@x", "");
	ck_assert_uint_eq(log_lines(""), 1);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/redirect");
	TCase *tests = tcase_create("redirect");
	tcase_add_checked_fixture(tests, init, fini);
	tcase_add_loop_test(tests, each_row_of_the_answer_table_holds, 0, COUNT(answers));
	tcase_add_test(tests, while_draining_options_are_refused_and_calls_answered);
	tcase_add_loop_test(tests, other_messages_are_answered_or_not, 0,
	                    COUNT(messages));
	tcase_add_test(tests, a_called_number_that_is_too_long_is_414);
	tcase_add_test(tests, a_regex_that_gives_up_is_500_and_said_once);
	tcase_add_loop_test(tests, the_same_question_has_the_same_answer, 0,
	                    COUNT(answers));
	tcase_add_test(tests, a_cancel_has_the_tag_of_its_invite);
	tcase_add_test(tests, gateways_that_share_are_chosen_by_the_call_id);
	tcase_add_loop_test(tests, the_explanation_is_the_answer, 0, COUNT(answers));
	tcase_add_loop_test(tests, other_messages_are_explained_as_answered, 0,
	                    COUNT(messages));
	tcase_add_test(tests, the_rules_know_profile_and_peer);
	tcase_add_test(tests, who_cannot_be_answered_for_length_waits_for_nothing);
	tcase_add_loop_test(tests, a_udp_reply_keeps_the_best_contacts_that_fit, 0,
	                    COUNT(sizes));
	tcase_add_test(tests, a_reply_that_no_datagram_holds_is_not_sent);
	tcase_add_loop_test(tests, no_request_takes_long_to_answer, 0, COUNT(floods));
	tcase_add_test(tests, a_reply_goes_back_to_its_source);
	tcase_add_loop_test(tests, strangers_hear_nothing, 0, COUNT(strangers));
	tcase_add_test(tests, strangers_after_the_first_are_only_counted);
	tcase_add_loop_test(tests, a_call_is_one_line, 0, COUNT(answers));
	tcase_add_test(tests, a_rule_of_a_table_is_logged_with_it);
	tcase_add_test(tests, only_what_is_asked_for_is_logged);
	suite_add_tcase(suite, tests);
	return suite;
}
