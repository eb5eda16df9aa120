/* SPDX-License-Identifier: MIT */
/* users.h - the users of a realm, from a file of their own.
 *
 *     alice: {password: open sesame}
 *     bob: {ha1_sha256: 1f…, ha1_md5: 8d…}     # as `signpost passwd` prints them
 *     carol: open sesame
 *
 * Only hashes are kept (RFC 7616 3.4.2: H(user:realm:password)); passwords are wiped when
 * the file has been read, also if it is bad, hashes when the users are freed. The
 * beginning of a password may stay, see document_read_secret(): entries with hashes are
 * better.
 */
#ifndef SERVER_USERS_H
#define SERVER_USERS_H

#include "server/trust/hasher.h"

struct load; /* rules/schema.h */
struct node;

#define USER_NAME_MAX  128 /* bytes */
#define USER_BYTES_MAX 256 /* of a password */

struct user {
	struct slice name;
	struct slice caller; /* as a caller's number would be seen by rules */
	char ha1[DIGEST_ALGORITHMS][HASH_TEXT_MAX]; /* empty: not with this algorithm */
};

struct users;

/* Reads path; node, whose path it is, gets the finding that everybody can read it. Each
 * user must have a hash for one of the algorithms in offered, a bit each. NULL after an
 * error; findings go to load->diags. */
struct users *users_load(struct load *load, const struct node *node, const char *path,
                         struct slice realm, unsigned offered);
void users_free(struct users *users);

/* NULL: there is no such user. */
const struct user *users_find(const struct users *users, struct slice name);
size_t users_count(const struct users *users);

/* True if a user may be called name: 1 to USER_NAME_MAX bytes of UTF-8 without control
 * characters and colons, for which the hash has another use. */
bool users_name_is_good(struct slice name);

#endif
