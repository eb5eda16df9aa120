/* SPDX-License-Identifier: MIT */
/* rules_random.h - random routing tables and calls for the reference.
 *
 * Few different texts, and calls made from those that the rules ask for, so that exact
 * numbers, prefixes, regexes and the default are all met often.
 */
#ifndef TESTS_RULES_RANDOM_H
#define TESTS_RULES_RANDOM_H

#include <stdint.h>

#include "tests/rules_reference.h"

/* Compiles the regexes that tables are made with; once. */
void random_init(void);
void random_fini(void);

/* 0 to count - 1; and whether it is 0. */
size_t random_below(uint64_t *state, size_t count);
bool random_one_in(uint64_t *state, size_t count);

void random_table(uint64_t *state, struct ref_table *table);
void random_call(uint64_t *state, const struct ref_table *table, struct ref_call *call);

/* What else there is to know of such a table: how many of texts have a form, whether
 * texts of a kind can have other forms than exact, and what its zones are called. */
size_t random_count(const struct ref_texts *texts, enum ref_form form);
bool random_has_forms(enum ref_kind kind);
extern const char *const random_zones[REF_ZONES];

#endif
