/* SPDX-License-Identifier: MIT */
#include "rules/numbersfile.h"

#include <string.h>

#include "rules/arena.h"
#include "rules/map.h"

#define NAME_MAX_BYTES 64
#define NO_MEMORY      "the table of numbers needs more memory than it may have"

/* Which field of a row is what. */
struct layout {
	size_t field_count;
	size_t key;
	size_t column_count;
	size_t fields[CSV_FIELDS_MAX]; /* of each column that is kept */
	struct slice
		columns[CSV_FIELDS_MAX]; /* their names, until the next row is read */
};

/* A number that has a row already. */
struct duplicate {
	struct slice number;
	struct position position;
	unsigned first_line; /* 0: not known yet */
};

struct reading {
	struct numbersfile *file;
	struct csv *csv;
	struct diags *diags;
	struct layout layout;
	struct arena *arena; /* of duplicates; NULL: none yet */
	size_t duplicate_count;
	struct duplicate duplicates[CSV_FINDINGS_MAX];
};

/* The columns */

static void layout_error(const struct reading *reading, size_t field, const char *hint,
                         const char *what, struct slice name)
{
	struct position position = {reading->file->source.path, 1, 0};
	if (!reading->file->source.column_count)
		position = csv_position(reading->csv, field);
	diags_add(reading->diags, SEVERITY_ERROR, position, hint, "%s \"%.*s\"", what,
	          (int)name.len, name.at);
}

static bool is_key_name(struct slice name)
{
	return slice_equal(name, slice_of("number")) ||
	       slice_equal(name, slice_of("prefix"));
}

static bool add_column(const struct reading *reading, struct layout *layout, size_t field,
                       struct slice name)
{
	if (name.len > NAME_MAX_BYTES) {
		layout_error(reading, field, NULL,
		             "a column's name has 64 bytes at most, not", name);
		return false;
	}
	for (size_t i = 0; i < layout->column_count; i++)
		if (slice_equal(layout->columns[i], name)) {
			layout_error(reading, field, NULL, "two columns are called",
			             name);
			return false;
		}
	layout->fields[layout->column_count] = field;
	layout->columns[layout->column_count++] = name;
	return true;
}

static bool lay_out(const struct reading *reading, const struct slice *names,
                    size_t count, struct layout *layout)
{
	size_t keys = 0;
	bool good = true;
	*layout = (struct layout){.field_count = count};
	for (size_t i = 0; i < count; i++)
		if (is_key_name(slice_trim(names[i])) && keys++ == 0)
			layout->key = i;
	for (size_t i = 0; i < count; i++) {
		struct slice name = slice_trim(names[i]);
		if (i == layout->key || !name.len)
			continue;
		if (is_key_name(name)) {
			layout_error(reading, i, "only one column is the number",
			             "there is a second column called", name);
			good = false;
		} else {
			good &= add_column(reading, layout, i, name);
		}
	}
	return good;
}

static bool has_key_name(const struct csv_row *row)
{
	for (size_t i = 0; i < row->count; i++)
		if (is_key_name(slice_trim(row->fields[i])))
			return true;
	return false;
}

/* One name with what may be a delimiter in it: all of each row would be its number. */
static bool is_undivided(const struct csv_row *row)
{
	for (size_t i = 0; row->count == 1 && i < row->fields[0].len; i++)
		if (memchr(",;\t", row->fields[0].at[i], 3))
			return true;
	return false;
}

/* A file that begins with its numbers would lose the first of them. */
static bool check_names(const struct reading *reading, const struct csv_row *row)
{
	char buffer[NUMBER_MAX];
	struct slice name;
	if (is_undivided(row)) {
		layout_error(reading, 0, "look at \"delimiter\"",
		             "the first row is not divided:", row->fields[0]);
		return false;
	}
	if (has_key_name(row) || !number_clean_written(row->fields[0], buffer, &name) ||
	    !number_is_telephone(name))
		return true;
	layout_error(reading, 0,
	             "put a row with names in front, or write columns: [number, ...]",
	             "the first row has the names of the columns, but here is the number",
	             row->fields[0]);
	return false;
}

/* The first row has the names, unless the operator gave them. */
static bool read_layout(struct reading *reading)
{
	const struct numbersfile *file = reading->file;
	struct csv_row row;
	if (file->source.column_count)
		return lay_out(reading, file->source.columns, file->source.column_count,
		               &reading->layout);
	return csvsource_first_row(&file->source, reading->csv, &row, reading->diags) &&
	       check_names(reading, &row) &&
	       lay_out(reading, row.fields, row.count, &reading->layout);
}

/* Faults of rows */

static void row_fault(struct reading *reading, size_t field, const char *hint,
                      const char *message)
{
	if (csvsource_count_fault(&reading->file->source))
		diags_add(reading->diags, csvsource_severity(&reading->file->source),
		          csv_position(reading->csv, field), hint, "%s", message);
}

static void count_mismatch(struct reading *reading, size_t count)
{
	size_t want = reading->layout.field_count;
	if (csvsource_count_fault(&reading->file->source))
		diags_add(reading->diags, csvsource_severity(&reading->file->source),
		          csv_position(reading->csv, count > want ? want : count - 1),
		          NULL, "%zu field%s instead of %zu", count,
		          count == 1 ? "" : "s", want);
}

/* Its finding comes when the first one has been looked for. */
static bool keep_duplicate(struct reading *reading, struct slice number)
{
	if (!csvsource_count_fault(&reading->file->source))
		return true;
	struct duplicate *duplicate = &reading->duplicates[reading->duplicate_count];
	if (!reading->arena && !(reading->arena = arena_new(SIZE_MAX)))
		return false;
	duplicate->number = arena_copy(reading->arena, number);
	if (!duplicate->number.at)
		return false;
	duplicate->position = csv_position(reading->csv, reading->layout.key);
	reading->duplicate_count++;
	return true;
}

/* Rows */

static bool is_names(const struct reading *reading, const struct csv_row *row)
{
	const struct numbersfile *file = reading->file;
	if (file->source.column_count != row->count || file->source.rows > 1)
		return false;
	for (size_t i = 0; i < row->count; i++)
		if (!slice_equal(slice_trim(row->fields[i]), file->source.columns[i]))
			return false;
	return true;
}

static bool is_point(char c)
{
	return c == '.' || c == ',';
}

/* 4.42071E+11, or 4,42071E+11: what some spreadsheets save of a long number. */
static bool is_shortened(struct slice number)
{
	size_t i = 1;
	if (number.len < 5 || (!is_point(number.at[1]) && number.at[1] != 'E'))
		return false;
	while (i < number.len &&
	       (is_point(number.at[i]) || (number.at[i] >= '0' && number.at[i] <= '9')))
		i++;
	return slice_begins(slice_skip(number, i), slice_of("E+")) &&
	       number.at[0] >= '0' && number.at[0] <= '9';
}

/* The number of a row, cleaned; at NULL after a fault. */
static struct slice row_number(struct reading *reading, const struct csv_row *row,
                               char buffer[NUMBER_MAX])
{
	static const struct slice none = {NULL, 0};
	struct slice number;
	size_t key = reading->layout.key;
	if (row->count != reading->layout.field_count) {
		count_mismatch(reading, row->count);
		return none;
	}
	if (!number_clean_written(row->fields[key], buffer, &number)) {
		row_fault(reading, key, NULL, "a number has 1024 bytes at most");
		return none;
	}
	if (!number.len) {
		row_fault(reading, key, NULL, "there is no number");
		return none;
	}
	if (is_shortened(number)) {
		row_fault(reading, key, "make the column a text there, and save it again",
		          "a spreadsheet has shortened this number");
		return none;
	}
	if (is_names(reading, row)) {
		row_fault(reading, 0,
		          "leave \"columns\" out, then the first row has them",
		          "these are the names of the columns");
		return none;
	}
	return number;
}

static bool add_row(void *arg, const struct csv_row *row)
{
	struct reading *reading = arg;
	const struct layout *layout = &reading->layout;
	struct slice columns[CSV_FIELDS_MAX];
	char buffer[NUMBER_MAX];
	struct slice number = row_number(reading, row, buffer);
	if (!number.at)
		return true;
	for (size_t i = 0; i < layout->column_count; i++)
		columns[i] = row->fields[layout->fields[i]];
	switch (numbers_add(reading->file->numbers, number, columns)) {
	case NUMBERS_ADDED:
		return true;
	case NUMBERS_THERE:
		return keep_duplicate(reading, number);
	default:
		return false;
	}
}

static bool report_memory(const struct reading *reading)
{
	return csvsource_error(&reading->file->source, NO_MEMORY, reading->diags);
}

/* Duplicates: rows do not know their lines, so the first ones are looked for in a second
 * reading. */

static void note_first(struct reading *reading, const struct map *numbers,
                       const struct csv_row *row)
{
	char buffer[NUMBER_MAX];
	struct slice number;
	if (row->count != reading->layout.field_count ||
	    !number_clean_written(row->fields[reading->layout.key], buffer, &number))
		return;
	struct duplicate *duplicate = map_find(numbers, number);
	if (duplicate && !duplicate->first_line)
		duplicate->first_line = row->line;
}

static void report_duplicate(const struct reading *reading,
                             const struct duplicate *duplicate, unsigned first_line)
{
	char hint[DIAGS_HINT_MAX];
	diags_add(reading->diags, csvsource_severity(&reading->file->source),
	          duplicate->position,
	          diags_hint(hint, "first given at %s:%u", reading->file->source.path,
	                     first_line),
	          "\"%s\" is given twice", duplicate->number.at);
}

static bool report_duplicates(struct reading *reading)
{
	struct map numbers = {0};
	struct csv_row row;
	enum csv_result result = CSV_ROW;
	if (!reading->duplicate_count)
		return true;
	for (size_t i = 0; i < reading->duplicate_count; i++) {
		struct duplicate *duplicate = &reading->duplicates[i];
		if (!map_find(&numbers, duplicate->number) &&
		    !map_add(&numbers, reading->arena, duplicate->number, duplicate))
			return report_memory(reading);
	}
	if (!csv_rewind(reading->csv))
		return false;
	while (result == CSV_ROW || result == CSV_BAD) {
		result = csv_next(reading->csv, &row);
		if (result == CSV_ROW)
			note_first(reading, &numbers, &row);
	}
	for (size_t i = 0; i < reading->duplicate_count; i++) {
		struct duplicate *duplicate = &reading->duplicates[i];
		const struct duplicate *first = map_find(&numbers, duplicate->number);
		report_duplicate(reading, duplicate, first->first_line);
	}
	return result == CSV_END;
}

static bool read_numbers(struct reading *reading, size_t memory_limit)
{
	struct numbersfile *file = reading->file;
	const struct layout *layout = &reading->layout;
	size_t lines;
	if (!csv_count(reading->csv, &lines) || !read_layout(reading))
		return false;
	file->numbers = numbers_new(file->match, layout->column_count, layout->columns,
	                            lines, memory_limit);
	if (!file->numbers)
		return report_memory(reading);
	if (!csvsource_rows(&file->source, reading->csv, add_row, reading, NO_MEMORY,
	                    reading->diags) ||
	    !report_duplicates(reading))
		return false;
	numbers_finish(file->numbers);
	csvsource_report(&file->source, reading->diags);
	return file->source.skip || !file->source.faults;
}

/* Sharing */

static bool share(struct numbersfile *file, const struct numbersfile *known)
{
	while (known && !(file->match == known->match &&
	                  csvsource_is_same(&file->source, &known->source)))
		known = known->next;
	if (!known)
		return false;
	file->source.rows = known->source.rows;
	file->source.faults = known->source.faults;
	file->numbers = numbers_hold(known->numbers);
	return true;
}

bool numbersfile_load(struct numbersfile *file, const struct numbersfile *known,
                      size_t memory_limit, struct diags *diags)
{
	struct reading reading = {.file = file, .diags = diags};
	reading.csv = csv_open(file->source.path, file->source.delimiter, diags);
	if (!reading.csv)
		return false;
	file->source.identity = csv_identity(reading.csv);
	bool shared = share(file, known);
	bool good = shared || read_numbers(&reading, memory_limit);
	if (shared)
		csvsource_report(&file->source, diags);
	if (!good) {
		numbers_release(file->numbers);
		file->numbers = NULL;
	}
	arena_free(reading.arena);
	csv_free(reading.csv);
	return good;
}

/* Looking for rows */

static size_t refuse_rows(struct reading *reading, size_t field,
                          bool (*wanted)(void *arg, struct slice text), void *arg,
                          const char *why)
{
	size_t refused = 0;
	struct csv_row row;
	enum csv_result result;
	while ((result = csv_next(reading->csv, &row)) == CSV_ROW || result == CSV_BAD) {
		if (result == CSV_BAD || row.count != reading->layout.field_count ||
		    wanted(arg, row.fields[field]))
			continue;
		if (refused++ < CSV_FINDINGS_MAX)
			diags_add(reading->diags, SEVERITY_ERROR,
			          csv_position(reading->csv, field), NULL, "%s \"%.*s\"",
			          why, (int)row.fields[field].len, row.fields[field].at);
	}
	return refused;
}

bool numbersfile_refuse(const struct numbersfile *file, size_t column,
                        bool (*wanted)(void *arg, struct slice text), void *arg,
                        const char *why, struct diags *diags)
{
	struct numbersfile copy = *file;
	struct reading reading = {.file = &copy, .diags = diags};
	reading.csv = csv_open(file->source.path, file->source.delimiter, diags);
	if (!reading.csv)
		return true;
	struct csv_identity identity = csv_identity(reading.csv);
	size_t refused = 0;
	if (csv_identity_equal(&identity, &file->source.identity) &&
	    read_layout(&reading))
		refused = refuse_rows(&reading, reading.layout.fields[column], wanted,
		                      arg, why);
	if (refused > CSV_FINDINGS_MAX)
		diags_add(diags, SEVERITY_ERROR,
		          (struct position){file->source.path, 0, 0}, NULL,
		          "%zu rows are in error; the first %d are shown", refused,
		          CSV_FINDINGS_MAX);
	csv_free(reading.csv);
	return refused > 0;
}
