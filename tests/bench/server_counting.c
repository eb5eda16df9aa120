/* SPDX-License-Identifier: MIT */
/* server_counting.c - what counting adds to an answer.
 *
 *     server_counting [ANSWERS [with | without]]
 *
 * INVITEs of several peers to several rules, each answered with three Contacts, in
 * batches of 32 as the datagram door has them, without its system calls. Prints
 * nanoseconds per answer, the best of many rounds, without counting; what counting takes,
 * by itself; and the clock's reading, once a batch. with, without: answers them once,
 * counted or not, for a profiler to count instructions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/operations/count.h"
#include "server/operations/registry.h"
#include "server/redirect.h"
#include "server/sip/scan.h"

#define BATCH    32
#define ROUNDS   200
#define MESSAGES 64
#define RULES    16

static char folder[] = "/tmp/signpost-counting-XXXXXX";
static struct snapshot *snapshot;
static struct redirect *redirect;
static struct scan scan;
static struct reply reply;
static char messages[MESSAGES][2048];

static void fail(const char *what)
{
	fprintf(stderr, "server_counting: %s\n", what);
	exit(1);
}

static void write_settings(void)
{
	FILE *to = fopen("signpost.yaml", "w");
	if (!to)
		fail("cannot write the settings");
	fputs("profiles: {p: {listen: udp:127.0.0.1:5060, peers: [p0, p1, p2, p3]}}\n"
	      "peers:\n",
	      to);
	for (int i = 0; i < 4; i++)
		fprintf(to, "  p%d: {networks: 192.0.2.%d}\n", i, i);
	fputs("log: {calls: none}\n", to);
	fclose(to);
}

static void write_rules(void)
{
	FILE *to = fopen("rules.yaml", "w");
	if (!to)
		fail("cannot write the rules");
	fputs("gateways: {a: sip:a.test, b: sip:b.test, c: sip:c.test}\nrules:\n", to);
	for (int i = 0; i < RULES; i++)
		fprintf(to,
		        "  - {name: r%d, called: {prefix: \"+44%02d\"}, redirect: [[a], "
		        "[b], [c]]}\n",
		        i, i);
	fclose(to);
}

static void write_messages(void)
{
	for (int i = 0; i < MESSAGES; i++)
		snprintf(messages[i], sizeof messages[i],
		         "INVITE sip:+44%02d71234567@signpost.test SIP/2.0\r\n"
		         "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%d;rport\r\n"
		         "Max-Forwards: 70\r\nFrom: <sip:alice@pbx.test>;tag=f%d\r\n"
		         "To: <sip:+442071234567@signpost.test>\r\n"
		         "Call-ID: c%d@pbx.test\r\nCSeq: 1 INVITE\r\n"
		         "Contact: <sip:alice@192.0.2.1>\r\nContent-Length: 0\r\n\r\n",
		         i % RULES, i, i, i);
}

static void prepare(struct registry *registry)
{
	static struct tag_keys keys;
	struct configuration configuration = {.settings_path = "signpost.yaml"};
	struct diags *diags = diags_new();
	if (!mkdtemp(folder) || chdir(folder) < 0)
		fail("no folder");
	write_settings();
	write_rules();
	write_messages();
	bool good = diags && configuration_load(&configuration, diags);
	unlink("signpost.yaml");
	unlink("rules.yaml");
	rmdir(folder);
	if (!good || !message_init() ||
	    !tag_keys_init(&keys, slice_of("0123456789abcdef")))
		fail("cannot start");
	diags_free(diags);
	configuration.numbering =
		numbering_new(registry, configuration.settings, configuration.table);
	snapshot = snapshot_new(&configuration);
	redirect = redirect_new(NULL, snapshot, &keys);
	if (!configuration.numbering || !snapshot || !redirect)
		fail("out of memory");
}

static void answer(const struct settings *settings, size_t i)
{
	struct slice text = slice_of(messages[i % MESSAGES]);
	struct arrival arrival = {.listen = &settings->listens[0], .bytes = text.len};
	char source[] = "udp:192.0.2.0:5060";
	const char *why;
	source[12] = (char)('0' + i % 4);
	endpoint_parse(slice_of(source), &arrival.source, &why);
	if (!redirect_admits(redirect, &arrival) ||
	    !redirect_passes(redirect, text, &arrival))
		fail("not let in");
	redirect_answer(redirect, scan_message(&scan, text), &arrival, &reply);
	if (!reply.length)
		fail("not answered");
}

static double now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Nanoseconds per answer. */
static double measure(struct counters *counters, size_t answers)
{
	double start = now_ns();
	redirect_count(redirect, counters);
	for (size_t i = 0; i < answers;) {
		const struct configuration *held = redirect_hold(redirect);
		for (size_t n = 0; n < BATCH && i < answers; n++, i++)
			answer(held->settings, i);
		redirect_let_go(redirect);
		redirect_sent(redirect);
	}
	return (now_ns() - start) / (double)answers;
}

/* The same calls that an answer makes, with what changes from one to the next. */
static double measure_counts(struct counters *counters, size_t answers)
{
	const struct configuration *held = redirect_hold(redirect);
	const struct settings *settings = held->settings;
	struct arrival arrivals[4];
	struct decision decisions[RULES];
	memset(decisions, 0, sizeof decisions);
	for (size_t i = 0; i < 4; i++)
		arrivals[i] = (struct arrival){.listen = &settings->listens[0],
		                               .peer = settings->peers[i]};
	for (size_t i = 0; i < RULES; i++) {
		decisions[i].rule_number = i;
		decisions[i].target_count = 3;
		for (size_t t = 0; t < 3; t++)
			decisions[i].targets[t].gateway_number = t;
	}
	double start = now_ns();
	for (size_t i = 0; i < answers; i++) {
		struct counted counted = {
			.method = {messages[i % MESSAGES], strlen("INVITE")},
			.status = 302,
			.decision = &decisions[i % RULES],
			.offers = true};
		count_received(counters, held, &arrivals[i % 4]);
		count_reply(counters, held, &arrivals[i % 4], &counted);
	}
	double ns = (now_ns() - start) / (double)answers;
	redirect_let_go(redirect);
	return ns;
}

static double measure_clock(size_t reads)
{
	double start = now_ns();
	for (size_t i = 0; i < reads; i++)
		now_ns();
	return (now_ns() - start) / (double)reads;
}

static void compare(struct counters *counters, size_t answers)
{
	double answer_ns = 1e9, count_ns = 1e9, clock_ns = 1e9;
	for (int round = 0; round < ROUNDS; round++) {
		double ns = measure(NULL, answers);
		answer_ns = ns < answer_ns ? ns : answer_ns;
		ns = measure_counts(counters, answers);
		count_ns = ns < count_ns ? ns : count_ns;
		ns = measure_clock(answers);
		clock_ns = ns < clock_ns ? ns : clock_ns;
	}
	printf("%.0f ns an answer, %.1f ns to count it, %.1f ns to read the clock\n",
	       answer_ns, count_ns, clock_ns);
}

int main(int argc, char **argv)
{
	size_t answers = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
	struct registry *registry = registry_new();
	static struct counterset counterset;
	struct counters *counters = counterset_add(&counterset);
	if (!registry || !counters)
		fail("out of memory");
	numbering_start(registry);
	prepare(registry);
	if (argc > 2)
		measure(strcmp(argv[2], "with") == 0 ? counters : NULL, answers);
	else
		compare(counters, answers);
	redirect_free(redirect);
	snapshot_free(snapshot);
	counterset_free(&counterset);
	registry_free(registry);
	return 0;
}
