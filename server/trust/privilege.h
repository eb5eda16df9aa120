/* SPDX-License-Identifier: MIT */
/* privilege.h - what the process may do: to open its sockets a little, to serve nothing.
 *
 *     start          root, or any user: then only the lines with a * apply
 *     the settings   are read for `user` and `group` only; if that fails it ends
 *     that user      privilege_lower(): becomes it; of root's capabilities it keeps
 *                    CAP_NET_BIND_SERVICE, and CAP_NET_ADMIN for large receive buffers
 *     all files      are read as that user, as they will be on SIGHUP
 *     threads      * before there is one, privilege_fix(): no new privileges; each then
 *                    privilege_renounce(): none of the capabilities, for ever
 *     doors open     privilege_settle(): the main thread keeps CAP_NET_BIND_SERVICE if it
 *                    listens on a port below 1024, and nothing else
 *
 * One that is not started as root but was given capabilities (systemd's
 * AmbientCapabilities=) keeps them in its main thread.
 */
#ifndef SERVER_PRIVILEGE_H
#define SERVER_PRIVILEGE_H

#include "rules/diags.h"
#include "server/settings/settings.h"

bool privilege_is_root(void);

/* Root becomes account's user and group (without one: the user's own), for ever. Nothing
 * happens if it names no user. Call while there is one thread. False after an error,
 * which stands where the name does. */
bool privilege_lower(const struct account *account, struct diags *diags);

/* No program that is started could have more privileges than this process, nor could any
 * thread that begins later. False with errno set if the kernel refuses. */
bool privilege_fix(void);

/* For a thread: gives up every capability. Call first. */
void privilege_renounce(void);

/* For the main thread; low_ports: it may have to open such a port again. False with errno
 * set if the kernel refuses. */
bool privilege_settle(bool low_ports);

#endif
