/* SPDX-License-Identifier: MIT */
/* probe.h - the key `probe` of gateways and groups: who is asked whether it answers.
 *
 *     probe: true
 *     probe: {every: 10s, timeout: 2s, down_after: 3, up_after: 2}
 *     probe: false                      not this one, though its group is
 */
#ifndef RULES_PROBE_H
#define RULES_PROBE_H

#include "rules/schema.h"

struct probe {
	unsigned long every_ms, timeout_ms;
	unsigned long down_after, up_after; /* so many in a row */
};

#define PROBE_EVERY_MIN_MS   100
#define PROBE_EVERY_MAX_MS   3600000
#define PROBE_TIMEOUT_MIN_MS 50
#define PROBE_TIMEOUT_MAX_MS 10000
#define PROBE_IN_A_ROW_MAX   100

/* What the key says. */
struct probing {
	bool given;
	const struct probe *probe; /* NULL: false */
};

/* Reader for the key, into a struct probing. */
schema_reader probe_read;

/* When all gateways and groups have been read: which gateways are probed, and how. The
 * gateway's own word comes first, then that of the first group it is in; one that is not
 * enabled is not probed. Numbers them, from 1, and lists all that have names. */
bool probes_finish(struct load *load);

struct gateway;
struct gateway_view;
void gateway_view(const struct gateway *gateway, struct gateway_view *out);

#endif
