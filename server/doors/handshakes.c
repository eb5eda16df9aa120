/* SPDX-License-Identifier: MIT */
#include "server/doors/handshakes.h"

#include <stdlib.h>

#include "server/trust/buckets.h"

#define SECOND_NS 1000000000

struct handshakes {
	struct bucket all;
	struct buckets *sources;
};

static const struct rate of_all = {SECOND_NS / HANDSHAKES_RATE, HANDSHAKES_BURST};
static const struct rate of_source = {SECOND_NS / HANDSHAKES_SOURCE_RATE,
                                      HANDSHAKES_SOURCE_BURST};

struct handshakes *handshakes_new(void)
{
	struct handshakes *handshakes = calloc(1, sizeof *handshakes);
	if (!handshakes)
		return NULL;
	handshakes->sources = buckets_new();
	if (handshakes->sources)
		return handshakes;
	free(handshakes);
	return NULL;
}

void handshakes_free(struct handshakes *handshakes)
{
	if (!handshakes)
		return;
	buckets_free(handshakes->sources);
	free(handshakes);
}

/* What one source has over its own takes nothing from the others. */
const char *handshakes_refuse(struct handshakes *handshakes, const struct address *source,
                              uint64_t now_ns)
{
	if (!buckets_take(handshakes->sources, &of_source, source, now_ns))
		return "handshakes of its source";
	if (!bucket_take(&handshakes->all, &of_all, now_ns))
		return "handshakes of strangers";
	return NULL;
}

void handshakes_give_back(struct handshakes *handshakes, const struct address *source,
                          uint64_t now_ns)
{
	buckets_give_back(handshakes->sources, &of_source, source, now_ns);
	bucket_give_back(&handshakes->all, &of_all, now_ns);
}
