/* SPDX-License-Identifier: MIT */
/* Takes the lines of the input for the names of a certificate, each with its kind before
 * it: whose it is, it is by a name that it has. */
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/trust/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                               \
	do {                                                                             \
		if (!(condition))                                                        \
			abort();                                                         \
	} while (0)

/* One peer with two names, and one that shares the second. */
static const struct slice names[] = {{"a.example", 9}, {"b.example", 9}};
static const struct peer peers[] = {{.tls_name_count = 2, .tls_names = names},
                                    {.tls_name_count = 1, .tls_names = &names[1]}};
static const struct peer *const both[] = {&peers[1], &peers[0]};
static const struct profile profile = {.peer_count = 2, .peers = both};

static void add_name(GENERAL_NAMES *all, char kind, struct slice text)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *string = ASN1_IA5STRING_new();
	REQUIRE(name && string);
	REQUIRE(ASN1_STRING_set(string, text.len ? text.at : "", (int)text.len));
	GENERAL_NAME_set0_value(name,
	                        kind == 'u'   ? GEN_URI
	                        : kind == 'd' ? GEN_DNS
	                                      : GEN_EMAIL,
	                        string);
	REQUIRE(sk_GENERAL_NAME_push(all, name));
}

static bool has_nocase(struct slice text, struct slice name)
{
	for (size_t i = 0; i + name.len <= text.len; i++)
		if (slice_equal_nocase((struct slice){text.at + i, name.len}, name))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = {(const char *)data, size};
	X509 *certificate = X509_new();
	GENERAL_NAMES *all = GENERAL_NAMES_new();
	REQUIRE(certificate && all);
	while (rest.len) {
		struct slice line = {rest.at, slice_find(rest, '\n')};
		if (line.len)
			add_name(all, line.at[0], slice_skip(line, 1));
		rest = slice_skip(rest, line.len + 1);
	}
	REQUIRE(X509_add1_ext_i2d(certificate, NID_subject_alt_name, all, 0, 0) == 1);
	const struct peer *peer = identity_of(&profile, certificate);
	struct slice text = {(const char *)data, size};
	REQUIRE(!peer || has_nocase(text, names[1]) ||
	        (peer == &peers[0] && has_nocase(text, names[0])));
	GENERAL_NAMES_free(all);
	X509_free(certificate);
	return 0;
}
