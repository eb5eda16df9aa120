/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "server/operations/damping.h"
#include "tests/runner.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Results, a letter each: a answered, f failed, r refused; and what it is after each. */
static const struct {
	unsigned down_after, up_after;
	const char *results, *states;
} courses[] = {
	{3, 2, "aaaa", "uuuu"},
	{3, 2, "fff", "uud"},
	{3, 2, "ffafff", "uuuuud"},
	{3, 2, "fffaa", "uuddu"},
	{3, 2, "fffafaa", "uuddddu"},
	{3, 2, "fffffaffaa", "uudddddddu"},
	/* an answer now and then is not enough, nor is a failure */
	{3, 2, "fffafafafafaf", "uuddddddddddd"},
	{2, 3, "fafafafa", "uuuuuuuu"},
	{1, 1, "fafaffa", "dududdu"},
	/* its own word counts at once, and its return as any other's */
	{3, 2, "r", "d"},
	{3, 2, "rraa", "dddu"},
	{3, 2, "arafa", "udddd"},
	{3, 2, "fraafff", "udduuud"},
	{100, 1, "ffffrffa", "uuuudddu"},
};

START_TEST(only_so_many_in_a_row_change_it)
{
	const struct probe probe = {.down_after = courses[_i].down_after,
	                            .up_after = courses[_i].up_after};
	struct damping damping = {0};
	bool down = false;
	for (size_t i = 0; courses[_i].results[i]; i++) {
		char c = courses[_i].results[i];
		bool changed = damping_take(&damping,
		                            c == 'a'   ? DAMPING_ANSWERED
		                            : c == 'f' ? DAMPING_FAILED
		                                       : DAMPING_REFUSED,
		                            &probe);
		ck_assert_msg(damping.down == (courses[_i].states[i] == 'd'),
		              "%s: wrong after %zu", courses[_i].results, i + 1);
		ck_assert(changed == (damping.down != down));
		down = damping.down;
	}
}
END_TEST

static const struct {
	int status;
	bool retry_after;
	enum damping_result result;
} answers[] = {
	{0, false, DAMPING_FAILED},     {100, false, DAMPING_FAILED},
	{200, false, DAMPING_ANSWERED}, {302, false, DAMPING_ANSWERED},
	{401, false, DAMPING_ANSWERED}, {404, true, DAMPING_ANSWERED},
	{405, false, DAMPING_ANSWERED}, {408, false, DAMPING_FAILED},
	{481, false, DAMPING_ANSWERED}, {500, true, DAMPING_ANSWERED},
	{503, false, DAMPING_FAILED},   {503, true, DAMPING_REFUSED},
	{600, false, DAMPING_ANSWERED},
};

START_TEST(every_final_answer_but_408_and_503_is_one)
{
	ck_assert_int_eq(damping_result(answers[_i].status, answers[_i].retry_after),
	                 answers[_i].result);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("damping");
	TCase *tests = tcase_create("damping");
	tcase_add_loop_test(tests, only_so_many_in_a_row_change_it, 0, COUNT(courses));
	tcase_add_loop_test(tests, every_final_answer_but_408_and_503_is_one, 0,
	                    COUNT(answers));
	suite_add_tcase(suite, tests);
	return suite;
}
