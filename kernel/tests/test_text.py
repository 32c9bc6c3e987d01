"""What a cell prints is seen in that cell as it is, and what it reads is its own: nothing of it can be taken for evcxr's words."""

import os
import re
import time
import unittest

from support import Session, kernel, suite

FLUSH = "{ use std::io::Write; std::io::stdout().flush().unwrap(); }"


class Text(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kernel = kernel()
        cls.kernel.run("let kept: u32 = 42;")

    def still_there(self):
        self.assertEqual(self.kernel.run('println!("kept {kept}");').text, "kept 42\n")

    def test_a_line_without_its_end_is_in_its_own_cell(self):
        for code in ('print!("50 %"); ' + FLUSH, 'print!("50 %");', 'std::process::Command::new("printf").arg("50 %%").status().unwrap();'):
            with self.subTest(code):
                self.assertEqual(self.kernel.run(code).text, "50 %")
                self.still_there()

    def test_a_bar_moves_within_its_line(self):
        pause = "std::thread::sleep(std::time::Duration::from_millis(60));"
        done = self.kernel.run(f'for i in 0..4 {{ print!("\\r{{i}}"); {FLUSH} {pause} }}')
        self.assertEqual(done.text, "\r0\r1\r2\r3")
        self.assertGreaterEqual(len(done.of("stream")), 3)

    def test_a_thread_that_prints_keeps_no_cell_from_its_end(self):
        dots = f'for _ in 0..300 {{ print!("."); {FLUSH} std::thread::sleep(std::time::Duration::from_millis(2)); }}'
        self.kernel.run(f"std::thread::spawn(|| {dots});")
        done = self.kernel.run('println!("next");', 20)
        self.assertEqual(done.text.replace(".", ""), "next\n")
        time.sleep(0.8)
        self.still_there()

    def test_bytes_that_are_not_utf8_are_replaced(self):
        for number, stream in ((1, "stdout"), (2, "stderr")):
            with self.subTest(stream):
                printf = f"printf 'a\\\\377\\\\376b\\\\n' >&{number}"
                done = self.kernel.finish(self.kernel.execute(f'std::process::Command::new("sh").args(["-c", "{printf}"]).status().unwrap();'))
                self.assertEqual((done.reply["content"]["status"], done.stream(stream)), ("ok", "a\ufffd\ufffdb\n"))
                self.still_there()

    def test_characters_stay_whole_however_they_come(self):
        code = 'use std::io::Write; for byte in "größe €\\n".bytes() { std::io::stdout().write_all(&[byte]).unwrap(); '
        self.assertEqual(self.kernel.run("{ " + code + FLUSH + " } }").text, "größe €\n")

    def test_a_panic_behind_a_printed_text_is_an_error_of_the_cell(self):
        done = self.kernel.fail('print!("looking … "); let lost: u32 = [1u32].iter().copied().find(|n| *n > 5).unwrap();')
        error = done.of("error")[0]["content"]
        self.assertEqual((done.text, error["ename"]), ("looking … ", "Panic"))
        self.assertRegex(error["evalue"], r"panicked at .*\n.*`None` value")
        self.assertNotIn("EVCXR", done.error + done.text)
        self.still_there()
        done = self.kernel.fail('println!("{lost}");')
        self.assertIn("cannot find value", done.error)
        self.still_there()

    def test_an_error_that_a_question_mark_returns_is_an_error_of_the_cell(self):
        for before in ("", 'print!("reading … "); '):
            with self.subTest(before):
                done = self.kernel.fail(before + 'let lost: String = std::fs::read_to_string("/nowhere/at/all")?;')
                error = done.of("error")[0]["content"]
                self.assertEqual((error["ename"], done.text), ("Error", before[8:18] if before else ""))
                self.assertIn("No such file", error["evalue"])
                self.assertEqual(done.reply["content"]["evalue"], error["evalue"])
                self.still_there()

    def test_what_waits_behind_a_failed_cell_is_not_run(self):
        pause = "std::thread::sleep(std::time::Duration::from_millis(500)); "
        for code in ('panic!("no");', 'Err::<(), &str>("no")?;'):
            with self.subTest(code):
                first = self.kernel.execute(pause + code)
                waiting = self.kernel.execute('println!("not run");')
                self.assertEqual(self.kernel.finish(first).reply["content"]["status"], "error")
                done = self.kernel.finish(waiting)
                self.assertEqual((done.reply["content"]["status"], done.text), ("aborted", ""))
                # Unless the client wants it otherwise.
                first = self.kernel.execute(pause + code, stop_on_error=False)
                waiting = self.kernel.execute('println!("run");')
                self.kernel.finish(first)
                self.assertEqual(self.kernel.finish(waiting).text, "run\n")

    def test_a_panic_that_is_caught_and_one_in_a_thread_are_none_of_the_cell(self):
        done = self.kernel.finish(self.kernel.execute('println!("{}", std::thread::spawn(|| panic!("there")).join().is_err());'))
        self.assertEqual((done.reply["content"]["status"], done.text), ("ok", "true\n"))
        done = self.kernel.finish(self.kernel.execute('println!("{}", std::panic::catch_unwind(|| panic!("here")).is_err());'))
        self.assertEqual((done.reply["content"]["status"], done.text), ("ok", "true\n"))

    def test_words_of_evcxrs_in_a_printed_text_are_text(self):
        text = "the word EVCXR_PANIC_NOTIFICATION, and EVCXR_EXECUTION_COMPLETE"
        self.assertEqual(self.kernel.run(f'println!("{text}");').text, text + "\n")
        self.assertEqual(self.kernel.run('println!("EVCXR_EXECUTION_COMPLETE"); println!("more");').text, "EVCXR_EXECUTION_COMPLETE\nmore\n")
        self.still_there()

    def test_standard_input_is_at_its_end(self):
        code = 'let mut line: String = String::new(); println!("{}", std::io::stdin().read_line(&mut line).unwrap());'
        self.assertEqual(self.kernel.run(code, 20).text, "0\n")
        ask = 'println!("{}", std::process::Command::new("sh").args(["-c", "read answer"]).status().unwrap().success());'
        self.assertEqual(self.kernel.run(ask, 20).text, "false\n")
        self.still_there()

    def test_a_value_is_shown_with_a_comment_behind_it(self):
        for code in ("6 * 7 // the answer", "6 * 7 /* the\nanswer */\n// of all\n", "6 * 7", "// so\n6 * 7"):
            with self.subTest(code):
                done = self.kernel.run(code)
                self.assertEqual([m["content"]["data"]["text/plain"] for m in done.of("execute_result")], ["42"])
                self.assertEqual(done.of("execute_input")[0]["content"]["code"], code)
        self.assertEqual(self.kernel.run("let with: u32 = 1; // and a comment").of("execute_result"), [])

    def test_a_value_and_text_are_told_apart(self):
        done = self.kernel.run('print!("text"); vec!["a\\nb"]')
        self.assertEqual(done.text, "text")
        self.assertEqual(done.of("execute_result")[0]["content"]["data"]["text/plain"], '["a\\nb"]')

    def test_a_program_that_goes_on_keeps_neither_a_cell_nor_an_end_waiting(self):
        self.kernel.run('std::process::Command::new("sleep").arg("30").spawn().unwrap();', 10)
        self.still_there()

    def test_places_are_counted_in_code_points(self):
        self.kernel.run('let s: String = "abc".to_owned();')
        for text in ("ab", "é", "e\u0301", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷"):
            with self.subTest(text):
                code = f'let t = "{text}"; s.le'
                place = len(code)
                reply = self.kernel.reply_to(self.kernel.send("complete_request", {"code": code + "\n", "cursor_pos": place}))["content"]
                self.assertIn("len()", reply["matches"])
                self.assertEqual((reply["cursor_start"], reply["cursor_end"]), (place - 2, place))
                # A place within a name is that of the name.
                question = {"code": code + "n();\n", "cursor_pos": place, "detail_level": 0}
                reply = self.kernel.reply_to(self.kernel.send("inspect_request", question))["content"]
                self.assertIn("len", reply["data"].get("text/plain", ""))

    def test_an_error_names_the_cell_and_the_line(self):
        count = self.kernel.run("1;").reply["content"]["execution_count"]
        done = self.kernel.fail('let one: u32 = 1;\n\nlet two: u32 = "text";')
        self.assertIn(f"command_{count + 1}:3:", done.error)


class Floods(unittest.TestCase):
    def test_a_line_that_never_ends_takes_no_memory_and_can_be_stopped(self):
        for what in ('print!("x");', 'eprint!("x");'):
            with self.subTest(what), Session(suite(), crate=None) as session:
                request = session.execute(f"loop {{ {what} }}")
                session.until(request, "stream", "xxx")
                time.sleep(3)
                sizes = [(process.name(), process.memory_info().rss >> 20) for process in session.processes()]
                print(f"MiB after 3 s of {what}: {sizes}")
                # The front and its guard; the cells' process and the one that reads what they print.
                ours = [size for name, size in sizes if name.startswith("ddpm_")]
                self.assertEqual((len(ours), max(ours) < 60), (4, True))
                session.interrupt()
                self.assertEqual(session.finish(request).reply["content"]["status"], "error")
                self.assertEqual(session.run('println!("on");').text, "on\n")


class Places(unittest.TestCase):
    """Sessions in folders that others have, too."""

    def test_folders_with_spaces_and_other_characters(self):
        for name in ("my projects", "it's", "größe", "a (1) & b"):
            with self.subTest(name):
                session = Session(suite(), crate=None, sessions=name)
                with session:
                    session.run("let x: u32 = 1;")
                    self.assertEqual(session.run('println!("{x}");').text, "1\n")
                session.assert_gone()

    def test_a_folder_for_temporary_files_with_a_long_path(self):
        deep = suite().home / "/".join(["deep" * 6] * 5)
        deep.mkdir(parents=True)
        self.assertGreater(len(str(deep)), 120)
        with Session(suite(), env={"TMPDIR": str(deep)}) as session:
            self.assertIn("display here", session.run('Front::connect().unwrap().display(text("here")).unwrap();').shown())
        self.assertEqual(os.listdir(deep), [])


class Crates(unittest.TestCase):
    def versions(self, session):
        lock = next(path for path in session.sessions.iterdir() if path.is_dir()) / "Cargo.lock"
        return dict(re.findall(r'name = "(.+)"\nversion = "(.+)"', lock.read_text()))

    def test_what_asks_for_a_crate_leaves_the_others_as_they_are(self):
        with Session(suite()) as session:
            session.run('let shown: Bundle = text("kept");')
            before = self.versions(session)
            self.assertIn("serde", before)
            for code in (':dep hex = "0.4"\nprintln!("{}", hex::encode("a"));', 'async fn three() -> u32 { 3 } println!("{}", three().await);'):
                session.run(code, 300)
                now = self.versions(session)
                self.assertEqual({name: now.get(name) for name in before if name != "ctx"}, {name: before[name] for name in before if name != "ctx"})
            self.assertIn("tokio", now)
            self.assertIn("kept", session.run('println!("{shown:?}");').text)

    def test_a_cell_that_asks_for_a_crate_is_seen_as_it_was_sent(self):
        with Session(suite(), crate=None) as session:
            code = ':dep hex = "0.4"\n\nlet one: String = hex::encode("a");\nlet two: u32 = "text";'
            done = session.fail(code, 120)
            self.assertEqual(done.of("execute_input")[0]["content"]["code"], code)
            self.assertIn(":4:", done.error)
            self.assertNotIn("Cargo.lock", done.error)
            text = 'println!("{}", "\n:dep hex = \\"0.4\\"\nend".lines().count());'
            self.assertEqual(session.run(text).text, "3\n")


if __name__ == "__main__":
    unittest.main()
