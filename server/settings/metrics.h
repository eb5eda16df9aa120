/* SPDX-License-Identifier: MIT */
/* metrics.h - where the server tells how it is: `metrics` in signpost.yaml. */
#ifndef SERVER_SETTINGS_METRICS_H
#define SERVER_SETTINGS_METRICS_H

#include "rules/diags.h"
#include "server/sip/endpoint.h"

struct load; /* rules/schema.h */
struct node;

struct metrics {
	bool given; /* without it nothing listens */
	struct endpoint listen;
	struct position position;
};

/* Reads "127.0.0.1:9090", or {listen: 127.0.0.1:9090}. An address that others can reach
 * is a warning: nobody who reads there is asked who he is. False after an error. */
bool metrics_read(struct load *load, const struct node *node, struct metrics *metrics);

#endif
