/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules/schema.h"
#include "server/trust/users.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BOTH         3u

static char folder[] = "/tmp/signpost-users-XXXXXX";
static char findings[8192];

static void enter(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static void leave(void)
{
	unlink("users.yaml");
	ck_assert_int_eq(chdir("/"), 0);
	rmdir(folder);
}

static struct users *load_with(const char *text, mode_t mode, unsigned offered)
{
	FILE *file = fopen("users.yaml", "w"), *to;
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fchmod(fileno(file), mode), 0);
	fputs(text, file);
	fclose(file);
	struct load load = {.arena = arena_new(1 << 20), .diags = diags_new()};
	const struct node node = {.type = NODE_SCALAR, .position = {"s.yaml", 1, 2}};
	struct users *users =
		users_load(&load, &node, "users.yaml", slice_of("example.net"), offered);
	ck_assert(!load.out_of_memory);
	ck_assert_int_eq(!users, diags_errors(load.diags) > 0);
	to = fmemopen(findings, sizeof findings, "w");
	diags_print(load.diags, to);
	fclose(to);
	diags_free(load.diags);
	arena_free(load.arena);
	return users;
}

static struct users *load(const char *text)
{
	return load_with(text, 0640, BOTH);
}

/* printf alice:example.net:secret | sha256sum, md5sum */
#define ALICE_SHA256 "02666cd4637ea5caa288507d6445c8a8b121aafc2b570cf61a00e92b18e39acc"
#define ALICE_MD5    "e0957e77e26b856e2ba625792a2b87e0"

static const char *const entries[] = {
	"alice: secret",
	"alice: {password: secret}",
	"\"alice\": {ha1_sha256: " ALICE_SHA256 ", ha1_md5: " ALICE_MD5 "}",
	"{bob: x, alice: {ha1_md5: E0957E77E26B856E2BA625792A2B87E0, ha1_sha256: "
	"\"" ALICE_SHA256 "\"}}",
};

START_TEST(a_user_is_known_by_hashes)
{
	struct users *users = load(entries[_i]);
	ck_assert_msg(users != NULL, "%s", findings);
	const struct user *alice = users_find(users, slice_of("alice"));
	ck_assert_ptr_nonnull(alice);
	ck_assert_str_eq(alice->ha1[DIGEST_SHA256], ALICE_SHA256);
	ck_assert_str_eq(alice->ha1[DIGEST_MD5], ALICE_MD5);
	ck_assert_ptr_null(users_find(users, slice_of("Alice")));
	ck_assert_ptr_null(users_find(users, slice_of("")));
	users_free(users);
}
END_TEST

START_TEST(names_may_be_numbers_addresses_and_utf8)
{
	struct users *users = load("+44 20-7123: a\nalice@example.net: b\nJäsøn: c\n"
	                           "1001: d\n\"null\": e\n");
	ck_assert_msg(users != NULL, "%s", findings);
	ck_assert_uint_eq(users_count(users), 5);
	const struct user *number = users_find(users, slice_of("+44 20-7123"));
	ck_assert(number && slice_equal(number->caller, slice_of("+44207123")));
	ck_assert_ptr_nonnull(users_find(users, slice_of("alice@example.net")));
	ck_assert_ptr_nonnull(users_find(users, slice_of("Jäsøn")));
	ck_assert_ptr_nonnull(users_find(users, slice_of("1001")));
	users_free(users);
}
END_TEST

static const struct {
	const char *text, *findings;
} bad[] = {
	{"[alice]", "users.yaml:1:1: error: the users must be a mapping of names, not a "
                    "list\n  hint: write alice: {password: …}\n"},
	{"alice: {}", "users.yaml:1:8: error: the user has no password\n"
                      "  hint: write {password: …} or {ha1_sha256: …}\n"},
	{"alice: []", "users.yaml:1:8: error: a user must be a mapping, not a list\n"},
	{"alice: \"\"", "users.yaml:1:8: error: a password is a text of 1 to 256 bytes "
                        "without control characters\n"},
	{"alice: {password: [s3cret]}",
         "users.yaml:1:19: error: a password is a text of 1 to 256 bytes without control "
         "characters\n"},
	{"alice: {password: \"s3cret\\n\"}",
         "users.yaml:1:19: error: a password is a text of 1 to 256 bytes without control "
         "characters\n"},
	{"alice: {password: s3cret, ha1_md5: " ALICE_MD5 "}",
         "users.yaml:1:19: error: a user has a password or hashes of it, not both\n"},
	{"alice: {ha1_md5: s3cret}",
         "users.yaml:1:18: error: \"ha1_md5\" must be 32 hex digits\n"
         "  hint: signpost passwd makes them\n"},
	{"alice: {ha1_sha256: " ALICE_MD5 "}",
         "users.yaml:1:21: error: \"ha1_sha256\" must be 64 hex digits\n"
         "  hint: signpost passwd makes them\n"},
	{"alice: {pasword: s3cret}", "users.yaml:1:9: error: unknown key \"pasword\"\n"
                                     "  hint: did you mean \"password\"?\n"},
	{"alice: *s3cret", "users.yaml:1:8: error: there is no such anchor before this "
                           "alias\n  hint: quote a text that begins with *\n"},
	{"alice: {s3cret}", "users.yaml:1:9: error: a password without a key before it\n"
                            "  hint: write {password: …} or {ha1_sha256: …}\n"},
	{"alice: a\nbob: b\nalice: c",
         "users.yaml:3:1: error: user \"alice\" is defined twice\n"
         "  hint: first defined at users.yaml:1:1\n"},
	{"\"a:b\": c", "users.yaml:1:1: error: the name of a user has 1 to 128 bytes, no "
                       "colon and no control character\n"},
	{"\"\": c", "users.yaml:1:1: error: the name of a user has 1 to 128 bytes, no "
                    "colon and no control character\n"},
	{"a: {ha1_md5: x}\nb: []\nc: {}",
         "users.yaml:1:14: error: \"ha1_md5\" must be 32 hex digits\n"
         "  hint: signpost passwd makes them\n"
         "users.yaml:2:4: error: a user must be a mapping, not a list\n"
         "users.yaml:3:4: error: the user has no password\n"
         "  hint: write {password: …} or {ha1_sha256: …}\n"},
};

START_TEST(every_mistake_is_found_and_no_password_shown)
{
	ck_assert_ptr_null(load(bad[_i].text));
	ck_assert_str_eq(findings, bad[_i].findings);
	ck_assert_ptr_null(strstr(findings, "s3cret"));
}
END_TEST

START_TEST(what_everybody_can_read_is_refused)
{
	ck_assert_ptr_null(load_with("alice: secret", 0644, BOTH));
	ck_assert_str_eq(findings, "s.yaml:1:2: error: everybody can read the users in "
	                           "\"users.yaml\"\n"
	                           "  hint: chmod o-r users.yaml\n");
	struct users *users = load_with("alice: secret", 0642, BOTH);
	ck_assert_ptr_nonnull(users);
	users_free(users);
}
END_TEST

START_TEST(a_user_without_a_hash_on_offer_is_refused)
{
	ck_assert_ptr_null(
		load_with("alice: {ha1_md5: " ALICE_MD5 "}", 0600, 1u << DIGEST_SHA256));
	ck_assert_str_eq(
		findings,
		"users.yaml:1:8: error: the user has no hash of an algorithm "
		"that is offered\n"
		"  hint: \"algorithms\" of the profile says which are offered\n");
	struct users *users = load_with("alice: {ha1_md5: " ALICE_MD5 "}", 0600, BOTH);
	ck_assert_ptr_nonnull(users);
	users_free(users);
}
END_TEST

START_TEST(very_many_users_are_found)
{
	char *text = NULL, name[32];
	size_t size;
	FILE *to = open_memstream(&text, &size);
	for (int i = 0; i < 20000; i++)
		fprintf(to, "u%d: p%d\n", i, i);
	fclose(to);
	struct users *users = load(text);
	ck_assert_msg(users != NULL, "%s", findings);
	for (int i = 0; i < 20000; i++) {
		sprintf(name, "u%d", i);
		ck_assert_ptr_nonnull(users_find(users, slice_of(name)));
	}
	ck_assert_ptr_null(users_find(users, slice_of("u20000")));
	users_free(users);
	free(text);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/users");
	TCase *tests = tcase_create("users");
	tcase_add_checked_fixture(tests, enter, leave);
	tcase_add_loop_test(tests, a_user_is_known_by_hashes, 0, COUNT(entries));
	tcase_add_test(tests, names_may_be_numbers_addresses_and_utf8);
	tcase_add_loop_test(tests, every_mistake_is_found_and_no_password_shown, 0,
	                    COUNT(bad));
	tcase_add_test(tests, what_everybody_can_read_is_refused);
	tcase_add_test(tests, a_user_without_a_hash_on_offer_is_refused);
	tcase_add_test(tests, very_many_users_are_found);
	suite_add_tcase(suite, tests);
	return suite;
}
