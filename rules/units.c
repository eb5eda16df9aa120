/* SPDX-License-Identifier: MIT */
#include "rules/units.h"

struct unit {
	const char *name;
	unsigned long is;
};

static bool parse(struct slice text, const struct unit *units, size_t count,
                  unsigned long max, unsigned long *out)
{
	unsigned long number;
	struct slice digits = text;
	while (digits.len &&
	       (digits.at[digits.len - 1] < '0' || digits.at[digits.len - 1] > '9'))
		digits.len--;
	struct slice name = slice_skip(text, digits.len);
	for (size_t i = 0; i < count; i++) {
		if (!slice_equal(name, slice_of(units[i].name)))
			continue;
		if (!slice_number(digits, max / units[i].is, &number) || number == 0)
			return false;
		*out = number * units[i].is;
		return true;
	}
	return false;
}

bool units_duration(struct slice text, unsigned long max_ms, unsigned long *ms)
{
	static const struct unit units[] = {
		{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	return parse(text, units, sizeof units / sizeof units[0], max_ms, ms);
}

bool units_size(struct slice text, unsigned long max, unsigned long *bytes)
{
	static const struct unit units[] = {{"", 1}, {"K", 1024}, {"M", 1024 * 1024}};
	return parse(text, units, sizeof units / sizeof units[0], max, bytes);
}
