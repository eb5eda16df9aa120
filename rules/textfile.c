/* SPDX-License-Identifier: MIT */
#include "rules/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

size_t textfile_line_break(struct slice text)
{
	if (text.len == 0)
		return 0;
	switch ((unsigned char)text.at[0]) {
	case '\n':
		return 1;
	case '\r':
		return text.len > 1 && text.at[1] == '\n' ? 2 : 1;
	case 0xc2:
		return slice_begins(text, slice_of("\xc2\x85")) ? 2 : 0;
	case 0xe2:
		return slice_begins(text, slice_of("\xe2\x80\xa8")) ||
		                       slice_begins(text, slice_of("\xe2\x80\xa9"))
		               ? 3
		               : 0;
	default:
		return 0;
	}
}

struct position textfile_position(const struct textfile *file, size_t offset)
{
	struct position position = {file->path, 1, 1};
	for (size_t i = 0; i < offset;) {
		struct slice rest = slice_skip(file->text, i);
		size_t len = textfile_line_break(rest);
		if (len) {
			position.line++;
			position.column = 1;
		} else {
			len = slice_utf8(rest);
			position.column++;
		}
		i += len ? len : 1;
	}
	return position;
}

/* Bytes of ASCII that text begins with, in whole words: most files are nothing else. */
static size_t ascii_words(struct slice text)
{
	uint64_t word;
	size_t len = 0;
	for (; text.len - len >= sizeof word; len += sizeof word) {
		memcpy(&word, text.at + len, sizeof word);
		if (word & 0x8080808080808080u)
			break;
	}
	return len;
}

size_t textfile_offset(const struct textfile *file, size_t index)
{
	size_t offset = 0;
	while (index > 0 && offset < file->text.len) {
		struct slice rest = slice_skip(file->text, offset);
		if (rest.len > index)
			rest.len = index; /* as many characters at most */
		size_t len = ascii_words(rest);
		index -= len ? len : 1;
		offset += len ? len : slice_utf8(slice_skip(file->text, offset));
	}
	return offset;
}

static bool fault(struct diags *diags, const char *path, const char *what,
                  const char *why)
{
	struct position whole = {path, 0, 0};
	diags_add(diags, SEVERITY_ERROR, whole, NULL, "%s%s", what, why);
	return false;
}

/* Reads size bytes at most. Returns how many there were, or -errno. */
static ssize_t read_all(int fd, char *to, size_t size)
{
	size_t len = 0;
	while (len < size) {
		ssize_t got = read(fd, to + len, size - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		len += (size_t)got;
	}
	return (ssize_t)len;
}

static bool is_fit(const char *path, const struct stat *status, size_t size_max,
                   struct diags *diags)
{
	if (S_ISDIR(status->st_mode))
		return fault(diags, path, "this is a directory, not a file", "");
	if (!S_ISREG(status->st_mode))
		return fault(diags, path, "this is not a regular file", "");
	if (status->st_size <= 0 || (size_t)status->st_size <= size_max)
		return true;
	struct position whole = {path, 0, 0};
	diags_add(diags, SEVERITY_ERROR, whole, NULL, "the file is larger than %zu MiB",
	          size_max >> 20);
	return false;
}

/* A file that grows is refused: half of what someone is writing is not what they mean. */
static bool read_fd(int fd, size_t size_max, struct diags *diags, struct textfile *file)
{
	struct stat status;
	if (fstat(fd, &status) != 0)
		return fault(diags, file->path, "cannot read: ", strerror(errno));
	if (!is_fit(file->path, &status, size_max, diags))
		return false;
	char *bytes = malloc((size_t)status.st_size + 1);
	if (!bytes)
		return fault(diags, file->path, "not enough memory to read the file", "");
	ssize_t len = read_all(fd, bytes, (size_t)status.st_size + 1);
	if (len < 0 || len > status.st_size) {
		explicit_bzero(bytes, (size_t)status.st_size + 1);
		free(bytes);
		return fault(diags, file->path, "cannot read: ",
		             len < 0 ? strerror((int)-len)
		                     : "the file grows while it is read");
	}
	file->bytes = bytes;
	file->text = (struct slice){bytes, (size_t)len};
	return true;
}

static bool is_utf8(const struct textfile *file, struct diags *diags)
{
	for (size_t i = 0; i < file->text.len;) {
		struct slice rest = slice_skip(file->text, i);
		size_t len = ascii_words(rest);
		if (len == 0)
			len = slice_utf8(rest);
		if (len == 0) {
			diags_add(diags, SEVERITY_ERROR, textfile_position(file, i),
			          "save the file as UTF-8", "byte 0x%02X is not UTF-8",
			          (unsigned char)file->text.at[i]);
			return false;
		}
		i += len;
	}
	return true;
}

bool textfile_read(const char *path, size_t size_max, struct diags *diags,
                   struct textfile *out)
{
	static const struct slice bom = {"\xef\xbb\xbf", 3};
	struct textfile file = {.path = path};
	/* O_NONBLOCK: a FIFO without a writer must not hold us up. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fault(diags, path, "cannot open: ", strerror(errno));
	bool good = read_fd(fd, size_max, diags, &file);
	close(fd);
	if (!good)
		return false;
	if (slice_begins(file.text, bom))
		file.text = slice_skip(file.text, bom.len);
	if (!is_utf8(&file, diags)) {
		textfile_free(&file);
		return false;
	}
	*out = file;
	return true;
}

void textfile_free(struct textfile *file)
{
	/* it may be a file of passwords */
	if (file->bytes)
		explicit_bzero(file->bytes,
		               (size_t)(file->text.at + file->text.len - file->bytes));
	free(file->bytes);
}
