/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sofia-sip/su_wait.h>

#include "rules/table.h"
#include "server/redirect.h"
#include "server/stream.h"
#include "tests/runner.h"

/* Each test has a folder of its own and stands in it, and a door that listens on TCP. */
static char folder[] = "/tmp/signpost-stream-XXXXXX";
static struct diags *diags;
static struct settings *settings;
static struct certificates *certificates;
static struct snapshot *snapshot;
static struct tag_keys keys;
static struct redirect *redirect;
static struct stream *stream;
static const struct listen *failed;
static int error;
static uint16_t port;

static FILE *create(const char *name)
{
	FILE *file = fopen(name, "w");
	ck_assert_ptr_nonnull(file);
	return file;
}

static void write_files(void)
{
	FILE *file = create("signpost.yaml");
	fprintf(file,
	        "profiles: {p: {listen: tcp:127.0.0.1:%u, peers: l}}\n"
	        "peers: {l: {networks: 127.0.0.1}}\nlog: {calls: none}\n",
	        (unsigned)port);
	fclose(file);
	file = create("rules.yaml");
	fputs("default: {reject: 404}\n", file);
	fclose(file);
}

/* Bound to a port of the kernel's choice. */
static int bind_any(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	port = ntohs(address.sin_port);
	return fd;
}

static void start(void)
{
	stream = stream_start(settings, redirect, certificates, &failed, &error);
}

static void enter(void)
{
	signal(SIGPIPE, SIG_IGN);
	ck_assert(su_init() == 0 && message_init());
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	close(bind_any());
	write_files();
	diags = diags_new();
	settings = settings_load("signpost.yaml", diags);
	ck_assert_ptr_nonnull(settings);
	certificates = certificates_new(settings, diags);
	snapshot = snapshot_new(table_load("rules.yaml", TABLE_BYTES_MAX, diags));
	ck_assert(tag_keys_init(&keys, settings->secret));
	redirect = redirect_new(settings, snapshot, &keys);
	ck_assert_ptr_nonnull(redirect);
}

static void leave(void)
{
	if (stream)
		stream_stop(stream);
	redirect_free(redirect);
	snapshot_free(snapshot);
	certificates_free(certificates);
	settings_free(settings);
	diags_free(diags);
	unlink("signpost.yaml");
	unlink("rules.yaml");
	rmdir(folder);
}

static int connect_to_door(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons(port),
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void ask(int fd, int number)
{
	char text[512];
	int len = snprintf(text, sizeof text,
	                   "INVITE sip:%d@signpost.test SIP/2.0\r\n"
	                   "Via: SIP/2.0/TCP a.test;branch=z9hG4bK%d\r\n"
	                   "From: <sip:a@a.test>;tag=1\r\nTo: <sip:b@b.test>\r\n"
	                   "Call-ID: %d\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
	                   number, number, number);
	ck_assert_int_eq(write(fd, text, (size_t)len), len);
}

/* All that comes up to the end of the stream, or count empty lines. */
static const char *receive(int fd, size_t count)
{
	static char text[65536];
	size_t len = 0;
	for (;;) {
		ssize_t got = read(fd, text + len, sizeof text - 1 - len);
		if (got <= 0)
			return text;
		len += (size_t)got;
		text[len] = '\0';
		size_t seen = 0;
		for (const char *c = text; (c = strstr(c, "\r\n\r\n")); c += 4)
			seen++;
		if (seen == count)
			return text;
	}
}

START_TEST(requests_are_answered_in_order)
{
	start();
	int fd = connect_to_door();
	for (int i = 0; i < 20; i++)
		ask(fd, i);
	const char *replies = receive(fd, 20);
	for (int i = 0; i < 20; i++) {
		char call_id[32];
		snprintf(call_id, sizeof call_id, "Call-ID: %d\r\n", i);
		replies = strstr(replies, call_id);
		ck_assert_ptr_nonnull(replies);
	}
	close(fd);
}
END_TEST

START_TEST(connections_end_with_the_door)
{
	start();
	int fds[50];
	char byte;
	for (size_t i = 0; i < 50; i++)
		fds[i] = connect_to_door();
	ask(fds[0], 1);
	receive(fds[0], 1);
	ask(fds[1], 1);
	ck_assert_int_eq(write(fds[2], "INVITE", 6), 6);
	stream_stop(stream);
	stream = NULL;
	receive(fds[1], 0);
	for (size_t i = 0; i < 50; i++) {
		ck_assert_int_le(read(fds[i], &byte, 1), 0);
		close(fds[i]);
	}
}
END_TEST

START_TEST(door_may_be_opened_again)
{
	for (int i = 0; i < 20; i++) {
		start();
		ck_assert_msg(stream != NULL, "%s", strerror(error));
		int fd = connect_to_door();
		ask(fd, i);
		ck_assert_int_eq(strncmp(receive(fd, 1), "SIP/2.0 404 ", 12), 0);
		close(fd);
		stream_stop(stream);
	}
	stream = NULL;
}
END_TEST

START_TEST(listener_that_cannot_be_bound_is_told)
{
	start();
	struct stream *first = stream;
	start();
	ck_assert_ptr_null(stream);
	ck_assert_ptr_eq(failed, &settings->listens[0]);
	ck_assert_int_eq(error, EADDRINUSE);
	stream = first;
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("stream");
	TCase *tc = tcase_create("stream");
	tcase_add_checked_fixture(tc, enter, leave);
	tcase_add_test(tc, requests_are_answered_in_order);
	tcase_add_test(tc, connections_end_with_the_door);
	tcase_add_test(tc, door_may_be_opened_again);
	tcase_add_test(tc, listener_that_cannot_be_bound_is_told);
	suite_add_tcase(suite, tc);
	return suite;
}
