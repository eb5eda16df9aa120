/* SPDX-License-Identifier: MIT */
#include "rules/zone.h"

#include <stdlib.h>
#include <string.h>

#include "rules/calendar.h"
#include "rules/dst.h"

#define HEADER_BYTES 44
#define TYPE_BYTES   6
#define CYCLE_YEARS  400
#define CYCLE_S      ((int64_t)CALENDAR_CYCLE_DAYS * CALENDAR_DAY_S)
#define FIRST_YEAR   1900             /* no rule for years to come is older */
#define LATEST_S     253402300800     /* the year 10000 */
#define OFFSET_MIN_S (-25 * 3600 + 1) /* RFC 8536 3.2 */
#define OFFSET_MAX_S (26 * 3600 - 1)
#define SEARCH_S     (4 * CALENDAR_DAY_S) /* no clock is moved by more */

struct zone {
	struct slice name;
	int32_t before; /* before the first change, and if there is none */
	size_t count;
	const int64_t *at; /* ascending */
	const int32_t *offset;
	int64_t end; /* from here on as 400 years before; INT64_MAX: never */
};

const struct zone *zone_utc(void)
{
	static const struct zone utc = {.name = {"UTC", 3}, .end = INT64_MAX};
	return &utc;
}

struct slice zone_name(const struct zone *zone)
{
	return zone->name;
}

/* Asking */

static int64_t fold(const struct zone *zone, int64_t now_s)
{
	return now_s < zone->end ? now_s
	                         : now_s - ((now_s - zone->end) / CYCLE_S + 1) * CYCLE_S;
}

/* How many changes have been by now_s, which lies before the end. */
static size_t count_until(const struct zone *zone, int64_t now_s)
{
	size_t from = 0, end = zone->count;
	while (from < end) {
		size_t middle = from + (end - from) / 2;
		if (zone->at[middle] <= now_s)
			from = middle + 1;
		else
			end = middle;
	}
	return from;
}

int32_t zone_offset(const struct zone *zone, int64_t now_s)
{
	size_t past = count_until(zone, fold(zone, now_s));
	return past ? zone->offset[past - 1] : zone->before;
}

int64_t zone_change(const struct zone *zone, int64_t now_s)
{
	int64_t folded = fold(zone, now_s), cycles_s = now_s - folded;
	size_t past = count_until(zone, folded);
	return past < zone->count && zone->at[past] < INT64_MAX - cycles_s
	               ? zone->at[past] + cycles_s
	               : INT64_MAX;
}

int64_t zone_moment(const struct zone *zone, int64_t local_s)
{
	int64_t from = local_s - SEARCH_S;
	for (;;) {
		int64_t end = zone_change(zone, from);
		int64_t shown = local_s - zone_offset(zone, from);
		if (shown <= from)
			return from;
		if (shown < end)
			return shown;
		from = end;
	}
}

/* Reading: a TZif file is a header and a data block; from version 2 on another of both
 * with 64-bit times behind it, and a rule for the years to come. */

struct block {
	unsigned char version;
	size_t time_bytes; /* 4 or 8 */
	uint32_t utc_count, standard_count, leap_count, time_count, type_count,
		name_bytes;
	const unsigned char *times, *indexes, *types, *names;
};

static uint32_t get_32(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
	       at[3];
}

static int64_t get_time(const struct block *block, size_t i)
{
	const unsigned char *at = block->times + i * block->time_bytes;
	if (block->time_bytes == 4)
		return (int32_t)get_32(at);
	return (int64_t)((uint64_t)get_32(at) << 32 | get_32(at + 4));
}

static int32_t get_offset(const struct block *block, size_t i)
{
	return (int32_t)get_32(block->types + (size_t)block->indexes[i] * TYPE_BYTES);
}

static bool take_header(struct slice *bytes, struct block *block)
{
	const unsigned char *at = (const unsigned char *)bytes->at;
	if (bytes->len < HEADER_BYTES || memcmp(at, "TZif", 4) != 0)
		return false;
	block->version = at[4];
	block->utc_count = get_32(at + 20);
	block->standard_count = get_32(at + 24);
	block->leap_count = get_32(at + 28);
	block->time_count = get_32(at + 32);
	block->type_count = get_32(at + 36);
	block->name_bytes = get_32(at + 40);
	*bytes = slice_skip(*bytes, HEADER_BYTES);
	return true;
}

/* Takes a header and its data off bytes. Only that they are there is looked at. */
static bool take_block(struct slice *bytes, size_t time_bytes, struct block *block,
                       const char **why)
{
	*why = "it is no TZif file";
	if (!take_header(bytes, block))
		return false;
	*why = "it is cut short";
	uint64_t indexes = (uint64_t)block->time_count * time_bytes;
	uint64_t types = indexes + block->time_count;
	uint64_t names = types + (uint64_t)block->type_count * TYPE_BYTES;
	uint64_t size = names + block->name_bytes +
	                (uint64_t)block->leap_count * (time_bytes + 4) +
	                block->standard_count + block->utc_count;
	if (size > bytes->len)
		return false;
	block->time_bytes = time_bytes;
	block->times = (const unsigned char *)bytes->at;
	block->indexes = block->times + indexes;
	block->types = block->times + types;
	block->names = block->times + names;
	*bytes = slice_skip(*bytes, (size_t)size);
	return true;
}

/* RFC 8536 3.2, local time type records. */
static bool check_types(const struct block *block)
{
	for (size_t i = 0; i < block->type_count; i++) {
		const unsigned char *type = block->types + i * TYPE_BYTES;
		int32_t offset = (int32_t)get_32(type);
		if (offset < OFFSET_MIN_S || offset > OFFSET_MAX_S || type[4] > 1 ||
		    type[5] >= block->name_bytes ||
		    !memchr(block->names + type[5], '\0', block->name_bytes - type[5]))
			return false;
	}
	return true;
}

static bool check_times(const struct block *block)
{
	for (size_t i = 0; i < block->time_count; i++)
		if (block->indexes[i] >= block->type_count ||
		    (i && get_time(block, i) <= get_time(block, i - 1)))
			return false;
	return !block->time_count || get_time(block, block->time_count - 1) < LATEST_S;
}

static bool check_block(const struct block *block, const char **why)
{
	if (block->leap_count) {
		*why = "it counts leap seconds, as Unix time does not";
		return false;
	}
	*why = "its types of local time are broken";
	if (!block->type_count || !block->name_bytes || !check_types(block) ||
	    (block->standard_count && block->standard_count != block->type_count) ||
	    (block->utc_count && block->utc_count != block->type_count))
		return false;
	*why = "its transitions are broken";
	return check_times(block);
}

/* RFC 8536 3.3: the rule between two line feeds. An empty one says nothing. */
static bool take_rule(struct slice bytes, struct dst *dst, bool *has_rule)
{
	if (!slice_take(&bytes, '\n'))
		return false;
	size_t len = slice_find(bytes, '\n');
	*has_rule = len > 0;
	return len < bytes.len && (!len || dst_parse((struct slice){bytes.at, len}, dst));
}

/* Making */

struct change {
	int64_t at;
	int32_t offset;
	bool begins; /* daylight saving time */
};

/* Of two at one moment the beginning comes last and counts: a saving time that begins
 * when it ends lasts all year (RFC 8536 3.3.1). */
static int compare_changes(const void *left, const void *right)
{
	const struct change *a = left, *b = right;
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return a->begins - b->begins;
}

#define RULE_YEARS (CYCLE_YEARS + 3)
struct making {
	size_t count;
	int64_t *at;
	int32_t *offset;
	struct change changes[2 * RULE_YEARS];
};

/* A change at the moment of the one before replaces it. */
static void add(struct making *making, int64_t at, int32_t offset)
{
	if (making->count && making->at[making->count - 1] == at)
		making->count--;
	making->at[making->count] = at;
	making->offset[making->count++] = offset;
}

/* From the last change of the file on it is the rule that says what holds. */
static void add_rule(struct making *making, struct zone *zone, const struct dst *dst)
{
	int64_t last = making->count ? making->at[making->count - 1] : INT64_MIN;
	int64_t year = making->count ? calendar_date(calendar_day_of(last)).year : 0;
	int32_t *now = making->count ? &making->offset[making->count - 1] : &zone->before;
	*now = dst->standard_s;
	if (!dst->has_saving)
		return;
	year = (year < FIRST_YEAR ? FIRST_YEAR : year) - 1;
	for (int i = 0; i < RULE_YEARS; i++, year++) {
		making->changes[2 * i] =
			(struct change){dst_begin(dst, year), dst->saving_s, true};
		making->changes[2 * i + 1] =
			(struct change){dst_end(dst, year), dst->standard_s, false};
	}
	qsort(making->changes, 2 * RULE_YEARS, sizeof *making->changes, compare_changes);
	for (int i = 0; i < 2 * RULE_YEARS; i++) {
		const struct change *change = &making->changes[i];
		if (change->at <= last)
			*now = change->offset;
		else
			add(making, change->at, change->offset);
	}
	zone->end = calendar_day((struct date){year - 1, 1, 1}) * CALENDAR_DAY_S;
}

static struct zone *make(struct arena *arena, struct slice name,
                         const struct block *block, const struct dst *dst)
{
	struct zone *zone = arena_alloc(arena, sizeof *zone);
	size_t room = block->time_count + (dst && dst->has_saving ? 2 * RULE_YEARS : 0);
	struct making making = {.at = arena_array(arena, room, sizeof(int64_t)),
	                        .offset = arena_array(arena, room, sizeof(int32_t))};
	if (!zone || !making.at || !making.offset ||
	    !(zone->name = arena_copy(arena, name)).at)
		return NULL;
	/* RFC 8536 3.2: type 0 holds before the first transition. */
	zone->before = (int32_t)get_32(block->types);
	zone->end = INT64_MAX;
	for (size_t i = 0; i < block->time_count; i++)
		add(&making, get_time(block, i), get_offset(block, i));
	if (dst)
		add_rule(&making, zone, dst);
	zone->at = making.at;
	zone->offset = making.offset;
	zone->count = making.count;
	return zone;
}

struct zone *zone_parse(struct arena *arena, struct slice name, struct slice bytes,
                        const char **why)
{
	struct block block;
	struct dst dst;
	bool has_rule = false;
	if (!take_block(&bytes, 4, &block, why) ||
	    (block.version && !take_block(&bytes, 8, &block, why)) ||
	    !check_block(&block, why))
		return NULL;
	*why = "the rule at its end is broken";
	if (block.version && !take_rule(bytes, &dst, &has_rule))
		return NULL;
	*why = NULL;
	return make(arena, name, &block, has_rule ? &dst : NULL);
}
