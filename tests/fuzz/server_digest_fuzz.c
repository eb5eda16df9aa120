/* SPDX-License-Identifier: MIT */
/* Takes any bytes for the value of an Authorization field: every piece must lie in it,
 * hold no control character, and come out the same when it is written again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/trust/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                               \
	do {                                                                             \
		if (!(condition))                                                        \
			abort();                                                         \
	} while (0)

struct piece {
	const char *name;
	struct slice value;
};

/* The known parameters, all quoted. */
static size_t write_again(const struct piece *pieces, size_t count,
                          char to[2 * DIGEST_BYTES_MAX])
{
	size_t len = (size_t)sprintf(to, "Digest x=y");
	for (size_t i = 0; i < count; i++)
		if (pieces[i].value.at)
			len += (size_t)sprintf(to + len, ", %s=\"%.*s\"", pieces[i].name,
			                       (int)pieces[i].value.len,
			                       pieces[i].value.at);
	return len;
}

static void check_piece(struct slice piece, struct slice text)
{
	char buffer[DIGEST_BYTES_MAX];
	struct slice plain;
	REQUIRE(!piece.at ||
	        (piece.at >= text.at && piece.at + piece.len <= text.at + text.len));
	REQUIRE(!slice_has_control(piece));
	REQUIRE(digest_unescape(piece, buffer, sizeof buffer, &plain));
	REQUIRE(plain.len <= piece.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct digest digest, again;
	char *exact = malloc(size ? size : 1);
	struct slice text = {exact, size};
	REQUIRE(exact);
	if (size)
		memcpy(exact, data, size);
	if (digest_read(text, &digest)) {
		static char written[2 * DIGEST_BYTES_MAX];
		const struct piece pieces[] = {{"username", digest.username},
		                               {"realm", digest.realm},
		                               {"nonce", digest.nonce},
		                               {"uri", digest.uri},
		                               {"response", digest.response},
		                               {"algorithm", digest.algorithm},
		                               {"cnonce", digest.cnonce},
		                               {"qop", digest.qop},
		                               {"nc", digest.nc}};
		for (size_t i = 0; i < 9; i++)
			check_piece(pieces[i].value, text);
		struct slice copy = {written, write_again(pieces, 9, written)};
		REQUIRE(copy.len > DIGEST_BYTES_MAX || digest_read(copy, &again));
		REQUIRE(copy.len > DIGEST_BYTES_MAX ||
		        slice_equal(digest.nonce, again.nonce));
	}
	free(exact);
	return 0;
}
