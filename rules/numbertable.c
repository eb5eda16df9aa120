/* SPDX-License-Identifier: MIT */
#include "rules/numbertable.h"

#include <stddef.h>
#include <string.h>

#include "rules/gateway.h"

static struct table_load *table_load_of(struct load *load)
{
	return (struct table_load *)load;
}

/* Reading */

static bool read_column(struct load *load, const struct node *node, void *into)
{
	struct csvsource *source = into;
	if (node->type != NODE_SCALAR)
		return load_error(load, node, NULL,
		                  "\"columns\" must be a list of names");
	struct slice name = arena_copy(load->arena, slice_trim(node->text));
	if (!name.at)
		return load_memory(load);
	source->columns[source->column_count++] = name;
	return true;
}

static bool read_columns(struct load *load, const struct node *node, void *into)
{
	return csvsource_read_columns(load, node, "write columns: [number, rn, gateway]",
	                              read_column, into);
}

static bool read_match(struct load *load, const struct node *node, void *into)
{
	static const char *const names[] = {
		[NUMBERS_EXACT] = "exact", [NUMBERS_PREFIX] = "prefix"};
	size_t match;
	if (!schema_choice(load, node, "match", names, 2, &match))
		return false;
	((struct number_table *)into)->file.match = (enum numbers_match)match;
	return true;
}

static bool read_portability(struct load *load, const struct node *node, void *into)
{
	return schema_bool(load, node, "portability",
	                   &((struct number_table *)into)->portability);
}

static bool is_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return true;
}

/* Enters a table under its name, also one that cannot be read: what names it is right. */
static bool add_table(struct load *load, const struct node *key,
                      struct number_table *table)
{
	struct table *all = table_load_of(load)->table;
	const struct number_table *other = map_find(&all->number_names, key->text);
	char hint[DIAGS_HINT_MAX];
	if (other)
		return load_error(load, key,
		                  diags_hint(hint, "first defined at %s:%u:%u",
		                             other->position.file, other->position.line,
		                             other->position.column),
		                  "number table \"%s\" is defined twice", key->text.at);
	if (!name_read(load, key, "name of a number table", &table->name))
		return false;
	if (!is_name(table->name))
		return load_error(
			load, key, NULL,
			"the name of a number table has letters, digits, - and _ "
			"only, not \"%s\"",
			key->text.at);
	if (all->number_table_count == NUMBER_TABLES_MAX)
		return load_error(load, key, NULL, "more than %d number tables",
		                  NUMBER_TABLES_MAX);
	all->number_table_count++;
	table->position = key->position;
	table->file.next = all->numbersfiles;
	all->numbersfiles = &table->file;
	return map_add(&all->number_names, load->arena, table->name, table) ||
	       load_memory(load);
}

static bool load_file(struct load *load, struct number_table *table)
{
	struct table_load *table_load = table_load_of(load);
	struct numbersfile *file = &table->file;
	const struct table *previous = table_load->previous;
	if (!numbersfile_load(file, previous ? previous->numbersfiles : NULL,
	                      table_load->memory_limit, load->diags))
		return false;
	table_load->table->number_count += numbers_count(file->numbers);
	table_load->table->number_bytes += numbers_bytes(file->numbers);
	size_t columns;
	numbers_columns(file->numbers, &columns);
	table->checked = arena_array(load->arena, columns, 1);
	return table->checked || load_memory(load);
}

#define SOURCE offsetof(struct number_table, file.source)

static bool read_table(struct load *load, const struct pair *pair)
{
	static const struct field fields[] = {
		{"file", csvsource_read_file, FIELD_REQUIRED, SOURCE},
		{"columns", read_columns, 0, SOURCE},
		{"match", read_match, 0},
		{"delimiter", csvsource_read_delimiter, 0, SOURCE},
		{"on_error", csvsource_read_on_error, 0, SOURCE},
		{"portability", read_portability, 0},
	};
	struct number_table *table = arena_alloc(load->arena, sizeof *table);
	if (!table)
		return load_memory(load);
	bool good = add_table(load, pair->key, table);
	good &= pair->value->type == NODE_SCALAR
	                ? csvsource_read_file(load, pair->value, &table->file.source)
	                : schema_read(load, pair->value, "a number table", fields,
	                              sizeof fields / sizeof *fields, table);
	return good && load_file(load, table);
}

bool numbertables_read(struct load *load, const struct node *node, void *into)
{
	(void)into;
	if (node->type != NODE_MAPPING)
		return load_error(load, node, "write numbers: {name: file.csv}",
		                  "\"numbers\" must be a mapping of names to files");
	bool good = true;
	for (size_t i = 0; i < node->count && !load->out_of_memory; i++)
		good &= read_table(load, &node->pairs[i]);
	return good;
}

void numbertables_free(struct table *table)
{
	for (struct numbersfile *file = table->numbersfiles; file; file = file->next)
		numbers_release(file->numbers);
}

/* Naming them */

static const struct number_table *table_of(const struct numbersfile *file)
{
	return (const struct number_table *)((const char *)file -
	                                     offsetof(struct number_table, file));
}

static const char *name_at(const void *names, size_t i)
{
	return ((const char *const *)names)[i];
}

const struct number_table *numbertable_get(struct load *load, const struct node *node,
                                           struct slice name)
{
	const struct table *table = table_load_of(load)->table;
	const struct number_table *found = map_find(&table->number_names, name);
	const char *names[NUMBER_TABLES_MAX], *near;
	char hint[DIAGS_HINT_MAX];
	size_t count = 0;
	if (found)
		return found;
	for (const struct numbersfile *f = table->numbersfiles; f; f = f->next)
		if (table_of(f)->name.at)
			names[count++] = table_of(f)->name.at;
	near = load_nearest(load, name, name_at, names, count);
	load_error(load, node,
	           near ? diags_hint(hint, "did you mean \"%s\"?", near)
	                : "number tables are defined under \"numbers\"",
	           "no number table is called \"%.*s\"", (int)name.len, name.at);
	return NULL;
}

struct names {
	size_t count;
	const struct number_table **tables;
};

static bool read_name(struct load *load, const struct node *node, void *into)
{
	struct names *names = into;
	struct slice name;
	if (!schema_text(load, node, "in", &name))
		return false;
	const struct number_table *table = numbertable_get(load, node, name);
	for (size_t i = 0; table && i < names->count; i++)
		if (names->tables[i] == table)
			return load_error(load, node, NULL, "\"%s\" is named twice",
			                  name.at);
	if (table)
		names->tables[names->count++] = table;
	return table;
}

bool numbertable_read_in(struct load *load, const struct node *node,
                         struct text_match *out)
{
	struct names names = {0, arena_array(load->arena, schema_each_count(node),
	                                     sizeof(const struct number_table *))};
	if (!names.tables)
		return load_memory(load);
	if (!schema_each(load, node, "in", read_name, &names)) {
		table_load_of(load)->in_failed = true;
		return false;
	}
	out->tables = names.tables;
	out->table_count = names.count;
	return true;
}

static const char *column_at(const void *columns, size_t i)
{
	return ((const struct slice *)columns)[i].at;
}

static void hint_columns(char hint[DIAGS_HINT_MAX], const struct slice *columns,
                         size_t count)
{
	char all[DIAGS_HINT_MAX] = "";
	size_t len = 0;
	for (size_t i = 0; i < count && len < sizeof all; i++)
		len += (size_t)snprintf(all + len, sizeof all - len, "%s%s",
		                        i ? ", " : "", columns[i].at);
	diags_hint(hint, count ? "its columns: %s" : "it has none beside the number%s",
	           all);
}

bool numbertable_column(struct load *load, struct position position,
                        const struct number_table *table, struct slice name,
                        size_t *column)
{
	char hint[DIAGS_HINT_MAX];
	size_t count;
	*column = 0;
	if (!table->file.numbers || numbers_column(table->file.numbers, name, column))
		return true;
	const struct slice *columns = numbers_columns(table->file.numbers, &count);
	const char *near = schema_nearest(name, column_at, columns, count);
	if (near)
		diags_hint(hint, "did you mean \"%s\"?", near);
	else
		hint_columns(hint, columns, count);
	diags_add(load->diags, SEVERITY_ERROR, position, hint,
	          "number table \"%s\" has no column \"%.*s\"", table->name.at,
	          (int)name.len, name.at);
	return false;
}

/* Columns that name gateways or groups */

struct routes {
	const struct table *table;
	bool good;
};

static bool is_route(void *arg, struct slice name)
{
	const struct routes *routes = arg;
	return !name.len || map_find(&routes->table->names, name);
}

static bool check_route(void *arg, struct slice name)
{
	struct routes *routes = arg;
	routes->good = is_route(arg, name);
	return routes->good;
}

/* Once for each column and kind: there are the findings, or none. */
static bool is_checked(const struct number_table *table, size_t column,
                       enum row_use_kind kind)
{
	unsigned char bit = (unsigned char)(1u << kind);
	if (!table->checked || table->checked[column] & bit)
		return true;
	table->checked[column] |= bit;
	return false;
}

bool numbertable_check_routes(struct load *load, struct position position,
                              const struct number_table *table, size_t column)
{
	struct routes routes = {table_load_of(load)->table, true};
	if (is_checked(table, column, ROW_ROUTE))
		return true;
	numbers_visit(table->file.numbers, column, check_route, &routes);
	if (routes.good)
		return routes_complete(load);
	if (!numbersfile_refuse(&table->file, column, is_route, &routes,
	                        "no gateway or group is called", load->diags))
		diags_add(load->diags, SEVERITY_ERROR, position, NULL,
		          "some row of number table \"%s\" names no gateway or group",
		          table->name.at);
	return false;
}

static bool is_decimal(void *arg, struct slice text)
{
	struct decimal value;
	const char *why, *hint;
	(void)arg;
	return !text.len || decimal_parse(text, &value, &why, &hint);
}

static bool check_decimal(void *arg, struct slice text)
{
	bool *good = arg;
	*good = is_decimal(NULL, text);
	return *good;
}

static bool check_decimals(struct load *load, struct position position,
                           const struct number_table *table, size_t column)
{
	bool good = true;
	if (is_checked(table, column, ROW_DECIMAL))
		return true;
	numbers_visit(table->file.numbers, column, check_decimal, &good);
	if (!good && !numbersfile_refuse(&table->file, column, is_decimal, NULL,
	                                 "this is no rate:", load->diags))
		diags_add(load->diags, SEVERITY_ERROR, position, NULL,
		          "some row of number table \"%s\" has no rate there",
		          table->name.at);
	return good;
}

/* Uses of rows */

bool numbertable_is_row(const struct node *node, struct slice *column)
{
	struct slice text = {0};
	if (node->type == NODE_MAPPING && node->count == 1) {
		const struct node *value = node->pairs[0].value;
		if (value->type == NODE_SCALAR && value->plain && !value->text.len)
			text = node->pairs[0].key->text;
	} else if (node->type == NODE_SCALAR && node->text.len > 2 &&
	           node->text.at[0] == '{' && node->text.at[node->text.len - 1] == '}') {
		text = (struct slice){node->text.at + 1, node->text.len - 2};
	}
	if (!slice_begins(text, slice_of("row.")) || text.len == 4)
		return false;
	*column = slice_skip(text, 4);
	return true;
}

bool numbertable_use(struct load *load, struct position position, struct slice column,
                     enum row_use_kind kind)
{
	struct table_load *table_load = table_load_of(load);
	struct row_use *use = arena_alloc(load->arena, sizeof *use);
	if (!use)
		return load_memory(load);
	*use = (struct row_use){position, column, kind, table_load->row_uses};
	table_load->row_uses = use;
	return true;
}

static const struct text_match *tables_of(const struct rule *rule)
{
	const struct criterion *called = rule->when[CRITERION_CALLED],
			       *caller = rule->when[CRITERION_CALLER];
	if (called && called->text.table_count)
		return &called->text;
	return caller && caller->text.table_count ? &caller->text : NULL;
}

static bool check_column(struct load *load, const struct row_use *use,
                         const struct number_table *table, size_t column)
{
	switch (use->kind) {
	case ROW_ROUTE:
		return numbertable_check_routes(load, use->position, table, column);
	case ROW_DECIMAL:
		return check_decimals(load, use->position, table, column);
	default:
		return true;
	}
}

static bool check_use(struct load *load, const struct text_match *in,
                      const struct row_use *use)
{
	bool good = true;
	size_t column;
	for (size_t i = 0; i < in->table_count; i++) {
		const struct number_table *table = in->tables[i];
		good &= numbertable_column(load, use->position, table, use->column,
		                           &column) &&
		        check_column(load, use, table, column);
	}
	return good;
}

bool numbertable_check_uses(struct load *load, const struct rule *rule)
{
	struct table_load *table_load = table_load_of(load);
	const struct text_match *in = tables_of(rule);
	bool good = true;
	for (const struct row_use *use = table_load->row_uses; use; use = use->next) {
		if (in) {
			good &= check_use(load, in, use);
			continue;
		}
		good = false;
		if (table_load->in_failed) /* which has been said */
			continue;
		diags_add(load->diags, SEVERITY_ERROR, use->position,
		          "write called: {in: TABLE}, or caller: {in: TABLE}",
		          "{row.%s} needs a number table", use->column.at);
	}
	table_load->row_uses = NULL;
	table_load->in_failed = false;
	return good;
}

bool numbertable_check_gateway_uses(struct load *load)
{
	struct table_load *table_load = table_load_of(load);
	bool good = true;
	for (const struct row_use *use = table_load->row_uses; use; use = use->next) {
		const struct numbersfile *file = table_load->table->numbersfiles;
		size_t column;
		while (file && file->numbers &&
		       !numbers_column(file->numbers, use->column, &column))
			file = file->next;
		if (file)
			continue;
		diags_add(load->diags, SEVERITY_ERROR, use->position, NULL,
		          "no number table has a column \"%s\"", use->column.at);
		good = false;
	}
	table_load->row_uses = NULL;
	return good;
}

/* Finding */

bool numbertable_find(const struct number_table *table, const struct facts *facts,
                      struct slice number, struct numbers_row *row)
{
	/* RFC 4694 5.1: whether the number is ported has been asked already. */
	if ((table->portability && facts->npdi) || !table->file.numbers)
		return false;
	return numbers_find(table->file.numbers, number, row);
}

bool numbertable_row(const struct text_match *in, const struct facts *facts,
                     struct slice number, struct row *row)
{
	for (size_t i = 0; i < in->table_count; i++) {
		const struct number_table *table = in->tables[i];
		if (!numbertable_find(table, facts, number, &row->at))
			continue;
		row->table = table->name;
		row->numbers = table->file.numbers;
		row->key = (struct slice){number.at, row->at.key_len};
		return true;
	}
	return false;
}

struct row numbertable_rule_row(const struct rule *rule, const struct facts *facts)
{
	const struct text_match *in = tables_of(rule);
	const struct criterion *called = rule->when[CRITERION_CALLED];
	struct row row = {.numbers = NULL};
	if (in)
		numbertable_row(in, facts,
		                called && in == &called->text ? facts->called
		                                              : facts->caller,
		                &row);
	return row;
}

struct slice numbertable_value(const struct row *row, struct slice column)
{
	size_t i;
	if (!row || !row->numbers || !numbers_column(row->numbers, column, &i))
		return (struct slice){NULL, 0};
	return numbers_value(row->numbers, &row->at, i);
}
