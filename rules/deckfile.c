/* SPDX-License-Identifier: MIT */
#include "rules/deckfile.h"

#include <string.h>

#include "rules/moment.h"

#define TEXT_MAX_BYTES 256 /* of a destination or an increment */
#define NO_MEMORY      "the deck needs more memory than it may have"

/* What columns are called, folded: lower case, without blanks, - and _. The first name of
 * each is the one that messages use. */
static const struct {
	enum deck_column column;
	const char *name;
} names[] = {
	{DECK_PREFIX, "prefix"},
	{DECK_PREFIX, "code"},
	{DECK_PREFIX, "dialcode"},
	{DECK_PREFIX, "dialprefix"},
	{DECK_PREFIX, "destinationcode"},
	{DECK_PREFIX, "areacode"},
	{DECK_PRICE, "rate"},
	{DECK_PRICE, "price"},
	{DECK_PRICE, "cost"},
	{DECK_DESTINATION, "destination"},
	{DECK_DESTINATION, "destinationname"},
	{DECK_DESTINATION, "name"},
	{DECK_DESTINATION, "description"},
	{DECK_FROM, "from"},
	{DECK_FROM, "effective"},
	{DECK_FROM, "effectivedate"},
	{DECK_FROM, "effectivefrom"},
	{DECK_FROM, "validfrom"},
	{DECK_FROM, "startdate"},
	{DECK_UNTIL, "until"},
	{DECK_UNTIL, "effectiveuntil"},
	{DECK_UNTIL, "effectiveto"},
	{DECK_UNTIL, "validuntil"},
	{DECK_UNTIL, "validto"},
	{DECK_UNTIL, "enddate"},
	{DECK_UNTIL, "expires"},
	{DECK_UNTIL, "expirydate"},
	{DECK_INCREMENT, "increment"},
	{DECK_INCREMENT, "increments"},
	{DECK_INCREMENT, "billingincrement"},
	{DECK_INCREMENT, "billingincrements"},
	{DECK_QUALITY, "quality"},
	{DECK_QUALITY, "asr"},
};
#define NAME_COUNT (sizeof names / sizeof *names)

struct reading {
	struct deckfile *file;
	struct csv *csv;
	struct diags *diags;
	bool row_seen; /* the first one has been */
	size_t field_count;
	bool has[DECK_COLUMNS];
	size_t fields[DECK_COLUMNS]; /* which one is the column */
};

/* Columns */

static bool is_called(struct slice text, const char *name)
{
	size_t len = 0, name_len = strlen(name);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (c == ' ' || c == '-' || c == '_')
			continue;
		if (len == name_len || !slice_folds(&text.at[i], &name[len], 1))
			return false;
		len++;
	}
	return len == name_len;
}

bool deckfile_column(struct slice name, enum deck_column *out)
{
	for (size_t i = 0; i < NAME_COUNT; i++)
		if (is_called(name, names[i].name)) {
			*out = names[i].column;
			return true;
		}
	return false;
}

const char *deckfile_column_name(enum deck_column column)
{
	for (size_t i = 0; i < NAME_COUNT; i++)
		if (names[i].column == column)
			return names[i].name;
	return "";
}

static struct position whole(const struct reading *reading)
{
	return (struct position){reading->file->source.path, 0, 0};
}

/* Where the name of a column stands. */
static struct position name_position(const struct reading *reading, size_t field)
{
	return reading->file->source.column_count ? whole(reading)
	                                          : csv_position(reading->csv, field);
}

static bool missing_column(const struct reading *reading, enum deck_column column)
{
	diags_add(reading->diags, SEVERITY_ERROR, name_position(reading, 0),
	          "name the columns: columns: [prefix, rate, \"\", ...]",
	          "no column is called \"%s\"%s", deckfile_column_name(column),
	          column == DECK_PREFIX ? ", \"code\" or \"dial code\""
	                                : ", \"price\" or \"cost\"");
	return false;
}

static bool take_column(struct reading *reading, size_t field, struct slice name)
{
	enum deck_column column;
	char hint[DIAGS_HINT_MAX];
	if (!deckfile_column(name, &column))
		return true;
	if (reading->has[column]) {
		diags_hint(hint,
		           "say which one: columns: [prefix, rate, ...], and \"\" for "
		           "what is not to be read");
		diags_add(reading->diags, SEVERITY_ERROR, name_position(reading, field),
		          hint, "a second column for the %s: \"%.*s\"",
		          deckfile_column_name(column), (int)name.len, name.at);
		return false;
	}
	reading->has[column] = true;
	reading->fields[column] = field;
	return true;
}

static bool lay_out(struct reading *reading, const struct slice *columns, size_t count)
{
	bool good = true;
	reading->field_count = count;
	for (size_t i = 0; i < count; i++)
		good &= take_column(reading, i, slice_trim(columns[i]));
	if (good && !reading->has[DECK_PREFIX])
		good = missing_column(reading, DECK_PREFIX);
	if (good && !reading->has[DECK_PRICE])
		good = missing_column(reading, DECK_PRICE);
	return good;
}

/* The first row has the names, unless the operator gave them. */
static bool read_layout(struct reading *reading)
{
	const struct deckfile *file = reading->file;
	struct csv_row row;
	if (file->source.column_count)
		return lay_out(reading, file->source.columns, file->source.column_count);
	return csvsource_first_row(&file->source, reading->csv, &row, reading->diags) &&
	       lay_out(reading, row.fields, row.count);
}

/* Faults of rows */

/* False, so that a reader of a row can end with it. */
static bool row_fault(struct reading *reading, size_t field, const char *hint,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
static bool row_fault(struct reading *reading, size_t field, const char *hint,
                      const char *format, ...)
{
	va_list args;
	if (!csvsource_count_fault(&reading->file->source))
		return false;
	va_start(args, format);
	diags_vadd(reading->diags, csvsource_severity(&reading->file->source),
	           csv_position(reading->csv, field), hint, format, args);
	va_end(args);
	return false;
}

/* Fields of a row */

static struct slice field_of(const struct reading *reading, const struct csv_row *row,
                             enum deck_column column)
{
	static const struct slice none = {"", 0};
	return reading->has[column] ? slice_trim(row->fields[reading->fields[column]])
	                            : none;
}

/* Behind a +, if it has one. */
static bool has_digits_only(struct slice text)
{
	return slice_find(text, '*') == text.len && slice_find(text, '#') == text.len;
}

static bool bad_prefix(struct reading *reading, struct slice text)
{
	struct packed packed = prefixes_pack(text);
	size_t field = reading->fields[DECK_PREFIX];
	const char *hint =
		"digits, with or without a + before them; one prefix in each row";
	if (!text.len)
		return row_fault(reading, field, NULL, "there is no prefix");
	if (packed.count == PREFIXES_KEY_MAX)
		hint = "a prefix has 15 digits at most";
	else if (prefixes_is_whole(&packed, text) && packed.count &&
	         has_digits_only(text))
		hint = "no country code begins with 0; what prefixes begin with in the "
		       "calls is said by prepend: \"00\" or \"\"";
	return row_fault(reading, field, hint, "\"%.*s\" is no prefix", (int)text.len,
	                 text.at);
}

static bool take_prefix(struct reading *reading, struct slice text, struct packed *out)
{
	char whole_text[2 * PREFIXES_TEXT_MAX];
	struct slice prepend = reading->file->prepend;
	struct packed alone = prefixes_pack(text);
	if (!alone.count || !prefixes_is_whole(&alone, text) || !has_digits_only(text))
		return bad_prefix(reading, text);
	if (alone.plus)
		prepend.len = 0;
	bool global = alone.plus || slice_equal(prepend, slice_of("+"));
	if (global && text.at[alone.plus] == '0')
		return bad_prefix(reading, text);
	memcpy(whole_text, prepend.at, prepend.len);
	memcpy(whole_text + prepend.len, text.at, text.len);
	struct slice prefix = {whole_text, prepend.len + text.len};
	*out = prefixes_pack(prefix);
	return prefixes_is_whole(out, prefix) || bad_prefix(reading, prefix);
}

static bool take_decimal(struct reading *reading, const struct csv_row *row,
                         enum deck_column column, struct decimal *out)
{
	const char *why, *hint;
	struct slice text = field_of(reading, row, column);
	if (decimal_parse(text, out, &why, &hint))
		return true;
	return row_fault(reading, reading->fields[column], hint, "%s \"%.*s\": %s",
	                 deckfile_column_name(column), (int)text.len, text.at, why);
}

static bool take_price(struct reading *reading, const struct csv_row *row,
                       struct rate *rate)
{
	struct slice text = field_of(reading, row, DECK_PRICE);
	rate->blocked = !text.len || slice_equal_nocase(text, slice_of("blocked"));
	return rate->blocked || take_decimal(reading, row, DECK_PRICE, &rate->price);
}

static bool take_quality(struct reading *reading, const struct csv_row *row,
                         struct rate *rate)
{
	rate->has_quality = field_of(reading, row, DECK_QUALITY).len > 0;
	return !rate->has_quality ||
	       take_decimal(reading, row, DECK_QUALITY, &rate->quality);
}

static bool take_moment(struct reading *reading, const struct csv_row *row,
                        enum deck_column column, int64_t *out)
{
	struct slice text = field_of(reading, row, column);
	if (!text.len ||
	    moment_parse(text, reading->file->zone, column == DECK_UNTIL, out))
		return true;
	return row_fault(reading, reading->fields[column],
	                 "write it like 2026-12-31, or 2026-12-31T18:00",
	                 "\"%.*s\" is no date", (int)text.len, text.at);
}

static bool take_times(struct reading *reading, const struct csv_row *row,
                       struct rate *rate)
{
	rate->from_s = INT64_MIN;
	rate->until_s = INT64_MAX;
	if (!take_moment(reading, row, DECK_FROM, &rate->from_s) ||
	    !take_moment(reading, row, DECK_UNTIL, &rate->until_s))
		return false;
	return rate->from_s < rate->until_s ||
	       row_fault(reading, reading->fields[DECK_UNTIL], NULL,
	                 "the rate ends before it begins");
}

static bool take_text(struct reading *reading, const struct csv_row *row,
                      enum deck_column column, struct slice *out)
{
	*out = field_of(reading, row, column);
	return out->len <= TEXT_MAX_BYTES ||
	       row_fault(reading, reading->fields[column], NULL,
	                 "the %s has more than %d bytes", deckfile_column_name(column),
	                 TEXT_MAX_BYTES);
}

static bool count_fields(struct reading *reading, const struct csv_row *row)
{
	size_t want = reading->field_count;
	return row->count == want ||
	       row_fault(reading, row->count > want ? want : row->count - 1, NULL,
	                 "%zu field%s instead of %zu", row->count,
	                 row->count == 1 ? "" : "s", want);
}

/* Rows */

/* Whoever names the columns may still have a first row with names of their own. */
static bool is_names(const struct reading *reading, const struct csv_row *row)
{
	if (!reading->file->source.column_count || reading->row_seen ||
	    row->count != reading->field_count)
		return false;
	struct slice prefix = field_of(reading, row, DECK_PREFIX);
	return prefix.len && prefixes_pack(prefix).count == 0;
}

static void report_overlap(struct reading *reading, const struct csv_row *row,
                           unsigned line)
{
	char hint[DIAGS_HINT_MAX];
	struct slice prefix = field_of(reading, row, DECK_PREFIX);
	row_fault(reading, reading->fields[DECK_PREFIX],
	          diags_hint(hint, "the other one stands at %s:%u",
	                     reading->file->source.path, line),
	          "two rates of \"%.*s\" at the same time", (int)prefix.len, prefix.at);
}

/* False when out of memory. */
static bool add_row(void *arg, const struct csv_row *row)
{
	struct reading *reading = arg;
	struct packed prefix;
	struct rate rate = {0};
	uint32_t line;
	bool passed_over = is_names(reading, row);
	reading->row_seen = true;
	if (passed_over) {
		reading->file->source.rows--;
		return true;
	}
	if (!count_fields(reading, row) ||
	    !take_prefix(reading, field_of(reading, row, DECK_PREFIX), &prefix) ||
	    !take_price(reading, row, &rate) || !take_quality(reading, row, &rate) ||
	    !take_times(reading, row, &rate) ||
	    !take_text(reading, row, DECK_DESTINATION, &rate.destination) ||
	    !take_text(reading, row, DECK_INCREMENT, &rate.increment))
		return true;
	switch (deck_add(reading->file->deck, &prefix, &rate, row->line, &line)) {
	case DECK_ADDED:
		return true;
	case DECK_OVERLAPS:
		report_overlap(reading, row, line);
		return true;
	case DECK_TOO_MANY:
		row_fault(reading, reading->fields[DECK_PREFIX], NULL,
		          "more than %d rates of one prefix", DECK_RATES_MAX);
		return true;
	default:
		return false;
	}
}

static bool read_deck(struct reading *reading, size_t memory_limit)
{
	struct deckfile *file = reading->file;
	size_t lines;
	if (!csv_count(reading->csv, &lines) || !read_layout(reading))
		return false;
	file->deck = deck_new(lines, memory_limit);
	if (!file->deck)
		return csvsource_error(&file->source, NO_MEMORY, reading->diags);
	if (!csvsource_rows(&file->source, reading->csv, add_row, reading, NO_MEMORY,
	                    reading->diags))
		return false;
	deck_finish(file->deck);
	csvsource_report(&file->source, reading->diags);
	return file->source.skip || !file->source.faults;
}

/* Sharing */

static bool is_read_alike(const struct deckfile *a, const struct deckfile *b)
{
	return csvsource_is_same(&a->source, &b->source) &&
	       slice_equal(a->prepend, b->prepend) &&
	       slice_equal(zone_name(a->zone), zone_name(b->zone));
}

static bool share(struct deckfile *file, const struct deckfile *known)
{
	while (known && !(known->deck && is_read_alike(file, known)))
		known = known->next;
	if (!known)
		return false;
	file->source.rows = known->source.rows;
	file->source.faults = known->source.faults;
	file->deck = deck_hold(known->deck);
	return true;
}

bool deckfile_load(struct deckfile *file, const struct deckfile *known,
                   size_t memory_limit, struct diags *diags)
{
	struct reading reading = {.file = file, .diags = diags};
	reading.csv = csv_open(file->source.path, file->source.delimiter, diags);
	if (!reading.csv)
		return false;
	file->source.identity = csv_identity(reading.csv);
	bool shared = share(file, known);
	bool good = shared || read_deck(&reading, memory_limit);
	if (shared)
		csvsource_report(&file->source, diags);
	if (!good) {
		deck_release(file->deck);
		file->deck = NULL;
	}
	csv_free(reading.csv);
	return good;
}
