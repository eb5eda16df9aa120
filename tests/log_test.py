#!/usr/bin/env python3
"""The log of calls: one line for each, which nobody can forge, and which stops nothing."""
import fcntl
import json
import os
import re
import select
import signal
import unittest

from blackbox import DEADLINE_S, Server, UdpDoor, eventually, run, settings

UK = "sip:+442071234567@signpost.test"
RULES = """
rules:
  - {name: plain, called: {prefix: "+44"}, redirect: ["sip:first.example.net", "sip:second.example.net;transport=tcp"]}
  - {name: barred, called: "603", reject: 603 Premium numbers barred}
  - {name: user, called: {prefix: "u"}, redirect: "sip:{called}@gw.example.net"}
"""


KEYS = ["time", "event", "id", "method", "source", "listener", "profile", "peer", "user", "caller", "called", "rule",
        "status", "why", "gateway", "offered", "cut", "contacts", "table", "us"]


class CallLog(unittest.TestCase):
    def calls(self, more):
        """Asks for a redirect, a reject, an unknown number, an OPTIONS, a REGISTER and an ACK."""
        server = Server.start(self, RULES, settings(more=more))
        with UdpDoor(server.port) as door:
            for uri in (UK, "sip:603@signpost.test", "sip:nobody@signpost.test"):
                door.ask(door.request(uri=uri, headers={"Call-ID": "id-" + uri[4:7], "From": "<sip:+1-555@b>;tag=1"}))
            for method in ("OPTIONS", "REGISTER", "ACK"):
                door.ask(door.request(method))
            source = door.name()
        return server, source

    def test_one_line_for_each_call(self):
        server, source = self.calls("log: {calls: all}")
        lines = server.wait_for_log(" call ", 3)
        head = (rf"^\S+Z call id=\"id-%s\" method=\"INVITE\" source=udp:{source} "
                rf'listener=udp:127.0.0.1:{server.port} profile="test" peer="local" user="" ')
        self.assertEqual(len(lines), 3)
        self.assertRegex(lines[0], head % r"\+44" + (
            r'caller="\+1555" called="\+442071234567" rule="plain" status=302 why="" gateway="" offered=2 cut=0 '
            r'contacts="<sip:\+442071234567@first.example.net>;q=1.0, '
            r'<sip:\+442071234567@second.example.net;transport=tcp>;q=0.9" table=1 us=\d+$'))
        self.assertRegex(lines[1], head % "603" + 'caller=.* called="603" rule="barred" status=603 why="" gateway="" offered=0 cut=0 contacts="" table=1 us=')
        self.assertRegex(lines[2], head % "nob" + 'caller=.* called="nobody" rule="default" status=404 why="" gateway="" offered=0 cut=0 contacts="" table=1 us=')

    def test_only_rejected_calls(self):
        server, _ = self.calls("log: {calls: rejected}")
        self.assertEqual([re.search(r"status=(\d+)", line)[1] for line in server.wait_for_log(" call ", 2)],
                         ["603", "404"])

    def test_no_calls(self):
        server, _ = self.calls("log: {calls: none}")
        self.assertEqual(server.log_lines(" call "), [])
        after_start = server.log().partition("\nready")[2].splitlines()[1:]
        self.assertEqual(after_start, [], "nothing is printed for a request")


class Forgery(unittest.TestCase):
    """Nothing a peer sends makes a line of its own in the log."""

    FORGED = '2026-01-01T00:00:00.000Z call id="forged"'

    def forgeries(self, door):
        """Calls that would like to make a line of the log, and how many calls they are."""
        line = self.FORGED.replace(" ", "%20").replace('"', "%22")
        yield door.request(uri=f"sip:u%0A{line}@signpost.test")
        yield door.request(uri=f"sip:u%0D%0A{line}%22%20status=1@signpost.test")
        yield door.request(headers={"From": f"<sip:a%0a{line}@pbx.test>;tag=1"})
        yield door.request(headers={"P-Asserted-Identity": f"<sip:a%0a{line}@pbx.test>"})
        yield door.request(headers={"Call-ID": 'a"rule="x'})
        yield door.request(headers={"Call-ID": "a\\"})
        yield door.request(headers={"Call-ID": "\u2028\u202e\x85".encode() + b"\xff\xc0"} | {})
        yield door.request(headers={"Call-ID": "x" * 5000})
        yield door.request(uri="sip:%1b[31m@signpost.test".replace("[", "%5b"))
        yield door.request(uri=f"sip:{'%22' * 1000}@signpost.test")

    def log_of(self, server, pattern):
        with UdpDoor(server.port) as door:
            count = 0
            for data in self.forgeries(door):
                self.assertIsNotNone(door.ask(data), data)
                count += 1
        lines = server.wait_for_log(pattern, count)
        self.assertEqual(len(lines), count)
        text = server.log_path.read_bytes()
        self.assertNotRegex(text.replace(b"\n", b""), rb"[\x00-\x1f\x7f]")
        self.assertEqual([line for line in server.log().split("\n") if line.startswith(self.FORGED[:20])], [])
        return lines

    def test_a_text_log_cannot_be_forged(self):
        server = Server.start(self, RULES)
        quoted = r'"(?:[^"\\]|\\.)*"'
        time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
        pattern = (rf"^{time} call id={quoted} method={quoted} source=\S+ listener=\S+ "
                   rf"profile={quoted} peer={quoted} user={quoted} caller={quoted} called={quoted} rule={quoted} "
                   rf"status=\d+ why={quoted} gateway={quoted} offered=\d+ cut=\d+ contacts={quoted} table=\d+ us=\d+$")
        self.log_of(server, pattern)

    def test_a_json_log_cannot_be_forged(self):
        server = Server.start(self, RULES, settings(more="log: {format: json}"))
        for line in self.log_of(server, r'^\{"time":'):
            call = json.loads(line)
            self.assertEqual(call["event"], "call")
            self.assertEqual(list(call), KEYS)


class Pipe(unittest.TestCase):
    def test_a_slow_reader_loses_nothing_and_one_that_has_gone_stops_nothing(self):
        """What happens with one that never reads is in scarcity_test.py."""
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        server = Server(RULES, settings(), stderr=writer)
        self.addCleanup(server.kill)
        os.close(writer)
        eventually(lambda: run("ping", "--timeout", 300, f"127.0.0.1:{server.port}").returncode == 0, "it answers")
        with UdpDoor(server.port) as door:
            for _ in range(100):
                self.assertEqual(door.ask(door.request()).status, 302)
            text = b""
            while text.count(b" call ") < 100:
                self.assertTrue(select.select([reader], [], [], DEADLINE_S)[0], text)
                text += os.read(reader, 1 << 20)
            self.assertNotIn(b"dropped", text)
            os.close(reader)
            for _ in range(10):
                self.assertEqual(door.ask(door.request()).status, 302)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(DEADLINE_S), 0)


if __name__ == "__main__":
    unittest.main()
