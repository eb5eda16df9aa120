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
static struct start start_of(const struct prefixes *prefixes, uint64_t key)
{
	uint64_t hash = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
	hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
	return (struct start){(size_t)(((hash >> 32) * prefixes->bucket_count) >> 32),
	                      1u << (hash >> 27 & 31)};
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

static bool find(const struct prefixes *prefixes, uint64_t key, uint32_t *value)
{
	struct start start = start_of(prefixes, key);
	for (size_t i = start.bucket;; i = next_bucket(prefixes, i)) {
		const struct bucket *bucket = &prefixes->buckets[i];
		for (size_t k = 0; k < BUCKET_KEYS; k++)
			if (bucket->keys[k] == key) {
				*value = bucket->values[k];
				return true;
			}
		if (!(bucket->overflowed & start.mark))
			return false;
	}
}

bool prefixes_get(const struct prefixes *prefixes, const struct packed *key,
                  uint32_t *value)
{
	return find(prefixes, key_of(key, key->count), value);
}

unsigned prefixes_begin(const struct prefixes *prefixes, const struct packed *number)
{
	unsigned lengths = prefixes->lengths[number->plus] & ((2u << number->count) - 1);
	for (unsigned left = lengths; left; left &= left - 1) {
		uint64_t key = key_of(number, (unsigned)__builtin_ctz(left));
		__builtin_prefetch(&prefixes->buckets[start_of(prefixes, key).bucket]);
	}
	return lengths;
}

bool prefixes_next(const struct prefixes *prefixes, const struct packed *number,
                   unsigned *left, struct found_prefix *found)
{
	while (*left) {
		unsigned count = 31 - (unsigned)__builtin_clz(*left);
		*left ^= 1u << count;
		found->len = count + number->plus;
		if (find(prefixes, key_of(number, count), &found->value))
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
