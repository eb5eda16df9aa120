/* SPDX-License-Identifier: MIT */
#include "server/operations/count.h"

static unsigned listener_of(const struct configuration *configuration,
                            const struct arrival *arrival)
{
	return configuration->numbering
	        ->listeners[arrival->listen - configuration->settings->listens];
}

static bool is_counted(const struct counters *counters,
                       const struct configuration *configuration)
{
	return counters && configuration && configuration->numbering;
}

void count_received(struct counters *counters, const struct configuration *configuration,
                    const struct arrival *arrival)
{
	if (is_counted(counters, configuration))
		counter_add(&counters->listeners[listener_of(configuration, arrival)]
		                     .received,
		            1);
}

void count_dropped(struct counters *counters, const struct configuration *configuration,
                   const struct arrival *arrival)
{
	if (is_counted(counters, configuration))
		counter_add(
			&counters->listeners[listener_of(configuration, arrival)].dropped,
			1);
}

static unsigned method_of(const struct configuration *configuration, struct slice method)
{
	const struct settings *settings = configuration->settings;
	for (size_t i = 0; i < settings->method_count; i++)
		if (slice_equal(settings->methods[i], method))
			return configuration->numbering->methods[i];
	return numbering_method(method);
}

static void count_decision(struct counters *counters, const struct numbering *numbering,
                           const struct counted *counted)
{
	const struct decision *decision = counted->decision;
	counter_add(&counters->rules[numbering->rules[decision->rule_number]], 1);
	for (size_t i = 0; counted->offers && i < decision->target_count; i++) {
		unsigned gateway =
			numbering->gateways[decision->targets[i].gateway_number];
		counter_add(&counters->offers[gateway], 1);
		if (i == 0)
			counter_add(&counters->first_offers[gateway], 1);
	}
	if (counted->cut)
		counter_add(&counters->cut, counted->cut);
}

void count_reply(struct counters *counters, const struct configuration *configuration,
                 const struct arrival *arrival, const struct counted *counted)
{
	if (!is_counted(counters, configuration))
		return;
	const struct numbering *numbering = configuration->numbering;
	unsigned method = method_of(configuration, counted->method);
	unsigned profile = numbering->profiles[arrival->listen->profile->number];
	unsigned peer = numbering->peers[arrival->peer->number];
	unsigned class = counted->status / 100 - 2;
	counter_add(&counters->replies[method][counted->status - 200], 1);
	counter_add(&counters->profiles[profile][class], 1);
	counter_add(&counters->peers[peer][class], 1);
	counter_add(&counters->listeners[listener_of(configuration, arrival)].replied, 1);
	if (counted->decision)
		count_decision(counters, numbering, counted);
}

unsigned count_opened(struct counters *counters,
                      const struct configuration *configuration,
                      const struct arrival *arrival)
{
	if (!is_counted(counters, configuration))
		return REGISTRY_OTHER;
	unsigned listener = listener_of(configuration, arrival);
	counter_add(&counters->listeners[listener].opened, 1);
	return listener;
}

void count_closed(struct counters *counters, unsigned listener)
{
	if (counters)
		counter_add(&counters->listeners[listener].closed, 1);
}
