/* SPDX-License-Identifier: MIT */
#include "server/snapshot.h"

#include <pthread.h>
#include <stdlib.h>

/* A configuration, and how many hold it. It stays in the list until the last one lets go.
 */
struct held {
	struct configuration configuration; /* first: readers have a pointer to it */
	size_t holders;                     /* readers, and one for being in force */
	struct held *next;
};

struct snapshot {
	pthread_mutex_t mutex; /* held for a few instructions, never while one is made or
	                          freed */
	struct held *in_force; /* first of the list */
};

static struct held *held_new(const struct configuration *configuration,
                             unsigned long serial)
{
	struct held *held = malloc(sizeof *held);
	if (!held)
		return NULL;
	*held = (struct held){*configuration, 1, NULL};
	held->configuration.serial = serial;
	return held;
}

static void held_free(struct held *held)
{
	configuration_free(&held->configuration);
	free(held);
}

struct snapshot *snapshot_new(const struct configuration *configuration)
{
	struct snapshot *snapshot = calloc(1, sizeof *snapshot);
	struct held *held = held_new(configuration, 1);
	if (!snapshot || !held) {
		free(snapshot);
		free(held);
		return NULL;
	}
	pthread_mutex_init(&snapshot->mutex, NULL);
	snapshot->in_force = held;
	return snapshot;
}

const struct configuration *snapshot_acquire(struct snapshot *snapshot)
{
	pthread_mutex_lock(&snapshot->mutex);
	struct held *held = snapshot->in_force;
	held->holders++;
	pthread_mutex_unlock(&snapshot->mutex);
	return &held->configuration;
}

void snapshot_release(struct snapshot *snapshot,
                      const struct configuration *configuration)
{
	pthread_mutex_lock(&snapshot->mutex);
	struct held *held = snapshot->in_force;
	while (&held->configuration != configuration)
		held = held->next;
	held->holders--;
	pthread_mutex_unlock(&snapshot->mutex);
}

/* Takes those that nobody holds any more out of the list. */
static struct held *take_unheld(struct snapshot *snapshot, size_t *left)
{
	struct held *unheld = NULL;
	*left = 0;
	pthread_mutex_lock(&snapshot->mutex);
	struct held **link = &snapshot->in_force->next;
	while (*link) {
		struct held *held = *link;
		if (held->holders) {
			link = &held->next;
			++*left;
			continue;
		}
		*link = held->next;
		held->next = unheld;
		unheld = held;
	}
	pthread_mutex_unlock(&snapshot->mutex);
	return unheld;
}

size_t snapshot_reap(struct snapshot *snapshot)
{
	size_t left;
	struct held *unheld = take_unheld(snapshot, &left);
	while (unheld) {
		struct held *next = unheld->next;
		held_free(unheld);
		unheld = next;
	}
	return left;
}

bool snapshot_swap(struct snapshot *snapshot, const struct configuration *configuration)
{
	struct held *held = held_new(configuration, 0);
	if (!held)
		return false;
	pthread_mutex_lock(&snapshot->mutex);
	held->next = snapshot->in_force;
	held->configuration.serial = held->next->configuration.serial + 1;
	snapshot->in_force = held;
	held->next->holders--;
	pthread_mutex_unlock(&snapshot->mutex);
	return true;
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	snapshot_reap(snapshot);
	held_free(snapshot->in_force);
	pthread_mutex_destroy(&snapshot->mutex);
	free(snapshot);
}
