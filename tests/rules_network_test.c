/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <check.h>

#include "rules/network.h"
#include "tests/runner.h"

#define COUNT(rows) (int)(sizeof(rows) / sizeof((rows)[0]))

static struct address address(const char *text)
{
	struct address parsed;
	ck_assert_msg(address_parse(slice_of(text), &parsed), "%s is no address", text);
	return parsed;
}

static struct network network(const char *text)
{
	struct network parsed;
	const char *why = "";
	ck_assert_msg(network_parse(slice_of(text), &parsed, &why), "%s: %s", text, why);
	return parsed;
}

static const struct {
	const char *text, *canonical;
	bool v4;
} addresses[] = {
	{"192.0.2.1", "192.0.2.1", true},
	{"0.0.0.0", "0.0.0.0", true},
	{"255.255.255.255", "255.255.255.255", true},
	{"::ffff:192.0.2.1", "192.0.2.1", true},
	{"[::FFFF:c000:0201]", "192.0.2.1", true},
	{"::", "::", false},
	{"::1", "::1", false},
	{"[::1]", "::1", false},
	{"2001:DB8:0:0:0:0:0:1", "2001:db8::1", false},
	{"[2001:db8::1]", "2001:db8::1", false},
	{"2001:0db8:0000:0001:0001:0001:0001:0001", "2001:db8:0:1:1:1:1:1", false},
	{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1", false},
	{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", false},
	{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
	{"::fffe:192.0.2.1", "::fffe:c000:201", false},
};

START_TEST(addresses_have_one_canonical_text)
{
	char text[ADDRESS_TEXT_MAX];
	struct address parsed = address(addresses[_i].text);
	ck_assert_msg(strcmp(address_text(&parsed, text), addresses[_i].canonical) == 0,
	              "%s: got %s", addresses[_i].text, text);
	ck_assert_msg(address_is_v4(&parsed) == addresses[_i].v4, "%s: v4?",
	              addresses[_i].text);
	struct address again = address(text);
	ck_assert_msg(address_equal(&parsed, &again), "%s: not itself again", text);
}
END_TEST

static const char *const no_addresses[] = {
	"",
	" ",
	"10.1",
	"10",
	"0x7f000001",
	"2130706433",
	"010.0.0.1",
	"10.0.0.01",
	"10.0.0.00",
	"0x0a.0.0.1",
	"256.0.0.1",
	"1.2.3.4.5",
	"1.2.3.",
	"1.2.3.4.",
	".1.2.3.4",
	"1..2.3",
	" 1.2.3.4",
	"1.2.3.4 ",
	"1.2.3.-4",
	"1.2.3.4:5060",
	"[1.2.3.4]",
	"[]",
	"[",
	"]",
	"[::1",
	"::1]",
	"[[::1]]",
	"[::1]:5060",
	":",
	":::",
	"1::2::3",
	"12345::",
	"1:2:3:4:5:6:7",
	"1:2:3:4:5:6:7:8:9",
	"fe80::1%eth0",
	"::ffff:1.2.3",
	"::ffff:01.2.3.4",
	"::g",
	"localhost",
	"example.com",
	"10.0.0.0/8",
	"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
	"0000000000000000000000000000000000000000000000000000000000000000000001",
};

START_TEST(nothing_else_is_an_address)
{
	struct address untouched, out;
	memset(&untouched, 0x5a, sizeof(untouched));
	out = untouched;
	ck_assert_msg(!address_parse(slice_of(no_addresses[_i]), &out), "'%s'",
	              no_addresses[_i]);
	ck_assert_msg(address_equal(&out, &untouched), "'%s': out was written",
	              no_addresses[_i]);
}
END_TEST

START_TEST(an_address_ends_where_the_slice_ends)
{
	struct address got, want = address("1.2.3.4");
	ck_assert(address_parse((struct slice){"1.2.3.45", 7}, &got));
	ck_assert(address_equal(&got, &want));
	ck_assert(!address_parse((struct slice){"1.2.3.4\0x", 9}, &got));
	ck_assert(!address_parse((struct slice){"1.2.3.4\0", 8}, &got));
	ck_assert(!address_parse((struct slice){NULL, 0}, &got));
}
END_TEST

static const struct {
	const char *text;
	bool any;
} anys[] = {
	{"0.0.0.0", true},  {"::", true},         {"::ffff:0.0.0.0", true},
	{"0.0.0.1", false}, {"127.0.0.1", false}, {"::1", false},
	{"1.0.0.0", false}, {"8000::", false},    {"::fffe:0:0", false},
};

START_TEST(only_the_zero_addresses_mean_any)
{
	struct address parsed = address(anys[_i].text);
	ck_assert_msg(address_is_any(&parsed) == anys[_i].any, "%s", anys[_i].text);
}
END_TEST

static const struct {
	const char *text;
	bool loopback;
} loopbacks[] = {
	{"127.0.0.1", true},  {"127.255.0.9", true},
	{"::1", true},        {"::ffff:127.0.0.1", true},
	{"126.0.0.1", false}, {"128.0.0.1", false},
	{"::", false},        {"0.0.0.0", false},
	{"1::1", false},      {"::127.0.0.1", false},
};

START_TEST(loopback_is_127_and_one)
{
	struct address parsed = address(loopbacks[_i].text);
	ck_assert_msg(address_is_loopback(&parsed) == loopbacks[_i].loopback, "%s",
	              loopbacks[_i].text);
}
END_TEST

static const struct {
	const char *text, *address;
	unsigned bits;
} networks[] = {
	{"10.0.0.0/8", "10.0.0.0", 104},
	{"192.0.2.0/24", "192.0.2.0", 120},
	{"::ffff:192.0.2.0/120", "192.0.2.0", 120},
	{"192.0.2.128/25", "192.0.2.128", 121},
	{"192.0.2.1", "192.0.2.1", 128},
	{"192.0.2.1/32", "192.0.2.1", 128},
	{"0.0.0.0/0", "0.0.0.0", 96},
	{"0.0.0.0", "0.0.0.0", 128},
	{"128.0.0.0/1", "128.0.0.0", 97},
	{"2001:db8::/32", "2001:db8::", 32},
	{"[2001:db8::]/32", "2001:db8::", 32},
	{"2001:db8::1", "2001:db8::1", 128},
	{"2001:db8::1/128", "2001:db8::1", 128},
	{"8000::/1", "8000::", 1},
	{"::/0", "::", 0},
	{"::", "::", 128},
};

START_TEST(networks_are_counted_in_v6_bits)
{
	struct network parsed = network(networks[_i].text);
	struct address want = address(networks[_i].address);
	ck_assert_msg(address_equal(&parsed.address, &want), "%s", networks[_i].text);
	ck_assert_msg(parsed.bits == networks[_i].bits, "%s: %u bits", networks[_i].text,
	              parsed.bits);
}
END_TEST

#define BEYOND     "bits are set beyond the prefix"
#define NO_ADDRESS "not an IPv4 or IPv6 address"
#define NO_V4_BITS "the prefix length must be a number from 0 to 32"
#define NO_V6_BITS "the prefix length must be a number from 0 to 128"

static const struct {
	const char *text, *why;
} no_networks[] = {
	{"10.0.0.1/8", BEYOND},
	{"192.0.2.1/31", BEYOND},
	{"192.0.2.128/24", BEYOND},
	{"0.0.0.1/0", BEYOND},
	{"128.0.0.0/0", BEYOND},
	{"2001:db8::1/64", BEYOND},
	{"::1/127", BEYOND},
	{"8000::/0", BEYOND},
	{"::ffff:10.0.0.0/88", BEYOND},
	{"10.0.0.0/33", NO_V4_BITS},
	{"10.0.0.0/104", NO_V4_BITS},
	{"10.0.0.0/", NO_V4_BITS},
	{"10.0.0.0/-1", NO_V4_BITS},
	{"10.0.0.0/+8", NO_V4_BITS},
	{"10.0.0.0/ 8", NO_V4_BITS},
	{"10.0.0.0/8 ", NO_V4_BITS},
	{"10.0.0.0/08", NO_V4_BITS},
	{"10.0.0.0/00", NO_V4_BITS},
	{"10.0.0.0/8/8", NO_V4_BITS},
	{"10.0.0.0/255.0.0.0", NO_V4_BITS},
	{"10.0.0.0/99999999999999999999999999", NO_V4_BITS},
	{"::/129", NO_V6_BITS},
	{"::/x", NO_V6_BITS},
	{"10/8", NO_ADDRESS},
	{"10.0.0/24", NO_ADDRESS},
	{"", NO_ADDRESS},
	{"/", NO_ADDRESS},
	{"/8", NO_ADDRESS},
	{"any", NO_ADDRESS},
	{"example.com/24", NO_ADDRESS},
};

START_TEST(a_bad_network_says_why)
{
	struct network out = {.bits = 77};
	const char *why = "nothing said";
	ck_assert_msg(!network_parse(slice_of(no_networks[_i].text), &out, &why), "'%s'",
	              no_networks[_i].text);
	ck_assert_msg(strcmp(why, no_networks[_i].why) == 0, "'%s': %s",
	              no_networks[_i].text, why);
	ck_assert_msg(out.bits == 77, "'%s': out was written", no_networks[_i].text);
}
END_TEST

static const struct {
	const char *network, *address;
	bool has;
} members[] = {
	{"10.0.0.0/8", "10.0.0.0", true},
	{"10.0.0.0/8", "10.255.255.255", true},
	{"10.0.0.0/8", "11.0.0.0", false},
	{"10.0.0.0/8", "9.255.255.255", false},
	{"10.0.0.0/8", "::ffff:10.1.2.3", true},
	{"10.0.0.0/8", "::10.1.2.3", false},
	{"10.0.0.0/8", "a00::", false},
	{"192.0.2.128/25", "192.0.2.128", true},
	{"192.0.2.128/25", "192.0.2.127", false},
	{"192.0.2.4/30", "192.0.2.7", true},
	{"192.0.2.4/30", "192.0.2.8", false},
	{"192.0.2.6/31", "192.0.2.7", true},
	{"192.0.2.6/31", "192.0.2.5", false},
	{"192.0.2.1", "192.0.2.1", true},
	{"192.0.2.1", "192.0.2.0", false},
	{"0.0.0.0/0", "255.255.255.255", true},
	{"0.0.0.0/0", "::1", false},
	{"0.0.0.0/0", "::", false},
	{"::/0", "2001:db8::1", true},
	{"::/0", "192.0.2.1", true},
	{"::ffff:0:0/96", "192.0.2.1", true},
	{"::ffff:192.0.2.0/120", "192.0.2.99", true},
	{"::ffff:192.0.2.0/120", "192.0.3.99", false},
	{"2001:db8::/32", "2001:db8:ffff::", true},
	{"2001:db8::/32", "2001:db9::", false},
	{"2001:db8::/33", "2001:db8:7fff::", true},
	{"2001:db8::/33", "2001:db8:8000::", false},
	{"8000::/1", "7fff::", false},
	{"8000::/1", "ffff::", true},
	{"::1", "127.0.0.1", false},
};

START_TEST(a_network_has_the_addresses_of_its_prefix)
{
	struct network net = network(members[_i].network);
	struct address member = address(members[_i].address);
	ck_assert_msg(network_has(&net, &member) == members[_i].has, "%s in %s",
	              members[_i].address, members[_i].network);
}
END_TEST

START_TEST(every_prefix_length_ends_exactly_there)
{
	struct address ones;
	memset(ones.bytes, 0xff, sizeof(ones.bytes));
	for (unsigned bits = 1; bits <= 128; bits++) {
		struct network net = {.bits = (uint8_t)bits};
		for (unsigned i = 0; i < bits; i++)
			net.address.bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
		ck_assert_msg(network_has(&net, &ones), "/%u", bits);
		struct address last = ones;
		last.bytes[(bits - 1) / 8] ^= (uint8_t)(0x80 >> (bits - 1) % 8);
		ck_assert_msg(!network_has(&net, &last), "/%u: its last bit", bits);
	}
}
END_TEST

static const struct {
	const char *outer, *inner;
	bool covers;
} covers[] = {
	{"10.0.0.0/8", "10.0.0.0/8", true},
	{"10.0.0.0/8", "10.1.0.0/16", true},
	{"10.0.0.0/8", "10.1.2.3", true},
	{"10.1.0.0/16", "10.0.0.0/8", false},
	{"10.0.0.0/16", "10.0.0.0/8", false},
	{"10.0.0.0/8", "11.0.0.0/16", false},
	{"192.0.2.0/24", "::ffff:192.0.2.0/120", true},
	{"::ffff:192.0.2.0/120", "192.0.2.0/24", true},
	{"0.0.0.0/0", "10.0.0.0/8", true},
	{"0.0.0.0/0", "::/0", false},
	{"0.0.0.0/0", "2001:db8::/32", false},
	{"::/0", "0.0.0.0/0", true},
	{"::/0", "2001:db8::/32", true},
	{"::/0", "::/0", true},
	{"::1", "::1", true},
	{"::1", "::/0", false},
};

START_TEST(a_network_covers_those_within_it)
{
	struct network outer = network(covers[_i].outer),
		       inner = network(covers[_i].inner);
	ck_assert_msg(network_covers(&outer, &inner) == covers[_i].covers, "%s in %s",
	              covers[_i].inner, covers[_i].outer);
}
END_TEST

static const struct {
	const char *text;
	size_t bytes;
} sources[] = {
	{"192.0.2.1", 16},         {"::ffff:192.0.2.1", 16}, {"::1", 16},
	{"64:ff9b::c000:201", 16}, {"1fff:ffff::1", 16},     {"2000::1", 8},
	{"2001:db8::1", 8},        {"fe80::1", 8},
};

START_TEST(sources_are_told_apart_by)
{
	struct address parsed = address(sources[_i].text);
	ck_assert_msg(address_source_bytes(&parsed) == sources[_i].bytes, "%s",
	              sources[_i].text);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("network");
	TCase *tc = tcase_create("network");
	tcase_add_loop_test(tc, addresses_have_one_canonical_text, 0, COUNT(addresses));
	tcase_add_loop_test(tc, nothing_else_is_an_address, 0, COUNT(no_addresses));
	tcase_add_test(tc, an_address_ends_where_the_slice_ends);
	tcase_add_loop_test(tc, only_the_zero_addresses_mean_any, 0, COUNT(anys));
	tcase_add_loop_test(tc, loopback_is_127_and_one, 0,
	                    sizeof loopbacks / sizeof loopbacks[0]);
	tcase_add_loop_test(tc, sources_are_told_apart_by, 0, COUNT(sources));
	tcase_add_loop_test(tc, networks_are_counted_in_v6_bits, 0, COUNT(networks));
	tcase_add_loop_test(tc, a_bad_network_says_why, 0, COUNT(no_networks));
	tcase_add_loop_test(tc, a_network_has_the_addresses_of_its_prefix, 0,
	                    COUNT(members));
	tcase_add_test(tc, every_prefix_length_ends_exactly_there);
	tcase_add_loop_test(tc, a_network_covers_those_within_it, 0, COUNT(covers));
	suite_add_tcase(suite, tc);
	return suite;
}
