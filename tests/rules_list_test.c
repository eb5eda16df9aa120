/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "rules/list.h"
#include "tests/rules_loading.h"
#include "tests/runner.h"

static char *list(const struct table *table)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	list_write(table, to);
	fclose(to);
	return text;
}

#define FIRST "# match: first: "
#define LONGEST                                                                          \
	"# match: longest (exact numbers first, then the longest prefix, then the "      \
	"rest; "                                                                         \
	"equals in this order): "

static const struct {
	const char *yaml, *list;
} cases[] = {
	{"{}", FIRST "top level\n"
                     "-\t-\tdefault\t-\tany call\treject 404\n"},
	{"match: longest\ndefault: {reject: 403 No}",
         LONGEST "top level\n"
                 "-\t-\tdefault\tt.yaml:2:10\tany call\treject 403 No\n"},
	/* What names a gateway or a group is called by it, else all gateways are. */
	{"gateways: {a: sip:a, b: sip:b, c: sip:c}\n"
         "groups: {g: [[a, b], c], h: [a]}\n"
         "rules:\n"
         "- {called: 1, redirect: a}\n"
         "- {called: 2, redirect: g, status: 301}\n"
         "- {called: 3, redirect: [[a, b], \"sip:x\"], rewrite: {strip: 1}}\n"
         "- {called: 4, redirect: [h, b]}\n",
         FIRST "top level\n"
               "1\t-\trule 1\tt.yaml:4:3\tcalled \"1\"\tredirect 302 a\n"
               "2\t-\trule 2\tt.yaml:5:3\tcalled \"2\"\tredirect 301 g\n"
               "3\t-\trule 3\tt.yaml:6:3\tcalled \"3\"\tredirect 302 [a, b], sip:x; "
               "rewrite\n"
               "4\t-\trule 4\tt.yaml:7:3\tcalled \"4\"\tredirect 302 a, b\n"
               "-\t-\tdefault\t-\tany call\treject 404\n"},
	/* All criteria; what would break the line is escaped. */
	{"rules:\n"
         "- name: r\n"
         "  called: {prefix: \"+44\", exact: [1, 2]}\n"
         "  header: {X: \"a\\tb\\n\"}\n"
         "  not: {caller: 3, source: 10.0.0.0/8}\n"
         "  reject: 404\n",
         FIRST "top level\n"
               "1\t-\tr\tt.yaml:2:3\tcalled \"1\", \"2\", prefix \"+44\"; header X "
               "\"a\\x09b\\x0A\"; not caller \"3\"; not source 10.0.0.0/8\treject 404\n"
               "-\t-\tdefault\t-\tany call\treject 404\n"},
	/* The tables in their order, then the top level. */
	{"rules: [{name: r, called: 1, reject: 404}]\n"
         "tables:\n"
         "  z: {host: [y, x], peer: p, rules: [{name: r, reject: 404}]}\n"
         "  a: {profile: p, match: longest}\n",
         FIRST "table \"z\" (t.yaml:3), for peer \"p\"; host \"x\", \"y\"\n"
               "1\tz\tr\tt.yaml:3:38\tany call\treject 404\n"
               "-\tz\tdefault\t-\tany call\treject 404\n" LONGEST
               "table \"a\" (t.yaml:4), for profile \"p\"\n"
               "-\ta\tdefault\t-\tany call\treject 404\n" FIRST "top level\n"
               "1\t-\tr\tt.yaml:1:9\tcalled \"1\"\treject 404\n"
               "-\t-\tdefault\t-\tany call\treject 404\n"},
};

START_TEST(a_table_is_listed_as_it_is_asked)
{
	struct table *table = loading_good(cases[_i].yaml);
	char *got = list(table);
	ck_assert_str_eq(got, cases[_i].list);
	free(got);
	table_free(table);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("list");
	TCase *tcase = tcase_create("list");
	tcase_add_checked_fixture(tcase, loading_enter, loading_leave);
	tcase_add_loop_test(tcase, a_table_is_listed_as_it_is_asked, 0,
	                    LOADING_COUNT(cases));
	suite_add_tcase(suite, tcase);
	return suite;
}
