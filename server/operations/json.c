/* SPDX-License-Identifier: MIT */
#include "server/operations/json.h"

#include <assert.h>

/* U+2028 and U+2029 end a line in JavaScript. */
static bool is_plain(const char *at, size_t len)
{
	if (len == 1)
		return (unsigned char)*at >= ' ' && *at != 0x7f &&
		       !strchr("\"\\<>&", *at);
	return len > 0 && !(len == 3 && (memcmp(at, "\xe2\x80\xa8", 3) == 0 ||
	                                 memcmp(at, "\xe2\x80\xa9", 3) == 0));
}

static void write_escaped(FILE *to, const char *at, size_t len)
{
	if (len == 0)
		fputs("\\ufffd", to);
	else if (len == 1)
		fprintf(to, "\\u%04x", (unsigned)(unsigned char)*at);
	else
		fprintf(to, "\\u20%02x", (unsigned)(unsigned char)at[2] - 0x80);
}

static void write_string(FILE *to, struct slice text)
{
	putc_unlocked('"', to);
	while (text.len > 0) {
		size_t len = slice_utf8(text);
		if (is_plain(text.at, len))
			fwrite_unlocked(text.at, 1, len, to);
		else
			write_escaped(to, text.at, len);
		text = slice_skip(text, len ? len : 1);
	}
	putc_unlocked('"', to);
}

static void begin(struct json *json, const char *key)
{
	if (json->more[json->depth])
		putc_unlocked(',', json->to);
	json->more[json->depth] = true;
	if (!key)
		return;
	write_string(json->to, slice_of(key));
	putc_unlocked(':', json->to);
}

static void open_value(struct json *json, const char *key, char opening, char closing)
{
	begin(json, key);
	assert(json->depth < JSON_DEPTH_MAX);
	json->depth++;
	json->more[json->depth] = false;
	json->closing[json->depth] = closing;
	putc_unlocked(opening, json->to);
}

void json_object(struct json *json, const char *key)
{
	open_value(json, key, '{', '}');
}

void json_array(struct json *json, const char *key)
{
	open_value(json, key, '[', ']');
}

void json_end(struct json *json)
{
	assert(json->depth > 0);
	putc_unlocked(json->closing[json->depth--], json->to);
}

void json_text(struct json *json, const char *key, struct slice value)
{
	begin(json, key);
	write_string(json->to, value);
}

void json_count(struct json *json, const char *key, uint64_t value)
{
	begin(json, key);
	fprintf(json->to, "%llu", (unsigned long long)value);
}

/* Never in an exponent's notation, nor with a locale's comma: the process has none. */
void json_number(struct json *json, const char *key, double value)
{
	begin(json, key);
	fprintf(json->to, "%.3f", value);
}

void json_null(struct json *json, const char *key)
{
	begin(json, key);
	fputs("null", json->to);
}
