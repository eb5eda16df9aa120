/* SPDX-License-Identifier: MIT */
#include <dirent.h>

#include "tests/fuzz/server_quick_fuzz.c" /* its one function, and what went which way */
#include "tests/runner.h"

#define CORPUS        "tests/fuzz/corpus/quick"
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define TEXT_MAX      8192
#define ROUNDS        16
#define ROUND_ENTRIES 8000

/* Behind its end there is nothing to read. */
static void run(const char *text, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);
	memcpy(exact, text, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

static size_t load(const char *name, char to[TEXT_MAX])
{
	char path[512];
	snprintf(path, sizeof path, CORPUS "/%s", name);
	FILE *file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s: run this in the folder of the sources", path);
	size_t len = fread(to, 1, TEXT_MAX, file);
	fclose(file);
	return len;
}

/* What is kept */

START_TEST(everything_kept_is_read_the_same_both_ways)
{
	size_t count = 0;
	char text[TEXT_MAX];
	DIR *corpus = opendir(CORPUS);
	ck_assert_msg(corpus != NULL, "run this in the folder of the sources");
	for (struct dirent *entry; (entry = readdir(corpus));) {
		if (entry->d_name[0] == '.')
			continue;
		for (size_t len = load(entry->d_name, text); len; len = len * 3 / 4)
			run(text, len);
		count++;
	}
	closedir(corpus);
	ck_assert_uint_gt(count, 40);
}
END_TEST

/* The fields scan_message() and quick_read() are not to decline. */
static const char *const plain[] = {
	"asterisk", "freeswitch", "kamailio",     "cisco",       "sipp",
	"short",    "options",    "ack",          "cancel",      "in-dialog",
	"tags",     "port-last",  "lower-method", "number-sign", "rport",
	"cseq",     "names-case", "header-rule",  "start-blank", "length-short",
};

static const char *const trunks[] = {"asterisk", "freeswitch", "kamailio", "cisco"};

START_TEST(what_trunks_send_is_read_the_quick_way)
{
	char text[TEXT_MAX];
	run(text, load(plain[_i], text));
	ck_assert_msg(taken.scanned == 1, "%s", plain[_i]);
	ck_assert_msg(taken.read == 1, "%s", plain[_i]);
}
END_TEST

static const char *const unusual[] = {
	"escapes",    "uri-param-escape", "password",   "ipv6",
	"ports",      "branches",         "vias",       "via-lower",
	"display",    "via-blanks",       "tags-two",   "tag-empty",
	"compact",    "folded",           "doubled",    "name-blank",
	"cseq-large", "comment",          "cseq-other", "parameters"};

START_TEST(what_is_unusual_is_left_to_the_parser)
{
	char text[TEXT_MAX];
	run(text, load(unusual[_i], text));
	ck_assert_msg(taken.read == 0, "%s", unusual[_i]);
}
END_TEST

/* Identities */

/* Puts line behind the start line. */
static size_t insert_line(const char *line, char *text, size_t len)
{
	char *at = memmem(text, len, "\r\n", 2);
	size_t room = strlen(line);
	ck_assert(at && len + room <= TEXT_MAX);
	memmove(at + room, at, len - (size_t)(at - text));
	memcpy(at, line, room);
	return len + room;
}

static const struct {
	const char *value;
	size_t taken; /* of its identities; the others are sofia-sip's */
} identities[] = {
	{"<sip:+12025550101@example.com>", 1},
	{"<sip:+12025550101@example.com;user=phone>", 1},
	{"<sip:+12025550101@192.0.2.1:5060;transport=udp;user=phone>", 1},
	{"\"Alice\" <sip:1001@192.0.2.1>", 1},
	{"\"Alice\"<sip:1001@192.0.2.1>", 1},
	{"\"\" <sip:1001@192.0.2.1>", 1},
	{"\"\xc3\x84nne <x>\" <sip:1001@192.0.2.1>", 1},
	{"Alice <sip:1001@192.0.2.1>", 1},
	{"Alice Smith  <sip:alice.smith@example.com>", 1},
	{"\"Smith, A\" <sip:alice@example.com>", 1},
	{"<sip:example.com>", 1},
	{"<sip:+1@a>\r\nP-Asserted-Identity: <tel:+1>", 1},
	{"<sip:anonymous@anonymous.invalid>", 1},
	{"<tel:+12025550101>", 0},
	{"<sips:1001@192.0.2.1>", 0},
	{"<sip:1001@192.0.2.1>;a=b", 0},
	{"sip:1001@192.0.2.1", 0},
	{"<sip:%31001@192.0.2.1>", 0},
	{"\"\\\"\" <sip:1001@192.0.2.1>", 0},
	{"", 0},
};

START_TEST(an_identity_keeps_no_request_from_the_quick_way)
{
	char text[TEXT_MAX], line[512];
	for (size_t i = 0; i < COUNT(identities); i++) {
		size_t len = load(trunks[_i], text);
		taken.read = taken.addresses = 0;
		run(text, len);
		size_t own = taken.addresses;
		taken.read = taken.addresses = 0;
		snprintf(line, sizeof line, "\r\nP-Asserted-Identity: %s",
		         identities[i].value);
		run(text, insert_line(line, text, len));
		ck_assert_msg(taken.read == 1, "%s", identities[i].value);
		ck_assert_msg(!(taken.addresses - own) == !identities[i].taken, "%s",
		              identities[i].value);
	}
}
END_TEST

/* Any request */

static unsigned long long state;

static size_t below(size_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)(state >> 11) % limit;
}

/* One of texts: of the first few, which are plain, or now and then of all if odd. Seldom
 * more than one piece is odd, for the others would hide it. */
#define PICK(texts, plain_count)                                                         \
	((texts)[below(odd && !below(4) ? COUNT(texts) : (plain_count))])

struct text {
	size_t len;
	char at[TEXT_MAX];
};

static void put(struct text *text, const char *more)
{
	size_t len = strlen(more);
	if (len > TEXT_MAX / 2 - text->len)
		return;
	memcpy(text->at + text->len, more, len);
	text->len += len;
}

/* Things as they stand in a URI or a header field; odd ones may be put together. */

static void put_uri(struct text *text, bool odd)
{
	static const char *const schemes[] = {
		"sip:", "sip:", "SIP:", "sips:", "tel:", "http:", "sip", "", "sip: "};
	static const char *const users[] = {
		"+442071234567@", "alice@", "100@",          "",
		"*21#@",          "1-2.3@", "a_b@",          "+44(0)20@",
		"%2b44@",         "1%@",    "a;user=phone@", "+1;phone-context=+44@",
		"a:b@",           "@",      "a@b@",          "a/b?c@",
		"\xc3\xa9@",      "#@",     "a b@",          "a~!'&=$,@",
	};
	static const char *const hosts[] = {"example.net", "192.0.2.1",
	                                    "b",           "sip-1.example.net",
	                                    "EXAMPLE.",    "[2001:db8::1]",
	                                    "[x]",         "[::1",
	                                    "a_b",         "-",
	                                    "..",          "",
	                                    "a%62",        "*",
	                                    "+1",          "1.2.3.4.5"};
	static const char *const ports[] = {"",       "",       ":5060", ":1",
	                                    ":0",     ":05060", ":",     ":65535",
	                                    ":65536", ":x",     " :5060"};
	static const char *const params[] = {"",
	                                     "",
	                                     ";user=phone",
	                                     ";transport=udp",
	                                     ";lr",
	                                     ";a=b;c",
	                                     ";USER=Phone",
	                                     ";user=ip",
	                                     ";user",
	                                     ";user=",
	                                     ";user=%70hone",
	                                     ";us%65r=phone",
	                                     ";",
	                                     ";;a",
	                                     ";a=",
	                                     ";a=\"b\"",
	                                     ";a =b",
	                                     "?a=b",
	                                     "?",
	                                     ";a=[::1]",
	                                     ";a=b/c",
	                                     "#x",
	                                     ";user=phone;user=ip"};
	put(text, PICK(schemes, 2));
	put(text, PICK(users, 4));
	put(text, PICK(hosts, 4));
	put(text, PICK(ports, 4));
	for (size_t i = below(3); i > 0; i--)
		put(text, PICK(params, 6));
}

static void put_address(struct text *text, bool odd)
{
	static const char *const displays[] = {
		"<",          "\"Alice\" <",  "Alice <", "\"A\"<", "A B-1_. <",
		"\"\" <",     "\"a\\\"\" <",  "\"",      "\"a <",  "\"<sip:x>\" <",
		"A \"B\" <",  " <",           "\t<",     "A\t<",   "A  B<",
		"\xc3\xa9 <", "\"\xff\" <",   "<<",      "",       "\"a,b\" <",
		"a,b <",      "\"a\"\"b\" <", "%41 <",   "~+! <",  "\"\x7f\" <",
		"(x) <",      "\"A\"  <",     "\"A\"\t<"};
	static const char *const ends[] = {">", ">", "", ">>", " >", "> "};
	static const char *const params[] = {"",
	                                     ";tag=f",
	                                     ";tag=1-a~b.c!*",
	                                     ";x=y",
	                                     ";tag",
	                                     ";tag=",
	                                     ";TAG=f",
	                                     ";tag=f;tag=g",
	                                     ";tag=\"f\"",
	                                     ";x=\"y;tag=z\"",
	                                     " ;x",
	                                     "; x",
	                                     ";x =y",
	                                     ";x= y",
	                                     ";tag=a b",
	                                     ";tag=%",
	                                     ";tag=\xc3\xa9",
	                                     "(x)",
	                                     ";",
	                                     ";tag=[::1]",
	                                     ",",
	                                     ";;tag=f",
	                                     ";tag=a/b",
	                                     ";tag=f\t"};
	put(text, PICK(displays, 6));
	put_uri(text, odd);
	put(text, PICK(ends, 2));
	put(text, PICK(params, 4));
}

static void put_via(struct text *text, bool odd)
{
	static const char *const protocols[] = {
		"SIP/2.0/UDP ",  "SIP/2.0/TCP ",     "SIP/2.0/TLS ", "SIP/2.0/SCTP ",
		"sip/2.0/udp ",  "SIP / 2.0 / UDP ", "SIP/2.0/UDP",  "SIP/2.0/UDP\t",
		"SIP/2.0/UDP  ", "SIP/3.0/UDP "};
	static const char *const hosts[] = {
		"h", "198.51.100.7", "sbc1.example.net", "[2001:db8::1]", "-", "a_b",
		"",  "..",           "1.2.3.4.5",        "127.0.0.1",     "h "};
	static const char *const ports[] = {"",  ":5060",  ":65535",  ":0", ":05060",
	                                    ":", ":65536", " : 5060", ":5x"};
	static const char *const params[] = {";branch=z9hG4bK1",
	                                     ";rport",
	                                     ";x=y",
	                                     ";branch=a;rport;received=1.2.3.4",
	                                     "",
	                                     ";branch",
	                                     ";branch=",
	                                     ";BRANCH=a",
	                                     ";branch=a;branch=b",
	                                     ";rport=1",
	                                     " ;rport",
	                                     "; rport",
	                                     ";received=",
	                                     ";ttl=1;maddr=x",
	                                     ";x=\"a,b\"",
	                                     ",SIP/2.0/UDP g",
	                                     ", ",
	                                     "(x)",
	                                     ";",
	                                     ";;",
	                                     ";x=%41",
	                                     ";x=[::1]",
	                                     ";x y",
	                                     ";branch=\xc3\xa9",
	                                     ";Received=x;RPORT"};
	put(text, PICK(protocols, 3));
	put(text, PICK(hosts, 3));
	put(text, PICK(ports, 3));
	for (size_t i = below(3); i > 0; i--)
		put(text, PICK(params, 5));
}

static void put_name(struct text *text, const char *name, const char *compact, bool odd)
{
	static const char *const colons[] = {":", " :", "\t:", "", "::"};
	static const char *const blanks[] = {" ", " ", "", "  ", "\t", "\r\n ", " \t"};
	char changed[32];
	snprintf(changed, sizeof changed, "%s", odd && below(2) ? compact : name);
	if (!below(8))
		changed[below(strlen(changed))] ^= ' ';
	put(text, changed);
	put(text, PICK(colons, 1));
	put(text, PICK(blanks, 4));
}

static void end_line(struct text *text, bool odd)
{
	static const char *const ends[] = {
		"\r\n",   "\r\n",      "\r\n",   " \r\n",    "\n",         "\r",
		"\t\r\n", "\r\n \r\n", "\r\r\n", "\r\n\r\n", " \r\n\t\r\n"};
	put(text, PICK(ends, 4));
}

static const char *const methods[] = {"INVITE", "INVITE", "OPTIONS", "CANCEL", "ACK",
                                      "invite", "X!'",    "",        "IN/VITE"};

static void put_start(struct text *text, const char *method, bool odd)
{
	static const char *const versions[] = {
		" SIP/2.0", " sip/2.0",  " SIP/2.1",  " SIP/2.00", "  SIP/2.0",
		"",         " SIP/2.0 ", " HTTP/1.0", "\tSIP/2.0", " SIP/2.0 x"};
	static const char *const blanks[] = {" ", "  ", "\t"};
	put(text, method);
	put(text, PICK(blanks, 1));
	put_uri(text, odd);
	put(text, PICK(versions, 1));
	end_line(text, odd && !below(4));
}

static void put_cseq(struct text *text, const char *method, bool odd)
{
	static const char *const numbers[] = {"1",  "102", "2147483647",          "0007",
	                                      "0",  "-1",  "2147483648",          "x",
	                                      "1x", "",    "99999999999999999999"};
	static const char *const blanks[] = {" ", "  ", "\t", "", "\r\n "};
	put(text, PICK(numbers, 4));
	put(text, PICK(blanks, 1));
	put(text, odd && !below(4) ? "BYE" : method);
}

static const char *const others[] = {
	"Max-Forwards: 70",
	"Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK2;received=x",
	"Record-Route: <sip:203.0.113.1;lr>",
	"Subject: xyz",
	"X-A: abba",
	"Content-Type: application/sdp",
	"Content-Length: 4",
	"content-length: 0",
	"Content-Length:   2 ",
	"Contact: <sip:alice@198.51.100.7>",
	"User-Agent: x (\xc3\xa9) \"",
	"Empty:",
	"Content-Length: 5",
	"Content-Length: +4",
	"Content-Length:",
	"l: 4",
	"Content-Length: 4\r\nContent-Length: 4",
	"Via:",
	"Via: x",
	"v: SIP/2.0/UDP h",
	"nonsense",
	": x",
	"<>: y",
	"A: \x01",
	"A: b\r\n c",
	"From: <sip:x@y>",
	"To: <sip:x@y>",
	"Call-ID: d",
	"CSeq: 1 INVITE",
	"s: xyz",
	"X'`~: y",
	" x",
};

/* A request that is plain but for those parts that chance makes odd. */
static void put_request(struct text *text)
{
	static const char *const call_ids[] = {"a84b4c76e66710@pc33",
	                                       "c",
	                                       "<\"(",
	                                       "a b",
	                                       "",
	                                       "\x7f",
	                                       "\xc3\xa9",
	                                       "a\tb"};
	size_t rarely = 2 + below(30);
	bool odd = !below(rarely);
	const char *method = PICK(methods, 5);
	put_start(text, method, !below(rarely));
	put_name(text, "Via", "v", odd = !below(rarely));
	put_via(text, !below(rarely));
	end_line(text, odd = !below(rarely));
	put_name(text, "From", "f", odd = !below(rarely));
	put_address(text, !below(rarely));
	end_line(text, odd = !below(rarely));
	put_name(text, "To", "t", odd = !below(rarely));
	put_address(text, !below(rarely));
	end_line(text, odd = !below(rarely));
	put_name(text, "Call-ID", "i", odd = !below(rarely));
	put(text, PICK(call_ids, 3));
	end_line(text, odd = !below(rarely));
	put_name(text, "CSeq", "CSeq", odd = !below(rarely));
	put_cseq(text, method, !below(rarely));
	end_line(text, odd = !below(rarely));
	for (size_t i = below(3); i > 0; i--) {
		put(text, "P-Asserted-Identity: ");
		put_address(text, !below(rarely));
		end_line(text, odd = !below(rarely));
	}
	for (size_t i = below(5); i > 0; i--) {
		odd = !below(rarely);
		put(text, PICK(others, 12));
		end_line(text, odd = !below(rarely));
	}
	put(text, "\r\nbody");
}

/* Edits between two pieces of a text, or in one byte. */

static const char *const words[] = {
	" ",
	"  ",
	"\t",
	"\"",
	"\\",
	",",
	";",
	":",
	"@",
	"<",
	">",
	"=",
	"%41",
	"%",
	"%00",
	"#",
	"?",
	"/",
	"(",
	")",
	"[::1]",
	"\r\n ",
	"\r\n",
	"\r",
	"\n",
	";tag",
	";tag=x",
	":0",
	":5061",
	";rport",
	";branch=b",
	";user=phone",
	"sip:",
	"sips:",
	"tel:",
	"\x7f",
	"\xc3\xa9",
	"\xff",
	"SIP/2.0",
	"~!*",
	"+",
	"'",
	"\r\nTo: <sip:a@b>",
};

static bool is_boundary(const struct text *text, size_t at)
{
	static const char marks[] = " \r\n\"<>;:@=,/";
	return at == 0 || at == text->len ||
	       memchr(marks, text->at[at], sizeof marks - 1) ||
	       memchr(marks, text->at[at - 1], sizeof marks - 1);
}

static size_t find_boundary(const struct text *text)
{
	size_t at = below(text->len + 1);
	while (at < text->len && !is_boundary(text, at))
		at++;
	return at;
}

/* What is between from and to becomes word. */
static void splice(struct text *text, size_t from, size_t to, const char *word,
                   size_t len)
{
	if (text->len + len > TEXT_MAX)
		return;
	memmove(text->at + from + len, text->at + to, text->len - to);
	memcpy(text->at + from, word, len);
	text->len = text->len - (to - from) + len;
}

static void edit(struct text *text)
{
	char copy[64];
	const char *word = words[below(COUNT(words))];
	size_t from = find_boundary(text), to = from + 1;
	if (text->len < 2)
		return;
	while (to < text->len && !is_boundary(text, to))
		to++;
	to = to < text->len ? to : text->len;
	size_t len = to - from < sizeof copy ? to - from : sizeof copy;
	switch (below(5)) {
	case 0:
		splice(text, from, from, word, strlen(word));
		break;
	case 1:
		splice(text, from, to, word, strlen(word));
		break;
	case 2: /* doubled */
		memcpy(copy, text->at + from, len);
		splice(text, to, to, copy, len);
		break;
	case 3: /* left out */
		splice(text, from, to, "", 0);
		break;
	default: /* the other case, or another mark */
		text->at[below(text->len)] ^= ' ';
	}
}

START_TEST(any_request_is_read_the_same_both_ways)
{
	static struct text text;
	state = 88172645463325252ull + (unsigned long long)_i * 7919;
	for (size_t i = 0; i < ROUND_ENTRIES; i++) {
		text.len = 0;
		if (i % 4)
			put_request(&text);
		else
			text.len = load(plain[below(COUNT(plain))], text.at);
		for (size_t edits = below(2) ? below(5) : 0; edits > 0; edits--)
			edit(&text);
		run(text.at, text.len);
	}
	/* Neither way is tried too seldom for this to mean something. */
	ck_assert_uint_eq(taken.messages, ROUND_ENTRIES);
	ck_assert_uint_gt(taken.read, ROUND_ENTRIES / 4);
	ck_assert_uint_lt(taken.read, ROUND_ENTRIES / 4 * 3);
	ck_assert_uint_gt(taken.addresses, ROUND_ENTRIES / 4);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/quick");
	TCase *tests = tcase_create("quick");
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, everything_kept_is_read_the_same_both_ways);
	tcase_add_loop_test(tests, what_trunks_send_is_read_the_quick_way, 0,
	                    COUNT(plain));
	tcase_add_loop_test(tests, what_is_unusual_is_left_to_the_parser, 0,
	                    COUNT(unusual));
	tcase_add_loop_test(tests, an_identity_keeps_no_request_from_the_quick_way, 0,
	                    COUNT(trunks));
	tcase_add_loop_test(tests, any_request_is_read_the_same_both_ways, 0, ROUNDS);
	suite_add_tcase(suite, tests);
	return suite;
}
