/* SPDX-License-Identifier: MIT */
/* load.c - asks a redirect server as fast as it answers, or at a given rate.
 *
 *     load [-t udp|tcp] [-l LANES] [-w WINDOW] [-s SECONDS | -n COUNT] [-r RATE] [-m
 * NUMBERS] [-e] ADDRESS:PORT
 *
 * Without -r the loop is closed: WINDOW requests are outstanding at any time, shared
 * among LANES source ports, and an answer lets the next request go. With -r RATE requests
 * leave in a second at even distances, answered or not, and the latency of each counts
 * from the time it was due: a server that stalls does not hide it. Every answer is
 * checked. Requests over UDP are sent again after RESEND_MS, as a SIP client does.
 *
 * The loop never sleeps, so that no server has to wake it. It prints one line of
 * key=value:
 *
 *     sent          different requests
 *     answered      right answers, one for each request at most
 *     wrong         answers to a request of ours that are not right; the first is printed
 *     stray         answers to no request, or to one that has its answer
 *     resent, lost  requests sent once more; those never answered
 *     per_second    answers in the time of the measurement
 *     p50_us, p99_us, max_us    latency
 *     own_core      how much of its core the generator had: below 1, others disturbed it
 *
 * Exit status: 0, 1 for a wrong or a needless answer or a failure, 2 for usage. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/invite.h"
#include "tests/bench/lane.h"

#define LANES_MAX 64
/* Requests outstanding at most when a rate is given; those due later wait here, and their
 * latency counts. On 8 connections less than 64 KB wait on each: nta refuses more. */
#define PACED_SLOTS 512
#define RESEND_MS   500 /* RFC 3261 17.1.1.2: T1 */
#define RESENDS_MAX 5
#define SWEEP_MS    20   /* between looks for requests without an answer */
#define DRAIN_MS    2000 /* to wait for the last answers */
#define SILENCE_MS  5000 /* no answer at all: give up */
#define SAMPLES_MAX ((size_t)8 << 20)

#define MS UINT64_C(1000000) /* nanoseconds */

struct options {
	bool stream, echo;
	unsigned lanes, window;
	double seconds, rate;
	unsigned long count;
	struct sockaddr_in server;
};

/* A place for one outstanding request. It belongs to one lane. */
struct slot {
	struct invite invite;
	struct lane *lane;
	uint64_t due_ns, sent_ns;
	unsigned resends;
	bool busy;
};

struct load {
	struct options options;
	struct lane *lanes[LANES_MAX];
	unsigned slot_count, free_count, first_free;
	struct slot *slots;
	struct slot **free_slots; /* a ring, so that all lanes have their turn */
	uint64_t serial, start_ns, end_ns, next_due_ns, last_answer_ns;
	double own_core;
	unsigned long sent, answered, in_time, wrong, stray, resent, lost;
	size_t sample_count;
	uint32_t *samples_ns;
};

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static void fail(const char *what, int error)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(error));
	exit(1);
}

/* Answers */

static const char *fault_of(const struct load *load, const struct slot *slot,
                            const struct answer *answer)
{
	if (!load->options.echo)
		return answer_fault(answer, &slot->invite);
	return answer->length == INVITE_SIZE &&
	                       memcmp(answer->text, slot->invite.text, INVITE_SIZE) == 0
	               ? NULL
	               : "the echo differs";
}

static void note_wrong(struct load *load, const char *fault, const struct answer *answer)
{
	if (!load->wrong++)
		fprintf(stderr, "load: wrong answer: %s:\n%.*s\n", fault,
		        (int)answer->length, answer->text);
}

static void note_latency(struct load *load, uint64_t ns)
{
	if (load->sample_count < SAMPLES_MAX)
		load->samples_ns[load->sample_count++] =
			(uint32_t)(ns < UINT32_MAX ? ns : UINT32_MAX);
}

static void release(struct load *load, struct slot *slot)
{
	slot->busy = false;
	load->free_slots[(load->first_free + load->free_count++) % load->slot_count] =
		slot;
}

static void on_answer(void *context, const char *reply, size_t length)
{
	struct load *load = context;
	struct answer answer;
	if (!answer_read(&answer, reply, length) || answer.slot >= load->slot_count ||
	    !load->slots[answer.slot].busy ||
	    !answer_is_to(&answer, &load->slots[answer.slot].invite)) {
		load->stray++;
		return;
	}
	struct slot *slot = &load->slots[answer.slot];
	const char *fault = fault_of(load, slot, &answer);
	load->last_answer_ns = now_ns();
	if (fault) {
		note_wrong(load, fault, &answer);
	} else {
		load->answered++;
		load->in_time += load->last_answer_ns <= load->end_ns;
		note_latency(load, load->last_answer_ns - slot->due_ns);
	}
	release(load, slot);
}

/* Requests */

static bool is_over(const struct load *load, uint64_t now)
{
	unsigned long count = load->options.count;
	return count ? load->sent >= count : now >= load->end_ns;
}

/* False: there is no room in the lane now. */
static bool start(struct load *load, uint64_t due_ns, uint64_t now)
{
	struct slot *slot = load->free_slots[load->first_free];
	invite_renew(&slot->invite, load->serial);
	if (!lane_put(slot->lane, slot->invite.text, INVITE_SIZE))
		return false;
	load->first_free = (load->first_free + 1) % load->slot_count;
	load->free_count--;
	load->serial++;
	load->sent++;
	slot->busy = true;
	slot->due_ns = due_ns;
	slot->sent_ns = now;
	slot->resends = 0;
	return true;
}

/* Lets go what may go now. */
static void launch(struct load *load)
{
	uint64_t now = now_ns();
	double rate = load->options.rate;
	while (load->free_count && !is_over(load, now)) {
		if (rate > 0 && load->next_due_ns > now)
			return;
		if (!start(load, rate > 0 ? load->next_due_ns : now, now))
			return;
		if (rate > 0)
			load->next_due_ns = load->start_ns +
			                    (uint64_t)((double)load->sent * 1e9 / rate);
	}
}

static void flush(struct load *load)
{
	for (unsigned i = 0; i < load->options.lanes; i++) {
		int status = lane_flush(load->lanes[i]);
		if (status < 0)
			fail("sending", -status);
	}
}

/* Sends again what has waited too long, gives up what waited far too long. */
static void sweep(struct load *load, uint64_t now)
{
	for (unsigned i = 0; i < load->slot_count; i++) {
		struct slot *slot = &load->slots[i];
		if (!slot->busy || load->options.stream ||
		    now < slot->sent_ns + RESEND_MS * MS)
			continue;
		slot->sent_ns = now;
		if (slot->resends++ == RESENDS_MAX) {
			load->lost++;
			release(load, slot);
		} else if (lane_put(slot->lane, slot->invite.text, INVITE_SIZE)) {
			load->resent++;
		}
	}
	if (now > load->last_answer_ns + SILENCE_MS * MS)
		fail("no answer", ETIMEDOUT);
}

static double cpu_s(void)
{
	struct timespec used;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static void ask(struct load *load)
{
	double cpu_before_s = cpu_s();
	uint64_t next_sweep = load->start_ns, now = load->start_ns, over_at = 0;
	while (!over_at ||
	       (load->free_count < load->slot_count && now < over_at + DRAIN_MS * MS)) {
		for (unsigned i = 0; i < load->options.lanes; i++) {
			int status = lane_take(load->lanes[i], on_answer, load);
			if (status < 0)
				fail("receiving", -status);
			launch(load);
			flush(load);
		}
		now = now_ns();
		if (!over_at && is_over(load, now))
			over_at = now;
		if (now >= next_sweep) {
			sweep(load, now);
			next_sweep = now + SWEEP_MS * MS;
		}
	}
	load->own_core =
		(cpu_s() - cpu_before_s) / ((double)(now - load->start_ns) / 1e9);
	load->lost += load->slot_count - load->free_count;
	if (load->options.count)
		load->end_ns = load->last_answer_ns;
}

/* Before and after */

static void open_lanes(struct load *load)
{
	const struct options *options = &load->options;
	const struct sockaddr_in source = {.sin_family = AF_INET};
	unsigned each = (load->slot_count + options->lanes - 1) / options->lanes;
	for (unsigned i = 0; i < options->lanes; i++) {
		load->lanes[i] = lane_open(options->stream, &source, &options->server,
		                           (size_t)each * INVITE_SIZE);
		if (!load->lanes[i])
			fail("connecting", errno);
	}
}

static void prepare(struct load *load)
{
	load->slot_count = load->options.rate > 0 ? PACED_SLOTS : load->options.window;
	load->slots = calloc(load->slot_count, sizeof *load->slots);
	load->free_slots = calloc(load->slot_count, sizeof *load->free_slots);
	load->samples_ns = calloc(SAMPLES_MAX, sizeof *load->samples_ns);
	if (!load->slots || !load->free_slots || !load->samples_ns ||
	    getrandom(&load->serial, sizeof load->serial, 0) != sizeof load->serial)
		fail("preparing", errno);
	load->serial >>= 20; /* begins anywhere, and does not overflow */
	open_lanes(load);
	for (unsigned i = 0; i < load->slot_count; i++) {
		struct slot *slot = &load->slots[i];
		slot->lane = load->lanes[i % load->options.lanes];
		invite_init(&slot->invite, load->options.stream ? "TCP" : "UDP",
		            lane_port(slot->lane), i);
		release(load, slot);
	}
	load->start_ns = load->next_due_ns = load->last_answer_ns = now_ns();
	load->end_ns = load->options.count
	                       ? UINT64_MAX
	                       : load->start_ns + (uint64_t)(load->options.seconds * 1e9);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static double quantile_us(const struct load *load, double part)
{
	size_t count = load->sample_count;
	return count ? load->samples_ns[(size_t)(part * (double)(count - 1))] / 1e3 : 0;
}

static void report(struct load *load)
{
	double seconds = (double)(load->end_ns - load->start_ns) / 1e9;
	qsort(load->samples_ns, load->sample_count, sizeof *load->samples_ns, compare);
	printf("sent=%lu answered=%lu wrong=%lu stray=%lu resent=%lu lost=%lu "
	       "seconds=%.3f per_second=%.0f p50_us=%.1f p99_us=%.1f max_us=%.1f "
	       "own_core=%.3f\n",
	       load->sent, load->answered, load->wrong, load->stray, load->resent,
	       load->lost, seconds, (double)load->in_time / seconds,
	       quantile_us(load, 0.5), quantile_us(load, 0.99), quantile_us(load, 1),
	       load->own_core);
}

static void usage(void)
{
	fputs("usage: load [-t udp|tcp] [-l LANES] [-w WINDOW] [-s SECONDS | -n COUNT] "
	      "[-r RATE] [-m NUMBERS] [-e] ADDRESS:PORT\n"
	      "  -m  so many different numbers are called: a power of ten\n"
	      "  -e  the server is an echo\n",
	      stderr);
	exit(2);
}

static void read_options(struct options *options, int argc, char **argv)
{
	*options = (struct options){.lanes = 8, .window = 64, .seconds = 3};
	for (int option; (option = getopt(argc, argv, "t:l:w:s:n:r:m:e")) != -1;) {
		if (option == 't' && strcmp(optarg, "udp") == 0)
			options->stream = false;
		else if (option == 't' && strcmp(optarg, "tcp") == 0)
			options->stream = true;
		else if (option == 'l')
			options->lanes = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'w')
			options->window = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 's')
			options->seconds = strtod(optarg, NULL);
		else if (option == 'n')
			options->count = strtoul(optarg, NULL, 10);
		else if (option == 'r')
			options->rate = strtod(optarg, NULL);
		else if (option == 'm')
			invite_numbers(strtoull(optarg, NULL, 10));
		else if (option == 'e')
			options->echo = true;
		else
			usage();
	}
	if (optind != argc - 1 || !lane_address(argv[optind], &options->server) ||
	    !options->lanes || options->lanes > LANES_MAX || !options->window ||
	    options->window >= INVITE_SLOTS_MAX || !(options->seconds > 0))
		usage();
}

int main(int argc, char **argv)
{
	static struct load load;
	read_options(&load.options, argc, argv);
	prepare(&load);
	ask(&load);
	report(&load);
	for (unsigned i = 0; i < load.options.lanes; i++)
		lane_close(load.lanes[i]);
	return load.wrong || load.stray > load.resent;
}
