/* SPDX-License-Identifier: MIT */
#include "server/trust/limiter.h"

#include <stdlib.h>

#include "server/trust/buckets.h"

/* What is known of a peer, for as long as settings have it. */
struct meter {
	size_t users; /* limiters; of the thread that makes and frees them */
	struct bucket requests, looks;
	struct buckets *sources, *source_looks; /* NULL: not limited */
};

struct limiter {
	const struct settings *settings;
	struct meter *all;
	size_t count;
	struct meter *meters[]; /* by the number of the peer */
};

/* Peers */

static bool is_limited(const struct rate *rate)
{
	return rate->interval_ns;
}

static struct rate second_look(const struct rate *rate)
{
	return (struct rate){rate->interval_ns / SECOND_LOOK, rate->burst * SECOND_LOOK};
}

/* At the peer, by its limit or else by that of all. */
static enum limit look_again(const struct limiter *limiter, const struct quota *quota,
                             struct meter *meter, uint64_t now_ns)
{
	const struct rate *rate =
		is_limited(&quota->rate) ? &quota->rate : &limiter->settings->rate;
	struct rate second = second_look(rate);
	return !is_limited(rate) || bucket_take(&meter->looks, &second, now_ns)
	               ? LIMIT_LOOK
	               : LIMIT_DROP;
}

/* At the source, and then at its peer. */
static enum limit look_at_source(const struct limiter *limiter, const struct quota *quota,
                                 struct meter *meter, const struct address *source,
                                 uint64_t now_ns)
{
	struct rate second = second_look(&quota->source);
	return buckets_take(meter->source_looks, &second, source, now_ns)
	               ? look_again(limiter, quota, meter, now_ns)
	               : LIMIT_DROP;
}

enum limit limiter_take(struct limiter *limiter, const struct peer *peer,
                        const struct address *source, uint64_t now_ns)
{
	if (!limiter)
		return LIMIT_PASS;
	const struct quota *quota = &peer->quota;
	const struct rate *all = &limiter->settings->rate;
	struct meter *meter = limiter->meters[peer->number];
	if (is_limited(&quota->source) &&
	    !buckets_take(meter->sources, &quota->source, source, now_ns))
		return look_at_source(limiter, quota, meter, source, now_ns);
	if (is_limited(&quota->rate) &&
	    !bucket_take(&meter->requests, &quota->rate, now_ns))
		return look_again(limiter, quota, meter, now_ns);
	if (is_limited(all) && !bucket_take(&limiter->all->requests, all, now_ns))
		return look_again(limiter, quota, meter, now_ns);
	return LIMIT_PASS;
}

/* Making */

static void meter_free(struct meter *meter)
{
	if (!meter || --meter->users)
		return;
	buckets_free(meter->sources);
	buckets_free(meter->source_looks);
	free(meter);
}

/* NULL when out of memory. */
static struct meter *meter_use(struct meter *known)
{
	struct meter *meter = known ? known : calloc(1, sizeof *meter);
	if (meter)
		meter->users++;
	return meter;
}

/* Most stay in their order: it is looked for behind the one found before. */
static struct meter *known_meter(const struct limiter *previous, struct slice name,
                                 size_t *next)
{
	for (size_t i = 0; previous && i < previous->count; i++) {
		size_t at = (*next + i) % previous->count;
		if (slice_equal(previous->settings->peers[at]->name, name)) {
			*next = at + 1;
			return previous->meters[at];
		}
	}
	return NULL;
}

/* A table that threads may be using is not added to: such a meter begins anew. */
static struct meter *meter_for(const struct limiter *previous, const struct peer *peer,
                               size_t *next)
{
	struct meter *known = known_meter(previous, peer->name, next);
	bool wants = is_limited(&peer->quota.source);
	struct meter *meter = meter_use(known && wants && !known->sources ? NULL : known);
	if (!meter || !wants || meter->sources)
		return meter;
	meter->sources = buckets_new();
	meter->source_looks = buckets_new();
	if (meter->sources && meter->source_looks)
		return meter;
	meter_free(meter);
	return NULL;
}

struct limiter *limiter_new(const struct settings *settings, struct limiter *previous)
{
	size_t count = settings->peer_count, next = 0;
	struct limiter *limiter =
		calloc(1, sizeof *limiter + count * sizeof limiter->meters[0]);
	if (!limiter)
		return NULL;
	limiter->settings = settings;
	limiter->all = meter_use(previous ? previous->all : NULL);
	bool good = limiter->all;
	for (size_t i = 0; good && i < count; i++) {
		limiter->meters[i] = meter_for(previous, settings->peers[i], &next);
		limiter->count += good = limiter->meters[i];
	}
	if (good)
		return limiter;
	limiter_free(limiter);
	return NULL;
}

void limiter_free(struct limiter *limiter)
{
	if (!limiter)
		return;
	for (size_t i = 0; i < limiter->count; i++)
		meter_free(limiter->meters[i]);
	meter_free(limiter->all);
	free(limiter);
}
