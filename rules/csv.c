/* SPDX-License-Identifier: MIT */
#include "rules/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t)256 << 10)

/* What a byte is to a field without quotes. */
enum byte_class {
	BYTE_PLAIN,
	BYTE_DELIMITER,
	BYTE_LF,
	BYTE_CR,
	BYTE_QUOTE,
	BYTE_HIGH,
	BYTE_CONTROL
};

/* How a field ended. */
enum ending {
	END_FIELD, /* another one follows */
	END_ROW,
	END_BUFFER, /* more of the file is needed */
	END_FAULT,
};

#define PROGRESS_ROWS 2048

struct csv {
	int fd;
	const char *path;
	struct diags *diags;
	struct csv_identity identity;
	uint64_t bytes_read;
	unsigned char classes[256];

	/* What is read and not yet used: buffer[begin..end), and a NUL behind it, which
	 * is no byte of a field: the scan needs no other bound. */
	size_t begin, end;
	bool at_eof;
	bool skipping; /* the rest of a bad row's line comes first */
	unsigned line; /* of begin */
	size_t rows;

	/* The row read last. */
	const char *row;
	unsigned row_line;
	size_t count;
	struct slice fields[CSV_FIELDS_MAX];
	const char *starts[CSV_FIELDS_MAX]; /* the quotes included */
	bool has_quotes;
	size_t unquoted_len;

	/* What is wrong with it. */
	const char *why, *hint, *fault_at;

	char unquoted[CSV_ROW_MAX]; /* fields that had doubled quotes */
	char buffer[BUFFER_SIZE + 1];
};

static bool fault(const char *path, struct diags *diags, const char *what,
                  const char *why)
{
	struct position whole = {path, 0, 0};
	diags_add(diags, SEVERITY_ERROR, whole, NULL, "%s%s", what, why);
	return false;
}

/* The file */

static struct csv_identity identity_of(const struct stat *status)
{
	return (struct csv_identity){
		status->st_dev, status->st_ino, (uint64_t)status->st_size,
		(int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec};
}

bool csv_identity_equal(const struct csv_identity *a, const struct csv_identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns;
}

struct csv_identity csv_identity(const struct csv *csv)
{
	return csv->identity;
}

static bool begin_file(struct csv *csv)
{
	struct stat status;
	/* O_NONBLOCK: a FIFO without a writer must not hold us up. */
	csv->fd = open(csv->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (csv->fd < 0)
		return fault(csv->path, csv->diags, "cannot open: ", strerror(errno));
	if (fstat(csv->fd, &status) != 0)
		return fault(csv->path, csv->diags, "cannot read: ", strerror(errno));
	if (S_ISDIR(status.st_mode))
		return fault(csv->path, csv->diags, "this is a directory, not a file",
		             "");
	if (!S_ISREG(status.st_mode))
		return fault(csv->path, csv->diags, "this is not a regular file", "");
	csv->identity = identity_of(&status);
	return true;
}

/* Half of what someone is writing is not what they mean. */
static bool check_unchanged(struct csv *csv)
{
	struct stat status;
	struct csv_identity now;
	if (fstat(csv->fd, &status) != 0)
		return fault(csv->path, csv->diags, "cannot read: ", strerror(errno));
	now = identity_of(&status);
	if (csv->bytes_read != csv->identity.size ||
	    !csv_identity_equal(&now, &csv->identity))
		return fault(csv->path, csv->diags, "the file changes while it is read",
		             "");
	return true;
}

/* Moves what is left to the front and reads more behind it. */
static bool fill(struct csv *csv)
{
	size_t left = csv->end - csv->begin;
	memmove(csv->buffer, csv->buffer + csv->begin, left);
	csv->begin = 0;
	csv->end = left;
	while (csv->end < BUFFER_SIZE && !csv->at_eof) {
		ssize_t got =
			read(csv->fd, csv->buffer + csv->end, BUFFER_SIZE - csv->end);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault(csv->path, csv->diags,
			             "cannot read: ", strerror(errno));
		csv->at_eof = got == 0;
		csv->end += (size_t)got;
		csv->bytes_read += (size_t)got;
	}
	csv->buffer[csv->end] = '\0';
	return true;
}

bool csv_rewind(struct csv *csv)
{
	static const struct slice bom = {"\xef\xbb\xbf", 3};
	csv->begin = csv->end = 0;
	csv->bytes_read = 0;
	csv->at_eof = csv->skipping = false;
	csv->line = 1;
	csv->count = 0;
	csv->rows = 0;
	if (lseek(csv->fd, 0, SEEK_SET) != 0)
		return fault(csv->path, csv->diags, "cannot read: ", strerror(errno));
	if (!fill(csv))
		return false;
	if (slice_begins((struct slice){csv->buffer, csv->end}, bom))
		csv->begin = bom.len;
	return true;
}

bool csv_count(struct csv *csv, size_t *rows)
{
	size_t lines = 1; /* the last one may have no end */
	if (!csv_rewind(csv))
		return false;
	while (csv->begin < csv->end) {
		const char *at = csv->buffer + csv->begin, *end = csv->buffer + csv->end;
		while ((at = memchr(at, '\n', (size_t)(end - at)))) {
			at++;
			lines++;
		}
		csv->begin = csv->end;
		diags_progress(csv->diags);
		if (!fill(csv))
			return false;
	}
	if (!csv_rewind(csv))
		return false;
	*rows = lines;
	return true;
}

static void set_classes(struct csv *csv, char delimiter)
{
	for (int byte = 0; byte < 256; byte++)
		csv->classes[byte] = byte >= 0x80                ? BYTE_HIGH
		                     : byte < ' ' || byte == 127 ? BYTE_CONTROL
		                                                 : BYTE_PLAIN;
	csv->classes['\n'] = BYTE_LF;
	csv->classes['\r'] = BYTE_CR;
	csv->classes['"'] = BYTE_QUOTE;
	csv->classes[(unsigned char)delimiter] = BYTE_DELIMITER;
}

/* What stands most often in the first row, outside of quotes. If two do equally, the one
 * that is less likely to be a part of a field. */
static char find_delimiter(const struct csv *csv)
{
	static const char known[] = "\t;,";
	size_t counts[sizeof known] = {0}, best = 2;
	bool quoted = false, begun = false;
	for (size_t i = csv->begin; i < csv->end; i++) {
		char c = csv->buffer[i];
		const char *found = c && !quoted ? strchr(known, c) : NULL;
		if (c == '"')
			quoted = !quoted;
		if (found)
			counts[found - known]++;
		if (c == '\n' && begun && !quoted)
			break;
		begun = begun || (c != '\n' && c != '\r');
	}
	for (size_t i = best; i-- > 0;)
		if (counts[i] && counts[i] >= counts[best])
			best = i;
	return known[best];
}

struct csv *csv_open(const char *path, char delimiter, struct diags *diags)
{
	struct csv *csv = malloc(sizeof *csv);
	if (!csv) {
		fault(path, diags, "not enough memory to read the file", "");
		return NULL;
	}
	csv->path = path;
	csv->diags = diags;
	if (!begin_file(csv) || !csv_rewind(csv)) {
		csv_free(csv);
		return NULL;
	}
	set_classes(csv, delimiter ? delimiter : find_delimiter(csv));
	return csv;
}

void csv_free(struct csv *csv)
{
	if (csv && csv->fd >= 0)
		close(csv->fd);
	free(csv);
}

/* The fields */

static enum ending bad(struct csv *csv, const char *at, const char *why, const char *hint)
{
	csv->fault_at = at;
	csv->why = why;
	csv->hint = hint;
	return END_FAULT;
}

static enum ending bad_byte(struct csv *csv, const char *at)
{
	if ((unsigned char)*at >= 0x80)
		return bad(csv, at, "this is not UTF-8", "save the file as UTF-8");
	if (*at == '\t')
		return bad(csv, at, "a tab, which is not the delimiter of this file",
		           NULL);
	return bad(csv, at, "a control character", NULL);
}

/* The end of what is read is the end of the file, or more is to come. */
static enum ending at_end(const struct csv *csv)
{
	return csv->at_eof ? END_ROW : END_BUFFER;
}

/* A CR is good before a LF only. */
static enum ending line_end(struct csv *csv, const char **at)
{
	const char *end = csv->buffer + csv->end;
	if (*at + 1 == end && !csv->at_eof)
		return END_BUFFER;
	if ((*at)[1] != '\n')
		return bad_byte(csv, *at);
	*at += 2;
	return END_ROW;
}

/* Passes over a character of several bytes. END_FIELD: go on. */
static enum ending high(struct csv *csv, const char **at)
{
	size_t left = (size_t)(csv->buffer + csv->end - *at);
	size_t len = slice_utf8((struct slice){*at, left});
	if (!len && left < 4 && !csv->at_eof)
		return END_BUFFER;
	if (!len)
		return bad_byte(csv, *at);
	*at += len;
	return END_FIELD;
}

static enum ending read_plain(struct csv *csv, const char **at, struct slice *field)
{
	const unsigned char *classes = csv->classes;
	const char *begin = *at, *scan = begin;
	enum ending ending = END_FIELD;
	for (;;) {
		while (classes[(unsigned char)*scan] == BYTE_PLAIN)
			scan++;
		if (classes[(unsigned char)*scan] != BYTE_HIGH)
			break;
		if ((ending = high(csv, &scan)) != END_FIELD)
			return ending;
	}
	*field = (struct slice){begin, (size_t)(scan - begin)};
	switch (classes[(unsigned char)*scan]) {
	case BYTE_DELIMITER:
		scan++;
		break;
	case BYTE_LF:
		scan++;
		ending = END_ROW;
		break;
	case BYTE_CR:
		ending = line_end(csv, &scan);
		break;
	case BYTE_QUOTE:
		return bad(csv, scan, "a quote inside of a field without quotes",
		           "put the whole field in quotes and double those in it");
	default:
		if (scan < csv->buffer + csv->end)
			return bad_byte(csv, scan);
		ending = at_end(csv);
	}
	*at = scan;
	return ending;
}

/* What may stand behind the quote that ends a field. */
static enum ending behind_quote(struct csv *csv, const char **at)
{
	if (*at == csv->buffer + csv->end)
		return at_end(csv);
	switch (csv->classes[(unsigned char)**at]) {
	case BYTE_DELIMITER:
		++*at;
		return END_FIELD;
	case BYTE_LF:
		++*at;
		return END_ROW;
	case BYTE_CR:
		return line_end(csv, at);
	default:
		return bad(csv, *at, "text behind the quote that ends a field",
		           "double the quotes inside of a field");
	}
}

/* Passes over what is no quote. END_FIELD: at a quote. */
static enum ending scan_quoted(struct csv *csv, const char **at)
{
	const char *end = csv->buffer + csv->end;
	enum ending ending = END_FIELD;
	while (ending == END_FIELD && *at < end && **at != '"') {
		switch (csv->classes[(unsigned char)**at]) {
		case BYTE_HIGH:
			ending = high(csv, at);
			break;
		case BYTE_CONTROL:
			return bad_byte(csv, *at);
		case BYTE_CR:
			if ((ending = line_end(csv, at)) == END_ROW)
				ending = END_FIELD;
			break;
		default:
			++*at;
		}
	}
	return ending == END_FIELD && *at == end ? END_BUFFER : ending;
}

/* text with its doubled quotes made single. A row's fields are never longer together than
 * the row, but the row may yet turn out to be too long. */
static bool unquote(struct csv *csv, struct slice *text)
{
	char *to = csv->unquoted + csv->unquoted_len;
	size_t len = 0;
	if (text->len > CSV_ROW_MAX - csv->unquoted_len)
		return false;
	for (size_t i = 0; i < text->len; i++) {
		to[len++] = text->at[i];
		if (text->at[i] == '"')
			i++;
	}
	csv->unquoted_len += len;
	*text = (struct slice){to, len};
	return true;
}

static enum ending too_long(struct csv *csv)
{
	return bad(csv, csv->row, "a row of more than 64 KiB", NULL);
}

static enum ending read_quoted(struct csv *csv, const char **at, struct slice *field)
{
	const char *open = *at, *scan = open + 1;
	bool doubled = false;
	for (;; scan += 2, doubled = true) {
		enum ending ending = scan_quoted(csv, &scan);
		if (ending == END_BUFFER && csv->at_eof)
			return bad(csv, open, "the quote that begins here has no end",
			           NULL);
		if (ending != END_FIELD)
			return ending;
		if (scan + 1 == csv->buffer + csv->end && !csv->at_eof)
			return END_BUFFER;
		if (scan[1] != '"')
			break;
	}
	*field = (struct slice){open + 1, (size_t)(scan - open - 1)};
	if (doubled && !unquote(csv, field))
		return too_long(csv);
	*at = scan + 1;
	return behind_quote(csv, at);
}

/* Rows */

static enum ending read_fields(struct csv *csv, const char **at)
{
	enum ending ending = END_FIELD;
	csv->count = 0;
	csv->unquoted_len = 0;
	csv->has_quotes = false;
	while (ending == END_FIELD) {
		if (csv->count == CSV_FIELDS_MAX)
			return bad(csv, *at, "a row of more than 256 fields", NULL);
		csv->starts[csv->count] = *at;
		struct slice *field = &csv->fields[csv->count];
		bool quoted = **at == '"';
		csv->has_quotes |= quoted;
		ending =
			quoted ? read_quoted(csv, at, field) : read_plain(csv, at, field);
		csv->count++;
	}
	return ending;
}

static unsigned lines_between(const char *from, const char *to)
{
	unsigned lines = 0;
	while (from < to && (from = memchr(from, '\n', (size_t)(to - from)))) {
		from++;
		lines++;
	}
	return lines;
}

/* Passes over the rest of a bad row's line. */
static bool skip_line(struct csv *csv)
{
	for (;;) {
		const char *at = csv->buffer + csv->begin;
		const char *end = memchr(at, '\n', csv->end - csv->begin);
		csv->begin = end ? (size_t)(end + 1 - csv->buffer) : csv->end;
		if (end)
			csv->line++;
		if (end || csv->at_eof)
			break;
		if (!fill(csv))
			return false;
	}
	csv->skipping = false;
	return true;
}

/* Where a bad row's line is left: where the fault is, but what begins with a quote that
 * has no end has taken lines that are not its own. */
static enum csv_result bad_row(struct csv *csv, bool own_line)
{
	const char *from = own_line ? csv->row : csv->fault_at;
	csv->line += lines_between(csv->row, from);
	csv->begin = (size_t)(from - csv->buffer);
	csv->skipping = true;
	return CSV_BAD;
}

/* Passes over the line ends at begin. False at the end of the buffer. */
static bool skip_empty_lines(struct csv *csv)
{
	for (; csv->begin < csv->end; csv->begin++) {
		const char *at = csv->buffer + csv->begin;
		if (*at == '\r' && at[1] == '\n')
			continue;
		if (*at != '\n')
			return true;
		csv->line++;
	}
	return false;
}

static enum csv_result end_row(struct csv *csv, const char *end, struct csv_row *row)
{
	csv->line += csv->has_quotes ? lines_between(csv->row, end) : end[-1] == '\n';
	csv->begin = (size_t)(end - csv->buffer);
	if (++csv->rows % PROGRESS_ROWS == 0)
		diags_progress(csv->diags);
	*row = (struct csv_row){csv->row_line, csv->count, csv->fields};
	return CSV_ROW;
}

enum csv_result csv_next(struct csv *csv, struct csv_row *row)
{
	if (csv->skipping && !skip_line(csv))
		return CSV_FAILED;
	for (;;) {
		bool begun = skip_empty_lines(csv);
		if (!begun && csv->at_eof)
			return check_unchanged(csv) ? CSV_END : CSV_FAILED;
		const char *at = csv->row = csv->buffer + csv->begin;
		csv->row_line = csv->line;
		enum ending ending = begun ? read_fields(csv, &at) : END_BUFFER;
		bool long_row =
			(ending == END_BUFFER ? csv->end - csv->begin
		                              : (size_t)(at - csv->row)) > CSV_ROW_MAX;
		if (ending == END_FAULT)
			return bad_row(csv, csv->fault_at[0] == '"' ||
			                            csv->fault_at == csv->row);
		if (long_row) {
			too_long(csv);
			return bad_row(csv, true);
		}
		if (ending == END_ROW)
			return end_row(csv, at, row);
		if (!fill(csv))
			return CSV_FAILED;
	}
}

/* Places */

static struct position position_of(const struct csv *csv, const char *at)
{
	struct position position = {csv->path, csv->row_line, 1};
	for (const char *scan = csv->row; scan < at; scan++) {
		if (*scan == '\n') {
			position.line++;
			position.column = 1;
		} else {
			position.column += ((unsigned char)*scan & 0xc0) != 0x80;
		}
	}
	return position;
}

struct position csv_position(const struct csv *csv, size_t field)
{
	return position_of(csv, csv->starts[field < csv->count ? field : csv->count - 1]);
}

void csv_report(const struct csv *csv, enum severity severity)
{
	diags_add(csv->diags, severity, position_of(csv, csv->fault_at), csv->hint, "%s",
	          csv->why);
}
