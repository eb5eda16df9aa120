#!/usr/bin/env python3
"""The commands: findings word for word, exit statuses, what is printed for whom.

UPDATE=1 writes the findings of tests/config/bad/*.yaml anew: read the difference before committing it.
"""
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from blackbox import (
    COMPLAINTS, DEADLINE_S, PATIENCE, PROGRAM, ROOT, SANITIZER, Server, folder_for, free_port, limit_memory, run,
    settings)

BAD = ROOT / "tests" / "config" / "bad"
EXAMPLES = ROOT / "rules" / "examples"
GOOD = 'rules:\n  - {called: "1", reject: 404}\n'


class Findings(unittest.TestCase):
    """Every class of mistake, with its line and column."""

    maxDiff = None

    def check(self, path):
        """The first line of a file may say with which options it is to be checked."""
        said, with_, options = path.read_bytes().split(b"\n")[0].partition(b"# with: ")
        options = options.decode().split() if with_ and not said else ["-r", path.name]
        done = run("check", *options, cwd=BAD)
        expect = path.with_suffix(".expect")
        if os.environ.get("UPDATE"):
            expect.write_text(done.stderr)
        self.assertEqual(done.stderr, expect.read_text() if expect.exists() else "no .expect file yet")
        errors = " error: " in done.stderr
        self.assertEqual(done.returncode, 1 if errors else 0)
        self.assertEqual(done.stdout == "", errors, "a summary is printed when there is no error")
        return done.stderr

    def test_as_expected(self):
        for path in sorted(BAD.glob("*.yaml")):
            with self.subTest(path.name):
                said = self.check(path)
                self.assertRegex(said, r"\A(([\w./-]+\.(?:yaml|csv)(:\d+:\d+)?: (error|warning): .+\n)(  hint: .+\n)?)+\Z")
                places = [tuple(map(int, m)) for m in re.findall(rf"(?m)^{re.escape(path.name)}:(\d+):(\d+): ", said)]
                self.assertEqual(places, sorted(places), "findings are sorted")

    def test_each_expectation_has_its_file(self):
        self.assertEqual({p.stem for p in BAD.glob("*.expect")}, {p.stem for p in BAD.glob("*.yaml")})

    def test_serve_and_route_print_the_same(self):
        expect = (BAD / "duplicate-names.expect").read_text()
        for command in (["serve", "-r", "duplicate-names.yaml"], ["route", "-r", "duplicate-names.yaml", "1"]):
            done = run(*command, cwd=BAD)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", expect), command)


class Examples(unittest.TestCase):
    def test_each_is_without_findings(self):
        examples = sorted(p for p in EXAMPLES.glob("*.yaml") if p.name.count(".") == 1)
        self.assertGreaterEqual(len(examples), 1)
        for path in examples:
            with self.subTest(path.name):
                done = run("check", "-r", path)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertRegex(done.stdout, r"good: \d+ rules?, \d+ gateways?, \d+ groups?(, \d+ tables?)?(, \d+ numbers?)?(, \d+ decks?)?\n\Z")

    def test_routes_that_a_call_decides_are_listed_by_what_decides(self):
        for name, answer in (("portability.yaml", "redirect 302 {row.gateway}; rewrite"),
                             ("least-cost.yaml", "redirect 302 lcr [alpha, beta, gamma]"),
                             ("least-cost.yaml", "redirect 302 lcr [alpha, beta] by quality")):
            done = run("check", "--list", "-r", EXAMPLES / name)
            self.assertIn(answer, [line.rpartition("\t")[2] for line in done.stdout.splitlines()])

    def test_each_is_listed(self):
        for path in sorted(p for p in EXAMPLES.glob("*.yaml") if p.name.count(".") == 1):
            with self.subTest(path.name):
                done = run("check", "--list", "-r", path)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                rules = [line.split("\t") for line in done.stdout.splitlines() if not line.startswith("#")]
                self.assertEqual({len(fields) for fields in rules}, {6})
        done = run("check", "--list", "-r", "carriers.yaml", cwd=EXAMPLES)
        rules = [line.split("\t") for line in done.stdout.splitlines()]
        self.assertEqual([(fields[0], fields[2], fields[3].rpartition(":")[0]) for fields in rules[1:-1]], [
            ("1", "emergency", "carriers.yaml:9"), ("2", "alpha uk", "carriers/alpha.yaml:7"),
            ("3", "beta france", "carriers/beta.yaml:6"), ("4", "beta monaco", "carriers/beta.yaml:7"),
            ("5", "anything else", "carriers.yaml:11")])

    def test_nothing_is_listed_of_a_bad_table(self):
        done = run("check", "--list", "-r", "duplicate-names.yaml", cwd=BAD)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, (BAD / "duplicate-names.expect").read_text())

    def test_the_first_does_what_it_says(self):
        for called, expected in (
            ("112", "<sip:112@psap.example.net>;q=1.0"), ("+44900123", "603 Premium numbers barred"),
            ("+442071234567", "<sip:00442071234567@gw.par.example.net>;q=0.8"), ("+331", "404 Not Found"),
        ):
            self.assertIn(expected, run("route", "-r", EXAMPLES / "first.yaml", called).stdout, called)


class HostileFiles(unittest.TestCase):
    """A clear error, in bounded time and memory, whatever is at the path."""

    MEMORY_KB = 1_000_000  # 10,000,000 values of a tree that is thrown away again, and the file itself
    SECONDS = 20 * PATIENCE

    def setUp(self):
        self.folder = folder_for(self)

    def check(self, path, expected, returncode=1):
        start = time.monotonic()
        child = subprocess.Popen(
            [PROGRAM, "check", "-r", path.name], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, preexec_fn=lambda: limit_memory(2 << 30))
        killer = threading.Timer(self.SECONDS * 3, child.kill)
        killer.start()
        said = child.stderr.read().decode(errors="backslashreplace")
        child.stderr.close()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        killer.cancel()
        seconds = time.monotonic() - start
        self.assertRegex(said, expected)
        self.assertNotRegex(said, COMPLAINTS)
        self.assertLess(said.count("\n"), 2100)  # 1,000 findings with a hint each
        self.assertEqual(child.returncode, returncode, said[:1000])
        self.assertLess(seconds, self.SECONDS)
        if not SANITIZER:
            self.assertLess(usage.ru_maxrss, self.MEMORY_KB)

    def write(self, *pieces):
        path = self.folder / "rules.yaml"
        with open(path, "wb") as file:
            for piece in pieces:
                file.write(piece)
        return path

    def test_missing(self):
        self.check(self.folder / "nowhere.yaml", r"^nowhere\.yaml: error: .*No such file or directory")

    def test_a_folder(self):
        self.folder.joinpath("rules.yaml").mkdir()
        self.check(self.folder / "rules.yaml", r"^rules\.yaml: error: this is a directory")

    def test_a_pipe_nobody_writes_to(self):
        os.mkfifo(self.folder / "rules.yaml")
        self.check(self.folder / "rules.yaml", r"^rules\.yaml: error: .*not a regular file")

    def test_a_device_without_end(self):
        self.folder.joinpath("rules.yaml").symlink_to("/dev/zero")
        self.check(self.folder / "rules.yaml", r"^rules\.yaml: error: .*not a regular file")

    def test_not_to_be_read(self):
        if os.geteuid() == 0:
            self.skipTest("root reads everything")
        path = self.write(GOOD.encode())
        path.chmod(0)
        self.check(path, r"^rules\.yaml: error: .*Permission denied")

    def test_a_gigabyte(self):
        path = self.write(b"rules: " + b"[" * 4096)
        os.truncate(path, 1 << 30)  # the rest is a hole: nothing is stored
        self.check(path, r"^rules\.yaml: error: .*larger than")

    def test_brackets_up_to_the_limit(self):
        path = self.write(*[b"[" * (1 << 20)] * 120)
        self.check(path, r"^rules\.yaml:1:\d+: error: nested more than 16 levels deep")

    def test_values_up_to_the_limit(self):
        path = self.write(b"rules: [", *[b"[]," * (1 << 18)] * 160, b"]")
        self.check(path, r"^rules\.yaml:1:\d+: error: more than \d+ values")

    def test_one_text_up_to_the_limit(self):
        self.check(self.write(b"rules: '", *[b"x" * (1 << 20)] * 120, b"'\n"), r"^rules\.yaml:1:\d+: error: ")

    def test_one_comment_up_to_the_limit(self):
        self.check(self.write(b"#", *[b"x" * (1 << 20)] * 120, b"\n", GOOD.encode()), r"\A\Z", returncode=0)

    def test_ten_thousand_findings(self):
        """The first of them are printed, and how many more there are."""
        lines = "".join(f'  - {{called: "{i}", redirect: nowhere}}\n' for i in range(10000))
        self.check(self.write(b"rules:\n" + lines.encode()), r"and \d+ more\n\Z")

    def test_a_hundred_thousand_rules_are_fine(self):
        lines = "".join(f'  - {{called: {{prefix: "9{i:06}"}}, reject: 404}}\n' for i in range(100000))
        self.check(self.write(b"rules:\n" + lines.encode()), r"\A\Z", returncode=0)

    def test_a_cut_file_is_never_taken(self):
        """As when the disk is full: any beginning of a table is either refused or a whole table."""
        text = (EXAMPLES / "first.yaml").read_bytes()
        whole = run("check", "-r", EXAMPLES / "first.yaml").stdout
        for size in range(0, len(text), 97 if SANITIZER else 23):
            done = run("check", "-r", self.write(text[:size]))
            self.assertIn(done.returncode, (0, 1), f"{size}: {done.stderr}")
            self.assertEqual(done.returncode == 0, " error: " not in done.stderr)
        self.assertEqual(run("check", "-r", self.write(text)).stdout.partition(": ")[2], whole.partition(": ")[2])


class Secrets(unittest.TestCase):
    def test_too_short_or_open_to_all(self):
        folder = folder_for(self)
        folder.joinpath("rules.yaml").write_text(GOOD)
        config, secret = folder / "signpost.yaml", folder / "the.key"
        config.write_text("secret: the.key\n")
        for data, mode, expected in (
            (b"x" * 15, 0o600, r":1:9: error: .*must have 16 to"), (b"", 0o600, r":1:9: error: "),
            (b"x" * 16, 0o644, r":1:9: error: everybody can read"), (b"x" * 16, 0o600, r"\A\Z"),
        ):
            secret.write_bytes(data)
            secret.chmod(mode)
            done = run("check", "-c", config)
            self.assertRegex(done.stderr, expected)
            self.assertEqual(done.returncode, 1 if "error" in expected else 0)


class Usage(unittest.TestCase):
    def test_mistakes_exit_2_and_say_how(self):
        for arguments in (
            [], ["frob"], ["serve"], ["check"], ["route"], ["route", "1"], ["serve", "-r"], ["check", "-x"],
            ["check", "-r", "a", "b"], ["serve", "--rules", "x"], ["ping"], ["ping", "a", "b"],
            ["ping", "--timeout", "0", "127.0.0.1"], ["ping", "--timeout", "soon", "127.0.0.1"],
            ["ping", "pbx.example.net"], ["ping", "127.0.0.1:99999"],
        ):
            with self.subTest(arguments):
                done = run(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertNotEqual(done.stderr, "")

    def test_help_names_every_command(self):
        for arguments in (["help"], ["--help"]):
            done = run(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
            for word in ("serve", "check", "route", "deck diff", "ping", "help", "version", "--caller", "--source", "--listener",
                         "--header", "--method", "--call-id", "--timeout", "--host", "--peer", "--profile"):
                self.assertIn(word, done.stdout)
        lines = done.stdout.splitlines()
        self.assertLessEqual(max(map(len, lines)), 100, "lines fit a terminal")

    def test_version(self):
        for argument in ("version", "--version"):
            done = run(argument)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertRegex(done.stdout, r"\Asignpost \d+\.\d+\.\d+\S*\n\Z")


class Serve(unittest.TestCase):
    def test_it_says_what_it_serves(self):
        server = Server.start(self, (EXAMPLES / "first.yaml").read_text())
        said = server.log()
        path = re.escape(str(server.rules_path))
        self.assertRegex(said, r"(?m)^signpost \S+: 3 rules, 4 gateways, 1 group from " + path)
        for transport in ("udp", "tcp"):
            self.assertIn(f"listening on {transport}:127.0.0.1:{server.port} (profile test)\n", said)
        ready = re.search(r"(?m)^ready; .*: (.*)$", said)
        done = subprocess.run(ready[1], shell=True, stdout=subprocess.PIPE, check=False, text=True)
        self.assertEqual(done.returncode, 0, "the line to try works as it stands")
        self.assertIn("SIP/2.0 302", done.stdout)

    def test_rules_on_the_command_line_win(self):
        folder = folder_for(self)
        folder.joinpath("other.yaml").write_text("rules:\n  - {reject: 486}\n")
        folder.joinpath("signpost.yaml").write_text("rules: missing.yaml\n")
        done = run("check", "-c", "signpost.yaml", "-r", "other.yaml", cwd=folder)
        self.assertEqual((done.returncode, done.stdout), (0, "other.yaml: good: 1 rule, 0 gateways, 0 groups\n"))
        done = run("route", "-c", "signpost.yaml", "-r", "other.yaml", "1", cwd=folder)
        self.assertIn("SIP/2.0 486", done.stdout)

    def test_paths_are_relative_to_the_settings(self):
        folder = folder_for(self)
        folder.joinpath("conf").mkdir()
        folder.joinpath("conf/signpost.yaml").write_text("rules: sub/r.yaml\n")
        folder.joinpath("conf/sub").mkdir()
        folder.joinpath("conf/sub/r.yaml").write_text(GOOD)
        done = run("check", "-c", "conf/signpost.yaml", cwd=folder)
        self.assertEqual((done.returncode, done.stdout), (0, "conf/sub/r.yaml: good: 1 rule, 0 gateways, 0 groups\n"))

    def test_a_signal_before_it_is_ready_is_obeyed(self):
        """Whenever SIGTERM comes, it ends with status 0 or by the signal, and soon."""
        for _ in range(5 if SANITIZER else 20):
            server = Server(GOOD, settings())
            self.addCleanup(server.kill)
            server.signal(signal.SIGTERM)
            self.assertIn(server.process.wait(DEADLINE_S), (0, -signal.SIGTERM))


class Ping(unittest.TestCase):
    def test_a_server_that_runs(self):
        server = Server.start(self, GOOD)
        targets = [f"127.0.0.1:{server.port}", f"udp:127.0.0.1:{server.port}", f"tcp:127.0.0.1:{server.port}"]
        if "::1" in server.settings_path.read_text():
            targets += [f"[::1]:{server.port}", f"tcp:[::1]:{server.port}"]
        for target in targets:
            done = run("ping", target)
            self.assertEqual((done.returncode, done.stderr), (0, ""), target)
            self.assertRegex(done.stdout, r"answers 200\n\Z")

    def test_nobody_there(self):
        port = free_port()
        for target in (f"127.0.0.1:{port}", f"tcp:127.0.0.1:{port}"):
            done = run("ping", "--timeout", "300", target)
            self.assertEqual((done.returncode, done.stdout), (1, ""), target)
            self.assertIn("no answer from", done.stderr)

    def test_somebody_who_is_silent_or_talks_nonsense(self):
        for answer in (None, b"nonsense", b"SIP/2.0 200 OK\r\n\r\n"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind(("127.0.0.1", 0))
                other.settimeout(DEADLINE_S)

                def reply():
                    _, source = other.recvfrom(65535)
                    if answer:
                        other.sendto(answer, source)

                thread = threading.Thread(target=reply)
                thread.start()
                done = run("ping", "--timeout", "300", f"127.0.0.1:{other.getsockname()[1]}")
                thread.join()
                self.assertEqual(done.returncode, 1, answer)

    def test_a_stranger_gets_no_answer(self):
        server = Server.start(self, GOOD, settings(networks=["127.0.0.9"]))
        for transport in ("udp", "tcp"):
            done = run("ping", "--timeout", "300", f"{transport}:127.0.0.1:{server.port}")
            self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
