/* SPDX-License-Identifier: MIT */
#include "server/operations/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/log/escape.h"
#include "server/log/log.h"

#define FIRST_FD       3
#define NAME_MAX_BYTES 128

struct activation {
	size_t count;
	struct passed items[LISTENS_MAX];
	char names[LISTENS_MAX][NAME_MAX_BYTES];
};

/* Taking */

static int option(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof value;
	return getsockopt(fd, level, name, &value, &len) < 0 ? -1 : value;
}

/* NULL if it is a socket that can be used, and of which kind. */
static const char *look_at(int fd, struct endpoint *endpoint)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	int type = option(fd, SOL_SOCKET, SO_TYPE);
	int protocol = option(fd, SOL_SOCKET, SO_PROTOCOL);
	if (type < 0)
		return "it is no socket";
	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return "it has no address";
	bool stream = type == SOCK_STREAM && protocol == IPPROTO_TCP;
	if (!stream && !(type == SOCK_DGRAM && protocol == IPPROTO_UDP))
		return "it is neither UDP nor TCP";
	if (!endpoint_from_sockaddr(stream ? TRANSPORT_TCP : TRANSPORT_UDP,
	                            (struct sockaddr *)&address, endpoint))
		return "it has no address";
	if (address.ss_family == AF_INET6 && option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 1)
		return "it is for IPv4 as well: BindIPv6Only=ipv6-only";
	if (stream && option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
		return "it does not listen: Accept=no";
	return NULL;
}

/* How many datagrams the kernel has dropped before our time. */
static uint32_t drops(int fd)
{
	uint32_t values[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof values;
	getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values, &len);
	return values[SK_MEMINFO_DROPS];
}

static void take(struct activation *activation, int fd, struct slice name)
{
	size_t i = activation->count++;
	struct passed *passed = &activation->items[i];
	int flags = fcntl(fd, F_GETFL);
	passed->fd = fd;
	passed->name = slice_of(log_escape(name, activation->names[i], NAME_MAX_BYTES));
	passed->useless = look_at(fd, &passed->endpoint);
	passed->dropped = drops(fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* Up to the next colon, which is taken off too. */
static struct slice take_name(struct slice *names)
{
	const char *colon = names->len ? memchr(names->at, ':', names->len) : NULL;
	size_t len = colon ? (size_t)(colon - names->at) : names->len;
	struct slice name = {names->at, len};
	*names = slice_skip(*names, colon ? len + 1 : len);
	return name;
}

static struct activation *take_all(unsigned long count, struct slice names)
{
	struct activation *activation = calloc(1, sizeof *activation);
	if (!activation) {
		log_event(LOG_WARNING, "passed sockets not used error=\"%s\"",
		          strerror(ENOMEM));
		return NULL;
	}
	if (count > LISTENS_MAX) {
		log_event(LOG_WARNING, "too many sockets passed count=%lu used=%d", count,
		          LISTENS_MAX);
		count = LISTENS_MAX;
	}
	for (unsigned long i = 0; i < count; i++)
		take(activation, FIRST_FD + (int)i, take_name(&names));
	return activation;
}

static unsigned long number_in(const char *variable)
{
	const char *text = getenv(variable);
	unsigned long number;
	return text && slice_number(slice_of(text), INT_MAX, &number) ? number : 0;
}

struct activation *activation_take(void)
{
	struct activation *activation = NULL;
	unsigned long count = number_in("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	if (count && number_in("LISTEN_PID") == (unsigned long)getpid())
		activation = take_all(count, slice_of(names ? names : ""));
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	return activation;
}

void activation_free(struct activation *activation)
{
	for (size_t i = 0; activation && i < activation->count; i++)
		close(activation->items[i].fd);
	free(activation);
}

/* Using */

static bool is_for(const struct passed *passed, const struct listen *listen)
{
	struct endpoint wanted = listen->endpoint;
	if (wanted.transport == TRANSPORT_TLS)
		wanted.transport = TRANSPORT_TCP;
	return !passed->useless && endpoint_equal(&passed->endpoint, &wanted);
}

struct passed *activation_find(struct activation *activation, const struct listen *listen)
{
	for (size_t i = 0; activation && i < activation->count; i++)
		if (is_for(&activation->items[i], listen))
			return &activation->items[i];
	return NULL;
}

int passed_open(const struct passed *passed)
{
	return fcntl(passed->fd, F_DUPFD_CLOEXEC, FIRST_FD);
}

/* Telling */

static const char *why_unused(struct activation *activation, const struct passed *passed,
                              const struct settings *settings)
{
	if (passed->useless)
		return passed->useless;
	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen *listen = &settings->listens[i];
		if (!is_for(passed, listen))
			continue;
		if (listen_door(listen) == DOOR_AGENT)
			return "stack: nta opens its own";
		return activation_find(activation, listen) == passed
		               ? NULL
		               : "another has its address, and what comes here is lost";
	}
	return "no listener has its address";
}

void activation_report(struct activation *activation, const struct settings *settings)
{
	char text[ENDPOINT_TEXT_MAX];
	for (size_t i = 0; activation && i < activation->count; i++) {
		const struct passed *passed = &activation->items[i];
		const char *why = why_unused(activation, passed, settings);
		if (why)
			log_event(LOG_WARNING,
			          "passed socket not used fd=%d name=\"%s\" address=%s "
			          "reason=\"%s\"",
			          passed->fd, passed->name.at,
			          passed->useless
			                  ? "-"
			                  : endpoint_text(&passed->endpoint, text),
			          why);
	}
	for (size_t i = 0; activation && i < settings->listen_count; i++)
		if (!activation_find(activation, &settings->listens[i]))
			log_event(LOG_INFO,
			          "no socket passed, so it is opened here listener=%s",
			          settings->listens[i].text.at);
}
