/* SPDX-License-Identifier: MIT */
#include "server/trust/certificates.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/trust/file.h"

struct identity {
	const struct profile *profile;
	SSL_CTX *context;
	struct demand demand;
};

struct certificates {
	size_t count;
	struct identity identities[];
};

static bool error(struct diags *diags, struct position position, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static bool error(struct diags *diags, struct position position, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	diags_vadd(diags, SEVERITY_ERROR, position, NULL, format, args);
	va_end(args);
	return false;
}

/* What OpenSSL has to say of a failure: the first is nearest to the cause. Empties its
 * queue. */
static const char *reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_error());
	ERR_clear_error();
	return text ? text : "unknown error";
}

/* Files */

/* OpenSSL would wait for a FIFO, and tells nothing of a file that cannot be opened. */
static bool can_read(const struct named_file *file, const char *secret,
                     struct diags *diags)
{
	int fd = file_open(file->path, secret, file->position, diags);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void check_dates(const struct named_file *file, const X509 *certificate,
                        struct diags *diags)
{
	const char *what = X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0
	                           ? "has expired"
	                   : X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0
	                           ? "is not valid yet"
	                           : NULL;
	if (what)
		diags_add(diags, SEVERITY_WARNING, file->position, NULL,
		          "the certificate in \"%s\" %s", file->path, what);
}

static bool use_certificate(SSL_CTX *context, const struct named_file *file,
                            struct diags *diags)
{
	if (!can_read(file, NULL, diags))
		return false;
	if (SSL_CTX_use_certificate_chain_file(context, file->path) != 1)
		return error(diags, file->position, "no certificate in \"%s\": %s",
		             file->path, reason());
	check_dates(file, SSL_CTX_get0_certificate(context), diags);
	return true;
}

/* Nobody is there to type a passphrase. */
static int on_passphrase(char *to, int size, int writing, void *asked)
{
	(void)to;
	(void)size;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

/* certified: context has the certificate that the key belongs to. Two kinds of key are
 * kept apart, so loading tells only of two of a kind that they do not belong together. */
static bool use_key(SSL_CTX *context, const struct named_file *file, bool certified,
                    struct diags *diags)
{
	bool encrypted = false;
	if (!can_read(file, "key", diags))
		return false;
	SSL_CTX_set_default_passwd_cb(context, on_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(context, &encrypted);
	bool read =
		SSL_CTX_use_PrivateKey_file(context, file->path, SSL_FILETYPE_PEM) == 1;
	SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
	if (read && (!certified || SSL_CTX_check_private_key(context) == 1))
		return true;
	bool other = read ||
	             ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
	const char *why = reason();
	if (other)
		return error(diags, file->position,
		             "the key in \"%s\" does not belong to the certificate",
		             file->path);
	return error(diags, file->position, "no key in \"%s\": %s", file->path,
	             encrypted ? "it is encrypted" : why);
}

static bool use_client_ca(SSL_CTX *context, const struct credentials *credentials,
                          struct diags *diags)
{
	const struct named_file *file = &credentials->client_ca;
	static const int modes[] = {[VERIFY_NONE] = SSL_VERIFY_NONE,
	                            [VERIFY_OPTIONAL] = SSL_VERIFY_PEER,
	                            [VERIFY_REQUIRED] = SSL_VERIFY_PEER |
	                                                SSL_VERIFY_FAIL_IF_NO_PEER_CERT};
	SSL_CTX_set_verify(context, modes[credentials->verify], NULL);
	if (!file->path)
		return true;
	if (!can_read(file, NULL, diags))
		return false;
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file->path);
	if (!names || SSL_CTX_load_verify_locations(context, file->path, NULL) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return error(diags, file->position, "no certificate in \"%s\": %s",
		             file->path, reason());
	}
	SSL_CTX_set_client_CA_list(context, names);
	return true;
}

/* Ciphers */

/* Adds word to the list in to, which has the room. */
static void add_cipher(char *to, struct slice word)
{
	size_t len = strlen(to);
	if (len)
		to[len++] = ':';
	memcpy(to + len, word.at, word.len);
	to[len + word.len] = '\0';
}

/* OpenSSL wants the suites of TLS 1.3 apart: they begin with TLS_. What is not named, of
 * either kind, stays OpenSSL's choice. */
static bool use_ciphers(SSL_CTX *context, const struct credentials *credentials,
                        struct diags *diags)
{
	char older[CIPHERS_MAX + 1] = "", tls13[CIPHERS_MAX + 1] = "";
	for (struct slice rest = credentials->ciphers; rest.len;) {
		struct slice word = {rest.at, slice_find(rest, ':')};
		add_cipher(slice_begins(word, slice_of("TLS_")) ? tls13 : older, word);
		rest = slice_skip(rest, word.len + 1);
	}
	if ((!*older || SSL_CTX_set_cipher_list(context, older) == 1) &&
	    (!*tls13 || SSL_CTX_set_ciphersuites(context, tls13) == 1))
		return true;
	return error(diags, credentials->ciphers_position,
	             "\"ciphers\" is no list that OpenSSL knows: %s", reason());
}

/* The whole */

static SSL_CTX *context_new(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (!context)
		return NULL;
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	                                     SSL_OP_NO_TICKET |
	                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	/* An idle connection gives its record buffers back. */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	/* Else a read goes on for as long as key updates come in. */
	SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_dh_auto(context, 1);
	SSL_CTX_set_max_cert_list(context, CLIENT_CHAIN_MAX);
	return context;
}

/* All that is wrong is found, not only the first. */
static SSL_CTX *read_context(const struct credentials *credentials, struct diags *diags)
{
	ERR_clear_error();
	SSL_CTX *context = context_new();
	if (!context) {
		error(diags, credentials->position, "TLS cannot be set up: %s", reason());
		return NULL;
	}
	bool good = use_certificate(context, &credentials->certificate, diags);
	good &= use_key(context, &credentials->key, good, diags);
	good &= use_client_ca(context, credentials, diags);
	good &= use_ciphers(context, credentials, diags);
	ERR_clear_error();
	if (good)
		return context;
	SSL_CTX_free(context);
	return NULL;
}

/* Of the certificates that were read, not of their file, which may have changed since.
 * False when out of memory. */
static bool hash_signers(crypto_hash_sha256_state *hash, SSL_CTX *context)
{
	const STACK_OF(X509_OBJECT) *objects =
		X509_STORE_get0_objects(SSL_CTX_get_cert_store(context));
	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509 *signer = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
		unsigned char *der = NULL;
		int len = signer ? i2d_X509_AUX(signer, &der) : 0;
		if (len < 0)
			return false;
		crypto_hash_sha256_update(hash, der, (size_t)len);
		OPENSSL_free(der);
	}
	return true;
}

static bool find_demand(struct identity *identity, struct diags *diags)
{
	const struct profile *profile = identity->profile;
	unsigned char verify = (unsigned char)profile->credentials->verify;
	crypto_hash_sha256_state hash;
	crypto_hash_sha256_init(&hash);
	crypto_hash_sha256_update(&hash, (const unsigned char *)profile->name.at,
	                          profile->name.len);
	crypto_hash_sha256_update(&hash, (const unsigned char *)"", 1);
	crypto_hash_sha256_update(&hash, &verify, 1);
	if (!hash_signers(&hash, identity->context))
		return error(diags, profile->credentials->position,
		             "TLS cannot be set up: %s", reason());
	crypto_hash_sha256_final(&hash, identity->demand.hash);
	return true;
}

static bool has_tls(const struct settings *settings, const struct profile *profile)
{
	for (size_t i = 0; i < settings->listen_count; i++)
		if (settings->listens[i].profile == profile &&
		    settings->listens[i].endpoint.transport == TRANSPORT_TLS)
			return true;
	return false;
}

static bool read_all(struct certificates *certificates, struct diags *diags)
{
	bool good = true;
	for (size_t i = 0; i < certificates->count; i++) {
		struct identity *identity = &certificates->identities[i];
		identity->context = read_context(identity->profile->credentials, diags);
		good &= identity->context && find_demand(identity, diags);
	}
	return good;
}

struct certificates *certificates_new(const struct settings *settings,
                                      struct diags *diags)
{
	struct certificates *certificates = calloc(
		1, sizeof *certificates +
			   settings->profile_count * sizeof certificates->identities[0]);
	if (!certificates) {
		error(diags, (struct position){0}, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < settings->profile_count; i++)
		if (has_tls(settings, settings->profiles[i]))
			certificates->identities[certificates->count++].profile =
				settings->profiles[i];
	if (read_all(certificates, diags))
		return certificates;
	certificates_free(certificates);
	return NULL;
}

void certificates_free(struct certificates *certificates)
{
	if (!certificates)
		return;
	for (size_t i = 0; i < certificates->count; i++)
		SSL_CTX_free(certificates->identities[i].context);
	free(certificates);
}

size_t certificates_count(const struct certificates *certificates)
{
	return certificates->count;
}

static const struct identity *find(const struct certificates *certificates,
                                   const struct profile *profile)
{
	for (size_t i = 0; i < certificates->count; i++)
		if (certificates->identities[i].profile == profile)
			return &certificates->identities[i];
	return NULL;
}

const struct demand *certificates_demand(const struct certificates *certificates,
                                         const struct profile *profile)
{
	return &find(certificates, profile)->demand;
}

SSL *certificates_session(const struct certificates *certificates,
                          const struct profile *profile)
{
	const struct identity *identity = find(certificates, profile);
	SSL *session = identity ? SSL_new(identity->context) : NULL;
	ERR_clear_error();
	return session;
}
