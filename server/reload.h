/* SPDX-License-Identifier: MIT */
/* reload.h - puts new settings, a new routing table and new certificates in place of
 * those in force, if all of them are good. */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include "server/doors/doors.h"
#include "server/operations/http.h"
#include "server/operations/probes.h"
#include "server/operations/registry.h"
#include "server/operations/reloads.h"
#include "server/snapshot.h"

/* What is to follow a new configuration; and who looks on: he is called now and then
 * while files are read, which may take seconds. */
struct followers {
	struct doors *doors;
	struct http *http;
	struct probes *probes;
	struct registry *registry;
	struct reloads *reloads; /* told of the outcome */
	void (*on_progress)(void *arg);
	void *arg;
};

/* Reads, validates and compiles beside what is in force, opens the listeners that are
 * new, then swaps one pointer, and closes the listeners that are to be open no more. Any
 * error keeps all as it is. keys have been drawn at the start; that the secret is another
 * now is a warning. Findings and the outcome are printed: how many rules,
 * gateways, groups and listeners before and after, and how long it took. Returns whether
 * it was exchanged. */
bool reload(struct snapshot *snapshot, struct followers *followers,
            const struct tag_keys *keys);

#endif
