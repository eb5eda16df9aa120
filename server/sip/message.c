/* SPDX-License-Identifier: MIT */
#include "server/sip/message.h"

#include <assert.h>
#include <string.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_buffer.h>
#include <sofia-sip/msg_header.h>
#include <sofia-sip/msg_parser.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/su_alloc.h>

/* What the parser makes of a start line: what nta is to see, and what came. */
struct start_line {
	union {
		sip_request_t request;
		sip_status_t status;
	} shown;
	struct message message;
	struct field *fields; /* message.fields, for adding to */
	size_t field_room;
	bool out_of_memory; /* a field is missing */
	size_t body_left;   /* bytes of the body still to come, on a stream */
};

/* The parser keeps one object for all header fields: it is a list to which each field
 * adds itself, so that many fields cost no more each than few. */
struct header_fields {
	sip_common_t common[1];
	sip_header_t *next;
};

/* The well-formed headers that nta is shown; never written to. */
static struct {
	sip_from_t *from;
	sip_to_t *to;
	sip_call_id_t *call_id;
	sip_cseq_t *cseq;
} shown;

static struct msg_hclass_s request_class[1], status_class[1], fields_class[1];
static msg_mclass_t *classes[2];

static struct start_line *start_of(msg_pub_t *pub)
{
	sip_t *sip = (sip_t *)pub;
	if (sip->sip_request)
		return (struct start_line *)(void *)sip->sip_request;
	return (struct start_line *)(void *)sip->sip_status;
}

/* The start line */

static void note_start(sip_header_t *header, char *text, isize_t length)
{
	struct start_line *start = (struct start_line *)(void *)header;
	start->message.start_line = slice_trim((struct slice){text, length});
}

static issize_t take_request(su_home_t *home, msg_header_t *header, char *text,
                             isize_t length)
{
	sip_request_t *request = (sip_request_t *)header;
	(void)home;
	note_start((sip_header_t *)header, text, length);
	request->rq_method = sip_method_invite;
	request->rq_method_name = sip_method_name_invite;
	request->rq_url->url_type = url_sip;
	request->rq_url->url_scheme = url_scheme(url_sip);
	request->rq_url->url_host = "signpost.invalid";
	request->rq_version = sip_version_2_0;
	return 0;
}

static issize_t take_status(su_home_t *home, msg_header_t *header, char *text,
                            isize_t length)
{
	sip_status_t *status = (sip_status_t *)header;
	(void)home;
	note_start((sip_header_t *)header, text, length);
	status->st_version = sip_version_2_0;
	status->st_status = 100;
	status->st_phrase = "";
	return 0;
}

/* Header fields */

static bool grow(su_home_t *home, struct start_line *start)
{
	size_t room = start->field_room ? start->field_room * 2 : 32;
	struct field *fields = su_alloc(home, (isize_t)(room * sizeof *fields));
	if (!fields)
		return false;
	if (start->message.field_count)
		memcpy(fields, start->fields,
		       start->message.field_count * sizeof *fields);
	start->message.fields = start->fields = fields;
	start->field_room = room;
	return true;
}

bool field_split(struct slice line, struct field *field)
{
	size_t colon = slice_find(line, ':');
	struct slice name = slice_trim((struct slice){line.at, colon});
	if (colon == line.len || !name.len || slice_token(name) < name.len)
		return false;
	*field = (struct field){name, slice_trim(slice_skip(line, colon + 1))};
	return true;
}

/* text is the whole field: name, colon, value. It lies in the message's buffer, which
 * lives as long as the message. RFC 3261 7.3.1: the name is a token. */
static issize_t take_field(su_home_t *home, msg_header_t *header, char *text,
                           isize_t length)
{
	struct start_line *start = start_of(msg_object((msg_t *)home));
	struct field field;
	(void)header;
	if (!start)
		return 0;
	if (!field_split((struct slice){text, length}, &field)) {
		start->message.bad_lines++;
		return 0;
	}
	if (start->message.field_count == start->field_room && !grow(home, start)) {
		start->out_of_memory = true;
		return 0;
	}
	start->fields[start->message.field_count++] = field;
	return 0;
}

struct slice field_full_name(struct slice name)
{
	static const struct {
		char compact;
		const char *full;
	} forms[] = {{'a', "Accept-Contact"},
	             {'b', "Referred-By"},
	             {'c', "Content-Type"},
	             {'d', "Request-Disposition"},
	             {'e', "Content-Encoding"},
	             {'f', "From"},
	             {'i', "Call-ID"},
	             {'j', "Reject-Contact"},
	             {'k', "Supported"},
	             {'l', "Content-Length"},
	             {'m', "Contact"},
	             {'o', "Event"},
	             {'r', "Refer-To"},
	             {'s', "Subject"},
	             {'t', "To"},
	             {'u', "Allow-Events"},
	             {'v', "Via"},
	             {'x', "Session-Expires"},
	             {'y', "Identity"}};
	for (size_t i = 0; name.len == 1 && i < sizeof forms / sizeof forms[0]; i++)
		if (forms[i].compact == (name.at[0] | 0x20))
			return slice_of(forms[i].full);
	return name;
}

bool field_is_called(const struct field *field, struct slice name)
{
	return slice_equal_nocase(field_full_name(field->name), field_full_name(name));
}

/* Framing */

void content_length_add(struct content_length *length, const struct field *field)
{
	unsigned long value;
	if (!field_is(field, slice_of("Content-Length")))
		return;
	if (!slice_number(field->value, UINT32_MAX, &value) ||
	    (length->seen && value != length->bytes)) {
		length->bad = true;
		return;
	}
	length->bytes = value;
	length->seen = true;
}

/* False: bad, or several that differ. None: *length is absent. */
static bool content_length(const struct message *message, size_t absent, size_t *length)
{
	struct content_length found = {0};
	for (size_t i = 0; i < message->field_count; i++)
		content_length_add(&found, &message->fields[i]);
	*length = found.seen ? found.bytes : absent;
	return !found.bad;
}

/* nta sees these instead of what came, once all of it is there: what ends before, it
 * drops without an answer. Its own Via check writes to the Via, so each message has one.
 */
static void show_in_order(msg_t *msg, sip_t *sip, bool stream)
{
	if (!sip->sip_request)
		return;
	sip->sip_via =
		sip_via_make(msg_home(msg), stream ? "SIP/2.0/TCP signpost.invalid"
	                                           : "SIP/2.0/UDP signpost.invalid");
	sip->sip_from = shown.from;
	sip->sip_to = shown.to;
	sip->sip_call_id = shown.call_id;
	sip->sip_cseq = shown.cseq;
	sip->sip_flags &= ~(unsigned)(MSG_FLG_ERROR | MSG_FLG_TRUNC);
}

/* The empty line has been read; available bytes follow it. On a stream, what cannot be
 * framed ends it. */
static void frame_body(struct start_line *start, bool stream, size_t available,
                       size_t used)
{
	struct message *message = &start->message;
	size_t length;
	if (!content_length(message, stream ? 0 : available, &length))
		message->framing = FRAMING_BAD_LENGTH;
	else if (!stream && length > available)
		message->framing = FRAMING_TRUNCATED;
	else if (stream && (used > MESSAGE_MAX || length > MESSAGE_MAX - used))
		message->framing = FRAMING_TOO_LARGE;
	else if (stream)
		start->body_left = length;
}

static void complete(msg_t *msg, sip_t *sip, bool stream)
{
	show_in_order(msg, sip, stream);
	sip->sip_flags |= MSG_FLG_COMPLETE;
}

/* Called at the empty line, and on a stream again as the body comes in. The body is not
 * kept. What cannot be framed takes all that has been received with it. */
static issize_t take_body(msg_t *msg, msg_pub_t *pub, char b[], isize_t size, int eos)
{
	sip_t *sip = (sip_t *)pub;
	bool stream = msg_mclass(msg) == classes[1];
	struct start_line *start = start_of(pub);
	if (!(sip->sip_flags & MSG_FLG_BODY)) {
		issize_t separator = msg_extract_separator(msg, pub, b, size, eos);
		if (separator <= 0)
			return separator;
		sip->sip_flags |= MSG_FLG_BODY;
		frame_body(start, stream, (size_t)(size - separator), msg_size(msg));
		if (!start->body_left)
			complete(msg, sip, stream);
		return !stream || start->message.framing != FRAMING_OK ? size : separator;
	}
	size_t taken = (size_t)size < start->body_left ? (size_t)size : start->body_left;
	start->body_left -= taken;
	if (!start->body_left)
		complete(msg, sip, stream);
	return (issize_t)taken;
}

/* The class */

static void set_hclass(struct msg_hclass_s *to, msg_hclass_t *from, msg_parse_f *parse,
                       size_t size)
{
	*to = *from;
	to->hc_parse = parse;
	to->hc_size = (unsigned char)size;
	to->hc_critical = 0;
}

static msg_mclass_t *class_new(void)
{
	msg_mclass_t *class = msg_mclass_clone(sip_default_mclass(), 0, msg_mclass_empty);
	if (!class)
		return NULL;
	class->mc_extract_body = take_body;
	class->mc_request->hr_class = request_class;
	class->mc_status->hr_class = status_class;
	class->mc_unknown->hr_class = fields_class;
	return class;
}

bool message_init(void)
{
	static_assert(sizeof(struct start_line) < 256, "hc_size is a byte");
	static su_home_t home[1] = {SU_HOME_INIT(home)};
	su_home_init(home);
	shown.from = sip_from_make(home, "<sip:signpost.invalid>;tag=1");
	shown.to = sip_to_make(home, "<sip:signpost.invalid>");
	shown.call_id = sip_call_id_make(home, "signpost.invalid");
	shown.cseq = sip_cseq_make(home, "1 INVITE");
	set_hclass(request_class, sip_request_class, take_request,
	           sizeof(struct start_line));
	set_hclass(status_class, sip_status_class, take_status,
	           sizeof(struct start_line));
	set_hclass(fields_class, sip_unknown_class, take_field,
	           sizeof(struct header_fields));
	fields_class->hc_kind = msg_kind_list;
	classes[0] = class_new();
	classes[1] = class_new();
	return shown.from && shown.to && shown.call_id && shown.cseq && classes[0] &&
	       classes[1];
}

const msg_mclass_t *message_class(bool stream)
{
	return classes[stream];
}

bool message_is_ours(const msg_mclass_t *class)
{
	return class && (class == classes[0] || class == classes[1]);
}

const struct message *message_of(msg_t *msg)
{
	sip_t *sip = sip_object(msg);
	if (!sip || !(sip->sip_flags & MSG_FLG_BODY))
		return NULL;
	struct start_line *start = start_of((msg_pub_t *)sip);
	if (!start || start->out_of_memory)
		return NULL;
	if (start->body_left)
		start->message.framing = FRAMING_TRUNCATED;
	return &start->message;
}

msg_t *message_parse(struct slice text)
{
	msg_t *msg = msg_create(classes[0], 0);
	msg_iovec_t room[2];
	if (msg && text.len && text.len <= MESSAGE_MAX &&
	    msg_recv_iovec(msg, room, 2, (usize_t)text.len, 1) == 1) {
		memcpy(room[0].mv_base, text.at, text.len);
		msg_recv_commit(msg, (usize_t)text.len, 1);
		msg_extract(msg);
		if (message_of(msg))
			return msg;
	}
	msg_destroy(msg);
	return NULL;
}
