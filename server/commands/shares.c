/* SPDX-License-Identifier: MIT */
#include "server/commands/shares.h"

#include <stdint.h>
#include <stdlib.h>

#define DEVIATIONS 4

bool tally_init(struct tally *tally, const struct expected *expected)
{
	tally->expected = expected;
	tally->counts = calloc(expected->share_count + 1, sizeof *tally->counts);
	return tally->counts;
}

void tally_fini(struct tally *tally)
{
	free(tally->counts);
}

void tally_add(struct tally *tally, struct slice gateway)
{
	size_t i = 0;
	while (i < tally->expected->share_count &&
	       !slice_equal(tally->expected->shares[i].gateway.text, gateway))
		i++;
	tally->counts[i]++;
}

/* The smallest number whose square is at least value. */
static uint64_t root(uint64_t value)
{
	uint64_t low = 0, high = (uint64_t)1 << 31;
	while (low < high) {
		uint64_t middle = (low + high) / 2;
		if (middle * middle >= value)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* The variance of a share p of n calls is p (1 - p) / n. */
unsigned long tally_tolerance(const struct expected *expected, unsigned long millionths)
{
	if (expected->has_tolerance)
		return expected->tolerance;
	uint64_t p = millionths < MILLION ? millionths : MILLION;
	uint64_t variance =
		(DEVIATIONS * DEVIATIONS * p * (MILLION - p) + expected->calls - 1) /
		expected->calls;
	return (unsigned long)root(variance);
}

static unsigned long share_of(const struct tally *tally, unsigned long count)
{
	uint64_t calls = tally->expected->calls;
	return (unsigned long)(((uint64_t)count * MILLION + calls / 2) / calls);
}

static bool is_near(const struct tally *tally, size_t i)
{
	uint64_t calls = tally->expected->calls;
	unsigned long wanted = tally->expected->shares[i].millionths;
	uint64_t got = (uint64_t)tally->counts[i] * MILLION, ideal = wanted * calls;
	uint64_t apart = got > ideal ? got - ideal : ideal - got;
	return apart <= tally_tolerance(tally->expected, wanted) * calls;
}

/* 0.75 */
static void write_fraction(FILE *to, unsigned long millionths)
{
	char digits[16];
	int length = snprintf(digits, sizeof digits, "%lu.%06lu", millionths / MILLION,
	                      millionths % MILLION);
	while (digits[length - 1] == '0')
		length--;
	if (digits[length - 1] == '.')
		length--;
	fwrite(digits, 1, (size_t)length, to);
}

static void write_wanted(FILE *to, const struct tally *tally)
{
	const struct expected *expected = tally->expected;
	fputs("shares: {", to);
	for (size_t i = 0; i < expected->share_count; i++) {
		const struct said_share *share = &expected->shares[i];
		fprintf(to, "%s%s: ", i ? ", " : "", share->gateway.text.at);
		write_fraction(to, share->millionths);
		fputs(" ± ", to);
		write_fraction(to, tally_tolerance(expected, share->millionths));
	}
	fputs("}\n", to);
}

static void write_got(FILE *to, const struct tally *tally)
{
	const struct expected *expected = tally->expected;
	fputs("shares: {", to);
	for (size_t i = 0; i < expected->share_count; i++) {
		fprintf(to, "%s%s: ", i ? ", " : "", expected->shares[i].gateway.text.at);
		write_fraction(to, share_of(tally, tally->counts[i]));
	}
	if (tally->counts[expected->share_count]) {
		fputs(", others: ", to);
		write_fraction(to, share_of(tally, tally->counts[expected->share_count]));
	}
	fprintf(to, "} of %lu calls\n", expected->calls);
}

bool tally_write(const struct tally *tally, FILE *to)
{
	bool same = true;
	for (size_t i = 0; i < tally->expected->share_count; i++)
		same &= is_near(tally, i);
	fputs(same ? "    " : "  - ", to);
	write_wanted(to, tally);
	if (!same) {
		fputs("  + ", to);
		write_got(to, tally);
	}
	return same;
}
