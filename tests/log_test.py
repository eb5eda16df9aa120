#!/usr/bin/env python3
"""The log of calls: one line for each, which nobody can forge, and which stops nothing."""
import fcntl
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
import unittest

from blackbox import DEADLINE_S, Server, UdpDoor, eventually, folder_for, run, settings

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


def to(path, more=""):
    """Settings with a log to path."""
    return settings(more=f"log: {{to: {path}{more}}}")


class ToAFile(unittest.TestCase):
    def ask(self, server, *ids):
        with UdpDoor(server.port) as door:
            for name in ids:
                self.assertEqual(door.ask(door.request(uri=UK, headers={"Call-ID": name})).status, 302)

    def wait_for_ids(self, path, *ids):
        """Until the calls in the file are these."""

        def seen():
            found = re.findall(r' call id="(.*?)"', path.read_text()) if path.exists() else []
            return len(found) >= len(ids) and found

        self.assertEqual(eventually(seen, f"{ids} are in {path}"), list(ids))

    def start(self, text):
        server = Server(RULES, text)
        self.addCleanup(server.stop)
        eventually(lambda: "\nready;" in server.log(), "it is ready")
        return server, server.folder / "calls.log"

    def test_is_made_for_owner_and_group_and_appended_to(self):
        server = Server(RULES, to("calls.log"), before=lambda folder: (folder / "calls.log").write_text("old\n"))
        self.addCleanup(server.stop)
        server.wait_for_log("^ready; ")  # on standard error as well
        path = server.folder / "calls.log"
        self.ask(server, "one", "two")
        self.wait_for_ids(path, "one", "two")
        self.assertTrue(path.read_text().startswith("old\nsignpost "))
        self.assertEqual(server.log_lines(" call "), [])

    def test_is_not_for_everybody(self):
        mask = os.umask(0)
        self.addCleanup(os.umask, mask)
        _, path = self.start(to("calls.log"))
        self.assertEqual(path.stat().st_mode & 0o777, 0o640)

    def test_that_cannot_be_opened_is_a_finding(self):
        server = Server(RULES, to("nowhere/calls.log"))
        self.addCleanup(server.kill)
        self.assertEqual(server.process.wait(DEADLINE_S), 1)
        self.assertRegex(server.log(), r'signpost.yaml:8:11: error: cannot open ".*/nowhere/calls.log": No such file')

    def test_events_go_there_and_findings_to_standard_error_too(self):
        server, path = self.start(to("calls.log"))
        server.write_rules("rules: 7")
        server.signal(signal.SIGHUP)
        eventually(lambda: " error reload failed" in path.read_text(), "the event is there")
        self.assertEqual(server.log_lines("reload failed"), [])
        server.wait_for_log('rules.yaml:1:8: error: "rules" must be a list')
        self.assertRegex(path.read_text(), 'rules.yaml:1:8: error: "rules" must be a list')

    def test_sigusr1_opens_it_again(self):
        server, path = self.start(to("calls.log"))
        for number in range(5):
            self.ask(server, f"old{number}")
            old = path.with_name(f"calls.log.{number}")
            self.wait_for_ids(path, f"old{number}")
            path.rename(old)
            self.ask(server, "late")  # the file has another name, and is the same
            self.wait_for_ids(old, f"old{number}", "late")
            server.signal(signal.SIGUSR1)
            eventually(lambda: path.exists() and "info log reopened" in path.read_text(), "it is opened again")
        self.assertNotIn("old", path.read_text())

    def test_that_cannot_be_opened_again_is_kept(self):
        server, path = self.start(to("calls.log"))
        path.rename(path.with_name("kept"))
        path.mkdir()
        server.signal(signal.SIGUSR1)
        eventually(lambda: "error log not reopened" in path.with_name("kept").read_text(), "it says so")
        self.ask(server, "one")
        self.wait_for_ids(path.with_name("kept"), "one")

    def test_sigusr1_is_nothing_without_a_file(self):
        server = Server.start(self, RULES)
        server.signal(signal.SIGUSR1)
        self.ask(server, "one")
        server.wait_for_log(' call id="one"')
        self.assertEqual(server.log_lines("reopened"), [])

    @unittest.skipUnless(shutil.which("logrotate"), "there is no logrotate")
    def test_logrotate_loses_no_line(self):
        server, path = self.start(to("calls.log", ", calls: all"))
        conf = server.folder / "logrotate.conf"
        conf.write_text(f"{path} {{\n  rotate 9\n  create 0640\n  postrotate\n    kill -USR1 {server.process.pid}\n"
                        "  endscript\n}\n")
        conf.chmod(0o644)
        names = []
        for number in range(4):
            for name in (f"{number}-{i}" for i in range(50)):
                self.ask(server, name)
                names.append(name)
            done = subprocess.run(["logrotate", "--force", "--state", server.folder / "state", conf], check=False,
                                  capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            eventually(lambda: "log reopened" in path.read_text(), "it is opened again")

        def all_names():
            files = sorted(server.folder.glob("calls.log*"), key=lambda f: -int(f.suffix.strip(".log") or 0))
            return [name for f in files for name in re.findall(r' call id="(.*?)"', f.read_text())]

        eventually(lambda: len(all_names()) >= len(names), "all lines are there")
        self.assertEqual(all_names(), names)
        self.assertEqual(len(list(server.folder.glob("calls.log.*"))), 4)

    def test_sighup_moves_it(self):
        server, path = self.start(to("calls.log"))
        self.ask(server, "one")
        self.wait_for_ids(path, "one")
        text = server.settings_path.read_text()
        for name, where in (("other.log", server.folder / "other.log"), ("stderr", server.log_path)):
            server.settings_path.write_text(text.replace("calls.log", name))
            server.signal(signal.SIGHUP)
            eventually(lambda: where.exists() and " info reloaded " in where.read_text(), f"it goes to {name}")
            self.ask(server, name)
            self.wait_for_ids(where, name)
        self.wait_for_ids(path, "one")
        server.settings_path.write_text(text.replace("calls.log", "nowhere/calls.log"))
        server.signal(signal.SIGHUP)
        server.wait_for_log(r'signpost.yaml:8:11: error: cannot open ".*/nowhere/calls.log"')
        server.wait_for_log("reload failed, what is in force stays")

    def test_a_pipe_that_nobody_reads_is_a_finding(self):
        server, path = self.start(to("calls.log"))
        os.mkfifo(server.folder / "pipe")
        server.settings_path.write_text(server.settings_path.read_text().replace("calls.log", "pipe"))
        server.signal(signal.SIGHUP)
        server.wait_for_log(r'signpost.yaml:8:11: error: cannot open ".*/pipe": No such device or address')
        self.ask(server, "one")
        self.wait_for_ids(path, "one")

    def test_sighup_does_not_move_it_where_the_sandbox_is_closed(self):
        server = Server.start(self, RULES, settings(more="log: {calls: all}"))
        text = server.settings_path.read_text()
        for name, what in (("calls.log", "a file"), ("syslog", "syslog")):
            server.settings_path.write_text(text.replace("all}", f"all, to: {name}}}"))
            server.signal(signal.SIGHUP)
            server.wait_for_log(f"signpost.yaml:8:23: warning: the log cannot go to {what} while the server runs: "
                                "restart it")
            self.ask(server, name)
            server.wait_for_log(f' call id="{name}"')


    def test_standard_error_that_nobody_reads_is_not_in_its_way(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, b"x" * 4096)
        server = Server(RULES, to("calls.log"), stderr=writer)
        self.addCleanup(server.kill)
        os.close(writer)
        path = server.folder / "calls.log"
        eventually(lambda: path.exists() and "\nready;" in path.read_text(), "it is ready")
        server.write_rules("rules: 7")
        server.signal(signal.SIGHUP)
        eventually(lambda: " error reload failed" in path.read_text(), "the event is there")
        self.ask(server, "one")
        self.wait_for_ids(path, "one")
        server.signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(DEADLINE_S), 0)


class Syslog(unittest.TestCase):
    """A socket as /dev/log is one."""

    LINE = re.compile(r"<(\d+)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d signpost\[(\d+)\]: (.*)", re.S)

    def listen(self):
        server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        server.bind(str(self.path))
        server.settimeout(DEADLINE_S)
        self.addCleanup(server.close)
        return server

    def setUp(self):
        self.path = folder_for(self) / "log"
        self.syslog = self.listen()
        self.server = Server(RULES, to(f'"syslog:{self.path}"'))
        self.addCleanup(self.server.stop)
        self.server.wait_for_log("^ready; ")

    def next(self, pattern, syslog=None):
        """Severity and text of the next line that matches."""
        while True:
            data = (syslog or self.syslog).recv(65536).decode()
            line = self.LINE.fullmatch(data)
            self.assertTrue(line, data)
            self.assertEqual(int(line[1]) >> 3, 3, "facility daemon")
            self.assertEqual(int(line[2]), self.server.process.pid)
            self.assertNotIn("\n", data)
            if re.search(pattern, line[3]):
                return int(line[1]) & 7, line[3]

    def ask(self, name):
        with UdpDoor(self.server.port) as door:
            self.assertEqual(door.ask(door.request(uri=UK, headers={"Call-ID": name})).status, 302)

    def test_json_lines_are_whole(self):
        self.server.write_rules(RULES.replace("name: plain", "name: NZ mobile"))
        self.server.settings_path.write_text(self.server.settings_path.read_text().replace(
            "log: {", "log: {format: json, "))
        self.server.signal(signal.SIGHUP)
        self.next("reloaded")
        self.ask("one")
        line = self.next("NZ mobile")[1]
        self.assertEqual("NZ mobile", json.loads(line)["rule"])

    def test_each_line_is_a_datagram_of_its_level(self):
        self.assertEqual(self.next("^ready; ")[0], 6)
        self.ask("one")
        self.assertRegex(self.next("call id")[1], r'^call id="one" method="INVITE" .* us=\d+$')
        with UdpDoor(self.server.port, "127.0.0.1") as door:
            door.send(b"INVITE sip:a@b SIP/2.0\r\nCall-ID: x\r\n\r\n")
        self.assertEqual(self.next("without a usable Via")[0], 4)
        self.server.write_rules("7")
        self.server.signal(signal.SIGHUP)
        severity, text = self.next("reload failed")
        self.assertEqual((severity, text[:19]), (3, "error reload failed"))

    def test_sighup_does_not_move_it_to_another_socket(self):
        text = self.server.settings_path.read_text()
        self.server.settings_path.write_text(text.replace(str(self.path), f"{self.path}2"))
        self.server.signal(signal.SIGHUP)
        self.assertIn("warning: the log cannot go to syslog while the server runs", self.next("signpost.yaml")[1])
        self.ask("one")
        self.assertIn('id="one"', self.next("call id")[1])
        self.server.settings_path.write_text(text.replace(f'"syslog:{self.path}"', "stderr"))
        self.server.signal(signal.SIGHUP)
        self.server.wait_for_log(" info reloaded ")
        self.ask("two")
        self.server.wait_for_log(' call id="two"')

    def test_one_that_is_started_again_loses_nothing(self):
        self.syslog.close()
        self.path.unlink()
        self.ask("meanwhile")
        again = self.listen()
        self.assertIn("meanwhile", self.next("call id", again)[1])
        self.ask("afterwards")
        self.assertIn("afterwards", self.next("call id", again)[1])

    def test_one_that_stays_away_stops_nothing_and_the_lost_are_counted(self):
        self.syslog.close()
        self.path.unlink()
        for number in range(20):
            self.ask(str(number))
        again = None

        def said():
            nonlocal again
            self.ask("more")
            if not again and self.elapsed():
                again = self.listen()
                again.settimeout(0.01)
            while again:
                try:
                    text = again.recv(65536).decode()
                except TimeoutError:
                    return None
                found = re.search(r"warning log lines dropped count=(\d+)$", text)
                if found:
                    return int(found[1])
            return None

        self.start = time.monotonic()
        self.assertGreaterEqual(eventually(said, "how many were lost"), 20)

    def elapsed(self):
        """Longer than is waited for syslog."""
        return time.monotonic() - self.start > 1

    def test_one_that_does_not_read_stops_nothing(self):
        for number in range(2000):
            self.ask(str(number))
        self.server.signal(signal.SIGTERM)
        self.assertEqual(self.server.process.wait(DEADLINE_S), 0)


class Sampling(unittest.TestCase):
    """calls: 1/N: by the Call-ID, and the same at every replica."""

    def sample(self, count):
        server = Server(RULES, settings(more="log: {calls: 1/10}"))
        self.addCleanup(server.kill)
        server.wait_for_log("^ready; ")
        with UdpDoor(server.port) as door:
            for number in (*range(count), *range(count)):
                self.assertEqual(door.ask(door.request(uri=UK, headers={"Call-ID": f"call-{number}"})).status, 302)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(DEADLINE_S), 0)
        return re.findall(r' call id="call-(\d+)"', server.log())

    def test_one_in_ten_and_the_same_ones_at_each_replica(self):
        first, second = self.sample(307), self.sample(307)
        self.assertEqual(first, second)
        chosen, again = first[:len(first) // 2], first[len(first) // 2:]
        self.assertEqual(chosen, again, "a retransmission is chosen if the call was")
        self.assertTrue(10 <= len(chosen) <= 60, len(chosen))


class Reasons(unittest.TestCase):
    def test_json_says_who_and_why(self):
        server = Server.start(self, RULES + """
  - {name: drained, called: "1", redirect: down}
  - {name: named, called: "2", redirect: [up, "sip:other.example.net"]}
gateways: {down: {uri: sip:down.example.net, enabled: false}, up: sip:up.example.net}
""", settings(more="log: {format: json}"))
        with UdpDoor(server.port) as door:
            for called in ("1", "2", "603"):
                door.ask(door.request(uri=f"sip:{called}@signpost.test"))
            door.ask(door.request(uri="http://signpost.test"))
        calls = [json.loads(line) for line in server.wait_for_log('"event":"call"', 4)]
        self.assertEqual([(c["profile"], c["peer"], c["user"], c["status"], c["gateway"], c["offered"], c["why"])
                          for c in calls],
                         [("test", "local", "", 480, "", 0, "every gateway of the rule is disabled or out of its time"),
                          ("test", "local", "", 302, "up", 2, ""),
                          ("test", "local", "", 603, "", 0, ""),
                          ("test", "local", "", 416, "", 0, "the Request-URI is neither sip, sips nor tel")])


if __name__ == "__main__":
    unittest.main()
