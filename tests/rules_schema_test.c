/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules/schema.h"
#include "tests/runner.h"

#define PLENTY ((size_t)1 << 30)

static char folder[] = "/tmp/schema_test.XXXXXX";

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

/* What a file becomes here: the texts that the readers found, one after the other. */
struct gateway {
	FILE *found;
};

static bool read_uri(struct load *load, const struct node *value, void *into)
{
	struct slice text;
	if (!schema_text(load, value, "uri", &text))
		return false;
	fprintf(((struct gateway *)into)->found, "uri=%s ", text.at);
	return true;
}

static bool read_weight(struct load *load, const struct node *value, void *into)
{
	unsigned long weight;
	if (!schema_number(load, value, "weight", 1, 10000, &weight))
		return false;
	fprintf(((struct gateway *)into)->found, "weight=%lu ", weight);
	return true;
}

static bool read_enabled(struct load *load, const struct node *value, void *into)
{
	bool enabled;
	if (!schema_bool(load, value, "enabled", &enabled))
		return false;
	fprintf(((struct gateway *)into)->found, "enabled=%d ", enabled);
	return true;
}

static bool read_tag(struct load *load, const struct node *value, void *into)
{
	struct slice text;
	if (!schema_text(load, value, "tags", &text))
		return false;
	fprintf(((struct gateway *)into)->found, "tag=%s ", text.at);
	return true;
}

static bool read_tags(struct load *load, const struct node *value, void *into)
{
	fprintf(((struct gateway *)into)->found, "tags=%zu ", schema_each_count(value));
	return schema_each(load, value, "tags", read_tag, into);
}

static const struct field fields[] = {
	{"uri", read_uri, FIELD_REQUIRED},
	{"weight", read_weight, 0},
	{"enabled", read_enabled, 0},
	{"tags", read_tags, 0},
};

/* What was found in yaml and then the findings. To be freed. */
static char *load_text(const char *yaml)
{
	FILE *file = fopen("f.yaml", "w");
	fputs(yaml, file);
	fclose(file);

	char *text = NULL;
	size_t len = 0;
	struct gateway gateway = {open_memstream(&text, &len)};
	struct load load = {.diags = diags_new()};
	struct document *document = document_read("f.yaml", PLENTY, load.diags);
	ck_assert_msg(document, "no YAML: %s", yaml);
	bool good = schema_read(&load, document_root(document), "a gateway", fields, 4,
	                        &gateway);
	document_free(document);
	ck_assert_msg(good == (diags_errors(load.diags) == 0), "false means findings");
	if (!good)
		fputc('\n', gateway.found);
	diags_print(load.diags, gateway.found);
	diags_free(load.diags);
	fclose(gateway.found);
	return text;
}

static const struct {
	const char *yaml, *loaded;
} cases[] = {
	{"uri: x", "uri=x "},
	{"{weight: 1, uri: \"x y\"}", "weight=1 uri=x y "},
	{"{uri: ~}", "uri=~ "},
	{"{uri: x, weight: 10000, enabled: true}", "uri=x weight=10000 enabled=1 "},
	{"{uri: x, enabled: false}", "uri=x enabled=0 "},
	{"{uri: x, tags: a}", "uri=x tags=1 tag=a "},
	{"{uri: x, tags: [a, b]}", "uri=x tags=2 tag=a tag=b "},
	{"[x]", "\nf.yaml:1:1: error: a gateway must be a mapping, not a list\n"},
	{"x", "\nf.yaml:1:1: error: a gateway must be a mapping, not a text\n"},
	{"{}", "\nf.yaml:1:1: error: a gateway needs \"uri\"\n"},
	{"# first\nweight: 3\n",
         "weight=3 \nf.yaml:2:1: error: a gateway needs \"uri\"\n"},
	{"uri: x\nwieght: 1\n", "uri=x \nf.yaml:2:1: error: unknown key \"wieght\"\n"
                                "  hint: did you mean \"weight\"?\n"},
	{"URI: x\n", "\nf.yaml:1:1: error: unknown key \"URI\"\n"
                     "  hint: did you mean \"uri\"?\n"
                     "f.yaml:1:1: error: a gateway needs \"uri\"\n"},
	{"uri: x\nprice: 1\n", "uri=x \nf.yaml:2:1: error: unknown key \"price\"\n"
                               "  hint: known keys: uri, weight, enabled, tags\n"},
	{"uri: x\n\"\": 1\n", "uri=x \nf.yaml:2:1: error: unknown key \"\"\n"
                              "  hint: known keys: uri, weight, enabled, tags\n"},
	{"uri: x\nweight: 1\nuri: y\nweight: 2\nuri: z\n",
         "uri=x weight=1 \n"
         "f.yaml:3:1: error: \"uri\" is given twice\n"
         "  hint: first given at f.yaml:1:1\n"
         "f.yaml:4:1: error: \"weight\" is given twice\n"
         "  hint: first given at f.yaml:2:1\n"
         "f.yaml:5:1: error: \"uri\" is given twice\n"
         "  hint: first given at f.yaml:1:1\n"},
	{"{uri: [x]}", "\nf.yaml:1:7: error: \"uri\" must be a text, not a list\n"},
	{"{uri: {x: y}}", "\nf.yaml:1:7: error: \"uri\" must be a text, not a mapping\n"},
	{"uri:\n", "\nf.yaml:1:5: error: \"uri\" must not be empty\n"},
	{"uri: ''\n", "\nf.yaml:1:6: error: \"uri\" must not be empty\n"},
	{"{uri: x, tags: []}",
         "uri=x tags=0 \nf.yaml:1:16: error: \"tags\" must not be an empty list\n"},
	{"{uri: x, tags: [[a], b]}",
         "uri=x tags=2 tag=b \n"
         "f.yaml:1:17: error: \"tags\" must be a text, not a list\n"},
	{"{uri: x, tags: [[a], b, {c: d}]}",
         "uri=x tags=3 tag=b \n"
         "f.yaml:1:17: error: \"tags\" must be a text, not a list\n"
         "f.yaml:1:25: error: \"tags\" must be a text, not a mapping\n"},
	{"uri:\nweight: x\nenabled: 1\ncolour: red\n",
         "\nf.yaml:1:5: error: \"uri\" must not be empty\n"
         "f.yaml:2:9: error: \"weight\" must be a whole number from 1 to 10000\n"
         "f.yaml:3:10: error: \"enabled\" must be true or false\n"
         "  hint: only true and false are known, not yes, no, on or off\n"
         "f.yaml:4:1: error: unknown key \"colour\"\n"
         "  hint: known keys: uri, weight, enabled, tags\n"},
};

START_TEST(a_mapping_loads_as)
{
	char *got = load_text(cases[_i].yaml);
	ck_assert_msg(strcmp(got, cases[_i].loaded) == 0,
	              "from:\n%s\ngot:\n%s\nwant:\n%s", cases[_i].yaml, got,
	              cases[_i].loaded);
	free(got);
}
END_TEST

static const struct {
	const char *value, *hint; /* NULL: none */
} not_weights[] = {
	{"0", NULL},
	{"10001", NULL},
	{"-1", NULL},
	{"1.0", NULL},
	{"1 0", NULL},
	{"0x10", NULL},
	{"99999999999999999999999", NULL},
	{"", NULL},
	{"~", NULL},
	{"[1]", NULL},
	{"{1: 1}", NULL},
	{"'x'", NULL},
	{"010", "write it without leading zeros"},
	{"'10'", "write it without quotes"},
};

START_TEST(a_weight_is_a_whole_number_in_its_range)
{
	char yaml[100], want[300], *end = want;
	const char *value = not_weights[_i].value, *hint = not_weights[_i].hint;
	snprintf(yaml, sizeof yaml, "{uri: x, weight: %s}", value);
	end += sprintf(end,
	               "uri=x \nf.yaml:1:18: error: \"weight\" must be a whole number "
	               "from 1 to 10000\n");
	if (hint)
		sprintf(end, "  hint: %s\n", hint);
	char *got = load_text(yaml);
	ck_assert_str_eq(got, want);
	free(got);
}
END_TEST

static const struct {
	const char *value, *hint;
} not_bools[] = {
	{"yes", "only true and false are known, not yes, no, on or off"},
	{"off", "only true and false are known, not yes, no, on or off"},
	{"TRUE", "only true and false are known, not yes, no, on or off"},
	{"1", "only true and false are known, not yes, no, on or off"},
	{"[true]", "only true and false are known, not yes, no, on or off"},
	{"'true'", "write it without quotes"},
};

START_TEST(only_true_and_false_are_booleans)
{
	char yaml[100], want[300];
	snprintf(yaml, sizeof yaml, "{uri: x, enabled: %s}", not_bools[_i].value);
	snprintf(want, sizeof want,
	         "uri=x \nf.yaml:1:19: error: \"enabled\" must be true or false\n"
	         "  hint: %s\n",
	         not_bools[_i].hint);
	char *got = load_text(yaml);
	ck_assert_str_eq(got, want);
	free(got);
}
END_TEST

static const char *name_at(const void *names, size_t i)
{
	return ((const char *const *)names)[i];
}

#define LONG_62 "12345678901234567890123456789012345678901234567890123456789012"

static const struct {
	const char *text, *nearest; /* NULL: none */
} nears[] = {
	{"priority", "priority"},
	{"prioritty", "priority"}, /* one too many */
	{"prority", "priority"},   /* one too few */
	{"pryority", "priority"},  /* another one */
	{"prioirty", "priority"},  /* two swapped */
	{"rpioirty", "priority"},  /* twice two swapped */
	{"PRIORITY", "priority"},  /* letters by case */
	{"pririt", "priority"},    /* two edits */
	{"prirt", NULL},           /* three edits */
	{"weihgts", "weight"},     /* a swap and one too many */
	{"to", "to"},
	{"ot", "to"},
	{"tu", "to"},
	{"uu", NULL}, /* nothing of "to" is left */
	{"", NULL},
	{"p", NULL},
	{"gateway-1", "gateway-1"},
	{"gateway-2", "gateway-2"},
	{"gateway-3", "gateway-1"}, /* the first of the equally near */
	{LONG_62 "34", LONG_62 "34"},
	{LONG_62 "43", LONG_62 "34"},
	{LONG_62 "345", NULL}, /* too long to compare */
};

START_TEST(the_nearest_name_is_found)
{
	static const char *const names[] = {"weight",    "priority",  "to",
	                                    "gateway-1", "gateway-2", LONG_62 "34"};
	const char *got = schema_nearest(slice_of(nears[_i].text), name_at, names, 6);
	const char *want = nears[_i].nearest;
	ck_assert_msg(got == want || (got && want && strcmp(got, want) == 0),
	              "\"%s\": got %s, want %s", nears[_i].text, got ? got : "none",
	              want ? want : "none");
}
END_TEST

START_TEST(a_hundred_thousand_keys_are_soon_read)
{
	size_t len = 0;
	char *yaml = NULL;
	FILE *to = open_memstream(&yaml, &len);
	fputs("uri: x\n", to);
	for (int i = 0; i < 100000; i++)
		fprintf(to, "weigth%d: 1\nuri: y\n", i);
	fclose(to);
	char *got = load_text(yaml);
	ck_assert_ptr_nonnull(strstr(got, "\nand 199000 more\n"));
	free(got);
	free(yaml);
}
END_TEST

START_TEST(a_warning_is_no_error)
{
	struct load load = {.diags = diags_new()};
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	load_warning(&load, (struct position){"f.yaml", 1, 2}, NULL, "rule %d is %s", 3,
	             "unreachable");
	ck_assert_uint_eq(diags_errors(load.diags), 0);
	diags_print(load.diags, to);
	fclose(to);
	ck_assert_str_eq(text, "f.yaml:1:2: warning: rule 3 is unreachable\n");
	free(text);
	diags_free(load.diags);
}
END_TEST

START_TEST(an_error_makes_its_reader_fail)
{
	struct load load = {.diags = diags_new()};
	struct node node = {.position = {"f.yaml", 1, 2}};
	ck_assert(!load_error(&load, &node, NULL, "no %s", "good"));
	ck_assert_uint_eq(diags_errors(load.diags), 1);
	diags_free(load.diags);
}
END_TEST

START_TEST(lack_of_memory_is_noted_not_reported)
{
	struct load load = {.diags = diags_new()};
	ck_assert(!load_memory(&load));
	ck_assert(load.out_of_memory);
	ck_assert_uint_eq(diags_errors(load.diags), 0);
	diags_free(load.diags);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

Suite *test_suite(void)
{
	Suite *suite = suite_create("schema");
	TCase *tcase = tcase_create("schema");
	tcase_add_unchecked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_checked_fixture(tcase, remove_file, NULL);
	tcase_add_loop_test(tcase, a_mapping_loads_as, 0, COUNT(cases));
	tcase_add_loop_test(tcase, a_weight_is_a_whole_number_in_its_range, 0,
	                    COUNT(not_weights));
	tcase_add_loop_test(tcase, only_true_and_false_are_booleans, 0, COUNT(not_bools));
	tcase_add_loop_test(tcase, the_nearest_name_is_found, 0, COUNT(nears));
	tcase_add_test(tcase, a_hundred_thousand_keys_are_soon_read);
	tcase_add_test(tcase, a_warning_is_no_error);
	tcase_add_test(tcase, an_error_makes_its_reader_fail);
	tcase_add_test(tcase, lack_of_memory_is_noted_not_reported);
	suite_add_tcase(suite, tcase);
	return suite;
}
