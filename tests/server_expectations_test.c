/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <sys/stat.h>

#include "tests/fuzz/server_expectations_fuzz.c" /* its one function, on all that is kept */
#include "tests/runner.h"

static char folder[] = "/tmp/expectations_test.XXXXXX";

static void enter(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void leave(void)
{
	ck_assert_int_eq(rmdir(folder), 0);
}

/* Reads text as the file called name; NULL if there was an error. */
static struct expectations *read_as(const char *name, const char *text)
{
	static char path[128]; /* is to outlive what is read */
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
	struct diags *diags = diags_new();
	struct expectations *expectations = expectations_load(path, diags);
	ck_assert_int_eq(!expectations, diags_errors(diags) > 0);
	diags_free(diags);
	ck_assert_int_eq(remove(path), 0);
	return expectations;
}

static struct expectations *read_one(const char *test)
{
	char text[1024];
	snprintf(text, sizeof text, "rules: r.yaml\ntests:\n- %s\n", test);
	struct expectations *expectations = read_as("a.test.yaml", text);
	ck_assert_msg(expectations && expectations->count == 1, "%s", test);
	return expectations;
}

/* Which table a file is about */

static const struct {
	const char *name, *head, *rules, *settings; /* names in the folder */
} paths[] = {
	{"uk.test.yaml", "", "uk.yaml", NULL},
	{"uk.test.yml", "", "uk.yml", NULL},
	{"a.test.test.yaml", "", "a.test.yaml", NULL},
	{"uk.test.yaml", "rules: other.yaml\n", "other.yaml", NULL},
	{"uk.yaml", "rules: other.yaml\n", "other.yaml", NULL},
	{"uk.test.yaml", "settings: s.yaml\n", NULL, "s.yaml"},
	{"uk.test.yaml", "settings: s.yaml\nrules: r.yaml\n", "r.yaml", "s.yaml"},
};

static void check_path(const char *got, const char *name, const char *row)
{
	char expected[256];
	snprintf(expected, sizeof expected, "%s/%s", folder, name ? name : "");
	ck_assert_msg(!got == !name, "%s", row);
	if (got)
		ck_assert_str_eq(got, expected);
}

START_TEST(paths_are_found)
{
	char text[256];
	snprintf(text, sizeof text, "%stests: [{call: 1, expect: 404}]\n",
	         paths[_i].head);
	struct expectations *expectations = read_as(paths[_i].name, text);
	ck_assert_ptr_nonnull(expectations);
	check_path(expectations->rules_path, paths[_i].rules, paths[_i].name);
	check_path(expectations->settings_path, paths[_i].settings, paths[_i].name);
	expectations_free(expectations);
}
END_TEST

START_TEST(a_list_alone_needs_the_name)
{
	ck_assert_ptr_null(read_as("uk.yaml", "- {call: 1, expect: 404}\n"));
	struct expectations *expectations =
		read_as("uk.test.yaml", "- {call: 1, expect: 404}\n");
	ck_assert_ptr_nonnull(expectations);
	expectations_free(expectations);
}
END_TEST

/* The short form of expect */

static const struct {
	const char *expect;
	unsigned status;
	const char *phrase, *rule;
} shorts[] = {
	{"302", 302, "", NULL},
	{"603 Not Here", 603, "Not Here", NULL},
	{"uk", 0, NULL, "uk"},
	{"\"302\"", 0, NULL, "302"},
	{"default", 0, NULL, "default"},
	{"\"7 digits\"", 0, NULL, "7 digits"},
	{"rule 3", 0, NULL, "rule 3"},
	{"{status: 302}", 302, "", NULL},
	{"{status: \"302\"}", 302, "", NULL},
	{"{rule: 302}", 0, NULL, "302"},
};

START_TEST(short_for_simple_things)
{
	char text[128];
	snprintf(text, sizeof text, "{call: 1, expect: %s}", shorts[_i].expect);
	struct expectations *expectations = read_one(text);
	const struct expected *expected = &expectations->tests[0].expected;
	ck_assert_msg(expected->has_status == !shorts[_i].rule, "%s", text);
	ck_assert_uint_eq(expected->status, shorts[_i].status);
	ck_assert(slice_equal(expected->phrase, slice_of(shorts[_i].phrase)));
	ck_assert(slice_equal(expected->rule.text, slice_of(shorts[_i].rule)));
	expectations_free(expectations);
}
END_TEST

START_TEST(what_is_not_given)
{
	struct expectations *expectations = read_one("{call: \"+44\", expect: 404}");
	const struct expectation *test = &expectations->tests[0];
	ck_assert(slice_equal(test->name, slice_of("+44")));
	ck_assert_uint_eq(test->position.line, 3);
	ck_assert_uint_eq(test->position.column, 3);
	ck_assert_str_eq(test->question.call, "+44");
	ck_assert_str_eq(test->question.at, "2026-01-07T12:00");
	ck_assert_ptr_null(test->question.caller);
	ck_assert_ptr_null(test->question.call_id);
	ck_assert_uint_eq(test->question.header_count, 0);
	ck_assert(!test->expected.gateways.given && !test->expected.contacts.given);
	ck_assert_uint_eq(test->expected.calls, 10000);
	expectations_free(expectations);
}
END_TEST

START_TEST(headers_are_lines)
{
	struct expectations *expectations =
		read_one("{call: 1, headers: {X-A: [a, b c], Y: 1}, expect: 404}");
	const struct question *question = &expectations->tests[0].question;
	ck_assert_uint_eq(question->header_count, 3);
	ck_assert_str_eq(question->headers[0], "X-A: a");
	ck_assert_str_eq(question->headers[1], "X-A: b c");
	ck_assert_str_eq(question->headers[2], "Y: 1");
	expectations_free(expectations);
}
END_TEST

START_TEST(lists_have_tiers)
{
	struct expectations *expectations =
		read_one("{call: 1, expect: {gateways: [[a, b], c], contacts: []}}");
	const struct expected *expected = &expectations->tests[0].expected;
	ck_assert(expected->gateways.given && expected->contacts.given);
	ck_assert_uint_eq(expected->contacts.count, 0);
	ck_assert_uint_eq(expected->gateways.count, 2);
	ck_assert_uint_eq(expected->gateways.tiers[0].count, 2);
	ck_assert_str_eq(expected->gateways.tiers[0].members[1].text.at, "b");
	ck_assert_str_eq(expected->gateways.tiers[1].members[0].text.at, "c");
	expectations_free(expectations);
}
END_TEST

/* Shares */

static const struct {
	const char *written;
	unsigned long millionths;
} fractions[] = {
	{"0", 0},         {"1", 1000000},  {"0.5", 500000},      {"0.75", 750000},
	{"1.0", 1000000}, {"0.000001", 1}, {"0.333333", 333333}, {"\"0.25\"", 250000},
};

START_TEST(shares_are_exact_decimals)
{
	char text[128];
	snprintf(text, sizeof text, "{call: 1, expect: {shares: {a: %s}}}",
	         fractions[_i].written);
	struct expectations *expectations = read_one(text);
	ck_assert_uint_eq(expectations->tests[0].expected.shares[0].millionths,
	                  fractions[_i].millionths);
	expectations_free(expectations);
}
END_TEST

/* 4 sqrt(p (1 - p) / calls), in millionths, rounded up. */
static const struct {
	unsigned long millionths, calls, tolerance;
} tolerances[] = {
	{500000, 10000, 20000}, {750000, 10000, 17321},  {250000, 10000, 17321},
	{500000, 1, 2000000},   {500000, 1000000, 2000}, {0, 10000, 0},
	{1000000, 10000, 0},    {1, 1000000, 4},         {333333, 10000, 18857},
};

START_TEST(the_tolerance_is_four_standard_deviations)
{
	struct expected expected = {.calls = tolerances[_i].calls};
	ck_assert_uint_eq(tally_tolerance(&expected, tolerances[_i].millionths),
	                  tolerances[_i].tolerance);
	expected.has_tolerance = true;
	expected.tolerance = 7;
	ck_assert_uint_eq(tally_tolerance(&expected, tolerances[_i].millionths), 7);
}
END_TEST

static bool is_within(unsigned long millionths, unsigned long tolerance, unsigned a,
                      unsigned others)
{
	struct said_share share = {{slice_of("a"), {0}}, millionths};
	struct expected expected = {.share_count = 1,
	                            .shares = &share,
	                            .calls = a + others,
	                            .has_tolerance = true,
	                            .tolerance = tolerance};
	struct tally tally;
	char text[512];
	FILE *to = fmemopen(text, sizeof text, "w");
	ck_assert(to && tally_init(&tally, &expected));
	for (unsigned i = 0; i < a; i++)
		tally_add(&tally, slice_of("a"));
	for (unsigned i = 0; i < others; i++)
		tally_add(&tally, slice_of(i % 2 ? "b" : ""));
	bool same = tally_write(&tally, to);
	tally_fini(&tally);
	fclose(to);
	ck_assert_int_eq(strstr(text, "  - ") != NULL, !same);
	return same;
}

START_TEST(the_tolerance_is_just_within)
{
	ck_assert(is_within(500000, 100000, 40, 60));
	ck_assert(is_within(500000, 100000, 60, 40));
	ck_assert(!is_within(500000, 99999, 40, 60));
	ck_assert(!is_within(500000, 100000, 39, 61));
	ck_assert(!is_within(500000, 100000, 61, 39));
	ck_assert(is_within(0, 0, 0, 10));
	ck_assert(!is_within(0, 0, 1, 9999));
	ck_assert(is_within(1000000, 0, 10, 0));
}
END_TEST

/* What the fuzzer runs */

static const char *const corpora[] = {"tests/fuzz/corpus/expectations",
                                      "tests/config/expectations", "rules/examples"};

static void run_file(const char *from, const char *name)
{
	static uint8_t data[65536];
	char path[512];
	snprintf(path, sizeof path, "%s/%s", from, name);
	FILE *file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	size_t size = fread(data, 1, sizeof data, file);
	fclose(file);
	for (size_t len = size; len > 0; len = len * 7 / 8)
		LLVMFuzzerTestOneInput(data, len);
}

START_TEST(every_file_is_read_or_refused)
{
	size_t count = 0;
	DIR *from = opendir(corpora[_i]);
	ck_assert_msg(from != NULL, "run this in the folder of the sources");
	for (struct dirent *entry; (entry = readdir(from));)
		if (strstr(entry->d_name, ".yaml")) {
			run_file(corpora[_i], entry->d_name);
			count++;
		}
	closedir(from);
	ck_assert_uint_ge(count, 2);
}
END_TEST

#define COUNT(of) ((int)(sizeof(of) / sizeof((of)[0])))

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/expectations");
	TCase *tests = tcase_create("reader");
	tcase_add_unchecked_fixture(tests, enter, leave);
	tcase_add_loop_test(tests, paths_are_found, 0, COUNT(paths));
	tcase_add_test(tests, a_list_alone_needs_the_name);
	tcase_add_loop_test(tests, short_for_simple_things, 0, COUNT(shorts));
	tcase_add_test(tests, what_is_not_given);
	tcase_add_test(tests, headers_are_lines);
	tcase_add_test(tests, lists_have_tiers);
	tcase_add_loop_test(tests, shares_are_exact_decimals, 0, COUNT(fractions));
	tcase_add_loop_test(tests, the_tolerance_is_four_standard_deviations, 0,
	                    COUNT(tolerances));
	tcase_add_test(tests, the_tolerance_is_just_within);
	suite_add_tcase(suite, tests);
	TCase *corpus = tcase_create("corpus");
	tcase_set_timeout(corpus, 60);
	tcase_add_loop_test(corpus, every_file_is_read_or_refused, 0, COUNT(corpora));
	suite_add_tcase(suite, corpus);
	return suite;
}
