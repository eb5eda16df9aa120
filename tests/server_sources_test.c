/* SPDX-License-Identifier: MIT */
#include "server/doors/sources.h"
#include "tests/runner.h"

static struct sources *sources;

static void enter(void)
{
	sources = sources_new();
	ck_assert_ptr_nonnull(sources);
}

static void leave(void)
{
	sources_free(sources);
}

static struct address numbered(unsigned number)
{
	struct address address = {
		{0x20, 0x01, [14] = (uint8_t)(number >> 8), [15] = (uint8_t)number}};
	return address;
}

START_TEST(each_address_has_its_own_count)
{
	struct address a = numbered(1), b = numbered(2);
	ck_assert(sources_add(sources, &a, 2));
	ck_assert(sources_add(sources, &a, 2));
	ck_assert(!sources_add(sources, &a, 2));
	ck_assert(sources_add(sources, &b, 2));
	sources_remove(sources, &a);
	ck_assert(sources_add(sources, &a, 2));
	ck_assert(!sources_add(sources, &a, 2));
}
END_TEST

START_TEST(address_that_has_gone_is_forgotten)
{
	struct address a = numbered(1);
	for (int i = 0; i < 3; i++) {
		ck_assert(sources_add(sources, &a, 1));
		ck_assert(!sources_add(sources, &a, 1));
		sources_remove(sources, &a);
	}
}
END_TEST

START_TEST(many_addresses_fit)
{
	for (unsigned i = 0; i < 20000; i++) {
		struct address address = numbered(i);
		ck_assert(sources_add(sources, &address, 1));
	}
	for (unsigned i = 0; i < 20000; i += 2) {
		struct address address = numbered(i);
		ck_assert(!sources_add(sources, &address, 1));
		sources_remove(sources, &address);
		ck_assert(sources_add(sources, &address, 1));
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("sources");
	TCase *tc = tcase_create("sources");
	tcase_add_checked_fixture(tc, enter, leave);
	tcase_add_test(tc, each_address_has_its_own_count);
	tcase_add_test(tc, address_that_has_gone_is_forgotten);
	tcase_add_test(tc, many_addresses_fit);
	suite_add_tcase(suite, tc);
	return suite;
}
