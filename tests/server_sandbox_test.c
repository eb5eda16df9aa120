/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/trust/sandbox.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What nobody who has taken the server over may do with it. */
static const struct {
	const char *name;
	long number, arguments[5];
} forbidden[] = {
	{"execve", SYS_execve, {0}},
	{"execveat", SYS_execveat, {-1}},
	{"a process", SYS_clone, {SIGCHLD}},
	{"ptrace", SYS_ptrace, {0}},
	{"process_vm_readv", SYS_process_vm_readv, {1}},
	{"kill", SYS_kill, {1, 0}},
	{"tgkill", SYS_tgkill, {1, 1, 0}},
	{"connect", SYS_connect, {-1}},
	{"connecting with sendto", SYS_sendto, {-1, 0, 0, MSG_FASTOPEN | MSG_NOSIGNAL}},
	{"connecting with sendmmsg", SYS_sendmmsg, {-1, 0, 0, MSG_FASTOPEN}},
	{"connecting with sendmsg", SYS_sendmsg, {-1, 0, MSG_FASTOPEN}},
	{"a packet socket", SYS_socket, {AF_PACKET, SOCK_RAW, 0}},
	{"an SCTP socket", SYS_socket, {AF_INET, SOCK_STREAM, IPPROTO_SCTP}},
	{"an MPTCP socket", SYS_socket, {AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 262}},
	{"a socket of packets", SYS_socket, {AF_INET6, SOCK_SEQPACKET, 0}},
	{"a raw socket", SYS_socket, {AF_INET, SOCK_RAW, IPPROTO_UDP}},
	{"a socket to ping", SYS_socket, {AF_INET, SOCK_DGRAM, IPPROTO_ICMP}},
	{"a unix socket", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
	{"an audit socket", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_AUDIT}},
	{"an owner who gets signals", SYS_fcntl, {0, F_SETOWN, 1}},
	{"such an owner", SYS_fcntl, {0, F_SETOWN_EX, 0}},
	{"which signal", SYS_fcntl, {0, F_SETSIG, SIGKILL}},
	{"taking O_APPEND away", SYS_fcntl, {0, F_SETFL, O_RDWR | O_NONBLOCK}},
	{"a lease", SYS_fcntl, {0, F_SETLEASE, F_RDLCK}},
	{"writing", SYS_openat, {AT_FDCWD, (long)"/dev/null", O_WRONLY}},
	{"reading and writing", SYS_openat, {AT_FDCWD, (long)"/dev/null", O_RDWR}},
	{"making", SYS_openat, {AT_FDCWD, (long)"/tmp", O_RDONLY | O_CREAT}},
	{"unlinkat", SYS_unlinkat, {-1, 0, 0}},
	{"renameat2", SYS_renameat2, {-1, 0, -1, 0, 0}},
	{"fchmodat", SYS_fchmodat, {-1, 0, 0}},
	{"setuid", SYS_setuid, {0}},
	{"setresuid", SYS_setresuid, {-1, -1, -1}},
	{"unshare", SYS_unshare, {0}},
	{"setns", SYS_setns, {-1, 0}},
	{"mount", SYS_mount, {0}},
	{"bpf", SYS_bpf, {-1}},
	{"io_uring_setup", SYS_io_uring_setup, {0}},
	{"userfaultfd", SYS_userfaultfd, {0}},
	{"keyctl", SYS_keyctl, {-1}},
	{"dumps again", SYS_prctl, {PR_SET_DUMPABLE, 1}},
	{"another's limits", SYS_prlimit64, {1, 0, 0, 0}},
	{"ioctl of a terminal", SYS_ioctl, {0, 0x5412, 0}}, /* TIOCSTI */
};

static long call(size_t i)
{
	const long *a = forbidden[i].arguments;
	return syscall(forbidden[i].number, a[0], a[1], a[2], a[3], a[4]);
}

/* What became of a process of its own that did job. */
static int end_of(void (*job)(size_t i), size_t i)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		job(i);
		_exit(EXIT_SUCCESS);
	}
	ck_assert_int_gt(child, 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return status;
}

static void be_refused(size_t i)
{
	if (sandbox_enter(SANDBOX_REFUSE, 0) < 0)
		_exit(2);
	errno = 0;
	if (call(i) != -1 || errno != ENOSYS)
		_exit(3);
}

START_TEST(forbidden_call_is_as_if_it_did_not_exist)
{
	int status = end_of(be_refused, (size_t)_i);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %x",
	              forbidden[_i].name, (unsigned)status);
}
END_TEST

static void be_killed(size_t i)
{
	if (sandbox_enter(SANDBOX_KILL, 0) < 0)
		_exit(2);
	call(i);
}

START_TEST(forbidden_call_kills_in_a_test)
{
	int status = end_of(be_killed, (size_t)_i);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: status %x",
	              forbidden[_i].name, (unsigned)status);
}
END_TEST

/* With SANDBOX_APPENDING a file may be made and appended to, and no more than that. */
static const struct {
	int flags;
	bool allowed;
} openings[] = {
	{O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, true},
	{O_WRONLY | O_CREAT | O_APPEND | O_TRUNC, false},
	{O_RDWR | O_CREAT | O_APPEND, false},
	{O_WRONLY | O_CREAT, false},
	{O_WRONLY | O_APPEND, false},
	{O_WRONLY, false},
};

static void append(size_t i)
{
	if (sandbox_enter(SANDBOX_REFUSE, SANDBOX_APPENDING) < 0)
		_exit(2);
	int fd = open("/dev/null", openings[i].flags, 0600);
	if ((fd >= 0) != openings[i].allowed)
		_exit(3);
}

START_TEST(a_log_may_only_be_appended_to)
{
	int status = end_of(append, (size_t)_i);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x: status %x",
	              (unsigned)openings[_i].flags, (unsigned)status);
}
END_TEST

static void connect_if_probing(size_t features)
{
	if (sandbox_enter(SANDBOX_KILL, (unsigned)features) < 0)
		_exit(2);
	connect(-1, NULL, 0);
	sendto(-1, NULL, 0, MSG_FASTOPEN, NULL, 0);
	fcntl(-1, F_SETFL, O_RDWR | O_NONBLOCK);
}

START_TEST(only_a_server_that_probes_connects)
{
	int status = end_of(connect_if_probing, SANDBOX_CONNECTING);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x",
	              (unsigned)status);
}
END_TEST

static void *nothing(void *arg)
{
	return arg;
}

/* There may be no IPv6: then it is tried. */
static const struct {
	int family, type, protocol;
} sockets[] = {
	{AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0},
	{AF_INET6, SOCK_DGRAM, IPPROTO_UDP},
	{AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0},
	{AF_INET, SOCK_STREAM, IPPROTO_TCP},
};

/* Threads, memory, reading, sockets: with the action that would kill. */
static void do_what_is_allowed(size_t i)
{
	pthread_t thread;
	char byte;
	(void)i;
	if (sandbox_enter(SANDBOX_KILL, 0) < 0)
		_exit(2);
	if (pthread_create(&thread, NULL, nothing, NULL) != 0 ||
	    pthread_join(thread, NULL) != 0)
		_exit(3);
	char *block = malloc(64 << 20);
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	if (!block || read(fd, &byte, 1) != 1)
		_exit(4);
	free(block);
	for (size_t s = 0; s < COUNT(sockets); s++)
		close(socket(sockets[s].family, sockets[s].type, sockets[s].protocol));
	sendto(-1, NULL, 0, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
	abort();
}

START_TEST(serving_is_allowed)
{
	int status = end_of(do_what_is_allowed, 0);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %x",
	              (unsigned)status);
}
END_TEST

/* A thread that was there before is in the sandbox as well. */
static pthread_barrier_t entered;

static void *be_killed_later(void *arg)
{
	pthread_barrier_wait(&entered);
	call(0);
	return arg;
}

static void enter_beside_a_thread(size_t i)
{
	pthread_t thread;
	(void)i;
	pthread_barrier_init(&entered, NULL, 2);
	if (pthread_create(&thread, NULL, be_killed_later, NULL) != 0 ||
	    sandbox_enter(SANDBOX_KILL, 0) < 0)
		_exit(2);
	pthread_barrier_wait(&entered);
	pthread_join(thread, NULL);
}

START_TEST(older_threads_are_in_it)
{
	int status = end_of(enter_beside_a_thread, 0);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}
END_TEST

START_TEST(only_the_word_kill_makes_it_kill)
{
	unsetenv("SIGNPOST_SANDBOX");
	ck_assert_int_eq(sandbox_action(), SANDBOX_REFUSE);
	setenv("SIGNPOST_SANDBOX", "1", 1);
	ck_assert_int_eq(sandbox_action(), SANDBOX_REFUSE);
	setenv("SIGNPOST_SANDBOX", "kill", 1);
	ck_assert_int_eq(sandbox_action(), SANDBOX_KILL);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *all = tcase_create("all");
	suite_add_tcase(suite, all);
	tcase_add_test(all, only_the_word_kill_makes_it_kill);
	if (sandbox_is_instrumented())
		return suite;
	tcase_add_loop_test(all, forbidden_call_is_as_if_it_did_not_exist, 0,
	                    COUNT(forbidden));
	tcase_add_loop_test(all, a_log_may_only_be_appended_to, 0, COUNT(openings));
	tcase_add_loop_test(all, forbidden_call_kills_in_a_test, 0, COUNT(forbidden));
	tcase_add_test(all, serving_is_allowed);
	tcase_add_test(all, only_a_server_that_probes_connects);
	tcase_add_test(all, older_threads_are_in_it);
	return suite;
}
