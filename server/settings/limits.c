/* SPDX-License-Identifier: MIT */
#include "server/settings/limits.h"

#include "rules/schema.h"
#include "rules/units.h"
#include "server/trust/quota.h"

const struct limits limits_default = {
	.handshake_ms = 5000,
	.message_ms = 5000,
	.idle_ms = 5 * 60 * 1000,
	.connections = 10000,
	.connections_per_source = 200,
	.spoofable_v4 = 24,
	.spoofable_v6 = 56,
	.backlog = 256 * 1024,
};

static bool read_duration(struct load *load, const struct node *node, void *into)
{
	struct slice text;
	if (!schema_text(load, node, "duration", &text))
		return false;
	return units_duration(text, LIMITS_DURATION_MAX, into) ||
	       load_error(load, node, "write 500ms, 5s, 5m or 1h",
	                  "\"%s\" is no duration from 1ms to 24h", text.at);
}

static bool read_backlog(struct load *load, const struct node *node, void *into)
{
	struct slice text;
	unsigned long bytes;
	if (!schema_text(load, node, "backlog", &text))
		return false;
	if (!units_size(text, LIMITS_BACKLOG_MAX, &bytes) || bytes < LIMITS_BACKLOG_MIN)
		return load_error(load, node, "write 65536, 256K or 1M",
		                  "\"%s\" is no size from 4K to 64M", text.at);
	*(unsigned long *)into = bytes;
	return true;
}

static bool read_connections(struct load *load, const struct node *node, void *into)
{
	return schema_number(load, node, "connections", 1, LIMITS_CONNECTIONS_MAX, into);
}

static bool read_per_source(struct load *load, const struct node *node, void *into)
{
	return schema_number(load, node, "connections_per_source", 1,
	                     LIMITS_CONNECTIONS_MAX, into);
}

static bool read_spoofable_v4(struct load *load, const struct node *node, void *into)
{
	return schema_number(load, node, "spoofable_v4", 0, 32, into);
}

static bool read_spoofable_v6(struct load *load, const struct node *node, void *into)
{
	return schema_number(load, node, "spoofable_v6", 0, 128, into);
}

/* What the keys are read into. */
struct limits_reading {
	struct limits limits;
	struct rate rate;
};

bool limits_read(struct load *load, const struct node *node, struct limits *limits,
                 struct rate *rate)
{
	static const struct field fields[] = {
		{"handshake", read_duration, 0, offsetof(struct limits, handshake_ms)},
		{"message", read_duration, 0, offsetof(struct limits, message_ms)},
		{"idle", read_duration, 0, offsetof(struct limits, idle_ms)},
		{"connections", read_connections, 0,
	         offsetof(struct limits, connections)},
		{"connections_per_source", read_per_source, 0,
	         offsetof(struct limits, connections_per_source)},
		{"backlog", read_backlog, 0, offsetof(struct limits, backlog)},
		{"rate", quota_read_rate, 0, offsetof(struct limits_reading, rate)},
		{"burst", quota_read_burst, 0, offsetof(struct limits_reading, rate)},
		{"spoofable_v4", read_spoofable_v4, 0,
	         offsetof(struct limits, spoofable_v4)},
		{"spoofable_v6", read_spoofable_v6, 0,
	         offsetof(struct limits, spoofable_v6)},
	};
	struct limits_reading reading = {*limits, {0}};
	bool good = schema_read(load, node, "limits", fields,
	                        sizeof fields / sizeof fields[0], &reading);
	*limits = reading.limits;
	*rate = reading.rate;
	return good && quota_check(load, node, rate);
}
