/* SPDX-License-Identifier: MIT */
#include "server/sip/tag.h"

#include <assert.h>
#include <endian.h>
#include <sodium.h>
#include <stddef.h>
#include <string.h>

#define PART_MAX 128 /* bytes of a Call-ID, tag or branch that are hashed as they are */

static void draw_key(unsigned char *key, size_t size, struct slice secret,
                     const char *use)
{
	crypto_generichash_state state;
	static_assert(crypto_shorthash_KEYBYTES == 16, "SipHash keys");
	crypto_generichash_init(&state, NULL, 0, size);
	crypto_generichash_update(&state, (const unsigned char *)use, strlen(use) + 1);
	crypto_generichash_update(&state, (const unsigned char *)secret.at, secret.len);
	crypto_generichash_final(&state, key, size);
	sodium_memzero(&state, sizeof state);
}

bool tag_keys_init(struct tag_keys *keys, struct slice secret)
{
	if (sodium_init() < 0)
		return false;
	memset(keys, 0, sizeof *keys);
	keys->made = !secret.len;
	if (secret.len) {
		draw_key(keys->to_tag, sizeof keys->to_tag, secret, "signpost to-tag");
		draw_key(keys->call, sizeof keys->call, secret, "signpost call");
		draw_key(keys->nonce, sizeof keys->nonce, secret, "signpost nonce");
		draw_key(keys->nobody, sizeof keys->nobody, secret, "signpost nobody");
	} else {
		randombytes_buf(keys, offsetof(struct tag_keys, made));
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

/* Puts part, with its length before it, so that "ab","c" differs from "a","bc"; of a part
 * that is longer than anybody's, its hash. */
static size_t add(const struct tag_keys *keys, unsigned char to[PART_MAX + 8],
                  struct slice part)
{
	uint64_t len = htole64(part.len), digest;
	memcpy(to, &len, 8);
	if (part.len > PART_MAX) {
		digest = hash(keys->to_tag, part.at, part.len);
		part = (struct slice){(const char *)&digest, sizeof digest};
	}
	if (part.len)
		memcpy(to + 8, part.at, part.len);
	return 8 + part.len;
}

/* Hashes are bytes of one order on every machine; only their text is compared. */
const char *tag_make(const struct tag_keys *keys, struct slice call_id,
                     struct slice from_tag, struct slice branch, unsigned long cseq,
                     char to[TAG_TEXT_MAX])
{
	unsigned char text[8 + 3 * (PART_MAX + 8)];
	uint64_t number = htole64(cseq);
	size_t len = sizeof number;
	memcpy(text, &number, len);
	len += add(keys, text + len, call_id);
	len += add(keys, text + len, from_tag);
	len += add(keys, text + len, branch);
	uint64_t tag = le64toh(hash(keys->to_tag, text, len));
	for (size_t i = 0; i < TAG_TEXT_MAX - 1; i++)
		to[i] = "0123456789abcdef"[tag >> (60 - 4 * i) & 15];
	to[TAG_TEXT_MAX - 1] = '\0';
	return to;
}

uint64_t tag_call_key(const struct tag_keys *keys, struct slice call_id)
{
	return le64toh(hash(keys->call, call_id.at, call_id.len));
}
