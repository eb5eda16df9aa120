/* SPDX-License-Identifier: MIT */
#include "server/operations/health.h"

#include <stdlib.h>

static bool was_down(const struct gateway_view *gateway, const struct table *old_table,
                     const struct health *old)
{
	size_t number = old_table ? table_probed_find(old_table, gateway->name) : 0;
	struct gateway_view before;
	if (!number)
		return false;
	table_probed(old_table, number - 1, &before);
	return slice_equal(before.uri, gateway->uri) && health_is_down(old, number);
}

struct health *health_new(const struct table *table, const struct table *old_table,
                          const struct health *old)
{
	size_t count = table_probed_count(table);
	struct health *health = calloc(1, sizeof *health + count + 1);
	if (!health)
		return NULL;
	health->count = count;
	for (size_t i = 0; i < count; i++) {
		struct gateway_view gateway;
		table_probed(table, i, &gateway);
		health->down[i + 1] = was_down(&gateway, old_table, old);
	}
	return health;
}

void health_free(struct health *health)
{
	free(health);
}
