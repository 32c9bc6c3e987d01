"""The first interrupt asks, and loses nothing; a cell that does not answer is ended, with a word about what is lost."""

import time
import unittest

from support import kernel


class Interrupt(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kernel = kernel()

    def running(self, code):
        """A cell that has begun what it is interrupted in."""
        request = self.kernel.execute('println!("begun"); ' + code)
        self.kernel.until(request, "stream", "begun")
        return request

    def test_a_loop_that_asks_ends_at_its_next_step_and_the_variables_stay(self):
        self.kernel.run("let kept: Vec<u32> = vec![1, 2, 3];")
        step = "std::time::Duration::from_millis(20)"
        request = self.running(f'let steps: u64 = steps_until_interrupted({step}); println!("stopped");')
        asked = time.monotonic()
        self.assertEqual(self.kernel.interrupt()["content"]["status"], "ok")
        done = self.kernel.finish(request)
        self.assertLess(time.monotonic() - asked, 2)
        self.assertEqual((done.reply["content"]["status"], done.error.strip()), ("ok", ""))
        self.assertIn("stopped", done.text)
        done = self.kernel.run('println!("kept {:?}, {}", kept, steps > 0);')
        self.assertIn("kept [1, 2, 3], true", done.text)

    def test_a_step_that_takes_long_is_waited_for(self):
        self.kernel.run("let slow: u32 = 7;")
        step = "std::time::Duration::from_millis(4500)"
        request = self.running(f'println!("steps {{}}", steps_until_interrupted({step}));')
        self.kernel.interrupt()
        done = self.kernel.finish(request)
        self.assertEqual(done.reply["content"]["status"], "ok", done.error)
        self.assertIn("steps 1", done.text)
        self.assertIn("slow 7", self.kernel.run('println!("slow {slow}");').text)

    def test_any_loop_can_ask(self):
        self.kernel.run("let other: u32 = 8;")
        request = self.running("while !interrupted() { std::hint::spin_loop(); } println!(\"asked\");")
        self.kernel.interrupt()
        self.assertIn("asked", self.kernel.finish(request, 3).text)
        # The next cell is not the one that was asked to stop.
        self.assertIn("false 8", self.kernel.run('println!("{} {other}", interrupted());').text)

    def test_what_does_not_answer_is_ended_and_the_loss_is_named(self):
        self.kernel.run("let precious: u32 = 9;")
        checkpoint = "MyRoll, epoch 20: let state = manager.load_checkpoint(&model, None)?;"
        told = f'Front::connect().unwrap().tell(&Message::Checkpoint {{ how_to_load: "{checkpoint}".into() }}).unwrap();'
        request = self.running(told + ' println!("told"); loop { std::hint::spin_loop(); }')
        self.kernel.until(request, "stream", "told")
        asked = time.monotonic()
        self.kernel.interrupt()
        done = self.kernel.finish(request)
        took = time.monotonic() - asked
        self.assertGreater(took, 2)
        self.assertLess(took, 6)
        self.assertEqual(done.reply["content"]["status"], "error")
        everything = done.error + done.text
        self.assertIn("variables", everything)
        self.assertIn(checkpoint, everything)
        # It goes on, without the variable; what was brought in at the start is there again or can be brought in.
        self.assertIn("9 is gone", self.kernel.run('let precious: &str = "9 is gone"; println!("{precious}");').text)

    def test_a_second_interrupt_ends_it_at_once(self):
        request = self.running("loop { std::hint::spin_loop(); }")
        self.kernel.interrupt()
        asked = time.monotonic()
        self.kernel.interrupt()
        done = self.kernel.finish(request)
        self.assertLess(time.monotonic() - asked, 2)
        self.assertEqual(done.reply["content"]["status"], "error")
        self.assertIn("variables", done.error + done.text)

    def test_an_interrupt_when_nothing_runs_does_nothing(self):
        self.kernel.run("let idle: u32 = 5;")
        self.assertEqual(self.kernel.interrupt()["content"]["status"], "ok")
        self.assertIn("5 false", self.kernel.run('println!("{idle} {}", interrupted());').text)

    def test_a_cell_that_is_being_compiled_is_ended_and_the_variables_stay(self):
        self.kernel.run("let before: u32 = 6;")
        # Types that are nested this deep keep the compiler busy for a long time.
        nest = "fn deep(n: u32) -> impl Iterator<Item = u32> { (0..n)" + ".flat_map(|x| (0..x).map(move |y| x ^ y))" * 40 + " }"
        request = self.kernel.execute(nest + ' println!("{}", deep(1).count());')
        self.kernel.until(request, "execute_input", "deep")
        self.kernel.pump(self.compiles, "the compiler runs")
        self.kernel.interrupt()
        done = self.kernel.finish(request)
        self.assertEqual(done.reply["content"]["status"], "error")
        self.assertIn("before 6", self.kernel.run('println!("before {before}");').text)

    def compiles(self):
        return any(process.name() in ("cargo", "rustc") for process in self.kernel.processes())

    def test_cells_that_wait_are_not_run_after_an_interrupt(self):
        first = self.running("while !interrupted() {} panic!(\"interrupted\");")
        second = self.kernel.execute('println!("second");')
        self.kernel.interrupt()
        self.kernel.finish(first)
        done = self.kernel.finish(second)
        self.assertIn(done.reply["content"]["status"], ("aborted", "error", "ok"))


if __name__ == "__main__":
    unittest.main()
