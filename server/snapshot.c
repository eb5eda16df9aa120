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

/* Takes one hold off table; frees it outside the lock if that was the last. */
static void let_go(struct snapshot *snapshot, const struct table *table)
{
	struct held *last = NULL;
	pthread_mutex_lock(&snapshot->mutex);
	struct held **link = &snapshot->in_force;
	while ((*link)->table != table)
		link = &(*link)->next;
	if (--(*link)->holders == 0) {
		last = *link;
		*link = last->next;
	}
	pthread_mutex_unlock(&snapshot->mutex);
	if (last)
		table_free(last->table);
	free(last);
}

void snapshot_release(struct snapshot *snapshot, const struct table *table)
{
	let_go(snapshot, table);
}

bool snapshot_swap(struct snapshot *snapshot, struct table *table)
{
	struct held *held = held_new(table);
	if (!held) {
		table_free(table);
		return false;
	}
	pthread_mutex_lock(&snapshot->mutex);
	const struct table *old = snapshot->in_force->table;
	held->next = snapshot->in_force;
	snapshot->in_force = held;
	pthread_mutex_unlock(&snapshot->mutex);
	let_go(snapshot, old);
	return true;
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	let_go(snapshot, snapshot->in_force->table);
	pthread_mutex_destroy(&snapshot->mutex);
	free(snapshot);
}
