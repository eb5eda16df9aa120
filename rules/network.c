/* SPDX-License-Identifier: MIT */
#include "rules/network.h"

#include <arpa/inet.h>
#include <string.h>

#define V4_AT   12 /* where the v4 address stands in its v6 form, in bytes */
#define V4_BITS 96 /* and in bits */

static const uint8_t v4_mapped[V4_AT] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* inet_pton() takes no shortcuts ("10.1") and no leading zeros, unlike inet_aton(). */
static bool parse_as(int family, struct slice text, uint8_t *bytes)
{
	char copy[ADDRESS_TEXT_MAX];
	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.at, '\0', text.len))
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	return inet_pton(family, copy, bytes) == 1;
}

bool address_parse(struct slice text, struct address *out)
{
	struct address address;
	if (text.len > 2 && text.at[0] == '[' && text.at[text.len - 1] == ']') {
		text = (struct slice){text.at + 1, text.len - 2};
		if (!parse_as(AF_INET6, text, address.bytes))
			return false;
	} else if (parse_as(AF_INET, text, address.bytes + V4_AT)) {
		memcpy(address.bytes, v4_mapped, V4_AT);
	} else if (!parse_as(AF_INET6, text, address.bytes)) {
		return false;
	}
	*out = address;
	return true;
}

/* inet_ntop() does this with sprintf(), which is most of its time; each reply has one. */
static void v4_text(const uint8_t bytes[4], char *to)
{
	for (size_t i = 0; i < 4; i++) {
		unsigned value = bytes[i];
		if (value >= 100)
			*to++ = (char)('0' + value / 100);
		if (value >= 10)
			*to++ = (char)('0' + value / 10 % 10);
		*to++ = (char)('0' + value % 10);
		*to++ = i < 3 ? '.' : '\0';
	}
}

const char *address_text(const struct address *address, char to[ADDRESS_TEXT_MAX])
{
	if (!address_is_v4(address))
		return inet_ntop(AF_INET6, address->bytes, to, ADDRESS_TEXT_MAX);
	v4_text(address->bytes + V4_AT, to);
	return to;
}

bool address_is_v4(const struct address *address)
{
	return memcmp(address->bytes, v4_mapped, V4_AT) == 0;
}

bool address_is_any(const struct address *address)
{
	static const uint8_t zero[16];
	if (address_is_v4(address))
		return memcmp(address->bytes + V4_AT, zero, 4) == 0;
	return memcmp(address->bytes, zero, sizeof(zero)) == 0;
}

bool address_is_loopback(const struct address *address)
{
	static const uint8_t one[16] = {[15] = 1};
	if (address_is_v4(address))
		return address->bytes[V4_AT] == 127;
	return memcmp(address->bytes, one, sizeof(one)) == 0;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

size_t address_source_bytes(const struct address *address)
{
	return address->bytes[0] < 0x20 ? sizeof address->bytes : 8;
}

static bool bits_beyond(const struct address *address, unsigned bits)
{
	for (unsigned i = bits; i < 128; i++)
		if (address->bytes[i / 8] >> (7 - i % 8) & 1)
			return true;
	return false;
}

static bool parse_bits(struct slice text, unsigned long max, unsigned long *out)
{
	if (text.len > 1 && text.at[0] == '0')
		return false;
	return slice_number(text, max, out);
}

bool network_parse(struct slice text, struct network *out, const char **why)
{
	size_t slash = slice_find(text, '/');
	struct slice host = {text.at, slash};
	struct address address;
	if (!address_parse(host, &address)) {
		*why = "not an IPv4 or IPv6 address";
		return false;
	}

	bool written_as_v4 = slice_find(host, ':') == host.len;
	unsigned long max = written_as_v4 ? 128 - V4_BITS : 128;
	unsigned long bits = max;
	if (slash < text.len && !parse_bits(slice_skip(text, slash + 1), max, &bits)) {
		*why = written_as_v4 ? "the prefix length must be a number from 0 to 32"
		                     : "the prefix length must be a number from 0 to 128";
		return false;
	}
	if (written_as_v4)
		bits += V4_BITS;
	if (bits_beyond(&address, (unsigned)bits)) {
		*why = "bits are set beyond the prefix";
		return false;
	}
	*out = (struct network){address, (uint8_t)bits};
	return true;
}

bool network_has(const struct network *network, const struct address *address)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;
	if (memcmp(network->address.bytes, address->bytes, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	return (network->address.bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}

bool network_covers(const struct network *outer, const struct network *inner)
{
	return outer->bits <= inner->bits && network_has(outer, &inner->address);
}
