"""A server that others mean harm to: good callers on every door meanwhile, and what it has in memory and open.

Every call of theirs must have its answer, and afterwards descriptors and memory are back where they were.
"""
import contextlib
import os
import threading

from blackbox import SANITIZER, eventually

RULES = """
rules:
  - {name: uk, called: {prefix: "+44"}, redirect: "sip:{called}@gw.example.net"}
"""
GROWTH_KB = 1024  # more than this, each time, is a leak
ROUNDS = 4
GOOD_SOURCE = "127.0.0.50"  # where good callers call from; no limit that an attacker reaches is theirs


def good_reply(reply, number):
    """None, or what is wrong with it."""
    if reply is None:
        return "no answer"
    if reply.status != 302 or reply.uris() != [f"sip:{number}@gw.example.net"]:
        return f"a wrong answer: {reply}"
    return None


class Caller(threading.Thread):
    """Calls through one door, one call after the other."""

    def __init__(self, door):
        super().__init__(daemon=True)
        self.door = door
        self.answered = 0
        self.fault = None
        self.stopping = threading.Event()

    def run(self):
        try:
            while not self.stopping.wait(0.005) and not self.fault:
                number = f"+44{self.answered:08}"
                self.fault = good_reply(self.door.ask(self.door.request(uri=f"sip:{number}@signpost.test")), number)
                self.answered += 1
        except Exception as fault:  # pylint: disable=broad-except
            self.fault = repr(fault)


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


class Besieged:
    """doors: functions that open one."""

    def __init__(self, server, doors):
        self.server = server
        self.doors = doors

    def __enter__(self):
        self.open = descriptors(self.server)
        self.memory_kb = self.server.memory_kb()
        self.stack = contextlib.ExitStack()
        self.callers = [Caller(self.stack.enter_context(make())) for make in self.doors]
        for caller in self.callers:
            caller.start()
        return self

    def __exit__(self, *_):
        for caller in self.callers:
            # Also those that come when all is over.
            goal = caller.answered + 3
            with contextlib.suppress(AssertionError):
                eventually(lambda c=caller, g=goal: c.answered >= g or c.fault, "more calls answered")
            caller.stopping.set()
            caller.join()
        self.stack.close()

    def check(self, test):
        """Gives how many calls were answered."""
        for caller in self.callers:
            test.assertIsNone(caller.fault, f"{type(caller.door).__name__} after {caller.answered} good calls")
            test.assertGreaterEqual(caller.answered, 3)
        eventually(lambda: descriptors(self.server) <= self.open, f"{self.open} descriptors as before")
        self.grown_kb = 0 if SANITIZER else self.server.memory_kb() - self.memory_kb
        return sum(caller.answered for caller in self.callers)


def besiege(test, server, doors, attack):
    """Attacks until memory does not grow any more: what the allocator keeps of its first bursts is no leak, what each
    further one costs is. Gives what attack() gave, and figures."""
    for _ in range(ROUNDS):
        with Besieged(server, doors) as besieged:
            done = attack()
        answered = besieged.check(test)
        if besieged.grown_kb <= GROWTH_KB:
            return (f"{done}; {answered} calls of others; {besieged.memory_kb} kB before, "
                    f"{besieged.memory_kb + besieged.grown_kb} kB after")
    raise AssertionError(f"memory grew by {besieged.grown_kb} kB in the last of {ROUNDS} attacks, too")
