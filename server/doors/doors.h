/* SPDX-License-Identifier: MIT */
/* doors.h - all doors of the server together: opened at start, closed at the end.
 *
 *     datagram  UDP       settings' workers, each a thread
 *     stream    TCP, TLS  one thread
 *     agent     UDP, TCP  of profiles with `stack: nta`; settings' workers, each a thread
 */
#ifndef SERVER_DOORS_H
#define SERVER_DOORS_H

#include "server/operations/activation.h"
#include "server/operations/counters.h"
#include "server/sip/tag.h"
#include "server/snapshot.h"

struct doors;

/* What every door answers with; all of it must outlive the doors. */
struct answering {
	struct snapshot *snapshot;
	const struct tag_keys *keys;
	struct activation *activation; /* sockets that were passed; NULL: none */
	struct counterset *counterset; /* what is answered is counted there */
};

/* Opens every listener in force. NULL if one could not be opened, which has been
 * said on standard error. */
struct doors *doors_open(const struct answering *answering);
/* Opens those listeners of settings, which are to be in force, that are not open, without
 * answering there yet. False if one could not be opened, which is added to diags: then
 * none is. Listeners of nta are only opened at the start. */
bool doors_prepare(struct doors *doors, const struct settings *settings,
                   struct diags *diags);

/* Closes what doors_prepare() has opened. */
void doors_abandon(struct doors *doors);

/* Other settings are in force: answers on what doors_prepare() has opened, and closes
 * what is to be open no more. Listeners that stay are not touched: they lose nothing. */
void doors_adopt(struct doors *doors);

/* True once after many connections have ended: what they had can be given back. */
bool doors_have_emptied(struct doors *doors);

/* Has every thread show that it goes round its loop; and whether all have since. */
void doors_ring(struct doors *doors);
bool doors_have_answered(const struct doors *doors);

void doors_close(struct doors *doors);

#endif
