/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/template.h"
#include "rules/uri.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static bool parse(struct loading *loading, const char *text, enum template_place place,
                  struct template *template)
{
	const struct node *root = loading_begin(loading, "x");
	struct node node = {
		.type = NODE_SCALAR, .position = root->position, .text = slice_of(text)};
	return template_parse(&loading->load.load, &node, node.text, place, template);
}

static const struct facts facts = {.caller = {"alice \"A\" \\<x>", 14},
                                   .host = {"[2001:db8::1]", 13},
                                   .rn = {"+12025550199", 12},
                                   .cic = {"+1288", 5},
                                   .tgrp = {"tg-1/2", 6},
                                   .trunk_context = {"example.net", 11}};
static const struct template_values values = {
	&facts, {"+44", 3}, {"rule one", 8}, {"gw;1", 4}};

static const struct {
	enum template_place place;
	const char *text, *want;
} written[] = {
	{TEMPLATE_PLAIN, "a{called}b", "a+44b"},
	{TEMPLATE_PLAIN, "{caller}", "alice \"A\" \\<x>"},
	{TEMPLATE_PLAIN, "", ""},
	{TEMPLATE_USER, "{caller}-{called}", "alice%20%22A%22%20%5C%3Cx%3E-+44"},
	{TEMPLATE_USER, "{rule}.{gateway}", "rule%20one.gw;1"},
	{TEMPLATE_USER, "{rn}{cic}{tgrp}{trunk_context}",
         "+12025550199+1288tg-1/2example.net"},
	{TEMPLATE_USER, "{host}", "%5B2001%3Adb8%3A%3A1%5D"},
	{TEMPLATE_HEADER, "via {rule}", "via rule one"},
	{TEMPLATE_HEADER, "{caller}", "alice \"A\" \\<x>"},
	{TEMPLATE_HEADER, "\"{caller}\"", "\"alice \\\"A\\\" \\\\<x>\""},
	{TEMPLATE_HEADER, "<sip:{caller}@{host}>;x={called}",
         "<sip:alice%20%22A%22%20%5C%3Cx%3E@[2001:db8::1]>;x=+44"},
	/* Beside an address a value can neither be another one nor a parameter. */
	{TEMPLATE_HEADER, "{caller} <sip:{called}@h>", "alice ?A? ??x? <sip:+44@h>"},
	{TEMPLATE_HEADER, "<sip:{called}@h>;x={tgrp};y={host}",
         "<sip:+44@h>;x=tg-1?2;y=[2001:db8::1]"},
	{TEMPLATE_URI_HEADER, "{gateway} <sip:h>", "gw?1%20%3Csip:h%3E"},
	{TEMPLATE_HEADER, "<sip:{host}@h>", "<sip:%5B2001%3Adb8%3A%3A1%5D@h>"},
	/* A quote in a literal is where it was written, not where it seems. */
	{TEMPLATE_HEADER, "\"a\\\"<{rule}\" <sip:{gateway}@h>",
         "\"a\\\"<rule one\" <sip:gw;1@h>"},
	{TEMPLATE_URI_HEADER, "{called}", "+44"},
	{TEMPLATE_URI_HEADER, "\"{caller}\" <sip:{caller}@{host};a=b>",
         "%22alice%20%5C%22A%5C%22%20%5C%5C%3Cx%3E%22%20"
         "%3Csip:alice%2520%2522A%2522%2520%255C%253Cx%253E%40[2001:db8::1]%3Ba%3Db%3E"},
	{TEMPLATE_URI_HEADER, "100%&?=;,", "100%25%26?%3D%3B%2C"},
};

START_TEST(each_value_is_escaped_for_its_place)
{
	struct loading loading;
	struct template template;
	char text[400];
	ck_assert(parse(&loading, written[_i].text, written[_i].place, &template));
	struct writer writer = {text, sizeof text, 0, false};
	template_write(&template, &values, &writer);
	ck_assert(!writer.full);
	ck_assert_msg(slice_equal(writer_since(&writer, 0), slice_of(written[_i].want)),
	              "%s: got %.*s, want %s", written[_i].text, (int)writer.len, text,
	              written[_i].want);
	for (size_t size = 0; size <= writer.len; size++) {
		char *exact = malloc(size + 1);
		struct writer small = {exact, size, 0, false};
		template_write(&template, &values, &small);
		ck_assert(small.full == (size < writer.len));
		free(exact);
	}
	free(loading_end(&loading));
}
END_TEST

static const struct {
	enum template_place place;
	const char *text, *what;
} bad[] = {
	{TEMPLATE_USER, "{calld}", "unknown placeholder in \"{calld}\""},
	{TEMPLATE_PLAIN, "{}", "unknown placeholder in \"{}\""},
	{TEMPLATE_PLAIN, "a{called", "unknown placeholder in \"a{called\""},
	{TEMPLATE_HEADER, "\"{called}", "a quote is not closed in \"\"{called}\""},
	{TEMPLATE_HEADER, "<sip:{called}", "a < is not closed in \"<sip:{called}\""},
	{TEMPLATE_HEADER, "\"\\{called}\"",
         "a \\ stands before a placeholder in \"\"\\{called}\"\""},
	{TEMPLATE_URI_HEADER, "sip:{called}@h",
         "a URI with a placeholder is not in < and > in \"sip:{called}@h\""},
	{TEMPLATE_HEADER, "<sip:a@h>, tel:+44;x={called}",
         "a URI with a placeholder is not in < and > in \"<sip:a@h>, "
         "tel:+44;x={called}\""},
	{TEMPLATE_URI_HEADER, "\"a\\\"", "a quote is not closed in \"\"a\\\"\""},
};

START_TEST(a_mistake_in_a_template_is_found)
{
	struct loading loading;
	struct template template;
	ck_assert(!parse(&loading, bad[_i].text, bad[_i].place, &template));
	char *findings = loading_end(&loading), want[200];
	snprintf(want, sizeof want, "t.yaml:1:1: error: %s\n", bad[_i].what);
	ck_assert_msg(strncmp(findings, want, strlen(want)) == 0, "%s", findings);
	free(findings);
}
END_TEST

START_TEST(a_template_is_empty_if_all_of_its_values_are)
{
	static const struct {
		const char *text;
		bool empty;
	} rows[] = {{"", false},
	            {"a", false},
	            {"{rn}", true},
	            {"a{rn}b", true},
	            {"{rn}{called}", false},
	            {"{rn}{cic}", true}};
	const struct facts none = {0};
	const struct template_values few = {.facts = &none, .called = {"1", 1}};
	for (int i = 0; i < LOADING_COUNT(rows); i++) {
		struct loading loading;
		struct template template;
		ck_assert(parse(&loading, rows[i].text, TEMPLATE_HEADER, &template));
		ck_assert_msg(template_is_empty(&template, &few) == rows[i].empty, "%s",
		              rows[i].text);
		free(loading_end(&loading));
	}
}
END_TEST

/* Only what this says may stand in the text, quotes are in pairs, brackets too. */
static void check_header(struct slice text)
{
	bool quoted = false, bracketed = false;
	loading_expect(!slice_has_control(text), "control in %.*s", (int)text.len,
	               text.at);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && c == '<')
			bracketed = true;
		else if (!quoted && c == '>')
			bracketed = false;
	}
	loading_expect(!quoted && !bracketed, "open: %.*s", (int)text.len, text.at);
	for (struct slice rest = text; rest.len;
	     rest = slice_skip(rest, slice_utf8(rest)))
		loading_expect(slice_utf8(rest), "no UTF-8: %.*s", (int)text.len,
		               text.at);
}

START_TEST(whatever_the_values_the_header_is_whole)
{
	static const char likely[] = "0a\"\\<>@;,:%\r\n\0\x7f\xc3\xa9\xff {}";
	struct loading loading, loading_2;
	struct template header, in_uri;
	const char *text = "\"{caller}\" <sip:{called}@{host}>;r=\"{rule}\"";
	uint64_t state = 7;
	ck_assert(parse(&loading, text, TEMPLATE_HEADER, &header));
	ck_assert(parse(&loading_2, text, TEMPLATE_URI_HEADER, &in_uri));
	for (int round = 0; round < 20000; round++) {
		char random[30], out[600], uri_text[2000] = "sip:h?X=";
		for (size_t i = 0; i < sizeof random; i++)
			random[i] = likely[loading_random(&state) % (sizeof likely - 1)];
		struct slice any = {random, loading_random(&state) % sizeof random};
		struct facts odd = {.caller = any, .host = any};
		struct template_values all = {&odd, any, any, any};
		struct writer writer = {out, sizeof out, 0, false};
		template_write(&header, &all, &writer);
		loading_expect(!writer.full, "full");
		check_header(writer_since(&writer, 0));
		struct writer uri_writer = {uri_text, sizeof uri_text, 8, false};
		template_write(&in_uri, &all, &uri_writer);
		struct uri uri;
		const char *why;
		size_t at;
		loading_expect(!uri_writer.full && uri_parse(writer_since(&uri_writer, 0),
		                                             &uri, &why, &at),
		               "%.*s", (int)uri_writer.len, uri_text);
		loading_expect(slice_find(uri.headers, '&') == uri.headers.len,
		               "two headers: %.*s", (int)uri_writer.len, uri_text);
	}
	free(loading_end(&loading));
	free(loading_end(&loading_2));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("template");
	TCase *tcase = tcase_create("template");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_loop_test(tcase, each_value_is_escaped_for_its_place, 0,
	                    LOADING_COUNT(written));
	tcase_add_loop_test(tcase, a_mistake_in_a_template_is_found, 0,
	                    LOADING_COUNT(bad));
	tcase_add_test(tcase, a_template_is_empty_if_all_of_its_values_are);
	tcase_add_test(tcase, whatever_the_values_the_header_is_whole);
	suite_add_tcase(suite, tcase);
	return suite;
}
