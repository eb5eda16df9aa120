#!/usr/bin/env python3
"""Soaks Signpost: half of what it can answer, a reload every second, for MINUTES (30).

soak.py FOLDER: the folder with the program load; SIGNPOST is the server. First it measures how many calls a second the
server answers when asked as fast as it can; then load asks half as many at even distances. The table changes with each
reload, and all of its versions answer alike. It passes if load could keep that pace, no answer is wrong, none is lost,
every reload was made, the server's memory has not grown by more than 1 MB since the end of the first minute (some 10 kB a
minute are the log's ring, which is written through once), and its descriptors are as many as then. Prints a line every
minute, and at the end `N passed, N failed`.
"""
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from bench import DEADLINE_S, PROGRAM, free_port, on_core, rules_text

MINUTES = float(os.environ.get("MINUTES") or 30)
SATURATE_S = 5
GROWTH_KB = 1024
RULES = 1000
SETTLED_S = 60  # or a fifth of a shorter soak


class Soak:
    def __init__(self, programs, folder):
        self.load_program = pathlib.Path(programs, "load").resolve()
        self.folder = pathlib.Path(folder)
        self.address = f"127.0.0.1:{free_port()}"
        self.versions = [rules_text(RULES), rules_text(RULES) + "# another version\ndefault: {reject: 480}\n"]
        self.log = self.folder / "log"
        self.reloads = 0

    def start(self):
        self.write_rules()
        (self.folder / "signpost.yaml").write_text(
            f'profiles:\n  soak: {{listen: "udp:{self.address}", peers: all}}\npeers:\n  all: {{networks: 127.0.0.0/8}}\n'
            "workers: 1\ndrain: 0s\nlog: {calls: none}\n")
        with open(self.log, "wb") as log:
            self.server = subprocess.Popen([PROGRAM, "serve", "-c", "signpost.yaml"], cwd=self.folder, stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=log, preexec_fn=on_core(0))
        end = time.monotonic() + DEADLINE_S
        while not re.search(r"\bready; ", self.log.read_text()):
            if self.server.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"the server does not start:\n{self.log.read_text()}")
            time.sleep(0.01)

    def write_rules(self):
        new = self.folder / "rules.new"
        new.write_text(self.versions[self.reloads % 2])
        new.replace(self.folder / "rules.yaml")

    def reload(self):
        self.reloads += 1
        self.write_rules()
        self.server.send_signal(signal.SIGHUP)

    def load(self, *options):
        return subprocess.Popen([self.load_program, *map(str, options), self.address], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, text=True, preexec_fn=on_core(os.cpu_count() - 1))

    @staticmethod
    def figures(load):
        said, _ = load.communicate()
        if load.returncode:
            print(f"load ended with {load.returncode}: {said}")
        return {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", said)}

    def memory_kb(self):
        status = pathlib.Path(f"/proc/{self.server.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.pid}/fd"))

    def soak(self, rate):
        """[(second, memory, descriptors)], and what load said."""
        samples, start = [], time.monotonic()
        load = self.load("-s", MINUTES * 60, "-r", rate)
        while load.poll() is None:
            second = len(samples) + 1
            time.sleep(max(start + second - time.monotonic(), 0))
            samples.append((second, self.memory_kb(), self.descriptors()))
            if second < MINUTES * 60:
                self.reload()
            if second % 60 == 0:
                print(f"{second // 60:3} min  {samples[-1][1]} kB  {samples[-1][2]} descriptors", flush=True)
        return samples, self.figures(load)

    def reloaded(self):
        """How many reloads the log tells of, when the last is over."""
        end = time.monotonic() + DEADLINE_S
        while True:
            count = len(re.findall(r"\breloaded\b", self.log.read_text(errors="replace")))
            if count >= self.reloads or time.monotonic() > end:
                return count
            time.sleep(0.05)

    def run(self):
        self.start()
        try:
            peak = self.figures(self.load("-s", SATURATE_S))["per_second"]
            rate = int(peak / 2)
            print(f"{peak:.0f} calls a second at most; soaked with {rate} for {MINUTES:g} minutes", flush=True)
            samples, said = self.soak(rate)
            return self.verdict(rate, samples, said)
        finally:
            self.server.terminate()
            self.server.wait(DEADLINE_S)

    def verdict(self, rate, samples, said):
        settled = min(SETTLED_S, int(MINUTES * 60 / 5))
        base = statistics.median(memory for _, memory, _ in samples[settled:settled + 10])
        last = statistics.median(memory for _, memory, _ in samples[-10:])
        most = max(memory for _, memory, _ in samples[settled:])
        reloaded = self.reloaded()
        print(f"{said['answered']:.0f} of {said['sent']:.0f} answered, {said['sent'] / MINUTES / 60:.0f} a second, "
              f"{said['resent']:.0f} sent again, p50 {said['p50_us']} us, p99 {said['p99_us']} us; {reloaded} of {self.reloads} reloads; "
              f"memory {base:.0f} kB at first, {last:.0f} kB at last, {most} kB at most")
        claims = {"it was asked so often": said["sent"] > 0.99 * rate * MINUTES * 60,
                  "no call is lost": said["lost"] == 0, "no answer is wrong": said["wrong"] == 0,
                  "memory is flat": max(last, most) - base <= GROWTH_KB, "every reload was made": reloaded == self.reloads,
                  "descriptors are as many": samples[-1][2] == samples[settled][2],
                  "the server runs": self.server.poll() is None}
        for claim, holds in claims.items():
            print(f"{'ok' if holds else 'FAILED':6} {claim}")
        print(f"{sum(claims.values())} passed, {len(claims) - sum(claims.values())} failed")
        return 0 if all(claims.values()) else 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="signpost-soak-") as soak_folder:
        sys.exit(Soak(sys.argv[1], soak_folder).run())
