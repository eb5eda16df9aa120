/* SPDX-License-Identifier: MIT */
#include "server/operations/notify.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "rules/slice.h"
#include "server/clock.h"
#include "server/log/log.h"

#define MESSAGE_MAX 1024
#define CLOSING_MS  10000 /* for closing, once it is drained */

struct notify {
	int fd;
	struct sockaddr_un
		address; /* found anew each time: the manager may start again */
	socklen_t address_len;
	unsigned long alive_ms;
};

static bool parse_address(const char *name, struct notify *notify)
{
	struct sockaddr_un *address = &notify->address;
	size_t len = strlen(name);
	if ((name[0] != '/' && name[0] != '@') || len < 2 ||
	    len >= sizeof address->sun_path)
		return false;
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, name, len);
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	notify->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

static bool open_socket(struct notify *notify)
{
	const struct timeval patience = {.tv_sec = 1};
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return notify->fd >= 0 && setsockopt(notify->fd, SOL_SOCKET, SO_SNDTIMEO,
	                                     &patience, sizeof patience) == 0;
}

/* Half of WATCHDOG_USEC, if that is meant for this process. */
static unsigned long alive_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long number;
	if (pid && (!slice_number(slice_of(pid), INT32_MAX, &number) ||
	            number != (unsigned long)getpid()))
		return 0;
	if (!usec || !slice_number(slice_of(usec), ULONG_MAX, &number) || !number)
		return 0;
	return number < 2000 ? 1 : number / 2000;
}

static struct notify *notify_new(const char *name)
{
	struct notify *notify = calloc(1, sizeof *notify);
	if (!notify)
		return NULL;
	notify->fd = -1;
	notify->alive_ms = alive_ms();
	errno = EAFNOSUPPORT;
	if (parse_address(name, notify) && open_socket(notify))
		return notify;
	log_event(LOG_WARNING, "service manager is not told error=\"%s\"",
	          strerror(errno));
	notify_close(notify);
	return NULL;
}

struct notify *notify_open(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct notify *notify = name ? notify_new(name) : NULL;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return notify;
}

void notify_close(struct notify *notify)
{
	if (!notify)
		return;
	if (notify->fd >= 0)
		close(notify->fd);
	free(notify);
}

static void tell(const struct notify *notify, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void tell(const struct notify *notify, const char *format, ...)
{
	char message[MESSAGE_MAX];
	va_list args;
	if (!notify)
		return;
	va_start(args, format);
	int len = vsnprintf(message, sizeof message, format, args);
	va_end(args);
	if (len >= (int)sizeof message)
		len = (int)sizeof message - 1;
	while (sendto(notify->fd, message, (size_t)len, MSG_NOSIGNAL,
	              (const struct sockaddr *)&notify->address,
	              notify->address_len) < 0 &&
	       errno == EINTR)
		;
}

void notify_ready(const struct notify *notify, const char *status)
{
	tell(notify, "READY=1\nSTATUS=%s", status);
}

/* With the time the manager can tell this reload from the one before. */
void notify_reloading(const struct notify *notify)
{
	tell(notify, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading",
	     (long long)clock_ns() / 1000);
}

void notify_stopping(const struct notify *notify, unsigned long drain_ms)
{
	tell(notify, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu\nSTATUS=%s",
	     ((unsigned long long)drain_ms + CLOSING_MS) * 1000,
	     drain_ms ? "draining" : "stopping");
}

unsigned long notify_alive_ms(const struct notify *notify)
{
	return notify ? notify->alive_ms : 0;
}

void notify_alive(const struct notify *notify)
{
	tell(notify, "WATCHDOG=1");
}
