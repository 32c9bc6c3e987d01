"""What a running cell shows appears while it runs, under its request, in order with what it prints."""

import subprocess
import unittest

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from support import PRELUDE, Session, kernel, suite


class Display(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kernel = kernel()

    def test_displays_and_clearing_are_in_order_with_printed_lines(self):
        done = self.kernel.run("""
            let mut live: Front = Front::connect().unwrap();
            println!("one");
            live.display(text("A")).unwrap();
            println!("two");
            print!("no end of line ");
            live.display(text("B")).unwrap();
            println!("three");
        """)
        shown = [row.strip() for row in done.shown()]
        self.assertEqual(shown, [
            "print one", "display A", "print two", "print no end of line", "display B", "print three",
        ])
        done = self.kernel.run("""
            let mut live: Front = Front::connect().unwrap();
            println!("old");
            live.clear(true).unwrap();
            println!("new");
            live.clear(false).unwrap();
        """)
        self.assertEqual(done.shown(), ["print old", "clear, wait", "print new", "clear"])

    def test_a_display_is_there_while_the_cell_runs_and_belongs_to_its_request(self):
        first, flag = self.kernel.flag(), self.kernel.flag()
        request = self.kernel.execute(f"""
            let mut live: Front = Front::connect().unwrap();
            let id: String = live.display(text("at once")).unwrap();
            wait_for("{first}");
            live.update(&id, text("and then")).unwrap();
            wait_for("{flag}");
        """)
        self.kernel.until(request, "display_data", "at once")
        first.touch()
        self.kernel.until(request, "update_display_data", "and then")
        self.assertFalse(self.kernel.is_idle(request))
        flag.touch()
        done = self.kernel.finish(request)
        ids = {message["content"]["transient"]["display_id"] for message in done.of("display_data", "update_display_data")}
        self.assertEqual(len(ids), 1)
        for message in done.messages:
            self.assertEqual(message["parent_header"]["msg_id"], request)

    def test_any_number_of_pictures_in_a_cell(self):
        done = self.kernel.run("""
            let mut live: Front = Front::connect().unwrap();
            for number in 0..120 {
                live.display(picture(number, 20_000)).unwrap();
                println!("after {number}");
            }
        """)
        expected = [row for number in range(120) for row in (f"display picture {number}", f"print after {number}")]
        self.assertEqual(done.shown(), expected)
        self.assertTrue(all("image/svg+xml" in message["content"]["data"] for message in done.of("display_data")))

    def test_updates_are_few_and_the_last_state_is_shown(self):
        done = self.kernel.run("""
            let mut live: Front = Front::connect().unwrap();
            let id: String = live.display(text("step 0")).unwrap();
            let started = std::time::Instant::now();
            let mut step: u64 = 0;
            while started.elapsed().as_millis() < 2000 {
                step += 1;
                live.update(&id, text(format!("step {step}"))).unwrap();
            }
            println!("steps {step}");
        """)
        updates = done.of("update_display_data")
        self.assertLessEqual(len(updates), 2 * 14)
        self.assertGreaterEqual(len(updates), 5)
        self.assertIn("print steps " + updates[-1]["content"]["data"]["text/plain"].split()[1], done.shown())

    def test_another_cells_output_cannot_be_forged(self):
        victim = self.kernel.run("""
            let mut live: Front = Front::connect().unwrap();
            let stolen: String = live.display(text("genuine")).unwrap();
            println!("{}", stolen);
        """)
        display_id = victim.of("display_data")[0]["content"]["transient"]["display_id"]
        done = self.kernel.run(f"""
            let mut live: Front = Front::connect().unwrap();
            for id in [stolen.as_str(), "{display_id}", "made up"] {{
                println!("{{:?}}", live.update(id, text("forged")).map_err(|error| error.to_string()));
                println!("{{}}", marker(id));
            }}
            println!("{{}}", raw(b"\\x02\\0\\0\\0{{}}"));
            println!("{{}}", raw(b"garbage that is no frame"));
        """)
        self.assertEqual(done.of("display_data", "update_display_data", "clear_output"), [])
        self.assertEqual(done.text.count("Err("), 3, done.text)
        self.assertIn("refused", done.text)

    def test_a_display_that_no_marker_was_printed_for_does_not_appear_later(self):
        done = self.kernel.run("""
            let mut live: Front = Front::connect().unwrap();
            let waiting = live.tell(&Message::Display { data: text("late") }).unwrap();
            let waiting: String = format!("{waiting:?}");
        """)
        # The marker may have gone into a captured stdout: what was to be shown is shown when the cell ends.
        self.assertEqual(done.shown(), ["display late"])
        code = 'let id = waiting.split(\'"\').nth(1).unwrap().to_owned(); println!("{}", marker(&id)); println!("end");'
        done = self.kernel.run(code)
        self.assertEqual(done.of("display_data"), [])
        self.assertIn("end", done.text)

    def test_what_is_too_large_is_refused_and_the_kernel_goes_on(self):
        done = self.kernel.run("""
            let mut live: Front = Front::connect().unwrap();
            println!("{}", live.display(picture(0, LARGEST)).unwrap_err());
            let mut claim = (LARGEST as u32 + 1).to_le_bytes().to_vec();
            claim.extend(b"{}");
            println!("{}", raw(&claim));
            println!("{}", raw(&u32::MAX.to_le_bytes()));
        """)
        self.assertEqual(done.of("display_data"), [])
        self.assertIn("are the most", done.text)
        self.assertEqual(done.text.count("refused"), 2, done.text)
        # Eight megabytes have passed through it several times.
        self.assertLess(self.kernel.front.memory_info().rss, 90e6)
        self.assertIn("display small", self.kernel.run('Front::connect().unwrap().display(text("small")).unwrap();').shown())

    def test_a_large_picture_arrives_whole(self):
        done = self.kernel.run("Front::connect().unwrap().display(picture(1, 7 << 20)).unwrap();")
        self.assertGreater(len(done.of("display_data")[0]["content"]["data"]["image/svg+xml"]), 7 << 20)


class Saved(unittest.TestCase):
    def test_a_saved_notebook_has_the_final_state_alone(self):
        session = Session(suite())
        self.addCleanup(session.end)
        cells = [
            PRELUDE,
            "let mut live: Front = Front::connect().unwrap();\nlet id: String = live.display(text(\"0 %\")).unwrap();\n"
            "for step in 1..=300 { live.update(&id, text(format!(\"{step} steps\"))).unwrap(); }\nprintln!(\"trained\");",
            "let mut live: Front = Front::connect().unwrap();\nlive.display(text(\"bar\")).unwrap();\n"
            "live.clear(false).unwrap();\nlive.display(text(\"curve\")).unwrap();",
        ]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        manager = AsyncKernelManager(**session.manager_options())
        client = NotebookClient(notebook, km=manager, timeout=60)
        # The kernel is ended as nbclient ends one that it started itself.
        client.owns_km = True
        client.execute(stderr=subprocess.DEVNULL)
        self.assertEqual(self.outputs(notebook.cells[1]), ["300 steps", "trained"])
        self.assertEqual(self.outputs(notebook.cells[2]), ["curve"])
        self.assertNotIn("prepar", nbformat.writes(notebook).lower())
        session.assert_gone()

    def outputs(self, cell):
        return [(output.get("text") or output["data"]["text/plain"]).strip() for output in cell.outputs]


if __name__ == "__main__":
    unittest.main()
