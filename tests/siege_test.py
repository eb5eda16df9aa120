#!/usr/bin/env python3
"""Hostile peers at every door: slow ones, half-open ones, resets, floods, spoofed sources, scanners. Meanwhile
there are good callers on every door: all of their calls are answered, and afterwards the server has no more open, and
no more in memory, than before. SIEGE=10: ten times as much of all.

In a network of its own: nothing that is spoofed gets out."""
import collections
import contextlib
import functools
import os
import random
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import time
import unittest

import besieged
import namespace
from blackbox import DEADLINE_S, PATIENCE, Server, TcpDoor, UdpDoor, folder_for, process, request, settings
from digest_test import NUMBER, REALM, credentials, nonce_of
from malformed import Malformed
from stream_test import TLS_HOST, Certificates, TlsDoor, tls_settings

SIEGE = float(os.environ.get("SIEGE") or 1) / PATIENCE
QUICK_MS = 300 * min(PATIENCE, 2)
PER_SOURCE = 60  # connections
ALL = 300
SCAN_S = 4 * min(max(SIEGE, 1), 10)
PASSWORD = "correct horse"
PHONES = "127.0.0.2"
ATTACKERS = [f"127.0.0.{n}" for n in range(60, 70)]


def many(count):
    return max(int(count * SIEGE), 10)


def reset(sock):
    """Closes with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def run_all(test, *commands):
    """Runs tools side by side until they end, or time is up; what each said."""
    for name, *_ in commands:
        if not shutil.which(name):
            test.skipTest(f"there is no {name}")
    home, end, said = folder_for(test), time.monotonic() + SCAN_S, []
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(process(
            *command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=home,
            env={**os.environ, "HOME": str(home)})) for command in commands]
        for child in children:
            try:
                output, _ = child.communicate(timeout=max(end - time.monotonic(), 0.01))
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGINT)
                output, _ = child.communicate(timeout=6 * DEADLINE_S)
            said.append(output.decode(errors="replace"))
    return said


def datagram(source, source_port, port, data):
    """An IP packet to the server that says it comes from source. The kernel fills in the length and the checksum."""
    udp = struct.pack("!HHHH", source_port, port, 8 + len(data), 0) + data
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), random.randrange(65536), 0, 64, socket.IPPROTO_UDP, 0,
                       socket.inet_aton(source), socket.inet_aton("127.0.0.1")) + udp


class Siege(unittest.TestCase):
    """Everybody is a peer: nobody is kept out for who they are."""

    STREAMS = (TcpDoor, TlsDoor)
    LIMITS = (f"log: {{calls: none}}\nlimits: {{handshake: {QUICK_MS}ms, message: {QUICK_MS}ms, "
              f"idle: {20 * QUICK_MS}ms, connections: {ALL}, connections_per_source: {PER_SOURCE}}}")

    @classmethod
    def setUpClass(cls):
        if not namespace.is_inside():
            raise unittest.SkipTest(namespace.REASON)
        cls.certificates = Certificates(cls)
        cls.context = cls.certificates.context()
        cls.server = Server.start(cls, besieged.RULES, cls.settings(["::/0"], cls.LIMITS))

    @classmethod
    def settings(cls, networks, more=""):
        return tls_settings(cls.certificates.tls(), more, networks=networks)

    def doors(self, source):
        port = self.server.port
        return [functools.partial(UdpDoor, port, source), functools.partial(TcpDoor, port, source),
                functools.partial(TlsDoor, port, self.context, source)]

    def streams(self):
        """For each door of streams, what opens a raw connection to it from an attacker: over TLS the handshake is left
        undone."""
        for kind in self.STREAMS:
            with self.subTest(door=kind.__name__):
                yield lambda source=ATTACKERS[0], kind=kind: kind(self.server.port, source=source)

    def besiege(self, attack):
        doors = self.doors(besieged.GOOD_SOURCE)
        print(f"\n{self.id().partition('.')[2]}: {besieged.besiege(self, self.server, doors, attack)}")

    # Streams

    def test_slow_senders(self):
        """A byte at a time, until they are told to go."""

        def attack():
            closed = 0
            data = request("INVITE", headers={"Subject": "x" * 2000})
            with contextlib.ExitStack() as stack:
                doors = [stack.enter_context(make()) for make in list(self.streams()) for _ in range(PER_SOURCE // 2)]
                end = time.monotonic() + DEADLINE_S
                for byte in data:
                    for door in list(doors):
                        try:
                            door.send(bytes([byte]))
                        except OSError:
                            doors.remove(door)
                            closed += 1
                    if not doors or time.monotonic() > end:
                        break
                    time.sleep(0.01)  # as slowly as that
                self.assertEqual(len(doors), 0, "slow ones that are still there")
            return f"{closed} slow senders closed"

        self.besiege(attack)

    def test_half_open(self):
        """Connections that say nothing, a part of a ClientHello, or of a message."""
        hello = ssl.MemoryBIO()
        tls = self.context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname=TLS_HOST)
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = hello.read()
        beginnings = [b"", hello[:1], hello[:5], hello[:-1], hello, hello[:40] + b"\xff" * 40, request()[:50]]

        def attack():
            count = 0
            for make in self.streams():
                with contextlib.ExitStack() as stack:
                    doors = [stack.enter_context(make(source)) for source in ATTACKERS[:4] for _ in range(many(40))]
                    for i, door in enumerate(doors):
                        with contextlib.suppress(OSError):
                            door.send(beginnings[i % len(beginnings)])
                    for i, door in enumerate(doors):
                        if door.transport == "TCP" and not beginnings[i % len(beginnings)]:
                            continue  # silence there may take longer
                        door.socket.settimeout(DEADLINE_S)
                        with contextlib.suppress(ConnectionError):
                            while door.socket.recv(65535):
                                pass
                    count += len(doors)
            return f"{count} half-open connections"

        self.besiege(attack)

    def test_resets(self):
        """At any moment: before, within and behind a message, with replies on their way, within a handshake."""

        def attack():
            count = 0
            data = request() * 20
            for make in self.streams():
                for i in range(many(600)):
                    door = make(ATTACKERS[i % len(ATTACKERS)])
                    with contextlib.suppress(OSError):
                        door.send(data[:(i * 997) % len(data)])
                    reset(door.socket)
                    count += 1
            for i in range(many(60) if TlsDoor in self.STREAMS else 0):
                with contextlib.suppress(OSError, ssl.SSLError):
                    door = TlsDoor(self.server.port, self.context, ATTACKERS[i % len(ATTACKERS)])
                    door.send(data[:(i * 997) % len(data)])
                    reset(door.socket)
                    count += 1
            return f"{count} connections reset"

        self.besiege(attack)

    def test_floods_of_connections(self):
        """More than there may be, of each source and in all, again and again."""

        def attack():
            count = 0
            for make in self.streams():
                for _ in range(many(5)):
                    with contextlib.ExitStack() as stack:
                        for i in range(2 * ALL):
                            stack.enter_context(make(ATTACKERS[i % len(ATTACKERS)]))
                            count += 1
            return f"{count} connections"

        self.besiege(attack)
        if TlsDoor in self.STREAMS:
            self.assertTrue(self.server.log_lines("too many"))

    # Datagrams

    def spoof(self, server, sources, count):
        malformed = Malformed(2)
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            for number in range(count):
                source = random.choice(sources)
                port = server.port if source == "127.0.0.1" else random.choice((0, 1, 53, 5060, 65535))
                data = malformed.message(number)[:9000] if number % 2 else request(
                    "OPTIONS", via=f"SIP/2.0/UDP {source}:{port};branch=z9hG4bK{number}{';rport' * (number % 3 == 0)}")
                raw.sendto(datagram(source, port, server.port, data), ("127.0.0.1", 0))
                if number % 100 == 99:  # or the kernel would drop what is too much
                    with UdpDoor(server.port) as door:
                        self.assertEqual(door.ask(door.request()).status, 302)
        return f"{count} datagrams from {len(sources)} spoofed sources"

    def test_spoofed_sources(self):
        """The server itself, all of a network, many at once, nobody, those to whom there is no way."""
        sources = ["127.0.0.1", "127.255.255.255", "255.255.255.255", "0.0.0.0", "224.0.0.1", "239.255.255.250",
                   "192.0.2.1", "10.0.0.255", "8.8.8.8", "240.0.0.1", "169.254.1.1", "127.0.0.77"]
        self.besiege(lambda: self.spoof(self.server, sources, many(3000)))

    def test_spoofed_sources_of_strangers(self):
        """Nothing goes out."""
        server = Server.start(self, besieged.RULES, self.settings(["127.0.0.1"]))
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)) as witness:
            witness.bind(("lo", 0))
            witness.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
            self.spoof(server, ["127.0.0.5", "192.0.2.1", "10.0.0.255"], 500)
            witness.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    packet, (_, _, kind, *_) = witness.recvfrom(65535)
                    if kind == socket.PACKET_OUTGOING and packet[9] == socket.IPPROTO_UDP and \
                            packet[20:22] == struct.pack("!H", server.port):
                        self.assertEqual(socket.inet_ntoa(packet[16:20]), "127.0.0.1", packet)

    def test_a_flood_of_datagrams(self):
        """Retransmissions without end, as many at a time as the sockets hold."""

        def attack():
            count, at_a_time = many(100), 200
            with UdpDoor(self.server.port, ATTACKERS[0]) as door:
                data = door.request(uri="sip:nobody@signpost.test")
                for _ in range(count):
                    for _ in range(at_a_time):
                        door.send(data)
                    self.assertEqual(len({door.receive() for _ in range(at_a_time)}), 1)
            return f"{count * at_a_time} datagrams"

        self.besiege(attack)

    # Tools

    def scan(self, *commands):
        said = []

        def attack():
            said[:] = run_all(self, *([str(word).replace("PORT", str(self.server.port)) for word in command]
                                      for command in commands))
            return ", ".join(sorted({command[0] for command in commands}))

        self.besiege(attack)
        return said

    def test_sipvicious(self):
        words = folder_for(self) / "words"
        words.write_text("".join(f"secret{n}\n" for n in range(20000)))
        scanner = ("-b", ATTACKERS[0], "-x", ATTACKERS[0])
        said = self.scan(
            ("svmap", *scanner, "-p", "PORT", "-m", "INVITE", "127.0.0.1"),
            ("svmap", *scanner, "-p", "PORT", "127.0.0.1"),
            ("svwar", *scanner, "-p", "PORT", "-m", "INVITE", "-e", "1-400", "--force", "127.0.0.1"),
            ("svwar", *scanner, "-p", "PORT", "-e", "1-400", "--force", "127.0.0.1"),
            ("svcrack", *scanner, "-p", "PORT", "-u", "alice", "-d", words, "127.0.0.1"))
        self.assertRegex(said[1], r"\| 127\.0\.0\.1:\d+ +\| unknown ", "what svmap finds out")
        self.assertNotRegex("".join(said[2:]), r"\| +\d+ +\| +(reqauth|noauth)|\| alice +\| secret")

    def test_sipsak(self):
        for transport, kind in (("udp", UdpDoor), ("tcp", TcpDoor), ("tls", TlsDoor)):
            if kind is not UdpDoor and kind not in self.STREAMS:
                continue
            with self.subTest(transport):
                to = ("-E", transport, "--tls-ignore-cert-failure", "-H", "127.0.0.1",
                      "-s", f"sip:alice@{kind.host}:PORT")
                said = self.scan(("sipsak", "-F", "-e", many(2000), *to), ("sipsak", "-R", "-t", "400", *to),
                                 ("sipsak", "-T", *to), ("sipsak", "-vv", *to))
                self.assertRegex(said[-1], r"200 OK")


class AgentSiege(Siege):
    """The same with `stack: nta`, which has no TLS; its streams have no deadlines and no limit, so no slow senders."""

    STREAMS = (TcpDoor,)
    LIMITS = "log: {calls: none}"
    test_slow_senders = test_half_open = None

    @classmethod
    def settings(cls, networks, more=""):
        return settings(networks=networks, stack="nta", more=more)

    def doors(self, source):
        return super().doors(source)[:2]


class PhoneDoor(UdpDoor):
    """Of alice, who knows her password."""

    host = PHONES

    def request(self, method="INVITE", uri=NUMBER, headers=None, **options):
        nonce = nonce_of(source=self.source, profile=b"phones")
        return super().request(method, uri, {
            "Authorization": credentials(nonce, "alice", PASSWORD, "MD5", uri, method), **(headers or {})}, **options)


class Passwords(unittest.TestCase):
    """A profile that asks for passwords, and one that tries many of them on it."""

    @classmethod
    def setUpClass(cls):
        if not namespace.is_inside():
            raise unittest.SkipTest(namespace.REASON)

    def start(self, stack):
        users = folder_for(self) / "users.yaml"
        users.write_text(f"alice: {{password: {PASSWORD}}}\n")
        users.chmod(0o600)
        auth = f'{{realm: {REALM}, users: "{users}", algorithms: md5}}'
        return Server.start(self, besieged.RULES, f"""
profiles:
  trunks: {{listen: "udp:127.0.0.1:PORT", peers: [pbx], stack: {stack}}}
  phones: {{listen: "udp:{PHONES}:PORT", peers: [phones], stack: {stack}, auth: {auth}}}
peers: {{pbx: {{networks: 127.0.0.0/8}}, phones: {{networks: 127.0.0.0/8}}}}
secret: secret.key
workers: 1
drain: 0s
log: {{calls: all}}
""")

    def crack(self, server, words):
        """Tries them all; the statuses of what was answered to guesses."""
        path = folder_for(self) / "words"
        path.write_text("".join(f"{word}\n" for word in words))
        before = len(server.log_lines(" call "))
        run_all(self, ("svcrack", "-p", server.port, "-m", "INVITE", "-u", "alice", "-t", "0.001", "-d", path,
                       f"--requesturi={NUMBER.partition('@')[0]}@{PHONES}", PHONES))
        return collections.Counter(
            re.search(r" status=(\d+) ", line)[1] for line in server.log_lines(" call ")[before:]
            if f"listener=udp:{PHONES}:" in line and f"source=udp:{besieged.GOOD_SOURCE}:" not in line)

    def test_svcrack(self):
        """It knows MD5 only, and does not tell a 302 from any other answer: that is in the log."""
        for stack in ("ours", "nta"):
            with self.subTest(stack):
                server = self.start(stack)
                doors = [functools.partial(door, server.port, besieged.GOOD_SOURCE) for door in (UdpDoor, PhoneDoor)]

                attacks = []

                def attack():
                    attacks.append(None)  # pylint: disable=cell-var-from-loop
                    statuses = self.crack(server, (f"secret{n}" for n in range(20000)))
                    self.assertEqual(list(statuses), ["401"])
                    self.assertGreater(statuses["401"], 100 / PATIENCE)
                    return f"{statuses['401']} guesses"

                print(f"\nsvcrack, {stack}: {besieged.besiege(self, server, doors, attack)}")
                self.assertLess(len(server.log_lines("wrong credentials")), 2 * len(attacks) * SCAN_S)
                self.assertIn("302", self.crack(server, ["wrong", PASSWORD]), "it does guess")


if __name__ == "__main__":
    namespace.go_inside()
    unittest.main()
