/* SPDX-License-Identifier: MIT */
/* number.h - telephone numbers as rules compare them (RFC 3966, RFC 3261 19.1.1). */
#ifndef RULES_NUMBER_H
#define RULES_NUMBER_H

#include "rules/slice.h"

#define NUMBER_MAX 1024 /* bytes; a longer user part is refused */

/* Makes the comparable form of a user part (of a sip URI) or of what follows "tel:".
 *
 * Percent escapes are decoded, except those of % & = $ , ; ? / which would change what
 * the URI means (RFC 3261 19.1.4); they stay, in upper case. If the text is a telephone
 * number (telephone is true: a tel URI or user=phone; or it looks like one: an optional
 * +, digits, * and #, visual separators and parameters behind a ;) then visual separators
 * -.() and parameters go, + stays, and a local number with ;phone-context=+NN becomes +NN
 * and the number (RFC 3966 5.1.5), unless it has three digits or fewer and NN is no more
 * than a country's code: 112 stays 112. Any other text ("alice.smith", "user;par=u")
 * keeps all its characters.
 *
 * What is no valid escape (%4, %zz) stays as it is; %00 becomes a NUL byte like any
 * other.
 *
 * Writes at most NUMBER_MAX bytes into buffer; out then points into it. False if it would
 * be longer. */
bool number_clean(struct slice user, bool telephone, char buffer[NUMBER_MAX],
                  struct slice *out);

/* True if a text that number_clean() gave is a telephone number by its looks. */
bool number_is_telephone(struct slice number);

/* What stands behind the first ; of a user part that number_clean() takes for a telephone
 * number; empty if it is none. */
struct slice number_parameters(struct slice user, bool telephone);

/* As number_clean(), for a number that an operator wrote in the table: spaces and tabs
 * are separators too, if without them it looks like a number, and nothing is
 * percent-decoded (but the escapes that number_clean() keeps become upper case here as
 * well, so that the two compare). */
bool number_clean_written(struct slice text, char buffer[NUMBER_MAX], struct slice *out);

/* Escapes a number as the user part of a SIP URI (RFC 3261 25.1 user: unreserved and
 * user-unreserved stay, a valid %XX as number_clean() keeps it stays, all else becomes
 * %XX). Returns the length it needs; nothing beyond size is written, so a return value >
 * size means it did not fit. */
size_t number_escape(struct slice number, char *to, size_t size);

#endif
