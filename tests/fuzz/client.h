/* SPDX-License-Identifier: MIT */
/* client.h - the users that a fuzzer's server knows, and what they can answer to its
 * challenges: hashed here, not by what is tested. */
#ifndef TESTS_FUZZ_CLIENT_H
#define TESTS_FUZZ_CLIENT_H

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "server/trust/digest.h"

#define CLIENT_REALM "example.net"

/* users.yaml: one with both hashes, two with one each, one whose name needs escapes. */
static const char client_users[] =
	"alice: open sesame\n"
	"bob: {ha1_md5: 41fa31777b3d141bd9775d255dbf9b07}\n"
	"carol: {ha1_sha256: "
	"741b70312eb121685cf92a6eebdf9a4c7d183044fc3754ae34700f8fd985a23f}\n"
	"'a\"b\\c': secret\n";

struct client {
	const char *name, *password;
	unsigned algorithms; /* a bit each */
};

static const struct client clients[] = {
	{"alice", "open sesame", 1u << DIGEST_SHA256 | 1u << DIGEST_MD5},
	{"bob", "bob's", 1u << DIGEST_MD5},
	{"carol", "carol's", 1u << DIGEST_SHA256},
	{"a\"b\\c", "secret", 1u << DIGEST_SHA256 | 1u << DIGEST_MD5},
};
#define CLIENTS (sizeof clients / sizeof clients[0])

/* H(a:b:…) in hex. */
static inline void client_hash(enum digest_algorithm algorithm, const struct slice *texts,
                               size_t count, char hex[65])
{
	const EVP_MD *const digests[] = {
		[DIGEST_SHA256] = EVP_sha256(), [DIGEST_MD5] = EVP_md5()};
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_DigestInit_ex(context, digests[algorithm], NULL);
	for (size_t i = 0; i < count; i++) {
		EVP_DigestUpdate(context, ":", i > 0);
		EVP_DigestUpdate(context, texts[i].at, texts[i].len);
	}
	EVP_DigestFinal_ex(context, bytes, &len);
	EVP_MD_CTX_free(context);
	for (unsigned i = 0; i < len; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
}

/* RFC 7616 3.4.1, 3.4.2 and 3.4.3, with qop=auth. */
static inline void client_response(const struct client *client, const char *password,
                                   enum digest_algorithm algorithm,
                                   const struct digest *digest, struct slice method,
                                   char hex[65])
{
	char ha1[65], ha2[65];
	const struct slice a1[] = {slice_of(client->name), slice_of(CLIENT_REALM),
	                           slice_of(password)};
	const struct slice a2[] = {method, digest->uri};
	client_hash(algorithm, a1, 3, ha1);
	client_hash(algorithm, a2, 2, ha2);
	const struct slice all[] = {slice_of(ha1),  digest->nonce, digest->nc,
	                            digest->cnonce, digest->qop,   slice_of(ha2)};
	client_hash(algorithm, all, 6, hex);
}

/* Who is meant. NULL: nobody who has a hash of this algorithm. */
static inline const struct client *client_of(const struct digest *digest,
                                             enum digest_algorithm algorithm)
{
	char buffer[DIGEST_BYTES_MAX];
	struct slice name;
	if (!digest_unescape(digest->username, buffer, sizeof buffer, &name))
		return NULL;
	for (size_t i = 0; i < CLIENTS; i++)
		if (slice_equal(name, slice_of(clients[i].name)) &&
		    clients[i].algorithms >> algorithm & 1)
			return &clients[i];
	return NULL;
}

/* True if these credentials prove who somebody is, nonce being the one he was given. */
static inline bool client_is_right(const struct digest *digest, struct slice method,
                                   const char *nonce)
{
	char response[65];
	enum digest_algorithm algorithm;
	const struct client *client;
	if (!digest_algorithm(digest->algorithm, &algorithm) ||
	    !(client = client_of(digest, algorithm)))
		return false;
	client_response(client, client->password, algorithm, digest, method, response);
	return slice_equal_nocase(digest->response, slice_of(response)) &&
	       slice_equal_nocase(digest->nonce, slice_of(nonce)) &&
	       slice_equal(digest->realm, slice_of(CLIENT_REALM)) &&
	       slice_equal_nocase(digest->qop, slice_of("auth")) && digest->cnonce.len &&
	       digest->nc.len == 8;
}

/* Writes the Authorization line with which client, with that password, answers. uri goes
 * between quotes as it is. Returns its length. */
static inline size_t client_answer(const struct client *client, const char *password,
                                   const char *nonce, struct slice method,
                                   struct slice uri, char *to, size_t size)
{
	enum digest_algorithm algorithm =
		client->algorithms & 1u << DIGEST_SHA256 ? DIGEST_SHA256 : DIGEST_MD5;
	struct digest digest = {.nonce = slice_of(nonce),
	                        .uri = uri,
	                        .cnonce = slice_of("c"),
	                        .qop = slice_of("auth"),
	                        .nc = slice_of("00000001")};
	char response[65], name[64] = "";
	for (const char *c = client->name; *c; c++)
		sprintf(name + strlen(name), "%s%c", strchr("\"\\", *c) ? "\\" : "", *c);
	client_response(client, password, algorithm, &digest, method, response);
	int len = snprintf(to, size,
	                   "Authorization: Digest username=\"%s\", realm=\"" CLIENT_REALM
	                   "\", nonce=\"%s\", uri=\"%.*s\", response=\"%s\", "
	                   "algorithm=%s, qop=auth, nc=00000001, cnonce=\"c\"",
	                   name, nonce, (int)uri.len, uri.at, response,
	                   digest_algorithm_name(algorithm));
	return len < 0 || (size_t)len >= size ? 0 : (size_t)len;
}

#endif
