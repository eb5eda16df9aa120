"""Gateways that are probed: what is asked of them, what counts as an answer, and which order calls are given."""
import re
import selectors
import signal
import socket
import threading
import time
import unittest

import blackbox
from blackbox import PATIENCE, Server, UdpDoor, eventually, free_port, settings

TIMEOUT_MS = 150 * PATIENCE


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


def probe(every_ms=100 * PATIENCE, down_after=2, up_after=2):
    return (f"{{every: {max(every_ms, TIMEOUT_MS)}ms, timeout: {TIMEOUT_MS}ms, down_after: {down_after}, "
            f"up_after: {up_after}}}")


def table(gateways, redirect=None, probes=None):
    """Gateways by name, probed, and one rule that names all of them in their order."""
    lines = ["gateways:"]
    for name, uri in gateways.items():
        lines.append(f"  {name}: {{uri: \"{uri}\", probe: {(probes or {}).get(name, probe())}}}")
    lines.append(f"rules: [{{redirect: {redirect or list(gateways)}}}]")
    return "\n".join(lines).replace("'", "") + "\n"


def order(door):
    """The ports of the Contacts, best first."""
    return [int(re.search(r":(\d+)(;|$)", uri)[1]) for uri in door.ask(door.request()).uris()]


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
        held = []

        def next_time(request):
            held.append(request)
            return reply_to(held[-2]) if len(held) > 1 else None

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


if __name__ == "__main__":
    unittest.main()
