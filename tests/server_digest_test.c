/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>

#include "tests/fuzz/server_digest_fuzz.c" /* its one function, on all that is kept */
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CORPUS       "tests/fuzz/corpus/digest"

static const struct {
	const char *value;
	const char *username, *realm, *qop; /* NULL: absent */
} good[] = {
	{"Digest username=\"alice\"", "alice", NULL, NULL},
	{"digest USERNAME=\"alice\"", "alice", NULL, NULL},
	{" Digest \t username = \"alice\" , realm=\"r\"", "alice", "r", NULL},
	{"Digest username=\"alice\",\r\n\trealm=\"r\",\r\n qop=auth", "alice", "r",
         "auth"},
	{"Digest qop=\"auth\", username=alice", "alice", NULL, "auth"},
	{"Digest username=\"\"", "", NULL, NULL},
	{"Digest username=\"a\\\"b, realm=c\\\\\", realm=\"d\"", "a\\\"b, realm=c\\\\",
         "d", NULL},
	{"Digest username=\"Jäsøn Doe\"", "Jäsøn Doe", NULL, NULL},
	{"Digest username*=UTF-8''x, userhash=false, username=\"x\"", "x", NULL, NULL},
	{"Digest opaque=\"a\", opaque=\"b\", other=c", NULL, NULL, NULL},
};

static void check_taken(const char *wanted, struct slice got)
{
	if (!wanted)
		ck_assert_ptr_null(got.at);
	else
		ck_assert_msg(slice_equal(got, slice_of(wanted)), "%s, not %.*s", wanted,
		              (int)got.len, got.at);
}

START_TEST(parameters_are_taken_as_they_came)
{
	struct digest digest;
	ck_assert_msg(digest_read(slice_of(good[_i].value), &digest), "%s",
	              good[_i].value);
	check_taken(good[_i].username, digest.username);
	check_taken(good[_i].realm, digest.realm);
	check_taken(good[_i].qop, digest.qop);
}
END_TEST

static const char *const bad[] = {
	"",
	"Digest",
	"Digest ",
	"Digestusername=\"a\"",
	"Basic username=\"a\"",
	"Digest, username=\"a\"",
	"Digest username",
	"Digest username=",
	"Digest =\"a\"",
	"Digest username=\"a",
	"Digest username=\"a\\\"",
	"Digest username=\"a\" realm=\"b\"",
	"Digest username=\"a\",",
	"Digest username=\"a\",,realm=\"b\"",
	"Digest username=\"a\"; realm=\"b\"",
	"Digest username=\"a\", username=\"b\"",
	"Digest nc=1, NC=2",
	"Digest username=\"a\nb\"",
	"Digest username=\"a\tb\"",
	"Digest username=\"a\\\nb\"",
	"Digest username=a@b",
	"Digest username='a b'",
};

START_TEST(what_is_broken_is_refused)
{
	struct digest digest;
	ck_assert_msg(!digest_read(slice_of(bad[_i]), &digest), "%s", bad[_i]);
}
END_TEST

START_TEST(parameters_and_bytes_are_bounded)
{
	struct digest digest;
	char text[DIGEST_BYTES_MAX + 2] = "Digest username=\"a\"";
	for (size_t i = 1; i < DIGEST_PARAMS_MAX; i++)
		strcat(text, ",a=b");
	ck_assert(digest_read(slice_of(text), &digest));
	strcat(text, ",a=b");
	ck_assert(!digest_read(slice_of(text), &digest));
	size_t len = (size_t)sprintf(text, "Digest username=\"");
	memset(text + len, 'x', DIGEST_BYTES_MAX - len);
	text[DIGEST_BYTES_MAX - 1] = '"';
	ck_assert(digest_read((struct slice){text, DIGEST_BYTES_MAX}, &digest));
	text[DIGEST_BYTES_MAX - 1] = 'x';
	text[DIGEST_BYTES_MAX] = '"';
	ck_assert(!digest_read((struct slice){text, DIGEST_BYTES_MAX + 1}, &digest));
}
END_TEST

START_TEST(escapes_are_undone_in_bounds)
{
	char buffer[4];
	struct slice out;
	ck_assert(digest_unescape(slice_of("a\\\"b\\\\"), buffer, 4, &out));
	ck_assert(slice_equal(out, slice_of("a\"b\\")));
	ck_assert(digest_unescape(slice_of(""), buffer, 4, &out));
	ck_assert_uint_eq(out.len, 0);
	ck_assert(!digest_unescape(slice_of("abcde"), buffer, 4, &out));
	ck_assert(!digest_unescape(slice_of("ab\\"), buffer, 4, &out));
}
END_TEST

START_TEST(algorithms_have_names_without_case)
{
	enum digest_algorithm algorithm;
	ck_assert(digest_algorithm(slice_of("sha-256"), &algorithm));
	ck_assert_int_eq(algorithm, DIGEST_SHA256);
	ck_assert(digest_algorithm((struct slice){0}, &algorithm));
	ck_assert_int_eq(algorithm, DIGEST_MD5);
	ck_assert(!digest_algorithm(slice_of("MD5-sess"), &algorithm));
	ck_assert(!digest_algorithm(slice_of("SHA-512-256"), &algorithm));
	ck_assert(!digest_algorithm(slice_of(""), &algorithm));
}
END_TEST

START_TEST(hex_is_exact)
{
	unsigned char bytes[2];
	char text[5];
	ck_assert(digest_unhex(slice_of("0aFf"), bytes, 2));
	digest_hex(bytes, 2, text);
	ck_assert_str_eq(text, "0aff");
	ck_assert(!digest_unhex(slice_of("0af"), bytes, 2));
	ck_assert(!digest_unhex(slice_of("0aff0"), bytes, 2));
	ck_assert(!digest_unhex(slice_of("0afg"), bytes, 2));
	ck_assert(!digest_unhex(slice_of("0x0a"), bytes, 2));
}
END_TEST

START_TEST(every_promise_holds_for_the_corpus)
{
	static uint8_t data[8192];
	char path[512];
	size_t count = 0;
	DIR *corpus = opendir(CORPUS);
	ck_assert_msg(corpus != NULL, "run this in the folder of the sources");
	for (struct dirent *entry; (entry = readdir(corpus));) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, CORPUS "/%s", entry->d_name);
		FILE *file = fopen(path, "r");
		ck_assert_ptr_nonnull(file);
		size_t size = fread(data, 1, sizeof data, file);
		fclose(file);
		for (size_t len = 0; len <= size; len++)
			LLVMFuzzerTestOneInput(data, len);
		count++;
	}
	closedir(corpus);
	ck_assert_uint_gt(count, 5);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/digest");
	TCase *tests = tcase_create("digest");
	tcase_add_loop_test(tests, parameters_are_taken_as_they_came, 0, COUNT(good));
	tcase_add_loop_test(tests, what_is_broken_is_refused, 0, COUNT(bad));
	tcase_add_test(tests, parameters_and_bytes_are_bounded);
	tcase_add_test(tests, escapes_are_undone_in_bounds);
	tcase_add_test(tests, algorithms_have_names_without_case);
	tcase_add_test(tests, hex_is_exact);
	tcase_add_test(tests, every_promise_holds_for_the_corpus);
	suite_add_tcase(suite, tests);
	return suite;
}
