/* SPDX-License-Identifier: MIT */
/* realm.h - who has to prove to be who, and how: a profile's `auth` in signpost.yaml. */
#ifndef SERVER_REALM_H
#define SERVER_REALM_H

#include "server/trust/users.h"

#define REALM_NAME_MAX 128   /* bytes */
#define REALM_LIFE_MIN 10    /* seconds */
#define REALM_LIFE_MAX 86400 /* likewise */

struct realm {
	struct slice name;
	unsigned offered; /* algorithms, a bit each; the strongest is offered first */
	unsigned long nonce_life_s;
	bool binds_from;     /* a user calls as nobody else */
	struct users *users; /* freed by the owner of the profiles */
};

/* True if name can be a realm: 1 to REALM_NAME_MAX printable ASCII characters, no quote,
 * backslash and colon: it stands between quotes in a challenge, and before a colon in
 * what is hashed. */
bool realm_name_is_good(struct slice name);

/* Reads the mapping, and the users. False after an error. */
bool realm_read(struct load *load, const struct node *node, struct realm *realm);

#endif
