/* SPDX-License-Identifier: MIT */
#include "server/log/escape.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

/* True for the UTF-8 character of len bytes (0: none) if it may stay as it is: no control
 * character (U+0080 to U+009F are, too: a terminal obeys them), quote or backslash, no
 * line separator and nothing that turns the direction of text (U+200E, U+200F, U+2028 to
 * U+202E, U+2066 to U+2069). */
static bool is_harmless(const char *at, size_t len)
{
	unsigned char first = (unsigned char)at[0],
		      last = (unsigned char)at[len ? len - 1 : 0];
	if (len == 1)
		return first >= ' ' && first != 0x7f && first != '"' && first != '\\';
	if (len == 2)
		return first != 0xc2 || last >= 0xa0;
	if (len == 3 && memcmp(at, "\xe2\x80", 2) == 0)
		return last < 0x8e || (last > 0x8f && last < 0xa8) || last > 0xae;
	if (len == 3 && memcmp(at, "\xe2\x81", 2) == 0)
		return last < 0xa6 || last > 0xa9;
	return len > 0;
}

static size_t write_byte(unsigned char byte, bool json, char piece[8])
{
	static const char digits[] = "0123456789ABCDEF";
	size_t len = json ? 4 : 2;
	memcpy(piece, json ? "\\u00" : "\\x", len);
	piece[len++] = digits[byte >> 4];
	piece[len++] = digits[byte & 15];
	return len;
}

/* The next piece of text as it may be written: one character, or one byte escaped. */
static size_t next_piece(struct slice *text, bool json, char piece[8])
{
	size_t len = slice_utf8(*text);
	unsigned char byte = (unsigned char)text->at[0];
	if (!is_harmless(text->at, len)) {
		*text = slice_skip(*text, 1);
		return write_byte(byte, json, piece);
	}
	memcpy(piece, text->at, len);
	*text = slice_skip(*text, len);
	return len;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Not zero if a byte of word is 0. */
static uint64_t zeros(uint64_t word)
{
	return (word - EACH(1)) & ~word & EACH(0x80);
}

/* All eight bytes are plain ASCII. It may say no of some that are. */
static bool is_plain(const char *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof word);
	uint64_t control = (word - EACH(' ')) & ~word & EACH(0x80);
	return !((word & EACH(0x80)) | control | zeros(word ^ EACH('"')) |
	         zeros(word ^ EACH('\\')) | zeros(word ^ EACH(0x7f)));
}

/* How many of the first bytes are plain ASCII, at most limit. */
static size_t plain(struct slice text, size_t limit)
{
	size_t len = 0, end = text.len < limit ? text.len : limit;
	while (len + 8 <= end && is_plain(text.at + len))
		len += 8;
	while (len < end && text.at[len] > 0 && is_harmless(text.at + len, 1))
		len++;
	return len;
}

size_t escape(struct slice text, bool json, char *to, size_t size)
{
	/* keep: how much stays when "..." has to follow */
	size_t len, keep;
	assert(size >= sizeof "...");
	len = plain(text, size - 1);
	if (len > 0)
		memcpy(to, text.at, len);
	keep = len < size - sizeof "..." ? len : size - sizeof "...";
	text = slice_skip(text, len);
	while (text.len > 0) {
		char piece[8];
		size_t more = next_piece(&text, json, piece);
		if (len + more >= size) {
			memcpy(to + keep, "...", sizeof "...");
			return keep + 3;
		}
		memcpy(to + len, piece, more);
		len += more;
		if (len + sizeof "..." <= size)
			keep = len;
	}
	to[len] = '\0';
	return len;
}

const char *log_escape(struct slice text, char *to, size_t size)
{
	escape(text, false, to, size);
	return to;
}

const char *log_escape_json(struct slice text, char *to, size_t size)
{
	escape(text, true, to, size);
	return to;
}
