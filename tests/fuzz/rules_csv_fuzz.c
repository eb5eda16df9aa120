/* SPDX-License-Identifier: MIT */
/* Feeds a file to the CSV reader. What it gives must not depend on where in its buffer a
 * row lies, and rows written as RFC 4180 says must be read as they were. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rules/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                               \
	do {                                                                             \
		if (!(condition))                                                        \
			abort();                                                         \
	} while (0)

#define MOVED_EVERY 32 /* inputs: it takes a hundred times as long */

static const char delimiters[] = {',', ';', '\t'};

/* A file in memory, and its name. */
struct file {
	int fd;
	char path[40];
};

static struct file file_new(void)
{
	struct file file = {memfd_create("csv", MFD_CLOEXEC), ""};
	REQUIRE(file.fd >= 0);
	snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.fd);
	return file;
}

static void put(struct file *file, const void *data, size_t size)
{
	REQUIRE(write(file->fd, data, size) == (ssize_t)size);
}

/* Line ends, which are passed over, so that the file comes to lie across the end of the
 * buffer. */
static void put_padding(struct file *file, size_t count)
{
	char *padding = malloc(count);
	REQUIRE(padding);
	memset(padding, '\n', count);
	put(file, padding, count);
	free(padding);
}

static void put_quoted(FILE *to, char delimiter, const struct csv_row *row)
{
	for (size_t i = 0; i < row->count; i++) {
		if (i)
			fputc(delimiter, to);
		fputc('"', to);
		for (size_t c = 0; c < row->fields[i].len; c++) {
			if (row->fields[i].at[c] == '"')
				fputc('"', to);
			fputc(row->fields[i].at[c], to);
		}
		fputc('"', to);
	}
	fputs("\r\n", to);
}

/* All rows as RFC 4180 writes them, to be freed. Adds one for each bad row to *faults. */
static char *rewrite(struct file *file, char delimiter, size_t size, size_t *len,
                     size_t *faults)
{
	struct diags *diags = diags_new();
	struct csv *csv = csv_open(file->path, delimiter, diags);
	REQUIRE(diags && csv);
	size_t rows_max, rows = 0;
	REQUIRE(csv_count(csv, &rows_max));
	char *text = NULL;
	FILE *to = open_memstream(&text, len);
	struct csv_row row;
	enum csv_result result;
	unsigned line = 0;
	while ((result = csv_next(csv, &row)) != CSV_END) {
		REQUIRE(result == CSV_ROW || result == CSV_BAD);
		REQUIRE(++rows <= rows_max && rows <= size);
		if (result == CSV_BAD) {
			csv_report(csv, SEVERITY_ERROR);
			++*faults;
			continue;
		}
		REQUIRE(row.line > line && row.count > 0 && row.count <= CSV_FIELDS_MAX);
		line = row.line;
		struct position last = csv_position(csv, row.count - 1);
		REQUIRE(last.line >= line && last.column > 0);
		put_quoted(to, delimiter, &row);
	}
	fclose(to);
	csv_free(csv);
	REQUIRE(diags_errors(diags) == *faults);
	diags_free(diags);
	return text;
}

/* The same rows, across the end of the buffer. */
static void check_moved(const uint8_t *data, size_t size, const char *text, size_t len,
                        size_t faults)
{
	static const size_t buffer = (size_t)256 << 10;
	struct file padded = file_new();
	size_t moved_len, moved_faults = 0;
	put_padding(&padded, buffer - (data[1] + 256u * (data[2] & 3)));
	put(&padded, data + 3, size - 3);
	char *moved = rewrite(&padded, delimiters[data[0] % 3], size + 1, &moved_len,
	                      &moved_faults);
	REQUIRE(len == moved_len && faults == moved_faults);
	REQUIRE(memcmp(text, moved, len) == 0);
	free(moved);
	close(padded.fd);
}

/* One in MOVED_EVERY, always the same ones. */
static bool is_chosen(const uint8_t *data, size_t size)
{
	unsigned sum = 0;
	for (size_t i = 0; i < size; i++)
		sum = sum * 31 + data[i];
	return sum / 256 % MOVED_EVERY == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;
	char delimiter = delimiters[data[0] % 3];
	struct file plain = file_new(), again = file_new();
	put(&plain, "\n", 1); /* a byte order mark is none, as behind the padding */
	put(&plain, data + 3, size - 3);
	size_t len[2], faults[2] = {0};
	char *text = rewrite(&plain, delimiter, size + 1, &len[0], &faults[0]);
	if (is_chosen(data, size))
		check_moved(data, size, text, len[0], faults[0]);
	put(&again, text, len[0]);
	char *twice = rewrite(&again, delimiter, size + 1, &len[1], &faults[1]);
	REQUIRE(faults[1] > 0 || (len[0] == len[1] && memcmp(text, twice, len[0]) == 0));
	REQUIRE(!faults[1] || len[0] > CSV_ROW_MAX); /* quotes make a row longer */
	free(text);
	free(twice);
	close(plain.fd);
	close(again.fd);
	return 0;
}
