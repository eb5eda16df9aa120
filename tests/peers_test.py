#!/usr/bin/env python3
"""Real peers follow the redirects: sipp as a caller, and Kamailio as a PBX that fails over."""
import pathlib
import re
import shutil
import subprocess
import unittest

from blackbox import DEADLINE_S, PROGRAM, ROOT, Server, eventually, folder_for, free_port, process, settings

SIPP = shutil.which("sipp")
KAMAILIO = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin")
CALL_S = 20  # for one call through all that is tried, and the 503 of a gateway is not waited for


def is_bound(port, transport):
    """Whether somebody receives at 127.0.0.1:port."""
    state = {"udp": "07", "tcp": "0A"}[transport]
    table = pathlib.Path(f"/proc/net/{transport}").read_text()
    return re.search(rf"(?m)^ *\d+: 0100007F:{port:04X} \S+ {state} ", table)


def start_kamailio(test, value, config, name="REDIRECT"):
    """Starts one and gives its port; config may speak of name, which is that value."""
    port, folder = free_port(), folder_for(test)
    with open(folder / "log", "wb") as log:
        test.enterContext(process(
            KAMAILIO, "-DD", "-E", "-f", ROOT / "tests/kamailio" / config, "-Y", folder, "-P", folder / "pid",
            "-w", folder, "-m", "64", "-M", "8", "-l", f"udp:127.0.0.1:{port}", "-l", f"tcp:127.0.0.1:{port}",
            "-A", f'{name}="{value}"', stdout=log, stderr=log))

    def answers():
        return not subprocess.run([PROGRAM, "ping", "--timeout", "300", f"127.0.0.1:{port}"], check=False,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode

    try:
        eventually(answers, "kamailio answers")
    except AssertionError as failure:
        test.fail(f"{failure}:\n{(folder / 'log').read_text(errors='replace')[-3000:]}")
    return port


@unittest.skipUnless(SIPP, "sipp is not installed (Debian: sip-tester)")
class Peers(unittest.TestCase):
    def setUp(self):
        self.folder = folder_for(self)
        self.gateways = [free_port(), free_port()]

    def start_signpost(self, param=""):
        """Redirects every call to the first gateway, then the second."""
        first, second = self.gateways
        rules = (f"gateways:\n  first: sip:127.0.0.1:{first}{param}\n  second: sip:127.0.0.1:{second}{param}\n"
                 "rules:\n  - {name: all, redirect: [first, second]}\n")
        return Server.start(self, rules, settings(listen=["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"]))

    def sipp(self, *arguments, port, sockets="u1"):
        """The command of one that ends after one call. sockets: u1 is UDP, t1 TCP, tn TCP to several peers."""
        return [SIPP, *arguments, "-i", "127.0.0.1", "-p", port, "-t", sockets, "-m", "1", "-nostdin", "-max_socket", 100,
                "-trace_err", "-error_file", self.folder / f"errors-{port}",
                "-timeout", f"{CALL_S}s", "-timeout_error"]

    def gateway(self, index, scenario, transport="udp"):
        """A gateway that deals with one call and then ends."""
        port = self.gateways[index]
        command = self.sipp("-sf", ROOT / "tests/sipp" / scenario, port=port, sockets=transport[0] + "1")
        gateway = self.enterContext(process(*command, cwd=self.folder, stdout=subprocess.DEVNULL))
        eventually(lambda: is_bound(port, transport), f"the gateway at {port} is there")
        return gateway

    def call(self, scenario, port, transport="udp"):
        """One call by sipp; its exit status 0 means that every message was as the scenario says."""
        done = subprocess.run(
            list(map(str, self.sipp("-sf", ROOT / "tests/sipp" / scenario, "-s", "5551212", f"127.0.0.1:{port}",
                                    port=free_port(), sockets={"udp": "u1", "tcp": "tn"}[transport]))),
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=CALL_S + DEADLINE_S, check=False)
        errors = "".join(path.read_text(errors="replace") for path in self.folder.glob("errors-*"))
        self.assertEqual(done.returncode, 0, f"{errors}\n{done.stdout.decode(errors='replace')[-3000:]}")

    def ended_well(self, gateway):
        self.assertEqual(gateway.wait(CALL_S + DEADLINE_S), 0, "the gateway did not see its call to the end")

    def check_log(self, server, transport, param=""):
        """One call, from this transport, with both gateways in order."""
        first, second = self.gateways
        lines = server.wait_for_log(" call ")
        self.assertEqual(len(lines), 1, lines)
        target = rf"<sip:5551212@127\.0\.0\.1:%d{param}>"
        self.assertRegex(lines[0], rf"source={transport}:127\.0\.0\.1:\d+ .* status=302 .* "
                                   rf'contacts="{target % first};q=1\.0, {target % second};q=0\.9"')

    def test_sipp_follows(self):
        for transport in ("udp", "tcp"):
            with self.subTest(transport):
                self.gateways = [free_port(), free_port()]
                server = self.start_signpost(f";transport={transport}")
                gateway = self.gateway(0, "answer.xml", transport=transport)
                self.call("follow.xml", server.port, transport)
                self.ended_well(gateway)
                self.check_log(server, transport, f";transport={transport}")

    @unittest.skipUnless(KAMAILIO, "kamailio is not installed")
    def test_kamailio_fails_over(self):
        for transport in ("udp", "tcp"):
            for first_gateway in ("refuses", "is dead"):
                with self.subTest(transport, first_gateway=first_gateway):
                    self.fail_over(transport, first_gateway)

    def fail_over(self, transport, first_gateway):
        self.gateways = [free_port(), free_port()]
        server = self.start_signpost()
        pbx = self.kamailio(f"sip:127.0.0.1:{server.port};transport={transport}")
        gateways = [self.gateway(1, "answer.xml")]
        if first_gateway == "refuses":
            gateways.append(self.gateway(0, "refuse.xml"))
        self.call("call.xml", pbx)
        for gateway in gateways:
            self.ended_well(gateway)
        self.check_log(server, transport)

    def kamailio(self, redirect):
        return start_kamailio(self, redirect, "pbx.cfg")


if __name__ == "__main__":
    unittest.main()
