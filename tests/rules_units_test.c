/* SPDX-License-Identifier: MIT */
#include <limits.h>

#include "rules/units.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *text;
	unsigned long max, value; /* value 0: refused */
} durations[] = {
	{"1ms", 1000, 1},
	{"500ms", 1000, 500},
	{"1s", 1000, 1000},
	{"5m", ULONG_MAX, 300000},
	{"24h", 86400000, 86400000},
	{"0s", 1000, 0},
	{"2s", 1999, 0},
	{"1001ms", 1000, 0},
	{"5", ULONG_MAX, 0},
	{"s", ULONG_MAX, 0},
	{"", ULONG_MAX, 0},
	{"1 s", ULONG_MAX, 0},
	{"1S", ULONG_MAX, 0},
	{"-1s", ULONG_MAX, 0},
	{"1.5s", ULONG_MAX, 0},
	{"1d", ULONG_MAX, 0},
	{"1m30s", ULONG_MAX, 0},
	{"18446744073709551615h", ULONG_MAX, 0},
	{"18446744073709551616ms", ULONG_MAX, 0},
};

START_TEST(duration_is_a_number_and_its_unit)
{
	unsigned long ms = 0;
	bool good = units_duration(slice_of(durations[_i].text), durations[_i].max, &ms);
	ck_assert_msg(good == (durations[_i].value > 0) && ms == durations[_i].value,
	              "\"%s\": %lu", durations[_i].text, ms);
}
END_TEST

static const struct {
	const char *text;
	unsigned long max, value;
} sizes[] = {
	{"1", 1, 1},
	{"65536", 100000, 65536},
	{"256K", 1 << 20, 256 << 10},
	{"1M", 1 << 20, 1 << 20},
	{"2M", (2 << 20) - 1, 0},
	{"0K", 100, 0},
	{"1k", 1 << 20, 0},
	{"1KB", 1 << 20, 0},
	{"K", 1 << 20, 0},
};

START_TEST(size_is_a_number_of_bytes)
{
	unsigned long bytes = 0;
	bool good = units_size(slice_of(sizes[_i].text), sizes[_i].max, &bytes);
	ck_assert_msg(good == (sizes[_i].value > 0) && bytes == sizes[_i].value,
	              "\"%s\": %lu", sizes[_i].text, bytes);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("units");
	TCase *tc = tcase_create("units");
	tcase_add_loop_test(tc, duration_is_a_number_and_its_unit, 0, COUNT(durations));
	tcase_add_loop_test(tc, size_is_a_number_of_bytes, 0, COUNT(sizes));
	suite_add_tcase(suite, tc);
	return suite;
}
