/* SPDX-License-Identifier: MIT */
#include "server/trust/challenge.h"

#include <openssl/crypto.h>
#include <string.h>

#include "rules/number.h"
#include "rules/parameters.h"
#include "server/trust/nonce.h"

#define HASH_BYTES_MAX ((HASH_TEXT_MAX - 1) / 2)

static struct nonce_scope scope_of(const struct arrival *arrival)
{
	const struct profile *profile = arrival->listen->profile;
	return (struct nonce_scope){profile->name, profile->realm->name,
	                            arrival->source.address};
}

/* The credentials */

static bool is_ours(const struct digest *digest, const struct realm *realm)
{
	char buffer[REALM_NAME_MAX];
	struct slice name;
	return digest_unescape(digest->realm, buffer, sizeof buffer, &name) &&
	       slice_equal(name, realm->name);
}

/* From the field at *next on. RFC 3261 22.3: there may be others, of proxies on the way.
 */
static bool find_digest(const struct message *message, const struct realm *realm,
                        size_t *next, struct digest *digest)
{
	while (*next < message->field_count) {
		const struct field *field = &message->fields[(*next)++];
		if (field_is(field, slice_of("Authorization")) &&
		    digest_read(field->value, digest) && is_ours(digest, realm))
			return true;
	}
	return false;
}

/* RFC 3261 22.4 and RFC 7616 3.4: what must be there, and how. */
static bool is_proper(const struct digest *digest)
{
	unsigned char count[4];
	return digest->username.at && digest->nonce.at && digest->uri.len &&
	       digest->response.at && digest->cnonce.len &&
	       digest_unhex(digest->nc, count, sizeof count) &&
	       slice_equal_nocase(digest->qop, slice_of("auth"));
}

/* The user */

static const struct user *find_user(const struct realm *realm,
                                    const struct digest *digest,
                                    enum digest_algorithm algorithm)
{
	char buffer[USER_NAME_MAX];
	struct slice name;
	if (!digest_unescape(digest->username, buffer, sizeof buffer, &name))
		return NULL;
	const struct user *user = users_find(realm->users, name);
	return user && user->ha1[algorithm][0] ? user : NULL;
}

/* True if the response is the one that user would give; for nobody it is made up of a
 * secret, and false. */
static bool check_response(struct hasher *hasher, const struct tag_keys *keys,
                           const struct user *user, enum digest_algorithm algorithm,
                           const struct digest *digest, struct slice method, bool *right)
{
	char nobody[HASH_TEXT_MAX], text[HASH_TEXT_MAX];
	unsigned char came[HASH_BYTES_MAX] = {0}, wanted[HASH_BYTES_MAX] = {0};
	size_t len = digest_algorithm_bytes(algorithm);
	digest_hex(keys->nobody, len, nobody);
	bool readable = digest_unhex(digest->response, came, len);
	if (!hasher_response(hasher, algorithm, user ? user->ha1[algorithm] : nobody,
	                     digest, method, text))
		return false;
	digest_unhex(slice_of(text), wanted, len);
	*right = (CRYPTO_memcmp(came, wanted, len) == 0) & readable & (user != NULL);
	return true;
}

/* The URI */

/* Its user part; len 0: none. */
static struct slice uri_user(struct slice uri)
{
	size_t colon = slice_find(uri, ':');
	bool telephone =
		slice_equal_nocase((struct slice){uri.at, colon}, slice_of("tel"));
	uri = slice_skip(uri, colon + 1);
	size_t at = slice_find(uri, '@');
	if (telephone || at == uri.len)
		return telephone ? uri : (struct slice){0};
	uri.len = at;
	uri.len = slice_find(uri, ':');
	return uri;
}

/* What of them rules can match, and so leads a call elsewhere. */
static bool has_same_parameters(struct slice user, const struct request *request)
{
	bool telephone = request->called.telephone;
	char buffers[2][PARAMETERS_MAX];
	struct facts wanted = {0}, called = {0};
	parameters_read(user, telephone, buffers[0], &wanted);
	parameters_read(request->called.user, telephone, buffers[1], &called);
	return wanted.npdi == called.npdi && slice_equal(wanted.rn, called.rn) &&
	       slice_equal(wanted.rn_context, called.rn_context) &&
	       slice_equal(wanted.cic, called.cic) &&
	       slice_equal(wanted.cic_context, called.cic_context) &&
	       slice_equal(wanted.tgrp, called.tgrp) &&
	       slice_equal(wanted.trunk_context, called.trunk_context);
}

/* RFC 3261 22.4 (6): the two URIs may differ, for proxies and clients rewrite host, port
 * and parameters. Who is called decides what is answered: a digest URI that names
 * somebody must name the one who is called, with the parameters of the number. */
static bool is_for(struct slice digest_uri, const struct request *request)
{
	char buffers[2][NUMBER_MAX];
	struct slice user = uri_user(digest_uri), wanted, called;
	if (!user.len || slice_equal(digest_uri, request->uri))
		return true;
	return number_clean(user, request->called.telephone, buffers[0], &wanted) &&
	       number_clean(request->called.user, request->called.telephone, buffers[1],
	                    &called) &&
	       slice_equal(wanted, called) && has_same_parameters(user, request);
}

static enum identity check_digest(struct hasher *hasher, const struct tag_keys *keys,
                                  const struct digest *digest,
                                  const struct request *request,
                                  const struct arrival *arrival, int64_t now_s,
                                  const struct user **user)
{
	const struct realm *realm = arrival->listen->profile->realm;
	struct nonce_scope scope = scope_of(arrival);
	enum digest_algorithm algorithm;
	enum nonce_state nonce;
	bool right;
	if (!is_proper(digest))
		return IDENTITY_BROKEN;
	if (!digest_algorithm(digest->algorithm, &algorithm) ||
	    !(realm->offered >> algorithm & 1))
		return IDENTITY_WRONG;
	const struct user *found = find_user(realm, digest, algorithm);
	if (!nonce_check(hasher, keys->nonce, &scope, now_s, realm->nonce_life_s,
	                 digest->nonce, &nonce) ||
	    !check_response(hasher, keys, found, algorithm, digest, request->method,
	                    &right))
		return IDENTITY_FAILED;
	if (!right)
		return IDENTITY_WRONG;
	if (nonce != NONCE_GOOD) /* RFC 7616 3.3: stale */
		return IDENTITY_OLD;
	if (!is_for(digest->uri, request))
		return IDENTITY_ELSEWHERE;
	*user = found;
	return IDENTITY_PROVEN;
}

/* RFC 3261 22.3: a client may answer several challenges of one realm. */
enum identity challenge_check(struct hasher *hasher, const struct tag_keys *keys,
                              const struct request *request,
                              const struct arrival *arrival, int64_t now_s,
                              const struct user **user)
{
	const struct realm *realm = arrival->listen->profile->realm;
	enum identity identity = IDENTITY_MISSING;
	struct digest digest;
	size_t next = 0;
	for (size_t i = 0; i < CHALLENGE_DIGESTS_MAX && identity != IDENTITY_PROVEN &&
	                   find_digest(request->message, realm, &next, &digest);
	     i++) {
		enum identity another = check_digest(hasher, keys, &digest, request,
		                                     arrival, now_s, user);
		if (i == 0 || another == IDENTITY_PROVEN || another == IDENTITY_OLD)
			identity = another;
	}
	return identity;
}

/* Challenges, and answers to them */

struct slice challenge_write(struct hasher *hasher, const struct tag_keys *keys,
                             const struct arrival *arrival, int64_t now_s, bool stale,
                             char to[CHALLENGE_TEXT_MAX])
{
	const struct realm *realm = arrival->listen->profile->realm;
	struct nonce_scope scope = scope_of(arrival);
	char nonce[NONCE_TEXT_MAX];
	int len = 0;
	if (!nonce_make(hasher, keys->nonce, &scope, now_s, nonce))
		return (struct slice){0};
	for (enum digest_algorithm i = 0; i < DIGEST_ALGORITHMS; i++)
		if (realm->offered >> i & 1)
			len += snprintf(to + len, (size_t)(CHALLENGE_TEXT_MAX - len),
			                "WWW-Authenticate: Digest realm=\"%s\", "
			                "nonce=\"%s\", algorithm=%s, qop=\"auth\"%s\r\n",
			                realm->name.at, nonce, digest_algorithm_name(i),
			                stale ? ", stale=true" : "");
	return (struct slice){to, (size_t)len};
}

/* text with its quotes and backslashes escaped; cut at size. */
static struct slice escape(struct slice text, char *to, size_t size)
{
	size_t len = 0;
	for (size_t i = 0; i < text.len && len + 2 < size; i++) {
		if (text.at[i] == '"' || text.at[i] == '\\')
			to[len++] = '\\';
		to[len++] = text.at[i];
	}
	to[len] = '\0';
	return (struct slice){to, len};
}

static enum digest_algorithm algorithm_of(const struct realm *realm,
                                          const struct user *user)
{
	enum digest_algorithm algorithm = 0;
	while (!(realm->offered >> algorithm & 1) || !user->ha1[algorithm][0])
		algorithm++; /* users_load() has seen to it that there is one */
	return algorithm;
}

bool challenge_answer(struct hasher *hasher, const struct tag_keys *keys,
                      const struct arrival *arrival, int64_t now_s,
                      const struct user *user, struct slice method, struct slice uri,
                      FILE *to)
{
	const struct realm *realm = arrival->listen->profile->realm;
	struct nonce_scope scope = scope_of(arrival);
	enum digest_algorithm algorithm = algorithm_of(realm, user);
	char nonce[NONCE_TEXT_MAX], response[HASH_TEXT_MAX];
	char name[2 * USER_NAME_MAX + 3], escaped[DIGEST_BYTES_MAX];
	if (!nonce_make(hasher, keys->nonce, &scope, now_s, nonce))
		return false;
	struct digest digest = {.username = escape(user->name, name, sizeof name),
	                        .nonce = slice_of(nonce),
	                        .uri = escape(uri, escaped, sizeof escaped),
	                        .cnonce = slice_of("signpost"),
	                        .qop = slice_of("auth"),
	                        .nc = slice_of("00000001")};
	if (!hasher_response(hasher, algorithm, user->ha1[algorithm], &digest, method,
	                     response))
		return false;
	fprintf(to,
	        "Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", "
	        "uri=\"%s\", algorithm=%s, response=\"%s\", qop=%s, nc=%s, "
	        "cnonce=\"%s\"\r\n",
	        digest.username.at, realm->name.at, nonce, digest.uri.at,
	        digest_algorithm_name(algorithm), response, digest.qop.at, digest.nc.at,
	        digest.cnonce.at);
	return true;
}
