#!/usr/bin/env python3
"""The HTTP listener: health pages, that it comes and goes with the settings, and that nobody who asks there, however
badly, keeps a call waiting or takes memory."""
import http.client
import json
import pathlib
import re
import resource
import select
import signal
import socket
import time
import unittest

from blackbox import (DEADLINE_S, SANITIZER, Server, UdpDoor, eventually, free_port, is_v6_here, needs_v6, settings)

RULES = "gateways: {g: sip:gw.test}\nrules:\n  - {name: all, redirect: g}\n"
CONNECTIONS_MAX = 64
LIFE_S = 10
HEADERS_MAX = 8192


def start(test, more="", address=None, rules=RULES):
    """A server that tells how it is, and the address where it does."""
    address = address or f"127.0.0.1:{free_port()}"
    server = Server.start(test, rules, settings(more=f'metrics: "{address}"\n{more}'))
    return server, address


def get(address, path, method="GET", headers=None, body=None):
    """(status, headers, body) of one request."""
    connection = http.client.HTTPConnection(address, timeout=DEADLINE_S)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def is_open(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), DEADLINE_S).close()
    except ConnectionRefusedError:
        return False
    return True


def connect(address):
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), DEADLINE_S)


def descriptors(server):
    return len(list(pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir()))


class Health(unittest.TestCase):
    def test_health_pages(self):
        _, address = start(self)
        status, headers, body = get(address, "/livez")
        self.assertEqual((200, "ok\n"), (status, body))
        self.assertEqual("default-src 'none'", headers["Content-Security-Policy"])
        self.assertEqual("no-store", headers["Cache-Control"])
        self.assertEqual((200, "serving\n"), get(address, "/readyz")[::2])
        status, headers, body = get(address, "/status")
        self.assertEqual((200, "application/json"), (status, headers["Content-Type"]))
        self.assertEqual("serving", json.loads(body)["state"])

    def test_without_the_key_nothing_listens(self):
        server = Server.start(self, RULES)
        status = pathlib.Path(f"/proc/{server.process.pid}/net/tcp").read_text()
        inodes = {link.readlink().name[8:-1] for link in pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir()
                  if link.is_symlink() and "socket:[" in str(link.readlink())}
        listening = {line.split()[1].split(":")[1] for line in status.splitlines()[1:]
                     if line.split()[3] == "0A" and line.split()[9] in inodes}
        self.assertEqual({f"{server.port:04X}"}, listening)

    def test_head_is_get_without_the_body(self):
        _, address = start(self)
        status, headers, body = get(address, "/livez", "HEAD")
        self.assertEqual((200, "3", ""), (status, headers["Content-Length"], body))

    def test_what_is_not_get_or_head_is_refused(self):
        _, address = start(self)
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"):
            with self.subTest(method):
                status, headers, _ = get(address, "/metrics", method, body=b"a=b" if method == "POST" else None)
                self.assertEqual((405, "GET, HEAD"), (status, headers["Allow"]))

    @needs_v6
    def test_v6(self):
        _, address = start(self, address=f"[::1]:{free_port()}")
        self.assertEqual(200, get(address, "/livez")[0])


class Reload(unittest.TestCase):
    def setUp(self):
        self.server, self.address = start(self)
        self.text = self.server.settings_path.read_text()

    def reload(self, text, expected="^.* info reloaded "):
        seen = len(self.server.log_lines(expected))
        self.server.settings_path.write_text(text)
        self.server.signal(signal.SIGHUP)
        return self.server.wait_for_log(expected, seen + 1)

    def test_the_listener_comes_goes_and_moves(self):
        self.reload(self.text.replace("metrics", "#"))
        self.assertFalse(is_open(self.address))
        self.reload(self.text)
        self.assertEqual(200, get(self.address, "/livez")[0])
        other = f"127.0.0.1:{free_port()}"
        self.reload(self.text.replace(self.address, other))
        self.assertFalse(is_open(self.address))
        self.assertEqual(200, get(other, "/livez")[0])

    def test_a_listener_that_stays_is_not_touched(self):
        with connect(self.address) as slow:
            slow.sendall(b"GET /livez HTTP/1.1\r\n")
            self.reload(self.text)
            slow.sendall(b"Host: x\r\n\r\n")
            self.assertTrue(slow.recv(1000).startswith(b"HTTP/1.1 200"))

    def test_an_address_that_is_taken_is_an_error_and_all_stays(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", free_port()))
            taken.listen()
            other = f"127.0.0.1:{taken.getsockname()[1]}"
            self.reload(self.text.replace(self.address, other), "error reload failed")
            line = [n for n, text in enumerate(self.text.splitlines(), 1) if text.startswith("metrics")][0]
            self.server.wait_for_log(rf"signpost.yaml:{line}:10: error: cannot listen on {re.escape(other)}: Address")
        self.assertEqual(200, get(self.address, "/livez")[0])

    def test_an_address_that_others_reach_is_a_warning(self):
        self.reload(self.text.replace(self.address, self.address.replace("127.0.0.1", "0.0.0.0")))
        self.server.wait_for_log("warning: metrics on 0.0.0.0:.* can be read by all")
        self.assertEqual(200, get(self.address, "/livez")[0])


class Hostile(unittest.TestCase):
    def setUp(self):
        self.server, self.address = start(self)

    def answer(self, data):
        """All that the server sends to data, until it closes."""
        with connect(self.address) as asker:
            received = b""
            try:
                asker.sendall(data)
                while more := asker.recv(65536):
                    received += more
            except (BrokenPipeError, ConnectionResetError):
                pass
            return received

    def call(self):
        """A call is answered at once."""
        with UdpDoor(self.server.port) as door:
            self.assertEqual(302, door.ask(door.request()).status)

    def test_odd_paths(self):
        for path in (b"//", b"/livez/", b"/LIVEZ", b"/%6civez", b"/..%2f..", b"/livez%00", b"/\xff\xfe",
                     b"/" + b"a" * 4000, b"/livez;x", b"*", b"livez", b"/<script>", b"/%", b"/%zz", b"?", b"#", b"/ x"):
            with self.subTest(path):
                received = self.answer(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertRegex(received, rb"^HTTP/1\.[01] (400|404) " if received else b"^$")
                self.assertNotIn(b"<script>", received)
        for path in (b"/livez", b"/livez?", b"/livez?a=b&c", b"/livez?" + b"%ff" * 100, b"http://elsewhere/livez"):
            with self.subTest(path):
                self.assertTrue(self.answer(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 200"))
        self.call()

    def test_broken_requests(self):
        for data in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET /livez\r\n\r\n", b"GET /livez HTTP/9.9\r\n\r\n", b"\0" * 100 + b"\r\n\r\n",
                     b"GET /livez HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                     b"GET /livez HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                     b"POST /livez HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100000,
                     b"POST /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
                     b"GET /livez HTTP/1.1\r\nX: " + b"x" * (HEADERS_MAX + 1) + b"\r\n\r\n",
                     b"GET /" + b"x" * (HEADERS_MAX + 1) + b" HTTP/1.1\r\n\r\n",
                     b"GET /livez HTTP/1.1\r\n" + b"A: b\r\n" * HEADERS_MAX):
            with self.subTest(data[:60]):
                received = self.answer(data)
                if not data.startswith(b"GET /livez\r\n"):
                    self.assertNotIn(b" 200 ", received)
        self.assertEqual(200, get(self.address, "/livez")[0])
        self.call()

    def test_what_is_too_long_is_told_so(self):
        for status, data in ((413, b"GET /livez HTTP/1.1\r\nContent-Length: 1025\r\n\r\n" + b"x" * 1025),
                             (200, b"GET /livez HTTP/1.1\r\nContent-Length: 1024\r\n\r\n" + b"x" * 1024),
                             (400, b"GET /livez HTTP/1.1\r\nX: " + b"x" * HEADERS_MAX + b"\r\n\r\n")):
            with self.subTest(status):
                self.assertIn(f"HTTP/1.1 {status} ".encode(), self.answer(data))

    def test_a_second_request_on_the_connection_is_not_answered(self):
        one = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"
        self.assertEqual(1, self.answer(one * 50).count(b"HTTP/1.1 200"))

    def test_slow_ones_are_closed_and_memory_comes_back(self):
        """They send a byte now and then, so no silence is ever long; and they are as many as may be."""
        before = descriptors(self.server)
        self.assertEqual(200, get(self.address, "/livez")[0])
        memory_kb = self.server.memory_kb()
        eventually(lambda: descriptors(self.server) == before, "a descriptor is back")
        slow = []
        for _ in range(CONNECTIONS_MAX + 20):
            slow.append(connect(self.address))
            self.addCleanup(slow[-1].close)
            slow[-1].setblocking(False)
        eventually(lambda: descriptors(self.server) >= before + CONNECTIONS_MAX, "all that may be are connected")
        self.assertEqual(before + CONNECTIONS_MAX, descriptors(self.server))
        end = time.monotonic() + LIFE_S + DEADLINE_S
        open_ones = set(slow)

        def all_closed():
            for asker in list(open_ones):
                try:
                    asker.send(b"X")
                    if asker.recv(1) == b"":
                        open_ones.discard(asker)
                except BlockingIOError:
                    pass
                except OSError:
                    open_ones.discard(asker)
            return len(open_ones) <= 20

        eventually(all_closed, "slow ones are closed", end - time.monotonic())
        self.call()
        for asker in slow:
            asker.close()
        eventually(lambda: descriptors(self.server) == before, "all descriptors are back")
        self.assertEqual(200, get(self.address, "/livez")[0])
        if not SANITIZER:
            self.assertLess(self.server.memory_kb(), memory_kb + 2048)

    def test_without_descriptors_it_waits_for_some(self):
        """And does not keep a processor busy with trying."""
        pid, limits = self.server.process.pid, resource.prlimit(self.server.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors(self.server), limits[1]))
        with connect(self.address) as asker:
            asker.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            before, end = self.server.cpu_s(), time.monotonic() + 1
            while time.monotonic() < end:
                self.call()
                select.select([asker], [], [], 0.05)
            self.assertLess(self.server.cpu_s() - before, 0.5)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
            self.assertTrue(asker.recv(1000).startswith(b"HTTP/1.1 200"))

    def test_who_does_not_read_is_closed(self):
        """A page that no buffer of the kernel's takes."""
        rules = "gateways:\n" + "".join(f"  g{i}: sip:g{i}.test\n" for i in range(80000)) + "rules: [{redirect: g1}]\n"
        server, address = start(self, rules=rules)
        before = descriptors(server)
        with connect(address) as asker:
            asker.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
            asker.recv(1)
            self.assertEqual(before + 1, descriptors(server))
            eventually(lambda: descriptors(server) == before, "it is closed", LIFE_S + DEADLINE_S)

    def test_a_thousand_connections_do_not_keep_a_call_waiting(self):
        before = descriptors(self.server)
        self.assertEqual(200, get(self.address, "/livez")[0])
        memory_kb = self.server.memory_kb()
        eventually(lambda: descriptors(self.server) == before, "a descriptor is back")
        for _ in range(10):
            crowd = []
            for _ in range(100):
                asker = socket.socket()
                asker.setblocking(False)
                host, _, port = self.address.rpartition(":")
                asker.connect_ex((host, int(port)))
                crowd.append(asker)
            self.call()
            for asker in crowd:
                asker.close()
        self.assertEqual(200, get(self.address, "/livez")[0])
        eventually(lambda: descriptors(self.server) == before, "all descriptors are back", LIFE_S + DEADLINE_S)
        if not SANITIZER:
            self.assertLess(self.server.memory_kb(), memory_kb + 2048)


if __name__ == "__main__":
    unittest.main()
