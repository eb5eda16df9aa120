"""The systemd units: systemd finds no fault in them, and what they lock down stays locked down."""
import pathlib
import shutil
import subprocess
import unittest

from blackbox import PROGRAM, ROOT, folder_for

UNITS = ROOT / "deploy" / "systemd"
EXPOSURE_MAX = 20  # tenths; `systemd-analyze security` from 0 to 100


@unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze")
class Units(unittest.TestCase):
    def setUp(self):
        """The units as installed, but for where the program is."""
        self.folder = folder_for(self)
        for unit in UNITS.iterdir():
            text = unit.read_text()
            (self.folder / unit.name).write_text(text.replace("/usr/sbin/signpost", str(pathlib.Path(PROGRAM).resolve())))

    def analyze(self, *arguments):
        done = subprocess.run(["systemd-analyze", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_they_are_valid(self):
        names = sorted(str(path) for path in self.folder.iterdir())
        self.assertEqual([pathlib.Path(name).name for name in names], ["signpost.service", "signpost.socket"])
        self.assertEqual(self.analyze("verify", "--man=no", *names), (0, ""))

    def test_a_mistake_would_be_found(self):
        path = self.folder / "signpost.service"
        path.write_text(path.read_text() + "[Service]\nWatchdogSecs=1\n")
        self.assertIn("WatchdogSecs", self.analyze("verify", "--man=no", str(path))[1])

    def test_it_is_locked_down(self):
        status, text = self.analyze(
            "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", str(self.folder / "signpost.service"))
        self.assertEqual(status, 0, text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
