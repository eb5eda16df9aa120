/* SPDX-License-Identifier: MIT */
#include "server/doors/handshakes.h"
#include "tests/runner.h"

#define SECOND 1000000000ull

static struct handshakes *handshakes;

static void enter(void)
{
	handshakes = handshakes_new();
	ck_assert_ptr_nonnull(handshakes);
}

static void leave(void)
{
	handshakes_free(handshakes);
}

static struct address numbered(unsigned number)
{
	struct address address = {{[10] = 0xff,
	                           [11] = 0xff,
	                           [12] = 10,
	                           [14] = (uint8_t)(number >> 8),
	                           [15] = (uint8_t)number}};
	return address;
}

static const char *refuse(unsigned number, uint64_t now_ns)
{
	struct address source = numbered(number);
	return handshakes_refuse(handshakes, &source, now_ns);
}

static void give_back(unsigned number, uint64_t now_ns)
{
	struct address source = numbered(number);
	handshakes_give_back(handshakes, &source, now_ns);
}

/* Of count that source wants at once. */
static unsigned passing(unsigned source, unsigned count, uint64_t now_ns)
{
	unsigned passed = 0;
	for (unsigned i = 0; i < count; i++)
		passed += refuse(source, now_ns) == NULL;
	return passed;
}

START_TEST(a_source_has_a_burst_and_then_its_rate)
{
	ck_assert_uint_eq(passing(1, 1000, SECOND), HANDSHAKES_SOURCE_BURST);
	ck_assert_str_eq(refuse(1, SECOND), "handshakes of its source");
	ck_assert_uint_eq(passing(1, 1000, 2 * SECOND), HANDSHAKES_SOURCE_RATE);
	ck_assert_uint_eq(passing(1, 1000, 100 * SECOND), HANDSHAKES_SOURCE_BURST);
}
END_TEST

START_TEST(a_flood_of_one_source_takes_nothing_from_another)
{
	passing(1, 100000, SECOND);
	ck_assert_uint_eq(passing(2, 1000, SECOND), HANDSHAKES_SOURCE_BURST);
}
END_TEST

START_TEST(a_network_of_64_bits_is_one_source)
{
	unsigned passed = 0;
	for (uint8_t i = 0; i < 100; i++) {
		struct address address = {{0x20, 1, [15] = i}};
		passed += handshakes_refuse(handshakes, &address, SECOND) == NULL;
	}
	ck_assert_uint_eq(passed, HANDSHAKES_SOURCE_BURST);
}
END_TEST

START_TEST(many_sources_share_what_there_is)
{
	unsigned passed = 0;
	for (unsigned source = 0; source < 1000; source++)
		passed += refuse(source, SECOND) == NULL;
	ck_assert_uint_eq(passed, HANDSHAKES_BURST);
	ck_assert_str_eq(refuse(1000, SECOND), "handshakes of strangers");
	passed = 0;
	for (unsigned source = 1000; source < 2000; source++)
		passed += refuse(source, 2 * SECOND) == NULL;
	ck_assert_uint_eq(passed, HANDSHAKES_RATE);
}
END_TEST

/* Many times what would be allowed, of one source and of all. */
START_TEST(peers_are_not_counted)
{
	for (unsigned i = 0; i < 10 * HANDSHAKES_BURST; i++) {
		ck_assert_uint_eq(passing(i % 8, HANDSHAKES_SOURCE_BURST, SECOND),
		                  HANDSHAKES_SOURCE_BURST);
		for (unsigned n = 0; n < HANDSHAKES_SOURCE_BURST; n++)
			give_back(i % 8, SECOND);
	}
}
END_TEST

START_TEST(giving_back_fills_a_bucket_and_no_more)
{
	for (unsigned i = 0; i < 100; i++)
		give_back(1, SECOND); /* nothing was taken */
	ck_assert_uint_eq(passing(1, 1000, SECOND), HANDSHAKES_SOURCE_BURST);
	give_back(1, SECOND);
	ck_assert_uint_eq(passing(1, 1000, SECOND), 1);
	for (unsigned i = 0; i < 100; i++)
		give_back(1, SECOND);
	ck_assert_uint_eq(passing(1, 1000, SECOND), HANDSHAKES_SOURCE_BURST);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/handshakes");
	TCase *tests = tcase_create("handshakes");
	tcase_add_checked_fixture(tests, enter, leave);
	tcase_add_test(tests, a_source_has_a_burst_and_then_its_rate);
	tcase_add_test(tests, a_flood_of_one_source_takes_nothing_from_another);
	tcase_add_test(tests, a_network_of_64_bits_is_one_source);
	tcase_add_test(tests, many_sources_share_what_there_is);
	tcase_add_test(tests, peers_are_not_counted);
	tcase_add_test(tests, giving_back_fills_a_bucket_and_no_more);
	suite_add_tcase(suite, tests);
	return suite;
}
