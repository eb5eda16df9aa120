#!/usr/bin/env python3
"""The same answers through every door: the table of answers_test.py on those doors that it does not use itself, and
one request after the other through all of them, the replies compared.

    door         transports      where
    datagram     UDP v4, v6      answers_test.py
    stream       TCP v4          answers_test.py
    stream       TCP v6, TLS     here
    agent (nta)  UDP, TCP        here
"""
import re
import unittest

import answers_test
from answers_test import CASES, RULES
from blackbox import Server, Tcp6Door, TcpDoor, UdpDoor, Udp6Door, is_v6_here, needs_v6
from stream_test import Certificates, TlsDoor, tls_settings

# Where nta differs from our own stream door, and why.
NTA_TCP = {"no Content-Length": "302"}  # sofia-sip's framing takes none for 0


def ours_settings(certificates):
    return tls_settings(certificates.tls(), listen=["udp:[::1]:PORT", "tcp:[::1]:PORT"] if is_v6_here() else [])


def nta_settings():
    return ('profiles:\n  test: {listen: ["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"], peers: [local], stack: nta}\n'
            "peers:\n  local: {networks: [127.0.0.0/8]}\nsecret: secret.key\nworkers: 2\n")


class Rows(unittest.TestCase):
    """The checks of answers_test.EveryRow without its tests."""

    maxDiff = None
    check = answers_test.EveryRow.check
    check_copied = answers_test.EveryRow.check_copied
    check_reply = answers_test.EveryRow.check_reply
    is_options = staticmethod(answers_test.EveryRow.is_options)

    def want(self, case, door_name):
        return case.expect["tcp" if "tcp" in door_name or "tls" in door_name else "udp"]

    def check_door(self, door_name):
        for case in CASES:
            with self.subTest(case.name, door=door_name):
                self.check(case, door_name)


class Ours(Rows):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates(cls)
        cls.server = Server.start(cls, RULES, ours_settings(cls.certificates))

    def open(self, door_name):
        if door_name == "tls":
            return TlsDoor(self.server.port, self.certificates.context())
        return Tcp6Door(self.server.port)

    def test_tls(self):
        self.check_door("tls")

    @needs_v6
    def test_tcp_over_ipv6(self):
        self.check_door("tcp6")


class Nta(Rows):
    @classmethod
    def setUpClass(cls):
        cls.server = Server.start(cls, RULES, nta_settings())

    def open(self, door_name):
        return (UdpDoor if door_name == "nta-udp" else TcpDoor)(self.server.port)

    def want(self, case, door_name):
        if door_name == "nta-tcp" and case.name in NTA_TCP:
            return NTA_TCP[case.name]
        return super().want(case, door_name)

    def test_udp(self):
        self.check_door("nta-udp")

    def test_tcp(self):
        self.check_door("nta-tcp")


class Same(unittest.TestCase):
    """One request, its Via aside, through all doors: one reply, its Via aside."""

    REQUEST = ("INVITE sip:+442071234567@signpost.test SIP/2.0\r\nVia: SIP/2.0/{} pbx.test;rport;branch=z9hG4bK-same\r\n"
               "Max-Forwards: 70\r\nFrom: {}\r\nTo: <sip:+442071234567@signpost.test>\r\nCall-ID: same-{}@pbx.test\r\n"
               "CSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n")
    FROMS = ["<sip:alice@pbx.test>;tag=1", '"A, \\"B\\"" <sip:alice@pbx.test;user=phone>;tag=x', "sip:alice@pbx.test;tag=2",
             "Alice Smith <sip:+442079460000@pbx.test:5070>;tag=a%41", "<tel:+44-20-7946-0000>;tag=3"]

    def test_all_doors_agree(self):
        certificates = Certificates(self)
        ours = Server.start(self, RULES, ours_settings(certificates))
        nta = Server.start(self, RULES, nta_settings())
        doors = {"udp": UdpDoor(ours.port), "tcp": TcpDoor(ours.port),
                 "tls": TlsDoor(ours.port, certificates.context()),
                 "nta-udp": UdpDoor(nta.port), "nta-tcp": TcpDoor(nta.port)}
        if is_v6_here():
            doors.update({"udp6": Udp6Door(ours.port), "tcp6": Tcp6Door(ours.port)})
        for door in doors.values():
            self.addCleanup(door.socket.close)
        for number in range(40):
            replies = {}
            for name, door in doors.items():
                request = self.REQUEST.format(door.transport, self.FROMS[number % len(self.FROMS)], number)
                reply = door.ask(request.encode())
                replies[name] = re.sub(rb"(?m)^Via: .*\r\n", b"", reply.data)
            self.assertEqual(len(set(replies.values())), 1, replies)


if __name__ == "__main__":
    unittest.main()
