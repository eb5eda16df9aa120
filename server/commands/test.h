/* SPDX-License-Identifier: MIT */
/* test.h - `signpost test`: does the table do what its users expect of it? */
#ifndef SERVER_TEST_H
#define SERVER_TEST_H

#include <stdbool.h>
#include <stddef.h>

struct test_options {
	size_t file_count;
	const char *const *files; /* of expectations: expectations.h */
	bool verbose;             /* say which passed as well */
	bool coverage;            /* say which rules no expectation reached */
};

/* Asks every call of every file the way the server would, and prints what was not as
 * expected: a diff and the explanation. The secret is always the same one, so the same
 * files give the same result everywhere. Exit status: 0 if all passed, 1 if one failed or
 * a file has an error. */
int test(const struct test_options *options);

#endif
