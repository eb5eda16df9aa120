/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/fuzz/rules_zone_fuzz.c" /* its one function, on all that is kept */
#include "tests/rules_loading.h"
#include "tests/runner.h"

#define FOLDER "/usr/share/zoneinfo/"
#define CORPUS "tests/fuzz/corpus/zone"

static struct arena *arena;

static void begin(void)
{
	arena = arena_new(LOADING_PLENTY);
}

static void end(void)
{
	arena_free(arena);
}

static const struct zone *parse(const void *bytes, size_t size, const char **why)
{
	return zone_parse(arena, slice_of("x"), (struct slice){bytes, size}, why);
}

static const struct zone *load(const char *name)
{
	static char bytes[ZONE_BYTES_MAX];
	char path[200];
	snprintf(path, sizeof path, FOLDER "%s", name);
	FILE *file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s", path);
	size_t size = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	const char *why;
	const struct zone *zone =
		zone_parse(arena, slice_of(name), (struct slice){bytes, size}, &why);
	ck_assert_msg(zone != NULL, "%s: %s", name, why);
	return zone;
}

/* Against the C library */

static int64_t utc(int year)
{
	struct tm tm = {.tm_year = year - 1900, .tm_mday = 1};
	return timegm(&tm);
}

static void use(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

static void compare(const struct zone *zone, const char *name, int64_t now_s)
{
	time_t second = (time_t)now_s;
	struct tm tm;
	localtime_r(&second, &tm);
	loading_expect(zone_offset(zone, now_s) == tm.tm_gmtoff,
	               "%s at %lld: %d, not %ld", name, (long long)now_s,
	               zone_offset(zone, now_s), tm.tm_gmtoff);
}

/* Every change that we know, one second around it, and every tenth day for those that we
 * do not know. */
static void compare_zone(const char *name)
{
	const struct zone *zone = load(name);
	int64_t from = utc(1850), until = utc(2500);
	use(name);
	for (int64_t now = from; now < utc(2110); now += 864000 + 3599)
		compare(zone, name, now);
	for (int64_t now = from; now < until;) {
		now = zone_change(zone, now);
		for (int64_t near = now - 1; now < until && near <= now + 1; near++)
			compare(zone, name, near);
	}
}

START_TEST(every_zone_is_as_the_c_library_has_it)
{
	FILE *list = fopen(FOLDER "zone1970.tab", "r");
	char line[500], name[100];
	size_t count = 0;
	ck_assert_ptr_nonnull(list);
	while (fgets(line, sizeof line, list))
		if (line[0] != '#' && sscanf(line, "%*s %*s %99s", name) == 1) {
			compare_zone(name);
			count++;
		}
	fclose(list);
	ck_assert_uint_gt(count, 300);
}
END_TEST

/* No zone's rule for the years to come is so odd as these. */
static const char *const odd_rules[] = {
	"AAA0BBB,J60/0,J300/0",       "AAA0BBB,59/0,300",
	"AAA3BBB,J300,J60",           "AAA-10BBB-10:30,M10.1.0,M4.1.0",
	"AAA-1BBB0,M10.5.0,M3.5.0/1", "<-03>3<-02>,M2.5.4/49,M9.1.1/-30",
};

static size_t put_32(char *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (char)(value >> (24 - 8 * i));
	return 4;
}

/* A header with the counts of times, types and name bytes. */
static size_t put_header(char *to, char version, uint32_t times, uint32_t types,
                         uint32_t names)
{
	memset(to, 0, 44);
	memcpy(to, "TZif", 4);
	to[4] = version;
	put_32(to + 32, times);
	put_32(to + 36, types);
	put_32(to + 40, names);
	return 44;
}

static size_t put_type(char *to, int offset, char saving)
{
	put_32(to, (uint32_t)offset);
	to[4] = saving;
	to[5] = 0;
	return 6;
}

/* A file without changes, but with a rule. */
static size_t put_file(char *to, const char *rule)
{
	size_t len = put_header(to, '2', 0, 0, 0);
	len += put_header(to + len, '2', 0, 1, 4);
	len += put_type(to + len, 0, 0);
	memcpy(to + len, "AAA", 4);
	len += 4;
	return len + (size_t)sprintf(to + len, "\n%s\n", rule);
}

START_TEST(odd_rules_are_as_the_c_library_has_them)
{
	char bytes[300];
	const char *why;
	const struct zone *zone = parse(bytes, put_file(bytes, odd_rules[_i]), &why);
	ck_assert_msg(zone != NULL, "%s", why);
	use(odd_rules[_i]);
	int64_t until = utc(2500);
	for (int64_t now = utc(1971); now < until; now += 86400 + 17)
		compare(zone, odd_rules[_i], now);
	for (int64_t now = utc(1971); now < until; now = zone_change(zone, now)) {
		compare(zone, odd_rules[_i], now - 1);
		compare(zone, odd_rules[_i], now);
	}
}
END_TEST

START_TEST(saving_that_begins_when_it_ends_lasts_all_year)
{
	static const char *const all_year[] = {"EST5EDT,0/0,J365/25",
	                                       "XXX3EDT4,0/0,J365/23"};
	char bytes[300];
	const char *why;
	const struct zone *zone = parse(bytes, put_file(bytes, all_year[_i]), &why);
	ck_assert_ptr_nonnull(zone);
	for (int64_t now = utc(1971); now < utc(2800); now += 86400 / 4)
		loading_expect(zone_offset(zone, now) == -4 * 3600, "%lld",
		               (long long)now);
}
END_TEST

/* From local time */

static const struct {
	const char *zone, *local, *want;
} moments[] = {
	{"Europe/London", "2026-01-01 00:00:00", "2026-01-01 00:00:00"},
	{"Europe/London", "2026-07-01 00:00:00", "2026-06-30 23:00:00"},
	/* Skipped: the moment of the change. */
	{"Europe/London", "2026-03-29 00:59:59", "2026-03-29 00:59:59"},
	{"Europe/London", "2026-03-29 01:00:00", "2026-03-29 01:00:00"},
	{"Europe/London", "2026-03-29 01:59:59", "2026-03-29 01:00:00"},
	{"Europe/London", "2026-03-29 02:00:00", "2026-03-29 01:00:00"},
	{"Europe/London", "2026-03-29 02:00:01", "2026-03-29 01:00:01"},
	/* Twice: the first. */
	{"Europe/London", "2026-10-25 00:59:59", "2026-10-24 23:59:59"},
	{"Europe/London", "2026-10-25 01:00:00", "2026-10-25 00:00:00"},
	{"Europe/London", "2026-10-25 01:59:59", "2026-10-25 00:59:59"},
	{"Europe/London", "2026-10-25 02:00:00", "2026-10-25 02:00:00"},
	{"America/New_York", "2026-03-08 02:30:00", "2026-03-08 07:00:00"},
	{"America/New_York", "2026-11-01 01:30:00", "2026-11-01 05:30:00"},
	/* Half an hour */
	{"Australia/Lord_Howe", "2026-10-04 02:15:00", "2026-10-03 15:30:00"},
	{"Australia/Lord_Howe", "2026-04-05 01:45:00", "2026-04-04 14:45:00"},
	{"Australia/Lord_Howe", "2026-04-05 02:00:00", "2026-04-04 15:30:00"},
	/* Back in Ramadan */
	{"Africa/Casablanca", "2026-02-15 02:30:00", "2026-02-15 01:30:00"},
	{"Africa/Casablanca", "2026-02-15 03:00:00", "2026-02-15 03:00:00"},
	{"Africa/Casablanca", "2026-03-22 02:30:00", "2026-03-22 02:00:00"},
	/* A day that there was not */
	{"Pacific/Apia", "2011-12-29 23:59:59", "2011-12-30 09:59:59"},
	{"Pacific/Apia", "2011-12-30 00:00:00", "2011-12-30 10:00:00"},
	{"Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30 10:00:00"},
	{"Pacific/Apia", "2011-12-31 00:00:00", "2011-12-30 10:00:00"},
	{"Pacific/Apia", "2011-12-31 00:00:01", "2011-12-30 10:00:01"},
	{"Asia/Tokyo", "9999-12-31 23:59:59", "9999-12-31 14:59:59"},
	{"Europe/London", "9999-07-01 00:00:00", "9999-06-30 23:00:00"},
	{"Europe/London", "0001-01-01 00:00:00", "0001-01-01 00:01:15"},
};

static int64_t second_of(const char *text)
{
	struct tm tm = {0};
	ck_assert_ptr_nonnull(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
	return timegm(&tm);
}

START_TEST(a_local_time_is_the_first_moment_that_shows_it_or_more)
{
	const struct zone *zone = load(moments[_i].zone);
	int64_t got = zone_moment(zone, second_of(moments[_i].local));
	ck_assert_msg(got == second_of(moments[_i].want), "%s in %s: %lld",
	              moments[_i].local, moments[_i].zone,
	              (long long)(got - second_of(moments[_i].want)));
}
END_TEST

START_TEST(utc_needs_no_file)
{
	ck_assert_int_eq(zone_offset(zone_utc(), 1798192800), 0);
	ck_assert_int_eq(zone_offset(zone_utc(), INT64_MIN), 0);
	ck_assert_int_eq(zone_offset(zone_utc(), INT64_MAX), 0);
	ck_assert_int_eq(zone_moment(zone_utc(), 1798192800), 1798192800);
	ck_assert_int_eq(zone_change(zone_utc(), 0), INT64_MAX);
	ck_assert(slice_equal(zone_name(zone_utc()), slice_of("UTC")));
}
END_TEST

/* Files, field by field */

struct file {
	char bytes[400];
	size_t len;
};

/* A version 1 file: one hour ahead from 100 on, two from 200 on. */
static void put_version_1(struct file *file)
{
	char *to = file->bytes;
	size_t len = put_header(to, 0, 2, 2, 8);
	len += put_32(to + len, 100);
	len += put_32(to + len, 200);
	to[len++] = 0;
	to[len++] = 1;
	len += put_type(to + len, 3600, 0);
	len += put_type(to + len, 7200, 1);
	memcpy(to + len, "AAA\0BBB", 8);
	file->len = len + 8;
}

START_TEST(version_1_has_32_bits_and_no_rule)
{
	struct file file;
	const char *why;
	put_version_1(&file);
	const struct zone *zone = parse(file.bytes, file.len, &why);
	ck_assert_msg(zone != NULL, "%s", why);
	ck_assert_int_eq(zone_offset(zone, 99), 3600);
	ck_assert_int_eq(zone_offset(zone, 199), 3600);
	ck_assert_int_eq(zone_offset(zone, 200), 7200);
	ck_assert_int_eq(zone_offset(zone, INT64_MAX), 7200);
	ck_assert_int_eq(zone_change(zone, 99), 100);
	ck_assert_int_eq(zone_change(zone, 200), INT64_MAX);
}
END_TEST

/* One byte of that file changed. */
static const struct {
	size_t at;
	char to;
	const char *why;
} changed[] = {
	{0, 't', "no TZif"},
	{23, 1, "cut short"},
	{31, 1, "cut short"},
	{35, 3, "cut short"},
	{35, 1, "types"}, /* what follows is read at another place */
	{32, 127, "cut short"},
	{39, 3, "cut short"},
	{36, 127, "cut short"},
	{39, 0, "types"},
	{43, 0, "types"},
	{43, 4, "types"}, /* of the second type the name is behind the end */
	{40, -1, "cut short"},
	{52, 2, "transitions"},
	{51, 100, "transitions"},
	{51, 99, "transitions"},
	{54, 1, "types"},  /* an offset of half a year */
	{54, -1, "types"}, /* west */
	{58, 2, "types"},
	{65, 8, "types"},
};

START_TEST(what_is_broken_is_refused)
{
	struct file file;
	const char *why = NULL;
	put_version_1(&file);
	file.bytes[65] = 4; /* the second type is BBB */
	ck_assert_ptr_nonnull(parse(file.bytes, file.len, &why));
	file.bytes[changed[_i].at] = changed[_i].to;
	const struct zone *zone = parse(file.bytes, file.len, &why);
	ck_assert_msg(!zone, "row %d is taken", _i);
	ck_assert_msg(strstr(why, changed[_i].why) != NULL, "row %d: %s", _i, why);
}
END_TEST

START_TEST(names_end_with_a_nul)
{
	struct file file;
	const char *why;
	put_version_1(&file);
	file.bytes[65] = 4;
	file.bytes[file.len - 1] = 'B';
	ck_assert_ptr_null(parse(file.bytes, file.len, &why));
}
END_TEST

START_TEST(leap_seconds_are_refused)
{
	struct file file;
	const char *why;
	put_version_1(&file);
	file.bytes[31] = 1;
	ck_assert_ptr_null(parse(file.bytes, file.len + 8, &why));
	ck_assert_ptr_nonnull(strstr(why, "leap seconds"));
}
END_TEST

/* Every file that is shorter, from memory that ends there. */
START_TEST(a_file_that_is_cut_is_refused)
{
	struct file file;
	file.len = put_file(file.bytes, "EST5EDT,M3.2.0,M11.1.0");
	for (size_t len = 0; len < file.len; len++) {
		const char *why;
		char *exact = malloc(len ? len : 1);
		memcpy(exact, file.bytes, len);
		ck_assert_msg(!parse(exact, len, &why), "%zu bytes are taken", len);
		free(exact);
	}
}
END_TEST

START_TEST(a_broken_rule_is_refused_and_an_empty_one_is_none)
{
	struct file file;
	const char *why;
	file.len = put_file(file.bytes, "EST5EDT");
	ck_assert_ptr_null(parse(file.bytes, file.len, &why));
	ck_assert_str_eq(why, "the rule at its end is broken");
	file.len = put_file(file.bytes, "");
	const struct zone *zone = parse(file.bytes, file.len, &why);
	ck_assert_ptr_nonnull(zone);
	ck_assert_int_eq(zone_offset(zone, 0), 0);
	file.len = put_file(file.bytes, "XYZ-5");
	zone = parse(file.bytes, file.len, &why);
	ck_assert_ptr_nonnull(zone);
	ck_assert_int_eq(zone_offset(zone, 0), 5 * 3600);
}
END_TEST

START_TEST(each_allocation_may_fail)
{
	struct file file;
	const char *why;
	file.len = put_file(file.bytes, "EST5EDT,M3.2.0,M11.1.0");
	for (size_t limit = 0;; limit += 500) {
		struct arena *small = arena_new(limit);
		const struct zone *zone =
			small ? zone_parse(small, slice_of("x"),
		                           (struct slice){file.bytes, file.len}, &why)
			      : NULL;
		ck_assert(zone || !small || !why);
		arena_free(small);
		if (zone)
			break;
	}
}
END_TEST

/* Whole and cut, with nothing to read behind the end. */
START_TEST(promises_hold_for_every_file_that_is_kept)
{
	size_t count = 0;
	DIR *corpus = opendir(CORPUS);
	ck_assert_msg(corpus != NULL, "run this in the folder of the sources");
	for (struct dirent *entry; (entry = readdir(corpus));) {
		static uint8_t data[ZONE_BYTES_MAX];
		char path[300];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, CORPUS "/%s", entry->d_name);
		FILE *file = fopen(path, "r");
		ck_assert_ptr_nonnull(file);
		size_t size = fread(data, 1, sizeof data, file);
		fclose(file);
		for (size_t len = size; len > 0; len = len * 7 / 8) {
			uint8_t *exact = malloc(len);
			memcpy(exact, data, len);
			LLVMFuzzerTestOneInput(exact, len);
			free(exact);
		}
		count++;
	}
	closedir(corpus);
	ck_assert_uint_ge(count, 20);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("rules/zone");
	TCase *tests = tcase_create("zone");
	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_test(tests, every_zone_is_as_the_c_library_has_it);
	tcase_add_loop_test(tests, odd_rules_are_as_the_c_library_has_them, 0,
	                    LOADING_COUNT(odd_rules));
	tcase_add_loop_test(tests, saving_that_begins_when_it_ends_lasts_all_year, 0, 2);
	tcase_add_loop_test(tests, a_local_time_is_the_first_moment_that_shows_it_or_more,
	                    0, LOADING_COUNT(moments));
	tcase_add_test(tests, utc_needs_no_file);
	tcase_add_test(tests, version_1_has_32_bits_and_no_rule);
	tcase_add_loop_test(tests, what_is_broken_is_refused, 0, LOADING_COUNT(changed));
	tcase_add_test(tests, names_end_with_a_nul);
	tcase_add_test(tests, leap_seconds_are_refused);
	tcase_add_test(tests, a_file_that_is_cut_is_refused);
	tcase_add_test(tests, a_broken_rule_is_refused_and_an_empty_one_is_none);
	tcase_add_test(tests, each_allocation_may_fail);
	tcase_add_test(tests, promises_hold_for_every_file_that_is_kept);
	tcase_set_timeout(tests, 120);
	suite_add_tcase(suite, tests);
	return suite;
}
