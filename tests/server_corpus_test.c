/* SPDX-License-Identifier: MIT */
#include <dirent.h>

#include "tests/fuzz/server_message_fuzz.c" /* its one function, on all that is kept */
#include "tests/runner.h"

#define CORPUS "tests/fuzz/corpus/message"

static void run_file(const char *name)
{
	static uint8_t data[MESSAGE_MAX];
	char path[512];
	snprintf(path, sizeof path, CORPUS "/%s", name);
	FILE *file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	size_t size = fread(data, 1, sizeof data, file);
	fclose(file);
	/* Behind its end, and behind each of its parts, there is nothing to read. */
	for (size_t len = size;; len = len * 3 / 4) {
		uint8_t *exact = malloc(len ? len : 1);
		memcpy(exact, data, len);
		LLVMFuzzerTestOneInput(exact, len);
		free(exact);
		if (!len)
			break;
	}
}

START_TEST(every_promise_holds_for_every_message)
{
	size_t count = 0;
	DIR *corpus = opendir(CORPUS);
	ck_assert_msg(corpus != NULL, "run this in the folder of the sources");
	for (struct dirent *entry; (entry = readdir(corpus));)
		if (entry->d_name[0] != '.') {
			run_file(entry->d_name);
			count++;
		}
	closedir(corpus);
	ck_assert_uint_gt(count, 20);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/message corpus");
	TCase *tests = tcase_create("corpus");
	tcase_add_test(tests, every_promise_holds_for_every_message);
	suite_add_tcase(suite, tests);
	return suite;
}
