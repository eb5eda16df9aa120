#!/usr/bin/env python3
"""One packet in five is lost, on the way there and on the way back: 1,000 calls of sipp all come through, because they
are sent again (RFC 3261 17.1.1.2), and each request is given one and the same answer as often as it comes.

What the server sends is seen before any of it is lost, by a packet socket. LOSS_T1=500 for the T1 of RFC 3261; it is
shorter here, and the whole sooner over."""
import collections
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import unittest

import namespace
from blackbox import DEADLINE_S, PATIENCE, ROOT, Server, eventually, folder_for, free_port, settings

CALLS = 1000
LOSS = 0.2
T1_MS = int(os.environ.get("LOSS_T1") or 10)
PER_SECOND = 400 // PATIENCE
ANSWER = re.compile(rb"SIP/2\.0 302 .*?\r\nCall-ID: ([^\r]+)\r\n", re.S)
QUESTION = re.compile(rb"INVITE .*?\r\nCall-ID: ([^\r]+)\r\n", re.S)


def rule(port, which):
    return ["iptables", "-A", "INPUT", "-p", "udp", which, str(port), "-m", "statistic", "--mode", "random", "--probability",
            str(LOSS), "-j", "DROP"]


class Witness(threading.Thread):
    """Sees all datagrams that leave for a port or from it, whether they arrive or not."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.questions, self.answers = collections.Counter(), collections.defaultdict(collections.Counter)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        self.socket.bind(("lo", 0))
        self.socket.settimeout(0.2)
        self.stopping = False

    def see(self, packet, kind):
        if kind != socket.PACKET_OUTGOING or packet[9] != socket.IPPROTO_UDP:
            return
        udp = packet[(packet[0] & 15) * 4:]
        source, target = struct.unpack("!HH", udp[:4])
        text = udp[8:]
        match = source == self.port and ANSWER.match(text)
        if match:
            self.answers[match[1]][text] += 1
        match = target == self.port and QUESTION.match(text)
        if match:
            self.questions[match[1]] += 1

    def run(self):
        while not self.stopping:
            try:
                packet, (_, _, kind, *_) = self.socket.recvfrom(65535)
            except TimeoutError:
                continue
            self.see(packet, kind)
        self.socket.close()

    def stop(self):
        self.stopping = True
        self.join()


class Loss(unittest.TestCase):
    def setUp(self):
        if not namespace.is_inside():
            self.skipTest(namespace.REASON)
        self.server = Server.start(
            self, "gateways: {a: sip:a.test, b: sip:b.test, c: sip:c.test, d: sip:d.test}\ngroups: {g: [[a, b, c], d]}\n"
                  "rules: [{name: all, redirect: g}]\n", settings(more="log: {calls: none}"))
        for which in ("--dport", "--sport"):
            command = rule(self.server.port, which)
            if not shutil.which(command[0]):
                self.skipTest("there is no iptables")
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode:
                self.skipTest(f"no packets can be lost here: {done.stdout.strip()}")

    def call(self):
        folder = folder_for(self)
        scenario = folder / "resent.xml"
        scenario.write_text((ROOT / "tests/sipp/resent.xml").read_text().replace("T1", str(T1_MS)))
        done = subprocess.run(
            ["sipp", "-sf", scenario, "-s", "+442071234567", "-m", str(CALLS), "-r", str(PER_SECOND), "-l", str(CALLS), "-nostdin", "-nd", "-max_retrans", "14", "-max_invite_retrans", "14", "-i",
             "127.0.0.1", "-p", str(free_port()), f"127.0.0.1:{self.server.port}"],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            timeout=20 * DEADLINE_S)
        counts = re.findall(rb"(Successful|Failed) call +\| +\d+ +\| +(\d+)", done.stdout)
        return {name.decode(): int(count) for name, count in counts}, done

    def test_all_calls_come_through_with_one_answer_each(self):
        witness = Witness(self.server.port)
        witness.start()
        counts, done = self.call()
        most = [(call, count, witness.answers[call]) for call, count in witness.questions.most_common(3)]
        self.assertEqual(counts, {"Successful": CALLS, "Failed": 0}, f"asked most often: {most}\n{done.stdout[-3000:]}")
        self.assertEqual(done.returncode, 0)
        eventually(lambda: len(witness.answers) == CALLS, "an answer to each call seen")
        witness.stop()
        asked, answered = sum(witness.questions.values()), sum(sum(a.values()) for a in witness.answers.values())
        print(f"\n{CALLS} calls: {asked} requests sent, {answered} answers sent, most for one call "
              f"{max(sum(a.values()) for a in witness.answers.values())}")
        self.assertEqual([a for a in witness.answers.values() if len(a) != 1], [])
        self.assertGreater(asked, CALLS * 1.2, "nothing was lost")
        self.assertLess(answered, asked)


if __name__ == "__main__":
    namespace.go_inside()
    unittest.main()
