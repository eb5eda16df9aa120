/* SPDX-License-Identifier: MIT */
#include "server/operations/status.h"

#include "server/operations/json.h"
#include "server/operations/lifecycle.h"
#include "server/operations/operations.h"

static void write_doors(struct json *json, const struct settings *settings)
{
	json_array(json, "doors");
	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen *listen = &settings->listens[i];
		json_object(json, NULL);
		json_text(json, "listener", listen->text);
		json_text(json, "profile", listen->profile->name);
		json_text(json, "transport",
		          slice_of(transport_name(listen->endpoint.transport)));
		json_end(json);
	}
	json_end(json);
}

static void write_table(struct json *json, const struct table *table)
{
	struct table_counts counts = table_counts(table);
	json_object(json, "table");
	json_count(json, "rules", counts.rules);
	json_count(json, "gateways", counts.gateways);
	json_count(json, "groups", counts.groups);
	json_count(json, "tenants", counts.tables);
	json_end(json);
}

void status_write(const struct operations *operations, FILE *to)
{
	struct json json = {.to = to};
	const struct configuration *configuration =
		snapshot_acquire(operations->snapshot);
	json_object(&json, NULL);
	json_text(&json, "version", slice_of(VERSION));
	json_text(&json, "state", slice_of(lifecycle_text(lifecycle_state())));
	write_doors(&json, configuration->settings);
	write_table(&json, configuration->table);
	json_end(&json);
	putc('\n', to);
	snapshot_release(operations->snapshot, configuration);
}
