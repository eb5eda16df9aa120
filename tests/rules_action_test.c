/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/action.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

/* "302 expires=60", "603 'Not here' reason=... retry_after=5". */
static void describe_action(const struct action *action, char *to, size_t size)
{
	size_t len = (size_t)snprintf(to, size, "%u", action->status);
	if (action->route.tier_count)
		len += (size_t)snprintf(to + len, size - len, " redirect");
	if (action->rewrite)
		len += (size_t)snprintf(to + len, size - len, " rewrite");
	if (action->expires_s)
		len += (size_t)snprintf(to + len, size - len, " expires=%lu",
		                        action->expires_s);
	if (action->phrase.len)
		len += (size_t)snprintf(to + len, size - len, " '%s'", action->phrase.at);
	if (action->reason.len)
		len += (size_t)snprintf(to + len, size - len, " reason=%s",
		                        action->reason.at);
	if (action->retry_after_s)
		snprintf(to + len, size - len, " retry_after=%lu", action->retry_after_s);
}

#define PHRASE_128                                                                       \
	"1234567890123456789012345678901234567890123456789012345678901234"               \
	"1234567890123456789012345678901234567890123456789012345678901234"

static const struct {
	const char *keys, *action;
} good[] = {
	{"redirect: sip:a", "302 redirect"},
	{"redirect: sip:a, status: 300", "300 redirect"},
	{"redirect: sip:a, status: 301", "301 redirect"},
	{"redirect: sip:a, status: 302", "302 redirect"},
	{"redirect: sip:a, status: 305", "305 redirect"},
	{"status: 380, redirect: sip:a", "380 redirect"},
	{"redirect: sip:a, expires: 1", "302 redirect expires=1"},
	{"expires: 4294967295, redirect: sip:a", "302 redirect expires=4294967295"},
	{"rewrite: {strip: 1}, redirect: sip:a", "302 redirect rewrite"},
	{"reject: 404", "404"},
	{"reject: 400", "400"},
	{"reject: 699", "699"},
	{"reject: \"404\"", "404"},
	{"reject: 603 Premium numbers barred", "603 'Premium numbers barred'"},
	{"reject: \"603  Not   here \"", "603 'Not   here'"},
	{"reject: \"488 Pas ici, m\u00eame\"", "488 'Pas ici, m\u00eame'"},
	{"reject: \"488 \"", "488"},
	{"reject: 404 " PHRASE_128, "404 '" PHRASE_128 "'"},
	{"reject: {status: 486}", "486"},
	{"reject: {status: 486, phrase: Busy \"here\"}", "486 'Busy \"here\"'"},
	{"reject: {retry_after: 60, status: 503}", "503 retry_after=60"},
	{"reject: {status: 503, retry_after: 4294967295}", "503 retry_after=4294967295"},
	{"reject: {status: 403, phrase: No, reason: Q.850;cause=21, retry_after: 5}",
         "403 'No' reason=Q.850;cause=21 retry_after=5"},
};

START_TEST(an_action_reads_as)
{
	char yaml[1000], got[400];
	snprintf(yaml, sizeof yaml, "rules: [{%s}]", good[_i].keys);
	struct table *table = loading_good(yaml);
	describe_action(&table->top.rules[0].action, got, sizeof got);
	ck_assert_str_eq(got, good[_i].action);
	table_free(table);
}
END_TEST

static const struct {
	const char *reason;
	bool good;
} reasons[] = {
	{"SIP", true},
	{"Q.850;cause=16", true},
	{"Q.850;cause=16;text=\"Terminated\"", true},
	{"SIP ;cause=200", false},
	{"SIP;cause=200;text=\"Call completed elsewhere\"", true},
	{"SIP;cause=600;text=\"Busy \\\"Everywhere\\\" \\\\\"", true},
	{"SIP;text=\"\"", true},
	{"SIP;text=\"d\u00e9j\u00e0\"", true},
	{"SIP;x", true},
	{"SIP;x;y=z;cause=1", true},
	{"SIP;text=\"a;b=c,d\"", true},
	{"SIP;x=a-b.c!d%e*f_g+h`i'j~k", true},
	{";cause=16", false},
	{"SIP;", false},
	{"SIP;;cause=1", false},
	{"SIP;cause=", false},
	{"SIP;=1", false},
	{"SIP;cause=1;", false},
	{"SIP;cause=1, Q.850;cause=16", false},
	{"SIP;text=Not quoted", false},
	{"SIP;text=\"not closed", false},
	{"SIP;text=\"not closed\\\"", false},
	{"SIP;text=\"closed\"x", false},
	{"SIP;text=a\"b\"", false},
	{"SIP;text=\"a\nb\"", false},
	{"SIP;text=\"a\\\r\nInjected: b\"", false},
	{"SIP;text=\"a\\\nb\"", false},
	{"SIP;text=\"a\tb\"", false},
	{"SIP;text=\"a\x7f\"", false},
	{"SIP;text=\"\\\u00e9\"", false},
	{"S\u00c9P;cause=1", false},
	{"SIP;cause=a&b", false},
	{"SIP;cause=$1", false},
	{"SIP/2.0;cause=1", false},
	{"Reason: SIP;cause=1", false},
};

/* As a double-quoted text of YAML. */
static void quote(const char *text, char *to)
{
	*to++ = '"';
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c < ' ' || c == 127 || c == '"' || c == '\\')
			to += sprintf(to, "\\x%02X", c);
		else
			*to++ = *text;
	}
	strcpy(to, "\"");
}

START_TEST(a_reason_has_the_form_of_rfc_3326)
{
	char quoted[500], yaml[600], *findings;
	quote(reasons[_i].reason, quoted);
	snprintf(yaml, sizeof yaml, "rules: [{reject: {status: 403, reason: %s}}]",
	         quoted);
	struct table *table = loading_try(yaml, &findings);
	ck_assert_str_eq(
		findings,
		reasons[_i].good
			? ""
			: "t.yaml:1:40: error: \"reason\" is no Reason header (RFC "
			  "3326)\n"
			  "  hint: for example Q.850;cause=21;text=\"Call "
			  "rejected\"\n");
	if (table)
		ck_assert_str_eq(table->top.rules[0].action.reason.at,
		                 reasons[_i].reason);
	free(findings);
	table_free(table);
}
END_TEST

#define STATUS_HINT "  hint: for example 404, or 603 Not on this trunk\n"
#define NO_STATUS(place)                                                                 \
	"t.yaml:2:" place ": error: \"reject\" must begin with a status from 400 to "    \
	"699\n" STATUS_HINT

static const struct {
	const char *rule, *findings;
} bad[] = {
	{"name: a", "t.yaml:2:2: error: neither \"redirect\" nor \"reject\"\n"},
	{"reject: 404, redirect: sip:a",
         "t.yaml:2:11: error: a rule says either \"redirect\" or \"reject\", not both\n"},
	{"reject: 399", NO_STATUS("11")},
	{"reject: 700", NO_STATUS("11")},
	{"reject: 302", NO_STATUS("11")},
	{"reject: Not here", NO_STATUS("11")},
	{"reject: 404Not here", NO_STATUS("11")},
	{"reject: -404", NO_STATUS("11")},
	{"reject: 4040", NO_STATUS("11")},
	{"reject: 99999999999999999999", NO_STATUS("11")},
	{"reject: ", NO_STATUS("11")},
	{"reject: true", NO_STATUS("11")},
	{"reject: [404]",
         "t.yaml:2:11: error: \"reject\" must be a mapping, not a list\n"},
	{"reject: {}", "t.yaml:2:11: error: \"reject\" needs \"status\"\n"},
	{"reject: {status: 302}", NO_STATUS("20")},
	{"reject: {status: [404]}", NO_STATUS("20")},
	{"reject: {status: 404 Not Found}", NO_STATUS("20")},
	{"reject: {phrse: x, status: 404, phrase: \"\", retry_after: 0, reason: [a]}",
         "t.yaml:2:12: error: unknown key \"phrse\"\n"
         "  hint: did you mean \"phrase\"?\n"
         "t.yaml:2:43: error: \"phrase\" must not be empty\n"
         "t.yaml:2:60: error: \"retry_after\" must be a whole number from 1 to "
         "4294967295\n"
         "t.yaml:2:71: error: \"reason\" must be a text, not a list\n"},
	{"reject: {status: 404, retry_after: 4294967296}",
         "t.yaml:2:38: error: \"retry_after\" must be a whole number from 1 to "
         "4294967295\n"},
	{"reject: {status: 404, phrase: \"a\\r\\nb\"}",
         "t.yaml:2:33: error: a phrase may not have control characters\n"},
	{"reject: \"404 a\\tb\"",
         "t.yaml:2:11: error: a phrase may not have control characters\n"},
	{"reject: {status: 404, phrase: " PHRASE_128 "1}",
         "t.yaml:2:33: error: a phrase may have 128 bytes\n"},
	{"redirect: sip:a, status: 303",
         "t.yaml:2:28: error: \"status\" must be 300, 301, 302, 305 or 380\n"
         "  hint: to refuse the call, write reject\n"},
	{"redirect: sip:a, status: 404",
         "t.yaml:2:28: error: \"status\" must be 300, 301, 302, 305 or 380\n"
         "  hint: to refuse the call, write reject\n"},
	{"redirect: sip:a, status: [302]",
         "t.yaml:2:28: error: \"status\" must be 300, 301, 302, 305 or 380\n"
         "  hint: to refuse the call, write reject\n"},
	{"redirect: sip:a, expires: 0",
         "t.yaml:2:29: error: \"expires\" must be a whole number from 1 to 4294967295\n"},
	{"redirect: sip:a, expires: 1h",
         "t.yaml:2:29: error: \"expires\" must be a whole number from 1 to 4294967295\n"},
	{"reject: 404, status: 302, expires: 5, rewrite: {strip: 1}",
         "t.yaml:2:24: error: \"status\" belongs to \"redirect\", not to \"reject\"\n"
         "t.yaml:2:38: error: \"expires\" belongs to \"redirect\", not to \"reject\"\n"
         "t.yaml:2:50: error: \"rewrite\" belongs to \"redirect\", not to \"reject\"\n"},
	{"redirect: sip:a, rewrite: {stirp: 1}",
         "t.yaml:2:30: error: unknown key \"stirp\"\n"
         "  hint: did you mean \"strip\"?\n"},
	{"redirect: sip:a, redirect: sip:b",
         "t.yaml:2:20: error: \"redirect\" is given twice\n"
         "  hint: first given at t.yaml:2:3\n"},
};

START_TEST(a_mistake_in_an_action_is_found)
{
	char yaml[1000], *findings;
	snprintf(yaml, sizeof yaml, "rules: [\n {%s}]", bad[_i].rule);
	ck_assert_ptr_null(loading_try(yaml, &findings));
	ck_assert_str_eq(findings, bad[_i].findings);
	free(findings);
}
END_TEST

START_TEST(a_reason_has_256_bytes_at_most)
{
	char yaml[400], *findings;
	for (int len = 256; len <= 257; len++) {
		sprintf(yaml, "rules: [{reject: {status: 403, reason: %0*d}}]", len, 1);
		struct table *table = loading_try(yaml, &findings);
		ck_assert((table != NULL) == (len == 256));
		free(findings);
		table_free(table);
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("action");
	TCase *tcase = tcase_create("action");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_loop_test(tcase, an_action_reads_as, 0, LOADING_COUNT(good));
	tcase_add_loop_test(tcase, a_reason_has_the_form_of_rfc_3326, 0,
	                    LOADING_COUNT(reasons));
	tcase_add_loop_test(tcase, a_mistake_in_an_action_is_found, 0,
	                    LOADING_COUNT(bad));
	tcase_add_test(tcase, a_reason_has_256_bytes_at_most);
	suite_add_tcase(suite, tcase);
	return suite;
}
