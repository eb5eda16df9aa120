/* SPDX-License-Identifier: MIT */
#include "server/trust/hasher.h"

#include <endian.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>

struct hasher {
	EVP_MD *digests[DIGEST_ALGORITHMS];
	EVP_MD_CTX *context;
	EVP_MAC *hmac;
	EVP_MAC_CTX *mac_context;
	size_t count;
};

static bool prepare(struct hasher *hasher)
{
	static const char *const names[] = {
		[DIGEST_SHA256] = "SHA256", [DIGEST_MD5] = "MD5"};
	char sha256[] = "SHA256";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", sha256, 0),
	                       OSSL_PARAM_construct_end()};
	for (size_t i = 0; i < DIGEST_ALGORITHMS; i++) {
		hasher->digests[i] = EVP_MD_fetch(NULL, names[i], NULL);
		if (!hasher->digests[i])
			return false;
	}
	hasher->context = EVP_MD_CTX_new();
	hasher->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	hasher->mac_context = hasher->hmac ? EVP_MAC_CTX_new(hasher->hmac) : NULL;
	return hasher->context && hasher->mac_context &&
	       EVP_MAC_CTX_set_params(hasher->mac_context, params);
}

struct hasher *hasher_new(void)
{
	struct hasher *hasher = calloc(1, sizeof *hasher);
	if (!hasher || prepare(hasher))
		return hasher;
	hasher_free(hasher);
	return NULL;
}

void hasher_free(struct hasher *hasher)
{
	if (!hasher)
		return;
	for (size_t i = 0; i < DIGEST_ALGORITHMS; i++)
		EVP_MD_free(hasher->digests[i]);
	EVP_MD_CTX_free(hasher->context);
	EVP_MAC_CTX_free(hasher->mac_context);
	EVP_MAC_free(hasher->hmac);
	free(hasher);
}

/* Texts with colons between them. */
static bool hash(struct hasher *hasher, enum digest_algorithm algorithm,
                 const struct slice *texts, size_t count, char hex[HASH_TEXT_MAX])
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = hasher->context;
	bool good = EVP_DigestInit_ex2(context, hasher->digests[algorithm], NULL);
	hasher->count++;
	for (size_t i = 0; good && i < count; i++)
		good = (i == 0 || EVP_DigestUpdate(context, ":", 1)) &&
		       EVP_DigestUpdate(context, texts[i].at, texts[i].len);
	good = good && EVP_DigestFinal_ex(context, bytes, NULL);
	if (good)
		digest_hex(bytes, digest_algorithm_bytes(algorithm), hex);
	OPENSSL_cleanse(bytes, sizeof bytes);
	return good;
}

bool hasher_ha1(struct hasher *hasher, enum digest_algorithm algorithm,
                struct slice username, struct slice realm, struct slice password,
                char ha1[HASH_TEXT_MAX])
{
	const struct slice texts[] = {username, realm, password};
	bool good = hash(hasher, algorithm, texts, 3, ha1);
	EVP_MD_CTX_reset(hasher->context); /* it has seen the password */
	return good;
}

bool hasher_response(struct hasher *hasher, enum digest_algorithm algorithm,
                     const char *ha1, const struct digest *digest, struct slice method,
                     char response[HASH_TEXT_MAX])
{
	char ha2[HASH_TEXT_MAX];
	const struct slice request[] = {method, digest->uri};
	if (!hash(hasher, algorithm, request, 2, ha2))
		return false;
	const struct slice texts[] = {slice_of(ha1),  digest->nonce, digest->nc,
	                              digest->cnonce, digest->qop,   slice_of(ha2)};
	return hash(hasher, algorithm, texts, 6, response);
}

bool hasher_mac(struct hasher *hasher, const unsigned char key[HASHER_KEY_BYTES],
                const struct slice *texts, size_t count,
                unsigned char mac[HASHER_MAC_BYTES])
{
	EVP_MAC_CTX *context = hasher->mac_context;
	size_t len;
	bool good = EVP_MAC_init(context, key, HASHER_KEY_BYTES, NULL);
	hasher->count++;
	for (size_t i = 0; good && i < count; i++) {
		uint64_t before = htole64(texts[i].len);
		good = EVP_MAC_update(context, (const unsigned char *)&before,
		                      sizeof before) &&
		       EVP_MAC_update(context, (const unsigned char *)texts[i].at,
		                      texts[i].len);
	}
	return good && EVP_MAC_final(context, mac, &len, HASHER_MAC_BYTES);
}

size_t hasher_count(const struct hasher *hasher)
{
	return hasher->count;
}
