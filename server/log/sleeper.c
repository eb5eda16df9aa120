/* SPDX-License-Identifier: MIT */
#include "server/log/sleeper.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void futex(struct sleeper *sleeper, int operation, unsigned value,
                  const struct timespec *timeout)
{
	syscall(SYS_futex, &sleeper->state, operation | FUTEX_PRIVATE_FLAG, value,
	        timeout, NULL, 0);
}

void sleeper_wake(struct sleeper *sleeper)
{
	if (atomic_exchange(&sleeper->state, SLEEPER_AWAKE) != SLEEPER_AWAKE)
		futex(sleeper, FUTEX_WAKE, 1, NULL);
}

/* Whoever leaves something stores it and then looks at the state; here the state is
 * stored first: one of the two sees the other. */
void sleeper_sleep(struct sleeper *sleeper, bool (*idle)(void *arg), void *arg)
{
	atomic_store(&sleeper->state, SLEEPER_ASLEEP);
	while (idle(arg) && atomic_load(&sleeper->state) == SLEEPER_ASLEEP)
		futex(sleeper, FUTEX_WAIT, SLEEPER_ASLEEP, NULL);
	atomic_store(&sleeper->state, SLEEPER_AWAKE);
}

void sleeper_doze(struct sleeper *sleeper, unsigned ms)
{
	const struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
	atomic_store(&sleeper->state, SLEEPER_DOZING);
	futex(sleeper, FUTEX_WAIT, SLEEPER_DOZING, &time);
	atomic_store(&sleeper->state, SLEEPER_AWAKE);
}
