#!/usr/bin/env python3
"""Malformed INVITEs without end: each of 37 header fields, changed in each of nine ways.

The n-th message of a seed is always the same. Fields and ways take turns, so any 333 in a row have them all; what is
left to chance is which element of the value is changed, and how far. To look at some:

    tests/malformed.py [--seed S] [--udp HOST:PORT] FIRST [COUNT]
"""
import argparse
import os
import random
import re
import socket

# RFC 3261 20, all that a request may have; RFC 3325 and 4412. A value as it should be.
FIELDS = {
    "Via": "SIP/2.0/{transport} {sent_by};rport;branch=z9hG4bK{n};x=\"y\"",
    "From": '"A. Smith" <sip:alice@pbx.test:5060;user=phone>;tag=1928301774',
    "To": '"Bob" <sip:+442071234567@signpost.test>',
    "Call-ID": "m{n}@pbx.test",
    "CSeq": "314159 INVITE",
    "Max-Forwards": "70",
    "Contact": '"A" <sip:alice@192.0.2.4:5060;transport=udp>;q=0.7;expires=3600',
    "Content-Length": "4",
    "Content-Type": 'multipart/mixed; boundary="x"',
    "Content-Encoding": "gzip",
    "Content-Disposition": "session; handling=optional",
    "Content-Language": "en-GB, fr",
    "Accept": "application/sdp;level=1, text/*;q=0.5",
    "Accept-Encoding": "gzip;q=1.0, identity;q=0.5",
    "Accept-Language": "da, en-gb;q=0.8",
    "Alert-Info": "<http://www.example.test/sounds/moo.wav>;x=1",
    "Allow": "INVITE, ACK, OPTIONS, CANCEL, BYE",
    "Authorization": 'Digest username="bob", realm="a.test", nonce="84a4cc6f", uri="sip:a.test", '
                     'response="7587245234b3434cc3412213e5f113a5", algorithm=MD5, cnonce="0a4f", qop=auth, nc=00000001',
    "Call-Info": "<http://www.example.test/alice/photo.jpg>;purpose=icon",
    "Date": "Sat, 13 Nov 2010 23:29:00 GMT",
    "Expires": "3600",
    "In-Reply-To": "70710@saturn.test, 17320@saturn.test",
    "MIME-Version": "1.0",
    "Organization": "Boxes by Bob",
    "Priority": "emergency",
    "Proxy-Authorization": 'Digest username="bob", realm="a.test", nonce="c60f3082ee", response="245f", uri="sip:b"',
    "Proxy-Require": "foo, sec-agree",
    "Record-Route": "<sip:server10.test;lr>, <sip:192.0.2.4;lr>",
    "Reply-To": '"Bob" <sip:bob@biloxi.test>;x=y',
    "Require": "100rel, foo",
    "Route": "<sip:bigbox3.test;lr>, <sips:[2001:db8::9:1]:5061;lr>",
    "Subject": "Need more boxes",
    "Supported": "100rel, timer",
    "Timestamp": "54.21 0.5",
    "User-Agent": "Softphone/1.0 (beta)",
    "P-Asserted-Identity": '"Cullen" <sip:+14085264000@cisco.test>, tel:+14085264000',
    "Resource-Priority": "esnet.0, wps.3",
}
NEEDED = ("Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length")
BODY = b"v=0\n"

LENGTHS = (63, 64, 127, 128, 255, 256, 257, 511, 1023, 1025, 4095, 4097, 8193, 16385)
LENGTHS_SELDOM = (32768, 60000)
REPEATS = (2, 2, 3, 10, 65, 400)
INTEGERS = ("-1", "-0", "00", "+1", "127", "128", "255", "256", "32768", "65535", "65536", "2147483647", "2147483648",
            "-2147483648", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808",
            "18446744073709551615", "18446744073709551616", "9" * 40, "9" * 400, "0x7fffffff", "1e308", "1.5", "0.0001",
            "0" * 300 + "1", "NaN", "1 2")
FORMATS = ("%s", "%n", "%s" * 50, "%n" * 50, "%x%x%x%x", "%1$s", "%99999999d", "%.9999999s", "%*d", "%hhn", "%%", "%",
           "{}", "{0}", "{called}", "$1", "${x}", "$(id)", "`id`", "\\0", "\\u0000", "%00", "%0d%0a", "%zz", "%4")
UTF8 = ("\u00e9", "\u20ac", "\U0001f4de", "\ufeff", "\u202e", "\u0085", "\u2028", "a\u0301", "\u0130", "\u1e9e",
        "\U0010ffff", "\u0660\u0661", "\uff10\uff11", "\u00a0", "\u200b", "\u4e2d\u6587" * 100)
BAD_UTF8 = (b"\xe9", b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xc0\xaf", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xe2\x82",
            b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\x80",
            b"\xbf" * 40, "sip:bob".encode("utf-16"), "sip:bob".encode("utf-32-be"), b"\x1b$B", b"\x85", b"\xa0")
ELEMENTS = re.compile(rb'"[^"]*"|[\w.+%-]+|[^\w\s]')


class Malformed:
    def __init__(self, seed=1):
        self.seed = seed
        self.names = list(FIELDS)
        self.ways = [self.overlong, self.empty, self.repeated, self.missing, self.wrong_encoded, self.format_string,
                     self.integer_overflow, self.utf8, self.nul]

    def about(self, number):
        """What the message has: the field and the way, as text."""
        return f"{self.names[number % 37]} {self.way(number).__name__}"

    def way(self, number):
        return self.ways[number // 37 % 9]

    def message(self, number, transport="UDP", sent_by="pbx.test"):
        chance = random.Random(self.seed << 32 | number)
        changed = self.names[number % 37]
        lines = []
        for name, text in FIELDS.items():
            if name != changed and name not in NEEDED and chance.random() < 0.8:
                continue
            value = text.replace("{n}", str(number)).replace("{transport}", transport).replace("{sent_by}", sent_by)
            values = [value.encode()]
            if name == changed:
                values = self.way(number)(chance, values[0])
            lines += [name.encode() + b": " + value for value in values]
        chance.shuffle(lines)
        start = b"INVITE sip:+442071234567@signpost.test SIP/2.0"
        return b"\r\n".join([start, *lines]) + b"\r\n\r\n" + BODY

    # Each way gives the field's values, one for each line.

    @staticmethod
    def put(chance, value, what):
        """In place of an element, of all, or somewhere."""
        how = chance.randrange(4)
        if how == 0:
            return what
        if how == 1:
            at = chance.randrange(len(value) + 1)
            return value[:at] + what + value[at:]
        element = chance.choice(list(ELEMENTS.finditer(value)))
        return value[:element.start()] + what + value[element.end():]

    def overlong(self, chance, value):
        length = chance.choice(LENGTHS if chance.random() < 0.97 else LENGTHS_SELDOM)
        what = chance.choice((b"a", b"1", b" ", b"\t", b";", b",", b"<", b'"', b"\\", b"(", b"%41", b";a=b", b"\r\n ", b"=",
                              b"sip:", b"[", b":", value))
        return [self.put(chance, value, what * (length // len(what) + 1))]

    def empty(self, chance, value):
        return [chance.choice((b"", b" ", b"\t", b"\r\n ", b'""', b"<>", b"()", self.put(chance, value, b""),
                               self.put(chance, value, b"")))]

    def repeated(self, chance, value):
        times = chance.choice(REPEATS)
        how = chance.randrange(4)
        if how == 0:
            return [value] * times
        if how == 1:
            return [b", ".join([value] * times)]
        if how == 2:
            return [value, self.put(chance, value, b"7")]
        element = chance.choice(ELEMENTS.findall(value))
        return [self.put(chance, value, element * times)]

    def missing(self, chance, value):
        """The field, or its value up to an element."""
        if chance.random() < 0.3:
            return []
        return [value[:chance.randrange(len(value))] if chance.random() < 0.5 else value[chance.randrange(len(value)):]]

    def wrong_encoded(self, chance, value):
        return [self.put(chance, value, chance.choice(BAD_UTF8))]

    def format_string(self, chance, value):
        return [self.put(chance, value, chance.choice(FORMATS).encode())]

    def integer_overflow(self, chance, value):
        what = chance.choice(INTEGERS).encode()
        digits = list(re.finditer(rb"\d+", value))
        if digits and chance.random() < 0.7:
            number = chance.choice(digits)
            return [value[:number.start()] + what + value[number.end():]]
        return [self.put(chance, value, what)]

    def utf8(self, chance, value):
        return [self.put(chance, value, chance.choice(UTF8).encode())]

    def nul(self, chance, value):
        return [self.put(chance, value, chance.choice((b"\0", b"\0", b"\0\0\0\0", b"a\0b", b"\\\0", b"%00\0", b"\0\r\n ")))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--udp", metavar="HOST:PORT")
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int, nargs="?", default=1)
    options = parser.parse_args()
    malformed = Malformed(options.seed)
    for number in range(options.first, options.first + options.count):
        data = malformed.message(number)
        if options.udp:
            host, _, port = options.udp.rpartition(":")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.sendto(data, (host, int(port)))
        else:
            os.write(1, f"--- {number}: {malformed.about(number)}\n".encode() + data + b"\n")


if __name__ == "__main__":
    main()
