#!/usr/bin/env python3
"""Digest authentication: a client of our own (RFC 7616, RFC 8760), sipp's, and Kamailio's uac_auth."""
import hashlib
import hmac
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import time
import unittest

from blackbox import COMPLAINTS, DEADLINE_S, DOORS, PROGRAM, ROOT, SECRET, Reply, Server, UdpDoor, folder_for, free_port, run
from peers_test import CALL_S, KAMAILIO, SIPP, start_kamailio

REALM = "example.net"
NUMBER = "sip:+442071234567@signpost.test"
HASHES = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}
RULES = """gateways: {a: sip:a.example.net, b: sip:b.example.net}
rules:
- {user: [alice, pbx], redirect: a}
- {user: [bob, +44 20 7000], redirect: b}
- {user: "", reject: 500 Nobody}
default: {reject: 403 No rule}
"""


def ha1(user, password, algorithm="SHA-256", realm=REALM):
    return HASHES[algorithm](f"{user}:{realm}:{password}".encode()).hexdigest()


USERS = f"""alice: {{password: open sesame}}
bob: {{ha1_sha256: {ha1("bob", "b0b")}, ha1_md5: {ha1("bob", "b0b", "MD5")}}}
"+44 20 7000": n
pbx: sesame
"""


def settings(folder, auth="", stack="ours"):
    users = folder / "users.yaml"
    users.write_text(USERS)
    users.chmod(0o600)
    return (f'profiles:\n  p: {{listen: ["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"], peers: local, stack: {stack},\n'
            f'      auth: {{realm: {REALM}, users: "{users}"{auth}}}}}\n'
            "peers: {local: {networks: 127.0.0.0/8}}\nsecret: secret.key\nworkers: 1\nmethods: [INVITE, MESSAGE]\n")


def start(test, auth="", stack="ours"):
    return Server.start(test, RULES, settings(folder_for(test), auth, stack))


def challenges(reply):
    """What a 401 asks for, in its order."""
    assert reply.status == 401, reply
    found = []
    for value in reply.all("WWW-Authenticate"):
        assert value.startswith("Digest "), value
        found.append({name: quoted or token
                      for name, quoted, token in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,"]+))', value)})
    return found


def nonce_of(age_s=0, source="127.0.0.1", profile=b"p", secret=SECRET):
    """A nonce as the server makes it, from the secret and nonce.h alone."""
    key = hashlib.blake2b(b"signpost nonce\0" + secret, digest_size=32).digest()
    now = int(time.time()) - age_s
    when = struct.pack(">I", now - now % 8)
    address = bytes(10) + b"\xff\xff" + socket.inet_aton(source)
    texts = (when, profile, REALM.encode(), address)
    mac = hmac.new(key, b"".join(struct.pack("<Q", len(t)) + t for t in texts), "sha256").digest()
    return (when + mac[:16]).hex()


def credentials(nonce, user="alice", password="open sesame", algorithm="SHA-256", uri=NUMBER, method="INVITE",
                nc="00000001", cnonce="0a4f113b", realm=REALM, hashed_nc=None, more=""):
    """Of a client of our own; hashed_nc: another count goes into the hash than the one that is sent."""
    def h(text):
        return HASHES[algorithm](text.encode()).hexdigest()
    response = h(f"{ha1(user, password, algorithm, realm)}:{nonce}:{hashed_nc or nc}:{cnonce}:auth:"
                 + h(f"{method}:{uri}"))
    return (f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}", '
            f'algorithm={algorithm}, cnonce="{cnonce}", qop=auth, nc={nc}{more}')


def ask(door, authorization=None, method="INVITE", uri=NUMBER, headers=None):
    return door.ask(door.request(method, uri, headers={"Authorization": authorization, **(headers or {})}))


class Client(unittest.TestCase):
    def test_a_challenge_is_answered(self):
        for stack in ("ours", "nta"):
            server = start(self, stack=stack)
            for name in ("udp", "tcp"):
                for algorithm in HASHES:
                    with self.subTest(stack=stack, door=name, algorithm=algorithm), \
                            DOORS[name](server.port) as door:
                        offered = challenges(ask(door))
                        self.assertEqual([c["algorithm"] for c in offered], ["SHA-256", "MD5"])
                        for challenge in offered:
                            self.assertEqual((challenge["realm"], challenge["qop"]), (REALM, "auth"))
                            self.assertNotIn("stale", challenge)
                        reply = ask(door, credentials(offered[0]["nonce"], algorithm=algorithm))
                        self.assertEqual(reply.status, 302)
                        self.assertIn("a.example.net", reply.get("Contact"))

    def test_a_user_is_a_fact(self):
        server = start(self)
        with UdpDoor(server.port) as door:
            for user, password, gateway in (("alice", "open sesame", "a"), ("bob", "b0b", "b"),
                                            ("+44 20 7000", "n", "b")):
                reply = ask(door, credentials(nonce_of(), user, password))
                self.assertEqual(reply.status, 302)
                self.assertIn(f"@{gateway}.example.net", reply.get("Contact"))
            self.assertEqual(ask(door, credentials(nonce_of(), "bob", "b0b", "MD5")).status, 302)

    def test_who_calls_a_priority_over_the_limit_may_say_who_he_is(self):
        folder = folder_for(self)
        rules = "rules:\n  - {name: emergency, priority: true, called: '112', reject: 480}\n  - {reject: 486}\n"
        server = Server.start(self, rules, settings(folder).replace("/8}", "/8, rate: 1/h, burst: 2}"))
        emergency = "sip:112@signpost.test"
        with UdpDoor(server.port) as door:
            self.assertEqual(ask(door).status, 401)  # and what the door asks behind it
            self.assertEqual(ask(door).status, 503)
            self.assertEqual(ask(door, credentials(nonce_of())).status, 503)
            self.assertEqual(ask(door, uri=emergency).status, 401)
            self.assertEqual(ask(door, credentials(nonce_of(), uri=emergency, password="x"), uri=emergency).status, 503)
            self.assertEqual(ask(door, credentials(nonce_of(), uri=emergency), uri=emergency).status, 480)

    def test_who_asks_for_a_priority_over_the_limit_is_asked_who_he_is(self):
        server = Server.start(self, RULES, settings(folder_for(self)).replace("/8}", "/8, rate: 1/h, burst: 1}"))
        with UdpDoor(server.port) as door:
            for headers, status in (({}, 401), ({}, 503), ({"Resource-Priority": "ets.0"}, 401)):
                self.assertEqual(ask(door, headers=headers).status, status)
            self.assertEqual(ask(door, credentials(nonce_of()), headers={"Resource-Priority": "ets.0"}).status, 302)

    def test_a_reload_asks_those_who_are_connected_too(self):
        folder = folder_for(self)
        without = re.sub(r",\n *auth: .*", "}", settings(folder))
        server = Server.start(self, RULES, without)
        with DOORS["tcp"](server.port) as door:
            for count, (text, status) in enumerate(((without, 500), (settings(folder), 401), (without, 500)), 1):
                server.settings_path.write_text(text.replace("PORT", str(server.port)))
                server.signal(signal.SIGHUP)
                server.wait_for_log(" reloaded ", count)
                self.assertEqual(ask(door).status, status)

    def test_the_log_tells_of_calls_and_not_of_challenges(self):
        """But of one that the limit has cost its answer, and of who calls as somebody else."""
        folder = folder_for(self)
        server = Server.start(self, RULES, settings(folder, ", bind_from: true").replace("/8}", "/8, rate: 1/h, burst: 4}"))
        with UdpDoor(server.port) as door:
            for headers, value, status in (({}, None, 401), ({"From": "<sip:bob@x>;tag=1"}, credentials(nonce_of()), 403),
                                           ({"Call-ID": "over"}, None, 503)):
                self.assertEqual(ask(door, value, headers=headers).status, status)
        lines = server.wait_for_log(" call ", 2)
        self.assertRegex(lines[0], 'user="alice" caller="bob" .* status=403 ')
        self.assertRegex(lines[1], 'id="over" .* user="" .* status=503 why="the peer is over its limit" ')

    def test_what_is_wrong_is_challenged(self):
        server = start(self)
        good = credentials(nonce_of())
        with UdpDoor(server.port) as door:
            for name, value in (
                    ("password", credentials(nonce_of(), password="open")),
                    ("user", credentials(nonce_of(), user="carol")),
                    ("realm", credentials(nonce_of(), realm="example.com")),
                    ("method", credentials(nonce_of(), method="MESSAGE")),
                    ("nc that was not hashed", credentials(nonce_of(), nc="00000002", hashed_nc="00000001")),
                    ("scheme", good.replace("Digest ", "Basic ")),
                    ("algorithm", good.replace("SHA-256", "SHA-512-256")),
                    ("second response", good + ', response="00"'),
                    ("open quote", good[:-20] + '"')):
                with self.subTest(name):
                    self.assertNotIn("stale", challenges(ask(door, value))[0])
            for name, value in (
                    ("nc", credentials(nonce_of(), nc="1")),
                    ("no qop", good.replace("qop=auth, ", "")),
                    ("qop", good.replace("qop=auth", "qop=auth-int"))):
                with self.subTest(name):
                    self.assertEqual(str(ask(door, value).phrase), "Bad Authorization Header")
            self.assertEqual(ask(door, good).status, 302)
        self.assertTrue(server.wait_for_log(r"warning wrong credentials source=udp:127.0.0.1:\d+ listener=udp:"))

    def test_another_nonce_is_stale(self):
        server = start(self)
        with UdpDoor(server.port) as door, UdpDoor(server.port, "127.0.0.2") as other:
            overheard = credentials(nonce_of())
            self.assertEqual(ask(door, overheard).status, 302)
            cases = (("old", door, credentials(nonce_of(age_s=68))),
                     ("of the future", door, credentials(nonce_of(age_s=-30))),
                     ("replayed from another source", other, overheard),
                     ("of another profile", door, credentials(nonce_of(profile=b"q"))),
                     ("of another secret", door, credentials(nonce_of(secret=b"0123456789abcdef"))),
                     ("made up", door, credentials("dcd98b7102dd2f0e8b11d0f600bfb0c093")))
            for name, where, value in cases:
                with self.subTest(name):
                    for challenge in challenges(ask(where, value)):
                        self.assertEqual(challenge["stale"], "true")
            again = challenges(ask(other, overheard))[0]["nonce"]
            self.assertEqual(ask(other, credentials(again)).status, 302)
            self.assertEqual(ask(other, credentials(again), headers={"X": "y"}).status, 302)
            self.assertNotIn("stale", challenges(ask(door, credentials(nonce_of(68), password="x")))[0])

    def test_only_what_is_routed_is_challenged(self):
        server = start(self)
        with UdpDoor(server.port) as door:
            self.assertIsNone(ask(door, method="ACK"))
            self.assertEqual(ask(door, method="CANCEL").status, 200)
            self.assertEqual(ask(door, method="OPTIONS").status, 200)
            self.assertEqual(ask(door, method="BYE").status, 405)
            self.assertEqual(ask(door, uri="http://example.net/").status, 416)
            self.assertEqual(ask(door, headers={"To": "<sip:a@b>;tag=c"}).status, 481)
            self.assertEqual(ask(door, method="MESSAGE").status, 401)
            self.assertEqual(ask(door, credentials(nonce_of(), method="MESSAGE"), method="MESSAGE").status, 302)

    def test_credentials_are_for_the_called_user(self):
        server = start(self)
        with UdpDoor(server.port) as door:
            for uri, status in ((NUMBER, 302), ("sip:+442071234567@10.0.0.1:5080;transport=tcp", 302),
                                ("sip:127.0.0.1:5060", 302), ("sip:+442071234568@signpost.test", 400),
                                ("sip:%2b442071234567@signpost.test", 302)):
                with self.subTest(uri):
                    self.assertEqual(ask(door, credentials(nonce_of(), uri=uri)).status, status)

    def test_algorithms_are_restricted(self):
        server = start(self, ", algorithms: sha-256, nonce_life: 10s")
        with UdpDoor(server.port) as door:
            self.assertEqual([c["algorithm"] for c in challenges(ask(door))], ["SHA-256"])
            self.assertEqual(ask(door, credentials(nonce_of(), algorithm="MD5")).status, 401)
            self.assertEqual(ask(door, credentials(nonce_of())).status, 302)
            self.assertEqual(challenges(ask(door, credentials(nonce_of(age_s=18))))[0]["stale"], "true")

    def test_users_are_bound_to_their_names(self):
        server = start(self, ", bind_from: true")
        with UdpDoor(server.port) as door:
            for user, password, headers, status in (
                    ("alice", "open sesame", {"From": "<sip:alice@x>;tag=1"}, 302),
                    ("alice", "open sesame", {"From": '"Bob" <sip:al%69ce@y>;tag=1'}, 302),
                    ("alice", "open sesame", {"From": "<sip:bob@x>;tag=1"}, 403),
                    ("alice", "open sesame", {"From": "<sip:x>;tag=1"}, 403),
                    ("alice", "open sesame", {"From": "<sip:alice@x>;tag=1",
                                              "P-Asserted-Identity": "<sip:bob@x>"}, 403),
                    ("alice", "open sesame", {"From": "<sip:bob@x>;tag=1",
                                              "P-Asserted-Identity": "<sip:alice@x>"}, 403),
                    ("+44 20 7000", "n", {"From": "<sip:+44(20)7000@x;user=phone>;tag=1"}, 302),
                    ("+44 20 7000", "n", {"From": "<tel:+44-20-7001>;tag=1"}, 403)):
                with self.subTest(user=user, headers=headers):
                    self.assertEqual(ask(door, credentials(nonce_of(), user, password), headers=headers).status, status)

    def test_users_are_read_again_with_sighup(self):
        folder = folder_for(self)
        server = Server.start(self, RULES, settings(folder))
        with UdpDoor(server.port) as door:
            old, new = credentials(nonce_of()), credentials(nonce_of(), password="n3w")
            self.assertEqual([ask(door, c).status for c in (old, new)], [302, 401])
            (folder / "users.yaml").write_text("alice: {password: n3w}\nbob: []\n")
            server.signal(signal.SIGHUP)
            server.wait_for_log(r"users\.yaml:2:6: error: a user must be a mapping")
            server.wait_for_log(r"error reload failed")
            self.assertEqual([ask(door, c).status for c in (old, new)], [302, 401])
            (folder / "users.yaml").write_text("alice: {password: n3w}\n")
            server.signal(signal.SIGHUP)
            server.wait_for_log(r"info reloaded")
            self.assertEqual([ask(door, c).status for c in (old, new)], [401, 302])

    def test_nothing_is_injected(self):
        server = start(self)
        with UdpDoor(server.port) as door:
            for user in ("alice\\", 'alice\\"', "alice\r\n x", "alice\0", "\u202ealice", "a" * 5000, "", "alice:example.net"):
                with self.subTest(user):
                    reply = ask(door, credentials(nonce_of(), user=user))
                    self.assertEqual(reply.status, 401)
                    self.assertNotIn(b"alice\\", reply.data.partition(b"\r\n\r\n")[0].replace(b"sip:alice", b""))
            many = [credentials(nonce_of(), realm=f"r{i}") for i in range(100)] + [credentials(nonce_of())]
            self.assertEqual(ask(door, headers={"Authorization": many}).status, 302)
            folded = credentials(nonce_of()).replace(", ", ",\r\n\t")
            self.assertEqual(ask(door, folded).status, 302)

    def test_retransmissions_and_replicas_give_the_same_challenge(self):
        servers = [start(self), start(self)]
        for _ in range(3):  # a step of the nonce's time may lie between
            replies = set()
            for server in servers:
                with UdpDoor(server.port) as door:
                    request = door.request("INVITE", NUMBER, via="SIP/2.0/UDP a;branch=z9hG4bK1;rport",
                                           headers={"Call-ID": "c", "From": "<sip:a@b>;tag=c"})
                    replies |= {re.sub(rb"rport=\d+", b"", door.ask(request).data) for _ in range(2)}
            if len(replies) == 1:
                return
        self.fail(replies)

    def test_challenges_are_not_logged_as_calls(self):
        server = start(self)
        with UdpDoor(server.port) as door:
            challenges(ask(door))
            challenges(ask(door, credentials(nonce_of(68))))
            challenges(ask(door, credentials(nonce_of(), password="x")))
            ask(door, credentials(nonce_of()))
        lines = server.wait_for_log(" call ", 2)
        self.assertEqual([re.search(r"status=(\d+)", line)[1] for line in lines], ["401", "302"])
        self.assertNotIn("open sesame", server.log())


class Explained(unittest.TestCase):
    def test_the_explanation_is_the_answer(self):
        """The very request that `route` prints gets the very reply."""
        server = start(self, ", bind_from: true")
        for user, status in (("alice", 302), ("bob", 302), ("+44 20 7000", 302), (None, 401)):
            with self.subTest(user), UdpDoor(server.port) as door:
                done = run("route", "-c", server.settings_path, "-r", server.rules_path, "--source", door.name(),
                           *(["--user", user] if user else []), "+442071234567")
                printed = re.search(r"request:\n(.*\r\n\r\n)rules:.*reply:\n(.*)", done.stdout, re.S)
                self.assertTrue(printed, done.stdout + done.stderr)
                request, reply = (text.encode() for text in printed.groups())
                self.assertEqual(Reply(reply).status, status)
                door.send(request)
                on_the_wire = door.receive()
                if status == 401:  # the time may have gone on
                    on_the_wire, reply = (re.sub(rb'nonce="\w+"', b"", text) for text in (on_the_wire, reply))
                self.assertEqual(on_the_wire, reply)

    def test_expectations_have_users(self):
        folder = folder_for(self)
        (folder / "s.yaml").write_text(settings(folder).replace("PORT", "5060").replace("secret: secret.key\n", ""))
        (folder / "rules.yaml").write_text(RULES)
        (folder / "a.test.yaml").write_text(
            "settings: s.yaml\ntests:\n"
            "- {call: '100', user: alice, expect: {gateways: [a]}}\n- {call: '100', user: bob, expect: {gateways: [b]}}\n"
            "- {call: '100', expect: {status: 401, why: the profile wants to know who calls}}\n")
        done = run("test", folder / "a.test.yaml")
        self.assertEqual((done.returncode, done.stdout), (0, "3 passed, 0 failed\n"), done.stderr)
        (folder / "a.test.yaml").write_text("settings: s.yaml\ntests:\n- {call: '1', user: carol, expect: 302}\n")
        done = run("test", folder / "a.test.yaml")
        self.assertIn('a.test.yaml:3:21: error: "carol": no profile has such a user', done.stderr)

    def test_rules_for_users_that_are_not_there(self):
        folder = folder_for(self)
        (folder / "s.yaml").write_text(settings(folder).replace("PORT", "5060").replace("secret: secret.key\n", ""))
        (folder / "rules.yaml").write_text("rules:\n- {user: [alice, carol], not: {user: dave}, reject: 403}\n")
        done = run("check", "-c", folder / "s.yaml")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(re.findall(r'rules.yaml:2:\d+: warning: no user is called "(\w+)"', done.stderr),
                         ["carol", "dave"])


class Passwd(unittest.TestCase):
    def passwd(self, *arguments, line=b"open sesame\n"):
        return subprocess.run([PROGRAM, "passwd", *arguments], input=line, capture_output=True,
                              timeout=DEADLINE_S, check=False)

    def test_an_entry_is_made_of_standard_input(self):
        for line in (b"open sesame\n", b"open sesame", b"open sesame\r\nmore\n"):
            done = self.passwd("--realm", REALM, "alice", line=line)
            self.assertEqual(done.stdout.decode(), f'"alice": {{ha1_sha256: {ha1("alice", "open sesame")}, '
                                                   f'ha1_md5: {ha1("alice", "open sesame", "MD5")}}}\n')
            self.assertEqual((done.returncode, done.stderr), (0, b""))
        done = self.passwd('a"b\\c', line=b'say "x" \\\n')
        self.assertEqual(done.stdout.decode(), '"a\\"b\\\\c": {password: "say \\"x\\" \\\\"}\n')

    def test_what_cannot_be_is_refused(self):
        for arguments, line in ((["a:b"], b"x\n"), ([""], b"x\n"), (["a\nb"], b"x\n"), (["a" * 129], b"x\n"),
                                (["--realm", 'a"b', "a"], b"x\n"), (["--realm", "a:b", "a"], b"x\n"),
                                (["a"], b""), (["a"], b"\n"), (["a"], b"x" * 257), (["a"], b"\xff\n"), (["a"], b"a\tb\n"),
                                (["a"], b"open\0sesame\n")):
            with self.subTest(arguments=arguments, line=line):
                done = self.passwd(*arguments, line=line)
                self.assertEqual((done.returncode, done.stdout), (1, b""))
                self.assertTrue(done.stderr.startswith(b"signpost: "))
        self.assertEqual(self.passwd().returncode, 2)
        self.assertEqual(self.passwd("a", "b").returncode, 2)

    def type(self, password):
        """What a terminal shows when password is typed as often as it is asked for, and the exit status."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(PROGRAM, ["signpost", "passwd", "--realm", REALM, "alice"])
        seen = b""
        try:
            while chunk := os.read(terminal, 1000):
                seen += chunk
                if seen.endswith(b"assword: "):
                    seen += b"|"
                    os.write(terminal, password + b"\n")
        except OSError:
            pass
        os.close(terminal)
        return seen, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def test_nothing_is_echoed_on_a_terminal(self):
        seen, status = self.type(b"open sesame")
        self.assertEqual(status, 0)
        self.assertNotIn(b"sesame", seen)
        self.assertEqual(seen.count(b"|"), 2)
        self.assertIn(ha1("alice", "open sesame").encode(), seen)

    def test_what_is_typed_may_be_too_long(self):
        for length, status in ((256, 0), (257, 1), (258, 1), (259, 1), (1000, 1)):
            with self.subTest(length):
                seen, got = self.type(b"x" * length)
                self.assertEqual(got, status, seen)
                self.assertNotRegex(seen, COMPLAINTS.pattern.encode())
                self.assertIn(ha1("alice", "x" * 256).encode() if status == 0 else b"signpost: ", seen)


@unittest.skipUnless(SIPP, "sipp is not installed (Debian: sip-tester)")
class Peers(unittest.TestCase):
    """Debian 12's sipp and uac_auth know MD5 only, and look at the first challenge only."""

    def call(self, scenario, port):
        folder = folder_for(self)
        done = subprocess.run(
            list(map(str, [SIPP, "-sf", ROOT / "tests/sipp" / scenario, "-s", "5551212", "-au", "alice", "-ap",
                           "open sesame", "-i", "127.0.0.1", "-p", free_port(), "-m", "1", "-nostdin", "-trace_err",
                           "-error_file", folder / "errors", "-timeout", f"{CALL_S}s", "-timeout_error",
                           f"127.0.0.1:{port}"])),
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=CALL_S + DEADLINE_S, check=False)
        errors = "".join(path.read_text(errors="replace") for path in folder.glob("errors*"))
        self.assertEqual(done.returncode, 0, f"{errors}\n{done.stdout.decode(errors='replace')[-3000:]}")

    def test_sipp_authenticates(self):
        server = start(self, ", algorithms: md5")
        self.call("authenticate.xml", server.port)
        self.assertIn("status=302", server.wait_for_log(" call ")[0])

    @unittest.skipUnless(KAMAILIO, "kamailio is not installed")
    def test_kamailio_authenticates(self):
        for transport in ("udp", "tcp"):
            with self.subTest(transport):
                server = start(self, ", algorithms: md5")
                pbx = start_kamailio(self, f"sip:127.0.0.1:{server.port};transport={transport}", "uac.cfg")
                self.call("redirected.xml", pbx)
                lines = server.wait_for_log(" call ")
                self.assertEqual(len(lines), 1, lines)
                self.assertRegex(lines[0], f"source={transport}:.* status=302 ")


if __name__ == "__main__":
    unittest.main()
