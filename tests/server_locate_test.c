/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "server/operations/locate.h"
#include "tests/runner.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* A zone: "NAME TYPE DATA", and what is asked of it, in order, with the outcome. */
static const struct {
	const char *host;
	unsigned port;
	enum probed_transport transport;
	const char *zone[12], *asked, *found;
} cases[] = {
	{"a",
         0,
         PROBED_ANY,
         {"a A 10.0.0.1"},
         "NAPTR a, SRV _sip._udp.a, SRV _sip._tcp.a, A a",
         "udp:10.0.0.1:5060"},
	{"a",
         0,
         PROBED_UDP,
         {"a A 10.0.0.1"},
         "SRV _sip._udp.a, A a",
         "udp:10.0.0.1:5060"},
	{"a",
         0,
         PROBED_TCP,
         {"a A 10.0.0.1", "a A 10.0.0.2"},
         "SRV _sip._tcp.a, A a",
         "tcp:10.0.0.1:5060 tcp:10.0.0.2:5060"},
	{"a", 5070, PROBED_ANY, {"a A 10.0.0.1"}, "A a", "udp:10.0.0.1:5070"},
	{"a",
         5070,
         PROBED_TCP,
         {"a A 10.0.0.1", "_sip._tcp.a SRV 1 1 5080 b"},
         "A a",
         "tcp:10.0.0.1:5070"},
	{"a",
         0,
         PROBED_ANY,
         {NULL},
         "NAPTR a, SRV _sip._udp.a, SRV _sip._tcp.a, A a",
         ""},
	/* by priority, and then the greatest weight */
	{"a",
         0,
         PROBED_UDP,
         {"_sip._udp.a SRV 20 0 5060 c", "_sip._udp.a SRV 10 5 5071 b",
          "_sip._udp.a SRV 10 50 5072 d", "b A 10.0.0.2", "c A 10.0.0.3", "d A 10.0.0.4",
          "a A 10.0.0.1"},
         "SRV _sip._udp.a, A d, A b, A c",
         "udp:10.0.0.4:5072 udp:10.0.0.2:5071 udp:10.0.0.3:5060"},
	/* no NAPTR: every transport that has SRV records */
	{"a",
         0,
         PROBED_ANY,
         {"_sip._tcp.a SRV 1 1 5061 b", "b A 10.0.0.2"},
         "NAPTR a, SRV _sip._udp.a, SRV _sip._tcp.a, A b",
         "tcp:10.0.0.2:5061"},
	/* NAPTR: the lowest order that we speak, and then the preference */
	{"a",
         0,
         PROBED_ANY,
         {"a NAPTR 10 1 s SIPS+D2T t", "a NAPTR 20 9 s SIP+D2U u",
          "a NAPTR 20 5 S sip+d2t v", "a NAPTR 30 1 s SIP+D2U w", "v SRV 1 1 5061 b",
          "u SRV 1 1 5062 b", "b A 10.0.0.2"},
         "NAPTR a, SRV v, SRV u, A b, A b",
         "tcp:10.0.0.2:5061 udp:10.0.0.2:5062"},
	{"a",
         0,
         PROBED_ANY,
         {"a NAPTR 10 1 u E2U+sip x", "a A 10.0.0.1"},
         "NAPTR a, SRV _sip._udp.a, SRV _sip._tcp.a, A a",
         "udp:10.0.0.1:5060"},
	/* a service that is decidedly not there */
	{"a",
         0,
         PROBED_UDP,
         {"_sip._udp.a SRV 0 0 0 .", "a A 10.0.0.1"},
         "SRV _sip._udp.a",
         ""},
	/* a target without an address is passed over */
	{"a",
         0,
         PROBED_UDP,
         {"_sip._udp.a SRV 1 0 5061 b", "_sip._udp.a SRV 2 0 5062 c", "c A 10.0.0.3"},
         "SRV _sip._udp.a, A b, A c",
         "udp:10.0.0.3:5062"},
};

/* The i-th line of the zone for name and type; NULL: no more. */
static const char *line_of(int test, const char *name, const char *type, size_t i)
{
	char begin[600];
	int len = snprintf(begin, sizeof begin, "%s %s ", name, type);
	for (size_t n = 0; cases[test].zone[n]; n++)
		if (strncmp(cases[test].zone[n], begin, (size_t)len) == 0 && i-- == 0)
			return cases[test].zone[n] + len;
	return NULL;
}

static void answer_naptr(int test, struct locating *locating, const char *name)
{
	static char texts[LOCATE_RECORDS_MAX][3][32];
	struct naptr_record records[LOCATE_RECORDS_MAX];
	size_t count = 0;
	for (const char *line; (line = line_of(test, name, "NAPTR", count)); count++) {
		struct naptr_record *record = &records[count];
		ck_assert_int_eq(sscanf(line, "%u %u %31s %31s %31s", &record->order,
		                        &record->preference, texts[count][0],
		                        texts[count][1], texts[count][2]),
		                 5);
		record->flags = texts[count][0];
		record->service = texts[count][1];
		record->replacement = texts[count][2];
	}
	locate_take_naptr(locating, records, count);
}

static void answer_srv(int test, struct locating *locating, const char *name)
{
	static char targets[LOCATE_RECORDS_MAX][32];
	struct srv_record records[LOCATE_RECORDS_MAX];
	size_t count = 0;
	for (const char *line; (line = line_of(test, name, "SRV", count)); count++) {
		ck_assert_int_eq(sscanf(line, "%u %u %u %31s", &records[count].priority,
		                        &records[count].weight, &records[count].port,
		                        targets[count]),
		                 4);
		records[count].target = targets[count];
	}
	locate_take_srv(locating, records, count);
}

static void answer_addresses(int test, struct locating *locating, const char *name)
{
	const char *line;
	for (size_t i = 0; (line = line_of(test, name, "A", i)); i++) {
		struct address address;
		ck_assert(address_parse(slice_of(line), &address));
		locate_take_address(locating, &address);
	}
}

START_TEST(a_host_is_found_by_rfc_3263)
{
	static const char *const types[] = {"NAPTR", "SRV", "A"};
	struct locating locating;
	enum locate_question question;
	const char *name;
	char asked[512] = "", found[512] = "";
	locate_begin(&locating, slice_of(cases[_i].host), cases[_i].port,
	             cases[_i].transport);
	while ((question = locate_next(&locating, &name)) != LOCATE_DONE) {
		sprintf(asked + strlen(asked), "%s%s %s", *asked ? ", " : "",
		        types[question], name);
		if (question == LOCATE_NAPTR)
			answer_naptr(_i, &locating, name);
		else if (question == LOCATE_SRV)
			answer_srv(_i, &locating, name);
		else
			answer_addresses(_i, &locating, name);
	}
	for (size_t i = 0; i < locating.address_count; i++) {
		char text[ENDPOINT_TEXT_MAX];
		sprintf(found + strlen(found), "%s%s", *found ? " " : "",
		        endpoint_text(&locating.addresses[i], text));
	}
	ck_assert_str_eq(asked, cases[_i].asked);
	ck_assert_str_eq(found, cases[_i].found);
}
END_TEST

START_TEST(no_answer_makes_it_large)
{
	struct locating locating;
	struct naptr_record naptrs[LOCATE_RECORDS_MAX];
	struct srv_record servers[LOCATE_RECORDS_MAX];
	struct address address = {{0}};
	const char *name;
	char longest[300];
	size_t asked = 0;
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	for (size_t i = 0; i < LOCATE_RECORDS_MAX; i++) {
		naptrs[i] = (struct naptr_record){1, 1, "s", "SIP+D2U",
		                                  i % 2 ? longest : "u"};
		servers[i] = (struct srv_record){1, 1, 5060, i % 2 ? longest : "s"};
	}
	locate_begin(&locating, slice_of("a"), 0, PROBED_ANY);
	for (enum locate_question question;
	     (question = locate_next(&locating, &name)) != LOCATE_DONE; asked++) {
		if (question == LOCATE_NAPTR)
			locate_take_naptr(&locating, naptrs, LOCATE_RECORDS_MAX);
		else if (question == LOCATE_SRV)
			locate_take_srv(&locating, servers, LOCATE_RECORDS_MAX);
		for (int i = 0; question == LOCATE_ADDRESSES && i < 100; i++)
			locate_take_address(&locating, &address);
	}
	ck_assert_uint_eq(asked, 1 + LOCATE_SERVICES_MAX + 1);
	ck_assert_uint_eq(locating.server_count, LOCATE_SERVERS_MAX);
	ck_assert_uint_eq(locating.address_count, LOCATE_ADDRESSES_MAX);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("locate");
	TCase *tests = tcase_create("locate");
	tcase_add_loop_test(tests, a_host_is_found_by_rfc_3263, 0, COUNT(cases));
	tcase_add_test(tests, no_answer_makes_it_large);
	suite_add_tcase(suite, tests);
	return suite;
}
