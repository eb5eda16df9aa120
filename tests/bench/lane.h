/* SPDX-License-Identifier: MIT */
/* lane.h - one source port to the server under test: a UDP socket or a TCP connection.
 *
 * Nothing here blocks once it is open. Requests are collected and leave together.
 */
#ifndef TESTS_BENCH_LANE_H
#define TESTS_BENCH_LANE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct lane;

/* One whole message that came back. */
typedef void lane_reader(void *context, const char *reply, size_t length);

/* Binds to source (port 0: any) and connects. backlog: bytes that may wait to be sent on
 * a stream. NULL: errno says why. */
struct lane *lane_open(bool stream, const struct sockaddr_in *source,
                       const struct sockaddr_in *server, size_t backlog);
void lane_close(struct lane *lane);

/* The port it sends from. */
unsigned lane_port(const struct lane *lane);

/* Collects a request; on a datagram lane the text must stay until lane_flush(). False:
 * there is no room now. */
bool lane_put(struct lane *lane, const char *text, size_t length);

/* Sends what was collected, as much as goes. 0 or -errno. */
int lane_flush(struct lane *lane);

/* Hands all messages that are there to reader. Their number or -errno. */
int lane_take(struct lane *lane, lane_reader *reader, void *context);

/* Reads "127.0.0.1:5060". */
bool lane_address(const char *text, struct sockaddr_in *address);

#endif
