#!/usr/bin/env python3
"""Runs test programs: run.py PROGRAM...; or sums gcov's lines: run.py --coverage BUILD_FOLDER.

A program is one of Check's or a Python file with unittest tests. Prints one line for each, why tests of it were
skipped, its output only when it failed (or with V=1), and at the end `N passed, N failed` over the single tests.
JOBS=1 runs one at a time.
SIGNPOST (the server to test) and MODE (how it was built) are in the environment of each.
"""
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

TIMEOUT_S = int(os.environ.get("TIMEOUT_S", "600"))  # for one program
JOBS = int(os.environ.get("JOBS", "2"))
LONGEST = ("siege_test.py", "probe_test.py")  # these start first, and then the other Python programs


def environment(reports):
    """What a program gets. Sanitizers write into the folder reports; what is not ours is listed in tests/*.supp."""
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1", CK_VERBOSITY="normal")
    env.setdefault("CK_TIMEOUT_MULTIPLIER", "5")  # Check gives a test 4 s, too few under a sanitizer
    env.setdefault("VALGRIND_OPTS", f"--log-file={reports}/valgrind.%p")
    for name, options in (
        ("asan", "detect_leaks=1:strict_string_checks=1"),
        ("lsan", "report_objects=1"),
        ("tsan", "second_deadlock_stack=1"),
        ("ubsan", "print_stacktrace=1"),
    ):
        options += f":log_path={reports}/{name}"
        if os.path.exists(f"tests/{name}.supp"):
            options += ":suppressions=" + os.path.abspath(f"tests/{name}.supp")
        env.setdefault(name.upper() + "_OPTIONS", options)
    return env


def counts(output, code):
    """(passed, failed, skipped) of the single tests; a program that reports none counts as one."""
    total = failed = skipped = 0
    for m in re.finditer(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", output, re.M):
        total += int(m[1])
        failed += int(m[2]) + int(m[3])
    for m in re.finditer(r"^Ran (\d+) tests? in .*\n\n(?:OK|FAILED)(?: \((.*)\))?$", output, re.M):
        total += int(m[1])
        words = dict(re.findall(r"(\w+)=(\d+)", m[2] or ""))
        failed += sum(int(words.get(w, 0)) for w in ("failures", "errors"))
        skipped += int(words.get("skipped", 0))
    failed = min(failed, total - skipped)  # subtests can fail more often than there are tests
    if code and not failed:
        total, failed = total + 1, 1
    if not total:
        total = 1
    return total - failed - skipped, failed, skipped


def reasons(output):
    """Why tests were skipped, as unittest's -v tells it."""
    return sorted({m[2] for m in re.finditer(r"\bskipped (['\"])(.*)\1$", output, re.M)})


def run(program):
    command = [sys.executable, program, "-v"] if program.endswith(".py") else [os.path.abspath(program)]
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as reports:
        child = subprocess.Popen(
            command, env=environment(reports), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        try:
            output, _ = child.communicate(timeout=TIMEOUT_S)
            code = child.returncode
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            output, _ = child.communicate()
            output += b"\nkilled after %d s\n" % TIMEOUT_S
            code = -1
        # A report is a failure, also one of a server that the test did not look after.
        for report in pathlib.Path(reports).iterdir():
            if not report.stat().st_size:
                continue  # valgrind's, of a process without faults
            output += b"\n" + report.read_bytes()
            code = code or 1
    return program, code, output.decode(errors="backslashreplace"), time.monotonic() - start


def main(programs):
    total = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        order = sorted(programs, key=lambda p: (not p.endswith(LONGEST), not p.endswith(".py")))
        for done in concurrent.futures.as_completed([pool.submit(run, p) for p in order]):
            program, code, output, seconds = done.result()
            passed, failed, skipped = counts(output, code)
            total = [a + b for a, b in zip(total, (passed, failed, skipped))]
            name = pathlib.Path(program).name.removesuffix(".py")
            print(f"{'FAILED' if failed else 'ok':6} {name:32} {passed + failed:4} tests {seconds:7.1f} s"
                  + (f"  ({skipped} skipped)" if skipped else ""), flush=True)
            for reason in reasons(output) if skipped else ():
                print(f"{'':6} skipped: {reason}", flush=True)
            if failed or os.environ.get("V"):
                print(output, flush=True)
    print(f"{total[0]} passed, {total[1]} failed" + (f", {total[2]} skipped" if total[2] else ""))
    return 1 if total[1] or not sum(total) else 0


def coverage(folder):
    """Which share of the lines of rules/ and server/ ran."""
    data = [str(p) for d in ("rules", "server") for p in sorted(pathlib.Path(folder, d).rglob("*.gcda"))]
    report = subprocess.run(["gcov", "-n", *data], check=True, stdout=subprocess.PIPE, text=True).stdout
    lines, ran = 0, 0.0
    for m in re.finditer(r"^File '((?:rules|server)/[\w/]+\.c)'\nLines executed:([\d.]+)% of (\d+)$", report, re.M):
        print(f"{m[2]:>6}% of {m[3]:>4} lines  {m[1]}")
        lines += int(m[3])
        ran += float(m[2]) * int(m[3])
    print(f"{ran / max(lines, 1):6.2f}% of {lines:4} lines  in all")
    return 0


if __name__ == "__main__":
    sys.exit(coverage(sys.argv[2]) if sys.argv[1:2] == ["--coverage"] else main(sys.argv[1:]))
