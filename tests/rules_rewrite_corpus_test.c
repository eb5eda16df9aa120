/* SPDX-License-Identifier: MIT */
#include "tests/corpus.h"
#include "tests/fuzz/rules_rewrite_fuzz.c" /* its one function, on all that is kept */
#include "tests/runner.h"

START_TEST(every_number_is_rewritten_as_promised)
{
	corpus_replay("tests/fuzz/corpus/rewrite", "", 5, LLVMFuzzerTestOneInput);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("rules/rewrite corpus");
	TCase *tests = tcase_create("corpus");
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, every_number_is_rewritten_as_promised);
	suite_add_tcase(suite, tests);
	return suite;
}
