/* SPDX-License-Identifier: MIT */
/* challenge.h - is a caller who he says he is? Digest authentication of a request by the
 * realm of its profile (RFC 3261 22, RFC 7616, RFC 8760), without state.
 *
 * An unknown user costs the same hashes as a known one with a wrong password, and gets
 * the same answer. Replays are possible as long as a nonce lives, from the same address
 * and for the same called user: only a server with state could count them (nc).
 */
#ifndef SERVER_CHALLENGE_H
#define SERVER_CHALLENGE_H

#include <stdio.h>

#include "server/sip/request.h"
#include "server/sip/tag.h"
#include "server/trust/hasher.h"

enum identity {
	IDENTITY_PROVEN,
	IDENTITY_MISSING,   /* no credentials for this realm */
	IDENTITY_WRONG,     /* no such user, or not his password: the same */
	IDENTITY_OLD,       /* right, but with a nonce that is no longer or never was
	                       good here */
	IDENTITY_BROKEN,    /* parameters are missing or improper (RFC 7616 3.4) */
	IDENTITY_ELSEWHERE, /* right, but for another called user (RFC 7616 3.4.6) */
	IDENTITY_FAILED,    /* no memory */
};

/* Looks at the first CHALLENGE_DIGESTS_MAX Authorization fields of the realm of arrival's
 * profile, which has one: one that proves who he is is enough, else it is as the first
 * says, or IDENTITY_OLD if it is any of them. *user is set if the identity is proven. */
#define CHALLENGE_DIGESTS_MAX DIGEST_ALGORITHMS /* a client may answer all on offer */
enum identity challenge_check(struct hasher *hasher, const struct tag_keys *keys,
                              const struct request *request,
                              const struct arrival *arrival, int64_t now_s,
                              const struct user **user);

/* Writes a WWW-Authenticate line for each algorithm on offer, the strongest first (RFC
 * 8760 2.3). stale: only the nonce was not good, so nobody has to be asked for the
 * password again. Empty if the hasher fails. */
#define CHALLENGE_TEXT_MAX 640
struct slice challenge_write(struct hasher *hasher, const struct tag_keys *keys,
                             const struct arrival *arrival, int64_t now_s, bool stale,
                             char to[CHALLENGE_TEXT_MAX]);

/* Writes the Authorization line with which user would answer that challenge. False if the
 * hasher fails. */
bool challenge_answer(struct hasher *hasher, const struct tag_keys *keys,
                      const struct arrival *arrival, int64_t now_s,
                      const struct user *user, struct slice method, struct slice uri,
                      FILE *to);

#endif
