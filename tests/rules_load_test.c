/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules/load.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static const struct {
	const char *yaml;
	size_t rules, gateways, groups;
	bool longest;
} good[] = {
	{"{}", 0, 0, 0, false},
	{"rules: []", 0, 0, 0, false},
	{"{gateways: {}, groups: {}, rules: []}", 0, 0, 0, false},
	{"match: first", 0, 0, 0, false},
	{"match: longest", 0, 0, 0, true},
	{"default: {reject: 403}", 0, 0, 0, false},
	/* The order of the keys does not matter. */
	{"default: {redirect: g}\nrules: [{redirect: g}]\ngroups: {g: [a]}\n"
         "gateways: {a: sip:a}\nmatch: longest\n",
         1, 1, 1, true},
	{"gateways: {a: &uri sip:a, b: *uri}\nrules: [{redirect: *uri}]", 1, 2, 0, false},
	{"\xef\xbb\xbf# with a byte order mark\nrules: [{reject: 404}]\n", 1, 0, 0,
         false},
};

START_TEST(a_table_reads_as)
{
	struct table *table = loading_good(good[_i].yaml);
	struct table_counts counts = table_counts(table);
	ck_assert_uint_eq(counts.rules, good[_i].rules);
	ck_assert_uint_eq(counts.gateways, good[_i].gateways);
	ck_assert_uint_eq(counts.groups, good[_i].groups);
	ck_assert_uint_ge(counts.bytes, sizeof(struct table));
	ck_assert(ruleset_is_longest(table_ruleset(table, 0)) == good[_i].longest);
	table_free(table);
}
END_TEST

START_TEST(rules_without_a_name_have_a_number)
{
	static const char *const names[] = {"rule 1", "uk", "rule 3"};
	struct table *table = loading_good("rules:\n- {called: 1, reject: 404}\n"
	                                   "- {name: uk, called: 2, reject: 404}\n"
	                                   "- {called: 3, reject: 404}\n");
	for (size_t i = 0; i < 3; i++) {
		ck_assert_str_eq(table->top.rules[i].name.at, names[i]);
		ck_assert_uint_eq(table->top.rules[i].position.line, i + 2);
		ck_assert_uint_eq(table->top.rules[i].position.column, 3);
		ck_assert_str_eq(table->top.rules[i].position.file, LOADING_FILE);
	}
	table_free(table);
}
END_TEST

static const struct {
	const char *yaml, *findings;
} bad[] = {
	{"", "t.yaml: error: the file is empty\n"},
	{"# nothing\n", "t.yaml: error: the file is empty\n"},
	{"rules", "t.yaml:1:1: error: a routing table must be a mapping, not a text\n"},
	{"- rules", "t.yaml:1:1: error: a routing table must be a mapping, not a list\n"},
	{"gatways: {}\nrule: []\nmatch: first\nmatch: longest\nthings: {}\n",
         "t.yaml:1:1: error: unknown key \"gatways\"\n"
         "  hint: did you mean \"gateways\"?\n"
         "t.yaml:2:1: error: unknown key \"rule\"\n"
         "  hint: did you mean \"rules\"?\n"
         "t.yaml:4:1: error: \"match\" is given twice\n"
         "  hint: first given at t.yaml:3:1\n"
         "t.yaml:5:1: error: unknown key \"things\"\n"
         "  hint: known keys: match, include, routing_number, zone, times, numbers, "
         "gateways, groups, decks, rules, "
         "tables, default\n"},
	{"match: best", "t.yaml:1:8: error: \"match\" must be first or longest\n"},
	{"match: [first]", "t.yaml:1:8: error: \"match\" must be first or longest\n"},
	{"rules: {a: b}",
         "t.yaml:1:8: error: \"rules\" must be a list of rules, not a mapping\n"
         "  hint: begin each rule with a dash\n"},
	{"rules:\n", "t.yaml:1:7: error: \"rules\" must be a list of rules, not a text\n"
                     "  hint: begin each rule with a dash\n"},
	{"rules: [a, [b], ]",
         "t.yaml:1:9: error: a rule must be a mapping, not a text\n"
         "t.yaml:1:12: error: a rule must be a mapping, not a list\n"},
	{"rules:\n-\n- {}\n", "t.yaml:2:2: error: a rule must be a mapping, not a text\n"
                              "t.yaml:3:3: error: neither \"redirect\" nor \"reject\"\n"},
	{"rules: [{prioritty: 1, reject: 404}]",
         "t.yaml:1:10: error: unknown key \"prioritty\"\n"
         "  hint: did you mean \"priority\"?\n"},
	{"rules: [{caled: 1, reject: 404}]", "t.yaml:1:10: error: unknown key \"caled\"\n"
                                             "  hint: did you mean \"called\"?\n"},
	{"rules:\n- {name: uk, called: 1, reject: 404}\n- {called: 2, reject: 404}\n"
         "- {name: uk, called: 3, reject: 404}\n- {name: rule 2, called: 4, reject: "
         "404}\n",
         "t.yaml:4:3: error: rule \"uk\" is defined twice\n"
         "  hint: first defined at t.yaml:2:3\n"
         "t.yaml:5:3: error: rule \"rule 2\" is defined twice\n"
         "  hint: first defined at t.yaml:3:3\n"},
	{"rules: [{name: [a], reject: 404}, {name: \"\", reject: 404}, {name: \"a\\nb\", "
         "reject: 404}]",
         "t.yaml:1:16: error: \"rule name\" must be a text, not a list\n"
         "t.yaml:1:42: error: \"rule name\" must not be empty\n"
         "t.yaml:1:67: error: a rule name may not have control characters\n"},
	{"default: {called: 1, reject: 404}",
         "t.yaml:1:11: error: unknown key \"called\"\n"
         "  hint: known keys: redirect, reject, status, expires, rewrite, headers, "
         "uri_headers\n"},
	{"default: {name: x, reject: 404}",
         "t.yaml:1:11: error: unknown key \"name\"\n"
         "  hint: known keys: redirect, reject, status, expires, rewrite, headers, "
         "uri_headers\n"},
	{"default: {}", "t.yaml:1:10: error: neither \"redirect\" nor \"reject\"\n"},
	{"default: 404",
         "t.yaml:1:10: error: \"default\" must be a mapping, not a text\n"},
	{"default: {redirect: nowhere}",
         "t.yaml:1:21: error: no gateway or group is called \"nowhere\"\n"
         "  hint: gateways are defined under \"gateways\", groups under \"groups\"\n"},
	{"rules: [*x]", "t.yaml:1:9: error: there is no such anchor before this alias\n"
                        "  hint: quote a text that begins with *\n"},
	{"rules: [", "t.yaml:2:1: error: did not find expected node content\n"
                     "  hint: while parsing a flow node at t.yaml:2:1\n"},
	{"rules: [{called: *31, reject: 404}]",
         "t.yaml:1:18: error: there is no such anchor before this alias\n"
         "  hint: quote a text that begins with *\n"},
	/* All mistakes of a file at once, in the order of the file. */
	{"default: {rejct: 404}\n"
         "rules:\n"
         "- name: uk\n"
         "  called: {prefx: +44}\n"
         "  redirect: [lodnon-1, \"sip:{calld}@x\"]\n"
         "  rewrite: {strip: 00}\n"
         "- name: uk\n"
         "  source: 10.0.0.1/8\n"
         "  caller: {regex: \"(\"}\n"
         "  reject: 200\n"
         "groups: {g: [nobody]}\n"
         "gateways: {london-1: {uri: sip:a, weight: 0}}\n"
         "match: last\n",
         "t.yaml:1:10: error: neither \"redirect\" nor \"reject\"\n"
         "t.yaml:1:11: error: unknown key \"rejct\"\n"
         "  hint: did you mean \"reject\"?\n"
         "t.yaml:4:12: error: unknown key \"prefx\"\n"
         "  hint: did you mean \"prefix\"?\n"
         "t.yaml:5:14: error: no gateway or group is called \"lodnon-1\"\n"
         "  hint: did you mean \"london-1\"?\n"
         "t.yaml:5:24: error: unknown placeholder in \"sip:{calld}@x\"\n"
         "  hint: the placeholders are {called}, {caller}, {host}, {rule}, {gateway}, "
         "{rn}, {cic}, {tgrp}, {trunk_context}, {row.COLUMN}, {TABLE[called].COLUMN} and "
         "{TABLE[caller].COLUMN}\n"
         "t.yaml:6:20: error: strip: 00 may mean digits or how many\n"
         "  hint: quote it to strip these digits; write a number to strip so many\n"
         "t.yaml:7:3: error: rule \"uk\" is defined twice\n"
         "  hint: first defined at t.yaml:3:3\n"
         "t.yaml:8:11: error: source \"10.0.0.1/8\" is no network: bits are set beyond "
         "the prefix\n"
         "  hint: write 192.0.2.0/24, 2001:db8::/32 or one address\n"
         "t.yaml:9:19: error: bad regex, at character 2 of it: missing closing "
         "parenthesis\n"
         "t.yaml:10:11: error: \"reject\" must begin with a status from 400 to 699\n"
         "  hint: for example 404, or 603 Not on this trunk\n"
         "t.yaml:11:14: error: no gateway is called \"nobody\"\n"
         "  hint: gateways are defined under \"gateways\"\n"
         "t.yaml:12:43: error: \"weight\" must be a whole number from 1 to 10000\n"
         "t.yaml:13:8: error: \"match\" must be first or longest\n"},
};

START_TEST(every_mistake_in_a_table_is_found)
{
	char *findings;
	struct table *table = loading_try(bad[_i].yaml, &findings);
	ck_assert_str_eq(findings, bad[_i].findings);
	ck_assert_ptr_null(table);
	free(findings);
}
END_TEST

START_TEST(warnings_do_not_keep_a_table_from_loading)
{
	char *findings;
	struct table *table = loading_try("gateways: {a: {uri: sip:a, enabled: false}}\n"
	                                  "rules: [{redirect: a}, {reject: 404}]\n"
	                                  "default: {redirect: a}\n",
	                                  &findings);
	ck_assert_str_eq(
		findings,
		"t.yaml:2:20: warning: every gateway of this redirect is disabled\n"
		"  hint: calls will be answered 480\n"
		"t.yaml:2:24: warning: rule \"rule 2\" can never match\n"
		"  hint: rule \"rule 1\" at t.yaml:2:9 takes every such call first\n"
		"t.yaml:3:21: warning: every gateway of this redirect is disabled\n"
		"  hint: calls will be answered 480\n");
	table_free(table);
	free(findings);
}
END_TEST

/* Files that are none */

static void expect_of_file(const char *path, const char *want)
{
	struct diags *diags = diags_new();
	ck_assert_ptr_null(table_load(path, LOADING_PLENTY, diags));
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	diags_print(diags, to);
	fclose(to);
	ck_assert_str_eq(text, want);
	free(text);
	diags_free(diags);
}

START_TEST(what_is_no_file_is_refused)
{
	expect_of_file("missing.yaml",
	               "missing.yaml: error: cannot open: No such file or directory\n");
	ck_assert_int_eq(mkdir("folder.yaml", 0700), 0);
	expect_of_file("folder.yaml",
	               "folder.yaml: error: this is a directory, not a file\n");
	ck_assert_int_eq(rmdir("folder.yaml"), 0);
	ck_assert_int_eq(mkfifo("fifo.yaml", 0700), 0);
	expect_of_file("fifo.yaml", "fifo.yaml: error: this is not a regular file\n");
	ck_assert_int_eq(remove("fifo.yaml"), 0);
	loading_write("rules: [{name: \"\xe9\", reject: 404}]");
	expect_of_file(LOADING_FILE, "t.yaml:1:17: error: byte 0xE9 is not UTF-8\n"
	                             "  hint: save the file as UTF-8\n");
}
END_TEST

START_TEST(a_gigabyte_of_brackets_is_refused_at_once)
{
	loading_write("[");
	ck_assert_int_eq(truncate(LOADING_FILE, 1 << 30), 0); /* NULs that take no room */
	expect_of_file(LOADING_FILE, "t.yaml: error: the file is larger than 128 MiB\n");
}
END_TEST

START_TEST(brackets_in_a_file_of_the_right_size_are_refused)
{
	size_t size = 1 << 20;
	char *yaml = malloc(size + 1), *findings;
	memset(yaml, '[', size);
	yaml[size] = '\0';
	ck_assert_ptr_null(loading_try(yaml, &findings));
	ck_assert_str_eq(findings,
	                 "t.yaml:1:17: error: nested more than 16 levels deep\n");
	free(findings);
	free(yaml);
}
END_TEST

START_TEST(aliases_do_not_make_a_table_larger_than_it_may_be)
{
	char *yaml = NULL, *findings;
	size_t len;
	FILE *to = open_memstream(&yaml, &len);
	fputs("rules:\n- {reject: 404, called: &a [", to);
	for (int i = 0; i < 3000; i++)
		fprintf(to, "%d, ", i);
	fputs("]}\n", to);
	for (int i = 0; i < 5000; i++)
		fprintf(to, "- {reject: 404, host: h%d, called: *a}\n", i);
	fclose(to);
	ck_assert_ptr_null(loading_try(yaml, &findings));
	ck_assert_ptr_nonnull(strstr(findings, "error: more than 10000000 values\n"
	                                       "  hint: an alias counts as often as it "
	                                       "stands\n"));
	free(findings);
	free(yaml);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("load");
	TCase *tcase = tcase_create("load");
	tcase_add_unchecked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_loop_test(tcase, a_table_reads_as, 0, LOADING_COUNT(good));
	tcase_add_test(tcase, rules_without_a_name_have_a_number);
	tcase_add_loop_test(tcase, every_mistake_in_a_table_is_found, 0,
	                    LOADING_COUNT(bad));
	tcase_add_test(tcase, warnings_do_not_keep_a_table_from_loading);
	tcase_add_test(tcase, what_is_no_file_is_refused);
	tcase_add_test(tcase, a_gigabyte_of_brackets_is_refused_at_once);
	tcase_add_test(tcase, brackets_in_a_file_of_the_right_size_are_refused);
	tcase_add_test(tcase, aliases_do_not_make_a_table_larger_than_it_may_be);
	suite_add_tcase(suite, tcase);
	return suite;
}
