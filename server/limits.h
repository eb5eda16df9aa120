/* SPDX-License-Identifier: MIT */
/* limits.h - how much time and room streams are given: `limits` in signpost.yaml. */
#ifndef SERVER_LIMITS_H
#define SERVER_LIMITS_H

#include <stdbool.h>

struct load; /* rules/schema.h */
struct node;

#define LIMITS_DURATION_MAX    (24 * 3600 * 1000) /* ms */
#define LIMITS_CONNECTIONS_MAX 1000000
#define LIMITS_BACKLOG_MIN     4096
#define LIMITS_BACKLOG_MAX     (64 << 20)

struct limits {
	unsigned long handshake_ms; /* a TLS handshake, from accept to its end */
	unsigned long message_ms;   /* a message, from its first byte to its last */
	unsigned long idle_ms;      /* between two messages */
	unsigned long connections;  /* in all */
	unsigned long connections_per_source; /* of one address */
	unsigned long backlog; /* bytes of replies that wait for a peer to read them */
};

/* 5s, 5s, 5m, 10000, 200, 256K */
extern const struct limits limits_default;

/* Reads the mapping; what it does not name stays. False after an error. */
bool limits_read(struct load *load, const struct node *node, struct limits *limits);

#endif
