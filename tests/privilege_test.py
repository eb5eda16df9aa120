#!/usr/bin/env python3
"""Started as root the server becomes the user of its settings; what is left to it then."""
import os
import pathlib
import pwd
import re
import secrets
import signal
import unittest

from blackbox import (
    DEADLINE_S, SANITIZER, SECRET, Server, TcpDoor, UdpDoor, eventually, folder_for, run, settings)

RULES = 'rules: [{name: all, redirect: "sip:gw.example.net"}]\n'
USER = "nobody"
BIND = 1 << 10  # CAP_NET_BIND_SERVICE


def status(pid, thread=None):
    path = f"/proc/{pid}/task/{thread}/status" if thread else f"/proc/{pid}/status"
    return dict(re.findall(r"^(\w+):\s*(.*)$", pathlib.Path(path).read_text(), re.M))


def others(server):
    """The threads but for the main one, once each has had its first turn."""
    pid = server.process.pid
    threads = sorted((thread for thread in os.listdir(f"/proc/{pid}/task") if int(thread) != pid), key=int)
    if SANITIZER == "tsan":
        threads.pop(0)  # its own, which is there before main() is
    for thread in threads:
        eventually(lambda t=thread: int(status(pid, t)["CapPrm"], 16) == 0, "a thread without capabilities")
    return [status(pid, thread) for thread in threads]


@unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
class Root(unittest.TestCase):
    def start(self, more="", listen=("udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"), expected=r"^ready; "):
        entry = pwd.getpwnam(USER)
        server = Server(RULES, settings(listen, more=f"user: {USER}\n{more}"), before=lambda folder: (
            folder.chmod(0o755), os.chown(folder / "secret.key", entry.pw_uid, 0)))
        self.addCleanup(server.stop if expected == r"^ready; " else server.kill)
        server.wait_for_log(expected)
        return server

    def check_answers(self, server):
        for make in (UdpDoor, TcpDoor):
            with make(server.port) as door:
                self.assertEqual(door.ask(door.request()).status, 302)

    def test_becomes_the_user_for_good(self):
        server = self.start()
        entry = pwd.getpwnam(USER)
        for thread in [status(server.process.pid), *others(server)]:
            self.assertEqual(thread["Uid"].split(), [str(entry.pw_uid)] * 4)
            self.assertEqual(thread["Gid"].split(), [str(entry.pw_gid)] * 4)
            self.assertNotIn("0", thread["Groups"].split())
            for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                self.assertEqual(int(thread[name], 16), 0, name)
            self.assertEqual(thread["NoNewPrivs"], "1")
        self.check_answers(server)
        server.write_rules(RULES.replace("gw.", "new."))
        server.signal(signal.SIGHUP)
        server.wait_for_log(" reloaded rules=")

    def test_group(self):
        server = self.start("group: daemon")
        self.assertEqual(set(status(server.process.pid)["Gid"].split()), {"1"})

    def test_a_low_port_keeps_the_capability_for_it_in_the_main_thread(self):
        server = self.start(listen=("udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT", "tcp:127.9.8.7:1"))
        self.assertEqual(int(status(server.process.pid)["CapPrm"], 16), BIND)
        self.assertTrue(all(int(thread["CapEff"], 16) == 0 for thread in others(server)))
        self.check_answers(server)

    def test_files_are_read_as_the_user(self):
        """What a reload could not read is found at the start."""
        server = Server(RULES, settings(more=f"user: {USER}"), before=lambda folder: folder.chmod(0o755))
        self.addCleanup(server.kill)
        self.assertEqual(server.process.wait(DEADLINE_S), 1)
        self.assertRegex(server.log(), r'error: cannot open ".*secret.key": Permission denied')

    def test_check_as_root_finds_the_same(self):
        server = Server(RULES, settings(more=f"user: {USER}"), before=lambda folder: folder.chmod(0o755))
        self.addCleanup(server.kill)
        server.process.wait(DEADLINE_S)
        done = run("check", "-c", server.settings_path)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r'error: cannot open ".*secret.key": Permission denied')

    def test_unknown_names(self):
        for more, expected in ((f"user: {USER}\ngroup: of-nobody", r':\d+:8: error: no group is called "of-nobody"'),
                               ("user: Somebody", r':\d+:7: error: no user is called "Somebody"')):
            server = Server(RULES, settings(more=more))
            self.addCleanup(server.kill)
            self.assertEqual(server.process.wait(DEADLINE_S), 1)
            self.assertRegex(server.log(), expected)

    def test_without_a_user_it_says_that_it_stays_root(self):
        server = Server.start(self, RULES)
        server.wait_for_log("^no user in the settings, so it stays root$")
        self.assertEqual(len(others(server)), 4, "the log, a worker, the streams, what is read over HTTP")


class Process(unittest.TestCase):
    def test_no_new_privileges_no_core_and_a_sandbox(self):
        server = Server.start(self, RULES)
        for thread in [status(server.process.pid), *others(server)]:
            if SANITIZER != "tsan":  # which has a thread of its own
                self.assertEqual(thread["NoNewPrivs"], "1")
            self.assertEqual(thread["Seccomp"], "0" if SANITIZER or os.environ.get("MODE") == "cover" else "2")
        limits = pathlib.Path(f"/proc/{server.process.pid}/limits").read_text()
        self.assertRegex(limits, r"(?m)^Max core file size +0 +0 ")
        self.assertEqual(server.log_lines("no sandbox"), [])

    def test_without_the_sandbox(self):
        server = Server.start(self, RULES, settings(more="sandbox: false"))
        for thread in [status(server.process.pid), *others(server)]:
            self.assertEqual((thread["Seccomp"], thread["NoNewPrivs"]), ("0", "1"))

    @unittest.skipUnless(os.geteuid() == 0 and not SANITIZER, "only root can look, and a sanitizer keeps what was freed")
    def test_the_secret_is_not_in_memory(self):
        """Once the keys are drawn from it nothing of it is left, neither at the start nor after a reload."""
        server = Server.start(self, RULES)
        self.check_memory(server, SECRET)
        server.signal(signal.SIGHUP)
        server.wait_for_log(" reloaded rules=")
        self.check_memory(server, SECRET)

    @unittest.skipUnless(os.geteuid() == 0 and not SANITIZER, "only root can look, and a sanitizer keeps what was freed")
    def test_passwords_are_not_in_memory(self):
        """Nor after a reload, be the file good or bad. They are long: a beginning may stay, an end may not."""
        ends = [secrets.token_hex(30) for _ in range(3)]
        plain, quoted, mapped = (secrets.token_hex(70) + end for end in ends)
        users = folder_for(self) / "users.yaml"
        users.write_text(f"alice: {plain}\nbob: \"{quoted}\"\ncarol: {{password: '{mapped}'}}\n")
        users.chmod(0o600)
        server = Server.start(self, RULES, settings().replace(
            "stack: ours", f'stack: ours, auth: {{realm: example.net, users: "{users}"}}'))
        self.check_memory(server, *ends)
        server.signal(signal.SIGHUP)
        server.wait_for_log(" reloaded rules=")
        self.check_memory(server, *ends)
        good = users.read_text()
        for count, bad in enumerate(("dave: []\n", "dave\n", f'"{quoted:x>3000}" @\n', "dave: [\n", "\xff\n"), 1):
            users.write_text(good + bad, encoding="latin-1")
            server.signal(signal.SIGHUP)
            server.wait_for_log("error reload failed", count)
            with self.subTest(count):
                self.check_memory(server, *ends)

    def check_memory(self, server, *texts):
        pid = server.process.pid
        with open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for first, last, path in re.findall(r"^(\w+)-(\w+) rw.. \S+ \S+ \S+ *(.*)$",
                                                pathlib.Path(f"/proc/{pid}/maps").read_text(), re.M):
                memory.seek(int(first, 16))
                there = memory.read(int(last, 16) - int(first, 16))
                for text in texts:
                    self.assertFalse(os.fsencode(text) in there, f"{text!r} in {path}")


if __name__ == "__main__":
    unittest.main()
