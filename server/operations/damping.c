/* SPDX-License-Identifier: MIT */
#include "server/operations/damping.h"

bool damping_take(struct damping *damping, enum damping_result result,
                  const struct probe *probe)
{
	bool good = result == DAMPING_ANSWERED;
	if (good != damping->down) {
		damping->in_row = 0;
		return false;
	}
	damping->in_row++;
	if (result != DAMPING_REFUSED &&
	    damping->in_row < (damping->down ? probe->up_after : probe->down_after))
		return false;
	*damping = (struct damping){.down = !damping->down};
	return true;
}

enum damping_result damping_result(int status, bool has_retry_after)
{
	if (status == 503 && has_retry_after)
		return DAMPING_REFUSED;
	return status >= 200 && status != 408 && status != 503 ? DAMPING_ANSWERED
	                                                       : DAMPING_FAILED;
}
