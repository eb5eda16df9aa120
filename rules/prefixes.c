/* SPDX-License-Identifier: MIT */
#include "rules/prefixes.h"

#include <stdlib.h>

#define BUCKET_KEYS 5

static const char characters[] = "\0000123456789*#";

struct bucket {
	uint64_t keys[BUCKET_KEYS]; /* 0: free */
	uint32_t values[BUCKET_KEYS];
	uint32_t overflowed; /* the marks of keys that found no room and are in the next
	                        ones */
};

struct prefixes {
	struct pages pages;
	struct bucket *buckets; /* in pages */
	size_t bucket_count;
	uint16_t lengths[2]; /* bit n: some key has n characters; [1]: behind a + */
};

/* Keys */

struct packed prefixes_pack(struct slice number)
{
	static const uint8_t codes[256] = {
		['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
		['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10, ['*'] = 11, ['#'] = 12,
	};
	struct packed packed = {.plus = number.len && number.at[0] == '+'};
	for (size_t i = packed.plus; i < number.len && packed.count < PREFIXES_KEY_MAX;
	     i++) {
		uint8_t code = codes[(unsigned char)number.at[i]];
		if (!code)
			break;
		packed.characters = packed.characters << 4 | code;
		packed.count++;
	}
	return packed;
}

bool prefixes_is_whole(const struct packed *packed, struct slice number)
{
	return packed->plus + packed->count == number.len;
}

/* Of the first count characters; never 0. */
static uint64_t key_of(const struct packed *packed, unsigned count)
{
	return packed->characters >> 4 * (packed->count - count) |
	       (packed->plus ? 2ull : 1ull) << 4 * PREFIXES_KEY_MAX;
}

/* Where the search for a key begins, and its mark, one of 32: only if that is among those
 * that a full bucket's overflowed keys have left, the search goes on. */
struct start {
	size_t bucket;
	uint32_t mark;
};

/* The finalizer of SplitMix64 without its last step; the high bits count. */
static uint64_t hash_of(uint64_t key)
{
	uint64_t hash = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
	return (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
}

struct hashed prefixes_hash(struct slice number)
{
	struct hashed hashed;
	hashed.packed = prefixes_pack(number);
	for (unsigned count = 0; count <= hashed.packed.count; count++)
		hashed.hashes[count] = hash_of(key_of(&hashed.packed, count));
	return hashed;
}

static size_t bucket_of(const struct prefixes *prefixes, uint64_t hash)
{
	return (size_t)(((hash >> 32) * prefixes->bucket_count) >> 32);
}

static struct start start_of(const struct prefixes *prefixes, uint64_t key)
{
	uint64_t hash = hash_of(key);
	return (struct start){bucket_of(prefixes, hash), 1u << (hash >> 27 & 31)};
}

static size_t next_bucket(const struct prefixes *prefixes, size_t i)
{
	return i + 1 == prefixes->bucket_count ? 0 : i + 1;
}

/* Making one */

struct prefixes *prefixes_new(size_t count, struct budget *budget)
{
	if (count > UINT32_MAX)
		return NULL;
	struct prefixes *prefixes = calloc(1, sizeof *prefixes);
	if (!prefixes)
		return NULL;
	/* 9 keys to 2 buckets, and never all of them full. */
	prefixes->bucket_count = count / 9 * 2 + count % 9 / 4 + 1;
	if (!pages_new(&prefixes->pages, prefixes->bucket_count * sizeof(struct bucket),
	               budget)) {
		free(prefixes);
		return NULL;
	}
	prefixes->buckets = (struct bucket *)(void *)prefixes->pages.at;
	return prefixes;
}

void prefixes_free(struct prefixes *prefixes)
{
	if (prefixes)
		pages_free(&prefixes->pages);
	free(prefixes);
}

void prefixes_expect(const struct prefixes *prefixes, const struct packed *key)
{
	struct start start = start_of(prefixes, key_of(key, key->count));
	__builtin_prefetch(&prefixes->buckets[start.bucket], 1);
}

uint32_t *prefixes_put(struct prefixes *prefixes, const struct packed *packed,
                       bool *added)
{
	uint64_t key = key_of(packed, packed->count);
	struct start start = start_of(prefixes, key);
	for (size_t i = start.bucket;; i = next_bucket(prefixes, i)) {
		struct bucket *bucket = &prefixes->buckets[i];
		for (size_t k = 0; k < BUCKET_KEYS; k++) {
			if (bucket->keys[k] && bucket->keys[k] != key)
				continue;
			*added = !bucket->keys[k];
			bucket->keys[k] = key;
			prefixes->lengths[packed->plus] |=
				(uint16_t)(1u << packed->count);
			return &bucket->values[k];
		}
		bucket->overflowed |= start.mark;
	}
}

/* Finding */

static bool find(const struct prefixes *prefixes, uint64_t key, uint64_t hash,
                 uint32_t *value)
{
	uint32_t mark = 1u << (hash >> 27 & 31);
	for (size_t i = bucket_of(prefixes, hash);; i = next_bucket(prefixes, i)) {
		const struct bucket *bucket = &prefixes->buckets[i];
		for (size_t k = 0; k < BUCKET_KEYS; k++)
			if (bucket->keys[k] == key) {
				*value = bucket->values[k];
				return true;
			}
		if (!(bucket->overflowed & mark))
			return false;
	}
}

bool prefixes_get(const struct prefixes *prefixes, const struct packed *key,
                  uint32_t *value)
{
	uint64_t whole = key_of(key, key->count);
	return find(prefixes, whole, hash_of(whole), value);
}

unsigned prefixes_begin(const struct prefixes *prefixes, const struct hashed *number)
{
	const struct packed *packed = &number->packed;
	unsigned lengths = prefixes->lengths[packed->plus] & ((2u << packed->count) - 1);
	for (unsigned left = lengths; left; left &= left - 1) {
		uint64_t hash = number->hashes[__builtin_ctz(left)];
		__builtin_prefetch(&prefixes->buckets[bucket_of(prefixes, hash)]);
	}
	return lengths;
}

bool prefixes_next(const struct prefixes *prefixes, const struct hashed *number,
                   unsigned *left, struct found_prefix *found)
{
	const struct packed *packed = &number->packed;
	while (*left) {
		unsigned count = 31 - (unsigned)__builtin_clz(*left);
		*left ^= 1u << count;
		found->len = count + packed->plus;
		if (find(prefixes, key_of(packed, count), number->hashes[count],
		         &found->value))
			return true;
	}
	return false;
}

/* All of them */

/* Bit 63: no plus; then the characters, the first one highest. */
static uint64_t sortable(uint64_t key)
{
	bool plus = key >> 4 * PREFIXES_KEY_MAX == 2;
	uint64_t text = key << 4;
	while (text && !(text >> 60))
		text <<= 4;
	return text >> 1 | (plus ? 0 : 1ull << 63);
}

void prefixes_visit(const struct prefixes *prefixes,
                    void (*visit)(void *arg, uint64_t key, uint32_t value), void *arg)
{
	for (size_t i = 0; i < prefixes->bucket_count; i++)
		for (size_t k = 0; k < BUCKET_KEYS; k++)
			if (prefixes->buckets[i].keys[k])
				visit(arg, sortable(prefixes->buckets[i].keys[k]),
				      prefixes->buckets[i].values[k]);
}

struct slice prefixes_text(uint64_t key, char text[PREFIXES_TEXT_MAX])
{
	size_t len = 0;
	if (!(key >> 63))
		text[len++] = '+';
	for (uint64_t left = key << 1; left; left <<= 4)
		text[len++] = characters[left >> 60];
	text[len] = '\0';
	return (struct slice){text, len};
}
