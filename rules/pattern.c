/* SPDX-License-Identifier: MIT */
#include "rules/pattern.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define BYTES_PER_STEP 64 /* moving over these takes about as long as one callback */
#define HEAP_LIMIT_KIB 8192
#define JIT_STACK_MIN  ((size_t)64 << 10)
#define JIT_STACK_MAX  ((size_t)1 << 20)

struct pattern {
	pcre2_code *code;
	uint32_t groups;
};

struct pattern_space {
	pcre2_match_data *data;
	pcre2_match_context *limits;
	pcre2_jit_stack *stack; /* NULL where there is no JIT */
	size_t pairs;           /* of offsets that the last match set */
	size_t steps;           /* taken by the match */
	size_t moved;           /* bytes that it moved forward */
	size_t position;        /* where it was last */
};

/* PCRE2 calls this before each item of an expression. */
static int count_step(pcre2_callout_block *block, void *arg)
{
	struct pattern_space *space = arg;
	size_t position = block->current_position;
	if (position > space->position)
		space->moved += position - space->position;
	space->position = position;
	space->steps++;
	if (space->steps + space->moved / BYTES_PER_STEP > PATTERN_MATCH_LIMIT)
		return PCRE2_ERROR_MATCHLIMIT;
	return 0;
}

/* On failure returns NULL and *error is PCRE2's number. */
static pcre2_code *compile(struct slice text, int *error, size_t *offset)
{
	pcre2_compile_context *limits = pcre2_compile_context_create(NULL);
	*error = PCRE2_ERROR_NOMEMORY;
	*offset = 0;
	if (!limits)
		return NULL;
	pcre2_set_parens_nest_limit(limits, PATTERN_NESTING_MAX);
	uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C |
	                   PCRE2_DOLLAR_ENDONLY | PCRE2_AUTO_CALLOUT;
	PCRE2_SPTR bytes = (PCRE2_SPTR)(text.at ? text.at : "");
	pcre2_code *code = pcre2_compile(bytes, text.len, options, error, offset, limits);
	pcre2_compile_context_free(limits);
	return code;
}

static struct pattern *pattern_of(pcre2_code *code, char error[128])
{
	uint32_t groups = 0;
	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
	if (groups > PATTERN_CAPTURES_MAX) {
		snprintf(error, 128, "more than %d groups", PATTERN_CAPTURES_MAX);
		return NULL;
	}
	struct pattern *pattern = calloc(1, sizeof(*pattern));
	if (!pattern) {
		snprintf(error, 128, "out of memory");
		return NULL;
	}
	*pattern = (struct pattern){code, groups};
	return pattern;
}

struct pattern *pattern_new(struct slice text, char error[128], size_t *offset)
{
	if (text.len > PATTERN_BYTES_MAX) {
		snprintf(error, 128, "longer than %d bytes", PATTERN_BYTES_MAX);
		*offset = PATTERN_BYTES_MAX;
		return NULL;
	}
	int number;
	size_t where;
	pcre2_code *code = compile(text, &number, &where);
	if (!code) {
		pcre2_get_error_message(number, (PCRE2_UCHAR *)error, 128);
		*offset = where;
		return NULL;
	}
	struct pattern *pattern = pattern_of(code, error);
	if (!pattern) {
		*offset = 0;
		pcre2_code_free(code);
		return NULL;
	}
	/* May fail, on a system that lets nobody write code; then PCRE2 interprets. */
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	return pattern;
}

void pattern_free(struct pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_code_free(pattern->code);
	free(pattern);
}

unsigned pattern_groups(const struct pattern *pattern)
{
	return pattern->groups;
}

struct pattern_space *pattern_space_new(void)
{
	struct pattern_space *space = calloc(1, sizeof(*space));
	if (!space)
		return NULL;
	space->data = pcre2_match_data_create(PATTERN_GROUPS_MAX + 1, NULL);
	space->limits = pcre2_match_context_create(NULL);
	if (!space->data || !space->limits) {
		pattern_space_free(space);
		return NULL;
	}
	/* The first two only back up count_step(): no item can go on for ever by itself.
	 */
	pcre2_set_match_limit(space->limits, PATTERN_MATCH_LIMIT);
	pcre2_set_depth_limit(space->limits, PATTERN_MATCH_LIMIT);
	pcre2_set_heap_limit(space->limits, HEAP_LIMIT_KIB);
	pcre2_set_callout(space->limits, count_step, space);
	/* Without a stack of its own JIT code uses 32 KiB of the thread's. */
	space->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
	if (space->stack)
		pcre2_jit_stack_assign(space->limits, NULL, space->stack);
	return space;
}

void pattern_space_free(struct pattern_space *space)
{
	if (!space)
		return;
	pcre2_jit_stack_free(space->stack);
	pcre2_match_context_free(space->limits);
	pcre2_match_data_free(space->data);
	free(space);
}

enum pattern_result pattern_match(const struct pattern *pattern, struct slice subject,
                                  struct pattern_space *space)
{
	space->steps = space->moved = space->position = 0;
	space->pairs = 0;
	int pairs = pcre2_match(pattern->code, (PCRE2_SPTR)(subject.at ? subject.at : ""),
	                        subject.len, 0, 0, space->data, space->limits);
	if (pairs == PCRE2_ERROR_NOMATCH)
		return PATTERN_NO;
	if (pairs < 0)
		return PATTERN_GAVE_UP;
	/* 0: the expression has more groups than fit; the first are there. */
	space->pairs = pairs > 0 ? (size_t)pairs : PATTERN_GROUPS_MAX + 1;
	return PATTERN_YES;
}

struct slice pattern_group(const struct pattern_space *space, struct slice subject,
                           unsigned group)
{
	struct slice nothing = {subject.at, 0};
	if (group >= space->pairs)
		return nothing;
	const size_t *offsets =
		pcre2_get_ovector_pointer(space->data) + 2 * (size_t)group;
	if (offsets[0] == PCRE2_UNSET)
		return nothing;
	/* A \K may put the start behind the end. */
	size_t len = offsets[1] > offsets[0] ? offsets[1] - offsets[0] : 0;
	return (struct slice){subject.at + offsets[0], len};
}
