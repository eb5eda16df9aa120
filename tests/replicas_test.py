"""Two replicas with the same table and secret: they answer alike, and one that dies or drains costs no call.

In front of them is a Kamailio that spreads the calls over both and asks them whether they are there; sipp calls at a
steady rate. What a call that meets the dead one waits is what Kamailio waits for an answer."""
import signal
import subprocess
import unittest

from blackbox import (
    DEADLINE_S, DOORS, PATIENCE, ROOT, Server, eventually, folder_for, free_port, settings)
from peers_test import KAMAILIO, SIPP, start_kamailio

CALLS = 1200
PER_SECOND = 200 // PATIENCE
RULES = """
gateways: {a: sip:a.test, b: sip:b.test, c: sip:c.test}
groups: {g: [[a, b, c]]}
rules:
  - {called: {prefix: "+44"}, redirect: g}
  - {called: "5", reject: 603 Not here}
"""


class Alike(unittest.TestCase):
    def test_replicas_answer_byte_by_byte_the_same(self):
        one, two = (Server.start(self, RULES) for _ in range(2))
        for name, door_class in DOORS.items():
            if name.endswith("6"):
                continue
            with self.subTest(name), door_class(one.port) as first, door_class(two.port) as second:
                firsts = set()
                for number in range(90):
                    uri = f"sip:{('+44207@', '5@', '+44208@', '6@', '+44209@', '')[number % 6]}x.test"
                    via = first.via_for("10.0.0.1:5060", params="")
                    data = first.request("OPTIONS" if number % 5 == 3 else "INVITE", uri=uri, via=via)
                    answers = [door.ask(data.replace(b"10.0.0.1:5060", door.name().encode())).data.replace(
                        door.name().encode(), b"10.0.0.1:5060") for door in (first, second)]
                    self.assertEqual(*answers)
                    firsts.add(answers[0].partition(b"Contact: ")[2][:20])
                self.assertGreater(len(firsts), 3)  # the choice was one


@unittest.skipUnless(SIPP and KAMAILIO, "needs sipp and kamailio (Debian: sip-tester, kamailio)")
class Failing(unittest.TestCase):
    def setUp(self):
        self.folder = folder_for(self)
        self.replicas = [Server.start(self, RULES, settings(drain=drain)) for drain in ("1h", "0s")]
        path = self.folder / "dispatcher.list"
        path.write_text("".join(f"1 sip:127.0.0.1:{replica.port}\n" for replica in self.replicas))
        self.sbc = start_kamailio(self, path, "dispatch.cfg")

    def calls(self):
        """sipp, whose calls have all to be answered 302."""
        return subprocess.Popen(
            list(map(str, [
                SIPP, "-sf", ROOT / "tests/sipp/redirected.xml", "-s", "+442071234567", f"127.0.0.1:{self.sbc}", "-i",
                "127.0.0.1", "-p", free_port(), "-t", "u1", "-m", CALLS, "-r", PER_SECOND, "-nostdin", "-trace_err",
                "-error_file", self.folder / "errors", "-timeout", f"{60 * PATIENCE}s", "-timeout_error"])),
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def answered(self, replica):
        return len(replica.log_lines(" call "))

    def lose_one(self, number, goes):
        """Signals the first replica while both answer; goes: until it answers no calls any more."""
        first, second = self.replicas
        sipp = self.calls()
        self.addCleanup(sipp.stdout.close)
        self.addCleanup(sipp.wait)
        self.addCleanup(sipp.kill)
        eventually(lambda: min(map(self.answered, self.replicas)) > CALLS // 10, "both answer")
        first.signal(number)
        goes(first)
        before = self.answered(second)
        output = sipp.communicate(timeout=90 * PATIENCE)[0].decode(errors="replace")
        errors = (self.folder / "errors").read_text() if (self.folder / "errors").exists() else ""
        self.assertEqual(sipp.returncode, 0, errors + output[-3000:])
        self.assertGreater(self.answered(second) - before, CALLS // 10)

    def test_one_that_is_killed_costs_no_call(self):
        def gone(replica):
            self.assertEqual(replica.process.wait(DEADLINE_S), -signal.SIGKILL)
            replica.process.returncode = 0  # as it was to be
        self.lose_one(signal.SIGKILL, gone)

    def test_one_that_drains_gets_no_calls_any_more(self):
        def idle(replica):
            """Kamailio has asked: from then on none come; then it may go."""
            counts = []

            def still():
                counts.append(self.answered(replica))
                return len(counts) > 100 and counts[-1] == counts[-100]
            eventually(still, "the calls go elsewhere", 30 * PATIENCE)
            replica.signal(signal.SIGTERM)
            self.assertEqual(replica.process.wait(DEADLINE_S), 0)
        self.lose_one(signal.SIGTERM, idle)
        # the log has a thread of its own, and some calls are asked twice
        eventually(lambda: sum(map(self.answered, self.replicas)) >= CALLS, "each call is logged")


if __name__ == "__main__":
    unittest.main(verbosity=2)
