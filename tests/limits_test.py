#!/usr/bin/env python3
"""How fast peers may call: who floods is cut off, and nobody else notices."""
import threading
import time
import unittest

from blackbox import PATIENCE, Server, TcpDoor, UdpDoor, eventually

FLOODER, OTHER = "127.0.0.2", "127.0.0.3"
RATE_PER_S = 200 // PATIENCE
CALLS = 5000 // PATIENCE
RULES = """
rules:
  - {name: emergency, priority: true, called: "112", reject: 480}
  - {reject: 486}
"""


class Flood(threading.Thread):
    """Sends at a steady rate from one source, and counts the answers."""

    def __init__(self, port, rate_per_s):
        super().__init__(daemon=True)
        self.door = UdpDoor(port, FLOODER)
        self.door.socket.setblocking(False)
        self.rate_per_s, self.stopping = rate_per_s, False
        self.sent = self.answered = 0
        self.seconds = 0

    def hear(self):
        try:
            while self.door.socket.recv(65535):
                self.answered += 1
        except BlockingIOError:
            pass

    def run(self):
        start = time.monotonic()
        while not self.stopping:
            while self.sent < (time.monotonic() - start) * self.rate_per_s:
                self.door.send(self.door.request())
                self.sent += 1
            self.hear()
            time.sleep(0.001)
        self.seconds = time.monotonic() - start
        self.hear()

    def stop(self):
        self.stopping = True
        self.join()
        self.door.socket.close()


class Limits(unittest.TestCase):
    def start(self, peer="", more="", rules=RULES, networks=FLOODER, stack="ours", workers=1,
              calls="none"):
        return Server.start(self, rules, (
            'profiles:\n  p: {listen: ["udp:0.0.0.0:PORT", "tcp:0.0.0.0:PORT"], peers: [flooder, other], '
            f"stack: {stack}}}\n"
            f"peers:\n  flooder: {{networks: [{networks}]{peer}}}\n  other: {{networks: [{OTHER}]}}\n"
            f"secret: secret.key\nlog: {{calls: {calls}}}\nworkers: {workers}\n{more}\n"))

    def door(self, server, make=UdpDoor, source=FLOODER):
        door = make(server.port, source)
        self.addCleanup(door.socket.close)
        return door

    def statuses(self, door, count, **changes):
        """Of so many requests, one behind the other; the answers that there are."""
        for _ in range(count):
            door.send(door.request(**changes))
        with UdpDoor(door.port, OTHER) as marker:  # one worker: it deals with what was sent before first
            self.assertEqual(marker.ask(marker.request()).status, 486)
        door.socket.settimeout(0.1 * PATIENCE)
        statuses = []
        try:
            while True:
                data = door.receive()
                statuses.append(int(data[8:11]))
                if statuses[-1] == 503:
                    self.assertIn(b"\r\nRetry-After: 1\r\n", data)
        except TimeoutError:
            return statuses

    def p99_ms(self, door):
        took = []
        for _ in range(CALLS):
            start = time.monotonic()
            door.send(door.request())
            self.assertIn(b"SIP/2.0 486 ", door.receive())
            took.append(time.monotonic() - start)
        return sorted(took)[len(took) * 99 // 100] * 1000

    def test_a_flood_costs_others_nothing(self):
        for over in ("drop", "503"):
            with self.subTest(over):
                server = self.start(f", rate: {RATE_PER_S}/s, burst: {RATE_PER_S}, over: {over}")
                other = self.door(server, source=OTHER)
                quiet_ms = self.p99_ms(other)
                flood = Flood(server.port, 10 * RATE_PER_S)
                flood.start()
                self.addCleanup(flood.stop)
                server.wait_for_log(r' warning over the limit peer="flooder" source=udp:127\.0\.0\.2:\d+')
                flooded_ms = self.p99_ms(other)  # each is answered
                flood.stop()
                print(f"\nover: {over}: {flood.sent} sent, {flood.answered} answered in {flood.seconds:.1f} s; p99 of "
                      f"others {quiet_ms:.2f} ms, while it floods {flooded_ms:.2f} ms")
                if over == "drop":
                    self.assertLessEqual(flood.answered, RATE_PER_S * (flood.seconds + 1) + 1)
                self.assertGreaterEqual(flood.answered, min(flood.sent, RATE_PER_S))

    def test_503_or_nothing(self):
        for over, stack, statuses in (
            (", over: 503", "ours", [486] * 3 + [503] * 5), (", over: drop", "ours", [486] * 3),
            ("", "ours", [486] * 3 + [503] * 5), (", over: 503", "nta", [486] * 3 + [503] * 5),
            (", over: drop", "nta", [486] * 3)):
            with self.subTest((over, stack)):
                server = self.start(", rate: 1/h, burst: 3" + over, stack=stack)
                self.assertEqual(self.statuses(self.door(server), 8), statuses)

    def test_what_is_far_over_is_not_even_read(self):
        server = self.start(", rate: 1/h, burst: 1")
        self.assertEqual(self.statuses(self.door(server), 100), [486] + [503] * 16)

    def test_a_priority_passes(self):
        server = self.start(", rate: 1/h, burst: 2, over: drop")
        door = self.door(server)
        self.assertEqual(self.statuses(door, 3), [486, 486])
        self.assertEqual(self.statuses(door, 3, uri="sip:112@x.test"), [480] * 3)
        for value in ("ets.0", "WPS.3", "esnet.1", "dsn.flash", "q735.3", "x.1, ets.0", "x.1 ,\r\n wps.4", "q735.4,q735.0",
                      ["x.1", "ets.4"]):
            self.assertEqual(self.statuses(door, 1, headers={"Resource-Priority": value}), [486], value)

    def test_a_priority_passes_while_its_peer_floods(self):
        """From another of its sources, and as many as the second look has room for besides the flood."""
        burst = 10 * RATE_PER_S  # so that the second look outlasts a time in which the flood stands still, and what it makes up for
        server = self.start(f", rate: {RATE_PER_S}/s, burst: {burst}, over: drop", networks=f"{FLOODER}, 127.0.0.4")
        door = self.door(server, source="127.0.0.4")
        flood = Flood(server.port, 10 * RATE_PER_S)
        flood.start()
        self.addCleanup(flood.stop)
        eventually(lambda: flood.sent > 3 * burst, "there is no burst left, nor would be of a second look as small as the first")
        server.wait_for_log(r' warning over the limit peer="flooder" source=udp:127\.0\.0\.2:\d+')
        before = flood.sent
        for _ in range(CALLS // 10):
            door.send(door.request(uri="sip:112@x.test"))
            self.assertIn(b"SIP/2.0 480 ", door.receive())
        eventually(lambda: flood.sent > before + CALLS // 10, "it floods all the time")
        flood.stop()
        self.assertLessEqual(flood.answered, RATE_PER_S * flood.seconds + burst + 1)

    def test_what_is_no_priority_does_not_pass(self):
        """Some networks write their routine priority on every call."""
        server = self.start(", rate: 1/h, burst: 1, over: drop")
        door = self.door(server)
        self.assertEqual(self.statuses(door, 2), [486])
        for value in ("x.1", "", ",", "ets", "ets.", "x.ets.0", "dsn.routine", "DRSN.Routine", "q735.4", "q735.4, dsn.routine"):
            self.assertEqual(self.statuses(door, 1, headers={"Resource-Priority": value}), [], value)

    def test_keepalives_and_acks_are_no_requests(self):
        server = self.start(", rate: 1/h, burst: 2, over: drop")
        door = self.door(server)
        for data in (b"\r\n\r\n", b"\r\n", b"    ", door.request("ACK")):
            for _ in range(5):
                door.send(data)
        self.assertEqual(self.statuses(door, 3), [486, 486])

    def test_sources_have_limits_of_their_own(self):
        server = self.start(", per_source: {rate: 1/h, burst: 2}, over: drop", networks="127.0.0.2, 127.0.0.4")
        self.assertEqual(self.statuses(self.door(server), 4), [486] * 2)
        self.assertEqual(self.statuses(self.door(server), 4), [])  # another port
        self.assertEqual(self.statuses(self.door(server, source="127.0.0.4"), 4), [486] * 2)

    def test_a_source_over_its_limit_takes_no_emergency_call_from_another(self):
        server = self.start(", per_source: {rate: 1/h, burst: 2}, over: drop", networks="127.0.0.2, 127.0.0.4")
        flood, phone = self.door(server), self.door(server, source="127.0.0.4")
        for _ in range(1000):
            flood.send(flood.request())
        self.assertEqual(self.statuses(phone, 4), [486] * 2)
        self.assertEqual(self.statuses(phone, 2, headers={"Resource-Priority": "ets.0"}), [486] * 2)

    def test_all_together(self):
        server = self.start(", over: drop", more="limits: {rate: 1/h, burst: 4}")
        self.assertEqual(self.statuses_of_all(server), [486] * 4)

    def statuses_of_all(self, server):
        door = self.door(server)
        for _ in range(9):
            door.send(door.request())
        door.socket.settimeout(0.3 * PATIENCE)
        statuses = []
        try:
            while True:
                statuses.append(int(door.receive()[8:11]))
        except TimeoutError:
            return statuses

    def test_workers_share_a_limit(self):
        """Each of many ports has one of them; what is over is answered as well, so that all are counted."""
        server = self.start(", rate: 1/h, burst: 20", workers=4)
        doors = [self.door(server) for _ in range(40)]
        for door in doors * 5:
            door.send(door.request())
        statuses = sorted(int(door.receive()[8:11]) for door in doors * 5)
        self.assertEqual(statuses, [486] * 20 + [503] * 180)

    def test_connections_are_limited_too(self):
        server = self.start(", rate: 1/h, burst: 2")
        door = self.door(server, TcpDoor)
        self.assertEqual([door.ask(door.request()).status, door.ask(door.request()).status], [486, 503])
        self.assertFalse(door.closed)

    def test_what_has_been_taken_survives_a_reload(self):
        server = self.start(", rate: 1/h, burst: 2, over: drop")
        door = self.door(server)
        self.assertEqual(self.statuses(door, 3), [486, 486])
        server.signal(1)
        server.wait_for_log(" reloaded ")
        self.assertEqual(self.statuses(door, 3), [])

    def test_another_rate_counts_from_the_reload_on(self):
        for limit in ("{}", "per_source: {{{}}}"):
            server = self.start(", over: drop, " + limit.format("rate: 1/h, burst: 2"))
            door = self.door(server)
            self.assertEqual(self.statuses(door, 3), [486, 486])
            text = server.settings_path.read_text()
            server.settings_path.write_text(text.replace("rate: 1/h, burst: 2", "rate: 10000/s"))
            server.signal(1)
            server.wait_for_log(" reloaded ")
            self.assertEqual(self.statuses(door, 1), [])  # what it had taken
            eventually(lambda: self.statuses(door, 1) == [486], "what counts is the rate in force")  # pylint: disable=cell-var-from-loop

    def test_spoofed_sources_get_little(self):
        targets = ", ".join(f'"sip:a-rather-long-name-{i}@gateway.example.net"' for i in range(10))
        for peer, stack, bounded in ((", spoofable: true", "ours", True), (", spoofable: true", "nta", True),
                                     ("", "ours", False), ("", "nta", False)):
            server = self.start(peer, rules=f"rules: [{{redirect: [{targets}]}}]\n", stack=stack)
            with self.subTest((peer, stack)), self.door(server) as door, self.door(server, TcpDoor) as tcp:
                for name in ("x", "x" * 200):
                    data = door.request(uri=f"sip:{name}@x.test")
                    door.send(data)
                    reply = door.receive()
                    self.assertGreater(len(reply), 400)
                    if name == "x":
                        (self.assertLessEqual if bounded else self.assertGreater)(len(reply), 3 * len(data))
                self.assertEqual(len(tcp.ask(tcp.request()).contacts()), 10)

    def test_too_large_is_silence(self):
        rules = f"rules: [{{reject: 486, headers: {{X-A: {'x' * 500}, X-B: {'x' * 500}, X-C: {'y' * 500}}}}}]\n"
        for stack in ("ours", "nta"):
            with self.subTest(stack):
                server = self.start(", spoofable: true", rules=rules, stack=stack, calls="all")
                door = self.door(server)
                self.assertEqual(self.statuses_of_all(server), [])
                server.wait_for_log('reply not sent, it is too large for its request peer="flooder"')
                door.send(door.request(headers={"Subject": "z" * 600, "Call-ID": "answered"}))
                self.assertIn(b"SIP/2.0 486", door.receive())
                self.assertIn('id="answered"', server.wait_for_log(" call ")[0])
                door.send(door.request(body=b"z" * 600))  # bytes are bytes
                self.assertIn(b"SIP/2.0 486", door.receive())


if __name__ == "__main__":
    unittest.main()
