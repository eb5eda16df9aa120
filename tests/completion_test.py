#!/usr/bin/env python3
"""bash completion: every command and option of the usage is offered, and the files that it names."""
import re
import subprocess
import unittest

from blackbox import PROGRAM, ROOT, folder_for, run


class Completion(unittest.TestCase):
    def setUp(self):
        self.folder = folder_for(self)

    def offered(self, *words):
        """What Tab offers behind these words, the last of which has been begun."""
        script = ('shopt -s extglob; . "$0"; program=$1; shift; COMP_WORDS=(signpost "$@"); COMP_CWORD=$#; '
                  '_signpost "$program"; printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-c", script, ROOT / "deploy/completion/signpost", PROGRAM, *words],
                              capture_output=True, text=True, check=True, cwd=self.folder)
        self.assertEqual(done.stderr, "")
        return sorted(set(done.stdout.split()))

    def usage(self):
        """{command: (second words, options)}"""
        commands, names = {}, None
        for line in run("help").stdout.splitlines():
            start = re.match(r"  ([a-z]+)(?: ([a-z]+) )?", line)
            if start:
                names = commands.setdefault(start[1], (set(), set()))
                if start[2]:
                    names[0].add(start[2])
            if not line.startswith("  "):
                names = None
            if names:
                names[1].update(re.findall(r"(?:^|[ \[|])(--?[a-z][a-z-]*)", line))
        return commands

    def test_what_the_usage_has(self):
        usage = self.usage()
        self.assertLessEqual({"serve", "check", "route", "test", "deck", "import", "ping", "passwd", "help", "version"}, set(usage))
        self.assertEqual(usage["deck"], ({"diff"}, {"--at", "--columns"}))
        self.assertLessEqual({"-c", "-r", "--caller", "--npdi", "--trunk-context", "--header", "--at"}, usage["route"][1])
        self.assertEqual(self.offered(""), sorted(usage))
        self.assertEqual(self.offered("ser"), ["serve"])
        for command, (seconds, options) in usage.items():
            self.assertEqual(self.offered(command, "-"), sorted(options), command)
            self.assertEqual(self.offered(command, "")[:len(seconds)] if seconds else [], sorted(seconds), command)
            if command != "help":
                self.assertEqual(run(command, "--no-such-option").returncode, 2 if command != "version" else 0)

    def test_every_option_is_known_to_its_command(self):
        """getopt says so if one is not."""
        for command, (seconds, options) in self.usage().items():
            for option in options:
                done = run(command, *sorted(seconds)[:1], option)
                self.assertNotRegex(done.stderr, "(unrecognized|invalid) option", f"{command} {option}")

    def test_files(self):
        for name in ("signpost.yaml", "a.test.yaml", "old.csv", "notes.txt"):
            (self.folder / name).touch()
        (self.folder / "carriers").mkdir()
        for words, expected in (
            (["serve", "-c", ""], ["a.test.yaml", "carriers", "signpost.yaml"]), (["route", "-r", "sig"], ["signpost.yaml"]),
            (["test", ""], ["a.test.yaml", "carriers"]), (["deck", "diff", ""], ["carriers", "old.csv"]),
            (["import", "mtree", "--into", ""], ["carriers"]), (["import", "lcr", "o"], ["old.csv"]),
            (["route", "--caller", ""], []), (["import", ""], ["drouting", "lcr", "mtree"]),
        ):
            self.assertEqual(self.offered(*words), expected, words)


if __name__ == "__main__":
    unittest.main()
