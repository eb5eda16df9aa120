"""Starts a test program again in a network of its own, with nothing but loopback, and a mount table of its own.

What it sends to public addresses goes nowhere, rules for packets are its own, and no other test sees any of it. The
name server is 127.0.0.1, where a test can listen.
"""
import os
import shutil
import subprocess
import sys
import tempfile

INSIDE = "SIGNPOST_TEST_INSIDE"
REASON = "needs root or user namespaces, for a network of its own"


def is_inside():
    return bool(os.environ.get(INSIDE))


def go_inside():
    """Does not return if that is allowed and we are not there yet."""
    if is_inside():
        return
    unshare = [shutil.which("unshare") or "unshare", "--net", "--mount", "--kill-child"]
    if os.geteuid() != 0:
        unshare += ["--user", "--map-root-user"]
    try:
        allowed = subprocess.run(
            [*unshare, "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        allowed = False
    if not allowed:
        return
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as resolv:
        resolv.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        resolv.flush()
        script = 'ip link set lo up && mount --bind "$0" "$(readlink -f /etc/resolv.conf)" && exec "$@"'
        done = subprocess.run([*unshare, "sh", "-c", script, resolv.name, sys.executable, *sys.argv], check=False,
                              env={**os.environ, INSIDE: "1"})
    sys.exit(done.returncode)
