/* SPDX-License-Identifier: MIT */
#include "rules/numbers.h"

#include <stdlib.h>
#include <string.h>

#include "rules/arena.h"
#include "rules/map.h"
#include "rules/pages.h"
#include "rules/records.h"

#define PACKED_MAX  15 /* characters of a key, beside the + */
#define BUCKET_KEYS 5

struct bucket {
	uint64_t keys[BUCKET_KEYS]; /* 0: free */
	uint32_t records[BUCKET_KEYS];
	uint32_t overflowed; /* some key of this bucket is in the next ones */
};

struct numbers {
	size_t holders;
	enum numbers_match match;
	size_t count, row_count; /* row_count: there is room for so many */
	size_t column_count;
	struct slice *columns;

	struct budget budget;
	struct pages buckets;
	size_t bucket_count;
	uint16_t lengths[2]; /* bit n: some key has n characters; [1]: behind a + */
	struct records *records;

	struct arena *arena; /* of names, and of the keys that cannot be packed */
	struct map others;   /* → the record + 1 */
	bool *other_lengths; /* NULL: none; else NUMBER_MAX + 1 of them */
};

/* Keys */

/* The characters at the head of a number that a key can have. */
struct packed {
	uint64_t characters; /* the last one lowest */
	unsigned count;
	bool plus;
};

static struct packed pack(struct slice number)
{
	static const uint8_t codes[256] = {
		['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
		['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10, ['*'] = 11, ['#'] = 12,
	};
	struct packed packed = {.plus = number.len && number.at[0] == '+'};
	for (size_t i = packed.plus; i < number.len && packed.count < PACKED_MAX; i++) {
		uint8_t code = codes[(unsigned char)number.at[i]];
		if (!code)
			break;
		packed.characters = packed.characters << 4 | code;
		packed.count++;
	}
	return packed;
}

static bool is_whole(const struct packed *packed, struct slice number)
{
	return packed->plus + packed->count == number.len;
}

/* Of the first count characters; never 0. */
static uint64_t key_of(const struct packed *packed, unsigned count)
{
	return packed->characters >> 4 * (packed->count - count) |
	       (packed->plus ? 2ull : 1ull) << 4 * PACKED_MAX;
}

/* The finalizer of SplitMix64 without its last step; the high bits count. */
static size_t first_bucket(const struct numbers *numbers, uint64_t key)
{
	uint64_t hash = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
	hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
	return (size_t)(((hash >> 32) * numbers->bucket_count) >> 32);
}

static struct bucket *bucket_at(const struct numbers *numbers, size_t i)
{
	return (struct bucket *)(void *)numbers->buckets.at + i;
}

static size_t next_bucket(const struct numbers *numbers, size_t i)
{
	return i + 1 == numbers->bucket_count ? 0 : i + 1;
}

static bool find_key(const struct numbers *numbers, uint64_t key, uint32_t *record)
{
	for (size_t i = first_bucket(numbers, key);; i = next_bucket(numbers, i)) {
		const struct bucket *bucket = bucket_at(numbers, i);
		for (size_t k = 0; k < BUCKET_KEYS; k++)
			if (bucket->keys[k] == key) {
				*record = bucket->records[k];
				return true;
			}
		if (!bucket->overflowed)
			return false;
	}
}

/* There is always room: buckets have some for more than row_count. */
static bool place(struct numbers *numbers, uint64_t key, uint32_t record)
{
	for (size_t i = first_bucket(numbers, key);; i = next_bucket(numbers, i)) {
		struct bucket *bucket = bucket_at(numbers, i);
		for (size_t k = 0; k < BUCKET_KEYS; k++) {
			if (bucket->keys[k] == key)
				return false;
			if (bucket->keys[k])
				continue;
			bucket->keys[k] = key;
			bucket->records[k] = record;
			return true;
		}
		bucket->overflowed = 1;
	}
}

/* Finding */

static bool find_other(const struct numbers *numbers, struct slice number, uint64_t hash,
                       struct numbers_row *row)
{
	uintptr_t record = (uintptr_t)map_find_hashed(&numbers->others, number, hash);
	if (!record)
		return false;
	*row = (struct numbers_row){(uint32_t)(record - 1), (uint32_t)number.len};
	return true;
}

static bool find_exact(const struct numbers *numbers, struct slice number,
                       struct numbers_row *row)
{
	struct packed packed = pack(number);
	if (!is_whole(&packed, number))
		return numbers->other_lengths &&
		       find_other(numbers, number, map_hash(number), row);
	row->key_len = (uint32_t)number.len;
	return find_key(numbers, key_of(&packed, packed.count), &row->record);
}

/* The buckets of all lengths are on their way before the first is looked into. */
static bool find_packed_prefix(const struct numbers *numbers, struct slice number,
                               struct numbers_row *row)
{
	struct packed packed = pack(number);
	unsigned lengths = numbers->lengths[packed.plus] & ((2u << packed.count) - 1);
	for (unsigned left = lengths; left; left &= left - 1) {
		uint64_t key = key_of(&packed, (unsigned)__builtin_ctz(left));
		__builtin_prefetch(bucket_at(numbers, first_bucket(numbers, key)));
	}
	while (lengths) {
		unsigned count = 31 - (unsigned)__builtin_clz(lengths);
		lengths ^= 1u << count;
		row->key_len = count + packed.plus;
		if (find_key(numbers, key_of(&packed, count), &row->record))
			return true;
	}
	return false;
}

static bool find_other_prefix(const struct numbers *numbers, struct slice number,
                              struct numbers_row *row)
{
	uint64_t hash = MAP_HASH_START;
	bool found = false;
	for (size_t len = 0; len <= number.len && len <= NUMBER_MAX; len++) {
		if (numbers->other_lengths[len])
			found |= find_other(numbers, (struct slice){number.at, len}, hash,
			                    row);
		if (len < number.len)
			hash = map_hash_next(hash, number.at[len]);
	}
	return found;
}

bool numbers_find(const struct numbers *numbers, struct slice number,
                  struct numbers_row *row)
{
	struct numbers_row packed, other;
	if (numbers->match == NUMBERS_EXACT) {
		if (!find_exact(numbers, number, &packed))
			return false;
		*row = packed;
		return true;
	}
	bool is_packed = find_packed_prefix(numbers, number, &packed);
	if (numbers->other_lengths && find_other_prefix(numbers, number, &other) &&
	    !(is_packed && packed.key_len > other.key_len)) {
		*row = other;
		return true;
	}
	if (is_packed)
		*row = packed;
	return is_packed;
}

struct slice numbers_value(const struct numbers *numbers, const struct numbers_row *row,
                           size_t column)
{
	return records_value(numbers->records, row->record, column);
}

bool numbers_column(const struct numbers *numbers, struct slice name, size_t *column)
{
	for (size_t i = 0; i < numbers->column_count; i++)
		if (slice_equal(numbers->columns[i], name)) {
			*column = i;
			return true;
		}
	return false;
}

void numbers_visit(const struct numbers *numbers, size_t column,
                   bool (*visit)(void *arg, struct slice text), void *arg)
{
	records_visit(numbers->records, column, visit, arg);
}

enum numbers_match numbers_match(const struct numbers *numbers)
{
	return numbers->match;
}

size_t numbers_count(const struct numbers *numbers)
{
	return numbers->count;
}

size_t numbers_bytes(const struct numbers *numbers)
{
	return sizeof *numbers + numbers->budget.used + arena_bytes(numbers->arena);
}

struct numbers *numbers_hold(struct numbers *numbers)
{
	numbers->holders++;
	return numbers;
}

void numbers_release(struct numbers *numbers)
{
	if (!numbers || --numbers->holders > 0)
		return;
	records_free(numbers->records);
	pages_free(&numbers->buckets);
	arena_free(numbers->arena);
	free(numbers);
}

/* Making one */

static bool copy_columns(struct numbers *numbers, size_t count,
                         const struct slice *columns)
{
	numbers->columns = arena_array(numbers->arena, count, sizeof *numbers->columns);
	if (!numbers->columns)
		return false;
	numbers->column_count = count;
	for (size_t i = 0; i < count; i++)
		if (!(numbers->columns[i] = arena_copy(numbers->arena, columns[i])).at)
			return false;
	return true;
}

/* 9 rows to 2 buckets. */
static bool make_buckets(struct numbers *numbers, size_t row_count)
{
	if (row_count > UINT32_MAX)
		return false;
	numbers->row_count = row_count;
	numbers->bucket_count = row_count / 9 * 2 + row_count % 9 / 4 + 1;
	return pages_new(&numbers->buckets, numbers->bucket_count * sizeof(struct bucket),
	                 &numbers->budget);
}

struct numbers *numbers_new(enum numbers_match match, size_t column_count,
                            const struct slice *columns, size_t row_count,
                            size_t memory_limit)
{
	struct numbers *numbers = calloc(1, sizeof *numbers);
	if (!numbers)
		return NULL;
	numbers->holders = 1;
	numbers->match = match;
	numbers->budget.limit = memory_limit;
	numbers->arena = arena_new(memory_limit);
	if (numbers->arena && copy_columns(numbers, column_count, columns))
		numbers->records = records_new(column_count, row_count, &numbers->budget);
	if (numbers->records && make_buckets(numbers, row_count))
		return numbers;
	numbers_release(numbers);
	return NULL;
}

static enum numbers_added add_other(struct numbers *numbers, struct slice number,
                                    uint32_t record)
{
	uintptr_t value = (uintptr_t)record + 1;
	if (map_find(&numbers->others, number))
		return NUMBERS_THERE;
	if (!numbers->other_lengths &&
	    !(numbers->other_lengths =
	              arena_array(numbers->arena, NUMBER_MAX + 1, sizeof(bool))))
		return NUMBERS_NO_MEMORY;
	struct slice key = arena_copy(numbers->arena, number);
	if (!key.at || !map_add(&numbers->others, numbers->arena, key, (void *)value))
		return NUMBERS_NO_MEMORY;
	numbers->other_lengths[number.len] = true;
	return NUMBERS_ADDED;
}

enum numbers_added numbers_add(struct numbers *numbers, struct slice number,
                               const struct slice *columns)
{
	struct packed packed = pack(number);
	bool whole = is_whole(&packed, number);
	uint64_t key = key_of(&packed, packed.count);
	uint32_t record;
	if (numbers->count == numbers->row_count)
		return NUMBERS_NO_MEMORY;
	if (whole)
		__builtin_prefetch(bucket_at(numbers, first_bucket(numbers, key)), 1);
	if (!records_add(numbers->records, columns, &record))
		return NUMBERS_NO_MEMORY;
	enum numbers_added added = NUMBERS_ADDED;
	if (!whole)
		added = add_other(numbers, number, record);
	else if (!place(numbers, key, record))
		added = NUMBERS_THERE;
	else
		numbers->lengths[packed.plus] |= (uint16_t)(1u << packed.count);
	numbers->count += added == NUMBERS_ADDED;
	return added;
}

void numbers_finish(struct numbers *numbers)
{
	records_finish(numbers->records);
}
