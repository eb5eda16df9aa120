/* SPDX-License-Identifier: MIT */
#include "rules/decimal.h"

#include <stdio.h>

#define PLACES      9 /* before the point, and behind it */
#define ONE         1000000000
#define PERCENT_MAX 99999999999u /* hundredths */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t count_digits(struct slice text)
{
	size_t count = 0;
	while (count < text.len && is_digit(text.at[count]))
		count++;
	return count;
}

static int64_t value_of(struct slice digits, size_t places)
{
	int64_t value = 0;
	for (size_t i = 0; i < places; i++)
		value = value * 10 + (i < digits.len ? digits.at[i] - '0' : 0);
	return value;
}

/* Why what stands behind the digits is none of them. */
static bool refuse(struct slice rest, const char **why, const char **hint)
{
	*why = "this is no decimal number";
	*hint = "write it like 0.0125";
	if (rest.at[0] == ',')
		*hint = "the decimal point is a point: 0.0125";
	else if (rest.at[0] == '-')
		*why = "a number below zero";
	else if (rest.at[0] == 'e' || rest.at[0] == 'E')
		*hint = "write all of its digits, without an exponent";
	return false;
}

bool decimal_parse(struct slice text, struct decimal *out, const char **why,
                   const char **hint)
{
	struct slice whole = {text.at, count_digits(text)}, part = {NULL, 0};
	struct slice rest = slice_skip(text, whole.len);
	if (rest.len && rest.at[0] == '.') {
		part = slice_skip(rest, 1);
		part.len = count_digits(part);
		rest = slice_skip(rest, 1 + part.len);
		if (!part.len && !rest.len) /* "1." */
			rest = (struct slice){".", 1};
	}
	*hint = NULL;
	if (!text.len) {
		*why = "there is no number";
		return false;
	}
	if (rest.len)
		return refuse(rest, why, hint);
	while (whole.len && whole.at[0] == '0')
		whole = slice_skip(whole, 1);
	while (part.len && part.at[part.len - 1] == '0')
		part.len--;
	if (whole.len > PLACES || part.len > PLACES) {
		*why = whole.len > PLACES ? "more than 9 digits before the point"
		                          : "more than 9 decimal places";
		return false;
	}
	out->billionths = value_of(whole, whole.len) * ONE + value_of(part, PLACES);
	return true;
}

const char *decimal_text(struct decimal value, char text[DECIMAL_TEXT_MAX])
{
	int length = snprintf(text, DECIMAL_TEXT_MAX, "%lld.%09lld",
	                      (long long)(value.billionths / ONE),
	                      (long long)(value.billionths % ONE));
	while (text[length - 1] == '0')
		text[--length] = '\0';
	if (text[length - 1] == '.')
		text[--length] = '\0';
	return text;
}

const char *decimal_percent(struct decimal old, struct decimal now,
                            char text[DECIMAL_PERCENT_MAX])
{
	text[0] = '\0';
	if (old.billionths <= 0)
		return text;
	bool less = now.billionths < old.billionths;
	int64_t change = now.billionths - old.billionths;
	unsigned __int128 twice = (unsigned __int128)(less ? -change : change) * 20000 +
	                          (uint64_t)old.billionths;
	unsigned __int128 hundredths = twice / (2 * (uint64_t)old.billionths);
	if (hundredths > PERCENT_MAX)
		hundredths = PERCENT_MAX;
	snprintf(text, DECIMAL_PERCENT_MAX, "%c%llu.%02u%%", less ? '-' : '+',
	         (unsigned long long)(hundredths / 100), (unsigned)(hundredths % 100));
	return text;
}
