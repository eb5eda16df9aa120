#!/usr/bin/env python3
"""`signpost test`: what passes, how a failure is shown, findings word for word, shares, coverage, exit status.

UPDATE=1 writes the findings of tests/config/expectations/ anew: read the difference before committing it.
"""
import os
import re
import shutil
import unittest

from blackbox import PROGRAM, ROOT, SANITIZER, folder_for, run, settings

FILES = ROOT / "tests" / "config" / "expectations"
EXAMPLES = ROOT / "rules" / "examples"

PASSED, FAILED, USAGE = 0, 1, 2  # exit statuses

CALLS = 10000 if not SANITIZER else 2000


class Examples(unittest.TestCase):
    def test_each_table_does_what_its_file_says_and_every_rule_is_reached(self):
        tables = {p for p in EXAMPLES.glob("*.yaml") if p.name.count(".") == 1}
        tests = {p for p in EXAMPLES.glob("*.test.yaml")}
        self.assertEqual({p.name.replace(".yaml", ".test.yaml") for p in tables}, {p.name for p in tests})
        for path in sorted(tests):
            with self.subTest(path.name):
                done = run("test", "--coverage", path)
                self.assertEqual((done.returncode, done.stderr), (PASSED, ""), done.stdout)
                self.assertNotIn("not reached", done.stdout)
                self.assertRegex(done.stdout, r"(\d+) of \1 rules reached\n\d+ passed, 0 failed\n\Z")


class Findings(unittest.TestCase):
    """Every class of mistake, with its line and column."""

    maxDiff = None

    def test_as_expected(self):
        files = [*sorted(FILES.glob("*.test.yaml")), FILES / "which-table.yaml"]
        for path in files:
            with self.subTest(path.name):
                done = run("test", path.name, cwd=FILES)
                expect = path.with_suffix(".expect")
                if os.environ.get("UPDATE"):
                    expect.write_text(done.stderr)
                self.assertEqual(done.stderr, expect.read_text() if expect.exists() else "no .expect file yet")
                self.assertRegex(done.stderr, r"\A(([\w.-]+\.yaml(:\d+:\d+)?: error: .+\n)(  hint: .+\n)?)+\Z")
                self.assertEqual((done.returncode, done.stdout), (FAILED, "0 passed, 0 failed, 1 file with errors\n"))

    def test_the_other_files_are_run_all_the_same(self):
        done = run("test", "keys.test.yaml", EXAMPLES / "first.test.yaml", "nowhere.test.yaml", cwd=FILES)
        self.assertRegex(done.stdout, r"\A\d+ passed, 0 failed, 2 files with errors\n\Z")
        self.assertIn("nowhere.test.yaml: error: cannot open", done.stderr)
        self.assertEqual(done.returncode, FAILED)

    def test_usage(self):
        for arguments in ([], ["--coverage"], ["-x", "a.test.yaml"], ["-r", "rules.yaml", "a.test.yaml"]):
            done = run("test", *arguments)
            self.assertEqual((done.returncode, done.stdout), (USAGE, ""), arguments)
            self.assertIn("usage: signpost", done.stderr)


class Expectations(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = folder_for(self)
        for name in ("table.yaml", "settings.yaml"):
            shutil.copy(FILES / name, self.folder)

    def ask(self, *tests, options=(), head="rules: table.yaml"):
        self.folder.joinpath("a.test.yaml").write_text(
            head + "\ntests:\n" + "".join(f"- {test}\n" for test in tests))
        done = run("test", *options, "a.test.yaml", cwd=self.folder)
        self.assertEqual(done.stderr, "")
        return done

    def differences(self, test, **kwargs):
        """The lines of the diff of one expectation that fails."""
        done = self.ask(test, **kwargs)
        self.assertEqual(done.returncode, FAILED, test)
        self.assertRegex(done.stdout, r"\Aa\.test\.yaml:\d+:3: failed: ")
        self.assertTrue(done.stdout.endswith("\n0 passed, 1 failed\n"))
        return re.findall(r"(?m)^  ([-+] .*)$", done.stdout)

    def test_what_is_met(self):
        done = self.ask(
            '{call: "112", expect: emergency}', '{call: "112", expect: 302}', '{call: "112", expect: {status: 302}}',
            '{call: "112", expect: 302 Moved Temporarily}', '{call: "sip:112@a.test;user=phone", expect: emergency}',
            '{call: "112", expect: {gateways: "sip:112@psap.test", contacts: "sip:112@psap.test"}}',
            '{call: "+449", expect: {status: 603 Barred, headers: {retry-after: 30, Reason: "Q.850;cause=21"}}}',
            '{call: "+4420", expect: {number: "004420", gateways: [[london-2, london-1], paris]}}',
            '{call: "+4420", expect: {gateways: [[paris, london-2, london-1]]}}',
            '{call: "+4420", expect: {contacts: [["sip:004420@gw1.test", "sip:004420@gw2.test"], '
            '"sip:004420@gw3.test"]}}',
            '{call: "7", expect: {status: 484, rule: drained, why: the rewriting leaves no number, gateways: []}}',
            '{call: "1", expect: {rule: default, status: 404, contacts: []}}',
            '{call: "1", method: ACK, expect: {status: none, why: an ACK is never answered}}',
            '{call: "1", method: OPTIONS, expect: {status: 200 OK, headers: {Allow: "INVITE, ACK, CANCEL, OPTIONS"}}}',
            '{call: "1", source: 192.0.2.1, expect: {status: none, why: no peer of the profile has this source}}',
            '{call: "1", headers: {To: [<sip:a@b>, <sip:b@c>]}, expect: 400}',
        )
        self.assertEqual((done.stdout, done.returncode), ("16 passed, 0 failed\n", PASSED))

    def test_every_part_of_a_question(self):
        self.folder.joinpath("parts.yaml").write_text(
            'rules:\n- {name: caller, caller: "+4420", reject: 480}\n- {name: host, host: a.test, reject: 480}\n'
            "- {name: header, header: {X-A: [one, two]}, reject: 480}\n- {name: source, source: 10.1.2.3, reject: 480}\n"
            '- {name: pbx, source: 10.1.0.0, reject: 480}\n- {name: tcp, listener: "tcp:127.0.0.1", reject: 480}\n'
            '- {name: phones, listener: "udp:127.0.0.2", reject: 480}\n'
            "- {name: ported, rn: '+4499', npdi: true, reject: 480}\n- {name: carrier, cic: '+1288', reject: 480}\n"
            "- {name: trunk, tgrp: tg-1, trunk_context: example.net, reject: 480}\n")
        self.folder.joinpath("settings.yaml").write_text(
            (FILES / "settings.yaml").read_text().replace("table.yaml", "parts.yaml"))
        done = self.ask(
            '{call: "1", caller: "sip:+44-20@x.test", expect: caller}', '{call: "1", host: A.test, expect: host}',
            '{call: "1", headers: {x-a: one}, expect: header}', '{call: "1", headers: {X-A: [no, two]}, expect: header}',
            '{call: "1", source: "10.1.2.3:7000", expect: source}', '{call: "1", from: pbx, expect: pbx}',
            '{call: "1", from: pbx, source: 10.1.2.3, expect: source}',
            '{call: "1", listener: "tcp:127.0.0.1:5060", source: 10.1.9.9, expect: tcp}',
            '{call: "1", profile: phones, expect: phones}', '{call: "1", from: local, expect: phones}',
            '{call: "1", profile: trunks, method: BYE, expect: 405}',
            '{call: "+1", source: 10.1.9.9, rn: "+4499", npdi: true, expect: ported}',
            '{call: "+1", source: 10.1.9.9, rn: "+4499", npdi: false, expect: default}',
            '{call: "+1", source: 10.1.9.9, cic: "+1288", expect: carrier}',
            '{call: "+1", source: 10.1.9.9, tgrp: tg-1, trunk_context: example.net, expect: trunk}', head="settings: settings.yaml")
        self.assertEqual((done.stdout, done.returncode), ("15 passed, 0 failed\n", PASSED))

    def test_a_failure_is_shown_with_the_explanation(self):
        done = self.ask('{name: to Paris, call: "+4420", expect: {status: 302, rule: uk, gateways: [paris]}}',
                        '{call: "+4420", call_id: a, expect: uk}')
        self.assertRegex(done.stdout, re.compile(r"""\A
a\.test\.yaml:3:3:\ failed:\ to\ Paris\n
\ \ \ \ status:\ 302\n
\ \ \ \ rule:\ uk\n
\ \ -\ gateways:\ \[paris\]\n
\ \ \+\ gateways:\ \[london-\d,\ london-\d,\ paris\]\n
\ \ \ \ rules:\n
\ \ \ \ \ \ table\.yaml:4:\ rule\ "emergency":\ no,\ called\ is\ not\ "112"\n
\ \ \ \ \ \ table\.yaml:5:\ rule\ "premium":\ no,\ called\ is\ not\ prefix\ "\+449"\n
\ \ \ \ \ \ table\.yaml:6:\ rule\ "uk":\ matches\n
\ \ \ \ decision:\n
\ \ \ \ \ \ rule\ "uk"\ \(table\.yaml:6\),\ status\ 302\n
\ \ \ \ \ \ called\ \ "\+4420"\n
\ \ \ \ \ \ rewritten\ to\ "004420"\n
(\ \ \ \ \ \ \d\.\ sip:004420@gw\d\.test\ \([\w-]+\)\n){3}
1\ passed,\ 1\ failed\n\Z""", re.X))
        self.assertEqual(done.returncode, FAILED)

    def test_the_explanation_is_that_of_route(self):
        for call in ("112", "+4490", "+44207", "7", "8"):
            expected = self.ask('{call: "%s", call_id: x, expect: 200}' % call).stdout
            words = run("route", "-r", "table.yaml", "--call-id", "x", call, cwd=self.folder).stdout
            words = words[words.index("rules:\n"):words.index("reply:\n")]
            shown = "".join(line[4:] + "\n" for line in expected.splitlines()[3:-1])
            # which of the two in London comes first is up to the secret
            self.assertEqual(sorted(re.sub(r"  \d\. ", "", shown).splitlines()),
                             sorted(re.sub(r"  \d\. ", "", words).splitlines()))

    def test_each_kind_of_difference(self):
        for test, minus, plus in (
            ('{call: "112", expect: 404}', "status: 404", "status: 302"),
            ('{call: "+449", expect: 603 Declined}', "status: 603 Declined", "status: 603 Barred"),
            ('{call: "+449", expect: {status: none}}', "status: none", "status: 603"),
            ('{call: "+449", method: ACK, expect: 603}', "status: 603", "status: none"),
            ('{call: "112", expect: uk}', "rule: uk", "rule: emergency"),
            ('{call: "112", method: OPTIONS, expect: uk}', "rule: uk", "rule: none"),
            ('{call: "1", expect: {rule: uk}}', "rule: uk", "rule: default"),
            ('{call: "+4420", expect: {number: "4420"}}', "number: 4420", "number: 004420"),
            ('{call: "+449", expect: {number: "+449"}}', "number: +449", "number: none"),
            ('{call: "71", expect: {gateways: london-1}}', "gateways: [london-1]", "gateways: []"),
            ('{call: "112", expect: {gateways: london-1}}', "gateways: [london-1]", "gateways: [sip:112@psap.test]"),
            ('{call: "112", expect: {contacts: []}}', "contacts: []", "contacts: [sip:112@psap.test]"),
            ('{call: "112", expect: {contacts: ["sip:112@psap.test", "sip:a"]}}',
             "contacts: [sip:112@psap.test, sip:a]", "contacts: [sip:112@psap.test]"),
            ('{call: "112", expect: {contacts: [["sip:a", "sip:112@psap.test"]]}}',
             "contacts: [[sip:a, sip:112@psap.test]]", "contacts: [sip:112@psap.test]"),
            ('{call: "+449", expect: {headers: {Retry-After: 31}}}', "Retry-After: 31", "Retry-After: 30"),
            ('{call: "112", expect: {headers: {Retry-After: 30}}}', "Retry-After: 30", "Retry-After: none"),
            ('{call: "7", expect: {why: no}}', "why: no", "why: the rewriting leaves no number"),
            ('{call: "112", expect: {why: no}}', "why: no", "why: none"),
        ):
            self.assertEqual(self.differences(test), ["- " + minus, "+ " + plus], test)

    def test_order_and_sets(self):
        for gateways in ("[paris, [london-1, london-2]]", "[[london-1, paris], london-2]", "[[london-1, london-2]]",
                         "[[london-1, london-1], paris]", "[[london-1, london-2], paris, paris]",
                         "[[london-1, london-2, paris, paris]]", "paris", "[]"):
            self.assertEqual(len(self.differences('{call: "+4420", expect: {gateways: %s}}' % gateways)), 2, gateways)

    def test_shares(self):
        share = '{call: "+4420", expect: {shares: {%s}, calls: %d%s}}'
        for shares, more in (("london-1: 0.25, london-2: 0.75", ""), ("london-2: 0.75", ""), ("paris: 0", ""),
                             ("london-1: 0.5", ", tolerance: 0.3"), ("london-1: 0, london-2: 1", ", tolerance: 0.3")):
            self.assertEqual(self.ask(share % (shares, CALLS, more)).returncode, PASSED, shares)
        for shares, more, minus in (
            ("london-1: 0.75, london-2: 0.25", "", None), ("london-2: 0.85", "", None), ("paris: 0.05", "", None),
            ("london-1: 0", "", "shares: {london-1: 0 ± 0}"), ("london-2: 1", "", "shares: {london-2: 1 ± 0}"),
            ("london-1: 0.5", ", tolerance: 0.2", "shares: {london-1: 0.5 ± 0.2}"),
        ):
            lines = self.differences(share % (shares, CALLS, more))
            self.assertEqual(len(lines), 2)
            self.assertIn(minus or "- shares: {", lines[0])
            self.assertRegex(lines[1], r"^\+ shares: \{.*\} of %d calls$" % CALLS)

    def test_the_tolerance_is_four_standard_deviations(self):
        lines = self.differences('{call: "+4420", expect: {shares: {london-1: 0.5}, calls: 2500}}')
        self.assertEqual(lines[0], "- shares: {london-1: 0.5 ± 0.04}")
        self.assertRegex(lines[1], r"london-1: 0\.2\d*, others: 0\.7\d*} of 2500")

    def test_shares_of_a_call_that_is_refused(self):
        lines = self.differences('{call: "+449", expect: {shares: {london-1: 1}, calls: 10}}')
        self.assertEqual(lines[1], "+ shares: {london-1: 0, others: 1} of 10 calls")

    def test_the_same_everywhere(self):
        """The settings' secret has no part in it."""
        self.folder.joinpath("secret.key").write_bytes(b"0123456789abcdef")
        self.folder.joinpath("secret.key").chmod(0o600)
        test = '{call: "+4420", expect: {shares: {london-1: 0}, calls: 500}}'
        first = self.ask(test).stdout
        self.assertEqual(first, self.ask(test).stdout)
        self.folder.joinpath("settings.yaml").write_text(
            settings(listen=["udp:127.0.0.1:5060"], more="rules: table.yaml").replace("PORT", "5060"))
        self.assertEqual(first, self.ask(test, head="settings: settings.yaml").stdout)

    def test_at(self):
        """Without it the time is always the same one, by the clock of the table's zone."""
        self.folder.joinpath("table.yaml").write_text(
            "zone: America/New_York\ntimes: {office: {days: mon-fri, hours: '08:00-18:00'}}\nrules:\n"
            "- {name: christmas, from: 2026-12-25, until: 2026-12-25, reject: 480}\n"
            "- {name: noon, from: '2026-01-07T12:00', until: '2026-01-07T12:01', time: office, reject: 480}\n"
            "- {name: office, time: office, reject: 480}\n")
        done = self.ask('{call: "1", expect: noon}', '{call: "1", at: 2026-12-25, expect: christmas}',
                        '{call: "1", at: "2026-12-26T04:59Z", expect: christmas}',
                        '{call: "1", at: "2026-12-26T05:00Z", expect: default}',
                        '{call: "1", at: "2026-03-02T08:00", expect: office}',
                        '{call: "1", at: "2026-03-02T08:00Z", expect: default}')
        self.assertEqual((done.stdout, done.returncode), ("6 passed, 0 failed\n", PASSED))

    def test_verbose(self):
        done = self.ask('{call: "112", expect: 404}', '{name: first aid, call: "112", expect: 302}', options=["-v"])
        self.assertRegex(done.stdout, r"\Aa\.test\.yaml:3:3: failed: 112\n")
        self.assertIn("\na.test.yaml:4:3: passed: first aid\n", done.stdout)

    def test_coverage(self):
        done = self.ask('{call: "112", expect: emergency}', '{call: "+4420", expect: 404}', options=["--coverage"])
        self.assertTrue(done.stdout.endswith(
            'table.yaml:5:5: not reached: rule "premium"\ntable.yaml:7:5: not reached: rule "drained"\n'
            "table.yaml: 2 of 4 rules reached\n1 passed, 1 failed\n"), done.stdout)
        done = self.ask('{call: "112", expect: emergency}', options=["--coverage"])
        self.assertEqual(done.returncode, PASSED, "coverage alone does not fail")

    def test_files_of_one_table_cover_it_together(self):
        for name, call in (("b", "112"), ("c", "+449"), ("d", "+4420")):
            self.folder.joinpath(f"{name}.test.yaml").write_text(
                f'rules: table.yaml\ntests: [{{call: "{call}", expect: {{status: {603 if call == "+449" else 302}}}}}]\n')
        done = run("test", "--coverage", "b.test.yaml", "c.test.yaml", "d.test.yaml", cwd=self.folder)
        self.assertEqual(done.stdout, 'table.yaml:7:5: not reached: rule "drained"\ntable.yaml: 3 of 4 rules reached\n'
                                      "3 passed, 0 failed\n")

    def test_paths_are_relative_to_the_file(self):
        self.ask('{call: "112", expect: 302}')
        self.folder.joinpath("table.test.yaml").write_text('- {call: "112", expect: 302}\n')
        for name in ("a.test.yaml", "table.test.yaml"):
            done = run("test", self.folder / name)
            self.assertEqual((done.stdout, done.stderr), ("1 passed, 0 failed\n", ""))

    def test_warnings_of_the_table_are_shown(self):
        self.folder.joinpath("w.yaml").write_text("rules: [{reject: 404}, {reject: 403}]\n")
        self.folder.joinpath("w.test.yaml").write_text('- {call: "1", expect: 404}\n')
        done = run("test", "w.test.yaml", cwd=self.folder)
        self.assertEqual((done.returncode, done.stdout), (PASSED, "1 passed, 0 failed\n"))
        self.assertRegex(done.stderr, r"\Aw\.yaml:1:24: warning: ")


if __name__ == "__main__":
    assert PROGRAM
    unittest.main()
