#!/usr/bin/env python3
"""The page for people, in a real browser: what it shows, that the form asks what `route` asks, that nothing that anybody
has written becomes markup, and how it looks on a phone and in the dark. Pictures go to build/pictures, or $PICTURES."""
import os
import pathlib
import signal
import unittest
import urllib.parse

from blackbox import ROOT, Server, UdpDoor, free_port, run, settings
from browser import Browser
from http_test import get

PICTURES = pathlib.Path(os.environ.get("PICTURES") or ROOT / "build" / "pictures")
MARKUP = "<img src=x onerror=document.title='hurt'>"
RULES = f"""\
gateways:
  london-1: sip:gw1.lon.test
  "{MARKUP}": sip:gw2.lon.test
groups:
  uk: [london-1, "{MARKUP}"]
rules:
  - {{name: emergency, called: "112", redirect: london-1}}
  - {{name: "{MARKUP}", called: {{prefix: "+44"}}, redirect: uk}}
  - {{name: barred, called: {{prefix: "+449"}}, reject: 603 Premium numbers barred}}
"""
# What could have become of it: an element, or a script that ran.
HARMED = "document.querySelectorAll('img').length + document.scripts.length - 1 + (document.title === 'hurt')"


def start(test, rules=RULES):
    address = f"127.0.0.1:{free_port()}"
    server = Server.start(test, rules, settings(more=f'metrics: "{address}"\n'))
    return server, address


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = cls.enterClassContext(Browser())

    def open(self, address):
        self.browser.open(f"http://{address}/")
        self.browser.until("document.querySelectorAll('#rules tr').length > 0")

    def text(self, what):
        return self.browser.run(f"document.querySelector('{what}').textContent")

    def tearDown(self):
        """No page outlives its server: what it failed to fetch would be held against the next."""
        complaints = self.browser.complaints()
        self.browser.leave()
        self.assertEqual([], complaints)

    def test_shows_how_the_server_is(self):
        server, address = start(self)
        door = self.enterContext(UdpDoor(server.port))
        for called in ["112", "112", "+442071234567", "555"]:
            door.ask(door.request(uri=f"sip:{called}@signpost.test"))
        self.open(address)
        self.assertEqual("serving", self.text("#state"))
        self.assertEqual([f"udp:127.0.0.1:{server.port}", "test", "–", "8", "0", "–"],
                         self.browser.run("[...document.querySelectorAll('#doors tr:first-child td')].map(td => td.textContent)"))
        self.assertEqual(["1", "emergency", 'called "112"', "redirect 302 london-1"],
                         self.browser.run("[...document.querySelectorAll('#rules tr:first-child td')].slice(0, 4).map(td => td.textContent)"))
        self.browser.until("document.querySelector('#legend').textContent.includes('302: 3')")
        self.assertIn("404: 1", self.text("#legend"))
        self.assertIn("3 times 302, 1 times 404", self.browser.run("document.querySelector('#chart').getAttribute('aria-label')"))
        self.assertIn("london-1", self.text("#gateways"))
        self.assertIn("none since the start", self.text("#reload"))

    def test_the_form_asks_what_route_asks(self):
        server, address = start(self)
        self.open(address)
        self.browser.run("document.querySelector('[name=called]').value = '+442071234567',"
                         " document.querySelector('[name=caller]').value = '100',"
                         " document.querySelector('#ask button').click()")
        shown = self.browser.until("document.querySelector('#answer').textContent")
        asked = run("route", "-c", server.settings_path, "--caller", "100", "+442071234567")
        self.assertEqual(asked.stdout, shown)
        self.assertIn("SIP/2.0 302", shown)

    def test_a_question_without_sense_is_told_so(self):
        _, address = start(self)
        for query, status, text in [("called=1&source=nowhere", 200, 'source "nowhere"'), ("", 400, "called"), ("called=", 400, "called"),
                                    ("called=1&at=soon", 200, 'time "soon"'), ("called=1&caller=a%0D%0AX:%20y", 200, "one line"),
                                    ("called=" + "1" * 7000, 200, "too long")]:
            with self.subTest(query=query[:40]):
                got, _, body = get(address, f"/route?{query}")
                self.assertEqual(status, got)
                self.assertIn(text, body)

    def test_a_question_leaves_no_trace(self):
        rules = ("gateways:\n" + "".join(f"  g{n}: sip:{n}.{'x' * 60}.{'y' * 60}.test\n" for n in range(10))
                 + f"rules: [{{name: all, redirect: [{', '.join(f'g{n}' for n in range(10))}]}}]\n")
        server, address = start(self, rules)
        said, counted = server.log(), get(address, "/metrics")[2]
        body = get(address, "/route?called=123")[2]
        self.assertIn("more left out: the reply would be too large", body)
        server.signal(signal.SIGHUP)
        server.wait_for_log("reloaded")  # what was said before stands in front of it
        self.assertEqual(said, server.log()[:len(said)])
        self.assertEqual(1, server.log()[len(said):].count("\n"), server.log())
        own = [line for line in get(address, "/metrics")[2].splitlines() if "rule" in line or "cut" in line or "drops" in line]
        self.assertEqual(own, [line for line in counted.splitlines() if "rule" in line or "cut" in line or "drops" in line])

    def test_what_others_wrote_is_text(self):
        server, address = start(self)
        door = self.enterContext(UdpDoor(server.port))
        door.ask(door.request(uri=f"sip:{urllib.parse.quote(MARKUP)}@signpost.test", headers={"Call-ID": MARKUP.replace(" ", "")}))
        server.write_rules(f"rules:\n  - {{name: a, called: 1, redirect: \"{MARKUP}\"}}\n")
        server.signal(signal.SIGHUP)
        server.wait_for_log("reload failed")
        self.open(address)
        self.browser.until(f"document.querySelector('#findings').textContent.includes({MARKUP!r})")
        self.browser.run(f"document.querySelector('[name=called]').value = {MARKUP!r}, document.querySelector('#ask button').click()")
        self.browser.until("document.querySelector('#answer').textContent")
        for place in ("#rules", "#gateways", "#findings"):
            self.assertIn(MARKUP, self.text(place), place)
        self.assertEqual(0, self.browser.run(HARMED))

    def test_many_rules_come_in_parts(self):
        rules = "gateways: {g: sip:gw.test}\nrules:\n" + "".join(f"  - {{called: '{n}', redirect: g}}\n" for n in range(450))
        _, address = start(self, rules)
        self.open(address)
        for wanted in (200, 400):
            self.browser.until(f"document.querySelectorAll('#rules tr').length === {wanted}")
            self.browser.run("document.querySelector('#more').click()")
        self.browser.until("document.querySelectorAll('#rules tr').length === 451")
        self.assertTrue(self.browser.run("document.querySelector('#more').hidden"))
        self.assertEqual([str(n) for n in range(1, 451)] + ["-"],
                         self.browser.run("[...document.querySelectorAll('#rules td:first-child')].map(td => td.textContent)"))

    def test_looks_right_on_a_phone_and_in_the_dark(self):
        server, address = start(self)
        door = self.enterContext(UdpDoor(server.port))
        for called in ["112", "+442071234567", "555"] * 5:
            door.ask(door.request(uri=f"sip:{called}@signpost.test"))
        PICTURES.mkdir(parents=True, exist_ok=True)
        grounds = set()
        for name, width, dark in [("phone", 360, False), ("phone-dark", 360, True), ("desk", 1280, False), ("desk-dark", 1280, True)]:
            with self.subTest(name):
                self.browser.look_like(width, 800, dark)
                self.open(address)
                self.browser.until("document.querySelector('#legend').textContent.includes('404')")
                self.assertLessEqual(self.browser.run("document.documentElement.scrollWidth"), width)
                grounds.add(self.browser.run("getComputedStyle(document.body).backgroundColor"))
                self.browser.picture(PICTURES / f"{name}.png")
        self.assertEqual(2, len(grounds))

    def test_only_its_own_script_may_run(self):
        _, address = start(self)
        policy = get(address, "/")[1]["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        self.open(address)
        self.browser.run("document.body.append(Object.assign(document.createElement('script'), {textContent: 'document.title = \"hurt\"'}))")
        self.assertNotEqual("hurt", self.browser.run("document.title"))
        self.assertEqual(1, len(self.browser.complaints()))
        self.browser.events.clear()


if __name__ == "__main__":
    unittest.main()
