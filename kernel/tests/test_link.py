"""Cells are linked with one library that joins their crates; what cannot be linked so is linked as rustc has it."""

import platform
import unittest

from support import PRELUDE, PROBE, Session, suite

JOINED = "libcells-"


@unittest.skipUnless(platform.system() == "Linux", "elsewhere cells are linked as rustc has it")
class Link(unittest.TestCase):
    def setUp(self):
        self.kernel = Session(suite())
        self.addCleanup(self.kernel.end)
        self.kernel.start()
        self.kernel.run(PRELUDE)

    def built(self, pattern):
        return list(self.kernel.sessions.glob(f"*/target/*/debug/{pattern}"))

    def last_cell(self):
        """The library of the cell that ran last."""
        return max(self.built("libcode_*.so"), key=lambda path: path.stat().st_mtime_ns).read_bytes()

    def joined(self):
        return sorted(path.name for path in self.built(f"deps/{JOINED}*"))

    def test_cells_share_the_crates_and_their_statics(self):
        counted = [self.kernel.run('println!("call {}", calls());').text for _ in range(3)]
        self.assertEqual(counted, ["call 1\n", "call 2\n", "call 3\n"])
        [joined] = self.joined()
        self.assertIn(joined.encode(), self.last_cell())
        self.assertLess(len(self.last_cell()), 100_000)

    def test_a_new_dependency_is_joined_too(self):
        before = self.joined()
        self.kernel.run(":dep hex")
        self.assertIn("0aff", self.kernel.run('println!("{} {}", hex::encode([10, 255]), calls());').text)
        [joined] = self.joined()
        self.assertNotIn(joined, before)
        self.assertIn(joined.encode(), self.last_cell())

    def test_a_crate_that_cannot_be_joined_is_linked_all_the_same(self):
        self.kernel.run(f':dep needs_nowhere = {{ path = "{PROBE.parent}/needs_nowhere" }}')
        for _ in range(2):
            shown = 'println!("{} {}", needs_nowhere::can_be_linked(), calls());'
            self.assertIn("linked", self.kernel.run(shown).text)
        self.assertTrue(all(name.endswith(".failed") for name in self.joined()), self.joined())
        self.assertNotIn(JOINED.encode(), self.last_cell())

    def test_what_a_cell_itself_links_to_is_found(self):
        cell = '#[link(name = "m")] unsafe extern "C" { fn floor(x: f64) -> f64; } println!("{} {}", unsafe { floor(2.5) }, calls() > 0);'
        self.assertIn("2 true", self.kernel.run(cell).text)


if __name__ == "__main__":
    unittest.main()
