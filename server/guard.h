/* SPDX-License-Identifier: MIT */
/* guard.h - what sofia-sip's transports may not do behind our back.
 *
 * The library calls these through the dynamic linker, so a function of the same name in
 * the program is called in its place:
 *
 *     getaddrinfo  numeric addresses only: no name is ever looked up on a peer's behalf
 *     bind         v6 sockets carry v6 only; several workers share a port; a datagram
 * that does not begin like SIP (STUN, SigComp) is dropped by the kernel msg_next     the
 * next message on a stream has the same size limit as the first
 */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include <stdbool.h>

/* Redirects the library's log to ours, flood-limited, and raises the limit of open files
 * to the hard one, so that connections do not use it up. Call once, before any thread
 * starts. */
void guard_init(void);

/* Sockets bound from now on by this thread may share their port with those of other
 * workers. */
void guard_share_ports(bool share);

#endif
