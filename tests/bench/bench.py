#!/usr/bin/env python3
"""Measures Signpost against Kamailio and a bare echo, in turn, each on one core: see BENCH.md beside this file.

bench.py FOLDER: the folder with the programs load, hold and echo. SIGNPOST is the server to measure. ROUNDS,
SECONDS_PER_ROUND and CONNECTIONS in the environment set what the options below do. Nothing passes or fails here, but
a wrong answer ends the run: there is no speed in those.
"""
import argparse
import contextlib
import ctypes
import dataclasses
import os
import pathlib
import platform
import re
import resource
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import lcr_bench
import numbers_bench

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = os.environ.get("SIGNPOST") or str(HERE.parent.parent / "build" / "signpost")
DEADLINE_S = 20
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
WARM_UP_S = 0.3
ECHO, KAMAILIO, OURS = "echo", "Kamailio", "signpost"


LOGS = {"calls: none": "log: {calls: none}",
        "calls: all": "log: {calls: all}",
        "calls: all, format: json, to a file": "log: {calls: all, format: json, to: calls.log}",
        "calls: 1/100": "log: {calls: 1/100}",
        "hep": 'log: {calls: none}\nhep: {to: "127.0.0.1:9", id: 1}'}


class Trouble(Exception):
    """A measurement that failed; its text says why. The rest goes on, the exit status tells."""


class Refused(Exception):
    """What was to be measured is not on offer; its text says why. The rest goes on."""


# Processes


def on_core(core):
    """For preexec_fn: runs on that core only, and ends when this program does."""

    def prepare():
        os.sched_setaffinity(0, {core})
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return prepare


def free_port():
    """A port of 127.0.0.1 that is free for UDP and TCP."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                tcp.bind(udp.getsockname())
                return udp.getsockname()[1]
    raise Trouble("no free port")


def status_of(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def family_of(pid):
    """The process and all that came from it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry)] = int(status_of(entry)[1])
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family


def core_s(core):
    """How long a core has been busy, for whomever; time that the hypervisor took from it counts."""
    line = re.search(rf"^cpu{core} (.*)", pathlib.Path("/proc/stat").read_text(), re.M)[1]
    user, nice, system, _idle, _iowait, *interrupts_and_steal = map(int, line.split()[:8])
    return (user + nice + system + sum(interrupts_and_steal)) * TICK_S


def memory_parts_kb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {kind: int(kb) for kind, kb in re.findall(r"^Rss(\w+):\s+(\d+) kB", status, re.M)}


class Server:
    """A running server. command and whatever else it needs come from the classes below."""

    def __init__(self, bench, transport):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.transport = transport
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="signpost-bench-"))
        self.log_path = self.folder / "log"
        self.bench = bench
        self.process = None
        try:
            self.launch(self.command())
        except BaseException:
            self.stop()
            raise

    load_options = ()
    start_s = DEADLINE_S

    def command(self):
        raise NotImplementedError

    def launch(self, command):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                preexec_fn=on_core(self.bench.server_core))
        self.wait_until_it_answers()

    def wait_until_it_answers(self):
        end = time.monotonic() + self.start_s
        while True:
            done = self.run_load("-n", 1, "-w", 1, "-l", 1)
            if done.returncode == 0:
                return
            if "wrong answer" in done.stderr:
                raise Trouble(f"{self.command()[0]}: {done.stderr}")
            if self.process.poll() is not None or time.monotonic() > end:
                log = self.log_path.read_text(errors="replace")[-3000:]
                raise Trouble(f"{self.command()[0]} does not answer: {done.stderr}{log}")
            time.sleep(0.02)

    def run_load(self, *options):
        command = [str(self.bench.folder / "load"), "-t", self.transport, *self.load_options, *map(str, options),
                   self.address]
        try:
            return subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                timeout=2 * DEADLINE_S + self.bench.seconds, preexec_fn=on_core(self.bench.load_core))
        except subprocess.TimeoutExpired:
            raise Trouble(f"{' '.join(command)} does not end") from None

    def load(self, *options):
        """What the generator prints, as numbers."""
        done = self.run_load(*options)
        if done.returncode != 0:
            raise Trouble(f"{self.command()[0]}: {done.stderr}{done.stdout}")
        return {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)", done.stdout)}

    def cpu_s(self):
        """User and system time of all its processes."""
        return sum(sum(map(int, status_of(pid)[11:13])) for pid in family_of(self.process.pid)) * TICK_S

    def memory_kb(self):
        """What is resident: VmRSS, for several processes without counting what they share twice."""
        parts = [memory_parts_kb(pid) for pid in family_of(self.process.pid)]
        return sum(p["Anon"] + p["File"] for p in parts) + max(p["Shmem"] for p in parts)

    def stop(self):
        if self.process:
            family = family_of(self.process.pid)
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(DEADLINE_S)
            for pid in family:
                if self.process.poll() is None or (pid != self.process.pid and os.path.exists(f"/proc/{pid}")):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Echo(Server):
    load_options = ("-e",)

    def command(self):
        return [str(self.bench.folder / "echo"), self.transport, str(self.port)]


class Kamailio(Server):
    def command(self):
        if not shutil.which("kamailio"):
            raise Refused("kamailio is not installed")
        rows = "".join(f"+44{digit}:gw{digit}.example.net\n" for digit in range(10))
        (self.folder / "version").write_text("table_name(string) table_version(int)\nmtree:1\ngateways:1\n")
        (self.folder / "gateways").write_text("tprefix(string) tvalue(string)\n" + rows)
        text = (HERE / "kamailio.cfg").read_text()
        text = text.replace("@LISTEN@", f"{self.transport}:{self.address}").replace("@FOLDER@", str(self.folder))
        (self.folder / "kamailio.cfg").write_text(text)
        return ["kamailio", "-DD", "-E", "-f", "kamailio.cfg", "-Y", str(self.folder), "-P", str(self.folder / "pid"),
                "-X", "fm", "-m", "1024", "-M", "8"]


def rules_text(count):
    """count rules, a power of ten, one for each prefix of as many digits; the first digit chooses the gateway."""
    digits = len(str(count)) - 1
    lines = ["gateways:", *(f"  g{digit}: sip:gw{digit}.example.net" for digit in range(10)), "rules:"]
    for number in range(count):
        prefix = f"{number:0{digits}}"
        lines.append(f'  - {{called: {{prefix: "+44{prefix}"}}, redirect: g{prefix[0]}}}')
    return "\n".join(lines) + "\n"


class Signpost(Server):
    """profile: more text for the profile, as "stack: nta"."""

    def __init__(self, bench, transport, profile="", rules=10):
        self.profile = profile
        self.rules = rules
        super().__init__(bench, transport)

    def command(self):
        more = f", {self.profile}" if self.profile else ""
        (self.folder / "rules.yaml").write_text(rules_text(self.rules))
        (self.folder / "signpost.yaml").write_text(
            f'profiles:\n  bench: {{listen: "{self.transport}:{self.address}", peers: all{more}}}\n'
            "peers:\n  all: {networks: 127.0.0.0/8}\n"
            f"workers: 1\ndrain: 0s\nlog: {{calls: none}}\n{self.bench.settings}\n")
        return [PROGRAM, "serve", "-c", "signpost.yaml"]

    def launch(self, command):
        done = subprocess.run([PROGRAM, "check", "-c", "signpost.yaml"], cwd=self.folder, capture_output=True,
                              text=True, timeout=DEADLINE_S, check=False)
        if done.returncode != 0:
            raise Refused(done.stderr.partition("\n")[0])
        super().launch(command)


class Logging(Signpost):
    """Signpost that logs, or copies its messages."""

    def __init__(self, bench, settings):
        self.more = settings
        super().__init__(bench, "udp")

    def command(self):
        command = super().command()
        path = self.folder / "signpost.yaml"
        path.write_text(path.read_text().replace("log: {calls: none}", self.more))
        return command

    def threads_us(self):
        """CPU time of the threads: of the one that answers, and of those behind it."""
        names = {}
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            name = (task / "comm").read_text().strip()
            names.setdefault(name, []).append(int((task / "schedstat").read_text().split()[0]) / 1000)
        behind = sum(sum(times) for name, times in names.items() if name in ("signpost-log", "signpost-hep"))
        return max(names["signpost"]), behind


class Numbers(Signpost):
    """Signpost with a number table; load asks for count of its numbers."""

    start_s = numbers_bench.DEADLINE_S

    def __init__(self, bench, path, kind, count):
        self.path, self.kind = path, kind
        self.load_options = ("-m", str(count))
        super().__init__(bench, "udp")

    def command(self):
        command = super().command()
        (self.folder / "rules.yaml").write_text(numbers_bench.rules_text(self.path, self.kind))
        return command

    def launch(self, command):
        Server.launch(self, command)


# Measuring


@dataclasses.dataclass
class Sample:
    cpu_us: float  # for one answer
    busy: float  # how much of its core the server took at saturation
    per_second: float
    p50_us: float  # at half of per_second
    p99_us: float
    idle_us: float  # round trip, one at a time
    unanswered: float
    others: float  # how much of the server's core others took at saturation
    own_core: float  # how much of its core the generator had


def measure(server, seconds):
    server.load("-s", WARM_UP_S)
    before, core_before = server.cpu_s(), core_s(server.bench.server_core)
    full = server.load("-s", seconds)
    cpu_s, core = server.cpu_s() - before, core_s(server.bench.server_core) - core_before
    half = server.load("-s", seconds, "-r", full["per_second"] / 2)
    idle = server.load("-s", min(1, seconds), "-w", 1, "-l", 1)
    return Sample(
        cpu_us=cpu_s * 1e6 / full["answered"], busy=cpu_s / full["seconds"], per_second=full["per_second"],
        p50_us=half["p50_us"], p99_us=half["p99_us"], idle_us=idle["p50_us"],
        unanswered=sum(run["lost"] + run["resent"] for run in (full, half, idle)),
        others=max(0, core - cpu_s) / full["seconds"], own_core=min(full["own_core"], half["own_core"]))


class Hold:
    """The program that keeps many connections open."""

    def __init__(self, bench, server):
        self.process = subprocess.Popen(
            [bench.folder / "hold", str(bench.connections), server.address], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1, preexec_fn=on_core(bench.load_core))

    def wait_for(self, word):
        ready = select.select([self.process.stdout], [], [], 6 * DEADLINE_S)[0]
        line = self.process.stdout.readline() if ready else ""
        if not line.startswith(word):
            raise Trouble(f"hold: not {word} but {line!r}")

    def go_on(self):
        self.process.stdin.write("\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def settled_memory_kb(server):
    """Once it has not changed for a while, or after the deadline."""
    end = time.monotonic() + DEADLINE_S
    last, now = -1, server.memory_kb()
    while now != last and time.monotonic() < end:
        time.sleep(0.3)
        last, now = now, server.memory_kb()
    return now


def measure_connections(bench, server):
    """Bytes for one connection: open, and after a call."""
    server.load("-s", WARM_UP_S)
    before = settled_memory_kb(server)
    with Hold(bench, server) as hold:
        hold.wait_for("open=")
        opened = settled_memory_kb(server)
        hold.go_on()
        hold.wait_for("answered=")
        called = settled_memory_kb(server)
    return [(kb - before) * 1024 / bench.connections for kb in (opened, called)]


class Bench:
    def __init__(self, options):
        self.folder = options.folder.resolve()
        self.rounds, self.seconds, self.connections = options.rounds, options.seconds, options.connections
        self.settings = options.settings
        self.server_core, self.load_core = options.cores
        self.doors = options.door
        self.notes = []
        self.has_failed = False

    def signposts(self):
        for name, profile in self.doors:
            yield name, lambda transport, profile=profile: Signpost(self, transport, profile)

    def subjects(self):
        """name -> what starts it, in the order of a round: rivals that are compared come one after the other."""
        subjects = {ECHO: lambda transport: Echo(self, transport),
                    KAMAILIO: lambda transport: Kamailio(self, transport), **dict(self.signposts())}
        name, profile = self.doors[0]
        subjects[f"{name}, 100,000 rules"] = lambda transport: Signpost(self, transport, profile, 100000)
        return subjects

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def fail(self, text):
        self.has_failed = True
        self.note(text.strip())

    def race(self, transport):
        """{name: {round: Sample}}"""
        subjects = self.subjects()
        samples = {name: {} for name in subjects}
        for number in range(self.rounds):
            print(f"{transport}: round {number + 1} of {self.rounds}", file=sys.stderr, flush=True)
            for name in list(subjects):
                try:
                    with subjects[name](transport) as server:
                        samples[name][number] = measure(server, self.seconds)
                except Refused as refused:
                    self.note(f"skipped: {name}: {refused}")
                    del subjects[name]
                except Trouble as trouble:
                    self.fail(f"failed: {name} over {transport}, round {number + 1}: {trouble}")
        return {name: rounds for name, rounds in samples.items() if rounds}

    def memory(self):
        """[[name, bytes open, bytes after a call]]"""
        rows = []
        for name, start in [(KAMAILIO, lambda transport: Kamailio(self, transport)), *self.signposts()]:
            print(f"{self.connections} connections: {name}", file=sys.stderr, flush=True)
            try:
                with start("tcp") as server:
                    rows.append([name, *(f"{size:,.0f}" for size in measure_connections(self, server))])
            except Refused as refused:
                self.note(f"skipped: {name}: {refused}")
            except Trouble as trouble:
                self.fail(f"failed: {name}, connections: {trouble}")
        return rows


    def logging(self):
        """{what: [(us of the worker, us of the threads behind it) for an answer, in each round]}"""
        samples = {name: [] for name in LOGS}
        for number in range(self.rounds):
            print(f"log: round {number + 1} of {self.rounds}", file=sys.stderr, flush=True)
            for name, settings in LOGS.items():
                with Logging(self, settings) as server:
                    server.load("-s", WARM_UP_S)
                    before = server.threads_us()
                    answered = server.load("-s", self.seconds)["answered"]
                    samples[name].append([(b - a) / answered for a, b in zip(before, server.threads_us())])
        return samples

    def numbers(self):
        """[[name, what it takes to read and to ask]], and the lines about a reload."""
        rows, lines, cost = [], [], {}
        with numbers_bench.Files() as files:
            for name, (kind, count, _) in numbers_bench.SUBJECTS.items():
                print(f"numbers: {name}", file=sys.stderr, flush=True)
                samples = [numbers_bench.read_and_find(self.folder / "numbers", files, name)
                           for _ in range(self.rounds)]
                best = {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}
                row = [name, f"{best['load_s']:.2f}", f"{best['cpu_s']:.2f}", f"{best['bytes'] / 2**20:.1f}"]
                if kind == "rules":
                    rows.append([*row, f"{best['bytes'] / best['rows']:.1f}", "-", "-", "-"])
                    continue
                with Numbers(self, files.path(name), kind, count) as server:
                    rounds = [measure(server, self.seconds) for _ in range(self.rounds)]
                    cost[name] = statistics.median(sample.cpu_us for sample in rounds)
                    if name == "10 million rows":
                        lines = self.reload(server, files.path(name))
                beside = (best["rss"] - files.text_bytes(name)) / best["rows"]
                rows.append([*row, f"{best['bytes'] / best['rows']:.1f}", f"{beside:.1f}", f"{best['find_ns']:.0f}",
                             f"{cost[name]:.2f}"])
        return rows, lines

    def reload(self, server, path):
        """Lines about a reload of the table at full load, and at a quarter of it."""
        full = numbers_bench.reload_under_load(server, path, 20)
        (server.folder / "log").write_text("")
        paced = numbers_bench.reload_under_load(server, path, 20, full["per_second"] / 4)
        return [f"reload at {said['per_second']:,.0f} answers/s: {said['reload_s']:.1f} s, "
                f"{said['lost']:.0f} lost, {said['resent']:.0f} sent again, p50 {said['p50_us']:.0f} us, "
                f"p99 {said['p99_us']:.0f} us, longest {said['max_us']:.0f} us; memory {said['before_mb']:.0f} MB, "
                f"at most {said['peak_mb']:.0f} MB, afterwards {said['after_mb']:.0f} MB"
                + ("" if said["during_load"] else " (the load ended first)")
                for said in (full, paced)]


# Printing


def table(rows):
    """The first row is the head; the first column is text."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())


def median(rounds, field):
    return statistics.median(getattr(sample, field) for sample in rounds.values())


def ratio(rounds, others):
    """Of the CPU time, as the median of the rounds' own ratios: what disturbs a round disturbs both."""
    ratios = [rounds[i].cpu_us / others[i].cpu_us for i in rounds if i in others]
    return f"{statistics.median(ratios):.2f}" if ratios else "-"


def race_row(name, rounds, race):
    costs = [sample.cpu_us for sample in rounds.values()]
    return [name, f"{statistics.median(costs):.2f}", f"{min(costs):.2f}-{max(costs):.2f}",
            ratio(rounds, race.get(KAMAILIO, {})), ratio(rounds, race.get(ECHO, {})),
            f"{median(rounds, 'per_second'):,.0f}", f"{100 * median(rounds, 'busy'):.0f} %",
            f"{median(rounds, 'p50_us'):.0f}", f"{median(rounds, 'p99_us'):.0f}", f"{median(rounds, 'idle_us'):.1f}"]


def print_race(bench, transport, race):
    print(f"\n{transport.upper()}: one core, {bench.rounds} rounds of {bench.seconds:g} s in turn, medians\n")
    table([["", "CPU us", "range", "of Kamailio", "of echo", "answers/s", "busy", "p50 us", "p99 us", "idle us"],
           *(race_row(name, rounds, race) for name, rounds in race.items())])
    few = bench.doors[0][0]
    many = f"{few}, 100,000 rules"
    if few in race and many in race:
        print(f"\n100,000 rules cost {ratio(race[many], race[few])} of 10 rules")
    for name, rounds in race.items():
        unanswered = sum(sample.unanswered for sample in rounds.values())
        if unanswered:
            bench.note(f"{name}: {unanswered:.0f} requests over {transport} were lost or sent again")
        if median(rounds, "busy") + median(rounds, "others") < 0.9:
            bench.note(f"{name}: not saturated over {transport}: its answers/s are the load generator's limit")
    note_others(bench, transport, [sample for rounds in race.values() for sample in rounds.values()])


def note_others(bench, transport, samples):
    """Whether the machine was quiet."""
    server = max((sample.others for sample in samples), default=0)
    load = 1 - min((sample.own_core for sample in samples), default=1)
    if max(server, load) > 0.03:
        bench.note(f"others took up to {100 * server:.0f} % of the server's core and {100 * load:.0f} % of the load's "
                   f"over {transport}: measure again on a quiet machine")


def print_memory(bench, rows):
    print(f"\nTCP: {bench.connections:,} connections, bytes of the server's memory for each\n")
    table([["", "open", "after a call"], *rows])


def print_numbers(rows, lines):
    print("\nTables of numbers, one core\n")
    table([["", "load s", "CPU s", "MiB", "bytes a row", "beside texts", "find ns", "CPU us an answer"], *rows])
    print()
    for line in lines:
        print(line)


def print_logging(samples):
    """What the log adds is the median of the rounds' own differences."""
    none = samples["calls: none"]
    print("\nThe log, and copies for hep: CPU us for an answer over UDP\n")
    rows = []
    for name, rounds in samples.items():
        worker, behind = (statistics.median(sample[i] for sample in rounds) for i in (0, 1))
        added = statistics.median(sample[0] - other[0] for sample, other in zip(rounds, none))
        rows.append([name, f"{worker:.2f}", f"{added:.2f}", f"{behind:.2f}"])
    table([["", "worker", "more than none", "thread behind it"], *rows])


def print_lcr(rounds):
    best = {key: statistics.median(sample[key] for sample in rounds) for key in rounds[0]}
    added = statistics.median(sample["lcr_ns"] - sample["plain_ns"] for sample in rounds)
    prefixes = lcr_bench.DECKS * lcr_bench.PREFIXES
    print(f"\nLeast-cost routing, {lcr_bench.DECKS} decks of {lcr_bench.PREFIXES:,} prefixes, one core\n")
    table([["", "load s", "CPU s", "MiB", "bytes a prefix", "look-up us", "without decks", "the choice adds"],
           ["all five offered", f"{best['load_s']:.2f}", f"{best['cpu_s']:.2f}", f"{best['bytes'] / 2**20:.1f}",
            f"{best['bytes'] / prefixes:.1f}", f"{best['lcr_ns'] / 1000:.2f}", f"{best['plain_ns'] / 1000:.2f}",
            f"{added / 1000:.2f} us"]])


def first_line(*command):
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        return (done.stdout or done.stderr).strip().partition("\n")[0]
    return f"no {command[0]}"


def print_machine():
    cpu = re.search(r"^model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    hypervisor = " (virtual)" if " hypervisor" in pathlib.Path("/proc/cpuinfo").read_text() else ""
    print(f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores{hypervisor}, "
          f"Linux {'.'.join(platform.release().split('.')[:2])}")
    print(f"{first_line(PROGRAM, 'version')}; {first_line('kamailio', '-v').replace('version: ', '')}")


# The program


def raise_file_limit(connections):
    """Servers and hold inherit it."""
    needed = connections + 500
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = needed if hard == resource.RLIM_INFINITY else max(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    except (ValueError, OSError):
        raise Trouble(f"{connections} connections need {needed} open files, {hard} are allowed (ulimit -n); "
                      "or ask for fewer with CONNECTIONS=") from None


def read_options():
    cores = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=pathlib.Path, help="where load, hold and echo are")
    parser.add_argument("--only", choices=["udp", "tcp", "memory", "numbers", "lcr", "log"], action="append", help="repeatable; default all")
    parser.add_argument("--rounds", type=int, default=os.environ.get("ROUNDS", "5"))
    parser.add_argument("--seconds", type=float, default=os.environ.get("SECONDS_PER_ROUND", "3"))
    parser.add_argument("--connections", type=int, default=os.environ.get("CONNECTIONS", "10000"))
    parser.add_argument("--cores", type=lambda text: list(map(int, text.split(","))), default=cores[:2],
                        help="of the server and of the load, as 0,1")
    parser.add_argument("--settings", default="", help="more text for signpost.yaml")
    parser.add_argument("--door", type=lambda text: tuple(text.split("=", 1)), action="append", metavar="NAME=TEXT",
                        help="a way to run Signpost: what the table calls it, and more text for the profile; "
                        "repeatable; the first is run with 100,000 rules too")
    options = parser.parse_args()
    options.door = options.door or [(OURS, ""), (f"{OURS}, stack: nta", "stack: nta")]
    if len(options.cores) != 2 or options.rounds < 1 or any(len(door) != 2 for door in options.door):
        parser.error("needs two cores, a round or more, and doors as NAME=TEXT")
    return options


def on_sigterm(*_):
    raise SystemExit("ended by SIGTERM")


def main():
    options = read_options()
    for program in (PROGRAM, *(options.folder / name for name in ("load", "hold", "echo", "numbers", "lcr"))):
        if not os.access(program, os.X_OK):
            raise SystemExit(f"bench: {program}: no such program; `make bench` builds it, SIGNPOST names the server")
    bench = Bench(options)
    wanted = options.only or ["udp", "tcp", "memory", "numbers", "lcr", "log"]
    signal.signal(signal.SIGTERM, on_sigterm)
    print_machine()
    try:
        for transport in ("udp", "tcp"):
            if transport in wanted:
                print_race(bench, transport, bench.race(transport))
        if "memory" in wanted:
            raise_file_limit(options.connections)
            print_memory(bench, bench.memory())
        if "numbers" in wanted:
            print_numbers(*bench.numbers())
        if "log" in wanted:
            print_logging(bench.logging())
        if "lcr" in wanted:
            print_lcr([lcr_bench.measure(bench.folder / "lcr") for _ in range(bench.rounds)])
    except Trouble as trouble:
        raise SystemExit(f"bench: {trouble}") from None
    finally:
        for note in bench.notes:
            print(f"\n{note}")
    if bench.has_failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
