"""Gateways that are probed: what is asked of them, what counts as an answer, and which order calls are given."""
import contextlib
import json
import re
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import types
import unittest
import urllib.request

import blackbox
from blackbox import PATIENCE, ROOT, Server, UdpDoor, eventually, free_port, settings

TIMEOUT_MS = 250 * min(PATIENCE, 2)


def reply_to(request, status="200 OK", more=()):
    lines = request.decode().split("\r\n")
    kept = [line for line in lines if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
    return ("\r\n".join([f"SIP/2.0 {status}", *kept, *more, "Content-Length: 0"]) + "\r\n\r\n").encode()


class Gateway:
    """A SIP server on a port of its own, which answers with what answer() makes of a request, or not at all if that is
    None."""

    def __init__(self, test, transport="udp", host="127.0.0.1", port=None, family=socket.AF_INET):
        self.port = port or free_port()
        self.host = host
        self.requests = []
        self.answer = reply_to
        self.stream = transport == "tcp"
        self.socket = socket.socket(family, socket.SOCK_STREAM if self.stream else socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, self.port))
        if self.stream:
            self.socket.listen(64)
        self.wake, other = socket.socketpair()
        self.thread = threading.Thread(target=self.serve, args=(other,), daemon=True)
        self.thread.start()
        blackbox.at_end_of(test)(self.stop)

    def serve(self, stop):
        with selectors.DefaultSelector() as ready, stop:
            ready.register(self.socket, selectors.EVENT_READ)
            ready.register(stop, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    if key.fileobj is stop:
                        for other in list(ready.get_map().values()):
                            other.fileobj.close()
                        return
                    if self.stream and key.fileobj is self.socket:
                        ready.register(self.socket.accept()[0], selectors.EVENT_READ)
                    else:
                        self.serve_one(ready, key.fileobj)

    def serve_one(self, ready, connection):
        try:
            data, source = connection.recvfrom(65535)
        except ConnectionError:
            data, source = b"", None
        if not data and self.stream:
            ready.unregister(connection)
            connection.close()
        if not data:
            return
        self.requests.append(data)
        answer = self.answer(data)
        if answer and self.stream:
            connection.sendall(answer)
        elif answer:
            connection.sendto(answer, source)

    def stop(self):
        self.wake.close()
        self.thread.join()

    def uri(self, params=""):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sip:{host}:{self.port}{';transport=tcp' if self.stream else ''}{params}"


def probe(every_ms=100 * min(PATIENCE, 2), down_after=2, up_after=2):
    return (f"{{every: {max(every_ms, TIMEOUT_MS)}ms, timeout: {TIMEOUT_MS}ms, down_after: {down_after}, "
            f"up_after: {up_after}}}")


def table(gateways, redirect=None, probes=None):
    """Gateways by name, probed, and one rule that names all of them in their order."""
    lines = ["gateways:"]
    for name, uri in gateways.items():
        lines.append(f"  \"{name}\": {{uri: \"{uri}\", probe: {(probes or {}).get(name, probe())}}}")
    lines.append(f"rules: [{{redirect: {redirect or list(gateways)}}}]")
    return "\n".join(lines).replace("'", "") + "\n"


def order(door):
    """The ports of the Contacts, best first."""
    return [int(re.search(r":(\d+)(;|$)", uri)[1]) for uri in door.ask(door.request()).uris()]


def at(port):
    """For wait_for_order(): somebody else's gateway."""
    return types.SimpleNamespace(port=port)


class Case(unittest.TestCase):
    def start(self, rules, more=""):
        server = Server.start(self, rules, settings(more=more))
        door = UdpDoor(server.port)
        self.addCleanup(door.socket.close)
        return server, door

    def wait_for_order(self, door, gateways):
        ports = [gateway.port for gateway in gateways]
        eventually(lambda: order(door) == ports, f"Contacts in the order {ports}")

    def wait_for_requests(self, gateway, count):
        seen = len(gateway.requests)
        eventually(lambda: len(gateway.requests) >= seen + count, f"{count} more probes")


class Probing(Case):
    def test_a_probe_is_an_options_for_the_gateway_itself(self):
        gateway = Gateway(self)
        rules = table({"a": f"sip:x{{called}}@127.0.0.1:{gateway.port};lr?Subject=hi"})
        self.start(rules)
        self.wait_for_requests(gateway, 2)
        first, second = gateway.requests[:2]
        head = first.decode().split("\r\n")
        self.assertEqual(head[0], f"OPTIONS sip:127.0.0.1:{gateway.port};lr SIP/2.0")
        fields = dict(line.split(": ", 1) for line in head[1:] if line)
        self.assertRegex(fields["Via"], r"^SIP/2\.0/UDP 127\.0\.0\.1:\d+;rport;branch=z9hG4bK\S+$")
        self.assertRegex(fields["From"], r"^<sip:signpost@anonymous\.invalid>;tag=\w+$")
        self.assertEqual(fields["To"], f"<sip:127.0.0.1:{gateway.port};lr>")
        self.assertEqual(fields["CSeq"], "1 OPTIONS")
        self.assertEqual(fields["Max-Forwards"], "70")
        self.assertNotEqual(fields["Call-ID"], re.search(rb"Call-ID: (\S+)", second)[1].decode())

    def test_what_is_down_moves_behind_what_is_up_and_back(self):
        a, b, c = Gateway(self), Gateway(self, "tcp"), Gateway(self)
        server, door = self.start(table({"a": a.uri(), "b": b.uri(), "c": c.uri()}))
        self.wait_for_requests(b, 1)
        self.assertEqual(order(door), [a.port, b.port, c.port])
        for gateway in (a, b):
            gateway.answer = lambda request: None
        self.wait_for_order(door, [c, a, b])
        c.answer = lambda request: None
        self.wait_for_order(door, [a, b, c])  # all are down: as the table says
        b.answer = reply_to
        self.wait_for_order(door, [b, a, c])
        a.answer = c.answer = reply_to
        self.wait_for_order(door, [a, b, c])
        said = server.wait_for_log("gateway is", 6)
        self.assertEqual(sorted(re.search(r'gateway is (\w+) gateway="(\w)"', line).groups() for line in said),
                         [(state, name) for state in ("down", "up") for name in "abc"])
        for line in server.log_lines("gateway is down"):
            self.assertRegex(line, rf'reason="no answer in {TIMEOUT_MS} ms"$')

    def test_a_port_where_nobody_is(self):
        a, b, c = Gateway(self), Gateway(self), Gateway(self)
        dead_udp, dead_tcp = free_port(), free_port()
        server, door = self.start(table({
            "a": f"sip:127.0.0.1:{dead_udp}", "b": f"sip:127.0.0.1:{dead_tcp};transport=tcp", "c": c.uri()}))
        eventually(lambda: order(door) == [c.port, dead_udp, dead_tcp], "the order")
        for line in server.wait_for_log("gateway is down", 2):
            self.assertIn('reason="not reached"', line)

    def test_which_answers_count(self):
        gateway, other = Gateway(self), Gateway(self)
        _, door = self.start(table({"a": gateway.uri(), "b": other.uri()}))
        for status, up in (("200 OK", True), ("404 Not Found", True), ("503 Busy", False), ("405 No", True),
                           ("408 Timeout", False), ("302 Moved", True), ("500 Trouble", True), ("600 Busy", True)):
            with self.subTest(status=status):
                gateway.answer = lambda request, status=status: reply_to(request, status)
                self.wait_for_requests(gateway, 4)
                self.wait_for_order(door, [gateway, other] if up else [other, gateway])

    def test_a_provisional_answer_is_none(self):
        gateway, other = Gateway(self), Gateway(self)
        gateway.answer = lambda request: reply_to(request, "100 Trying")
        _, door = self.start(table({"a": gateway.uri(), "b": other.uri()}))
        self.wait_for_order(door, [other, gateway])

    def test_one_that_flaps_stays_what_it_was(self):
        gateway, other = Gateway(self), Gateway(self)
        calls = set()

        def every_second(request):
            calls.add(re.search(rb"Call-ID: (\S+)", request)[1])
            return reply_to(request, "200 OK" if len(calls) % 2 else "503 Busy")

        gateway.answer = every_second
        server, door = self.start(table({"a": gateway.uri(), "b": other.uri()}))
        eventually(lambda: len(calls) >= 9, "nine probes")
        self.assertEqual(order(door), [gateway.port, other.port])
        self.assertEqual(server.log_lines("gateway is"), [])

    def test_retry_after_counts_at_once_and_is_waited_for(self):
        gateway, other = Gateway(self), Gateway(self)
        gateway.answer = lambda request: reply_to(request, "503 Draining", ["Retry-After: 2"])
        server, door = self.start(table({"a": gateway.uri(), "b": other.uri()},
                                        probes={"a": probe(down_after=100, up_after=1)}))
        self.wait_for_order(door, [other, gateway])
        asked = time.monotonic()
        count = len(gateway.requests)
        self.assertEqual(count, 1)
        gateway.answer = reply_to
        self.wait_for_order(door, [gateway, other])
        self.assertGreater(time.monotonic() - asked, 1.5)
        self.assertIn('reason="it answers 503"', server.wait_for_log("gateway is down")[0])

    def test_a_late_answer_is_none(self):
        gateway, other = Gateway(self), Gateway(self)
        held = {}

        def next_time(request):
            """What answers the probe before this one; a probe may be sent more than once."""
            held[re.search(rb"Call-ID: (\S+)", request)[1]] = request
            return reply_to(list(held.values())[-2]) if len(held) > 1 else None

        gateway.answer = next_time
        _, door = self.start(table({"a": gateway.uri(), "b": other.uri()}))
        self.wait_for_order(door, [other, gateway])

    def test_nothing_but_answers_comes_in_at_the_port(self):
        gateway = Gateway(self)
        self.start(table({"a": gateway.uri()}))
        self.wait_for_requests(gateway, 1)
        port = int(re.search(rb"127\.0\.0\.1:(\d+);rport", gateway.requests[-1])[1])
        with UdpDoor(port) as stranger:
            for data in (stranger.request("OPTIONS"), stranger.request("INVITE"), b"\0\1\0\0!\x12\xa4B" + bytes(12),
                         b"SIP/2.0 200 OK\r\n\r\n", b"INVITE sip:x SIP/3.0\r\nVia: SIP/3.0/UDP 127.0.0.1\r\n\r\n"):
                stranger.send(data)
            self.wait_for_requests(gateway, 3)
            stranger.socket.setblocking(False)
            with self.assertRaises(BlockingIOError):
                stranger.socket.recv(65535)

    def test_one_that_is_back_is_asked_on_another_connection(self):
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        with contextlib.ExitStack() as full:  # the kernel answers nobody else
            for _ in range(3):
                other = full.enter_context(socket.socket())
                other.setblocking(False)
                other.connect_ex(listener.getsockname())
            self.start(table({"a": f"sip:127.0.0.1:{listener.getsockname()[1]};transport=tcp"}))
            time.sleep(11.5)  # the first connection is tried again after 7 and 15 s, by newer kernels after 11 and 19 s
        listener.listen(64)
        listener.settimeout(blackbox.DEADLINE_S)
        back = time.monotonic()
        data = b""
        while not data:
            connection = listener.accept()[0]
            with connection:
                connection.settimeout(blackbox.DEADLINE_S)
                data = connection.recv(65535)
        self.assertTrue(data.startswith(b"OPTIONS sip:"), data)
        self.assertLess(time.monotonic() - back, 3)

    @blackbox.needs_v6
    def test_over_ipv6(self):
        a = Gateway(self, host="::1", family=socket.AF_INET6)
        b = Gateway(self, "tcp", host="::1", family=socket.AF_INET6)
        other = Gateway(self)
        _, door = self.start(table({"a": a.uri(), "b": b.uri(), "c": other.uri()}))
        self.wait_for_requests(a, 3)
        self.wait_for_requests(b, 3)
        self.assertEqual(order(door), [a.port, b.port, other.port])
        a.answer = b.answer = lambda request: None
        self.wait_for_order(door, [other, a, b])


@unittest.skipUnless(shutil.which("sipp"), "sipp is not installed (Debian: sip-tester)")
class Sipp(Case):
    @contextlib.contextmanager
    def gateway(self, port, status, transport="u1"):
        """sipp at this port, until the end of the block."""
        scenario = blackbox.folder_for(self) / "options.xml"
        scenario.write_text((ROOT / "tests/sipp/options.xml").read_text().replace("200 OK", status))
        with blackbox.process("sipp", "-sf", scenario, "-i", "127.0.0.1", "-p", port, "-t", transport, "-nostdin", stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as sipp:
            yield sipp

    def test_a_real_peer_flaps(self):
        here, there = free_port(), Gateway(self)
        server, door = self.start(table({"a": f"sip:127.0.0.1:{here}", "b": there.uri()}))
        self.wait_for_order(door, [there, at(here)])
        with self.gateway(here, "200 OK"):
            self.wait_for_order(door, [at(here), there])
        self.wait_for_order(door, [there, at(here)])
        with self.gateway(here, "503 Service Unavailable"):
            asked = len(there.requests)
            eventually(lambda: len(there.requests) > asked + 3, "probes go on")
            self.assertEqual(order(door), [there.port, here])
        with self.gateway(here, "404 Not Found"):
            self.wait_for_order(door, [at(here), there])
        states = [re.search(r"gateway is (\w+)", line)[1] for line in server.wait_for_log('gateway is .* gateway="a"', 4)]
        self.assertEqual(["down", "up", "down", "up"], states[:4])


class Reloading(Case):
    def reload(self, server, rules):
        server.write_rules(rules)
        count = len(server.log_lines("reloaded"))
        server.signal(signal.SIGHUP)
        server.wait_for_log("reloaded", count + 1)

    def test_states_survive(self):
        a, b = Gateway(self), Gateway(self)
        a.answer = lambda request: None
        server, door = self.start(table({"a": a.uri(), "b": b.uri()}))
        self.wait_for_order(door, [b, a])
        new = Gateway(self)
        # From now on no probe can tell: the states are those of before.
        slow = {name: "{every: 1h, down_after: 100}" for name in ("a", "b", "new")}
        self.reload(server, table({"new": new.uri(), "a": a.uri(), "b": b.uri()}, probes=slow))
        self.assertEqual(order(door), [new.port, b.port, a.port])
        # Another URI is another gateway, and so is one that was not probed meanwhile.
        self.reload(server, table({"a": a.uri(";x=y"), "b": b.uri()}, probes=slow))
        self.assertEqual(order(door), [a.port, b.port])
        self.assertEqual(len(server.log_lines("gateway is")), 1)

    def test_a_shorter_period_begins_at_once(self):
        a = Gateway(self)
        server, _ = self.start(table({"a": a.uri()}, probes={"a": "{every: 1h}"}))
        self.reload(server, table({"a": a.uri()}))
        self.wait_for_requests(a, 2)

    def test_probing_ends_and_begins_again(self):
        a, b = Gateway(self), Gateway(self)
        a.answer = lambda request: None
        rules = table({"a": a.uri(), "b": b.uri()})
        server, door = self.start(rules)
        self.wait_for_order(door, [b, a])
        self.reload(server, table({"a": a.uri(), "b": b.uri()}, probes={"a": "false", "b": "true"}))
        self.assertEqual(order(door), [a.port, b.port])
        self.reload(server, table({"a": a.uri(), "b": b.uri()}, probes={"a": "false", "b": "false"}))
        self.assertEqual(order(door), [a.port, b.port])
        self.reload(server, rules)
        self.wait_for_order(door, [b, a])

    def test_it_needs_a_restart_when_the_sandbox_was_made_without(self):
        a = Gateway(self)
        server, _ = self.start(table({"a": a.uri()}, probes={"a": "false"}))
        self.reload(server, table({"a": a.uri()}))
        self.assertTrue(server.log_lines('warning: "probe" needs a restart'))
        self.assertEqual(a.requests, [])

    def test_without_a_sandbox_it_does_not(self):
        a = Gateway(self)
        server, _ = self.start(table({"a": a.uri()}, probes={"a": "false"}), more="sandbox: false")
        self.reload(server, table({"a": a.uri()}))
        self.wait_for_requests(a, 1)

    def test_many_reloads_while_probes_are_on_their_way(self):
        gateways = [Gateway(self) for _ in range(6)]
        for gateway in gateways[::2]:
            gateway.answer = lambda request: None
        rules = [table({f"g{i}": g.uri() for i, g in enumerate(gateways[shift:] + gateways[:shift])}, redirect="g0")
                 for shift in range(3)]
        server, door = self.start(rules[0])
        for i in range(12):
            self.reload(server, rules[i % 3])
            self.assertEqual(len(order(door)), 1)


class Told(Case):
    """What others are told of gateways."""

    def setUp(self):
        self.gateways = [Gateway(self), Gateway(self), Gateway(self)]
        self.metrics = free_port()
        self.url = f"http://127.0.0.1:{self.metrics}"
        uris = {"a": self.gateways[0].uri(), "b c": self.gateways[1].uri(), "d": self.gateways[2].uri()}
        self.gateways[0].answer = lambda request: None
        self.server, self.door = self.start(
            table(uris, redirect='["a", "b c", "d"]', probes={"d": "false"}),
            f"metrics: 127.0.0.1:{self.metrics}")
        a, b, d = self.gateways
        self.wait_for_order(self.door, [b, d, a])

    def route(self, url):
        return blackbox.run("route", "-c", self.server.settings_path, "--health", url, "+442071234567")

    def test_status(self):
        with urllib.request.urlopen(f"{self.url}/status") as answer:
            gateways = {g["name"]: g for g in json.load(answer)["gateways"]}
        self.assertEqual({name: g["state"] for name, g in gateways.items()}, {"a": "down", "b c": "up", "d": "unprobed"})
        self.assertEqual(gateways["a"]["last_error"], f"no answer in {TIMEOUT_MS} ms")
        self.assertEqual(gateways["a"]["uri"], self.gateways[0].uri())
        self.assertRegex(str(gateways["a"]["since"]), r"\d")
        self.assertGreater(gateways["b c"]["rtt_ms"], 0)
        self.assertIsNone(gateways["b c"]["last_error"])
        self.assertIsNone(gateways["d"]["since"])

    def test_route_gives_the_order_of_the_wire(self):
        for path in ("", "/", "/status"):
            done = self.route(self.url + path)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("health:\n  1 of 2 probed gateways down\n", done.stdout)
            contacts = re.search(r"^Contact: (.*)\r$", done.stdout, re.M)[1]
            self.assertEqual([int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", contacts)], order(self.door))
            self.assertRegex(done.stdout, r"3\. sip:\S+ \(a\): down, so behind those that are up\n")
        done = blackbox.run("route", "-c", self.server.settings_path, "+442071234567")
        self.assertIn("1. sip:+442071234567@127.0.0.1:%d (a)\n" % self.gateways[0].port, done.stdout)

    def test_a_health_that_is_none(self):
        nobody = free_port()
        for url, said in (("https://127.0.0.1/", "write http://"), ("http://status.test/", "write http://"),
                          ("http://", "write http://"), (f"http://127.0.0.1:{nobody}", "Connection refused"),
                          (self.url + "/metrics", "no /status"), (self.url + "/nothing", "no /status")):
            done = self.route(url)
            self.assertEqual(done.returncode, 1, url)
            self.assertIn(said, done.stderr)


class NameServer:
    """nsd with one zone, gw.test, whose records are these lines."""

    def __init__(self, test, records):
        self.folder = blackbox.folder_for(test)
        self.port = free_port()
        self.serial = 0
        self.write(records)
        (self.folder / "nsd.conf").write_text(f"""server:
  ip-address: 127.0.0.1
  port: {self.port}
  username: ""
  chroot: ""
  database: ""
  pidfile: "{self.folder}/pid"
  zonesdir: "{self.folder}"
  xfrdfile: "{self.folder}/xfrd"
  zonelistfile: "{self.folder}/zonelist"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: gw.test
  zonefile: zone
""")
        self.log = open(self.folder / "log", "wb")
        test.addCleanup(self.log.close)
        self.block = blackbox.process("nsd", "-d", "-c", self.folder / "nsd.conf", stdout=self.log, stderr=self.log)
        self.child = self.block.__enter__()
        test.addCleanup(self.block.__exit__, None, None, None)
        eventually(self.is_there, "the name server answers")

    def write(self, records):
        self.serial += 1
        lines = ["$ORIGIN gw.test.", "$TTL 1", f"@ SOA ns hostmaster {self.serial} 60 60 60 1", "@ NS ns",
                 "ns A 127.0.0.1", *records]
        new = self.folder / "zone.new"
        new.write_text("\n".join(lines) + "\n")
        new.replace(self.folder / "zone")

    def change(self, records):
        self.write(records)
        self.child.send_signal(signal.SIGHUP)

    def is_there(self):
        question = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\2ns\2gw\4test\0\0\1\0\1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("127.0.0.1", self.port))
            s.settimeout(0.2)
            try:
                s.send(question)
                return s.recv(512)[3] & 15 == 0
            except OSError:
                return False

    def setting(self):
        return f"resolver: 127.0.0.1:{self.port}"


NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
A, AAAA, SRV, NAPTR = 1, 28, 33, 35


def a_record(host="127.0.0.1"):
    return socket.inet_aton(host)


def srv_record(priority, port, target):
    name = b"".join(bytes([len(label)]) + label.encode() for label in target.split(".")) + b"\0"
    return struct.pack(">HHH", priority, 1, port) + name


class Answers:
    """A name server that answers (name, type) with what answer() makes of it: a code and records."""

    def __init__(self, test, answer):
        self.answer = answer
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        for step in (self.socket.close, self.thread.join, self.stop.set):
            test.addCleanup(step)

    def serve(self):
        while not self.stop.is_set():
            with contextlib.suppress(TimeoutError):
                self.serve_one(*self.socket.recvfrom(512))

    def serve_one(self, data, source):
        at, labels = 12, []
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode())
            at += data[at] + 1
        name, kind = ".".join(labels), struct.unpack(">H", data[at + 1:at + 3])[0]
        self.asked.append((name, kind))
        code, records = self.answer(name, kind)
        body = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 1, len(r)) + r for r in records)
        self.socket.sendto(data[:2] + bytes([0x81, 0x80 | code]) + struct.pack(">HHHH", 1, len(records), 0, 0) +
                           data[12:at + 5] + body, source)

    def setting(self):
        return f"resolver: 127.0.0.1:{self.socket.getsockname()[1]}"


class Names(Case):
    def hostport(self, door):
        """What the Contacts say behind the @, best first."""
        return [re.search(r"@([^;]+)", uri)[1] for uri in door.ask(door.request()).uris()]

    def wait_for(self, door, names):
        eventually(lambda: self.hostport(door) == names, f"Contacts in the order {names}", 20 * PATIENCE)

    def test_naptr_srv_and_addresses(self):
        first, second, other = Gateway(self), Gateway(self, "tcp"), Gateway(self)
        dns = NameServer(self, [
            '@ NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp', '@ NAPTR 10 20 "s" "SIP+D2U" "" _sip._udp',
            f"_sip._tcp SRV 1 1 {second.port} host", f"_sip._udp SRV 1 1 {first.port} host", "host A 127.0.0.1"])
        _, door = self.start(table({"a": "sip:gw.test", "b": other.uri()}), dns.setting())
        self.wait_for_requests(second, 2)
        self.assertEqual(first.requests, [])  # the first one answers
        self.assertTrue(second.requests[0].startswith(b"OPTIONS sip:gw.test SIP/2.0\r\n"), second.requests[0])
        second.answer = lambda request: None
        self.wait_for_requests(first, 3)  # one of them is enough
        self.assertEqual(self.hostport(door), ["gw.test", f"127.0.0.1:{other.port}"])
        first.answer = lambda request: None
        self.wait_for(door, [f"127.0.0.1:{other.port}", "gw.test"])

    def test_srv_in_order_of_priority_and_a_change(self):
        first, second, third = Gateway(self), Gateway(self), Gateway(self)
        dns = NameServer(self, [f"_sip._udp SRV 20 1 {second.port} host", f"_sip._udp SRV 10 1 {first.port} host",
                                "host A 127.0.0.1"])
        server, door = self.start(table({"a": "sip:gw.test;transport=udp"}), dns.setting())
        self.wait_for_requests(first, 2)
        self.assertEqual(second.requests, [])
        dns.change([f"_sip._udp SRV 10 1 {third.port} host", "host A 127.0.0.1"])
        eventually(lambda: third.requests, "the new one is asked", 30 * PATIENCE)
        self.assertEqual(server.log_lines("gateway is"), [])

    def test_a_name_that_is_not_there_is_down(self):
        other = Gateway(self)
        dns = NameServer(self, ["host A 127.0.0.1"])
        server, door = self.start(table({"a": "sip:nobody.gw.test", "b": other.uri()}), dns.setting())
        self.wait_for(door, [f"127.0.0.1:{other.port}", "nobody.gw.test"])
        self.assertIn('reason="its name has no address"', server.wait_for_log("gateway is down")[0])

    def test_a_dead_name_server_takes_nothing_from_anybody(self):
        gateway, other = Gateway(self), Gateway(self)
        dns = NameServer(self, ["host A 127.0.0.1"])
        patient = "{every: 1s, timeout: 1s, down_after: 3, up_after: 2}"  # this process asks as fast as it can, and answers
        server, door = self.start(table({"a": f"sip:host.gw.test:{gateway.port}", "b": other.uri()},
                                        probes={"a": patient, "b": patient}), dns.setting())
        self.wait_for_requests(gateway, 1)
        dns.child.send_signal(signal.SIGSTOP)
        self.addCleanup(dns.child.send_signal, signal.SIGCONT)
        # Asked for again and again meanwhile, and each call is answered at once.
        end = time.monotonic() + 9  # longer than an address is kept
        slowest = 0
        while time.monotonic() < end:
            start = time.monotonic()
            self.assertEqual(self.hostport(door), [f"host.gw.test:{gateway.port}", f"127.0.0.1:{other.port}"])
            slowest = max(slowest, time.monotonic() - start)
        self.assertLess(slowest, 0.5 * PATIENCE)
        self.wait_for_requests(gateway, 3)
        self.assertEqual(server.log_lines("gateway is"), [])

    def test_one_that_cannot_be_looked_up_counts_as_up(self):
        other = Gateway(self)
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # a name server that never answers
        silent.bind(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        server, door = self.start(table({"a": "sip:gw.test", "b": other.uri()}),
                                  f"resolver: 127.0.0.1:{silent.getsockname()[1]}")
        silent.settimeout(blackbox.DEADLINE_S)
        for _ in range(2):
            silent.recv(512)
        self.wait_for_requests(other, 20)
        self.assertEqual(self.hostport(door), ["gw.test", f"127.0.0.1:{other.port}"])
        self.assertEqual(server.log_lines("gateway is"), [])

    def test_a_question_that_fails_does_not_end_the_lookup(self):
        def naptr_fails(code):
            return lambda name, kind: (code, []) if kind == NAPTR else None

        def second_fails(code):
            return lambda name, kind: (code, []) if name == "dead.gw.test" else None

        def tcp_fails(code):
            return lambda name, kind: (code, []) if name == "_sip._tcp.gw.test" else None

        for fails in (naptr_fails, second_fails, tcp_fails):
            for code in (FORMERR, SERVFAIL, NOTIMP, REFUSED):
                with self.subTest(what=fails.__name__, code=code):
                    gateway = Gateway(self)
                    zone = {("_sip._udp.gw.test", SRV): [srv_record(1, gateway.port, "host.gw.test"),
                                                         srv_record(2, gateway.port, "dead.gw.test")],
                            ("host.gw.test", A): [a_record()]}
                    failed = fails(code)
                    dns = Answers(self, lambda name, kind: failed(name, kind) or (NOERROR, zone.get((name, kind), [])))
                    self.start(table({"a": "sip:gw.test"}), dns.setting())
                    self.wait_for_requests(gateway, 2)

    def test_without_an_answer_about_srv_the_host_itself_is_not_asked(self):
        other = Gateway(self)
        dns = Answers(self, lambda name, kind: (SERVFAIL, []) if kind == SRV else
                      (NOERROR, [a_record("127.0.0.9")] if kind == A else []))
        server, door = self.start(table({"a": "sip:gw.test;transport=udp", "b": other.uri()}), dns.setting())
        eventually(lambda: dns.asked, "it is asked")
        self.wait_for_requests(other, 10)
        self.assertEqual({kind for _, kind in dns.asked}, {SRV})
        self.assertEqual(self.hostport(door), ["gw.test", f"127.0.0.1:{other.port}"])
        self.assertEqual(server.log_lines("gateway is"), [])

    def test_an_error_takes_no_address_away(self):
        """Each of four servers has a name server that answers with an error of its own, once the address is known."""
        bad = threading.Event()

        def start(code):
            gateway = Gateway(self)
            dns = Answers(self, lambda name, kind: (NOERROR, []) if kind != A else
                          (code, []) if bad.is_set() else (NOERROR, [a_record()]))
            server, _ = self.start(table({"a": f"sip:gw.test:{gateway.port}"}), dns.setting())
            self.wait_for_requests(gateway, 1)
            return code, gateway, dns, server

        cases = [start(code) for code in (FORMERR, SERVFAIL, NOTIMP, REFUSED)]
        bad.set()
        known = [len(dns.asked) for _, _, dns, _ in cases]
        for (code, gateway, dns, server), seen in zip(cases, known):
            with self.subTest(code=code):
                eventually(lambda: ("gw.test", A) in dns.asked[seen:], "it is asked for again", 20 * PATIENCE)
                self.wait_for_requests(gateway, 4)
                self.assertEqual(server.log_lines("gateway is"), [])

    def test_what_a_name_server_answers_may_be_anything(self):
        stop = threading.Event()
        rubbish = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        rubbish.bind(("127.0.0.1", 0))
        rubbish.settimeout(0.1)
        asked = []

        def serve():
            while not stop.is_set():
                try:
                    data, source = rubbish.recvfrom(512)
                except OSError:
                    continue
                asked.append(data)
                head = data[:2] + b"\x81\x80\0\1\xff\xff\0\0\0\0" + data[12:]
                for tail in (b"", b"\xc0\x0c" * 40, b"\xc0\x0c\0\x23\0\1\0\0\0\1\xff\xff", bytes(400), b"\xff" * 400):
                    rubbish.sendto(head + tail, source)

        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(rubbish.close)
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)
        _, door = self.start(table({"a": "sip:gw.test", "b": "sip:x.gw.test;transport=tcp"}),
                             f"resolver: 127.0.0.1:{rubbish.getsockname()[1]}")
        eventually(lambda: len(asked) >= 4, "it is asked")
        self.assertEqual(self.hostport(door), ["gw.test", "x.gw.test"])


if __name__ == "__main__":
    unittest.main()
