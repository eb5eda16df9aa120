/* SPDX-License-Identifier: MIT */
/* endpoint.h - a transport, an IP address and a port. */
#ifndef SERVER_ENDPOINT_H
#define SERVER_ENDPOINT_H

#include <stdint.h>
#include <sys/socket.h>

#include "rules/network.h"

enum transport { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS };

struct endpoint {
	enum transport transport;
	struct address address;
	uint16_t port; /* host byte order */
};

#define ENDPOINT_PORT     5060 /* of SIP, when none is given */
#define ENDPOINT_TLS_PORT 5061 /* of TLS: RFC 3261 19.1.2 */
#define ENDPOINT_TEXT_MAX 64

/* "udp:192.0.2.1:5060", "tls:[2001:db8::1]:5061"; the port may be left out (5060, for tls
 * 5061). Names are never looked up. On failure *why is a static text. */
bool endpoint_parse(struct slice text, struct endpoint *out, const char **why);

/* "192.0.2.1:9090" or "[2001:db8::1]:9090": the port must be there. The transport is
 * TRANSPORT_TCP. */
bool endpoint_parse_hostport(struct slice text, struct endpoint *out, const char **why);

/* The canonical form of the same; what a rule's `listener` is compared with. */
const char *endpoint_text(const struct endpoint *endpoint, char to[ENDPOINT_TEXT_MAX]);

/* "192.0.2.1:5060" or "[2001:db8::1]:5060", without the transport. */
const char *endpoint_hostport(const struct endpoint *endpoint,
                              char to[ENDPOINT_TEXT_MAX]);

/* From and to the kernel's form. A v4 address becomes AF_INET. */
bool endpoint_from_sockaddr(enum transport transport, const struct sockaddr *from,
                            struct endpoint *out);
socklen_t endpoint_to_sockaddr(const struct endpoint *endpoint,
                               struct sockaddr_storage *to);

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

const char *transport_name(enum transport transport); /* "UDP", as a Via says it */
bool transport_is_stream(enum transport transport);

#endif
