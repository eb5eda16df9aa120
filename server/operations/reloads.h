/* SPDX-License-Identifier: MIT */
/* reloads.h - what has become of reloads, for those who ask later. */
#ifndef SERVER_RELOADS_H
#define SERVER_RELOADS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct diags; /* rules/diags.h */

enum reload_result { RELOAD_NONE, RELOAD_OK, RELOAD_FAILED };

/* Of the last one; no reload yet: result and findings only, the latter empty. */
struct reload_record {
	enum reload_result result;
	int64_t at_s;   /* Unix time of its end */
	double ms;      /* how long it took */
	char *findings; /* all of them, as printed; errors and warnings. NULL: none */
	uint64_t succeeded, failed; /* how many so far */
	int64_t success_s; /* Unix time of what is in force: the start, or a reload */
};

/* Begins zeroed, but for RELOADS_INIT. */
struct reloads {
	pthread_mutex_t mutex;
	struct reload_record last;
};
#define RELOADS_INIT .mutex = PTHREAD_MUTEX_INITIALIZER

/* The server has started with what is in force. */
void reloads_start(struct reloads *reloads);

/* One has ended; diags may be NULL. */
void reloads_note(struct reloads *reloads, bool good, double ms, struct diags *diags);

/* A copy of the last one; free() its findings. */
struct reload_record reloads_last(struct reloads *reloads);

void reloads_free(struct reloads *reloads); /* what it holds */

#endif
