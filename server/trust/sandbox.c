/* SPDX-License-Identifier: MIT */
#include "server/trust/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* With any arguments. Names, for some exist on one architecture only: arm64 has no poll.
 */
static const char *const allowed[] = {
	/* serving */
	"recvmsg",
	"recvmmsg",
	"recvfrom",
	"read",
	"readv",
	"write",
	"writev",
	"epoll_wait",
	"epoll_pwait",
	"epoll_ctl",
	"poll",
	"ppoll",
	"accept",
	"accept4",
	"shutdown",
	"close",
	"getsockname",
	"getpeername",
	"getsockopt",
	"setsockopt",
	/* opening doors again */
	"bind",
	"listen",
	"epoll_create1",
	"eventfd2",
	"pipe2",
	"capset",
	/* time, randomness, threads, signals */
	"clock_gettime",
	"clock_getres",
	"clock_nanosleep",
	"nanosleep",
	"gettimeofday",
	"time",
	"getrandom",
	"futex",
	"sched_yield",
	"sched_getaffinity",
	"set_robust_list",
	"rseq",
	"gettid",
	"getpid",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"rt_sigtimedwait",
	"sigaltstack",
	"restart_syscall",
	"exit",
	"exit_group",
	/* memory */
	"brk",
	"mmap",
	"munmap",
	"mremap",
	"mprotect",
	"madvise",
	"membarrier",
	/* reading files */
	"newfstatat",
	"fstat",
	"stat",
	"lstat",
	"statx",
	"lseek",
	"pread64",
	"readlink",
	"readlinkat",
	"getdents64",
	"access",
	"faccessat",
	"faccessat2",
	"getcwd",
	/* what libraries ask of the machine */
	"uname",
	"sysinfo",
	"getrusage",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
};

/* On the architecture there is no such call: nothing to allow. */
static int allow(scmp_filter_ctx filter, const char *name, unsigned count,
                 const struct scmp_arg_cmp *arguments)
{
	int call = seccomp_syscall_resolve_name(name);
	return call < 0 ? 0
	                : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, count,
	                                         arguments);
}

static int allow_equal(scmp_filter_ctx filter, const char *name, unsigned argument,
                       scmp_datum_t value)
{
	const struct scmp_arg_cmp equal = {argument, SCMP_CMP_EQ, value, 0};
	return allow(filter, name, 1, &equal);
}

/* Those bits of the argument that are in mask must be as in value. */
static int allow_masked(scmp_filter_ctx filter, const char *name, unsigned argument,
                        scmp_datum_t mask, scmp_datum_t value)
{
	const struct scmp_arg_cmp masked = {argument, SCMP_CMP_MASKED_EQ, mask, value};
	return allow(filter, name, 1, &masked);
}

/* TCP and UDP: SCTP would connect by sending. */
static int allow_family(scmp_filter_ctx filter, int family)
{
	static const struct {
		int type, protocol;
	} kinds[] = {{SOCK_STREAM, 0},
	             {SOCK_STREAM, IPPROTO_TCP},
	             {SOCK_DGRAM, 0},
	             {SOCK_DGRAM, IPPROTO_UDP}};
	const unsigned type = ~(unsigned)(SOCK_CLOEXEC | SOCK_NONBLOCK);
	int error = 0;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !error; i++) {
		const struct scmp_arg_cmp arguments[] = {
			{0, SCMP_CMP_EQ, (scmp_datum_t)family, 0},
			{1, SCMP_CMP_MASKED_EQ, type, (scmp_datum_t)kinds[i].type},
			{2, SCMP_CMP_EQ, (scmp_datum_t)kinds[i].protocol, 0}};
		error = allow(filter, "socket", 3, arguments);
	}
	return error;
}

/* Sockets for peers, and for asking which addresses this machine has. */
static int allow_sockets(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp routes[] = {{0, SCMP_CMP_EQ, AF_NETLINK, 0},
	                                      {2, SCMP_CMP_EQ, NETLINK_ROUTE, 0}};
	int error = allow_family(filter, AF_INET);
	error = error ? error : allow_family(filter, AF_INET6);
	error = error ? error : allow(filter, "socket", 2, routes);
	error = error ? error : allow_equal(filter, "ioctl", 1, FIONREAD);
	error = error ? error : allow_equal(filter, "ioctl", 1, FIONBIO);
	error = error ? error : allow_equal(filter, "ioctl", 1, SIOCGIFCONF);
	error = error ? error : allow_equal(filter, "ioctl", 1, SIOCGIFFLAGS);
	error = error ? error : allow_equal(filter, "ioctl", 1, SIOCGIFINDEX);
	return error ? error : allow_equal(filter, "ioctl", 1, SIOCGIFADDR);
}

/* With MSG_FASTOPEN a call that sends connects as well. */
static int allow_sending(scmp_filter_ctx filter, unsigned features)
{
	const scmp_datum_t connecting = features & SANDBOX_CONNECTING ? 0 : MSG_FASTOPEN;
	int error = allow_masked(filter, "sendto", 3, connecting, 0);
	error = error ? error : allow_masked(filter, "sendmmsg", 3, connecting, 0);
	error = error ? error : allow_masked(filter, "sendmsg", 2, connecting, 0);
	if (features & SANDBOX_CONNECTING && !error)
		error = allow(filter, "connect", 0, NULL);
	return error;
}

/* Not those that have a signal sent, to whichever process. F_SETFL makes sockets
 * non-blocking, where libraries open them, and would take O_APPEND from a file. */
static int allow_fcntl(scmp_filter_ctx filter, unsigned features)
{
	static const int commands[] = {F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC};
	int error = 0;
	if (features & (SANDBOX_CONNECTING | SANDBOX_SETTING_FLAGS))
		error = allow_equal(filter, "fcntl", 1, F_SETFL);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0] && !error; i++)
		error = allow_equal(filter, "fcntl", 1, (scmp_datum_t)commands[i]);
	return error;
}

/* For reading: a file is neither made nor written. But for the log's, which may be made,
 * and is only appended to; nothing tells it from any other that the user may write. */
static int allow_files(scmp_filter_ctx filter, unsigned features)
{
	const scmp_datum_t writing = O_ACCMODE | O_CREAT | O_TRUNC;
	const scmp_datum_t appending = O_WRONLY | O_CREAT | O_APPEND;
	int error = allow_masked(filter, "openat", 2, writing, O_RDONLY);
	error = error ? error : allow_masked(filter, "open", 1, writing, O_RDONLY);
	if (!(features & SANDBOX_APPENDING) || error)
		return error;
	return allow_masked(filter, "openat", 2, writing | O_APPEND, appending);
}

/* A thread, no process. clone3 hides its flags in memory, so it must be refused in a way
 * that makes the C library take clone. A signal only to ourselves: abort(). Of prctl and
 * prlimit64 what file.c does when a secret is read again, and a thread's name. */
static int allow_threads(scmp_filter_ctx filter, bool kill)
{
	const struct scmp_arg_cmp undumpable[] = {{0, SCMP_CMP_EQ, PR_SET_DUMPABLE, 0},
	                                          {1, SCMP_CMP_EQ, 0, 0}};
	int error = allow_masked(filter, "clone", 0, CLONE_THREAD, CLONE_THREAD);
	if (kill && !error)
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
		                         0);
	error = error ? error : allow_equal(filter, "tgkill", 0, (scmp_datum_t)getpid());
	error = error ? error : allow(filter, "prctl", 2, undumpable);
	error = error ? error : allow_equal(filter, "prctl", 0, PR_SET_NAME);
	return error ? error : allow_equal(filter, "prlimit64", 0, 0);
}

static int allow_all(scmp_filter_ctx filter, bool kill, unsigned features)
{
	int error = 0;
	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0] && !error; i++)
		error = allow(filter, allowed[i], 0, NULL);
	error = error ? error : allow_sockets(filter);
	/* c-ares opens its source of chance as a terminal might be opened. */
	if (features & SANDBOX_CONNECTING && !error)
		error = allow_equal(filter, "ioctl", 1, TCGETS);
	error = error ? error : allow_sending(filter, features);
	error = error ? error : allow_fcntl(filter, features);
	error = error ? error : allow_files(filter, features);
	return error ? error : allow_threads(filter, kill);
}

int sandbox_enter(enum sandbox_action action, unsigned features)
{
	const bool kill = action == SANDBOX_KILL;
	scmp_filter_ctx filter =
		seccomp_init(kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(ENOSYS));
	if (!filter)
		return -ENOMEM;
	int error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	/* An old kernel cannot write it to the audit log, and needs not. */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	/* A tree instead of a chain of comparisons: a call costs the same wherever it
	 * stands above. */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	error = error ? error : allow_all(filter, kill, features);
	error = error ? error : seccomp_load(filter);
	seccomp_release(filter);
	return error;
}

enum sandbox_action sandbox_action(void)
{
	const char *wanted = secure_getenv("SIGNPOST_SANDBOX");
	return wanted && strcmp(wanted, "kill") == 0 ? SANDBOX_KILL : SANDBOX_REFUSE;
}

/* There only if the compiler put them in, or valgrind loaded it. */
extern void __sanitizer_set_report_path(const char *path) __attribute__((weak));
extern void __gcov_exit(void) __attribute__((weak));
extern void _vgnU_freeres(void) __attribute__((weak, visibility("default")));

bool sandbox_is_instrumented(void)
{
	return __sanitizer_set_report_path || __gcov_exit || _vgnU_freeres;
}
