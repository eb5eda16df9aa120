/* SPDX-License-Identifier: MIT */
#include "tests/corpus.h"
#include "tests/fuzz/rules_tables_fuzz.c" /* its one function, on all that is kept */
#include "tests/runner.h"

START_TEST(every_table_is_loaded_or_refused_with_its_errors)
{
	corpus_replay("tests/fuzz/corpus/tables", "", 8, LLVMFuzzerTestOneInput);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("rules/tables corpus");
	TCase *tests = tcase_create("corpus");
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, every_table_is_loaded_or_refused_with_its_errors);
	suite_add_tcase(suite, tests);
	return suite;
}
