/* SPDX-License-Identifier: MIT */
#include "server/guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <sofia-sip/msg.h>
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/su_log.h>

#include "server/log.h"
#include "server/message.h"

#define EXPORTED __attribute__((visibility("default")))

/* dlsym() gives an object pointer; ISO C has no cast from it to a function. */
#define NEXT(type, name)                                                                 \
	({                                                                               \
		static type *found;                                                      \
		if (!found)                                                              \
			*(void **)&found = dlsym(RTLD_NEXT, name);                       \
		found;                                                                   \
	})

static _Thread_local bool share_ports;

void guard_share_ports(bool share)
{
	share_ports = share;
}

typedef int getaddrinfo_function(const char *, const char *, const struct addrinfo *,
                                 struct addrinfo **);

EXPORTED int getaddrinfo(const char *name, const char *service,
                         const struct addrinfo *hints, struct addrinfo **out)
{
	struct addrinfo numeric = hints ? *hints : (struct addrinfo){0};
	numeric.ai_flags |= AI_NUMERICHOST;
	return NEXT(getaddrinfo_function, "getaddrinfo")(name, service, &numeric, out);
}

/* Passes a datagram on if its first byte is one that SIP can begin with: printable, or
 * the CR and LF of a keepalive. The filter sees the UDP header in front. */
static void filter_datagrams(int fd)
{
	enum { UDP_HEADER = 8 };
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, UDP_HEADER),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, '\r', 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, '\n', 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ' ', 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, '~', 1, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {sizeof code / sizeof code[0], code};
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
		log_event(LOG_WARNING, "datagram filter not attached error=\"%s\"",
		          strerror(errno));
}

typedef int bind_function(int, const struct sockaddr *, socklen_t);

EXPORTED int bind(int fd, const struct sockaddr *address, socklen_t len)
{
	int type = 0, on = 1;
	socklen_t size = sizeof type;
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
	if (address->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (share_ports)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	if (type == SOCK_DGRAM &&
	    (address->sa_family == AF_INET || address->sa_family == AF_INET6))
		filter_datagrams(fd);
	return NEXT(bind_function, "bind")(fd, address, len);
}

typedef msg_t *msg_next_function(msg_t *);

EXPORTED msg_t *msg_next(msg_t *msg)
{
	msg_t *next = NEXT(msg_next_function, "msg_next")(msg);
	if (next)
		msg_maxsize(next, MESSAGE_MAX);
	return next;
}

static void on_library_log(void *arg, const char *format, va_list args)
{
	char text[512], safe[1024];
	(void)arg;
	vsnprintf(text, sizeof text, format, args);
	log_often(LOG_LIBRARY, "library says text=\"%s\"",
	          log_escape(slice_trim(slice_of(text)), safe, sizeof safe));
}

void guard_init(void)
{
	struct rlimit files;
	su_log_redirect(NULL, on_library_log, NULL);
	su_log_set_level(NULL, 1);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}
