/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "server/trust/hasher.h"
#include "server/trust/nonce.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct hasher *hasher;

static void init(void)
{
	hasher = hasher_new();
	ck_assert_ptr_nonnull(hasher);
}

static void fini(void)
{
	hasher_free(hasher);
}

#define NONCE_7616  "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
#define CNONCE_7616 "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"

/* RFC 7616 3.9.1, both algorithms; RFC 2617 3.5. */
static const struct {
	enum digest_algorithm algorithm;
	const char *realm, *password, *nonce, *cnonce, *response;
} examples[] = {
	{DIGEST_SHA256, "http-auth@example.org", "Circle of Life", NONCE_7616,
         CNONCE_7616, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
	{DIGEST_MD5, "http-auth@example.org", "Circle of Life", NONCE_7616, CNONCE_7616,
         "8ca523f5e9506fed4657c9700eebdbec"},
	{DIGEST_MD5, "testrealm@host.com", "Circle Of Life",
         "dcd98b7102dd2f0e8b11d0f600bfb0c093", "0a4f113b",
         "6629fae49393a05397450978507c4ef1"},
};

START_TEST(the_examples_of_the_rfcs_come_out)
{
	char ha1[HASH_TEXT_MAX], response[HASH_TEXT_MAX];
	struct digest digest = {.nonce = slice_of(examples[_i].nonce),
	                        .cnonce = slice_of(examples[_i].cnonce),
	                        .uri = slice_of("/dir/index.html"),
	                        .nc = slice_of("00000001"),
	                        .qop = slice_of("auth")};
	ck_assert(hasher_ha1(hasher, examples[_i].algorithm, slice_of("Mufasa"),
	                     slice_of(examples[_i].realm),
	                     slice_of(examples[_i].password), ha1));
	for (int twice = 0; twice < 2; twice++) {
		ck_assert(hasher_response(hasher, examples[_i].algorithm, ha1, &digest,
		                          slice_of("GET"), response));
		ck_assert_str_eq(response, examples[_i].response);
	}
}
END_TEST

START_TEST(a_mac_depends_on_the_key_and_on_where_texts_end)
{
	const unsigned char keys[2][HASHER_KEY_BYTES] = {{1}, {2}};
	const struct slice texts[2][2] = {{slice_of("ab"), slice_of("c")},
	                                  {slice_of("a"), slice_of("bc")}};
	unsigned char macs[4][HASHER_MAC_BYTES], again[HASHER_MAC_BYTES];
	for (int i = 0; i < 4; i++) {
		ck_assert(hasher_mac(hasher, keys[i / 2], texts[i % 2], 2, macs[i]));
		for (int j = 0; j < i; j++)
			ck_assert_int_ne(memcmp(macs[i], macs[j], sizeof again), 0);
	}
	ck_assert(hasher_mac(hasher, keys[0], texts[0], 2, again));
	ck_assert_int_eq(memcmp(again, macs[0], sizeof again), 0);
}
END_TEST

/* Nonces */

static const unsigned char key[HASHER_KEY_BYTES] = "a key";
static const int64_t start = 1795364040; /* the first second of a step */

static struct nonce_scope scope_of(const char *profile, const char *realm,
                                   const char *source)
{
	struct nonce_scope scope = {slice_of(profile), slice_of(realm)};
	ck_assert(address_parse(slice_of(source), &scope.source));
	return scope;
}

static enum nonce_state check(const struct nonce_scope *scope, int64_t now_s,
                              const char *nonce)
{
	enum nonce_state state;
	ck_assert(nonce_check(hasher, key, scope, now_s, 60, slice_of(nonce), &state));
	return state;
}

START_TEST(a_nonce_lives_from_its_step_to_the_end_of_its_life)
{
	const struct nonce_scope scope = scope_of("p", "r", "192.0.2.1");
	const struct {
		int64_t later_s;
		enum nonce_state state;
	} cases[] = {{0, NONCE_GOOD},  {67, NONCE_GOOD}, {68, NONCE_OLD},
	             {-8, NONCE_GOOD}, {-9, NONCE_OLD},  {1000000, NONCE_OLD}};
	char nonce[NONCE_TEXT_MAX];
	ck_assert_int_eq(start % NONCE_STEP_S, 0);
	ck_assert(nonce_make(hasher, key, &scope, start + NONCE_STEP_S - 1, nonce));
	for (size_t i = 0; i < COUNT(cases); i++)
		ck_assert_int_eq(check(&scope, start + cases[i].later_s, nonce),
		                 cases[i].state);
}
END_TEST

START_TEST(a_nonce_is_the_same_throughout_its_step)
{
	const struct nonce_scope scope = scope_of("p", "r", "192.0.2.1");
	char first[NONCE_TEXT_MAX], last[NONCE_TEXT_MAX], next[NONCE_TEXT_MAX];
	ck_assert(nonce_make(hasher, key, &scope, start, first));
	ck_assert(nonce_make(hasher, key, &scope, start + NONCE_STEP_S - 1, last));
	ck_assert(nonce_make(hasher, key, &scope, start + NONCE_STEP_S, next));
	ck_assert_str_eq(first, last);
	ck_assert_str_ne(first, next);
}
END_TEST

START_TEST(a_nonce_is_good_for_nobody_else)
{
	const struct nonce_scope scope = scope_of("p", "r", "192.0.2.1");
	const struct nonce_scope others[] = {
		scope_of("q", "r", "192.0.2.1"), scope_of("p", "s", "192.0.2.1"),
		scope_of("p", "r", "192.0.2.2"), scope_of("pr", "", "192.0.2.1")};
	char nonce[NONCE_TEXT_MAX];
	ck_assert(nonce_make(hasher, key, &scope, start, nonce));
	for (size_t i = 0; i < COUNT(others); i++)
		ck_assert_int_eq(check(&others[i], start, nonce), NONCE_FOREIGN);
}
END_TEST

START_TEST(a_nonce_cannot_be_changed)
{
	const struct nonce_scope scope = scope_of("p", "r", "192.0.2.1");
	char nonce[NONCE_TEXT_MAX + 1];
	ck_assert(nonce_make(hasher, key, &scope, start, nonce));
	for (size_t i = 0; i < NONCE_TEXT_MAX - 1; i++) {
		char kept = nonce[i];
		nonce[i] = kept == '0' ? '1' : '0';
		ck_assert_int_eq(check(&scope, start, nonce), NONCE_FOREIGN);
		nonce[i] = kept;
	}
	ck_assert_int_eq(check(&scope, start, nonce), NONCE_GOOD);
	ck_assert_int_eq(check(&scope, start, nonce + 1), NONCE_FOREIGN);
	strcat(nonce, "0");
	ck_assert_int_eq(check(&scope, start, nonce), NONCE_FOREIGN);
	ck_assert_int_eq(check(&scope, start, ""), NONCE_FOREIGN);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/hasher");
	TCase *tests = tcase_create("hasher");
	tcase_add_checked_fixture(tests, init, fini);
	tcase_add_loop_test(tests, the_examples_of_the_rfcs_come_out, 0, COUNT(examples));
	tcase_add_test(tests, a_mac_depends_on_the_key_and_on_where_texts_end);
	tcase_add_test(tests, a_nonce_lives_from_its_step_to_the_end_of_its_life);
	tcase_add_test(tests, a_nonce_is_the_same_throughout_its_step);
	tcase_add_test(tests, a_nonce_is_good_for_nobody_else);
	tcase_add_test(tests, a_nonce_cannot_be_changed);
	suite_add_tcase(suite, tests);
	return suite;
}
