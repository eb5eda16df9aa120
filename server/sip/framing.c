/* SPDX-License-Identifier: MIT */
#include "server/sip/framing.h"

enum place {
	PLACE_START_LINE,
	PLACE_AFTER_START, /* blanks here belong to no line: the parser skips them */
	PLACE_FIELD,       /* inside of a header line */
	PLACE_LINE,        /* at the beginning of a line */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_line_end(char c)
{
	return c == '\r' || c == '\n';
}

/* Bytes of the line end that text begins with; 0: another byte is needed to tell. */
static size_t line_end(struct slice text)
{
	if (text.at[0] == '\n')
		return 1;
	if (text.len < 2)
		return 0;
	return text.at[1] == '\n' ? 2 : 1;
}

/* Between messages: bytes of line ends (RFC 3261 7.5 has them ignored), up to the end of
 * a CRLFCRLF. */
static size_t skip_gap(struct framer *framer, struct slice received, bool *ping)
{
	static const char wanted[] = "\r\n\r\n";
	size_t i = 0;
	while (i < received.len && is_line_end(received.at[i])) {
		char c = received.at[i++];
		framer->crlfs = c == wanted[framer->crlfs]
		                        ? (unsigned char)(framer->crlfs + 1)
		                        : c == '\r';
		*ping = framer->crlfs == sizeof wanted - 1;
		if (*ping)
			break;
	}
	if (*ping || i < received.len)
		framer->crlfs = 0;
	return i;
}

/* The field that ends here may say how long the body is. */
static void end_field(struct framer *framer, struct slice text)
{
	struct slice line = {text.at + framer->field, framer->scanned - framer->field};
	struct field field;
	char first = (char)(*line.at | 0x20); /* of Content-Length or l */
	if ((first == 'c' || first == 'l') && field_split(line, &field))
		content_length_add(&framer->length, &field);
	framer->field = framer->scanned;
}

/* To the next line. False: its end has not been received. */
static bool pass_line(struct framer *framer, struct slice text)
{
	while (framer->scanned < text.len && !is_line_end(text.at[framer->scanned]))
		framer->scanned++;
	struct slice rest = slice_skip(text, framer->scanned);
	size_t end = rest.len ? line_end(rest) : 0;
	if (!end)
		return false;
	framer->scanned += end;
	framer->place =
		framer->place == PLACE_START_LINE ? PLACE_AFTER_START : PLACE_LINE;
	return true;
}

/* At the beginning of a line: is it a field, the rest of one that is folded (RFC 3261
 * 7.3.1), or the empty line? False: cannot tell yet; *end if it is the empty line. */
static bool begin_line(struct framer *framer, struct slice text, bool *end)
{
	if (framer->place == PLACE_AFTER_START) {
		while (framer->scanned < text.len && is_blank(text.at[framer->scanned]))
			framer->scanned++;
		framer->field = framer->scanned;
	}
	if (framer->scanned == text.len)
		return false;
	struct slice rest = slice_skip(text, framer->scanned);
	size_t empty = is_line_end(*rest.at) ? line_end(rest) : 0;
	if (is_line_end(*rest.at) && !empty)
		return false;
	if (framer->place == PLACE_LINE && !is_blank(*rest.at))
		end_field(framer, text);
	*end = empty;
	framer->scanned += empty;
	framer->place = PLACE_FIELD;
	return true;
}

/* Looks for the empty line. True: it ends at framer->scanned. */
static bool find_end(struct framer *framer, struct slice text)
{
	bool end = false;
	while (!end) {
		bool inside =
			framer->place == PLACE_START_LINE || framer->place == PLACE_FIELD;
		if (inside ? !pass_line(framer, text) : !begin_line(framer, text, &end))
			return false;
	}
	return true;
}

/* The head is complete: how long is the message? */
static enum framing measure(struct framer *framer)
{
	if (framer->length.bad)
		return FRAMING_BAD_LENGTH;
	if (!framer->length.seen)
		return FRAMING_NO_LENGTH;
	if (framer->length.bytes > MESSAGE_MAX - framer->scanned)
		return FRAMING_TOO_LARGE;
	framer->whole = framer->scanned + framer->length.bytes;
	return FRAMING_OK;
}

static enum framing read_head(struct framer *framer, struct slice text)
{
	if (find_end(framer, text))
		return measure(framer);
	return text.len < MESSAGE_MAX ? FRAMING_OK : FRAMING_TOO_LARGE;
}

static struct frame bad(enum framing why, struct slice received, struct slice text)
{
	return (struct frame){FRAME_BAD, received.len, text, why};
}

struct frame framer_next(struct framer *framer, struct slice received)
{
	bool ping = false;
	size_t gap = framer->scanned ? 0 : skip_gap(framer, received, &ping);
	struct slice text = slice_skip(received, gap);
	if (ping)
		return (struct frame){.kind = FRAME_PING, .used = gap};
	if (text.len == 0)
		return (struct frame){.kind = FRAME_NONE, .used = gap};
	if (*text.at <= ' ' || *text.at > '~') /* no SIP: perhaps TLS */
		return bad(FRAMING_BAD_LENGTH, received, (struct slice){0});
	if (text.len > MESSAGE_MAX)
		text.len = MESSAGE_MAX;
	enum framing framing = framer->whole ? FRAMING_OK : read_head(framer, text);
	if (framing != FRAMING_OK)
		return bad(framing, received, (struct slice){text.at, framer->field});
	if (!framer->whole || text.len < framer->whole)
		return (struct frame){.kind = FRAME_NONE, .used = gap};
	text.len = framer->whole;
	*framer = (struct framer){0};
	return (struct frame){FRAME_MESSAGE, gap + text.len, text, FRAMING_OK};
}
