"""Sockets that a service manager has opened: who gets which, and nothing is lost while the server is started again.

The manager here is this process: it opens the sockets and has a shell put them in their places."""
import contextlib
import fcntl
import os
import selectors
import signal
import socket
import threading
import time
import unittest

from blackbox import (
    DEADLINE_S, PATIENCE, PROGRAM, Reply, Server, TcpDoor, UdpDoor, eventually, folder_for, free_port, is_v6_here,
    settings)
from stream_test import TLS_HOST, Certificates, TlsDoor

RULES = "rules: [{name: all, redirect: 'sip:gw.test'}]"


class Manager:
    """Holds sockets, and passes them to the servers that it starts."""

    def __init__(self, test):
        self.test = test
        self.sockets = []
        self.port = free_port()

    def add(self, family, kind, host, v6only=True, listens=True, port=None):
        """One more socket, at the manager's port."""
        s = socket.socket(family, kind)
        self.test.addCleanup(s.close)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
        if family == socket.AF_UNIX:
            s.bind(str(folder_for(self.test) / "socket"))
        else:
            s.bind((host, self.port if port is None else port))
        if kind == socket.SOCK_STREAM and listens:
            s.listen(1024)
        self.sockets.append(s)
        return s

    def udp(self, host="127.0.0.1"):
        return self.add(socket.AF_INET, socket.SOCK_DGRAM, host)

    def tcp(self, host="127.0.0.1"):
        return self.add(socket.AF_INET, socket.SOCK_STREAM, host)

    def server(self, text, names=None, pid="$$", count=None, wait=True, rules=RULES):
        """Starts one; PORT in text stands for the manager's port."""
        numbers = [fcntl.fcntl(s, fcntl.F_DUPFD_CLOEXEC, 100) for s in self.sockets]  # out of the way
        for number in numbers:
            self.test.addCleanup(os.close, number)
        moves = "".join(f"exec {3 + i}<&{number} {number}<&-; " for i, number in enumerate(numbers))
        names = f"export LISTEN_FDNAMES={names}; " if names else ""
        script = (f"{moves}{names}export LISTEN_PID={pid} LISTEN_FDS={len(numbers) if count is None else count}; "
                  'exec "$@"')
        server = Server(rules, text.replace("PORT", str(self.port)), program=["bash", "-c", script, "bash", PROGRAM],
                        pass_fds=numbers)
        server.port = self.port
        self.test.addCleanup(server.stop)
        if wait:
            server.wait_for_log(r"^ready; ")
        return server


def restart(server):
    """As a service manager does: stops it, and starts it again when it has ended."""
    starts = len(server.log_lines(r"^ready; "))
    server.signal(signal.SIGTERM)
    if server.process.wait(DEADLINE_S) != 0:
        raise AssertionError(server.log())
    server.launch()
    server.wait_for_log(r"^ready; ", starts + 1)


class Matching(unittest.TestCase):
    def test_each_listener_gets_its_socket(self):
        certificates, manager = Certificates(self), Manager(self)
        manager.tcp(), manager.udp(), manager.tcp(TLS_HOST)
        listen = ["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT", f"tls:{TLS_HOST}:PORT"]
        if is_v6_here():
            manager.add(socket.AF_INET6, socket.SOCK_DGRAM, "::1")
            manager.add(socket.AF_INET6, socket.SOCK_STREAM, "::1")
            listen += ["udp:[::1]:PORT", "tcp:[::1]:PORT"]
        text = settings(listen=listen).replace("stack: ours", f"tls: {certificates.tls()}")
        server = manager.server(text)
        doors = [UdpDoor(manager.port), TcpDoor(manager.port), TlsDoor(manager.port, certificates.context())]
        for door in doors:
            with door:
                self.assertEqual(door.ask(door.request()).status, 302)
        self.assertEqual(server.log_lines("passed"), [])

    def test_what_does_not_fit_is_said(self):
        manager, other = Manager(self), free_port()
        manager.udp()
        manager.udp("127.0.0.9")
        manager.add(socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", listens=False, port=other)
        manager.add(socket.AF_UNIX, socket.SOCK_DGRAM, None)
        server = manager.server(
            settings(listen=["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"]), names='one:"\\"two\n\\"":three')
        self.assertEqual([line.split(" ", 1)[1] for line in server.log_lines("passed")], [
            f'warning passed socket not used fd=4 name="\\x22two\\x0A\\x22" address=udp:127.0.0.9:{manager.port} '
            'reason="no listener has its address"',
            'warning passed socket not used fd=5 name="three" address=- reason="it does not listen: Accept=no"',
            'warning passed socket not used fd=6 name="" address=- reason="it is neither UDP nor TCP"',
            f"info no socket passed, so it is opened here listener=tcp:127.0.0.1:{manager.port}"])
        for door in UdpDoor(manager.port), TcpDoor(manager.port):
            with door:
                self.assertEqual(door.ask(door.request()).status, 302)

    def test_a_second_socket_of_an_address_is_said(self):
        manager = Manager(self)
        for _ in range(2):  # as ReusePort=yes lets it be
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(s.close)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            s.bind(("127.0.0.1", manager.port))
            manager.sockets.append(s)
        server = manager.server(settings(listen=["udp:127.0.0.1:PORT"]))
        self.assertEqual([line.split(" ", 1)[1] for line in server.log_lines("passed")], [
            f'warning passed socket not used fd=4 name="" address=udp:127.0.0.1:{manager.port} '
            'reason="another has its address, and what comes here is lost"'])

    @unittest.skipUnless(is_v6_here(), "::1 is not configured on this machine")
    def test_a_socket_for_v4_and_v6_is_refused(self):
        manager = Manager(self)
        manager.add(socket.AF_INET6, socket.SOCK_DGRAM, "::", v6only=False)
        server = manager.server(settings(listen=["udp:[::]:PORT"]), wait=False)
        self.assertEqual(server.process.wait(DEADLINE_S), 1)
        self.assertTrue(server.log_lines('reason="it is for IPv4 as well: BindIPv6Only=ipv6-only"'))
        self.assertTrue(server.log_lines(r"^signpost: cannot listen on udp:\[::\]:"))
        server.process.returncode = 0  # as it was to be

    def test_nta_opens_its_own(self):
        manager = Manager(self)
        manager.udp()
        text = settings(listen=["udp:127.0.0.1:PORT"]).replace("stack: ours", "stack: nta")
        server = manager.server(text, wait=False)
        self.assertEqual(server.process.wait(DEADLINE_S), 1)
        self.assertTrue(server.log_lines('reason="stack: nta opens its own"'))
        server.process.returncode = 0

    def test_those_for_another_process_are_left_alone(self):
        manager = Manager(self)
        manager.udp()
        for pid, count in (("1", None), ("$$", "x"), ("$$", "0"), ("", None)):
            with self.subTest(pid=pid, count=count):
                server = manager.server(settings(listen=["udp:127.0.0.1:PORT"]), pid=pid, count=count, wait=False)
                self.assertEqual(server.process.wait(DEADLINE_S), 1)
                self.assertTrue(server.log_lines("Address already in use"))
                server.process.returncode = 0

    def test_the_reply_leaves_from_where_the_request_went(self):
        manager = Manager(self)
        manager.udp("0.0.0.0")
        server = manager.server(settings(listen=["udp:0.0.0.0:PORT"], networks=["127.0.0.0/8"]))
        door = UdpDoor(server.port)
        door.host = "127.0.0.7"
        with door:
            self.assertEqual(door.ask(door.request()).status, 302)


class Sharing(unittest.TestCase):
    def test_all_workers_answer_on_one_socket(self):
        """More than one of them sees a burst, and none of it is answered twice."""
        manager = Manager(self)
        manager.udp()
        server = manager.server(settings(listen=["udp:127.0.0.1:PORT"], workers=4, more="log: {calls: none}\nspread: packet"))
        self.assertEqual(server.log_lines("not spread"), [])
        with UdpDoor(server.port) as door:
            for _ in range(50):
                asked = [door.request(headers={"Call-ID": f"{i}"}) for i in range(20)]
                for request in asked:
                    door.send(request)
                got = sorted(int(Reply(door.receive()).get("Call-ID")) for _ in asked)
                self.assertEqual(got, list(range(20)))
            door.send(door.request(headers={"Call-ID": "last"}))
            self.assertEqual(Reply(door.receive()).get("Call-ID"), "last")

    def test_what_came_before_the_start_is_answered(self):
        manager = Manager(self)
        manager.udp(), manager.tcp()
        with UdpDoor(manager.port) as udp, TcpDoor(manager.port) as tcp:
            for door in udp, tcp:
                door.send(door.request(headers={"Call-ID": "early"}))
            manager.server(settings(listen=["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"]))
            self.assertEqual(Reply(udp.receive()).get("Call-ID"), "early")
            self.assertEqual(Reply(tcp.receive_message()).get("Call-ID"), "early")

    def test_a_reload_leaves_the_sockets_open(self):
        manager = Manager(self)
        manager.udp(), manager.tcp()
        both = ["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"]
        other = free_port()

        def reload(listen, count):
            server.settings_path.write_text(settings(listen=listen, workers=2).replace("PORT", str(manager.port)))
            server.signal(signal.SIGHUP)
            server.wait_for_log(" reloaded ", count)

        server = manager.server(settings(listen=both, workers=2))
        for turn in range(3):
            reload([f"udp:127.0.0.1:{other}"], 2 * turn + 1)
            unused = server.log_lines('passed socket not used .*reason="no listener has its address"')
            self.assertEqual(len(unused), 2 * (turn + 1))
            with UdpDoor(manager.port) as udp, TcpDoor(manager.port) as tcp, UdpDoor(other) as there:
                for door in udp, tcp:
                    door.send(door.request())
                # several, so that each worker has had its turn
                for _ in range(20):
                    self.assertEqual(there.ask(there.request()).status, 302)
                for door in udp, tcp:
                    door.socket.setblocking(False)
                    self.assertRaises(BlockingIOError, door.socket.recv, 1)
                    door.socket.settimeout(DEADLINE_S)
                reload(both, 2 * turn + 2)
                self.assertEqual(Reply(udp.receive()).status, 302)
                self.assertEqual(Reply(tcp.receive_message()).status, 302)


class Steady(threading.Thread):
    """Asks at a steady rate, each time something new and once only, until it is stopped; counts the answers."""

    def __init__(self, port, per_second):
        super().__init__(daemon=True)
        self.port, self.interval = port, 1 / per_second
        self.asked, self.answered, self.failures = 0, set(), []
        self.selector = selectors.DefaultSelector()
        self.stopping = False

    def run(self):
        start = due = time.monotonic()
        while not self.stopping:
            for key, _ in self.selector.select(max(due - time.monotonic(), 0)):
                self.on_readable(key)
            while due <= time.monotonic() and not self.stopping:
                self.ask(self.asked)
                self.asked += 1
                due += self.interval
        self.took_s = time.monotonic() - start
        end = time.monotonic() + DEADLINE_S
        while len(self.answered) + len(self.failures) < self.asked and time.monotonic() < end:
            for key, _ in self.selector.select(0.1):
                self.on_readable(key)
        self.close()

    def note(self, data):
        number = int(Reply(data).get("Call-ID"))
        if Reply(data).status == 302 and number not in self.answered:
            self.answered.add(number)
        else:
            self.failures.append(data)

    def stop(self):
        self.stopping = True
        self.join()


class SteadyUdp(Steady):
    def __init__(self, port, per_second):
        super().__init__(port, per_second)
        self.door = UdpDoor(port)
        self.door.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.door.socket.setblocking(False)
        self.selector.register(self.door.socket, selectors.EVENT_READ)

    def ask(self, number):
        self.door.send(self.door.request(headers={"Call-ID": f"{number}"}))

    def on_readable(self, _key):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.note(self.door.socket.recv(65535))

    def close(self):
        self.door.socket.close()


class SteadyTcp(Steady):
    """Each on a connection of its own."""

    def ask(self, number):
        door = TcpDoor(self.port)
        door.send(door.request(headers={"Call-ID": f"{number}"}))
        self.selector.register(door.socket, selectors.EVENT_READ, door)

    def on_readable(self, key):
        door = key.data
        self.selector.unregister(door.socket)
        reply = door.receive_message()
        if reply:
            self.note(reply)
        else:
            self.failures.append(b"closed")
        door.socket.close()

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.data.socket.close()


class Restarts(unittest.TestCase):
    def lose_nothing(self, drain):
        manager = Manager(self)
        manager.udp(), manager.tcp()
        server = manager.server(settings(
            listen=["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"], workers=2, drain=drain, more="log: {calls: none}"))
        senders = [SteadyUdp(manager.port, 2000 // PATIENCE), SteadyTcp(manager.port, 200 // PATIENCE)]
        for sender in senders:
            sender.start()
        for _ in range(10):
            for sender in senders:  # between two restarts some are answered
                goal = len(sender.answered) + 20
                eventually(lambda s=sender, n=goal: len(s.answered) >= n or not s.is_alive(), "calls are answered")
            restart(server)
        for sender in senders:
            sender.stop()
        for sender in senders:
            print(f"\n{type(sender).__name__}, drain {drain}: {sender.asked} asked in {sender.took_s:.1f} s, "
                  f"{sender.asked - len(sender.answered)} lost, 10 restarts")
            self.assertEqual(sender.failures, [])
            self.assertEqual(len(sender.answered), sender.asked)

    def test_ten_restarts_lose_nothing(self):
        self.lose_nothing("0s")

    def test_ten_restarts_with_a_drain_lose_nothing(self):
        self.lose_nothing("100ms")


if __name__ == "__main__":
    unittest.main(verbosity=2)
