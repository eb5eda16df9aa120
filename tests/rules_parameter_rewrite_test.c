/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/number.h"
#include "rules/parameters.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static char *decide(const char *yaml, const char *user)
{
	char called[NUMBER_MAX], parameters[PARAMETERS_MAX];
	struct table *table = loading_good(yaml);
	struct facts facts = {.caller = slice_of("1001")};
	ck_assert(number_clean(slice_of(user), false, called, &facts.called));
	parameters_read(slice_of(user), false, parameters, &facts);
	char *text = loading_decide(table, &facts);
	table_free(table);
	return text;
}

#define TO(target)       "{default: {redirect: \"" target "\"}}"
#define REWRITE(rewrite) "{default: {redirect: \"sip:g\", rewrite: {" rewrite "}}}"

static const struct {
	const char *yaml, *user, *want; /* the Contact */
} written[] = {
	/* The request's go on with its number. */
	{TO("sip:g"), "+1", "sip:+1@g"},
	{TO("sip:g"), "+1;npdi", "sip:+1;npdi@g;user=phone"},
	{TO("sip:g"), "+1-2;rn=+1-99;npdi;cic=1;cic-context=a.b",
         "sip:+12;cic=1;cic-context=a.b;npdi;rn=+199@g;user=phone"},
	{TO("sip:g;transport=tcp?Subject=a"), "1;npdi",
         "sip:1;npdi@g;transport=tcp;user=phone?Subject=a"},
	{TO("sip:g;user=phone"), "1;npdi", "sip:1;npdi@g;user=phone"},
	{TO("sip:g;user=ip"), "1;npdi", "sip:1;npdi@g;user=ip"},
	{TO("sip:{called};a=b@g"), "1;npdi", "sip:1;a=b;npdi@g;user=phone"},
	/* Not with another one: it would be stale. */
	{TO("sip:00{called}@g"), "1;npdi;rn=2", "sip:001@g"},
	{TO("sip:5@g"), "1;npdi;rn=2", "sip:5@g"},
	{TO("sip:{caller}@g"), "1;npdi;rn=2", "sip:1001@g"},
	{REWRITE("strip: 1"), "12;npdi;rn=2;cic=3", "sip:2@g"},
	{REWRITE("strip: \"9\""), "12;npdi", "sip:12;npdi@g;user=phone"},
	{REWRITE("strip: 1, prepend: \"1\""), "12;npdi", "sip:12;npdi@g;user=phone"},
	/* A trunk group names a trunk of whoever was asked. */
	{TO("sip:g"), "1;tgrp=a;trunk-context=b", "sip:1@g"},
	/* Rewritten. */
	{REWRITE("rn: \"+1 99\", npdi: true"), "+1", "sip:+1;npdi;rn=+199@g;user=phone"},
	{REWRITE("npdi: false"), "1;npdi;rn=2", "sip:1;rn=2@g;user=phone"},
	{REWRITE("rn: \"\""), "1;npdi;rn=2", "sip:1;npdi@g;user=phone"},
	{REWRITE("rn: \"\", npdi: false"), "1;npdi;rn=2", "sip:1@g"},
	{REWRITE("rn: \"{caller}\""), "1;rn=2", "sip:1;rn=1001@g;user=phone"},
	{REWRITE("rn: \"x{caller}\""), "1;rn=2", "sip:1@g"},
	{REWRITE("rn: \"{rn}\", strip: 1"), "12;rn=3;npdi", "sip:2;rn=3@g;user=phone"},
	{REWRITE("cic: +1-288"), "1;cic=5", "sip:1;cic=+1288@g;user=phone"},
	{REWRITE("tgrp: tg/1, trunk_context: \"{tgrp};x\""),
         "1;tgrp=a%20;trunk-context=b",
         "sip:1;tgrp=tg/1;trunk-context=a%20%3Bx@g;user=phone"},
	{REWRITE("tgrp: a, trunk_context: \"{tgrp}\""), "1", "sip:1@g"},
	{REWRITE("npdi: true"), "alice", "sip:alice@g"},
	{REWRITE("npdi: true"), "", "sip:g"},
	/* What the target says is not said twice. */
	{"{default: {redirect: \"sip:{called};npdi;rn=1;cic=2;tgrp=3@g\", rewrite: {rn: "
         "4, cic: 5, npdi: true, tgrp: 6, trunk_context: 7}}}",
         "1", "sip:1;npdi;rn=1;cic=2;tgrp=3@g"},
};

START_TEST(a_contact_has_the_parameters_of_its_number)
{
	char *text = decide(written[_i].yaml, written[_i].user);
	char *contact = strstr(text, "sip:");
	ck_assert_ptr_nonnull(contact);
	contact[strcspn(contact, " ")] = '\0';
	ck_assert_msg(strcmp(contact, written[_i].want) == 0, "%s %s: got %s, want %s",
	              written[_i].yaml, written[_i].user, contact, written[_i].want);
	free(text);
}
END_TEST

#define RULES                                                                            \
	"rules: [{name: ported, called: {prefix: \"+99\"}, redirect: \"sip:g\"}, "       \
	"{name: plain, called: {prefix: \"+1\"}, redirect: \"sip:h\"}]\n"

START_TEST(a_routing_number_is_what_rules_see)
{
	static const struct {
		const char *yaml, *user, *want;
	} rows[] = {
		{RULES, "+12;rn=+993", "ported: 302 sip:+12;rn=+993@g;user=phone"},
		{RULES "routing_number: use\n", "+12;rn=+993",
	         "ported: 302 sip:+12;rn=+993@g;user=phone"},
		{RULES "routing_number: ignore\n", "+12;rn=+993",
	         "plain: 302 sip:+12;rn=+993@h;user=phone"},
		{RULES, "+12;npdi", "plain: 302 sip:+12;npdi@h;user=phone"},
		{RULES "match: longest\n", "+12;rn=93;rn-context=+9",
	         "ported: 302 sip:+12;rn=+993@g;user=phone"},
	};
	for (int i = 0; i < LOADING_COUNT(rows); i++) {
		char *text = decide(rows[i].yaml, rows[i].user);
		ck_assert_msg(strncmp(text, rows[i].want, strlen(rows[i].want)) == 0,
		              "%s: got %s", rows[i].yaml, text);
		free(text);
	}
}
END_TEST

static const struct {
	const char *rewrite, *findings;
} bad[] = {
	{"rn: abcx", "38: error: \"abcx\" is no rn\n"
                     "  hint: write digits and A to F, for example +1288\n"},
	{"rn: ", "38: error: \"rn\" must not be empty\n"
                 "  hint: write \"\" to take it away\n"},
	{"cic: [1]", "39: error: \"cic\" must be a text, not a list\n"},
	{"npdi: yes", "40: error: \"npdi\" must be true or false\n"
                      "  hint: only true and false are known, not yes, no, on or off\n"},
	{"tgrp: a", "33: error: \"tgrp\" and \"trunk_context\" go together\n"
                    "  hint: RFC 4904 5: one without the other says nothing\n"},
	{"rn: \"{row}\"",
         "38: error: unknown placeholder in \"{row}\"\n"
         "  hint: the placeholders are {called}, {caller}, {host}, {rule}, "
         "{gateway}, {rn}, {cic}, {tgrp}, {trunk_context}, {row.COLUMN}, "
         "{TABLE[called].COLUMN} and {TABLE[caller].COLUMN}\n"},
};

START_TEST(a_mistake_in_parameters_is_found)
{
	char yaml[200], want[300], *findings;
	snprintf(yaml, sizeof yaml,
	         "default: {redirect: a, rewrite: {%s}}\ngateways: {a: sip:a}",
	         bad[_i].rewrite);
	snprintf(want, sizeof want, "t.yaml:1:%s", bad[_i].findings);
	ck_assert_ptr_null(loading_try(yaml, &findings));
	ck_assert_str_eq(findings, want);
	free(findings);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("parameter_rewrite");
	TCase *tcase = tcase_create("parameter_rewrite");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_loop_test(tcase, a_contact_has_the_parameters_of_its_number, 0,
	                    LOADING_COUNT(written));
	tcase_add_test(tcase, a_routing_number_is_what_rules_see);
	tcase_add_loop_test(tcase, a_mistake_in_parameters_is_found, 0,
	                    LOADING_COUNT(bad));
	suite_add_tcase(suite, tcase);
	return suite;
}
