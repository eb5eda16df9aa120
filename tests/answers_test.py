#!/usr/bin/env python3
"""What the server answers on the wire, on every door."""
import collections
import contextlib
import re
import socket
import unittest

from blackbox import (
    DOORS, KNOWN, NEEDED, Reply, SANITIZER, Server, TcpDoor, UdpDoor, Udp6Door, free_port, is_v6_here, needs_v6,
    settings)

GATEWAYS = 14
RULES = """
gateways:
  first: sip:first.example.net
  second: {uri: "sip:second.example.net;transport=tcp"}
  secure: sips:secure.example.net
  drained: {uri: sip:drained.example.net, enabled: false}
  heavy: {uri: sip:heavy.example.net, weight: 3}
  light: sip:light.example.net
  spare: sip:spare.example.net
""" + "".join(
    f"  g{i}: sip:g{i}.example.net\n  long{i}: \"sip:{'x' * 200}@long{i}.example.net\"\n"
    for i in range(GATEWAYS)) + """
groups:
  pair: [first, second]
  shared: [[heavy, light], spare]
  many: [%s]
  long: [%s]
rules:
  - {name: plain, called: {prefix: "+44"}, redirect: pair}
  - {name: choices, called: "300", redirect: pair, status: 300}
  - {name: moved, called: "301", redirect: pair, status: 301, expires: 86400}
  - {name: proxy, called: "305", redirect: first, status: 305}
  - {name: other, called: "380", redirect: first, status: 380}
  - {name: barred, called: "603", reject: 603 Premium numbers barred}
  - {name: busy, called: "486", reject: 486}
  - {name: full, called: "503",
     reject: {status: 503, phrase: All trunks busy, reason: 'Q.850;cause=34;text="No circuit"', retry_after: 30}}
  - {name: unknown code, called: "499", reject: 499}
  - {name: drained, called: "480", redirect: drained}
  - {name: emptied, called: "484", rewrite: {strip: 3}, redirect: first}
  - {name: shared, called: {prefix: "7"}, redirect: shared}
  - {name: many, called: "10", redirect: many}
  - {name: long, called: "1300", redirect: long}
  - {name: back, called: {prefix: "404"}, redirect: "sip:{called}@signpost.test"}
  - {name: elsewhere, called: {prefix: "405"}, redirect: ["sip:{called}@signpost.test", first]}
  - {name: mixed, called: {prefix: "55"}, redirect: [first, secure]}
  - {name: user, called: {prefix: "u"}, redirect: "sip:{called}@gw.example.net"}
""" % (", ".join(f"g{i}" for i in range(GATEWAYS)), ", ".join(f"long{i}" for i in range(GATEWAYS)))

UK = "sip:+442071234567@signpost.test"
ALLOW = "INVITE, ACK, CANCEL, OPTIONS"

SILENCE = "silence"
CLOSED = " and the connection is closed"


class Case:
    """One row of the conformance table. make(door) is the request, expect its answer on every door: a status,
    "status phrase", or SILENCE. tcp: the answer on a stream where that differs, with the reason in why."""

    def __init__(self, name, expect, make, tcp=None, why=None):
        assert (tcp is None) == (why is None), name
        self.name, self.make, self.why = name, make, why
        self.expect = {"udp": str(expect), "udp6": str(expect), "tcp": str(expect if tcp is None else tcp)}


def sends(method="INVITE", uri=UK, **options):
    """A request with one thing changed: it names its door in a Via of its own."""
    return lambda door: door.request(method, uri, **options)


def headers(method="INVITE", uri=UK, **changes):
    """A request with other headers; _ in a name stands for -."""
    return sends(method, uri, headers={name.replace("_", "-"): value for name, value in changes.items()})


def via(*arguments, **options):
    """A request whose Via is another: as Door.via_for()."""
    return lambda door: door.request("INVITE", UK, via=door.via_for(door.name(), *arguments, **options))


def compact(door):
    data = door.request("INVITE", UK, headers={"Subject": "x", "Contact": "<sip:a@b>"})
    short = {"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Content-Length": "l", "Subject": "s",
             "Contact": "m"}
    for name, letter in short.items():
        data = data.replace(f"\r\n{name}:".encode(), f"\r\n{letter} :".encode())
    return data


def folded(door):
    return (door.request("INVITE", UK, headers={"Subject": "one\r\n two\r\n\tthree"})
            .replace(b"CSeq: 1 INVITE", b"CSeq:\r\n 1\r\n  INVITE").replace(b"To: ", b"To:\r\n\t "))


def without(name, method="INVITE"):
    return sends(method, UK, headers={name: None})


SAME_LENGTH = ["3", "3"]
BROKEN = 'a "broken value <<;;,,='

CASES = [
    # Calls
    Case("a redirect", "302 Moved Temporarily", sends()),
    Case("300", "300 Multiple Choices", sends(uri="sip:300@signpost.test")),
    Case("301", "301 Moved Permanently", sends(uri="sip:301@signpost.test")),
    Case("305", "305 Use Proxy", sends(uri="sip:305@signpost.test")),
    Case("380", "380 Alternative Service", sends(uri="sip:380@signpost.test")),
    Case("a phrase of its own", "603 Premium numbers barred", sends(uri="sip:603@signpost.test")),
    Case("the status's phrase", "486 Busy Here", sends(uri="sip:486@signpost.test")),
    Case("reason and retry-after", "503 All trunks busy", sends(uri="sip:503@signpost.test")),
    Case("a status that has no phrase", 499, sends(uri="sip:499@signpost.test")),
    Case("no rule", "404 Not Found", sends(uri="sip:nobody@signpost.test")),
    Case("no rule, no user", "404 Not Found", sends(uri="sip:signpost.test")),
    Case("every gateway disabled", "480 Temporarily Unavailable", sends(uri="sip:480@signpost.test")),
    Case("rewritten to nothing", "484 Address Incomplete", sends(uri="sip:484@signpost.test")),
    Case("user part too long", "414 Request-URI Too Long", sends(uri=f"sip:{'1' * 1025}@signpost.test")),
    Case("only the Request-URI itself is left", 404, sends(uri="sip:404@signpost.test")),
    Case("tel", 302, sends(uri="tel:+44-20-7123-4567")),
    Case("tel, local", 302, sends(uri="tel:7123-4567;phone-context=+4420")),
    Case("sips, and a sips target", 302, sends(uri="sips:55@signpost.test")),
    Case("sips, and no sips target", 480, sends(uri="sips:+442071234567@signpost.test")),
    Case("user=phone", 302, sends(uri="sip:+44.20(7123)4567@signpost.test;user=phone")),
    Case("escaped user", 302, sends(uri="sip:%2B442071234567@signpost.test")),
    Case("Request-URI with port, parameters and headers", 302,
         sends(uri="sip:+442071234567@signpost.test:5070;transport=udp;lr?Subject=x")),
    Case("Request-URI with an IPv6 host", 302, sends(uri="sip:+442071234567@[2001:db8::1]:5060")),

    # Other methods
    Case("OPTIONS", "200 OK", sends("OPTIONS")),
    Case("OPTIONS, no user", "200 OK", sends("OPTIONS", "sip:signpost.test")),
    Case("CANCEL", "200 OK", sends("CANCEL")),
    Case("CANCEL with a To tag", "200 OK", headers("CANCEL", To=f"<{UK}>;tag=x")),
    Case("ACK", SILENCE, sends("ACK")),
    Case("ACK with a To tag", SILENCE, headers("ACK", To=f"<{UK}>;tag=x")),
    Case("broken ACK", SILENCE, headers("ACK", From=BROKEN, CSeq=None)),
    Case("REGISTER", "405 Method Not Allowed", sends("REGISTER", "sip:signpost.test")),
    Case("BYE outside of a dialog", "405 Method Not Allowed", sends("BYE")),
    Case("PRACK, INFO and the like", "405 Method Not Allowed", sends("PRACK")),
    Case("a method nobody knows", "405 Method Not Allowed", sends("FROBNICATE")),
    Case("every character of a token", "405 Method Not Allowed", sends("!Foo-1.%*_+`'~")),
    Case("methods have a case", "405 Method Not Allowed", sends("invite")),
    Case("BYE in a dialog", "481 Call/Transaction Does Not Exist", headers("BYE", To=f"<{UK}>;tag=x")),
    Case("INVITE in a dialog", 481, headers(To=f"<{UK}>;tag=x")),
    Case("OPTIONS in a dialog", 481, headers("OPTIONS", To=f"<{UK}>;tag=x")),
    Case("an unknown method in a dialog", 481, headers("FROBNICATE", To=f"<{UK}>;tag=x")),

    # Responses
    Case("200", SILENCE, sends(start="SIP/2.0 200 OK")),
    Case("100", SILENCE, sends(start="SIP/2.0 100 Trying")),
    Case("a broken response", SILENCE, sends(start="SIP/2.0 99999")),

    # The start line
    Case("an unknown scheme", "416 Unsupported URI Scheme", sends(uri="http://signpost.test/")),
    Case("a scheme nobody knows, OPTIONS", "416 Unsupported URI Scheme", sends("OPTIONS", "nobodyKnows:x")),
    Case("mailto", 416, sends(uri="mailto:a@signpost.test")),
    Case("SIP/3.0", "505 Version Not Supported", sends(start=f"INVITE {UK} SIP/3.0")),
    Case("SIP/2.1", 505, sends(start=f"INVITE {UK} SIP/2.1")),
    Case("SIP/1.0, OPTIONS", 505, sends("OPTIONS", start=f"OPTIONS {UK} SIP/1.0")),
    Case("HTTP/1.1", 400, sends(start=f"INVITE {UK} HTTP/1.1")),
    Case("sip/2.0", 302, sends(start=f"INVITE {UK} sip/2.0")),
    Case("no version", 400, sends(start=f"INVITE {UK}")),
    Case("no Request-URI", 400, sends(start="INVITE SIP/2.0")),
    Case("no scheme", 400, sends(uri="+442071234567")),
    Case("no host", 400, sends(uri="sip:", headers={"To": "<sip:bob@signpost.test>"})),
    Case("a port that is none", 400, sends(uri="sip:100@signpost.test:99999")),
    Case("blanks in the Request-URI", 400, sends(uri="sip:1 2@signpost.test")),
    Case("<> around the Request-URI", 400, sends(uri=f"<{UK}>", headers={"To": "<sip:bob@signpost.test>"})),

    # Headers that we need
    *[Case(f"no {name}", f"400 Missing {name} Header", without(name)) for name in NEEDED[2:]],
    *[Case(f"empty {name}", f"400 Bad {name} Header", headers(**{name: ""})) for name in NEEDED[2:]],
    Case("broken From", "400 Bad From Header", headers(From=BROKEN)),
    Case("broken To", "400 Bad To Header", headers(To=BROKEN)),
    Case("broken Call-ID", "400 Bad Call-ID Header", headers(Call_ID="two words")),
    Case("broken CSeq", "400 Bad CSeq Header", headers(CSeq="one INVITE")),
    Case("negative CSeq", "400 Bad CSeq Header", headers(CSeq="-1 INVITE")),
    Case("CSeq without method", "400 Bad CSeq Header", headers(CSeq="1")),
    Case("CSeq at its limit", 302, headers(CSeq="2147483647 INVITE")),
    Case("CSeq beyond its limit", "400 Bad CSeq Header", headers(CSeq="2147483648 INVITE")),
    Case("CSeq of another method", 400, headers(CSeq="1 OPTIONS")),
    Case("CSeq 0", 302, headers(CSeq="0 INVITE")),
    *[Case(f"several {name}", f"400 Several {name} Headers", headers(**{name: [value, value]}))
      for name, value in (("From", "<sip:a@pbx.test>;tag=1"), ("To", f"<{UK}>"), ("Call-ID", "a@b"),
                          ("CSeq", "1 INVITE"))],
    Case("no Via", SILENCE, without("Via")),
    Case("broken Via", SILENCE, sends(via="this is no Via")),
    Case("Via without host", SILENCE, sends(via="SIP/2.0/UDP ;branch=z9hG4bKx")),
    Case("Via with a port that is none", SILENCE, sends(via="SIP/2.0/UDP signpost.test:0;branch=z9hG4bKx")),
    Case("broken second Via", 302, lambda door: door.request(headers={"Via": [door.via(), BROKEN]})),

    # Headers that we do not need
    *[Case(f"broken {name}", 302, headers(**{name: value})) for name, value in (
        ("Date", "yesterday"), ("Contact", BROKEN), ("Expires", "soon"), ("Route", BROKEN), ("Max-Forwards", "many"),
        ("Record-Route", BROKEN), ("Content-Type", ";;;"), ("Authorization", "?"), ("Session-Expires", "-1"),
        ("Supported", ",,,"), ("P-Asserted-Identity", BROKEN), ("Timestamp", "x"), ("RSeq", "x"), ("", "no name"))],
    Case("a line that is no header", 302, sends(more=["this line has no colon"])),
    Case("several Max-Forwards", 302, headers(Max_Forwards=["70", "70"])),
    Case("unknown Require", 302, headers(Require="nothingSupportsThis")),
    Case("unknown Proxy-Require", 302, headers(Proxy_Require="nothingSupportsThis")),
    Case("unknown body", 302, sends(headers={"Content-Type": "x/y", "Content-Encoding": "z"}, body=b"\0\r\n\xff")),
    Case("Max-Forwards 0", 302, headers(Max_Forwards="0")),
    Case("no Max-Forwards", 302, without("Max-Forwards")),
    Case("Accept that we cannot satisfy", 302, headers(Accept="text/nobodyKnowsThis")),
    Case("compact names", 302, compact),
    Case("folded headers", 302, folded),
    Case("names in any case", 302, lambda door: re.sub(
        rb"(?m)^[\w-]+:", lambda m: m[0].swapcase(), door.request("INVITE", UK))),
    Case("a hundred unknown headers", 302, sends(more=[f"X-{i}: {i}" for i in range(100)])),

    # The length
    Case("two equal Content-Length", 302, sends(headers={"Content-Length": SAME_LENGTH}, body=b"abc")),
    Case("two different Content-Length", "400 Bad Content-Length Header",
         headers(Content_Length=["0", "3"]), tcp="400 Bad Content-Length Header" + CLOSED,
         why="nobody knows where the next message begins"),
    Case("two different Content-Length, one compact", 400, sends(more=["l: 3"]), tcp="400" + CLOSED,
         why="nobody knows where the next message begins"),
    Case("a Content-Length that is none", "400 Bad Content-Length Header",
         headers(Content_Length="five"), tcp="400 Bad Content-Length Header" + CLOSED,
         why="nobody knows where the next message begins"),
    Case("a negative Content-Length", "400 Bad Content-Length Header",
         headers(Content_Length="-5"), tcp="400 Bad Content-Length Header" + CLOSED,
         why="nobody knows where the next message begins"),
    Case("Content-Length beyond every limit", 400, headers(Content_Length="99999999999999999999"),
         tcp="400" + CLOSED, why="nobody knows where the next message begins"),
    Case("Content-Length beyond the datagram", 400, headers(Content_Length="65536"),
         tcp="413 Request Entity Too Large" + CLOSED, why="more than the limit will follow, and is not waited for"),
    Case("no Content-Length", 302, headers(Content_Length=None),
         tcp="400 Missing Content-Length Header" + CLOSED, why="nobody knows where the next message begins"),
    Case("a body longer than Content-Length", 302,
         lambda door: door.request(headers={"Content-Length": "2"}, body=b"ab\r\n")),
    Case("a leading empty line", 302, lambda door: b"\r\n" + door.request()),

    # What old and odd peers send
    Case("RFC 2543: no branch, no From tag", 302, lambda door: door.request(
        via=door.via_for(door.name()).partition(";branch")[0], headers={"From": "sip:alice@pbx.test"})),
    Case("a branch without cookie", 302, via("17")),
    Case("the cookie only", 302, via("z9hG4bK")),
    *[Case(f"Via says {transport}", 302, via(transport=transport))
      for transport in ("UDP", "TCP", "TLS", "SCTP", "WS", "WSS", "UNKNOWN", "udp")],
]


def split_request(data):
    """[(name, value)] of a request's headers, as the builder wrote them."""
    lines = data.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape").split("\r\n")[1:]
    return [tuple(line.split(": ", 1)) for line in lines if ": " in line]


def only(fields, name):
    return [value for field, value in fields if field == name]


class EveryRow(unittest.TestCase):
    """The answer table of the design, row by row, on every door."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server.start(cls, RULES, settings(workers=2))

    def check_copied(self, data, reply):
        """RFC 3261 8.2.6.2. Only for requests whose headers stand one to a line under their full names."""
        asked = split_request(data)
        self.assertLessEqual(set(reply.names()), KNOWN)
        for name in ("From", "Call-ID", "CSeq"):
            self.assertEqual(only(asked, name)[:1] if only(asked, name) != [""] else [], reply.all(name), name)
        self.assertEqual(only(asked, "Via")[1:], reply.all("Via")[1:])
        self.assertEqual([reply.get("Content-Length"), reply.body], ["0", b""])
        if only(asked, "To") and ";tag=" not in only(asked, "To")[0] and reply.phrase != "Bad To Header":
            self.assertRegex(reply.get("To"), "^" + re.escape(only(asked, "To")[0]) + ";tag=[0-9a-f]{16}$")
        elif only(asked, "To") and only(asked, "To")[0]:
            self.assertEqual(only(asked, "To")[0], reply.get("To"))

    def check_reply(self, reply):
        """What goes with a status."""
        self.assertEqual(reply.get("Allow"), ALLOW if reply.status == 405 or self.is_options(reply) else None)
        self.assertEqual(reply.get("Accept"), "application/sdp" if self.is_options(reply) else None)
        self.assertEqual(reply.get("Supported"), "" if self.is_options(reply) else None)
        self.assertEqual(300 <= reply.status < 400, bool(reply.contacts()), "a 3xx, and only that, has Contacts")

    @staticmethod
    def is_options(reply):
        return reply.status == 200 and (reply.get("CSeq") or "").endswith(" OPTIONS")

    def open(self, door_name):
        return DOORS[door_name](self.server.port)

    def want(self, case, door_name):
        return case.expect[door_name]

    def check(self, case, door_name):
        with self.open(door_name) as door:
            data = case.make(door)
            reply = door.ask(data)
            got = f"{reply.status} {reply.phrase}" if reply else SILENCE
            if door.closed:
                got += CLOSED
            want = self.want(case, door_name)
            if re.fullmatch(r"\d+( and .*)?", want) and reply:
                got = got.replace(f" {reply.phrase}", "", 1)
            self.assertEqual(got, want, f"\nrequest: {data!r}\nreply: {reply}")
            if reply:
                self.check_reply(reply)
                if case.make not in (compact, folded) and case.name != "names in any case":
                    self.check_copied(data.lstrip(), reply)

    def check_door(self, door_name):
        for case in CASES:
            with self.subTest(case.name, door=door_name):
                self.check(case, door_name)

    def test_udp(self):
        self.check_door("udp")

    def test_tcp(self):
        self.check_door("tcp")

    @needs_v6
    def test_udp_over_ipv6(self):
        self.check_door("udp6")

    def test_what_a_rule_gives_is_in_the_reply(self):
        for name in ("udp", "tcp"):
            with DOORS[name](self.server.port) as door:
                moved = door.ask(door.request(uri="sip:301@signpost.test"))
                full = door.ask(door.request(uri="sip:503@signpost.test"))
                busy = door.ask(door.request(uri="sip:486@signpost.test"))
            self.assertEqual(moved.get("Expires"), "86400")
            self.assertEqual(full.get("Reason"), 'Q.850;cause=34;text="No circuit"')
            self.assertEqual(full.get("Retry-After"), "30")
            for absent in ("Reason", "Retry-After", "Expires"):
                self.assertIsNone(busy.get(absent))

    def test_record_route_is_not_copied(self):
        with UdpDoor(self.server.port) as door:
            reply = door.ask(door.request(headers={"Record-Route": "<sip:p1.test;lr>", "Route": "<sip:x.test;lr>"}))
        self.assertEqual(reply.status, 302)
        self.assertNotIn("Record-Route", reply.names())

    def test_methods_of_the_settings_are_redirected(self):
        server = Server.start(self, RULES, settings(more="methods: [INVITE, MESSAGE, FROBNICATE]"))
        with UdpDoor(server.port) as door:
            for method in ("INVITE", "MESSAGE", "FROBNICATE"):
                self.assertEqual(door.ask(door.request(method)).status, 302, method)
            for method in ("REGISTER", "SUBSCRIBE"):
                reply = door.ask(door.request(method))
                self.assertEqual(reply.status, 405, method)
                self.assertEqual(set(reply.get("Allow").split(", ")),
                                 {"INVITE", "MESSAGE", "FROBNICATE", "ACK", "CANCEL", "OPTIONS"})
        server = Server.start(self, RULES, settings(more="methods: [MESSAGE]"))
        with UdpDoor(server.port) as door:
            reply = door.ask(door.request("INVITE"))
            self.assertEqual((reply.status, reply.get("Allow")), (405, "MESSAGE, CANCEL, OPTIONS"))


class Contacts(unittest.TestCase):
    """The list that works with every peer."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server.start(cls, RULES)

    def ask(self, uri, door="udp", **options):
        with DOORS[door](self.server.port) as asking:
            return asking.ask(asking.request(uri=uri, **options))

    def test_best_first_with_falling_q(self):
        for door in ("udp", "tcp"):
            self.assertEqual(self.ask(UK, door).contacts(), [
                ("sip:+442071234567@first.example.net", "1.0"),
                ("sip:+442071234567@second.example.net;transport=tcp", "0.9")])

    def test_at_most_ten(self):
        for door in ("udp", "tcp"):
            contacts = self.ask("sip:10@signpost.test", door).contacts()
            self.assertEqual([uri for uri, _ in contacts], [f"sip:10@g{i}.example.net" for i in range(10)])
            self.assertEqual([q for _, q in contacts],
                             ["1.0", "0.9", "0.8", "0.7", "0.6", "0.5", "0.4", "0.3", "0.2", "0.1"])

    def test_another_steps_in_for_the_request_uri(self):
        self.assertEqual(self.ask("sip:10@g3.example.net").uris(),
                         [f"sip:10@g{i}.example.net" for i in range(11) if i != 3])

    def test_udp_replies_fit_the_path(self):
        over_tcp = self.ask("sip:1300@signpost.test", "tcp")
        self.assertEqual(len(over_tcp.contacts()), 10)
        over_udp = self.ask("sip:1300@signpost.test")
        kept = over_udp.contacts()
        self.assertEqual(kept, over_tcp.contacts()[:len(kept)], "the worst go first")
        self.assertLess(len(kept), 10)
        self.assertLessEqual(len(over_udp.data), 1300)
        one_more = len(over_tcp.contacts()[len(kept)][0]) + len(", <>;q=0.5")
        self.assertGreater(len(over_udp.data) + one_more, 1300, "no more are dropped than must be")
        self.server.wait_for_log(r'contacts left out .*rule="long"')

    def test_a_3xx_keeps_one_contact_however_long_it_is(self):
        with UdpDoor(self.server.port) as door:
            hops = [f"SIP/2.0/UDP hop{i}.test;branch=z9hG4bK{'y' * 100}" for i in range(15)]
            reply = door.ask(door.request(uri="sip:1300@signpost.test", headers={"Via": [door.via(), *hops]}))
        self.assertEqual(len(reply.contacts()), 1)
        self.assertGreater(len(reply.data), 1300)

    def test_none_is_the_request_uri(self):
        """RFC 3261 8.3, compared as 19.1.4 says."""
        equal = ["sip:404@signpost.test", "sip:404@SIGNPOST.test", "sip:%34%304@signpost.test",
                 "SIP:404@signpost.test"]
        for uri in equal:
            self.assertEqual(self.ask(uri).status, 404, uri)
            reply = self.ask(uri.replace("404", "405").replace("%34%304", "%34%305"))
            self.assertEqual(reply.contacts(), [("sip:405@first.example.net", "1.0")], uri)
        for uri in ("sip:404@signpost.test:5060", "sip:404@signpost.test;transport=tcp", "sips:404@signpost.test"):
            expected = [] if uri.startswith("sips") else ["sip:404@signpost.test"]
            self.assertEqual(self.ask(uri).uris(), expected, uri)

    def test_sips_leads_to_sips(self):
        """RFC 5630"""
        self.assertEqual(self.ask("sips:55@signpost.test").uris(), ["sips:55@secure.example.net"])
        self.assertEqual(self.ask("sip:55@signpost.test").uris(),
                         ["sip:55@first.example.net", "sips:55@secure.example.net"])

    def test_the_user_part_is_escaped(self):
        cases = {
            "u1": "u1", "u%20b": "u%20b", "u%22%3C%3E": "u%22%3C%3E", "u%0d%0aX%3a%201": "u%0D%0AX%3A%201",
            "u%40b": "u%40b", "u%00b": "u%00b", "u%C3%A9": "u%C3%A9", "u%2fx": "u%2Fx", "u/x": "u/x",
            "u:pass": "u", "u%7Ex": "u~x"}
        for sent, expected in cases.items():
            reply = self.ask(f"sip:{sent}@signpost.test")
            self.assertEqual(reply.uris(), [f"sip:{expected}@gw.example.net"], sent)

    def test_weights_share_the_calls(self):
        first = collections.Counter()
        calls = 800
        with UdpDoor(self.server.port) as door:
            for _ in range(calls):
                uris = door.ask(door.request(uri="sip:7@signpost.test")).uris()
                self.assertEqual(sorted(uris[:2]), ["sip:7@heavy.example.net", "sip:7@light.example.net"])
                self.assertEqual(uris[2:], ["sip:7@spare.example.net"])
                first[uris[0]] += 1
        # 3 to 1; 0.1 is more than six standard deviations.
        self.assertAlmostEqual(first["sip:7@heavy.example.net"] / calls, 0.75, delta=0.1)


class SameAnswer(unittest.TestCase):
    """Same question, same answer."""

    def test_a_thousand_copies_get_one_answer(self):
        for workers in (1, 2):
            server = Server.start(self, RULES, settings(workers=workers, more="log: {calls: none}"))
            copies = 1000 // (4 if SANITIZER else 1)
            with UdpDoor(server.port) as door, contextlib.ExitStack() as others:
                data = door.request(uri="sip:7@signpost.test", via=door.via_for(door.name(), params=""))
                senders = [others.enter_context(UdpDoor(server.port)) for _ in range(8)]
                answers = collections.Counter()
                for i in range(copies):
                    senders[i % len(senders)].send(data)
                    if i % 25 == 24:  # what is under way fits every socket buffer
                        answers.update(door.receive() for _ in range(25))
                self.assertEqual(list(answers.values()), [copies])
                self.assertEqual(Reply(next(iter(answers))).status, 302)

    def test_replicas_answer_alike_if_they_share_the_secret(self):
        one, two = (Server.start(self, RULES) for _ in range(2))
        other = Server.start(self, RULES, settings(secret=False))
        with UdpDoor(one.port) as door:
            for uri in ("sip:7@signpost.test", "sip:603@signpost.test", "sip:signpost.test"):
                data = door.request(uri=uri, via=door.via_for(door.name(), params=""))
                answers = []
                for server in (one, two, other):
                    door.socket.sendto(data, ("127.0.0.1", server.port))
                    answers.append(Reply(door.socket.recv(65535)))
                self.assertEqual(answers[0].data, answers[1].data)
                self.assertNotEqual(answers[0].to_tag(), answers[2].to_tag())
        other.wait_for_log("no secret in the settings")

    def test_the_to_tag_depends_on_what_names_a_transaction(self):
        server = Server.start(self, RULES)
        with UdpDoor(server.port) as door:
            def tag(method="INVITE", call_id="same", from_tag="same", branch="z9hG4bKsame", number=1, more=None):
                reply = door.ask(door.request(method, via=door.via(branch=branch), headers={
                    "Call-ID": call_id, "From": f"<sip:a@b>;tag={from_tag}", "CSeq": f"{number} {method}",
                    **(more or {})}))
                return reply.to_tag()

            self.assertEqual(tag(), tag())
            self.assertEqual(tag(), tag(more={"X": "y", "Max-Forwards": "3"}))
            self.assertEqual(tag(), tag("CANCEL"), "a CANCEL's answer has the tag of its INVITE's")
            others = {tag(call_id="x"), tag(from_tag="x"), tag(branch="z9hG4bKx"), tag(number=2)}
            self.assertEqual(len(others | {tag()}), 5)
            self.assertNotEqual(tag(call_id="ab", from_tag="c"), tag(call_id="a", from_tag="bc"))
            reply = door.ask(door.request("BYE", headers={"To": "<sip:x@y>;tag=theirs"}))
            self.assertEqual(reply.get("To"), "<sip:x@y>;tag=theirs")


class WhereItGoes(unittest.TestCase):
    """RFC 3261 18.2 and RFC 3581."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server.start(cls, RULES)

    def test_top_via_says_where_the_request_came_from(self):
        for door_name in [name for name in DOORS if name != "udp6" or is_v6_here()]:
            with DOORS[door_name](self.server.port) as door:
                host, port = door.socket.getsockname()[:2]
                here = door.name()
                for sent_by, params, want in (
                    (here, ";rport", f"{here};rport={port};branch=B;received={host}"),
                    (here, ";rport=1", f"{here};rport={port};branch=B;received={host}"),
                    (here, ";RPORT", f"{here};rport={port};branch=B;received={host}"),
                    (here, ";rport;rport", f"{here};rport={port};branch=B;received={host}"),
                    ("pbx.test", ";rport", f"pbx.test;rport={port};branch=B;received={host}"),
                    ("pbx.test:7", ";rport;ttl=3;x", f"pbx.test:7;rport={port};ttl=3;x;branch=B;received={host}"),
                    (here, ";rport;received=9.9.9.9", f"{here};rport={port};branch=B;received={host}"),
                    ("pbx.test", ";rport;received=9.9.9.9", f"pbx.test;rport={port};branch=B;received={host}"),
                ):
                    reply = door.ask(door.request(via=door.via_for(sent_by, branch="B", params=params)))
                    with self.subTest(door=door_name, sent_by=sent_by, params=params):
                        self.assertEqual(reply.all("Via"), [f"SIP/2.0/{door.transport} {want}"])

    def test_vias_are_copied_in_order(self):
        with UdpDoor(self.server.port) as door:
            below = ["SIP/2.0/TCP two.test;branch=z9hG4bK2;received=192.0.2.2",
                     "SIP / 2.0 / UDP  three.test : 5061 ;branch=z9hG4bK3, SIP/2.0/SCTP four.test;maddr=5.6.7.8",
                     "SIP/2.0/TLS [2001:db8::5]:5061;rport"]
            reply = door.ask(door.request(headers={"Via": [door.via_for("one.test", "B"), *below]}))
            self.assertEqual(reply.all("Via")[1:], below)
            # Several in one line are as good.
            top = door.via_for(door.name(), "B")
            reply = door.ask(door.request(via=f"{top}, {below[0]},{below[2]}"))
            self.assertEqual(", ".join(reply.all("Via")).count("SIP/2.0/"), 3)
            self.assertTrue(reply.all("Via")[0].startswith(top.partition(";")[0]))
            self.assertIn(below[0], ", ".join(reply.all("Via")))

    def test_without_rport_it_goes_to_the_via_port(self):
        for door_class in (UdpDoor, Udp6Door) if is_v6_here() else (UdpDoor,):
            with door_class(self.server.port) as sender, door_class(self.server.port) as listener:
                port = listener.socket.getsockname()[1]
                host = sender.host
                for sent_by, received in (
                    (listener.name(), None), (f"pbx.test:{port}", host), (f"192.0.2.7:{port}", host),
                    (f"[2001:db8::7]:{port}", host), (f"localhost:{port}", host)):
                    sender.send(sender.request(via=sender.via_for(sent_by, params="")))
                    reply = Reply(listener.receive())
                    end = f";received={received}" if received else ""
                    self.assertRegex(reply.all("Via")[0], rf"^SIP/2.0/UDP {re.escape(sent_by)};branch=[^;]*{end}$")
                # Nothing went to the sender itself: its next answer is the marker's.
                self.assertIsNone(sender.ask(sender.request("ACK")))

    def test_maddr_and_received_are_never_followed(self):
        """Whoever is named there gets nothing, and the sender gets its answer."""
        with UdpDoor(self.server.port) as door, UdpDoor(self.server.port, "127.0.0.3") as victim:
            port = victim.socket.getsockname()[1]
            here = door.socket.getsockname()[1]
            for params in (";rport;maddr=127.0.0.3", ";rport;received=127.0.0.3", ";maddr=127.0.0.3",
                           ";received=127.0.0.3", ";rport;maddr=victim.test", ";rport;ttl=1;maddr=224.0.1.75"):
                sent_by = f"127.0.0.3:{port if 'rport' in params else here}"
                reply = door.ask(door.request(via=door.via_for(sent_by, params=params)))
                self.assertEqual(reply.status, 302, params)
                reply = door.ask(door.request("OPTIONS", start=f"OPTIONS {UK} SIP/3.0",
                                              via=door.via_for(sent_by, params=params)))
                self.assertEqual(reply.status, 505, params)
            self.assertIsNone(victim.ask(victim.request("ACK")))

    def test_nothing_is_sent_twice(self):
        """No retransmission: the first would come after half a second (RFC 3261 17.2.1)."""
        with UdpDoor(self.server.port) as door:
            for method in ("INVITE", "OPTIONS", "CANCEL", "BYE"):
                self.assertIsNotNone(door.ask(door.request(method)))
            door.ask(door.request("ACK"))
            door.socket.settimeout(0.7)
            with self.assertRaises(TimeoutError):
                door.receive()

    def test_two_requests_in_one_datagram_are_one(self):
        with UdpDoor(self.server.port) as door:
            reply = door.ask(door.request("OPTIONS") + door.request("INVITE"))
            self.assertEqual(reply.get("CSeq"), "1 OPTIONS")


def own_addresses():
    """Loopback, and the address packets to elsewhere would go out from, if there is a way out. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        with contextlib.suppress(OSError):
            s.connect(("192.0.2.1", 9))
            return {"127.0.0.1", s.getsockname()[0]}
    return {"127.0.0.1"}


class Listeners(unittest.TestCase):
    """Several addresses and profiles at once."""

    def test_each_profile_has_its_own_peers_and_sockets(self):
        other = free_port()
        text = settings(listen=["udp:127.0.0.1:PORT"], networks=["127.0.0.1"])
        text = text.replace("peers:\n", f'  second: {{listen: "udp:127.0.0.2:{other}", peers: [others]}}\npeers:\n'
                            '  others: {networks: 127.0.0.8}\n', 1)
        rules = "rules:\n  - {listener: \"udp:127.0.0.2:%d\", reject: 488}\n  - {reject: 486}\n" % other
        server = Server.start(self, rules, text)
        with UdpDoor(server.port) as door:
            self.assertEqual(door.ask(door.request()).status, 486)
        with UdpDoor(other, "127.0.0.8") as door:
            door.host = "127.0.0.2"
            self.assertEqual(door.ask(door.request()).status, 488)
        with UdpDoor(server.port, "127.0.0.8") as door:
            door.send(door.request())
            with UdpDoor(server.port) as friend:
                friend.ask(friend.request("ACK"))
            door.socket.setblocking(False)
            with self.assertRaises(BlockingIOError):
                door.receive()

    def test_all_addresses(self):
        """A reply comes from the address that was asked."""
        server = Server.start(self, RULES, settings(
            listen=["udp:0.0.0.0:PORT", "tcp:0.0.0.0:PORT"], networks=["0.0.0.0/0"]))
        for host in own_addresses():
            for door_class in (UdpDoor, TcpDoor):
                door_class = type("Door", (door_class,), {"host": host})
                with door_class(server.port) as door:
                    self.assertEqual(door.ask(door.request()).status, 302, host)

    @needs_v6
    def test_v4_and_v6_on_all_addresses(self):
        listen = ["udp:0.0.0.0:PORT", "udp:[::]:PORT", "tcp:[::]:PORT", "tcp:0.0.0.0:PORT"]
        server = Server.start(self, RULES, settings(listen=listen))
        for door_class in (UdpDoor, Udp6Door, TcpDoor):
            with door_class(server.port) as door:
                self.assertEqual(door.ask(door.request()).status, 302)

    def test_a_taken_port_is_an_error(self):
        server = Server.start(self, RULES)
        for kind in ("udp", "tcp"):
            for workers in (1, 2):
                text = settings(listen=[f"{kind}:127.0.0.1:{server.port}"], workers=workers)
                second = Server(RULES, text)
                self.addCleanup(second.kill)
                why = f"(?s)ended with 1:.*cannot listen on {kind}:127.0.0.1:{server.port}: Address already in use"
                with self.subTest(kind, workers=workers), self.assertRaisesRegex(AssertionError, why):
                    second.wait_for_log("^ready")


if __name__ == "__main__":
    unittest.main()
