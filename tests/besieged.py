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
GROWTH_KB = 64  # more than this, of each attack, is a leak: some have hundreds of connections, or of messages
ROUNDS = 12
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
        return sum(caller.answered for caller in self.callers)


def besiege(test, server, doors, attack):
    """Attacks until one more costs no memory: what the allocator keeps of the first bursts is no leak, what every one
    leaves behind is. Gives what attack() gave, and figures."""
    taken_kb = [server.memory_kb()]
    while len(taken_kb) <= ROUNDS:
        with Besieged(server, doors) as besieged:
            done = attack()
        answered = besieged.check(test)
        taken_kb.append(server.memory_kb())
        if SANITIZER or (len(taken_kb) > 2 and taken_kb[-1] - taken_kb[-2] <= GROWTH_KB):
            return f"{done}; {answered} calls of others; kB before, and after each attack: {taken_kb}"
    raise AssertionError(f"each attack takes memory, kB before, and after each: {taken_kb}")
