#!/usr/bin/env python3
"""What runs out: the log's reader, the disk, descriptors, memory. Calls go on being answered over UDP, TCP and TLS, a
reload keeps the table in force, and when there is enough again everything is as before."""
import contextlib
import fcntl
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import unittest

from blackbox import DEADLINE_S, PROGRAM, SANITIZER, Server, TcpDoor, UdpDoor, eventually, folder_for, run, unique
from stream_test import TLS_HOST, Certificates, TlsDoor, tls_settings

RULES = 'rules:\n  - {name: all, redirect: "sip:%s"}\n'
OLD, NEW = "sip:+442071234567@old.example.net", "sip:+442071234567@new.example.net"
UK = "sip:+442071234567@signpost.test"
BAD = "rules:\n" + "".join(f"  - {{name: r{i}, redirect: nobody{i}, colour: red}}\n" for i in range(2000))


class Scarcity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates(cls)
        cls.context = cls.certificates.context()

    def settings(self):
        return tls_settings(self.certificates.tls(), "workers: 2\nlimits: {connections_per_source: 10000}")

    def tls(self, port):
        return TlsDoor(port, self.context)

    def start(self):
        return Server.start(self, RULES % "old.example.net", self.settings())

    def doors(self, server):
        """One of each transport, open until the end of the test."""
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        return [stack.enter_context(make(server.port)) for make in (UdpDoor, TcpDoor, self.tls)]

    def check_calls(self, doors, target=OLD, count=1):
        for door in doors:
            for _ in range(count):
                self.assertEqual(door.ask(door.request(uri=UK)).uris(), [target], door.transport)

    def check_many_calls(self, doors):
        """More than the rings of all doors hold in lines."""
        for door in doors:
            for _ in range(2000):
                long = door.request(uri=UK, headers={"Call-ID": unique("x" * 450)})
                self.assertEqual(door.ask(long).uris(), [OLD], door.transport)

    def check_new_connections(self, server, target=OLD):
        for make in (TcpDoor, self.tls):
            with make(server.port) as door:
                self.check_calls([door], target)

    def use_new_table(self, server, doors):
        server.write_rules(RULES % "new.example.net")
        server.signal(signal.SIGHUP)
        for door in doors:  # one after the other
            eventually(lambda: door.ask(door.request(uri=UK)).uris() == [NEW],  # pylint: disable=cell-var-from-loop
                       "the new table is in force")
        self.check_calls(doors, NEW)

    # The log's reader

    def start_on_a_pipe(self):
        """Standard error is a pipe that is full already: not a byte of the log can be written."""
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, b"x" * 4095 + b"\n")
        server = Server(RULES % "old.example.net", self.settings(), stderr=writer)
        self.addCleanup(server.kill)
        os.close(writer)
        self.addCleanup(os.close, reader)
        # the stream door opens last
        eventually(lambda: run("ping", "--timeout", 300, f"tcp:127.0.0.1:{server.port}").returncode == 0, "it answers")
        return server, reader

    def test_the_logs_reader_is_stuck(self):
        server, reader = self.start_on_a_pipe()
        doors = self.doors(server)
        self.check_many_calls(doors)
        self.check_new_connections(server)
        server.write_rules(BAD)
        server.signal(signal.SIGHUP)
        self.check_calls(doors, count=10)
        self.use_new_table(server, doors)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(DEADLINE_S), 0, "it stops, for all that nobody reads")

    def test_the_logs_reader_comes_back(self):
        server, reader = self.start_on_a_pipe()
        doors = self.doors(server)
        self.check_many_calls(doors)
        text = b""
        os.set_blocking(reader, False)

        def read_on():
            nonlocal text
            with contextlib.suppress(BlockingIOError):
                text += os.read(reader, 1 << 16)
            self.check_calls(doors[:1])
            return re.search(rb"^\S+ warning log lines dropped count=\d+\n\S+ call ", text, re.M)

        eventually(read_on, "the log says what was lost, and goes on")
        lines = text[4096:].split(b"\n")[:-1]
        self.assertRegex(lines[0], b"^signpost ")
        for line in lines[lines.index(next(x for x in lines if x.startswith(b"ready"))) + 1:]:
            self.assertRegex(line, rb"^\S+Z (call .* us=\d+|warning log lines dropped count=\d+)$")

    # The disk

    def start_on_a_small_disk(self):
        """Standard error is a file on a disk of 32 kB, which is the server's alone."""
        disk = folder_for(self)
        log = disk / "log"
        server = Server.__new__(Server)
        program = ["unshare", "--mount", "sh", "-c",
                   f'mount -t tmpfs -o size=32k none "{disk}" && exec "$0" "$@" 2>>"{log}"', PROGRAM]
        probe = subprocess.run([*program[:4], f'mount -t tmpfs -o size=32k none "{disk}"'], check=False,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if probe.returncode:
            self.skipTest("cannot mount a disk of its own")
        server.__init__(RULES % "old.example.net", self.settings(), program=program)
        self.addCleanup(server.stop)
        self.addCleanup(setattr, server, "log_path", server.log_path)  # the disk goes with the server
        server.log_path = pathlib.Path(f"/proc/{server.process.pid}/root{log}")
        # the stream door opens last
        eventually(lambda: run("ping", "--timeout", 300, f"tcp:127.0.0.1:{server.port}").returncode == 0, "it answers")
        return server

    def test_the_disk_is_full(self):
        server = self.start_on_a_small_disk()
        doors = self.doors(server)

        def is_full():
            self.check_calls(doors)
            return os.path.getsize(server.log_path) == 32768

        eventually(is_full, "the disk is full")
        self.check_calls(doors, count=100)
        self.check_new_connections(server)
        server.write_rules(BAD)
        server.signal(signal.SIGHUP)
        self.check_calls(doors, count=10)
        os.truncate(server.log_path, 100)

        def goes_on():
            self.check_calls(doors[:1])
            return server.log_lines("^[^ ]+ warning log lines dropped count=") and server.log_lines(" call ")

        eventually(goes_on, "the log says what was lost, and goes on")
        for line in server.log().splitlines()[1:]:
            if not line.startswith(("listening", "ready")):
                self.assertRegex(line, r"^(\S+Z (call .* us=\d+|(warning|error|info) .*)|.*)$")
        self.use_new_table(server, doors)
        os.truncate(server.log_path, 0)

    # Descriptors

    def test_descriptors_run_out(self):
        server = self.start()
        doors = self.doors(server)
        pid = server.process.pid
        used = len(os.listdir(f"/proc/{pid}/fd"))
        old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 4, old[1]))
        crowd = [socket.create_connection((host, server.port)) for host in ("127.0.0.1", TLS_HOST) * 8]
        server.wait_for_log("no connection is accepted for now error=\"Too many open files\"")
        self.check_calls(doors, count=20)
        server.write_rules(RULES % "new.example.net")
        server.signal(signal.SIGHUP)
        server.wait_for_log("reload failed, what is in force stays")
        self.check_calls(doors, count=20)
        for peer in crowd:
            peer.close()
        self.check_new_connections(server)
        self.use_new_table(server, doors)

    # Memory

    def grow(self, server, peers):
        """Connections, each with a message that has begun, until there is no memory for more."""
        head = b"INVITE sip:1@signpost.test SIP/2.0\r\nSubject: " + b"x" * 60000
        for _ in range(400):
            peer = socket.create_connection(("127.0.0.1", server.port))
            peers.append(peer)
            peer.setblocking(False)
            with contextlib.suppress(OSError):
                peer.send(head)
            if len(peers) % 50 == 0:
                with UdpDoor(server.port) as door:
                    self.check_calls([door])

    @unittest.skipIf(SANITIZER, "a sanitizer's address space cannot be limited")
    def test_memory_runs_out(self):
        server = self.start()
        doors = self.doors(server)
        self.check_calls(doors)
        pid, peers = server.process.pid, []
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        used = int(re.search(r"VmSize:\s+(\d+) kB", status)[1]) << 10
        old = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (used + (2 << 20), old[1]))
        self.grow(server, peers)
        self.check_calls(doors[:1], count=100)
        server.write_rules("gateways:\n" + "".join(
            f'  g{i}: "sip:g{i}.example.net"\n' for i in range(100000)) + RULES % "new.example.net")
        server.signal(signal.SIGHUP)
        server.wait_for_log("reload failed, what is in force stays")
        self.check_calls(doors[:1], count=100)
        self.assertIsNone(server.process.poll())
        for peer in peers:
            peer.close()

        def takes_connections():
            with contextlib.suppress(OSError, AssertionError):
                self.check_new_connections(server)
                return True

        eventually(takes_connections, "connections are served again")
        resource.prlimit(pid, resource.RLIMIT_AS, old)
        self.use_new_table(server, doors[:1])
        server.wait_for_log(" reloaded ")  # at all doors
        self.check_new_connections(server, NEW)


if __name__ == "__main__":
    unittest.main()
