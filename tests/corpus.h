/* SPDX-License-Identifier: MIT */
/* corpus.h - runs a fuzzer's one function on all that is kept in a folder. */
#ifndef TESTS_CORPUS_H
#define TESTS_CORPUS_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#define CORPUS_BYTES_MAX 65536 /* of a longer file only the beginning */

typedef int corpus_run(const uint8_t *data, size_t size);

/* The file, and its beginnings, each a fourth shorter: behind the end of any of them
 * there is nothing to read. */
static inline void corpus_file(const char *folder, const char *name, corpus_run *run)
{
	static uint8_t data[CORPUS_BYTES_MAX];
	char path[512];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	size_t size = fread(data, 1, sizeof data, file);
	fclose(file);
	for (size_t len = size; len; len = len * 3 / 4) {
		uint8_t *exact = malloc(len);
		ck_assert_ptr_nonnull(exact);
		memcpy(exact, data, len);
		run(exact, len);
		free(exact);
	}
}

/* Those whose names have ending in them; at least so many. */
static inline void corpus_replay(const char *folder, const char *ending, size_t at_least,
                                 corpus_run *run)
{
	size_t count = 0;
	DIR *files = opendir(folder);
	ck_assert_msg(files != NULL, "run this in the folder of the sources");
	for (struct dirent *entry; (entry = readdir(files));)
		if (entry->d_name[0] != '.' && strstr(entry->d_name, ending)) {
			corpus_file(folder, entry->d_name, run);
			count++;
		}
	closedir(files);
	ck_assert_uint_ge(count, at_least);
}

#endif
