/* SPDX-License-Identifier: MIT */
#include "tests/bench/invite.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* In the text below, runs of these stand for what differs. */
#define NUMBER    "\1\1\1\1\1\1\1\1\1"
#define SERIAL    "\2\2\2\2\2\2\2\2\2\2\2\2"
#define SLOT      "\3\3\3\3\3"
#define PORT      "\4\4\4\4\4"
#define TRANSPORT "\5\5\5"

#define NUMBER_SIZE  (sizeof NUMBER - 1)
#define SERIAL_SIZE  (sizeof SERIAL - 1)
#define SLOT_SIZE    (sizeof SLOT - 1)
#define CALL_ID      SLOT "-" SERIAL "@pbx.example.net"
#define CALL_ID_SIZE (sizeof CALL_ID - 1)
#define BRANCH       "branch=z9hG4bK" SERIAL
#define BRANCH_SIZE  (sizeof BRANCH - 1)

#define SDP                                                                              \
	"v=0\r\n"                                                                        \
	"o=- 1826410537 1826410537 IN IP4 192.0.2.20\r\n"                                \
	"s=-\r\n"                                                                        \
	"c=IN IP4 192.0.2.20\r\n"                                                        \
	"t=0 0\r\n"                                                                      \
	"m=audio 17284 RTP/AVP 8 0 101\r\n"                                              \
	"a=rtcp:17285\r\n"                                                               \
	"a=rtpmap:8 PCMA/8000\r\n"                                                       \
	"a=rtpmap:0 PCMU/8000\r\n"                                                       \
	"a=rtpmap:101 telephone-event/8000\r\n"                                          \
	"a=fmtp:101 0-16\r\n"                                                            \
	"a=ptime:20\r\n"                                                                 \
	"a=maxptime:150\r\n"                                                             \
	"a=sendrecv\r\n"

static const char pattern[] =
	"INVITE sip:+44" NUMBER "@redirect.example.net SIP/2.0\r\n"
	"Via: SIP/2.0/" TRANSPORT " 127.0.0.1:" PORT ";rport;" BRANCH "\r\n"
	"Max-Forwards: 70\r\n"
	"From: \"Alice Doe\" <sip:+442079460123@pbx.example.net>;tag=" SERIAL "\r\n"
	"To: <sip:+44" NUMBER "@redirect.example.net>\r\n"
	"Contact: <sip:asterisk@127.0.0.1:" PORT ">\r\n"
	"Call-ID: " CALL_ID "\r\n"
	"P-Asserted-Identity: <sip:+442079460123@pbx.example.net>\r\n"
	"CSeq: 10342 INVITE\r\n"
	"Allow: OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, INVITE, ACK, BYE, CANCEL, "
	"UPDATE, PRACK, MESSAGE, REFER\r\n"
	"Supported: 100rel, timer, replaces, norefersub, histinfo\r\n"
	"User-Agent: Asterisk PBX 20.6.0\r\n"
	"Content-Type: application/sdp\r\n"
	"Content-Length: 264\r\n"
	"\r\n" SDP;

_Static_assert(sizeof SDP - 1 == 264, "Content-Length must be the SDP's");
_Static_assert(sizeof pattern - 1 == INVITE_SIZE, "the INVITE's size is what it claims");

/* Where the first run of mark is at or after from. */
static size_t find(const struct invite *invite, char mark, size_t from)
{
	const char *at = memchr(invite->text + from, mark, INVITE_SIZE - from);
	return at ? (size_t)(at - invite->text) : INVITE_SIZE;
}

static void fill(struct invite *invite, char mark, const char *value)
{
	size_t size = strlen(value);
	for (size_t at; (at = find(invite, mark, 0)) < INVITE_SIZE;)
		memcpy(invite->text + at, value, size);
}

/* Notes where the runs of mark begin. */
static void locate(const struct invite *invite, char mark, size_t size, uint16_t *at,
                   size_t count)
{
	for (size_t i = 0, from = 0; i < count; i++, from += size)
		at[i] = (uint16_t)(from = find(invite, mark, from));
}

void invite_init(struct invite *invite, const char *transport, unsigned port,
                 unsigned slot)
{
	char digits[16];
	memcpy(invite->text, pattern, sizeof pattern);
	fill(invite, TRANSPORT[0], transport);
	snprintf(digits, sizeof digits, "%05u", port);
	fill(invite, PORT[0], digits);
	snprintf(digits, sizeof digits, "%05u", slot);
	fill(invite, SLOT[0], digits);
	locate(invite, NUMBER[0], NUMBER_SIZE, invite->number_at, 2);
	locate(invite, SERIAL[0], SERIAL_SIZE, invite->serial_at, 3);
	invite->branch_at =
		(uint16_t)(invite->serial_at[0] - (BRANCH_SIZE - SERIAL_SIZE));
	invite->call_id_at = (uint16_t)(invite->serial_at[2] - (SLOT_SIZE + 1));
	invite_renew(invite, 0);
}

static uint64_t number_count = 1000000000;

void invite_numbers(uint64_t count)
{
	number_count = count;
}

void invite_renew(struct invite *invite, uint64_t serial)
{
	/* Visits every number once, in no order: a table is asked all over. */
	uint64_t number = serial % number_count * 618033989 % number_count *
	                  (1000000000 / number_count);
	char *text = invite->text;
	char *digits = text + invite->number_at[0], *hex = text + invite->serial_at[0];
	for (size_t i = NUMBER_SIZE; i--; number /= 10)
		digits[i] = (char)('0' + number % 10);
	for (size_t i = SERIAL_SIZE; i--; serial >>= 4)
		hex[i] = "0123456789abcdef"[serial & 15];
	memcpy(text + invite->number_at[1], digits, NUMBER_SIZE);
	memcpy(text + invite->serial_at[1], hex, SERIAL_SIZE);
	memcpy(text + invite->serial_at[2], hex, SERIAL_SIZE);
}

/* Takes the line's value if it is the first of the header name. */
static void take(struct answer_value *value, const char *name, const char *line,
                 const char *end)
{
	size_t size = strlen(name);
	const char *at = line + size + 1;
	if (value->size || at >= end || line[size] != ':' ||
	    strncasecmp(line, name, size) != 0)
		return;
	while (at < end && *at == ' ')
		at++;
	*value = (struct answer_value){at, (size_t)(end - at)};
}

static void read_headers(struct answer *answer)
{
	const char *end = answer->text + answer->length, *next;
	for (const char *line = answer->text; line < end; line = next + 1) {
		next = memchr(line, '\n', (size_t)(end - line));
		if (!next || next - line < 2)
			return;
		take(&answer->via, "Via", line, next - 1);
		take(&answer->call_id, "Call-ID", line, next - 1);
		take(&answer->contact, "Contact", line, next - 1);
	}
}

bool answer_read(struct answer *answer, const char *text, size_t length)
{
	*answer = (struct answer){.text = text, .length = length};
	read_headers(answer);
	if (answer->call_id.size != CALL_ID_SIZE)
		return false;
	for (size_t i = 0; i < SLOT_SIZE; i++) {
		char digit = answer->call_id.at[i];
		if (digit < '0' || digit > '9')
			return false;
		answer->slot = answer->slot * 10 + (unsigned)(digit - '0');
	}
	return true;
}

bool answer_is_to(const struct answer *answer, const struct invite *invite)
{
	return memcmp(answer->call_id.at, invite->text + invite->call_id_at,
	              CALL_ID_SIZE) == 0;
}

static bool contains(const struct answer_value *value, const char *text, size_t size)
{
	return memmem(value->at, value->size, text, size);
}

const char *answer_fault(const struct answer *answer, const struct invite *invite)
{
	static const char status[] = "SIP/2.0 302 ";
	char target[] = "<sip:+44" NUMBER "@gwN.example.net";
	const char *number = invite->text + invite->number_at[0];
	if (answer->length < sizeof status ||
	    memcmp(answer->text, status, sizeof status - 1) != 0)
		return "the status is not 302";
	if (!answer_is_to(answer, invite))
		return "the Call-ID is another one";
	if (!contains(&answer->via, invite->text + invite->branch_at, BRANCH_SIZE))
		return "the branch is another one";
	memcpy(strchr(target, NUMBER[0]), number, NUMBER_SIZE);
	*strchr(target, 'N') = *number;
	if (!contains(&answer->contact, target, sizeof target - 1))
		return "the Contact is not that of the number";
	return NULL;
}
