/* SPDX-License-Identifier: MIT */
/* numbers.c - reads a table of numbers, or rules, and looks numbers up.
 *
 *     numbers exact|prefix FILE COUNT     the file has COUNT numbers as bench.py writes
 * them numbers rules FILE
 *
 * Prints one line of key=value: rows, load_s, cpu_s (of loading), bytes of memory, rss
 * (bytes that the process has grown by), find_ns: a look-up in random order and reading a
 * column; the making of the number is taken off. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rules/numbersfile.h"
#include "rules/table.h"

#define FINDS 4000000u

volatile size_t sink; /* so that what is found matters */

static double now_s(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double rss_bytes(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	if (file && fscanf(file, "%*d %ld", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static int fail(struct diags *diags)
{
	diags_print(diags, stderr);
	return 1;
}

static void make_number(char number[13], uint64_t i, uint64_t count)
{
	uint64_t n = i * 618033989 % count * (1000000000 / count);
	memcpy(number, "+44", 3);
	for (int digit = 11; digit > 2; digit--, n /= 10)
		number[digit] = (char)('0' + n % 10);
}

/* With numbers NULL: what making the numbers takes. */
static double find(const struct numbers *numbers, uint64_t count)
{
	size_t found = 0;
	double start = now_s(CLOCK_THREAD_CPUTIME_ID);
	for (uint64_t i = 0; i < FINDS; i++) {
		char number[13];
		struct numbers_row row;
		make_number(number, i % count, count);
		if (!numbers)
			found += (unsigned char)number[11];
		else if (numbers_find(numbers, (struct slice){number, 12}, &row))
			found += numbers_value(numbers, &row, 0).len;
	}
	sink = found;
	return (now_s(CLOCK_THREAD_CPUTIME_ID) - start) / FINDS * 1e9;
}

static int measure_numbers(enum numbers_match match, const char *path, uint64_t count)
{
	struct diags *diags = diags_new();
	struct numbersfile file = {.source.path = path, .match = match};
	double rss = rss_bytes(), start = now_s(CLOCK_MONOTONIC);
	double cpu = now_s(CLOCK_THREAD_CPUTIME_ID);
	if (!diags || !numbersfile_load(&file, NULL, TABLE_BYTES_MAX, diags))
		return fail(diags);
	double load_s = now_s(CLOCK_MONOTONIC) - start;
	cpu = now_s(CLOCK_THREAD_CPUTIME_ID) - cpu;
	printf("rows=%zu load_s=%.3f cpu_s=%.3f bytes=%zu rss=%.0f find_ns=%.1f\n",
	       numbers_count(file.numbers), load_s, cpu, numbers_bytes(file.numbers),
	       rss_bytes() - rss, find(file.numbers, count) - find(NULL, count));
	numbers_release(file.numbers);
	diags_free(diags);
	return 0;
}

static int measure_rules(const char *path)
{
	struct diags *diags = diags_new();
	double rss = rss_bytes(), start = now_s(CLOCK_MONOTONIC);
	double cpu = now_s(CLOCK_THREAD_CPUTIME_ID);
	struct table *table = diags ? table_load(path, TABLE_BYTES_MAX, diags) : NULL;
	if (!table)
		return fail(diags);
	printf("rows=%zu load_s=%.3f cpu_s=%.3f bytes=%zu rss=%.0f\n",
	       table_counts(table).rules, now_s(CLOCK_MONOTONIC) - start,
	       now_s(CLOCK_THREAD_CPUTIME_ID) - cpu, table_counts(table).bytes,
	       rss_bytes() - rss);
	table_free(table);
	diags_free(diags);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "rules") == 0)
		return measure_rules(argv[2]);
	if (argc == 4 && strcmp(argv[1], "exact") == 0)
		return measure_numbers(NUMBERS_EXACT, argv[2],
		                       strtoull(argv[3], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "prefix") == 0)
		return measure_numbers(NUMBERS_PREFIX, argv[2],
		                       strtoull(argv[3], NULL, 10));
	fputs("usage: numbers exact|prefix FILE COUNT, numbers rules FILE\n", stderr);
	return 2;
}
