#!/usr/bin/env python3
"""Messages made to hurt, in the spirit of RFC 4475 and RFC 5118: each gets its answer, and none stops the server.

tests/messages/index.tsv says what each message is answered on UDP and on TCP (`=`: the same): statuses; alternatives
are parted by |, and several events after one message by commas. `none`: nothing; `waits`: nothing, more bytes could
follow; `closed`: the server closes the stream. `port` is where the reply goes on UDP: no message has an rport.

The messages of the RFCs themselves are sent too when they lie in ../shared/corpus or in CORPUS.

All this runs in a network namespace with nothing but loopback, because some messages name public addresses, and with
a name server that only takes note: the server must never ask it.
"""
import csv
import os
import pathlib
import select
import socket
import subprocess
import sys
import unittest

import namespace
from blackbox import ROOT, Reply, Server, TcpDoor, UdpDoor, settings

SOURCE = "127.0.0.2"
OWN = ROOT / "tests" / "messages"
CORPUS = pathlib.Path(os.environ.get("CORPUS") or ROOT.parent / "shared" / "corpus")
ROUTED = "300|301|302|305|380|404|480|604"  # R in the corpus: whatever the table says

# One table for all: a prefix that is redirected, and nothing else.
RULES = 'rules:\n  - {name: uk, called: {prefix: "+44"}, redirect: "sip:{called}@gateway.test"}\n'

# What the corpus's messages are answered on TCP where that is not what they are answered on UDP, and why.
TCP_DIFFERS = {
    "clerr": "waits",  # Content-Length is larger than the body: more may come
    "ipv6-in-sdp": "waits",  # as above
    "baddn": "waits",  # the header section does not end
    "dblreq": f"405|501|403,{ROUTED},closed",  # the second request is one of its own; what follows it is none
    "inv2543": "400,closed",  # no Content-Length: nobody knows where the next message begins
    "mult-ip-in-sdp": f"{ROUTED},closed",  # what the body has beyond its Content-Length is no message
    "ipv4-mapped-ipv6": f"{ROUTED},closed",  # as above
    "ncl": "400,closed",  # nobody knows where the next message begins
    "mcl01": "400,closed",  # as above
}
# On TCP what a body has beyond its Content-Length is the beginning of another message: it has to be ended, or it
# swallows the next one.
LEFTOVERS = {"mult-ip-in-sdp", "ipv4-mapped-ipv6"}


class Message:
    def __init__(self, name, data, udp, tcp, port):
        self.name, self.data, self.port = name, data, port
        self.expect = {"udp": udp, "tcp": udp if tcp == "=" else tcp}


def own_messages():
    with open(OWN / "index.tsv", encoding="utf-8") as index:
        rows = list(csv.DictReader(index, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [Message(row["name"], (OWN / (row["name"] + ".sip")).read_bytes(), row["udp"], row["tcp"], int(row["port"]))
            for row in rows]


def corpus_messages():
    with open(CORPUS / "index.tsv", encoding="utf-8") as index:
        rows = [row for row in csv.DictReader(index, delimiter="\t") if row["dir"] in ("rfc4475", "rfc5118")]
    messages = []
    for row in rows:
        udp = row["expect_udp"].replace("R", ROUTED)
        data = (CORPUS / row["dir"] / (row["name"] + ".dat")).read_bytes()
        # The index has the Via's port for the one message with rport, which the sender hears at its own port.
        port = 5060 if b";rport" in data.partition(b"\r\n\r\n")[0] else int(row["reply_port"])
        messages.append(Message(row["name"], data, udp, TCP_DIFFERS.get(row["name"], udp), port))
    return messages


def is_expected(got, wanted):
    """Both are parted by commas; wanted has alternatives parted by |."""
    if got == wanted or got in wanted.split("|"):
        return True
    got, wanted = got.split(","), wanted.split(",")
    return len(got) == len(wanted) and all(g in w.split("|") for g, w in zip(got, wanted))


class Torture(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if not namespace.is_inside():
            raise unittest.SkipTest(namespace.REASON)
        cls.server = Server.start(cls, RULES, settings(listen=["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"]))
        cls.name_server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        cls.name_server.bind(("127.0.0.1", 53))
        cls.addClassCleanup(cls.name_server.close)

    def questions_to_name_server(self):
        count = 0
        self.name_server.setblocking(False)
        while select.select([self.name_server], [], [], 0)[0]:
            self.name_server.recv(65535)
            count += 1
        return count

    def test_the_name_server_would_notice(self):
        """Else a look-up of the server's would go unseen."""
        subprocess.run([sys.executable, "-c", "import socket; socket.getaddrinfo('trap.test', 5060)"],
                       stderr=subprocess.DEVNULL, timeout=60, check=False)
        self.assertGreater(self.questions_to_name_server(), 0)

    def receivers(self, messages):
        """A socket for each port replies may go to; the one for 5060 also sends."""
        sockets = {}
        for port in {5060, *(m.port for m in messages)}:
            sockets[port] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sockets[port].bind((SOURCE, port))
            self.addCleanup(sockets[port].close)
        return sockets

    def on_udp(self, message, sockets, health):
        """What came back by the time a valid OPTIONS sent behind it was answered."""
        sockets[5060].sendto(message.data, ("127.0.0.1", self.server.port))
        answer = health.ask(health.request("OPTIONS"))
        self.assertEqual(answer and answer.status, 200, f"{message.name}: the OPTIONS behind it")
        events = []
        for port, receiver in sockets.items():
            while select.select([receiver], [], [], 0)[0]:
                reply = Reply(receiver.recv(65535))
                events.append(str(reply.status) + (f" at port {port}" if port != message.port else ""))
        return ",".join(events) or "none"

    def on_tcp(self, message, sockets, health):
        with TcpDoor(self.server.port, SOURCE) as door:
            door.send(message.data + (b"\r\n\r\n" if message.name in LEFTOVERS else b""))
            events = []
            if message.expect["tcp"] != "waits":
                events = self.stream_events(door, message)
            answer = health.ask(health.request("OPTIONS"))
            self.assertEqual(answer and answer.status, 200, f"{message.name}: the OPTIONS beside it")
            if select.select([door.socket], [], [], 0)[0] and not door.closed:
                events.append(f"and {door.socket.recv(65535)!r}")
        by_udp = select.select(list(sockets.values()), [], [], 0)[0]
        self.assertEqual(by_udp, [], f"{message.name}: a reply came by UDP")
        return ",".join(events) or ("waits" if message.expect["tcp"] == "waits" else "none")

    def stream_events(self, door, message):
        """The statuses up to the answer to an OPTIONS on the same stream, or its end."""
        events, marker = [], "marker-" + message.name
        try:
            door.send(door.request("OPTIONS", headers={"Call-ID": marker}))
        except OSError:
            pass  # closed already
        while (data := door.receive_message()) is not None:
            reply = Reply(data)
            if reply.get("Call-ID") == marker:
                return events
            events.append(str(reply.status))
        return events + ["closed"]

    def torture(self, title, messages):
        sockets = self.receivers(messages)
        lines, unexpected = [], []
        for transport, send in (("udp", self.on_udp), ("tcp", self.on_tcp)):
            good = 0
            for message in messages:
                with UdpDoor(self.server.port) as health:
                    try:
                        got = send(message, sockets, health)
                    except (AssertionError, OSError) as fault:
                        got = f"{type(fault).__name__}: {fault}"
                if is_expected(got, message.expect[transport]):
                    good += 1
                else:
                    unexpected.append(
                        f"  {transport}  {message.name:36} expected {message.expect[transport]}, got {got}")
            lines.append(f"{good} of {len(messages)} on {transport}")
        print(f"\n{title}: {', '.join(lines)} as expected", *unexpected, sep="\n")
        self.assertEqual(unexpected, [])
        self.assertEqual(self.questions_to_name_server(), 0, "a name was looked up")
        self.assertEqual(self.server.log_lines("not sent"), [])

    def test_own_messages(self):
        messages = own_messages()
        self.assertEqual(sorted(m.name for m in messages), sorted(path.stem for path in OWN.glob("*.sip")))
        self.torture("own messages", messages)

    @unittest.skipUnless(CORPUS.is_dir(), f"no corpus at {CORPUS}")
    def test_messages_of_the_rfcs(self):
        self.torture("RFC 4475 and 5118", corpus_messages())


if __name__ == "__main__":
    namespace.go_inside()
    unittest.main()
