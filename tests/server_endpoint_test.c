/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "server/sip/endpoint.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *text, *canonical, *hostport;
	socklen_t size;
} good[] = {
	{"udp:0.0.0.0:5060", "udp:0.0.0.0:5060", "0.0.0.0:5060",
         sizeof(struct sockaddr_in)},
	{"tcp:[::1]", "tcp:[::1]:5060", "[::1]:5060", sizeof(struct sockaddr_in6)},
	{"udp:192.0.2.1", "udp:192.0.2.1:5060", "192.0.2.1:5060",
         sizeof(struct sockaddr_in)},
	{"TCP:192.0.2.1:1", "tcp:192.0.2.1:1", "192.0.2.1:1", sizeof(struct sockaddr_in)},
	{"udp:[2001:DB8:0:0::1]:65535", "udp:[2001:db8::1]:65535", "[2001:db8::1]:65535",
         sizeof(struct sockaddr_in6)},
	{"udp:[::]:5061", "udp:[::]:5061", "[::]:5061", sizeof(struct sockaddr_in6)},
	{"udp:[::ffff:192.0.2.1]:5060", "udp:192.0.2.1:5060", "192.0.2.1:5060",
         sizeof(struct sockaddr_in)},
	{"tls:192.0.2.1", "tls:192.0.2.1:5061", "192.0.2.1:5061",
         sizeof(struct sockaddr_in)},
	{"Tls:[::1]:5060", "tls:[::1]:5060", "[::1]:5060", sizeof(struct sockaddr_in6)},
	{"tcp:[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
         "tcp:[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", sizeof(struct sockaddr_in6)},
};

START_TEST(text_is_canonical)
{
	struct endpoint endpoint;
	const char *why = "";
	char text[ENDPOINT_TEXT_MAX];
	ck_assert_msg(endpoint_parse(slice_of(good[_i].text), &endpoint, &why), "%s: %s",
	              good[_i].text, why);
	ck_assert_str_eq(endpoint_text(&endpoint, text), good[_i].canonical);
	ck_assert_str_eq(endpoint_hostport(&endpoint, text), good[_i].hostport);
}
END_TEST

START_TEST(kernel_form_comes_back_the_same)
{
	struct endpoint endpoint, back;
	const char *why;
	struct sockaddr_storage address;
	ck_assert(endpoint_parse(slice_of(good[_i].text), &endpoint, &why));
	ck_assert_uint_eq(endpoint_to_sockaddr(&endpoint, &address), good[_i].size);
	ck_assert(endpoint_from_sockaddr(endpoint.transport, (struct sockaddr *)&address,
	                                 &back));
	char text[ENDPOINT_TEXT_MAX];
	ck_assert_str_eq(endpoint_text(&back, text), good[_i].canonical);
}
END_TEST

START_TEST(v4_peer_of_a_v6_socket_is_the_v4_peer)
{
	struct endpoint v4, v6;
	struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = htons(5060)};
	const char *why;
	memset(mapped.sin6_addr.s6_addr + 10, 0xff, 2);
	memcpy(mapped.sin6_addr.s6_addr + 12, "\xc0\x00\x02\x01", 4);
	ck_assert(endpoint_parse(slice_of("udp:192.0.2.1:5060"), &v4, &why));
	ck_assert(endpoint_from_sockaddr(TRANSPORT_UDP, (struct sockaddr *)&mapped, &v6));
	ck_assert(address_equal(&v4.address, &v6.address));
	ck_assert_uint_eq(v4.port, v6.port);
}
END_TEST

START_TEST(other_address_families_are_refused)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct endpoint out = {.port = 7};
	ck_assert(!endpoint_from_sockaddr(TRANSPORT_UDP, (struct sockaddr *)&address,
	                                  &out));
	ck_assert_uint_eq(out.port, 7);
}
END_TEST

#define NO_TRANSPORT "it begins with none of udp:, tcp: and tls:"
#define NO_ADDRESS   "the address is missing"
#define NOT_NUMERIC  "the address is not numeric; names are never looked up"
#define NO_BRACKETS  "an IPv6 address needs brackets, as in [::1]:5060"
#define NOT_V6       "there is no IPv6 address inside the brackets"
#define BAD_PORT     "the port is not a number from 1 to 65535"

static const struct {
	const char *text, *why;
} bad[] = {
	{"", NO_TRANSPORT},
	{"192.0.2.1:5060", NO_TRANSPORT},
	{"sips:192.0.2.1:5061", NO_TRANSPORT},
	{"udpx:192.0.2.1", NO_TRANSPORT},
	{"udp", NO_ADDRESS},
	{"udp:", NO_ADDRESS},
	{"udp::5060", NO_ADDRESS},
	{"udp:localhost:5060", NOT_NUMERIC},
	{"udp:192.0.2:5060", NOT_NUMERIC},
	{"udp:192.0.2.1 :5060", NOT_NUMERIC},
	{"udp:*:5060", NOT_NUMERIC},
	{"udp:::1", NO_BRACKETS},
	{"udp:2001:db8::1:5060", NO_BRACKETS},
	{"udp:192.0.2.1:5060:5061", NO_BRACKETS},
	{"udp:[::1", "the ] after the IPv6 address is missing"},
	{"udp:[192.0.2.1]:5060", NOT_V6},
	{"udp:[]:5060", NOT_V6},
	{"udp:[::g]:5060", NOT_V6},
	{"udp:[[::1]]:5060", NOT_V6},
	{"udp:[fe80::1%eth0]:5060",
         "zones of link-local addresses (%eth0) are not supported"},
	{"udp:[::1]5060", "only a colon and a port may follow the ]"},
	{"udp:192.0.2.1:", BAD_PORT},
	{"udp:192.0.2.1:0", BAD_PORT},
	{"udp:192.0.2.1:65536", BAD_PORT},
	{"udp:192.0.2.1:-1", BAD_PORT},
	{"udp:192.0.2.1:sip", BAD_PORT},
	{"udp:[::1]:", BAD_PORT},
	{"udp:[::1]:5060 ", BAD_PORT},
};

START_TEST(bad_text_is_told_why)
{
	struct endpoint out = {.port = 7};
	const char *why = "parsed";
	bool parsed = endpoint_parse(slice_of(bad[_i].text), &out, &why);
	ck_assert_msg(!parsed && strcmp(why, bad[_i].why) == 0, "%s: %s", bad[_i].text,
	              why);
	ck_assert_uint_eq(out.port, 7);
}
END_TEST

START_TEST(a_host_and_port_need_both)
{
	static const struct {
		const char *text, *why; /* NULL: it is right */
	} rows[] = {
		{"192.0.2.1:9090", NULL},
		{"[2001:db8::1]:9090", NULL},
		{"", "the address is missing"},
		{":9090", "the address is missing"},
		{"192.0.2.1", "the port is missing"},
		{"[::1]", "the port is missing"},
		{"tcp:192.0.2.1:9090", NO_BRACKETS},
		{"192.0.2.1:0", BAD_PORT},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct endpoint out;
		char text[ENDPOINT_TEXT_MAX];
		const char *why = NULL;
		bool is_good =
			endpoint_parse_hostport(slice_of(rows[i].text), &out, &why);
		ck_assert_msg(is_good == !rows[i].why, "%s: %s", rows[i].text, why);
		if (is_good)
			ck_assert_str_eq(endpoint_hostport(&out, text), rows[i].text);
		else
			ck_assert_str_eq(why, rows[i].why);
	}
}
END_TEST

START_TEST(text_ends_at_its_length)
{
	struct endpoint out;
	const char *why;
	ck_assert(endpoint_parse((struct slice){"udp:192.0.2.1:5060", 16}, &out, &why));
	ck_assert_uint_eq(out.port, 50);
	ck_assert(!endpoint_parse((struct slice){"udp:192.0.2.1\0", 14}, &out, &why));
	ck_assert(!endpoint_parse((struct slice){NULL, 0}, &out, &why));
}
END_TEST

START_TEST(transport_is_named_as_in_a_via)
{
	ck_assert_str_eq(transport_name(TRANSPORT_UDP), "UDP");
	ck_assert_str_eq(transport_name(TRANSPORT_TCP), "TCP");
	ck_assert_str_eq(transport_name(TRANSPORT_TLS), "TLS");
	ck_assert(!transport_is_stream(TRANSPORT_UDP));
	ck_assert(transport_is_stream(TRANSPORT_TCP));
	ck_assert(transport_is_stream(TRANSPORT_TLS));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("endpoint");
	TCase *tc = tcase_create("endpoint");
	tcase_add_loop_test(tc, text_is_canonical, 0, COUNT(good));
	tcase_add_loop_test(tc, kernel_form_comes_back_the_same, 0, COUNT(good));
	tcase_add_test(tc, v4_peer_of_a_v6_socket_is_the_v4_peer);
	tcase_add_test(tc, other_address_families_are_refused);
	tcase_add_loop_test(tc, bad_text_is_told_why, 0, COUNT(bad));
	tcase_add_test(tc, a_host_and_port_need_both);
	tcase_add_test(tc, text_ends_at_its_length);
	tcase_add_test(tc, transport_is_named_as_in_a_via);
	suite_add_tcase(suite, tc);
	return suite;
}
