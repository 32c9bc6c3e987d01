"""The first interrupt asks, and loses nothing; a cell that does not answer is ended, with a word about what is lost."""

import contextlib
import time
import unittest

import psutil
from support import Session, kernel, suite

# Far above what is usual: a busy machine is no failure, and what an end would else be waited for is longer.
PROMPT = 15

# A second click within a second is a double click.
NO_DOUBLE_CLICK = 1.2


class Interrupt(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kernel = kernel()

    def running(self, code):
        """A cell that has begun what it is interrupted in."""
        request = self.kernel.execute('println!("begun"); ' + code)
        self.kernel.until(request, "stream", "begun")
        return request

    def insist(self):
        """Two interrupts of a reader who means both. Returns the time of the second."""
        self.kernel.interrupt()
        time.sleep(NO_DOUBLE_CLICK)
        asked = time.monotonic()
        self.kernel.interrupt()
        return asked

    def ended(self, request):
        done = self.kernel.finish(request, PROMPT)
        self.assertEqual(done.reply["content"]["status"], "error")
        self.assertIn("variables", done.error + done.text)

    def test_a_loop_that_asks_ends_at_its_next_step_and_the_variables_stay(self):
        self.kernel.run("let kept: Vec<u32> = vec![1, 2, 3];")
        step = "std::time::Duration::from_millis(20)"
        request = self.running(f'let steps: u64 = steps_until_interrupted({step}); println!("stopped");')
        self.assertEqual(self.kernel.interrupt()["content"]["status"], "ok")
        done = self.kernel.finish(request, PROMPT)
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
        self.assertIn("asked", self.kernel.finish(request, PROMPT).text)
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
        self.assertLess(took, PROMPT)
        self.assertEqual(done.reply["content"]["status"], "error")
        everything = done.error + done.text
        self.assertIn("variables", everything)
        self.assertIn(checkpoint, everything)
        # It goes on, without the variable; what was brought in at the start is there again or can be brought in.
        self.assertIn("9 is gone", self.kernel.run('let precious: &str = "9 is gone"; println!("{precious}");').text)

    def test_a_second_interrupt_ends_it_at_once(self):
        # A loop that has promised to stop would be waited for.
        request = self.running("steps_until_interrupted(std::time::Duration::from_secs(50));")
        asked = self.insist()
        self.ended(request)
        self.assertLess(time.monotonic() - asked, PROMPT)

    def test_a_double_click_is_one_interrupt(self):
        self.kernel.run("let clicked: u32 = 4;")
        step = "std::time::Duration::from_millis(700)"
        request = self.running(f'steps_until_interrupted({step}); println!("stopped");')
        for click in [self.kernel.send("interrupt_request", {}, "control") for _ in range(2)]:
            self.assertEqual(self.kernel.reply_to(click)["content"]["status"], "ok")
        done = self.kernel.finish(request, PROMPT)
        self.assertEqual((done.reply["content"]["status"], done.error.strip()), ("ok", ""))
        self.assertIn("stopped", done.text)
        self.assertIn("clicked 4", self.kernel.run('println!("clicked {clicked}");').text)

    def test_what_has_answered_has_the_time_to_finish(self):
        """As a training that saves itself; a loop that somebody wrote by hand is as good."""
        for number, code in enumerate((
            "steps_until_interrupted(std::time::Duration::from_millis(20));",
            "while !interrupted() { std::hint::spin_loop(); }",
        )):
            with self.subTest(code):
                self.kernel.run(f"let rescued: u32 = {number};")
                save = ' std::thread::sleep(std::time::Duration::from_secs(4)); println!("saved");'
                request = self.running(code + save)
                asked = time.monotonic()
                self.kernel.interrupt()
                done = self.kernel.finish(request)
                self.assertEqual(done.reply["content"]["status"], "ok", done.error)
                self.assertGreater(time.monotonic() - asked, 3.5)
                self.assertIn("saved", done.text)
                self.assertIn(f"rescued {number}", self.kernel.run('println!("rescued {rescued}");').text)

    def test_what_has_answered_and_goes_on_for_ever_can_be_ended(self):
        request = self.running("while !interrupted() {} loop { std::hint::spin_loop(); }")
        self.insist()
        self.ended(request)

    def test_no_line_of_a_flood_comes_with_the_next_cell(self):
        for stream, printing in (("stdout", "println"), ("stderr", "eprintln")):
            # Each in a session of its own: a flood that is not over would be that of the other tests.
            with self.subTest(stream), Session(suite(), crate=None) as self.kernel:
                request = self.kernel.execute(f'loop {{ {printing}!("x"); }}')
                self.kernel.until(request, "stream", "x")
                self.insist()
                self.ended(request)
                done = self.kernel.finish(self.kernel.execute(f'{printing}!("next");'))
                self.assertEqual(done.reply["content"]["status"], "ok", done.error)
                printed = {name: done.stream(name)[:200] for name in ("stdout", "stderr")}
                self.assertEqual(printed, {"stdout": "", "stderr": "", stream: "next\n"})

    def test_a_cell_that_waits_for_input(self):
        code = 'println!("EVCXR_INPUT_REQUEST:Your name?"); let mut line = String::new();\n'
        code += "std::io::stdin().read_line(&mut line).unwrap();"
        request = self.kernel.execute(code, allow_stdin=True)
        question = self.kernel.client.stdin_channel.get_msg(timeout=60)
        self.assertEqual(question["parent_header"]["msg_id"], request)
        self.kernel.interrupt()
        self.kernel.finish(request, PROMPT)
        self.assertIn("goes on", self.kernel.run('println!("goes on");', PROMPT).text)

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
        compilers = self.kernel.pump(self.compilers, "the compiler runs")
        self.kernel.interrupt()
        done = self.kernel.finish(request)
        self.assertEqual(done.reply["content"]["status"], "error")
        _, alive = psutil.wait_procs(compilers, timeout=5)
        self.assertEqual(alive, [], "the compiler goes on")
        self.assertIn("before 6", self.kernel.run('println!("before {before}");').text)

    def compilers(self):
        """Once rustc runs: it, and the cargo that has started it."""
        found = {}
        for process in self.kernel.processes():
            with contextlib.suppress(psutil.Error):
                found.setdefault(process.name(), []).append(process)
        return found.get("cargo", []) + found["rustc"] if "rustc" in found else []

    def test_cells_that_wait_are_not_run_after_an_interrupt(self):
        first = self.running('while !interrupted() {} println!("stopped");')
        waiting = [self.kernel.execute(f'println!("cell {number}");') for number in range(2)]
        # The channel of the interrupts is another one: they might overtake the cells.
        self.kernel.reply_to(self.kernel.send("kernel_info_request", {}))
        self.kernel.interrupt()
        self.assertIn("stopped", self.kernel.finish(first).text)
        for request in waiting:
            done = self.kernel.finish(request)
            self.assertEqual(done.reply["content"]["status"], "aborted")
            self.assertEqual(done.of("stream", "error", "execute_input"), [])
        self.assertIn("after", self.kernel.run('println!("after");').text)


if __name__ == "__main__":
    unittest.main()
