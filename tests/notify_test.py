"""What a service manager is told, and when it restarts a server that hangs."""
import contextlib
import ctypes
import os
import signal
import socket
import time
import unittest

from blackbox import (
    DEADLINE_S, PATIENCE, SANITIZER, PROGRAM, Server, UdpDoor, folder_for, free_port, settings, unique)

RULES = "rules: [{name: all, redirect: 'sip:gw.test'}]"
WATCHDOG_MS = 300 * PATIENCE


class Manager:
    """The socket that a server reports to."""

    def __init__(self, test, abstract=False):
        self.name = f"@signpost-test-{unique()}" if abstract else str(folder_for(test) / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        test.addCleanup(self.socket.close)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(self.name.replace("@", "\0"))
        self.socket.settimeout(DEADLINE_S)

    def next(self):
        """The next message that is no sign of life, as {key: value}; it must come from pid, if that is known."""
        while True:
            data, control, _, _ = self.socket.recvmsg(4096, 1024)
            self.pid = int.from_bytes(control[0][2][:4], "little")
            message = dict(line.split("=", 1) for line in data.decode().split("\n"))
            if message != {"WATCHDOG": "1"}:
                return message

    def signs_of_life(self, for_s):
        """How many come in so long."""
        end, count = time.monotonic() + for_s, 0
        with contextlib.suppress(TimeoutError):
            while time.monotonic() < end:
                self.socket.settimeout(max(end - time.monotonic(), 0.001))
                count += self.socket.recv(4096) == b"WATCHDOG=1"
        self.socket.settimeout(DEADLINE_S)
        return count


class Watched(unittest.TestCase):
    def start(self, manager, text=None, **variables):
        """A server that is told of manager."""
        program = ["env", f"NOTIFY_SOCKET={manager.name}", *[f"{k}={v}" for k, v in variables.items()], PROGRAM]
        server = Server(RULES, text or settings(more="log: {calls: none}"), program=program)
        self.addCleanup(server.stop)
        return server


class Notify(Watched):
    def test_it_tells_what_it_does(self):
        for abstract in (False, True):
            with self.subTest(abstract=abstract):
                self.check(Manager(self, abstract))

    def check(self, manager):
        server = self.start(manager, settings(listen=["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"], drain="1h"))
        self.assertEqual(
            manager.next(), {"READY": "1", "STATUS": "1 rule, 0 gateways, 0 groups on 2 listeners"})
        self.assertEqual(manager.pid, server.process.pid)
        with UdpDoor(server.port) as door:  # whoever starts after us finds us there
            self.assertEqual(door.ask(door.request()).status, 302)
        times = []
        for rules, status in ((RULES, ""), ("rules: {", "the last reload failed; as before ")):
            server.write_rules(rules)
            server.signal(signal.SIGHUP)
            message = manager.next()
            times.append(int(message.pop("MONOTONIC_USEC")))
            self.assertEqual(message, {"RELOADING": "1", "STATUS": "reloading"})
            self.assertEqual(manager.next(), {
                "READY": "1", "STATUS": status + "1 rule, 0 gateways, 0 groups on 2 listeners"})
        self.assertLess(times[0], times[1])
        self.assertLess(times[1] / 1e6, time.monotonic())
        server.signal(signal.SIGTERM)
        self.assertEqual(manager.next(), {
            "STOPPING": "1", "EXTEND_TIMEOUT_USEC": str(3610 * 10**6), "STATUS": "draining"})
        server.signal(signal.SIGINT)
        self.assertEqual(server.process.wait(DEADLINE_S), 0)

    def test_an_end_without_a_drain_is_told_as_well(self):
        manager = Manager(self)
        server = self.start(manager)
        self.assertIn("READY", manager.next())
        server.signal(signal.SIGTERM)
        self.assertEqual(manager.next(), {
            "STOPPING": "1", "EXTEND_TIMEOUT_USEC": str(10 * 10**6), "STATUS": "stopping"})

    def test_a_manager_that_is_gone_is_no_reason_to_stop(self):
        manager = Manager(self)
        server = self.start(manager)
        self.assertIn("READY", manager.next())
        manager.socket.close()
        os.unlink(manager.name)
        server.signal(signal.SIGHUP)
        server.wait_for_log(" reloaded ")
        again = Manager.__new__(Manager)  # it comes back at the same place
        again.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(again.socket.close)
        again.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        again.socket.settimeout(DEADLINE_S)
        again.socket.bind(manager.name)
        server.signal(signal.SIGHUP)
        self.assertIn("RELOADING", again.next())

    def test_a_socket_that_is_none_is_a_warning(self):
        for name in ("vsock:2:1", "relative", "/", "/" + 200 * "x", "@"):
            server = Server(RULES, settings(), program=["env", f"NOTIFY_SOCKET={name}", PROGRAM])
            self.addCleanup(server.stop)
            server.wait_for_log("^ready; ")
            self.assertEqual(len(server.log_lines(" warning service manager is not told error=")), 1)
        self.assertFalse(Server.start(self, RULES).log_lines("service manager"))


class Watchdog(Watched):
    def start(self, manager, text=None, usec=1000 * WATCHDOG_MS, **variables):
        server = super().start(manager, text, WATCHDOG_USEC=usec, **variables)
        self.assertIn("READY", manager.next())
        return server

    def test_it_shows_life_twice_as_often_as_it_must(self):
        manager = Manager(self)
        self.start(manager)
        start = time.monotonic()
        for _ in range(10):
            self.assertEqual(manager.socket.recv(100), b"WATCHDOG=1")
        took_ms = 1000 * (time.monotonic() - start)
        self.assertGreater(took_ms, 9 * WATCHDOG_MS / 2 * 0.9)
        self.assertLess(took_ms, 10 * WATCHDOG_MS)

    def test_a_long_reload_is_no_death(self):
        manager = Manager(self)
        server = self.start(manager, usec=20000)  # a sign of life every 10 ms
        rows = "".join(f"{number},x\n" for number in range(10**9, 10**9 + 300_000))
        server.folder.joinpath("numbers.csv").write_text("number,name\n" + rows)
        server.write_rules("numbers: {n: {file: numbers.csv}}\nrules: [{name: all, called: {in: n}, reject: 480}]")
        server.signal(signal.SIGHUP)
        self.assertIn("RELOADING", manager.next())
        signs = 0
        while manager.socket.recv(4096) == b"WATCHDOG=1":
            signs += 1
        self.assertGreater(signs, 3, server.wait_for_log(" reload"))

    def test_another_processes_watchdog_is_not_ours(self):
        manager = Manager(self)
        self.start(manager, WATCHDOG_PID=1)
        self.assertEqual(manager.signs_of_life(2 * WATCHDOG_MS / 1000), 0)

    def test_draining_it_goes_on(self):
        manager = Manager(self)
        server = self.start(manager, settings(drain="1h"))
        server.signal(signal.SIGTERM)
        self.assertIn("STOPPING", manager.next())
        self.assertGreater(manager.signs_of_life(2 * WATCHDOG_MS / 1000), 1)
        server.signal(signal.SIGTERM)


@contextlib.contextmanager
def stopped(thread):
    """One thread of another process stands still; the others go on."""
    seize, interrupt, detach = 0x4206, 0x4207, 17
    libc = ctypes.CDLL(None, use_errno=True)

    def ptrace(request):
        if libc.ptrace(request, thread, None, None) < 0:
            raise unittest.SkipTest(f"ptrace: {os.strerror(ctypes.get_errno())}")

    ptrace(seize)
    ptrace(interrupt)
    os.waitpid(thread, 0x40000000)  # __WALL: until it stands
    try:
        yield
    finally:
        ptrace(detach)


@unittest.skipIf(SANITIZER, "a sanitizer has threads of its own")
class Hanging(Watched):
    def test_a_thread_that_hangs_is_a_reason(self):
        """Each of two workers, two agents and the one of the streams; but not the log's, nor others that answer no calls."""
        manager, nta_port = Manager(self), free_port()
        server = self.start(manager, f"""
profiles:
  ours: {{listen: ["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"], peers: [local]}}
  nta: {{listen: "udp:127.0.0.1:{nta_port}", peers: [local], stack: nta}}
peers: {{local: {{networks: 127.0.0.1}}}}
workers: 2
""", WATCHDOG_USEC=1000 * WATCHDOG_MS)
        self.assertIn("READY", manager.next())
        threads = sorted(int(name) for name in os.listdir(f"/proc/{server.process.pid}/task"))
        self.assertEqual(threads.pop(0), server.process.pid)
        mattered = 0
        for thread in threads:
            with stopped(thread):
                manager.signs_of_life(WATCHDOG_MS / 1000)  # what it had shown before
                signs = manager.signs_of_life(2 * WATCHDOG_MS / 1000)
                mattered += not signs
            self.assertEqual(manager.socket.recv(100), b"WATCHDOG=1")  # it goes on: so do the signs
        self.assertEqual(mattered, 5)
        self.assertGreater(len(threads), 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
