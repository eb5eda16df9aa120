/* SPDX-License-Identifier: MIT */
/* damping.h - when a gateway counts as down, and as up again: not by one answer.
 *
 *     up    down_after failures in a row, or a 503 with Retry-After  →  down
 *     down  up_after answers in a row                                →  up
 */
#ifndef SERVER_DAMPING_H
#define SERVER_DAMPING_H

#include <stdbool.h>

#include "rules/probe.h"

/* All zero: nothing known yet, which counts as up. */
struct damping {
	bool down;
	unsigned long in_row; /* results that speak against it */
};

enum damping_result {
	DAMPING_ANSWERED,
	DAMPING_FAILED,
	DAMPING_REFUSED, /* it says itself that it wants no calls */
};

/* True if it has changed from up to down or back. */
bool damping_take(struct damping *damping, enum damping_result result,
                  const struct probe *probe);

/* RFC 3261 16.7: a gateway that answers at all can be tried, unless the answer says that
 * it or what is behind it cannot take calls. */
enum damping_result damping_result(int status, bool has_retry_after);

#endif
