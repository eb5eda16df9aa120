/* SPDX-License-Identifier: MIT */
/* probes.h - asks gateways whether they answer, and says which do not.
 *
 *     snapshot → table → a watch for each probed gateway → prober → damping
 *              → the configuration's health, which lookups read; the log; probes_visit()
 *
 * In a thread of its own, with sofia-sip's loop. At most PROBES_AT_ONCE gateways are
 * asked at a time; further ones wait for their turn. Starts and periods are jittered.
 */
#ifndef SERVER_PROBES_H
#define SERVER_PROBES_H

#include <stdint.h>

#include "server/snapshot.h"

#define PROBES_AT_ONCE 256

struct probes;

/* Without a thread: that starts when there is something to do. snapshot must outlive it.
 * NULL when out of memory. */
struct probes *probes_new(struct snapshot *snapshot);
void probes_free(struct probes *probes);

/* Another configuration is in force, or the first one: gateways that are in it as they
 * were go on as they are. False with errno set if the thread cannot be started. */
bool probes_adopt(struct probes *probes);

enum probe_state { PROBE_UNPROBED, PROBE_UP, PROBE_DOWN };

struct probe_view {
	struct slice name, uri; /* as written */
	enum probe_state state;
	int64_t since_s;        /* Unix time of the last change; 0: none yet */
	unsigned long rtt_us;   /* of the last answer; 0: none yet */
	const char *last_error; /* "" if the last probe was answered */
};

/* Shows all gateways that have names, in the file's order. From any thread; visit must
 * not block, for probes wait. */
void probes_visit(struct probes *probes,
                  void (*visit)(void *arg, const struct probe_view *view), void *arg);

#endif
