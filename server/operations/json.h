/* SPDX-License-Identifier: MIT */
/* json.h - writes one JSON text (RFC 8259), a value at a time.
 *
 *     json_object(&json, NULL);
 *     json_text(&json, "version", slice_of(VERSION));
 *     json_array(&json, "doors");
 *     ...
 *     json_end(&json);
 *     json_end(&json);
 *
 * Commas are its business. A key is NULL inside an array, and for the outermost value.
 */
#ifndef SERVER_JSON_H
#define SERVER_JSON_H

#include <stdint.h>
#include <stdio.h>

#include "rules/slice.h"

#define JSON_DEPTH_MAX 16

/* Begins with to, and all else zero. */
struct json {
	FILE *to;
	unsigned depth;
	bool more[JSON_DEPTH_MAX + 1];    /* something has been written at this depth */
	char closing[JSON_DEPTH_MAX + 1]; /* what ends it */
};

void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);
void json_end(struct json *json); /* of the object or array that was begun last */

/* A text of any bytes: what is not UTF-8 becomes U+FFFD, byte by byte. Control
 * characters, and what has a meaning in HTML or JavaScript, are escaped. */
void json_text(struct json *json, const char *key, struct slice value);
void json_count(struct json *json, const char *key, uint64_t value);
void json_number(struct json *json, const char *key, double value); /* finite */
void json_null(struct json *json, const char *key);

#endif
