/* SPDX-License-Identifier: MIT */
/* prober.h - asks an address with an OPTIONS, as a client transaction of sofia-sip's nta.
 *
 * Each source address that the kernel chooses has an agent and a port of its own, where
 * nothing but answers comes in: see guard.h. All calls from the thread of root.
 */
#ifndef SERVER_PROBER_H
#define SERVER_PROBER_H

#include <stdbool.h>

#include <sofia-sip/su_wait.h>

#include "server/sip/endpoint.h"

#define PROBER_SOURCES_MAX 16 /* of this machine that are asked from at a time */

struct prober;
struct inquiry;

/* NULL when out of memory. */
struct prober *prober_new(su_root_t *root);
void prober_free(struct prober *prober); /* when no inquiry is left */

/* How long transactions last that nobody waits for any more. */
void prober_set_timeout(struct prober *prober, unsigned long timeout_ms);

struct prober_answer {
	int status;                  /* of a final response; 0: there was none */
	const char *why;             /* then: static text */
	unsigned long retry_after_s; /* 0: not given */
};

/* Asks `to`, over UDP or TCP, with uri as the Request-URI. answered is called once, never
 * before this function has returned; then the inquiry is gone, as it is after
 * prober_drop(). NULL if it cannot be sent: *why is a static text, *ours whether this
 * machine is at fault. */
struct inquiry *
prober_ask(struct prober *prober, const struct endpoint *to, const char *uri,
           void (*answered)(void *arg, const struct prober_answer *answer), void *arg,
           const char **why, bool *ours);

/* The answer is wanted no more. NULL is allowed. */
void prober_drop(struct inquiry *inquiry);

#endif
