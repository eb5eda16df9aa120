/* SPDX-License-Identifier: MIT */
/* agent.h - the door that sofia-sip's nta agent keeps: UDP and TCP, v4 and v6.
 *
 * nta receives, frames and sends; what it is shown is always in order (message.h), so it
 * answers nothing by itself. One thread has an agent for each listener.
 */
#ifndef SERVER_AGENT_H
#define SERVER_AGENT_H

#include "server/bell.h"
#include "server/doors/door.h"

struct agent;

/* Starts a thread that listens on those of settings' addresses that are this door's and
 * answers with redirect, which it uses alone. Returns when all are bound. share: other
 * workers bind the same addresses. NULL if that failed: *failed is the listener that
 * could not be bound (NULL: no thread) and *error the errno. */
struct agent *agent_start(const struct settings *settings, struct redirect *redirect,
                          bool share, const struct listen **failed, int *error);

/* Its thread's. */
struct bell *agent_bell(struct agent *agent);

/* Closes the listeners, ends the thread and frees agent. */
void agent_stop(struct agent *agent);

#endif
