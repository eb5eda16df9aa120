/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/configuration.h"
#include "server/trust/privilege.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FILES        "secret: secret.key\nrules: rules.yaml\n"
#define USER         "nobody"

static char folder[] = "/tmp/signpost-privilege-XXXXXX";
static unsigned settings_opened, others_opened_by_root;

/* The C library's, for this program: s.yaml is first.yaml, and then.yaml from the second
 * time on. */
int open(const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (strcmp(path, "s.yaml") == 0)
		path = settings_opened++ ? "then.yaml" : "first.yaml";
	else
		others_opened_by_root += geteuid() == 0;
	return openat(AT_FDCWD, path, flags, mode);
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void enter(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	ck_assert_int_eq(chdir(folder), 0);
	write_file("rules.yaml", "{}\n");
	write_file("secret.key", "not so secret: for tests only\n");
}

static void leave(void)
{
	unlink("first.yaml");
	unlink("then.yaml");
	unlink("rules.yaml");
	unlink("secret.key");
	rmdir(folder);
}

enum outcome { REFUSED, USER_SERVES, ROOT_SERVES, ROOT_READ = 4 };

/* What the settings are when they are opened for the first time, and then; NULL: they
 * cannot be. */
static const struct {
	const char *first, *then;
	int outcome;
} readings[] = {
	{"user: " USER "\n" FILES, "user: " USER "\n" FILES, USER_SERVES},
	{FILES "'user': &u " USER "\n", FILES "'user': &u " USER "\n", USER_SERVES},
	{FILES, FILES, ROOT_SERVES | ROOT_READ},
	/* they cannot be read */
	{NULL, "user: " USER "\n" FILES, REFUSED},
	{"user: " USER "\n" FILES, NULL, REFUSED},
	{"user: " USER "\n" FILES "}", "user: " USER "\n" FILES, REFUSED},
	{"user: [" USER "]\n" FILES, "user: " USER "\n" FILES, REFUSED},
	{"user: \n" FILES, "user: " USER "\n" FILES, REFUSED},
	/* they change meanwhile */
	{FILES, "user: " USER "\n" FILES, REFUSED | ROOT_READ},
	{"user: root\n" FILES, "user: " USER "\n" FILES, REFUSED | ROOT_READ},
	{"user: " USER "\n" FILES, FILES, REFUSED},
	{"user: " USER "\n" FILES, "user: " USER "\ngroup: daemon\n" FILES, REFUSED},
};

static int load_as_server(void)
{
	struct configuration configuration = {.settings_path = "s.yaml", .serving = true};
	struct diags *diags = diags_new();
	bool good = diags && configuration_load(&configuration, diags);
	if (!diags || good != (diags_errors(diags) == 0))
		return -1;
	int outcome = !good ? REFUSED : privilege_is_root() ? ROOT_SERVES : USER_SERVES;
	configuration_free(&configuration);
	diags_free(diags);
	return outcome | (others_opened_by_root ? ROOT_READ : 0);
}

START_TEST(root_serves_only_if_no_user_is_named)
{
	const struct passwd *user = getpwnam(USER);
	int status;
	ck_assert_ptr_nonnull(user);
	ck_assert_int_eq(chown("secret.key", user->pw_uid, 0), 0);
	ck_assert_int_eq(chmod("secret.key", 0600), 0);
	if (readings[_i].first)
		write_file("first.yaml", readings[_i].first);
	if (readings[_i].then)
		write_file("then.yaml", readings[_i].then);
	pid_t child = fork();
	if (child == 0)
		_exit(load_as_server());
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == readings[_i].outcome,
	              "%s| then %s| status %x", readings[_i].first, readings[_i].then,
	              (unsigned)status);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/trust/privilege");
	TCase *tests = tcase_create("privilege");
	tcase_add_checked_fixture(tests, enter, leave);
	if (privilege_is_root())
		tcase_add_loop_test(tests, root_serves_only_if_no_user_is_named, 0,
		                    COUNT(readings));
	suite_add_tcase(suite, tests);
	return suite;
}
