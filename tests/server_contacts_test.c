/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "rules/uri.h"
#include "server/sip/contacts.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct decision decision;
static struct request request;
static char text[CONTACTS_TEXT_MAX];

static struct slice host_of(struct slice target)
{
	struct uri uri;
	const char *why;
	size_t at;
	return uri_parse(target, &uri, &why, &at) ? uri.host : (struct slice){0};
}

/* A request for this URI, and a decision for targets: words with blanks between. */
static void set(const char *uri, const char *targets)
{
	struct slice left = slice_of(targets);
	bool sips = slice_begins(slice_of(uri), slice_of("sips:"));
	request = (struct request){.uri = slice_of(uri),
	                           .host = host_of(slice_of(uri)),
	                           .scheme = sips ? SCHEME_SIPS : SCHEME_SIP};
	decision = (struct decision){.status = 302};
	while (left.len) {
		struct slice target = {left.at, slice_find(left, ' ')};
		decision.targets[decision.target_count++] =
			(struct target){.uri = target, .host = host_of(target)};
		left = slice_skip(left, target.len + 1);
	}
}

static const struct {
	const char *uri, *targets;
	const char *contacts;
} filtered[] = {
	/* RFC 3261 8.3: none equal to the Request-URI, as 19.1.4 compares */
	{"sip:1@a", "sip:1@b sip:1@a sip:1@c", "<sip:1@b>;q=1.0, <sip:1@c>;q=0.9"},
	{"sip:1@a", "sip:1@A", ""},
	{"SIP:1@a", "sip:%31@a", ""},
	{"sip:1@a;x=y", "sip:1@a;z", ""},
	{"sip:b@a", "sip:B@a", "<sip:B@a>;q=1.0"},
	{"sip:1@a", "sip:1@a:5060", "<sip:1@a:5060>;q=1.0"},
	{"sip:1@a", "sip:1@a;transport=tcp", "<sip:1@a;transport=tcp>;q=1.0"},
	{"sip:1@a;transport=tcp", "sip:1@a;transport=TCP", ""},
	{"sip:1@a;user=phone", "sip:1@a", "<sip:1@a>;q=1.0"},
	/* nor by what is added on the way out */
	{"sip:1@a", "sip:1@a;user=phone sip:1@a?X-A=b sip:1@a;x;User=Phone?X-A=b", ""},
	{"sip:1@a", "sip:1@a;user=ip sip:1@a;xuser=phone;transport=udp",
         "<sip:1@a;user=ip>;q=1.0, <sip:1@a;xuser=phone;transport=udp>;q=0.9"},
	{"sip:1@[2001:db8::1]", "sip:1@[2001:DB8:0:0::1]", ""},
	{"sip:a", "sip:1@a", "<sip:1@a>;q=1.0"},
	/* a Request-URI that is no SIP URI equals none */
	{"tel:+1", "sip:+1@a", "<sip:+1@a>;q=1.0"},
	{"sip:a b", "sip:a", "<sip:a>;q=1.0"},
	/* RFC 5630 5.4 */
	{"sips:1@a", "sip:1@b sips:1@b sip:1@c", "<sips:1@b>;q=1.0"},
	{"sips:1@a", "sip:1@b", ""},
	{"sips:1@a", "sips:1@a sips:1@b", "<sips:1@b>;q=1.0"},
	{"sip:1@a", "sips:1@a", "<sips:1@a>;q=1.0"},
	{"sip:1@a", "sips:1@b", "<sips:1@b>;q=1.0"},
	{"sip:1@a", "", ""},
};

START_TEST(only_what_may_be_offered_is_kept_in_order)
{
	set(filtered[_i].uri, filtered[_i].targets);
	size_t count = 0;
	for (size_t i = 0; i < decision.target_count; i++)
		if (contacts_take(&request, &decision.targets[i]))
			decision.targets[count++] = decision.targets[i];
	struct slice contacts = contacts_write(&decision, count, true, text);
	ck_assert_msg(slice_equal(contacts, slice_of(filtered[_i].contacts)), "%.*s",
	              (int)contacts.len, contacts.at);
}
END_TEST

START_TEST(q_falls_with_each_contact)
{
	set("sip:x", "sip:0 sip:1 sip:2 sip:3 sip:4 sip:5 sip:6 sip:7 sip:8 sip:9");
	ck_assert_uint_eq(decision.target_count, DECISION_TARGETS_MAX);
	struct slice contacts =
		contacts_write(&decision, DECISION_TARGETS_MAX, true, text);
	ck_assert(slice_equal(
		contacts,
		slice_of("<sip:0>;q=1.0, <sip:1>;q=0.9, <sip:2>;q=0.8, <sip:3>;q=0.7, "
	                 "<sip:4>;q=0.6, <sip:5>;q=0.5, <sip:6>;q=0.4, <sip:7>;q=0.3, "
	                 "<sip:8>;q=0.2, <sip:9>;q=0.1")));
}
END_TEST

START_TEST(as_many_are_written_as_asked_for_and_there_are)
{
	set("sip:x", "sip:0 sip:1");
	ck_assert_uint_eq(contacts_write(&decision, 0, true, text).len, 0);
	ck_assert(slice_equal(contacts_write(&decision, 1, true, text),
	                      slice_of("<sip:0>;q=1.0")));
	ck_assert(slice_equal(contacts_write(&decision, 9, true, text),
	                      slice_of("<sip:0>;q=1.0, <sip:1>;q=0.9")));
}
END_TEST

START_TEST(ten_of_the_longest_fit)
{
	static char uri[4096]; /* what a table makes at most */
	memset(uri, '1', sizeof uri);
	memcpy(uri, "sip:", 4);
	set("sip:x", "");
	for (size_t i = 0; i < DECISION_TARGETS_MAX; i++)
		decision.targets[i].uri = (struct slice){uri, sizeof uri};
	decision.target_count = DECISION_TARGETS_MAX;
	struct slice contacts =
		contacts_write(&decision, DECISION_TARGETS_MAX, true, text);
	ck_assert_uint_lt(contacts.len, CONTACTS_TEXT_MAX);
	ck_assert_uint_eq(contacts.len, DECISION_TARGETS_MAX * (4096 + 10) - 2);
	ck_assert_mem_eq(contacts.at + contacts.len - 7, ">;q=0.1", 7);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/contacts");
	TCase *tests = tcase_create("contacts");
	tcase_add_loop_test(tests, only_what_may_be_offered_is_kept_in_order, 0,
	                    COUNT(filtered));
	tcase_add_test(tests, q_falls_with_each_contact);
	tcase_add_test(tests, as_many_are_written_as_asked_for_and_there_are);
	tcase_add_test(tests, ten_of_the_longest_fit);
	suite_add_tcase(suite, tests);
	return suite;
}
