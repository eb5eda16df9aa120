/* SPDX-License-Identifier: MIT */
/* Feeds a file to the TZif reader. A zone that is made of one keeps what zone.h promises,
 * at all times. rules_zone_test.c runs it as well. */
#include <stdint.h>
#include <stdlib.h>

#include "rules/calendar.h"
#include "rules/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                               \
	do {                                                                             \
		if (!(condition))                                                        \
			abort();                                                         \
	} while (0)

#define CYCLE_S  ((int64_t)CALENDAR_CYCLE_DAYS * CALENDAR_DAY_S)
#define LATEST_S 253402300800 /* the year 10000 */

static void check_moment(const struct zone *zone, int64_t local_s)
{
	int64_t now_s = zone_moment(zone, local_s);
	REQUIRE(now_s + zone_offset(zone, now_s) >= local_s);
	REQUIRE(now_s - 1 + zone_offset(zone, now_s - 1) < local_s);
}

static void check_offset(const struct zone *zone, int64_t now_s)
{
	int32_t offset = zone_offset(zone, now_s);
	REQUIRE(offset > -26 * 3600 && offset < 27 * 3600);
	int64_t next = zone_change(zone, now_s);
	REQUIRE(next > now_s);
	REQUIRE(zone_offset(zone, next - 1) == offset);
	if (now_s < -LATEST_S || now_s > LATEST_S)
		return;
	for (int64_t local_s = now_s + offset - 7200; local_s < now_s + offset + 7201;
	     local_s += 1800)
		check_moment(zone, local_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new((size_t)1 << 20);
	const char *why = NULL;
	const struct zone *zone =
		zone_parse(arena, (struct slice){"x", 1},
	                   (struct slice){(const char *)data, size}, &why);
	REQUIRE(zone || why || size > 10000);
	int64_t now_s = INT64_MIN;
	for (int i = 0; zone && i < 300 && now_s < INT64_MAX; i++) {
		check_offset(zone, now_s);
		now_s = zone_change(zone, now_s);
	}
	for (int64_t year = 0; zone && year < 500; year++) {
		now_s = LATEST_S + CYCLE_S + year * 31556952 + year * year * 997;
		check_offset(zone, now_s);
		REQUIRE(zone_offset(zone, now_s) == zone_offset(zone, now_s + CYCLE_S));
	}
	if (zone)
		check_offset(zone, INT64_MAX - 1);
	arena_free(arena);
	return 0;
}
