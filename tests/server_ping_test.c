/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "server/commands/ping.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* In place of the C library's: time runs SPEED times as fast, so that nobody waits for
 * timers. */
#define SPEED 10

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int err = (int)syscall(SYS_clock_gettime, clock, now);
	long long ns = ((long long)now->tv_sec * 1000000000 + now->tv_nsec) * SPEED;
	*now = (struct timespec){ns / 1000000000, ns % 1000000000};
	return err;
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	int ms = timeout_ms / SPEED + 1;
	return ppoll(fds, count, &(struct timespec){ms / 1000, ms % 1000 * 1000000L},
	             NULL);
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What the fake server sends: start_line and the header fields of the request, one
 * character of the field that begins with spoil changed; or start_line alone if it is
 * raw. */
struct answer {
	const char *start_line, *spoil;
	bool raw;
};

#define OK                                                                               \
	{                                                                                \
		"SIP/2.0 200 OK\r\n", NULL, false                                        \
	}

struct conversation {
	const char *listen;
	size_t requests; /* so many have to come before the answers */
	struct answer answers[8];
	int result;
};

struct server {
	const struct conversation *conversation;
	struct endpoint endpoint;
	int fd;
	char request[2048], first[2048];
	struct sockaddr_storage client;
	socklen_t client_size;
	pthread_t thread;
};

static struct server server;

static size_t make_answer(const struct answer *answer, char *to, size_t size)
{
	const char *fields = strstr(server.request, "\r\n") + 2;
	int len =
		snprintf(to, size, "%s%s", answer->start_line, answer->raw ? "" : fields);
	char *spoiled = answer->spoil ? strstr(to, answer->spoil) : NULL;
	if (spoiled) {
		char *c = spoiled + strlen(answer->spoil);
		*c = *c == '0' ? '1' : '0';
	}
	return (size_t)len;
}

static void send_answers(int fd)
{
	static char text[1 << 17];
	for (const struct answer *a = server.conversation->answers; a->start_line; a++) {
		size_t len = make_answer(a, text, sizeof text);
		sendto(fd, text, len, MSG_NOSIGNAL, (struct sockaddr *)&server.client,
		       server.client_size);
	}
}

static void *serve_udp(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < server.conversation->requests; i++) {
		server.client_size = sizeof server.client;
		ssize_t len =
			recvfrom(server.fd, server.request, sizeof server.request - 1, 0,
		                 (struct sockaddr *)&server.client, &server.client_size);
		server.request[len < 0 ? 0 : len] = '\0';
		if (i == 0)
			strcpy(server.first, server.request);
	}
	send_answers(server.fd);
	return NULL;
}

static void *serve_tcp(void *arg)
{
	(void)arg;
	size_t len = 0;
	int fd = accept(server.fd, NULL, NULL);
	while (!strstr(server.request, "\r\n\r\n")) {
		ssize_t more = recv(fd, server.request + len,
		                    sizeof server.request - 1 - len, 0);
		if (more <= 0)
			break;
		len += (size_t)more;
	}
	send_answers(fd);
	shutdown(fd, SHUT_WR);
	recv(fd, server.request, 1, 0); /* until the client closes */
	close(fd);
	return NULL;
}

/* Binds a free port of conversation->listen; false if this machine cannot. */
static bool bind_server(const struct conversation *conversation)
{
	struct sockaddr_storage address;
	socklen_t size;
	const char *why;
	server.conversation = conversation;
	ck_assert(endpoint_parse(slice_of(conversation->listen), &server.endpoint, &why));
	server.endpoint.port = 0;
	bool tcp = server.endpoint.transport == TRANSPORT_TCP;
	size = endpoint_to_sockaddr(&server.endpoint, &address);
	server.fd = socket(address.ss_family, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	if (server.fd < 0 || bind(server.fd, (struct sockaddr *)&address, size) < 0)
		return false;
	ck_assert_int_eq(getsockname(server.fd, (struct sockaddr *)&address, &size), 0);
	ck_assert(endpoint_from_sockaddr(server.endpoint.transport,
	                                 (struct sockaddr *)&address, &server.endpoint));
	return true;
}

static int ping_server(unsigned timeout_ms)
{
	bool tcp = server.endpoint.transport == TRANSPORT_TCP;
	if (tcp)
		ck_assert_int_eq(listen(server.fd, 1), 0);
	ck_assert_int_eq(
		pthread_create(&server.thread, NULL, tcp ? serve_tcp : serve_udp, NULL),
		0);
	int result = ping(&server.endpoint, timeout_ms);
	pthread_join(server.thread, NULL);
	return result;
}

static const struct conversation conversations[] = {
	{"udp:127.0.0.1", 1, {OK}, 200},
	{"udp:[::1]", 1, {OK}, 200},
	{"tcp:127.0.0.1", 1, {OK}, 200},
	{"tcp:[::1]", 1, {OK}, 200},
	{"udp:127.0.0.1", 1, {{"sip/2.0 404 \r\n", NULL, false}}, 404},
	{"udp:127.0.0.1", 1, {{"SIP/2.0 699 Nobody anywhere\r\n", NULL, false}}, 699},
	{"tcp:127.0.0.1", 1, {{"SIP/2.0 503 Later\r\n", NULL, false}}, 503},
	/* What is no final answer to this question is passed over. */
	{"udp:127.0.0.1", 1, {{"SIP/2.0 100 Trying\r\n", NULL, false}, OK}, 200},
	{"tcp:127.0.0.1", 1, {{"SIP/2.0 199 Soon\r\n", NULL, false}, OK}, 200},
	{"udp:127.0.0.1",
         1,
         {{"SIP/2.0 500 Stray\r\n", "branch=z9hG4bK", false},
          {"SIP/2.0 500 Stray\r\n", "Call-ID: ", false},
          {"SIP/2.0 700 Stray\r\n", NULL, false},
          {"SIP/2.0 099 Stray\r\n", NULL, false},
          {"SIP/2.0 500 Stray\r\n\r\n", NULL, true},
          {"\r\n\r\n", NULL, true},
          OK},
         200},
	{"tcp:127.0.0.1",
         1,
         {{"SIP/2.0 500 Stray\r\n", "branch=z9hG4bK", false},
          {"OPTIONS sip:you SIP/2.0\r\n", NULL, false},
          OK},
         200},
	{"tcp:127.0.0.1",
         1,
         {{"SIP/2.", NULL, true}, {"0 200 OK\r\nX: ", NULL, true}, {"\r\n", NULL, false}},
         200},
	{"tcp:127.0.0.1", 1, {{NULL, NULL, false}}, -ECONNRESET},
	{"tcp:127.0.0.1", 1, {{"SIP/2.0 200 OK\r\n", NULL, true}}, -ECONNRESET},
};

START_TEST(status_of_the_final_answer_is_returned)
{
	const struct conversation *conversation = &conversations[_i];
	if (bind_server(conversation))
		ck_assert_int_eq(ping_server(60000), conversation->result);
}
END_TEST

/* At 0, 500 and 1500 ms. */
START_TEST(datagram_is_repeated_at_doubling_intervals)
{
	static const struct conversation third = {"udp:127.0.0.1", 3, {OK}, 200};
	int64_t start_ms = now_ms();
	ck_assert(bind_server(&third));
	ck_assert_int_eq(ping_server(60000), 200);
	ck_assert_int_ge(now_ms() - start_ms, 1500);
	ck_assert_str_eq(server.request, server.first);
}
END_TEST

/* Every run of 32 hexadecimal digits in text becomes "R". */
static void hide_random(char *text)
{
	for (char *at = text; *at; at++) {
		if (strspn(at, "0123456789abcdef") == 32) {
			*at = 'R';
			memmove(at + 1, at + 32, strlen(at + 32) + 1);
		}
	}
}

START_TEST(question_is_a_complete_options)
{
	const struct conversation conversation = {
		_i ? "tcp:127.0.0.1" : "udp:127.0.0.1", 1, {OK}, 200};
	const char *tcp = _i ? ";transport=tcp" : "";
	char there[ENDPOINT_TEXT_MAX], expected[1024];
	unsigned port = 0;
	ck_assert(bind_server(&conversation));
	ck_assert_int_eq(ping_server(60000), 200);
	endpoint_hostport(&server.endpoint, there);
	const char *via = strstr(server.request, "Via: ");
	ck_assert_int_eq(sscanf(via, "Via: SIP/2.0/%*[A-Z] 127.0.0.1:%u;", &port), 1);
	snprintf(expected, sizeof expected,
	         "OPTIONS sip:%s%s SIP/2.0\r\n"
	         "Via: SIP/2.0/%s 127.0.0.1:%u;branch=z9hG4bKR;rport\r\n"
	         "Max-Forwards: 70\r\n"
	         "From: <sip:ping@127.0.0.1:%u>;tag=R\r\n"
	         "To: <sip:%s%s>\r\n"
	         "Call-ID: R\r\n"
	         "CSeq: 1 OPTIONS\r\n"
	         "Contact: <sip:ping@127.0.0.1:%u%s>\r\n"
	         "Accept: application/sdp\r\n"
	         "Content-Length: 0\r\n"
	         "\r\n",
	         there, tcp, _i ? "TCP" : "UDP", port, port, there, tcp, port, tcp);
	hide_random(server.request);
	ck_assert_str_eq(server.request, expected);
	if (!_i) {
		struct endpoint client;
		ck_assert(endpoint_from_sockaddr(
			TRANSPORT_UDP, (struct sockaddr *)&server.client, &client));
		ck_assert_uint_eq(client.port, port);
	}
}
END_TEST

/* Nobody to talk to: the socket is bound, and listens if it is TCP, but nobody reads. */
static const char *const silent[] = {"udp:127.0.0.1", "tcp:127.0.0.1"};

START_TEST(silence_ends_at_the_timeout)
{
	const struct conversation conversation = {.listen = silent[_i]};
	ck_assert(bind_server(&conversation));
	if (server.endpoint.transport == TRANSPORT_TCP)
		ck_assert_int_eq(listen(server.fd, 1), 0);
	int64_t start_ms = now_ms();
	ck_assert_int_eq(ping(&server.endpoint, 700), -ETIMEDOUT);
	ck_assert_int_ge(now_ms() - start_ms, 700);
}
END_TEST

START_TEST(closed_port_is_refused_at_once)
{
	const struct conversation conversation = {.listen = silent[_i]};
	ck_assert(bind_server(&conversation));
	close(server.fd);
	ck_assert_int_eq(ping(&server.endpoint, 600000), -ECONNREFUSED);
}
END_TEST

START_TEST(endless_headers_are_given_up)
{
	static char text[70000];
	static const struct conversation conversation = {
		"tcp:127.0.0.1", 1, {{text, NULL, true}}, -EMSGSIZE};
	memset(text, 'x', sizeof text - 1);
	ck_assert(bind_server(&conversation));
	ck_assert_int_eq(ping_server(60000), -EMSGSIZE);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("ping");
	TCase *tc = tcase_create("ping");
	tcase_add_loop_test(tc, status_of_the_final_answer_is_returned, 0,
	                    COUNT(conversations));
	tcase_add_test(tc, datagram_is_repeated_at_doubling_intervals);
	tcase_add_loop_test(tc, question_is_a_complete_options, 0, 2);
	tcase_add_loop_test(tc, silence_ends_at_the_timeout, 0, COUNT(silent));
	tcase_add_loop_test(tc, closed_port_is_refused_at_once, 0, COUNT(silent));
	tcase_add_test(tc, endless_headers_are_given_up);
	suite_add_tcase(suite, tc);
	return suite;
}
