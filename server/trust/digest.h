/* SPDX-License-Identifier: MIT */
/* digest.h - what a client says who it is with: an Authorization header field of the
 * Digest scheme, taken apart (RFC 3261 25.1, RFC 7616 3.4, RFC 8760 2.7).
 *
 *     Digest username="alice", realm="example.net", nonce="…", uri="sip:…",
 *            algorithm=SHA-256, response="…", qop=auth, nc=00000001, cnonce="…"
 *
 * Strict, bounded, and without memory of its own: pieces point into the value.
 */
#ifndef SERVER_DIGEST_H
#define SERVER_DIGEST_H

#include "rules/slice.h"

#define DIGEST_BYTES_MAX  4096 /* of a value */
#define DIGEST_PARAMS_MAX 32

/* In the order of preference, as they are offered. */
enum digest_algorithm { DIGEST_SHA256, DIGEST_MD5, DIGEST_ALGORITHMS };

/* Texts between quotes, escapes and all; they go into hashes as they are. A parameter
 * that is missing has at == NULL. */
struct digest {
	struct slice username, realm, nonce, uri, response, algorithm, cnonce, qop, nc;
};

/* Reads value. False if it is of another scheme, broken, too long, or names one of the
 * parameters above twice. Further ones are skipped: username* and userhash (RFC 7616 3.4)
 * are not offered. */
bool digest_read(struct slice value, struct digest *digest);

/* A quoted text without its escapes; those are undone in buffer. False if it is longer
 * than size. */
bool digest_unescape(struct slice quoted, char *buffer, size_t size, struct slice *out);

/* The algorithm that is meant; without a name MD5 (RFC 7616 3.4). False: none of ours. */
bool digest_algorithm(struct slice name, enum digest_algorithm *out);

/* "SHA-256", "MD5"; and how many bytes a hash has. */
const char *digest_algorithm_name(enum digest_algorithm algorithm);
size_t digest_algorithm_bytes(enum digest_algorithm algorithm);

/* Reads hex digits, of either case. False unless they are exactly len bytes. */
bool digest_unhex(struct slice hex, unsigned char *to, size_t len);

/* Writes 2 * len lower-case hex digits and a NUL. */
void digest_hex(const unsigned char *bytes, size_t len, char *to);

#endif
