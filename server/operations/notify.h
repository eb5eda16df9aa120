/* SPDX-License-Identifier: MIT */
/* notify.h - tells the service manager how the server is, as sd_notify(3) does.
 *
 * The protocol is a datagram of lines KEY=VALUE to the Unix socket that the environment
 * variable NOTIFY_SOCKET names: a path, or @ and an abstract name. With WATCHDOG_USEC the
 * manager restarts a server that it has not heard of for so long.
 *
 *     READY=1                         all addresses are open; a reload is over
 *     RELOADING=1 MONOTONIC_USEC=...  a reload begins
 *     STOPPING=1                      the end begins, and with EXTEND_TIMEOUT_USEC how
 *                                     long it may take
 *     WATCHDOG=1                      every thread that answers goes round its loop
 *     STATUS=...                      for people: what `systemctl status` shows
 *
 * For the main thread. A manager that does not listen is waited for a second at most, and
 * then does not get to know.
 */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

#include <stdbool.h>

struct notify;

/* Takes its variables out of the environment. Call while there is one thread, and before
 * the sandbox is entered. NULL if there is no manager to tell, or its socket cannot be
 * used, which is a warning. All others do nothing with NULL. */
struct notify *notify_open(void);
void notify_close(struct notify *notify);

/* status: one line */
void notify_ready(const struct notify *notify, const char *status);
void notify_reloading(const struct notify *notify);

/* It may take so long. */
void notify_stopping(const struct notify *notify, unsigned long drain_ms);

/* How often notify_alive() is to be called: twice in the time that the manager waits. 0:
 * it does not. */
unsigned long notify_alive_ms(const struct notify *notify);
void notify_alive(const struct notify *notify);

#endif
