/* SPDX-License-Identifier: MIT */
/* tag.h - what is drawn from the secret: To tags, the order of gateways, and the keys of
 * others.
 *
 * Keyed hashes (SipHash), never random numbers or counters: the same request gets the
 * same answer, from every replica that has the same secret (RFC 3261 8.2.7), and nobody
 * without it can foretell them.
 */
#ifndef SERVER_TAG_H
#define SERVER_TAG_H

#include <stdbool.h>
#include <stdint.h>

#include "rules/slice.h"

struct tag_keys {
	unsigned char to_tag[16], call[16];
	unsigned char nonce[32];  /* signs those of digest challenges: nonce.h */
	unsigned char nobody[32]; /* in place of the password of nobody */
	bool made;                /* of no secret */
};

/* Draws the keys from the secret's bytes; an empty secret gives random keys. False if
 * libsodium cannot be used. */
bool tag_keys_init(struct tag_keys *keys, struct slice secret);

#define TAG_TEXT_MAX 17

/* The To tag of the answer to a request. All copies of it, and its CANCEL, share these
 * four. */
const char *tag_make(const struct tag_keys *keys, struct slice call_id,
                     struct slice from_tag, struct slice branch, unsigned long cseq,
                     char to[TAG_TEXT_MAX]);

/* facts.call_key of a Call-ID. */
uint64_t tag_call_key(const struct tag_keys *keys, struct slice call_id);

#endif
