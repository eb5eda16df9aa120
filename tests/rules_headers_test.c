/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/headers.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static const struct facts facts = {.caller = {"1\r\n2", 4}};
static const struct template_values values = {.facts = &facts, .called = {"+44", 3}};

/* The headers of one level after the other, each a mapping; in a URI with own. */
static char *write_all(const char *const *yaml, size_t count, const char *own, bool uri)
{
	static char text[20000];
	struct loading loading[HEADERS_LEVELS];
	struct headers headers[HEADERS_LEVELS];
	struct headers_levels levels = {{0}};
	struct writer writer = {text, sizeof text - 1, 0, false};
	for (size_t i = 0; i < count; i++) {
		const struct node *node = loading_begin(&loading[i], yaml[i]);
		ck_assert_msg((uri ? headers_read_uri : headers_read)(
				      &loading[i].load.load, node, &headers[i]),
		              "%s", yaml[i]);
		levels.levels[i] = &headers[i];
	}
	ck_assert(!headers_are_none(&levels));
	if (uri)
		headers_write_uri(&levels, slice_of(own), &values, &writer);
	else
		headers_write(&levels, &values, &writer);
	text[writer.len] = '\0';
	for (size_t i = 0; i < count; i++)
		free(loading_end(&loading[i]));
	return text;
}

static const struct {
	const char *levels[3];
	size_t count;
	const char *want, *want_uri, *own;
} written[] = {
	{{"{X-A: 1, P-b: 'x{called}', Reason: SIP;cause=302}"},
         1,
         "X-A: 1\r\nP-b: x+44\r\nReason: SIP;cause=302\r\n",
         "?X-A=1&P-b=x+44&Reason=SIP%3Bcause%3D302",
         NULL},
	{{"{X-A: '\"{caller}\"'}"}, 1, "X-A: \"1  2\"\r\n", "?X-A=%221%20%202%22", NULL},
	/* The first level that names a header has it. */
	{{"{X-A: 1}", "{x-a: 2, X-B: 3}", "{X-B: 4, X-C: 5}"},
         3,
         "X-A: 1\r\nX-B: 3\r\nX-C: 5\r\n",
         "?X-A=1&X-B=3&X-C=5",
         NULL},
	{{"{X-A: ''}", "{X-A: 2, X-B: 3}"}, 2, "X-B: 3\r\n", "?X-B=3", NULL},
	{{"{X-A: '{rn}'}", "{X-A: 2}"}, 2, "", "", NULL},
	/* Only placeholders, and all of them empty. */
	{{"{X-A: 'a{rn}', X-B: 'a{rn}{called}', X-C: a}"},
         1,
         "X-B: a+44\r\nX-C: a\r\n",
         "?X-B=a+44&X-C=a",
         NULL},
	/* What the URI has itself. */
	{{"{X-A: 1, X-B: 2}"}, 1, NULL, "&X-B=2", "?Subject=x&x-a=5"},
};

START_TEST(headers_are_written_by_level)
{
	const char *const *levels = written[_i].levels;
	if (written[_i].want)
		ck_assert_str_eq(write_all(levels, written[_i].count, NULL, false),
		                 written[_i].want);
	ck_assert_str_eq(write_all(levels, written[_i].count, written[_i].own, true),
	                 written[_i].want_uri);
}
END_TEST

START_TEST(a_header_fits_or_is_left_out)
{
	char text[64];
	struct loading loading;
	struct headers headers;
	const struct node *node = loading_begin(&loading, "{X-A: 'a{called}', X-B: b}");
	ck_assert(headers_read(&loading.load.load, node, &headers));
	struct headers_levels levels = {{&headers}};
	static const char *const want[] = {"", "X-B: b\r\n", "X-A: a+44\r\n",
	                                   "X-A: a+44\r\nX-B: b\r\n"};
	for (size_t size = 0; size < sizeof text; size++) {
		struct writer writer = {text, size, 0, false};
		headers_write(&levels, &values, &writer);
		size_t i = size >= 19 ? 3 : size >= 11 ? 2 : size >= 8 ? 1 : 0;
		ck_assert(slice_equal(writer_since(&writer, 0), slice_of(want[i])));
	}
	free(loading_end(&loading));
}
END_TEST

START_TEST(a_value_has_1024_bytes_at_most)
{
	char number[HEADER_VALUE_MAX + 1], text[2000];
	memset(number, '1', sizeof number);
	struct loading loading;
	struct headers headers;
	const struct node *node = loading_begin(&loading, "{X-A: '{called}'}");
	ck_assert(headers_read(&loading.load.load, node, &headers));
	struct headers_levels levels = {{&headers}};
	for (size_t len = HEADER_VALUE_MAX; len <= sizeof number; len++) {
		struct template_values many = {.facts = &facts, .called = {number, len}};
		struct writer writer = {text, sizeof text, 0, false};
		headers_write(&levels, &many, &writer);
		ck_assert_uint_eq(writer.len, len == HEADER_VALUE_MAX ? len + 7 : 0);
		ck_assert(!writer.full);
	}
	free(loading_end(&loading));
}
END_TEST

/* What would break the reply, its way back or the next request. */
static const char *const forbidden[] = {
	"Via",
	"v",
	"From",
	"f",
	"To",
	"t",
	"Call-ID",
	"i",
	"CSeq",
	"Contact",
	"m",
	"Content-Length",
	"l",
	"Content-Type",
	"c",
	"Record-Route",
	"Route",
	"Max-Forwards",
	"Require",
	"Proxy-Require",
	"Proxy-Authenticate",
	"WWW-Authenticate",
	"Authorization",
	"Expires",
	"Allow",
	"Supported",
	"k",
	"Unsupported",
	"Date",
	"Timestamp",
	"Retry-After",
	"Session-Expires",
	"Replaces",
	"Refer-To",
	"Path",
	"Accept",
	"User-Agent",
	"body",
	"P-",
	"X-",
	"X A",
	"X-A:",
	"X-\xc3\xa9",
	"X-a%0d",
	"s",
	"Subject\\r\\nVia",
	"X-A\\r\\nVia: x",
};

START_TEST(what_would_break_a_message_may_not_be_added)
{
	char yaml[100];
	for (int uri = 0; uri < 2; uri++) {
		struct loading loading;
		struct headers headers;
		snprintf(yaml, sizeof yaml, "{\"%s\": x}", forbidden[_i]);
		const struct node *node = loading_begin(&loading, yaml);
		ck_assert_msg(!(uri ? headers_read_uri : headers_read)(&loading.load.load,
		                                                       node, &headers),
		              "%s", forbidden[_i]);
		char *findings = loading_end(&loading);
		ck_assert_ptr_nonnull(strstr(findings, "may not be added to a "));
		free(findings);
	}
}
END_TEST

static const struct {
	const char *yaml, *findings;
	bool uri;
} bad[] = {
	{"[a]", "1: error: headers must be a mapping of names to values, not a list\n"
                "  hint: write {X-Name: value}\n"},
	{"{X-A: \"called}\"}",
         "7: error: unknown placeholder in \"called}\"\n"
         "  hint: the placeholders are {called}, {caller}, {host}, {rule}, {gateway}, "
         "{rn}, "
         "{cic}, {tgrp}, {trunk_context}, {row.COLUMN}, {TABLE[called].COLUMN} and "
         "{TABLE[caller].COLUMN}\n"},
	{"{Via: a, To: b}", "2: error: header \"Via\" may not be added to a reply\n"
                            "  hint: X-..., P-..., Alert-Info, Call-Info, Diversion, "
                            "Error-Info, Geolocation, History-Info, Organization, "
                            "Privacy, Reason, Remote-Party-ID, Server, User-to-User, "
                            "Warning may be\n"
                            "t.yaml:1:10: error: header \"To\" may not be added to a "
                            "reply\n"
                            "  hint: X-..., P-..., Alert-Info, Call-Info, Diversion, "
                            "Error-Info, Geolocation, History-Info, Organization, "
                            "Privacy, Reason, Remote-Party-ID, Server, User-to-User, "
                            "Warning may be\n"},
	{"{Subjekt: a}",
         "2: error: header \"Subjekt\" may not be added to a Contact URI\n"
         "  hint: did you mean \"Subject\"?\n",
         true},
	{"{X-A: a, x-a: b}", "10: error: \"x-a\" is given twice\n"},
	{"{X-A: [a]}", "7: error: the value of a header must be a text, not a list\n"},
	{"{X-A: }", "7: error: the value of a header must not be empty\n"
                    "  hint: write \"\" for no such header\n"},
	{"{X-A: \"a\\r\\nVia: b\"}",
         "7: error: the value of a header may not have control characters\n"},
	{"{X-A: '\"{called}'}", "7: error: a quote is not closed in \"\"{called}\"\n"},
};

START_TEST(a_mistake_in_headers_is_found)
{
	struct loading loading;
	struct headers headers;
	char want[900];
	const struct node *node = loading_begin(&loading, bad[_i].yaml);
	ck_assert(!(bad[_i].uri ? headers_read_uri : headers_read)(&loading.load.load,
	                                                           node, &headers));
	char *findings = loading_end(&loading);
	snprintf(want, sizeof want, "t.yaml:1:%s", bad[_i].findings);
	ck_assert_str_eq(findings, want);
	free(findings);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("headers");
	TCase *tcase = tcase_create("headers");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_loop_test(tcase, headers_are_written_by_level, 0,
	                    LOADING_COUNT(written));
	tcase_add_test(tcase, a_header_fits_or_is_left_out);
	tcase_add_test(tcase, a_value_has_1024_bytes_at_most);
	tcase_add_loop_test(tcase, what_would_break_a_message_may_not_be_added, 0,
	                    LOADING_COUNT(forbidden));
	tcase_add_loop_test(tcase, a_mistake_in_headers_is_found, 0, LOADING_COUNT(bad));
	suite_add_tcase(suite, tcase);
	return suite;
}
