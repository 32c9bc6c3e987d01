"""All channels of Jupyter pass through the front, signed both ways, over what the connection file names."""

import contextlib
import json
import statistics
import subprocess
import time
import unittest

import psutil
import zmq
from jupyter_client import BlockingKernelClient
from support import EVCXR, FRONT, Session, kernel, suite, wait_until


class Relay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kernel = kernel()

    def ask(self, kind, content):
        return self.kernel.reply_to(self.kernel.send(kind, content))["content"]

    def test_the_kernel_introduces_itself(self):
        info = self.ask("kernel_info_request", {})
        self.assertEqual(info["language_info"]["name"], "Rust")
        self.assertTrue(self.kernel.client.hb_channel.is_beating())

    def test_names_are_completed_and_inspected(self):
        self.kernel.run("let relayed_text: String = \"abc\".to_owned();")
        answer = self.ask("complete_request", {"code": "relayed_te", "cursor_pos": 10})
        self.assertIn("relayed_text", json.dumps(answer))
        answer = self.ask("inspect_request", {"code": "relayed_text.len()", "cursor_pos": 15, "detail_level": 0})
        self.assertTrue(answer["found"], answer)
        self.assertIn("text/html", answer["data"])

    def test_a_cell_asks_for_input(self):
        code = 'println!("EVCXR_INPUT_REQUEST:Your name?"); let mut line = String::new();\n'
        code += 'std::io::stdin().read_line(&mut line).unwrap(); println!("hello {}", line.trim());'
        request = self.kernel.execute(code, allow_stdin=True)
        question = self.kernel.client.stdin_channel.get_msg(timeout=60)
        self.assertEqual((question["msg_type"], question["content"]["prompt"]), ("input_request", "Your name?"))
        self.assertEqual(question["parent_header"]["msg_id"], request)
        answer = self.kernel.client.session.msg("input_reply", {"value": "Ada"}, parent=question)
        self.kernel.client.stdin_channel.send(answer)
        self.assertIn("hello Ada", self.kernel.finish(request).text)

    def test_a_comm_that_nobody_knows_is_closed(self):
        request = self.kernel.send("comm_open", {"comm_id": "c1", "target_name": "nobody", "data": {}})
        closed = self.kernel.until(request, "comm_close", "c1")
        self.assertEqual(closed["content"]["comm_id"], "c1")

    def test_messages_that_it_does_not_know_do_no_harm(self):
        for kind in ("frobnicate_request", "history_request", "comm_info_request", "comm_msg"):
            request = self.kernel.send(kind, {"anything": [1, {"ä": None}]}, metadata={"deep": {"x": 1}})
            self.kernel.pump(lambda: self.kernel.is_idle(request), f"the end of {kind}")
        self.kernel.send("frobnicate_request", {}, channel="control")
        self.assertEqual(self.ask("is_complete_request", {"code": "1"})["status"], "complete")

    def test_it_answers_while_a_cell_runs(self):
        flag = self.kernel.flag()
        request = self.kernel.execute(f'println!("started"); wait_for("{flag}");')
        self.kernel.until(request, "stream", "started")
        for channel in ("shell", "control"):
            reply = self.kernel.reply_to(self.kernel.send("kernel_info_request", {}, channel), 5)
            self.assertEqual(reply["content"]["language_info"]["name"], "Rust")
            asked = reply["parent_header"]["msg_id"]
            self.kernel.pump(lambda: self.kernel.is_idle(asked), "the end of the question")
            # Clients show the last state that they heard of.
            self.kernel.pump(lambda: self.kernel.states[-1] == "busy", "the cell makes the kernel busy", 5)
        self.assertFalse(self.kernel.is_idle(request))
        flag.touch()
        self.kernel.finish(request)
        self.kernel.pump(lambda: self.kernel.states[-1] == "idle", "it is idle in the end", 5)

    def test_cells_that_leave_no_trace_are_not_counted(self):
        count = self.kernel.run("let traces: u32 = 3;").reply["content"]["execution_count"]
        silent = self.kernel.finish(self.kernel.execute("let traces: u32 = traces + 1;", silent=True))
        self.assertEqual(silent.reply["content"]["status"], "ok")
        self.assertEqual(silent.of("execute_input", "execute_result"), [])
        unstored = self.kernel.finish(self.kernel.execute("let traces: u32 = traces + 1;", store_history=False))
        self.assertEqual(unstored.reply["content"]["status"], "ok")
        done = self.kernel.run('println!("traces {traces}");')
        self.assertIn("traces 5", done.text)
        self.assertEqual(done.reply["content"]["execution_count"], count + 1)
        self.assertEqual(done.of("execute_input")[0]["content"]["execution_count"], count + 1)

    def test_a_request_is_answered_under_its_own_header(self):
        message = self.kernel.client.session.msg("is_complete_request", {"code": "1"})
        message["header"]["a_field_of_tomorrow"] = {"x": [1, 2]}
        self.kernel.client.shell_channel.send(message)
        parent = self.kernel.reply_to(message["header"]["msg_id"])["parent_header"]
        self.assertEqual(parent.get("a_field_of_tomorrow"), {"x": [1, 2]})

    def test_what_is_malformed_or_badly_signed_is_dropped_with_a_line_in_the_log(self):
        before = self.kernel.log().count("dropped")
        socket = zmq.Context.instance().socket(zmq.DEALER)
        self.addCleanup(socket.close, linger=0)
        ports = self.kernel.manager.get_connection_info()
        socket.connect(f"tcp://{ports['ip']}:{ports['shell_port']}")
        session = self.kernel.client.session
        good = session.serialize(session.msg("execute_request", {"code": 'println!("smuggled")'}))
        bad = [
            [b"garbage"],
            [b"<IDS|MSG>", b"", b"{"],
            [b"<IDS|MSG>", b"00" * 32, *good[2:]],
            [b"<IDS|MSG>", b"", *good[2:]],
            [*good[:-1], b'{"code": "changed"}'],
        ]
        for frames in bad:
            socket.send_multipart(frames)
        wait_until(lambda: self.kernel.log().count("dropped") >= before + len(bad), "a line in the log for each")
        self.assertEqual(self.ask("is_complete_request", {"code": "1"})["status"], "complete")
        self.assertNotIn("smuggled", json.dumps(list(self.kernel.messages.values()), default=str))

    def test_cells_have_the_environment_of_the_kernelspec(self):
        code = 'for name in ["LD_LIBRARY_PATH", "CARGO_TARGET_DIR"] { println!("{name}={:?}", std::env::var(name).ok()); }'
        text = self.kernel.run(code).text
        self.assertIn("/nowhere", text.splitlines()[0])
        self.assertNotIn("$", text)
        self.assertIn("CARGO_TARGET_DIR=None", text)

    def test_it_listens_on_this_machine_alone(self):
        for process in self.kernel.processes():
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    self.assertTrue(connection.laddr.ip.startswith("127.") or connection.laddr.ip == "::1", connection)
        file = self.kernel.home / "open.json"
        info = json.loads((self.kernel.home / "c.json").read_text())
        file.write_text(json.dumps({**info, "ip": "0.0.0.0"}))
        command = [FRONT, "run", "--connection-file", file, "--evcxr", EVCXR]
        command += ["--warm-folder", suite().warm, "--sessions", self.kernel.home / "none"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=20)
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("0.0.0.0", ended.stderr)


class Transports(unittest.TestCase):
    def check(self, transport, signed):
        with Session(suite(), crate=None, transport=transport, signed=signed) as session:
            info = json.loads((session.home / "c.json").read_text())
            self.assertEqual((info["transport"], bool(info["key"])), (transport, signed))
            self.assertIn("forty-two 42", session.run('println!("forty-two {}", 6 * 7);').text)
            self.assertEqual(session.interrupt()["content"]["status"], "ok")
            sockets = list(session.home.glob("c-ipc-*"))
            self.assertEqual(len(sockets), 5 if transport == "ipc" else 0)
            # By a request alone: Jupyter's own shutdown would remove the sockets for the kernel.
            reply = session.reply_to(session.send("shutdown_request", {"restart": False}, "control"))
            self.assertEqual(reply["content"]["status"], "ok")
            session.assert_gone()
            self.assertEqual(list(session.home.glob("c-ipc-*")), [], "sockets of the ipc transport stay behind")

    def test_tcp_unsigned(self):
        self.check("tcp", signed=False)

    def test_ipc_signed(self):
        self.check("ipc", signed=True)

    def test_ipc_unsigned(self):
        self.check("ipc", signed=False)


class Speed(unittest.TestCase):
    def test_the_front_adds_at_most_5_ms_to_a_message(self):
        with Session(suite(), crate=None) as front, contextlib.ExitStack() as stack:
            front.run("1;")
            # The same evcxr without the front: another one may take 5 ms longer to complete a name, or less.
            clients = {"with the front": front.client, "without it": self.evcxrs_client(front, stack)}
            for kind, content in (
                ("is_complete_request", {"code": "1"}),
                ("kernel_info_request", {}),
                ("complete_request", {"code": "st", "cursor_pos": 2}),
            ):
                times = {name: [] for name in clients}
                for _ in range(60):
                    front.take(0)
                    for name, client in clients.items():
                        times[name].append(self.seconds_until_the_reply(client, kind, content))
                self.compare(kind, times)

    def test_the_front_adds_at_most_5_ms_to_a_printed_line(self):
        plain_home = suite().home / "plain"
        plain_home.mkdir()
        plain_argv = [EVCXR, "--control_file", "{connection_file}"]
        plain = Session(suite(), argv=plain_argv, env={"EVCXR_TMPDIR": str(plain_home), "CARGO_TARGET_DIR": None})
        code = "for _ in 0..25 { println!(\"{:?}\", std::time::SystemTime::now()"
        code += ".duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64());"
        code += " std::thread::sleep(std::time::Duration::from_millis(12)); }"
        with Session(suite(), crate=None) as front, plain:
            delays = {"with the front": [], "without it": []}
            for _ in range(3):
                for name, session in zip(delays, (front, plain)):
                    for message in session.run(code).of("stream"):
                        lines = message["content"]["text"].split()
                        delays[name] += [message["received"] - float(line) for line in lines]
            self.compare("a printed line", delays)

    def evcxrs_client(self, front, stack):
        (connection_file,) = front.temporary.glob("ddpm-kernel-*/evcxr-1.json")
        client = BlockingKernelClient(connection_file=str(connection_file))
        client.load_connection_file()
        client.start_channels()
        stack.callback(client.stop_channels)
        return client

    def seconds_until_the_reply(self, client, kind, content):
        message = client.session.msg(kind, content)
        started = time.perf_counter()
        client.shell_channel.send(message)
        while client.shell_channel.get_msg(timeout=20)["parent_header"].get("msg_id") != message["header"]["msg_id"]:
            pass
        return time.perf_counter() - started

    def compare(self, what, times):
        # A request sent in turn to both sides meets the same load of the machine on either.
        added = statistics.median(ours - theirs for ours, theirs in zip(*times.values())) * 1e3
        medians = [f"{statistics.median(of) * 1e3:.2f} ms {name}" for name, of in times.items()]
        print(f"{what}: {', '.join(medians)}; the front adds {added:.2f} ms")
        self.assertLessEqual(added, 5, what)


if __name__ == "__main__":
    unittest.main()
