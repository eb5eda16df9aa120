#!/usr/bin/env python3
"""Runs fuzzers, two side by side: run.py FUZZER...

Each runs for FUZZ_SECONDS (60; 0: not at all) on a copy of its corpus in tests/fuzz/corpus, with the dictionary that
fits. Prints one line for each: how many inputs it ran in all, the edges covered, the inputs it would keep, and what it
found; then `N passed, N failed`. An input that made it fail stays in FINDS (build/finds) with what was said. With
KEEP=FOLDER what each has learned goes there.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path("tests/fuzz")
SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))
JOBS = int(os.environ.get("JOBS") or 2)
FINDS = pathlib.Path(os.environ.get("FINDS") or "build/finds")
KEEP = os.environ.get("KEEP")
GRACE_S = 60  # to read the corpus, and to write the last find

YAML = {"rules_load", "server_expectations", "server_settings", "server_users"}
SIP = {"server_message", "server_quick", "server_framing", "server_stream", "server_digest"}
MORE_CORPUS = {"rules_load": ["tests/config/bad", "rules/examples"], "server_settings": ["tests/config/bad"],
               "server_stream": [HERE / "corpus/framing"], "server_message": [HERE / "corpus/quick"],
               "server_quick": [HERE / "corpus/message"]}


def command(program, name, corpus, seconds, finds):
    known = [HERE / "corpus" / name.partition("_")[2], *MORE_CORPUS.get(name, [])]
    words = [os.path.abspath(program), f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048",
             f"-artifact_prefix={finds}/{name}-", "-print_final_stats=1", "-verbosity=1"]
    if name in YAML | SIP:
        words.append(f"-dict={HERE}/{'yaml' if name in YAML else 'sip'}.dict")
    return words + [str(corpus), *(str(folder) for folder in known if pathlib.Path(folder).is_dir())]


def run(program):
    name = pathlib.Path(program).name.removesuffix("_fuzz")
    with tempfile.TemporaryDirectory(prefix="signpost-fuzz-") as corpus:
        FINDS.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run(command(program, name, corpus, SECONDS, FINDS), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS + GRACE_S,
                                  check=False)
            output, code = done.stdout, done.returncode
        except subprocess.TimeoutExpired as late:
            output, code = late.stdout or b"", "no end"
        if KEEP:
            shutil.copytree(corpus, pathlib.Path(KEEP, name), dirs_exist_ok=True)
    return name, code, output.decode(errors="backslashreplace")


def figures(output):
    """What libFuzzer said last."""
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", output)
    covered = re.findall(r" cov: (\d+)", output)
    kept = re.search(r"stat::new_units_added:\s*(\d+)", output)
    return (f"{int(runs[1]) if runs else 0:>10} runs  {covered[-1] if covered else 0:>6} edges  "
            f"{kept[1] if kept else 0:>5} kept")


def main(programs):
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run, p) for p in programs]):
            name, code, output = done.result()
            print(f"{'FAILED' if code else 'ok':6} {name:24} {figures(output)}", flush=True)
            if code:
                failed += 1
                FINDS.joinpath(name + ".log").write_text(output)
                print(output[-6000:], f"see {FINDS}/", sep="\n", flush=True)
    print(f"{len(programs) - failed} passed, {failed} failed")
    return 1 if failed or not programs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) if SECONDS else 0)
