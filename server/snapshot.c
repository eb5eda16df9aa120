/* SPDX-License-Identifier: MIT */
#include "server/snapshot.h"

#include <pthread.h>
#include <stdlib.h>

/* A table, and how many hold it. It stays in the list until the last one lets go. */
struct held {
	struct table *table;
	size_t holders; /* readers, and one for being in force */
	struct held *next;
};

struct snapshot {
	pthread_mutex_t mutex; /* held for a few instructions, never while a table is made
	                          or freed */
	struct held *in_force; /* first of the list */
};

static struct held *held_new(struct table *table)
{
	struct held *held = malloc(sizeof *held);
	if (held)
		*held = (struct held){table, 1, NULL};
	return held;
}

struct snapshot *snapshot_new(struct table *table)
{
	struct snapshot *snapshot = calloc(1, sizeof *snapshot);
	struct held *held = held_new(table);
	if (!snapshot || !held) {
		free(snapshot);
		free(held);
		return NULL;
	}
	pthread_mutex_init(&snapshot->mutex, NULL);
	snapshot->in_force = held;
	return snapshot;
}

const struct table *snapshot_acquire(struct snapshot *snapshot)
{
	pthread_mutex_lock(&snapshot->mutex);
	const struct table *table = snapshot->in_force->table;
	snapshot->in_force->holders++;
	pthread_mutex_unlock(&snapshot->mutex);
	return table;
}

/* Takes one hold off table. */
static void let_go(struct snapshot *snapshot, const struct table *table)
{
	pthread_mutex_lock(&snapshot->mutex);
	struct held *held = snapshot->in_force;
	while (held->table != table)
		held = held->next;
	held->holders--;
	pthread_mutex_unlock(&snapshot->mutex);
}

void snapshot_release(struct snapshot *snapshot, const struct table *table)
{
	let_go(snapshot, table);
}

/* Takes the tables that nobody holds any more out of the list. */
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
		table_free(unheld->table);
		free(unheld);
		unheld = next;
	}
	return left;
}

bool snapshot_swap(struct snapshot *snapshot, struct table *table)
{
	struct held *held = held_new(table);
	if (!held) {
		table_free(table);
		return false;
	}
	pthread_mutex_lock(&snapshot->mutex);
	held->next = snapshot->in_force;
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
	table_free(snapshot->in_force->table);
	free(snapshot->in_force);
	pthread_mutex_destroy(&snapshot->mutex);
	free(snapshot);
}
