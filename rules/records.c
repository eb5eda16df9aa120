/* SPDX-License-Identifier: MIT */
#include "rules/records.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define VARINT_MAX  10
#define HEAP_STEP   ((size_t)64 << 10)
#define SET_SIZE    ((size_t)4 << 10)
#define SCRATCH_MAX ((size_t)44 << 20) /* what finding equals may take */
#define NOWHERE     UINT32_MAX

typedef uint64_t set_hash(const struct records *records, uint32_t offset);
typedef bool set_equal(const struct records *records, uint32_t offset, const void *key);

/* Places in the heap, found again by what stands there. Most places that are not meant
 * differ in their tag, so the heap need not be looked at. */
struct set {
	size_t size, count;
	struct pages tags; /* 0: free */
	struct pages offsets;
	bool full; /* may not grow further: no more are added */
};

struct records {
	size_t column_count, row_count, rows;
	struct budget scratch;
	struct pages heap;
	size_t len;
	struct set texts;
	struct set tuples; /* records that are places only: of texts known before */
};

/* Numbers of variable length, seven bits a byte */

static size_t put_varint(char *to, uint64_t value)
{
	size_t len = 0;
	for (; value >= 0x80; value >>= 7)
		to[len++] = (char)(value | 0x80);
	to[len++] = (char)value;
	return len;
}

static uint64_t get_varint(const char **at)
{
	uint64_t value = 0;
	for (unsigned shift = 0;; shift += 7) {
		unsigned char byte = (unsigned char)*(*at)++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
}

/* The heap. A column begins with a number: twice the length of the text that follows, or
 * twice the place of the text, and one. The empty text is at 0. */

static struct slice text_at(const struct records *records, uint32_t offset)
{
	const char *at = records->heap.at + offset;
	size_t len = (size_t)(get_varint(&at) >> 1);
	return (struct slice){at, len};
}

/* Where the text of the column that begins at *at is; *at moves behind it. */
static uint32_t next_offset(const struct records *records, const char **at)
{
	const char *begin = *at;
	uint64_t value = get_varint(at);
	if (value & 1)
		return (uint32_t)(value >> 1);
	*at += value >> 1;
	return value ? (uint32_t)(begin - records->heap.at) : 0;
}

struct slice records_value(const struct records *records, uint32_t record, size_t column)
{
	const char *at = records->heap.at + record;
	while (column-- > 0)
		next_offset(records, &at);
	return text_at(records, next_offset(records, &at));
}

static bool reserve(struct records *records, size_t more)
{
	size_t need = records->len + more, step = records->heap.size / 8;
	if (need >= NOWHERE)
		return false;
	if (need <= records->heap.size)
		return true;
	if (step < HEAP_STEP)
		step = HEAP_STEP;
	return pages_resize(&records->heap, need + step) ||
	       pages_resize(&records->heap, need);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t x = (a ^ b) * 0x9fb21c651e98df25u;
	return x ^ (x >> 32);
}

static uint64_t hash_text(struct slice text)
{
	uint64_t hash = mix(text.len, 0x8bb84b93962eacc9u), word;
	for (; text.len >= 8; text = slice_skip(text, 8)) {
		memcpy(&word, text.at, 8);
		hash = mix(hash, word);
	}
	word = 0;
	if (text.len)
		memcpy(&word, text.at, text.len);
	return mix(mix(hash, word), 0);
}

static uint64_t hash_text_at(const struct records *records, uint32_t offset)
{
	return hash_text(text_at(records, offset));
}

static bool is_text(const struct records *records, uint32_t offset, const void *key)
{
	return slice_equal(text_at(records, offset), *(const struct slice *)key);
}

static uint64_t hash_tuple(const uint32_t *offsets, size_t count)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < count; i++)
		hash = mix(hash, offsets[i] + 1u);
	return mix(hash, 0);
}

static uint64_t hash_tuple_at(const struct records *records, uint32_t offset)
{
	uint32_t offsets[RECORDS_COLUMNS_MAX];
	const char *at = records->heap.at + offset;
	for (size_t i = 0; i < records->column_count; i++)
		offsets[i] = next_offset(records, &at);
	return hash_tuple(offsets, records->column_count);
}

static bool is_tuple(const struct records *records, uint32_t offset, const void *key)
{
	const uint32_t *offsets = key;
	const char *at = records->heap.at + offset;
	for (size_t i = 0; i < records->column_count; i++)
		if (next_offset(records, &at) != offsets[i])
			return false;
	return true;
}

/* Sets: open addressing, at most 4/5 full */

static size_t first_slot(const struct set *set, uint64_t hash)
{
	return (size_t)(((hash >> 32) * set->size) >> 32);
}

static unsigned char tag_of(uint64_t hash)
{
	return (unsigned char)(hash % 255 + 1);
}

static unsigned char *tags_of(const struct set *set)
{
	return (unsigned char *)set->tags.at;
}

static uint32_t *offsets_of(const struct set *set)
{
	return (uint32_t *)(void *)set->offsets.at;
}

static uint32_t find(const struct records *records, const struct set *set, uint64_t hash,
                     set_equal *equal, const void *key)
{
	const unsigned char *tags = tags_of(set), tag = tag_of(hash);
	if (!set->size)
		return NOWHERE;
	for (size_t i = first_slot(set, hash); tags[i];
	     i = i + 1 == set->size ? 0 : i + 1)
		if (tags[i] == tag && equal(records, offsets_of(set)[i], key))
			return offsets_of(set)[i];
	return NOWHERE;
}

static void place(struct set *set, uint64_t hash, uint32_t offset)
{
	unsigned char *tags = tags_of(set);
	size_t i = first_slot(set, hash);
	while (tags[i])
		i = i + 1 == set->size ? 0 : i + 1;
	tags[i] = tag_of(hash);
	offsets_of(set)[i] = offset;
	set->count++;
}

static void set_free(struct set *set)
{
	pages_free(&set->tags);
	pages_free(&set->offsets);
	set->size = set->count = 0;
}

/* Twice as large, or as large as it will be if the rows to come are like those before. */
static size_t wanted_size(const struct records *records, const struct set *set)
{
	size_t size = set->size ? 2 * set->size : SET_SIZE;
	double all = (double)set->count / (double)(records->rows + 1) *
	             (double)records->row_count * 1.3;
	if (set->count > SET_SIZE && all > (double)size)
		size = (size_t)all;
	size_t room = (records->scratch.limit - records->scratch.used) / 5;
	return size > room ? room : size;
}

static bool grow(struct records *records, struct set *set, set_hash *hash)
{
	struct set bigger = {.size = wanted_size(records, set)};
	bigger.size &= ~(SET_SIZE - 1);
	if (bigger.size <= set->size + set->size / 4 || bigger.size > UINT32_MAX ||
	    !pages_new(&bigger.tags, bigger.size, &records->scratch) ||
	    !pages_new(&bigger.offsets, bigger.size * sizeof(uint32_t),
	               &records->scratch)) {
		set_free(&bigger);
		return false;
	}
	for (size_t i = 0; i < set->size; i++)
		if (tags_of(set)[i])
			place(&bigger, hash(records, offsets_of(set)[i]),
			      offsets_of(set)[i]);
	set_free(set);
	*set = bigger;
	return true;
}

/* What cannot be added will not be found again: it may be stored once more. */
static void remember(struct records *records, struct set *set, set_hash *hash_at,
                     uint64_t hash, uint32_t offset)
{
	if (5 * (set->count + 1) > 4 * set->size) {
		if (set->full || !grow(records, set, hash_at)) {
			set->full = true;
			return;
		}
	}
	place(set, hash, offset);
}

/* Adding */

struct records *records_new(size_t column_count, size_t row_count, struct budget *budget)
{
	struct records *records = calloc(1, sizeof *records);
	assert(column_count <= RECORDS_COLUMNS_MAX);
	if (!records)
		return NULL;
	records->column_count = column_count;
	records->row_count = row_count;
	records->scratch.limit = SCRATCH_MAX;
	if (!pages_new(&records->heap, 1, budget)) {
		free(records);
		return NULL;
	}
	records->len = 1; /* the empty text */
	return records;
}

static void free_scratch(struct records *records)
{
	set_free(&records->texts);
	set_free(&records->tuples);
}

void records_free(struct records *records)
{
	if (!records)
		return;
	free_scratch(records);
	pages_free(&records->heap);
	free(records);
}

static uint32_t find_text(const struct records *records, struct slice text, uint64_t hash)
{
	return text.len ? find(records, &records->texts, hash, is_text, &text) : 0;
}

static void put_text(struct records *records, struct slice text, uint64_t hash)
{
	char *to = records->heap.at + records->len;
	uint32_t offset = (uint32_t)records->len;
	size_t len = put_varint(to, (uint64_t)text.len << 1);
	memcpy(to + len, text.at, text.len);
	records->len += len + text.len;
	remember(records, &records->texts, hash_text_at, hash, offset);
}

static void put_offset(struct records *records, uint32_t offset)
{
	uint64_t value = offset ? (uint64_t)offset << 1 | 1 : 0;
	records->len += put_varint(records->heap.at + records->len, value);
}

/* All of the texts are known, at these offsets. */
static bool add_known(struct records *records, const uint32_t *offsets, uint32_t *record)
{
	uint64_t hash = hash_tuple(offsets, records->column_count);
	uint32_t known = find(records, &records->tuples, hash, is_tuple, offsets);
	if (known != NOWHERE) {
		*record = known;
		return true;
	}
	if (!reserve(records, records->column_count * VARINT_MAX))
		return false;
	*record = (uint32_t)records->len;
	for (size_t i = 0; i < records->column_count; i++)
		put_offset(records, offsets[i]);
	remember(records, &records->tuples, hash_tuple_at, hash, *record);
	return true;
}

/* One of them at least is new, so the record is. */
static bool add_new(struct records *records, const struct slice *texts,
                    const uint64_t *hashes, const uint32_t *offsets, uint32_t *record)
{
	size_t need = 0;
	for (size_t i = 0; i < records->column_count; i++)
		need += texts[i].len + VARINT_MAX;
	if (!reserve(records, need))
		return false;
	*record = (uint32_t)records->len;
	for (size_t i = 0; i < records->column_count; i++) {
		uint32_t offset = offsets[i];
		if (offset == NOWHERE) /* perhaps the text of an earlier column */
			offset = find_text(records, texts[i], hashes[i]);
		if (offset == NOWHERE)
			put_text(records, texts[i], hashes[i]);
		else
			put_offset(records, offset);
	}
	return true;
}

bool records_add(struct records *records, const struct slice *texts, uint32_t *record)
{
	uint64_t hashes[RECORDS_COLUMNS_MAX];
	uint32_t offsets[RECORDS_COLUMNS_MAX];
	bool known = true;
	records->rows++;
	for (size_t i = 0; i < records->column_count; i++) {
		hashes[i] = hash_text(texts[i]);
		offsets[i] = find_text(records, texts[i], hashes[i]);
		known &= offsets[i] != NOWHERE;
	}
	if (known && records->column_count <= 1) {
		*record = records->column_count ? offsets[0] : 0;
		return true;
	}
	return known ? add_known(records, offsets, record)
	             : add_new(records, texts, hashes, offsets, record);
}

void records_finish(struct records *records)
{
	free_scratch(records);
	pages_resize(&records->heap, records->len);
}

void records_visit(const struct records *records, size_t column,
                   bool (*visit)(void *arg, struct slice text), void *arg)
{
	uint32_t seen[1024] = {0}; /* of what is seen often, the last place */
	const char *at = records->heap.at + 1, *end = records->heap.at + records->len;
	while (at < end) {
		uint32_t offset = 0;
		for (size_t i = 0; i < records->column_count; i++) {
			uint32_t next = next_offset(records, &at);
			offset = i == column ? next : offset;
		}
		if (!offset || seen[offset % 1024] == offset)
			continue;
		seen[offset % 1024] = offset;
		if (!visit(arg, text_at(records, offset)))
			return;
	}
}
