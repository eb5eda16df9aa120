/* SPDX-License-Identifier: MIT */
#include "server/operations/counters.h"

#include <assert.h>
#include <stdlib.h>

const unsigned counters_bounds_us[COUNTERS_BUCKETS - 1] = {
	10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000};

void counters_handled(struct counters *counters, uint64_t ns, uint64_t count)
{
	size_t i = 0;
	while (i < COUNTERS_BUCKETS - 1 && ns > (uint64_t)counters_bounds_us[i] * 1000)
		i++;
	counter_add(&counters->handled[i], count);
	counter_add(&counters->handled_ns, ns * count);
}

/* Large, so it comes from the kernel as zero pages, and takes no more memory than is
 * written to. */
struct counters *counterset_add(struct counterset *counterset)
{
	assert(counterset->count < COUNTERSET_MAX);
	struct counters *counters = calloc(1, sizeof *counters);
	if (counters)
		counterset->blocks[counterset->count++] = counters;
	return counters;
}

void counterset_free(struct counterset *counterset)
{
	while (counterset->count)
		free(counterset->blocks[--counterset->count]);
}

void counterset_sum(const struct counterset *counterset, struct counters *sum)
{
	struct counter *to = (struct counter *)sum;
	memset(sum, 0, sizeof *sum);
	for (size_t b = 0; b < counterset->count; b++) {
		const struct counter *from =
			(const struct counter *)counterset->blocks[b];
		for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
			counter_add(&to[i], counter_get(&from[i]));
	}
}
