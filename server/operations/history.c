/* SPDX-License-Identifier: MIT */
#include "server/operations/history.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "server/operations/json.h"

struct history {
	pthread_mutex_t lock;
	int64_t newest; /* minute */
	size_t known;   /* minutes, the newest included; 0: none has been noted */
	uint64_t totals[HISTORY_STATUSES];
	/* By minute % HISTORY_MINUTES. More than 2^32 answers a minute are not to be had.
	 */
	uint32_t counts[HISTORY_MINUTES][HISTORY_STATUSES];
};

struct history *history_new(void)
{
	struct history *history = calloc(1, sizeof *history);
	if (history)
		pthread_mutex_init(&history->lock, NULL);
	return history;
}

void history_free(struct history *history)
{
	if (!history)
		return;
	pthread_mutex_destroy(&history->lock);
	free(history);
}

static uint32_t *counts_of(struct history *history, int64_t minute)
{
	return history->counts[minute % HISTORY_MINUTES];
}

static void turn_to(struct history *history, int64_t minute)
{
	if (minute - history->newest > HISTORY_MINUTES)
		history->newest = minute - HISTORY_MINUTES;
	while (history->newest < minute) {
		history->newest++;
		memset(counts_of(history, history->newest), 0, sizeof history->counts[0]);
		if (history->known < HISTORY_MINUTES)
			history->known++;
	}
}

void history_note(struct history *history, const uint64_t totals[HISTORY_STATUSES],
                  int64_t minute)
{
	pthread_mutex_lock(&history->lock);
	if (!history->known)
		history->newest = minute - 1;
	turn_to(history, minute);
	uint32_t *counts = counts_of(history, history->newest);
	for (size_t i = 0; i < HISTORY_STATUSES; i++)
		if (totals[i] > history->totals[i]) {
			counts[i] += (uint32_t)(totals[i] - history->totals[i]);
			history->totals[i] = totals[i];
		}
	pthread_mutex_unlock(&history->lock);
}

static bool has_any(struct history *history, size_t status)
{
	for (size_t i = 0; i < history->known; i++)
		if (counts_of(history, history->newest - (int64_t)i)[status])
			return true;
	return false;
}

static void write_minute(struct json *json, const uint32_t *counts,
                         const bool any[HISTORY_STATUSES])
{
	json_array(json, NULL);
	for (size_t i = 0; i < HISTORY_STATUSES; i++)
		if (any[i])
			json_count(json, NULL, counts[i]);
	json_end(json);
}

void history_write(struct history *history, FILE *to)
{
	struct json json = {.to = to};
	bool any[HISTORY_STATUSES];
	pthread_mutex_lock(&history->lock);
	json_object(&json, NULL);
	json_array(&json, "statuses");
	for (size_t i = 0; i < HISTORY_STATUSES; i++) {
		any[i] = has_any(history, i);
		if (any[i])
			json_count(&json, NULL, 200 + i);
	}
	json_end(&json);
	json_array(&json, "minutes");
	for (size_t i = history->known; i > 0; i--)
		write_minute(&json, counts_of(history, history->newest + 1 - (int64_t)i),
		             any);
	json_end(&json);
	json_end(&json);
	putc('\n', to);
	pthread_mutex_unlock(&history->lock);
}
