/* SPDX-License-Identifier: MIT */
#include "server/commands/sheet.h"

#include <stdarg.h>
#include <stdint.h>

#define ABSENT SIZE_MAX

static bool is_named(struct slice field, const char *name)
{
	return slice_equal_nocase(slice_trim(field), slice_of(name));
}

static void find_place(struct sheet *sheet, size_t field)
{
	struct slice name = sheet->row.fields[field];
	for (size_t i = 0; i < sheet->count; i++)
		if (is_named(name, sheet->columns[i].name)) {
			sheet->places[i] = field;
			return;
		}
	diags_add(sheet->diags, SEVERITY_WARNING, csv_position(sheet->csv, field), NULL,
	          "nothing is made of the column \"%.*s\"", (int)name.len, name.at);
}

static bool read_names(struct sheet *sheet)
{
	struct position first = {sheet->path, 1, 1};
	bool good = true;
	if (csv_next(sheet->csv, &sheet->row) != CSV_ROW) {
		diags_add(sheet->diags, SEVERITY_ERROR, first, NULL,
		          "there is no row with the names of the columns");
		return false;
	}
	for (size_t i = 0; i < sheet->count; i++)
		sheet->places[i] = ABSENT;
	sheet->width = sheet->row.count;
	for (size_t i = 0; i < sheet->row.count; i++)
		find_place(sheet, i);
	for (size_t i = 0; i < sheet->count; i++)
		if (sheet->columns[i].use == SHEET_REQUIRED &&
		    sheet->places[i] == ABSENT) {
			diags_add(sheet->diags, SEVERITY_ERROR, first,
			          "export the table with the names of its columns",
			          "the first row does not name the column \"%s\"",
			          sheet->columns[i].name);
			good = false;
		}
	return good;
}

bool sheet_open(struct sheet *sheet, const char *path, const struct sheet_column *columns,
                size_t count, struct diags *diags)
{
	*sheet = (struct sheet){
		.path = path, .columns = columns, .count = count, .diags = diags};
	sheet->csv = csv_open(path, 0, diags);
	sheet->failed = !sheet->csv || !read_names(sheet);
	return !sheet->failed;
}

void sheet_close(struct sheet *sheet)
{
	csv_free(sheet->csv);
	sheet->csv = NULL;
}

static bool is_nothing(struct slice value)
{
	return !value.len || slice_equal(value, slice_of("0"));
}

static void note_lost(struct sheet *sheet)
{
	for (size_t i = 0; i < sheet->count; i++) {
		if (sheet->columns[i].use != SHEET_LOST || sheet->said[i] ||
		    is_nothing(sheet_cell(sheet, i)))
			continue;
		sheet->said[i] = true;
		sheet_find(sheet, SEVERITY_WARNING, i, NULL,
		           "nothing is made of \"%s\", here and in other rows",
		           sheet->columns[i].name);
	}
}

/* A field too few or too many, and what is where is anybody's guess. */
static bool is_whole(struct sheet *sheet)
{
	if (sheet->row.count == sheet->width)
		return true;
	return sheet_find(sheet, SEVERITY_ERROR, SIZE_MAX, NULL,
	                  "the row has %zu field%s, the first row %zu", sheet->row.count,
	                  sheet->row.count == 1 ? "" : "s", sheet->width);
}

bool sheet_next(struct sheet *sheet)
{
	enum csv_result result;
	while ((result = csv_next(sheet->csv, &sheet->row)) == CSV_ROW ||
	       result == CSV_BAD) {
		if (result == CSV_BAD) {
			csv_report(sheet->csv, SEVERITY_ERROR);
		} else if (is_whole(sheet)) {
			note_lost(sheet);
			return true;
		}
	}
	sheet->failed = result == CSV_FAILED;
	return false;
}

bool sheet_has(const struct sheet *sheet, size_t column)
{
	return sheet->places[column] != ABSENT;
}

struct slice sheet_cell(const struct sheet *sheet, size_t column)
{
	if (!sheet_has(sheet, column))
		return (struct slice){"", 0};
	struct slice value = slice_trim(sheet->row.fields[sheet->places[column]]);
	if (slice_equal(value, slice_of("NULL")) || slice_equal(value, slice_of("\\N")))
		return (struct slice){"", 0};
	return value;
}

bool sheet_number(struct sheet *sheet, size_t column, unsigned long max,
                  unsigned long *out)
{
	struct slice value = sheet_cell(sheet, column);
	*out = 0;
	return !value.len || slice_number(value, max, out) ||
	       sheet_find(sheet, SEVERITY_ERROR, column, NULL,
	                  "\"%s\" must be a whole number from 0 to %lu, not \"%.*s\"",
	                  sheet->columns[column].name, max, (int)value.len, value.at);
}

struct position sheet_at(const struct sheet *sheet, size_t column)
{
	bool there = column < sheet->count && sheet_has(sheet, column);
	return csv_position(sheet->csv, there ? sheet->places[column] : 0);
}

bool sheet_find(struct sheet *sheet, enum severity severity, size_t column,
                const char *hint, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	diags_vadd(sheet->diags, severity, sheet_at(sheet, column), hint, format, args);
	va_end(args);
	return false;
}
