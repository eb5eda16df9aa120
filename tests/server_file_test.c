/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/trust/file.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char folder[] = "/tmp/signpost-file-XXXXXX";
static const struct position here = {"signpost.yaml", 2, 9};

static void enter(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	FILE *file = fopen("file", "w");
	ck_assert_ptr_nonnull(file);
	fclose(file);
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
}

static void leave(void)
{
	unlink("file");
	unlink("fifo");
	rmdir(folder);
}

#define E "signpost.yaml:2:9: error: "

static const struct {
	const char *path, *secret;
	mode_t mode;
	const char *findings;
} cases[] = {
	{"file", NULL, 0666, ""},
	{"file", "key", 0600, ""},
	{"file", "key", 0640, ""},
	{"file", "key", 0602, ""}, /* foolish, but nobody can read it */
	{"file", "key", 0644,
         E "everybody can read the key in \"file\"\n  hint: chmod o-r file\n"},
	{"file", "secret", 0004,
         E "everybody can read the secret in \"file\"\n  hint: chmod o-r file\n"},
	{"none", NULL, 0600, E "cannot open \"none\": No such file or directory\n"},
	{"fifo", "key", 0600, E "\"fifo\" is not a regular file\n"},
	{".", NULL, 0600, E "\".\" is not a regular file\n"},
};

START_TEST(file_is_looked_at_before_it_is_read)
{
	struct diags *diags = diags_new();
	char *findings;
	size_t size;
	ck_assert_int_eq(chmod("file", cases[_i].mode), 0);
	int fd = file_open(cases[_i].path, cases[_i].secret, here, diags);
	FILE *to = open_memstream(&findings, &size);
	diags_print(diags, to);
	fclose(to);
	ck_assert_str_eq(findings, cases[_i].findings);
	ck_assert_int_eq(fd >= 0, !*cases[_i].findings);
	if (fd >= 0)
		close(fd);
	free(findings);
	diags_free(diags);
}
END_TEST

START_TEST(process_with_a_secret_leaves_no_core)
{
	struct diags *diags = diags_new();
	struct rlimit core = {0, 0};
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
	close(file_open("file", NULL, here, diags));
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 1);
	ck_assert_int_eq(chmod("file", 0600), 0);
	close(file_open("file", "key", here, diags));
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_CORE, &core), 0);
	ck_assert_uint_eq(core.rlim_cur, 0);
	ck_assert_uint_eq(core.rlim_max, 0);
	diags_free(diags);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("file");
	TCase *all = tcase_create("all");
	suite_add_tcase(suite, all);
	tcase_add_checked_fixture(all, enter, leave);
	tcase_add_loop_test(all, file_is_looked_at_before_it_is_read, 0, COUNT(cases));
	tcase_add_test(all, process_with_a_secret_leaves_no_core);
	return suite;
}
