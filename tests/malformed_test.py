#!/usr/bin/env python3
"""Thousands of malformed messages through every door: each good call behind one is answered, and what is answered to
the malformed ones is SIP in order. MALFORMED=100000: so many through each door; SEED=2: others."""
import collections
import functools
import os
import re
import socket
import ssl
import threading
import unittest

import besieged
from besieged import besiege, good_reply
from blackbox import KNOWN, PATIENCE, Reply, Server, TcpDoor, UdpDoor, settings, unique
from malformed import BODY, FIELDS, FORMATS, INTEGERS, NEEDED, Malformed
from stream_test import Certificates, TlsDoor, tls_settings

SEED = int(os.environ.get("SEED") or 1)
COUNT = int(os.environ.get("MALFORMED") or 0)  # 0: a few thousand
ATTACKER = "127.0.0.9"  # some Vias make the reply go to another port of it
DATAGRAMS = 20  # before a good call
BATCH_BYTES = 150_000  # and no more than these, so that the kernel drops none
PIPELINED = 6  # on a connection before its end
CONNECTIONS = 6  # at a time
QUICK_MS = 300 * min(PATIENCE, 2)  # for a message that is not whole


class Tally:
    """What came back, checked."""

    def __init__(self):
        self.statuses = collections.Counter()
        self.good = 0
        self.lock = threading.Lock()

    def reply(self, data):
        reply = Reply(data)
        assert set(reply.names()) <= KNOWN, f"unknown header in {data!r}"
        assert not re.search(rb"[\0-\x1f\x7f]", data.replace(b"\r\n", b"")), f"control characters in {data!r}"
        assert reply.status >= 300, f"an INVITE was answered {data!r}"
        return reply

    def take(self, reply, number=None):
        """The answer to good call number, or to a malformed one."""
        fault = number and good_reply(reply, number)
        assert not fault, fault
        with self.lock:
            if number:
                self.good += 1
            else:
                self.statuses[reply.status] += 1

    def __str__(self):
        return f"{self.good} good calls answered; " + " ".join(f"{s}:{n}" for s, n in sorted(self.statuses.items()))


def send_datagrams(malformed, port, count, tally):
    """In batches, each with a good call behind it, whose answer ends the batch."""
    number = 0
    with UdpDoor(port, ATTACKER) as door:
        while number < count:
            size, batch = 0, 0
            while number < count and batch < DATAGRAMS and size < BATCH_BYTES:
                data = malformed.message(number, "UDP", door.name())[:65507]
                door.send(data)
                size += len(data)
                number, batch = number + 1, batch + 1
            call_id, called = unique("good"), f"+4420{number:07}"
            door.send(door.request(uri=f"sip:{called}@signpost.test", headers={"Call-ID": call_id}))
            while True:
                reply = tally.reply(door.receive())
                if reply.get("Call-ID") == call_id:
                    tally.take(reply, called)
                    break
                tally.take(reply)


class StreamAttack:
    """Connections on which a good call follows each malformed message. One that ends the stream takes those behind it
    along: they go on the next."""

    def __init__(self, malformed, make_door, count, tally):
        self.malformed, self.make_door, self.tally = malformed, make_door, tally
        self.shares = [range(i, count, CONNECTIONS) for i in range(CONNECTIONS)]
        self.connections = 0
        self.faults = []

    def converse(self, door, numbers):
        """How many of the good calls on one connection were answered."""
        data, calls, adrift = b"", {}, False
        for number in numbers:
            call_id, called = unique("good"), f"+4420{number:07}"
            adrift = adrift or self.malformed.about(number).startswith("Content-Length")
            calls[call_id] = called, adrift
            data += self.malformed.message(number, door.transport, door.name())
            data += door.request(uri=f"sip:{called}@signpost.test", headers={"Call-ID": call_id})
        try:
            door.send(data)
            if not isinstance(door.socket, ssl.SSLSocket):
                door.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # closed; what was answered can still be read
        answered, last = 0, list(calls)[-1]
        while (message := self.receive(door)) is not None:
            reply = self.tally.reply(message)
            called, behind = calls.get(reply.get("Call-ID"), (None, False))
            # A wrong length moves the beginning of a message behind it: that is another one then.
            moved = behind and reply.status == 400
            self.tally.take(reply, None if moved else called)
            if called and not moved:
                answered = 1 + list(calls).index(reply.get("Call-ID"))
            if reply.get("Call-ID") == last:
                break
        return answered

    @staticmethod
    def receive(door):
        try:
            return door.receive_message()
        except (ConnectionError, ssl.SSLError):
            return None  # reset behind what it did not read

    def attack(self, share):
        try:
            numbers = list(share)
            while numbers:
                with self.make_door() as door:
                    self.connections += 1
                    answered = self.converse(door, numbers[:PIPELINED])
                numbers = numbers[min(answered + 1, PIPELINED):]
        except Exception as fault:  # pylint: disable=broad-except
            self.faults.append(repr(fault))

    def run(self):
        threads = [threading.Thread(target=self.attack, args=[share], daemon=True) for share in self.shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class Malformations(unittest.TestCase):
    DOORS = ("udp", "tcp", "tls")

    @classmethod
    def setUpClass(cls):
        cls.malformed = Malformed(SEED)
        cls.certificates = Certificates(cls)
        cls.context = cls.certificates.context()
        cls.server = Server.start(cls, besieged.RULES, cls.settings())

    @classmethod
    def settings(cls):
        return tls_settings(cls.certificates.tls(), f"log: {{calls: none}}\nlimits: {{message: {QUICK_MS}ms}}")

    def doors(self, source):
        port = self.server.port
        doors = {"udp": functools.partial(UdpDoor, port, source), "tcp": functools.partial(TcpDoor, port, source),
                 "tls": functools.partial(TlsDoor, port, self.context, source)}
        return {name: doors[name] for name in self.DOORS}

    def attack(self, name, count):
        def attack():
            tally = Tally()
            if name == "udp":
                send_datagrams(self.malformed, self.server.port, count, tally)
            else:
                stream = StreamAttack(self.malformed, self.doors(ATTACKER)[name], count, tally)
                stream.run()
                self.assertEqual(stream.faults, [])
            self.assertGreater(sum(tally.statuses.values()), count / 4)
            return f"{count} malformed messages; {tally}"

        doors = self.doors(besieged.GOOD_SOURCE).values()
        print(f"\n{type(self).__name__} {name}: {besiege(self, self.server, doors, attack)}")

    def test_udp(self):
        self.attack("udp", COUNT or 6000 // PATIENCE)

    def test_tcp(self):
        self.attack("tcp", COUNT or 3000 // PATIENCE)

    def test_tls(self):
        self.attack("tls", COUNT or 1500 // PATIENCE)


class AgentMalformations(Malformations):
    """The same with `stack: nta`, which has no TLS."""

    DOORS = ("udp", "tcp")
    test_tls = None

    @classmethod
    def settings(cls):
        return settings(stack="nta", more="log: {calls: none}")


def is_utf8(text):
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


class Generator(unittest.TestCase):
    ROUNDS = 12
    SIGNS = {  # of each way, in the lines of a field whose value was `was`
        "overlong": lambda lines, was: len(b"".join(lines)) > len(was) + 60,
        "empty": lambda lines, was: len(lines) == 1 and len(lines[0].strip()) < len(was),
        "repeated": lambda lines, was: len(lines) > 1 or len(lines[0]) > len(was),
        "missing": lambda lines, was: not lines or len(lines[0]) < len(was),
        "wrong_encoded": lambda lines, was: not is_utf8(lines[0]),
        "format_string": lambda lines, was: any(f.encode() in lines[0] and f.encode() not in was for f in FORMATS),
        "integer_overflow": lambda lines, was: any(i.encode() in lines[0] and i.encode() not in was for i in INTEGERS),
        "utf8": lambda lines, was: is_utf8(lines[0]) and not lines[0].isascii(),
        "nul": lambda lines, was: b"\0" in lines[0],
    }

    def changed(self, malformed, number):
        """The lines of the one field that may be other than it should, without its name; and its value as it should be.
        """
        name = malformed.names[number % 37]
        whole = {field: text.format_map({"n": number, "transport": "UDP", "sent_by": "pbx.test"}).encode()
                 for field, text in FIELDS.items()}
        head = malformed.message(number)[:-len(BODY)].partition(b"\r\n")[2]
        for field, value in whole.items():
            if field != name:
                at = re.search(b"(?m)^" + re.escape(field.encode() + b": " + value) + b"\r\n", head)
                head = head[:at.start()] + head[at.end():] if at else head
                self.assertTrue(at or field not in NEEDED, (malformed.about(number), field))
        lines = re.split(rb"(?m)^" + name.encode() + b": ", head[:-2])
        self.assertEqual(lines[0], b"", malformed.about(number))
        return [line[:-2] for line in lines[1:]], whole[name]

    def test_every_field_is_changed_in_every_way(self):
        """In at least a third of the messages that say so; and nothing else is."""
        malformed = Malformed(1)
        self.assertEqual(len(malformed.names), 37)
        shown = collections.Counter()
        for number in range(37 * 9 * self.ROUNDS):
            lines, was = self.changed(malformed, number)
            shown[malformed.about(number)] += bool(self.SIGNS[malformed.way(number).__name__](lines, was))
        self.assertEqual(len(shown), 37 * 9)
        self.assertEqual({about: times for about, times in shown.items() if times < self.ROUNDS / 3}, {})

    def test_a_message_depends_on_its_seed_and_number(self):
        numbers = range(500)
        first, again, other = ([Malformed(seed).message(n) for n in numbers] for seed in (1, 1, 2))
        self.assertEqual(first, again)
        self.assertGreater(sum(a != b for a, b in zip(first, other)), 490)
        self.assertGreater(len(set(first)), 490)


if __name__ == "__main__":
    unittest.main()
