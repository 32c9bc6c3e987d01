"""Processes that die are reported in the cell, the kernel goes on, and nothing is orphaned."""

import time
import unittest

from support import PRELUDE, Session, kernel, kill, suite


class Death(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kernel = kernel()

    def goes_on(self):
        """In the same session, with the dependency; names are brought in again by the cell that did so before."""
        # A cell that was sent just as evcxr died reports an error, and can be run again.
        for _ in range(2):
            if self.kernel.finish(self.kernel.execute(PRELUDE)).reply["content"]["status"] == "ok":
                break
        self.assertIn("display on", self.kernel.run('Front::connect().unwrap().display(text("on")).unwrap();').shown())
        self.assertEqual(len([path for path in self.kernel.sessions.iterdir() if path.is_dir()]), 1)

    def dies(self, code, *words):
        done = self.kernel.fail(code)
        for word in words:
            self.assertIn(word, done.error.lower())
        self.assertIn("variables", done.error + done.text)
        self.goes_on()

    def test_a_segmentation_fault(self):
        self.dies("unsafe { std::ptr::null_mut::<u8>().write_volatile(1) };", "segmentation fault")

    def test_an_exit(self):
        self.dies("std::process::exit(3);", "3")

    def test_an_exit_while_a_program_that_it_started_prints_on(self):
        self.dies('std::process::Command::new("yes").spawn().unwrap(); std::process::exit(3);', "3")

    def test_an_abort(self):
        self.dies("std::process::abort();", "sigabrt")

    def test_the_cells_process_is_killed(self):
        request = self.kernel.execute('println!("begun"); loop { std::hint::spin_loop(); }')
        self.kernel.until(request, "stream", "begun")
        kill(self.kernel.cells_process())
        done = self.kernel.finish(request)
        self.assertEqual(done.reply["content"]["status"], "error")
        self.assertIn("sigkill", done.error.lower())
        self.assertIn("variables", done.error)
        self.goes_on()

    def test_the_cells_process_is_killed_between_cells(self):
        self.kernel.run("let short_lived: u32 = 1;")
        kill(self.kernel.cells_process())
        done = self.kernel.fail('println!("{short_lived}");')
        self.assertIn("variables", done.error + done.text)
        self.goes_on()
        self.assertIn("short_lived", self.kernel.fail('println!("{short_lived}");').error)

    def test_evcxr_is_killed(self):
        request = self.kernel.execute('println!("begun"); loop { std::hint::spin_loop(); }')
        self.kernel.until(request, "stream", "begun")
        old = [process.pid for process in (self.kernel.evcxr(), self.kernel.cells_process())]
        kill(self.kernel.evcxr())
        done = self.kernel.finish(request)
        self.assertEqual(done.reply["content"]["status"], "error")
        self.assertIn("variables", done.error + done.text)
        self.goes_on()
        self.assertFalse({process.pid for process in self.kernel.processes()} & set(old), "orphans")

    def test_evcxr_is_killed_between_cells(self):
        kill(self.kernel.evcxr())
        self.goes_on()

    def test_a_panic_is_an_error_of_the_cell_alone(self):
        self.kernel.run("let calm: u32 = 1;")
        done = self.kernel.finish(self.kernel.execute('panic!("oh no");'))
        self.assertIn("oh no", done.error)
        # Where it was is said; of the stack the reader can see nothing that is his.
        self.assertIn("panicked at", done.error)
        self.assertNotIn("backtrace", done.error)
        self.assertIn("calm", self.kernel.run('println!("calm");').text)

    def test_a_flood_of_output_neither_blocks_nor_fills_memory(self):
        started = time.monotonic()
        done = self.kernel.run("""
            use std::io::Write;
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            let line = "x".repeat(90);
            for number in 0..1_000_000 { writeln!(out, "{number:08} {line}").unwrap(); }
            drop(out);
            println!("the end");
        """, timeout=120)
        took = time.monotonic() - started
        memory = self.kernel.front.memory_info().rss / 1e6
        print(f"100 MB of output: {took:.1f} s, the front has {memory:.0f} MB")
        self.assertLess(took, 60)
        self.assertLess(memory, 50)
        self.assertTrue(done.text.startswith("00000000 x"), done.text[:100])
        self.assertTrue(done.text.rstrip().endswith("the end"), done.text[-300:])
        self.assertLess(len(done.text), 5e6)
        self.goes_on()


    def test_one_very_long_line_is_cut(self):
        # Not as the last line: evcxr takes longer to pass on that many bytes than to say that the cell is done.
        code = 'print!("begin "); println!("{} end", "x".repeat(10_000_000)); '
        done = self.kernel.run(code + "std::thread::sleep(std::time::Duration::from_secs(2));")
        self.assertTrue(done.text.startswith("begin xxx"), done.text[:100])
        self.assertTrue(done.text.endswith("xxx end\n"), done.text[-100:])
        self.assertLess(len(done.text), 1e6)
        self.goes_on()


class DeathOfTheFront(unittest.TestCase):
    def test_nothing_is_orphaned(self):
        session = Session(suite(), crate=None)
        self.addCleanup(session.end)
        session.start()
        request = session.execute('println!("begun"); loop { std::hint::spin_loop(); }')
        session.until(request, "stream", "begun")
        kill(session.front)
        # Nor are the folders left: what outlives the front by a moment removes them.
        session.assert_gone()


if __name__ == "__main__":
    unittest.main()
