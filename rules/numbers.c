/* SPDX-License-Identifier: MIT */
#include "rules/numbers.h"

#include <stdlib.h>
#include <string.h>

#include "rules/arena.h"
#include "rules/map.h"
#include "rules/prefixes.h"
#include "rules/records.h"

struct numbers {
	size_t holders;
	enum numbers_match match;
	size_t count, row_count; /* row_count: there is room for so many */
	size_t column_count;
	struct slice *columns;

	struct budget budget;
	struct prefixes *prefixes; /* → the record */
	struct records *records;

	struct arena *arena; /* of names, and of the keys that cannot be packed */
	struct map others;   /* → the record + 1 */
	bool *other_lengths; /* NULL: none; else NUMBER_MAX + 1 of them */
};

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
	struct packed packed = prefixes_pack(number);
	if (!prefixes_is_whole(&packed, number))
		return numbers->other_lengths &&
		       find_other(numbers, number, map_hash(number), row);
	row->key_len = (uint32_t)number.len;
	return prefixes_get(numbers->prefixes, &packed, &row->record);
}

static bool find_packed_prefix(const struct numbers *numbers, struct slice number,
                               struct numbers_row *row)
{
	struct hashed hashed = prefixes_hash(number);
	struct found_prefix found;
	unsigned left = prefixes_begin(numbers->prefixes, &hashed);
	if (!prefixes_next(numbers->prefixes, &hashed, &left, &found))
		return false;
	*row = (struct numbers_row){found.value, found.len};
	return true;
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

const struct slice *numbers_columns(const struct numbers *numbers, size_t *count)
{
	*count = numbers->column_count;
	return numbers->columns;
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
	prefixes_free(numbers->prefixes);
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

struct numbers *numbers_new(enum numbers_match match, size_t column_count,
                            const struct slice *columns, size_t row_count,
                            size_t memory_limit)
{
	struct numbers *numbers = calloc(1, sizeof *numbers);
	if (!numbers)
		return NULL;
	numbers->holders = 1;
	numbers->match = match;
	numbers->row_count = row_count;
	numbers->budget.limit = memory_limit;
	numbers->arena = arena_new(memory_limit);
	if (numbers->arena && copy_columns(numbers, column_count, columns))
		numbers->records = records_new(column_count, row_count, &numbers->budget);
	if (numbers->records)
		numbers->prefixes = prefixes_new(row_count, &numbers->budget);
	if (numbers->prefixes)
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

static enum numbers_added add_packed(struct numbers *numbers, const struct packed *key,
                                     uint32_t record)
{
	bool added;
	uint32_t *value = prefixes_put(numbers->prefixes, key, &added);
	if (!added)
		return NUMBERS_THERE;
	*value = record;
	return NUMBERS_ADDED;
}

enum numbers_added numbers_add(struct numbers *numbers, struct slice number,
                               const struct slice *columns)
{
	struct packed packed = prefixes_pack(number);
	bool whole = prefixes_is_whole(&packed, number);
	uint32_t record;
	if (numbers->count == numbers->row_count)
		return NUMBERS_NO_MEMORY;
	if (whole)
		prefixes_expect(numbers->prefixes, &packed);
	if (!records_add(numbers->records, columns, &record))
		return NUMBERS_NO_MEMORY;
	enum numbers_added added = whole ? add_packed(numbers, &packed, record)
	                                 : add_other(numbers, number, record);
	numbers->count += added == NUMBERS_ADDED;
	return added;
}

void numbers_finish(struct numbers *numbers)
{
	records_finish(numbers->records);
}
