/* SPDX-License-Identifier: MIT */
/* guard.h - what sofia-sip's transports may not do behind our back.
 *
 * The library calls these through the dynamic linker, so a function of the same name in
 * the program is called in its place:
 *
 *     getaddrinfo      numeric addresses only: no name is looked up on a peer's behalf
 *     bind             v6 sockets carry v6 only; several workers share a port; a datagram
 *                      that does not begin like SIP (STUN, SigComp) is dropped by the
 *                      kernel
 *     accept           a stranger's connection is closed at once: it hears nothing, not
 *                      even the answer to a ping, and takes up no descriptor
 *     recvmsg          a stranger's datagram is dropped before it is parsed
 *     su_getmsgsize    a stream is read in pieces: more at once than one message may have
 *                      is refused, though it may be many messages
 *     msg_next         each message on a stream has the size limit
 *     msg_recv_commit  a NUL becomes a blank: the parser takes one for the end of all,
 *                      but a quoted pair may hold it (RFC 4475 3.1.1.2)
 *     msg_find_hclass  every header line is handed to our message class, bad ones as well
 *     su_time          is the clock of clock.h: timers and transactions neither stand
 *                      still nor jump when somebody sets the time of day
 */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include <stdbool.h>
#include <sys/socket.h>

/* Redirects the library's log to ours, flood-limited, and raises the limit of open files
 * to the hard one, so that connections do not use it up. Call once, before any thread
 * starts. */
void guard_init(void);

/* Sockets bound from now on by this thread may share their port with those of other
 * workers. */
void guard_share_ports(bool share);

/* Datagram sockets bound from now on by this thread take nothing but answers, and streams
 * are given up when the peer acknowledges nothing for five seconds: for clients. */
void guard_only_answers(bool only);

/* Connections that this thread accepts, and datagrams that it receives, from now on are
 * only kept if admits says so; fd is the socket that they came in by. */
typedef bool guard_admits(void *arg, int fd, bool stream, const struct sockaddr *source);
void guard_ask(guard_admits *admits, void *arg);

#endif
