/* SPDX-License-Identifier: MIT */
/* quota.h - how many requests a peer may make: its `rate` in signpost.yaml. */
#ifndef SERVER_QUOTA_H
#define SERVER_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

struct load; /* rules/schema.h */
struct node;

#define QUOTA_RATE_MAX   1000000 /* a second */
#define QUOTA_SOURCE_MAX 10000   /* a second, of one source */
#define QUOTA_BURST_MAX  1000000 /* of one source: QUOTA_SOURCE_MAX */

struct rate {
	uint64_t interval_ns; /* between two requests; 0: no limit */
	uint64_t burst;       /* requests at once; 0: not given */
};

enum over { OVER_503, OVER_DROP };

struct quota {
	struct rate rate;
	struct rate source; /* for each source address */
	enum over over;
};

/* Readers for schema rows; into is a struct rate. "500/s", "30/m", "10/h". */
bool quota_read_rate(struct load *load, const struct node *node, void *into);
bool quota_read_burst(struct load *load, const struct node *node, void *into);

/* `per_source` and `over`; into is a struct quota. */
bool quota_read_source(struct load *load, const struct node *node, void *into);
bool quota_read_over(struct load *load, const struct node *node, void *into);

/* What rate and burst mean together: burst is without a rate an error, and left out as
 * many as the rate has in its unit. */
bool quota_check(struct load *load, const struct node *node, struct rate *rate);

#endif
