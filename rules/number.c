/* SPDX-License-Identifier: MIT */
#include "rules/number.h"

#include <string.h>

#include "rules/uri.h"

static const char hex[] = "0123456789ABCDEF";

/* Who wrote a number: a URI has escapes, an operator uses spaces. */
enum origin { FROM_URI, FROM_TABLE };

/* One character of a number: a byte, or an escape that stays one. */
struct unit {
	char bytes[3];
	size_t len;
};

struct output {
	char *buffer;
	size_t len;
	bool fits;
};

/* RFC 3261 19.1.4: these mean something else when they are not escaped. */
static bool stays_escaped(char byte)
{
	return byte != '\0' && strchr("%&=$,;?/", byte);
}

static struct unit next_unit(struct slice *rest, enum origin origin)
{
	char byte;
	if (!uri_unescape(*rest, &byte) ||
	    (origin == FROM_TABLE && !stays_escaped(byte))) {
		byte = rest->at[0];
		*rest = slice_skip(*rest, 1);
		return (struct unit){{byte}, 1};
	}
	*rest = slice_skip(*rest, 3);
	if (!stays_escaped(byte))
		return (struct unit){{byte}, 1};
	unsigned char value = (unsigned char)byte;
	return (struct unit){{'%', hex[value >> 4], hex[value & 15]}, 3};
}

static bool is_unit(struct unit unit, const char *set)
{
	return unit.len == 1 && unit.bytes[0] != '\0' && strchr(set, unit.bytes[0]);
}

static bool is_separator(struct unit unit, enum origin origin)
{
	return is_unit(unit, origin == FROM_TABLE ? "-.() \t" : "-.()");
}

/* An optional +, digits, * and # with separators in between, which an operator also
 * writes before the +, and parameters behind a ;. */
static bool looks_like_number(struct slice text, enum origin origin)
{
	bool begun = false, digits = false;
	while (text.len > 0) {
		struct unit unit = next_unit(&text, origin);
		if (is_unit(unit, ";"))
			break;
		if (is_unit(unit, "0123456789"))
			digits = true;
		else if (!is_separator(unit, origin) &&
		         !is_unit(unit, begun ? "*#" : "*#+"))
			return false;
		begun = begun || origin == FROM_URI || !is_separator(unit, origin);
	}
	return digits;
}

static bool begins_with_plus(struct slice text, enum origin origin)
{
	while (text.len > 0) {
		struct unit unit = next_unit(&text, origin);
		if (!is_separator(unit, origin))
			return is_unit(unit, "+");
	}
	return false;
}

static void put(struct output *output, const char *bytes, size_t len)
{
	if (len > NUMBER_MAX - output->len) {
		output->fits = false;
		return;
	}
	memcpy(output->buffer + output->len, bytes, len);
	output->len += len;
}

static void put_all(struct output *output, struct slice text, enum origin origin)
{
	while (text.len > 0 && output->fits) {
		struct unit unit = next_unit(&text, origin);
		put(output, unit.bytes, unit.len);
	}
}

static void put_digits(struct output *output, struct slice text, enum origin origin)
{
	while (text.len > 0 && output->fits) {
		struct unit unit = next_unit(&text, origin);
		if (!is_separator(unit, origin))
			put(output, unit.bytes, unit.len);
	}
}

/* Without separators. */
static size_t count_units(struct slice text, enum origin origin)
{
	size_t count = 0;
	while (text.len > 0)
		count += !is_separator(next_unit(&text, origin), origin);
	return count;
}

/* 112 in the context of +44 is not +44112, which is nobody's number: so short a number is
 * a service of the country. */
static bool is_service(struct slice number, struct slice context, enum origin origin)
{
	return count_units(number, origin) <= 3 &&
	       count_units(context, origin) <= strlen("+358");
}

/* RFC 3966 5.1.5: the context of a local number is a domain name, of no use here, or the
 * global number that goes before it. */
static void put_context(struct output *output, struct slice number, struct slice params,
                        enum origin origin)
{
	struct slice context;
	if (uri_param(params, "phone-context", &context) &&
	    begins_with_plus(context, origin) && looks_like_number(context, origin) &&
	    !is_service(number, context, origin))
		put_digits(output, context, origin);
}

static void put_telephone(struct output *output, struct slice text, enum origin origin)
{
	struct slice number = {text.at, slice_find(text, ';')};
	if (!begins_with_plus(number, origin))
		put_context(output, number, slice_skip(text, number.len + 1), origin);
	put_digits(output, number, origin);
}

static bool clean(struct slice text, bool telephone, enum origin origin,
                  char buffer[NUMBER_MAX], struct slice *out)
{
	struct output output = {buffer, 0, true};
	if (telephone || looks_like_number(text, origin))
		put_telephone(&output, text, origin);
	else
		put_all(&output, text, origin);
	if (!output.fits)
		return false;
	*out = (struct slice){buffer, output.len};
	return true;
}

/* Letters, digits, + * # and _ are the same before and after: most numbers are ready. */
static bool is_clean(struct slice text)
{
	static const bool same[256] = {
		['0' ... '9'] = true, ['a' ... 'z'] = true, ['A' ... 'Z'] = true,
		['+'] = true,         ['*'] = true,         ['#'] = true,
		['_'] = true,
	};
	for (size_t i = 0; i < text.len; i++)
		if (!same[(unsigned char)text.at[i]])
			return false;
	return text.len <= NUMBER_MAX;
}

static struct slice copy(struct slice text, char buffer[NUMBER_MAX])
{
	if (text.len)
		memcpy(buffer, text.at, text.len);
	return (struct slice){buffer, text.len};
}

bool number_clean(struct slice user, bool telephone, char buffer[NUMBER_MAX],
                  struct slice *out)
{
	if (!is_clean(user))
		return clean(user, telephone, FROM_URI, buffer, out);
	*out = copy(user, buffer);
	return true;
}

bool number_is_telephone(struct slice number)
{
	return looks_like_number(number, FROM_URI);
}

struct slice number_parameters(struct slice user, bool telephone)
{
	struct slice params = slice_skip(user, slice_find(user, ';') + 1);
	if (params.len && (telephone || looks_like_number(user, FROM_URI)))
		return params;
	return (struct slice){0};
}

bool number_clean_written(struct slice text, char buffer[NUMBER_MAX], struct slice *out)
{
	if (!is_clean(text))
		return clean(text, false, FROM_TABLE, buffer, out);
	*out = copy(text, buffer);
	return true;
}

/* How many bytes at the head of number stay as they are. */
static size_t plain_length(struct slice number)
{
	size_t len = 0;
	while (len < number.len && uri_is_user_char(number.at[len]))
		len++;
	return len;
}

size_t number_escape(struct slice number, char *to, size_t size)
{
	size_t len = plain_length(number);
	if (len && len <= size)
		memcpy(to, number.at, len);
	for (size_t i = len; i < number.len; i++) {
		char c = number.at[i], byte;
		unsigned char value = (unsigned char)c;
		char escape[3] = {'%', hex[value >> 4], hex[value & 15]};
		bool stays =
			uri_is_user_char(c) || uri_unescape(slice_skip(number, i), &byte);
		size_t count = stays ? 1 : sizeof(escape);
		if (len + count <= size)
			memcpy(to + len, stays ? &c : escape, count);
		len += count;
	}
	return len;
}
