#!/usr/bin/env python3
"""What a peer's dialect, and the headers that are added, make of an answer: byte for byte as in tests/dialects/, on the
wire and from `signpost route --peer`. UPDATE=1 writes the expectations anew; read the difference."""
import os
import pathlib
import re
import unittest

from blackbox import Server, UdpDoor, folder_for, run

GOLDEN = pathlib.Path(__file__).parent / "dialects"

RULES = """
gateways:
  one: {uri: sip:gw1.test, headers: {X-Via: "{gateway}", X-Level: gateway}}
  two: {uri: "sip:gw2.test;transport=tcp?Subject=hi", uri_headers: {X-Two: "{gateway}"}}
  three: "sip:00{called}@gw3.test"
groups: {several: [one, two, three]}
rules:
  - name: several
    called: {prefix: "+44"}
    redirect: several
    headers: {X-Level: rule, Diversion: "<sip:{called}@{host}>;reason=unconditional", X-None: "{rn}"}
    uri_headers: {P-Asserted-Identity: '"The \\"{caller}\\"" <sip:{caller}@pbx.test>'}
  - {name: one, called: "1", redirect: one}
  - {name: given, called: "301", redirect: [one, three], status: 301}
  - {name: ported, called: "+12025550199", redirect: one}
  - name: many
    called: "10"
    redirect: [%s]
  - {name: barred, called: "603", reject: {status: 603, reason: "SIP;cause=603"}, headers: {X-Why: "{called} is barred", Reason: Q.850}}
""" % ", ".join(f"sip:a-host-with-a-name-that-is-rather-long-{i}.of-a-domain-that-is-long-too.test" for i in range(12))

PEERS = {  # name: (source, keys)
    "universal": ("127.0.1.1", ""),
    "asterisk": ("127.0.1.2", "dialect: asterisk"),
    "freeswitch": ("127.0.1.3", "dialect: freeswitch"),
    "first-only": ("127.0.1.4", "dialect: first-only"),
    "own": ("127.0.1.5", "dialect: {preset: freeswitch, status: 300, max_contacts: 2, q: true, user_phone: true, "
                         "embedded: true, max_bytes: 600}, headers: {X-Level: peer, X-Peer: 'from {host}'}, "
                         "uri_headers: {Privacy: none, X-Two: peer}"),
}

SETTINGS = """
profiles: {p: {listen: "udp:127.0.0.1:PORT", peers: [%s]}}
peers:
%s
secret: secret.key
workers: 1
""" % (", ".join(PEERS), "\n".join(
    f"  {name}: {{networks: {source}{', ' + keys if keys else ''}}}" for name, (source, keys) in PEERS.items()))

CALLS = (("+442071234567",), ("1",), ("301",), ("10",), ("+12025550100", "--rn", "+12025550199", "--npdi"), ("603",),
         ("nobody",))


class Dialects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server.start(cls, RULES, SETTINGS)

    def ask(self, peer, call):
        """The reply as text, the same from route and on the wire; the client's port is PORT in it."""
        with UdpDoor(self.server.port, PEERS[peer][0]) as door:
            done = run("route", "-c", self.server.settings_path, "-r", self.server.rules_path, "--peer", peer,
                       "--source", door.name(), "--caller", 'a "b"', *call)
            request, reply = re.search(r"(?s)^request:\n(.*?\r\n\r\n)rules:.*^reply:\n(.*)\Z", done.stdout, re.M).groups()
            answer = door.ask(request.encode())
            self.assertEqual(answer.data.decode(), reply, f"{peer} {call}")
            for port, name in ((door.name().split(":")[1], "PORT"), (str(self.server.port), "SERVER")):
                reply = re.sub(rf"(?<=[:=]){port}\b", name, reply)
            return reply

    def test_as_expected(self):
        for peer in PEERS:
            said = "".join(f"# {' '.join(call)}\n{self.ask(peer, call)}" for call in CALLS)
            path = GOLDEN / f"{peer}.replies"
            if os.environ.get("UPDATE"):
                path.write_bytes(said.encode())
            with self.subTest(peer):
                self.assertEqual(said.encode().decode(), path.read_bytes().decode())

    def test_no_reply_is_longer_than_the_dialect_says(self):
        for peer, most in (("universal", 1300), ("own", 600)):
            reply = self.ask(peer, ("10",))
            self.assertGreater(reply.count("@a-host"), 1)
            self.assertLess(len(reply), most)


class Route(unittest.TestCase):
    def test_contacts_left_out_are_told(self):
        folder = folder_for(self)
        (folder / "rules.yaml").write_text("default: {redirect: ['sip:a.test', 'sip:b.test']}")
        (folder / "s.yaml").write_text("profiles: {p: {listen: 'udp:127.0.0.1:5060', peers: a}}\n"
                                       "peers: {a: {networks: 127.0.0.0/8, dialect: first-only}}\n")
        said = run("route", "-c", "s.yaml", "1", cwd=folder).stdout
        self.assertIn("1 more left out: a reply has at most 1 Contact\n", said)
        self.assertIn("Contact: <sip:1@a.test>\r\n", said)


if __name__ == "__main__":
    unittest.main()
