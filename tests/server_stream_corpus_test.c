/* SPDX-License-Identifier: MIT */
#include "tests/corpus.h"
#include "tests/fuzz/server_stream_fuzz.c" /* its one function, on all that is kept */
#include "tests/runner.h"

START_TEST(replies_do_not_depend_on_segments)
{
	corpus_replay("tests/fuzz/corpus/framing", "", 20, LLVMFuzzerTestOneInput);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/connection corpus");
	TCase *tests = tcase_create("corpus");
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, replies_do_not_depend_on_segments);
	suite_add_tcase(suite, tests);
	return suite;
}
