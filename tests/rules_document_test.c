/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules/document.h"
#include "tests/runner.h"

#define PLENTY ((size_t)1 << 30)

static char folder[] = "/tmp/document_test.XXXXXX";

static void enter_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static void remove_file(void)
{
	remove("f.yaml");
}

static void leave_folder(void)
{
	remove_file();
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void write_file(const char *text, size_t len)
{
	FILE *file = fopen("f.yaml", "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
}

/* line:column and the value: 'quoted', [list], {key: value}. */
static void print_node(const struct node *node, FILE *to)
{
	ck_assert_str_eq(node->position.file, "f.yaml");
	fprintf(to, "%u:%u", node->position.line, node->position.column);
	const char *mark = node->plain ? "=" : "'";
	if (node->type == NODE_SCALAR)
		fprintf(to, "%s%s%s", mark, node->text.at, node->plain ? "" : "'");
	if (node->type == NODE_LIST)
		fputs("[", to);
	for (size_t i = 0; node->type == NODE_LIST && i < node->count; i++) {
		fputs(i ? ", " : "", to);
		print_node(node->items[i], to);
	}
	if (node->type == NODE_LIST)
		fputs("]", to);
	if (node->type == NODE_MAPPING)
		fputs("{", to);
	for (size_t i = 0; node->type == NODE_MAPPING && i < node->count; i++) {
		fputs(i ? ", " : "", to);
		print_node(node->pairs[i].key, to);
		fputs(": ", to);
		print_node(node->pairs[i].value, to);
	}
	if (node->type == NODE_MAPPING)
		fputs("}", to);
}

/* What the file reads as: its tree, or the findings. To be freed. */
static char *read_as(size_t memory_limit)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	struct diags *diags = diags_new();
	struct document *document = document_read("f.yaml", memory_limit, diags);
	ck_assert_msg(!document == (diags_errors(diags) > 0),
	              "NULL if and only if errors");
	if (document)
		print_node(document_root(document), to);
	document_free(document);
	diags_print(diags, to);
	diags_free(diags);
	fclose(to);
	return text;
}

static void expect(const char *yaml, size_t len, const char *want)
{
	write_file(yaml, len);
	char *got = read_as(PLENTY);
	ck_assert_msg(strcmp(got, want) == 0, "from:\n%.300s\ngot:\n%s\nwant:\n%s", yaml,
	              got, want);
	free(got);
}

static const struct {
	const char *yaml, *tree;
} good[] = {
	{"a", "1:1=a"},
	{"a: 1", "1:1{1:1=a: 1:4=1}"},
	{"a: '1'\nb: \"2\"\n", "1:1{1:1=a: 1:4'1', 2:1=b: 2:4'2'}"},
	{"# note\n\n  a: [x, {y: z}]\n", "3:3{3:3=a: 3:6[3:7=x, 3:10{3:11=y: 3:14=z}]}"},
	{"a:\n  - x\n  - - y\n", "1:1{1:1=a: 2:3[2:5=x, 3:5[3:7=y]]}"},
	{"a:\nb: ~\n", "1:1{1:1=a: 1:3=, 2:1=b: 2:4=~}"},
	{"a: 1\na: 2\n", "1:1{1:1=a: 1:4=1, 2:1=a: 2:4=2}"},
	{"[]", "1:1[]"},
	{"{}", "1:1{}"},
	{"? a\n", "1:1{1:3=a: 2:1=}"},
	{"\xc3\xbc: [\xe2\x82\xac, b]",
         "1:1{1:1=\xc3\xbc: 1:4[1:5=\xe2\x82\xac, 1:8=b]}"},
	{"\xef\xbb\xbf"
         "a: b",
         "1:1{1:1=a: 1:4=b}"},
	{"a: b\r\nc: d\r\n", "1:1{1:1=a: 1:4=b, 2:1=c: 2:4=d}"},
	{"---\na: b\n...\n# the end\n\n", "2:1{2:1=a: 2:4=b}"},
	{"---\n", "2:1="},
	{"# first\n%YAML 1.1\n---\na: b\n", "4:1{4:1=a: 4:4=b}"},
	{"a: |\n  x\n  y\n", "1:1{1:1=a: 1:4'x\ny\n'}"},
	{"a: &x 1\nb: *x\n", "1:1{1:1=a: 1:4=1, 2:1=b: 1:4=1}"},
	{"a: &x [&y k]\nb: [*x, *y, {*y : 1}]\n",
         "1:1{1:1=a: 1:4[1:8=k], 2:1=b: 2:4[1:4[1:8=k], 1:8=k, 2:13{1:8=k: 2:19=1}]}"},
	{"[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]",
         "1:1[1:2[1:3[1:4[1:5[1:6[1:7[1:8[1:9[1:10[1:11[1:12[1:13[1:14[1:15[1:16[1:17=x"
         "]]]]]]]]]]]]]]]]"},
	{"- [[[[[[[[a]]]]]]]]\n- &x b\n- [[[[[[[[*x]]]]]]]]\n",
         "1:1[1:3[1:4[1:5[1:6[1:7[1:8[1:9[1:10[1:11=a]]]]]]]], 2:3=b, "
         "3:3[3:4[3:5[3:6[3:7[3:8[3:9[3:10[2:3=b]]]]]]]]]"},
};

START_TEST(good_yaml_reads_as_its_tree)
{
	expect(good[_i].yaml, strlen(good[_i].yaml), good[_i].tree);
}
END_TEST

static const struct {
	const char *yaml, *findings;
} bad[] = {
	{"", "f.yaml: error: the file is empty\n"},
	{" \n# nothing\n\n", "f.yaml: error: the file is empty\n"},
	{"\xef\xbb\xbf", "f.yaml: error: the file is empty\n"},
	{"a: \xe4\n", "f.yaml:1:4: error: byte 0xE4 is not UTF-8\n"
                      "  hint: save the file as UTF-8\n"},
	{"a: [b\nc: d\n", "f.yaml:2:2: error: did not find expected ',' or ']'\n"
                          "  hint: while parsing a flow sequence at f.yaml:1:4\n"},
	{"a: b: c\n",
         "f.yaml:1:5: error: mapping values are not allowed in this context\n"},
	{"a: 1\n b: 2\n",
         "f.yaml:2:3: error: mapping values are not allowed in this context\n"},
	{"a:\n\tb: c\n",
         "f.yaml:2:1: error: found character that cannot start any token\n"
         "  hint: indent with spaces, not with tabs\n"},
	{"a: 'b\n", "f.yaml:2:1: error: found unexpected end of stream\n"
                    "  hint: while scanning a quoted scalar at f.yaml:1:4\n"},
	{"a: @b\n", "f.yaml:1:4: error: found character that cannot start any token\n"
                    "  hint: quote a text that begins with @\n"},
	{"called: *31#\n",
         "f.yaml:1:12: error: did not find expected alphabetic or numeric character\n"
         "  hint: quote a text that begins with *\n"},
	{"a: \x1b[2J\n", "f.yaml:1:4: error: control characters are not allowed\n"},
	{"a: b\n---\nc: d\n", "f.yaml:2:1: error: a second document begins\n"
                              "  hint: a file holds one document\n"},
	{"a: b\n...\n# c\n%TAG !a! b\n--- d\n",
         "f.yaml:4:1: error: a second document begins\n"
         "  hint: a file holds one document\n"},
	{"{a: b}\nc: d\n", "f.yaml:2:1: error: text behind the end of the document\n"
                           "  hint: a file holds one document\n"},
	{"%TAG !a! b\n--- c\n",
         "f.yaml:1:1: error: directives other than one %YAML are not supported\n"},
	{"# \xe2\x80\xa8%YAML 1.1\n \n%TAG !a! b\n--- c\n",
         "f.yaml:4:1: error: directives other than one %YAML are not supported\n"},
	{"a: !!str 1\nb: ! 2\nc: !31\n", "f.yaml:1:4: error: tags are not supported\n"
                                         "  hint: quote a text that begins with !\n"
                                         "f.yaml:2:4: error: tags are not supported\n"
                                         "  hint: quote a text that begins with !\n"
                                         "f.yaml:3:4: error: tags are not supported\n"
                                         "  hint: quote a text that begins with !\n"},
	{"a: \"b\\0c\"\n", "f.yaml:1:4: error: a text may not contain \\0\n"},
	{"[a, b]: c\n{d: e}: f\n&x [g]: *x\n",
         "f.yaml:1:1: error: a key must be a text, not a list\n"
         "f.yaml:2:1: error: a key must be a text, not a mapping\n"
         "f.yaml:3:1: error: a key must be a text, not a list\n"},
	{"a: *x\nb: *y\n",
         "f.yaml:1:4: error: there is no such anchor before this alias\n"
         "  hint: quote a text that begins with *\n"
         "f.yaml:2:4: error: there is no such anchor before this alias\n"
         "  hint: quote a text that begins with *\n"},
	{"a: &x [b, [*x]]\n",
         "f.yaml:1:12: error: this alias stands inside its own anchor\n"
         "  hint: the anchor is given at f.yaml:1:4\n"},
	{"&x a: {*x : b, c: &y {d: *y}}\n",
         "f.yaml:1:26: error: this alias stands inside its own anchor\n"
         "  hint: the anchor is given at f.yaml:1:19\n"},
	{"a: &x b\nc: &x [*x]\n", "f.yaml:2:4: error: this anchor is given twice\n"
                                  "  hint: first given at f.yaml:1:4\n"},
	{"a: &x [&x b, *x]\n", "f.yaml:1:8: error: this anchor is given twice\n"
                               "  hint: first given at f.yaml:1:4\n"},
	{"[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]",
         "f.yaml:1:17: error: nested more than 16 levels deep\n"},
	{"{a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {",
         "f.yaml:1:65: error: nested more than 16 levels deep\n"},
	{"- &x [[[[[[[[x]]]]]]]]\n- [[[[[[[*x]]]]]]]\n- [[[[[[[[*x]]]]]]]]\n",
         "f.yaml:3:11: error: nested more than 16 levels deep\n"},
	{"- [[[[[[[&x x]]]]]]]\n- &y [[[[*x, [[*x]]]]]]\n- [[[[[[[[[*x, [*y]]]]]]]]]]\n",
         "f.yaml:3:17: error: nested more than 16 levels deep\n"},
	{"- &y [[[[a]]], &x b]\n- [[[[[[[[[[[[[*y]]]]]]]]]]]]]\n",
         "f.yaml:2:16: error: nested more than 16 levels deep\n"},
};

START_TEST(bad_yaml_is_refused_with_its_place)
{
	expect(bad[_i].yaml, strlen(bad[_i].yaml), bad[_i].findings);
}
END_TEST

START_TEST(nul_bytes_are_refused)
{
	static const char text[] = "a: b\nc: d\0e\n";
	expect(text, sizeof text - 1,
	       "f.yaml:2:5: error: control characters are not allowed\n");
}
END_TEST

START_TEST(a_missing_file_is_a_finding)
{
	char *got = read_as(PLENTY);
	ck_assert_str_eq(got, "f.yaml: error: cannot open: No such file or directory\n");
	free(got);
}
END_TEST

START_TEST(a_file_larger_than_the_maximum_is_refused)
{
	write_file("a", 1);
	ck_assert_int_eq(truncate("f.yaml", DOCUMENT_BYTES_MAX + 1), 0);
	char *got = read_as(PLENTY);
	ck_assert_str_eq(got, "f.yaml: error: the file is larger than 128 MiB\n");
	free(got);
}
END_TEST

/* Ten more with each line: ten lines make 10,000,000,000 nodes. */
START_TEST(an_alias_counts_as_often_as_it_stands)
{
	char text[1000] = "- &a0 x\n", *end = text + strlen(text);
	for (int i = 1; i < 11; i++) {
		end += sprintf(end, "- &a%d [", i);
		for (int j = 0; j < 10; j++)
			end += sprintf(end, "*a%d,", i - 1);
		end += sprintf(end, "]\n");
	}
	expect(text, strlen(text),
	       "f.yaml:8:36: error: more than 10000000 values\n"
	       "  hint: an alias counts as often as it stands\n");
}
END_TEST

static char *repeat(const char *unit, size_t len)
{
	char *text = malloc(len);
	size_t done = strlen(unit);
	memcpy(text, unit, done);
	while (done < len) {
		size_t more = done < len - done ? done : len - done;
		memcpy(text + done, text, more);
		done += more;
	}
	return text;
}

/* Large files that do no good. Check's time limit is the clock. */
static const struct {
	const char *unit;
	size_t len;
	const char *finding;
} hostile[] = {
	{"[", 16 << 20, "f.yaml:1:17: error: nested more than 16 levels deep\n"},
	{"{a: ", 8 << 20, "f.yaml:1:65: error: nested more than 16 levels deep\n"},
	{"- ", 8 << 20, "f.yaml:1:33: error: nested more than 16 levels deep\n"},
	{"%TAG !a! b\n", 8 << 20,
         "f.yaml:1:1: error: directives other than one %YAML are not supported\n"},
	{"a\n...\n%TAG !a! b\n", 8 << 20,
         "f.yaml:3:1: error: a second document begins\n"
         "  hint: a file holds one document\n"},
	{"-\n", 24 << 20, "f.yaml:10000000:2: error: more than 10000000 values\n"},
};

START_TEST(a_hostile_file_is_soon_refused)
{
	char *text = repeat(hostile[_i].unit, hostile[_i].len);
	write_file(text, hostile[_i].len);
	char *got = read_as(PLENTY);
	ck_assert_str_eq(got, hostile[_i].finding);
	free(got);
	free(text);
}
END_TEST

static unsigned progressed;

static void on_progress(void *count)
{
	++*(unsigned *)count;
}

/* Whoever waits for the processor is let in meanwhile. */
START_TEST(a_hundred_thousand_anchors_are_soon_read)
{
	size_t len = 0;
	char *text = NULL;
	FILE *to = open_memstream(&text, &len);
	for (int i = 0; i < 100000; i++)
		fprintf(to, "- &id%d a\n", i);
	for (int i = 0; i < 100000; i++)
		fprintf(to, "- *id%d\n", i);
	fclose(to);
	write_file(text, len);
	free(text);
	struct diags *diags = diags_new();
	diags_on_progress(diags, on_progress, &progressed);
	struct document *document = document_read("f.yaml", PLENTY, diags);
	ck_assert_ptr_nonnull(document);
	ck_assert_uint_ge(progressed, 20);
	const struct node *root = document_root(document);
	ck_assert_uint_eq(root->count, 200000);
	ck_assert_ptr_eq(root->items[77777], root->items[177777]);
	document_free(document);
	diags_free(diags);
}
END_TEST

START_TEST(too_little_memory_is_a_finding)
{
	char text[1000];
	int len = sprintf(text, "a: &%0300d {b: [c, 'd', {e: f}]}\n&k g: [*%0300d, *k]\n",
	                  1, 1);
	write_file(text, (size_t)len);
	size_t failures = 0;
	for (size_t limit = 0;; limit += 8) {
		char *got = read_as(limit);
		bool failed = strstr(got, "error");
		if (failed)
			ck_assert_str_eq(got, "f.yaml: error: not enough memory to read "
			                      "the file\n");
		free(got);
		if (!failed)
			break;
		failures++;
	}
	ck_assert_uint_gt(failures, 100);
}
END_TEST

START_TEST(nodes_have_names_for_messages)
{
	static const struct node scalar = {.type = NODE_SCALAR},
				 list = {.type = NODE_LIST},
				 mapping = {.type = NODE_MAPPING};
	ck_assert_str_eq(node_type_name(&scalar), "a text");
	ck_assert_str_eq(node_type_name(&list), "a list");
	ck_assert_str_eq(node_type_name(&mapping), "a mapping");
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

Suite *test_suite(void)
{
	Suite *suite = suite_create("document");
	TCase *tcase = tcase_create("document");
	tcase_add_unchecked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_checked_fixture(tcase, remove_file, NULL);
	tcase_set_timeout(tcase, 30);
	tcase_add_loop_test(tcase, good_yaml_reads_as_its_tree, 0, COUNT(good));
	tcase_add_loop_test(tcase, bad_yaml_is_refused_with_its_place, 0, COUNT(bad));
	tcase_add_test(tcase, nul_bytes_are_refused);
	tcase_add_test(tcase, a_missing_file_is_a_finding);
	tcase_add_test(tcase, a_file_larger_than_the_maximum_is_refused);
	tcase_add_test(tcase, an_alias_counts_as_often_as_it_stands);
	tcase_add_loop_test(tcase, a_hostile_file_is_soon_refused, 0, COUNT(hostile));
	tcase_add_test(tcase, a_hundred_thousand_anchors_are_soon_read);
	tcase_add_test(tcase, too_little_memory_is_a_finding);
	tcase_add_test(tcase, nodes_have_names_for_messages);
	suite_add_tcase(suite, tcase);
	return suite;
}
