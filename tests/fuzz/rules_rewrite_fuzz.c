/* SPDX-License-Identifier: MIT */
/* A regex, what is put in its place, and numbers, one on each line: what matches lies in
 * the number and takes bounded time, with JIT as without, and a rewrite gives what its
 * header says. rules_rewrite_corpus_test.c runs it as well. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                               \
	do {                                                                             \
		if (!(condition))                                                        \
			abort();                                                         \
	} while (0)

/* A hundred times what the limit of steps comes to: a sanitizer, and a busy machine. */
#define MATCH_MAX_S 0.5

static double cpu_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct slice next_line(struct slice *rest)
{
	struct slice line = {rest->at, slice_find(*rest, '\n')};
	*rest = slice_skip(*rest, line.len + 1);
	return line;
}

static struct pattern *compile(const char *start, struct slice text)
{
	char whole[PATTERN_BYTES_MAX + 64], error[128] = "";
	size_t offset = SIZE_MAX, before = strlen(start);
	if (text.len + before > sizeof whole)
		return NULL;
	memcpy(whole, start, before);
	memcpy(whole + before, text.at, text.len);
	struct pattern *pattern =
		pattern_new((struct slice){whole, before + text.len}, error, &offset);
	REQUIRE(pattern || (*error && offset <= before + text.len));
	REQUIRE(!pattern || pattern_groups(pattern) <= PATTERN_CAPTURES_MAX);
	return pattern;
}

static void check_groups(const struct pattern *pattern, struct slice number,
                         const struct pattern_space *space)
{
	for (unsigned i = 0; i <= pattern_groups(pattern) && i <= PATTERN_GROUPS_MAX;
	     i++) {
		struct slice group = pattern_group(space, number, i);
		REQUIRE(!group.len || (group.at >= number.at &&
		                       group.at + group.len <= number.at + number.len));
	}
}

/* In memory of just its size. */
static struct slice exact(struct slice text)
{
	char *copy = malloc(text.len ? text.len : 1);
	REQUIRE(copy);
	memcpy(copy, text.at ? text.at : "", text.len);
	return (struct slice){copy, text.len};
}

static enum pattern_result match(const struct pattern *pattern, struct slice number,
                                 struct pattern_space *space, struct slice *group)
{
	double start_s = cpu_s();
	enum pattern_result result = pattern_match(pattern, number, space);
	REQUIRE(cpu_s() - start_s < MATCH_MAX_S);
	if (result != PATTERN_YES)
		return result;
	check_groups(pattern, number, space);
	*group = pattern_group(space, number, 0);
	return result;
}

/* "$1" and the like, as a rewrite has it in pieces; every text is one. */
static size_t read_pieces(struct slice with, unsigned groups,
                          struct replace_piece pieces[NUMBER_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < with.len && count < NUMBER_MAX; i++) {
		bool named = with.at[i] == '$' && i + 1 < with.len &&
		             with.at[i + 1] >= '0' && with.at[i + 1] <= '9';
		unsigned group = named ? (unsigned)(with.at[i + 1] - '0') : 0;
		pieces[count++] = (struct replace_piece){
			.literal = {with.at + i, 1},
			.group = named && group <= groups ? (int)group : -1};
		i += named;
	}
	return count;
}

static void check_rewrite(const struct rewrite *rewrite, struct slice number,
                          struct pattern_space *space)
{
	char buffers[2][NUMBER_MAX];
	struct slice out = {NULL, SIZE_MAX};
	if (rewrite_apply(rewrite, number, buffers, space, &out) != PATTERN_YES)
		return;
	REQUIRE(out.len > 0 && out.len <= NUMBER_MAX);
	bool in_number =
		out.at >= number.at && out.at + out.len <= number.at + number.len;
	bool in_first =
		out.at >= buffers[0] && out.at + out.len <= buffers[0] + NUMBER_MAX;
	bool in_second =
		out.at >= buffers[1] && out.at + out.len <= buffers[1] + NUMBER_MAX;
	REQUIRE(in_number || in_first || in_second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pattern_space *space;
	static struct replace_piece pieces[NUMBER_MAX];
	struct slice rest = {(const char *)data, size};
	struct slice regex = next_line(&rest), with = next_line(&rest);
	struct slice strip = next_line(&rest), prepend = next_line(&rest);
	if (!space)
		REQUIRE(space = pattern_space_new());
	struct pattern *pattern = compile("", regex),
		       *plain = compile("(*NO_JIT)", regex);
	if (strip.len > NUMBER_MAX || prepend.len > NUMBER_MAX || !pattern)
		goto out;
	struct compiled_pattern compiled = {.pattern = pattern};
	struct rewrite rewrite = {.has_strip = strip.len > 0,
	                          .strip_text = strip,
	                          .prepend = prepend,
	                          .pattern = &compiled,
	                          .pieces = pieces};
	rewrite.piece_count = read_pieces(with, pattern_groups(pattern), pieces);
	for (int i = 0; i < 8 && rest.len; i++) {
		struct slice number = exact(next_line(&rest)), a = {0}, b = {0};
		number.len = number.len < NUMBER_MAX ? number.len : NUMBER_MAX;
		enum pattern_result result = match(pattern, number, space, &a);
		enum pattern_result again =
			plain ? match(plain, number, space, &b) : PATTERN_GAVE_UP;
		if (result != PATTERN_GAVE_UP && again != PATTERN_GAVE_UP)
			REQUIRE(result == again && a.len == b.len &&
			        (!a.len || a.at == b.at));
		check_rewrite(&rewrite, number, space);
		free((char *)(uintptr_t)number.at);
	}
out:
	pattern_free(pattern);
	pattern_free(plain);
	return 0;
}
