/* SPDX-License-Identifier: MIT */
/* activation.h - sockets that the service manager has opened for us, and holds while we
 * are started again: what comes meanwhile waits in them.
 *
 * The protocol is systemd's, sd_listen_fds(3): LISTEN_FDS descriptors from 3 on, meant
 * for the process LISTEN_PID, with the names LISTEN_FDNAMES. A socket is used by the
 * listener of the settings that has its address, port and kind; TLS is spoken on one for
 * TCP. Doors get duplicates, which they close as they like: the socket itself stays open
 * here and with the manager, so nothing that waits in it is lost.
 */
#ifndef SERVER_ACTIVATION_H
#define SERVER_ACTIVATION_H

#include <stdatomic.h>

#include "server/settings/settings.h"

/* One socket. */
struct passed {
	int fd;
	struct slice name;        /* escaped for the log */
	const char *useless;      /* why nobody can use it; NULL: somebody may */
	struct endpoint endpoint; /* TCP also stands for TLS */
	_Atomic uint32_t dropped; /* datagrams, by the kernel; as last told */
};

struct activation;

/* Takes its variables out of the environment, and the sockets. Call while there is one
 * thread. NULL if none were passed; more than LISTENS_MAX, or out of memory: a warning.
 */
struct activation *activation_take(void);
void activation_free(struct activation *activation);

/* The socket for listen; NULL: there is none. activation may be NULL. */
struct passed *activation_find(struct activation *activation,
                               const struct listen *listen);

/* A duplicate, which the caller closes; -1 with errno set. */
int passed_open(const struct passed *passed);

/* Logs the sockets that no listener of settings uses, and the listeners without one. */
void activation_report(struct activation *activation, const struct settings *settings);

#endif
