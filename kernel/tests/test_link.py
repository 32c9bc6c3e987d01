"""Cells are linked with one library that joins their crates; what cannot be linked so is linked as rustc has it."""

import pathlib
import platform
import shutil
import subprocess
import tempfile
import unittest

from support import EVCXR, FRONT, PRELUDE, PROBE, Session, dependency, suite


@unittest.skipUnless(platform.system() == "Linux", "elsewhere cells are linked as rustc has it")
class Link(unittest.TestCase):
    def setUp(self):
        self.begin({})

    def begin(self, env):
        self.kernel = Session(suite(), env=env)
        self.addCleanup(self.kernel.end)
        self.kernel.start()
        self.kernel.run(PRELUDE)

    def built(self, pattern):
        return list(self.kernel.sessions.glob(f"*/target/*/debug/{pattern}"))

    def needs(self, library):
        """Whether the cell that ran last is linked with it."""
        cell = max(self.built("libcode_*.so"), key=lambda path: path.stat().st_mtime_ns)
        return library.name.encode() + b"\0" in cell.read_bytes()

    def versions(self, name):
        """How many builds of a crate there are."""
        return len(self.built(f"deps/lib{name}-*.rlib"))

    def calls(self):
        return self.kernel.run('println!("{}", calls());').text.strip()

    def test_cells_share_the_crates_and_their_statics(self):
        self.assertEqual([self.calls() for _ in range(3)], ["1", "2", "3"])
        [joined] = self.built("joined/*.so")
        self.assertTrue(self.needs(joined))

    def test_a_new_dependency_is_joined_too_and_cells_without_it_use_the_same(self):
        [before] = self.built("joined/*.so")
        # Nothing is built but what is new: crates keep their versions, and variables their types.
        self.kernel.run("let kept: Bundle = text(\"kept\");")
        self.assertEqual(self.kernel.run(":dep hex").shown(), [])
        self.assertEqual(self.versions("serde_json"), 1)
        self.assertIn("kept", self.kernel.run('println!("{}", kept["text/plain"]);').text)
        for _ in range(2):
            self.assertIn("0aff", self.kernel.run('println!("{} {}", hex::encode([10, 255]), calls());').text)
            [joined] = self.built("joined/*.so")
            self.assertNotEqual(joined.name, before.name)
            self.assertTrue(self.needs(joined))
            self.calls()
            self.assertTrue(self.needs(joined))

    def test_a_crate_that_changes_is_joined_anew(self):
        crate = self.kernel.home / "changing"
        (crate / "src").mkdir(parents=True)
        (crate / "Cargo.toml").write_text('[package]\nname = "changing"\nedition = "2024"\n[workspace]\n')
        for text in ("first", "second"):
            (crate / "src/lib.rs").write_text(f'pub fn text() -> &\'static str {{ "{text}" }}')
            self.kernel.run(f':dep changing = {{ path = "{crate}" }}')
            self.assertIn(text, self.kernel.run('println!("{} {}", changing::text(), calls());').text)
            [joined] = self.built("joined/*.so")
            self.assertTrue(self.needs(joined))

    def test_a_crate_that_cannot_be_joined_is_linked_all_the_same(self):
        self.kernel.run(f':dep needs_nowhere = {{ path = "{PROBE.parent}/needs_nowhere" }}')
        for _ in range(2):
            shown = 'println!("{} {}", needs_nowhere::can_be_linked(), calls());'
            self.assertIn("linked 1", self.kernel.run(shown).text)
        [failed] = self.built("joined/*.failed")
        self.assertIn("is_nowhere", failed.read_text())

    def test_a_library_cut_short_is_given_up(self):
        [joined] = self.built("joined/*.so")
        joined.unlink()
        joined.write_bytes(b"cut short")
        self.assertEqual([self.calls() for _ in range(2)], ["1", "1"])
        self.assertEqual((len(self.built("joined/*.failed")), self.built("joined/*.so")), (1, []))

    def test_what_a_cell_itself_links_to_is_found(self):
        folder = self.kernel.home / "own"
        folder.mkdir()
        (folder / "own.c").write_text("int forty_two(void) { return 42; }")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(folder / "libown.so"), str(folder / "own.c")], check=True)
        self.kernel.end()
        self.begin({"LIBRARY_PATH": str(folder), "LD_LIBRARY_PATH": str(folder)})
        cell = '#[link(name = "own")] unsafe extern "C" { safe fn forty_two() -> i32; } println!("{} {}", forty_two(), calls());'
        self.assertIn("42 1", self.kernel.run(cell).text)
        [joined] = self.built("joined/*.so")
        self.assertTrue(self.needs(joined))

    def test_rusts_library_is_found_wherever_cells_are_built(self):
        """rustc names it relative to where it puts a cell; evcxr moves cells. It shows where both lie in the reader's home."""
        sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip()
        if not pathlib.Path(sysroot).is_relative_to(pathlib.Path.home()):
            self.skipTest(f"{sysroot} is elsewhere")
        folder = tempfile.mkdtemp(prefix="front-", dir=pathlib.Path.home())
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.kernel.end()
        argv = [FRONT, "run", "--connection-file", "{connection_file}", "--evcxr", EVCXR]
        argv += ["--warm-folder", str(suite().warm), "--sessions", folder]
        self.kernel = Session(suite(), argv=argv, env={"LD_LIBRARY_PATH": "/nowhere"})
        self.addCleanup(self.kernel.end)
        self.kernel.start()
        self.assertIn("found", self.kernel.run('println!("found");').text)
        self.kernel.run(dependency())
        self.kernel.run(PRELUDE)
        self.assertEqual(self.calls(), "1")

    def test_a_reader_can_do_without(self):
        self.kernel.end()
        self.begin({"DDPM_KERNEL_JOINS": "0"})
        self.assertEqual([self.calls() for _ in range(2)], ["1", "1"])


if __name__ == "__main__":
    unittest.main()
