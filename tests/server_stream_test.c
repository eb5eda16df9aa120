/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <sofia-sip/su_wait.h>

#include "rules/table.h"
#include "server/doors/spare.h"
#include "server/doors/stream.h"
#include "server/log/log.h"
#include "server/redirect.h"
#include "tests/runner.h"

/* Each test has a folder of its own and stands in it, and a door that listens on TCP and,
 * at the next address, on TLS. */
static char folder[] = "/tmp/signpost-stream-XXXXXX";
static struct diags *diags;
static struct settings *settings;
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
	ck_assert_int_eq(fchmod(fileno(file), 0600), 0);
	return file;
}

static void write_settings(const char *more)
{
	FILE *file = create("signpost.yaml");
	fprintf(file,
	        "profiles: {p: {listen: [\"tcp:127.0.0.1:%u\", \"tls:127.0.0.2:%u\"], "
	        "peers: l, tls: {certificate: pem, key: pem}}}\n"
	        "peers: {l: {networks: 127.0.0.1}}\nlog: {calls: none}\n%s",
	        (unsigned)port, (unsigned)port, more);
	fclose(file);
}

/* A certificate and its key. */
static void write_pem(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
	FILE *file = create("pem");
	PEM_write_X509(file, certificate);
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void write_rules(void)
{
	FILE *file = create("rules.yaml");
	fputs("default: {reject: 404}\n", file);
	fclose(file);
}

/* Bound to a port of the kernel's choice, free at every address. */
static int bind_any(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_ANY)};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	port = ntohs(address.sin_port);
	return fd;
}

static void start(void)
{
	stream = stream_start(redirect, NULL, &failed, &error);
}

static void load_settings(void)
{
	struct configuration configuration = {.settings_path = "signpost.yaml"};
	ck_assert(configuration_load(&configuration, diags) &&
	          configuration_load_certificates(&configuration, diags));
	settings = configuration.settings;
	redirect_free(redirect);
	snapshot_free(snapshot);
	snapshot = snapshot_new(&configuration);
	redirect = redirect_new(NULL, snapshot, &keys);
	ck_assert_ptr_nonnull(redirect);
}

static void enter(void)
{
	signal(SIGPIPE, SIG_IGN);
	ck_assert(su_init() == 0 && message_init());
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	close(bind_any());
	write_settings("");
	write_pem();
	write_rules();
	diags = diags_new();
	ck_assert(tag_keys_init(&keys, slice_of("0123456789abcdef")));
	load_settings();
}

static void leave(void)
{
	if (stream)
		stream_stop(stream);
	redirect_free(redirect);
	snapshot_free(snapshot);
	diags_free(diags);
	unlink("signpost.yaml");
	unlink("rules.yaml");
	unlink("pem");
	rmdir(folder);
}

static int connect_from(in_addr_t source, in_addr_t to)
{
	struct sockaddr_in from = {.sin_family = AF_INET,
	                           .sin_addr.s_addr = htonl(source)};
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons(port),
	                              .sin_addr.s_addr = htonl(to)};
	const struct timeval patience = {10, 0};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static int connect_to_door(void)
{
	return connect_from(INADDR_LOOPBACK, INADDR_LOOPBACK);
}

static int connect_to_tls(void)
{
	return connect_from(INADDR_LOOPBACK, INADDR_LOOPBACK + 1);
}

static size_t write_request(char *to, size_t size, int number)
{
	return (size_t)snprintf(
		to, size,
		"INVITE sip:%d@signpost.test SIP/2.0\r\n"
		"Via: SIP/2.0/TCP a.test;branch=z9hG4bK%d\r\n"
		"From: <sip:a@a.test>;tag=1\r\nTo: <sip:b@b.test>\r\n"
		"Call-ID: %d\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
		number, number, number);
}

static void ask(int fd, int number)
{
	char text[512];
	size_t len = write_request(text, sizeof text, number);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
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

/* What the door calls instead of the C library's: it can be made to wait, and to meet one
 * stranger after another. */
static atomic_int accepted;
static atomic_bool endless, shut;

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	const struct sockaddr_in stranger = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 2)};
	while (shut)
		sched_yield();
	if (endless) {
		*len = sizeof stranger;
		memcpy(address, &stranger, sizeof stranger);
		return socket(AF_INET, SOCK_STREAM | flags, 0);
	}
	int got = (int)syscall(SYS_accept4, fd, address, len, flags);
	accepted += got >= 0;
	return got;
}

START_TEST(connections_are_served_while_others_come_without_end)
{
	start();
	int fd = connect_to_door();
	ask(fd, 1);
	receive(fd, 1);
	endless = true;
	int stranger = connect_from(INADDR_LOOPBACK + 2, INADDR_LOOPBACK);
	for (int i = 0; i < 20; i++) {
		ask(fd, i);
		ck_assert_int_eq(strncmp(receive(fd, 1), "SIP/2.0 404 ", 12), 0);
	}
	endless = false;
	close(stranger);
	close(fd);
}
END_TEST

static size_t open_files(void)
{
	size_t count = 0;
	DIR *files = opendir("/proc/self/fd");
	while (readdir(files))
		count++;
	closedir(files);
	return count;
}

static void *open_door(void *arg)
{
	const struct timespec wait = {0, 50000000}; /* by then the door is told to stop */
	nanosleep(&wait, NULL);
	shut = false;
	return arg;
}

/* The door finds the failures of many handshakes and its own end at the same time. */
START_TEST(nothing_stays_open)
{
	int fds[101];
	pthread_t opener;
	size_t before = open_files();
	start();
	for (size_t i = 0; i < 100; i++)
		fds[i] = connect_to_tls();
	while (accepted < 100)
		sched_yield();
	shut = true;
	fds[100] = connect_to_tls();
	for (size_t i = 0; i < 100; i++)
		ck_assert_int_eq(write(fds[i], "no TLS", 6), 6);
	pthread_create(&opener, NULL, open_door, NULL);
	stream_stop(stream);
	stream = NULL;
	pthread_join(opener, NULL);
	for (size_t i = 0; i < 101; i++)
		close(fds[i]);
	ck_assert_uint_eq(open_files(), before);
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
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons((uint16_t)port),
	                              .sin_addr.s_addr = htonl(INADDR_ANY)};
	int other = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(other, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(listen(other, 1), 0);
	start();
	ck_assert_ptr_null(stream);
	ck_assert_ptr_eq(failed, &settings->listens[0]);
	ck_assert_int_eq(error, EADDRINUSE);
	close(other);
}
END_TEST

/* The memory of libevent or OpenSSL: the allocation with the number 0 fails, once. Ours,
 * the client's, do not. */
enum library { LIBEVENT, OPENSSL };
static enum library short_of;
static atomic_long countdown = -1;
static _Thread_local bool has_memory;

static bool is_out_of_memory(enum library library)
{
	return library == short_of && !has_memory && countdown >= 0 && countdown-- == 0;
}

static void *allocate(size_t size)
{
	return is_out_of_memory(LIBEVENT) ? spare_take(size) : malloc(size);
}

static void *reallocate(void *memory, size_t size)
{
	return is_out_of_memory(LIBEVENT) ? NULL : realloc(memory, size);
}

static void *crypto_allocate(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return is_out_of_memory(OPENSSL) ? NULL : malloc(size);
}

static void *crypto_reallocate(void *memory, size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return is_out_of_memory(OPENSSL) ? NULL : realloc(memory, size);
}

static void crypto_free(void *memory, const char *file, int line)
{
	(void)file, (void)line;
	free(memory);
}

/* Asks over TLS and waits for the end; false if there was no reply. */
static bool ask_by_tls(SSL_CTX *context, int fd)
{
	char text[512];
	SSL *session = SSL_new(context);
	SSL_set_fd(session, fd);
	int len = (int)write_request(text, sizeof text, 1);
	bool answered = SSL_connect(session) == 1 && SSL_write(session, text, len) == len;
	len = answered ? SSL_read(session, text, sizeof text) : 0;
	answered = len >= 12 && strncmp(text, "SIP/2.0 404 ", 12) == 0;
	SSL_free(session);
	return answered;
}

static bool ask_by_tcp(int fd)
{
	char text[512];
	ssize_t len = (ssize_t)write_request(text, sizeof text, 1);
	return write(fd, text, (size_t)len) == len && read(fd, text, sizeof text) >= 12 &&
	       strncmp(text, "SIP/2.0 404 ", 12) == 0;
}

/* One connection of its own. Whoever is answered ends it, and else the server must. */
static bool is_served(SSL_CTX *context)
{
	char byte;
	int fd = context ? connect_to_tls() : connect_to_door();
	bool answered = context ? ask_by_tls(context, fd) : ask_by_tcp(fd);
	if (answered)
		shutdown(fd, SHUT_WR);
	while (errno = 0, read(fd, &byte, 1) > 0)
		;
	ck_assert_int_ne(errno, EAGAIN);
	close(fd);
	return answered;
}

/* Whatever allocation of a connection fails: at most that connection is lost, and it is
 * not there for ever; over TCP its peer does not even have to wait for a time to pass. */
static const struct {
	bool tls;
	enum library short_of;
	long count; /* of OpenSSL's, those of a session; a handshake has hundreds */
} shortages[] = {{false, LIBEVENT, 200}, {true, LIBEVENT, 200}, {true, OPENSSL, 60}};

START_TEST(out_of_memory_costs_one_connection_at_most)
{
	bool tls = shortages[_i].tls, failed_once = true;
	SSL_CTX *context = tls ? SSL_CTX_new(TLS_client_method()) : NULL;
	short_of = shortages[_i].short_of;
	has_memory = true;
	event_set_mem_functions(allocate, reallocate, spare_free);
	write_settings(tls ? "limits: {idle: 100ms, handshake: 1s}\n"
	                   : "limits: {idle: 1h}\n");
	load_settings();
	for (long i = 0; failed_once && i < shortages[_i].count; i++) {
		start();
		ck_assert_ptr_nonnull(stream);
		countdown = i;
		is_served(context);
		failed_once = countdown < 0;
		countdown = -1;
		ck_assert_msg(is_served(context), "after allocation %ld", i);
		stream_stop(stream);
		stream = NULL;
	}
	ck_assert(!failed_once || short_of == OPENSSL);
	SSL_CTX_free(context);
}
END_TEST

/* In place of the C library's: it can be made to jump. */
static atomic_long ahead_s;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int err = (int)syscall(SYS_clock_gettime, clock, now);
	now->tv_sec += ahead_s;
	return err;
}

/* A certificate could tell that one who comes over TLS is c. */
static void write_settings_with_names(void)
{
	FILE *file = create("signpost.yaml");
	fprintf(file,
	        "profiles: {p: {listen: [\"tcp:127.0.0.1:%u\", \"tls:127.0.0.2:%u\"], "
	        "peers: c, tls: {certificate: pem, key: pem, client_ca: pem, verify: "
	        "optional}}}\n"
	        "peers: {c: {tls_names: c.test}}\nlog: {calls: none}\n",
	        (unsigned)port, (unsigned)port);
	fclose(file);
}

/* Comes and waits until he is sent away. */
static void come_as_stranger(SSL_CTX *context)
{
	char byte;
	int fd = context ? connect_to_tls() : connect_to_door();
	if (context)
		ck_assert(!ask_by_tls(context, fd));
	ck_assert_int_le(read(fd, &byte, 1), 0);
	close(fd);
}

/* Nobody asks anything, so there is no other reason to look at the clock. */
START_TEST(strangers_are_logged_as_time_goes_by)
{
	static char lines[4096];
	SSL_CTX *context = _i ? SSL_CTX_new(TLS_client_method()) : NULL;
	size_t count = 0;
	int log = memfd_create("log", 0), before = dup(STDERR_FILENO);
	write_settings_with_names();
	load_settings();
	dup2(log, STDERR_FILENO);
	start();
	for (int i = 0; i < 3; i++, ahead_s += LOG_FLOOD_S + 1)
		come_as_stranger(context);
	stream_stop(stream);
	stream = NULL;
	dup2(before, STDERR_FILENO);
	ck_assert_int_gt(pread(log, lines, sizeof lines - 1, 0), 0);
	for (const char *line = lines; (line = strstr(line, "stranger ignored")); line++)
		count++;
	ck_assert_msg(count == 3, "%s", lines);
	close(before);
	close(log);
	SSL_CTX_free(context);
}
END_TEST

Suite *test_suite(void)
{
	CRYPTO_set_mem_functions(crypto_allocate, crypto_reallocate, crypto_free);
	Suite *suite = suite_create("stream");
	TCase *tc = tcase_create("stream");
	tcase_add_checked_fixture(tc, enter, leave);
	tcase_add_test(tc, requests_are_answered_in_order);
	tcase_add_test(tc, connections_are_served_while_others_come_without_end);
	tcase_add_test(tc, connections_end_with_the_door);
	tcase_add_test(tc, nothing_stays_open);
	tcase_add_loop_test(tc, out_of_memory_costs_one_connection_at_most, 0,
	                    sizeof shortages / sizeof *shortages);
	tcase_add_test(tc, door_may_be_opened_again);
	tcase_add_loop_test(tc, strangers_are_logged_as_time_goes_by, 0, 2);
	tcase_add_test(tc, listener_that_cannot_be_bound_is_told);
	suite_add_tcase(suite, tc);
	return suite;
}
