"""Number tables for bench.py: the files, what reading and asking them takes, and a reload under load.

The load generator calls numbers of nine digits behind +44; the first of them says which gateway the answer must name.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

ROWS = 10_000_000
PREFIXES = 1_000_000
RULES = 100_000
STEP = 618_033_989  # has no factor in common with a power of ten: all numbers come, in no order
CHUNK = 100_000
DEADLINE_S = 120


def write_rows(path, rows):
    """rows: of texts."""
    with open(path, "w", encoding="ascii") as file:
        lines = []
        for row in rows:
            lines.append(row)
            if len(lines) == CHUNK:
                file.write("".join(lines))
                lines.clear()
        file.write("".join(lines))


def exact_rows(count, distinct=False):
    """Two columns of 3,000 different texts and ten; or a text of its own in each row and the gateway."""
    yield "number,rn,gateway\n"
    spread = 10**9 // count
    for i in range(count):
        number = i * STEP % count * spread
        text = f"Subscriber {i}" if distinct else f"+4479{number // 7 % 3000:04}"
        yield f"+44{number:09},{text},g{number // 10**8}\n"


def prefix_rows(count):
    """Of one to nine digits, most of them of six and seven; none is there twice."""
    yield "prefix,rn,gateway\n"
    shares = {1: 10, 3: 500, 4: 4000, 5: 40_000, 6: 300_000, 7: 400_000, 8: 200_000}
    shares[9] = count - sum(shares.values())
    for length, rows in shares.items():
        for i in range(rows):
            prefix = f"{i * STEP % 10**length:0{length}}"
            yield f"+44{prefix},+4479{i % 3000:04},g{prefix[0]}\n"


def rules_rows(count):
    digits = len(str(count)) - 1
    yield "gateways:\n" + "".join(f"  g{digit}: sip:gw{digit}.example.net\n" for digit in range(10)) + "rules:\n"
    for number in range(count):
        prefix = f"{number:0{digits}}"
        yield f'  - {{called: {{prefix: "+44{prefix}"}}, redirect: g{prefix[0]}}}\n'


SUBJECTS = {  # name: (kind, how many numbers the load calls, rows)
    "10 rows": ("exact", 10, lambda: exact_rows(10)),
    "10 million rows": ("exact", ROWS, lambda: exact_rows(ROWS)),
    "10 million, a text each": ("exact", ROWS, lambda: exact_rows(ROWS, distinct=True)),
    "1 million prefixes": ("prefix", 10**9, lambda: prefix_rows(PREFIXES)),
    "100,000 rules of YAML": ("rules", 0, lambda: rules_rows(RULES)),
}


class Files:
    """The files of all subjects, in a folder that is gone afterwards."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="signpost-bench-"))
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        kind, _, rows = SUBJECTS[name]
        path = self.folder / (name.replace(",", "").replace(" ", "-") + (".yaml" if kind == "rules" else ".csv"))
        if not path.exists():
            write_rows(path, rows())
        return path

    def text_bytes(self, name):
        """Of the distinct texts of the columns."""
        texts = set()
        with open(self.path(name), encoding="ascii") as file:
            next(file)
            for line in file:
                texts.update(line.rstrip("\n").split(",")[1:])
        return sum(map(len, texts))


def values(text):
    return {key: float(value) for key, value in re.findall(r"(\w+)=([\d.-]+)", text)}


def read_and_find(program, files, name):
    """What the program numbers says."""
    kind, count, _ = SUBJECTS[name]
    command = [str(program), kind, str(files.path(name))] + ([str(count)] if kind != "rules" else [])
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return values(done.stdout)


def rules_text(path, kind):
    gateways = "".join(f"  g{digit}: sip:gw{digit}.example.net\n" for digit in range(10))
    return (f"gateways:\n{gateways}numbers:\n  ported: {{file: {path}, match: {kind}}}\n"
            "rules:\n  - {name: ported, called: {in: ported}, redirect: {row.gateway}}\n")


def status_kb(pid, key):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{key}:\s+(\d+) kB", status, re.M)[1])


def reload_under_load(server, path, seconds, rate=None):
    """Reloads the table while the server answers: what the load generator said, and memory before, at most, after."""
    pid = server.process.pid
    server.load("-s", 0.5)
    before = status_kb(pid, "VmRSS")
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
    os.utime(path)
    said = {}
    options = ("-s", seconds) + (("-r", rate) if rate else ())
    load = threading.Thread(target=lambda: said.update(server.load(*options)))
    load.start()
    time.sleep(0.3)
    start = time.monotonic()
    os.kill(pid, signal.SIGHUP)
    while "reloaded" not in server.log_path.read_text(errors="replace"):
        if time.monotonic() > start + DEADLINE_S or server.process.poll() is not None:
            raise RuntimeError("no reload: " + server.log_path.read_text(errors="replace")[-500:])
        time.sleep(0.02)
    said["reload_s"] = time.monotonic() - start
    said["during_load"] = float(load.is_alive())
    load.join()
    time.sleep(1.5)
    said.update(before_mb=before / 1024, peak_mb=status_kb(pid, "VmHWM") / 1024, after_mb=status_kb(pid, "VmRSS") / 1024)
    return said
