/* SPDX-License-Identifier: MIT */
/* limits.h - how much time and room streams are given, and what holds for all peers:
 * `limits` in signpost.yaml.
 *
 * With the fixed ones, all that a peer can make the server spend:
 *
 *     what                             how much, at most        and then
 *     a message                        MESSAGE_MAX, 65,535      413, closed; UDP: 400
 *     header fields of it              500                      400
 *     SCAN_FIELDS_MAX of them, 64      read in place            sofia-sip's parser
 *     a called user                    NUMBER_MAX, 1,024        414
 *     a digest's value                 DIGEST_BYTES_MAX, 4,096  as if it were bad
 *     steps of a regex                 pattern.h                500
 *     Contacts                         DECISION_TARGETS_MAX, 10 the worst are left out
 *     a reply                          REPLY_MAX, 65,507        none, and a warning
 *     datagrams that wait              the kernel's buffer      lost, and a warning
 *     read of a stream, not yet used   a message, and one read  413, closed
 *     replies that a peer leaves       backlog                  closed
 *     a handshake, a message, silence  handshake, message, idle closed
 *     a TLS client's hello, its chain  128 KB, CLIENT_CHAIN_MAX closed
 *     connections, of one source       connections, ..._source  closed, unread
 *     of one peer, if there are others three quarters of all    closed, unread
 *     handshakes of strangers          10/s a source, 200/s     closed, unread
 *     strangers in a TLS handshake     a quarter of connections the oldest is closed
 *     descriptors                      RLIMIT_NOFILE            none accepted for a while
 *     requests                         rate, per_source         503, or dropped
 *     sources told apart (buckets.h)   8,192 busy ones a peer   they share a bucket
 *     lines of the log that wait       RING_BYTES, 1 MB         dropped, and counted
 *     memory                           the machine's            the connection is closed
 *
 * A plain request over UDP needs no memory: its workers have theirs from the start; of
 * another that lacks some there is no answer, or 400 or 500. Over TLS a call
 * may wait for some, until the connection's time is up. A TLS handshake holds some 45 KB,
 * and 180 KB with the longest hello, which is OpenSSL's limit. SECURITY.md names the test
 * of each. What the files of a routing table may take is said in rules/table.h; beyond
 * these there is an error, too, and what is in force stays:
 *
 *     the settings, and what is kept       SETTINGS_BYTES_MAX, 16 MB each
 *     a file of users, and what is kept    USERS_BYTES_MAX, 512 MB each
 */
#ifndef SERVER_LIMITS_H
#define SERVER_LIMITS_H

#include <stdbool.h>

struct load; /* rules/schema.h */
struct node;
struct rate; /* quota.h */

#define LIMITS_DURATION_MAX    (24 * 3600 * 1000) /* ms */
#define LIMITS_CONNECTIONS_MAX 1000000
#define LIMITS_BACKLOG_MIN     4096
#define LIMITS_BACKLOG_MAX     (64 << 20)

struct limits {
	unsigned long handshake_ms; /* a TLS handshake, from accept to its end */
	unsigned long message_ms;   /* a message, from its first byte to its last */
	unsigned long idle_ms;      /* between two messages */
	unsigned long connections;  /* in all */
	unsigned long connections_per_source; /* of a v4 address, or a v6 /64 */
	unsigned long spoofable_v4; /* prefix lengths: peers of wider networks are */
	unsigned long spoofable_v6;
	unsigned long backlog; /* bytes of replies that wait for a peer to read them */
};

/* 5s, 5s, 5m, 10000, 200, 256K */
extern const struct limits limits_default;

/* Reads the mapping; `rate` and `burst` go to rate. What it does not name stays. False
 * after an error. */
bool limits_read(struct load *load, const struct node *node, struct limits *limits,
                 struct rate *rate);

#endif
