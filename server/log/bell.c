/* SPDX-License-Identifier: MIT */
#include "server/log/bell.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void futex(struct bell *bell, int operation, unsigned value,
                  const struct timespec *timeout)
{
	syscall(SYS_futex, &bell->state, operation | FUTEX_PRIVATE_FLAG, value, timeout,
	        NULL, 0);
}

void bell_wake(struct bell *bell)
{
	if (atomic_exchange(&bell->state, BELL_AWAKE) != BELL_AWAKE)
		futex(bell, FUTEX_WAKE, 1, NULL);
}

/* Whoever leaves something stores it and then looks at the state; here the state is
 * stored first: one of the two sees the other. */
void bell_sleep(struct bell *bell, bool (*idle)(void *arg), void *arg)
{
	atomic_store(&bell->state, BELL_ASLEEP);
	while (idle(arg) && atomic_load(&bell->state) == BELL_ASLEEP)
		futex(bell, FUTEX_WAIT, BELL_ASLEEP, NULL);
	atomic_store(&bell->state, BELL_AWAKE);
}

void bell_doze(struct bell *bell, unsigned ms)
{
	const struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
	atomic_store(&bell->state, BELL_DOZING);
	futex(bell, FUTEX_WAIT, BELL_DOZING, &time);
	atomic_store(&bell->state, BELL_AWAKE);
}
