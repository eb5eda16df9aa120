/* SPDX-License-Identifier: MIT */
/* handshakes.h - how many TLS handshakes strangers may begin.
 *
 * Where a certificate may tell who somebody is (`tls_names`), anybody may begin one, and
 * each costs the thread that serves all connections some 0.6 ms, or 1.3 ms if a
 * certificate is shown. So each source, and all of them together, have a token bucket:
 * about 1 % of that thread, and a quarter. Whoever turns out to be a peer gets the token
 * back: what is counted is those that were for nothing.
 */
#ifndef SERVER_HANDSHAKES_H
#define SERVER_HANDSHAKES_H

#include "rules/network.h"

/* A second, and at once: of a v4 address or a v6 /64, and of all strangers. */
#define HANDSHAKES_SOURCE_RATE  10
#define HANDSHAKES_SOURCE_BURST 20
#define HANDSHAKES_RATE         200
#define HANDSHAKES_BURST        200

struct handshakes;

struct handshakes *handshakes_new(void); /* NULL when out of memory */
void handshakes_free(struct handshakes *handshakes);

/* A stranger at source wants one, at now_ns (CLOCK_MONOTONIC). NULL: so be it; else what
 * there are too many of, for the log. */
const char *handshakes_refuse(struct handshakes *handshakes, const struct address *source,
                              uint64_t now_ns);

/* One that was let in has shown whose it is. */
void handshakes_give_back(struct handshakes *handshakes, const struct address *source,
                          uint64_t now_ns);

#endif
