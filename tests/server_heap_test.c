/* SPDX-License-Identifier: MIT */
/* A running server allocates nothing for a plain request. This program counts what its
 * own malloc() and its kind are asked for; under a sanitizer, which needs those names for
 * itself, there is nothing to see. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/redirect.h"
#include "server/sip/scan.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static atomic_size_t asked;

#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__ && defined __GLIBC__
#define COUNTS   1
#define EXPORTED __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

EXPORTED void *malloc(size_t size)
{
	asked++;
	return __libc_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
	asked++;
	return __libc_calloc(count, size);
}

EXPORTED void *realloc(void *old, size_t size)
{
	asked++;
	return __libc_realloc(old, size);
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size)
{
	asked++;
	return __libc_memalign(alignment, size);
}
#else
#define COUNTS 0
#endif

static const char rules_text[] =
	"gateways:\n"
	"  a: sip:gw1.example.net\n"
	"  b: {uri: \"sip:{caller}-{called}@gw2.example.net\", weight: 3, uri_headers: "
	"{P-Asserted-Identity: '\"{caller}\" <sip:{caller}@{host}>'}}\n"
	"groups: {g: [[a, b], b]}\n"
	"rules:\n"
	"  - {called: {prefix: \"+44\"}, rewrite: {strip: \"+\", prepend: \"00\"}, "
	"redirect: g}\n"
	"  - {called: \"100\", reject: 603}\n"
	"  - {called: {regex: \"^7([0-9]+)$\"}, rewrite: {replace: {regex: \"^7\", with: "
	"\"8\"}}, redirect: g}\n"
	"  - {header: {Subject: x}, source: 127.0.0.0/8, caller: \"+1\", redirect: a}\n"
	"default: {redirect: g, headers: {Diversion: '<sip:{called}@{host}>', X-A: "
	"'{rule}'}, rewrite: {rn: '{called}', npdi: true}}\n";

static struct settings *settings;
static struct snapshot *snapshot;
static struct tag_keys keys;
static struct redirect *redirect;
static struct arrival arrival;

static struct table *load_rules(struct diags *diags)
{
	char path[] = "/tmp/signpost-heap-XXXXXX";
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert(write(fd, rules_text, strlen(rules_text)) ==
	          (ssize_t)strlen(rules_text));
	close(fd);
	struct table *table = table_load(path, TABLE_BYTES_MAX, diags);
	unlink(path);
	return table;
}

static void init(void)
{
	struct diags *diags = diags_new();
	const char *why;
	settings = settings_load(NULL, diags);
	snapshot = snapshot_new(&(struct configuration){.settings = settings,
	                                                .table = load_rules(diags)});
	diags_print(diags, stderr);
	diags_free(diags);
	ck_assert(message_init());
	ck_assert(tag_keys_init(&keys, slice_of("0123456789abcdef")));
	redirect = redirect_new(settings, snapshot, &keys);
	ck_assert_ptr_nonnull(redirect);
	arrival.listen = &settings->listens[0];
	ck_assert(endpoint_parse(slice_of("udp:127.0.0.1:999"), &arrival.source, &why));
}

static void fini(void)
{
	redirect_free(redirect);
	snapshot_free(snapshot);
}

static const char *const called[] = {"+442071234567", "100", "712345", "alice"};

static size_t write_request(char *to, size_t size, const char *number, size_t call)
{
	int len = snprintf(
		to, size,
		"INVITE sip:%s@example.net SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 198.51.100.7:5060;rport;branch=z9hG4bK%zu\r\n"
		"Via: SIP/2.0/UDP 198.51.100.8;branch=z9hG4bK%zu\r\n"
		"From: \"Alice\" <sip:alice@example.com>;tag=f%zu\r\n"
		"To: <sip:%s@example.net>\r\n"
		"Call-ID: call-%zu@198.51.100.7\r\n"
		"CSeq: 102 INVITE\r\n"
		"P-Asserted-Identity: \"Alice\" <sip:+12025550101@example.com>\r\n"
		"Contact: <sip:alice@198.51.100.7>\r\n"
		"Max-Forwards: 70\r\n"
		"Content-Type: application/sdp\r\n"
		"Content-Length: 4\r\n"
		"\r\n"
		"v=0\n",
		number, call, call, call, number, call);
	return (size_t)len;
}

/* Without Check's assertions, which use the heap. */
static bool answer(size_t call)
{
	static struct scan scan;
	static struct reply reply;
	char text[2048];
	size_t i = call % COUNT(called);
	struct slice all = {text, write_request(text, sizeof text, called[i], call)};
	const struct message *message = scan_message(&scan, all);
	if (!message)
		return false;
	redirect_hold(redirect);
	redirect_answer(redirect, message, &arrival, &reply);
	redirect_let_go(redirect);
	return strncmp(reply.text, i == 1 ? "SIP/2.0 603" : "SIP/2.0 302", 11) == 0;
}

static const enum log_calls logs[] = {LOG_CALLS_NONE, LOG_CALLS_REJECTED, LOG_CALLS_ALL};

START_TEST(a_plain_request_is_answered_without_the_heap)
{
	settings->log_calls = logs[_i];
	int real = dup(2), null = open("/dev/null", O_WRONLY);
	dup2(null, 2);
	for (size_t i = 0; i < 8; i++) /* what is made once */
		ck_assert(answer(i));
	size_t before = asked, answered = 0;
	for (size_t i = 0; i < 10000; i++)
		answered += answer(i);
	size_t after = asked;
	dup2(real, 2);
	close(real);
	close(null);
	ck_assert_uint_eq(answered, 10000);
	ck_assert_uint_eq(after - before, 0);
}
END_TEST

START_TEST(this_program_would_see_the_heap_used)
{
	size_t before = asked;
	msg_t *msg =
		message_parse(slice_of("A b\r\nTo: c\r\n\r\n")); /* another library's */
	ck_assert_ptr_nonnull(msg);
	msg_destroy(msg);
	ck_assert(!COUNTS || asked > before);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server heap");
	TCase *tests = tcase_create("heap");
	tcase_add_checked_fixture(tests, init, fini);
	tcase_add_loop_test(tests, a_plain_request_is_answered_without_the_heap, 0,
	                    COUNT(logs));
	tcase_add_test(tests, this_program_would_see_the_heap_used);
	suite_add_tcase(suite, tests);
	return suite;
}
