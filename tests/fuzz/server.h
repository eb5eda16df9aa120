/* SPDX-License-Identifier: MIT */
/* server.h - what the fuzzers of messages share: a server without its doors, made of
 * texts. */
#ifndef TESTS_FUZZ_SERVER_H
#define TESTS_FUZZ_SERVER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/redirect.h"

struct served {
	struct settings *settings;
	struct table *table;
	struct tag_keys keys;
	struct redirect *redirect;
};

/* Files of its own; those without a text are not written. */
struct served_texts {
	const char *settings; /* NULL: the built-in ones */
	const char *rules, *users, *numbers;
};

static inline void served_require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static inline void served_write(const char *path, const char *text)
{
	FILE *file = text ? fopen(path, "w") : NULL;
	served_require(!text || (file && fchmod(fileno(file), 0600) == 0 &&
	                         fputs(text, file) >= 0 && fclose(file) == 0),
	               "a file");
}

static inline void served_load(struct served *served, const char *settings_path,
                               const char *rules_path)
{
	struct configuration configuration = {.settings_path = settings_path,
	                                      .rules_path = rules_path};
	struct diags *diags = diags_new();
	bool good = diags && configuration_load(&configuration, diags);
	diags_print(diags, stderr);
	diags_free(diags);
	served_require(good, "settings and rules are good");
	configuration.settings->log_calls = LOG_CALLS_NONE;
	served->settings = configuration.settings;
	served->table = configuration.table;
	struct snapshot *snapshot = snapshot_new(&configuration);
	served_require(snapshot != NULL, "a configuration");
	served->redirect = redirect_new(served->settings, snapshot, &served->keys);
}

/* Call once; what it makes lives as long as the process, which ends if anything is wrong.
 */
static inline void served_start(struct served *served, const struct served_texts *texts)
{
	static const char *const names[] = {"signpost.yaml", "rules.yaml", "users.yaml",
	                                    "numbers.csv"};
	const char *const contents[] = {texts->settings, texts->rules, texts->users,
	                                texts->numbers};
	static char folder[] = "/dev/shm/signpost-fuzz-XXXXXX", paths[4][64];
	served_require(mkdtemp(folder) != NULL, "a folder");
	for (size_t i = 0; i < 4; i++) {
		snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
		served_write(paths[i], contents[i]);
	}
	served_require(message_init() &&
	                       tag_keys_init(&served->keys, slice_of("0123456789abcdef")),
	               "a start");
	served_load(served, texts->settings ? paths[0] : NULL, paths[1]);
	for (size_t i = 0; i < 4; i++)
		unlink(paths[i]);
	rmdir(folder);
}

/* Where a message of size bytes came from, at the listener of that number. */
static inline struct arrival served_arrival(const struct served *served, size_t listener,
                                            const char *source)
{
	struct arrival arrival = {.listen = &served->settings->listens[listener]};
	const char *why;
	served_require(endpoint_parse(slice_of(source), &arrival.source, &why),
	               "an address");
	return arrival;
}

#endif
