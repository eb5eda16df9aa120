/* SPDX-License-Identifier: MIT */
#include "server/settings/metrics.h"

#include "rules/schema.h"

static void check_reach(struct load *load, const struct metrics *metrics)
{
	char text[ENDPOINT_TEXT_MAX];
	if (!address_is_loopback(&metrics->listen.address))
		load_warning(load, metrics->position,
		             "listen on a loopback address, or let only those in who may",
		             "metrics on %s can be read by all who reach that address",
		             endpoint_hostport(&metrics->listen, text));
}

static bool read_listen(struct load *load, const struct node *node, void *into)
{
	struct metrics *metrics = into;
	struct slice text;
	const char *why;
	if (!schema_text(load, node, "listen", &text))
		return false;
	if (!endpoint_parse_hostport(text, &metrics->listen, &why))
		return load_error(load, node, "write 127.0.0.1:9090 or \"[::1]:9090\"",
		                  "\"%s\" is no address and port: %s", text.at, why);
	metrics->given = true;
	metrics->position = node->position;
	check_reach(load, metrics);
	return true;
}

bool metrics_read(struct load *load, const struct node *node, struct metrics *metrics)
{
	static const struct field fields[] = {{"listen", read_listen, FIELD_REQUIRED}};
	if (node->type == NODE_SCALAR)
		return read_listen(load, node, metrics);
	return schema_read(load, node, "metrics", fields, 1, metrics);
}
