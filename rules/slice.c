/* SPDX-License-Identifier: MIT */
#include "rules/slice.h"

#include <stdint.h>
#include <string.h>

/* Most are no space, and say so at once. */
static inline bool is_space(char c)
{
	return c <= ' ' && (c == ' ' || c == '\t' || c == '\r' || c == '\n');
}

bool slice_take(struct slice *text, char c)
{
	if (!text->len || text->at[0] != c)
		return false;
	*text = slice_skip(*text, 1);
	return true;
}

struct slice slice_trim(struct slice text)
{
	size_t start = 0, end = text.len;
	while (start < end && is_space(text.at[start]))
		start++;
	while (start < end && is_space(text.at[end - 1]))
		end--;
	return (struct slice){start ? text.at + start : text.at, end - start};
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool slice_folds(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i] && lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

bool slice_number(struct slice text, unsigned long max, unsigned long *out)
{
	unsigned long number = 0;
	if (text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		unsigned long digit = (unsigned long)(text.at[i] - '0');
		if (digit > max || number > (max - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*out = number;
	return true;
}

size_t slice_utf8(struct slice text)
{
	if (text.len == 0)
		return 0;
	const unsigned char *at = (const unsigned char *)text.at;
	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	size_t len = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (text.len < len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	/* RFC 3629 4: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return len;
}

size_t slice_token(struct slice text)
{
	static const bool in_token[256] = {
		['0' ... '9'] = true, ['a' ... 'z'] = true, ['A' ... 'Z'] = true,
		['-'] = true,         ['.'] = true,         ['!'] = true,
		['%'] = true,         ['*'] = true,         ['_'] = true,
		['+'] = true,         ['`'] = true,         ['\''] = true,
		['~'] = true,
	};
	const char *at = text.at, *end = at + text.len;
	while (at < end && in_token[(unsigned char)*at])
		at++;
	return (size_t)(at - text.at);
}

/* The compiler makes of these what the machine has for sixteen bytes at once. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t halves16 __attribute__((vector_size(16)));

/* How many of the next 16 bytes are certainly no control characters: 0, 8 or 16. */
static inline size_t plain_bytes(const char *at)
{
	bytes16 bytes;
	memcpy(&bytes, at, sizeof bytes);
	halves16 found = (halves16)((bytes < ' ') | (bytes == 127));
	return found[0] ? 0 : found[1] ? 8 : 16;
}

size_t slice_control(struct slice text)
{
	size_t i = 0, plain = 16;
	for (; plain == 16 && i + 16 <= text.len; i += plain)
		plain = plain_bytes(text.at + i);
	while (i < text.len && (unsigned char)text.at[i] >= ' ' && text.at[i] != 127)
		i++;
	return i;
}
