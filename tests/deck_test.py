#!/usr/bin/env python3
"""deck diff: what a price list changes against another."""
import random
import unittest

from blackbox import folder_for, run

OLD = """code,rate,name,increment,from,until
1,0.01,US,60/60,,
33,0.02,France,1/1,,
34,0.02,Spain,1/1,,
39,0.03,Italy,1/1,,
44,0.01,UK,1/1,2026-01-01,
49,0.01,Germany,1/1,,2026-12-31
5,0.1,Chile,,,
51,blocked,Peru,,,
52,0.5,Mexico,,,
"""
NEW = """Dial Code;Price;Destination;Increment;Effective Date;End Date
1;0.012;US;60/60;;
33;0.015;France;1/1;;
34;0.020;Spain;60/60;;
44;0.01;UK;1/1;2026-01-01;
44;0.0125;UK;1/1;2026-12-01;
49;0.01;Germany;1/1;2026-11-23T12:00;
5;0.1;Chile;;;
51;0.3;Peru;;;
52;blocked;Mexico;;;
61;0.2;Australia;;;
"""
CHANGES = """rose      1               0.01 -> 0.012  +20.00%  US
fell      33              0.02 -> 0.015  -25.00%  France
changed   34              0.02  Spain  increment "1/1" -> "60/60"
went      39              0.03  Italy
rose      44              0.01 -> 0.0125  +25.00%  from 2026-12-01  UK
went      49              0.01  until 2026-11-23T12:00:00Z  Germany
appeared  49              0.01  from 2027-01-01  Germany
appeared  51              blocked -> 0.3  Peru
went      52              0.5 -> blocked  Mexico
appeared  61              0.2  Australia
2 rose, 1 fell, 3 appeared, 3 went, 1 changed, 1 unchanged
"""


class DeckDiff(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = folder_for(self)

    def diff(self, old, new, *options):
        (self.folder / "old.csv").write_text(old)
        (self.folder / "new.csv").write_text(new)
        return run("deck", "diff", *options, "old.csv", "new.csv", cwd=self.folder)

    def check(self, old, new, expected, *options, status=1):
        done = self.diff(old, new, *options)
        self.assertEqual((done.returncode, done.stderr), (status, ""))
        self.assertEqual(done.stdout.splitlines()[:-1], expected)

    def test_what_changes_from_a_day_on(self):
        done = self.diff(OLD, NEW, "--at", "2026-11-22")
        self.assertEqual((done.returncode, done.stderr, done.stdout), (1, "", CHANGES))

    def test_the_past_does_not_count(self):
        self.check("code,rate,from\n44,1,2020-01-01\n", "code,rate,from\n44,1,2021-01-01\n", [],
                   "--at", "2021-01-01", status=0)
        self.check("code,rate,from\n44,1,2020-01-01\n", "code,rate,from\n44,1,2021-01-01\n",
                   ["went      44              1  until 2021-01-01"], "--at", "2020-12-31T23:59:59")

    def test_it_is_now_if_no_time_is_given(self):
        self.check("code,rate,until\n44,1,2020-01-01\n", "code,rate\n45,1\n", ["appeared  45              1"])

    def test_the_same_prices_are_no_difference(self):
        self.check("code,rate,asr\n44,0.10,7\n45,blocked,\n", "asr;name;code;price\n7.0;;44;.1\n;;45;\n", [], status=0)

    def test_what_else_a_price_list_says(self):
        self.check("code,rate,asr,name\n44,1,,UK\n45,1,5,DK\n46,1,,\n", "code,rate,asr,name\n44,1,7,GB\n45,2,6,DK\n46,1,,\n", [
            'changed   44              1  destination "UK" -> "GB"  quality none -> 7',
            "rose      45              1 -> 2  +100.00%  DK  quality 5 -> 6"])

    def test_prefixes_are_sorted_as_texts(self):
        self.check("code,rate\n9,1\n", "code,rate\n9,1\n2,1\n10,1\n1,1\n1000,1\n", [
            f"appeared  {prefix:<15} 1" for prefix in ("1", "10", "1000", "2")])

    def test_columns_without_names(self):
        self.check("UK,44,0.1\n", "UK,44,0.2\n", ["rose      44              0.1 -> 0.2  +100.00%"],
                   "--columns", ",prefix,rate")

    def test_findings_are_printed_and_nothing_is_compared(self):
        done = self.diff("code,rate\n44,x\n", "code,rate\n44,1\n44,2\n")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr, """new.csv:3:1: error: two rates of "44" at the same time
  hint: the other one stands at new.csv:2
old.csv:2:4: error: rate "x": this is no decimal number
  hint: write it like 0.0125
""")

    def test_wrong_use(self):
        for arguments, said in (((), "usage"), (("diff", "a"), "usage"), (("merge", "a", "b"), "usage"),
                                (("diff", "--at", "soon", "a", "b"), '"soon" is no time'),
                                (("diff", "--columns", "prefix,rat", "a", "b"), 'unknown column "rat"')):
            done = run("deck", *arguments, cwd=self.folder)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertIn(said, done.stderr)

    def test_random_lists_as_a_slow_comparison_sees_them(self):
        draw = random.Random(1)
        lists = [{str(draw.randrange(1, 400)): draw.randrange(1, 5) for _ in range(200)} for _ in range(2)]
        texts = ["code,rate\n" + "".join(f"{code},{rate}\n" for code, rate in rates.items()) for rates in lists]
        done = self.diff(*texts)
        got = {line.split()[1]: line.split()[0] for line in done.stdout.splitlines()[:-1]}
        old, new = lists
        want = {}
        for code in old.keys() | new.keys():
            if code not in new or code not in old:
                want[code] = "went" if code in old else "appeared"
            elif old[code] != new[code]:
                want[code] = "rose" if new[code] > old[code] else "fell"
        self.assertEqual(got, want)
        self.assertEqual(list(got), sorted(want))


if __name__ == "__main__":
    unittest.main()
