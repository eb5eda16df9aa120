/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/number.h"
#include "rules/target.h"
#include "rules/uri.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static bool is_uri(struct slice text)
{
	struct uri uri;
	const char *why;
	size_t at;
	return uri_parse(text, &uri, &why, &at);
}

static const struct {
	const char *uri;
	struct slice number, caller;
	const char *want;
} written[] = {
#define UK LOADING_TEXT("+442071234567")
#define FR LOADING_TEXT("+33140000000")
	{"sip:gw", UK, FR, "sip:+442071234567@gw"},
	{"sips:gw.example.net:5061", UK, FR, "sips:+442071234567@gw.example.net:5061"},
	{"sip:[2001:db8::1]:5080;transport=tcp;lr", UK, FR,
         "sip:+442071234567@[2001:db8::1]:5080;transport=tcp;lr"},
	{"sip:gw?Subject=a&X-B=c", UK, FR, "sip:+442071234567@gw?Subject=a&X-B=c"},
	{"sip:192.0.2.1;user=phone", UK, FR, "sip:+442071234567@192.0.2.1;user=phone"},
	{"sip:alice@gw", UK, FR, "sip:alice@gw"},
	{"sip:alice:secret@gw", UK, FR, "sip:alice:secret@gw"},
	{"sip:{called}@gw", UK, FR, "sip:+442071234567@gw"},
	{"sip:00{called}@gw", UK, FR, "sip:00+442071234567@gw"},
	{"sip:{called};tgrp=a@gw", UK, FR, "sip:+442071234567;tgrp=a@gw"},
	{"sip:{caller}-{called}-{caller}@gw;x=y", LOADING_TEXT("1"), LOADING_TEXT("2"),
         "sip:2-1-2@gw;x=y"},
	{"sip:{called}{called}@gw", LOADING_TEXT("1"), FR, "sip:11@gw"},
	{"sip:%41{called}%42@gw", LOADING_TEXT("1"), FR, "sip:%411%42@gw"},
	{"SIP:GW", LOADING_TEXT("1"), FR, "SIP:1@GW"},
	/* Without a number there is no user part. */
	{"sip:gw;lr", LOADING_TEXT(""), FR, "sip:gw;lr"},
	{"sip:{caller}@gw", UK, LOADING_TEXT(""), "sip:gw"},
	{"sip:x{caller}@gw", UK, LOADING_TEXT(""), "sip:x@gw"},
	/* RFC 3261 25.1: what a user part may have stays, all else is escaped. */
	{"sip:gw", LOADING_TEXT("alice.smith-1_2!~*'()"), FR,
         "sip:alice.smith-1_2!~*'()@gw"},
	{"sip:gw", LOADING_TEXT("a&=+$,;?/b"), FR, "sip:a&=+$,;?/b@gw"},
	{"sip:gw", LOADING_TEXT("a b"), FR, "sip:a%20b@gw"},
	{"sip:gw", LOADING_TEXT("1#2"), FR, "sip:1%232@gw"},
	{"sip:gw", LOADING_TEXT("a@b:c"), FR, "sip:a%40b%3Ac@gw"},
	{"sip:gw", LOADING_TEXT("\"<>\\"), FR, "sip:%22%3C%3E%5C@gw"},
	{"sip:gw", LOADING_TEXT("[]{}|^`"), FR, "sip:%5B%5D%7B%7D%7C%5E%60@gw"},
	{"sip:gw", LOADING_TEXT("a\0b"), FR, "sip:a%00b@gw"},
	{"sip:gw", LOADING_TEXT("\r\nVia: x"), FR, "sip:%0D%0AVia%3A%20x@gw"},
	{"sip:gw", LOADING_TEXT("\xc3\xa9\xff\x7f"), FR, "sip:%C3%A9%FF%7F@gw"},
	{"sip:gw", LOADING_TEXT("a%2Fb"), FR, "sip:a%2Fb@gw"},
	{"sip:gw", LOADING_TEXT("100%"), FR, "sip:100%25@gw"},
	{"sip:gw", LOADING_TEXT("%4"), FR, "sip:%254@gw"},
	{"sip:gw", LOADING_TEXT("%zz"), FR, "sip:%25zz@gw"},
	{"sip:{called}41@gw", LOADING_TEXT("%"), FR, "sip:%2541@gw"},
	{"sip:{called}{caller}@gw", LOADING_TEXT("%"), LOADING_TEXT("41"),
         "sip:%2541@gw"},
	{"sip:{caller}@gw", UK, LOADING_TEXT("a b"), "sip:a%20b@gw"},
	/* A number never brings a placeholder. */
	{"sip:x{called}@gw", LOADING_TEXT("{caller}"), FR, "sip:x%7Bcaller%7D@gw"},
};

static bool read_target(struct loading *loading, const char *text,
                        struct target_uri *target)
{
	char yaml[1000];
	snprintf(yaml, sizeof yaml, "\"%s\"", text);
	const struct node *node = loading_begin(loading, yaml);
	*target = (struct target_uri){0};
	return target_read(&loading->load.load, node, target);
}

static size_t write_target(const struct target_uri *target, struct slice number,
                           struct slice caller, char *to, size_t size)
{
	struct facts facts = {.caller = caller};
	struct template_values values = {.facts = &facts, .called = number};
	return target_write(target, &(struct target_call){.values = &values}, to, size);
}

START_TEST(a_uri_is_written_for_a_call)
{
	struct loading loading;
	struct target_uri target;
	char text[TARGET_TEXT_MAX];
	ck_assert(read_target(&loading, written[_i].uri, &target));
	size_t len = write_target(&target, written[_i].number, written[_i].caller, text,
	                          sizeof text);
	ck_assert_msg(slice_equal((struct slice){text, len}, slice_of(written[_i].want)),
	              "%s: got %.*s, want %s", written[_i].uri, (int)len, text,
	              written[_i].want);
	ck_assert(is_uri((struct slice){text, len}));
	char *findings = loading_end(&loading);
	ck_assert_str_eq(findings, "");
	free(findings);
}
END_TEST

START_TEST(a_uri_fits_its_buffer_or_is_not_written)
{
	struct loading loading;
	struct target_uri target;
	struct slice number = LOADING_TEXT("1#");
	ck_assert(read_target(&loading, "sip:a{called}@gw;lr", &target));
	static const char want[] = "sip:a1%23@gw;lr";
	for (size_t size = 0; size <= sizeof want; size++) {
		char *text =
			malloc(size + 1); /* so that a sanitizer sees a byte too many */
		size_t len = write_target(&target, number, number, text, size);
		ck_assert_uint_eq(len, size < sizeof want - 1 ? 0 : sizeof want - 1);
		free(text);
	}
	free(loading_end(&loading));
}
END_TEST

START_TEST(the_longest_number_fits_a_uri_once)
{
	struct loading loading;
	struct target_uri target;
	char number[NUMBER_MAX], text[TARGET_TEXT_MAX];
	memset(number, '#', sizeof number);
	struct slice longest = {number, sizeof number};
	ck_assert(read_target(&loading, "sip:{called}@gw", &target));
	ck_assert_uint_eq(write_target(&target, longest, longest, text, sizeof text),
	                  3 * NUMBER_MAX + strlen("sip:@gw"));
	free(loading_end(&loading));
	ck_assert(read_target(&loading, "sip:{called}{caller}@gw", &target));
	ck_assert_uint_eq(write_target(&target, longest, longest, text, sizeof text), 0);
	free(loading_end(&loading));
}
END_TEST

#define PLACEHOLDERS                                                                     \
	"  hint: the placeholders are {called}, {caller}, {host}, {rule}, {gateway}, "   \
	"{rn}, {cic}, {tgrp}, {trunk_context}, {row.COLUMN}, {TABLE[called].COLUMN} "    \
	"and {TABLE[caller].COLUMN}\n"
#define BEFORE_THE_AT "  hint: placeholders stand in the user part only\n"
#define NO_TEL                                                                           \
	"  hint: many peers cannot follow tel: in a redirect; write "                    \
	"sip:{called}@gateway\n"

static const struct {
	const char *uri, *findings;
} bad[] = {
	{"", "error: \"uri\" must not be empty\n"},
	{"gw.example.net", "error: \"gw.example.net\" is no SIP URI\n"
                           "  hint: write sip:host, or sip:user@host\n"},
	{"gw.example.net:5060",
         "error: bad URI \"gw.example.net:5060\": a SIP URI begins with "
         "sip: or sips:\n"},
	{"http://gw",
         "error: bad URI \"http://gw\": a SIP URI begins with sip: or sips:\n"},
	{"tel:+44", "error: a target must be a sip: or sips: URI\n" NO_TEL},
	{"TEL:+44", "error: a target must be a sip: or sips: URI\n" NO_TEL},
	{"sip:", "error: bad URI \"sip:\": a host name or address is missing here\n"},
	{"sip:@gw", "error: the user part of \"sip:@gw\" is empty\n"
                    "  hint: leave the @ out for the called number\n"},
	{"sip:alice@",
         "error: bad URI \"sip:alice@\": a host name or address is missing here\n"},
	{"sip:a@b@c",
         "error: bad URI \"sip:a@b@c\": this character cannot stand in a host\n"},
	{"sip:a b@gw",
         "error: bad URI \"sip:a b@gw\": this character must be written as %XX\n"},
	{"sip:gw:0", "error: bad URI \"sip:gw:0\": port must be 1 to 65535\n"},
	{"sip:gw:70000", "error: bad URI \"sip:gw:70000\": port must be 1 to 65535\n"},
	{"sip:2001:db8::1",
         "error: bad URI \"sip:2001:db8::1\": an IPv6 address stands in "
         "brackets: [2001:db8::1]\n"},
	{"sip:[2001:db8::1",
         "error: bad URI \"sip:[2001:db8::1\": the ] behind an IPv6 address "
         "is missing\n"},
	{"sip:10.0.0.256", "error: bad URI \"sip:10.0.0.256\": not an IPv4 address\n"},
	{"<sip:gw>",
         "error: bad URI \"<sip:gw>\": a SIP URI begins with sip: or sips:\n"},
	{"sip:gw>",
         "error: bad URI \"sip:gw>\": this character cannot stand in a host\n"},
	{"sip:gw;a b",
         "error: bad URI \"sip:gw;a b\": this character must be written as %XX\n"},
	{"sip:{calld}@gw",
         "error: unknown placeholder in \"sip:{calld}@gw\"\n" PLACEHOLDERS},
	{"sip:{}@gw", "error: unknown placeholder in \"sip:{}@gw\"\n" PLACEHOLDERS},
	{"sip:{called@gw",
         "error: unknown placeholder in \"sip:{called@gw\"\n" PLACEHOLDERS},
	{"sip:{called@gw;x=}",
         "error: unknown placeholder in \"sip:{called@gw;x=}\"\n" PLACEHOLDERS},
	{"sip:{{called}}@gw",
         "error: unknown placeholder in \"sip:{{called}}@gw\"\n" PLACEHOLDERS},
	{"sip:{called}}@gw",
         "error: bad URI \"sip:{called}}@gw\": this character must be "
         "written as %XX\n"},
	{"sip:called}@gw",
         "error: bad URI \"sip:called}@gw\": this character must be written as %XX\n"},
	{"sip:{called}",
         "error: bad URI \"sip:{called}\": a host name or address is missing "
         "here\n" BEFORE_THE_AT},
	{"sip:{called}@{caller}",
         "error: bad URI \"sip:{called}@{caller}\": a host name or "
         "address is missing here\n" BEFORE_THE_AT},
	{"sip:gw;x={called}", "error: bad URI \"sip:gw;x={called}\": this character must "
                              "be written as %XX\n" BEFORE_THE_AT},
	{"sip:a:{called}@gw",
         "error: \"sip:a:{called}@gw\" has a password and a placeholder\n  hint: write "
         "%3A for a : in the user part\n"},
	{"sip:{called}:a@gw",
         "error: \"sip:{called}:a@gw\" has a password and a placeholder\n  hint: write "
         "%3A for a : in the user part\n"},
	/* An escape must be complete whatever the number is. */
	{"sip:%{called}@gw",
         "error: bad URI \"sip:%{called}@gw\": % must have two hex digits "
         "behind it\n"},
	{"sip:%4{called}@gw",
         "error: bad URI \"sip:%4{called}@gw\": % must have two hex digits "
         "behind it\n"},
	{"sip:%{called}4@gw",
         "error: bad URI \"sip:%{called}4@gw\": % must have two hex digits "
         "behind it\n"},
};

START_TEST(a_mistake_in_a_target_is_found)
{
	struct loading loading;
	struct target_uri target;
	ck_assert(!read_target(&loading, bad[_i].uri, &target));
	char *findings = loading_end(&loading), want[400];
	snprintf(want, sizeof want, "t.yaml:1:1: %s", bad[_i].findings);
	ck_assert_str_eq(findings, want);
	free(findings);
}
END_TEST

START_TEST(a_uri_has_512_bytes_at_most)
{
	char uri[600] = "sip:";
	for (size_t len = 512; len <= 513; len++) {
		struct loading loading;
		struct target_uri target;
		memset(uri + 4, 'a', len - 4);
		uri[len] = '\0';
		ck_assert(read_target(&loading, uri, &target) == (len == 512));
		char *findings = loading_end(&loading);
		ck_assert_str_eq(findings, len == 512
		                                   ? ""
		                                   : "t.yaml:1:1: error: a URI may have "
		                                     "512 bytes\n");
		free(findings);
	}
}
END_TEST

START_TEST(a_target_tells_its_host_and_port)
{
	static const struct {
		const char *uri, *host;
		unsigned port;
	} rows[] = {
		{"sip:GW.example.net", "GW.example.net", 0},
		{"sip:{called}@gw:5080;lr", "gw", 5080},
		{"sips:alice@[2001:db8::1]:5061", "[2001:db8::1]", 5061},
		{"sip:10.0.0.1?a=b", "10.0.0.1", 0},
	};
	for (int i = 0; i < LOADING_COUNT(rows); i++) {
		struct loading loading;
		struct target_uri target;
		ck_assert(read_target(&loading, rows[i].uri, &target));
		ck_assert(slice_equal(target.host, slice_of(rows[i].host)));
		ck_assert_uint_eq(target.port, rows[i].port);
		ck_assert(slice_equal(target.text, slice_of(rows[i].uri)));
		free(loading_end(&loading));
	}
}
END_TEST

/* Pieces that URIs are made from: whatever is accepted must be written well for any
 * number.
 */
static const char *const pieces[] = {
	"sip:",  "sips:", "{called}", "{caller}", "%", "4",   "1",  "a", "@",
	":",     ";",     "?",        "=",        "&", "/",   "-",  "+", "gw",
	"[::1]", ".",     "5060",     "{",        "}", "%20", "b=c"};

static void random_uri(uint64_t *state, char uri[200])
{
	size_t count = 1 + loading_random(state) % 9;
	char *end = uri + sprintf(uri, "sip:");
	for (size_t i = 0; i < count; i++)
		end += sprintf(end, "%s",
		               pieces[loading_random(state) % LOADING_COUNT(pieces)]);
	if (loading_random(state) % 2)
		sprintf(end, "@gw");
}

static struct slice random_number(uint64_t *state, char buffer[40])
{
	static const char likely[] = "0123456789+#*%%%4a2F;?/:@ \"<>{}\\";
	size_t len = loading_random(state) % 40;
	for (size_t i = 0; i < len; i++) {
		uint64_t random = loading_random(state);
		buffer[i] = random % 4 ? likely[random / 4 % (sizeof likely - 1)]
		                       : (char)(random / 4);
	}
	return (struct slice){buffer, len};
}

static void check_written(uint64_t *state, const struct target_uri *target)
{
	for (int i = 0; i < 50; i++) {
		char number[40], caller[40], text[TARGET_TEXT_MAX];
		size_t len =
			write_target(target, random_number(state, number),
		                     random_number(state, caller), text, sizeof text);
		ck_assert_msg(len && is_uri((struct slice){text, len}), "%s gives %.*s",
		              target->text.at, (int)len, text);
	}
}

START_TEST(whatever_is_called_the_uri_is_good)
{
	uint64_t state = 4;
	size_t accepted = 0;
	struct loading loading;
	const struct node *root = loading_begin(&loading, "x");
	for (int i = 0; i < 30000; i++) {
		char uri[200];
		random_uri(&state, uri);
		struct node node = {.type = NODE_SCALAR,
		                    .position = root->position,
		                    .text = slice_of(uri)};
		struct target_uri target = {0};
		if (!target_read(&loading.load.load, &node, &target))
			continue;
		accepted++;
		check_written(&state, &target);
	}
	ck_assert_uint_gt(accepted, 1000);
	free(loading_end(&loading));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("target");
	TCase *tcase = tcase_create("target");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_loop_test(tcase, a_uri_is_written_for_a_call, 0,
	                    LOADING_COUNT(written));
	tcase_add_test(tcase, a_uri_fits_its_buffer_or_is_not_written);
	tcase_add_test(tcase, the_longest_number_fits_a_uri_once);
	tcase_add_loop_test(tcase, a_mistake_in_a_target_is_found, 0, LOADING_COUNT(bad));
	tcase_add_test(tcase, a_uri_has_512_bytes_at_most);
	tcase_add_test(tcase, a_target_tells_its_host_and_port);
	tcase_add_test(tcase, whatever_is_called_the_uri_is_good);
	suite_add_tcase(suite, tcase);
	return suite;
}
