/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/operations/counters.h"
#include "server/operations/exposition.h"
#include "server/operations/numbering.h"
#include "server/operations/registry.h"
#include "tests/runner.h"

static struct registry *registry;

static void make_registry(void)
{
	registry = registry_new();
	ck_assert_ptr_nonnull(registry);
}

static void free_registry(void)
{
	registry_free(registry);
}

static unsigned rule(const char *name)
{
	return registry_number(registry, REGISTRY_RULES, slice_of(name));
}

static bool is_called(enum registry_kind kind, unsigned number, const char *name)
{
	return slice_equal(registry_name(registry, kind, number), slice_of(name));
}

START_TEST(a_name_keeps_its_number)
{
	unsigned a = rule("a"), b = rule("b");
	ck_assert_uint_ne(a, b);
	ck_assert_uint_ne(a, REGISTRY_OTHER);
	ck_assert_uint_eq(rule("a"), a);
	ck_assert_uint_eq(rule("b"), b);
	ck_assert(is_called(REGISTRY_RULES, a, "a"));
	ck_assert_uint_eq(registry_count(registry, REGISTRY_RULES), 3);
	ck_assert_uint_eq(registry_count(registry, REGISTRY_PEERS), 1);
	ck_assert(is_called(REGISTRY_PEERS, REGISTRY_OTHER, "other"));
}
END_TEST

START_TEST(names_are_copied_and_may_be_empty)
{
	char name[] = "abc";
	unsigned number = registry_number(registry, REGISTRY_RULES,
	                                  (struct slice){name, sizeof name - 1});
	name[0] = 'x';
	ck_assert(is_called(REGISTRY_RULES, number, "abc"));
	unsigned empty = registry_number(registry, REGISTRY_RULES, (struct slice){0});
	ck_assert_uint_ne(empty, REGISTRY_OTHER);
	ck_assert(is_called(REGISTRY_RULES, empty, ""));
}
END_TEST

START_TEST(beyond_the_limit_all_are_others)
{
	char name[32];
	for (unsigned i = 1; i <= REGISTRY_MAX; i++) {
		snprintf(name, sizeof name, "rule %u", i);
		ck_assert_uint_eq(rule(name), i);
	}
	ck_assert_uint_eq(rule("one more"), REGISTRY_OTHER);
	ck_assert_uint_eq(rule("rule 1"), 1);
	ck_assert_uint_eq(rule(name), REGISTRY_MAX);
	ck_assert_uint_eq(registry_count(registry, REGISTRY_RULES), REGISTRY_MAX + 1);
	ck_assert_uint_ne(registry_number(registry, REGISTRY_PEERS, slice_of("one more")),
	                  REGISTRY_OTHER);
}
END_TEST

START_TEST(nobody_is_called_other_but_the_others)
{
	ck_assert_uint_eq(rule("other"), REGISTRY_OTHER);
	ck_assert_uint_eq(registry_count(registry, REGISTRY_RULES), 1);
}
END_TEST

START_TEST(methods_nobody_knows_are_others)
{
	numbering_start(registry);
	unsigned invite = numbering_method(slice_of("INVITE"));
	unsigned update = numbering_method(slice_of("UPDATE"));
	ck_assert(is_called(REGISTRY_METHODS, invite, "INVITE"));
	ck_assert(is_called(REGISTRY_METHODS, update, "UPDATE"));
	ck_assert_uint_eq(registry_number(registry, REGISTRY_METHODS, slice_of("INVITE")),
	                  invite);
	ck_assert_uint_eq(numbering_method(slice_of("invite")), REGISTRY_OTHER);
	ck_assert_uint_eq(numbering_method(slice_of("INVITER")), REGISTRY_OTHER);
	ck_assert_uint_eq(numbering_method(slice_of("")), REGISTRY_OTHER);
	char name[32];
	for (unsigned i = 0; i < 2 * REGISTRY_METHODS_MAX; i++) {
		snprintf(name, sizeof name, "M%u", i);
		ck_assert_uint_le(
			registry_number(registry, REGISTRY_METHODS, slice_of(name)),
			REGISTRY_METHODS_MAX);
	}
}
END_TEST

/* Counters */

START_TEST(blocks_are_summed)
{
	struct counterset set = {0};
	struct counters *one = counterset_add(&set), *two = counterset_add(&set);
	struct counters *sum = calloc(1, sizeof *sum);
	counter_add(&one->replies[1][102], 5);
	counter_add(&two->replies[1][102], 7);
	counter_add(&two->handled[COUNTERS_BUCKETS - 1], 1); /* the last of all */
	counter_add(&one->listeners[COUNTERS_NAMES - 1].closed, 2);
	counter_add(&sum->cut, 99); /* what is there does not count */
	counterset_sum(&set, sum);
	ck_assert_uint_eq(counter_get(&sum->replies[1][102]), 12);
	ck_assert_uint_eq(counter_get(&sum->handled[COUNTERS_BUCKETS - 1]), 1);
	ck_assert_uint_eq(counter_get(&sum->listeners[COUNTERS_NAMES - 1].closed), 2);
	ck_assert_uint_eq(counter_get(&sum->cut), 0);
	uint64_t all = 0;
	for (size_t i = 0; i < sizeof *sum / sizeof(struct counter); i++)
		all += counter_get((struct counter *)sum + i);
	ck_assert_uint_eq(all, 15);
	free(sum);
	counterset_free(&set);
}
END_TEST

#define COUNTS 200000

static void *count_up(void *arg)
{
	struct counters *counters = arg;
	for (int i = 0; i < COUNTS; i++)
		counter_add(&counters->rules[3], 1);
	return NULL;
}

START_TEST(a_sum_beside_counting_never_falls)
{
	struct counterset set = {0};
	pthread_t threads[2];
	struct counters *sum = calloc(1, sizeof *sum);
	uint64_t last = 0;
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, count_up, counterset_add(&set));
	while (last < COUNTS) {
		counterset_sum(&set, sum);
		ck_assert_uint_ge(counter_get(&sum->rules[3]), last);
		last = counter_get(&sum->rules[3]);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	counterset_sum(&set, sum);
	ck_assert_uint_eq(counter_get(&sum->rules[3]), 2 * COUNTS);
	free(sum);
	counterset_free(&set);
}
END_TEST

static const struct {
	uint64_t ns;
	size_t bucket;
} times[] = {
	{0, 0},     {10000, 0}, /* le: less or equal */
	{10001, 1}, {25000, 1}, {100000000, 12}, {100000001, 13}, {UINT64_C(1) << 60, 13},
};

START_TEST(a_time_is_in_the_bucket_whose_bound_it_does_not_exceed)
{
	struct counters *counters = calloc(1, sizeof *counters);
	counters_handled(counters, times[_i].ns, 3);
	for (size_t i = 0; i < COUNTERS_BUCKETS; i++)
		ck_assert_uint_eq(counter_get(&counters->handled[i]),
		                  i == times[_i].bucket ? 3 : 0);
	ck_assert_uint_eq(counter_get(&counters->handled_ns), 3 * times[_i].ns);
	free(counters);
}
END_TEST

static const struct {
	const char *value, *expected;
} values[] = {
	{"", ""},
	{"uk \xc3\xa9", "uk \xc3\xa9"},
	{"a\"b\\c\nd", "a\\\"b\\\\c\\nd"},
	{"\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd"},
	{"{}=,", "{}=,"},
};

START_TEST(labels_are_escaped)
{
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	exposition_label(slice_of(values[_i].value), to);
	fclose(to);
	ck_assert_str_eq(text, values[_i].expected);
	free(text);
}
END_TEST

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

Suite *test_suite(void)
{
	Suite *suite = suite_create("counters");
	TCase *tc = tcase_create("registry");
	tcase_add_checked_fixture(tc, make_registry, free_registry);
	tcase_add_test(tc, a_name_keeps_its_number);
	tcase_add_test(tc, names_are_copied_and_may_be_empty);
	tcase_add_test(tc, beyond_the_limit_all_are_others);
	tcase_add_test(tc, nobody_is_called_other_but_the_others);
	tcase_add_test(tc, methods_nobody_knows_are_others);
	suite_add_tcase(suite, tc);
	tc = tcase_create("counters");
	tcase_add_test(tc, blocks_are_summed);
	tcase_add_test(tc, a_sum_beside_counting_never_falls);
	tcase_add_loop_test(tc, a_time_is_in_the_bucket_whose_bound_it_does_not_exceed, 0,
	                    COUNT(times));
	tcase_add_loop_test(tc, labels_are_escaped, 0, COUNT(values));
	suite_add_tcase(suite, tc);
	return suite;
}
