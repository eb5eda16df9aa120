/* SPDX-License-Identifier: MIT */
#include "rules/select.h"

/* Spreads two hashes over 64 bits (the finalizer of SplitMix64). */
static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t x = a + 0x9e3779b97f4a7c15u * (b | 1) + b;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* -ln((x + 1) / 2^53), x < 2^53, with IEEE additions, multiplications and divisions only:
 * a libm may round differently on another machine, and replicas must agree. The series in
 * s = (m-1)/(m+1), |s| < 0.172, is exact to 1e-12. */
static double minus_log(uint64_t x)
{
	double m = (double)(x + 1);
	int halvings = 53;
	while (m >= 1.4142135623730951) {
		m *= 0.5;
		halvings--;
	}
	double s = (m - 1) / (m + 1), square = s * s;
	double series = 1.0 / 13;
	for (int k = 11; k >= 1; k -= 2)
		series = series * square + 1.0 / k;
	return halvings * 0.69314718055994531 - 2 * s * series;
}

/* An exponential variable with rate weight: the smallest of some falls to each by its
 * weight. */
double select_draw(uint64_t hash, unsigned weight, uint64_t call_key)
{
	return minus_log(mix(call_key, hash) >> 11) / weight;
}

static bool is_in_use(const struct gateway *gateway, int64_t now_s)
{
	return gateway->enabled &&
	       (!gateway->period || period_has(gateway->period, now_s));
}

size_t select_order(const struct tier *tier, uint64_t call_key, int64_t now_s,
                    const struct gateway *order[ROUTE_TARGETS_MAX])
{
	double drawn[ROUTE_TARGETS_MAX];
	size_t count = 0;
	for (size_t i = 0; i < tier->count && i < ROUTE_TARGETS_MAX; i++) {
		const struct gateway *gateway = tier->gateways[i];
		if (!is_in_use(gateway, now_s))
			continue;
		double mine = tier->count > 1 ? select_draw(gateway->hash,
		                                            gateway->weight, call_key)
		                              : 0;
		size_t place = count++;
		for (; place > 0 && drawn[place - 1] > mine; place--) {
			drawn[place] = drawn[place - 1];
			order[place] = order[place - 1];
		}
		drawn[place] = mine;
		order[place] = gateway;
	}
	return count;
}
