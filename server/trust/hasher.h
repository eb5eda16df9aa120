/* SPDX-License-Identifier: MIT */
/* hasher.h - the hashes of digest authentication, by OpenSSL.
 *
 * One for each thread; everything that it could keep of a secret is wiped. A hash fails
 * only for want of memory, or if the system's OpenSSL has no such algorithm.
 */
#ifndef SERVER_HASHER_H
#define SERVER_HASHER_H

#include "server/trust/digest.h"

#define HASH_TEXT_MAX    65 /* bytes of a hash in hex, and a NUL */
#define HASHER_KEY_BYTES 32
#define HASHER_MAC_BYTES 32

struct hasher;
struct hasher *hasher_new(void); /* NULL: out of memory, or OpenSSL has no such hashes */
void hasher_free(struct hasher *hasher);

/* RFC 7616 3.4.2: H(username:realm:password), in hex. */
bool hasher_ha1(struct hasher *hasher, enum digest_algorithm algorithm,
                struct slice username, struct slice realm, struct slice password,
                char ha1[HASH_TEXT_MAX]);

/* RFC 7616 3.4.1 with qop=auth, the one that is offered:
 * H(HA1:nonce:nc:cnonce:qop:H(method:uri)), in hex. */
bool hasher_response(struct hasher *hasher, enum digest_algorithm algorithm,
                     const char *ha1, const struct digest *digest, struct slice method,
                     char response[HASH_TEXT_MAX]);

/* HMAC-SHA256 over texts, each with its length before it. */
bool hasher_mac(struct hasher *hasher, const unsigned char key[HASHER_KEY_BYTES],
                const struct slice *texts, size_t count,
                unsigned char mac[HASHER_MAC_BYTES]);

/* How many hashes and MACs have been made: what an answer costs, and tells by its time.
 */
size_t hasher_count(const struct hasher *hasher);

#endif
