/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_buffer.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/su.h>
#include <sofia-sip/su_time.h>

#include "server/doors/guard.h"
#include "server/sip/endpoint.h"
#include "server/sip/message.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int sockets[2] = {-1, -1};
static struct endpoint bound; /* sockets[0]'s */

static void fini(void)
{
	for (size_t i = 0; i < COUNT(sockets); i++)
		if (sockets[i] >= 0)
			close(sockets[i]);
}

/* Binds sockets[i]: 0 or an errno. */
static int bind_to(int i, const char *text, unsigned port)
{
	struct endpoint endpoint;
	struct sockaddr_storage address;
	const char *why;
	ck_assert_msg(endpoint_parse(slice_of(text), &endpoint, &why), "%s", why);
	endpoint.port = (uint16_t)port;
	socklen_t len = endpoint_to_sockaddr(&endpoint, &address);
	bool stream = endpoint.transport == TRANSPORT_TCP;
	sockets[i] = socket(address.ss_family, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
	ck_assert_int_ge(sockets[i], 0);
	if (bind(sockets[i], (struct sockaddr *)&address, len) < 0)
		return errno;
	len = sizeof address;
	getsockname(sockets[i], (struct sockaddr *)&address, &len);
	ck_assert(endpoint_from_sockaddr(endpoint.transport, (struct sockaddr *)&address,
	                                 &bound));
	return 0;
}

/* Time */

START_TEST(the_librarys_time_is_nobodys_to_set)
{
	struct timespec now;
	su_time_t time = su_now();
	clock_gettime(CLOCK_MONOTONIC, &now);
	double ahead_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9 + 2208988800.0 -
	                 (double)time.tv_sec - (double)time.tv_usec / 1e6;
	ck_assert_msg(ahead_s >= 0 && ahead_s < 60, "%f s", ahead_s);
}
END_TEST

/* Names */

static const char *const names[] = {
	"localhost", "example.net", "localhost.", "127.0.0.1.example", "ip6-localhost",
};

START_TEST(no_name_is_looked_up)
{
	struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_DGRAM};
	ck_assert_int_eq(getaddrinfo(names[_i], "5060", &hints, &found), EAI_NONAME);
	ck_assert_int_eq(getaddrinfo(names[_i], NULL, NULL, &found), EAI_NONAME);
}
END_TEST

static const char *const addresses[] = {"127.0.0.1", "192.0.2.1", "::1", "2001:db8::1"};

START_TEST(addresses_are_understood)
{
	struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_DGRAM};
	ck_assert_int_eq(getaddrinfo(addresses[_i], "5060", &hints, &found), 0);
	ck_assert_int_eq(found->ai_family,
	                 strchr(addresses[_i], ':') ? AF_INET6 : AF_INET);
	freeaddrinfo(found);
	ck_assert_int_eq(getaddrinfo(addresses[_i], NULL, NULL, &found), 0);
	freeaddrinfo(found);
}
END_TEST

/* Datagrams */

static const struct {
	const char *bytes;
	size_t len;
	bool passes;
} datagrams[] = {
	{"INVITE sip:a@b SIP/2.0\r\n\r\n", 26, true},
	{"SIP/2.0 200 OK\r\n\r\n", 18, true},
	{"\r\n\r\n", 4, true},
	{"\n", 1, true},
	{" x", 2, true},
	{"~", 1, true},
	{"!x", 2, true},
	{"", 0, false},
	{"\0\1\0\0\x21\x12\xa4\x42", 8, false}, /* STUN */
	{"\1\1\0\0\x21\x12\xa4\x42", 8, false},
	{"\xf8\0", 2, false},       /* SigComp */
	{"\x16\xfe\xff", 3, false}, /* DTLS */
	{"\x80\0", 2, false},       /* RTP */
	{"\x7f", 1, false},
	{"\t", 1, false},
};

/* Sends it, and one that passes behind it: what comes first tells. */
START_TEST(the_kernel_drops_what_does_not_begin_like_sip)
{
	static const char last[] = "LAST";
	char received[64];
	struct sockaddr_storage to;
	ck_assert_int_eq(bind_to(0, "udp:127.0.0.1", 0), 0);
	socklen_t len = endpoint_to_sockaddr(&bound, &to);
	sockets[1] = socket(AF_INET, SOCK_DGRAM, 0);
	sendto(sockets[1], datagrams[_i].bytes, datagrams[_i].len, 0,
	       (struct sockaddr *)&to, len);
	sendto(sockets[1], last, sizeof last, 0, (struct sockaddr *)&to, len);
	ssize_t got = recv(sockets[0], received, sizeof received, 0);
	if (datagrams[_i].passes) {
		ck_assert_int_eq(got, (ssize_t)datagrams[_i].len);
		ck_assert_mem_eq(received, datagrams[_i].bytes, datagrams[_i].len);
	} else {
		ck_assert_int_eq(got, sizeof last);
	}
}
END_TEST

/* Binding */

static bool has_v6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0;
	if (fd >= 0)
		close(fd);
	return has;
}

/* The port that v6 was given may be another program's on v4: then with another one. */
static int bind_both(const char *const transports[2])
{
	int error = EADDRINUSE;
	for (int i = 0; error == EADDRINUSE && i < 50; i++) {
		ck_assert_int_eq(bind_to(0, transports[0], 0), 0);
		error = bind_to(1, transports[1], bound.port);
		fini();
	}
	return error;
}

START_TEST(a_v6_socket_leaves_the_port_to_v4)
{
	static const char *const transports[][2] = {{"udp:[::]", "udp:0.0.0.0"},
	                                            {"tcp:[::]", "tcp:0.0.0.0"}};
	if (!has_v6())
		return;
	for (size_t i = 0; i < COUNT(transports); i++)
		ck_assert_int_eq(bind_both(transports[i]), 0);
	sockets[0] = sockets[1] = -1;
}
END_TEST

START_TEST(a_port_is_shared_only_when_workers_do)
{
	ck_assert_int_eq(bind_to(0, "udp:127.0.0.1", 0), 0);
	ck_assert_int_eq(bind_to(1, "udp:127.0.0.1", bound.port), EADDRINUSE);
	fini();
	guard_share_ports(true);
	ck_assert_int_eq(bind_to(0, "udp:127.0.0.1", 0), 0);
	ck_assert_int_eq(bind_to(1, "udp:127.0.0.1", bound.port), 0);
	fini();
	guard_share_ports(false);
	ck_assert_int_eq(bind_to(0, "udp:127.0.0.1", 0), 0);
	ck_assert_int_eq(bind_to(1, "udp:127.0.0.1", bound.port), EADDRINUSE);
}
END_TEST

START_TEST(sockets_of_other_kinds_are_bound_as_ever)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	guard_share_ports(true);
	sockets[0] = socket(AF_UNIX, SOCK_DGRAM, 0);
	ck_assert_int_eq(
		bind(sockets[0], (struct sockaddr *)&address, sizeof address.sun_family),
		0);
}
END_TEST

/* Strangers */

static struct endpoint asked_about;
static int asked_fd;

static bool note(void *arg, int fd, bool stream, const struct sockaddr *source)
{
	asked_fd = fd;
	return endpoint_from_sockaddr(stream ? TRANSPORT_TCP : TRANSPORT_UDP, source,
	                              &asked_about) &&
	       *(bool *)arg;
}

START_TEST(a_stranger_is_hung_up_on)
{
	bool admit = _i;
	char byte;
	struct sockaddr_storage to, from;
	ck_assert_int_eq(bind_to(0, "tcp:127.0.0.1", 0), 0);
	ck_assert_int_eq(listen(sockets[0], 5), 0);
	socklen_t len = endpoint_to_sockaddr(&bound, &to);
	sockets[1] = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(sockets[1], (struct sockaddr *)&to, len), 0);
	guard_ask(note, &admit);
	errno = EBADF;
	len = sizeof from;
	int fd = accept(sockets[0], (struct sockaddr *)&from, &len);
	ck_assert_int_eq(asked_fd, sockets[0]);
	ck_assert(address_equal(&asked_about.address, &bound.address));
	ck_assert_uint_ne(asked_about.port, 0);
	ck_assert_int_eq(fd >= 0, admit);
	if (!admit) {
		ck_assert_int_eq(errno, 0);
		ck_assert_int_eq(recv(sockets[1], &byte, 1, 0), 0);
		return;
	}
	ck_assert_int_eq(recv(sockets[1], &byte, 1, MSG_DONTWAIT), -1);
	close(fd);
}
END_TEST

/* Receives as the library does. */
static ssize_t receive_from(int fd, char *text, size_t size,
                            struct sockaddr_storage *source)
{
	struct iovec room = {text, size};
	struct msghdr message = {.msg_name = source,
	                         .msg_namelen = source ? sizeof *source : 0,
	                         .msg_iov = &room,
	                         .msg_iovlen = 1};
	return recvmsg(fd, &message, MSG_DONTWAIT);
}

START_TEST(a_strangers_datagram_is_dropped)
{
	bool admit = _i;
	char text[16];
	struct sockaddr_storage to, from;
	ck_assert_int_eq(bind_to(0, "udp:127.0.0.1", 0), 0);
	socklen_t len = endpoint_to_sockaddr(&bound, &to);
	ck_assert_int_eq(bind_to(1, "udp:127.0.0.1", 0), 0);
	ck_assert_int_eq(sendto(sockets[1], "INVITE", 6, 0, (struct sockaddr *)&to, len),
	                 6);
	guard_ask(note, &admit);
	ssize_t got = receive_from(sockets[0], text, sizeof text, &from);
	ck_assert_int_eq(got, admit ? 6 : -1);
	ck_assert(admit || errno == EAGAIN);
	ck_assert_int_eq(asked_fd, sockets[0]);
	ck_assert(endpoint_equal(&asked_about, &bound));
	ck_assert_int_eq(receive_from(sockets[0], text, sizeof text, &from), -1);
}
END_TEST

START_TEST(of_a_stream_nobody_asks_whose_it_is)
{
	bool admit = false;
	char text[16];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	ck_assert_int_eq(send(sockets[1], "INVITE", 6, 0), 6);
	guard_ask(note, &admit);
	ck_assert_int_eq(receive_from(sockets[0], text, sizeof text, NULL), 6);
}
END_TEST

/* Reading */

START_TEST(a_stream_is_read_in_pieces)
{
	static const char bytes[100000];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	ck_assert_int_eq(su_getmsgsize(sockets[0]), 0);
	ck_assert_int_eq(send(sockets[1], bytes, 10000, 0), 10000);
	ck_assert_int_eq(su_getmsgsize(sockets[0]), 10000);
	ck_assert_int_eq(send(sockets[1], bytes, sizeof bytes, 0), sizeof bytes);
	ck_assert_int_eq(su_getmsgsize(sockets[0]), 16384);
}
END_TEST

START_TEST(a_datagram_is_read_whole)
{
	static char bytes[65507] = "x";
	struct sockaddr_storage to;
	ck_assert_int_eq(bind_to(0, "udp:127.0.0.1", 0), 0);
	socklen_t len = endpoint_to_sockaddr(&bound, &to);
	sockets[1] = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(
		sendto(sockets[1], bytes, sizeof bytes, 0, (struct sockaddr *)&to, len),
		sizeof bytes);
	ck_assert_int_eq(su_getmsgsize(sockets[0]), sizeof bytes);
}
END_TEST

static void receive(msg_t *msg, const char *text, size_t len)
{
	msg_iovec_t room[2] = {{0}};
	ck_assert_int_eq(msg_recv_iovec(msg, room, 2, (usize_t)len, 0), 1);
	memcpy(room[0].mv_base, text, len);
	msg_recv_commit(msg, (usize_t)len, 0);
}

/* Of our message class and of the library's own. */
static const msg_mclass_t *class_of(int i)
{
	ck_assert(message_init());
	return i ? message_class(true) : sip_default_mclass();
}

START_TEST(the_next_message_of_a_stream_has_a_limit_too)
{
	static const char two[] =
		"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\nOPTIO";
	msg_t *first = msg_create(class_of(_i), 0);
	msg_maxsize(first, MESSAGE_BUFFER_MAX);
	receive(first, two, sizeof two - 1);
	ck_assert_int_eq(msg_extract(first), 1);
	msg_t *second = msg_next(first);
	ck_assert_ptr_nonnull(second);
	ck_assert_uint_eq(msg_maxsize(second, 0), MESSAGE_BUFFER_MAX);
	ck_assert_int_eq(msg_extract(second), 0);
	msg_iovec_t room[2];
	ck_assert_int_lt(msg_recv_iovec(second, room, 2, MESSAGE_BUFFER_MAX, 0), 0);
	msg_destroy(first);
	msg_destroy(second);
}
END_TEST

START_TEST(nuls_become_blanks_in_our_messages_only)
{
	static const char text[] = "OPTIONS sip:a SIP/2.0\r\nX\0: \0\0y\0\r\n\0";
	msg_t *msg = msg_create(class_of(_i), 0);
	receive(msg, text, sizeof text - 1);
	const char *received = msg_buf_committed_data(msg);
	for (size_t i = 0; i < sizeof text - 1; i++)
		ck_assert_int_eq(received[i], text[i] == '\0' && _i ? ' ' : text[i]);
	msg_destroy(msg);
}
END_TEST

START_TEST(the_library_finds_its_own_header_classes)
{
	isize_t content = 0;
	ck_assert(message_init());
	const msg_mclass_t *library = sip_default_mclass();
	ck_assert_str_eq(msg_find_hclass(library, "Via: x", &content)->hr_class->hc_name,
	                 "Via");
	ck_assert_int_eq(content, 4);
	ck_assert_str_eq(msg_find_hclass(library, "v: x", &content)->hr_class->hc_name,
	                 "Via");
	msg_find_hclass(library, "no colon", &content);
	ck_assert_int_eq(content, 0);
	ck_assert_ptr_eq(msg_find_hclass(message_class(false), "no colon", &content),
	                 message_class(false)->mc_unknown);
	ck_assert_int_gt(content, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/guard");
	TCase *tests = tcase_create("guard");
	tcase_add_checked_fixture(tests, NULL, fini);
	tcase_add_test(tests, the_librarys_time_is_nobodys_to_set);
	tcase_add_loop_test(tests, no_name_is_looked_up, 0, COUNT(names));
	tcase_add_loop_test(tests, addresses_are_understood, 0, COUNT(addresses));
	tcase_add_loop_test(tests, the_kernel_drops_what_does_not_begin_like_sip, 0,
	                    COUNT(datagrams));
	tcase_add_test(tests, a_v6_socket_leaves_the_port_to_v4);
	tcase_add_test(tests, a_port_is_shared_only_when_workers_do);
	tcase_add_test(tests, sockets_of_other_kinds_are_bound_as_ever);
	tcase_add_loop_test(tests, a_stranger_is_hung_up_on, 0, 2);
	tcase_add_loop_test(tests, a_strangers_datagram_is_dropped, 0, 2);
	tcase_add_test(tests, of_a_stream_nobody_asks_whose_it_is);
	tcase_add_test(tests, a_stream_is_read_in_pieces);
	tcase_add_test(tests, a_datagram_is_read_whole);
	tcase_add_loop_test(tests, the_next_message_of_a_stream_has_a_limit_too, 0, 2);
	tcase_add_loop_test(tests, nuls_become_blanks_in_our_messages_only, 0, 2);
	tcase_add_test(tests, the_library_finds_its_own_header_classes);
	suite_add_tcase(suite, tests);
	return suite;
}
