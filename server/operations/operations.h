/* SPDX-License-Identifier: MIT */
/* operations.h - what whoever runs the server may read of it, over HTTP.
 *
 *     /livez     200: the process is there
 *     /readyz    200, or 503 while it starts or drains: send calls elsewhere
 *     /metrics   counters and gauges, for Prometheus: exposition.h
 *     /status    all there is to know, as JSON: status.h
 *     /          the same for people: page.h
 */
#ifndef SERVER_OPERATIONS_H
#define SERVER_OPERATIONS_H

#include "server/operations/counters.h"
#include "server/operations/history.h"
#include "server/operations/http.h"
#include "server/operations/probes.h"
#include "server/operations/reloads.h"
#include "server/sip/tag.h"
#include "server/snapshot.h"

/* What the pages are made of. All of it outlives the listener. */
struct operations {
	struct snapshot *snapshot;
	struct probes *probes;
	struct registry *registry;
	struct counterset counterset;
	struct reloads *reloads;
	double start_s; /* Unix time */
	bool secret_made;
	const struct tag_keys *keys; /* those that calls are answered with */
	struct history *history;
};

/* Starts the listener, as http_start() does. */
struct http *operations_start(struct operations *operations,
                              const struct settings *settings, struct diags *diags);

/* Notes what has been answered in history. To be called more often than once a minute. */
void operations_note(const struct operations *operations);

#endif
