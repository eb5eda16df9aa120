/* SPDX-License-Identifier: MIT */
/* ping.h - `signpost ping`: is a SIP server there? For health checks. */
#ifndef SERVER_PING_H
#define SERVER_PING_H

#include "server/sip/endpoint.h"

/* Sends an OPTIONS and waits at most timeout_ms for a final answer; over UDP it
 * retransmits after 500 ms, then 1 s, ... (RFC 3261 17.1.2). Returns the status code, or
 * -errno: -ETIMEDOUT, -ECONNREFUSED, ... */
int ping(const struct endpoint *to, unsigned timeout_ms);

#endif
