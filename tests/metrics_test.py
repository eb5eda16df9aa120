#!/usr/bin/env python3
"""What is counted: each counter moves by what happened, and by nothing else; promtool reads it; reloads forget nothing."""
import contextlib
import re
import shutil
import signal
import subprocess
import unittest

from blackbox import DEADLINE_S, Server, TcpDoor, UdpDoor, eventually, free_port, settings
from http_test import get

RULES = r"""
gateways: {london: sip:lon.test, paris: sip:par.test, off: {uri: sip:off.test, enabled: false}}
groups: {both: [[london], [paris]]}
rules:
  - {name: uk, called: {prefix: "+44"}, redirect: both}
  - {name: fr, called: {prefix: "+33"}, redirect: paris}
  - {name: 'od"d\', called: {prefix: "+49"}, redirect: 'sip:{called}@literal.test'}
  - {name: barred, called: {prefix: "+1900"}, reject: 603 No}
  - {name: long, called: {prefix: "+5"}, redirect: LONG}
default: {reject: 404}
"""
NAMES_MAX = 1000


def long_group():
    """Gateways whose Contacts do not fit into a reply over UDP."""
    return [f"sip:{{called}}@g{i}.{'x' * 180}.test" for i in range(10)]


def parse(text):
    """{name: {labels as text: value}}, strictly."""
    families = {}
    for line in text.splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge|histogram))", line), line
            continue
        row = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})? (-?[0-9.e+-]+)", line)
        assert row, line
        rows = families.setdefault(row[1], {})
        assert row[2] not in rows, f"twice: {line}"
        rows[row[2]] = float(row[3])
    return families


class Counting(unittest.TestCase):
    """With a server that tells, on one worker."""

    workers = 1

    def start(self, rules=RULES, more="", **options):
        self.address = f"127.0.0.1:{free_port()}"
        rules = rules.replace("LONG", "[" + ", ".join(f'"{uri}"' for uri in long_group()) + "]")
        text = settings(more=f"metrics: {self.address}\nlog: {{calls: none}}\n{more}", workers=self.workers, **options)
        self.server = Server.start(self, rules, text)
        self.port = self.server.port
        return self.server

    def metrics(self):
        status, headers, text = get(self.address, "/metrics")
        self.assertEqual((200, "text/plain; version=0.0.4; charset=utf-8"), (status, headers["Content-Type"]))
        return parse(text)

    def value(self, name, labels=None):
        """0 for a row that is not there."""
        return self.metrics().get(name, {}).get(labels, 0)

    @contextlib.contextmanager
    def moves(self, **expected):
        """What moves in the block, and that nothing else of the same families does; name={labels: by how much}."""
        before = self.metrics()
        yield
        families = {f"signpost_{name}": rows for name, rows in expected.items()}

        def moved():
            after = self.metrics()
            return {name: {labels: value - before.get(name, {}).get(labels, 0) for labels, value in after[name].items()
                           if value != before.get(name, {}).get(labels, 0)} for name in families if name in after}

        try:
            eventually(lambda: moved() == families, "all has been counted")
        except AssertionError:
            self.assertEqual(families, moved())

    def reload(self, rules=None, settings_text=None, expected="info reloaded"):
        seen = len(self.server.log_lines(expected))
        if rules:
            self.server.write_rules(rules)
        if settings_text:
            self.server.settings_path.write_text(settings_text)
        self.server.signal(signal.SIGHUP)
        self.server.wait_for_log(expected, seen + 1)


class Calls(Counting):
    def ask(self, number, count=1, door=UdpDoor, method="INVITE", **options):
        with door(self.port) as opened:
            for _ in range(count):
                opened.send(opened.request(method, f"sip:{number}@signpost.test", **options))
                (opened.receive if door is UdpDoor else opened.receive_message)()

    def test_a_call_is_counted_by_all_that_it_has(self):
        self.start()
        udp, tcp = (f'listener="{kind}:127.0.0.1:{self.port}"' for kind in ("udp", "tcp"))
        with self.moves(
                replies_total={'method="INVITE",status="302"': 12, 'method="INVITE",status="603"': 5,
                               'method="INVITE",status="404"': 3},
                profile_replies_total={'profile="test",class="3xx"': 12, 'profile="test",class="6xx"': 5,
                                       'profile="test",class="4xx"': 3},
                peer_replies_total={'peer="local",class="3xx"': 12, 'peer="local",class="6xx"': 5,
                                    'peer="local",class="4xx"': 3},
                rule_replies_total={'rule="uk"': 7, 'rule="fr"': 5, 'rule="barred"': 5, 'rule="default"': 3},
                gateway_offers_total={'gateway="london"': 7, 'gateway="paris"': 12},
                gateway_first_offers_total={'gateway="london"': 7, 'gateway="paris"': 5},
                listener_messages_total={udp: 15, tcp: 5}, listener_replies_total={udp: 15, tcp: 5},
                listener_drops_total={}, connections_opened_total={tcp: 1}, contacts_cut_total={}, drops_total={},
                handling_seconds_count={None: 20}):
            self.ask("+442071234567", 7)
            self.ask("+33123456789", 5, TcpDoor)
            self.ask("+19001234567", 5)
            self.ask("+7123456789", 3)

    def test_methods_are_those_that_are_listed_or_known(self):
        """A peer that makes methods up makes no labels."""
        self.start(more="methods: [INVITE, MESSAGE, HOUSE]")
        with self.moves(replies_total={
                'method="MESSAGE",status="302"': 1, 'method="HOUSE",status="302"': 1, 'method="BYE",status="405"': 1,
                'method="OPTIONS",status="200"': 1, 'method="CANCEL",status="200"': 1, 'method="other",status="405"': 3}):
            for method in ("MESSAGE", "HOUSE", "BYE", "OPTIONS", "CANCEL", "MADEUP", "INVITEX", "invite"):
                self.ask("+442071234567", method=method)

    def test_a_gateway_that_a_rule_writes_goes_by_its_uri(self):
        self.start()
        with self.moves(rule_replies_total={'rule="od\\"d\\\\"': 1},
                        gateway_first_offers_total={'gateway="sip:{called}@literal.test"': 1}):
            self.ask("+4930123456")

    def test_contacts_cut_for_size(self):
        self.start()
        with UdpDoor(self.port) as door:
            kept = len(door.ask(door.request(uri="sip:+5551234@signpost.test")).contacts())
        self.assertLess(kept, 10)
        self.assertEqual(10 - kept, self.value("signpost_contacts_cut_total"))
        offers = self.metrics()["signpost_gateway_offers_total"]
        self.assertEqual(kept, sum(value for labels, value in offers.items() if "xxx" in labels))
        self.ask("+5551234", 2, TcpDoor)
        self.assertEqual(10 - kept, self.value("signpost_contacts_cut_total"))

    def test_what_is_not_answered_is_no_reply(self):
        self.start()
        udp = f'listener="udp:127.0.0.1:{self.port}"'
        with UdpDoor(self.port) as door:
            with self.moves(drops_total={'reason="no_via"': 4}, listener_drops_total={udp: 4},
                            listener_messages_total={udp: 11}, replies_total={'method="OPTIONS",status="200"': 1}):
                for _ in range(4):
                    door.send(door.request(headers={"Via": None}))
                for _ in range(3):
                    door.send(door.request("ACK"))
                    door.send(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n\r\n")
                door.ask(b"")  # its marker comes last

    def test_what_is_no_message_is_dropped(self):
        self.start()
        udp = f'listener="udp:127.0.0.1:{self.port}"'
        with UdpDoor(self.port) as door:
            with self.moves(listener_drops_total={udp: 2}, listener_messages_total={udp: 3},
                            replies_total={'method="OPTIONS",status="200"': 1}):
                door.send(b"hello there")
                door.send(b"INVITE sip:1@x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1")
                for _ in range(3):
                    door.send(b"\r\n\r\n")  # keeps a NAT open
                door.ask(b"  ")

    def test_a_broken_message_is_a_reply_400(self):
        self.start()
        with self.moves(replies_total={'method="INVITE",status="400"': 2}, rule_replies_total={}, drops_total={}):
            self.ask("+442071234567", 2, headers={"CSeq": "x INVITE"})

    def test_strangers(self):
        """Also what is no message, and would be dropped without a word: whose it is is looked at before that."""
        for stack in ("ours", "nta"):
            with self.subTest(stack):
                self.start(networks=("127.0.0.1",), stack=stack)
                udp, tcp = (f'listener="{kind}:127.0.0.1:{self.port}"' for kind in ("udp", "tcp"))
                with self.moves(drops_total={'reason="stranger"': 6}, listener_drops_total={udp: 5, tcp: 1},
                                connections_opened_total={}, replies_total={'method="OPTIONS",status="200"': 1}):
                    with UdpDoor(self.port, "127.0.0.9") as stranger:
                        for _ in range(4):
                            stranger.send(stranger.request())
                        stranger.send(b"hello there")
                    with TcpDoor(self.port, "127.0.0.9") as stranger:
                        self.assertIsNone(stranger.receive_message())
                    self.ask("+442071234567", method="OPTIONS")

    def test_over_the_limit(self):
        for over, dropped in (("drop", True), ("503", False)):
            with self.subTest(over):
                self.start(more="", networks=("127.0.0.1",))
                text = self.server.settings_path.read_text().replace(
                    'networks: ["127.0.0.1"]', f'networks: ["127.0.0.1"], rate: 1/h, burst: 2, over: {over}')
                self.assertIn("burst", text)
                self.reload(settings_text=text)
                with self.moves(
                        drops_total={'reason="limit"': 3},
                        rule_replies_total={'rule="uk"': 2},
                        replies_total={'method="INVITE",status="302"': 2} if dropped else
                        {'method="INVITE",status="302"': 2, 'method="INVITE",status="503"': 3}):
                    with UdpDoor(self.port) as door:
                        for _ in range(5):
                            door.send(door.request())

    def test_connections(self):
        self.start()
        row = f'listener="tcp:127.0.0.1:{self.port}"'
        self.assertEqual(0, self.value("signpost_connections", row))
        doors = [TcpDoor(self.port) for _ in range(3)]
        for door in doors:
            self.addCleanup(door.socket.close)
            door.ask(door.request("OPTIONS"))
        self.assertEqual(3, self.value("signpost_connections", row))
        doors[0].socket.close()
        eventually(lambda: self.value("signpost_connections", row) == 2, "one is gone")
        self.reload(RULES.replace("LONG", "sip:x.test"))
        doors[1].socket.close()
        eventually(lambda: self.value("signpost_connections", row) == 1, "another is gone")
        self.assertEqual(3, self.value("signpost_connections_opened_total", row))

    def test_the_histogram_adds_up(self):
        self.start()
        self.ask("+442071234567", 50)
        self.assertEqual(50, eventually(lambda: self.value("signpost_handling_seconds_count") == 50 and 50, "counted"))
        metrics = self.metrics()
        buckets = list(metrics["signpost_handling_seconds_bucket"].values())
        self.assertEqual(sorted(buckets), buckets)
        self.assertEqual(50, metrics["signpost_handling_seconds_bucket"]['le="+Inf"'])
        total = metrics["signpost_handling_seconds_sum"][None]
        self.assertTrue(50e-6 < total < 50 * DEADLINE_S, total)


class TwoWorkers(Calls):
    """The same with two: what they count is summed up."""

    workers = 2

    def test_both_count(self):
        """Many sources, so that both get some; all are counted once."""
        self.start()
        with self.moves(replies_total={'method="INVITE",status="302"': 200}, rule_replies_total={'rule="uk"': 200}):
            for _ in range(200):
                self.ask("+442071234567")


class Names(Counting):
    def call(self, number="+442071234567"):
        with UdpDoor(self.port) as door:
            door.send(door.request(uri=f"sip:{number}@signpost.test"))
            door.receive()

    def test_counters_outlive_their_names(self):
        self.start("rules: [{name: a, reject: 480}]")
        self.call()
        self.reload("rules: [{name: b, reject: 480}]")
        self.call()
        self.call()
        self.assertEqual({'rule="a"': 1, 'rule="b"': 2, 'rule="default"': 0}, self.metrics()["signpost_rule_replies_total"])
        self.reload("rules: [{name: c, called: '1', reject: 480}, {name: a, reject: 480}]")
        self.call()
        self.assertEqual({'rule="a"': 2, 'rule="b"': 2, 'rule="c"': 0, 'rule="default"': 0},
                         self.metrics()["signpost_rule_replies_total"])

    def test_rules_of_tables_have_its_name_in_front(self):
        self.start("rules: [{name: a, reject: 480}]\n"
                   "tables: {acme: {host: acme.test, rules: [{name: a, called: '1', reject: 480}], default: {reject: 604}}}")
        with UdpDoor(self.port) as door:
            for host in ("acme.test", "acme.test", "signpost.test"):
                door.send(door.request(uri=f"sip:2@{host}"))
                door.receive()
        self.assertEqual({'rule="a"': 1, 'rule="default"': 0, 'rule="acme/a"': 0, 'rule="acme/default"': 2},
                         self.metrics()["signpost_rule_replies_total"])

    def test_a_name_for_all_others(self):
        """There is room for so many names; the rest is counted together."""
        rules = "gateways:\n" + "".join(f"  g{i}: sip:{i}.test\n" for i in range(NAMES_MAX + 50)) + "rules:\n" + "".join(
            f"  - {{name: r{i}, called: '{i}', redirect: g{i}}}\n" for i in range(NAMES_MAX + 50))
        self.start(rules)
        for number in (5, NAMES_MAX - 1, NAMES_MAX, NAMES_MAX + 10, NAMES_MAX + 49):
            self.call(number)
        self.call("nobody")
        for name, label, first in (("rule_replies", "rule", "r"), ("gateway_offers", "gateway", "g")):
            rows = self.metrics()[f"signpost_{name}_total"]
            self.assertEqual(NAMES_MAX + 1, len(rows))
            self.assertEqual(1, rows[f'{label}="{first}5"'])
            self.assertEqual(1, rows[f'{label}="{first}{NAMES_MAX - 1}"'])
            self.assertEqual(4 if label == "rule" else 3, rows[f'{label}="other"'])
            self.assertNotIn(f'{label}="{first}{NAMES_MAX}"', rows)

    def test_a_rule_called_other_is_one_of_the_others(self):
        self.start("rules: [{name: other, reject: 480}]")
        self.call()
        self.assertEqual({'rule="other"': 1, 'rule="default"': 0}, self.metrics()["signpost_rule_replies_total"])


class Reloads(Counting):
    def test_outcome(self):
        self.start()
        metrics = self.metrics()
        self.assertEqual({'result="ok"': 0, 'result="failed"': 0}, metrics["signpost_reloads_total"])
        self.assertEqual(1, metrics["signpost_last_reload_successful"][None])
        since = metrics["signpost_last_reload_success_timestamp_seconds"][None]
        self.reload("rules: [", expected="error reload failed")
        metrics = self.metrics()
        self.assertEqual({'result="ok"': 0, 'result="failed"': 1}, metrics["signpost_reloads_total"])
        self.assertEqual(0, metrics["signpost_last_reload_successful"][None])
        self.assertEqual(since, metrics["signpost_last_reload_success_timestamp_seconds"][None])
        self.assertEqual(5, metrics["signpost_table_rules"][None])
        self.reload("rules: [{name: a, reject: 480}]")
        metrics = self.metrics()
        self.assertEqual({'result="ok"': 1, 'result="failed"': 1}, metrics["signpost_reloads_total"])
        self.assertEqual(1, metrics["signpost_last_reload_successful"][None])
        self.assertGreaterEqual(metrics["signpost_last_reload_success_timestamp_seconds"][None], since)
        self.assertGreater(metrics["signpost_last_reload_duration_seconds"][None], 0)
        self.assertEqual(1, metrics["signpost_table_rules"][None])

    def test_a_scrape_beside_reloads_and_calls(self):
        """Counters never go back."""
        self.start()
        last = {}
        with UdpDoor(self.port) as door:
            for i in range(30):
                self.server.write_rules(f"rules: [{{name: r{i}, reject: 480}}]")
                self.server.signal(signal.SIGHUP)
                door.send(door.request())
                for name, rows in self.metrics().items():
                    for labels, value in rows.items() if name.endswith("_total") else ():
                        self.assertGreaterEqual(value, last.get((name, labels), 0))
                        last[name, labels] = value
                door.receive()
        eventually(lambda: self.value("signpost_replies_total", 'method="INVITE",status="480"')
                   + self.value("signpost_replies_total", 'method="INVITE",status="302"') == 30, "all are counted")


@unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
class Promtool(Counting):
    def test_promtool_finds_nothing_to_complain_of(self):
        self.start()
        with UdpDoor(self.port) as door:
            for number in ("+442071234567", "+4930123456", "+5551234", "+1900", "1"):
                door.send(door.request(uri=f"sip:{number}@signpost.test"))
                door.receive()
        text = get(self.address, "/metrics")[2]
        done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, timeout=DEADLINE_S,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual((0, ""), (done.returncode, done.stdout))
        for name in parse(text):
            self.assertRegex(name, "^(signpost|process)_")


if __name__ == "__main__":
    unittest.main()
