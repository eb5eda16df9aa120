/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/sip_mutator.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/slice.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max,
                               unsigned seed);

#define COUNT(of)  (sizeof(of) / sizeof(of)[0])
#define LINES_MAX  256
#define SPARE_SIZE ((size_t)1 << 18) /* for values that are written anew */

/* Those that the server reads have more places in the list. */
static const char *const names[] = {
	"Via",
	"v",
	"Via",
	"From",
	"f",
	"To",
	"t",
	"Call-ID",
	"i",
	"CSeq",
	"CSeq",
	"Content-Length",
	"l",
	"Content-Length",
	"Max-Forwards",
	"Contact",
	"m",
	"P-Asserted-Identity",
	"P-Asserted-Identity",
	"Privacy",
	"Diversion",
	"Authorization",
	"Proxy-Authorization",
	"Resource-Priority",
	"Route",
	"Record-Route",
	"Require",
	"Subject",
	"s",
	"X-A",
	"Content-Type",
	"c",
	"Supported",
	"k",
	"Date",
	"Expires",
	"Event",
	"Identity",
	"Timestamp",
	"z",
};

/* Places for what server_message_fuzz.c knows: a nonce, a response. */
#define N10   "NNNNNNNNNN"
#define NONCE "nonce=\"" N10 N10 N10 N10 "\""
#define R32   "RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR"

static const char *const values[] = {
	"",
	" ",
	",",
	";",
	"\"",
	"<",
	"<>",
	"<sip:>",
	"*",
	"%s%n%x",
	"\xff\xfe",
	"\xc3\xa9",
	"\xed\xa0\x80",
	"SIP/2.0/UDP a:5060;rport;branch=z9hG4bKa",
	"SIP/2.0/TCP [2001:db8::1]:65535;branch=z9hG4bK",
	"SIP / 2.0 / UDP a ;rport=1;received=192.0.2.1;maddr=1.2.3.4;branch=a, "
	"SIP/2.0/UDP b",
	"<sip:alice@a.test>;tag=1",
	"\"A \\\" B\" <sip:+442071@a;user=phone>;tag=a",
	"sip:a@b;tag=c",
	"<tel:+44-20-7946;phone-context=x>",
	"<sip:%00%2b44@b:0;lr?Subject=a>;tag=",
	"<sips:a:b@[::1]:5061>",
	"<sip:+44207;npdi;rn=+4479;cic=+10288@b>",
	"1 INVITE",
	"4294967296 INVITE",
	"0 OPTIONS",
	"a@b",
	"0",
	"-1",
	"65535",
	"65536",
	"2147483648",
	"4294967296",
	"18446744073709551616",
	"99999999999999999999999999",
	"Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:b\", "
	"response=\"00\", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c\"",
	"Digest username=\"alice\", realm=\"example.net\", " NONCE ", uri=\"sip:1@a\", "
	"response=\"" R32 R32
	"\", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c\"",
	"Digest username=\"bob\", realm=\"example.net\", " NONCE ", uri=\"sip:1@a\", "
	"response=\"" R32 "\", qop=auth, nc=00000001, cnonce=\"c\"",
	"esnet.0, ets.0, wps.4",
	"id;critical",
	"Sat, 13 Nov 2010 23:29:00 GMT",
};

static const char *const start_lines[] = {
	"INVITE sip:+442071234567@a.test SIP/2.0",
	"INVITE tel:+44-207-1234567 SIP/2.0",
	"INVITE sips:alice@[::1]:5061;transport=tls SIP/2.0",
	"INVITE sip:+44207;npdi;rn=+4479;tgrp=t;trunk-context=b@b;user=phone SIP/2.0",
	"OPTIONS sip:a SIP/2.0",
	"CANCEL sip:100@a SIP/2.0",
	"ACK sip:100@a SIP/2.0",
	"invite sip:a SIP/2.0",
	"INVITE  sip:a  SIP/2.0 ",
	"INVITE http://a SIP/2.0",
	"INVITE sip:a SIP/3.0",
	"INVITE",
	"SIP/2.0 200 OK",
	"SIP/2.0 2147483648 ",
};

/* Put into a line anywhere. */
static const char *const inserts[] = {
	"\r\n ",
	"\r\n\t",
	"\n",
	"\r",
	"\r\n",
	"",
	"\x7f",
	"\"",
	"\\",
	"<",
	">",
	",",
	";",
	"=",
	"@",
	":",
	"%",
	"%00",
	"%41",
	"%zz",
	"(",
	")",
	"[",
	"]",
	"?",
	"&",
	"+",
	";tag=x",
	";rport",
	";rport=0",
	";received=::1",
	";branch=z9hG4bKb",
	";lr",
	";q=1",
	";user=phone",
	";x=\"a;b,c\"",
	"\xe2\x82\xac",
	"\xf8\x88\x80\x80\x80",
	" SIP/2.0",
};

static const char *const numbers[] = {
	"0",          "00",         "-1",         "255",
	"256",        "65535",      "65536",      "99999",
	"2147483647", "4294967295", "4294967296", "18446744073709551616",
};

/* A message in lines, each with its end; what is behind the empty line is the body. */
struct text {
	unsigned seed;
	size_t count;
	struct slice lines[LINES_MAX];
	struct slice body;
	size_t spare_used;
	char spare[SPARE_SIZE];
};

/* Randomness */

static unsigned draw(struct text *text, size_t below)
{
	text->seed = text->seed * 1664525u + 1013904223u;
	return below ? (text->seed >> 8) % (unsigned)below : 0;
}

#define PICK(text, of) slice_of((of)[draw(text, COUNT(of))])

/* Lines */

static void read_lines(struct text *text, struct slice rest)
{
	text->count = 0;
	while (rest.len && text->count < LINES_MAX - 4) {
		size_t len = slice_find(rest, '\n');
		len += len < rest.len;
		struct slice line = {rest.at, len};
		text->lines[text->count++] = line;
		rest = slice_skip(rest, len);
		if (line.at[0] == '\n' || (line.at[0] == '\r' && len == 2))
			break;
	}
	text->body = rest;
}

static size_t write_lines(const struct text *text, uint8_t *data, size_t size_max)
{
	size_t size = 0;
	for (size_t i = 0; i <= text->count; i++) {
		struct slice part = i < text->count ? text->lines[i] : text->body;
		size_t room = size_max - size;
		size_t len = part.len < room ? part.len : room;
		memcpy(data + size, part.at ? part.at : "", len);
		size += len;
	}
	return size;
}

/* Four texts as one line; what there is no room for is missing. */
static struct slice join(struct text *text, struct slice a, struct slice b,
                         struct slice c, struct slice d)
{
	const struct slice parts[] = {a, b, c, d};
	struct slice out = {text->spare + text->spare_used, 0};
	for (size_t i = 0; i < COUNT(parts); i++) {
		if (parts[i].len > SPARE_SIZE - text->spare_used)
			break;
		memcpy(text->spare + text->spare_used, parts[i].at ? parts[i].at : "",
		       parts[i].len);
		text->spare_used += parts[i].len;
		out.len += parts[i].len;
	}
	return out;
}

static struct slice first(struct slice line, size_t len)
{
	return (struct slice){line.at, len < line.len ? len : line.len};
}

static const struct slice nothing = {"", 0};

static bool is_length(struct slice line)
{
	struct slice name = slice_trim(first(line, slice_find(line, ':')));
	return slice_equal_nocase(name, slice_of("Content-Length")) ||
	       slice_equal_nocase(name, slice_of("l"));
}

static void insert_line(struct text *text, size_t at, struct slice line)
{
	if (text->count >= LINES_MAX)
		return;
	memmove(text->lines + at + 1, text->lines + at,
	        (text->count - at) * sizeof *text->lines);
	text->lines[at] = line;
	text->count++;
}

static void remove_line(struct text *text, size_t at)
{
	text->count--;
	memmove(text->lines + at, text->lines + at + 1,
	        (text->count - at) * sizeof *text->lines);
}

/* A header line, or the start line of a message that has no other. */
static size_t any_header(struct text *text)
{
	return text->count > 2 ? 1 + draw(text, text->count - 2) : 0;
}

/* Changes */

static void new_header(struct text *text)
{
	struct slice name = PICK(text, names), value = PICK(text, values);
	size_t at = text->count > 1 ? 1 + draw(text, text->count - 1) : text->count;
	insert_line(text, at,
	            join(text, name, slice_of(draw(text, 8) ? ": " : " :"), value,
	                 slice_of(draw(text, 16) ? "\r\n" : "\n")));
}

static void double_header(struct text *text)
{
	size_t at = any_header(text), times = draw(text, 8) ? 1 : 1 + draw(text, 70);
	struct slice line = text->lines[at];
	for (size_t i = 0; i < times; i++)
		insert_line(text, at, line);
}

static void drop_header(struct text *text)
{
	if (text->count > 1)
		remove_line(text, any_header(text));
}

static void swap_headers(struct text *text)
{
	size_t a = any_header(text), b = any_header(text);
	struct slice line = text->lines[a];
	text->lines[a] = text->lines[b];
	text->lines[b] = line;
}

static void rename_header(struct text *text)
{
	size_t at = any_header(text);
	struct slice line = text->lines[at];
	text->lines[at] = join(text, PICK(text, names),
	                       slice_skip(line, slice_find(line, ':')), nothing, nothing);
}

static void new_value(struct text *text)
{
	size_t at = any_header(text);
	struct slice line = text->lines[at];
	text->lines[at] = join(text, first(line, slice_find(line, ':')), slice_of(": "),
	                       PICK(text, values), slice_of("\r\n"));
}

/* A further one behind a comma. */
static void add_value(struct text *text)
{
	size_t at = any_header(text);
	struct slice line = text->lines[at];
	size_t end = line.len > 2 ? line.len - 2 : line.len;
	text->lines[at] =
		join(text, first(line, end), slice_of(draw(text, 2) ? ", " : ","),
	             PICK(text, values), slice_of("\r\n"));
}

static void new_start(struct text *text)
{
	text->lines[0] =
		join(text, PICK(text, start_lines), slice_of("\r\n"), nothing, nothing);
}

static void insert_somewhere(struct text *text)
{
	size_t at = draw(text, text->count);
	struct slice line = text->lines[at];
	size_t place = draw(text, line.len);
	text->lines[at] = join(text, first(line, place), PICK(text, inserts),
	                       slice_skip(line, place), nothing);
}

/* Many of what stands there. */
static void lengthen(struct text *text)
{
	size_t at = draw(text, text->count);
	struct slice line = text->lines[at];
	size_t place = draw(text, line.len), len = 1 + draw(text, 8);
	struct slice piece = first(slice_skip(line, place), len), many = piece;
	for (unsigned i = 3 + draw(text, 7); i && many.len < 8192; i--)
		many = join(text, many, many, nothing, nothing);
	text->lines[at] = join(text, first(line, place), many,
	                       slice_skip(line, place + piece.len), nothing);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void new_number(struct text *text)
{
	size_t at = draw(text, text->count);
	struct slice line = text->lines[at];
	size_t begin = draw(text, line.len), end;
	while (begin < line.len && !is_digit(line.at[begin]))
		begin++;
	for (end = begin; end < line.len && is_digit(line.at[end]);)
		end++;
	if (begin < line.len)
		text->lines[at] = join(text, first(line, begin), PICK(text, numbers),
		                       slice_skip(line, end), nothing);
}

static void mutate_line(struct text *text)
{
	static uint8_t bytes[4096];
	size_t at = draw(text, text->count);
	struct slice line = first(text->lines[at], sizeof bytes / 2);
	if (line.len < 3)
		return;
	memcpy(bytes, line.at, line.len);
	size_t size = LLVMFuzzerMutate(bytes, line.len - 2, sizeof bytes);
	text->lines[at] = join(text, (struct slice){(const char *)bytes, size},
	                       slice_of("\r\n"), nothing, nothing);
}

/* What is there now, or a little more or less. */
static void new_length(struct text *text)
{
	char value[32];
	long long length = (long long)text->body.len + (draw(text, 3) ? 0 : 1);
	length -= draw(text, 3) == 0 ? 1 : 0;
	snprintf(value, sizeof value, "%lld", length);
	for (size_t i = 1; i < text->count; i++)
		if (is_length(text->lines[i]))
			remove_line(text, i--);
	insert_line(text, text->count > 1 ? 1 : text->count,
	            join(text, slice_of(draw(text, 4) ? "Content-Length: " : "l:"),
	                 slice_of(value), slice_of("\r\n"), nothing));
}

static void new_body(struct text *text)
{
	static uint8_t bytes[4096];
	struct slice body = first(text->body, sizeof bytes / 2);
	memcpy(bytes, body.at ? body.at : "", body.len);
	size_t size = LLVMFuzzerMutate(bytes, body.len, sizeof bytes);
	text->body = join(text, (struct slice){(const char *)bytes, size}, nothing,
	                  nothing, nothing);
}

/* The message once more behind itself, as on a stream. */
static void repeat_message(struct text *text)
{
	struct slice all = text->body;
	for (size_t i = 0; i < text->count; i++)
		all = join(text, all, text->lines[i], nothing, nothing);
	text->body = all;
}

static void (*const changes[])(struct text *) = {
	new_header,    new_header,  double_header,    drop_header,      swap_headers,
	rename_header, new_value,   new_value,        add_value,        new_start,
	lengthen,      new_number,  insert_somewhere, insert_somewhere, mutate_line,
	mutate_line,   mutate_line, new_length,       new_body,         repeat_message,
};

size_t sip_mutate(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	static struct text text;
	static char before[SPARE_SIZE];
	text.seed = seed;
	if (size > sizeof before || !size || draw(&text, 5) == 0)
		return LLVMFuzzerMutate(data, size, size_max);
	memcpy(before, data, size);
	text.spare_used = 0;
	read_lines(&text, (struct slice){before, size});
	for (unsigned i = 1 + draw(&text, 3); i && text.count; i--)
		changes[draw(&text, COUNT(changes))](&text);
	size = write_lines(&text, data, size_max);
	return size ? size : LLVMFuzzerMutate(data, size, size_max);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	size_t prefix = sip_mutator_prefix;
	if (size <= prefix || size_max <= prefix || (prefix && seed % 16 == 0))
		return LLVMFuzzerMutate(data, size, size_max);
	return prefix +
	       sip_mutate(data + prefix, size - prefix, size_max - prefix, seed / 16);
}
