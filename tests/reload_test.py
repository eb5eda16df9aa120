#!/usr/bin/env python3
"""Reloading under load: no request is lost, none sees half a table, nothing grows."""
import errno
import re
import select
import signal
import socket
import threading
import time
import unittest

from blackbox import DEADLINE_S, SANITIZER, Server, TcpDoor, UdpDoor, eventually, free_port, request, settings
from stream_test import TLS_HOST, Certificates, TlsDoor

RATE_PER_S = 2000 // {"": 1, "asan": 2, "tsan": 5, "valgrind": 20}[SANITIZER]
RELOADS = 200
ANSWERS_BETWEEN = 20  # so many at least between two SIGHUPs: each table is asked
ROUNDS = 100  # of listeners that come and go
UNANSWERED_MAX = 100  # fits the smallest receive buffer, so that a request is lost only if the server loses it
SOCKETS = 8
# One table and its successor are in memory at once, and malloc keeps some of what it got back: a few tables of 130 kB.
# A leak of every fourth table would show.
GROWTH_MAX_KB = 4096
NUMBERS = 200_000  # in a table of them

BROKEN = """gateways:
  x: sip:x.test
rules:
  - {called: "1", redirect: nowhere}
  - {frobnicate: 1, reject: 404}
"""


def table(mark, rules=400):
    """A table whose every answer is MARK1 and MARK2, in this order. The rules before the one that matches are there
    to make loading take a while."""
    lines = [f'  - {{name: "{mark} {i}", called: {{prefix: "9{i:05}"}}, redirect: [first, second]}}\n'
             for i in range(rules)]
    return (f"gateways:\n  first: sip:{mark}1.test\n  second: sip:{mark}2.test\nrules:\n" + "".join(lines)
            + '  - {called: "100", redirect: [first, second]}\ndefault: {reject: 500}\n')


def contact(mark):
    return f"<sip:100@{mark}1.test>;q=1.0, <sip:100@{mark}2.test>;q=0.9".encode()


class Load(threading.Thread):
    """Asks at a steady rate, and checks that each answer comes once and is one that a table gave which was in force
    between the question and the answer."""

    ANSWER = re.compile(rb"SIP/2\.0 302 Moved Temporarily\r\n(?:.*\r\n)*?Call-ID: (\d+)\r\n(?:.*\r\n)*?"
                        rb"Contact: ([^\r]*)\r\n(?:.*\r\n)*?\r\n")

    def __init__(self, port, marks):
        super().__init__(daemon=True)
        self.doors = [UdpDoor(port) for _ in range(SOCKETS)]
        template = request(uri="sip:100@signpost.test", headers={"Call-ID": "%d"}, via="%s;branch=z9hG4bK%d")
        self.templates = [template.replace(b"%s", door.via().partition(";branch")[0].encode()) for door in self.doors]
        self.contacts = {contact(mark): mark for mark in marks}
        self.in_force = [{marks[0]}]  # which tables may answer, and before that, and so on
        self.waiting = {}  # Call-ID: (time of the question, len(in_force) then)
        self.sent = self.answered = 0
        self.by_mark = dict.fromkeys(marks, 0)
        self.slowest_s = 0
        self.faults = []
        self.stopping = False

    def now_in_force(self, *marks):
        self.in_force.append(set(marks))

    def ask(self):
        self.sent += 1
        self.waiting[self.sent] = time.monotonic(), len(self.in_force)
        which = self.sent % SOCKETS
        self.doors[which].send(self.templates[which] % (self.sent, self.sent))

    def check(self, data, which):
        answer = self.ANSWER.fullmatch(data)
        number = int(answer[1]) if answer else 0
        asked_at, epoch = self.waiting.pop(number, (None, None))
        mark = answer and self.contacts.get(answer[2])
        if asked_at is None or number % SOCKETS != which or mark is None:
            self.faults.append(f"no answer to any question, or a second one, or mixed: {data!r}")
        elif not any(mark in marks for marks in self.in_force[epoch - 1:]):
            self.faults.append(f"table {mark} answered, in force were {self.in_force[epoch - 1:]}")
        else:
            self.answered += 1
            self.by_mark[mark] += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - asked_at)

    def receive(self, timeout_s):
        for sock in select.select([door.socket for door in self.doors], [], [], timeout_s)[0]:
            which = next(i for i, door in enumerate(self.doors) if door.socket is sock)
            self.check(self.doors[which].receive(), which)

    def run(self):
        try:
            due_from = time.monotonic()
            asked = 0
            while not self.stopping:
                due = int((time.monotonic() - due_from) * RATE_PER_S) - asked
                for _ in range(min(due, UNANSWERED_MAX - len(self.waiting))):
                    self.ask()
                    asked += 1
                self.receive(0.001)
            end = time.monotonic() + DEADLINE_S
            while self.waiting and time.monotonic() < end:
                self.receive(0.1)
        except Exception as fault:  # pylint: disable=broad-except
            self.faults.append(repr(fault))

    def wait_for_answers(self, count):
        goal = self.answered + count
        eventually(lambda: self.answered >= goal or self.faults or not self.is_alive(), f"{count} more answers")

    def stop(self):
        self.stopping = True
        self.join()
        for door in self.doors:
            door.socket.close()


class Caller(threading.Thread):
    """Asks through one door, one question after the other, and checks that each answer is whole and from one table."""

    def __init__(self, door, marks):
        super().__init__(daemon=True)
        self.door = door
        self.contacts = {contact(mark): mark for mark in marks}
        self.by_mark = dict.fromkeys(marks, 0)
        self.faults = []
        self.stopping = False

    def run(self):
        try:
            while not self.stopping:
                reply = self.door.ask(self.door.request(uri="sip:100@signpost.test"))
                self.by_mark[self.contacts[reply.get("Contact").encode()]] += 1
        except Exception as fault:  # pylint: disable=broad-except
            self.faults.append(repr(fault))

    def stop(self):
        self.stopping = True
        self.join()
        self.door.socket.close()


class Reload(unittest.TestCase):
    def test_all_doors_at_once(self):
        certificates, nta_port = Certificates(self), free_port()
        text = (f'profiles:\n  ours: {{listen: ["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT", "tls:{TLS_HOST}:PORT"], '
                f'peers: [local], tls: {certificates.tls()}}}\n'
                f'  nta: {{listen: ["udp:127.0.0.1:{nta_port}", "tcp:127.0.0.1:{nta_port}"], peers: [local], stack: nta}}\n'
                "peers:\n  local: {networks: [127.0.0.0/8]}\nsecret: secret.key\nworkers: 2\nlog: {calls: none}\n")
        server = Server.start(self, table("a"), text)
        doors = [UdpDoor(server.port), TcpDoor(server.port), TlsDoor(server.port, certificates.context()),
                 UdpDoor(nta_port), TcpDoor(nta_port)]
        callers = [Caller(door, ("a", "b")) for door in doors]
        for caller in callers:
            caller.start()
            self.addCleanup(caller.stop)
        for i in range(60):
            asked = [sum(caller.by_mark.values()) for caller in callers]
            eventually(lambda: any(caller.faults for caller in callers) or all(  # pylint: disable=cell-var-from-loop
                sum(caller.by_mark.values()) > before for caller, before in zip(callers, asked)), "an answer on each door")
            if i % 3 == 2:
                self.reload(server, BROKEN, "reload failed")
            else:
                self.reload(server, table("ab"[i % 3 == 0]), " reloaded")
        for caller in callers:
            caller.stop()
        print("\n" + "; ".join(f"{type(caller.door).__name__} {caller.by_mark}" for caller in callers))
        self.assertEqual([caller.faults for caller in callers], [[]] * len(callers))
        self.assertTrue(all(min(caller.by_mark.values()) > 0 for caller in callers))

    def start(self, rules, workers=1, more="log: {calls: none}"):
        return Server.start(self, rules, settings(workers=workers, more=more))

    def reload(self, server, text, pattern, load=None):
        """Writes text and has it read; gives the lines of the log that come from that."""
        before = len(server.log())
        count = len(server.log_lines(pattern)) + 1
        server.write_rules(text)
        server.signal(signal.SIGHUP)
        server.wait_for_log(pattern, count)
        return server.log()[before:]

    def test_nothing_is_lost_or_mixed(self):
        for workers in (1, 2):
            with self.subTest(workers=workers):
                self.reload_under_load(workers)

    def reload_under_load(self, workers):
        marks = ("a", "b")
        server = self.start(table("a"), workers)
        load = Load(server.port, marks)
        load.start()
        self.addCleanup(load.stop)
        start = time.monotonic()
        now, failures, warm_kb = "a", 0, 0
        for i in range(RELOADS):
            load.wait_for_answers(ANSWERS_BETWEEN)
            if load.faults:
                break
            if i % 3 == 2:
                self.reload(server, BROKEN, "reload failed")
                failures += 1
            else:
                other = "b" if now == "a" else "a"
                load.now_in_force(now, other)
                self.reload(server, table(other), " reloaded")
                load.now_in_force(other)
                now = other
            if i == RELOADS // 10:
                warm_kb = server.memory_kb()
        load.wait_for_answers(ANSWERS_BETWEEN)
        end_kb = server.memory_kb()
        seconds = time.monotonic() - start
        load.stop()
        print(f"\nworkers={workers}: {load.sent} sent, {load.answered} answered {load.by_mark}, {RELOADS} SIGHUPs, "
              f"{failures} of them with a broken table, RSS {warm_kb} -> {end_kb} kB, slowest answer "
              f"{load.slowest_s * 1000:.1f} ms, {seconds:.1f} s, {load.sent / seconds:.0f}/s")
        self.assertEqual(load.faults[:3], [])
        self.assertEqual((load.sent - load.answered, load.waiting), (0, {}), "lost")
        self.assertGreater(min(load.by_mark.values()), RELOADS * ANSWERS_BETWEEN // 10)
        self.assertEqual(len(server.log_lines("reload failed")), failures)
        self.assertEqual(len(server.log_lines(" reloaded")), RELOADS - failures)
        if not SANITIZER:  # it keeps freed memory for a while
            self.assertLess(end_kb - warm_kb, GROWTH_MAX_KB)

    def answer(self, server):
        with UdpDoor(server.port) as door:
            return door.ask(door.request(uri="sip:100@signpost.test"))

    def test_the_log_says_what_changed(self):
        server = self.start(table("a", rules=3))
        line = self.reload(server, table("b", rules=5) + "groups: {g: [first, second]}\n", " reloaded")
        self.assertEqual(line.count("\n"), 1, line)
        for part in ("rules=4->6", "gateways=2->2", "groups=0->1"):
            self.assertIn(part, line)
        self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info reloaded.* ms=\d+\.\d")
        self.assertIn(f"file={server.rules_path}", line)
        self.assertEqual(self.answer(server).uris(), ["sip:100@b1.test", "sip:100@b2.test"])

    def test_a_bad_file_keeps_the_old_table(self):
        server = self.start(table("a"))
        for what, text, finding in (
            ("broken", BROKEN, r':4:\d+: error: .*"nowhere"'),
            ("broken, second finding", BROKEN, r':5:\d+: error: .*"frobnicate"'),
            ("no YAML", "rules: [", r":\d+:\d+: error: "), ("empty", "", ": error: "),
            ("not UTF-8", "rules: []\n# \udcff", r".*: error: "),
            ("cut in the middle", table("b")[:3000], r":\d+:\d+: error: ")):
            with self.subTest(what):
                said = self.reload(server, text, "reload failed")
                self.assertRegex(said, re.escape(str(server.rules_path)) + finding)
                self.assertRegex(said, r"(?m)^\S+Z error reload failed, what is in force stays.* ms=")
                self.assertEqual(self.answer(server).uris()[0], "sip:100@a1.test")
        for what, spoil in (("missing", server.rules_path.unlink), ("a folder", server.rules_path.mkdir)):
            spoil()
            count = len(server.log_lines("reload failed")) + 1
            server.signal(signal.SIGHUP)
            server.wait_for_log("reload failed", count)
            self.assertEqual(self.answer(server).uris()[0], "sip:100@a1.test", what)
        server.rules_path.rmdir()
        self.reload(server, table("b"), " reloaded")
        self.assertEqual(self.answer(server).uris()[0], "sip:100@b1.test")

    def test_warnings_do_not_stop_a_reload(self):
        server = self.start(table("a"))
        said = self.reload(server, "rules:\n  - {reject: 486}\n  - {reject: 488}\n", " reloaded")
        self.assertRegex(said, r":3:\d+: warning: ")
        self.assertEqual(self.answer(server).status, 486)

    def test_included_files_are_read_again(self):
        main = 'rules:\n  - include: "included/*.yaml"\n  - {reject: 486}\n'
        server = self.start(main)
        included = server.rules_path.parent / "included"
        included.mkdir()
        self.assertEqual(self.answer(server).status, 486)
        included.joinpath("b.yaml").write_text("- {reject: 487}\n")
        self.reload(server, main, " reloaded")
        self.assertEqual(self.answer(server).status, 487)
        included.joinpath("a.yaml").write_text("- {reject: }\n")
        self.assertRegex(self.reload(server, main, "reload failed"), r"included/a\.yaml:1:\d+: error: ")
        self.assertEqual(self.answer(server).status, 487)
        included.joinpath("a.yaml").write_text("- {name: a, called: '100', reject: 488}\n")
        self.assertIn("rules=2->3", self.reload(server, main, " reloaded"))
        self.assertEqual(self.answer(server).status, 488)

    def test_a_burst_of_signals_makes_one_more_reload(self):
        server = self.start(table("a"))
        server.write_rules(table("b", rules=30000))  # takes longer to read than the burst to send
        for _ in range(100):
            server.signal(signal.SIGHUP)
        server.wait_for_log(" reloaded")
        self.reload(server, BROKEN, "reload failed")  # what was pending has been dealt with by now
        self.assertIn(len(server.log_lines(" reloaded")), (1, 2, 3))
        self.assertEqual(self.answer(server).uris()[0], "sip:100@b1.test")

    def test_requests_are_answered_while_a_large_table_loads(self):
        server = self.start(table("a"))
        load = Load(server.port, ("a", "b"))
        load.now_in_force("a", "b")
        load.start()
        self.addCleanup(load.stop)
        load.wait_for_answers(ANSWERS_BETWEEN)
        before = load.answered
        line = self.reload(server, table("b", rules=60000), " reloaded")
        meanwhile = load.answered - before
        load.stop()
        took_ms = float(re.search(r" ms=([\d.]+)", line)[1])
        print(f"\nloading 60,000 rules: {took_ms:.0f} ms, meanwhile {meanwhile} answers, "
              f"slowest {load.slowest_s * 1000:.1f} ms")
        self.assertEqual((load.faults[:3], load.waiting), ([], {}))
        # If they waited for the loading, no more could come than were unanswered when it began.
        self.assertGreater(meanwhile, 2 * UNANSWERED_MAX)

    def test_a_table_of_numbers_is_read_again_when_its_file_has_changed(self):
        rules = ("numbers: {far: {file: numbers.csv}}\ngateways:\n" + "".join(
            f"  {mark}{i}: sip:{mark}{i}.test\n" for mark in "ab" for i in (1, 2))
            + "groups: {a: [a1, a2], b: [b1, b2]}\nrules: [{called: {in: far}, redirect: {row.group}}]\n")
        rows = "".join(f"{i},{'ab'[i % 2]}\n" for i in range(1000, NUMBERS))
        numbers = None

        def write(mark):
            numbers.with_suffix(".new").write_text(f"number,group\n{rows}100,{mark}\n")
            numbers.with_suffix(".new").rename(numbers)

        server = self.start("rules: []\n")
        numbers = server.rules_path.parent / "numbers.csv"
        write("a")
        self.reload(server, rules, " reloaded")
        load = Load(server.port, ("a", "b"))
        load.start()
        self.addCleanup(load.stop)
        first_kb, times_ms = server.memory_kb(), {"changed": [], "the same": []}
        for mark in "baba":
            load.wait_for_answers(ANSWERS_BETWEEN)
            write(mark)
            load.now_in_force("a", "b")
            line = self.reload(server, rules, " reloaded")
            load.now_in_force(mark)
            times_ms["changed"].append(float(re.search(r" ms=([\d.]+)", line)[1]))
            line = self.reload(server, rules, " reloaded")
            times_ms["the same"].append(float(re.search(r" ms=([\d.]+)", line)[1]))
        write("nobody")
        said = self.reload(server, rules, "reload failed")
        self.assertRegex(said, rf"numbers\.csv:{NUMBERS - 998}:5: error: .*\"nobody\"")
        load.wait_for_answers(ANSWERS_BETWEEN)
        load.stop()
        print(f"\n{NUMBERS:,} numbers, reloads in ms: {times_ms}, RSS {first_kb} -> {server.memory_kb()} kB, "
              f"slowest answer {load.slowest_s * 1000:.1f} ms")
        self.assertEqual((load.faults[:3], load.waiting), ([], {}))
        self.assertEqual(self.answer(server).uris()[0], "sip:100@a1.test")
        if not SANITIZER:
            self.assertLess(server.memory_kb() - first_kb, GROWTH_MAX_KB)

    def test_shared_files_outlive_failed_reloads(self):
        """Tables of numbers are shared by old and new tables; whatever file is broken, they are held right."""
        rules = ("gateways: {a: sip:a.test, b: sip:b.test}\n"
                 "numbers: {still: still.csv, moved: {file: moved.csv, match: prefix}, again: {file: still.csv, on_error: skip}}\n"
                 "rules:\n- {called: {in: still}, redirect: {row.gateway}}\n- include: more.yaml\n"
                 "- {called: {in: [moved, again]}, redirect: {row.gateway}}\n")
        rows = "number,gateway\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(1000, 21000))
        server = self.start("rules: []\n")
        still, moved, more = (server.rules_path.parent / name for name in ("still.csv", "moved.csv", "more.yaml"))
        still.write_text(rows + "100,a\n")
        broken = (  # what is broken, and what it says
            (lambda: moved.write_text(rows + "5,nobody\n"), r'"nobody"'), (lambda: moved.write_text(rows + "1000,a\n"), "twice"),
            (moved.unlink, "cannot open"), (lambda: more.write_text("- {redirect: nobody}\n"), r'"nobody"'),
            (lambda: more.write_text("["), "error: "), (more.unlink, "cannot include"), (lambda: None, '"nowhere"'))
        warm_kb, failures = 0, 0
        for i in range(RELOADS):
            moved.write_text(rows + f"7,{'ab'[i % 2]}\n" if i % 4 == 0 else rows)
            more.write_text("- {called: '1', redirect: a}\n")
            if i % 3 == 2:
                spoil, said = broken[failures % len(broken)]
                spoil()
                failures += 1
                self.assertRegex(self.reload(server, BROKEN if said == '"nowhere"' else rules, "reload failed"), said)
            else:
                self.reload(server, rules, " reloaded")
            self.assertEqual(self.answer(server).uris(), ["sip:100@a.test"])
            if i == RELOADS // 5:
                warm_kb = server.memory_kb()
        print(f"\n{RELOADS} SIGHUPs, {failures} of them failed, RSS {warm_kb} -> {server.memory_kb()} kB")
        if not SANITIZER:
            self.assertLess(server.memory_kb() - warm_kb, GROWTH_MAX_KB)

    def test_a_stream_stays_open(self):
        server = self.start(table("a"))
        with TcpDoor(server.port) as door:
            for mark in "abab":
                self.reload(server, table(mark), " reloaded")
                self.assertEqual(door.ask(door.request(uri="sip:100@x.test")).uris()[0], f"sip:100@{mark}1.test")

    def test_sigterm_and_sigint_stop(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.start(table("a"))
            with TcpDoor(server.port) as door:
                self.assertEqual(door.ask(door.request(uri="sip:100@x.test")).status, 302)
                server.signal(number)
                self.assertIsNone(door.receive_message())
            self.assertEqual(server.process.wait(DEADLINE_S), 0)


class Settings(unittest.TestCase):
    """The settings are read again as well, and what changes in them changes while calls are answered."""

    RULES = """
rules:
  - {peer: one, reject: 480}
  - {peer: two, reject: 486}
  - {reject: 488}
"""

    def text(self, listen=("udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"), one="127.0.0.1", two="127.0.0.2", more="",
             peer="", workers=2):
        listens = ", ".join(f'"{name}"' for name in listen)
        return (f"profiles:\n  p: {{listen: [{listens}], peers: [one, two]}}\n"
                f"peers:\n  one: {{networks: [{one}]{peer}}}\n  two: {{networks: [{two}]}}\n"
                f"secret: secret.key\nworkers: {workers}\ndrain: 0s\n{more}\n")

    def start(self, **changes):
        return Server.start(self, self.RULES, self.text(**changes))

    def reload(self, server, pattern=" reloaded", text=None, **changes):
        """Gives what the log says of it."""
        text = (text or self.text(**changes)).replace("PORT", str(server.port))
        new = server.folder / "settings.new"
        new.write_text(text)
        new.replace(server.settings_path)
        before, count = len(server.log()), len(server.log_lines(pattern)) + 1
        server.signal(signal.SIGHUP)
        server.wait_for_log(pattern, count)
        return server.log()[before:]

    def status(self, port, door=UdpDoor, source="127.0.0.1", **changes):
        with door(port, source) as asked:
            reply = asked.ask(asked.request(**changes))
            return reply and reply.status

    def is_deaf(self, port):
        """Nobody is at 127.0.0.1:port any more."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            self.assertEqual(sock.connect_ex(("127.0.0.1", port)), errno.ECONNREFUSED)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(DEADLINE_S)
            sock.connect(("127.0.0.1", port))
            sock.send(b"x")
            with self.assertRaises(ConnectionRefusedError):
                sock.recv(1)

    def test_listeners_come_and_go_under_load(self):
        other, marks = free_port(), ("a", "b")
        base = ("udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT")
        more = (*base, f"udp:127.0.0.1:{other}", f"tcp:127.0.0.1:{other}")
        server = self.start(more="log: {calls: none}")
        server.write_rules(table("a"))
        self.reload(server, more="log: {calls: none}")
        load, caller = Load(server.port, marks), Caller(TcpDoor(server.port), marks)
        for thread in (load, caller):
            thread.start()
            self.addCleanup(thread.stop)
        for i in range(ROUNDS):
            load.wait_for_answers(ANSWERS_BETWEEN)
            self.reload(server, listen=more, more="log: {calls: none}")
            for door in (UdpDoor, TcpDoor):
                self.assertEqual(self.status(other, door, uri="sip:100@x.test"), 302)
            load.wait_for_answers(ANSWERS_BETWEEN)
            if i % 10 == 9:  # one that is bad changes nothing
                self.reload(server, "reload failed", text="profiles: {}")
                self.assertEqual(self.status(other, uri="sip:100@x.test"), 302)
            self.reload(server, listen=base, more="log: {calls: none}")
            self.is_deaf(other)
        for thread in (load, caller):
            thread.stop()
        print(f"\n{ROUNDS} times two listeners more and two less: {load.sent} sent, {load.answered} answered over UDP, "
              f"{sum(caller.by_mark.values())} over one TCP connection, slowest {load.slowest_s * 1000:.1f} ms")
        self.assertEqual((load.faults[:3], load.sent - load.answered, load.waiting, caller.faults), ([], 0, {}, []))

    def test_peers_change(self):
        server = self.start()
        with TcpDoor(server.port) as one, TcpDoor(server.port, "127.0.0.2") as two:
            self.assertEqual((one.ask(one.request()).status, two.ask(two.request()).status), (480, 486))
            self.reload(server, one="127.0.0.2, 127.0.0.3", two="127.0.0.4")
            # the connection of one who is no peer any more is closed; of one who is another, answered as that
            self.assertIsNone(one.receive_message())
            self.assertEqual(two.ask(two.request()).status, 480)
        for source, status in (("127.0.0.2", 480), ("127.0.0.3", 480), ("127.0.0.4", 486)):
            self.assertEqual(self.status(server.port, UdpDoor, source), status)
        with TcpDoor(server.port) as door:
            self.assertIsNone(door.ask(door.request()))
        server.wait_for_log(r" stranger ignored source=tcp:127\.0\.0\.1:")

    def test_connections_of_a_listener_that_goes_are_closed(self):
        server = self.start(listen=("udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT", "tcp:127.0.0.2:PORT"))
        with TcpDoor(server.port) as stays, TcpDoor(server.port) as goes:
            goes.socket.close()
            goes.socket = socket.create_connection(("127.0.0.2", server.port), DEADLINE_S)
            self.assertEqual((stays.ask(stays.request()).status, goes.ask(goes.request()).status), (480, 480))
            self.reload(server)
            self.assertIsNone(goes.receive_message())
            self.assertEqual(stays.ask(stays.request()).status, 480)

    def test_an_address_can_grow_and_shrink(self):
        one = ("udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT")
        every = ("udp:0.0.0.0:PORT", "tcp:0.0.0.0:PORT")
        server = self.start(listen=one, workers=1)
        for listen in (every, one, every):
            self.reload(server, listen=listen, workers=1)
            self.assertEqual([self.status(server.port, door) for door in (UdpDoor, TcpDoor)], [480, 480], listen)

    def test_a_reload_that_fails_takes_nothing_from_what_is_open(self):
        """Neither a datagram nor a connection goes to a listener that is not to be in force in the end."""
        every = ("udp:0.0.0.0:PORT", "tcp:0.0.0.0:PORT")
        narrow = ("udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT", "udp:192.0.2.77:PORT", "tcp:192.0.2.77:PORT")
        server = self.start(listen=every, workers=1, more="log: {calls: none}")
        server.write_rules(table("a"))
        self.reload(server, listen=every, workers=1, more="log: {calls: none}")
        load = Load(server.port, ("a",))
        load.start()
        self.addCleanup(load.stop)
        for _ in range(RELOADS):
            load.wait_for_answers(ANSWERS_BETWEEN)
            said = self.reload(server, "reload failed", listen=narrow, workers=1, more="log: {calls: none}")
        self.assertRegex(said, "error: cannot listen on udp:192.0.2.77:.* Cannot assign")
        self.assertRegex(said, "error: cannot listen on tcp:192.0.2.77:.* Cannot assign")
        load.stop()
        self.assertEqual((load.faults[:3], load.sent - load.answered, load.waiting), ([], 0, {}))

    def test_first_udp_listener_and_last(self):
        server = self.start(listen=("tcp:127.0.0.1:PORT",))
        self.reload(server, listen=("udp:127.0.0.1:PORT",))
        self.assertEqual(self.status(server.port), 480)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            self.assertEqual(sock.connect_ex(("127.0.0.1", server.port)), errno.ECONNREFUSED)
        self.reload(server, listen=("tcp:127.0.0.1:PORT",))
        self.assertEqual(self.status(server.port, TcpDoor), 480)

    def test_methods_limits_dialect_and_log_change(self):
        server = self.start(more="log: {calls: none}")
        server.write_rules("rules: [{redirect: [sip:a.test, sip:b.test]}]\n")
        self.reload(server, more="methods: [INVITE, MESSAGE]\nlimits: {message: 50ms}\nlog: {calls: all}",
                    peer=", dialect: first-only")
        with UdpDoor(server.port) as door:
            self.assertEqual(len(door.ask(door.request("MESSAGE")).contacts()), 1)
        server.wait_for_log(' call .* method="MESSAGE" ')
        with TcpDoor(server.port) as door:
            door.send(b"INVITE")
            self.assertEqual(door.socket.recv(1), b"")
        server.wait_for_log("connection closed, its message took too long .* ms=50")

    def test_bad_settings_keep_everything(self):
        server = self.start()
        server.write_rules("rules: [{reject: 600}]\n")
        for text, finding in (
                (self.text(listen=("udp:127.0.0.1:1",), peer=", rat: 1"), r"signpost\.yaml:4:\d+: error: unknown key"),
                ("rules: [", r"signpost\.yaml:\d+:\d+: error: "),
                (self.text(listen=("udp:192.0.2.77:PORT", "udp:127.0.0.1:PORT")),
                 r"signpost\.yaml:2:\d+: error: cannot listen on udp:192\.0\.2\.77:\d+: Cannot assign"),
                (self.text(more="rules: nowhere.yaml"), r"nowhere\.yaml: error: ")):
            with self.subTest(finding):
                said = self.reload(server, "reload failed, what is in force stays", text=text)
                self.assertRegex(said, finding)
                self.assertEqual([self.status(server.port, door) for door in (UdpDoor, TcpDoor)], [480, 480])
        server.settings_path.unlink()
        server.signal(signal.SIGHUP)
        server.wait_for_log("reload failed", 5)
        self.assertEqual(self.status(server.port), 480)
        self.reload(server)
        self.assertEqual(self.status(server.port), 600)

    def test_an_address_that_another_has_is_a_finding(self):
        server, other = self.start(), free_port()
        for kind, name in ((socket.SOCK_DGRAM, "udp"), (socket.SOCK_STREAM, "tcp")):
            with socket.socket(socket.AF_INET, kind) as taken:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                taken.bind(("127.0.0.1", other))
                if name == "tcp":
                    taken.listen()
                said = self.reload(server, "reload failed", listen=("udp:127.0.0.1:PORT", f"{name}:127.0.0.1:{other}"))
                self.assertRegex(said, rf"error: cannot listen on {name}:127\.0\.0\.1:\d+: Address already in use")
        self.assertEqual([self.status(server.port, door) for door in (UdpDoor, TcpDoor)], [480, 480])

    def test_what_cannot_change_is_a_warning(self):
        nta, later = free_port(), free_port()
        start = self.text().replace("peers:\n", f'  n: {{listen: "udp:127.0.0.1:{nta}", peers: one, '
                                                   'stack: nta}\npeers:\n', 1)
        server = Server.start(self, self.RULES, start)
        tag = self.tag(server.port)
        (server.folder / "other.key").write_text("another secret that is long enough")
        (server.folder / "other.key").chmod(0o600)
        other = (start.replace("workers: 2", "workers: 3\nspread: packet\nsandbox: false\nuser: nobody\ngroup: nogroup")
                 .replace("secret.key", "other.key").replace(", stack: nta", "")
                 .replace(f'"udp:127.0.0.1:{nta}"', f'["udp:127.0.0.1:{nta}", "udp:127.0.0.1:{later}"]'))
        for _ in range(3):  # each time, for what counts is what was at the start
            said = self.reload(server, text=other)
            for finding in (':8:10: warning: "workers" cannot change while the server runs: restart it',
                            ':9:9: warning: "spread" cannot change', ':7:9: warning: "secret" cannot change',
                            ':10:10: warning: "sandbox" cannot change', ':11:7: warning: "user" cannot change',
                            ':3:3: warning: the stack of profile "n" cannot change',
                            rf':3:\d+: warning: "udp:127\.0\.0\.1:{later}" is not opened while the server runs'):
                self.assertRegex(said, finding)
        self.assertNotIn("cannot change", self.reload(server, text=start))
        self.assertEqual(self.tag(server.port), tag)
        self.assertEqual(self.status(nta), 480)
        self.reload(server)  # its profile is gone: nta hears, but nobody there is known
        with UdpDoor(nta) as door:
            door.send(door.request())
        self.assertEqual(self.status(server.port), 480)

    def test_what_secret_counts_is_that_of_the_start(self):
        for first, then in (("", "secret: secret.key\n"), ("secret: secret.key\n", "")):
            with self.subTest(first):
                start = self.text().replace("secret: secret.key\n", first)
                server = Server.start(self, self.RULES, start)
                for _ in range(2):
                    self.assertIn('"secret" cannot change', self.reload(server, text=start.replace(first, "") + then))
                self.assertNotIn("cannot change", self.reload(server, text=start))

    def tag(self, port):
        with UdpDoor(port) as door:
            return door.ask(request(headers={"Call-ID": "c", "From": "<sip:a@b.test>;tag=f"},
                                    via="SIP/2.0/UDP signpost.test;branch=z9hG4bK1;rport")).to_tag()


if __name__ == "__main__":
    unittest.main()
