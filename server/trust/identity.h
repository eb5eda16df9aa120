/* SPDX-License-Identifier: MIT */
/* identity.h - whose a TLS client's certificate is.
 *
 * The SIP identities of a certificate are, as RFC 5922 7.1 says, the hosts of the URIs in
 * its subjectAltName that are sip: without a user part, and only if there are none, its
 * DNS names. They are compared as names without case, and a wildcard is nobody's (7.2).
 * The subject's CN, which may count where there is no subjectAltName, does not here.
 */
#ifndef SERVER_IDENTITY_H
#define SERVER_IDENTITY_H

#include <openssl/types.h>

#include "server/settings/settings.h"

/* Whose session is: of the peer of profile that has the name of the certificate that the
 * client has shown and that has been verified; of several the first. If nobody has, or
 * there is none, it is neighbour's, the peer of its network (NULL: a stranger's), but for
 * a certificate that should have had a name of neighbour's and does not (RFC 5922 7).
 * NULL: nobody's. */
const struct peer *identity_peer(const struct profile *profile, const SSL *session,
                                 const struct peer *neighbour);

/* The same for a certificate that is known to be good. */
const struct peer *identity_of(const struct profile *profile, const X509 *certificate);

#endif
