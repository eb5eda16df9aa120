/* SPDX-License-Identifier: MIT */
#include "rules/slice.h"

#include <stdint.h>
#include <string.h>

struct slice slice_of(const char *text)
{
	return (struct slice){text, text ? strlen(text) : 0};
}

struct slice slice_skip(struct slice text, size_t count)
{
	if (count == 0)
		return text;
	if (count > text.len)
		count = text.len;
	return (struct slice){text.at ? text.at + count : NULL, text.len - count};
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice text)
{
	while (text.len && is_space(text.at[0]))
		text = slice_skip(text, 1);
	while (text.len && is_space(text.at[text.len - 1]))
		text.len--;
	return text;
}

bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.at[i]) != lower(b.at[i]))
			return false;
	return true;
}

bool slice_begins(struct slice text, struct slice prefix)
{
	return prefix.len <= text.len &&
	       (prefix.len == 0 || memcmp(text.at, prefix.at, prefix.len) == 0);
}

size_t slice_find(struct slice text, char c)
{
	const char *found = text.len ? memchr(text.at, c, text.len) : NULL;
	return found ? (size_t)(found - text.at) : text.len;
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
	size_t len = 0;
	while (len < text.len && in_token[(unsigned char)text.at[len]])
		len++;
	return len;
}

/* Eight bytes at a time; the usual tricks with the top bit of each. */
bool slice_has_control(struct slice text)
{
	const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
	uint64_t found = 0, word;
	size_t i = 0;
	for (; i + 8 <= text.len; i += 8) {
		memcpy(&word, text.at + i, 8);
		uint64_t delete = word ^ (ones * 127);
		found |= (word - ones * ' ') & ~word & tops;
		found |= (delete - ones) & ~delete &tops;
	}
	for (; i < text.len; i++)
		found |= (unsigned char)text.at[i] < ' ' || text.at[i] == 127;
	return found;
}
