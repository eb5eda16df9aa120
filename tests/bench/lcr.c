/* SPDX-License-Identifier: MIT */
/* lcr.c - what a choice among carriers adds to a look-up.
 *
 *     lcr LCR.yaml PLAIN.yaml
 *
 * The first table redirects by decks, the second to the same gateways without. Prints one
 * line of key=value: load_s, cpu_s (of loading the first), bytes of its decks, lcr_ns and
 * plain_ns: a look-up of a random number of 12 digits, as a server does it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rules/table.h"

#define LOOKUPS 1000000u

volatile size_t sink; /* so that what is found matters */

static double now_s(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct table *load(const char *path)
{
	struct diags *diags = diags_new();
	struct table *table = diags ? table_load(path, TABLE_BYTES_MAX, diags) : NULL;
	if (!table)
		diags_print(diags, stderr);
	diags_free(diags);
	return table;
}

/* SplitMix64 */
static uint64_t next(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static double lookup_ns(const struct table *table)
{
	struct workspace *workspace = workspace_new();
	uint64_t state = 1;
	size_t found = 0;
	double start = now_s(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned i = 0; i < LOOKUPS; i++) {
		char number[13] = "+";
		struct decision decision;
		uint64_t digits = next(&state);
		for (int d = 1; d < 13; d++, digits /= 10)
			number[d] = (char)('0' + digits % 10);
		if (number[1] == '0')
			number[1] = '1';
		struct facts facts = {.called = {number, sizeof number},
		                      .now_s = 1795348800,
		                      .call_key = digits};
		table_lookup(table, &facts, workspace, NULL, &decision);
		found += decision.target_count;
	}
	sink = found;
	double spent = now_s(CLOCK_THREAD_CPUTIME_ID) - start;
	workspace_free(workspace);
	fprintf(stderr, "%.2f Contacts a call\n", (double)found / LOOKUPS);
	return spent / LOOKUPS * 1e9;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fputs("usage: lcr LCR.yaml PLAIN.yaml\n", stderr);
		return 2;
	}
	double start = now_s(CLOCK_MONOTONIC), cpu = now_s(CLOCK_THREAD_CPUTIME_ID);
	struct table *lcr = load(argv[1]);
	double load_s = now_s(CLOCK_MONOTONIC) - start;
	cpu = now_s(CLOCK_THREAD_CPUTIME_ID) - cpu;
	struct table *plain = load(argv[2]);
	if (!lcr || !plain)
		return 1;
	printf("load_s=%.3f cpu_s=%.3f bytes=%zu lcr_ns=%.0f plain_ns=%.0f\n", load_s,
	       cpu, table_counts(lcr).bytes - table_counts(plain).bytes, lookup_ns(lcr),
	       lookup_ns(plain));
	table_free(lcr);
	table_free(plain);
	return 0;
}
