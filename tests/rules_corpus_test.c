/* SPDX-License-Identifier: MIT */
#include <dirent.h>

#include "tests/fuzz/rules_load_fuzz.c" /* its one function, on all that is kept */
#include "tests/runner.h"

/* The tables that other tests have are the corpus as well; run the fuzzer with all of
 * these folders. */
static const char *const folders[] = {"tests/fuzz/corpus/load", "tests/config/bad",
                                      "rules/examples"};

#define SIZE_MAX_KEPT 65536 /* of a longer file only the beginning */

static void run_file(const char *folder, const char *name)
{
	static uint8_t data[SIZE_MAX_KEPT];
	char path[512];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	size_t size = fread(data, 1, sizeof data, file);
	fclose(file);
	for (size_t len = size; len > 0; len = len * 3 / 4)
		LLVMFuzzerTestOneInput(data, len);
}

START_TEST(every_file_is_loaded_or_refused_with_its_errors)
{
	size_t count = 0;
	DIR *folder = opendir(folders[_i]);
	ck_assert_msg(folder != NULL, "run this in the folder of the sources");
	for (struct dirent *entry; (entry = readdir(folder));)
		if (strstr(entry->d_name, ".yaml")) {
			run_file(folders[_i], entry->d_name);
			count++;
		}
	closedir(folder);
	ck_assert_uint_ge(count, 3);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("rules/load corpus");
	TCase *tests = tcase_create("corpus");
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, every_file_is_loaded_or_refused_with_its_errors, 0,
	                    sizeof folders / sizeof folders[0]);
	suite_add_tcase(suite, tests);
	return suite;
}
