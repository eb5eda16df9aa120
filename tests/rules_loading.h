/* SPDX-License-Identifier: MIT */
/* rules_loading.h - routing tables from texts, for the tests of rules/. */
#ifndef TESTS_RULES_LOADING_H
#define TESTS_RULES_LOADING_H

#include "rules/rule.h"
#include "rules/table.h"

#define LOADING_PLENTY    ((size_t)1 << 30) /* bytes of memory */
#define LOADING_FILE      "t.yaml"          /* as findings name it */
#define LOADING_COUNT(of) ((int)(sizeof(of) / sizeof((of)[0])))

/* A literal as a slice, so that it may hold a NUL. */
#define LOADING_TEXT(literal)                                                            \
	{                                                                                \
		literal, sizeof(literal) - 1                                             \
	}

/* Unchecked fixtures: a folder for the file, gone into, and removed again. */
void loading_enter(void);
void loading_leave(void);

/* Writes the file. */
void loading_write(const char *yaml);

/* Loads yaml. NULL if there were errors. *findings is what was found, as it is printed:
 * to be freed. */
struct table *loading_try(const char *yaml, char **findings);

/* Loads yaml, which must give no findings at all. To be freed. */
struct table *loading_good(const char *yaml);

/* Loads the file with a little more memory each time, until it suffices, which must fail
 * more than failures_min times first. Each failure must be a finding or some, errors_max
 * at most, and no table. To be freed. */
struct table *loading_starve(size_t errors_max, size_t failures_min);

/* A part of a table, read by the reader under test: the load to give it, and what is
 * freed with loading_end(). */
struct loading {
	struct table_load load;
	struct table table;
	struct document *document;
};

/* Gives the root of yaml, which must be good YAML. */
const struct node *loading_begin(struct loading *loading, const char *yaml);

/* Frees everything and gives the findings, to be freed. */
char *loading_end(struct loading *loading);

/* Fails the test if not good. ck_assert() writes to a pipe each time, too slow for loops
 * of very many. */
void loading_expect(bool good, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Looks facts up and writes the decision as text, to be freed:
 * "uk: 302 london-1=sip:1@gw1 sip:1@gw2 number=1 expires=60 left_out=1",
 * "barred: 603 phrase='Not here' reason=Q.850;cause=21 retry_after=5", with
 * "disabled", "incomplete", "unfit", "no rate", "too dear" or "gave up" for the cause. */
char *loading_decide(const struct table *table, const struct facts *facts);

/* A request's headers: name, value, name, value, ..., NULL. For facts.request. */
bool loading_header(const void *request, struct slice name, size_t i,
                    struct slice *value);

/* A seeded generator, the same on all machines. */
uint64_t loading_random(uint64_t *state);

/* Random rules over few numbers, callers, hosts and so on, so that they often meet. Their
 * names are r0, r1, ... */
#define LOADING_RULES_MAX 24
struct loading_rules {
	size_t count;
	char text[LOADING_RULES_MAX][600];
};
void loading_random_rules(uint64_t *state, struct loading_rules *rules);

/* The rules as a file, to be freed. order NULL: as they are. */
char *loading_rules_yaml(const struct loading_rules *rules, const size_t *order,
                         bool longest);

/* A random call that such rules can match. */
struct loading_call {
	struct facts facts;
	char called[8], caller[8], tgrp[8];
	const char *headers[5];
};
void loading_random_call(uint64_t *state, struct loading_call *call);

#endif
