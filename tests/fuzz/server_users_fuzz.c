/* SPDX-License-Identifier: MIT */
/* Loads a file of users: it is refused if and only if there is an error, and each user
 * that can be found has a hash that is offered. server_users_corpus_test.c runs it as
 * well. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules/schema.h"
#include "server/trust/users.h"
#include "tests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BOTH 3u /* algorithms */

static void check_hash(const char *hash, size_t bytes)
{
	size_t len = strspn(hash, "0123456789abcdef");
	REQUIRE(!hash[len] && (len == 0 || len == 2 * bytes));
}

/* Any of the file's words may be a name. */
static void check_users(const struct users *users, struct slice text)
{
	size_t found = 0;
	for (size_t begin = 0; begin < text.len; begin++) {
		size_t len = slice_find(slice_skip(text, begin), ':');
		struct slice name = slice_trim((struct slice){text.at + begin, len});
		const struct user *user = users_find(users, name);
		if (!user)
			continue;
		found++;
		REQUIRE(slice_equal(user->name, name) && users_name_is_good(name));
		REQUIRE(*user->ha1[DIGEST_SHA256] || *user->ha1[DIGEST_MD5]);
		check_hash(user->ha1[DIGEST_SHA256], 32);
		check_hash(user->ha1[DIGEST_MD5], 16);
	}
	REQUIRE(!found || users_count(users) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct load load = {.arena = arena_new((size_t)1 << 24), .diags = diags_new()};
	const struct node node = {.type = NODE_SCALAR, .position = {"settings", 1, 2}};
	REQUIRE(load.arena && load.diags);
	const char *path = file_write("signpost-users-fuzz", data, size);
	struct users *users =
		users_load(&load, &node, path, slice_of("example.net"), BOTH);
	REQUIRE(!users == (diags_errors(load.diags) > 0) && !load.out_of_memory);
	file_check_findings(load.diags);
	if (users && size < 2048)
		check_users(users, (struct slice){(const char *)data, size});
	users_free(users);
	diags_free(load.diags);
	arena_free(load.arena);
	unlink(path);
	return 0;
}
