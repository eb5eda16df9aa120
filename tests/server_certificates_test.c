/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/trust/certificates.h"
#include "tests/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Each test has a folder of its own and stands in it. */
static char folder[] = "/tmp/signpost-certificates-XXXXXX";
static struct diags *diags;
static struct settings *settings;
static struct certificates *certificates;
static char *findings;

static FILE *create(const char *name, mode_t mode)
{
	FILE *file = fopen(name, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fchmod(fileno(file), mode), 0);
	return file;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = create(name, 0600);
	fputs(text, file);
	fclose(file);
}

static void write_key(const char *name, EVP_PKEY *key, const char *passphrase)
{
	FILE *file = create(name, 0600);
	ck_assert_int_eq(PEM_write_PrivateKey(file, key,
	                                      passphrase ? EVP_aes_128_cbc() : NULL, NULL,
	                                      0, NULL, (void *)(size_t)passphrase),
	                 1);
	fclose(file);
}

/* Signed by its own key; good from now + from_s to now + to_s. */
static void write_certificate(const char *name, EVP_PKEY *key, long serial, long from_s,
                              long to_s)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
	X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
	X509_gmtime_adj(X509_getm_notAfter(certificate), to_s);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	                           (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(certificate, subject);
	ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
	FILE *file = create(name, 0644);
	ck_assert_int_eq(PEM_write_X509(file, certificate), 1);
	fclose(file);
	X509_free(certificate);
}

static void enter(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	diags = diags_new();
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256"),
		 *rsa = EVP_RSA_gen(2048);
	write_key("key.pem", key, NULL);
	write_key("other.pem", other, NULL);
	write_key("rsa.pem", rsa, NULL);
	write_key("locked.pem", key, "secret");
	write_certificate("cert.pem", key, 1, 0, 3600);
	write_certificate("old.pem", key, 2, -7200, -3600);
	write_certificate("early.pem", key, 3, 3600, 7200);
	write_file("junk.pem", "nonsense\n");
	ck_assert_int_eq(mkfifo("fifo.pem", 0600), 0);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	EVP_PKEY_free(rsa);
}

static void leave(void)
{
	certificates_free(certificates);
	settings_free(settings);
	diags_free(diags);
	free(findings);
	DIR *entries = opendir(".");
	for (struct dirent *entry; (entry = readdir(entries));)
		unlink(entry->d_name);
	closedir(entries);
	rmdir(folder);
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

/* Loads with this tls mapping; gives the findings. */
static const char *load(const char *tls)
{
	char yaml[1024];
	snprintf(yaml, sizeof yaml,
	         "profiles:\n p: {listen: [tls:127.0.0.1, udp:127.0.0.1], peers: l,\n"
	         "  tls: {%s}}\n q: {listen: udp:127.0.0.1:5070, peers: l}\n"
	         "peers: {l: {networks: 127.0.0.1}}\n",
	         tls);
	write_file("signpost.yaml", yaml);
	settings = settings_load("signpost.yaml", diags);
	ck_assert_msg(settings != NULL, "%s", print_findings());
	certificates = certificates_new(settings, diags);
	ck_assert_msg((certificates == NULL) == (diags_errors(diags) > 0), "%s",
	              print_findings());
	ck_assert_uint_eq(ERR_peek_error(), 0);
	return print_findings();
}

#define F    "signpost.yaml:3:"
#define GOOD "certificate: cert.pem, key: key.pem"

static const struct {
	const char *tls, *findings;
} cases[] = {
	{GOOD, ""},
	{GOOD ", client_ca: cert.pem, verify: optional", ""},
	{GOOD ", ciphers: \"ECDHE+AESGCM:TLS_AES_128_GCM_SHA256\"", ""},
	{GOOD ", ciphers: TLS_AES_128_GCM_SHA256", ""},
	{GOOD ", ciphers: nonsense",
         F "55: error: \"ciphers\" is no list that OpenSSL knows: no cipher match\n"},
	{GOOD ", ciphers: TLS_NONSENSE",
         F "55: error: \"ciphers\" is no list that OpenSSL knows: no cipher match\n"},
	{"certificate: none.pem, key: key.pem",
         F "22: error: cannot open \"none.pem\": No such file or directory\n"},
	{"certificate: cert.pem, key: none.pem",
         F "37: error: cannot open \"none.pem\": No such file or directory\n"},
	{GOOD ", client_ca: none.pem",
         F "57: error: cannot open \"none.pem\": No such file or directory\n"},
	{"certificate: fifo.pem, key: ., client_ca: /dev/null",
         F "22: error: \"fifo.pem\" is not a regular file\n" F
           "37: error: \".\" is not a regular file\n" F
           "51: error: \"/dev/null\" is not a regular file\n"},
	{"certificate: junk.pem, key: key.pem",
         F "22: error: no certificate in \"junk.pem\": no start line\n"},
	{"certificate: cert.pem, key: junk.pem",
         F "37: error: no key in \"junk.pem\": unsupported\n"},
	{GOOD ", client_ca: junk.pem",
         F "57: error: no certificate in \"junk.pem\": no start line\n"},
	{"certificate: cert.pem, key: locked.pem",
         F "37: error: no key in \"locked.pem\": it is encrypted\n"},
	{"certificate: cert.pem, key: other.pem",
         F "37: error: the key in \"other.pem\" does not belong to the certificate\n"},
	{"certificate: cert.pem, key: rsa.pem",
         F "37: error: the key in \"rsa.pem\" does not belong to the certificate\n"},
	{"certificate: old.pem, key: key.pem",
         F "22: warning: the certificate in \"old.pem\" has expired\n"},
	{"certificate: early.pem, key: key.pem",
         F "22: warning: the certificate in \"early.pem\" is not valid yet\n"},
	{"certificate: cert.pem, key: cert.pem",
         F "37: error: everybody can read the key in \"cert.pem\"\n"
           "  hint: chmod o-r cert.pem\n"},
};

START_TEST(every_fault_of_the_files_is_found)
{
	ck_assert_str_eq(load(cases[_i].tls), cases[_i].findings);
}
END_TEST

static long serial_in_force(void)
{
	SSL *session = certificates_session(certificates, settings->profiles[0]);
	ck_assert_ptr_nonnull(session);
	long serial =
		ASN1_INTEGER_get(X509_get0_serialNumber(SSL_get_certificate(session)));
	SSL_free(session);
	return serial;
}

START_TEST(sessions_are_of_their_profile)
{
	ck_assert_str_eq(load(GOOD), "");
	ck_assert_uint_eq(certificates_count(certificates), 1);
	ck_assert_int_eq(serial_in_force(), 1);
	ck_assert_ptr_null(certificates_session(certificates, settings->profiles[1]));
}
END_TEST

START_TEST(sessions_are_tls_1_2_or_1_3)
{
	load(GOOD);
	SSL *session = certificates_session(certificates, settings->profiles[0]);
	ck_assert_int_eq(SSL_get_min_proto_version(session), TLS1_2_VERSION);
	ck_assert_int_eq(SSL_get_max_proto_version(session), TLS1_3_VERSION);
	ck_assert(SSL_get_options(session) & SSL_OP_NO_RENEGOTIATION);
	SSL_free(session);
}
END_TEST

/* Or whoever sends nothing else would be read from for ever. */
START_TEST(a_read_takes_one_key_update)
{
	char byte;
	BIO *ours, *theirs;
	load(GOOD);
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *client = SSL_new(context);
	SSL *session = certificates_session(certificates, settings->profiles[0]);
	ck_assert_int_eq(BIO_new_bio_pair(&ours, 65536, &theirs, 65536), 1);
	SSL_set_bio(session, ours, ours);
	SSL_set_bio(client, theirs, theirs);
	SSL_set_accept_state(session);
	while (SSL_connect(client) != 1 || SSL_do_handshake(session) != 1)
		SSL_do_handshake(session);
	for (int i = 0; i < 100; i++) {
		SSL_key_update(client, SSL_KEY_UPDATE_NOT_REQUESTED);
		ck_assert_int_eq(SSL_do_handshake(client), 1);
	}
	int waiting = BIO_pending(ours), read = SSL_read(session, &byte, 1);
	ck_assert_int_eq(SSL_get_error(session, read), SSL_ERROR_WANT_READ);
	ck_assert_int_eq(BIO_pending(ours), waiting - waiting / 100);
	SSL_free(session);
	SSL_free(client);
	SSL_CTX_free(context);
}
END_TEST

START_TEST(without_tls_there_are_none)
{
	settings = settings_load(NULL, diags);
	certificates = certificates_new(settings, diags);
	ck_assert_ptr_nonnull(certificates);
	ck_assert_uint_eq(certificates_count(certificates), 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("certificates");
	TCase *tc = tcase_create("certificates");
	tcase_add_checked_fixture(tc, enter, leave);
	tcase_add_loop_test(tc, every_fault_of_the_files_is_found, 0, COUNT(cases));
	tcase_add_test(tc, sessions_are_of_their_profile);
	tcase_add_test(tc, sessions_are_tls_1_2_or_1_3);
	tcase_add_test(tc, a_read_takes_one_key_update);
	tcase_add_test(tc, without_tls_there_are_none);
	suite_add_tcase(suite, tc);
	return suite;
}
