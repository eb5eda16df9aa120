/* SPDX-License-Identifier: MIT */
/* escape.h - texts that a peer sent, made safe inside a line of the log. */
#ifndef SERVER_ESCAPE_H
#define SERVER_ESCAPE_H

#include <stdbool.h>

#include "rules/slice.h"

/* Copies text: control characters, quotes, backslashes, characters that change the
 * direction of text, and bytes that are not UTF-8 become \xNN, or \u00NN in json, where
 * the outcome is always valid inside a string. Never writes more than size bytes (4 or
 * more), the NUL included; a text that is cut ends with "...". Returns how many it wrote,
 * without the NUL. */
size_t escape(struct slice text, bool json, char *to, size_t size);

/* The same, and returns to. */
const char *log_escape(struct slice text, char *to, size_t size);
const char *log_escape_json(struct slice text, char *to, size_t size);

#endif
