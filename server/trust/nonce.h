/* SPDX-License-Identifier: MIT */
/* nonce.h - what a client has to put into its hash: a time that we have signed, so that
 * nothing has to be kept (RFC 7616 3.3).
 *
 *     6921cd98 3f1c…  when, in 8 hex digits │ HMAC-SHA256, its first 16 bytes
 *
 * Signed with a key of the secret are the time, the profile, the realm and the address
 * that asked: it is good nowhere else. Every replica with the same secret knows it.
 *
 * The time is rounded down to NONCE_STEP_S, so that most retransmissions of a request,
 * the first of which come after 0.5, 1.5 and 3.5 seconds, get the same challenge as the
 * request did. Without state that cannot be so for all; either nonce is good.
 */
#ifndef SERVER_NONCE_H
#define SERVER_NONCE_H

#include <stdint.h>

#include "rules/network.h"
#include "server/trust/hasher.h"

#define NONCE_STEP_S   8
#define NONCE_TEXT_MAX 41

/* What a nonce is good for. */
struct nonce_scope {
	struct slice profile, realm;
	struct address source;
};

/* False if the hasher fails. now_s: Unix time. */
bool nonce_make(struct hasher *hasher, const unsigned char key[HASHER_KEY_BYTES],
                const struct nonce_scope *scope, int64_t now_s, char to[NONCE_TEXT_MAX]);

enum nonce_state {
	NONCE_GOOD,
	NONCE_OLD,     /* beyond life_s, or of a future that no replica's clock shows */
	NONCE_FOREIGN, /* not ours, or made for others */
};

/* Looks at a nonce that came; it is good for life_s at least, and NONCE_STEP_S longer at
 * most. Always makes one MAC. False if the hasher fails. */
bool nonce_check(struct hasher *hasher, const unsigned char key[HASHER_KEY_BYTES],
                 const struct nonce_scope *scope, int64_t now_s, unsigned long life_s,
                 struct slice nonce, enum nonce_state *state);

#endif
