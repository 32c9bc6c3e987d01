"""The soak's own judgement: it has to tell what grows from what is flat, and to find what is left. (The soak itself takes hours.)"""

import os
import random
import subprocess
import sys
import types
import unittest

from soak import leftovers, quick_cells
from soak_measures import Series
from soak_operations import DEATHS, Operations
from soak_session import Scratch
from support import MARK


def series(values, room=8.0):
    made = Series("front, memory", "MiB", room)
    for number, value in enumerate(values):
        made.add(number / len(values), value)
    return made


class Judgement(unittest.TestCase):
    def test_what_grows_is_told_from_what_is_flat(self):
        chance = random.Random(1)
        noise = [20 + chance.uniform(-3, 3) for _ in range(100)]
        self.assertIs(series(noise).grows(), False)
        rising = series([value + number / 4 for number, value in enumerate(noise)])
        self.assertIs(rising.grows(), True)
        self.assertAlmostEqual(rising.slope(), 25, delta=2)
        self.assertIn("GROWS", rising.row())
        # What is taken once, at the beginning, is not growth.
        self.assertIs(series([5.0] * 8 + [60.0] * 92).grows(), False)
        self.assertIsNone(series([1, 100]).grows())
        self.assertIsNone(series(range(1000), room=None).grows())

    def test_the_notebook_is_run_in_its_quick_form_beside_the_readers_models(self):
        cells = quick_cells("/elsewhere/models")
        self.assertGreater(len(cells), 20)
        self.assertIn('"/elsewhere/models"', cells[0])
        self.assertFalse([cell for cell in cells if "../models" in cell or "MySwissRoll" in cell])

    def test_evcxr_is_not_killed_more_often_than_the_front_bears(self):
        operations = Operations(None, random.Random(1))
        names = {operations.choose() for _ in range(500)}
        self.assertEqual(names, set(operations.kinds))
        operations.deaths = [float("inf")] * DEATHS
        self.assertFalse([name for name in (operations.choose() for _ in range(500)) if "evcxr" in name])


class Left(unittest.TestCase):
    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.remove)
        home = self.scratch.home / "one"
        folders = [home / "s", home / "t"]
        for folder in folders:
            folder.mkdir(parents=True)
        sockets = types.SimpleNamespace(left=[])
        self.session = types.SimpleNamespace(
            name=f"soak-{os.getpid()}", sessions=folders[0], temporary=folders[1], sockets=lambda: sockets.left
        )
        self.scratch.sessions.append(self.session)

    def test_a_clean_end_leaves_nothing(self):
        self.assertEqual(leftovers(self.scratch), [])

    def test_an_orphan_is_found(self):
        code = "import sys; print('it runs', flush=True); sys.stdin.read()"
        environment = {**os.environ, MARK: self.session.name}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": environment}
        with subprocess.Popen([sys.executable, "-c", code], **pipes) as orphan:
            try:
                # For a moment after its start, a process has no environment yet.
                orphan.stdout.readline()
                self.assertIn(str(orphan.pid), " ".join(leftovers(self.scratch)))
            finally:
                orphan.kill()

    def test_a_folder_and_a_file_are_found(self):
        (self.session.sessions / "abc").mkdir()
        (self.session.temporary / "core.tmp").write_text("x")
        self.assertEqual([path.split("/")[-1] for path in leftovers(self.scratch)], ["abc", "core.tmp"])


if __name__ == "__main__":
    unittest.main()
