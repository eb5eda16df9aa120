/* SPDX-License-Identifier: MIT */
/* credentials.h - what a profile shows to TLS peers and wants to see of them: its `tls`
 * in signpost.yaml. The files named here are read by certificates.h. */
#ifndef SERVER_CREDENTIALS_H
#define SERVER_CREDENTIALS_H

#include "rules/diags.h"
#include "rules/slice.h"

struct load; /* rules/schema.h */
struct node;

#define CIPHERS_MAX 1000 /* bytes */

enum verify {
	VERIFY_NONE,     /* no certificate is asked for */
	VERIFY_OPTIONAL, /* asked for; one that is sent must be good */
	VERIFY_REQUIRED,
};

/* A file, and where it is named. */
struct named_file {
	const char *path; /* NULL: not given */
	struct position position;
};

struct credentials {
	struct position position;      /* of the mapping */
	struct named_file certificate; /* PEM: our own first, then those that signed it */
	struct named_file key;         /* PEM, not encrypted; may be the same file */
	struct named_file client_ca;   /* PEM: who signs the certificates of clients */
	enum verify verify;
	struct slice
		ciphers; /* names with colons between them; empty: OpenSSL's choice */
	struct position ciphers_position;
};

/* Reads the mapping. False after an error. */
bool credentials_read(struct load *load, const struct node *node,
                      struct credentials *credentials);

#endif
