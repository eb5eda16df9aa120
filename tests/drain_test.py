"""The end of a server: announced to those who ask, calls answered until then, nothing torn."""
import signal
import time
import unittest

from blackbox import DEADLINE_S, SANITIZER, Reply, Server, TcpDoor, UdpDoor, free_port, run, settings

RULES = "rules: [{name: all, redirect: 'sip:gw.test'}]"
LONG = "1h"  # the test ends it


def status(door, method, **options):
    return door.ask(door.request(method, **options)).status


class Drain(unittest.TestCase):
    def start(self, drain=LONG, more="", **options):
        return Server.start(self, RULES, settings(drain=drain, more="log: {calls: none}\n" + more, **options))

    def drain(self, server):
        server.signal(signal.SIGTERM)
        server.wait_for_log(r" info draining ms=")

    def ends(self, server):
        self.assertEqual(server.process.wait(DEADLINE_S), 0)
        self.assertEqual(len(server.log_lines(r" info stopping$")), 1)

    def check_draining(self, door):
        reply = door.ask(door.request("OPTIONS"))
        self.assertEqual((reply.status, reply.get("Retry-After"), reply.get("Allow")), (503, "3601", None))
        self.assertEqual(status(door, "INVITE"), 302)
        self.assertEqual(status(door, "REGISTER"), 405)

    def test_every_door_says_so_and_answers_calls(self):
        nta_port = free_port()
        server = Server.start(self, RULES, f"""
profiles:
  ours: {{listen: ["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"], peers: [local]}}
  nta: {{listen: ["udp:127.0.0.1:{nta_port}", "tcp:127.0.0.1:{nta_port}"], peers: [local], stack: nta}}
peers: {{local: {{networks: 127.0.0.1}}}}
workers: 2
drain: {LONG}
""")
        doors = [UdpDoor(server.port), TcpDoor(server.port), UdpDoor(nta_port), TcpDoor(nta_port)]
        for door in doors:
            self.addCleanup(door.socket.close)
            self.assertEqual(status(door, "OPTIONS"), 200)
        self.drain(server)
        for door in doors:  # connections live on
            self.check_draining(door)
        for door in (TcpDoor(server.port), TcpDoor(nta_port)):  # and new ones are taken
            with door:
                self.check_draining(door)
        server.signal(signal.SIGTERM)
        for door in doors[1::2]:
            self.assertIsNone(door.receive_message())
        self.ends(server)

    def test_after_its_time_it_ends_by_itself(self):
        server = self.start(drain="700ms")
        start = time.monotonic()
        server.signal(signal.SIGTERM)
        self.ends(server)
        took = time.monotonic() - start
        self.assertGreaterEqual(took, 0.69)
        if not SANITIZER:
            self.assertLess(took, 5)

    def test_a_second_signal_ends_it(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                server = self.start()
                self.drain(server)
                server.signal(number)
                self.ends(server)

    def test_sigint_and_0s_do_not_drain(self):
        for drain, number in ((LONG, signal.SIGINT), ("0s", signal.SIGTERM)):
            with self.subTest(drain):
                server = self.start(drain)
                server.signal(number)
                self.ends(server)
                self.assertFalse(server.log_lines("draining"))

    def test_sighup_is_ignored(self):
        server = self.start()
        self.drain(server)
        server.write_rules("rules: [{name: all, reject: 486}]")
        server.signal(signal.SIGHUP)
        server.wait_for_log(r" warning not reloaded, the server is draining$")
        with UdpDoor(server.port) as door:
            self.assertEqual(status(door, "INVITE"), 302)
        server.signal(signal.SIGTERM)
        self.ends(server)

    def test_a_new_time_comes_with_a_reload(self):
        server = self.start(drain="0s")
        server.settings_path.write_text(settings(drain=LONG).replace("PORT", str(server.port)))
        server.signal(signal.SIGHUP)
        server.wait_for_log(" reloaded ")
        self.drain(server)
        server.signal(signal.SIGTERM)
        self.ends(server)

    def test_who_has_not_asked_yet_is_answered(self):
        """Or is in the middle of it; whoever has had his answer is sent away."""
        server = self.start()
        with TcpDoor(server.port) as new, TcpDoor(server.port) as halfway, TcpDoor(server.port) as old:
            question = halfway.request()
            halfway.send(question[:50])
            self.assertEqual(status(old, "INVITE"), 302)  # by then the others have been accepted
            server.signal(signal.SIGINT)
            self.assertIsNone(old.receive_message())
            halfway.send(question[50:])
            new.send(new.request())
            for door in halfway, new:
                self.assertEqual(Reply(door.receive_message()).status, 302)
                self.assertIsNone(door.receive_message())
        self.ends(server)

    def test_ping_tells(self):
        server = self.start()
        for drained in (False, True):
            if drained:
                self.drain(server)
            for transport in ("udp", "tcp"):
                done = run("ping", f"{transport}:127.0.0.1:{server.port}")
                self.assertEqual(done.returncode, 1 if drained else 0)
                self.assertIn("503" if drained else "200", done.stdout + done.stderr)
        server.signal(signal.SIGTERM)


if __name__ == "__main__":
    unittest.main(verbosity=2)
