/* SPDX-License-Identifier: MIT */
/* doors.h - all doors of the server together: opened at start, closed at the end.
 *
 *     datagram  UDP       settings' workers, each a thread
 *     stream    TCP, TLS  one thread
 *     agent     UDP, TCP  of profiles with `stack: nta`; settings' workers, each a thread
 */
#ifndef SERVER_DOORS_H
#define SERVER_DOORS_H

#include "server/certificates.h"
#include "server/settings.h"
#include "server/snapshot.h"
#include "server/tag.h"

struct doors;

/* What every door answers with; all of it must outlive the doors. */
struct answering {
	const struct settings *settings;
	struct snapshot *snapshot;
	const struct tag_keys *keys;
	struct certificates *certificates;
};

/* Opens every listener of the settings. NULL if one could not be opened, which has been
 * said on standard error. */
struct doors *doors_open(const struct answering *answering);
void doors_close(struct doors *doors);

#endif
