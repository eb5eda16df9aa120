/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/configuration.h"
#include "server/doors/datagram.h"
#include "server/redirect.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WORKERS      2

/* A worker has a table of its own here, so that a reply tells whose it is: worker 0
 * answers "600 Worker 0". */
static struct worker {
	struct settings *settings; /* the snapshot's */
	struct snapshot *snapshot;
	struct redirect *redirect;
	struct datagram *datagram;
} workers[WORKERS];

static char folder[] = "/tmp/signpost-datagram-XXXXXX";
static char *settings_yaml;
static struct tag_keys keys;
static char text[65536];

static void write_file(const char *name, const char *content)
{
	FILE *file = fopen(name, "w");
	ck_assert_ptr_nonnull(file);
	fputs(content, file);
	fclose(file);
}

static void init(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert(message_init());
	ck_assert(tag_keys_init(&keys, slice_of("0123456789abcdef")));
}

static void fini(void)
{
	for (size_t i = 0; i < WORKERS; i++) {
		if (workers[i].datagram)
			datagram_stop(workers[i].datagram);
		redirect_free(workers[i].redirect);
		snapshot_free(workers[i].snapshot);
	}
	free(settings_yaml);
	unlink("s.yaml");
	unlink("rules.yaml");
	unlink("log");
	rmdir(folder);
}

/* Sockets */

static struct sockaddr_storage address_of(const char *host, unsigned port, socklen_t *len)
{
	struct endpoint endpoint = {.port = (uint16_t)port};
	struct sockaddr_storage address;
	ck_assert(address_parse(slice_of(host), &endpoint.address));
	*len = endpoint_to_sockaddr(&endpoint, &address);
	return address;
}

/* A client's socket; port 0 takes a free one. */
static int client(const char *host, unsigned port)
{
	socklen_t len;
	struct sockaddr_storage address = address_of(host, port, &len);
	struct timeval patience = {.tv_sec = 10};
	int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return fd;
}

static void connect_to(int fd, const char *host, unsigned port)
{
	socklen_t len;
	struct sockaddr_storage address = address_of(host, port, &len);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, len), 0);
}

static unsigned port_of(int fd)
{
	struct sockaddr_storage address;
	struct endpoint endpoint;
	socklen_t len = sizeof address;
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	ck_assert(endpoint_from_sockaddr(TRANSPORT_UDP, (struct sockaddr *)&address,
	                                 &endpoint));
	return endpoint.port;
}

static unsigned free_port(const char *host)
{
	int fd = client(host, 0);
	unsigned port = port_of(fd);
	close(fd);
	return port;
}

/* Workers */

static struct table *load_rules(size_t worker, struct diags *diags)
{
	char rules[256];
	snprintf(rules, sizeof rules,
	         "rules:\n"
	         "  - {called: {prefix: \"+44\"}, redirect: sip:gw.example.net}\n"
	         "default: {reject: 600 Worker %zu}\n",
	         worker);
	write_file("rules.yaml", rules);
	return table_load("rules.yaml", TABLE_BYTES_MAX, diags);
}

static void load_settings(const char *listen, const char *networks)
{
	char yaml[512];
	snprintf(yaml, sizeof yaml,
	         "profiles: {p: {listen: [%s], peers: a}}\n"
	         "peers: {a: {networks: [%s]}}\n"
	         "log: {calls: none}\n",
	         listen, networks);
	free(settings_yaml);
	settings_yaml = strdup(yaml);
}

static struct settings *load_yaml(struct diags *diags)
{
	write_file("s.yaml", settings_yaml);
	struct settings *settings = settings_load("s.yaml", diags);
	if (!settings)
		diags_print(diags, stderr);
	ck_assert_ptr_nonnull(settings);
	return settings;
}

static void prepare_worker(size_t i)
{
	struct diags *diags = diags_new();
	struct table *table = load_rules(i, diags);
	struct settings *settings = load_yaml(diags);
	diags_print(diags, stderr);
	diags_free(diags);
	ck_assert_ptr_nonnull(table);
	workers[i].settings = settings;
	workers[i].snapshot = snapshot_new(
		&(struct configuration){.settings = settings, .table = table});
	workers[i].redirect = redirect_new(NULL, workers[i].snapshot, &keys);
	ck_assert_ptr_nonnull(workers[i].redirect);
}

static void start_worker(size_t i)
{
	const struct listen *failed;
	int error;
	prepare_worker(i);
	workers[i].datagram = datagram_start(workers[i].redirect, NULL, &failed, &error);
	ck_assert_msg(workers[i].datagram != NULL, "%s: %s",
	              failed ? failed->text.at : "no thread", strerror(error));
}

static void stop_worker(size_t i)
{
	datagram_stop(workers[i].datagram);
	workers[i].datagram = NULL;
}

/* One worker, or count, on host and a free port. */
static unsigned serve(const char *host, size_t count)
{
	char listen[128];
	unsigned port = free_port(host);
	snprintf(listen, sizeof listen,
	         strchr(host, ':') ? "\"udp:[%s]:%u\"" : "\"udp:%s:%u\"", host, port);
	load_settings(listen, "127.0.0.0/8, \"::1\"");
	for (size_t i = 0; i < count; i++)
		start_worker(i);
	return port;
}

/* Talk */

static const char *const usual_via = "SIP/2.0/UDP client;rport;branch=z9hG4bK1";

static size_t write_request(size_t call, const char *via)
{
	return (size_t)snprintf(text, sizeof text,
	                        "INVITE sip:bob@example.net SIP/2.0\r\n"
	                        "Via: %s\r\n"
	                        "From: <sip:alice@example.com>;tag=f\r\n"
	                        "To: <sip:bob@example.net>\r\n"
	                        "Call-ID: call-%zu\r\n"
	                        "CSeq: 1 INVITE\r\n"
	                        "\r\n",
	                        via, call);
}

static void ask(int fd, size_t call)
{
	size_t len = write_request(call, usual_via);
	ck_assert_int_eq(send(fd, text, len, 0), (ssize_t)len);
}

/* The reply to call, whose worker it tells. */
static size_t hear(int fd, size_t call)
{
	char wanted[64], reply[2048];
	ssize_t len = recv(fd, reply, sizeof reply - 1, 0);
	ck_assert_msg(len > 0, "call %zu: %s", call, strerror(errno));
	reply[len] = '\0';
	ck_assert_msg(strncmp(reply, "SIP/2.0 600 Worker ", 19) == 0, "%s", reply);
	snprintf(wanted, sizeof wanted, "\r\nCall-ID: call-%zu\r\n", call);
	ck_assert_msg(strstr(reply, wanted) != NULL, "no %s in %s", wanted, reply);
	return (size_t)(reply[19] - '0');
}

static const char *const hosts[] = {"127.0.0.1", "::1"};

START_TEST(each_datagram_of_a_batch_gets_its_reply_in_order)
{
	unsigned port = serve(hosts[_i], 1);
	int fd = client(hosts[_i], 0);
	connect_to(fd, hosts[_i], port);
	for (size_t round = 0; round < 20; round++) {
		for (size_t i = 0; i < 50; i++)
			ask(fd, i);
		for (size_t i = 0; i < 50; i++)
			ck_assert_uint_eq(hear(fd, i), 0);
	}
	close(fd);
}
END_TEST

/* RFC 3261 18.2.2: listening on any address, the reply comes from the one asked. */
static const struct {
	const char *any, *from, *to;
} asked[] = {
	{"0.0.0.0", "127.0.0.1", "127.0.0.1"},
	{"0.0.0.0", "127.0.0.1", "127.0.0.2"},
	{"0.0.0.0", "127.0.0.3", "127.7.7.7"},
	{"127.0.0.2", "127.0.0.1", "127.0.0.2"},
	{"::", "::1", "::1"},
};

START_TEST(a_reply_leaves_from_the_address_that_was_asked)
{
	unsigned port = serve(asked[_i].any, 1);
	int fd = client(asked[_i].from, 0);
	struct sockaddr_storage from = {0};
	socklen_t len, from_len = sizeof from;
	struct sockaddr_storage to = address_of(asked[_i].to, port, &len);
	size_t size = write_request(1, usual_via);
	ck_assert_int_eq(sendto(fd, text, size, 0, (struct sockaddr *)&to, len),
	                 (ssize_t)size);
	ck_assert_int_gt(
		recvfrom(fd, text, sizeof text, 0, (struct sockaddr *)&from, &from_len),
		0);
	struct endpoint endpoint, wanted;
	ck_assert(endpoint_from_sockaddr(TRANSPORT_UDP, (struct sockaddr *)&from,
	                                 &endpoint));
	ck_assert(endpoint_from_sockaddr(TRANSPORT_UDP, (struct sockaddr *)&to, &wanted));
	ck_assert(address_equal(&endpoint.address, &wanted.address));
	ck_assert_uint_eq(endpoint.port, port);
	close(fd);
}
END_TEST

START_TEST(without_rport_a_reply_goes_to_the_port_in_the_via)
{
	char via[64];
	unsigned port = serve(hosts[_i], 1);
	int asking = client(hosts[_i], 0), hearing = client(hosts[_i], 0);
	connect_to(asking, hosts[_i], port);
	snprintf(via, sizeof via, "SIP/2.0/UDP client:%u;branch=z9hG4bK1",
	         port_of(hearing));
	size_t len = write_request(7, via);
	ck_assert_int_eq(send(asking, text, len, 0), (ssize_t)len);
	hear(hearing, 7);
	ask(asking, 8);
	hear(asking, 8);
	close(asking);
	close(hearing);
}
END_TEST

/* What is not plain is answered as well; what is no request, or not ours to answer, is
 * not. Each is followed by a request, whose answer is the next. */
static const struct {
	const char *datagram;
	bool answered;
} datagrams[] = {
	{"INVITE sip:b@c SIP/2.0\r\nv: SIP/2.0/UDP h;rport\r\nf: <sip:a@b>;tag=f\r\n"
         "t: <sip:b@c>\r\ni: call-1\r\nCSeq: 1\r\n INVITE\r\n\r\n",
         true},
	{"INVITE sip:b@c SIP/2.0\nVia: SIP/2.0/UDP h;rport\nFrom: <sip:a@b>;tag=f\n"
         "To: <sip:b@c>\nCall-ID: call-1\nCSeq: 1 INVITE\n\n",
         true},
	{"", false},
	{"\r\n\r\n", false},
	{"x", false},
	{"INVITE", false},
	{"INVITE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP h;rport\r\n", false},
	{"INVITE sip:b@c SIP/2.0\r\nVia: x\r\n\r\n", false},
	{"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;rport\r\n\r\n", false},
	{"ACK sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP h;rport\r\nFrom: <sip:a@b>;tag=f\r\n"
         "To: <sip:b@c>\r\nCall-ID: call-1\r\nCSeq: 1 ACK\r\n\r\n",
         false},
};

START_TEST(any_datagram_is_answered_or_not_and_the_next_one_served)
{
	unsigned port = serve("127.0.0.1", 1);
	int fd = client("127.0.0.1", 0);
	size_t len = strlen(datagrams[_i].datagram);
	connect_to(fd, "127.0.0.1", port);
	ck_assert_int_eq(send(fd, datagrams[_i].datagram, len, 0), (ssize_t)len);
	ask(fd, 2);
	if (datagrams[_i].answered)
		hear(fd, 1);
	hear(fd, 2);
	close(fd);
}
END_TEST

START_TEST(a_redirect_goes_the_same_way)
{
	unsigned port = serve("127.0.0.1", 1);
	int fd = client("127.0.0.1", 0);
	connect_to(fd, "127.0.0.1", port);
	int len = snprintf(text, sizeof text,
	                   "INVITE sip:+4420@b SIP/2.0\r\nVia: SIP/2.0/UDP h;rport\r\n"
	                   "From: <sip:a@b>;tag=f\r\nTo: <sip:+4420@b>\r\n"
	                   "Call-ID: c\r\nCSeq: 1 INVITE\r\n\r\n");
	ck_assert_int_eq(send(fd, text, (size_t)len, 0), len);
	ssize_t got = recv(fd, text, sizeof text - 1, 0);
	ck_assert_int_gt(got, 0);
	text[got] = '\0';
	ck_assert_int_eq(strncmp(text, "SIP/2.0 302 ", 12), 0);
	ck_assert_ptr_nonnull(
		strstr(text, "\r\nContact: <sip:+4420@gw.example.net>;q=1.0\r\n"));
	close(fd);
}
END_TEST

START_TEST(a_stranger_hears_nothing)
{
	char listen[64];
	unsigned port = free_port("127.0.0.1");
	snprintf(listen, sizeof listen, "\"udp:127.0.0.1:%u\"", port);
	load_settings(listen, "127.0.0.1/32");
	start_worker(0);
	int stranger = client("127.0.0.9", 0), peer = client("127.0.0.1", 0);
	connect_to(stranger, "127.0.0.1", port);
	connect_to(peer, "127.0.0.1", port);
	ask(stranger, 1);
	ask(peer, 2);
	hear(peer, 2);
	ck_assert_int_lt(recv(stranger, text, sizeof text, MSG_DONTWAIT), 0);
	close(stranger);
	close(peer);
}
END_TEST

START_TEST(a_worker_serves_all_of_its_addresses)
{
	char listen[128];
	unsigned port = free_port("127.0.0.1"), other = free_port("127.0.0.2"),
		 v6 = free_port("::1");
	snprintf(listen, sizeof listen,
	         "\"udp:127.0.0.1:%u\", \"udp:127.0.0.2:%u\", \"udp:[::1]:%u\"", port,
	         other, v6);
	load_settings(listen, "127.0.0.0/8, \"::1\"");
	start_worker(0);
	int fds[] = {client("127.0.0.1", 0), client("127.0.0.1", 0), client("::1", 0)};
	connect_to(fds[0], "127.0.0.1", port);
	connect_to(fds[1], "127.0.0.2", other);
	connect_to(fds[2], "::1", v6);
	for (size_t i = 0; i < COUNT(fds); i++)
		ask(fds[i], i);
	for (size_t i = 0; i < COUNT(fds); i++) {
		hear(fds[i], i);
		close(fds[i]);
	}
}
END_TEST

/* Several workers */

static void ask_from_many(unsigned port, size_t heard[WORKERS])
{
	int fds[64];
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = client("127.0.0.1", 0);
		connect_to(fds[i], "127.0.0.1", port);
		ask(fds[i], i);
	}
	for (size_t i = 0; i < COUNT(fds); i++) {
		heard[hear(fds[i], i)]++;
		close(fds[i]);
	}
}

START_TEST(workers_share_a_port_and_stop_one_by_one)
{
	size_t both[WORKERS] = {0}, one[WORKERS] = {0};
	unsigned port = serve("127.0.0.1", WORKERS);
	ask_from_many(port, both);
	ck_assert_uint_gt(both[0], 0);
	ck_assert_uint_gt(both[1], 0);
	stop_worker(0);
	ask_from_many(port, one);
	ck_assert_uint_eq(one[0], 0);
	ck_assert_uint_eq(one[1], 64);
	stop_worker(1);
	int fd = client("127.0.0.1", 0);
	connect_to(fd, "127.0.0.1", port);
	ask(fd, 1);
	ck_assert_int_lt(recv(fd, text, sizeof text, 0), 0);
	ck_assert_int_eq(errno, ECONNREFUSED);
	close(fd);
}
END_TEST

static void ask_often(int fd, size_t heard[WORKERS])
{
	for (size_t i = 0; i < 200; i++) {
		ask(fd, i);
		heard[hear(fd, i)]++;
	}
}

START_TEST(a_flow_has_one_worker_unless_packets_are_spread)
{
	size_t flow[WORKERS] = {0}, spread[WORKERS] = {0};
	unsigned port = serve(hosts[_i], WORKERS);
	struct datagram *const all[] = {workers[0].datagram, workers[1].datagram};
	int fd = client(hosts[_i], 0);
	connect_to(fd, hosts[_i], port);
	ask_often(fd, flow);
	ck_assert(flow[0] == 200 || flow[1] == 200);
	ck_assert(datagram_spread_packets(all, WORKERS));
	ask_often(fd, spread);
	ck_assert_uint_gt(spread[0], 20);
	ck_assert_uint_gt(spread[1], 20);
	close(fd);
}
END_TEST

/* The end, and no beginning */

static size_t open_files(void)
{
	size_t count = 0;
	DIR *files = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(files);
	while (readdir(files))
		count++;
	closedir(files);
	return count;
}

START_TEST(a_worker_leaves_nothing_behind)
{
	unsigned port = serve("127.0.0.1", 1);
	stop_worker(0);
	size_t files = open_files();
	for (int i = 0; i < 50; i++) {
		const struct listen *failed;
		int error;
		workers[0].datagram =
			datagram_start(workers[0].redirect, NULL, &failed, &error);
		ck_assert_ptr_nonnull(workers[0].datagram);
		int fd = client("127.0.0.1", 0);
		connect_to(fd, "127.0.0.1", port);
		for (size_t n = 0; n < 40; n++) /* some of them unread when it stops */
			ask(fd, n);
		stop_worker(0);
		close(fd);
	}
	ck_assert_uint_eq(open_files(), files);
}
END_TEST

START_TEST(an_address_that_cannot_be_bound_is_named)
{
	char listen[128];
	int taken = client("127.0.0.1", 0); /* not shared */
	snprintf(listen, sizeof listen, "\"udp:127.0.0.1:%u\", \"udp:127.0.0.1:%u\"",
	         free_port("127.0.0.1"), port_of(taken));
	load_settings(listen, "127.0.0.0/8");
	prepare_worker(0);
	size_t files = open_files();
	const struct listen *failed = NULL;
	int error = 0;
	ck_assert_ptr_null(datagram_start(workers[0].redirect, NULL, &failed, &error));
	ck_assert_ptr_eq(failed, &workers[0].settings->listens[1]);
	ck_assert_int_eq(error, EADDRINUSE);
	ck_assert_uint_eq(open_files(), files);
	close(taken);
}
END_TEST

/* Drops */

static size_t log_lines(const char *with)
{
	char line[4096];
	size_t count = 0;
	FILE *log = fopen("log", "r");
	while (fgets(line, sizeof line, log))
		count += strstr(line, with) != NULL;
	fclose(log);
	return count;
}

/* A large message that takes the parser long and gets no answer. */
static size_t write_tedious(void)
{
	size_t len = (size_t)sprintf(text, "INVITE sip:b@c SIP/2.0\r\n");
	while (len < 60000)
		len += (size_t)sprintf(text + len, "a: %0300d\r\n", 0);
	return len + (size_t)sprintf(text + len, "\r\n");
}

START_TEST(what_the_kernel_drops_is_told)
{
	unsigned port = serve("127.0.0.1", 1);
	int fd = client("127.0.0.1", 0), real = dup(2);
	int log = open("log", O_CREAT | O_WRONLY | O_APPEND, 0600);
	connect_to(fd, "127.0.0.1", port);
	dup2(log, 2);
	size_t len = write_tedious(), rounds = 0;
	while (!log_lines("datagrams lost, the receive queue was full") &&
	       rounds++ < 150) { /* a sanitizer is slow to come to what was dropped */
		write_tedious();
		for (int i = 0; i < 3000; i++)
			send(fd, text, len, 0);
		for (size_t i = 0; i < 20; i++) { /* until there is room again */
			ask(fd, i);
			nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		}
		while (recv(fd, text, sizeof text, MSG_DONTWAIT) > 0)
			;
	}
	dup2(real, 2);
	close(real);
	close(log);
	ck_assert_uint_ge(log_lines("datagrams lost, the receive queue was full"), 1);
	ck_assert_uint_ge(log_lines("lost="), 1);
	ck_assert_uint_ge(log_lines("listener=udp:127.0.0.1:"), 1);
	close(fd);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/datagram");
	TCase *tests = tcase_create("datagram");
	tcase_add_checked_fixture(tests, init, fini);
	tcase_set_timeout(tests, 90);
	tcase_add_loop_test(tests, each_datagram_of_a_batch_gets_its_reply_in_order, 0,
	                    COUNT(hosts));
	tcase_add_loop_test(tests, a_reply_leaves_from_the_address_that_was_asked, 0,
	                    COUNT(asked));
	tcase_add_loop_test(tests, without_rport_a_reply_goes_to_the_port_in_the_via, 0,
	                    COUNT(hosts));
	tcase_add_loop_test(tests,
	                    any_datagram_is_answered_or_not_and_the_next_one_served, 0,
	                    COUNT(datagrams));
	tcase_add_test(tests, a_redirect_goes_the_same_way);
	tcase_add_test(tests, a_stranger_hears_nothing);
	tcase_add_test(tests, a_worker_serves_all_of_its_addresses);
	tcase_add_test(tests, workers_share_a_port_and_stop_one_by_one);
	tcase_add_loop_test(tests, a_flow_has_one_worker_unless_packets_are_spread, 0,
	                    COUNT(hosts));
	tcase_add_test(tests, a_worker_leaves_nothing_behind);
	tcase_add_test(tests, an_address_that_cannot_be_bound_is_named);
	tcase_add_test(tests, what_the_kernel_drops_is_told);
	suite_add_tcase(suite, tests);
	return suite;
}
