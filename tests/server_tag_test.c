/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "server/sip/tag.h"
#include "tests/runner.h"

static struct tag_keys keys;

static void init(void)
{
	ck_assert(tag_keys_init(&keys, slice_of("0123456789abcdef")));
}

static char tag[TAG_TEXT_MAX];

static const char *make(const char *call_id, const char *from_tag, const char *branch,
                        unsigned long cseq)
{
	return tag_make(&keys, slice_of(call_id), slice_of(from_tag), slice_of(branch),
	                cseq, tag);
}

/* Worked out by another implementation of BLAKE2b and SipHash-2-4: replicas of different
 * machines and versions give the same. */
START_TEST(tags_and_keys_are_the_same_everywhere)
{
	ck_assert_str_eq(make("call-1@a", "f1", "z9hG4bK1", 7), "fc13a1f07f725364");
	char call_id[130], from_tag[501], branch[129];
	memset(call_id, 'c', sizeof call_id);
	memset(from_tag, 'f', sizeof from_tag);
	memset(branch, 'b', sizeof branch);
	call_id[129] = from_tag[500] = branch[128] = '\0';
	ck_assert_str_eq(make(call_id, from_tag, branch, 7), "8d91f51156dffe37");
	ck_assert_uint_eq(tag_call_key(&keys, slice_of("call-1@a")), 0x3d79536575a42f15);
}
END_TEST

static const struct {
	const char *call_id, *from_tag, *branch;
	unsigned long cseq;
} others[] = {
	{"d", "f", "b", 1},         {"c", "g", "b", 1}, {"c", "f", "a", 1},
	{"c", "f", "b", 2},         {"cf", "", "b", 1}, {"", "cf", "b", 1},
	{"c", "fb", "", 1},         {"f", "c", "b", 1}, {"c", "f", "", 1},
	{"c", "", "b", 1},          {"C", "f", "b", 1}, {"c", "f", "b", 0},
	{"c", "f", "b", 1ul << 31},
};

START_TEST(another_request_gets_another_tag)
{
	char first[TAG_TEXT_MAX];
	memcpy(first, make("c", "f", "b", 1), sizeof first);
	make(others[_i].call_id, others[_i].from_tag, others[_i].branch, others[_i].cseq);
	ck_assert_str_ne(tag, first);
	make("c", "f", "b", 1);
	ck_assert_str_eq(tag, first);
}
END_TEST

START_TEST(a_tag_is_a_token)
{
	for (unsigned long i = 0; i < 1000; i++) {
		make("c", "", "", i);
		ck_assert_uint_eq(strlen(tag), TAG_TEXT_MAX - 1);
		ck_assert_uint_eq(strspn(tag, "0123456789abcdef"), TAG_TEXT_MAX - 1);
	}
}
END_TEST

START_TEST(another_secret_gives_other_tags_and_orders)
{
	struct tag_keys first = keys;
	ck_assert(tag_keys_init(&keys, slice_of("0123456789abcdeg")));
	ck_assert_mem_ne(first.to_tag, keys.to_tag, sizeof keys.to_tag);
	ck_assert_mem_ne(first.call, keys.call, sizeof keys.call);
	ck_assert_mem_ne(keys.to_tag, keys.call, sizeof keys.call);
}
END_TEST

START_TEST(without_a_secret_keys_are_random)
{
	struct tag_keys one, two;
	ck_assert(tag_keys_init(&one, (struct slice){0}));
	ck_assert(tag_keys_init(&two, (struct slice){0}));
	ck_assert_mem_ne(&one, &two, sizeof one);
	ck_assert_mem_ne(one.to_tag, one.call, sizeof one.call);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/tag");
	TCase *tests = tcase_create("tag");
	tcase_add_checked_fixture(tests, init, NULL);
	tcase_add_test(tests, tags_and_keys_are_the_same_everywhere);
	tcase_add_loop_test(tests, another_request_gets_another_tag, 0,
	                    sizeof others / sizeof others[0]);
	tcase_add_test(tests, a_tag_is_a_token);
	tcase_add_test(tests, another_secret_gives_other_tags_and_orders);
	tcase_add_test(tests, without_a_secret_keys_are_random);
	suite_add_tcase(suite, tests);
	return suite;
}
