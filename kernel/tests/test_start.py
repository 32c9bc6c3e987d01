"""Each session has its own copy of the warm folder, is prepared while the reader reads, and leaves nothing."""

import json
import os
import shutil
import signal
import stat
import statistics
import subprocess
import sys
import textwrap
import unittest

from support import EVCXR, FRONT, PRELUDE, PROBE, Session, dependency, kill, suite, wait_until


class Start(unittest.TestCase):
    def test_kernel_info_is_answered_within_half_a_second(self):
        suite()
        times = []
        for _ in range(3):
            kernel = Session(suite(), crate=None)
            self.addCleanup(kernel.end)
            times.append(kernel.start())
            kernel.end()
        print(f"kernel_info answered after {', '.join(f'{seconds:.2f} s' for seconds in times)}")
        self.assertLessEqual(statistics.median(times), 0.5)

    def test_cells_that_are_sent_at_once_wait_in_order_with_a_line_that_goes(self):
        kernel = Session(suite())
        self.addCleanup(kernel.end)
        kernel.start()
        requests = [kernel.execute(f'println!("cell {number}");') for number in range(4)]
        prepared = kernel.until(requests[0], "display_data", "repar")
        done = [kernel.finish(request) for request in requests]
        self.assertEqual([one.text.strip() for one in done], [f"cell {number}" for number in range(4)])
        self.assertLess(prepared["received"], done[0].of("stream")[0]["received"])
        starts = [one.of("execute_input")[0]["received"] for one in done]
        self.assertEqual(starts, sorted(starts))
        counts = [one.reply["content"]["execution_count"] for one in done]
        self.assertEqual(counts, [1, 2, 3, 4])
        # The dependency is there without a cell that asked for it, and a cell that asks does no harm.
        shows = 'Front::connect().unwrap().display(text("here")).unwrap();'
        self.assertIn("display here", kernel.run("{ use livecell_probe::prelude::*; " + shows + " }").shown())
        kernel.run(dependency())
        kernel.run(PRELUDE)

    def test_nobody_else_can_look_into_a_session(self):
        kernel = Session(suite(), crate=None)
        self.addCleanup(kernel.end)
        kernel.start(umask=0o022)
        file = wait_until(lambda: list(kernel.temporary.glob("ddpm-kernel-*/evcxr-*.json")), "evcxr's connection file")[0]
        modes = [oct(stat.S_IMODE(path.stat().st_mode)) for path in (file.parent, file)]
        self.assertEqual(modes, ["0o700", "0o600"])

    def test_a_log_that_nobody_can_read_costs_its_lines_and_nothing_else(self):
        """The terminal that Jupyter was started from was closed, or its log is on a full disk."""
        argv = [FRONT, "run", "--connection-file", "{connection_file}", "--evcxr", EVCXR]
        argv += ["--warm-folder", str(suite().warm), "--sessions", str(suite().home / "unread")]
        with Session(suite(), argv=["sh", "-c", 'exec "$@" 2>/dev/full', "sh", *argv]) as kernel:
            self.assertEqual(kernel.run('println!("there");').text, "there\n")

    def test_two_sessions_at_once_and_a_restart(self):
        with Session(suite(), crate=None) as one, Session(suite(), crate=None, beside=one) as two:
            first = one.execute("let who: &str = \"one\"; println!(\"{who}\");")
            second = two.execute("let who: &str = \"two\"; println!(\"{who}\");")
            self.assertIn("one", one.finish(first).text)
            self.assertIn("two", two.finish(second).text)
            one.manager.restart_kernel()
            one.reply_to(one.send("kernel_info_request", {}))
            self.assertIn("who", one.fail('println!("{who}");').error)
            self.assertIn("again", one.run('println!("again");').text)
            self.assertEqual(len([path for path in one.sessions.iterdir() if path.is_dir()]), 2)
            self.assertEqual(len(list(one.temporary.glob("ddpm-kernel-*"))), 1)
            self.assertIn("still two", two.run('println!("still {who}");').text)
            two.manager.shutdown_kernel()
        one.assert_gone()
        self.assertEqual(two.leftovers(), [])

    def test_what_does_not_compile_is_built_in_view_and_told_in_the_notebook(self):
        broken = suite().home / "broken/livecell_probe"
        shutil.copytree(PROBE, broken)
        (broken / "Cargo.toml").write_text((PROBE / "Cargo.toml").read_text().replace("../../../..", str(PROBE.parents[3])))
        source = broken / "src/lib.rs"
        whole = source.read_text()
        source.write_text(whole + "\npub fn broken() -> u32 { \"not a number\" }\n")
        kernel = Session(suite(), crate=broken)
        self.addCleanup(kernel.end)
        kernel.start()
        request = kernel.execute('println!("{}", livecell_probe::text("x").len());')
        kernel.until(request, "display_data", "preparing")
        done = kernel.finish(request)
        self.assertIn("Compiling livecell_probe", kernel.log())
        everything = done.error + json.dumps([message["content"] for message in done.messages])
        self.assertIn("mismatched types", everything)
        # With the place, which evcxr does not tell.
        self.assertRegex(done.error, r"error\[E0308\](.|\n)*src/lib\.rs:\d+")
        # Mended, it works by the first cell that every notebook has.
        source.write_text(whole + "\npub fn mended() -> u32 { 4711 }\n")
        kernel.run(dependency(broken))
        self.assertIn("4711", kernel.run('println!("{}", livecell_probe::mended());').text)


class End(unittest.TestCase):
    """After each of these there is no process, no folder and no socket."""

    def started(self, **options):
        kernel = Session(suite(), crate=None, **options)
        self.addCleanup(kernel.end)
        kernel.start()
        kernel.run("let x: u32 = 1;")
        self.assertGreater(len(kernel.leftovers()), 3)
        return kernel

    def test_after_a_shutdown(self):
        kernel = self.started()
        reply = kernel.reply_to(kernel.send("shutdown_request", {"restart": False}, "control"))
        self.assertEqual((reply["content"]["status"], reply["content"]["restart"]), ("ok", False))
        kernel.assert_gone()

    def test_after_a_shutdown_while_a_cell_runs(self):
        kernel = self.started()
        request = kernel.execute('println!("begun"); loop { std::hint::spin_loop(); }')
        kernel.until(request, "stream", "begun")
        kernel.manager.shutdown_kernel()
        kernel.assert_gone()

    def test_after_a_signal(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                kernel = self.started()
                os.kill(kernel.front.pid, number)
                kernel.assert_gone()

    def test_after_a_shutdown_during_the_preparation(self):
        kernel = Session(suite())
        self.addCleanup(kernel.end)
        kernel.start()
        kernel.manager.shutdown_kernel()
        kernel.assert_gone()

    def test_when_the_client_vanishes(self):
        kernel = Session(suite(), crate=None)
        self.addCleanup(kernel.end)
        script = textwrap.dedent(f"""
            import sys, time
            from jupyter_client.kernelspec import KernelSpecManager
            from jupyter_client.manager import KernelManager
            specs = KernelSpecManager(kernel_dirs=[{str(kernel.home / "kernels")!r}], ensure_native_kernel=False)
            manager = KernelManager(kernel_name="front", kernel_spec_manager=specs)
            manager.start_kernel(stderr=sys.stderr)
            client = manager.client()
            client.start_channels()
            client.wait_for_ready(timeout=60)
            client.execute_interactive("let x: u32 = 1;", timeout=60, output_hook=lambda message: None)
            print("ready", flush=True)
            time.sleep(60)
        """)
        with open(kernel.log_path, "w") as log:
            client = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=log, text=True)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        self.addCleanup(client.stdout.close)
        self.assertEqual(client.stdout.readline().strip(), "ready", kernel.log())
        self.assertGreater(len(kernel.leftovers()), 3)
        client.kill()
        kernel.assert_gone()

    def test_crashed_sessions_are_counted_and_removed_at_the_next_start(self):
        kernel = self.started()
        counted = self.count(kernel)
        self.assertEqual((counted["running"], counted["crashed"]), (1, 0))
        self.assertGreater(counted["bytes"], 1_000_000)
        # Everything at once, as when the machine loses its power: nothing can tidy up.
        processes = list(kernel.processes())
        for process in processes:
            process.suspend()
        for process in processes:
            kill(process)
        wait_until(lambda: not kernel.processes(), "all processes have ended")
        # A process that is not listed any more may hold its lock for a moment still.
        wait_until(lambda: self.count(kernel)["crashed"] == 1, "the session counts as crashed", timeout=5)
        again = Session(suite(), crate=None, beside=kernel)
        self.addCleanup(again.end)
        again.start()
        # While it is being removed it counts as one that runs.
        wait_until(lambda: [p.suffix for p in sorted(kernel.sessions.iterdir())] == ["", ".lock"], "it is removed")
        counted = self.count(kernel)
        self.assertEqual((counted["running"], counted["crashed"]), (1, 0))
        self.assertEqual(list(kernel.temporary.glob("ddpm-kernel-*")), [])
        again.manager.shutdown_kernel()
        again.assert_gone()

    def count(self, kernel):
        return json.loads(subprocess.check_output([FRONT, "sessions", "--sessions", kernel.sessions], text=True, timeout=20))


if __name__ == "__main__":
    unittest.main()
