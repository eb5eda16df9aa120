/* SPDX-License-Identifier: MIT */
#include "rules/period.h"

#include "rules/moment.h"
#include "rules/zones.h"

/* The period that both keys fill. */
static struct period *period_get(struct load *load, struct period **into)
{
	struct period *period = *into;
	if (!period)
		period = *into = arena_alloc(load->arena, sizeof *period);
	if (!period)
		load_memory(load);
	else if (!period->zone)
		*period = (struct period){
			.from_s = INT64_MIN,
			.until_s = INT64_MAX,
			.zone = zones_default(((struct table_load *)load)->table)};
	return period;
}

static bool read_moment(struct load *load, const struct node *node, const char *what,
                        const struct period *period, bool day_end, int64_t *out,
                        struct slice *written)
{
	struct slice text;
	if (!schema_text(load, node, what, &text))
		return false;
	if (!moment_parse(text, period->zone, day_end, out))
		return load_error(load, node,
		                  "write 2026-12-25, 2026-12-25T10:00 or "
		                  "2026-12-25T10:00+01:00",
		                  "\"%s\": \"%s\" is no date, or no date and time", what,
		                  text.at);
	*written = arena_copy(load->arena, text);
	return written->at || load_memory(load);
}

static bool check(struct load *load, const struct node *node, const struct period *period)
{
	return period->from_s < period->until_s ||
	       load_error(load, node, NULL, "until %s is not after from %s",
	                  period->until.at, period->from.at);
}

bool period_read_from(struct load *load, const struct node *node, void *into)
{
	struct period *period = period_get(load, into);
	return period &&
	       read_moment(load, node, "from", period, false, &period->from_s,
	                   &period->from) &&
	       check(load, node, period);
}

bool period_read_until(struct load *load, const struct node *node, void *into)
{
	struct period *period = period_get(load, into);
	return period &&
	       read_moment(load, node, "until", period, true, &period->until_s,
	                   &period->until) &&
	       check(load, node, period);
}

bool period_has(const struct period *period, int64_t now_s)
{
	return period->from_s <= now_s && now_s < period->until_s;
}

bool period_covers(const struct period *outer, const struct period *inner)
{
	return outer->from_s <= inner->from_s && inner->until_s <= outer->until_s;
}
