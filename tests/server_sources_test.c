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
		{0x20, 0x01, [6] = (uint8_t)(number >> 8), [7] = (uint8_t)number}};
	return address;
}

static struct address parsed(const char *text)
{
	struct address address;
	ck_assert_msg(address_parse(slice_of(text), &address), "%s", text);
	return address;
}

START_TEST(each_source_has_its_own_count)
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

START_TEST(addresses_of_a_64_are_one_source)
{
	struct address a = parsed("2001:db8:0:1::1"), b = parsed("2001:db8:0:1:a:b:c:d"),
		       other = parsed("2001:db8:0:2::1");
	ck_assert(sources_add(sources, &a, 2));
	ck_assert(sources_add(sources, &b, 2));
	ck_assert(!sources_add(sources, &a, 2));
	ck_assert(sources_add(sources, &other, 2));
	sources_remove(sources, &a);
	sources_remove(sources, &b);
	ck_assert(sources_add(sources, &a, 1));
	ck_assert(!sources_add(sources, &b, 1));
}
END_TEST

/* They are told from each other by their last bytes, and from ::1 too. */
START_TEST(v4_addresses_are_sources_of_their_own)
{
	struct address a = parsed("192.0.2.1"), b = parsed("192.0.2.2"),
		       loopback = parsed("::1");
	ck_assert(sources_add(sources, &a, 1));
	ck_assert(sources_add(sources, &b, 1));
	ck_assert(sources_add(sources, &loopback, 1));
	ck_assert(!sources_add(sources, &a, 1));
	ck_assert(!sources_add(sources, &b, 1));
	ck_assert(!sources_add(sources, &loopback, 1));
}
END_TEST

START_TEST(source_that_has_gone_is_forgotten)
{
	struct address a = numbered(1);
	for (int i = 0; i < 3; i++) {
		ck_assert(sources_add(sources, &a, 1));
		ck_assert(!sources_add(sources, &a, 1));
		sources_remove(sources, &a);
	}
}
END_TEST

START_TEST(many_sources_fit)
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
	tcase_add_test(tc, each_source_has_its_own_count);
	tcase_add_test(tc, addresses_of_a_64_are_one_source);
	tcase_add_test(tc, v4_addresses_are_sources_of_their_own);
	tcase_add_test(tc, source_that_has_gone_is_forgotten);
	tcase_add_test(tc, many_sources_fit);
	suite_add_tcase(suite, tc);
	return suite;
}
