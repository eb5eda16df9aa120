/* SPDX-License-Identifier: MIT */
/* network.h - IP addresses and networks (CIDR), v4 and v6. */
#ifndef RULES_NETWORK_H
#define RULES_NETWORK_H

#include <stdint.h>

#include "rules/slice.h"

/* v4 addresses are kept as v4-mapped v6 (::ffff:a.b.c.d), so that one comparison serves
 * both and a v4 peer that comes in on a v6 socket is the same peer. */
struct address {
	uint8_t bytes[16];
};

struct network {
	struct address address; /* bits beyond the prefix are 0 */
	uint8_t bits;           /* 0..128, counted in the v6 form: a v4 /24 is 120 */
};

/* So 0.0.0.0/0 is every v4 address and no v6 one (bits 96), and ::/0 is every address
 * there is, v4 too. Networks that hold the same addresses are the same, whichever way
 * they are written: 192.0.2.0/24 and ::ffff:192.0.2.0/120. */

#define ADDRESS_TEXT_MAX 46 /* bytes of the longest text, the NUL included */

/* "192.0.2.1", "2001:db8::1" or "[2001:db8::1]". Names are never looked up; v4 is four
 * decimal numbers without leading zeros, nothing shorter. */
bool address_parse(struct slice text, struct address *out);

/* Canonical text (RFC 5952), v4 dotted, v6 without brackets. */
const char *address_text(const struct address *address, char to[ADDRESS_TEXT_MAX]);

bool address_is_v4(const struct address *address);
bool address_is_loopback(const struct address *address); /* 127.0.0.0/8 or ::1 */
bool address_is_any(const struct address *address);      /* 0.0.0.0 or :: */
bool address_equal(const struct address *a, const struct address *b);

/* How many of its first bytes tell one source from another: of a v6 address its /64,
 * where a host makes up the rest by itself (RFC 4291 2.5.1). That is not so below 2000::,
 * where v4 addresses are and those that NAT64 makes of them: all 16. */
size_t address_source_bytes(const struct address *address);

/* "10.0.0.0/8", "2001:db8::/32", or an address, which is a network of one. On failure
 * *why says what is wrong: "bits are set beyond the prefix" and the like; static text. */
bool network_parse(struct slice text, struct network *out, const char **why);
bool network_has(const struct network *network, const struct address *address);

/* True if every address of inner is in outer. */
bool network_covers(const struct network *outer, const struct network *inner);

#endif
