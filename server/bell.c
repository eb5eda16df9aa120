/* SPDX-License-Identifier: MIT */
#include "server/bell.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool bell_init(struct bell *bell)
{
	*bell = (struct bell){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
	sem_init(&bell->done, 0, 0);
	return bell->fd >= 0;
}

void bell_fini(struct bell *bell)
{
	if (bell->fd >= 0)
		close(bell->fd);
	sem_destroy(&bell->done);
}

void bell_ring(struct bell *bell, enum bell_wish wish)
{
	uint64_t one = 1;
	atomic_fetch_or(&bell->wishes, wish);
	atomic_fetch_add(&bell->rung, 1);
	while (write(bell->fd, &one, sizeof one) < 0 && errno == EINTR)
		;
}

void bell_wait(struct bell *bell)
{
	while (sem_wait(&bell->done) < 0)
		;
}

bool bell_is_answered(const struct bell *bell)
{
	return atomic_load(&bell->answered) == atomic_load(&bell->rung);
}

/* The descriptor is emptied first: what is wished from then on rings again. */
unsigned bell_answer(struct bell *bell)
{
	uint64_t count;
	while (read(bell->fd, &count, sizeof count) < 0 && errno == EINTR)
		;
	atomic_store(&bell->answered, atomic_load(&bell->rung));
	return atomic_exchange(&bell->wishes, 0);
}

void bell_done(struct bell *bell)
{
	sem_post(&bell->done);
}
