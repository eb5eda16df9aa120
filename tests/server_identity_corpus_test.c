/* SPDX-License-Identifier: MIT */
#include "tests/corpus.h"
#include "tests/fuzz/server_identity_fuzz.c" /* its one function, on all that is kept */
#include "tests/runner.h"

START_TEST(a_certificate_is_its_names_owner_s)
{
	corpus_replay("tests/fuzz/corpus/identity", "", 4, LLVMFuzzerTestOneInput);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/identity corpus");
	TCase *tests = tcase_create("corpus");
	tcase_add_test(tests, a_certificate_is_its_names_owner_s);
	suite_add_tcase(suite, tests);
	return suite;
}
