#!/usr/bin/env python3
"""The man pages: groff has no complaint, and they have the keys, commands and options that there are, and no others."""
import pathlib
import re
import shutil
import subprocess
import unittest

from blackbox import ROOT, run

PAGES = sorted((ROOT / "man").glob("*.[58]"))
# Whose keys are in which page; a source may be named itself or by its folder.
PAGE_OF = {
    "rules": "rules.yaml.5", "rules/dialect.c": "signpost.yaml.5", "server/settings": "signpost.yaml.5",
    "server/trust": "signpost.yaml.5", "server/log": "signpost.yaml.5", "server/operations": "signpost.yaml.5",
    "server/commands": "signpost.test.yaml.5", "server": "signpost.yaml.5",
}
ROW = re.compile(r'\{\s*"([a-z_0-9]+)",\s*\w+,\s*(?:0|FIELD_\w+)\b|\[QUESTION_\w+\] = "([a-z_0-9]+)"')
# In a list of keys and no key of a mapping: the columns of price lists.
COLUMNS = {"prefix", "rate", "destination", "increment", "quality"}


def keys():
    """{page: {key: the source that reads it}}, from the rows of the schemas."""
    found = {}
    for source in sorted([*ROOT.glob("rules/*.c"), *ROOT.glob("server/**/*.c")]):
        name = source.relative_to(ROOT).as_posix()
        text = source.read_text()
        for key in ROW.findall(text) if "struct field" in text else ():
            page = PAGE_OF.get(name) or PAGE_OF[str(pathlib.PurePosixPath(name).parent)]
            found.setdefault(page, {})["".join(key)] = name
    return found


def said(page):
    """What the page says in the type of keys, and what it has an entry for."""
    text = (ROOT / "man" / page).read_text()
    words, entries = set(), set()
    for line in text.splitlines():
        if re.match(r"\.(It )?Ic |\.It .* Ic |\..* Ic ", line):
            # Up to the colon, behind which values stand.
            names = re.findall(r"[a-z][a-z_0-9]*", line.partition(" : ")[0].partition(" Ic ")[2] if not line.startswith(".Ic")
                               else line.partition(" : ")[0][3:])
            words.update(names)
            if line.startswith(".It Ic "):
                entries.update(names)
        words.update(re.findall(r"Ic ([a-z_0-9]+)", line))
    return words, entries


class Pages(unittest.TestCase):
    maxDiff = None

    def test_there_are_all_four(self):
        self.assertEqual([page.name for page in PAGES], ["rules.yaml.5", "signpost.8", "signpost.test.yaml.5", "signpost.yaml.5"])

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_groff_has_no_complaint(self):
        for page in PAGES:
            done = subprocess.run(["groff", "-mandoc", "-ww", "-z", "-rLL=100n", "-Tutf8", "-K", "utf-8", page], capture_output=True, text=True,
                                  check=True)
            self.assertEqual((done.stdout, done.stderr), ("", ""), page.name)

    def test_every_key_is_there(self):
        found = keys()
        self.assertEqual(set(found), {"rules.yaml.5", "signpost.test.yaml.5", "signpost.yaml.5"})
        self.assertLessEqual({"redirect", "called", "lcr", "uri", "match", "file", "max_rate", "strip"}, set(found["rules.yaml.5"]))
        self.assertLessEqual({"listen", "preset", "calls", "drain", "realm", "ha1_md5", "backlog"}, set(found["signpost.yaml.5"]))
        for page, rows in found.items():
            words, _ = said(page)
            self.assertEqual({key: source for key, source in rows.items() if key not in words}, {}, f"{page} does not have them")

    def test_no_other_key_is_there(self):
        for page, rows in keys().items():
            _, entries = said(page)
            self.assertEqual(entries - set(rows) - COLUMNS, set(), f"{page} has entries for what is no key")

    def test_commands_and_options_are_those_of_the_usage(self):
        text = (ROOT / "man/signpost.8").read_text().replace("\\-", "-")
        usage = run("help").stdout.partition("\n\n")[2]
        commands = set(re.findall(r"(?m)^  ([a-z]+)", usage)) | {"help", "version"}
        options = set(re.findall(r"(?:^|[ \[|])(-[a-z]|--[a-z][a-z-]*)\b", usage, re.M))
        self.assertEqual({c for c in commands if not re.search(rf"(?m)^\.(It )?Cm {c}\b", text)}, set())
        documented = {"-" + name for name in re.findall(r"Fl (-?[a-z][a-z-]*)", text)}
        self.assertEqual(options - documented, set())
        self.assertEqual(documented - options - {"--help", "--version"}, set())


if __name__ == "__main__":
    unittest.main()
