#!/usr/bin/env python3
"""Nothing a peer sends, or somebody who is none, stops the server or makes it say more than it should."""
import contextlib
import itertools
import socket
import time
import unittest

from blackbox import (
    DOORS, KNOWN, PATIENCE, Reply, Server, TcpDoor, UdpDoor, Udp6Door, check_closed_unread, is_v6_here, needs_v6, request,
    settings, unique)

UK = "sip:+442071234567@signpost.test"
RULES = """
rules:
  - {called: {prefix: "+44"}, redirect: "sip:{called}@gw.example.net"}
  - {called: {prefix: "u"}, redirect: "sip:{called}@gw.example.net"}
"""
BROKEN = 'a "broken value <<;;,,='


class Strangers(unittest.TestCase):
    """Who is in no peer's networks hears nothing."""

    STACK = "ours"

    @classmethod
    def setUpClass(cls):
        nets = ["127.0.0.1", "127.0.0.4/31"]
        cls.server = Server.start(cls, RULES, settings(networks=nets, stack=cls.STACK))

    MESSAGES = [
        ("INVITE", lambda door: door.request()), ("OPTIONS", lambda door: door.request("OPTIONS")),
        ("broken", lambda door: door.request(headers={"From": BROKEN})),
        ("SIP/3.0", lambda door: door.request(start=f"INVITE {UK} SIP/3.0")),
        ("too large", lambda door: door.request(headers={"Content-Length": "70000"})),
        ("two lengths", lambda door: door.request(headers={"Content-Length": ["1", "2"]}))]

    def test_udp(self):
        with UdpDoor(self.server.port, "127.0.0.3") as stranger, UdpDoor(self.server.port) as friend:
            for _, make in self.MESSAGES:
                stranger.send(make(stranger))
                # Neither through a Via that names a friend.
                stranger.send(stranger.request(via=friend.via_for(friend.name(), params="")))
            self.assertIsNone(friend.ask(friend.request("ACK")))
            stranger.socket.setblocking(False)
            with self.assertRaises(BlockingIOError):
                stranger.receive()
        self.assertEqual(len(self.server.wait_for_log("stranger ignored")), 1, "one line, then a count")

    def test_tcp_is_closed_unread(self):
        """Messages, pings and broken pieces."""
        pieces = (b"\r\n\r\n", bytes(range(256)) * 4 + b"\r\n\r\n", b"INV", request()[:100],
                  request(headers={"Content-Length": "50"}), request("OPTIONS", headers={"Content-Length": "50"}) * 2)
        check_closed_unread(self, self.server, lambda: TcpDoor(self.server.port, "127.0.0.3"), [
            *(make for _, make in self.MESSAGES), *(lambda _, piece=piece: piece for piece in pieces)])

    def test_silence_on_tcp_is_not_waited_for(self):
        with TcpDoor(self.server.port, "127.0.0.3") as stranger:
            self.assertEqual(stranger.socket.recv(1), b"")

    def test_every_address_of_a_network_is_a_peer(self):
        for source, known in (("127.0.0.1", True), ("127.0.0.2", False), ("127.0.0.3", False), ("127.0.0.4", True),
                              ("127.0.0.5", True), ("127.0.0.6", False)):
            with UdpDoor(self.server.port, source) as door, UdpDoor(self.server.port) as friend:
                door.send(door.request())
                friend.ask(friend.request("ACK"))  # by then the answer is there, or there is none
                door.socket.setblocking(False)
                with contextlib.nullcontext() if known else self.assertRaises(BlockingIOError):
                    self.assertEqual(Reply(door.receive()).status, 302)

    @needs_v6
    def test_v6_sources_need_a_v6_network(self):
        with Udp6Door(self.server.port) as stranger:
            stranger.send(stranger.request())
            with UdpDoor(self.server.port) as friend:
                friend.ask(friend.request("ACK"))
            stranger.socket.setblocking(False)
            stranger.socket.settimeout(0.2)  # another socket of the server: its order is not ours
            with self.assertRaises(TimeoutError):
                stranger.receive()


class AgentStrangers(Strangers):
    STACK = "nta"


class NoSip(unittest.TestCase):
    """What is not SIP gets no answer and does no harm."""

    STACK = "ours"

    @classmethod
    def setUpClass(cls):
        cls.server = Server.start(cls, RULES, settings(stack=cls.STACK))

    def test_stun_gets_no_answer(self):
        stun = bytes.fromhex("000100002112a442") + b"0123456789ab"
        for door_class in (UdpDoor, Udp6Door) if is_v6_here() else (UdpDoor,):
            with door_class(self.server.port) as door:
                self.assertIsNone(door.ask(stun))
                self.assertIsNone(door.ask(stun[:20] + b"\x80\x22\0\4abcd"))

    def test_garbage_on_udp(self):
        with UdpDoor(self.server.port) as door:
            for data in (b"", b"\0", b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n", b" ", b"\n", b"x" * 60000,
                         bytes(range(256)) * 200, b"INVITE", b"SIP/2.0", b"SIP/2.0 200 OK\r\n\r\n",
                         b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff\xfe" + b"a" * 100, b"\r\n" * 30000,
                         b"INVITE sip:a@b SIP/2.0\r\n" + b"X" * 60000):
                self.assertIsNone(door.ask(data), data[:40])

    def test_a_large_datagram_is_answered(self):
        """RFC 3261 18.1.1: up to 65,535 bytes with all headers."""
        with UdpDoor(self.server.port) as door:
            data = door.request(headers={"X-Long": "x" * 40000}, body=b"y" * 24000)
            self.assertGreater(len(data), 64000)
            self.assertEqual(door.ask(data).status, 302)

    def test_a_reply_that_no_datagram_holds_is_not_sent(self):
        with UdpDoor(self.server.port) as door:
            reply = door.ask(door.request(headers={"From": f'"{"x" * 64700}" <sip:a@b>;tag=1'}))
            self.assertIn(reply and reply.status, (None, 302))
            self.assertEqual(door.ask(door.request()).status, 302)


class AgentNoSip(NoSip):
    STACK = "nta"


class Streams(unittest.TestCase):
    STACK = "ours"

    @classmethod
    def setUpClass(cls):
        cls.server = Server.start(cls, RULES, settings(stack=cls.STACK))

    def test_keepalives_are_answered(self):
        """RFC 5626 4.4.1"""
        with TcpDoor(self.server.port) as door:
            for _ in range(3):
                door.send(b"\r\n\r\n")
                self.assertEqual(door.socket.recv(100), b"\r\n")
            self.assertEqual(door.ask(door.request()).status, 302)

    def test_pipelined_requests_are_answered_in_order(self):
        with TcpDoor(self.server.port) as door:
            ids = [unique("p") for _ in range(50)]
            door.send(b"".join(door.request(
                ("INVITE", "OPTIONS", "REGISTER")[i % 3], headers={"Call-ID": ids[i]}, body=b"z" * (7 * i % 50))
                for i in range(len(ids))))
            replies = [Reply(door.receive_message()) for _ in ids]
            self.assertEqual([r.get("Call-ID") for r in replies], ids)
            self.assertEqual([r.status for r in replies][:6], [302, 200, 405, 302, 200, 405])

    def test_a_message_in_single_bytes(self):
        with TcpDoor(self.server.port) as door:
            data = door.request(headers={"Subject": "x\r\n y"}, body=b"body\r\n\r\n")
            for byte in data:
                door.send(bytes([byte]))
            self.assertEqual(Reply(door.receive_message()).status, 302)
            self.assertEqual(door.ask(door.request()).status, 302)

    def test_a_message_cut_anywhere(self):
        data = None
        with TcpDoor(self.server.port) as door:
            for cut in range(1, 400, 13):
                data = door.request(body=b"0123456789")
                door.send(data[:cut])
                door.send(data[cut:])
                self.assertEqual(Reply(door.receive_message()).status, 302, cut)

    def test_a_peer_may_shut_its_side(self):
        with TcpDoor(self.server.port) as door:
            door.send(door.request())
            door.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(Reply(door.receive_message()).status, 302)

    def test_too_large_is_413_and_the_end(self):
        for length in (65536, 70000, 4000000, 4294967295):
            with self.subTest(length), TcpDoor(self.server.port) as door:
                door.send(door.request(headers={"Content-Length": str(length)}))
                self.assertEqual(Reply(door.receive_message()).status, 413)
                self.assertIsNone(door.receive_message())

    def test_a_later_message_too_large_is_413_and_the_end(self):
        for length in (65536, 70000, 4000000):
            with self.subTest(length), TcpDoor(self.server.port) as door:
                door.send(door.request() + door.request(headers={"Content-Length": str(length)}, body=b"x"))
                self.assertEqual(Reply(door.receive_message()).status, 302)
                self.assertEqual(Reply(door.receive_message()).status, 413)
                self.assertIsNone(door.receive_message())

    def test_the_limit_is_65535_bytes(self):
        """Whole messages; a few bytes more may pass."""
        for size, status in ((65535, 302), (65600, 413)):
            with self.subTest(size), TcpDoor(self.server.port) as door:
                head = len(door.request(body=b"b" * 60000)) - 60000
                self.assertEqual(door.ask(door.request(body=b"b" * (size - head))).status, status)

    def test_an_endless_header_ends_the_stream(self):
        """At the limit, not when the time for incomplete messages is up; also behind another message."""
        for before in ("", "OPTIONS"):
            with self.subTest(before), TcpDoor(self.server.port) as door:
                start = time.monotonic()
                with contextlib.suppress(ConnectionError):
                    first = door.request(before) if before else b""
                    door.send(first + f"INVITE {UK} SIP/2.0\r\n".encode() + b"X: x\r\n" * 100)
                    for _ in range(400):  # 4 MB
                        door.send(b"X: " + b"x" * 9995 + b"\r\n")
                replies = []
                while (message := door.receive_message()) is not None:
                    replies.append(Reply(message).status)
                self.assertIn(replies, ([200], [200, 413]) if before else ([], [413]))
                self.assertLess(time.monotonic() - start, 4)
        self.assertLess(self.server.memory_kb(), 100_000 * PATIENCE)

    def test_an_incomplete_message_is_not_waited_for_long(self):
        with TcpDoor(self.server.port) as door, TcpDoor(self.server.port) as other:
            door.send(door.request(body=b"x" * 100)[:-10])
            other.send(other.request()[:100])
            for waiting in (door, other):
                waiting.socket.settimeout(30)
                message = waiting.receive_message()
                if message:
                    self.assertEqual(Reply(message).status, 400)
                    self.assertIsNone(waiting.receive_message())

    def test_idle_and_slow_peers_do_not_stop_others(self):
        with contextlib.ExitStack() as stack, UdpDoor(self.server.port) as udp:
            doors = [stack.enter_context(TcpDoor(self.server.port)) for _ in range(150)]
            for door in doors[::2]:
                door.send(b"OPTIONS sip:x SIP/2.0\r\nX: ")
            with TcpDoor(self.server.port) as door:
                self.assertEqual(door.ask(door.request()).status, 302)
            self.assertEqual(udp.ask(udp.request()).status, 302)

    def test_a_peer_that_does_not_read_is_not_waited_for(self):
        """Its replies may be dropped, or its connection; the server's memory stays bounded."""
        with TcpDoor(self.server.port) as door, UdpDoor(self.server.port) as udp:
            door.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            door.socket.setblocking(False)
            many = b"".join(door.request("OPTIONS") for _ in range(200))
            with contextlib.suppress(ConnectionError, BlockingIOError):
                for _ in range(200):
                    door.socket.send(many)
                    self.assertEqual(udp.ask(udp.request()).status, 302)
            self.assertEqual(udp.ask(udp.request()).status, 302)
        self.assertLess(self.server.memory_kb(), 100_000 * PATIENCE)


class AgentStreams(Streams):
    STACK = "nta"


class Injection(unittest.TestCase):
    """Nothing a peer sends makes a line of its own in a reply or in the log."""

    EVIL = ["\r", "\n", "\0", "\x01", "\x0b", "\x0c", "\x1b", "\x7f", "\x85", "\r\r\n", "\n\r", "\r\n ", "\r\n\t",
            "\r\n", "\u2028", "%0d%0a", "\\\r\n", "\udcff"]
    PLACES = {
        "Via": "SIP/2.0/{transport} pbx.test;rport;x=a{evil}X-Evil: 1;branch=z9hG4bKa",
        "Via, quoted": 'SIP/2.0/{transport} pbx.test;rport;x="a{evil}X-Evil: 1";branch=z9hG4bKa',
        "Via, host": "SIP/2.0/{transport} pbx{evil}X-Evil: 1;rport;branch=z9hG4bKa",
        "From": '"a{evil}X-Evil: 1" <sip:alice@pbx.test>;tag=1',
        "From, tag": "<sip:alice@pbx.test>;tag=1{evil}X-Evil: 1",
        "To": '"a{evil}X-Evil: 1" <sip:bob@signpost.test>',
        "To, uri": "<sip:bob{evil}X-Evil: 1@signpost.test>",
        "Call-ID": "a{evil}X-Evil: 1",
        "CSeq": "1{evil}X-Evil: 1 INVITE",
        "Subject": "a{evil}X-Evil: 1",
        "uri": "sip:u1{evil}X-Evil: 1@signpost.test",
    }

    def check(self, door, place, evil):
        text = self.PLACES[place].format(evil=evil, transport=door.transport)
        name = place.partition(",")[0]
        if name == "uri":
            data = door.request(uri=text)
        elif name == "Via":
            data = door.request(headers={"Via": [text, door.via()]}, via=text)
        else:
            data = door.request(headers={name: text})
        marker = unique("marker")
        door.send(data)
        door.send(door.request("OPTIONS", headers={"Call-ID": marker}))
        while True:
            message = door.receive() if isinstance(door, UdpDoor) else door.receive_message()
            if message is None:
                return
            reply = Reply(message)  # which refuses stray CR, LF and NUL
            self.assertLessEqual(set(reply.names()), KNOWN, message)
            for header in ("From", "To", "Call-ID", "CSeq", "Contact", "Content-Length"):
                reply.get(header)  # which refuses two of them
            self.assertNotRegex(message.replace(b"\r\n", b""), rb"[\x00-\x1f\x7f]", "control characters go out")
            if reply.get("Call-ID") == marker:
                return

    def test_every_copied_header(self):
        for stack in ("ours", "nta"):
            server = Server.start(self, RULES, settings(stack=stack))
            for door_name, place, evil in itertools.product(("udp", "tcp"), self.PLACES, self.EVIL):
                with self.subTest(stack=stack, door=door_name, place=place, evil=evil):
                    with DOORS[door_name](server.port) as door:
                        self.check(door, place, evil)


if __name__ == "__main__":
    unittest.main()
