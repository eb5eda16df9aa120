/* SPDX-License-Identifier: MIT */
/* hold.c - many TCP connections that do nothing, to see what one costs the server.
 *
 *     hold COUNT ADDRESS:PORT
 *
 * Opens them, prints open=COUNT and waits for a line on standard input; makes one call on
 * each, prints answered=COUNT and waits for another; then ends. The connections come from
 * 250 addresses, 127.0.1.1 and on: no limit per source, no shortage of ports. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/invite.h"
#include "tests/bench/lane.h"

#define SOURCES    250
#define PATIENCE_S 10

struct hold {
	struct invite invite;
	bool answered;
	const char *fault;
};

static void on_answer(void *context, const char *reply, size_t length)
{
	struct hold *hold = context;
	struct answer answer;
	hold->answered = true;
	hold->fault = answer_read(&answer, reply, length)
	                      ? answer_fault(&answer, &hold->invite)
	                      : "it answers another call";
}

/* Makes a call and waits for its answer. False, and says why, if it is not the right one.
 */
static bool call(struct lane *lane, unsigned slot)
{
	struct hold hold = {0};
	time_t end = time(NULL) + PATIENCE_S;
	int status = 0;
	invite_init(&hold.invite, "TCP", lane_port(lane), slot);
	invite_renew(&hold.invite, slot);
	lane_put(lane, hold.invite.text, INVITE_SIZE);
	while (!hold.answered && status >= 0 && time(NULL) < end) {
		status = lane_flush(lane);
		if (status >= 0)
			status = lane_take(lane, on_answer, &hold);
	}
	if (hold.answered && !hold.fault)
		return true;
	fprintf(stderr, "hold: connection %u: %s\n", slot,
	        hold.fault   ? hold.fault
	        : status < 0 ? strerror(-status)
	                     : "no answer");
	return false;
}

static void wait_for_line(void)
{
	char line[16];
	fflush(stdout);
	if (!fgets(line, sizeof line, stdin))
		exit(0);
}

int main(int argc, char **argv)
{
	struct sockaddr_in server;
	unsigned long count = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	if (!count || count >= INVITE_SLOTS_MAX || !lane_address(argv[2], &server)) {
		fputs("usage: hold COUNT ADDRESS:PORT\n", stderr);
		return 2;
	}
	struct lane **lanes = calloc(count, sizeof *lanes);
	for (unsigned i = 0; lanes && i < count; i++) {
		struct sockaddr_in source = {.sin_family = AF_INET};
		source.sin_addr.s_addr = htonl(0x7f000101 + i % SOURCES);
		lanes[i] = lane_open(true, &source, &server, INVITE_SIZE);
		if (!lanes[i]) {
			fprintf(stderr, "hold: connection %u: %s\n", i, strerror(errno));
			return 1;
		}
	}
	printf("open=%lu\n", count);
	wait_for_line();
	for (unsigned i = 0; lanes && i < count; i++)
		if (!call(lanes[i], i))
			return 1;
	printf("answered=%lu\n", count);
	wait_for_line();
}
