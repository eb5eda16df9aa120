/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "server/sip/scan.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Scans a copy behind whose end there is nothing; the caller frees it. */
static struct scan scan;
static char *exact;

static const struct message *scan_text(struct slice text)
{
	free(exact);
	exact = malloc(text.len ? text.len : 1);
	memcpy(exact, text.at, text.len);
	return scan_message(&scan, (struct slice){exact, text.len});
}

static void fini(void)
{
	free(exact);
}

static bool is(struct slice text, const char *wanted)
{
	return slice_equal(text, slice_of(wanted));
}

START_TEST(a_message_is_its_start_line_and_its_fields)
{
	const struct message *message = scan_text(
		slice_of("INVITE sip:a@b SIP/2.0 \r\nVia:SIP/2.0/UDP h\r\nSubject:  a : b"
	                 "  \r\nX-Empty:\r\ncontent-LENGTH: 4\r\n\r\nbody"));
	ck_assert_ptr_nonnull(message);
	ck_assert(is(message->start_line, "INVITE sip:a@b SIP/2.0"));
	ck_assert_uint_eq(message->field_count, 4);
	ck_assert(is(message->fields[0].name, "Via"));
	ck_assert(is(message->fields[0].value, "SIP/2.0/UDP h"));
	ck_assert(is(message->fields[1].value, "a : b"));
	ck_assert(is(message->fields[2].name, "X-Empty"));
	ck_assert(is(message->fields[2].value, ""));
	ck_assert(is(message->fields[3].name, "content-LENGTH"));
	ck_assert_int_eq(message->framing, FRAMING_OK);
	ck_assert_uint_eq(message->bad_lines, 0);
}
END_TEST

START_TEST(the_pieces_lie_in_the_text)
{
	const struct message *message = scan_text(slice_of("A b\r\nTo: c\r\n\r\n"));
	ck_assert_ptr_eq(message, &scan.message);
	ck_assert_ptr_eq(message->fields, scan.fields);
	ck_assert_ptr_eq(message->start_line.at, exact);
	ck_assert_ptr_eq(message->fields[0].name.at, exact + 5);
	ck_assert_ptr_eq(message->fields[0].value.at, exact + 9);
}
END_TEST

static const char *const taken[] = {
	"A\r\n\r\n",
	"A b\r\nTo: c\r\n\r\n",
	"A b\r\nContent-Length: 0\r\n\r\n",
	"A b\r\nContent-Length: 0004\r\n\r\nbody",
	"A b\r\nContent-Length:  3 \r\n\r\nbody", /* the rest is left (RFC 3261 18.3) */
	"A b\r\nContent-Lengths: x\r\n\r\n",
	"A b\r\nX'`~!%*_+.-: c\r\n\r\n",
	"A b\r\nTo: \"\xc3\xa9\xff\"\r\n\r\n",
	"A b\r\nTo: c\r\n\r\nin a \x01\r\r\n\r\nbody, anything \n goes",
};

START_TEST(a_plain_message_is_taken)
{
	ck_assert_ptr_nonnull(scan_text(slice_of(taken[_i])));
}
END_TEST

static const char *const left[] = {
	"",
	"\r\n",
	"\r\n\r\n",
	"A b",
	"A b\r",
	"A b\r\n",
	"A b\r\nTo: c\r\n",
	"A b\r\nTo: c\r\n\r",
	"\r\nA b\r\nTo: c\r\n\r\n",
	" A b\r\nTo: c\r\n\r\n",
	"A b\nTo: c\n\n",
	"A b\r\nTo: c\n\r\n",
	"A b\r\nTo: c\r\r\n\r\n",
	"A\tb\r\nTo: c\r\n\r\n",
	"A b\r\nTo:\tc\r\n\r\n",
	"A b\r\nTo: c\r\n d\r\n\r\n", /* folded */
	"A b\r\nTo: c\r\n\td\r\n\r\n",
	"A b\r\nTo: c\r\n \r\n\r\n",
	"A b\r\n To: c\r\n\r\n",
	"A b\r\nTo : c\r\n\r\n",
	"A b\r\nt: c\r\n\r\n", /* compact */
	"A b\r\nnonsense\r\n\r\n",
	"A b\r\n: c\r\n\r\n",
	"A b\r\nT@: c\r\n\r\n",
	"A b\r\nT\xc3\xa9: c\r\n\r\n",
	"A b\r\nTo: \x01\r\n\r\n",
	"A b\r\nTo: \x7f\r\n\r\n",
	"A b\r\nContent-Length:\r\n\r\n",
	"A b\r\nContent-Length: x\r\n\r\n",
	"A b\r\nContent-Length: -1\r\n\r\n",
	"A b\r\nContent-Length: 4 \x01\r\n\r\nbody",
	"A b\r\nContent-Length: 5\r\n\r\nbody",
	"A b\r\nContent-Length: 99999999999999999999\r\n\r\n",
	"A b\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody",
	"A b\r\nl: 4\r\n\r\nbody",
};

START_TEST(anything_else_is_left_to_the_parser)
{
	ck_assert_ptr_null(scan_text(slice_of(left[_i])));
}
END_TEST

START_TEST(a_nul_is_left_to_the_parser)
{
	static const char in_field[] = "A b\r\nTo: \0\r\n\r\n";
	ck_assert_ptr_null(scan_text((struct slice){in_field, sizeof in_field - 1}));
}
END_TEST

START_TEST(as_many_fields_as_there_is_room_for_are_taken)
{
	char text[16 * SCAN_FIELDS_MAX] = "A b\r\n";
	for (int i = 0; i < SCAN_FIELDS_MAX; i++)
		strcat(text, "To: c\r\n");
	size_t len = strlen(text);
	strcpy(text + len, "\r\n");
	const struct message *message = scan_text(slice_of(text));
	ck_assert_ptr_nonnull(message);
	ck_assert_uint_eq(message->field_count, SCAN_FIELDS_MAX);
	strcpy(text + len, "To: c\r\n\r\n");
	ck_assert_ptr_null(scan_text(slice_of(text)));
}
END_TEST

/* Of lines of any length, so that a scan of several bytes at a time is at all offsets. */
START_TEST(a_control_character_is_seen_wherever_it_stands)
{
	char text[128];
	for (size_t len = 1; len < 64; len++)
		for (size_t at = 0; at < len; at++)
			for (int c = 0; c <= ' '; c++) {
				memset(text, 'x', sizeof text);
				memcpy(text, "A b\r\nTo: ", 9);
				memcpy(text + 9 + len, "\r\n\r\n", 4);
				text[9 + at] = '\xff';
				struct slice all = {text, 9 + len + 4};
				ck_assert_ptr_nonnull(scan_message(&scan, all));
				text[9 + at] = c < ' ' ? (char)c : 127;
				ck_assert_ptr_null(scan_message(&scan, all));
			}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/scan");
	TCase *tests = tcase_create("scan");
	tcase_add_checked_fixture(tests, NULL, fini);
	tcase_add_test(tests, a_message_is_its_start_line_and_its_fields);
	tcase_add_test(tests, the_pieces_lie_in_the_text);
	tcase_add_loop_test(tests, a_plain_message_is_taken, 0, COUNT(taken));
	tcase_add_loop_test(tests, anything_else_is_left_to_the_parser, 0, COUNT(left));
	tcase_add_test(tests, a_nul_is_left_to_the_parser);
	tcase_add_test(tests, as_many_fields_as_there_is_room_for_are_taken);
	tcase_add_test(tests, a_control_character_is_seen_wherever_it_stands);
	suite_add_tcase(suite, tests);
	return suite;
}
