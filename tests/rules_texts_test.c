/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/texts.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static struct pattern_space *space;

static void make_space(void)
{
	space = pattern_space_new();
}

static void free_space(void)
{
	pattern_space_free(space);
}

/* Reading */

static const struct {
	enum texts_form form;
	const char *yaml, *described; /* NULL: not a good one */
	const char *findings;
} readings[] = {
	{TEXTS_NUMBER, "112", "\"112\"", ""},
	{TEXTS_NUMBER, "[112, 999]", "\"112\", \"999\"", ""},
	{TEXTS_NUMBER, "[b, a, b]", "\"a\", \"b\", \"b\"", ""},
	{TEXTS_NUMBER, "+44 (0)20-7123.4567", "\"+4402071234567\"", ""},
	{TEXTS_NUMBER, "alice.smith", "\"alice.smith\"", ""},
	{TEXTS_NUMBER, "\"\"", "\"\"", ""},
	{TEXTS_NUMBER, "{prefix: \"\"}", "prefix \"\"", ""},
	{TEXTS_NUMBER, "{prefix: [+44 20, \"00-44\"]}",
         "prefix \"+4420\", prefix \"0044\"", ""},
	{TEXTS_NUMBER, "{regex: ^7, exact: [2, 1], prefix: 3}",
         "\"1\", \"2\", prefix \"3\", regex \"^7\"", ""},
	{TEXTS_NUMBER, "{regex: [b, a]}", "regex \"b\", regex \"a\"", ""},
	{TEXTS_PLAIN, "+44 (0)20", "\"+44 (0)20\"", ""},
	{TEXTS_PLAIN, "{exact: A b}", "\"A b\"", ""},
	{TEXTS_HOST, "PBX.Example.NET", "\"pbx.example.net\"", ""},
	{TEXTS_HOST, "[a_b, 192.0.2.1, \"[2001:DB8:0:0::1]\", x.example.]",
         "\"192.0.2.1\", \"[2001:db8::1]\", \"a_b\", \"x.example\"", ""},
	{TEXTS_LISTENER, "udp:192.0.2.1:5060", "\"udp:192.0.2.1:5060\"", ""},
	{TEXTS_LISTENER, "TCP:192.0.2.1", "\"tcp:192.0.2.1:5060\"", ""},
	{TEXTS_LISTENER, "[\"udp:[2001:DB8:0::1]:5080\", \"tcp:[::1]\"]",
         "\"tcp:[::1]:5060\", \"udp:[2001:db8::1]:5080\"", ""},
	{TEXTS_LISTENER, "\"udp:[::ffff:192.0.2.1]:5061\"", "\"udp:192.0.2.1:5061\"", ""},
	/* A description is cut after whole words, or within the first one. */
	{TEXTS_PLAIN,
         "[\"11111111112222222222333333333344444444445555555555\", "
         "\"66666666667777777777888888888899999999990000000000\"]",
         "\"11111111112222222222333333333344444444445555555555\", ...", ""},
	{TEXTS_PLAIN,
         "{regex: "
         "\"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
         "\u00e9\u00e9\u00e9"
         "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
         "\u00e9\u00e9"
         "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
         "\u00e9\u00e9\"}",
         "regex "
         "\"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
         "\u00e9\u00e9\u00e9"
         "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
         "\u00e9\u00e9"
         "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
         "\u00e9, ...",
         ""},

	{TEXTS_NUMBER, "[]", NULL,
         "t.yaml:1:1: error: \"called\" must not be an empty list\n"},
	{TEXTS_NUMBER, "[[a], {b: c}]", NULL,
         "t.yaml:1:2: error: \"called\" must be a text, not a list\n"
         "t.yaml:1:7: error: \"called\" must be a text, not a mapping\n"},
	{TEXTS_NUMBER, "[a, ]", "\"a\"", ""},
	{TEXTS_NUMBER, "- a\n-\n", NULL,
         "t.yaml:2:2: error: \"called\" must not be empty\n"
         "  hint: write \"\" for an empty text\n"},
	{TEXTS_NUMBER, "prefix:\n", NULL,
         "t.yaml:1:8: error: \"called\" must not be empty\n"
         "  hint: write \"\" for an empty text\n"},
	{TEXTS_NUMBER, "{}", NULL,
         "t.yaml:1:1: error: \"called\" says nothing to match\n"
         "  hint: write one of exact, prefix, regex, in\n"},
	{TEXTS_NUMBER, "{prefx: 1, regex: a, regex: b}", NULL,
         "t.yaml:1:2: error: unknown key \"prefx\"\n"
         "  hint: did you mean \"prefix\"?\n"
         "t.yaml:1:22: error: \"regex\" is given twice\n"
         "  hint: first given at t.yaml:1:12\n"},
	{TEXTS_NUMBER, "{regex: [\"(\", \"\", a, \"b)c\"]}", NULL,
         "t.yaml:1:10: error: bad regex, at character 2 of it: missing closing "
         "parenthesis\n"
         "t.yaml:1:15: error: \"regex\" must not be empty\n"
         "t.yaml:1:22: error: bad regex, at character 2 of it: unmatched closing "
         "parenthesis\n"},
	{TEXTS_HOST, "{exact: a}", NULL,
         "t.yaml:1:1: error: \"called\" must be a text or a list of texts\n"},
	{TEXTS_HOST,
         "[pbx.example.net:5060, \"2001:db8::1\", sip:pbx.example.net, alice@host, "
         "\"a b\", \"\", 10.0.0.256]",
         NULL,
#define HOST_HINT                                                                        \
	"  hint: write pbx.example.net, 192.0.2.1 or [2001:db8::1], without a port\n"
         "t.yaml:1:2: error: \"pbx.example.net:5060\" is no host\n" HOST_HINT
         "t.yaml:1:24: error: \"2001:db8::1\" is no host\n" HOST_HINT
         "t.yaml:1:39: error: \"sip:pbx.example.net\" is no host\n" HOST_HINT
         "t.yaml:1:60: error: \"alice@host\" is no host\n" HOST_HINT
         "t.yaml:1:72: error: \"a b\" is no host\n" HOST_HINT
         "t.yaml:1:79: error: \"\" is no host\n" HOST_HINT
         "t.yaml:1:83: error: \"10.0.0.256\" is no host\n" HOST_HINT},
	{TEXTS_LISTENER, "{prefix: udp}", NULL,
         "t.yaml:1:1: error: \"called\" must be a text or a list of texts\n"},
#define LISTENER(column, text)                                                           \
	"t.yaml:1:" column ": error: listener \"" text                                   \
	"\" is no transport, address and port\n"                                         \
	"  hint: write udp:192.0.2.1:5060 or tcp:[2001:db8::1]:5060\n"
	{TEXTS_LISTENER, "[dtls:192.0.2.1, udp, \"udp:\", udp:pbx.example.net]", NULL,
         LISTENER("2", "dtls:192.0.2.1") LISTENER("18", "udp") LISTENER("23", "udp:")
                 LISTENER("31", "udp:pbx.example.net")},
	{TEXTS_LISTENER, "[udp:10.0.0.1:0, udp:10.0.0.1:65536, \"udp:10.0.0.1:\"]", NULL,
         LISTENER("2", "udp:10.0.0.1:0") LISTENER("18", "udp:10.0.0.1:65536")
                 LISTENER("38", "udp:10.0.0.1:")},
	{TEXTS_LISTENER, "[\"udp:[::1\", \"udp:::1\", \"udp:[::1]5060\"]", NULL,
         LISTENER("2", "udp:[::1") LISTENER("14", "udp:::1")
                 LISTENER("25", "udp:[::1]5060")},
};

START_TEST(texts_read_as_described_or_are_refused)
{
	struct loading loading;
	struct text_match match = {0};
	struct slice described = {0};
	const struct node *node = loading_begin(&loading, readings[_i].yaml);
	struct load *load = &loading.load.load;
	bool good = texts_read(load, node, "called", readings[_i].form, &match);
	if (good)
		ck_assert(texts_describe(load, &match, &described));
	char got[200] = "";
	snprintf(got, sizeof got, "%.*s", (int)described.len,
	         described.at ? described.at : "");
	char *findings = loading_end(&loading);
	ck_assert_str_eq(findings, readings[_i].findings);
	ck_assert(good == !*findings);
	ck_assert_str_eq(got, readings[_i].described ? readings[_i].described : "");
	free(findings);
}
END_TEST

static char *long_texts(const char *before, size_t len, const char *after)
{
	char *yaml = malloc(len + 100), *end = yaml + sprintf(yaml, "%s", before);
	memset(end, '1', len);
	strcpy(end + len, after);
	return yaml;
}

static const struct {
	enum texts_form form;
	const char *before, *after;
	size_t len;
	const char *findings; /* the beginning of them */
} lengths[] = {
	{TEXTS_NUMBER, "", "", 1024, ""},
	{TEXTS_NUMBER, "", "", 1025,
         "t.yaml:1:1: error: \"called\" is longer than 1024 bytes\n"},
	{TEXTS_NUMBER, "{prefix: \"", "\"}", 1025,
         "t.yaml:1:10: error: \"called\" is longer than 1024 bytes\n"},
	{TEXTS_NUMBER, "{regex: \"", "\"}", 1024, ""},
	{TEXTS_NUMBER, "{regex: \"", "\"}", 1025,
         "t.yaml:1:9: error: bad regex, at character 1025 of it: longer than 1024"},
	{TEXTS_HOST, "a", "", 1000, ""},
	{TEXTS_HOST, "a", "", 1024, "t.yaml:1:1: error: \"a111"},
	{TEXTS_LISTENER, "udp:", "", 5000, "t.yaml:1:1: error: listener \"udp:111"},
	{TEXTS_PLAIN, "", "", 100000, ""},
};

START_TEST(texts_have_a_length_they_may_have)
{
	struct loading loading;
	struct text_match match = {0};
	char *yaml = long_texts(lengths[_i].before, lengths[_i].len, lengths[_i].after);
	const struct node *node = loading_begin(&loading, yaml);
	texts_read(&loading.load.load, node, "called", lengths[_i].form, &match);
	char *findings = loading_end(&loading);
	size_t len = strlen(lengths[_i].findings);
	ck_assert_msg(strncmp(findings, lengths[_i].findings, len ? len : 1) == 0,
	              "got %s", findings);
	free(findings);
	free(yaml);
}
END_TEST

START_TEST(a_table_has_a_limit_of_regexes)
{
	struct loading loading;
	struct text_match match = {0};
	char *yaml = malloc(200000), *end = yaml + sprintf(yaml, "regex:\n- &a a\n");
	for (int i = 0; i < 10005; i++)
		end += sprintf(end, "- *a\n");
	const struct node *node = loading_begin(&loading, yaml);
	ck_assert(!texts_read(&loading.load.load, node, "called", TEXTS_PLAIN, &match));
	char *findings = loading_end(&loading);
	ck_assert_str_eq(findings, "t.yaml:2:3: error: more than 10000 regexes\n"
	                           "  hint: prefixes and exact numbers are faster\n");
	free(findings);
	free(yaml);
}
END_TEST

/* Matching */

static const struct {
	enum texts_form form;
	const char *yaml;
	struct slice text;
	enum pattern_result result;
} matches[] = {
	{TEXTS_NUMBER, "112", LOADING_TEXT("112"), PATTERN_YES},
	{TEXTS_NUMBER, "112", LOADING_TEXT("1122"), PATTERN_NO},
	{TEXTS_NUMBER, "112", LOADING_TEXT("11"), PATTERN_NO},
	{TEXTS_NUMBER, "112", LOADING_TEXT(""), PATTERN_NO},
	{TEXTS_NUMBER, "112", LOADING_TEXT("112\0"), PATTERN_NO},
	{TEXTS_NUMBER, "\"\"", LOADING_TEXT(""), PATTERN_YES},
	{TEXTS_NUMBER, "\"\"", LOADING_TEXT("\0"), PATTERN_NO},
	{TEXTS_NUMBER, "[5, 1, 3]", LOADING_TEXT("3"), PATTERN_YES},
	{TEXTS_NUMBER, "[5, 1, 3]", LOADING_TEXT("1"), PATTERN_YES},
	{TEXTS_NUMBER, "[5, 1, 3]", LOADING_TEXT("5"), PATTERN_YES},
	{TEXTS_NUMBER, "[5, 1, 3]", LOADING_TEXT("4"), PATTERN_NO},
	{TEXTS_NUMBER, "+44 20", LOADING_TEXT("+4420"), PATTERN_YES},
	{TEXTS_NUMBER, "Alice", LOADING_TEXT("alice"), PATTERN_NO},
	{TEXTS_NUMBER, "{prefix: +44}", LOADING_TEXT("+44"), PATTERN_YES},
	{TEXTS_NUMBER, "{prefix: +44}", LOADING_TEXT("+4420"), PATTERN_YES},
	{TEXTS_NUMBER, "{prefix: +44}", LOADING_TEXT("+4"), PATTERN_NO},
	{TEXTS_NUMBER, "{prefix: +44}", LOADING_TEXT("044"), PATTERN_NO},
	{TEXTS_NUMBER, "{prefix: \"\"}", LOADING_TEXT(""), PATTERN_YES},
	{TEXTS_NUMBER, "{prefix: \"\"}", LOADING_TEXT("\0x"), PATTERN_YES},
	{TEXTS_NUMBER, "{prefix: [1, 12, 1234, 2]}", LOADING_TEXT("123"), PATTERN_YES},
	{TEXTS_NUMBER, "{prefix: [12, 1234, 1239, 2]}", LOADING_TEXT("1235"),
         PATTERN_YES},
	{TEXTS_NUMBER, "{prefix: [1234, 1239, 2]}", LOADING_TEXT("1235"), PATTERN_NO},
	{TEXTS_NUMBER, "{prefix: [9, 8]}", LOADING_TEXT("1"), PATTERN_NO},
	{TEXTS_NUMBER, "{prefix: [1, 0]}", LOADING_TEXT("9"), PATTERN_NO},
	{TEXTS_NUMBER, "{regex: \"^[0-9]+$\"}", LOADING_TEXT("123"), PATTERN_YES},
	{TEXTS_NUMBER, "{regex: \"^[0-9]+$\"}", LOADING_TEXT("12a"), PATTERN_NO},
	{TEXTS_NUMBER, "{regex: \"^[0-9]+$\"}", LOADING_TEXT("12\n"), PATTERN_NO},
	{TEXTS_NUMBER, "{regex: 2}", LOADING_TEXT("123"), PATTERN_YES},
	{TEXTS_NUMBER, "{regex: [a, b]}", LOADING_TEXT("xbx"), PATTERN_YES},
	{TEXTS_NUMBER, "{regex: \"^$\"}", LOADING_TEXT(""), PATTERN_YES},
	{TEXTS_NUMBER, "{exact: 1, prefix: 2, regex: 3}", LOADING_TEXT("1"), PATTERN_YES},
	{TEXTS_NUMBER, "{exact: 1, prefix: 2, regex: 3}", LOADING_TEXT("29"),
         PATTERN_YES},
	{TEXTS_NUMBER, "{exact: 1, prefix: 2, regex: 3}", LOADING_TEXT("93"),
         PATTERN_YES},
	{TEXTS_NUMBER, "{exact: 1, prefix: 2, regex: 3}", LOADING_TEXT("12"), PATTERN_NO},
	{TEXTS_NUMBER, "{regex: \"^(a*)*$\"}",
         LOADING_TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaab"), PATTERN_GAVE_UP},
	/* What is certain without the regex is not left to it. */
	{TEXTS_NUMBER, "{regex: \"^(a*)*$\", prefix: a}",
         LOADING_TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaab"), PATTERN_YES},
	{TEXTS_PLAIN, "Acme Ltd", LOADING_TEXT("Acme Ltd"), PATTERN_YES},
	{TEXTS_PLAIN, "Acme Ltd", LOADING_TEXT("acme ltd"), PATTERN_NO},
	{TEXTS_PLAIN, "\"1-2\"", LOADING_TEXT("12"), PATTERN_NO},
	{TEXTS_HOST, "PBX.example.net", LOADING_TEXT("pbx.EXAMPLE.net"), PATTERN_YES},
	{TEXTS_HOST, "pbx.example.net", LOADING_TEXT("pbx.example.net."), PATTERN_YES},
	{TEXTS_HOST, "pbx.example.net.", LOADING_TEXT("PBX.example.net"), PATTERN_YES},
	{TEXTS_HOST, "pbx.example.net.", LOADING_TEXT("pbx.example.net."), PATTERN_YES},
	{TEXTS_HOST, "pbx.example.net", LOADING_TEXT("pbx.example.net.."), PATTERN_NO},
	{TEXTS_HOST, "pbx.example.net", LOADING_TEXT("."), PATTERN_NO},
	{TEXTS_HOST, "pbx.example.net", LOADING_TEXT("example.net"), PATTERN_NO},
	{TEXTS_HOST, "pbx.example.net", LOADING_TEXT(""), PATTERN_NO},
	{TEXTS_HOST, "192.0.2.1", LOADING_TEXT("192.0.2.1"), PATTERN_YES},
	{TEXTS_HOST, "192.0.2.1", LOADING_TEXT("192.0.2.10"), PATTERN_NO},
	{TEXTS_HOST, "\"[2001:DB8:0:0:0::1]\"", LOADING_TEXT("[2001:db8::1]"),
         PATTERN_YES},
	{TEXTS_HOST, "\"[2001:db8::1]\"", LOADING_TEXT("[2001:0DB8::0:1]"), PATTERN_YES},
	{TEXTS_HOST, "\"[2001:db8::1]\"", LOADING_TEXT("[2001:db8::2]"), PATTERN_NO},
	{TEXTS_HOST, "\"[2001:db8::1]\"", LOADING_TEXT("[2001:db8::1"), PATTERN_NO},
	{TEXTS_LISTENER, "udp:192.0.2.1", LOADING_TEXT("udp:192.0.2.1:5060"),
         PATTERN_YES},
	{TEXTS_LISTENER, "udp:192.0.2.1", LOADING_TEXT("tcp:192.0.2.1:5060"), PATTERN_NO},
	{TEXTS_LISTENER, "udp:192.0.2.1", LOADING_TEXT("udp:192.0.2.1:5061"), PATTERN_NO},
	{TEXTS_LISTENER, "UDP:[::1]", LOADING_TEXT("udp:[::1]:5060"), PATTERN_YES},
};

START_TEST(texts_match_these_and_not_those)
{
	struct loading loading;
	struct text_match match = {0};
	const struct node *node = loading_begin(&loading, matches[_i].yaml);
	ck_assert(
		texts_read(&loading.load.load, node, "called", matches[_i].form, &match));
	enum pattern_result got = matches[_i].form == TEXTS_HOST
	                                  ? texts_match_host(&match, matches[_i].text)
	                                  : texts_match(&match, matches[_i].text, space);
	ck_assert_msg(got == matches[_i].result, "%s and '%s': got %d", matches[_i].yaml,
	              matches[_i].text.at, got);
	free(loading_end(&loading));
}
END_TEST

START_TEST(a_host_too_long_for_a_rule_matches_none)
{
	struct loading loading;
	struct text_match match = {0};
	char *host = long_texts("", 70000, "");
	const struct node *node = loading_begin(&loading, "h");
	ck_assert(texts_read(&loading.load.load, node, "host", TEXTS_HOST, &match));
	ck_assert(texts_match_host(&match, slice_of(host)) == PATTERN_NO);
	free(loading_end(&loading));
	free(host);
}
END_TEST

/* Random texts of few letters, so that they often have something in common. */

#define TEXTS_MAX 12

struct random_texts {
	char letters[2 * TEXTS_MAX][8];
	struct slice exact[TEXTS_MAX], prefix[TEXTS_MAX];
	struct text_match match;
};

static struct slice random_text(uint64_t *state, char letters[8])
{
	size_t len = loading_random(state) % 7;
	for (size_t i = 0; i < len; i++)
		letters[i] = (char)('a' + loading_random(state) % 2);
	return (struct slice){letters, len};
}

static int by_bytes(const void *left, const void *right)
{
	const struct slice *a = left, *b = right;
	int order = memcmp(a->at, b->at, a->len < b->len ? a->len : b->len);
	return order ? order : (int)a->len - (int)b->len;
}

static void random_match(uint64_t *state, struct random_texts *texts)
{
	size_t exact = loading_random(state) % TEXTS_MAX,
	       prefix = loading_random(state) % TEXTS_MAX;
	if (loading_random(state) % 2)
		exact %= 3, prefix %= 3;
	for (size_t i = 0; i < exact; i++)
		texts->exact[i] = random_text(state, texts->letters[i]);
	for (size_t i = 0; i < prefix; i++)
		texts->prefix[i] = random_text(state, texts->letters[TEXTS_MAX + i]);
	qsort(texts->exact, exact, sizeof(struct slice), by_bytes);
	qsort(texts->prefix, prefix, sizeof(struct slice), by_bytes);
	texts->match =
		(struct text_match){exact, prefix, 0, texts->exact, texts->prefix, NULL};
}

static bool plainly_matches(const struct text_match *match, struct slice text)
{
	for (size_t i = 0; i < match->exact_count; i++)
		if (slice_equal(match->exact[i], text))
			return true;
	for (size_t i = 0; i < match->prefix_count; i++)
		if (slice_begins(text, match->prefix[i]))
			return true;
	return false;
}

START_TEST(a_search_finds_what_a_look_at_each_finds)
{
	uint64_t state = 1;
	struct random_texts texts;
	size_t found = 0;
	for (int round = 0; round < 20000; round++) {
		random_match(&state, &texts);
		for (int i = 0; i < 10; i++) {
			char letters[8];
			struct slice text = random_text(&state, letters);
			bool want = plainly_matches(&texts.match, text);
			ck_assert((texts_match(&texts.match, text, space) ==
			           PATTERN_YES) == want);
			found += want;
		}
	}
	ck_assert_uint_gt(found, 20000);
	ck_assert_uint_lt(found, 180000);
}
END_TEST

/* All texts of up to six letters, and one letter more for those that are longer. */
static bool every_text_of_inner_is_in_outer(const struct text_match *outer,
                                            const struct text_match *inner)
{
	for (unsigned len = 0; len <= 7; len++)
		for (unsigned bits = 0; bits < 1u << len; bits++) {
			char letters[8];
			for (unsigned i = 0; i < len; i++)
				letters[i] = (char)('a' + (bits >> i & 1));
			struct slice text = {letters, len};
			if (plainly_matches(inner, text) && !plainly_matches(outer, text))
				return false;
		}
	return true;
}

START_TEST(what_covers_matches_all_that_is_covered)
{
	uint64_t state = 2;
	struct random_texts outer, inner;
	size_t covered = 0, not_seen = 0;
	for (int round = 0; round < 30000; round++) {
		random_match(&state, &outer);
		random_match(&state, &inner);
		bool covers = texts_cover(&outer.match, &inner.match);
		bool really = every_text_of_inner_is_in_outer(&outer.match, &inner.match);
		loading_expect(!covers || really, "round %d", round);
		covered += covers;
		not_seen += really && !covers; /* prefixes aa and ab do cover a... */
	}
	ck_assert_uint_gt(covered, 1000);
	ck_assert_uint_lt(not_seen, covered / 10);
}
END_TEST

static const struct {
	const char *outer, *inner;
	bool covers, includes;
} covers[] = {
	{"1", "1", true, true},
	{"[1, 2]", "1", true, true},
	{"1", "[1, 2]", false, false},
	{"{prefix: 1}", "1", true, false},
	{"{prefix: 1}", "{prefix: 1}", true, true},
	{"{prefix: 1}", "{prefix: 12}", true, false},
	{"{prefix: 12}", "{prefix: 1}", false, false},
	{"{prefix: [1, 12]}", "{prefix: 12}", true, true},
	{"{prefix: [1, 12]}", "{prefix: 123}", true, false},
	{"1", "{prefix: 1}", false, false},
	{"{prefix: \"\"}", "{prefix: 1}", true, false},
	{"{prefix: \"\"}", "{prefix: \"\"}", true, true},
	{"{prefix: \"\"}", "{regex: a}", true, true},
	{"{prefix: \"\"}", "\"\"", true, false},
	{"\"\"", "{prefix: \"\"}", false, false},
	{"{regex: a}", "{regex: a}", true, true},
	{"{regex: [b, a]}", "{regex: a}", true, true},
	{"{regex: a}", "{regex: [a, b]}", false, false},
	{"{regex: a}", "{regex: aa}", false, false}, /* it does, but nobody can tell */
	{"{regex: \"^1\"}", "{prefix: 1}", false, false},
	{"{prefix: 1}", "{regex: \"^1\"}", false, false},
	{"{exact: 1, prefix: 2, regex: 3}", "{exact: 1, prefix: 2, regex: 3}", true,
         true},
	{"{exact: 1, prefix: 2}", "{exact: 1, prefix: 2, regex: 3}", false, false},
	{"{exact: 1, prefix: 2, regex: 3}", "{exact: 21, prefix: 22, regex: 3}", true,
         false},
};

START_TEST(texts_cover_texts_by_what_they_say)
{
	struct loading loading;
	struct text_match match[2] = {0};
	char yaml[200];
	snprintf(yaml, sizeof yaml, "[%s, %s]", covers[_i].outer, covers[_i].inner);
	const struct node *node = loading_begin(&loading, yaml);
	for (size_t i = 0; i < 2; i++)
		ck_assert(texts_read(&loading.load.load, node->items[i], "x", TEXTS_PLAIN,
		                     &match[i]));
	ck_assert_msg(texts_cover(&match[0], &match[1]) == covers[_i].covers, "%s", yaml);
	ck_assert_msg(texts_include(&match[0], &match[1]) == covers[_i].includes, "%s",
	              yaml);
	free(loading_end(&loading));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("texts");
	TCase *tcase = tcase_create("texts");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_checked_fixture(tcase, make_space, free_space);
	tcase_add_loop_test(tcase, texts_read_as_described_or_are_refused, 0,
	                    LOADING_COUNT(readings));
	tcase_add_loop_test(tcase, texts_have_a_length_they_may_have, 0,
	                    LOADING_COUNT(lengths));
	tcase_add_test(tcase, a_table_has_a_limit_of_regexes);
	tcase_add_loop_test(tcase, texts_match_these_and_not_those, 0,
	                    LOADING_COUNT(matches));
	tcase_add_test(tcase, a_host_too_long_for_a_rule_matches_none);
	tcase_add_test(tcase, a_search_finds_what_a_look_at_each_finds);
	tcase_add_test(tcase, what_covers_matches_all_that_is_covered);
	tcase_add_loop_test(tcase, texts_cover_texts_by_what_they_say, 0,
	                    LOADING_COUNT(covers));
	suite_add_tcase(suite, tcase);
	return suite;
}
