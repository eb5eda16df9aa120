/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/configuration.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char folder[] = "/tmp/signpost-configuration-XXXXXX";
static struct diags *diags;
static char *findings;

static void enter(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	diags = diags_new();
}

static void leave(void)
{
	diags_free(diags);
	free(findings);
	unlink("s.yaml");
	unlink("rules.yaml");
	rmdir(folder);
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void write_settings(const char *listen)
{
	char text[512];
	snprintf(text, sizeof text,
	         "profiles: {p: {listen: [%s], peers: a}}\n"
	         "peers: {a: {networks: 192.0.2.0/24}}\n",
	         listen);
	write_file("s.yaml", text);
}

static const char *print_findings(void)
{
	size_t size;
	free(findings);
	FILE *to = open_memstream(&findings, &size);
	diags_print(diags, to);
	fclose(to);
	return findings;
}

/* Loads and frees; the findings are what is told. */
static bool load(const char *settings, const char *rules)
{
	struct configuration configuration = {settings, rules, NULL, NULL};
	bool good = configuration_load(&configuration, diags);
	ck_assert_int_eq(good, diags_errors(diags) == 0);
	if (good)
		ck_assert(configuration.settings && configuration.table);
	configuration_free(&configuration);
	ck_assert(!configuration.settings && !configuration.table);
	configuration_free(&configuration);
	print_findings();
	return good;
}

#define LOOP "error: a redirect to this server itself would never end\n"

static const struct {
	const char *listen, *target;
	const char *findings;
} targets[] = {
	/* our own address */
	{"\"udp:192.0.2.1:5060\"", "sip:192.0.2.1",
         "rules.yaml:1:21: " LOOP "  hint: this server listens on "
         "udp:192.0.2.1:5060\n"},
	{"\"tcp:192.0.2.1:5070\"", "sip:x@192.0.2.1:5070;transport=tcp",
         "rules.yaml:1:21: " LOOP "  hint: this server listens on "
         "tcp:192.0.2.1:5070\n"},
	{"\"udp:[2001:db8::1]\"", "sip:[2001:DB8:0::1]:5060",
         "rules.yaml:1:21: " LOOP "  hint: this server listens on "
         "udp:[2001:db8::1]:5060\n"},
	{"\"udp:192.0.2.9\", \"udp:192.0.2.1\"", "sip:192.0.2.1",
         "rules.yaml:1:21: " LOOP "  hint: this server listens on "
         "udp:192.0.2.1:5060\n"},
	/* all of this machine's addresses */
	{"\"udp:0.0.0.0:5060\"", "sip:127.0.0.1",
         "rules.yaml:1:21: " LOOP "  hint: this server listens on "
         "udp:0.0.0.0:5060\n"},
	{"\"udp:0.0.0.0:5060\"", "sip:0.0.0.0",
         "rules.yaml:1:21: " LOOP "  hint: this server listens on "
         "udp:0.0.0.0:5060\n"},
	/* others */
	{"\"udp:192.0.2.1:5060\"", "sip:192.0.2.2", ""},
	{"\"udp:192.0.2.1:5060\"", "sip:192.0.2.1:5061", ""},
	{"\"udp:192.0.2.1:5070\"", "sip:192.0.2.1", ""},
	{"\"udp:0.0.0.0:5070\"", "sip:127.0.0.1", ""},
	{"\"udp:0.0.0.0:5060\"", "sip:192.0.2.200", ""},
	{"\"udp:0.0.0.0:5060\"", "sip:[::1]", ""},
	{"\"udp:[::]:5060\"", "sip:127.0.0.1", ""},
	{"\"udp:0.0.0.0:5060\"", "sip:localhost", ""}, /* names are not looked up */
	{"\"udp:192.0.2.1:5060\"", "sip:pbx.example", ""},
};

START_TEST(a_redirect_to_ourselves_is_an_error)
{
	char rules[256];
	snprintf(rules, sizeof rules, "default: {redirect: \"%s\"}\n",
	         targets[_i].target);
	write_settings(targets[_i].listen);
	write_file("rules.yaml", rules);
	load("s.yaml", NULL);
	ck_assert_str_eq(findings, targets[_i].findings);
}
END_TEST

/* Which addresses there are differs from machine to machine. */
START_TEST(every_interface_counts_when_all_are_listened_on)
{
	struct ifaddrs *interfaces;
	ck_assert_int_eq(getifaddrs(&interfaces), 0);
	for (struct ifaddrs *i = interfaces; i; i = i->ifa_next) {
		char address[INET6_ADDRSTRLEN], rules[256];
		if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET &&
		                     i->ifa_addr->sa_family != AF_INET6))
			continue;
		bool v4 = i->ifa_addr->sa_family == AF_INET;
		const void *from =
			v4 ? (void *)&((struct sockaddr_in *)(void *)i->ifa_addr)
					->sin_addr
			   : (void *)&((struct sockaddr_in6 *)(void *)i->ifa_addr)
					->sin6_addr;
		inet_ntop(i->ifa_addr->sa_family, from, address, sizeof address);
		snprintf(rules, sizeof rules, "default: {redirect: \"sip:%s%s%s\"}\n",
		         v4 ? "" : "[", address, v4 ? "" : "]");
		write_settings("\"udp:0.0.0.0:5060\", \"tcp:[::]:5060\"");
		write_file("rules.yaml", rules);
		diags_free(diags);
		diags = diags_new();
		ck_assert_msg(!load("s.yaml", NULL), "%s", address);
	}
	freeifaddrs(interfaces);
}
END_TEST

START_TEST(gateways_and_groups_are_looked_at_as_well)
{
	write_settings("\"udp:192.0.2.1:5060\"");
	write_file("rules.yaml", "gateways:\n"
	                         "  a: sip:192.0.2.1\n"
	                         "  b: {uri: sip:192.0.2.2}\n"
	                         "rules:\n"
	                         "  - {called: \"1\", redirect: [b, \"sip:192.0.2.1\"]}\n"
	                         "default: {redirect: a}\n");
	ck_assert(!load("s.yaml", NULL));
	ck_assert_uint_eq(diags_errors(diags), 2);
	ck_assert_ptr_nonnull(strstr(findings, "rules.yaml:2:"));
	ck_assert_ptr_nonnull(strstr(findings, "rules.yaml:5:"));
}
END_TEST

static const struct {
	const char *listener;
	const char *findings;
} listeners[] = {
	{"udp:192.0.2.1:5060", ""},
	{"UDP:192.0.2.1", ""},
	{"tcp:[2001:DB8::1]:5070", ""},
	{"tcp:192.0.2.1:5060",
         "rules.yaml:2:16: error: no listener is called \"tcp:192.0.2.1:5060\"\n"
         "  hint: listeners are defined in the settings\n"},
	{"udp:192.0.2.1:5061",
         "rules.yaml:2:16: error: no listener is called \"udp:192.0.2.1:5061\"\n"
         "  hint: listeners are defined in the settings\n"},
};

START_TEST(a_rule_for_a_listener_that_is_not_there_is_an_error)
{
	char rules[256];
	snprintf(rules, sizeof rules, "rules:\n  - {listener: \"%s\", reject: 404}\n",
	         listeners[_i].listener);
	write_settings("\"udp:192.0.2.1:5060\", \"tcp:[2001:db8::1]:5070\"");
	write_file("rules.yaml", rules);
	load("s.yaml", NULL);
	ck_assert_str_eq(findings, listeners[_i].findings);
}
END_TEST

static const struct {
	const char *criteria;
	const char *findings;
} names[] = {
	{"profile: p, peer: a", ""},
	{"profile: [p, trunk]", "rules.yaml:2:15: error: no profile is called \"trunk\"\n"
                                "  hint: profiles are defined in the settings\n"},
	{"not: {peer: nobody}", "rules.yaml:2:18: error: no peer is called \"nobody\"\n"
                                "  hint: peers are defined in the settings\n"},
};

START_TEST(a_rule_for_a_profile_or_peer_that_is_not_there_is_an_error)
{
	char rules[256];
	snprintf(rules, sizeof rules, "rules:\n  - {%s, reject: 404}\n",
	         names[_i].criteria);
	write_settings("\"udp:192.0.2.1:5060\"");
	write_file("rules.yaml", rules);
	load("s.yaml", NULL);
	ck_assert_str_eq(findings, names[_i].findings);
}
END_TEST

START_TEST(a_table_for_a_profile_or_peer_that_is_not_there_is_an_error)
{
	write_settings("\"udp:192.0.2.1:5060\"");
	write_file("rules.yaml", "tables:\n"
	                         "  good: {profile: p, peer: a}\n"
	                         "  bad: {profile: trunk, peer: [a, nobody]}\n");
	load("s.yaml", NULL);
	ck_assert_str_eq(findings,
	                 "rules.yaml:3:18: error: no profile is called \"trunk\"\n"
	                 "  hint: profiles are defined in the settings\n"
	                 "rules.yaml:3:31: error: no peer is called \"nobody\"\n"
	                 "  hint: peers are defined in the settings\n");
}
END_TEST

START_TEST(without_settings_the_table_stands_alone)
{
	write_file("rules.yaml", "default: {redirect: \"sip:127.0.0.1\"}\n");
	ck_assert(load(NULL, "rules.yaml"));
	ck_assert_str_eq(findings, "");
}
END_TEST

START_TEST(both_files_are_looked_at_whatever_is_wrong_with_one)
{
	write_file("s.yaml", "worker: 3\n");
	write_file("rules.yaml", "rule: []\n");
	ck_assert(!load("s.yaml", "rules.yaml"));
	ck_assert_uint_eq(diags_errors(diags), 2);
	ck_assert_ptr_nonnull(strstr(findings, "s.yaml:1:1"));
	ck_assert_ptr_nonnull(strstr(findings, "rules.yaml:1:1"));
}
END_TEST

START_TEST(a_missing_file_is_named)
{
	write_settings("\"udp:192.0.2.1:5060\"");
	ck_assert(!load("s.yaml", NULL));
	ck_assert_ptr_nonnull(strstr(findings, "rules.yaml"));
	ck_assert_uint_eq(diags_errors(diags), 1);
	ck_assert(!load("nowhere.yaml", NULL));
	ck_assert_ptr_nonnull(strstr(findings, "nowhere.yaml"));
}
END_TEST

START_TEST(a_path_given_is_taken_before_the_one_in_the_settings)
{
	write_settings("\"udp:192.0.2.1:5060\"");
	write_file("rules.yaml", "rules: [{called: \"1\", reject: 404}]\n");
	write_file("other.yaml", "{}\n");
	struct configuration given = {"s.yaml", "other.yaml", NULL, NULL};
	struct configuration named = {"s.yaml", NULL, NULL, NULL};
	bool good =
		configuration_load(&given, diags) && configuration_load(&named, diags);
	unlink("other.yaml");
	ck_assert_msg(good, "%s", print_findings());
	ck_assert_str_eq(given.rules_path, "other.yaml");
	ck_assert_uint_eq(table_counts(given.table).rules, 0);
	ck_assert_str_eq(named.rules_path, "rules.yaml");
	ck_assert_uint_eq(table_counts(named.table).rules, 1);
	configuration_free(&given);
	configuration_free(&named);
}
END_TEST

START_TEST(what_is_in_force_is_read_again)
{
	struct configuration in_force = {.settings_path = "s.yaml"}, fresh;
	write_settings("\"udp:192.0.2.1:5060\"");
	write_file("rules.yaml", "{}\n");
	ck_assert(configuration_load(&in_force, diags));
	write_file("rules.yaml", "default: {redirect: \"sip:192.0.2.2\"}\n");
	write_settings("\"udp:192.0.2.2:5060\"");
	ck_assert(!configuration_reload(&fresh, &in_force, diags)); /* to ourselves */
	ck_assert_uint_eq(diags_errors(diags), 1);
	write_settings("\"udp:192.0.2.3:5060\"");
	/* errors that are already among the findings are not its own */
	ck_assert(configuration_reload(&fresh, &in_force, diags));
	ck_assert_str_eq(fresh.settings->listens[0].text.at, "udp:192.0.2.3:5060");
	ck_assert_str_eq(in_force.settings->listens[0].text.at, "udp:192.0.2.1:5060");
	ck_assert_str_eq(fresh.rules_path, "rules.yaml");
	ck_assert_ptr_nonnull(fresh.certificates);
	configuration_free(&fresh);
	configuration_free(&in_force);
}
END_TEST

START_TEST(a_path_given_stays_when_it_is_read_again)
{
	struct configuration in_force = {.settings_path = "s.yaml",
	                                 .rules_path = "other.yaml"},
			     fresh;
	write_settings("\"udp:192.0.2.1:5060\"");
	write_file("other.yaml", "{}\n");
	write_file("rules.yaml", "rules: [{called: \"1\", reject: 404}]\n");
	bool good = configuration_load(&in_force, diags) &&
	            configuration_reload(&fresh, &in_force, diags);
	unlink("other.yaml");
	ck_assert_msg(good, "%s", print_findings());
	ck_assert_str_eq(fresh.rules_path, "other.yaml");
	ck_assert_uint_eq(table_counts(fresh.table).rules, 0);
	configuration_free(&fresh);
	configuration_free(&in_force);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/configuration");
	TCase *tests = tcase_create("configuration");
	tcase_add_checked_fixture(tests, enter, leave);
	tcase_add_loop_test(tests, a_redirect_to_ourselves_is_an_error, 0,
	                    COUNT(targets));
	tcase_add_test(tests, every_interface_counts_when_all_are_listened_on);
	tcase_add_test(tests, gateways_and_groups_are_looked_at_as_well);
	tcase_add_loop_test(tests, a_rule_for_a_listener_that_is_not_there_is_an_error, 0,
	                    COUNT(listeners));
	tcase_add_loop_test(tests,
	                    a_rule_for_a_profile_or_peer_that_is_not_there_is_an_error, 0,
	                    COUNT(names));
	tcase_add_test(tests,
	               a_table_for_a_profile_or_peer_that_is_not_there_is_an_error);
	tcase_add_test(tests, without_settings_the_table_stands_alone);
	tcase_add_test(tests, both_files_are_looked_at_whatever_is_wrong_with_one);
	tcase_add_test(tests, a_missing_file_is_named);
	tcase_add_test(tests, a_path_given_is_taken_before_the_one_in_the_settings);
	tcase_add_test(tests, what_is_in_force_is_read_again);
	tcase_add_test(tests, a_path_given_stays_when_it_is_read_again);
	suite_add_tcase(suite, tests);
	return suite;
}
