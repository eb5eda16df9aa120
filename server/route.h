/* SPDX-License-Identifier: MIT */
/* route.h - `signpost route`: what would the server answer, and why? */
#ifndef SERVER_ROUTE_H
#define SERVER_ROUTE_H

#include "server/configuration.h"

#define ROUTE_HEADERS_MAX 32

/* The question. NULL: not given. */
struct question {
	const char *called; /* a number, a user or a URI */
	const char *caller; /* likewise; default "anonymous" */
	const char *source; /* address[:port]; default: an address of the listener's first
	                       peer */
	const char *listener; /* default: the first one */
	const char *method;   /* default INVITE */
	const char *call_id;
	const char *headers[ROUTE_HEADERS_MAX]; /* "Name: value" */
	size_t header_count;
};

/* Prints the request that is asked, every rule considered, the decision and the reply,
 * byte for byte what the server would send. Exit status: 0 for a redirect, 3 for any
 * other answer or none, 1 if the question makes no sense. */
int route(const struct configuration *configuration, const struct question *question);

#endif
