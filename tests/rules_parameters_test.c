/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/number.h"
#include "rules/parameters.h"
#include "rules/uri.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static void put(FILE *to, const char *name, struct slice value)
{
	if (value.len)
		fprintf(to, " %s=%.*s", name, (int)value.len, value.at);
}

/* "npdi rn=+1", with a blank in front of each */
static char *read_text(const char *user, bool telephone)
{
	char *text = NULL, buffer[PARAMETERS_MAX];
	size_t len;
	struct facts facts = {0};
	FILE *to = open_memstream(&text, &len);
	parameters_read(slice_of(user), telephone, buffer, &facts);
	fputs(facts.npdi ? " npdi" : "", to);
	put(to, "rn", facts.rn);
	put(to, "rn-context", facts.rn_context);
	put(to, "cic", facts.cic);
	put(to, "cic-context", facts.cic_context);
	put(to, "tgrp", facts.tgrp);
	put(to, "trunk-context", facts.trunk_context);
	fclose(to);
	return text;
}

#define LONG_A "0123456789012345678901234567890123456789012345678901234567890123"

static const struct {
	const char *user, *want;
	bool telephone;
} read_rows[] = {
	{"+12025550100", "", false},
	{"+12025550100;npdi", " npdi", false},
	/* RFC 4694 6 */
	{"+1-202-555-0100;npdi;rn=+1-202-544-0199", " npdi rn=+12025440199", false},
	{"+1-800-555-0123;cic=+1-6789", " cic=+16789", false},
	{"+1-800-555-0123;NPDI;RN=+1;CIC=+12", " npdi rn=+1 cic=+12", false},
	{"0301234567;rn=d042;rn-context=+49", " rn=+49D042", false},
	{"0301234567;rn=1(2)-3.4;rn-context=+4-9", " rn=+491234", false},
	{"0301234567;rn=1234;rn-context=example.net", " rn=1234 rn-context=example.net",
         false},
	{"0301234567;rn=1234", " rn=1234", false},
	{"0301234567;rn=+1;rn-context=example.net", " rn=+1", false},
	{"1;cic=0288;cic-context=+1;rn=5;rn-context=a.b",
         " rn=5 rn-context=a.b cic=+10288", false},
	{"1;rn=%2B12", " rn=+12", false},
	{"1;rn=+1;rn=+2", " rn=+1", false},
	/* What is no number is not given. */
	{"1;rn", "", false},
	{"1;rn=", "", false},
	{"1;rn=+", "", false},
	{"1;rn=12x", "", false},
	{"1;rn=1+2", "", false},
	{"1;rn=%00", "", false},
	{"1;rn=" LONG_A LONG_A, " rn=" LONG_A LONG_A, false},
	{"1;rn=" LONG_A LONG_A "1", "", false},
	/* RFC 4904 5: both or none. */
	{"+1;tgrp=TG-1;trunk-context=Example.net", " tgrp=TG-1 trunk-context=Example.net",
         false},
	{"+1;trunk-context=+1-630;tgrp=a%20b/c", " tgrp=a b/c trunk-context=+1-630",
         false},
	{"+1;tgrp=tg-1", "", false},
	{"+1;trunk-context=example.net", "", false},
	{"+1;tgrp=;trunk-context=example.net", "", false},
	/* Only a telephone number has parameters. */
	{"alice;npdi;rn=+1", "", false},
	{"alice;npdi;rn=+1", " npdi rn=+1", true},
	{"", "", false},
	{";npdi", "", false},
};

START_TEST(parameters_of_a_number_are_read)
{
	char *text = read_text(read_rows[_i].user, read_rows[_i].telephone);
	ck_assert_msg(strcmp(text, read_rows[_i].want) == 0,
	              "%s: got \"%s\", want \"%s\"", read_rows[_i].user, text,
	              read_rows[_i].want);
	free(text);
}
END_TEST

START_TEST(parameters_are_written_in_their_order)
{
	char text[300];
	struct writer writer = {text, sizeof text, 0, false};
	parameters_write(&(struct parameters){.rn = slice_of("1234"),
	                                      .rn_context = slice_of("a.b"),
	                                      .cic = slice_of("+1288"),
	                                      .tgrp = slice_of("tg;1 @/\n"),
	                                      .trunk_context = slice_of("example.net"),
	                                      .npdi = true},
	                 &writer);
	ck_assert(slice_equal(writer_since(&writer, 0),
	                      slice_of(";cic=+1288;npdi;rn=1234;rn-context=a.b;tgrp="
	                               "tg%3B1%20%40/%0A;trunk-context=example.net")));
	writer.len = 0;
	parameters_write(&(struct parameters){.tgrp = slice_of("x"),
	                                      .rn_context = slice_of("a"),
	                                      .cic_context = slice_of("a")},
	                 &writer);
	ck_assert_uint_eq(writer.len, 0);
}
END_TEST

/* Whatever is written is read as it was, and belongs to a SIP URI. */
START_TEST(what_is_written_is_read_again)
{
	static const char likely[] = "0a;=@?&%\r\n\0\x7f\xff+-. []:/$";
	uint64_t state = 3;
	for (int round = 0; round < 20000; round++) {
		char random[20], text[400] = "sip:1", buffer[PARAMETERS_MAX];
		for (size_t i = 0; i < sizeof random; i++)
			random[i] = likely[loading_random(&state) % (sizeof likely - 1)];
		struct slice any = {random, 1 + loading_random(&state) % 19};
		struct parameters parameters = {.tgrp = any, .trunk_context = any};
		struct writer writer = {text, sizeof text, 5, false};
		parameters_write(&parameters, &writer);
		WRITER_PUT(&writer, "@h");
		struct uri uri;
		const char *why;
		size_t at;
		struct facts facts = {0};
		loading_expect(uri_parse(writer_since(&writer, 0), &uri, &why, &at),
		               "%.*s", (int)writer.len, text);
		parameters_read(uri.user, false, buffer, &facts);
		loading_expect(slice_equal(facts.tgrp, any) &&
		                       slice_equal(facts.trunk_context, any),
		               "%.*s", (int)writer.len, text);
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("parameters");
	TCase *tcase = tcase_create("parameters");
	tcase_add_loop_test(tcase, parameters_of_a_number_are_read, 0,
	                    LOADING_COUNT(read_rows));
	tcase_add_test(tcase, parameters_are_written_in_their_order);
	tcase_add_test(tcase, what_is_written_is_read_again);
	suite_add_tcase(suite, tcase);
	return suite;
}
