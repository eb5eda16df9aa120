/* SPDX-License-Identifier: MIT */
/* certificates.h - the certificates for TLS.
 *
 * TLS 1.2 and 1.3; no renegotiation, no compression, no session tickets: a stranger to a
 * session cannot make the server keep or work more than one handshake's worth. New
 * sessions use the newest files; those that live on keep what they began with. Read-only,
 * so several threads may use it at once. OpenSSL's error queue is left empty by every
 * function.
 */
#ifndef SERVER_CERTIFICATES_H
#define SERVER_CERTIFICATES_H

#include <openssl/types.h>

#include "server/settings/settings.h"

struct certificates;

/* Bytes of all certificates that a client shows; room for as many is made when it says
 * how many come. */
#define CLIENT_CHAIN_MAX (16 * 1024)

/* What a profile wants of a client, as a hash: the profile's name, `verify`, and who may
 * sign. Where it is another one, what a client has shown says nothing. */
struct demand {
	unsigned char hash[32];
};

/* Reads the files of every profile that listens on TLS; there may be none. Adds every
 * fault found to diags; NULL if any is an error. settings must outlive it. */
struct certificates *certificates_new(const struct settings *settings,
                                      struct diags *diags);
void certificates_free(struct certificates *certificates);

/* How many profiles have TLS. */
size_t certificates_count(const struct certificates *certificates);

/* Of profile, which has TLS. */
const struct demand *certificates_demand(const struct certificates *certificates,
                                         const struct profile *profile);

/* For a connection to a listener of profile, which has TLS. NULL when out of memory. */
SSL *certificates_session(const struct certificates *certificates,
                          const struct profile *profile);

#endif
