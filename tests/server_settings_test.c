/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/settings/methods.h"
#include "server/settings/profiles.h"
#include "server/settings/settings.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Each test has a folder of its own and stands in it, so that findings name plain files.
 */
static char folder[] = "/tmp/signpost-settings-XXXXXX";
static struct diags *diags;
static struct settings *settings;
static char *findings;

static void enter(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	diags = diags_new();
	ck_assert_ptr_nonnull(diags);
}

static void leave(void)
{
	settings_free(settings);
	diags_free(diags);
	free(findings);
	DIR *entries = opendir(".");
	for (struct dirent *entry; (entry = readdir(entries));)
		unlink(entry->d_name);
	closedir(entries);
	rmdir(folder);
}

static void write_file(const char *name, const void *bytes, size_t len, mode_t mode)
{
	FILE *file = fopen(name, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
	fclose(file);
	ck_assert_int_eq(chmod(name, mode), 0);
}

static const char *load_path(const char *path)
{
	size_t size;
	FILE *to = open_memstream(&findings, &size);
	settings = settings_load(path, diags);
	diags_print(diags, to);
	fclose(to);
	ck_assert_msg((settings == NULL) == (diags_errors(diags) > 0), "%s", findings);
	return findings;
}

static const char *load(const char *yaml)
{
	write_file("signpost.yaml", yaml, strlen(yaml), 0644);
	return load_path("signpost.yaml");
}

/* What is right */

START_TEST(without_a_file_only_loopback_gets_in)
{
	struct address address;
	char text[ENDPOINT_TEXT_MAX];
	ck_assert_str_eq(load_path(NULL), "");
	ck_assert_uint_eq(settings->listen_count, 2);
	ck_assert_str_eq(settings->listens[0].text.at, "udp:127.0.0.1:5060");
	ck_assert_str_eq(settings->listens[1].text.at, "tcp:127.0.0.1:5060");
	for (size_t i = 0; i < 2; i++) {
		const struct listen *listen = &settings->listens[i];
		ck_assert_str_eq(endpoint_text(&listen->endpoint, text), listen->text.at);
		ck_assert_uint_eq(listen->text.len, strlen(listen->text.at));
		ck_assert_uint_eq(listen->position.line, 0);
		ck_assert_ptr_eq(listen->profile, settings->profiles[0]);
	}
	ck_assert_uint_eq(settings->profile_count, 1);
	ck_assert_str_eq(settings->profiles[0]->name.at, "default");
	ck_assert(address_parse(slice_of("127.9.9.9"), &address));
	ck_assert_ptr_nonnull(profile_peer(settings->profiles[0], &address));
	ck_assert(address_parse(slice_of("::1"), &address));
	ck_assert_ptr_nonnull(profile_peer(settings->profiles[0], &address));
	ck_assert(address_parse(slice_of("128.0.0.1"), &address));
	ck_assert_ptr_null(profile_peer(settings->profiles[0], &address));
	ck_assert(address_parse(slice_of("::2"), &address));
	ck_assert_ptr_null(profile_peer(settings->profiles[0], &address));
	ck_assert_ptr_null(settings->rules_path);
	ck_assert_uint_eq(settings->drain_ms, 0);
}
END_TEST

START_TEST(defaults_are_as_documented)
{
	ck_assert_str_eq(load("{}"), "");
	ck_assert_uint_eq(settings->secret.len, 0);
	ck_assert_uint_ge(settings->workers, 1);
	ck_assert_uint_le(settings->workers, WORKERS_MAX);
	ck_assert_int_eq(settings->log_calls, LOG_CALLS_ALL);
	ck_assert_int_eq(settings->log_format, LOG_FORMAT_TEXT);
	ck_assert_int_eq(settings->log_to, LOG_TO_STDERR);
	ck_assert(!settings->mirrors);
	ck_assert_uint_eq(settings->method_count, 1);
	ck_assert(slice_equal(settings->methods[0], slice_of("INVITE")));
	ck_assert_str_eq(settings->allow, "INVITE, ACK, CANCEL, OPTIONS");
	ck_assert_str_eq(settings->rules_path, "rules.yaml");
	ck_assert(settings->sandbox);
	ck_assert_uint_eq(settings->drain_ms, 5000);
	ck_assert_uint_eq(settings->account.user.len, 0);
	ck_assert_uint_eq(settings->account.group.len, 0);
	ck_assert_mem_eq(&settings->limits, &limits_default, sizeof limits_default);
	ck_assert_int_eq(settings->profiles[0]->stack, STACK_OURS);
	ck_assert_str_eq(settings->listens[0].text.at, "udp:127.0.0.1:5060");
}
END_TEST

static const char *const everything =
	"profiles:\n"
	"  trunks:\n"
	"    listen: [\"udp:0.0.0.0:5060\", \"tcp:0.0.0.0\", \"udp:[::]:5060\",\n"
	"             \"tls:0.0.0.0\"]\n"
	"    peers: [pbx, carrier]\n"
	"    tls: {certificate: tls/cert.pem, key: /etc/key.pem, client_ca: ca.pem,\n"
	"          verify: optional, ciphers: HIGH}\n"
	"  phones: {listen: \"tcp:10.0.0.10:5070\", peers: pbx, stack: nta}\n"
	"peers:\n"
	"  pbx: {networks: [10.1.0.0/16, \"fd00::/8\"]}\n"
	"  carrier: {networks: 10.1.2.0/24}\n"
	"rules: tables/today.yaml\n"
	"secret: secret.key\n"
	"workers: 3\n"
	"log: {calls: 1/50, format: json, to: logs/calls.log}\n"
	"hep: {to: 192.0.2.1, id: 7}\n"
	"methods: [SUBSCRIBE, INVITE]\n"
	"limits: {handshake: 1s, message: 250ms, idle: 1h, connections: 20,\n"
	"         connections_per_source: 7, backlog: 1M}\n"
	"user: signpost\n"
	"group: sip\n"
	"sandbox: false\n"
	"drain: 1500ms\n";

START_TEST(every_key_is_read)
{
	write_file("secret.key", "0123456789abcdef\r\n\n", 19, 0600);
	ck_assert_str_eq(load(everything), "");
	ck_assert_uint_eq(settings->profile_count, 2);
	ck_assert_str_eq(settings->profiles[0]->name.at, "trunks");
	ck_assert_uint_eq(settings->profiles[0]->peer_count, 2);
	ck_assert_str_eq(settings->profiles[1]->peers[0]->name.at, "pbx");
	ck_assert_uint_eq(settings->profiles[1]->peers[0]->network_count, 2);
	ck_assert_uint_eq(settings->listen_count, 5);
	ck_assert_str_eq(settings->listens[1].text.at, "tcp:0.0.0.0:5060");
	ck_assert_str_eq(settings->listens[3].text.at, "tls:0.0.0.0:5061");
	ck_assert_str_eq(settings->listens[4].text.at, "tcp:10.0.0.10:5070");
	ck_assert_ptr_eq(settings->listens[4].profile, settings->profiles[1]);
	ck_assert_str_eq(settings->listens[2].position.file, "signpost.yaml");
	ck_assert_uint_eq(settings->listens[2].position.line, 3);
	ck_assert_uint_eq(settings->listens[2].position.column, 49);
	ck_assert_str_eq(settings->rules_path, "tables/today.yaml");
	ck_assert(slice_equal(settings->secret, slice_of("0123456789abcdef")));
	ck_assert_uint_eq(settings->workers, 3);
	ck_assert_int_eq(settings->log_calls, LOG_CALLS_SAMPLED);
	ck_assert_uint_eq(settings->log_one_in, 50);
	ck_assert_int_eq(settings->log_format, LOG_FORMAT_JSON);
	ck_assert_int_eq(settings->log_to, LOG_TO_FILE);
	ck_assert_str_eq(settings->log_path, "logs/calls.log");
	char mirror[ENDPOINT_TEXT_MAX];
	ck_assert(settings->mirrors);
	ck_assert_str_eq(endpoint_text(&settings->mirror_to, mirror),
	                 "udp:192.0.2.1:9060");
	ck_assert_uint_eq(settings->mirror_id, 7);
	ck_assert_uint_eq(settings->method_count, 2);
	ck_assert_str_eq(settings->allow, "SUBSCRIBE, INVITE, ACK, CANCEL, OPTIONS");
	ck_assert_str_eq(settings->account.user.at, "signpost");
	ck_assert_str_eq(settings->account.group.at, "sip");
	ck_assert(!settings->sandbox);
	ck_assert_uint_eq(settings->drain_ms, 1500);
	settings_wipe(settings);
	for (size_t i = 0; i < settings->secret.len; i++)
		ck_assert_int_eq(settings->secret.at[i], 0);
}
END_TEST

START_TEST(tls_of_a_profile_is_read)
{
	write_file("secret.key", "0123456789abcdef", 16, 0600);
	ck_assert_str_eq(load(everything), "");
	const struct credentials *credentials = settings->profiles[0]->credentials;
	ck_assert_ptr_null(settings->profiles[1]->credentials);
	ck_assert_str_eq(credentials->certificate.path, "tls/cert.pem");
	ck_assert_str_eq(credentials->key.path, "/etc/key.pem");
	ck_assert_uint_eq(credentials->key.position.line, 6);
	ck_assert_str_eq(credentials->client_ca.path, "ca.pem");
	ck_assert_int_eq(credentials->verify, VERIFY_OPTIONAL);
	ck_assert(slice_equal(credentials->ciphers, slice_of("HIGH")));
}
END_TEST

#define TLS                                                                              \
	"profiles: {p: {listen: tls:127.0.0.1, peers: pbx, tls: {certificate: c, key: k"

static const struct {
	const char *more;
	enum verify verify;
} verifies[] = {
	{"", VERIFY_NONE},
	{", verify: none", VERIFY_NONE},
	{", client_ca: a", VERIFY_REQUIRED},
	{", client_ca: a, verify: optional", VERIFY_OPTIONAL},
	{", client_ca: a, verify: required", VERIFY_REQUIRED},
};

START_TEST(clients_are_verified_if_there_is_a_client_ca)
{
	char yaml[256];
	snprintf(yaml, sizeof yaml, TLS "%s}}}\npeers: {pbx: {networks: 10.0.0.0/8}}\n",
	         verifies[_i].more);
	ck_assert_str_eq(load(yaml), "");
	ck_assert_int_eq(settings->profiles[0]->credentials->verify, verifies[_i].verify);
}
END_TEST

START_TEST(limits_are_read)
{
	write_file("secret.key", "0123456789abcdef", 16, 0600);
	ck_assert_str_eq(load(everything), "");
	ck_assert_uint_eq(settings->limits.handshake_ms, 1000);
	ck_assert_uint_eq(settings->limits.message_ms, 250);
	ck_assert_uint_eq(settings->limits.idle_ms, 3600000);
	ck_assert_uint_eq(settings->limits.connections, 20);
	ck_assert_uint_eq(settings->limits.connections_per_source, 7);
	ck_assert_uint_eq(settings->limits.backlog, 1 << 20);
}
END_TEST

START_TEST(each_listener_has_its_door)
{
	static const enum door doors[] = {DOOR_DATAGRAM, DOOR_STREAM, DOOR_DATAGRAM,
	                                  DOOR_STREAM, DOOR_AGENT};
	write_file("secret.key", "0123456789abcdef", 16, 0600);
	ck_assert_str_eq(load(everything), "");
	for (size_t i = 0; i < COUNT(doors); i++)
		ck_assert_msg(listen_door(&settings->listens[i]) == doors[i], "%s",
		              settings->listens[i].text.at);
	ck_assert_uint_eq(settings_count(settings, DOOR_AGENT), 1);
	ck_assert_uint_eq(settings_count(settings, DOOR_DATAGRAM), 2);
	ck_assert_uint_eq(settings_count(settings, DOOR_STREAM), 2);
}
END_TEST

START_TEST(ack_is_allowed_only_with_invite)
{
	ck_assert_str_eq(load("methods: MESSAGE\n"), "");
	ck_assert_str_eq(settings->allow, "MESSAGE, CANCEL, OPTIONS");
}
END_TEST

static const struct {
	const char *written, *resolved; /* %s: the test's folder */
} paths[] = {
	{"rules.yaml", "%s/rules.yaml"},
	{"./a/../b.yaml", "%s/./a/../b.yaml"},
	{"/etc/signpost/rules.yaml", "/etc/signpost/rules.yaml"},
};

START_TEST(rules_lie_beside_the_settings)
{
	char yaml[128], path[128], expected[128];
	snprintf(yaml, sizeof yaml, "rules: %s\n", paths[_i].written);
	write_file("signpost.yaml", yaml, strlen(yaml), 0644);
	snprintf(path, sizeof path, "%s/signpost.yaml", folder);
	ck_assert_str_eq(load_path(path), "");
	const char *percent = strstr(paths[_i].resolved, "%s");
	snprintf(expected, sizeof expected, "%s%s", percent ? folder : "",
	         percent ? percent + 2 : paths[_i].resolved);
	ck_assert_str_eq(settings->rules_path, expected);
}
END_TEST

static const struct {
	const char *yaml;
	struct dialect want;
} dialects[] = {
	{"universal", {302, 10, true, false, true, 1300}},
	{"asterisk", {302, 10, true, false, true, 1300}},
	{"freeswitch", {302, 10, false, false, false, 1300}},
	{"first-only", {302, 1, false, false, false, 1300}},
	{"{}", {302, 10, true, false, true, 1300}},
	{"{q: false, status: 300}", {300, 10, false, false, true, 1300}},
	{"{max_contacts: 3, preset: freeswitch, user_phone: true, max_bytes: 65507}",
         {302, 3, false, true, false, 65507}},
};

START_TEST(a_dialect_is_a_preset_and_what_differs)
{
	char yaml[300];
	snprintf(yaml, sizeof yaml,
	         "profiles: {p: {listen: udp:127.0.0.1, peers: a}}\n"
	         "peers: {a: {networks: 10.0.0.0/8, dialect: %s}}\n",
	         dialects[_i].yaml);
	write_file("signpost.yaml", yaml, strlen(yaml), 0644);
	ck_assert_str_eq(load_path("signpost.yaml"), "");
	const struct dialect *got = settings->profiles[0]->peers[0]->dialect;
	const struct dialect *want = &dialects[_i].want;
	ck_assert_uint_eq(got->status, want->status);
	ck_assert_uint_eq(got->max_contacts, want->max_contacts);
	ck_assert_int_eq(got->q, want->q);
	ck_assert_int_eq(got->user_phone, want->user_phone);
	ck_assert_int_eq(got->embedded, want->embedded);
	ck_assert_uint_eq(got->max_bytes, want->max_bytes);
}
END_TEST

static const struct {
	const char *source, *trunks, *phones; /* NULL: a stranger */
} sources[] = {
	{"10.1.0.1", "pbx", "pbx"},     {"10.1.2.3", "carrier", "pbx"},
	{"10.2.0.1", NULL, NULL},       {"::ffff:10.1.2.3", "carrier", "pbx"},
	{"fd12:3456::1", "pbx", "pbx"}, {"fe80::1", NULL, NULL},
	{"10.1.255.255", "pbx", "pbx"}, {"10.1.3.0", "pbx", "pbx"},
	{"::a01:203", NULL, NULL},      {"127.0.0.1", NULL, NULL},
};

static const char *peer_name(const struct profile *profile, const char *source)
{
	struct address address;
	ck_assert(address_parse(slice_of(source), &address));
	const struct peer *peer = profile_peer(profile, &address);
	return peer ? peer->name.at : "stranger";
}

START_TEST(most_specific_network_of_the_profile_wins)
{
	const char *trunks = sources[_i].trunks, *phones = sources[_i].phones;
	write_file("secret.key", "0123456789abcdef", 16, 0600);
	ck_assert_str_eq(load(everything), "");
	ck_assert_str_eq(peer_name(settings->profiles[0], sources[_i].source),
	                 trunks ? trunks : "stranger");
	ck_assert_str_eq(peer_name(settings->profiles[1], sources[_i].source),
	                 phones ? phones : "stranger");
}
END_TEST

static const struct {
	const char *keys; /* of the peer */
	const char *limits;
	bool spoofable;
} spoofables[] = {
	{"networks: 192.0.2.1", "", false},
	{"networks: 192.0.2.0/24", "", false},
	{"networks: 192.0.2.0/23", "", true},
	{"networks: 0.0.0.0/0", "", true},
	{"networks: \"::ffff:192.0.2.0/119\"", "", true},
	{"networks: \"2001:db8::1\"", "", false},
	{"networks: \"2001:db8:0:1::/64\"", "", false},
	{"networks: \"2001:db8::/56\"", "", false},
	{"networks: \"2001:db8::/55\"", "", true},
	{"networks: \"::/0\"", "", true},
	{"networks: \"::/64\"", "", true}, /* all of v4 is in it */
	{"networks: \"::/64\"", "spoofable_v4: 0", false},
	{"networks: [192.0.2.1, 10.0.0.0/8]", "", true},
	{"networks: 127.0.0.0/8", "", false}, /* nobody else can have these */
	{"networks: [127.1.0.0/16, \"::1\"]", "", false},
	{"networks: 126.0.0.0/7", "", true},
	{"networks: 10.0.0.0/8, spoofable: false", "", false},
	{"networks: 192.0.2.1, spoofable: true", "", true},
	{"tls_names: a.example", "", false},
	{"networks: 10.0.0.0/8", "spoofable_v4: 8", false},
	{"networks: 10.0.0.0/8", "spoofable_v4: 9", true},
	{"networks: 192.0.2.1", "spoofable_v4: 32", false},
	{"networks: \"2001:db8::/32\"", "spoofable_v6: 32", false},
	{"networks: \"2001:db8::/32\"", "spoofable_v6: 33", true},
};

START_TEST(wide_networks_may_be_spoofed)
{
	char yaml[512];
	snprintf(yaml, sizeof yaml,
	         "peers: {p: {%s}}\nlimits: {%s}\n"
	         "profiles: {a: {listen: \"udp:127.0.0.1\", peers: p}}\n",
	         spoofables[_i].keys, spoofables[_i].limits);
	load(yaml);
	ck_assert_msg(settings != NULL, "%s", findings);
	ck_assert_msg(settings->peers[0]->spoofable == spoofables[_i].spoofable, "%s",
	              yaml);
}
END_TEST

static const struct {
	const char *keys;
	uint64_t interval_ns, burst;
} rates[] = {
	{"rate: 1/h", 3600000000000, 1},
	{"rate: 30/m", 2000000000, 30},
	{"rate: 500/s, burst: 1000", 2000000, 1000},
	{"burst: 1, rate: 500/s", 2000000, 1},
	{"rate: 1000000/s", 1000, 1000000},
	{"rate: 1000000/h, burst: 1000000", 3600000, 1000000},
};

START_TEST(rates_are_read)
{
	char yaml[512];
	snprintf(yaml, sizeof yaml,
	         "peers: {p: {networks: 127.0.0.1, %s}}\nlimits: {%s}\n"
	         "profiles: {a: {listen: \"udp:127.0.0.1\", peers: p}}\n",
	         rates[_i].keys, rates[_i].keys);
	load(yaml);
	ck_assert_msg(settings != NULL, "%s", findings);
	const struct rate *read[] = {&settings->peers[0]->quota.rate, &settings->rate};
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(read[i]->interval_ns, rates[_i].interval_ns);
		ck_assert_uint_eq(read[i]->burst, rates[_i].burst);
	}
}
END_TEST

START_TEST(first_of_equally_specific_peers_wins)
{
	ck_assert_str_eq(
		load("profiles: {p: {listen: udp:0.0.0.0, peers: [b, a]}}\n"
	             "peers: {a: {networks: 0.0.0.0/0}, b: {networks: 0.0.0.0/0}}\n"),
		"");
	ck_assert_str_eq(peer_name(settings->profiles[0], "192.0.2.1"), "b");
}
END_TEST

static const struct {
	const char *yaml, *listen; /* NULL: nowhere */
} metrics[] = {
	{"{}\n", NULL},
	{"metrics: 127.0.0.2:9090\n", "127.0.0.2:9090"},
	{"metrics: {listen: \"[::1]:9090\"}\n", "[::1]:9090"},
};

START_TEST(metrics_are_an_address_in_either_form)
{
	char text[ENDPOINT_TEXT_MAX];
	ck_assert_str_eq(load(metrics[_i].yaml), "");
	ck_assert_int_eq(settings->metrics.given, metrics[_i].listen != NULL);
	if (metrics[_i].listen)
		ck_assert_str_eq(endpoint_hostport(&settings->metrics.listen, text),
		                 metrics[_i].listen);
}
END_TEST

/* What is wrong */

#define F        "signpost.yaml:"
#define PBX      "peers: {pbx: {networks: 10.0.0.0/8}}\n"
#define CIDR     "  hint: write 192.0.2.0/24, 2001:db8::/32 or one address\n"
#define ADDR     "  hint: write udp:ADDRESS:PORT, tcp:... or tls:...\n"
#define LOG      "  hint: known keys: calls, format, to\n"
#define MS       "  hint: write 500ms, 5s, 5m or 1h\n"
#define HOSTPORT "  hint: write 127.0.0.1:9090 or \"[::1]:9090\"\n"
#define REACH    "  hint: listen on a loopback address, or let only those in who may\n"
#define A64      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define FRACTION "  hint: write 1/100\n"
#define MIRROR   "  hint: write 192.0.2.1:9060 or \"[2001:db8::1]:9060\"\n"

static const struct {
	const char *yaml, *findings;
} wrong[] = {
	{"profile: {}\n", F "1:1: error: unknown key \"profile\"\n"
                            "  hint: did you mean \"profiles\"?\n"},
	{"statistics: {}\n",
         F "1:1: error: unknown key \"statistics\"\n"
           "  hint: known keys: profiles, peers, rules, secret, workers, spread, log, "
           "metrics, hep, methods, limits, user, group, sandbox, resolver, drain\n"},
	{"resolver: dns.test\n", F "1:11: error: \"resolver\" must be an address\n"
                                   "  hint: write resolver: 192.0.2.1, or with a port\n"},
	{"resolver: 10.0.0.1:0\n",
         F "1:11: error: \"resolver\" must be an address\n"
           "  hint: write resolver: 192.0.2.1, or with a port\n"},
	{"group: sip\n", F "1:8: error: \"group\" is nothing without \"user\"\n"
                           "  hint: add \"user\"\n"},
	{"workers: 1\nworkers: 2\n", F "2:1: error: \"workers\" is given twice\n"
                                       "  hint: first given at signpost.yaml:1:1\n"},
	{"[a]\n", F "1:1: error: the settings must be a mapping, not a list\n"},

	/* profiles */
	{"profiles: {}\n", F "1:11: error: there is no profile in profiles\n"
                             "  hint: leave the key out to listen on 127.0.0.1 only\n"},
	{"profiles:\n", F "1:10: error: profiles must be a mapping, not a text\n"},
	{"profiles: {p: udp}\n",
         F "1:15: error: a profile must be a mapping, not a text\n"},
	{"profiles: {p: {}}\n", F "1:15: error: a profile needs \"listen\"\n" F
                                  "1:15: error: a profile needs \"peers\"\n"},
	{"profiles: {p: {listen: udp:127.0.0.1, peers: []}}\n",
         F "1:46: error: \"peers\" must not be an empty list\n"},
	{"profiles: {p: {listen: [], peers: pbx}}\n" PBX,
         F "1:24: error: \"listen\" must not be an empty list\n"},
	{"profiles: {p: {listen: udp:127.0.0.1, peers: pbx, lock: {}}}\n" PBX,
         F "1:51: error: unknown key \"lock\"\n"
           "  hint: known keys: listen, peers, tls, auth, stack\n"},
	{"profiles:\n"
         "  p: {listen: udp:127.0.0.1:1, peers: pbx}\n"
         "  p: {listen: udp:127.0.0.1:2, peers: pbx}\n" PBX,
         F "3:3: error: profile \"p\" is defined twice\n"
           "  hint: first defined at signpost.yaml:2:3\n"},
	{"profiles: {\"\": {listen: udp:127.0.0.1, peers: pbx}}\n" PBX,
         F "1:12: error: \"profile\" must not be empty\n"},

	/* peers of a profile */
	{"profiles: {p: {listen: udp:127.0.0.1, peers: [pbz, pbx, pbx, {}]}}\n" PBX, F
         "1:47: error: no peer is called \"pbz\"\n"
         "  hint: did you mean \"pbx\"?\n" F "1:57: error: peer \"pbx\" is named twice\n"
         "  hint: first named at signpost.yaml:1:52\n" F
         "1:62: error: \"peers\" must be a text, not a mapping\n"},
	{"profiles: {p: {listen: udp:127.0.0.1, peers: carrier}}\n",
         F "1:46: error: no peer is called \"carrier\"\n"},
	{PBX, "signpost.yaml:1:9: warning: peer \"pbx\" is in no profile\n"},

	/* listen addresses */
	{"profiles: {p: {listen: [\"127.0.0.1:5060\", \"wss:127.0.0.1\", "
         "\"udp:pbx.example\","
         " \"udp:[fe80::1%eth0]\"], peers: pbx}}\n" PBX,
         F "1:25: error: \"127.0.0.1:5060\" is no listen address: "
           "it begins with none of udp:, tcp: and tls:\n" ADDR F
           "1:43: error: \"wss:127.0.0.1\" is no listen address: "
           "it begins with none of udp:, tcp: and tls:\n" ADDR F
           "1:60: error: \"udp:pbx.example\" is no listen address: "
           "the address is not numeric; names are never looked up\n" ADDR F
           "1:79: error: \"udp:[fe80::1%eth0]\" is no listen address: "
           "zones of link-local addresses (%eth0) are not supported\n" ADDR},
	{"profiles:\n"
         "  p: {listen: [\"udp:[::1]:5060\", \"tcp:[::1]:5060\"], peers: pbx}\n"
         "  q: {listen: \"udp:[0::1]\", peers: pbx}\n" PBX,
         F "3:15: error: \"udp:[::1]:5060\" is listened on twice\n"
           "  hint: first at signpost.yaml:2:16\n"},
	{"profiles:\n"
         "  p: {listen: [udp:10.0.0.1, tcp:0.0.0.0, \"udp:[::]\"], peers: pbx}\n"
         "  q: {listen: [udp:0.0.0.0, tcp:10.0.0.1, udp:0.0.0.0:5061], peers: pbx}\n" PBX,
         F "3:16: error: \"udp:0.0.0.0:5060\" and \"udp:10.0.0.1:5060\" cannot be "
           "listened on together\n"
           "  hint: the other is at signpost.yaml:2:16\n" F
           "3:29: error: \"tcp:10.0.0.1:5060\" and \"tcp:0.0.0.0:5060\" cannot be "
           "listened on together\n"
           "  hint: the other is at signpost.yaml:2:30\n"},

	/* peers */
	{"profiles: {p: {listen: udp:127.0.0.1, peers: pbx}}\n"
         "peers:\n"
         "  pbx:\n"
         "    networks: [10.0.0.1/8, 10.0.0.0/33, \"fd00::/129\", pbx.example, 10.1, "
         "[]]\n",
         F
         "4:16: error: \"10.0.0.1/8\" is no network: bits are set beyond the "
         "prefix\n" CIDR F
         "4:28: error: \"10.0.0.0/33\" is no network: the prefix length must be a "
         "number from 0 to 32\n" CIDR F
         "4:41: error: \"fd00::/129\" is no network: the prefix length must be a "
         "number from 0 to 128\n" CIDR F
         "4:55: error: \"pbx.example\" is no network: not an IPv4 or IPv6 address\n" CIDR
                 F
         "4:68: error: \"10.1\" is no network: not an IPv4 or IPv6 address\n" CIDR F
         "4:74: error: \"networks\" must be a text, not a list\n"},
	{"profiles: {p: {listen: udp:127.0.0.1, peers: pbx}}\n"
         "peers: {pbx: {}, pbx: {network: 10.0.0.1}}\n",
         F "2:14: error: a peer needs \"networks\" or \"tls_names\"\n" F
           "2:18: error: peer \"pbx\" is defined twice\n"
           "  hint: first defined at signpost.yaml:2:9\n" F
           "2:23: error: a peer needs \"networks\" or \"tls_names\"\n" F
           "2:24: error: unknown key \"network\"\n"
           "  hint: did you mean \"networks\"?\n"},
	{"profiles: {p: {listen: udp:127.0.0.1, peers: pbx}}\n"
         "peers: {\"a\\e[2J\": {networks: \"::1\"}, " A64 "a: {networks: \"::1\"},"
         " pbx: {networks: \"::1\"}}\n",
         F "2:9: error: the name of a peer may not have control characters\n" F
           "2:38: error: the name of a peer may have 64 bytes\n"},
	{"profiles: {p: {listen: udp:127.0.0.1, peers: [a, b]}}\n"
         "peers: {a: {networks: 10.0.0.0/8, dialect: asterix, headers: {Via: x},\n"
         "  uri_headers: {Identity: '{row.x}'}}, b: {networks: 10.0.0.0/8,\n"
         "  dialect: {preset: x, status: 400, max_contacts: 11, q: 1, embeded: true,\n"
         "    max_bytes: 499}}}\n",
         F "2:44: error: \"dialect\" must be one of universal, asterisk, freeswitch, "
           "first-only, not \"asterix\"\n"
           "  hint: did you mean \"asterisk\"?\n" F
           "2:63: error: header \"Via\" may not be added to a reply\n"
           "  hint: X-..., P-..., Alert-Info, Call-Info, Diversion, Error-Info, "
           "Geolocation, History-Info, Organization, Privacy, Reason, "
           "Remote-Party-ID, Server, User-to-User, Warning may be\n" F
           "3:27: error: unknown placeholder in \"{row.x}\"\n"
           "  hint: the placeholders are {called}, {caller}, {host}, {rule}, "
           "{gateway}, {rn}, {cic}, {tgrp}, {trunk_context}\n" F
           "4:21: error: \"preset\" must be one of universal, asterisk, freeswitch, "
           "first-only, not \"x\"\n" F
           "4:32: error: \"status\" must be a whole number from 300 to 302\n" F
           "4:51: error: \"max_contacts\" must be a whole number from 1 to 10\n" F
           "4:58: error: \"q\" must be true or false\n"
           "  hint: only true and false are known, not yes, no, on or off\n" F
           "4:61: error: unknown key \"embeded\"\n"
           "  hint: did you mean \"embedded\"?\n" F
           "5:16: error: \"max_bytes\" must be a whole number from 500 to 65507\n"},
	{"peers: [pbx]\n", F "1:8: error: peers must be a mapping, not a list\n"},

	/* doors, TLS */
	{"profiles:\n"
         "  p: {listen: [tls:10.0.0.1, tls:10.0.0.1:5060, tcp:0.0.0.0], peers: pbx}\n"
         "  q: {listen: tls:10.0.0.2, peers: pbx, stack: nta,\n"
         "      tls: {certificate: c, key: k}}\n"
         "  r: {listen: tcp:10.0.0.2, peers: pbx, stack: sofia,\n"
         "      tls: {certificate: c, key: k}}\n" PBX,
         F "2:16: error: \"tls:10.0.0.1:5061\": the profile needs \"tls\"\n"
           "  hint: add tls: {certificate: cert.pem, key: key.pem}\n" F
           "2:30: error: \"tls:10.0.0.1:5060\": the profile needs \"tls\"\n"
           "  hint: add tls: {certificate: cert.pem, key: key.pem}\n" F
           "2:49: error: \"tcp:0.0.0.0:5060\" and \"tls:10.0.0.1:5060\" cannot be "
           "listened on together\n"
           "  hint: the other is at signpost.yaml:2:30\n" F
           "3:15: error: \"tls:10.0.0.2:5061\": there is no TLS with \"stack: nta\"\n"
           "  hint: leave \"stack\" out, or make a profile of its own for it\n" F
           "5:48: error: \"stack\" must be one of ours, nta, not \"sofia\"\n" F
           "6:12: warning: \"tls\" is not used: no listen address of the profile "
           "begins with tls:\n"},
	{TLS ", verify: required}}}\n" PBX,
         F "1:89: error: \"verify: required\" needs \"client_ca\"\n"
           "  hint: \"client_ca\" says whose certificates are good\n"},
	{TLS ", client_ca: a, verify: none}}}\n" PBX,
         F "1:92: warning: \"client_ca\" is not used with \"verify: none\"\n"},
	{TLS ", client_ca: a, verify: yes, ciphers: [], cypher: x}}}\n" PBX,
         F "1:103: error: \"verify\" must be one of none, optional, required, not "
           "\"yes\"\n" F "1:117: error: \"ciphers\" must be a text, not a list\n" F
           "1:121: error: unknown key \"cypher\"\n"
           "  hint: did you mean \"ciphers\"?\n"},
	{"profiles: {p: {listen: tls:127.0.0.1, peers: pbx, tls: {}}}\n" PBX, F
         "1:56: error: tls needs \"certificate\"\n" F "1:56: error: tls needs \"key\"\n"},

	/* limits */
	{"limits: {handshake: 5, message: 0s, idle: 25h, connections: 0,\n"
         "  connections_per_source: 1000001, backlog: 4095, idles: 1s}\n",
         F "1:21: error: \"5\" is no duration from 1ms to 24h\n" MS F
           "1:33: error: \"0s\" is no duration from 1ms to 24h\n" MS F
           "1:43: error: \"25h\" is no duration from 1ms to 24h\n" MS F
           "1:61: error: \"connections\" must be a whole number from 1 to "
           "1000000\n" F
           "2:27: error: \"connections_per_source\" must be a whole number from 1 to "
           "1000000\n" F "2:45: error: \"4095\" is no size from 4K to 64M\n"
           "  hint: write 65536, 256K or 1M\n" F "2:51: error: unknown key \"idles\"\n"
           "  hint: did you mean \"idle\"?\n"},
	{"limits: {idle: [1s], backlog: {}}\n",
         F "1:16: error: \"duration\" must be a text, not a list\n" F
           "1:31: error: \"backlog\" must be a text, not a mapping\n"},
	{"limits: 5s\n", F "1:9: error: limits must be a mapping, not a text\n"},

	/* rules, secret */
	{"rules: [a, b]\n", F "1:8: error: \"rules\" must be a text, not a list\n"},
	{"secret: nowhere\n",
         F "1:9: error: cannot open \"nowhere\": No such file or directory\n"},
	{"secret: /dev/null\n", F "1:9: error: \"/dev/null\" is not a regular file\n"},
	{"secret: .\n", F "1:9: error: \".\" is not a regular file\n"},

	/* drain */
	{"drain: 0s\n", ""},
	{"drain: 1h\n", ""},
	{"drain: 61m\n", F "1:8: error: \"61m\" is no duration from 0s to 1h\n"
                           "  hint: write 5s or 500ms; with 0s it stops at once\n"},
	{"drain: 5\n", F "1:8: error: \"5\" is no duration from 0s to 1h\n"
                         "  hint: write 5s or 500ms; with 0s it stops at once\n"},
	{"drain: [5s]\n", F "1:8: error: \"drain\" must be a text, not a list\n"},

	/* workers, log */
	{"workers: 0\n",
         F "1:10: error: \"workers\" must be auto or a whole number from 1 to 64\n"},
	{"workers: 65\n",
         F "1:10: error: \"workers\" must be auto or a whole number from 1 to 64\n"},
	{"workers: many\n",
         F "1:10: error: \"workers\" must be auto or a whole number from 1 to 64\n"},
	{"workers: [1]\n",
         F "1:10: error: \"workers\" must be auto or a whole number from 1 to 64\n"},
	{"workers:\n",
         F "1:9: error: \"workers\" must be auto or a whole number from 1 to 64\n"},
	{"workers: auto\n", ""},
	{"log: all\n", F "1:6: error: log must be a mapping, not a text\n"},
	{"log: {calls: rejectd, format: xml, level: 1}\n",
         F "1:14: error: \"calls\" must be one of all, rejected, none, not \"rejectd\"\n"
           "  hint: did you mean \"rejected\"?\n" F
           "1:31: error: \"format\" must be one of text, json, not \"xml\"\n" F
           "1:36: error: unknown key \"level\"\n" LOG},

	{"log: {calls: 1/1, to: syslog}\n", ""},
	{"log: {calls: 1/1000000, to: stderr}\n", ""},
	{"log: {calls: 1/1000001}\n",
         F "1:14: error: \"1/1000001\" is no fraction from 1/1 to 1/1000000\n" FRACTION},
	{"log: {calls: 1/0}\n",
         F "1:14: error: \"1/0\" is no fraction from 1/1 to 1/1000000\n" FRACTION},
	{"log: {calls: 1/}\n",
         F "1:14: error: \"1/\" is no fraction from 1/1 to 1/1000000\n" FRACTION},
	{"log: {calls: 1/2x}\n",
         F "1:14: error: \"1/2x\" is no fraction from 1/1 to 1/1000000\n" FRACTION},
	{"log: {to: [syslog]}\n", F "1:11: error: \"to\" must be a text, not a list\n"},
	{"log: {to: \"syslog:log\"}\n",
         F "1:11: error: \"log\" is no absolute path of a socket\n"
           "  hint: write syslog:/run/log, or just syslog\n"},
	{"log: {to: \"syslog:/" A64 A64 "\"}\n",
         F "1:11: error: a socket's path has at most 107 bytes\n"},

	/* hep */
	{"hep: {to: 192.0.2.1, id: 4294967295}\n", ""},
	{"hep: {to: \"[2001:db8::1]:1\", id: 0}\n", ""},
	{"hep: {to: 192.0.2.1:9060}\n", F "1:6: error: hep needs \"id\"\n"},
	{"hep: {id: 4294967296, to: homer.example.net}\n",
         F "1:11: error: \"id\" must be a whole number from 0 to 4294967295\n" F
           "1:27: error: \"homer.example.net\" is no address to send to: the address is "
           "not numeric; names are never looked up\n" MIRROR},
	{"hep: {id: 1, to: \"0.0.0.0:9060\"}\n",
         F "1:18: error: \"0.0.0.0:9060\" is no address to send to: nobody is "
           "there\n" MIRROR},
	{"hep: {id: 1, to: \"192.0.2.1:0\"}\n",
         F "1:18: error: \"192.0.2.1:0\" is no address to send to: the port is not a "
           "number "
           "from 1 to 65535\n" MIRROR},
	{"hep: {id: 1, to: " A64 A64 "}\n",
         F "1:18: error: \"" A64 A64
           "\" is no address to send to: it is too long\n" MIRROR},

	/* methods */
	{"methods: [INVITE, ACK, CANCEL, OPTIONS, INVITE, \"IN VITE\", []]\n",
         F "1:19: error: ACK cannot be redirected\n"
           "  hint: leave it out: it is always dealt with\n" F
           "1:24: error: CANCEL cannot be redirected\n"
           "  hint: leave it out: it is always dealt with\n" F
           "1:32: error: OPTIONS cannot be redirected\n"
           "  hint: leave it out: it is always dealt with\n" F
           "1:41: error: method \"INVITE\" is named twice\n"
           "  hint: first at signpost.yaml:1:11\n" F
           "1:49: error: \"IN VITE\" is no method\n" F
           "1:60: error: \"methods\" must be a text, not a list\n"},

	/* metrics */
	{"metrics: {}\n", F "1:10: error: metrics needs \"listen\"\n"},
	{"metrics: []\n", F "1:10: error: metrics must be a mapping, not a list\n"},
	{"metrics: {listen: 127.0.0.1:9090, port: 9090}\n",
         F "1:35: error: unknown key \"port\"\n"
           "  hint: known keys: listen\n"},
	{"metrics: localhost:9090\n",
         F "1:10: error: \"localhost:9090\" is no address and port: the address is not "
           "numeric; names are never looked up\n" HOSTPORT},
	{"metrics: 127.0.0.1\n", F "1:10: error: \"127.0.0.1\" is no address and port: "
                                   "the port is missing\n" HOSTPORT},
	{"metrics: {listen: \"::1:9090\"}\n",
         F "1:19: error: \"::1:9090\" is no address and port: an IPv6 address needs "
           "brackets, as in [::1]:5060\n" HOSTPORT},
	{"metrics: 0.0.0.0:9090\n",
         F "1:10: warning: metrics on 0.0.0.0:9090 can be read "
           "by all who reach that address\n" REACH},
	{"metrics: {listen: \"[::]:9090\"}\n",
         F "1:19: warning: metrics on [::]:9090 can be read by all who reach that "
           "address\n" REACH},

	{"methods: []\n", F "1:10: error: \"methods\" must not be an empty list\n"},
	{"methods: invite\n", F "1:10: warning: methods are compared by case, and "
                                "\"invite\" is not in capitals\n"
                                "  hint: did you mean INVITE?\n"},
	{"methods: [A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q]\n",
         F "1:59: error: there are more than 16 methods\n"},
	{"methods: [A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, A-.!%*_+`'~9]\n", ""},
	{"methods: " A64 "\n", F "1:10: error: \"" A64 "\" is no method\n"},
};

START_TEST(every_mistake_is_found_where_it_is)
{
	ck_assert_str_eq(load(wrong[_i].yaml), wrong[_i].findings);
}
END_TEST

START_TEST(missing_file_is_an_error)
{
	ck_assert_str_eq(load_path("nowhere.yaml"),
	                 "nowhere.yaml: error: cannot open: No such file or directory\n");
}
END_TEST

#define GOOD_ONE "  hint: head -c 32 /dev/urandom | base64 makes a good one\n"
#define BAD_SIZE                                                                         \
	F "1:9: error: the secret in \"key\" must have 16 to 4096 bytes\n" GOOD_ONE

static const struct {
	size_t bytes, line_ends;
	mode_t mode;
	const char *findings;
} secrets[] = {
	{0, 0, 0600, BAD_SIZE},
	{15, 1, 0600, BAD_SIZE},
	{16, 0, 0600, ""},
	{16, 1, 0640, ""},
	{4096, 0, 0600, ""},
	{4096, 2, 0600, ""},
	{4097, 0, 0600, BAD_SIZE},
	{100000, 0, 0600, BAD_SIZE},
	{16, 0, 0604,
         F "1:9: error: everybody can read the secret in \"key\"\n"
           "  hint: chmod o-r key\n"},
};

START_TEST(secret_has_enough_bytes_and_few_readers)
{
	static char bytes[100000];
	memset(bytes, 'k', secrets[_i].bytes);
	memset(bytes + secrets[_i].bytes, '\n', secrets[_i].line_ends);
	write_file("key", bytes, secrets[_i].bytes + secrets[_i].line_ends,
	           secrets[_i].mode);
	ck_assert_str_eq(load("secret: key\n"), secrets[_i].findings);
	if (settings)
		ck_assert_uint_eq(settings->secret.len, secrets[_i].bytes);
}
END_TEST

START_TEST(binary_secret_is_kept_to_the_byte)
{
	write_file("key", "\0\n234567890abcde\0\n", 18, 0600);
	ck_assert_str_eq(load("secret: key\n"), "");
	ck_assert_uint_eq(settings->secret.len, 17);
	ck_assert_mem_eq(settings->secret.at, "\0\n234567890abcde\0", 17);
}
END_TEST

START_TEST(fifo_for_a_secret_does_not_block)
{
	ck_assert_int_eq(mkfifo("key", 0600), 0);
	ck_assert_str_eq(load("secret: key\n"),
	                 F "1:9: error: \"key\" is not a regular file\n");
}
END_TEST

START_TEST(listen_addresses_are_limited)
{
	size_t size;
	char *yaml;
	FILE *to = open_memstream(&yaml, &size);
	fprintf(to, PBX "profiles: {p: {peers: pbx, listen: [udp:10.0.0.1:1");
	for (int port = 2; port <= LISTENS_MAX + 1 - _i; port++)
		fprintf(to, ",\nudp:10.0.0.1:%d", port);
	fprintf(to, "]}}\n");
	fclose(to);
	ck_assert_str_eq(
		load(yaml),
		_i ? "" : F "258:1: error: there are more than 256 listen addresses\n");
	free(yaml);
}
END_TEST

/* Each block of memory in turn is the one that is not there. */
START_TEST(memory_may_run_out_anywhere)
{
	bool good = false;
	write_file("signpost.yaml", everything, strlen(everything), 0644);
	struct document *document = document_read("signpost.yaml", 1 << 20, diags);
	ck_assert_ptr_nonnull(document);
	const struct node *root = document_root(document);
	for (size_t limit = 64; !good; limit += 64) {
		struct settings into = {.listen_count = 0};
		struct load load = {.arena = arena_new(limit), .diags = diags};
		if (!load.arena)
			continue;
		good = profiles_read(&load, root->pairs[0].value, root->pairs[1].value,
		                     NULL, &into) &&
		       methods_allow(&load, &into);
		ck_assert_msg(good != load.out_of_memory, "%zu bytes", limit);
		ck_assert_uint_eq(diags_errors(diags), 0);
		arena_free(load.arena);
	}
	document_free(document);
}
END_TEST

static void add_good(TCase *tc)
{
	tcase_add_test(tc, without_a_file_only_loopback_gets_in);
	tcase_add_test(tc, defaults_are_as_documented);
	tcase_add_test(tc, every_key_is_read);
	tcase_add_test(tc, tls_of_a_profile_is_read);
	tcase_add_loop_test(tc, clients_are_verified_if_there_is_a_client_ca, 0,
	                    COUNT(verifies));
	tcase_add_test(tc, limits_are_read);
	tcase_add_test(tc, each_listener_has_its_door);
	tcase_add_test(tc, ack_is_allowed_only_with_invite);
	tcase_add_loop_test(tc, a_dialect_is_a_preset_and_what_differs, 0,
	                    COUNT(dialects));
	tcase_add_loop_test(tc, rules_lie_beside_the_settings, 0, COUNT(paths));
	tcase_add_loop_test(tc, most_specific_network_of_the_profile_wins, 0,
	                    COUNT(sources));
	tcase_add_test(tc, first_of_equally_specific_peers_wins);
	tcase_add_loop_test(tc, wide_networks_may_be_spoofed, 0, COUNT(spoofables));
	tcase_add_loop_test(tc, rates_are_read, 0, COUNT(rates));
	tcase_add_test(tc, memory_may_run_out_anywhere);
}

static void add_wrong(TCase *tc)
{
	tcase_add_loop_test(tc, metrics_are_an_address_in_either_form, 0, COUNT(metrics));
	tcase_add_loop_test(tc, every_mistake_is_found_where_it_is, 0, COUNT(wrong));
	tcase_add_test(tc, missing_file_is_an_error);
	tcase_add_loop_test(tc, secret_has_enough_bytes_and_few_readers, 0,
	                    COUNT(secrets));
	tcase_add_test(tc, binary_secret_is_kept_to_the_byte);
	tcase_add_test(tc, fifo_for_a_secret_does_not_block);
	tcase_add_loop_test(tc, listen_addresses_are_limited, 0, 2);
}

Suite *test_suite(void)
{
	Suite *suite = suite_create("settings");
	TCase *tc = tcase_create("good");
	tcase_add_checked_fixture(tc, enter, leave);
	add_good(tc);
	suite_add_tcase(suite, tc);
	tc = tcase_create("wrong");
	tcase_add_checked_fixture(tc, enter, leave);
	add_wrong(tc);
	suite_add_tcase(suite, tc);
	return suite;
}
