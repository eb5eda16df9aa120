/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/deckfile.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static char *print(struct diags *diags)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	diags_print(diags, to);
	fclose(to);
	diags_free(diags);
	return text;
}

static bool load(struct deckfile *file, const struct deckfile *known, char **findings)
{
	struct diags *diags = diags_new();
	file->source.path = LOADING_FILE;
	file->zone = zone_utc();
	if (!file->prepend.at)
		file->prepend = slice_of("+");
	bool good = deckfile_load(file, known, LOADING_PLENTY, diags);
	ck_assert_int_eq(good, diags_errors(diags) == 0);
	ck_assert_int_eq(good, file->deck != NULL);
	*findings = print(diags);
	return good;
}

/* "+44=0.01 UK 60/60 q=5 from=1 until=2", to be freed; "" if there is none. */
static char *rate_of(const struct deck *deck, const char *number, int64_t now_s)
{
	char *text = NULL, decimal[DECIMAL_TEXT_MAX];
	size_t len = 0;
	struct deck_found found;
	FILE *to = open_memstream(&text, &len);
	if (deck_find(deck, slice_of(number), now_s, &found)) {
		const struct rate *rate = &found.rate;
		fprintf(to, "%.*s=%s", (int)found.prefix_len, number,
		        rate->blocked ? "blocked" : decimal_text(rate->price, decimal));
		if (rate->destination.len)
			fprintf(to, " %.*s", (int)rate->destination.len,
			        rate->destination.at);
		if (rate->increment.len)
			fprintf(to, " %.*s", (int)rate->increment.len,
			        rate->increment.at);
		if (rate->has_quality)
			fprintf(to, " q=%s", decimal_text(rate->quality, decimal));
		if (rate->from_s != INT64_MIN)
			fprintf(to, " from=%lld", (long long)rate->from_s);
		if (rate->until_s != INT64_MAX)
			fprintf(to, " until=%lld", (long long)rate->until_s);
	}
	fclose(to);
	return text;
}

#define NOW 1764547200 /* 2025-12-01 */

static const struct {
	const char *text, *columns[4], *prepend, *number, *rate;
} good_files[] = {
	{"prefix,rate\n44,0.01\n", {NULL}, NULL, "+4420", "+44=0.01"},
	{"prefix,rate\n+44,0.01\n", {NULL}, NULL, "+4420", "+44=0.01"},
	{"prefix,rate\n44,0.01\n", {NULL}, NULL, "4420", ""},
	{"prefix,rate\n44,0.01\n", {NULL}, "", "4420", "44=0.01"},
	{"prefix,rate\n+44,0.01\n", {NULL}, "", "+4420", "+44=0.01"},
	{"prefix,rate\n44,0.01\n", {NULL}, "00", "004420", "0044=0.01"},
	{"prefix,rate\n020,0.01\n", {NULL}, "", "0207", "020=0.01"},
	{"Dial Code;PRICE;Description;Billing-Increment;ASR;Currency\n"
         "44; .5 ;UK;60/60;71.50;GBP\n",
         {NULL},
         NULL,
         "+4420",
         "+44=0.5 UK 60/60 q=71.5"},
	{"rate\tcode\n0\t44\n", {NULL}, NULL, "+44", "+44=0"},
	{"code,rate,effective_date,end date\n44,1,2025-12-01,2025-12-01\n",
         {NULL},
         NULL,
         "+44",
         "+44=1 from=1764547200 until=1764633600"},
	{"code,rate,from,until\n44,1,2025-12-01T00:00:00Z,2025-12-01 00:00:01\n",
         {NULL},
         NULL,
         "+44",
         "+44=1 from=1764547200 until=1764547201"},
	{"code,rate,from\n44,1,\n44,2,2025-12-01\n44,3,2025-12-02\n",
         {NULL},
         NULL,
         "+44",
         "+44=2 from=1764547200"},
	{"code,rate\n4,1\n44,blocked\n", {NULL}, NULL, "+44", "+44=blocked"},
	{"code,rate\n4,1\n44,BLOCKED\n", {NULL}, NULL, "+44", "+44=blocked"},
	{"code,rate\n4,1\n44,\n", {NULL}, NULL, "+44", "+44=blocked"},
	{"44,0.01\n", {"prefix", "rate"}, NULL, "+44", "+44=0.01"},
	{"Vorwahl,Tarif\n44,0.01\n", {"prefix", "rate"}, NULL, "+44", "+44=0.01"},
	{"UK,44,0.01\n", {"", "prefix", "rate"}, NULL, "+44", "+44=0.01"},
	{"Rate,Code,0.01\n1,44,0.02\n", {"", "prefix", "rate"}, NULL, "+44", "+44=0.02"},
	{"\"code\",\"rate\"\r\n\"44\",\"0.01\"\r\n", {NULL}, NULL, "+44", "+44=0.01"},
	{"\xef\xbb\xbf"
         "code,rate\n44,0.01",
         {NULL},
         NULL,
         "+44",
         "+44=0.01"},
	{"prefix,rate\n441234567890123,1\n",
         {NULL},
         NULL,
         "+4412345678901239",
         "+441234567890123=1"},
};

START_TEST(decks_of_many_kinds_are_read)
{
	struct slice columns[4];
	struct deckfile file = {.source.columns = columns};
	char *findings;
	loading_write(good_files[_i].text);
	if (good_files[_i].prepend)
		file.prepend = slice_of(good_files[_i].prepend);
	for (; file.source.column_count < 4 &&
	       good_files[_i].columns[file.source.column_count];
	     file.source.column_count++)
		columns[file.source.column_count] =
			slice_of(good_files[_i].columns[file.source.column_count]);
	ck_assert_msg(load(&file, NULL, &findings), "%s", findings);
	ck_assert_str_eq(findings, "");
	char *rate = rate_of(file.deck, good_files[_i].number, NOW);
	ck_assert_str_eq(rate, good_files[_i].rate);
	free(rate);
	free(findings);
	deck_release(file.deck);
}
END_TEST

#define ROW(line_column, rest) LOADING_FILE ":" line_column ": error: " rest "\n"
#define HINT(text)             "  hint: " text "\n"

static const struct {
	const char *text, *prepend, *findings;
} bad_files[] = {
	{"", NULL,
         LOADING_FILE ": error: the file is empty; its first row has the names of the "
                      "columns\n"},
	{"44,0.01\n", NULL,
         ROW("1:1", "no column is called \"prefix\", \"code\" or \"dial code\"")
                 HINT("name the columns: columns: [prefix, rate, \"\", ...]")},
	{"code,name\n", NULL,
         ROW("1:1", "no column is called \"rate\", \"price\" or \"cost\"")
                 HINT("name the columns: columns: [prefix, rate, \"\", ...]")},
	{"code,rate,name,description\n", NULL,
         ROW("1:16", "a second column for the destination: \"description\"")
                 HINT("say which one: columns: [prefix, rate, ...], and \"\" for what "
                      "is not to be read")},
	{"code,rate\n44\n44,1,2\n", NULL,
         ROW("2:1", "1 field instead of 2") ROW("3:6", "3 fields instead of 2")},
	{"code,rate\n,1\n", NULL, ROW("2:1", "there is no prefix")},
	{"code,rate\n44-20,1\n", NULL,
         ROW("2:1", "\"44-20\" is no prefix")
                 HINT("digits, with or without a + before them; one prefix in each "
                      "row")},
	{"code;rate\n4420,4421;1\nx;1\n+;1\n", NULL,
         ROW("2:1", "\"4420,4421\" is no prefix")
                 HINT("digits, with or without a + before them; one prefix in each "
                      "row") ROW("3:1", "\"x\" is no prefix")
                         HINT("digits, with or without a + before them; one prefix "
                              "in each row") ROW("4:1", "\"+\" is no prefix")
                                 HINT("digits, with or without a + before them; one "
                                      "prefix in each row")},
	{"code,rate\n4412345678901234,1\n", NULL,
         ROW("2:1", "\"4412345678901234\" is no prefix")
                 HINT("a prefix has 15 digits at most")},
	{"code,rate\n12345678901234,1\n", "00",
         ROW("2:1", "\"0012345678901234\" is no prefix")
                 HINT("a prefix has 15 digits at most")},
	{"code,rate\n0044,1\n", NULL,
         ROW("2:1", "\"0044\" is no prefix")
                 HINT("no country code begins with 0; what prefixes begin with in the "
                      "calls is said by prepend: \"00\" or \"\"")},
	{"code,rate\n*44,1\n4#4,1\n", NULL,
         ROW("2:1", "\"*44\" is no prefix")
                 HINT("digits, with or without a + before them; one prefix in each "
                      "row") ROW("3:1", "\"4#4\" is no prefix")
                         HINT("digits, with or without a + before them; one prefix "
                              "in each row")},
	{"code,rate\n+044,1\n", "00",
         ROW("2:1", "\"+044\" is no prefix")
                 HINT("no country code begins with 0; what prefixes begin with in the "
                      "calls is said by prepend: \"00\" or \"\"")},
	{"code;rate;quality\n44;0,01;\n44;1;x\n44;-1;\n", NULL,
         ROW("2:4", "rate \"0,01\": this is no decimal number")
                 HINT("the decimal point is a point: 0.0125")
                         ROW("3:6", "quality \"x\": this is no decimal number")
                                 HINT("write it like 0.0125")
                                         ROW("4:4", "rate \"-1\": a number below "
                                                    "zero") HINT("write it like 0.0125")},
	{"code,rate,from,until\n44,1,12/01/2025,\n44,1,,soon\n", NULL,
         ROW("2:6", "\"12/01/2025\" is no date") HINT(
		 "write it like 2026-12-31, or 2026-12-31T18:00")
                 ROW("3:7", "\"soon\" is no date") HINT("write it like 2026-12-31, or "
                                                        "2026-12-31T18:00")},
	{"code,rate,from,until\n44,1,2025-12-02,2025-12-01\n", NULL,
         ROW("2:17", "the rate ends before it begins")},
	{"code,rate,from\n44,1,\n45,1,\n\n+44,2,\n", NULL,
         ROW("5:1", "two rates of \"+44\" at the same time")
                 HINT("the other one stands at " LOADING_FILE ":2")},
	{"code,rate\n44,\"1\n", NULL,
         ROW("2:4", "the quote that begins here has no end")},
};

START_TEST(every_fault_is_a_finding)
{
	struct deckfile file = {0};
	char *findings;
	loading_write(bad_files[_i].text);
	if (bad_files[_i].prepend)
		file.prepend = slice_of(bad_files[_i].prepend);
	ck_assert(!load(&file, NULL, &findings));
	ck_assert_str_eq(findings, bad_files[_i].findings);
	free(findings);
}
END_TEST

START_TEST(rows_in_error_may_be_left_out)
{
	struct deckfile file = {.source.skip = true};
	char *findings;
	loading_write("code,rate\n44,1\n45,x\n46,2\n44,3\n");
	ck_assert(load(&file, NULL, &findings));
	ck_assert_str_eq(findings, LOADING_FILE
	                 ": warning: 2 of 4 rows are left out\n" LOADING_FILE
	                 ":3:4: warning: rate \"x\": this is no decimal number\n"
	                 "  hint: write it like 0.0125\n" LOADING_FILE
	                 ":5:1: warning: two rates of \"44\" at the same time\n"
	                 "  hint: the other one stands at " LOADING_FILE ":2\n");
	ck_assert_uint_eq(deck_prefix_count(file.deck), 2);
	free(findings);
	deck_release(file.deck);
}
END_TEST

START_TEST(of_many_faults_some_are_printed_and_all_are_counted)
{
	struct deckfile file = {0};
	char *findings, text[4000] = "code,rate\n";
	size_t lines = 0;
	for (int i = 0; i < 100; i++)
		strcat(text, "44,x\n");
	loading_write(text);
	ck_assert(!load(&file, NULL, &findings));
	for (const char *at = findings; (at = strchr(at, '\n')); at++)
		lines++;
	ck_assert_uint_eq(lines, 2 * CSV_FINDINGS_MAX + 1);
	ck_assert_ptr_nonnull(strstr(findings, LOADING_FILE
	                             ": error: 100 of 100 rows are in error; the first "
	                             "20 are shown\n"));
	free(findings);
}
END_TEST

/* What reads the same file otherwise. */
static void other_delimiter(struct deckfile *file)
{
	file->source.delimiter = ',';
}
static void other_skip(struct deckfile *file)
{
	file->source.skip = true;
}
static void other_prepend(struct deckfile *file)
{
	file->prepend = slice_of("00");
}
static void other_columns(struct deckfile *file)
{
	static struct slice columns[] = {{"prefix", 6}, {"rate", 4}};
	file->source.columns = columns;
	file->source.column_count = 2;
}
static void (*const others[])(struct deckfile *file) = {other_delimiter, other_skip,
                                                        other_prepend, other_columns};

START_TEST(the_same_file_is_read_once_and_another_reading_is_another)
{
	struct deckfile first = {0}, second = {0}, third = {0};
	char *findings;
	loading_write("code,rate\n44,1\n");
	ck_assert(load(&first, NULL, &findings));
	free(findings);
	ck_assert(load(&second, &first, &findings));
	free(findings);
	ck_assert_ptr_eq(first.deck, second.deck);
	ck_assert_uint_eq(second.source.rows, 1);
	others[_i](&third);
	ck_assert(load(&third, &first, &findings));
	free(findings);
	ck_assert_ptr_ne(first.deck, third.deck);
	deck_release(first.deck);
	ck_assert_uint_eq(deck_prefix_count(second.deck), 1);
	deck_release(second.deck);
	deck_release(third.deck);
}
END_TEST

START_TEST(a_file_that_changed_is_read_again)
{
	struct deckfile first = {0}, second = {0};
	char *findings;
	loading_write("code,rate\n44,1\n");
	ck_assert(load(&first, NULL, &findings));
	free(findings);
	loading_write("code,rate\n44,12\n");
	ck_assert(load(&second, &first, &findings));
	free(findings);
	char *rate = rate_of(second.deck, "+44", NOW);
	ck_assert_str_eq(rate, "+44=12");
	free(rate);
	deck_release(first.deck);
	deck_release(second.deck);
}
END_TEST

START_TEST(a_shared_deck_still_tells_what_is_left_out)
{
	struct deckfile first = {.source.skip = true}, second = {.source.skip = true};
	char *findings;
	loading_write("code,rate\n44,1\n45,x\n");
	ck_assert(load(&first, NULL, &findings));
	free(findings);
	ck_assert(load(&second, &first, &findings));
	ck_assert_str_eq(findings, LOADING_FILE ": warning: 1 of 2 rows are left out\n");
	free(findings);
	deck_release(first.deck);
	deck_release(second.deck);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("deckfile");
	TCase *tcase = tcase_create("deckfile");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_loop_test(tcase, decks_of_many_kinds_are_read, 0,
	                    LOADING_COUNT(good_files));
	tcase_add_loop_test(tcase, every_fault_is_a_finding, 0, LOADING_COUNT(bad_files));
	tcase_add_test(tcase, rows_in_error_may_be_left_out);
	tcase_add_test(tcase, of_many_faults_some_are_printed_and_all_are_counted);
	tcase_add_loop_test(tcase,
	                    the_same_file_is_read_once_and_another_reading_is_another, 0,
	                    LOADING_COUNT(others));
	tcase_add_test(tcase, a_file_that_changed_is_read_again);
	tcase_add_test(tcase, a_shared_deck_still_tells_what_is_left_out);
	suite_add_tcase(suite, tcase);
	return suite;
}
