/* SPDX-License-Identifier: MIT */
#include "server/tag.h"

#include <assert.h>
#include <endian.h>
#include <sodium.h>
#include <string.h>

static void draw_key(unsigned char key[16], struct slice secret, const char *use)
{
	crypto_generichash_state state;
	static_assert(crypto_shorthash_KEYBYTES == 16, "SipHash keys");
	crypto_generichash_init(&state, NULL, 0, 16);
	crypto_generichash_update(&state, (const unsigned char *)use, strlen(use) + 1);
	crypto_generichash_update(&state, (const unsigned char *)secret.at, secret.len);
	crypto_generichash_final(&state, key, 16);
	sodium_memzero(&state, sizeof state);
}

bool tag_keys_init(struct tag_keys *keys, struct slice secret)
{
	if (sodium_init() < 0)
		return false;
	if (secret.len) {
		draw_key(keys->to_tag, secret, "signpost to-tag");
		draw_key(keys->call, secret, "signpost call");
	} else {
		randombytes_buf(keys, sizeof *keys);
	}
	return true;
}

static uint64_t hash(const unsigned char key[16], const void *data, size_t len)
{
	uint64_t out;
	static_assert(sizeof out == crypto_shorthash_BYTES, "SipHash-2-4 gives 64 bits");
	crypto_shorthash((unsigned char *)&out, data, len, key);
	return out;
}

/* The parts are hashed one by one first, so that "ab","c" differs from "a","bc". Hashes
 * are bytes of one order on every machine; only their text is compared. */
const char *tag_make(const struct tag_keys *keys, struct slice call_id,
                     struct slice from_tag, struct slice branch, unsigned long cseq,
                     char to[TAG_TEXT_MAX])
{
	uint64_t parts[4] = {hash(keys->to_tag, call_id.at, call_id.len),
	                     hash(keys->to_tag, from_tag.at, from_tag.len),
	                     hash(keys->to_tag, branch.at, branch.len), htole64(cseq)};
	uint64_t tag = le64toh(hash(keys->to_tag, parts, sizeof parts));
	for (size_t i = 0; i < TAG_TEXT_MAX - 1; i++)
		to[i] = "0123456789abcdef"[tag >> (60 - 4 * i) & 15];
	to[TAG_TEXT_MAX - 1] = '\0';
	return to;
}

uint64_t tag_call_key(const struct tag_keys *keys, struct slice call_id)
{
	return le64toh(hash(keys->call, call_id.at, call_id.len));
}
