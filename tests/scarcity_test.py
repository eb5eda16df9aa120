#!/usr/bin/env python3
"""What runs out: the log's reader, the disk, descriptors, memory. Calls go on being answered over UDP, TCP and TLS, a
reload keeps the table in force, and when there is enough again everything is as before."""
import contextlib
import fcntl
import os
import pathlib
import re
import resource
import select
import signal
import socket
import subprocess
import unittest

from blackbox import (
    DEADLINE_S, PROGRAM, SANITIZER, Reply, Server, TcpDoor, UdpDoor, eventually, folder_for, run, settings, unique)
from stream_test import TLS_HOST, Certificates, TlsDoor, tls_settings

RULES = 'rules:\n  - {name: all, redirect: "sip:%s"}\n'
OLD, NEW = "sip:+442071234567@old.example.net", "sip:+442071234567@new.example.net"
UK = "sip:+442071234567@signpost.test"
FLOWS = 16
BAD = "rules:\n" + "".join(f"  - {{name: r{i}, redirect: nobody{i}, colour: red}}\n" for i in range(2000))


def is_closed(peer):
    return bool(select.select([peer], [], [], 0)[0])  # nothing but its end can come


class Scarcity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates(cls)
        cls.context = cls.certificates.context()

    def settings(self):
        return tls_settings(self.certificates.tls(), "workers: 2\nlimits: {connections_per_source: 10000}")

    def streams(self):
        return TcpDoor, lambda port: TlsDoor(port, self.context)

    def start(self):
        return Server.start(self, RULES % "old.example.net", self.settings())

    def open_all(self, server, makes):
        """Until the end of the test."""
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        return [stack.enter_context(make(server.port)) for make in makes]

    def doors(self, server):
        """Of UDP so many that each worker has some; one of each transport of streams."""
        return self.open_all(server, [UdpDoor] * FLOWS) + self.open_all(server, self.streams())

    def check_calls(self, doors, target=OLD, count=1):
        for door in doors:
            for _ in range(count):
                self.assertEqual(door.ask(door.request(uri=UK)).uris(), [target], door.transport)

    def check_many_calls(self, doors):
        """More than the rings of all doors hold in lines."""
        for door in doors:
            for _ in range(2000 if isinstance(door, TcpDoor) else 4000 // FLOWS):
                long = door.request(uri=UK, headers={"Call-ID": unique("x" * 450)})
                self.assertEqual(door.ask(long).uris(), [OLD], door.transport)

    def check_new_connections(self, server, target=OLD):
        for make in self.streams():
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
        crowd = [socket.create_connection((door.host, server.port)) for door in doors[FLOWS:] * 8]
        server.wait_for_log("Too many open files")
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

    def limit_memory(self, server):
        """To 1 MB more than it has. RLIMIT_AS would leave its threads what they have set aside. Gives what it was."""
        pid = server.process.pid
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        used = int(re.search(r"VmData:\s+(\d+) kB", status)[1]) << 10
        old = resource.prlimit(pid, resource.RLIMIT_DATA)
        resource.prlimit(pid, resource.RLIMIT_DATA, (used + (1 << 20), old[1]))
        return old

    def crowd(self, server, udp, count, size):
        """Connections, each with a message that has begun, for most of which there is no memory."""
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        head = b"INVITE sip:1@signpost.test SIP/2.0\r\nSubject: " + b"x" * size
        peers = []
        for i in range(count):
            peers.append(stack.enter_context(socket.create_connection(("127.0.0.1", server.port))))
            with contextlib.suppress(OSError):
                peers[-1].send(head)
            if i % 50 == 0:
                self.check_calls(udp)
        eventually(lambda: sum(map(is_closed, peers)) > count // 10, "it does not suffice for all")
        return stack

    def check_served_again(self, server):
        def takes_connections():
            with contextlib.suppress(OSError, AssertionError):
                self.check_new_connections(server)
                return True

        eventually(takes_connections, "connections are served again")

    @unittest.skipIf(SANITIZER, "a sanitizer's memory cannot be limited")
    def test_memory_runs_out(self):
        """Whoever it was not enough for is closed, and what that gives back is enough for a call."""
        server = self.start()
        doors = self.doors(server)
        self.check_calls(doors)
        old = self.limit_memory(server)
        crowd = self.crowd(server, doors[:FLOWS], 400, 60000)
        self.check_calls(doors, count=100)
        server.write_rules("gateways:\n" + "".join(
            f'  g{i}: "sip:g{i}.example.net"\n' for i in range(100000)) + RULES % "new.example.net")
        server.signal(signal.SIGHUP)
        server.wait_for_log("reload failed, what is in force stays")
        self.check_calls(doors, count=100)
        crowd.close()
        self.check_served_again(server)
        resource.prlimit(server.process.pid, resource.RLIMIT_DATA, old)
        self.use_new_table(server, doors)
        self.check_new_connections(server, NEW)

    @unittest.skipIf(SANITIZER, "a sanitizer's memory cannot be limited")
    def test_memory_runs_out_to_the_last_bit(self):
        """A connection is closed when there is none for what it asks, or is answered later; UDP needs none."""
        server = self.start()
        doors = self.doors(server)
        udp, (tcp, tls) = doors[:FLOWS], doors[FLOWS:]
        self.check_calls(doors)
        old = self.limit_memory(server)
        crowd = self.crowd(server, udp, 700, 200)
        tls.send(tls.request(uri=UK))
        reply = tcp.ask(tcp.request(uri=UK))
        self.check_calls(udp, count=100)
        crowd.close()
        self.assertIn(reply and reply.uris(), (None, [OLD]))
        with contextlib.suppress(OSError):
            message = tls.receive_message()
            self.assertIn(message and Reply(message).uris(), (None, [OLD]))
        resource.prlimit(server.process.pid, resource.RLIMIT_DATA, old)  # the crowd may have left it in pieces
        self.check_served_again(server)


class AgentScarcity(Scarcity):
    """With `stack: nta`. To the last bit of memory it goes with it as well, but a datagram may be lost for that."""

    test_memory_runs_out_to_the_last_bit = None

    def settings(self):
        return settings(stack="nta", workers=2)

    def streams(self):
        return (TcpDoor,)


if __name__ == "__main__":
    unittest.main()
