/* SPDX-License-Identifier: MIT */
#include "server/trust/nonce.h"

#include <endian.h>
#include <openssl/crypto.h>

#define TIME_BYTES 4 /* until 2106 */
#define MAC_BYTES  16
_Static_assert(NONCE_TEXT_MAX == 2 * (TIME_BYTES + MAC_BYTES) + 1, "all of it in hex");

static bool sign(struct hasher *hasher, const unsigned char *key,
                 const struct nonce_scope *scope, uint32_t time,
                 unsigned char bytes[TIME_BYTES + MAC_BYTES])
{
	unsigned char mac[HASHER_MAC_BYTES];
	uint32_t ordered = htobe32(time);
	memcpy(bytes, &ordered, TIME_BYTES);
	const struct slice texts[] = {
		{(const char *)bytes, TIME_BYTES},
		scope->profile,
		scope->realm,
		{(const char *)scope->source.bytes, sizeof scope->source.bytes}};
	if (!hasher_mac(hasher, key, texts, 4, mac))
		return false;
	memcpy(bytes + TIME_BYTES, mac, MAC_BYTES);
	return true;
}

bool nonce_make(struct hasher *hasher, const unsigned char key[HASHER_KEY_BYTES],
                const struct nonce_scope *scope, int64_t now_s, char to[NONCE_TEXT_MAX])
{
	unsigned char bytes[TIME_BYTES + MAC_BYTES];
	uint32_t time = (uint32_t)now_s;
	if (!sign(hasher, key, scope, time - time % NONCE_STEP_S, bytes))
		return false;
	digest_hex(bytes, sizeof bytes, to);
	return true;
}

bool nonce_check(struct hasher *hasher, const unsigned char key[HASHER_KEY_BYTES],
                 const struct nonce_scope *scope, int64_t now_s, unsigned long life_s,
                 struct slice nonce, enum nonce_state *state)
{
	unsigned char came[TIME_BYTES + MAC_BYTES] = {0}, ours[sizeof came];
	bool readable = digest_unhex(nonce, came, sizeof came);
	uint32_t ordered;
	memcpy(&ordered, came, TIME_BYTES);
	uint32_t time = be32toh(ordered);
	if (!sign(hasher, key, scope, time, ours))
		return false;
	if (!readable || CRYPTO_memcmp(came, ours, sizeof came) != 0)
		*state = NONCE_FOREIGN;
	else if (now_s >= (int64_t)time + NONCE_STEP_S + (int64_t)life_s ||
	         (int64_t)time > now_s + NONCE_STEP_S)
		*state = NONCE_OLD;
	else
		*state = NONCE_GOOD;
	return true;
}
