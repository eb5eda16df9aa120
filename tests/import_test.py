#!/usr/bin/env python3
"""import: a converted table answers as the one that it comes from, and what is not converted is said."""
import csv
import random
import shutil
import unittest

from blackbox import SANITIZER, Server, UdpDoor, folder_for, run, settings
from peers_test import KAMAILIO, start_kamailio

CALLS = 60 if SANITIZER else 300

# As Kamailio's db_text has them: names and types, and the version of each table.
TABLES = {
    "dr_gateways": (3, "gwid(int) type(int) address(string) strip(int) pri_prefix(string,null) attrs(string,null) "
                       "description(string)"),
    "dr_groups": (2, "id(int,auto) username(string) domain(string) groupid(int) description(string)"),
    "dr_gw_lists": (1, "id(int) gwlist(string) description(string)"),
    "dr_rules": (3, "ruleid(int) groupid(string) prefix(string) timerec(string) priority(int) routeid(string) "
                    "gwlist(string) description(string)"),
    "lcr_gw": (3, "id(int) lcr_id(int) gw_name(string,null) ip_addr(string,null) hostname(string,null) port(int,null) "
                  "params(string,null) uri_scheme(int,null) transport(int,null) strip(int,null) prefix(string,null) "
                  "tag(string,null) flags(int) defunct(int,null)"),
    "lcr_rule": (3, "id(int) lcr_id(int) prefix(string,null) from_uri(string,null) request_uri(string,null) "
                    "mt_tvalue(string,null) stopper(int) enabled(int)"),
    "lcr_rule_target": (1, "id(int) lcr_id(int) rule_id(int) gw_id(int) priority(int) weight(int)"),
    "mtree": (1, "id(int) tprefix(string) tvalue(string)"),
}


def columns(table):
    return [column.partition("(")[0] for column in TABLES[table][1].split()]


def write_csv(folder, table, rows, header=None):
    with open(folder / f"{table}.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header or columns(table))
        writer.writerows(rows)


def write_dbtext(folder, tables):
    """All tables, those without rows as well: modules want to see them."""
    versions = ["id(int,auto) table_name(string) table_version(int)"]
    for number, (table, (version, head)) in enumerate(TABLES.items()):
        versions.append(f"{number}:{table}:{version}")
        lines = [head] + [":".join(str(value).replace(":", "\\:") for value in row) for row in tables.get(table, [])]
        (folder / table).write_text("\n".join(lines) + "\n")
    (folder / "version").write_text("\n".join(versions) + "\n")


class Import(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = folder_for(self)

    def convert(self, kind, *files, status=0, into=False):
        """The findings. The table is in rules.yaml, and is one without errors."""
        options = ["--into", "."] if into else []
        done = run("import", kind, *options, *(f"{name}.csv" for name in files), cwd=self.folder)
        self.assertEqual(done.returncode, status, done.stderr)
        if not into:
            (self.folder / "rules.yaml").write_text(done.stdout)
        check = run("check", "-r", "rules.yaml", cwd=self.folder)
        self.assertEqual(check.returncode, 0, check.stderr + (self.folder / "rules.yaml").read_text())
        return done.stderr

    def targets(self, called, *options):
        """What route says: the URIs in their order, or none."""
        done = run("route", "-r", "rules.yaml", *options, called, cwd=self.folder)
        self.assertIn(done.returncode, (0, 3), done.stderr)
        decision = done.stdout.partition("\ndecision:\n")[2].partition("\nreply:\n")[0]
        return [line.split()[1] for line in decision.splitlines() if line.split()[0].rstrip(".").isdigit()]


class Drouting(Import):
    GATEWAYS = [
        (1, 10, "10.10.10.10:5080", 0, "2222", "", "Gateway 1"),
        (2, 10, "10.10.10.10", 2, "3333", "", "Gateway 2"),
        (3, 20, "10.10.10.11", 0, "NULL", "", "Gateway 3"),
    ]

    def tables(self, rules, gateways=None, lists=()):
        write_csv(self.folder, "dr_gateways", gateways or self.GATEWAYS)
        write_csv(self.folder, "dr_rules", rules)
        write_csv(self.folder, "dr_gw_lists", lists)

    def test_the_sample_of_the_manual(self):
        """Each gateway strips and leads as it wants to, by the time of the rule, in the order of the priority."""
        self.tables([(1, 6, "0049", "20040101T083000|10H|weekly|||MO,TU,WE,TH,FR", 5, 23, "1,2", "Rule 1"),
                     (2, 6, "0049", "20040101T083000", 0, 0, "3", "Rule 2"),
                     (3, 6, "", "", 0, 0, "3", "the rest")])
        said = self.convert("drouting", "dr_rules", "dr_gateways")
        self.assertEqual(said, 'dr_rules.csv:2:58: warning: nothing is made of "routeid", here and in other rows\n'
                               "3 rules, 3 gateways, 0 errors\n")
        first = ["sip:22220049301@10.10.10.10:5080", "sip:333349301@10.10.10.10"]
        for at, expected in (("2026-11-20T08:30", first), ("2026-11-20T18:29:59", first),
                             ("2026-11-20T18:30", ["sip:0049301@10.10.10.11"]),
                             ("2026-11-21T12:00", ["sip:0049301@10.10.10.11"]), ("2003-01-01", ["sip:0049301@10.10.10.11"])):
            self.assertEqual(self.targets("0049301", "--at", at), expected, at)
        self.assertEqual(self.targets("0044"), ["sip:0044@10.10.10.11"])

    def test_times(self):
        for text, keys in (
            ("", ""), ("||weekly", ""), ("20300102T030405", "from: 2030-01-02T03:04:05"),
            ("20300102T030405|P1W2DT1H", "from: 2030-01-02T03:04:05, until: 2030-01-11T04:04:05"),
            ("20300102T030405|PT1H||", "from: 2030-01-02T03:04:05, until: 2030-01-02T04:04:05"),
            ("20260101T080000|1H30M10S|daily", "{hours: 08:00:00-09:30:10}"),
            ("20260101T000000|P1D|daily", "{hours: 00:00:00-24:00:00}"),
            ("20260101T220000|PT8H|daily", "{hours: 22:00:00-24:00:00}"),
            ("20260101T080000|1H|weekly", "{days: [thu], hours: 08:00:00-09:00:00}"),
            ("20260101T080000|1H|WEEKLY||1|sa,SU,sa", "{days: [sat, sun], hours: 08:00:00-09:00:00}"),
            ("20260101T080000|1H|daily|20261231T120000", "until: 2026-12-31T13:00:00"),
        ):
            with self.subTest(text):
                self.tables([(1, 1, "44", text, 0, 0, "3", "")])
                self.convert("drouting", "dr_rules", "dr_gateways")
                table = (self.folder / "rules.yaml").read_text()
                self.assertIn(keys, table)
                self.assertEqual("from:" in table, "T" in text)
        for text in ("monday", "20260101", "20261301T000000", "20260101T000000|1X", "20260101T000000|PT1D",
                     "20260101T080000|1H|monthly", "20260101T080000|1H|weekly||2", "20260101T080000|1H|weekly|||1MO",
                     "20260101T080000|1H|daily||||15", "20260101T080000|1H|daily|2027", "20260101T080000|1H|||||||||x"):
            with self.subTest(text):
                self.tables([(1, 1, "44", text, 0, 0, "3", "")])
                said = self.convert("drouting", "dr_rules", "dr_gateways", status=1)
                self.assertRegex(said, r"\Adr_rules.csv:2:8: error: this is left out: of its time, .*\n0 rules, 3 gateways, 1 error\n\Z")

    def test_what_is_not_converted_is_said_where_it_is(self):
        gateways = self.GATEWAYS + [(4, 1, "no host", 0, "", "", ""), (1, 1, "a.example", 0, "", "", ""),
                                    (5, 1, "b.example", "two", "", "", ""), (6, 1, "c.example", 0, "0:1", "", "")]
        self.tables([(1, 1, "44", "", 0, 0, "9", ""), (2, 1, "44-20", "", 0, 0, "1", ""), (3, 1, "44", "", 0, 0, "#7", ""),
                     (4, "", "44", "", 0, 0, "1", ""), (5, 1, "4", "", 0, 0, "1,2", ""), (6, 1, "44", "", "high", 0, "1", ""),
                     (7, 1, "44", "", 0, 0, "", ""), (8, 1, "44", "", 0, 0, "1;2", ""), (9, 1)], gateways)
        said = self.convert("drouting", "dr_rules", "dr_gateways", "dr_gw_lists", status=1)
        self.assertEqual(said, """\
dr_gateways.csv:5:5: error: "sip:no host" is no address: this character cannot stand in a host
dr_gateways.csv:6:5: error: there is a gateway "1" already
dr_gateways.csv:7:15: error: "strip" must be a whole number from 0 to 1024, not "two"
dr_gateways.csv:8:5: error: only digits, letters, +, *, # and _ can be put in front of a number, not "0:1"
dr_rules.csv:2:13: error: this is left out: there is no gateway "9"
dr_rules.csv:3:5: error: this is left out: a prefix has digits, +, * and #
dr_rules.csv:4:13: error: this is left out: there is no list "7"
dr_rules.csv:5:3: error: this is left out: it is of no group
dr_rules.csv:6:1: error: this is left out: its gateways strip more than the prefix, and not all the same
dr_rules.csv:7:9: error: "priority" must be a whole number from 0 to 2147483647, not "high"
dr_rules.csv:8:1: error: this is left out: it has no gateway
dr_rules.csv:9:13: warning: gateways between semicolons share, as with sort_order 1
dr_rules.csv:10:1: error: the row has 2 fields, the first row 8
1 rule, 3 gateways, 12 errors
""")

    def test_groups_are_tables_of_peers(self):
        self.tables([(1, "7,8", "44", "", 0, 0, "1", ""), (2, 8, "44", "", 1, 0, "3", ""), (3, 9, "", "", 0, 0, "3", "")])
        self.convert("drouting", "dr_rules", "dr_gateways")
        peers = "".join(f"  group-{n}: {{networks: 10.0.0.{n}}}\n" for n in (7, 8, 9))
        (self.folder / "signpost.yaml").write_text(
            f"profiles: {{all: {{listen: 'udp:127.0.0.1', peers: [group-7, group-8, group-9]}}}}\npeers:\n{peers}")
        for group, called, expected in ((7, "441", ["sip:2222441@10.10.10.10:5080"]), (8, "441", ["sip:441@10.10.10.11"]),
                                        (7, "33", []), (9, "33", ["sip:33@10.10.10.11"])):
            self.assertEqual(self.targets(called, "-c", "signpost.yaml", "--peer", f"group-{group}"), expected, group)

    def test_opensips(self):
        """Names as ids, weights, carriers, what is disabled."""
        header = "id,gwid,type,address,strip,pri_prefix,attrs,probe_mode,state,socket,description".split(",")
        write_csv(self.folder, "dr_gateways", [
            (1, "gw1", 0, "sip:a.example;transport=tcp", 0, "", "", 0, 0, "", ""), (2, "gw2", 0, "b.example", 0, "", "", 0, 0, "", ""),
            (3, "gw3", 0, "c.example", 0, "", "", 0, 1, "", ""), (4, "gw4", 0, "d.example", 0, "", "", 0, 2, "", "")], header)
        header = "id,carrierid,gwlist,flags,sort_alg,state,attrs,description".split(",")
        write_csv(self.folder, "dr_gw_lists", [
            (1, "cr1", "gw2,gw1", 0, "N", 0, "", ""), (2, "first", "gw4,gw1", 1, "N", 0, "", ""),
            (3, "off", "gw1", 0, "N", 1, "", ""), (4, "shared", "gw1=3,gw2=1", 0, "W", 0, "", "")], header)
        header = "ruleid,groupid,prefix,timerec,priority,routeid,gwlist,sort_alg,sort_profile,attrs,description".split(",")
        lists = {"41": ("gw1=10,gw2=20", "N"), "42": ("gw1=10,gw2=20,gw4", "W"), "43": ("gw4,#cr1", "N"),
                 "44": ("#first,gw2", "N"), "45": ("#off,gw3,gw1", "N"), "46": ("#shared,gw4", "N"), "47": ("gw1=1,#first=2", "W"),
                 "48": ("gw4=1,#cr1=2", "W")}
        write_csv(self.folder, "dr_rules", [(prefix, 0, prefix, "NULL", 0, "", text, sort, "NULL", "", "")
                                            for prefix, (text, sort) in lists.items()], header)
        said = self.convert("drouting", "dr_rules", "dr_gateways", "dr_gw_lists", status=1)
        self.assertEqual(said, 'dr_rules.csv:6:17: warning: nothing is made of the list "off", it is not enabled\n'
                               'dr_rules.csv:9:17: error: this is left out: others have weights beside the list "cr1"\n'
                               "7 rules, 4 gateways, 1 error\n")
        expectations = self.folder / "rules.test.yaml"
        a, b, d = "sip:{}@a.example;transport=tcp", "sip:{}@b.example", "sip:{}@d.example"
        lines = []
        for called, contacts, shares in (
            ("41", [a, b], None), ("42", [[a, b], d], {"gw1=10": 0.3333, "gw2=20": 0.6667}), ("43", [d, b, a], None),
            ("44", [d, b], None), ("45", [a], None), ("46", [[a, b], d], {"gw1=3": 0.75, "gw2": 0.25}),
            ("47", [[a, d]], {"gw1": 0.3333, "gw4=2": 0.6667}), ("48", None, None),
        ):
            if contacts is None:
                lines.append(f'- {{call: "{called}", expect: {{status: 404}}}}')
                continue
            text = str(contacts).replace("{}", called)
            more = f", shares: {shares}".replace("'", '"') if shares else ""
            lines.append(f'- {{call: "{called}", expect: {{contacts: {text}{more}}}}}')
        expectations.write_text("\n".join(lines) + "\n")
        done = run("test", "rules.test.yaml", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_list_in_place_of_gateways(self):
        self.tables([(1, 1, "44", "", 0, 0, "#5", "")], lists=[(5, "3,1", "both")])
        self.convert("drouting", "dr_rules", "dr_gateways", "dr_gw_lists")
        self.assertEqual(self.targets("441"), ["sip:441@10.10.10.11", "sip:2222441@10.10.10.10:5080"])


class Lcr(Import):
    def test_what_is_not_converted_is_said_where_it_is(self):
        write_csv(self.folder, "lcr_gw", [
            (1, 1, "london", "192.0.2.1", "", 5070, "", 1, 2, 0, "", "", 0, ""),
            (2, 1, "paris", "", "gw.example", "", "x=1", 2, "", 0, "", "", 4, 4294967295),
            (3, 1, "both", "192.0.2.3", "gw3.example", "", "", "", "", 0, "", "", 0, 0), (4, 1, "none", "", "", "", "", "", "", 0, "", "", 0, 0)])
        write_csv(self.folder, "lcr_rule", [
            (1, 1, "44", "^sip:a", "", "", 0, 1), (2, 1, "45", "", "", "", 0, 0), (3, 1, "46", "", "", "", 0, 1),
            (4, 1, "46", "", "", "", 0, 1), (5, 1, "47", "", "", "", 1, 1)])
        write_csv(self.folder, "lcr_rule_target", [
            (1, 1, 1, 1, 1, 1), (2, 1, 3, 1, 1, 1), (3, 1, 3, 2, 1, 2), (4, 1, 9, 1, 1, 1), (5, 1, 3, 9, 1, 1)])
        said = self.convert("lcr", "lcr_gw", "lcr_rule", "lcr_rule_target", status=1)
        self.assertEqual(said, """\
lcr_gw.csv:3:35: warning: nothing is made of "flags", here and in other rows
lcr_gw.csv:4:20: warning: a Contact has one of "gw3.example" and the address: the address is taken
  hint: write the name in its place if it resolves to the address
lcr_gw.csv:5:10: error: the gateway has no address and no name
lcr_rule.csv:2:8: error: this is left out: rules with "from_uri" are not converted
lcr_rule.csv:3:13: warning: this is left out: it is not enabled
lcr_rule.csv:4:1: warning: weights are shares here: lcr favours the greater more
lcr_rule.csv:5:5: error: this is left out: the prefix has a rule already
lcr_rule_target.csv:5:5: error: this is left out: there is no rule "9"
lcr_rule_target.csv:6:7: error: this is left out: there is no gateway "9"
2 rules, 3 gateways, 5 errors
""")
        self.assertEqual(self.targets("461"), ["sip:461@192.0.2.1:5070;transport=tcp"])


class Mtree(Import):
    def test_trees_are_number_tables(self):
        write_csv(self.folder, "export", [
            ("uk", "44", "10.0.0.1:5060"), ("uk", "4420", "sip:gw.example;transport=tcp"), ("uk", "4420", "b.example"),
            ("de", "49", "7"), ("de", "x", "a.b"), ("uk", "33", "[2001:db8::1]:5070"), ("no name", "1", "a.b"),
            ("uk", "+1", "10.0.0.1:5060"), ("uk", "1" * 16, "a.b")], ["tname", "tprefix", "tvalue"])
        said = self.convert("mtree", "export", status=1, into=True)
        self.assertEqual(said, """\
export.csv:4:4: error: this is left out: the prefix has a value already
export.csv:5:7: warning: "7" is no address
  hint: write the gateway's URI into rules.yaml, and take enabled: false away
export.csv:6:4: error: this is left out: a prefix has 1 to 15 digits, * or #, and a + in front of them
export.csv:8:1: error: this is left out: a tree's name has 1 to 48 letters, digits, - and _, and there are 256 of them at most
export.csv:10:4: error: this is left out: a prefix has 1 to 15 digits, * or #, and a + in front of them
2 rules, 4 gateways, 4 errors
""")
        peers = "uk: {networks: 10.0.0.1}, de: {networks: 10.0.0.2}"
        (self.folder / "signpost.yaml").write_text(
            f"profiles: {{all: {{listen: 'udp:127.0.0.1', peers: [uk, de]}}}}\npeers: {{{peers}}}\n")
        for peer, called, expected in (
            ("uk", "441", ["sip:441@10.0.0.1:5060"]), ("uk", "44201", ["sip:44201@gw.example;transport=tcp"]), ("uk", "491", []),
            ("uk", "331", ["sip:331@[2001:db8::1]:5070"]), ("uk", "+12", ["sip:+12@10.0.0.1:5060"]), ("de", "491", []),
        ):
            self.assertEqual(self.targets(called, "-c", "signpost.yaml", "--peer", peer), expected, (peer, called))
        before = (self.folder / "rules.yaml").read_text()
        again = run("import", "mtree", "--into", ".", "export.csv", cwd=self.folder)
        self.assertEqual(again.returncode, 2)
        self.assertIn("File exists", again.stderr)
        self.assertEqual((self.folder / "rules.yaml").read_text(), before)


class Files(Import):
    def test_mistakes(self):
        for arguments in (["import"], ["import", "drouting"], ["import", "drouting", "a.csv"], ["import", "lcr", "a", "b"],
                          ["import", "mtree", "a.csv"], ["import", "enum", "a.csv"], ["import", "lcr", "--frob", "a", "b", "c"],
                          ["import", "drouting", "a", "b", "c", "d"]):
            done = run(*arguments, cwd=self.folder)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertIn("usage:", done.stderr)

    def test_files_that_are_none(self):
        (self.folder / "empty.csv").write_text("")
        (self.folder / "other.csv").write_text("a,b\n1,2\n")
        for name, expected in (("nowhere", "No such file"), ("empty", "there is no row with the names"),
                               ("other", 'does not name the column "gwid"')):
            done = run("import", "drouting", "other.csv", f"{name}.csv", cwd=self.folder)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(expected, done.stderr)


@unittest.skipUnless(KAMAILIO, "kamailio is not installed")
class AsKamailio(Import):
    """Random tables: Kamailio routes by the tables themselves, the server by what they are converted to."""

    def setUp(self):
        super().setUp()
        self.random = random.Random(20040101)

    def start_tables(self, tables):
        folder = folder_for(self)
        write_dbtext(folder, tables)
        return start_kamailio(self, f"text://{folder}", "tables.cfg", "DB")

    def number(self, prefixes):
        """One that has a prefix of the table, more often than not."""
        start = self.random.choice(prefixes) if self.random.random() < 0.8 else ""
        return start + "".join(self.random.choices("0123456789", k=self.random.randint(4, 9)))

    def compare(self, table, tables, prefixes):
        kamailio = self.enterContext(UdpDoor(self.start_tables(tables)))
        server = Server((self.folder / "rules.yaml").read_text(), settings(), before=self.copy_files)
        self.addCleanup(server.stop)
        server.wait_for_log("^ready; ")
        door, found = self.enterContext(UdpDoor(server.port)), 0
        for _ in range(CALLS):
            called = self.number(prefixes)
            theirs = kamailio.ask(kamailio.request(uri=f"sip:{called}@{table}"))
            ours = door.ask(door.request(uri=f"sip:{called}@{table}"))
            wanted = theirs.all("X-Target")
            self.assertEqual(ours.uris(), wanted, f"{called}\n{(self.folder / 'rules.yaml').read_text()}")
            self.assertEqual(ours.status == 302, bool(wanted))
            found += bool(wanted)
        self.assertGreater(found, CALLS / 3)
        self.assertEqual(found == CALLS, "" in prefixes)

    def copy_files(self, folder):
        for path in self.folder.glob("*.csv"):
            shutil.copy(path, folder)

    def prefixes(self, count, least=1, digits="0123"):
        """Of few digits, so that they overlap."""
        return sorted({"".join(self.random.choices(digits, k=self.random.randint(least, 5))) for _ in range(count)})

    def test_drouting(self):
        choice, prefixes = self.random.choice, self.prefixes(40, least=2)
        gateways = [(i, 0, f"10.0.0.{i}:50{i:02}", choice((0, 0, 1, 2)), choice(("", "", "00", "99*")), "", "gw") for i in range(1, 13)]
        rules, times = [], ("20200101T000000", "20200101T000000|P1D|daily", "20350101T000000", "20200101T000000|PT1H")
        for prefix in prefixes:
            for priority in self.random.sample(range(10), self.random.randint(1, 3)):
                listed = self.random.sample(range(1, 13), self.random.randint(1, 5))
                rules.append((len(rules) + 1, choice(("6", "6", "6", "5,6")), prefix, choice(times), priority, "0",
                              ",".join(map(str, listed)), "rule"))
        rules = [rule for rule in rules if rule[1] == "6"]
        write_csv(self.folder, "dr_gateways", gateways)
        write_csv(self.folder, "dr_rules", rules)
        said = self.convert("drouting", "dr_rules", "dr_gateways")
        self.assertNotIn("warning", said)
        self.compare("drouting", {"dr_gateways": gateways, "dr_rules": rules}, prefixes)

    def test_lcr(self):
        choice, prefixes = self.random.choice, ["", *self.prefixes(40, digits="01")]
        gateways = []
        for i in range(1, 9):
            address, host = ((f"10.0.0.{i}", ""), ("", f"gw{i}.example"))[i % 2]
            scheme, transport = choice(((1, ""), (1, 1), (1, 2), (2, ""), ("", 2)))
            gateways.append((i, 1, f"gw{i}", address, host, choice(("", 5060 + i)), choice(("", ";x=y")), scheme, transport, 1, choice(("", "00", "7")), "", 0, 4294967295 if i == 8 else 0))
        rules, targets = [], []
        for prefix in prefixes:
            stopper = int(prefix in ("01", "10") or self.random.random() < 0.1)
            rules.append((len(rules) + 1, 1, prefix, "", "", "", stopper, 1 if len(prefix) <= 2 else choice((1, 1, 1, 0))))
            picked = self.random.sample(range(1, 9), self.random.randint(1, 3) if prefix else 1)
            for priority, gateway in enumerate(picked):
                targets.append((len(targets) + 1, 1, len(rules), gateway, priority, 1))
        write_csv(self.folder, "lcr_gw", gateways)
        write_csv(self.folder, "lcr_rule", rules)
        write_csv(self.folder, "lcr_rule_target", targets)
        self.convert("lcr", "lcr_gw", "lcr_rule", "lcr_rule_target")
        enabled = {rule[0] for rule in rules if rule[7]}
        self.compare("lcr", {"lcr_gw": gateways, "lcr_rule": rules, "lcr_rule_target": [
            target for target in targets if target[2] in enabled and target[3] != 8]}, prefixes)

    def test_mtree(self):
        prefixes = self.prefixes(60) + ["+1", "*9"]
        rows = [(i, prefix, f"10.0.0.{self.random.randint(1, 9)}:{self.random.choice((5060, 5070))}")
                for i, prefix in enumerate(prefixes, 1)]
        write_csv(self.folder, "export", rows, columns("mtree"))
        self.convert("mtree", "export", into=True)
        self.compare("mtree", {"mtree": rows}, prefixes)


if __name__ == "__main__":
    unittest.main()
