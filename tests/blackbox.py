"""What the black-box tests share: a server in a folder of its own, sockets to ask it, SIP messages.

Nothing here sleeps to let something happen: every wait is for an event (a reply, a line of the log, the end of a
process) and ends with a failure at its deadline. SIGNPOST is the program under test; a sanitizer in it makes all
deadlines longer.
"""
import atexit
import contextlib
import itertools
import os
import pathlib
import random
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

os.environ["SIGNPOST_SANDBOX"] = "kill"  # a system call that the server's list lacks must not go unnoticed
ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("SIGNPOST") or str(ROOT / "build" / "signpost")


def sanitizer():
    """"asan" or "tsan" if the program was built with it, "valgrind" if it is valgrind.sh, else ""."""
    if not os.path.exists(PROGRAM):
        raise SystemExit(f"{PROGRAM}: no such program; run make, or set SIGNPOST")
    code = pathlib.Path(PROGRAM).read_bytes()
    if code.startswith(b"#!") and b"valgrind" in code:
        return "valgrind"
    return "asan" if b"__asan_init" in code else "tsan" if b"__tsan_init" in code else ""


SANITIZER = sanitizer()
PATIENCE = {"": 1, "asan": 4, "tsan": 8, "valgrind": 12}[SANITIZER]  # how much slower than the release build
DEADLINE_S = 10 * PATIENCE
COMPLAINTS = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed")


def eventually(condition, what, deadline_s=DEADLINE_S):
    """The first true value of condition(), or a failure after deadline_s."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {deadline_s} s still not: {what}")
        select.select([], [], [], 0.003)


def at_end_of(test):
    """Takes what is to be done at the end of a test, or of a class of them."""
    return test.addClassCleanup if isinstance(test, type) else test.addCleanup


# Processes


def run(*arguments, timeout_s=DEADLINE_S, **options):
    """Runs the program to its end; the result has returncode, stdout and stderr as text with its CRs."""
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=timeout_s, check=False, **options)
    done.stdout = done.stdout.decode(errors="surrogateescape")
    done.stderr = done.stderr.decode(errors="surrogateescape")
    assert not COMPLAINTS.search(done.stderr), done.stderr
    return done


def is_v6_here():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


_claims = []  # sockets that keep other tests from the ports given out
atexit.register(lambda: [claim.close() for claim in _claims])


def free_port():
    """A port number free for UDP and TCP, below those the kernel gives out, and claimed among these tests: a server
    with several workers would not notice that another one has it."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(20000, 32000)
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0signpost-test-port-{port}")
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(("0.0.0.0", port))
            if is_v6_here():
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET6, kind) as s:
                        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                        s.bind(("::", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port
    raise AssertionError("no free port")


LISTEN = ["udp:127.0.0.1:PORT", "tcp:127.0.0.1:PORT"] + (["udp:[::1]:PORT", "tcp:[::1]:PORT"] if is_v6_here() else [])
SECRET = b"not so secret: for tests only"


def settings(listen=LISTEN, networks=("127.0.0.0/8", "::1"), secret=True, workers=1, drain="0s", stack="ours",
             more=""):
    """The text of a settings file; PORT stands for the server's port. One worker: what comes in at one address is
    dealt with in its order, from whatever socket it was sent."""
    quoted = ", ".join(f'"{text}"' for text in listen)
    nets = ", ".join(f'"{text}"' for text in networks)
    return (f"profiles:\n  test: {{listen: [{quoted}], peers: [local], stack: {stack}}}\npeers:\n"
            f"  local: {{networks: [{nets}]}}\n" + ("secret: secret.key\n" if secret else "") + f"workers: {workers}\ndrain: {drain}\n{more}\n")


class Server:
    """A running `signpost serve` with the files it was given, in a folder of its own. before(folder) is called when they
    are there; program: what runs `serve`; options: for Popen. It stops at once unless the settings say how long it drains.

    Use with Server.start(test, ...): the test fails if the server ends with another status than 0, or if a
    sanitizer complained."""

    def __init__(self, rules, settings_text, stderr=None, program=(PROGRAM,), before=None, **options):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="signpost-test-"))
        self.settings_path = self.folder / "signpost.yaml"
        self.rules_path = self.folder / "rules.yaml"
        self.log_path = self.folder / "log"
        self.port = free_port()
        self.folder.joinpath("secret.key").write_bytes(SECRET)
        self.folder.joinpath("secret.key").chmod(0o600)
        self.write_rules(rules)
        if "drain:" not in settings_text:
            settings_text += "\ndrain: 0s\n"
        self.settings_path.write_text(settings_text.replace("PORT", str(self.port)))
        if before:
            before(self.folder)
        self.command = [*program, "serve", "-c", str(self.settings_path)]
        self.options = {"stderr": stderr, **options}
        self.launch()

    def launch(self):
        """Starts the process; again, when it has ended."""
        with open(self.log_path, "ab") as log:
            options = {**self.options, "stderr": self.options["stderr"] or log}
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, **options)

    @classmethod
    def start(cls, test, rules, settings_text=None):
        """Starts one, waits until it is ready, and has test (a TestCase, or a class of them) stop it at its end."""
        server = cls(rules, settings_text or settings())
        at_end_of(test)(server.stop)
        server.wait_for_log(r"^ready; ")
        return server

    def write_rules(self, text):
        """In one step: the server never reads half a file. PORT stands for the server's port."""
        new = self.folder / "rules.new"
        new.write_bytes(text.replace("PORT", str(self.port)).encode("utf-8", "surrogateescape"))
        new.replace(self.rules_path)

    def log(self):
        return self.log_path.read_text(errors="backslashreplace")

    def log_lines(self, pattern):
        return [line for line in self.log().splitlines() if re.search(pattern, line)]

    def wait_for_log(self, pattern, count=1):
        """Waits until count lines match, and gives them all."""

        def seen():
            lines = self.log_lines(pattern)
            if len(lines) < count and self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log()[-4000:]}")
            return len(lines) >= count and lines

        try:
            return eventually(seen, f"{count} lines of the log match {pattern}")
        except AssertionError as failure:
            raise AssertionError(f"{failure}; the log:\n{self.log()[-4000:]}") from None

    def signal(self, number):
        self.process.send_signal(number)

    def memory_kb(self):
        """What it has in memory now."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """SIGTERM, exit status 0, nothing that a sanitizer says. Leaves no process and no folder."""
        try:
            if self.process.poll() is None:
                self.signal(signal.SIGTERM)
            try:
                status = self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                raise AssertionError(f"SIGTERM did not stop the server; its log:\n{self.log()[-4000:]}") from None
            complaint = COMPLAINTS.search(self.log())
            if complaint:
                raise AssertionError(f"a sanitizer complains:\n{self.log()[complaint.start():][:6000]}")
            if status != 0:
                raise AssertionError(f"the server ended with {status}:\n{self.log()[-4000:]}")
        finally:
            self.kill()

    def kill(self):
        """For one that is not expected to run, or to stop as it should."""
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def folder_for(test):
    """A folder that goes with the test."""
    folder = tempfile.mkdtemp(prefix="signpost-test-")
    at_end_of(test)(shutil.rmtree, folder, ignore_errors=True)
    return pathlib.Path(folder)


@contextlib.contextmanager
def process(*command, **options):
    """A helper process (a peer) that does not outlive the block, nor do its children."""
    child = subprocess.Popen(
        [str(word) for word in command], stdin=subprocess.DEVNULL, start_new_session=True, **options)
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def limit_memory(limit_bytes):
    """For preexec_fn. A sanitizer's address space cannot be limited."""
    if not SANITIZER:
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


# Messages

_numbers = itertools.count(1)
_own = f"{os.getpid():x}{random.SystemRandom().getrandbits(32):08x}"  # so that no two tests use the same Call-ID


def unique(prefix=""):
    return f"{prefix}{_own}.{next(_numbers)}"


KNOWN = {  # all headers that a reply may have
    "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Expires", "Allow", "Accept", "Supported", "Reason",
    "Retry-After", "Content-Length"}
NEEDED = ("Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq")


def request(method="INVITE", uri="sip:+442071234567@signpost.test", headers=None, body=b"", start=None, via=None,
            more=()):
    """A request as bytes. headers: {name: value}, a list of values for several, None to leave one of the usual
    headers out; more: whole lines behind them. start: the start line, when method and uri do not make it."""
    fields = {
        "Via": via or f"SIP/2.0/UDP signpost.test;branch=z9hG4bK{unique()};rport",
        "Max-Forwards": "70",
        "From": f"<sip:alice@pbx.test>;tag={unique('f')}",
        "To": f"<{uri}>",
        "Call-ID": unique("c"),
        "CSeq": f"1 {method}",
    }
    for name, value in (headers or {}).items():
        if value is None:
            fields.pop(name, None)
        else:
            fields[name] = value
    if "Content-Length" not in fields and "Content-Length" not in (headers or {}):
        fields["Content-Length"] = str(len(body))
    lines = [start if start is not None else f"{method} {uri} SIP/2.0"]
    for name, value in fields.items():
        lines += [f"{name}: {v}" for v in ([value] if isinstance(value, (str, bytes)) else value)]
    lines += more
    text = "\r\n".join(lines) + "\r\n\r\n"
    return text.encode("utf-8", "surrogateescape") + body


class Reply:
    """A response, taken apart strictly: a server under test gets no allowances."""

    def __init__(self, data):
        self.data = data
        head, blank, self.body = data.partition(b"\r\n\r\n")
        assert blank, f"no empty line in {data!r}"
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", head), f"stray CR, LF or NUL in {head!r}"
        lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        start = re.fullmatch(r"SIP/2\.0 ([1-6]\d\d) (.*)", lines[0])
        assert start, f"bad status line {lines[0]!r}"
        self.status, self.phrase = int(start[1]), start[2]
        self.fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(": ")
            assert colon and re.fullmatch(r"[A-Za-z-]+", name), f"bad header line {line!r} in {data!r}"
            self.fields.append((name, value))

    def all(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        assert len(values) <= 1, f"{len(values)} {name} headers in {self.data!r}"
        return values[0] if values else default

    def names(self):
        return [name for name, _ in self.fields]

    def to_tag(self):
        tag = re.search(r";tag=([^;\s]+)$", self.get("To"))
        return tag and tag[1]

    def contacts(self):
        """[(uri, q as text)], as listed."""
        value = self.get("Contact")
        if value is None:
            return []
        contacts = [re.fullmatch(r"<([^<>\s]+)>(?:;q=([01](?:\.\d{1,3})?))?", c) for c in value.split(", ")]
        assert all(contacts), f"bad Contact: {value}"
        return [(c[1], c[2]) for c in contacts]

    def uris(self):
        return [uri for uri, _ in self.contacts()]

    def __repr__(self):
        return repr(self.data)


# Doors


class Door:
    """One way to the server. ask() gives the one reply to a request, or None if there is none: that is known when
    the OPTIONS sent behind it is answered and nothing came before. closed: the server has closed the stream."""

    transport = "UDP"
    host = "127.0.0.1"

    def __init__(self, port, source=None):
        self.port = port
        self.source = source or self.host
        self.closed = False

    def via(self, **changes):
        """A Via as a client on this door writes it: with rport."""
        return self.via_for(self.name(), **changes)

    def via_for(self, sent_by, branch=None, params=";rport", transport=None):
        return f"SIP/2.0/{transport or self.transport} {sent_by}{params};branch={branch or 'z9hG4bK' + unique()}"

    def name(self):
        """Host and port of this end."""
        host, port = self.socket.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def request(self, *arguments, **options):
        options.setdefault("via", self.via())
        return request(*arguments, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class UdpDoor(Door):
    family = socket.AF_INET

    def __init__(self, port, source=None):
        super().__init__(port, source)
        self.socket = socket.socket(self.family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind((self.source, 0))
        self.socket.settimeout(DEADLINE_S)

    def send(self, data):
        self.socket.sendto(data, (self.host, self.port))

    def receive(self):
        """The next datagram, which must come from the address that was asked."""
        data, source = self.socket.recvfrom(65535)
        assert source[:2] == (self.host, self.port), f"answer from {source}"
        return data

    def ask(self, data):
        marker = unique("marker")
        self.send(data)
        self.send(self.request("OPTIONS", headers={"Call-ID": marker}))
        replies = []
        while True:
            reply = self.receive()
            if Reply(reply).get("Call-ID") == marker:
                break
            replies.append(reply)
        assert len(replies) <= 1, f"{len(replies)} replies: {replies}"
        return Reply(replies[0]) if replies else None


class Udp6Door(UdpDoor):
    family = socket.AF_INET6
    host = "::1"


class TcpDoor(Door):
    transport = "TCP"
    family = socket.AF_INET

    def __init__(self, port, source=None):
        super().__init__(port, source)
        self.socket = socket.socket(self.family, socket.SOCK_STREAM)
        self.socket.bind((self.source, 0))
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect((self.host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def receive_message(self):
        """The next message, or None at the end of the stream."""
        while b"\r\n\r\n" not in self.buffer:
            try:
                data = self.socket.recv(65535)
            except ConnectionResetError:
                data = b""
            if not data:
                assert not self.buffer, f"the stream ended within {self.buffer!r}"
                self.closed = True
                return None
            self.buffer += data
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        assert re.search(rb"(?im)^Content-Length: 0\r?$", head), f"no Content-Length: 0 in {head!r}"
        return head + b"\r\n\r\n"

    def ask(self, data):
        marker = unique("marker")
        replies = []
        try:
            self.send(data)
            self.send(self.request("OPTIONS", headers={"Call-ID": marker}))
        except (BrokenPipeError, ConnectionResetError):
            pass  # closed already; what was answered is still there to be read
        while True:
            reply = self.receive_message()
            if reply is None or Reply(reply).get("Call-ID") == marker:
                break
            replies.append(reply)
        assert len(replies) <= 1, f"{len(replies)} replies: {replies}"
        return Reply(replies[0]) if replies else None


class Tcp6Door(TcpDoor):
    family = socket.AF_INET6
    host = "::1"


DOORS = {"udp": UdpDoor, "tcp": TcpDoor, "udp6": Udp6Door}


def needs_v6(test_item):
    return unittest.skipUnless(is_v6_here(), "::1 is not configured on this machine")(test_item)


# Strangers


def check_closed_unread(test, server, connect, messages):
    """What strangers have sent before they are accepted is still unread when they are closed: the kernel tells that by
    a reset, and by an end of the stream that all was read."""
    with contextlib.ExitStack() as stack:
        server.signal(signal.SIGSTOP)
        stack.callback(server.signal, signal.SIGCONT)
        os.waitid(os.P_PID, server.process.pid, os.WSTOPPED)
        strangers = [stack.enter_context(connect()) for _ in messages]
        for stranger, make in zip(strangers, messages):
            stranger.send(make(stranger))
        server.signal(signal.SIGCONT)
        for stranger in strangers:
            with test.assertRaises(ConnectionResetError):
                stranger.socket.recv(1)
