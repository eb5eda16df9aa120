/* SPDX-License-Identifier: MIT */
#include "server/trust/digest.h"

#include <stddef.h>

/* RFC 3261 25.1 LWS. A fold has been left in the value as it came. */
static void skip_blanks(struct slice *text)
{
	size_t len = 0;
	while (len < text->len && memchr(" \t\r\n", text->at[len], 4))
		len++;
	*text = slice_skip(*text, len);
}

static bool take_token(struct slice *text, struct slice *token)
{
	*token = (struct slice){text->at, slice_token(*text)};
	*text = slice_skip(*text, token->len);
	return token->len;
}

/* A quoted-string: no control characters, also not behind a backslash. */
static bool take_quoted(struct slice *text, struct slice *quoted)
{
	if (!slice_take(text, '"'))
		return false;
	for (size_t i = 0; i < text->len; i++) {
		if (text->at[i] == '"') {
			*quoted = (struct slice){text->at, i};
			*text = slice_skip(*text, i + 1);
			return !slice_has_control(*quoted);
		}
		i += text->at[i] == '\\';
	}
	return false;
}

/* Where the value of a parameter is kept; NULL: nowhere. */
static struct slice *place(struct digest *digest, struct slice name)
{
	static const struct {
		const char *name;
		size_t offset;
	} places[] = {{"username", offsetof(struct digest, username)},
	              {"realm", offsetof(struct digest, realm)},
	              {"nonce", offsetof(struct digest, nonce)},
	              {"uri", offsetof(struct digest, uri)},
	              {"response", offsetof(struct digest, response)},
	              {"algorithm", offsetof(struct digest, algorithm)},
	              {"cnonce", offsetof(struct digest, cnonce)},
	              {"qop", offsetof(struct digest, qop)},
	              {"nc", offsetof(struct digest, nc)}};
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (slice_equal_nocase(name, slice_of(places[i].name)))
			return (struct slice *)(void *)((char *)digest +
			                                places[i].offset);
	return NULL;
}

/* name = value, a token or a quoted string: some clients quote what needs no quotes. */
static bool read_param(struct slice *text, struct digest *digest)
{
	struct slice name, value;
	if (!take_token(text, &name))
		return false;
	skip_blanks(text);
	if (!slice_take(text, '='))
		return false;
	skip_blanks(text);
	bool quoted = text->len && text->at[0] == '"';
	if (!(quoted ? take_quoted(text, &value) : take_token(text, &value)))
		return false;
	skip_blanks(text);
	struct slice *to = place(digest, name);
	if (to && to->at)
		return false;
	if (to)
		*to = value;
	return true;
}

bool digest_read(struct slice value, struct digest *digest)
{
	struct digest found = {0};
	struct slice scheme, text = slice_trim(value);
	if (text.len > DIGEST_BYTES_MAX || !take_token(&text, &scheme) ||
	    !slice_equal_nocase(scheme, slice_of("Digest")) || !text.len ||
	    !memchr(" \t\r\n", text.at[0], 4))
		return false;
	for (size_t i = 0; i < DIGEST_PARAMS_MAX; i++) {
		skip_blanks(&text);
		if (!read_param(&text, &found))
			return false;
		if (!text.len) {
			*digest = found;
			return true;
		}
		if (!slice_take(&text, ','))
			return false;
	}
	return false;
}

bool digest_unescape(struct slice quoted, char *buffer, size_t size, struct slice *out)
{
	size_t len = 0;
	for (size_t i = 0; i < quoted.len; i++) {
		i += quoted.at[i] == '\\';
		if (i == quoted.len || len == size)
			return false;
		buffer[len++] = quoted.at[i];
	}
	*out = (struct slice){buffer, len};
	return true;
}

static const struct {
	const char *name;
	size_t bytes;
} algorithms[DIGEST_ALGORITHMS] = {
	[DIGEST_SHA256] = {"SHA-256", 32}, [DIGEST_MD5] = {"MD5", 16}};

bool digest_algorithm(struct slice name, enum digest_algorithm *out)
{
	if (!name.at)
		name = slice_of("MD5");
	for (enum digest_algorithm i = 0; i < DIGEST_ALGORITHMS; i++)
		if (slice_equal_nocase(name, slice_of(algorithms[i].name))) {
			*out = i;
			return true;
		}
	return false;
}

const char *digest_algorithm_name(enum digest_algorithm algorithm)
{
	return algorithms[algorithm].name;
}

size_t digest_algorithm_bytes(enum digest_algorithm algorithm)
{
	return algorithms[algorithm].bytes;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_unhex(struct slice hex, unsigned char *to, size_t len)
{
	if (hex.len != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = nibble(hex.at[2 * i]), low = nibble(hex.at[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		to[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

void digest_hex(const unsigned char *bytes, size_t len, char *to)
{
	for (size_t i = 0; i < len; i++) {
		to[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		to[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
	to[2 * len] = '\0';
}
