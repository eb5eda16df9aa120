/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "server/operations/json.h"
#include "tests/runner.h"

static char *text;
static size_t len;
static struct json json;

static void begin(void)
{
	json = (struct json){.to = open_memstream(&text, &len)};
	ck_assert_ptr_nonnull(json.to);
}

static void ends_as(const char *expected)
{
	ck_assert_uint_eq(json.depth, 0);
	fclose(json.to);
	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(commas_stand_between_values)
{
	begin();
	json_object(&json, NULL);
	json_count(&json, "a", 1);
	json_array(&json, "b");
	json_count(&json, NULL, 2);
	json_object(&json, NULL);
	json_end(&json);
	json_array(&json, NULL);
	json_end(&json);
	json_null(&json, NULL);
	json_end(&json);
	json_text(&json, "c", slice_of("d"));
	json_number(&json, "e", 1234567.25);
	json_end(&json);
	ends_as("{\"a\":1,\"b\":[2,{},[],null],\"c\":\"d\",\"e\":1234567.250}");
}
END_TEST

START_TEST(the_largest_count_is_written)
{
	begin();
	json_count(&json, NULL, UINT64_MAX);
	ends_as("18446744073709551615");
}
END_TEST

static const struct {
	const char *value, *expected;
	size_t len; /* 0: all of it */
} texts[] = {
	{"", "\"\""},
	{"+44 \xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x8f",
         "\"+44 \xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x8f\""},
	{"a\"b\\c", "\"a\\u0022b\\u005cc\""},
	{"a\nb\tc\x1b", "\"a\\u000ab\\u0009c\\u001b\""},
	{"a\0b", "\"a\\u0000b\"", 3},
	{"\x7f", "\"\\u007f\""},
	{"</script>&", "\"\\u003c/script\\u003e\\u0026\""},
	{"\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\""},
	/* not UTF-8: a lone byte, one cut off, overlong, a surrogate, beyond the end */
	{"a\xff\x80z", "\"a\\ufffd\\ufffdz\""},
	{"\xe2\x82", "\"\\ufffd\\ufffd\""},
	{"\xc0\xaf", "\"\\ufffd\\ufffd\""},
	{"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
	{"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
};

START_TEST(texts_of_any_bytes_are_escaped)
{
	size_t size = texts[_i].len ? texts[_i].len : strlen(texts[_i].value);
	begin();
	json_text(&json, NULL, (struct slice){texts[_i].value, size});
	ends_as(texts[_i].expected);
}
END_TEST

START_TEST(keys_are_escaped_too)
{
	begin();
	json_object(&json, NULL);
	json_count(&json, "a\"\xff", 1);
	json_end(&json);
	ends_as("{\"a\\u0022\\ufffd\":1}");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("json");
	TCase *tcase = tcase_create("json");
	tcase_add_test(tcase, commas_stand_between_values);
	tcase_add_test(tcase, the_largest_count_is_written);
	tcase_add_loop_test(tcase, texts_of_any_bytes_are_escaped, 0,
	                    sizeof texts / sizeof texts[0]);
	tcase_add_test(tcase, keys_are_escaped_too);
	suite_add_tcase(suite, tcase);
	return suite;
}
