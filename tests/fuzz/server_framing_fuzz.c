/* SPDX-License-Identifier: MIT */
/* Feeds a stream to the framer, in one piece and in segments that the input chooses: both
 * must be cut alike, and the parser must find what is handed on to be whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/su_wait.h>

#include "server/sip/framing.h"
#include "tests/fuzz/sip_mutator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const size_t sip_mutator_prefix = 4; /* the segments */

#define REQUIRE(condition)                                                               \
	do {                                                                             \
		if (!(condition))                                                        \
			abort();                                                         \
	} while (0)

/* A NUL ends everything for the parser; what comes in from a socket has none left when it
 * is parsed. */
static void check_parse(struct slice text)
{
	msg_t *msg = memchr(text.at, '\0', text.len) ? NULL : message_parse(text);
	if (!msg)
		return;
	const struct message *message = message_of(msg);
	REQUIRE(message && message->framing == FRAMING_OK);
	msg_destroy(msg);
}

/* The next frame of text[*used..end), looked at in memory of just that size. */
static struct frame next(struct framer *framer, struct slice text, size_t end,
                         size_t *used)
{
	size_t len = end - *used;
	char *memory = malloc(len ? len : 1);
	REQUIRE(memory);
	memcpy(memory, text.at + *used, len);
	struct frame frame = framer_next(framer, (struct slice){memory, len});
	REQUIRE(frame.used <= len);
	REQUIRE(!frame.text.len || (frame.text.at >= memory &&
	                            frame.text.at + frame.text.len <= memory + len));
	frame.text.at = text.at + *used + (frame.text.len ? frame.text.at - memory : 0);
	*used += frame.used;
	free(memory);
	return frame;
}

/* The next that is not NONE; segments: how many bytes come at a time. */
static struct frame next_of_segments(struct framer *framer, struct slice text,
                                     size_t *end, size_t *used, const uint8_t *segments,
                                     size_t *turn)
{
	for (;;) {
		struct frame frame = next(framer, text, *end, used);
		if (frame.kind != FRAME_NONE || *end == text.len)
			return frame;
		size_t more = 1u + segments[(*turn)++ % 4];
		*end = text.len - *end > more ? *end + more : text.len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	if (!started)
		REQUIRE(su_init() == 0 && message_init());
	started = true;
	if (size < 4)
		return 0;
	struct slice text = {(const char *)data + 4, size - 4};
	struct framer whole = {0}, cut = {0};
	struct frame a, b;
	size_t used_a = 0, used_b = 0, end = 0, turn = 0;
	do {
		a = next(&whole, text, text.len, &used_a);
		b = next_of_segments(&cut, text, &end, &used_b, data, &turn);
		REQUIRE(a.kind == b.kind && a.framing == b.framing);
		REQUIRE(a.text.len == b.text.len);
		REQUIRE(!a.text.len || a.text.at == b.text.at);
		if (a.kind == FRAME_MESSAGE)
			check_parse(a.text);
	} while (a.kind == FRAME_PING || a.kind == FRAME_MESSAGE);
	return 0;
}
