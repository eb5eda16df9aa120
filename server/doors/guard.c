/* SPDX-License-Identifier: MIT */
#include "server/doors/guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sofia-sip/msg.h>
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_buffer.h>
#include <sofia-sip/msg_mclass.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/su_time.h>

#include "server/clock.h"
#include "server/log/escape.h"
#include "server/log/log.h"
#include "server/sip/message.h"

#define EXPORTED __attribute__((visibility("default")))

/* dlsym() gives an object pointer; ISO C has no cast from it to a function. */
#define NEXT(type, name)                                                                 \
	({                                                                               \
		static _Atomic(void *) found;                                            \
		union {                                                                  \
			void *object;                                                    \
			type *function;                                                  \
		} symbol = {found};                                                      \
		if (!symbol.object)                                                      \
			found = symbol.object = dlsym(RTLD_NEXT, name);                  \
		symbol.function;                                                         \
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

static _Thread_local bool only_answers;

void guard_only_answers(bool only)
{
	only_answers = only;
}

enum { UDP_HEADER = 8 }; /* that a filter sees in front */

static void attach(int fd, struct sock_filter *code, size_t count)
{
	struct sock_fprog program = {(unsigned short)count, code};
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
		log_event(LOG_WARNING, "datagram filter not attached error=\"%s\"",
		          strerror(errno));
}

/* Passes a datagram on if it begins as an answer does, and the one by which the library
 * tries its own socket. */
static void filter_all_but_answers(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, UDP_HEADER),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x5349502f, 1, 0), /* SIP/ */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x54455354, 0, 1), /* TEST */
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	attach(fd, code, sizeof code / sizeof code[0]);
}

/* Passes a datagram on if its first byte is one that SIP can begin with: printable, or
 * the CR and LF of a keepalive. */
static void filter_datagrams(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, UDP_HEADER),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, '\r', 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, '\n', 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ' ', 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, '~', 1, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	attach(fd, code, sizeof code / sizeof code[0]);
}

/* A connection whose peer is silent is given up soon, so that a peer that is back is
 * asked on another one, and not when the kernel tries the old one again. */
static void limit_silence(int fd)
{
	const unsigned silence_ms = 5000;
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence_ms, sizeof silence_ms);
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
		(only_answers ? filter_all_but_answers : filter_datagrams)(fd);
	if (type == SOCK_STREAM && only_answers)
		limit_silence(fd);
	return NEXT(bind_function, "bind")(fd, address, len);
}

static _Thread_local struct {
	guard_admits *admits;
	void *arg;
} asked;

void guard_ask(guard_admits *admits, void *arg)
{
	asked.admits = admits;
	asked.arg = arg;
}

typedef int accept_function(int, struct sockaddr *, socklen_t *);

EXPORTED int accept(int listener, struct sockaddr *source, socklen_t *len)
{
	int fd = NEXT(accept_function, "accept")(listener, source, len);
	if (fd < 0 || !asked.admits || asked.admits(asked.arg, listener, true, source))
		return fd;
	close(fd);
	errno = 0; /* no failure that the library should speak of */
	return -1;
}

typedef ssize_t recvmsg_function(int, struct msghdr *, int);

/* Only of a datagram the library wants to know the source. */
EXPORTED ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t len = NEXT(recvmsg_function, "recvmsg")(fd, message, flags);
	if (len < 0 || !asked.admits || !message->msg_name ||
	    asked.admits(asked.arg, fd, false, message->msg_name))
		return len;
	errno = EAGAIN; /* as if nothing had come */
	return -1;
}

typedef msg_t *msg_next_function(msg_t *);

EXPORTED msg_t *msg_next(msg_t *msg)
{
	msg_t *next = NEXT(msg_next_function, "msg_next")(msg);
	if (next)
		msg_maxsize(next, MESSAGE_BUFFER_MAX);
	return next;
}

typedef issize_t su_getmsgsize_function(su_socket_t);

EXPORTED issize_t su_getmsgsize(su_socket_t fd)
{
	enum { STREAM_READ_MAX = 16384 };
	int type = 0;
	socklen_t len = sizeof type;
	issize_t size = NEXT(su_getmsgsize_function, "su_getmsgsize")(fd);
	if (size <= STREAM_READ_MAX ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM)
		return size;
	return STREAM_READ_MAX;
}

typedef isize_t msg_recv_commit_function(msg_t *, usize_t, int);

static void blank_nuls(char *text, size_t len)
{
	for (char *nul = text; (nul = memchr(nul, '\0', len - (size_t)(nul - text)));)
		*nul = ' ';
}

EXPORTED isize_t msg_recv_commit(msg_t *msg, usize_t size, int eos)
{
	if (size && message_is_ours(msg_mclass(msg)))
		blank_nuls((char *)msg_buf_committed_data(msg) + msg_buf_committed(msg),
		           size);
	return NEXT(msg_recv_commit_function, "msg_recv_commit")(msg, size, eos);
}

typedef const msg_href_t *msg_find_hclass_function(const msg_mclass_t *, const char *,
                                                   isize_t *);

EXPORTED const msg_href_t *msg_find_hclass(const msg_mclass_t *class, const char *line,
                                           isize_t *content)
{
	if (!message_is_ours(class))
		return NEXT(msg_find_hclass_function, "msg_find_hclass")(class, line,
		                                                         content);
	if (content)
		*content = 1; /* 0 says that the line is bad */
	return class->mc_unknown;
}

EXPORTED void su_time(su_time_t *time)
{
	const unsigned long epoch_s = 2208988800; /* as there: never 0 */
	int64_t now_ns = clock_ns();
	if (time)
		*time = (su_time_t){(unsigned long)(now_ns / 1000000000) + epoch_s,
		                    (unsigned long)(now_ns % 1000000000 / 1000)};
}

static void on_library_log(void *arg, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
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
