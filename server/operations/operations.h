/* SPDX-License-Identifier: MIT */
/* operations.h - what whoever runs the server may read of it, over HTTP.
 *
 *     /livez     200: the process is there
 *     /readyz    200, or 503 while it starts or drains: send calls elsewhere
 *     /metrics   counters and gauges, for Prometheus: exposition.h
 *     /status    all there is to know, as JSON: status.h
 */
#ifndef SERVER_OPERATIONS_H
#define SERVER_OPERATIONS_H

#include "server/operations/counters.h"
#include "server/operations/http.h"
#include "server/operations/probes.h"
#include "server/operations/reloads.h"
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
};

/* Starts the listener, as http_start() does. */
struct http *operations_start(struct operations *operations,
                              const struct settings *settings, struct diags *diags);

#endif
