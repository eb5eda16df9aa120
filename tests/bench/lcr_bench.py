"""Decks of rates for bench.py: what choosing among five carriers adds to a look-up."""
import pathlib
import random
import subprocess
import tempfile

import numbers_bench

DECKS = 5
PREFIXES = 200_000
SHARES = ((1, 9), (2, 80), (3, 600), (4, 3000), (5, 16_000), (6, 60_000), (7, 80_000), (8, 30_000))


def prefixes(seed):
    """As in decks from A to Z: all countries, more and more codes of more digits."""
    draw = random.Random(seed)
    for digits, count in (*SHARES, (9, PREFIXES - sum(count for _, count in SHARES))):
        first = 10 ** (digits - 1)
        for prefix in draw.sample(range(first, 10 * first), min(count, 9 * first)):
            yield prefix


def deck_rows(seed):
    yield "prefix,destination,rate,effective_date,increment,quality\n"
    draw = random.Random(seed)
    for prefix in prefixes(seed):
        rate = draw.randrange(1, 5000) * 0.0001
        yield f"{prefix},Destination {prefix % 3000},{rate:.4f},2026-01-01,60/60,{prefix % 100}\n"


def measure(program):
    with tempfile.TemporaryDirectory(prefix="signpost-bench-") as folder:
        folder = pathlib.Path(folder)
        names = [f"c{i}" for i in range(DECKS)]
        gateways = "gateways:\n" + "".join(f"  {name}: sip:{name}.example.net\n" for name in names)
        for seed, name in enumerate(names):
            numbers_bench.write_rows(folder / f"{name}.csv", deck_rows(seed))
        decks = "decks:\n" + "".join(f"  {name}: {{file: {name}.csv, redirect: {name}}}\n" for name in names)
        listed = ", ".join(names)
        (folder / "lcr.yaml").write_text(f"{gateways}{decks}rules: [{{redirect: {{lcr: {{decks: [{listed}]}}}}}}]\n")
        (folder / "plain.yaml").write_text(f"{gateways}rules: [{{redirect: [{listed}]}}]\n")
        done = subprocess.run([str(program), str(folder / "lcr.yaml"), str(folder / "plain.yaml")], capture_output=True,
                              text=True, timeout=numbers_bench.DEADLINE_S, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return numbers_bench.values(done.stdout)
