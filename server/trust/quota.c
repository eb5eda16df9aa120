/* SPDX-License-Identifier: MIT */
#include "server/trust/quota.h"

#include "rules/schema.h"

static bool parse_rate(struct slice text, struct rate *rate)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
	struct slice number = {text.at, slice_find(text, '/')};
	unsigned long count;
	if (number.len + 2 != text.len || !slice_number(number, QUOTA_RATE_MAX, &count) ||
	    count == 0)
		return false;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (text.at[text.len - 1] == units[i].unit) {
			rate->interval_ns = units[i].seconds * 1000000000 / count;
			rate->burst = rate->burst ? rate->burst : count;
			return true;
		}
	return false;
}

bool quota_read_rate(struct load *load, const struct node *node, void *into)
{
	struct slice text;
	if (!schema_text(load, node, "rate", &text))
		return false;
	return parse_rate(text, into) ||
	       load_error(load, node, "write 500/s, 30/m or 10/h",
	                  "\"%s\" is no rate from 1/h to 1000000/s", text.at);
}

bool quota_read_burst(struct load *load, const struct node *node, void *into)
{
	struct rate *rate = into;
	unsigned long count;
	if (!schema_number(load, node, "burst", 1, QUOTA_BURST_MAX, &count))
		return false;
	rate->burst = count;
	return true;
}

bool quota_check(struct load *load, const struct node *node, struct rate *rate)
{
	return rate->interval_ns || !rate->burst ||
	       load_error(load, node, NULL, "\"burst\" needs \"rate\"");
}

bool quota_read_source(struct load *load, const struct node *node, void *into)
{
	static const struct field fields[] = {{"rate", quota_read_rate, FIELD_REQUIRED},
	                                      {"burst", quota_read_burst, 0}};
	struct rate *rate = &((struct quota *)into)->source;
	if (!schema_read(load, node, "\"per_source\"", fields, 2, rate))
		return false;
	return (rate->interval_ns >= 1000000000 / QUOTA_SOURCE_MAX &&
	        rate->burst <= QUOTA_SOURCE_MAX) ||
	       load_error(load, node, NULL,
	                  "a source may have %d/s and a burst of %d at most",
	                  QUOTA_SOURCE_MAX, QUOTA_SOURCE_MAX);
}

bool quota_read_over(struct load *load, const struct node *node, void *into)
{
	static const char *const names[] = {[OVER_503] = "503", [OVER_DROP] = "drop"};
	size_t choice;
	if (!schema_choice(load, node, "over", names, 2, &choice))
		return false;
	((struct quota *)into)->over = (enum over)choice;
	return true;
}
