#!/usr/bin/env python3
"""/status: one JSON object with all there is to know."""
import hashlib
import json
import os
import re
import signal
import unittest

from blackbox import SECRET, Server, TcpDoor, UdpDoor, eventually, free_port, settings
from http_test import get

RULES = """
include: more.yaml
gateways: {b: sip:b.test, a: sip:a.test}
groups: {both: [[a], [b]]}
numbers: {ported: {file: ported.csv}}
rules:
  - {name: ported, called: {in: ported}, redirect: both}
  - {name: all, redirect: a}
tables: {acme: {host: acme.test, rules: [{name: none, reject: 480}]}}
"""
MORE = "gateways: {c: sip:c.test}\n"
PORTED = "number,carrier\n+44201,x\n+44202,y\n+44203,z\n"
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"


class Status(unittest.TestCase):
    def setUp(self):
        self.address = f"127.0.0.1:{free_port()}"

        def write(folder):
            (folder / "more.yaml").write_text(MORE)
            (folder / "ported.csv").write_text(PORTED)

        self.server = Server(RULES, settings(more=f"metrics: {self.address}\n"), before=write)
        self.addCleanup(self.server.stop)
        self.server.wait_for_log("^ready; ")
        self.port = self.server.port

    def status(self):
        status, headers, text = get(self.address, "/status")
        self.assertEqual((200, "application/json"), (status, headers["Content-Type"]))
        return json.loads(text)

    def reload(self, expected):
        seen = len(self.server.log_lines(expected))
        self.server.signal(signal.SIGHUP)
        self.server.wait_for_log(expected, seen + 1)

    def test_its_members(self):
        status = self.status()
        self.assertEqual(["version", "uptime_s", "state", "started", "secret", "doors", "table", "reload", "gateways",
                          "answers"], list(status))
        self.assertEqual(("serving", "file", {}), (status["state"], status["secret"], status["answers"]))
        self.assertRegex(status["started"], TIME)
        self.assertEqual({"last": "none", "at": None, "ms": None, "findings": []}, status["reload"])
        self.assertNotIn(SECRET.decode(), json.dumps(status))

    def test_the_table_and_its_files(self):
        table = self.status()["table"]
        folder = self.server.folder
        self.assertEqual([
            {"path": str(folder / name), "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
             "bytes": (folder / name).stat().st_size, "rows": rows}
            for name, rows in (("more.yaml", None), ("ported.csv", 3), ("rules.yaml", None))], table["files"])
        counts = {key: table[key] for key in ("rules", "gateways", "groups", "tenants", "numbers", "decks")}
        self.assertEqual({"rules": 3, "gateways": 3, "groups": 1, "tenants": 1, "numbers": 3, "decks": 0}, counts)
        self.assertGreater(table["bytes"], 1000)
        self.assertGreater(table["load_ms"], 0)
        self.assertRegex(table["loaded_at"], TIME)

    def test_gateways_in_the_order_of_the_files(self):
        gateways = self.status()["gateways"]
        self.assertEqual(["c", "b", "a"], [gateway["name"] for gateway in gateways])
        self.assertEqual({"name": "b", "uri": "sip:b.test", "state": "unprobed", "since": None, "rtt_ms": None,
                          "last_error": None}, gateways[1])

    def test_doors_and_answers(self):
        with UdpDoor(self.port) as udp, TcpDoor(self.port) as tcp:
            for _ in range(3):
                self.assertEqual(302, udp.ask(udp.request()).status)
            tcp.ask(tcp.request(uri="sip:1@acme.test"))
            udp.ask(udp.request(headers={"Via": None}))
            eventually(lambda: self.status()["answers"] == {"200": 5, "302": 3, "480": 1}, "all are counted")
            doors = {door["listener"]: door for door in self.status()["doors"]}
            self.assertEqual(
                {"listener": f"udp:127.0.0.1:{self.port}", "profile": "test", "transport": "udp", "connections": 0,
                 "received": 8, "answered": 7, "dropped": 1}, doors[f"udp:127.0.0.1:{self.port}"])
            self.assertEqual(
                {"listener": f"tcp:127.0.0.1:{self.port}", "profile": "test", "transport": "tcp", "connections": 1,
                 "received": 2, "answered": 2, "dropped": 0}, doors[f"tcp:127.0.0.1:{self.port}"])

    def test_a_reload_that_failed_and_one_that_did_not(self):
        before = self.status()
        self.server.write_rules("rules:\n  - {name: 'a</b>\"\\', prioritty: 1}\n  - {reject: 9}\n")
        self.reload("error reload failed")
        status = self.status()
        self.assertEqual("failed", status["reload"]["last"])
        self.assertRegex(status["reload"]["at"], TIME)
        self.assertGreater(status["reload"]["ms"], 0)
        findings = status["reload"]["findings"]
        self.assertGreater(len(findings), 2)
        for finding in findings:
            self.assertRegex(finding, rf"^{re.escape(str(self.server.rules_path))}:\d+:\d+: (error|warning): ")
        self.assertTrue(any('unknown key "prioritty"\n  hint: did you mean' in finding for finding in findings), findings)
        self.assertEqual(before["table"], status["table"])
        self.server.write_rules(RULES)
        self.reload("info reloaded")
        status = self.status()
        self.assertEqual(("ok", []), (status["reload"]["last"], status["reload"]["findings"]))

    def test_a_file_that_changes_has_another_sum(self):
        before = {file["path"]: file for file in self.status()["table"]["files"]}
        path = self.server.folder / "ported.csv"
        new = path.with_name("new.csv")
        new.write_text(PORTED.replace("203", "204"))  # of the same size
        os.replace(new, path)
        self.assertEqual(before, {file["path"]: file for file in self.status()["table"]["files"]})
        self.reload("info reloaded")
        after = {file["path"]: file for file in self.status()["table"]["files"]}
        self.assertEqual(hashlib.sha256(path.read_bytes()).hexdigest(), after[str(path)]["sha256"])
        self.assertNotEqual(before.pop(str(path)), after.pop(str(path)))
        self.assertEqual(before, after)

    def test_what_a_peer_sends_is_nowhere_in_it(self):
        with UdpDoor(self.port) as door:
            door.ask(door.request("MARKER", "sip:marker@marker.test", headers={"From": "<sip:marker@x>;tag=marker"}))
        self.assertNotIn("marker", get(self.address, "/status")[2].lower())
        self.assertNotIn("marker", get(self.address, "/metrics")[2].lower())


if __name__ == "__main__":
    unittest.main()
