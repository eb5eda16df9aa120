/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules/files.h"
#include "rules/rule.h"
#include "rules/table.h"
#include "tests/runner.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define PLENTY       ((size_t)1 << 30)

static char folder[] = "/tmp/files_test.XXXXXX";

static void enter(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_int_eq(mkdir("sub", 0700), 0);
	ck_assert_int_eq(mkdir("s*[b]", 0700), 0); /* a glob, if it were one */
}

static void leave(void)
{
	char command[64];
	ck_assert_int_eq(chdir("/"), 0);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

struct text {
	const char *path, *yaml;
};
#define TEXTS_MAX 6

static void write_text(const char *path, const char *yaml)
{
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(yaml, file);
	ck_assert_int_eq(fclose(file), 0);
}

/* The rules as they are asked, "name@file:line:column ...", behind the findings. To be
 * freed. */
static char *read_as(const char *path, size_t memory_limit)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	struct diags *diags = diags_new();
	struct table *table = table_load(path, memory_limit, diags);
	ck_assert(!table == (diags_errors(diags) > 0));
	diags_print(diags, to);
	for (size_t i = 0; table && i < table->top.rule_count; i++) {
		const struct rule *rule = &table->top.rules[i];
		fprintf(to, "%s%s@%s:%u:%u", i ? " " : "", rule->name.at,
		        rule->position.file, rule->position.line, rule->position.column);
	}
	diags_free(diags);
	table_free(table);
	fclose(to);
	return text;
}

static void expect(const struct text texts[TEXTS_MAX], const char *wanted)
{
	for (size_t i = 0; i < TEXTS_MAX && texts[i].path; i++)
		write_text(texts[i].path, texts[i].yaml);
	char *got = read_as(texts[0].path, PLENTY);
	ck_assert_str_eq(got, wanted);
	free(got);
}

#define RULE(name, called)                                                               \
	"{name: " name ", called: \"" called "\", redirect: \"sip:" name "\"}"

static const struct {
	struct text texts[TEXTS_MAX];
	const char *rules;
} good[] = {
	/* Rules stand where they are included, a list or a file with more. */
	{{{"r.yaml",
           "rules:\n- " RULE("a", "1") "\n- include: b.yaml\n- " RULE("c", "3")},
          {"b.yaml", "- " RULE("b", "2")}},
         "a@r.yaml:2:3 b@b.yaml:1:3 c@r.yaml:4:3"},
	{{{"r.yaml",
           "rules:\n- " RULE("a", "1") "\n- include: b.yaml\n- " RULE("c", "3")},
          {"b.yaml", "rules:\n- " RULE("b", "2")}},
         "a@r.yaml:2:3 b@b.yaml:2:3 c@r.yaml:4:3"},
	/* At the top level it is as one in front of the rules, wherever it is written. */
	{{{"r.yaml", "rules:\n- " RULE("a", "1") "\ninclude: b.yaml\n"},
          {"b.yaml", "- " RULE("b", "2")}},
         "b@b.yaml:1:3 a@r.yaml:2:3"},
	{{{"r.yaml", "include: [c.yaml, b.yaml]\n"},
          {"b.yaml", "- " RULE("b", "2")},
          {"c.yaml", "include: d.yaml\nrules: [" RULE("c", "3") "]"},
          {"d.yaml", "- " RULE("d", "4")}},
         "d@d.yaml:1:3 c@c.yaml:2:9 b@b.yaml:1:3"},
	/* The matches of a glob in the order of their bytes. */
	{{{"r.yaml", "include: \"sub/*.yaml\""},
          {"sub/b.yaml", "- " RULE("b", "2")},
          {"sub/a.yaml", "- " RULE("a", "1")},
          {"sub/B.yaml", "- " RULE("B", "3")},
          {"sub/.a.yaml", "- " RULE("hidden", "4")},
          {"sub/a.yaml~", "- " RULE("old", "5")}},
         "B@sub/B.yaml:1:3 a@sub/a.yaml:1:3 b@sub/b.yaml:1:3"},
	/* Relative to the folder of the file that includes. */
	{{{"r.yaml", "include: sub/a.yaml"},
          {"sub/a.yaml", "rules: [{include: [\"b?.yaml\", ../c.yaml]}]"},
          {"sub/b1.yaml", "- " RULE("b", "1")},
          {"c.yaml", "- " RULE("c", "2")}},
         "b@sub/b1.yaml:1:3 c@sub/../c.yaml:1:3"},
	/* What a folder is called is no glob. */
	{{{"s*[b]/r.yaml", "include: \"?.yam[l]\""},
          {"s*[b]/a.yaml", "- " RULE("a", "1")},
          {"sub/a.yaml", "- " RULE("b", "2")}},
         "s*[b]/r.yaml:1:10: error: \"s*[b]/r.yaml\" includes itself\n"
         "  hint: s*[b]/r.yaml includes s*[b]/r.yaml\n"},
	{{{"s*[b]/r.yaml", "include: \"a.yam[l]\""},
          {"s*[b]/a.yaml", "- " RULE("a", "1")},
          {"sub/a.yaml", "- " RULE("b", "2")}},
         "a@s*[b]/a.yaml:1:3"},
	/* Gateways and groups of any file are known in all, and read once. */
	{{{"r.yaml", "rules: [{include: [a.yaml, b.yaml]}, {redirect: g}]"},
          {"a.yaml", "include: g.yaml\nrules: [{name: a, called: 1, redirect: y}]"},
          {"b.yaml", "include: [sub/../g.yaml]\ngateways: {y: sip:y}\n"
                     "rules: [{name: b, called: 2, redirect: g}]"},
          {"g.yaml", "{gateways: {x: sip:x}, groups: {g: [x, y]}}"}},
         "a@a.yaml:2:9 b@b.yaml:3:9 rule 3@r.yaml:1:38"},
	/* Numbers count the rules as they are asked. */
	{{{"r.yaml", "rules: [{include: a.yaml}, {called: 3, reject: 404}]"},
          {"a.yaml", "[{called: 1, reject: 404}, {called: 2, reject: 404}]"}},
         "rule 1@a.yaml:1:2 rule 2@a.yaml:1:28 rule 3@r.yaml:1:28"},
	/* A glob without a match may be a folder that is still empty. */
	{{{"r.yaml", "include:\n- \"no/where/*.yaml\"\n- \"x*\""}},
         "r.yaml:2:3: warning: no file matches \"no/where/*.yaml\"\n"
         "r.yaml:3:3: warning: no file matches \"x*\"\n"},
	/* A file of nothing to do, and aliases of one include. */
	{{{"r.yaml", "include: &all [a.yaml]\nrules: [{include: *all}, {include: *all}]"},
          {"a.yaml", "{}"}},
         ""},
};

START_TEST(included_rules_stand_where_they_are_included)
{
	expect(good[_i].texts, good[_i].rules);
}
END_TEST

static const struct {
	struct text texts[TEXTS_MAX];
	const char *findings;
} bad[] = {
	{{{"r.yaml", "include:\n  - no.yaml\n  - sub/no.yaml"}},
         "r.yaml:2:5: error: cannot include \"no.yaml\": No such file or directory\n"
         "r.yaml:3:5: error: cannot include \"sub/no.yaml\": No such file or "
         "directory\n"},
	{{{"r.yaml", "rules: [{include: sub}, {include: /dev/null}]"}},
         "/dev/null: error: this is not a regular file\n"
         "sub: error: this is a directory, not a file\n"},
	{{{"r.yaml", "{include: {a: b}, rules: [{include: []}, {include: \"\"}]}"}},
         "r.yaml:1:11: error: \"include\" must be a text, not a mapping\n"
         "r.yaml:1:37: error: \"include\" must not be an empty list\n"
         "r.yaml:1:52: error: \"include\" must not be empty\n"},
	{{{"r.yaml", "rules: [{include: a.yaml, name: x}]"}, {"a.yaml", "[]"}},
         "r.yaml:1:27: error: unknown key \"name\"\n"
         "  hint: known keys: include\n"},
	/* Cycles, by whatever name the files are called. */
	{{{"r.yaml", "include: sub/../a.yaml"},
          {"a.yaml", "rules: [{include: sub/b.yaml}]"},
          {"sub/b.yaml", "include: ../r.yaml"}},
         "sub/../sub/b.yaml:1:10: error: \"r.yaml\" includes itself\n"
         "  hint: r.yaml includes sub/../a.yaml includes sub/../sub/b.yaml "
         "includes r.yaml\n"},
	/* All broken files are found, not only the first. */
	{{{"r.yaml", "include: [a.yaml, b.yaml]"},
          {"a.yaml", "rules: ["},
          {"b.yaml", ""}},
         "a.yaml:2:1: error: did not find expected node content\n"
         "  hint: while parsing a flow node at a.yaml:2:1\n"
         "b.yaml: error: the file is empty\n"},
	{{{"r.yaml", "include: [a.yaml, b.yaml]"},
          {"a.yaml", "text"},
          {"b.yaml", "{match: first, default: {reject: 404}, rule: []}"}},
         "a.yaml:1:1: error: an included file must be a mapping or a list of rules, not "
         "a text\n"
         "b.yaml:1:9: error: \"match\" stands in the main file, not in an included "
         "one\n"
         "b.yaml:1:25: error: \"default\" stands in the main file, not in an included "
         "one\n"
         "b.yaml:1:40: error: unknown key \"rule\"\n"
         "  hint: did you mean \"rules\"?\n"},
	/* Names are one space, and so are rules of one list. */
	{{{"r.yaml",
           "include: a.yaml\ngateways: {x: sip:x}\nrules: [" RULE("r", "1") "]"},
          {"a.yaml", "gateways: {x: sip:y}\nrules:\n- " RULE("r", "2")}},
         "r.yaml:2:12: error: gateway \"x\" is defined twice\n"
         "  hint: first defined at a.yaml:1:12\n"
         "r.yaml:3:9: error: rule \"r\" is defined twice\n"
         "  hint: first defined at a.yaml:3:3\n"},
	{{{"r.yaml", "rules: [{include: a.yaml}, {include: [b.yaml, sub/../a.yaml]}]"},
          {"a.yaml", "- " RULE("a", "1")},
          {"b.yaml", "- include: a.yaml"}},
         "b.yaml:1:12: error: the rules of \"a.yaml\" stand here a second time\n"
         "  hint: first included at r.yaml:1:19\n"
         "r.yaml:1:38: error: the rules of \"a.yaml\" stand here a second time\n"
         "  hint: first included at r.yaml:1:19\n"},
};

START_TEST(every_mistake_is_found_where_it_is)
{
	expect(bad[_i].texts, bad[_i].findings);
}
END_TEST

/* f0 includes f1 includes f2 ... */
static char *read_chain(unsigned length)
{
	char path[16], yaml[64];
	for (unsigned i = 0; i < length; i++) {
		snprintf(path, sizeof path, "f%u", i);
		snprintf(yaml, sizeof yaml, "include: f%u", i + 1);
		write_text(path, i + 1 < length ? yaml : "[]");
	}
	return read_as("f0", PLENTY);
}

START_TEST(files_include_each_other_to_a_depth)
{
	char *got = read_chain(FILES_DEPTH_MAX + 1);
	ck_assert_str_eq(got, "");
	free(got);
	got = read_chain(FILES_DEPTH_MAX + 2);
	ck_assert_str_eq(got,
	                 "f16:1:10: error: more than 16 files include each other in a "
	                 "row\n");
	free(got);
}
END_TEST

/* Called in place of the C library's. A test that needs many files has one, which is
 * another one each time it is looked at. */
static ino_t next_inode;

int stat(const char *restrict path, struct stat *restrict out)
{
	int error = fstatat(AT_FDCWD, path, out, 0);
	if (!error && next_inode)
		out->st_ino = next_inode++;
	return error;
}

/* With the main one there is one too many: one error, so all the others were read. */
START_TEST(there_are_so_many_files_and_no_more)
{
	FILE *file = fopen("r.yaml", "w");
	ck_assert_ptr_nonnull(file);
	fputs("include: [b", file);
	for (unsigned i = 1; i < FILES_MAX; i++)
		fputs(",b", file);
	fputs("]", file);
	ck_assert_int_eq(fclose(file), 0);
	write_text("b", "[]");
	next_inode = 1;
	char *got = read_as("r.yaml", PLENTY);
	ck_assert_str_eq(got, "r.yaml:1:200009: error: more than 100000 files\n");
	free(got);
}
END_TEST

START_TEST(the_memory_of_all_files_is_counted)
{
	static char yaml[50000];
	const char *const paths[] = {"a", "b", "c"};
	memset(yaml, 'x', sizeof yaml - 1);
	memcpy(yaml, "- ", 2);
	write_text("r.yaml", "include: [a, b, c]");
	for (size_t i = 0; i < 3; i++)
		write_text(paths[i], yaml);
	char *got = read_as("r.yaml", 130000);
	ck_assert_str_eq(got, "c: error: not enough memory to read the file\n");
	free(got);
	got = read_as("r.yaml", PLENTY);
	ck_assert_ptr_null(strstr(got, "memory"));
	free(got);
}
END_TEST

START_TEST(lack_of_memory_at_any_point_is_a_finding_and_no_table)
{
	size_t failures = 0;
	write_text("r.yaml",
	           "include: g.yaml\nrules: [{include: \"sub/*\"}, {redirect: x}]");
	write_text("g.yaml", "gateways: {x: sip:x}");
	write_text("sub/a", "- {called: 1, redirect: x}");
	write_text("sub/b", "rules: [{called: 2, redirect: x}]");
	for (size_t limit = 0; true; limit += 24, failures++) {
		struct diags *diags = diags_new();
		struct table *table = table_load("r.yaml", limit, diags);
		ck_assert_msg(!table == (diags_errors(diags) > 0), "limit %zu", limit);
		diags_free(diags);
		table_free(table);
		if (table)
			break;
		ck_assert_uint_lt(limit, 1 << 20);
	}
	ck_assert_uint_gt(failures, 100);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("files");
	TCase *tcase = tcase_create("files");
	tcase_add_checked_fixture(tcase, enter, leave);
	tcase_add_loop_test(tcase, included_rules_stand_where_they_are_included, 0,
	                    COUNT(good));
	tcase_add_loop_test(tcase, every_mistake_is_found_where_it_is, 0, COUNT(bad));
	tcase_add_test(tcase, files_include_each_other_to_a_depth);
	tcase_add_test(tcase, there_are_so_many_files_and_no_more);
	tcase_add_test(tcase, the_memory_of_all_files_is_counted);
	tcase_add_test(tcase, lack_of_memory_at_any_point_is_a_finding_and_no_table);
	suite_add_tcase(suite, tcase);
	return suite;
}
