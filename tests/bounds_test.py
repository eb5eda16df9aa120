#!/usr/bin/env python3
"""Each limit of what files may take: at it nothing is said of it, one beyond it is an error, with its place."""
import unittest

from blackbox import folder_for, run

RULE = "rules: [{name: all, redirect: g}]\n"
GATEWAY = "gateways: {g: 'sip:g.example.net'}\n"


def listed(count, item):
    return ", ".join(item.format(i) for i in range(count))


def number_tables(count):
    tables = listed(count, "n{}: {{file: n.csv}}")
    return {"rules.yaml": f"{GATEWAY}numbers: {{{tables}}}\n{RULE}", "n.csv": "number,x\n1,2\n"}


def columns(count):
    names = ",".join(f"c{i}" for i in range(count))
    values = ",".join("1" for i in range(count))
    return {"rules.yaml": f"{GATEWAY}numbers: {{n: {{file: n.csv}}}}\n{RULE}",
            "n.csv": f"number,{names}\n1,{values}\n"}


def rules(text):
    return {"rules.yaml": text}


def secret(size):
    return {"rules.yaml": GATEWAY + RULE, "signpost.yaml": "secret: key\n", "key": "k" * size}


def settings(text):
    return {"rules.yaml": GATEWAY + RULE, "signpost.yaml": text}


CASES = (  # what, the limit, the files for so many, what is said of one more
    ("levels", 16, lambda n: rules("rules: []\nzone: UTC\ntimes: " + "[" * (n - 1) + "]" * (n - 1) + "\n"),
     "nested more than 16 levels deep"),
    ("gateways of a redirect", 64,
     lambda n: rules(f"rules: [{{name: all, redirect: [{listed(n, 'sip:g{}.example.net')}]}}]\n"),
     "more than 64 gateways for one call"),
    ("bytes of a name", 64, lambda n: rules(GATEWAY + f"rules: [{{name: {'x' * n}, redirect: g}}]\n"), "64 bytes"),
    ("bytes of a number", 1024, lambda n: rules(GATEWAY + f"rules: [{{called: \"{'1' * n}\", redirect: g}}]\n"),
     "longer than 1024 bytes"),
    ("bytes of a URI", 512, lambda n: rules(f"gateways: {{g: 'sip:{'x' * (n - 4)}'}}\n{RULE}"), "512 bytes"),
    ("bytes of a regex", 1024, lambda n: rules(GATEWAY + f"rules: [{{called: {{regex: \"{'1' * n}\"}}, redirect: g}}]\n"),
     "longer than 1024 bytes"),
    ("nesting of a regex", 32,
     lambda n: rules(GATEWAY + f"rules: [{{called: {{regex: '{'(?:' * n}1{')' * n}'}}, redirect: g}}]\n"), "deeply nested"),
    ("regexes", 10000,
     lambda n: rules(GATEWAY + f"rules: [{{called: {{regex: [{listed(n, '1{}')}]}}, redirect: g}}]\n"),
     "more than 10000 regexes"),
    ("headers that are added", 16,
     lambda n: rules(GATEWAY + f"rules: [{{name: all, redirect: g, headers: {{{listed(n, 'X-{}: y')}}}}}]\n"),
     "more than 16 headers"),
    ("items of times", 1000, lambda n: rules(
        GATEWAY + f"zone: UTC\ntimes: {{t: {{hours: [{listed(n, '08:00-09:00')}]}}}}\n" + RULE), "more than 1000 items"),
    ("number tables", 256, number_tables, "more than 256 number tables"),
    ("columns of a CSV file", 255, columns, "more than 256 fields"),
    ("bytes of a CSV row", 65536 - 5, lambda n: {
        "rules.yaml": f"{GATEWAY}numbers: {{n: {{file: n.csv}}}}\n{RULE}", "n.csv": f"number,x\n1,\"{'x' * n}\"\n"}, "64 KiB"),
    ("listen addresses", 256, lambda n: settings(
        f"profiles: {{p: {{listen: [{listed(n, 'udp:127.0.1.1:{}').replace('.1:', '.1:1')}], peers: l}}}}\n"
        "peers: {l: {networks: '::1'}}\n"), "more than 256 listen addresses"),
    ("workers", 64, lambda n: settings(f"workers: {n}\n"), "from 1 to 64"),
    ("methods", 16, lambda n: settings(f"methods: [{listed(n, 'METHOD{}')}]\n"), "more than 16 methods"),
    ("bytes of a secret", 4096, secret, "16 to 4096 bytes"),
    ("bytes of ciphers", 1000, lambda n: settings(
        "profiles: {p: {listen: 'tls:127.0.0.1', peers: l, tls: {certificate: c, key: k, ciphers: "
        + ":".join(["A" * 99] * (n // 100)) + "A" * (n % 100) + "A}}}\npeers: {l: {networks: '::1'}}\n"), "1000"),
    ("connections", 1000000, lambda n: settings(f"limits: {{connections: {n}}}\n"), "1000000"),
    ("bytes of a backlog", 64 << 20, lambda n: settings(f"limits: {{backlog: {n}}}\n"), "from 4K to 64M"),
    ("time", 24 * 3600 * 1000, lambda n: settings(f"limits: {{idle: {n}ms}}\n"), "from 1ms to 24h"),
)


class Bounds(unittest.TestCase):
    def check(self, files):
        folder = folder_for(self)
        for name, text in files.items():
            folder.joinpath(name).write_text(text)
            folder.joinpath(name).chmod(0o600)
        if "signpost.yaml" in files:
            return run("check", "-c", folder / "signpost.yaml")
        return run("check", "-r", folder / "rules.yaml")

    def test_at_each_and_beyond(self):
        for what, limit, files, said in CASES:
            with self.subTest(what):
                self.assertNotIn(said, self.check(files(limit)).stderr)
                done = self.check(files(limit + 1))
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, f"(?m)^.*(yaml|csv):\\d+:\\d+: error: .*{said}")

    def test_memory_of_the_settings(self):
        done = self.check(settings(f"methods: [{listed(500000, 'M{}')}]\n"))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"signpost\.yaml: error: not enough memory to read the file\n")

    def test_memory_of_the_users(self):
        auth = ("profiles: {p: {listen: 'udp:127.0.0.1', peers: l, auth: {realm: r, users: users.yaml}}}\n"
                "peers: {l: {networks: '::1'}}\n")
        for items, said in ((1, "must be a mapping"), (9000000, "not enough memory to read the file")):
            done = self.check(settings(auth) | {"users.yaml": "[" + "[]," * items + "]\n"})
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, f"users\\.yaml.*: error: .*{said}")


if __name__ == "__main__":
    unittest.main()
