/* SPDX-License-Identifier: MIT */
/* prefixes.h - many short numbers or prefixes, each with a value of 32 bits.
 *
 *     number → bucket (a cache line):  5 keys of 8 bytes │ 5 values of 4 │ overflowed
 *
 * A key is a number of up to 15 digits, * and #, with or without a + before it, four bits
 * each. Buckets are 9/10 full, so a key takes 14.3 bytes with its value, and most are
 * found with one miss of the cache. The prefixes of a number are asked for in all lengths
 * that there are, at once: all these misses are on their way before the first is waited
 * for.
 *
 *     struct hashed hashed = prefixes_hash(number);
 *     unsigned left = prefixes_begin(prefixes, &hashed);
 *     while (prefixes_next(prefixes, &hashed, &left, &found))
 *             use(found.value);
 *
 * Read-only once filled.
 */
#ifndef RULES_PREFIXES_H
#define RULES_PREFIXES_H

#include <stdint.h>

#include "rules/pages.h"
#include "rules/slice.h"

#define PREFIXES_KEY_MAX 15 /* characters of a key, beside the + */

struct prefixes;

/* The characters at the head of a number that a key can have. */
struct packed {
	uint64_t characters; /* the last one lowest */
	unsigned count;
	bool plus;
};

struct packed prefixes_pack(struct slice number);

/* And the hashes of all of its prefixes: made once, to be looked for in several tables.
 */
struct hashed {
	struct packed packed;
	uint64_t hashes[PREFIXES_KEY_MAX + 1];
};

struct hashed prefixes_hash(struct slice number);

/* True if all of number is in packed: it can be a key. */
bool prefixes_is_whole(const struct packed *packed, struct slice number);

/* With room for count keys; budget outlives them. NULL when out of memory. */
struct prefixes *prefixes_new(size_t count, struct budget *budget);
void prefixes_free(struct prefixes *prefixes); /* NULL is allowed */

/* A key, which must be whole, will be put in soon. */
void prefixes_expect(const struct prefixes *prefixes, const struct packed *key);

/* The value of a key, which is added with value 0 if it is not there: *added tells. It
 * can be changed until the next key is added. */
uint32_t *prefixes_put(struct prefixes *prefixes, const struct packed *key, bool *added);

/* The value of a key. False if there is no such key. */
bool prefixes_get(const struct prefixes *prefixes, const struct packed *key,
                  uint32_t *value);

struct found_prefix {
	uint32_t value;
	uint32_t len; /* bytes of the prefix */
};

/* Begins to look for the prefixes of a number; what it gives is for prefixes_next(). */
unsigned prefixes_begin(const struct prefixes *prefixes, const struct hashed *number);

/* The next prefix, the longest first. False if there are no more. The empty key is a
 * prefix of numbers without a + only. */
bool prefixes_next(const struct prefixes *prefixes, const struct hashed *number,
                   unsigned *left, struct found_prefix *found);

/* Calls visit for all keys, in no order. Of two keys the one that sorts first as a text
 * is the smaller number; those with a + come first. */
void prefixes_visit(const struct prefixes *prefixes,
                    void (*visit)(void *arg, uint64_t key, uint32_t value), void *arg);

/* The text of such a key. */
#define PREFIXES_TEXT_MAX (PREFIXES_KEY_MAX + 2)
struct slice prefixes_text(uint64_t key, char text[PREFIXES_TEXT_MAX]);

#endif
