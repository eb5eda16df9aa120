/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "server/operations/history.h"
#include "tests/runner.h"

static uint64_t totals[HISTORY_STATUSES];
static struct history *history;

static void setup(void)
{
	memset(totals, 0, sizeof totals);
	history = history_new();
	ck_assert_ptr_nonnull(history);
}

static void teardown(void)
{
	history_free(history);
}

static void answer(unsigned status, unsigned times, int64_t minute)
{
	totals[status - 200] += times;
	history_note(history, totals, minute);
}

/* To be freed. */
static char *written(void)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	history_write(history, to);
	fclose(to);
	return text;
}

static void assert_written(const char *wanted)
{
	char *text = written();
	ck_assert_str_eq(text, wanted);
	free(text);
}

START_TEST(nothing_has_happened_yet)
{
	assert_written("{\"statuses\":[],\"minutes\":[]}\n");
	history_note(history, totals, 0);
	assert_written("{\"statuses\":[],\"minutes\":[[]]}\n");
}
END_TEST

START_TEST(answers_count_for_the_minute_they_are_noted_in)
{
	answer(302, 2, 1000);
	answer(404, 1, 1000);
	answer(302, 3, 1001);
	answer(302, 4, 1001);
	assert_written("{\"statuses\":[302,404],\"minutes\":[[2,1],[7,0]]}\n");
}
END_TEST

START_TEST(minutes_in_which_nobody_looked_are_empty)
{
	answer(200, 1, 7);
	answer(699, 1, 10);
	assert_written("{\"statuses\":[200,699],\"minutes\":[[1,0],[0,0],[0,0],[0,1]]}"
	               "\n");
}
END_TEST

START_TEST(an_hour_is_kept)
{
	answer(302, 5, 100);
	answer(302, 1, 159);
	history_note(history, totals, 159);
	char *text = written();
	ck_assert_ptr_nonnull(strstr(text, "\"minutes\":[[5],[0]"));
	free(text);
	history_note(history, totals, 160);
	text = written();
	ck_assert_ptr_null(strstr(text, "[5]"));
	ck_assert_ptr_nonnull(strstr(text, "[1],[0]]}"));
	free(text);
}
END_TEST

START_TEST(after_a_long_silence_all_is_empty)
{
	answer(302, 5, 100);
	history_note(history, totals, 1000000);
	char *text = written();
	ck_assert_ptr_nonnull(strstr(text, "{\"statuses\":[],"));
	free(text);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("history");
	TCase *tcase = tcase_create("history");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, nothing_has_happened_yet);
	tcase_add_test(tcase, answers_count_for_the_minute_they_are_noted_in);
	tcase_add_test(tcase, minutes_in_which_nobody_looked_are_empty);
	tcase_add_test(tcase, an_hour_is_kept);
	tcase_add_test(tcase, after_a_long_silence_all_is_empty);
	suite_add_tcase(suite, tcase);
	return suite;
}
