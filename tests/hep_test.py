#!/usr/bin/env python3
"""Copies of requests and replies (HEPv3): at each door both, byte for byte, with where they came from and went."""
import re
import signal
import socket
import struct
import subprocess
import time
import unittest
import urllib.request

from blackbox import (DEADLINE_S, ROOT, Server, TcpDoor, Tcp6Door, Udp6Door, UdpDoor, eventually, folder_for, free_port,
                      is_v6_here, needs_v6, process, request, settings, unique)
from peers_test import KAMAILIO

RULES = 'rules:\n  - {name: uk, called: {prefix: "+44"}, redirect: "sip:gw.example.net"}\n'
LISTEN = {"UDP": 17, "TCP": 6}


def decode(packet):
    """The chunks of a HEPv3 packet, {type: value}; strictly: each once, the lengths right, nothing left."""
    assert packet[:4] == b"HEP3", packet
    assert struct.unpack_from("!H", packet, 4)[0] == len(packet), packet
    chunks, at = {}, 6
    while at < len(packet):
        vendor, kind, length = struct.unpack_from("!HHH", packet, at)
        assert vendor == 0 and kind not in chunks and 6 < length <= len(packet) - at, packet
        chunks[kind] = packet[at + 6:at + length]
        at += length
    return chunks


class Copy:
    def __init__(self, packet):
        chunks = decode(packet)
        number = {kind: int.from_bytes(value, "big") for kind, value in chunks.items()}
        v6 = number[1] == socket.AF_INET6
        assert set(chunks) == {1, 2, 7, 8, 9, 10, 11, 12, 15} | ({5, 6} if v6 else {3, 4}), chunks
        widths = {1: 1, 2: 1, 7: 2, 8: 2, 9: 4, 10: 4, 11: 1, 12: 4}
        assert all(len(chunks[kind]) == width for kind, width in widths.items()), chunks
        assert number[11] == 1, "SIP"
        assert number[10] < 1000000
        host = lambda value: socket.inet_ntop(socket.AF_INET6 if v6 else socket.AF_INET, value)
        self.family, self.protocol, self.id = number[1], number[2], number[12]
        self.source = (host(chunks[5 if v6 else 3]), number[7])
        self.to = (host(chunks[6 if v6 else 4]), number[8])
        self.time = number[9] + number[10] / 1e6
        self.text = chunks[15]


class Hep(unittest.TestCase):
    def setUp(self):
        self.collector = self.listen()
        self.port = self.collector.getsockname()[1]

    def listen(self, family=socket.AF_INET, host="127.0.0.1"):
        collector = socket.socket(family, socket.SOCK_DGRAM)
        self.addCleanup(collector.close)
        collector.bind((host, 0))
        collector.settimeout(DEADLINE_S)
        return collector

    def start(self, text=None, **changes):
        changes.setdefault("more", f"hep: {{to: 127.0.0.1:{self.port}, id: 4294967295}}")
        return Server.start(self, RULES, text or settings(**changes))

    def receive(self):
        return Copy(self.collector.recv(65536))

    def exchange(self, server, make, method="INVITE", uri="sip:+442071234567@signpost.test", status=302):
        """Asks, and holds the copies against what was sent and received."""
        with make(server.port) as door:
            data = door.request(method, uri)
            before = time.time()
            door.send(data)
            reply = door.receive() if make.transport == "UDP" else door.receive_message()
            first, second = self.receive(), self.receive()
            here, there = door.socket.getsockname()[:2], door.socket.getpeername()[:2] if make.transport == "TCP" \
                else (door.host, server.port)
        self.assertIn(f"SIP/2.0 {status} ".encode(), reply)
        self.assertEqual((first.text, second.text), (data, reply))
        self.assertEqual((first.source, first.to, second.source, second.to), (here, there, there, here))
        for copy in (first, second):
            self.assertEqual(copy.protocol, LISTEN[make.transport])
            self.assertEqual(copy.family, make.family)
            self.assertEqual(copy.id, 4294967295)
            self.assertTrue(before - 1 <= copy.time <= time.time() + 1)
        self.assertLessEqual(first.time, second.time)

    def check_doors(self, server):
        for make in (UdpDoor, TcpDoor, *((Udp6Door, Tcp6Door) if is_v6_here() else ())):
            with self.subTest(door=make.__name__):
                self.exchange(server, make)
                self.exchange(server, make, uri="sip:1@signpost.test", status=404)
                self.exchange(server, make, "OPTIONS", status=200)

    def test_each_door(self):
        self.check_doors(self.start())

    def test_addresses_of_listeners_for_all(self):
        listen = ["udp:0.0.0.0:PORT", "tcp:0.0.0.0:PORT"] + (["udp:[::]:PORT", "tcp:[::]:PORT"] if is_v6_here() else [])
        self.check_doors(self.start(listen=listen))

    def test_the_nta_doors(self):
        server = self.start(settings(more=f"hep: {{to: 127.0.0.1:{self.port}, id: 4294967295}}").replace(
            "stack: ours", "stack: nta"))
        self.assertTrue(server.log_lines("tcp:"))
        self.check_doors(server)

    def test_what_is_longer_than_a_datagram_is_not_copied(self):
        for stack in "ours", "nta":
            server = self.start(settings(more=f"hep: {{to: 127.0.0.1:{self.port}, id: 4294967295}}").replace(
                "stack: ours", f"stack: {stack}"))
            with self.subTest(stack), TcpDoor(server.port) as door:
                door.send(door.request(more=["X:" + "y" * 10] * 5400))  # about 75 KB, and more when written again
                door.receive_message()
            self.assertLess(len(self.receive().text), 2000)  # of the answer only
            self.exchange(server, TcpDoor)

    @needs_v6
    def test_a_collector_of_ipv6(self):
        self.collector = self.listen(socket.AF_INET6, "::1")
        server = self.start(more=f'hep: {{to: "[::1]:{self.collector.getsockname()[1]}", id: 4294967295}}')
        self.exchange(server, UdpDoor)

    def test_an_ack_has_no_reply_and_a_stranger_no_copy(self):
        server = self.start(networks=("127.0.0.1",))
        with UdpDoor(server.port, "127.0.0.2") as stranger, UdpDoor(server.port) as door:
            stranger.send(stranger.request())
            door.send(b"\r\n\r\n")
            ack = door.request("ACK")
            door.send(ack)
            self.assertEqual(self.receive().text, ack)
        self.exchange(server, UdpDoor)

    def test_a_message_of_many_bytes(self):
        server = self.start()
        with UdpDoor(server.port) as door:
            long = door.request(headers={"Subject": "x" * 50000})
            door.send(long)
            self.assertEqual(self.receive().text, long)
            self.assertEqual(self.receive().text, door.receive())
            longest = door.request(headers={"Subject": "x"})
            longest = longest.replace(b"Subject: x", b"Subject: " + b"x" * (65507 - len(longest)))
            door.send(longest)  # there is no room for a header in front of it
            self.assertEqual(self.receive().text, door.receive())

    def test_sighup_turns_it_on_and_elsewhere_and_off(self):
        server = self.start(more="log: {calls: none}")
        text = server.settings_path.read_text()

        def reload(more):
            count = len(server.log_lines(" reloaded "))
            server.settings_path.write_text(text + more)
            server.signal(signal.SIGHUP)
            server.wait_for_log(" reloaded ", count + 1)

        reload(f"hep: {{to: 127.0.0.1:{self.port}, id: 4294967295}}\n")
        self.exchange(server, UdpDoor)
        self.collector = self.listen()
        reload(f"hep: {{to: 127.0.0.1:{self.collector.getsockname()[1]}, id: 4294967295}}\n")
        self.exchange(server, UdpDoor)
        self.exchange(server, TcpDoor)
        reload("")
        with UdpDoor(server.port) as door:
            self.assertEqual(door.ask(door.request()).status, 302)
        reload(f"hep: {{to: 127.0.0.1:{self.collector.getsockname()[1]}, id: 4294967295}}\n")
        self.exchange(server, UdpDoor)  # and nothing came before

    def test_nobody_there_stops_nothing(self):
        server = self.start()
        self.collector.close()
        with UdpDoor(server.port) as door:
            for _ in range(100):
                self.assertEqual(door.ask(door.request()).status, 302)

    def test_what_cannot_be_sent_is_said_once(self):
        http = free_port()
        server = self.start(more=f"hep: {{to: 255.255.255.255, id: 1}}\nmetrics: 127.0.0.1:{http}")  # nobody may
        with UdpDoor(server.port) as door:
            for _ in range(100):
                self.assertEqual(door.ask(door.request()).status, 302)
        server.wait_for_log('warning message not mirrored error="Permission denied"')
        self.assertEqual(len(server.log_lines("message not mirrored")), 1)

        def dropped():
            with urllib.request.urlopen(f"http://127.0.0.1:{http}/metrics", timeout=DEADLINE_S) as reply:
                return int(re.search(rb"(?m)^signpost_hep_dropped_total (\d+)$", reply.read())[1])

        eventually(lambda: dropped() == 400, "each of them is counted")

    @unittest.skipUnless(KAMAILIO, "kamailio is not installed")
    def test_kamailio_reads_it(self):
        folder, port = folder_for(self), free_port()
        config = (ROOT / "tests/kamailio/capture.cfg").read_text()
        config = config.replace("@LISTEN@", f"udp:127.0.0.1:{port}").replace("@FOLDER@", str(folder))
        (folder / "kamailio.cfg").write_text(config)
        (folder / "version").write_text("table_name(string) table_version(int)\nsip_capture:4\n")
        (folder / "sip_capture").write_text("id(int,auto)\n")
        server = self.start(more=f"hep: {{to: 127.0.0.1:{port}, id: 7}}")
        with open(folder / "log", "wb") as log, process(
                KAMAILIO, "-DD", "-E", "-f", folder / "kamailio.cfg", "-Y", folder, "-P", folder / "pid", stdout=log,
                stderr=subprocess.STDOUT):
            wanted = []

            def captured():
                return re.findall(r"captured (\S+) (\S+) (\S+)", (folder / "log").read_text())

            def ask(make):
                with make(server.port) as door:
                    call_id = unique("captured")
                    door.send(request(headers={"Call-ID": call_id}, via=door.via()))
                    (door.receive if make.transport == "UDP" else door.receive_message)()
                    return [(door.name().translate(str.maketrans("", "", "[]")), "INVITE", call_id),
                            (f"{door.host}:{server.port}", "302", call_id)]

            eventually(lambda: ask(UdpDoor) and captured(), "kamailio captures")
            for make in (UdpDoor, TcpDoor, *((Udp6Door, Tcp6Door) if is_v6_here() else ())):
                wanted += ask(make)
            eventually(lambda: set(captured()) >= set(wanted), f"{wanted} are captured")


if __name__ == "__main__":
    unittest.main()
