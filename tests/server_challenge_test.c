/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/trust/challenge.h"
#include "server/trust/nonce.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char settings_text[] =
	"profiles:\n"
	"  p: {listen: \"udp:127.0.0.1:5060\", peers: all,\n"
	"      auth: {realm: example.net, users: users.yaml}}\n"
	"  q: {listen: \"udp:127.0.0.1:5070\", peers: all,\n"
	"      auth: {realm: example.net, users: users.yaml, algorithms: sha-256}}\n"
	"peers: {all: {networks: \"::/0\"}}\n";

/* bob: secret, with SHA-256 alone. */
static const char users_text[] =
	"alice: {password: secret}\n"
	"bob: {ha1_sha256: "
	"C2E5FFA55BF15F9CDF67F67D6C9E9B5D4A3E3A1F0D8F6C1C6A7AC3A7E32EAA6E}\n"
	"\"a\\\"b\\\\\": secret\n";

#define METHOD "INVITE"
#define URI    "sip:+442071234567@127.0.0.1"
static const int64_t now = 1795364040;

static char folder[] = "/tmp/signpost-challenge-XXXXXX";
static struct settings *settings;
static struct tag_keys keys;
static struct hasher *hasher;
static struct arrival arrival;

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fchmod(fileno(file), 0600), 0);
	fputs(text, file);
	fclose(file);
}

static void come_to(size_t listener, const char *source)
{
	const char *why;
	arrival.listen = &settings->listens[listener];
	ck_assert(endpoint_parse(slice_of(source), &arrival.source, &why));
}

static void init(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	write_file("s.yaml", settings_text);
	write_file("users.yaml", users_text);
	struct diags *diags = diags_new();
	settings = settings_load("s.yaml", diags);
	diags_print(diags, stderr);
	diags_free(diags);
	ck_assert_ptr_nonnull(settings);
	ck_assert(message_init());
	ck_assert(tag_keys_init(&keys, slice_of("0123456789abcdef")));
	hasher = hasher_new();
	come_to(0, "udp:192.0.2.1:5060");
}

static void fini(void)
{
	hasher_free(hasher);
	settings_free(settings);
	unlink("s.yaml");
	unlink("users.yaml");
	ck_assert_int_eq(chdir("/"), 0);
	rmdir(folder);
}

/* A client, with what it may do wrong. */

struct client {
	const char *user, *password, *realm, *uri, *algorithm, *qop, *nc, *method;
	const char *nonce;              /* default: one that is made for it */
	int64_t ago_s;                  /* that it was made */
	const char *more;               /* behind the rest */
	enum digest_algorithm computed; /* with */
};

static const char * or (const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

/* A client of its own: nothing of challenge.c. */
static void write_credentials(const struct client *client, char to[1024])
{
	char ha1[HASH_TEXT_MAX], response[HASH_TEXT_MAX], nonce[NONCE_TEXT_MAX];
	struct nonce_scope scope = {arrival.listen->profile->name,
	                            slice_of("example.net"), arrival.source.address};
	ck_assert(nonce_make(hasher, keys.nonce, &scope, now - client->ago_s, nonce));
	struct digest digest = {.nonce = slice_of(or (client->nonce, nonce)),
	                        .uri = slice_of(or (client->uri, URI)),
	                        .nc = slice_of(or (client->nc, "00000001")),
	                        .cnonce = slice_of("c"),
	                        .qop = slice_of(or (client->qop, "auth"))};
	const char *realm = or (client->realm, "example.net");
	ck_assert(hasher_ha1(hasher, client->computed,
	                     slice_of(or (client->user, "alice")), slice_of(realm),
	                     slice_of(or (client->password, "secret")), ha1));
	ck_assert(hasher_response(hasher, client->computed, ha1, &digest,
	                          slice_of(or (client->method, METHOD)), response));
	snprintf(to, 1024,
	         "Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", "
	         "response=\"%s\", algorithm=%s, qop=%s, nc=%s, cnonce=\"c\"%s",
	         or (client->user, "alice"), realm, digest.nonce.at, digest.uri.at,
	         response,
	         or (client->algorithm, digest_algorithm_name(client->computed)),
	         digest.qop.at, digest.nc.at, or (client->more, ""));
}

static const char *called; /* NULL: URI */

static enum identity check_fields(const char *fields, const struct user **user)
{
	char text[8192];
	struct request request;
	snprintf(text, sizeof text,
	         METHOD " %s"
	                " SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a@b>;tag=c\r\n"
	                "To: <sip:d@e>\r\nCall-ID: f\r\nCSeq: 1 INVITE\r\n%s\r\n",
	         or (called, URI), fields);
	msg_t *msg = message_parse(slice_of(text));
	ck_assert_ptr_nonnull(msg);
	ck_assert_int_eq(request_read(&request, message_of(msg)), REQUEST_ANSWER);
	enum identity identity =
		challenge_check(hasher, &keys, &request, &arrival, now, user);
	request_done(&request);
	msg_destroy(msg);
	return identity;
}

static enum identity check(const struct client *client, const struct user **user)
{
	char credentials[1024], fields[1100];
	write_credentials(client, credentials);
	snprintf(fields, sizeof fields, "Authorization: %s\r\n", credentials);
	return check_fields(fields, user);
}

static const struct {
	struct client client;
	enum identity identity;
} cases[] = {
	{{0}, IDENTITY_PROVEN},
	{{.computed = DIGEST_MD5}, IDENTITY_PROVEN},
	{{.computed = DIGEST_MD5, .algorithm = "\"MD5\""}, IDENTITY_PROVEN},
	{{.algorithm = "sha-256"}, IDENTITY_PROVEN},
	{{.nc = "0000000a"}, IDENTITY_PROVEN},
	{{.more = ", opaque=\"x\""}, IDENTITY_PROVEN},
	{{.more = ", username*=UTF-8''bob, userhash=true"}, IDENTITY_PROVEN},
	{{.ago_s = 59}, IDENTITY_PROVEN},
	/* another URI of the same user */
	{{.uri = "sip:+442071234567@example.net;transport=tcp"}, IDENTITY_PROVEN},
	{{.uri = "sip:+44(20)7123-4567@127.0.0.1"}, IDENTITY_PROVEN},
	{{.uri = "tel:+442071234567"}, IDENTITY_PROVEN},
	{{.uri = "sip:127.0.0.1:5060"}, IDENTITY_PROVEN},
	{{.uri = "sip:+442071234568@127.0.0.1"}, IDENTITY_ELSEWHERE},
	{{.uri = "tel:112"}, IDENTITY_ELSEWHERE},
	/* somebody else */
	{{.password = "Secret"}, IDENTITY_WRONG},
	{{.password = ""}, IDENTITY_WRONG},
	{{.user = "Alice"}, IDENTITY_WRONG},
	{{.user = "nobody"}, IDENTITY_WRONG},
	{{.user = ""}, IDENTITY_WRONG},
	{{.user = "bob", .computed = DIGEST_MD5}, IDENTITY_WRONG},
	{{.method = "BYE"}, IDENTITY_WRONG},
	{{.computed = DIGEST_MD5, .algorithm = "SHA-256"}, IDENTITY_WRONG},
	{{.algorithm = "MD5"}, IDENTITY_WRONG},
	{{.algorithm = "SHA-256-sess"}, IDENTITY_WRONG},
	{{.algorithm = "SHA-512-256"}, IDENTITY_WRONG},
	/* another realm */
	{{.realm = "example.com"}, IDENTITY_MISSING},
	{{.realm = "Example.net"}, IDENTITY_MISSING},
	{{.realm = ""}, IDENTITY_MISSING},
	{{.more = ", realm=\"x\""}, IDENTITY_MISSING},
	{{.more = ","}, IDENTITY_MISSING},
	/* nonces */
	{{.ago_s = 68}, IDENTITY_OLD},
	{{.ago_s = -17}, IDENTITY_OLD},
	{{.nonce = ""}, IDENTITY_OLD},
	{{.nonce = "6b031cf050e0579d9876f859ae222fcddd3d60a8"}, IDENTITY_OLD},
	{{.ago_s = 68, .password = "x"}, IDENTITY_WRONG},
	/* improper */
	{{.qop = "auth-int"}, IDENTITY_BROKEN},
	{{.qop = "\"\""}, IDENTITY_BROKEN},
	{{.nc = "1"}, IDENTITY_BROKEN},
	{{.nc = "0000000g"}, IDENTITY_BROKEN},
	{{.nc = "000000001"}, IDENTITY_BROKEN},
	{{.uri = ""}, IDENTITY_BROKEN},
};

START_TEST(an_identity_is_proven_or_not)
{
	const struct user *user = NULL;
	enum identity identity = check(&cases[_i].client, &user);
	ck_assert_int_eq(identity, cases[_i].identity);
	ck_assert_int_eq(user != NULL, identity == IDENTITY_PROVEN);
	ck_assert(!user || slice_equal(user->name, slice_of("alice")));
}
END_TEST

/* The number's parameters, by which rules can lead a call elsewhere. */
static const struct {
	const char *proven, *called;
	bool good;
} numbers[] = {
	{"sip:+1;rn=+2@a", "sip:+1;rn=+2@b", true},
	{"sip:+1;rn=+2;npdi@a", "sip:+1;npdi;rn=+(2)@a", true},
	{"sip:+1;isub=5@a", "sip:+1@a", true},
	{"sip:+1@a", "sip:+1;rn=+2@a", false},
	{"sip:+1;rn=+2@a", "sip:+1@a", false},
	{"sip:+1;rn=+2@a", "sip:+1;rn=+3@a", false},
	{"sip:+1;rn=2;rn-context=a.test@a", "sip:+1;rn=2;rn-context=b.test@a", false},
	{"sip:+1@a", "sip:+1;npdi@a", false},
	{"sip:+1@a", "sip:+1;cic=+1-2345@a", false},
	{"sip:+1;cic=5;cic-context=a.test@a", "sip:+1;cic=5;cic-context=b.test@a", false},
	{"sip:+1;tgrp=a;trunk-context=t@a", "sip:+1;tgrp=b;trunk-context=t@a", false},
	{"sip:+1;tgrp=a;trunk-context=t@a", "sip:+1;tgrp=a;trunk-context=u@a", false},
	{"tel:+1", "tel:+1;rn=+2", false},
	{"tel:+1;rn=+2", "tel:+1;rn=+2", true},
};

START_TEST(the_parameters_of_the_number_are_proven_too)
{
	const struct user *user = NULL;
	called = numbers[_i].called;
	ck_assert_int_eq(check(&(struct client){.uri = numbers[_i].proven}, &user),
	                 numbers[_i].good ? IDENTITY_PROVEN : IDENTITY_ELSEWHERE);
	called = NULL;
}
END_TEST

/* Parameters that a client leaves out. */
static const struct {
	const char *left_out;
	enum identity identity;
} needed[] = {{"username=", IDENTITY_BROKEN}, {"realm=", IDENTITY_MISSING},
              {"nonce=", IDENTITY_BROKEN},    {"uri=", IDENTITY_BROKEN},
              {"response=", IDENTITY_BROKEN}, {"algorithm=", IDENTITY_WRONG},
              {"qop=", IDENTITY_BROKEN},      {"nc=", IDENTITY_BROKEN},
              {"cnonce=", IDENTITY_BROKEN}};

START_TEST(what_is_left_out_is_missed)
{
	const struct user *user;
	char credentials[1024], fields[1100];
	write_credentials(&(struct client){0}, credentials);
	char *at = strstr(credentials, needed[_i].left_out);
	*at = 'x'; /* another parameter */
	snprintf(fields, sizeof fields, "Authorization: %s\r\n", credentials);
	ck_assert_int_eq(check_fields(fields, &user), needed[_i].identity);
}
END_TEST

START_TEST(a_nonce_is_good_for_its_source_and_profile)
{
	const struct user *user;
	char credentials[1024], fields[1100];
	write_credentials(&(struct client){0}, credentials);
	snprintf(fields, sizeof fields, "Authorization: %s\r\n", credentials);
	come_to(0, "udp:192.0.2.1:999");
	ck_assert_int_eq(check_fields(fields, &user), IDENTITY_PROVEN);
	come_to(0, "udp:192.0.2.2:5060");
	ck_assert_int_eq(check_fields(fields, &user), IDENTITY_OLD);
	come_to(1, "udp:192.0.2.1:5060");
	ck_assert_int_eq(check_fields(fields, &user), IDENTITY_OLD);
}
END_TEST

START_TEST(an_algorithm_that_is_not_offered_is_not_taken)
{
	const struct user *user;
	come_to(1, "udp:192.0.2.1:5060");
	ck_assert_int_eq(check(&(struct client){.computed = DIGEST_MD5}, &user),
	                 IDENTITY_WRONG);
	ck_assert_int_eq(check(&(struct client){0}, &user), IDENTITY_PROVEN);
}
END_TEST

START_TEST(of_several_credentials_those_of_the_realm_count)
{
	const struct user *user = NULL;
	char mine[1024], others[1024], fields[4096];
	write_credentials(&(struct client){0}, mine);
	write_credentials(&(struct client){.realm = "other.net"}, others);
	snprintf(fields, sizeof fields,
	         "Authorization: Basic abc\r\nAuthorization: Digest broken\r\n"
	         "Authorization: %s\r\nauthorization: %s\r\n",
	         others, mine);
	ck_assert_int_eq(check_fields(fields, &user), IDENTITY_PROVEN);
	ck_assert(slice_equal(user->name, slice_of("alice")));
	ck_assert_int_eq(check_fields("", &user), IDENTITY_MISSING);
	snprintf(fields, sizeof fields, "Proxy-Authorization: %s\r\n", mine);
	ck_assert_int_eq(check_fields(fields, &user), IDENTITY_MISSING);
}
END_TEST

/* Those of the first two come; of the last row all three. */
static const struct {
	struct client clients[3];
	enum identity identity;
	const char *user;
} several[] = {
	{{{.user = "bob", .computed = DIGEST_MD5}, {0}}, IDENTITY_PROVEN, "alice"},
	{{{.computed = DIGEST_SHA256}, {.computed = DIGEST_MD5}},
         IDENTITY_PROVEN,
         "alice"},
	{{{.ago_s = 68}, {0}}, IDENTITY_PROVEN, "alice"},
	{{{.qop = "auth-int"}, {0}}, IDENTITY_PROVEN, "alice"},
	{{{.algorithm = "SHA-512-256"}, {.computed = DIGEST_MD5}},
         IDENTITY_PROVEN,
         "alice"},
	{{{.password = "x"}, {.ago_s = 68}}, IDENTITY_OLD},
	{{{.ago_s = 68}, {.password = "x"}}, IDENTITY_OLD},
	{{{.password = "x"}, {.qop = "auth-int"}}, IDENTITY_WRONG},
	{{{.password = "x"}, {.password = "y"}}, IDENTITY_WRONG},
	/* no more of them, or each request would try many passwords */
	{{{.password = "x"}, {.password = "y"}, {0}}, IDENTITY_WRONG},
};

START_TEST(a_client_may_answer_every_challenge)
{
	const struct user *user = NULL;
	char credentials[1024], fields[4096];
	size_t len = 0;
	for (size_t i = 0; i < 3; i++) {
		write_credentials(&several[_i].clients[i], credentials);
		if (i < 2 || _i == COUNT(several) - 1)
			len += (size_t)snprintf(fields + len, sizeof fields - len,
			                        "Authorization: %s\r\n", credentials);
	}
	ck_assert_int_eq(check_fields(fields, &user), several[_i].identity);
	ck_assert_int_eq(user != NULL, several[_i].user != NULL);
	ck_assert(!user || slice_equal(user->name, slice_of(several[_i].user)));
}
END_TEST

/* bob has no MD5 hash: that is not an empty one, which everybody could answer with. */
START_TEST(a_missing_hash_cannot_be_guessed)
{
	const struct user *user;
	char nonce[NONCE_TEXT_MAX], response[HASH_TEXT_MAX], fields[1100];
	struct nonce_scope scope = {slice_of("p"), slice_of("example.net"),
	                            arrival.source.address};
	ck_assert(nonce_make(hasher, keys.nonce, &scope, now, nonce));
	struct digest digest = {.nonce = slice_of(nonce),
	                        .uri = slice_of(URI),
	                        .nc = slice_of("00000001"),
	                        .cnonce = slice_of("c"),
	                        .qop = slice_of("auth")};
	ck_assert(hasher_response(hasher, DIGEST_MD5, "", &digest, slice_of(METHOD),
	                          response));
	snprintf(fields, sizeof fields,
	         "Authorization: Digest username=\"bob\", realm=\"example.net\", "
	         "nonce=\"%s\", uri=\"" URI "\", response=\"%s\", qop=auth, "
	         "nc=00000001, cnonce=c\r\n",
	         nonce, response);
	ck_assert_int_eq(check_fields(fields, &user), IDENTITY_WRONG);
}
END_TEST

/* Nothing of an answer may depend on whether there is such a user, its time included. */
START_TEST(an_unknown_user_costs_the_hashes_of_a_known_one)
{
	static const char *const names[] = {"alice", "bob", "nobody", ""};
	const struct user *user;
	char credentials[1024], fields[1100];
	for (enum digest_algorithm a = 0; a < DIGEST_ALGORITHMS; a++)
		for (size_t i = 0; i < COUNT(names); i++) {
			write_credentials(&(struct client){.user = names[i],
			                                   .password = "wrong",
			                                   .computed = a},
			                  credentials);
			snprintf(fields, sizeof fields, "Authorization: %s\r\n",
			         credentials);
			size_t before = hasher_count(hasher);
			ck_assert_int_eq(check_fields(fields, &user), IDENTITY_WRONG);
			ck_assert_uint_eq(hasher_count(hasher) - before, 3);
		}
}
END_TEST

static void answer(const char *name, char fields[1100])
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	const struct realm *realm = arrival.listen->profile->realm;
	const struct user *user = users_find(realm->users, slice_of(name));
	ck_assert(user && challenge_answer(hasher, &keys, &arrival, now, user,
	                                   slice_of(METHOD), slice_of(URI), to));
	fclose(to);
	snprintf(fields, 1100, "%s", text);
	free(text);
}

START_TEST(an_answer_to_a_challenge_is_right)
{
	static const char *const names[] = {"alice", "bob", "a\"b\\"};
	const struct user *user = NULL;
	char fields[1100];
	for (size_t i = 0; i < COUNT(names); i++) {
		answer(names[i], fields);
		ck_assert_int_eq(check_fields(fields, &user), IDENTITY_PROVEN);
		ck_assert(slice_equal(user->name, slice_of(names[i])));
	}
}
END_TEST

START_TEST(the_strongest_algorithm_is_offered_first)
{
	char text[CHALLENGE_TEXT_MAX];
	struct slice lines = challenge_write(hasher, &keys, &arrival, now, false, text);
	const char *sha = strstr(text, "algorithm=SHA-256, qop=\"auth\"\r\n");
	const char *md5 = strstr(text, "algorithm=MD5, qop=\"auth\"\r\n");
	ck_assert_uint_eq(lines.len, strlen(text));
	ck_assert(sha && md5 && sha < md5);
	ck_assert_ptr_null(strstr(text, "stale"));
	come_to(1, "udp:192.0.2.1:5060");
	challenge_write(hasher, &keys, &arrival, now, true, text);
	ck_assert_ptr_nonnull(strstr(text, "SHA-256, qop=\"auth\", stale=true\r\n"));
	ck_assert_ptr_null(strstr(text, "MD5"));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/challenge");
	TCase *tests = tcase_create("challenge");
	tcase_add_checked_fixture(tests, init, fini);
	tcase_add_loop_test(tests, an_identity_is_proven_or_not, 0, COUNT(cases));
	tcase_add_loop_test(tests, the_parameters_of_the_number_are_proven_too, 0,
	                    COUNT(numbers));
	tcase_add_loop_test(tests, what_is_left_out_is_missed, 0, COUNT(needed));
	tcase_add_test(tests, a_nonce_is_good_for_its_source_and_profile);
	tcase_add_test(tests, an_algorithm_that_is_not_offered_is_not_taken);
	tcase_add_test(tests, of_several_credentials_those_of_the_realm_count);
	tcase_add_loop_test(tests, a_client_may_answer_every_challenge, 0,
	                    COUNT(several));
	tcase_add_test(tests, a_missing_hash_cannot_be_guessed);
	tcase_add_test(tests, an_unknown_user_costs_the_hashes_of_a_known_one);
	tcase_add_test(tests, an_answer_to_a_challenge_is_right);
	tcase_add_test(tests, the_strongest_algorithm_is_offered_first);
	suite_add_tcase(suite, tests);
	return suite;
}
