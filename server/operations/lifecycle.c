/* SPDX-License-Identifier: MIT */
#include "server/operations/lifecycle.h"

#include <stdatomic.h>

static _Atomic enum lifecycle current = LIFECYCLE_STARTING;

/* It stands for itself: nobody reads it to learn of anything else. */
void lifecycle_enter(enum lifecycle state)
{
	atomic_store_explicit(&current, state, memory_order_relaxed);
}

enum lifecycle lifecycle_state(void)
{
	return atomic_load_explicit(&current, memory_order_relaxed);
}

const char *lifecycle_text(enum lifecycle state)
{
	static const char *const texts[] = {
		[LIFECYCLE_STARTING] = "starting",
		[LIFECYCLE_SERVING] = "serving",
		[LIFECYCLE_DRAINING] = "draining",
	};
	return texts[state];
}
