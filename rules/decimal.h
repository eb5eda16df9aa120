/* SPDX-License-Identifier: MIT */
/* decimal.h - exact decimals: rates, limits and qualities.
 *
 * From 0 to 999999999.999999999, none of them rounded: 0.1 is a tenth.
 */
#ifndef RULES_DECIMAL_H
#define RULES_DECIMAL_H

#include <stdint.h>

#include "rules/slice.h"

struct decimal {
	int64_t billionths;
};

/* Reads all of text: 0.0125, 1, .5 and 1.500 (which is 1.5). At most 9 digits before the
 * point and 9 behind it, but for zeros at either end. False if it is something else; *why
 * then says what is wrong with it, and *hint, which may be NULL, what to do. */
bool decimal_parse(struct slice text, struct decimal *out, const char **why,
                   const char **hint);

/* < 0, 0 or > 0 */
static inline int decimal_compare(struct decimal a, struct decimal b)
{
	return (a.billionths > b.billionths) - (a.billionths < b.billionths);
}

/* "0.0125", without zeros at the end. */
#define DECIMAL_TEXT_MAX 24
const char *decimal_text(struct decimal value, char text[DECIMAL_TEXT_MAX]);

/* How much more than old now is: "+20.00%", half a hundredth rounded away from zero,
 * at most 999999999.99%; empty if old is 0. */
#define DECIMAL_PERCENT_MAX 32
const char *decimal_percent(struct decimal old, struct decimal now,
                            char text[DECIMAL_PERCENT_MAX]);

#endif
