/* SPDX-License-Identifier: MIT */
#include "rules/csvsource.h"

#include <string.h>

#include "rules/path.h"

/* Keys */

bool csvsource_read_file(struct load *load, const struct node *node, void *into)
{
	return path_read(load, node, "file", &((struct csvsource *)into)->path);
}

bool csvsource_read_delimiter(struct load *load, const struct node *node, void *into)
{
	struct slice text = node->type == NODE_SCALAR ? node->text : slice_of(NULL);
	if (slice_equal(text, slice_of("tab")))
		text = slice_of("\t");
	if (text.len != 1 || !memchr(",;\t", text.at[0], 3))
		return load_error(load, node, NULL,
		                  "\"delimiter\" must be \",\", \";\" or tab");
	((struct csvsource *)into)->delimiter = text.at[0];
	return true;
}

bool csvsource_read_on_error(struct load *load, const struct node *node, void *into)
{
	static const char *const names[] = {"refuse", "skip"};
	size_t skip;
	if (!schema_choice(load, node, "on_error", names, 2, &skip))
		return false;
	((struct csvsource *)into)->skip = skip;
	return true;
}

bool csvsource_read_columns(struct load *load, const struct node *node, const char *hint,
                            schema_reader *read, struct csvsource *source)
{
	if (node->type != NODE_LIST || !node->count || node->count > CSV_FIELDS_MAX)
		return load_error(load, node, hint,
		                  "\"columns\" must be a list of 1 to %d names",
		                  CSV_FIELDS_MAX);
	source->columns = arena_array(load->arena, node->count, sizeof *source->columns);
	return source->columns ? schema_each(load, node, "columns", read, source)
	                       : load_memory(load);
}

bool csvsource_is_same(const struct csvsource *a, const struct csvsource *b)
{
	if (a->delimiter != b->delimiter || a->skip != b->skip ||
	    a->column_count != b->column_count)
		return false;
	for (size_t i = 0; i < a->column_count; i++)
		if (!slice_equal(a->columns[i], b->columns[i]))
			return false;
	return csv_identity_equal(&a->identity, &b->identity);
}

/* Rows */

bool csvsource_first_row(const struct csvsource *source, struct csv *csv,
                         struct csv_row *row, struct diags *diags)
{
	switch (csv_next(csv, row)) {
	case CSV_ROW:
		return true;
	case CSV_BAD:
		csv_report(csv, SEVERITY_ERROR);
		return false;
	case CSV_END:
		return csvsource_error(
			source,
			"the file is empty; its first row has the names of the columns",
			diags);
	default:
		return false;
	}
}

bool csvsource_rows(struct csvsource *source, struct csv *csv,
                    bool (*add)(void *arg, const struct csv_row *row), void *arg,
                    const char *memory, struct diags *diags)
{
	struct csv_row row;
	for (;;) {
		switch (csv_next(csv, &row)) {
		case CSV_ROW:
			source->rows++;
			if (!add(arg, &row))
				return csvsource_error(source, memory, diags);
			break;
		case CSV_BAD:
			source->rows++;
			if (csvsource_count_fault(source))
				csv_report(csv, csvsource_severity(source));
			break;
		case CSV_END:
			return true;
		default:
			return false;
		}
	}
}

/* Faults */

bool csvsource_error(const struct csvsource *source, const char *message,
                     struct diags *diags)
{
	diags_add(diags, SEVERITY_ERROR, (struct position){source->path, 0, 0}, NULL,
	          "%s", message);
	return false;
}

enum severity csvsource_severity(const struct csvsource *source)
{
	return source->skip ? SEVERITY_WARNING : SEVERITY_ERROR;
}

bool csvsource_count_fault(struct csvsource *source)
{
	return source->faults++ < CSV_FINDINGS_MAX;
}

void csvsource_report(const struct csvsource *source, struct diags *diags)
{
	struct position whole = {source->path, 0, 0};
	if (source->faults && source->skip)
		diags_add(diags, SEVERITY_WARNING, whole, NULL,
		          "%zu of %zu rows are left out", source->faults, source->rows);
	else if (source->faults > CSV_FINDINGS_MAX)
		diags_add(diags, SEVERITY_ERROR, whole, NULL,
		          "%zu of %zu rows are in error; the first %d are shown",
		          source->faults, source->rows, CSV_FINDINGS_MAX);
}
