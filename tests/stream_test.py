"""The door for TCP and TLS: framing, deadlines, limits, certificates, and peers that mean harm."""
import contextlib
import os
import re
import resource
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest
import warnings

from blackbox import (
    DEADLINE_S, PATIENCE, PROGRAM, SANITIZER, Reply, Server, TcpDoor, check_closed_unread, eventually, folder_for,
    free_port, settings, unique)

RULES = """
rules:
  - {name: uk, called: {prefix: "+44"}, redirect: "sip:gw.example.net"}
"""
TLS_HOST = "127.0.0.2"  # the same port as TCP, on another address
LISTEN = ["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"]
QUICK_MS = 300 * min(PATIENCE, 2)


def openssl(*words, **options):
    return subprocess.run(
        ["openssl", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True, timeout=DEADLINE_S,
        **options)


class Certificates:
    """A folder with a CA, an intermediate CA signed by it, and certificates of the latter."""

    def __init__(self, test):
        self.folder = folder_for(test)
        self.make("ca", ca=True)
        self.make("inter", "ca", ca=True)
        self.make("server", "inter")
        self.make("client", "inter")
        self.make("other-ca", ca=True)
        self.make("stranger", "other-ca")
        self.chain("server", "inter")
        self.chain("client", "inter")

    def path(self, name):
        return self.folder / name

    def make(self, name, signer=None, ca=False, names="IP:" + TLS_HOST):
        signed = ["-CA", self.path(signer + ".pem"), "-CAkey", self.path(signer + ".key")] if signer else []
        more = ["-addext", "basicConstraints=critical,CA:TRUE"] if ca else [
            "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=" + names]
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 2, "-subj",
                "/CN=" + name, "-keyout", self.path(name + ".key"), "-out", self.path(name + ".pem"), *signed, *more)
        self.path(name + ".key").chmod(0o600)

    def chain(self, name, signer):
        """The certificate and the one that signed it, as a chain file."""
        self.path(name + ".pem").write_text(
            self.path(name + ".pem").read_text() + self.path(signer + ".pem").read_text())

    def tls(self, **more):
        """A tls mapping for the settings."""
        keys = {"certificate": self.path("server.pem"), "key": self.path("server.key"), **more}
        return "{" + ", ".join(f'{name}: "{value}"' for name, value in keys.items()) + "}"

    def context(self, certificate=None, version=None, ciphers=None):
        """What a client uses; it trusts the CA only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.path("ca.pem"))
        context.check_hostname = True
        if certificate:
            context.load_cert_chain(self.path(certificate + ".pem"), self.path(certificate + ".key"))
        if version:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that old versions are deprecated
                context.minimum_version = context.maximum_version = version
        if ciphers:
            context.set_ciphers(ciphers)
        return context


class TlsDoor(TcpDoor):
    """Over TLS. Without a context the handshake is left to the caller."""

    transport = "TLS"
    host = TLS_HOST

    def __init__(self, port, context=None, source="127.0.0.1"):
        super().__init__(port, source)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname=TLS_HOST)
            self.socket.settimeout(DEADLINE_S)


def tls_settings(tls, more="", listen=(), profile="", networks=("127.0.0.0/8", "::1")):
    listens = [*LISTEN, f"tls:{TLS_HOST}:PORT", *listen]
    quoted = ", ".join(f'"{text}"' for text in listens)
    nets = ", ".join(f'"{text}"' for text in networks)
    return (f"profiles:\n  test: {{listen: [{quoted}], peers: [local], tls: {tls}{profile}}}\n"
            f"peers:\n  local: {{networks: [{nets}]}}\nsecret: secret.key\n{more}\n")


def closes_within(door, limit_s=DEADLINE_S):
    """Seconds until the server closes; what comes before is thrown away."""
    start = time.monotonic()
    door.socket.settimeout(limit_s)
    with contextlib.suppress(ConnectionResetError, ssl.SSLError):
        while door.socket.recv(65535):
            pass
    return time.monotonic() - start


class Shared(unittest.TestCase):
    """A server with both transports, for all tests of the class."""

    limits = ""

    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates(cls)
        cls.context = cls.certificates.context()
        cls.server = Server.start(cls, RULES, tls_settings(cls.certificates.tls(), cls.limits))

    def tcp(self, source="127.0.0.1"):
        door = TcpDoor(self.server.port, source)
        self.addCleanup(door.socket.close)
        return door

    def tls(self, source="127.0.0.1", context=None):
        door = TlsDoor(self.server.port, context or self.context, source)
        self.addCleanup(door.socket.close)
        return door

    def doors(self):
        """A fresh one of each, in a subtest of its own."""
        for make in (self.tcp, self.tls):
            with self.subTest(transport=make.__name__):
                yield make()

    def assert_served(self, door):
        self.assertEqual(door.ask(door.request()).status, 302)

    def assert_closed_with(self, door, status, phrase=None):
        """The one reply, then the end; nothing that follows is answered."""
        reply = Reply(door.receive_message())
        self.assertEqual(reply.status, status, reply)
        if phrase:
            self.assertEqual(reply.phrase, phrase)
        self.assertIsNone(door.receive_message())


class Framing(Shared):
    def test_via_and_log_name_the_transport(self):
        for door in self.doors():
            reply = door.ask(door.request(headers={"Call-ID": unique("log")}))
            self.assertEqual(reply.status, 302)
            self.assertIn(f"SIP/2.0/{door.transport} ", reply.get("Via"))
            self.server.wait_for_log(
                f'call id="{reply.get("Call-ID")}" .* source={door.transport.lower()}:127.0.0.1:')

    def test_a_message_in_a_thousand_segments(self):
        for door in self.doors():
            request = door.request(headers={"X-Long": "x" * 700}, body=b"v=0\r\n\r\n\r\n")
            for i in range(len(request)):
                door.send(request[i:i + 1])
            self.assertGreater(len(request), 1000)
            self.assertEqual(Reply(door.receive_message()).status, 302)
            self.assert_served(door)

    def test_many_messages_in_a_segment_are_answered_in_order(self):
        for door in self.doors():
            ids = [unique("id") for _ in range(100)]
            door.send(b"".join(door.request(headers={"Call-ID": i}, body=b"x" * 10) for i in ids))
            self.assertEqual([Reply(door.receive_message()).get("Call-ID") for _ in ids], ids)

    def test_segments_need_not_end_where_messages_do(self):
        for door in self.doors():
            ids = [unique("id") for _ in range(50)]
            data = b"\r\n".join(door.request(headers={"Call-ID": i}, body=b"\r\n\r\nx") for i in ids)
            for i in range(0, len(data), 777):
                door.send(data[i:i + 777])
            self.assertEqual([Reply(door.receive_message()).get("Call-ID") for _ in ids], ids)

    def test_keepalives(self):
        for door in self.doors():
            door.send(b"\r\n")
            self.assert_served(door)  # nothing comes for the single CRLF
            for piece in (b"\r\n\r\n", b"\r", b"\n\r", b"\n"):
                door.send(piece)
            self.assertEqual(door.socket.recv(2) + door.socket.recv(2), b"\r\n\r\n")
            self.assert_served(door)

    def test_the_longest_message(self):
        for door in self.doors():
            request = door.request(body=b"x" * 30000)
            request = door.request(headers={"X": "x" * (65535 - len(request) - 5)}, body=b"x" * 30000)
            self.assertEqual(len(request), 65535)
            door.send(request)
            self.assertEqual(Reply(door.receive_message()).status, 302)
            self.assert_served(door)

    BAD = [
        ("none", {"Content-Length": None}, 400, "Missing Content-Length Header"),
        ("no number", {"Content-Length": "five"}, 400, "Bad Content-Length Header"),
        ("negative", {"Content-Length": "-5"}, 400, "Bad Content-Length Header"),
        ("empty", {"Content-Length": ""}, 400, "Bad Content-Length Header"),
        ("folded number", {"Content-Length": "1\r\n 0"}, 400, "Bad Content-Length Header"),
        ("beyond 32 bits", {"Content-Length": "4294967296"}, 400, "Bad Content-Length Header"),
        ("beyond 64 bits", {"Content-Length": "18446744073709551616"}, 400, "Bad Content-Length Header"),
        ("two that differ", {"Content-Length": "0", "l": "1"}, 400, "Bad Content-Length Header"),
        ("beyond the limit", {"Content-Length": "65535"}, 413, "Request Entity Too Large"),
        ("far beyond it", {"Content-Length": "4294967295"}, 413, "Request Entity Too Large"),
    ]

    def test_what_cannot_be_framed_ends_the_stream(self):
        for name, headers, status, phrase in self.BAD:
            for door in self.doors():
                with self.subTest(name):
                    door.send(door.request(headers=headers) + door.request() * 3)
                    self.assert_closed_with(door, status, phrase)

    def test_what_came_before_is_answered(self):
        for door in self.doors():
            door.send(door.request() * 2 + door.request(headers={"Content-Length": None}) + door.request())
            self.assertEqual(Reply(door.receive_message()).status, 302)
            self.assertEqual(Reply(door.receive_message()).status, 302)
            self.assert_closed_with(door, 400)

    def test_endless_header(self):
        for door in self.doors():
            request = door.request(more=["X: " + "x" * 70000])
            with contextlib.suppress(ConnectionError):
                door.send(request)
            self.assert_closed_with(door, 413, "Request Entity Too Large")

    def test_endless_first_line(self):
        for door in self.doors():
            with contextlib.suppress(ConnectionError):
                door.send(b"INVITE sip:" + b"a" * 70000)
            self.assertIsNone(door.receive_message())

    def test_what_is_no_sip_is_not_waited_for(self):
        for data in (b"\x16\x03\x01\x00\x05", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0", bytes(range(128, 256))):
            for door in self.doors():
                with self.subTest(data):
                    door.send(data)
                    self.assertIsNone(door.receive_message())

    def test_a_response_is_ignored_and_the_next_request_answered(self):
        for door in self.doors():
            door.send(door.request(start="SIP/2.0 200 OK"))
            self.assert_served(door)

    def test_who_has_finished_sending_still_gets_the_reply(self):
        door = self.tcp()
        door.send(door.request())
        door.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(Reply(door.receive_message()).status, 302)
        self.assertIsNone(door.receive_message())

    def end_of_tls(self, server, count, name=""):
        """So many requests and close_notify right behind them, and only then the replies."""
        raw = TlsDoor(server.port)
        self.addCleanup(raw.socket.close)
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(incoming, outgoing, server_hostname=TLS_HOST)

        def receive():
            data = raw.socket.recv(1 << 20)
            incoming.write(data) if data else incoming.write_eof()

        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                break
            raw.send(outgoing.read())
            receive()
        ids = [unique("id") for _ in range(count)]
        for call_id in ids:
            tls.write(raw.request(headers={"Call-ID": call_id, "From": f'"{name}" <sip:alice@pbx.test>;tag=1'}))
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.unwrap()
        raw.send(outgoing.read())
        replies = b""
        while True:
            try:
                replies += tls.read(1 << 20)
            except ssl.SSLWantReadError:
                receive()
            except ssl.SSLZeroReturnError:
                break
        self.assertEqual(re.findall(rb"\r\nCall-ID: (\S+)\r\n", replies), [i.encode() for i in ids])

    def test_end_of_tls_right_behind_a_request(self):
        """In one segment."""
        self.end_of_tls(self.server, 1)

    def test_end_of_tls_while_replies_wait_to_be_read(self):
        """More of them than the kernel takes."""
        server = Server.start(self, RULES, tls_settings(self.certificates.tls(), "limits: {backlog: 64M}"))
        self.end_of_tls(server, 500, "x" * 20000)


class Deadlines(Shared):
    limits = f"limits: {{handshake: {QUICK_MS}ms, message: {QUICK_MS}ms, idle: {2 * QUICK_MS}ms}}\n"
    QUICK_S = QUICK_MS / 1000

    def assert_took(self, took_s, wanted_s):
        self.assertGreater(took_s, wanted_s * 0.9)
        self.assertLess(took_s, wanted_s + self.QUICK_S * 0.9)

    def test_silence(self):
        for door in self.doors():
            self.assert_took(closes_within(door), 2 * self.QUICK_S)

    def test_messages_put_the_end_of_silence_off(self):
        for door in self.doors():
            start = time.monotonic()
            while time.monotonic() < start + 3 * self.QUICK_S:
                self.assert_served(door)
            self.assert_took(closes_within(door), 2 * self.QUICK_S)

    def test_keepalives_do_so_too(self):
        for door in self.doors():
            start = time.monotonic()
            while time.monotonic() < start + 6 * self.QUICK_S:
                door.send(b"\r\n\r\n")
                self.assertEqual(door.socket.recv(2), b"\r\n")
                self.assertFalse(select.select([door.socket], [], [], self.QUICK_S / 2)[0])
            self.assert_served(door)

    def test_line_ends_do_not_while_replies_are_unread(self):
        server = Server.start(self, RULES, tls_settings(
            self.certificates.tls(), self.limits.replace("idle", "backlog: 64M, idle")))
        for make in (lambda: TcpDoor(server.port), lambda: TlsDoor(server.port, self.context)):
            for line_end in (b"\n", b"\r\n\r\n"):
                with self.subTest(line_end), make() as door:
                    door.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
                    for _ in range(500):  # more than the kernel takes
                        door.send(door.request(headers={"From": f'"{20000 * "x"}" <sip:alice@pbx.test>;tag=1'}))
                    start = time.monotonic()
                    with contextlib.suppress(ConnectionError, ssl.SSLError):
                        while True:
                            self.assertLess(time.monotonic() - start, DEADLINE_S)
                            door.send(line_end)
                            select.select([], [], [], self.QUICK_S)

    def dribble(self, door, data):
        """A byte now and then, for ever, until the server closes; seconds it took."""
        start = time.monotonic()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while True:
                door.send(data[:1])
                data = data[1:] or b"x"
                if select.select([door.socket], [], [], self.QUICK_S / 20)[0]:
                    break
                self.assertLess(time.monotonic() - start, DEADLINE_S)
        return time.monotonic() - start

    def test_a_message_counts_from_its_first_byte(self):
        for door in self.doors():
            self.assert_took(self.dribble(door, door.request(headers={"X": "x" * 5000})), self.QUICK_S)

    def test_a_body_too(self):
        for door in self.doors():
            door.send(door.request(headers={"Content-Length": "60000"}))
            self.assert_took(self.dribble(door, b""), self.QUICK_S)

    def test_a_message_behind_others_has_a_time_of_its_own(self):
        for door in self.doors():
            request = door.request()
            door.send(request + request[:10])
            self.assertEqual(Reply(door.receive_message()).status, 302)
            select.select([door.socket], [], [], self.QUICK_S / 2)
            door.send(request[10:] + request[:10])
            self.assertEqual(Reply(door.receive_message()).status, 302)
            self.assert_took(closes_within(door), self.QUICK_S)

    def test_a_handshake_counts_from_accept(self):
        hello = bytes.fromhex("16030102000100 01fc0303".replace(" ", ""))
        for name, data in (("silence", None), ("a byte now and then", hello)):
            with self.subTest(name):
                door = TlsDoor(self.server.port)
                self.addCleanup(door.socket.close)
                took_s = self.dribble(door, data) if data else closes_within(door)
                self.assert_took(took_s, self.QUICK_S)

    def test_others_are_served_meanwhile(self):
        with contextlib.ExitStack() as stack:
            slow = [stack.enter_context(TcpDoor(self.server.port)) for _ in range(50)]
            slow += [stack.enter_context(TlsDoor(self.server.port)) for _ in range(50)]
            for door in slow[:50]:
                door.send(b"INVITE sip:a SIP/2.0\r\nX: ")
            for _ in range(20):
                for make in (self.tcp, self.tls):
                    self.assert_served(make())
            for door in slow:
                closes_within(door)
        self.server.wait_for_log("connection closed, its message took too long source=tcp:")


class Limits(unittest.TestCase):
    def start(self, limits, **options):
        options.setdefault("listen", LISTEN)
        return Server.start(self, RULES, settings(more=f"limits: {{{limits}}}", **options))

    def open(self, server, source="127.0.0.1"):
        door = TcpDoor(server.port, source)
        self.addCleanup(door.socket.close)
        return door

    def is_open(self, door):
        try:
            return door.ask(door.request()) is not None
        except OSError:
            return False

    def test_connections_of_one_source(self):
        server = self.start("connections_per_source: 3")
        doors = [self.open(server) for _ in range(3)]
        self.assertTrue(all(map(self.is_open, doors)))
        self.assertFalse(self.is_open(self.open(server)))
        self.assertTrue(self.is_open(self.open(server, "127.0.0.9")))
        self.assertTrue(all(map(self.is_open, doors)))
        server.wait_for_log("connection refused, there are too many of its source source=tcp:127.0.0.1:")
        doors[0].socket.close()
        eventually(lambda: self.is_open(self.open(server)), "room for another")

    def test_connections_in_all(self):
        server = self.start("connections: 4")
        doors = [self.open(server, f"127.0.0.{i + 1}") for i in range(4)]
        self.assertTrue(all(map(self.is_open, doors)))
        self.assertFalse(self.is_open(self.open(server, "127.0.0.5")))
        server.wait_for_log("connection refused, there are too many in all source=tcp:127.0.0.5:")
        doors[0].socket.close()
        eventually(lambda: self.is_open(self.open(server, "127.0.0.5")), "room for another")

    def leave(self, *doors):
        """The server has closed them when this returns."""
        for door in doors:
            with contextlib.suppress(OSError):
                door.socket.shutdown(socket.SHUT_WR)
            self.assertLess(closes_within(door), DEADLINE_S)
            door.socket.close()

    def test_connections_of_one_peer(self):
        """From many addresses, and over and over: others get in, also after a reload that gives peers other numbers."""
        peers = ["  greedy: {networks: 127.0.1.0/24}\n", "  other: {networks: 127.0.2.1}\n"]
        text = """profiles:
  test: {listen: "tcp:127.0.0.1:PORT", peers: [greedy, other]}
secret: secret.key
limits: {connections: 8}
peers:
"""
        server = Server.start(self, RULES, text + "".join(peers))
        for n in range(4):
            doors = [self.open(server, f"127.0.1.{i + 1}") for i in range(8)]
            self.assertEqual([self.is_open(door) for door in doors], 6 * [True] + 2 * [False])
            server.wait_for_log("connection refused, there are too many of its peer source=tcp:127.0.1.7:")
            others = [self.open(server, "127.0.2.1") for _ in range(3)]
            self.assertEqual([self.is_open(door) for door in others], [True, True, False])
            self.leave(*others, doors.pop(0))
            peers.reverse()
            server.settings_path.write_text((text + "".join(peers)).replace("PORT", str(server.port)) + "drain: 0s\n")
            server.signal(signal.SIGHUP)
            server.wait_for_log(" reloaded ", n + 1)
            late = [self.open(server, f"127.0.1.{i + 11}") for i in range(2)]
            self.assertEqual([self.is_open(door) for door in late], [True, False])
            self.leave(*doors, *late)

    def test_strangers_are_closed_at_once(self):
        """Also those over TLS, before a handshake, and however many they are."""
        certificates = Certificates(self)
        server = Server.start(self, RULES, tls_settings(
            certificates.tls(), "limits: {connections: 2}", networks=["127.0.0.1"]))
        for _ in range(20):
            for door in (TcpDoor(server.port, "127.0.0.3"), TlsDoor(server.port, source="127.0.0.3")):
                with door:
                    self.assertLess(closes_within(door), 2 * PATIENCE)
        check_closed_unread(self, server, lambda: TlsDoor(server.port, source="127.0.0.3"), [lambda _: b"\x16\x03\x01"])
        self.assertTrue(self.is_open(self.open(server)))
        self.assertEqual(len(server.wait_for_log("stranger ignored source=tcp:127.0.0.3")), 1)

    @unittest.skipIf(SANITIZER == "valgrind", "valgrind has descriptors of its own")
    def test_out_of_descriptors(self):
        server = self.start("connections_per_source: 100")
        first = self.open(server)
        self.assertTrue(self.is_open(first))
        used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 2, hard))
        doors = [self.open(server) for _ in range(10)]
        server.wait_for_log('no connection is accepted for now error="Too many open files"')
        self.assertTrue(self.is_open(first))
        self.assertTrue(all(map(self.is_open, doors[:2])))
        waiting = doors[2]
        request = waiting.request()
        waiting.send(request)
        before_s, start = server.cpu_s(), time.monotonic()
        self.assertFalse(select.select([waiting.socket], [], [], 1.5)[0])
        self.assertLess(server.cpu_s() - before_s, 0.3 * (time.monotonic() - start), "it must not spin")
        doors[0].socket.close()
        self.assertEqual(Reply(waiting.receive_message()).status, 302, "one that waited is served")
        self.assertEqual(len(server.log_lines("no connection is accepted")), 1)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 20, hard))
        self.assertTrue(all(map(self.is_open, doors[3:])))

    def fill(self, door, server):
        """Sends requests and reads nothing, until the server has closed or the deadline is over."""
        door.socket.setblocking(False)
        many = b"".join(door.request("OPTIONS") for _ in range(100))
        end = time.monotonic() + DEADLINE_S
        with TcpDoor(server.port) as other, contextlib.suppress(ConnectionError, ssl.SSLEOFError):
            while time.monotonic() < end:
                with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError):
                    door.socket.send(many)
                self.assertTrue(self.is_open(other), "others are served meanwhile")
                if server.log_lines("replies are not read"):
                    return
        server.wait_for_log("replies are not read")

    def test_a_peer_that_does_not_read(self):
        certificates = Certificates(self)
        for transport in ("tcp", "tls"):
            with self.subTest(transport):
                server = Server.start(self, RULES, tls_settings(certificates.tls(), "limits: {backlog: 64K}"))
                door = (TlsDoor(server.port, certificates.context()) if transport == "tls" else TcpDoor(server.port))
                before_kb = server.memory_kb()
                with door:
                    self.fill(door, server)
                server.wait_for_log(f"connection closed, its replies are not read source={transport}:")
                if not SANITIZER:
                    self.assertLess(server.memory_kb() - before_kb, 4000)

    def idle_kb(self, count, limit_kb, server, make):
        """Has so many connections asked once and left alone; checks what each adds to the server."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < count + 100:
            self.skipTest("the limit of open files is too low")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 100), hard))
        with contextlib.ExitStack() as stack:

            def open_one():
                door = stack.enter_context(make())
                self.assertEqual(door.ask(door.request()).status, 302)

            open_one()
            before_kb = server.memory_kb()
            for _ in range(count):
                open_one()
            self.assertLess((server.memory_kb() - before_kb) / count, limit_kb)

    @unittest.skipIf(SANITIZER, "a sanitizer's memory says nothing")
    def test_idle_connections_cost_little(self):
        server = self.start("connections_per_source: 3000")
        self.idle_kb(2000, 10, server, lambda: TcpDoor(server.port))

    @unittest.skipIf(SANITIZER, "a sanitizer's memory says nothing")
    def test_idle_tls_connections_cost_what_openssl_needs(self):
        """Most of it is one SSL object and its two ciphers; no buffers of records or messages."""
        certificates = Certificates(self)
        server = Server.start(self, RULES, tls_settings(certificates.tls(), "limits: {connections_per_source: 600}"))
        context = certificates.context()
        self.idle_kb(500, 20, server, lambda: TlsDoor(server.port, context))

    @unittest.skipIf(SANITIZER, "a sanitizer's memory says nothing")
    def test_the_longest_hello(self):
        """All of it but the end, for ever; and one that says it is longer."""
        server = Server.start(self, RULES, tls_settings(Certificates(self).tls(), "limits: {handshake: 1h}"))
        hello = (b"\x01" + (131396).to_bytes(3, "big")).ljust(131000, b"\0")
        records = b"".join(
            b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part
            for part in (hello[i:i + 16000] for i in range(0, len(hello), 16000)))
        before_kb = server.memory_kb()
        with contextlib.ExitStack() as stack:
            doors = [stack.enter_context(TlsDoor(server.port)) for _ in range(100)]
            for door in doors:
                door.send(records)
            eventually(lambda: server.memory_kb() - before_kb > 100 * 128, "they are read")
            self.assertFalse(select.select([door.socket for door in doors], [], [], 0)[0])
            self.assertLess((server.memory_kb() - before_kb) / 100, 250)
            with TlsDoor(server.port) as door:
                door.send(b"\x16\x03\x01\x00\x04\x01" + (131397).to_bytes(3, "big"))
                self.assertLess(closes_within(door), DEADLINE_S)
        server.wait_for_log('handshake failed source=.* error="excessive message size"')

    @unittest.skipIf(SANITIZER, "a sanitizer's memory says nothing")
    def test_a_flood_gives_its_memory_back(self):
        """What a handshake needs, for many that come together, is not kept when they are gone."""
        certificates = Certificates(self)
        context = certificates.context()
        server = Server.start(self, RULES, tls_settings(
            certificates.tls(), "limits: {handshake: 1m, connections_per_source: 1000}"))
        with TlsDoor(server.port, context) as door:
            self.assertEqual(door.ask(door.request()).status, 302)
        before_kb = server.memory_kb()
        with contextlib.ExitStack() as stack:
            doors = [stack.enter_context(TlsDoor(server.port)) for _ in range(400)]
            for door in doors:
                door.socket = context.wrap_socket(door.socket, server_hostname=TLS_HOST)
                door.socket.settimeout(DEADLINE_S)
            for door in doors:
                self.assertEqual(door.ask(door.request()).status, 302)
            flooded_kb = server.memory_kb() - before_kb
        eventually(lambda: server.memory_kb() - before_kb < flooded_kb / 3, f"most of {flooded_kb} kB given back", 3 * DEADLINE_S)
        print(f"\n400 TLS connections took {flooded_kb} kB; {server.memory_kb() - before_kb} kB after they were closed")


class Tls(Shared):
    def test_versions(self):
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            door = self.tls(context=self.certificates.context(version=version))
            self.assertEqual(door.socket.version(), name)
            self.assert_served(door)

    def test_older_versions_are_refused(self):
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            context = self.certificates.context(version=version, ciphers="DEFAULT@SECLEVEL=0")
            with self.assertRaisesRegex(ssl.SSLError, "(?i)protocol.version"):
                self.tls(context=context)
        self.server.wait_for_log("handshake failed source=tls:127.0.0.1:")

    def test_renegotiation_is_refused(self):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"{TLS_HOST}:{self.server.port}", "-tls1_2"], input=b"R\n",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE_S, check=False)
        self.assertIn(b"RENEGOTIATING", done.stdout)
        self.assertRegex(done.stdout, b"(?i)no.renegotiation")

    def test_no_tickets(self):
        door = self.tls(context=self.certificates.context(version=ssl.TLSVersion.TLSv1_2))
        self.assertFalse(door.socket.session.has_ticket)
        door = self.tls()
        self.assert_served(door)
        self.assertFalse(door.socket.session and door.socket.session.has_ticket)

    def test_plain_sip_on_the_tls_port(self):
        door = TlsDoor(self.server.port)
        with door:
            door.send(door.request())
            self.assertLess(closes_within(door), 4 * PATIENCE)

    def grown_kb(self, act, count=200):
        """By how much the server grows while act is done count times, after some to warm up."""
        for _ in range(50):
            act()
        before_kb = self.server.memory_kb()
        for _ in range(count):
            act()
        self.assert_served(self.tls())
        return self.server.memory_kb() - before_kb

    def test_aborted_handshakes_leave_nothing(self):
        def abort():
            tls = self.context.wrap_bio(ssl.MemoryBIO(), outgoing := ssl.MemoryBIO(), server_hostname=TLS_HOST)
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
            with TlsDoor(self.server.port) as door:
                door.send(outgoing.read())
                door.socket.recv(1)

        grown_kb = self.grown_kb(abort)
        if not SANITIZER:
            self.assertLess(grown_kb, 1000)

    def test_finished_connections_leave_nothing(self):
        def talk():
            with TlsDoor(self.server.port, self.context) as door:
                self.assert_served(door)

        grown_kb = self.grown_kb(talk)
        if not SANITIZER:
            self.assertLess(grown_kb, 1000)

    def test_a_failed_handshake_hurts_no_other(self):
        door = self.tls()
        for data in (b"\x16\x03\x01\x00\x02\x01\x00", b"\x15\x03\x03\x00\x02\x02\x28", b"\xff" * 100):
            with TlsDoor(self.server.port) as bad:
                bad.send(data)
                self.assert_served(door)
            self.assert_served(door)


class ClientCertificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates(cls)

    def outcome(self, server, certificate, source="127.0.0.1"):
        try:
            with TlsDoor(server.port, self.certificates.context(certificate), source) as door:
                reply = door.ask(door.request())
                return reply.status if reply else "closed"
        except (ssl.SSLError, ConnectionError):
            return "refused"

    def test_verify(self):
        for verify, nobody, client, stranger in (
                ("none", 302, 302, 302), ("optional", 302, 302, "refused"), ("required", "refused", 302, "refused")):
            with self.subTest(verify):
                ca = {} if verify == "none" else {"client_ca": self.certificates.path("ca.pem")}
                server = Server.start(self, RULES, tls_settings(self.certificates.tls(verify=verify, **ca)))
                self.assertEqual(self.outcome(server, None), nobody)
                self.assertEqual(self.outcome(server, "client"), client)
                self.assertEqual(self.outcome(server, "stranger"), stranger)

    def test_a_chain_that_is_too_long(self):
        """Room is made for what a client says will come."""
        chain = self.certificates.path("client.pem").read_text()
        more = self.certificates.path("inter.pem").read_text()
        for name, bytes_of_it in (("long", 12000), ("longer", 20000)):
            count = bytes_of_it // len(ssl.PEM_cert_to_DER_cert(more)) - 2
            self.certificates.path(name + ".pem").write_text(chain + count * more)
            self.certificates.path(name + ".key").write_bytes(self.certificates.path("client.key").read_bytes())
        server = Server.start(self, RULES, tls_settings(self.certificates.tls(client_ca=self.certificates.path("ca.pem"))))
        self.assertEqual(self.outcome(server, "long"), 302)
        self.assertEqual(self.outcome(server, "longer"), "refused")
        server.wait_for_log('handshake failed source=.* error="excessive message size"')

    def client(self, name, *names):
        client_certificate(self.certificates, name, *names)

    def test_names_tell_the_peer(self):
        self.client("carrier", "DNS:other.test", "DNS:SBC.carrier.test")
        self.client("uri", "URI:sip:Pbx.test;transport=tls")
        self.client("wildcard", "DNS:*.carrier.test")
        # RFC 5922 7.1: no DNS name beside a SIP URI, no user part, no other scheme
        self.client("both", "URI:sip:nobody.test", "DNS:sbc.carrier.test")
        self.client("user", "URI:sip:me@pbx.test")
        self.client("sips", "URI:sips:pbx.test")
        tls = self.certificates.tls(verify="optional", client_ca=self.certificates.path("ca.pem"))
        server = Server.start(self, """
rules:
  - {peer: carrier, reject: 480}
  - {peer: pbx, reject: 486}
  - {peer: local, reject: 484}
""", f"""
profiles:
  test: {{listen: ["tls:{TLS_HOST}:PORT", "tcp:127.0.0.1:PORT"], peers: [local, carrier, pbx], tls: {tls}}}
peers:
  local: {{networks: 127.0.0.3}}
  carrier: {{networks: 127.0.0.4, tls_names: sbc.carrier.test}}
  pbx: {{tls_names: [x.test, pbx.test]}}
secret: secret.key
""")
        for certificate, source, outcome in (
                ("carrier", "127.0.0.1", 480), ("carrier", "127.0.0.3", 480), (None, "127.0.0.4", 480),
                (None, "127.0.0.3", 484), ("uri", "127.0.0.1", 486), ("uri", "127.0.0.4", 486),
                (None, "127.0.0.1", "closed"), ("wildcard", "127.0.0.1", "closed"), ("both", "127.0.0.1", "closed"),
                ("user", "127.0.0.1", "closed"), ("sips", "127.0.0.1", "closed"), ("wildcard", "127.0.0.3", 484),
                ("wildcard", "127.0.0.4", "closed"), ("carrier", "127.0.0.4", 480),
                ("stranger", "127.0.0.1", "refused"), ("stranger", "127.0.0.3", "refused")):
            with self.subTest(certificate, source=source):
                got = self.outcome(server, certificate, source)
                # what a client has sent before it is closed may make that a reset
                self.assertEqual("closed" if outcome == "closed" and got == "refused" else got, outcome)
        server.wait_for_log(r" stranger ignored source=tls:127\.0\.0\.1:\d+ ")
        with TcpDoor(server.port) as door:  # only TLS can show a certificate
            self.assertIsNone(door.ask(door.request()))

    def start_for_carrier(self, more):
        """One peer by its network, one by its certificate's name; anybody may begin a handshake."""
        tls = self.certificates.tls(verify="optional", client_ca=self.certificates.path("ca.pem"))
        return Server.start(self, RULES, f"""
profiles:
  test: {{listen: ["tls:{TLS_HOST}:PORT", "tcp:127.0.0.1:PORT"], peers: [local, carrier], tls: {tls}}}
peers:
  local: {{networks: 127.0.0.3}}
  carrier: {{tls_names: sbc.carrier.test}}
secret: secret.key
{more}
""")

    def test_strangers_in_a_handshake_leave_room(self):
        server = self.start_for_carrier("limits: {connections: 8, handshake: 1h}")
        strangers = [TlsDoor(server.port) for _ in range(4)]
        for door in strangers:
            self.addCleanup(door.socket.close)
        for door in strangers[:2]:  # the oldest give way
            self.assertLess(closes_within(door), DEADLINE_S)
        server.wait_for_log("connection closed, a newer stranger takes its room source=tls:127.0.0.1:")
        self.assertEqual(self.outcome(server, None, "127.0.0.3"), 302)
        self.client("carrier", "DNS:sbc.carrier.test")
        server.signal(signal.SIGHUP)  # which keeps their order
        server.wait_for_log(" reloaded ")
        self.assertEqual(self.outcome(server, "carrier"), 302)
        self.assertLess(closes_within(strangers[2]), DEADLINE_S)
        self.assertEqual(self.outcome(server, "carrier"), 302)
        self.assertFalse(select.select([strangers[3].socket], [], [], 0)[0], "it has room again")

    def test_connections_of_one_peer(self):
        """Whose they are a certificate tells."""
        self.client("carrier", "DNS:sbc.carrier.test")
        server = self.start_for_carrier("limits: {connections: 8}")
        context = self.certificates.context("carrier")
        descriptors = f"/proc/{server.process.pid}/fd"
        before = len(os.listdir(descriptors))
        for _ in range(2):
            with contextlib.ExitStack() as stack:
                for n in range(6):  # as what they were accepted does not matter
                    door = stack.enter_context(TlsDoor(server.port, context, "127.0.0.3" if n % 2 else f"127.0.1.{n}"))
                    self.assertEqual(door.ask(door.request()).status, 302)
                for source in ("127.0.0.1", "127.0.0.3"):
                    self.assertIn(self.outcome(server, "carrier", source), ("closed", "refused"))
                self.assertEqual(self.outcome(server, None, "127.0.0.3"), 302)
            server.wait_for_log(r"connection refused, there are too many of its peer source=tls:127\.0\.0\.1:")
            eventually(lambda: len(os.listdir(descriptors)) == before, "all are closed")

    def test_a_flood_of_handshakes(self):
        """A stranger gets no more of them than his bucket has, and those that are let in notice nothing."""
        self.client("carrier", "DNS:sbc.carrier.test")
        server = self.start_for_carrier("log: {calls: none}")
        stranger = self.certificates.context()
        stop, done = threading.Event(), []

        def flood():
            while not stop.is_set():
                with contextlib.suppress(OSError), TlsDoor(server.port, stranger):
                    done.append(True)

        start = time.monotonic()
        flooder = threading.Thread(target=flood)
        flooder.start()
        try:
            server.wait_for_log(r"connection refused, there are too many handshakes of its source source=tls:127\.0\.0\.1:")
            with TcpDoor(server.port, "127.0.0.3") as door:
                for _ in range(50):  # more than the stranger's bucket holds: whoever is a peer in the end is not counted
                    self.assertEqual(door.ask(door.request()).status, 302)
                    self.assertEqual(self.outcome(server, None, "127.0.0.3"), 302)
                    self.assertEqual(self.outcome(server, "carrier", "127.0.0.4"), 302)
        finally:
            stop.set()
            flooder.join()
        self.assertGreaterEqual(len(done), 20)
        self.assertLessEqual(len(done), 20 + 10 * (time.monotonic() - start) + 1)

    def test_ciphers(self):
        server = Server.start(self, RULES, tls_settings(
            self.certificates.tls(ciphers="ECDHE-ECDSA-AES128-GCM-SHA256:TLS_CHACHA20_POLY1305_SHA256")))
        for version, cipher in ((ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"),
                                (ssl.TLSVersion.TLSv1_3, "TLS_CHACHA20_POLY1305_SHA256")):
            with TlsDoor(server.port, self.certificates.context(version=version)) as door:
                self.assertEqual(door.socket.cipher()[0], cipher)


def client_certificate(certificates, name, *names, signer="inter"):
    """A client's, for these names."""
    certificates.make(name, signer, names=",".join(names))
    if signer == "inter":
        certificates.chain(name, signer)


class Reload(unittest.TestCase):
    def setUp(self):
        self.certificates = Certificates(self)
        self.server = Server.start(self, RULES, tls_settings(self.certificates.tls()))

    def serial(self):
        with TlsDoor(self.server.port, self.certificates.context()) as door:
            self.assertEqual(door.ask(door.request()).status, 302)
            return door.socket.getpeercert()["serialNumber"]

    def renew(self):
        self.certificates.make("server", "inter")
        self.certificates.chain("server", "inter")

    def test_new_certificates_are_shown_and_connections_live_on(self):
        old = self.serial()
        with TlsDoor(self.server.port, self.certificates.context()) as door:
            self.renew()
            self.assertEqual(self.serial(), old)
            self.server.signal(signal.SIGHUP)
            self.server.wait_for_log(" reloaded ")
            self.assertNotEqual(self.serial(), old)
            self.assertEqual(door.ask(door.request()).status, 302)

    def test_bad_ones_keep_those_in_force(self):
        old = self.serial()
        self.renew()
        pem = self.certificates.path("server.pem")
        for n, (text, finding) in enumerate((
                ("nonsense\n", "no certificate in"),
                (self.certificates.path("client.pem").read_text(), "does not belong to the certificate"),
                (None, "cannot open"))):
            if text is None:
                pem.unlink()
            else:
                pem.write_text(text)
            self.server.signal(signal.SIGHUP)
            self.server.wait_for_log("reload failed, what is in force stays errors=1", n + 1)
            self.assertTrue(self.server.log_lines(rf"signpost.yaml:2:\d+: error: .*{finding}"), self.server.log())
            self.assertEqual(self.serial(), old)

    def test_while_connections_come(self):
        """Reloads and handshakes at the same time."""
        failures = []

        def work():
            try:
                for _ in range(30):
                    self.serial()
            except Exception as failure:  # pylint: disable=broad-except
                failures.append(failure)

        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            self.server.signal(signal.SIGHUP)
            select.select([], [], [], 0.01)
        for worker in workers:
            worker.join()
        self.assertEqual(failures, [])

    def test_check_reads_them(self):
        self.certificates.path("server.key").write_text("nonsense\n")
        done = subprocess.run(
            [PROGRAM, "check", "-c", str(self.server.settings_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=DEADLINE_S, check=False, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"signpost.yaml:2:\d+: error: no key in \".*server.key\"")


class Demands(unittest.TestCase):
    """What a certificate has proved counts for as long as the same is demanded."""

    def setUp(self):
        self.certificates = Certificates(self)
        self.path = self.certificates.path
        client_certificate(self.certificates, "carrier", "DNS:sbc.carrier.test")
        self.path("clients.pem").write_bytes(self.path("ca.pem").read_bytes())
        self.server = None

    def tls(self, verify="required", ca="clients.pem"):
        return self.certificates.tls(verify=verify, **({"client_ca": self.path(ca)} if ca else {}))

    def settings(self, tls, profile="test"):
        return f"""
profiles:
  {profile}: {{listen: ["tls:{TLS_HOST}:PORT", "tcp:127.0.0.1:PORT"], peers: [local, carrier], tls: {tls}}}
peers:
  local: {{networks: 127.0.0.3}}
  carrier: {{tls_names: sbc.carrier.test}}
secret: secret.key
limits: {{handshake: 1h}}
"""

    def start(self, text):
        self.server = Server.start(self, RULES, text)
        self.plain = self.opened(TcpDoor(self.server.port, "127.0.0.3"))

    def opened(self, door):
        self.addCleanup(door.socket.close)
        return door

    def reload(self, text=None):
        """A connection without TLS is never cut."""
        if text:
            self.server.settings_path.write_text(text.replace("PORT", str(self.server.port)) + "drain: 0s\n")
        before = len(self.server.log_lines(" reloaded "))
        self.server.signal(signal.SIGHUP)
        self.server.wait_for_log(" reloaded ", before + 1)
        self.assert_served(self.plain)

    def tls_door(self, certificate="carrier", source="127.0.0.1"):
        door = self.opened(TlsDoor(self.server.port, self.certificates.context(certificate), source))
        self.assert_served(door)
        return door

    def half_done(self, source="127.0.0.1"):
        """Has said hello, and been answered. Returns what ends the handshake."""
        door = self.opened(TlsDoor(self.server.port, source=source))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.certificates.context("carrier").wrap_bio(incoming, outgoing, server_hostname=TLS_HOST)
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        door.send(outgoing.read())
        while True:
            incoming.write(door.socket.recv(65535))
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                break

        def end():
            door.send(outgoing.read())
            tls.write(door.request())
            door.send(outgoing.read())
            data = b""
            while b"\r\n\r\n" not in data:
                received = door.socket.recv(65535)
                if not received:
                    return None
                incoming.write(received)
                with contextlib.suppress(ssl.SSLWantReadError):
                    data += tls.read()
            return Reply(data).status

        return door, end

    def assert_served(self, door):
        self.assertEqual(door.ask(door.request()).status, 302)

    def assert_cut(self, *doors):
        for door in doors:
            self.assertLess(closes_within(door), DEADLINE_S)

    def test_the_same_or_another_certificate_of_ours_cuts_nobody(self):
        self.start(self.settings(self.tls()))
        door, (_, end) = self.tls_door(), self.half_done()
        self.reload()
        self.assert_served(door)
        self.certificates.make("server", "inter")
        self.certificates.chain("server", "inter")
        self.reload()
        self.assert_served(door)
        self.assertEqual(end(), 302)

    def test_a_name_that_counts_no_more(self):
        """He stays whoever his network says he is, unless that one has other names."""
        self.start(self.settings(self.tls()))
        near, far = self.tls_door(source="127.0.0.3"), self.tls_door()
        renamed = self.settings(self.tls()).replace("sbc.carrier.test", "new.carrier.test")
        self.reload(renamed)
        self.assert_cut(far)
        self.assert_served(near)
        self.reload(renamed.replace("127.0.0.3", "127.0.0.3, tls_names: local.test"))
        self.assert_cut(near)

    def test_another_ca(self):
        self.start(self.settings(self.tls()))
        doors = [self.tls_door(), self.tls_door(source="127.0.0.3"), self.half_done()[0]]
        self.path("clients.pem").write_bytes(self.path("other-ca.pem").read_bytes())
        self.reload()
        self.assert_cut(*doors)
        client_certificate(self.certificates, "new", "DNS:sbc.carrier.test", signer="other-ca")
        self.tls_door("new")

    def test_certificates_are_wanted(self):
        """Of one who has shown none, for his network was enough."""
        self.start(self.settings(self.tls("none", None)))
        doors = [self.tls_door(None, "127.0.0.3"), self.half_done("127.0.0.3")[0]]
        self.reload(self.settings(self.tls()))
        self.assert_cut(*doors)

    def test_a_listener_moves_to_another_profile(self):
        """Where the same name may be somebody else's."""
        self.start(self.settings(self.tls()))
        door = self.tls_door()
        self.reload(self.settings(self.tls(), "other"))
        self.assert_cut(door)


class End(unittest.TestCase):
    def test_connections_end_with_the_server(self):
        certificates = Certificates(self)
        server = Server.start(self, RULES, tls_settings(certificates.tls()))
        with contextlib.ExitStack() as stack:
            doors = [stack.enter_context(TcpDoor(server.port)), TlsDoor(server.port, certificates.context()),
                     TlsDoor(server.port)]
            for door in doors[:2]:
                door.send(door.request())
                self.assertEqual(Reply(door.receive_message()).status, 302)
            doors[0].send(b"INVITE sip:half")
            server.signal(signal.SIGTERM)
            for door in doors:
                self.assertLess(closes_within(door), 3 * PATIENCE)
                door.socket.close()

    def test_a_peer_that_does_not_read_is_not_waited_for_long(self):
        server = Server.start(self, RULES, settings(listen=LISTEN))
        with TcpDoor(server.port) as door:
            door.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(100):
                    door.socket.send(b"".join(door.request("OPTIONS") for _ in range(30)))
            start = time.monotonic()
            server.signal(signal.SIGTERM)
            server.process.wait(DEADLINE_S)
            self.assertLess(time.monotonic() - start, 3 * PATIENCE)

    def test_a_port_in_use(self):
        with socket.socket() as other:
            port = free_port()
            other.bind(("127.0.0.1", port))
            other.listen()
            server = Server(RULES, settings(listen=[f"tcp:127.0.0.1:{port}"]))
            self.addCleanup(server.process.kill)
            self.assertEqual(server.process.wait(DEADLINE_S), 1)
            self.assertIn(f"cannot listen on tcp:127.0.0.1:{port}: Address already in use", server.log())


class Stack(unittest.TestCase):
    def test_nta_keeps_tcp_if_asked(self):
        """It takes a missing Content-Length for 0."""
        server = Server.start(self, RULES, settings(listen=LISTEN, stack="nta"))
        with TcpDoor(server.port) as door:
            self.assertEqual(door.ask(door.request(headers={"Content-Length": None})).status, 302)


if __name__ == "__main__":
    unittest.main()
