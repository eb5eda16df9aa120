/* SPDX-License-Identifier: MIT */
#include "server/trust/identity.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <strings.h>

static bool has_name(const struct peer *peer, struct slice name)
{
	for (size_t i = 0; i < peer->tls_name_count; i++)
		if (slice_equal_nocase(peer->tls_names[i], name))
			return true;
	return false;
}

static const struct peer *named(const struct profile *profile, struct slice name)
{
	for (size_t i = 0; i < profile->peer_count; i++)
		if (has_name(profile->peers[i], name))
			return profile->peers[i];
	return NULL;
}

static struct slice text_of(const ASN1_IA5STRING *string)
{
	return (struct slice){(const char *)ASN1_STRING_get0_data(string),
	                      (size_t)ASN1_STRING_length(string)};
}

/* "sip:example.com;x=y" -> "example.com". False: no identity. */
static bool sip_host(struct slice uri, struct slice *host)
{
	if (uri.len < 4 || strncasecmp(uri.at, "sip:", 4) != 0)
		return false;
	*host = slice_skip(uri, 4);
	if (slice_find(*host, '@') < host->len)
		return false;
	size_t end = 0;
	while (end < host->len && host->at[end] != ':' && host->at[end] != ';' &&
	       host->at[end] != '?')
		end++;
	host->len = end;
	return true;
}

const struct peer *identity_of(const struct profile *profile, const X509 *certificate)
{
	GENERAL_NAMES *names =
		X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	const struct peer *by_uri = NULL, *by_dns = NULL;
	struct slice host;
	bool sip = false;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type == GEN_URI &&
		    sip_host(text_of(name->d.uniformResourceIdentifier), &host)) {
			sip = true;
			if (!by_uri)
				by_uri = named(profile, host);
		} else if (name->type == GEN_DNS && !by_dns) {
			by_dns = named(profile, text_of(name->d.dNSName));
		}
	}
	GENERAL_NAMES_free(names);
	return sip ? by_uri : by_dns;
}

const struct peer *identity_peer(const struct profile *profile, const SSL *session,
                                 const struct peer *neighbour)
{
	const X509 *certificate = SSL_get0_peer_certificate(session);
	if (!certificate || SSL_get_verify_result(session) != X509_V_OK)
		return neighbour;
	const struct peer *peer = identity_of(profile, certificate);
	return peer || (neighbour && neighbour->tls_names) ? peer : neighbour;
}
