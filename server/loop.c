/* SPDX-License-Identifier: MIT */
#include "server/loop.h"

#include <event2/event.h>
#include <stddef.h>

struct event_base *loop_new(void)
{
	struct event_config *config = event_config_new();
	if (!config)
		return NULL;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
	struct event_base *base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}
