#!/usr/bin/env python3
"""The explanation is the answer: what `signpost route` prints is what the server sends, byte for byte.

SEED=N repeats the random calls of an earlier run, CALLS=N makes more or fewer of them.
"""
import collections
import concurrent.futures
import os
import random
import re
import socket
import unittest

from blackbox import (
    LISTEN, SANITIZER, Server, TcpDoor, UdpDoor, Udp6Door, folder_for, is_v6_here, run, settings)

SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
CALLS = int(os.environ.get("CALLS") or ({"": 1000, "asan": 400, "tsan": 200, "valgrind": 20}[SANITIZER]))
WORKERS = 3

REDIRECT, FAILED, USAGE, OTHER = 0, 1, 2, 3  # exit statuses

GATEWAYS = 12
COUNTRIES = ("+1", "+33", "+44", "+442", "+4420", "+49", "+4930", "+81", "00", "0044", "112", "9", "7#", "*")
REGEXES = (r"^\+44(20|7\d)", r"^0*(\d+)$", r"(\d{3})(\d{3})$", r"^[a-z]+$", r"(?i)^USER", r".", "^$",
           r"^(\+?)(\d)(\d*)$")
HOSTS = ("signpost.test", "tenant-a.test", "Tenant-B.Test", "[2001:db8::1]", "192.0.2.9")
TENANTS = ("acme", "Acme", "umbrella corp", "")
STATUSES = (300, 301, 302, 305, 380)
TEXTS = ('"{caller}" <sip:{caller}@{host}>', "{rn}", "{called} by {rule} to {gateway}", "{cic}{tgrp}")


# A random routing table, as text


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def some(rng, things, most):
    return rng.sample(things, rng.randint(1, most))


def as_list(rng, texts):
    """One text, or a list of them: both are allowed wherever several are."""
    texts = [quoted(text) for text in texts]
    return texts[0] if len(texts) == 1 and rng.random() < 0.7 else "[" + ", ".join(texts) + "]"


def number_match(rng):
    kind = rng.randrange(5)
    if kind == 0:
        return as_list(rng, [random_number(rng) for _ in range(rng.randint(1, 3))])
    if kind == 1:
        return "{exact: %s, prefix: %s}" % (quoted(random_number(rng)), as_list(rng, some(rng, COUNTRIES, 2)))
    if kind == 2:
        return "{regex: %s}" % as_list(rng, some(rng, REGEXES, 2))
    return "{prefix: %s}" % as_list(rng, some(rng, COUNTRIES, 3))


def criteria(rng, share):
    """Lines of criteria, each with a chance of share."""
    every = {
        "called": lambda: number_match(rng),
        "caller": lambda: number_match(rng),
        "host": lambda: as_list(rng, some(rng, HOSTS, 2)),
        "source": lambda: as_list(rng, some(rng, ("127.0.0.1", "127.0.0.0/30", "127.0.0.4/31", "::1", "::/0"), 2)),
        "listener": lambda: as_list(rng, some(rng, LISTEN, 2)),
        "header": lambda: "{X-Tenant: %s}" % rng.choice(
            [quoted("acme"), "{prefix: um}", "{regex: '^[Aa]'}", "{exact: [acme, x]}"]),
    }
    return {name: make() for name, make in every.items() if rng.random() < (share if name != "called" else 0.8)}


def moments(rng, share):
    """Criteria of time: of those that hold, and that do not, whenever the test is run."""
    found = {}
    if rng.random() < share:
        found["time"] = rng.choice(["day", "past", "late", "[past, late]"])
    if rng.random() < share:
        found["from"] = rng.choice(["2020-01-01", "2099-01-01T00:00Z"])
    if rng.random() < share:
        found["until"] = rng.choice(["2020-02-01", "2099-02-01"])
    if found.get("from", "") > found.get("until", "3"):
        del found["until"]
    return found


def rewriting(rng):
    parts = []
    if rng.random() < 0.5:
        parts.append(rng.choice(["strip: 1", "strip: 3", 'strip: "+"', 'strip: "00"', "strip: 40"]))
    if rng.random() < 0.5:
        parts.append("prepend: " + quoted(rng.choice(["+", "00", "9,", "tech#", "a b"])))
    if rng.random() < 0.4:
        parts.append("replace: {regex: %s, with: %s}" % rng.choice([
            (quoted(r"^(\d+)$"), '"+$1"'), (quoted(r"(\d)(\d)"), '"$2$1"'), (quoted("^.*$"), '"<$0>$$"'),
            (quoted("7"), '""')]))
    return "{%s}" % ", ".join(parts) if parts else None


def target(rng):
    return rng.choice([
        f"gw{rng.randrange(GATEWAYS)}", f"group{rng.randrange(4)}",
        quoted("sip:{called}@%s" % rng.choice(("direct.test", "signpost.test", "127.0.0.1:5070;transport=tcp"))),
        quoted("sips:secure.test"), quoted("sip:{caller}-for-{called}@direct.test;user=phone?Subject=x"),
        "[gw%d, gw%d]" % tuple(rng.sample(range(GATEWAYS), 2))])


def action(rng):
    if rng.random() < 0.25:
        return {"reject": rng.choice([
            "404", "603 Barred", "488", '{status: 503, phrase: "Try later", retry_after: 7}',
            "{status: 410, reason: 'Q.850;cause=22;text=\"moved\"'}"])}
    lines = {"redirect": "[%s]" % ", ".join(target(rng) for _ in range(rng.randint(1, 3)))
             if rng.random() < 0.5 else target(rng)}
    if rng.random() < 0.3:
        lines["status"] = str(rng.choice(STATUSES))
    if rng.random() < 0.2:
        lines["expires"] = str(rng.randint(1, 99999))
    rewrite = rewriting(rng) if rng.random() < 0.5 else None
    if rewrite:
        lines["rewrite"] = rewrite
    if rng.random() < 0.2:
        lines["headers"] = "{X-A: %s, Reason: 'SIP;cause=302'}" % quoted(rng.choice(TEXTS))
    if rng.random() < 0.2:
        lines["uri_headers"] = "{P-Asserted-Identity: %s, X-B: b}" % quoted(rng.choice(TEXTS))
    return lines


def random_table(rng):
    text = f"match: {rng.choice(['first', 'longest'])}\n"
    text += "times: {day: {hours: 00:00-24:00}, past: {dates: 2001-01-01}, late: {dates: 2001-01-01..2099-12-31}}\n"
    text += "gateways:\n"
    for i in range(GATEWAYS):
        uri = rng.choice([f"sip:gw{i}.test", f"sip:gw{i}.test:5070;transport=tcp", f"sips:gw{i}.test",
                          f"sip:trunk{i}@gw{i}.test", f"sip:9{{called}}@gw{i}.test", f"sip:[2001:db8::{i}]"])
        text += (f"  gw{i}: " + (quoted(uri) if rng.random() < 0.5 else "{uri: %s, weight: %d, enabled: %s%s}" % (
            quoted(uri), rng.randint(1, 20), rng.choice(["true", "true", "true", "false"]),
            rng.choice(["", ", from: 2020-01-01", ", until: 2020-01-01", ", until: 2099-01-01"]))) + "\n")
    text += "groups:\n"
    for i in range(4):
        members = [f"gw{m}" for m in rng.sample(range(GATEWAYS), rng.randint(3, 8))]
        text += f"  group{i}: [[{', '.join(members[:2])}], {', '.join(members[2:])}]\n"
    text += "rules:\n"
    for i in range(60):
        lines = {**criteria(rng, 0.15), **moments(rng, 0.1), **action(rng)}
        if rng.random() < 0.2:
            unless = criteria(rng, 0.3)
            if unless:
                lines["not"] = "{%s}" % ", ".join(f"{name}: {value}" for name, value in unless.items())
        if rng.random() < 0.5:
            lines["name"] = f"the rule {i}"
        text += "  - " + "\n    ".join(f"{name}: {value}" for name, value in lines.items()) + "\n"
    text += "default: {%s}\n" % ", ".join(f"{name}: {value}" for name, value in action(rng).items())
    return text


# Random calls


def random_number(rng):
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 6)))
    return rng.choice([rng.choice(COUNTRIES) + digits, digits])


def random_called(rng):
    number = random_number(rng)
    user = number.replace("#", "%23")
    host = rng.choice(HOSTS)
    return rng.choice([
        number, number, number, number, number[:2] + "-" + number[2:], "alice", "user name", "%20", "é", "a@b",
        f"sip:{user}@{host}", f"sip:{user}@{host};user=phone", f"sip:{host}", f"sips:{user}@{host}", f"tel:{user}",
        "tel:123;phone-context=+4420", f"tel:{user};npdi;rn=+44-20", f"sip:{user};rn=+33;cic=1;tgrp=a;trunk-context=b@{host}",
        "sip:direct.test", f"sip:{'1' * 1100}@{host}", "sip:", "tel:", "sip:a b@c"])


class Call:
    """What `route` is asked, and the socket that asks the server the same."""

    def __init__(self, rng, server):
        self.called = random_called(rng)
        self.door_class = rng.choice([UdpDoor] * 6 + [TcpDoor] * 2 + [Udp6Door] * is_v6_here())
        self.source = "::1" if self.door_class is Udp6Door else rng.choice(["127.0.0.1", "127.0.0.2", "127.0.0.5"])
        self.listener = (f"{self.door_class.transport.lower()}:"
                         f"{'[::1]' if self.door_class is Udp6Door else '127.0.0.1'}:{server.port}")
        self.options = ["--listener", self.listener, "--call-id", f"call-{rng.randrange(10 ** 9)}@pbx"]
        if rng.random() < 0.5:
            caller = rng.choice([random_number(rng), "bob", "sip:+44777@pbx.test;user=phone", "tel:+1-555"])
            self.options += ["--caller", caller]
        if rng.random() < 0.4:
            self.options += ["--header", "X-Tenant: " + rng.choice(TENANTS)]
        if rng.random() < 0.2:
            user = random_number(rng).replace("#", "%23")
            self.options += ["--header", f"P-Asserted-Identity: <sip:{user}@pbx.test>"]
        if rng.random() < 0.1:
            methods = ["OPTIONS", "CANCEL", "ACK", "REGISTER", "FROB", "BYE", "MESSAGE"]
            self.options += ["--method", rng.choice(methods)]

    def check(self, server):
        """What differs, as a text, or the exit status."""
        with self.door_class(server.port, self.source) as door:
            command = ["route", "-c", server.settings_path, "-r", server.rules_path, "--source", door.name(),
                       *self.options, self.called]
            done = run(*command)
            if done.returncode not in (REDIRECT, OTHER):
                return f"{command}: exit status {done.returncode}\n{done.stderr}"
            request, reply = explained(done.stdout)
            answer = door.ask(request.encode("utf-8", "surrogateescape"))
        said = reply.encode("utf-8", "surrogateescape") if reply else None
        sent = answer.data if answer else None
        if said != sent:
            return f"{command}\nroute says: {said}\nthe server: {sent}\n{done.stdout}"
        if (done.returncode == REDIRECT) != bool(answer and 300 <= answer.status < 400):
            return f"{command}: exit status {done.returncode} for {sent}"
        return answer.status if answer else "silence"


def explained(output):
    """The request and the reply that route has printed; None for no reply."""
    request = re.search(r"(?s)^request:\n(.*?\r\n\r\n)(?=rules:\n)", output)
    reply = re.search(r"(?s)^reply:(?: none|\n(.*\r\n\r\n))\n?\Z", output, re.M)
    assert request and reply, output
    return request[1], reply[1]


class ExplanationIsAnswer(unittest.TestCase):
    def test_random_calls_over_random_tables(self):
        rng = random.Random(SEED)
        tables = 4
        seen = collections.Counter()
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            for _ in range(tables):
                server = Server.start(self, random_table(rng), settings(
                    workers=2, more="log: {calls: none}\nmethods: [INVITE, MESSAGE]"))
                calls = [Call(rng, server) for _ in range(CALLS // tables)]
                results = list(pool.map(lambda call: call.check(server), calls))
                differ = [r for r in results if isinstance(r, str) and r != "silence"]
                self.assertFalse(differ, "\n".join(
                    [f"SEED={SEED}: {len(differ)} of {len(calls)} differ", *differ[:3], server.rules_path.read_text()]))
                seen.update(results)
        print(f"\nSEED={SEED}: {sum(seen.values())} calls over {tables} tables, all alike"
              + (f" (fewer: built with {SANITIZER})" if SANITIZER else "") + f"; answers: {dict(seen)}")
        self.assertGreater(len(seen), 6, "the calls are too much alike")


TABLE = r"""
gateways:
  one: sip:one.test
  two: {uri: sip:two.test, enabled: false}
  three: {uri: sip:three.test, weight: 2}
groups:
  both: [one, two]
  shared: [[one, three]]
rules:
  - {name: tenant, host: tenant.test, redirect: one}
  - {name: night, called: {prefix: "+44"}, source: 127.9.0.0/16, redirect: one}
  - {name: vip, caller: ["+1555", "+1556"], redirect: one}
  - {name: by header, header: {X-Tenant: acme}, redirect: one}
  - {name: by tcp, listener: "tcp:127.0.0.1:5060", called: "7", redirect: one}
  - {name: no mobiles, called: {prefix: "+33"}, not: {called: {regex: '^\+33[67]'}}, redirect: one}
  - {name: uk, called: {prefix: "+44"}, rewrite: {strip: "+", prepend: "00"}, redirect: both}
  - {name: barred, called: "603", reject: 603 Not here}
  - {name: shared, called: "8", redirect: shared}
  - {name: emptied, called: "484", rewrite: {strip: 3}, redirect: one}
  - {name: off, called: "480", redirect: two}
  - {name: trunk, tgrp: tg-1, trunk_context: Example.net, redirect: one}
  - {name: ported, rn: {prefix: "+1202"}, npdi: true, cic: "+1288", redirect: one}
"""
LINE = {name[1]: number for number, line in enumerate(TABLE.splitlines(), 1)
        if (name := re.search(r"name: ([\w ]+)", line))}


class Explanation(unittest.TestCase):
    """What is printed besides the reply."""

    @classmethod
    def setUpClass(cls):
        cls.folder = folder_for(cls)
        cls.rules = cls.folder / "rules.yaml"
        cls.rules.write_text(TABLE)

    def ask(self, *arguments, status):
        done = run("route", "-r", "rules.yaml", *arguments, cwd=self.folder)
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def considered(self, *arguments, status=REDIRECT):
        """{rule: why} of the rules that were considered, in their order."""
        output = self.ask(*arguments, status=status)
        lines = re.findall(r'(?m)^  rules\.yaml:(\d+)(?::\d+)?: rule "([^"]*)": (.*)$', output)
        for number, name, _ in lines:
            self.assertEqual(int(number), LINE[name], name)
        return {name: why for _, name, why in lines}

    def test_every_rule_up_to_the_winner_and_what_it_lacked(self):
        why = self.considered("+442071234567")
        self.assertEqual(list(why), ["tenant", "night", "vip", "by header", "by tcp", "no mobiles", "uk"])
        for name, criterion in (("tenant", "host"), ("night", "source"), ("vip", "caller"), ("by header", "header"),
                                ("by tcp", "called"), ("no mobiles", "called")):
            self.assertRegex(why[name], rf"^no, {criterion}\b", name)
        self.assertEqual(why["uk"], "matches")
        self.assertIn("127.9.0.0/16", why["night"])
        self.assertIn("tenant.test", why["tenant"])

    def test_each_criterion_can_be_given(self):
        for winner, arguments in (
            ("tenant", ["sip:1@tenant.test"]), ("tenant", ["1", "--host", "tenant.test"]),
            ("vip", ["1", "--caller", "+1556"]), ("vip", ["1", "--caller", "sip:+1-556@x.test"]),
            ("by header", ["1", "--header", "X-Tenant: acme"]), ("by header", ["1", "--header", "x-tenant:acme"]),
            ("night", ["+44", "--source", "127.9.9.9:7000"]), ("by tcp", ["7", "--listener", "tcp:127.0.0.1:5060"]),
            ("no mobiles", ["+331"]), ("uk", ["tel:+44-20"]),
            ("trunk", ["5", "--tgrp", "TG-1", "--trunk-context", "example.net"]),
            ("trunk", ["tel:5;tgrp=tg-1;trunk-context=example.net"]),
            ("ported", ["5", "--rn", "+12025550199", "--npdi", "--cic", "+1288"]),
            ("ported", ["sip:+1-2;npdi;rn=+1-202-5550199;cic=+1288@x.test"]),
        ):
            self.assertEqual(list(self.considered(*arguments).items())[-1], (winner, "matches"), arguments)

    def test_parameters_belong_to_a_number(self):
        for arguments in (["alice", "--npdi"], ["sip:5@x.test", "--rn", "+1"], ["5", "--tgrp", "a"], ["5", "--rn", ""]):
            self.assertEqual(self.ask(*arguments, status=FAILED), "", arguments)

    def test_not(self):
        why = self.considered("+336123", status=OTHER)
        self.assertRegex(why["no mobiles"], r"^no, .*not")

    def test_no_rule(self):
        output = self.ask("nobody", status=OTHER)
        self.assertRegex(output, r'rule "default".*status 404')
        self.assertIn("SIP/2.0 404 Not Found\r\n", output)

    def test_the_decision(self):
        output = self.ask("+442071234567", status=REDIRECT)
        decision = output.partition("decision:\n")[2].partition("reply:")[0]
        for part in (f'rule "uk" (rules.yaml:{LINE["uk"]}', "status 302", "+442071234567", "00442071234567",
                     "sip:00442071234567@one.test (one)"):
            self.assertIn(part, decision)
        self.assertNotIn("two.test", decision)
        self.assertIn("every gateway", self.ask("480", status=OTHER))
        self.assertIn("no number", self.ask("484", status=OTHER))

    def test_another_moment_can_be_asked_for(self):
        self.folder.joinpath("times.yaml").write_text(
            "zone: Europe/London\n"
            "times:\n  office: {days: mon-fri, hours: 08:00-18:00, except: 12-25}\n"
            "  ny: {zone: America/New_York, hours: 09:00-17:00}\n"
            "gateways: {old: {uri: 'sip:old.test', until: 2026-12-31}, new: {uri: 'sip:new.test', from: 2027-01-01}}\n"
            "rules:\n"
            "  - {name: moving, from: 2027-01-20, until: 2027-01-22, reject: 480}\n"
            "  - {name: open, time: [office, ny], redirect: [[old, new]]}\n"
            "  - {name: closed, not: {time: office}, redirect: sip:vm.test}\n")

        def at(moment):
            done = run("route", "-r", "times.yaml", "--at", moment, "5", cwd=self.folder)
            found = re.search(r"^Contact: (.*?)\r?$", done.stdout, re.M)
            return found.group(1) if found else None, done.stdout

        contact, said = at("2026-12-25T10:00")
        self.assertEqual(contact, "<sip:5@vm.test>;q=1.0")
        self.assertIn("at:\n  Fri 2026-12-25 10:00:00 +00:00 in Europe/London\n", said)
        self.assertIn('rule "moving": no, date is not from 2027-01-20 until 2027-01-22 '
                      "(Fri 2026-12-25 10:00:00 +00:00 in Europe/London)\n", said)
        self.assertIn('rule "open": no, time is not office, ny (Fri 2026-12-25 10:00:00 +00:00 in Europe/London: '
                      "office excepts 12-25; Fri 2026-12-25 05:00:00 -05:00 in America/New_York: ny is for other hours)\n",
                      said)
        self.assertIn('rule "closed": matches (Fri 2026-12-25 10:00:00 +00:00 in Europe/London: office excepts 12-25)\n',
                      said)
        for moment, contact in (
            ("2026-12-31T10:00", "<sip:5@old.test>;q=1.0"), ("2027-01-01T10:00", "<sip:5@new.test>;q=1.0"),
            ("2026-12-31T18:00:00Z", "<sip:5@old.test>;q=1.0"), ("2027-01-01T03:00+05:00", "<sip:5@vm.test>;q=1.0"),
            ("2027-01-22T23:59:59", None), ("2027-01-23T00:00", "<sip:5@vm.test>;q=1.0"),
            ("2027-07-01T07:00", "<sip:5@vm.test>;q=1.0"), ("2027-07-01T07:00Z", "<sip:5@new.test>;q=1.0"),
        ):
            self.assertEqual(at(moment)[0], contact, moment)
        self.assertEqual(run("route", "-r", "times.yaml", "5", cwd=self.folder).returncode in (REDIRECT, OTHER), True)

    def test_the_row_of_a_number_table(self):
        folder = folder_for(self)
        (folder / "ported.csv").write_text("number,rn,gateway\n+44 20 1,+4479,a\n+443,,\n")
        (folder / "rules.yaml").write_text(
            "gateways: {a: sip:gw-a}\nnumbers: {ported: ported.csv}\n"
            "rules: [{name: r, called: {in: ported}, redirect: {row.gateway}}]\n")
        for number, wanted in (
            ("+44201", '  row of ported "+44201": rn "+4479", gateway "a"\n  1. sip:+44201@gw-a (a)\n'),
            ("+443", "status 480\n  the row names no gateway\n"),
            ("+44202", 'rule "r": no, called is not in ported\n'),
        ):
            self.assertIn(wanted, run("route", "-r", "rules.yaml", number, cwd=folder).stdout)

    def test_exit_status_is_the_answer(self):
        for status, arguments in (
            (REDIRECT, ["+44"]), (OTHER, ["603"]), (OTHER, ["nobody"]), (OTHER, ["+44", "--method", "OPTIONS"]),
            (OTHER, ["+44", "--method", "ACK"]), (OTHER, ["+44", "--method", "REGISTER"]), (OTHER, ["480"]),
            (OTHER, ["+44", "--source", "10.0.0.1"]),  # a stranger: no reply
            (FAILED, ["+44", "--source", "nowhere"]), (FAILED, ["+44", "--listener", "udp:10.0.0.1:5060"]),
            (FAILED, ["sip:+44@a.test", "--host", "b.test"]), (FAILED, ["+44", "--peer", "nobody"]),
            (FAILED, ["+44", "--at", "noon"]), (FAILED, ["+44", "--at", "2026-02-29"]),
            (FAILED, ["+44", "--header", "no colon"]), (FAILED, ["+44", "--header", "A: b\r\nC: d"]),
            (USAGE, []), (USAGE, ["+44", "+45"]), (USAGE, ["--frob", "+44"]), (USAGE, ["+44", "--caller"]),
        ):
            self.ask(*arguments, status=status)

    def test_a_peer_or_a_profile_says_where_from_and_where_to(self):
        """The address is one that is the peer's own, also where its network is within another's."""
        self.folder.joinpath("signpost.yaml").write_text(
            'profiles:\n  in: {listen: "udp:127.0.0.1:5060", peers: [local, all]}\n'
            '  out: {listen: ["udp:127.0.0.2:5060", "tcp:127.0.0.2:5070"], peers: [all, edge]}\n'
            "peers:\n  local: {networks: 127.0.0.0/8}\n  all: {networks: [10.0.0.0/8, 172.16.0.0/12]}\n"
            "  edge: {networks: 10.0.0.0/24}\nrules: all.yaml\n")
        self.folder.joinpath("all.yaml").write_text("rules: [{redirect: 'sip:gw.test'}]\n")
        for arguments, source, listener in (
            (["--peer", "local"], "127.0.0.0", "127.0.0.1:5060"), (["--peer", "edge"], "10.0.0.0", "127.0.0.2:5060"),
            (["--peer", "all"], "10.0.0.0", "127.0.0.1:5060"),
            (["--peer", "all", "--profile", "out"], "172.16.0.0", "127.0.0.2:5060"),
            (["--profile", "out"], "172.16.0.0", "127.0.0.2:5060"),
            (["--peer", "all", "--listener", "tcp:127.0.0.2:5070"], "172.16.0.0", "127.0.0.2:5070"),
            (["--peer", "all", "--source", "10.9.9.9:7"], "10.9.9.9", "127.0.0.1:5060"),
        ):
            output = run("route", "-c", "signpost.yaml", "+44", *arguments, cwd=self.folder).stdout
            self.assertIn(f"INVITE sip:+44@{listener} SIP/2.0", output, arguments)
            self.assertRegex(output, f"From: <sip:anonymous@{re.escape(source)}:", arguments)
        for arguments, why in (
            (["--peer", "edges"], 'peer "edges": no profile has such a peer'),
            (["--peer", "edge", "--profile", "in"], 'peer "edge": the profile has no such peer'),
            (["--profile", "inn"], 'profile "inn": the settings have no such profile'),
            (["--profile", "in", "--listener", "udp:127.0.0.2"], 'profile "in": the listener is another profile\'s'),
            (["--peer", "local", "--source", "10.0.0.1"], 'source "10.0.0.1": this address is not the peer\'s'),
        ):
            done = run("route", "-c", "signpost.yaml", "+44", *arguments, cwd=self.folder)
            self.assertEqual((done.returncode, done.stderr), (FAILED, f"signpost: {why}\n"))

    def test_a_bad_table_is_a_failure(self):
        self.folder.joinpath("bad.yaml").write_text("rules: [{}]")
        done = run("route", "-r", "bad.yaml", "+44", cwd=self.folder)
        self.assertEqual((done.returncode, done.stdout), (FAILED, ""))
        self.assertRegex(done.stderr, r"^bad\.yaml:1:\d+: error: ")

    def test_the_call_id_decides_who_shares(self):
        """The same every time; what one gateway loses goes to the others, whose own calls stay."""
        secret = self.folder / "secret.key"
        secret.write_bytes(b"0123456789abcdef")
        secret.chmod(0o600)
        config = self.folder / "signpost.yaml"
        config.write_text("secret: secret.key\nrules: rules.yaml\n")

        def first(call_id):
            output = run("route", "-c", config, "--call-id", call_id, "8").stdout
            return re.search(r"(?m)^Contact: <sip:8@(\w+)\.test>", output)[1]

        ids = [f"call-{i}" for i in range(20 if SANITIZER else 60)]
        shares = [first(call_id) for call_id in ids]
        self.assertEqual(shares, [first(call_id) for call_id in ids])
        self.assertEqual(set(shares), {"one", "three"})
        self.assertGreater(shares.count("three"), shares.count("one"))


if __name__ == "__main__":
    unittest.main()
