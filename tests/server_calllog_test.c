/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "server/log/calllog.h"
#include "server/log/log.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define S(text)      text, sizeof(text) - 1
#define NOW          "2026-11-22T12:00:00.123Z"

/* In place of the C library's. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	*now = (struct timespec){1795348800, 123999999};
	return 0;
}

static const struct call redirected = {
	.time_ns = 1795348800123999999,
	.method = {S("INVITE")},
	.call_id = {S("a84b@pbx")},
	.caller = {S("+441234")},
	.called = {S("+442071234567")},
	.source = {TRANSPORT_UDP,
                   {{[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 1}},
                   5062},
	.listener = {S("udp:10.0.0.1:5060")},
	.profile = {S("trunks")},
	.peer = {S("pbx")},
	.user = {S("alice")},
	.rule = {S("uk")},
	.status = 302,
	.gateway = {S("gw1")},
	.offered = 2,
	.cut = 3,
	.table = 4,
	.contacts = {S("<sip:+442071234567@gw1>;q=1.0, <sip:b@gw2>;q=0.9")},
	.microseconds = 12,
};

/* Each test runs in a process of its own, so standard error is its own too. */
static char line[8192];
static size_t line_len;

/* By way of a ring as well, which is how the server does it. */
static const char *write_call(enum log_format format, const struct call *call)
{
	static struct sleeper sleeper;
	atomic_ulong refused = 0;
	int fd = memfd_create("stderr", 0);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	calllog_put(NULL, format, call);
	ssize_t len = pread(fd, line, sizeof line - 1, 0);
	ck_assert_int_ge(len, 0);
	line_len = (size_t)len;
	line[line_len] = '\0';

	char other[LOG_LINE_MAX];
	struct ring *ring = ring_new(&sleeper, &refused);
	calllog_put(ring, format, call);
	const void *record = ring_next(ring, &(size_t){0});
	ck_assert_ptr_nonnull(record);
	ck_assert_uint_eq(calllog_line(record, other), line_len);
	ck_assert_mem_eq(other, line, line_len);
	ring_free(ring);
	return line;
}

START_TEST(text_line_is_as_documented)
{
	ck_assert_str_eq(
		write_call(LOG_FORMAT_TEXT, &redirected),
		NOW " call id=\"a84b@pbx\" method=\"INVITE\" "
		    "source=udp:192.0.2.1:5062 listener=udp:10.0.0.1:5060 "
		    "profile=\"trunks\" peer=\"pbx\" user=\"alice\" caller=\"+441234\" "
		    "called=\"+442071234567\" rule=\"uk\" status=302 why=\"\" "
		    "gateway=\"gw1\" offered=2 cut=3 "
		    "contacts=\"<sip:+442071234567@gw1>;q=1.0, <sip:b@gw2>;q=0.9\" "
		    "table=4 us=12\n");
}
END_TEST

START_TEST(json_line_is_as_documented)
{
	ck_assert_str_eq(
		write_call(LOG_FORMAT_JSON, &redirected),
		"{\"time\":\"" NOW "\",\"event\":\"call\",\"id\":\"a84b@pbx\","
		"\"method\":\"INVITE\",\"source\":\"udp:192.0.2.1:5062\","
		"\"listener\":\"udp:10.0.0.1:5060\",\"profile\":\"trunks\",\"peer\":"
		"\"pbx\",\"user\":\"alice\",\"caller\":\"+441234\","
		"\"called\":\"+442071234567\",\"rule\":\"uk\",\"status\":302,"
		"\"why\":\"\",\"gateway\":\"gw1\",\"offered\":2,\"cut\":3,\"contacts\":"
		"\"<sip:+442071234567@gw1>;q=1.0, <sip:b@gw2>;q=0.9\","
		"\"table\":4,\"us\":12}\n");
}
END_TEST

static const struct {
	enum log_calls calls;
	unsigned status;
	bool wanted;
} choices[] = {
	{LOG_CALLS_ALL, 200, true},       {LOG_CALLS_ALL, 302, true},
	{LOG_CALLS_ALL, 404, true},       {LOG_CALLS_REJECTED, 200, false},
	{LOG_CALLS_REJECTED, 399, false}, {LOG_CALLS_REJECTED, 400, true},
	{LOG_CALLS_REJECTED, 603, true},  {LOG_CALLS_NONE, 302, false},
	{LOG_CALLS_NONE, 603, false},
};

START_TEST(calls_choose_what_is_written)
{
	const struct settings settings = {.log_calls = choices[_i].calls};
	ck_assert(calllog_wants(&settings, choices[_i].status, 1) == choices[_i].wanted);
}
END_TEST

static const unsigned long fractions[] = {1, 2, 10, 100, 1000};

/* Of keys that are random, and of those that follow one another or have much in common.
 */
START_TEST(one_in_so_many_is_chosen)
{
	static const uint64_t steps[] = {1, 1 << 20, UINT64_C(1) << 40,
	                                 0x9e3779b97f4a7c15};
	const struct settings settings = {.log_calls = LOG_CALLS_SAMPLED,
	                                  .log_one_in = fractions[_i]};
	const double keys = 200000, wanted = keys / (double)fractions[_i];
	for (size_t step = 0; step < COUNT(steps); step++) {
		double chosen = 0;
		for (uint64_t i = 0; i < (uint64_t)keys; i++)
			chosen += calllog_wants(&settings, 302, i * steps[step]);
		/* five standard deviations */
		ck_assert_msg((chosen - wanted) * (chosen - wanted) <= 25 * wanted,
		              "%g of %g with steps %zu", chosen, wanted, step);
	}
}
END_TEST

/* A strict reader of a flat JSON object (RFC 8259) on a line; NULL if it is none. */

static const char *json_string(const char *at, const char *end)
{
	if (at == end || *at++ != '"')
		return NULL;
	while (at < end && *at != '"') {
		size_t len = slice_utf8((struct slice){at, (size_t)(end - at)});
		if (len == 0 || (unsigned char)*at < ' ')
			return NULL;
		if (*at != '\\') {
			at += len;
			continue;
		}
		if (end - at < 6 || at[1] != 'u' ||
		    strspn(at + 2, "0123456789abcdefABCDEF") < 4)
			return NULL;
		at += 6;
	}
	return at < end ? at + 1 : NULL;
}

static const char *json_value(const char *at, const char *end)
{
	size_t digits = at < end ? strspn(at, "0123456789") : 0;
	return digits > 0 ? at + digits : json_string(at, end);
}

static size_t json_object_members(const char *at, const char *end)
{
	size_t members = 0;
	for (char expected = '{'; at && at < end && *at == expected; expected = ',') {
		at = json_string(at + 1, end);
		if (!at || at == end || *at != ':' || !(at = json_value(at + 1, end)))
			return 0;
		members++;
	}
	return at && end - at == 2 && memcmp(at, "}\n", 2) == 0 ? members : 0;
}

/* What a peer could try, in each field: to end the line, to end the text, to fill the
 * line, to confuse the reader of either format or the terminal. */
static const struct {
	struct slice text;
	size_t times; /* up to 64 KB */
} attacks[] = {
	{{S("")}, 1},
	{{S("\r\n" NOW " call id=\"forged\"")}, 1},
	{{S("\" status=200 contacts=\"")}, 1},
	{{S("\",\"status\":200,\"x\":\"")}, 1},
	{{S("\\")}, 1},
	{{S("\x1b]0;title\x07\x1b[2J")}, 1},
	{{S("\0")}, 100},
	{{S("\xff\xfe\xc3")}, 1000},
	{{S("\xe2\x80\xae\xc2\x85")}, 1000},
	{{S("a")}, 65536},
	{{S("\"")}, 65536},
	{{S("\x01")}, 65536},
	{{S("\xf0\x9f\x93\x9e")}, 16384},
	{{S("\xe2\x82")}, 32768},
};

static struct call attack(size_t i)
{
	static char text[65536];
	size_t len = attacks[i].text.len;
	for (size_t n = 0; n < attacks[i].times; n++)
		memcpy(text + n * len, attacks[i].text.at, len);
	struct slice all = {text, attacks[i].times * len};
	struct call call = redirected;
	call.method = call.call_id = call.caller = call.called = call.rule =
		call.profile = call.peer = call.user = call.gateway = call.contacts = all;
	call.source = (struct endpoint){TRANSPORT_TCP, {{0}}, 65535};
	memset(call.source.address.bytes, 0xff, 16);
	call.status = 699;
	call.listener = slice_of("tcp:[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	call.why = "0123456789012345678901234567890123456789012345678901234567890123456";
	call.microseconds = call.offered = call.cut = 4294967295;
	call.table = ULONG_MAX;
	return call;
}

static size_t count_of(char c)
{
	size_t count = 0;
	for (size_t i = 0; i < line_len; i++)
		count += line[i] == c;
	return count;
}

START_TEST(no_text_line_can_be_forged)
{
	struct call call = attack((size_t)_i);
	write_call(LOG_FORMAT_TEXT, &call);
	ck_assert_uint_gt(line_len, 0);
	ck_assert_uint_le(line_len, LOG_LINE_MAX);
	ck_assert_uint_eq(count_of('\n'), 1);
	ck_assert_uint_eq(count_of('"'), 2 * 11);
	ck_assert_str_eq(line + line_len - strlen(" us=4294967295\n"),
	                 " us=4294967295\n");
	for (size_t i = 0; i + 1 < line_len; i++)
		ck_assert_msg((unsigned char)line[i] >= ' ' && line[i] != 0x7f, "%zu", i);
}
END_TEST

START_TEST(every_json_line_is_an_object)
{
	struct call call = attack((size_t)_i);
	write_call(LOG_FORMAT_JSON, &call);
	ck_assert_uint_le(line_len, LOG_LINE_MAX);
	ck_assert_uint_eq(json_object_members(line, line + line_len), 20);
}
END_TEST

START_TEST(long_texts_are_cut_and_the_others_kept)
{
	struct call call = redirected;
	static char text[65536];
	memset(text, 'x', sizeof text);
	call.call_id = (struct slice){text, sizeof text};
	write_call(LOG_FORMAT_TEXT, &call);
	ck_assert_ptr_nonnull(strstr(line, "xxx...\" method=\"INVITE\""));
	ck_assert_ptr_nonnull(strstr(line, " rule=\"uk\" status=302 why=\"\" "));
}
END_TEST

/* A reply over UDP has at most 1300 bytes: all its Contacts are logged. */
START_TEST(contacts_of_a_datagram_are_never_cut)
{
	struct call call = redirected;
	static char text[1300];
	memset(text, 'x', sizeof text);
	call.contacts = (struct slice){text, sizeof text};
	ck_assert_ptr_null(strstr(write_call(LOG_FORMAT_TEXT, &call), "..."));
}
END_TEST

START_TEST(call_without_a_rule_has_empty_texts)
{
	struct call call = {.source = redirected.source,
	                    .time_ns = redirected.time_ns,
	                    .listener = redirected.listener,
	                    .status = 400};
	ck_assert_str_eq(write_call(LOG_FORMAT_TEXT, &call), NOW
	                 " call id=\"\" method=\"\" source=udp:192.0.2.1:5062 "
	                 "listener=udp:10.0.0.1:5060 profile=\"\" peer=\"\" user=\"\" "
	                 "caller=\"\" called=\"\" rule=\"\" status=400 why=\"\" "
	                 "gateway=\"\" offered=0 cut=0 contacts=\"\" table=0 us=0\n");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("calllog");
	TCase *tc = tcase_create("calllog");
	tcase_add_test(tc, text_line_is_as_documented);
	tcase_add_test(tc, json_line_is_as_documented);
	tcase_add_loop_test(tc, calls_choose_what_is_written, 0, COUNT(choices));
	tcase_add_loop_test(tc, one_in_so_many_is_chosen, 0, COUNT(fractions));
	tcase_add_loop_test(tc, no_text_line_can_be_forged, 0, COUNT(attacks));
	tcase_add_loop_test(tc, every_json_line_is_an_object, 0, COUNT(attacks));
	tcase_add_test(tc, long_texts_are_cut_and_the_others_kept);
	tcase_add_test(tc, contacts_of_a_datagram_are_never_cut);
	tcase_add_test(tc, call_without_a_rule_has_empty_texts);
	suite_add_tcase(suite, tc);
	return suite;
}
