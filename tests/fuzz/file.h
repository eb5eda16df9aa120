/* SPDX-License-Identifier: MIT */
/* file.h - what the fuzzers of readers of files share: the input as a file, and what is
 * found in it. */
#ifndef TESTS_FUZZ_FILE_H
#define TESTS_FUZZ_FILE_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rules/diags.h"

#define REQUIRE(condition)                                                               \
	do {                                                                             \
		if (!(condition))                                                        \
			abort();                                                         \
	} while (0)

/* Writes the file /dev/shm/NAME.PID, which the caller removes; its path is good until the
 * next call. */
static inline const char *file_write(const char *name, const uint8_t *data, size_t size)
{
	static char path[64];
	snprintf(path, sizeof path, "/dev/shm/%s.%d", name, getpid());
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0);
	REQUIRE(write(fd, data, size) == (ssize_t)size);
	close(fd);
	return path;
}

/* Each line is a finding, a hint, or what was left out; all of it printable. */
static inline void file_check_findings(struct diags *diags)
{
	char *text = NULL;
	size_t length = 0;
	FILE *to = open_memstream(&text, &length);
	REQUIRE(to);
	diags_print(diags, to);
	REQUIRE(fclose(to) == 0);
	for (size_t i = 0; i < length; i++)
		REQUIRE((unsigned char)text[i] >= ' ' || text[i] == '\n');
	REQUIRE(length > 0 || !diags_errors(diags));
	free(text);
}

#endif
