/* SPDX-License-Identifier: MIT */
#include "server/sip/scan.h"

#include <string.h>

/* Takes the next line off text, without its CRLF. False if it does not end in CRLF, or
 * holds a control character: those are message_parse()'s. */
static bool next_line(struct slice *text, struct slice *line)
{
	size_t len = slice_control(*text);
	if (len + 1 >= text->len || text->at[len] != '\r' || text->at[len + 1] != '\n')
		return false;
	*line = (struct slice){text->at, len};
	*text = (struct slice){text->at + len + 2, text->len - len - 2};
	return true;
}

/* Takes "Name: value" off text, with a name of two bytes or more and nothing before its
 * colon. */
static bool next_field(struct slice *text, struct field *field)
{
	size_t name = slice_token(*text);
	if (name < 2 || name == text->len || text->at[name] != ':')
		return false;
	field->name = (struct slice){text->at, name};
	*text = slice_skip(*text, name + 1);
	if (!next_line(text, &field->value))
		return false;
	field->value = slice_trim(field->value);
	return true;
}

/* At most one Content-Length, of digits, within the datagram. */
static bool read_length(const struct field *field, size_t *seen, unsigned long *length)
{
	if (field->name.len != 14 ||
	    !slice_equal_nocase(field->name, slice_of("Content-Length")))
		return true;
	return (*seen)++ == 0 && slice_number(field->value, MESSAGE_MAX, length);
}

const struct message *scan_message(struct scan *scan, struct slice text)
{
	struct message *message = &scan->message;
	size_t lengths = 0;
	unsigned long length = 0;
	*message = (struct message){.fields = scan->fields, .clean = true};
	if (!next_line(&text, &message->start_line) || !message->start_line.len ||
	    message->start_line.at[0] == ' ')
		return NULL;
	while (!slice_begins(text, (struct slice){"\r\n", 2})) {
		struct field *field = &scan->fields[message->field_count];
		if (message->field_count == SCAN_FIELDS_MAX ||
		    !next_field(&text, field) || !read_length(field, &lengths, &length))
			return NULL;
		message->field_count++;
	}
	message->start_line = slice_trim(message->start_line);
	return length <= text.len - 2 ? message : NULL;
}
