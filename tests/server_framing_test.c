/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <time.h>

#include "tests/fuzz/server_framing_fuzz.c" /* its one function, on all that is kept */
#include "tests/runner.h"

#define CORPUS       "tests/fuzz/corpus/framing"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *why_text(enum framing why)
{
	static const char *const texts[] = {[FRAMING_OK] = "ok",
	                                    [FRAMING_TRUNCATED] = "truncated",
	                                    [FRAMING_TOO_LARGE] = "too large",
	                                    [FRAMING_BAD_LENGTH] = "bad length",
	                                    [FRAMING_NO_LENGTH] = "no length"};
	return texts[why];
}

/* Cuts what is received in segments of so many bytes; writes "ping", "message(LENGTH)",
 * "bad(WHY, HEADER BYTES)", which is the end, and "+BYTES" that are left. Each segment
 * lies alone in memory of its size, so that a sanitizer sees a look beyond it. */
static const char *cut(struct slice all, size_t segment)
{
	static char out[4096];
	struct framer framer = {0};
	struct frame frame = {0};
	size_t used = 0, len = 0;
	out[0] = '\0';
	for (size_t end = 0; end < all.len && frame.kind != FRAME_BAD;) {
		end = end + segment < all.len ? end + segment : all.len;
		struct slice received = {NULL, end - used};
		char *memory = malloc(received.len ? received.len : 1);
		received.at = memcpy(memory, all.at + used, received.len);
		do {
			frame = framer_next(&framer, received);
			ck_assert_uint_le(frame.used, received.len);
			if (frame.kind == FRAME_PING)
				len += (size_t)sprintf(out + len, "ping ");
			else if (frame.kind == FRAME_MESSAGE)
				len += (size_t)sprintf(out + len, "message(%zu) ",
				                       frame.text.len);
			else if (frame.kind == FRAME_BAD)
				len += (size_t)sprintf(out + len, "bad(%s, %zu) ",
				                       why_text(frame.framing),
				                       frame.text.len);
			received = slice_skip(received, frame.used);
			used += frame.used;
		} while (frame.kind == FRAME_PING || frame.kind == FRAME_MESSAGE);
		free(memory);
	}
	if (used < all.len && frame.kind != FRAME_BAD)
		len += (size_t)sprintf(out + len, "+%zu ", all.len - used);
	if (len)
		out[len - 1] = '\0';
	return out;
}

#define START "INVITE sip:a SIP/2.0\r\n" /* 22 bytes */
#define L0    "l: 0\r\n"                 /* 6 */
#define END   "\r\n"

static const struct {
	const char *received, *frames;
} cases[] = {
	{START L0 END, "message(30)"},
	{START L0 END START L0 END, "message(30) message(30)"},
	{START "Content-Length: 3\r\n" END "abcRE", "message(46) +2"},
	{START "l: 3\r\n" END "ab", "+32"},
	{START "l: 3\r\n" END "abc", "message(33)"},
	{START "L : 3\r\n" END "abc", "message(34)"},
	{START "content-LENGTH:3\r\n" END "abc", "message(45)"},
	{START "l:\r\n 3\r\n" END "abc", "message(35)"},
	{START "l: 3 \r\n\t\r\n" END "abc", "message(37)"},
	{START "l: 03\r\n" END "abc", "message(34)"},
	{START "l: 3\r\nl: 3\r\n" END "abc", "message(39)"},
	{START "X: a\r\n l: 9\r\nl: 0\r\n" END, "message(43)"},
	{START "Xl: 9\r\nl\r\nl: 0\r\n: 4\r\n" END, "message(45)"},
	{START L0 END "\r\n" START L0 END, "message(30) message(30)"},

	/* as soon as it is known where it ends, not a byte later */
	{"A\nl:0\n\n", "message(7)"},
	{"A\rl:0\r\rB", "message(7) +1"},
	{"A\r\nl:0\r\n\r", "+9"},
	{"A\r\nl:0\n\r\nB", "message(9) +1"},
	{"A\n\rl: 0\n\n", "bad(no length, 2)"},
	{"A\r\n \r\nl: 0\r\n\r\n", "bad(no length, 4)"},
	{"A\r\n l: 0\r\n\r\n", "message(12)"},
	{"A\r\n \t \tX: 1\r\n \r\nl: 0\r\n\r\n", "message(24)"},

	/* between messages (RFC 3261 7.5, RFC 5626 4.4.1) */
	{"", ""},
	{"\r\n", ""},
	{"\r\n\r\n", "ping"},
	{"\r\n\r\n\r\n", "ping"},
	{"\r\n\r\n\r\n\r\n", "ping ping"},
	{"\r\r\n\r\n", "ping"},
	{"\n\n\n\n", ""},
	{"\r\n\n\r\n", ""},
	{"\r\n" START L0 END, "message(30)"},
	{"\r\n" START L0 END "\r\n", "message(30)"},
	{"\r\n\r\n" START L0 END "\r\n\r\n", "ping message(30) ping"},

	/* nobody knows where the next one begins (RFC 3261 18.3) */
	{START END START L0 END, "bad(no length, 22)"},
	{START L0 END START "X: y\r\n" END, "message(30) bad(no length, 28)"},
	{START "l:\r\n" END, "bad(bad length, 26)"},
	{START "l: five\r\n" END, "bad(bad length, 31)"},
	{START "l: -5\r\n" END, "bad(bad length, 29)"},
	{START "l: +5\r\n" END, "bad(bad length, 29)"},
	{START "l: 5,5\r\n" END, "bad(bad length, 30)"},
	{START "l: 0x5\r\n" END, "bad(bad length, 30)"},
	{START "l: 1\r\n 0\r\n" END, "bad(bad length, 32)"},
	{START "l: 4294967296\r\n" END, "bad(bad length, 37)"},
	{START "l: 18446744073709551617\r\n" END, "bad(bad length, 47)"},
	{START "l: 1\r\nContent-Length: 2\r\n" END, "bad(bad length, 47)"},
	{START "l: 0\r\nl: x\r\n" END, "bad(bad length, 34)"},
	{START "l: x\r\nl: 0\r\n" END, "bad(bad length, 34)"},
	{START "l: 65506\r\n" END, "bad(too large, 32)"},
	{START "l: 4294967295\r\n" END, "bad(too large, 37)"},
	{START "l: 65501\r\n" END "abc", "+37"},

	/* what cannot be SIP is not waited for */
	{"\x16\x03\x01\x02", "bad(bad length, 0)"},
	{" " START L0 END, "bad(bad length, 0)"},
	{"\xff", "bad(bad length, 0)"},
	{START L0 END "\x16", "message(30) bad(bad length, 0)"},
	{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "bad(no length, 25)"},
};

START_TEST(stream_is_cut_alike_in_segments_of_any_size)
{
	struct slice all = slice_of(cases[_i].received);
	for (size_t segment = 1; segment <= all.len + 1; segment++)
		ck_assert_msg(strcmp(cut(all, segment), cases[_i].frames) == 0,
		              "%s\nin segments of %zu: %s, not %s", cases[_i].received,
		              segment, cut(all, segment), cases[_i].frames);
}
END_TEST

START_TEST(text_of_a_message_is_all_of_it)
{
	struct framer framer = {0};
	struct slice all = slice_of("\r\n" START "l: 3\r\n" END "abcdef");
	struct frame frame = framer_next(&framer, all);
	ck_assert_int_eq(frame.kind, FRAME_MESSAGE);
	ck_assert(slice_equal(frame.text, slice_of(START "l: 3\r\n" END "abc")));
	ck_assert_uint_eq(frame.used, all.len - 3);
	ck_assert_ptr_eq(frame.text.at, all.at + 2);
}
END_TEST

START_TEST(text_of_a_bad_one_is_its_whole_header_lines)
{
	struct framer framer = {0};
	struct frame frame = framer_next(
		&framer, slice_of(START "Via: x\r\nl: 1\r\nl: 2\r\n" END "abc"));
	ck_assert_int_eq(frame.kind, FRAME_BAD);
	ck_assert(slice_equal(frame.text, slice_of(START "Via: x\r\nl: 1\r\nl: 2\r\n")));
}
END_TEST

START_TEST(nul_does_not_end_anything)
{
	static const char text[] = "A\r\nX: \0\r\nl\0: 4\r\nl: 1\r\n\r\n\0";
	ck_assert_str_eq(cut((struct slice){text, sizeof text - 1}, 1), "message(25)");
}
END_TEST

/* A message of size bytes: size headers, and a body if there is room. */
static struct slice message_of_size(size_t size, size_t head)
{
	char *text = malloc(size + 100);
	int len = snprintf(text, 100, "A\r\nl: %zu\r\nX: ", size - head);
	memset(text + len, 'x', size - (size_t)len);
	memcpy(text + head - 4, "\r\n\r\n", 4);
	return (struct slice){text, size};
}

static const struct {
	size_t size, head;
	const char *frames;
} sizes[] = {
	{MESSAGE_MAX, 100, "message(65535)"},
	{MESSAGE_MAX, MESSAGE_MAX, "message(65535)"},
	{MESSAGE_MAX + 1, 100, "bad(too large, 98)"},
	{MESSAGE_MAX + 1, MESSAGE_MAX, "bad(too large, 65533)"},
	{MESSAGE_MAX + 1, MESSAGE_MAX + 1, "bad(too large, 9)"},
	{MESSAGE_MAX + 5000, MESSAGE_MAX + 5000, "bad(too large, 9)"},
};

START_TEST(message_has_at_most_its_65535_bytes)
{
	struct slice text = message_of_size(sizes[_i].size, sizes[_i].head);
	ck_assert_str_eq(cut(text, 10007), sizes[_i].frames);
	ck_assert_str_eq(cut(text, text.len), sizes[_i].frames);
	free((char *)(size_t)text.at);
}
END_TEST

/* 65,535 segments of a byte: what was looked at is not looked at again. */
START_TEST(segments_cost_no_more_than_their_bytes)
{
	struct slice text = message_of_size(MESSAGE_MAX, MESSAGE_MAX);
	struct framer framer = {0};
	struct frame frame = {0};
	clock_t start = clock();
	for (size_t round = 0; round < 10; round++)
		for (size_t len = 1; len <= text.len; len++)
			frame = framer_next(&framer, (struct slice){text.at, len});
	ck_assert_int_eq(frame.kind, FRAME_MESSAGE);
	ck_assert_msg(clock() - start < 2 * CLOCKS_PER_SEC, "%ld µs",
	              (long)((clock() - start) * 1000000 / CLOCKS_PER_SEC));
	free((char *)(size_t)text.at);
}
END_TEST

/* What the framer hands on, the parser sees end at the same place. */
START_TEST(parser_agrees)
{
	struct framer framer = {0};
	struct frame frame = framer_next(&framer, slice_of(cases[_i].received));
	if (frame.kind != FRAME_MESSAGE)
		return;
	msg_t *msg = message_parse(frame.text);
	ck_assert_ptr_nonnull(msg);
	ck_assert_int_eq(message_of(msg)->framing, FRAMING_OK);
	msg_destroy(msg);
}
END_TEST

START_TEST(every_promise_holds_for_every_stream)
{
	uint8_t data[8192];
	char path[512];
	size_t count = 0;
	DIR *corpus = opendir(CORPUS);
	ck_assert_msg(corpus != NULL, "run this in the folder of the sources");
	for (struct dirent *entry; (entry = readdir(corpus));) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, CORPUS "/%s", entry->d_name);
		FILE *file = fopen(path, "r");
		ck_assert_ptr_nonnull(file);
		for (size_t len = fread(data, 1, sizeof data, file); len; len--)
			LLVMFuzzerTestOneInput(data, len);
		fclose(file);
		count++;
	}
	closedir(corpus);
	ck_assert_uint_gt(count, 20);
}
END_TEST

static void start_parser(void)
{
	ck_assert(su_init() == 0 && message_init());
}

Suite *test_suite(void)
{
	Suite *suite = suite_create("framing");
	TCase *tc = tcase_create("framing"), *kept = tcase_create("corpus");
	/* First: the fuzzer starts the parser itself. */
	tcase_add_test(kept, every_promise_holds_for_every_stream);
	suite_add_tcase(suite, kept);
	tcase_add_unchecked_fixture(tc, start_parser, NULL);
	tcase_add_loop_test(tc, stream_is_cut_alike_in_segments_of_any_size, 0,
	                    COUNT(cases));
	tcase_add_loop_test(tc, parser_agrees, 0, COUNT(cases));
	tcase_add_loop_test(tc, message_has_at_most_its_65535_bytes, 0, COUNT(sizes));
	tcase_add_test(tc, text_of_a_message_is_all_of_it);
	tcase_add_test(tc, text_of_a_bad_one_is_its_whole_header_lines);
	tcase_add_test(tc, nul_does_not_end_anything);
	tcase_add_test(tc, segments_cost_no_more_than_their_bytes);
	suite_add_tcase(suite, tc);
	return suite;
}
