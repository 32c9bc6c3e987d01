"""Starts kernels as Jupyter does, and talks to them as its clients do.

All that the tests' sessions leave would be in one folder: each session has folders of its own for its copy of the work
folder and for its sockets, and a mark in its environment by which its processes are found, orphaned ones too.
"""

import atexit
import contextlib
import functools
import json
import os
import pathlib
import queue
import re
import shlex
import shutil
import signal
import tempfile
import time
import uuid

import psutil
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

ROOT = pathlib.Path(__file__).resolve().parents[2]
FRONT = os.environ.get("DDPM_KERNEL") or str(ROOT / ".evcxr/bin/ddpm_kernel")
EVCXR = os.environ.get("EVCXR_JUPYTER") or shutil.which("evcxr_jupyter") or os.path.expanduser("~/.cargo/bin/evcxr_jupyter")
PROBE = pathlib.Path(__file__).resolve().parent / "fixtures/livecell_probe"
PRELUDE = "use livecell_probe::prelude::*;"
MARK = "DDPM_KERNEL_TEST"
PATIENCE = 60


def wait_until(condition, what, timeout=PATIENCE):
    """Waits until `condition()` is true, and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s in vain for this: {what}")
        time.sleep(0.02)


class Suite:
    """One folder for everything, with a work folder in which the probe crate has been built."""

    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="front-"))
        atexit.register(shutil.rmtree, self.home, ignore_errors=True)
        self.warm = self.home / "work"
        self.config = self.home / "config"
        self.config.mkdir()
        lock = shlex.quote(str(ROOT / "Cargo.lock"))
        (self.config / "init.evcxr").write_text(f'!cp {lock} "$EVCXR_TMPDIR/Cargo.lock"\n')
        self.warm.mkdir()
        with Session(self, crate=None, env={"DDPM_TUTOR_WORK": str(self.warm)}) as session:
            session.run(dependency(), 300)
            session.run(PRELUDE)
            session.run("println!(\"warm\");")


@functools.cache
def suite():
    """The one of this process; made when it is first needed, removed at the end."""
    return Suite()


@functools.cache
def _kernel():
    kernel = Session(suite())
    atexit.register(kernel.end)
    kernel.start()
    return kernel


def kernel():
    """The session for all tests that leave a kernel as they found it, with the probe's names brought in."""
    _kernel().finish(_kernel().execute(PRELUDE))
    return _kernel()


def dependency(crate=PROBE):
    return f':dep livecell_probe = {{ path = "{crate}" }}'


class Done:
    """What came of a request: its reply, and its messages on the iopub channel in their order."""

    def __init__(self, messages, reply, seconds):
        self.messages, self.reply, self.seconds = messages, reply, seconds

    def of(self, *kinds):
        return [message for message in self.messages if message["msg_type"] in kinds]

    def stream(self, name="stdout"):
        return "".join(message["content"]["text"] for message in self.of("stream") if message["content"]["name"] == name)

    @property
    def text(self):
        return self.stream()

    @property
    def error(self):
        """What the reader sees of a failure, without colours."""
        parts = [self.stream("stderr")]
        for message in self.of("error"):
            parts += [message["content"]["evalue"], *message["content"]["traceback"]]
        return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(parts))

    def shown(self):
        """Kinds and texts in order, such as `print a`, `display b`."""
        rows = []
        for message in self.messages:
            content, kind = message["content"], message["msg_type"]
            if kind == "stream":
                rows += [f"print {line}" for line in content["text"].splitlines() if line]
            elif kind in ("display_data", "update_display_data"):
                rows.append(f"{kind.split('_')[0]} {content['data'].get('text/plain', '?')}")
            elif kind == "clear_output":
                rows.append("clear, wait" if content["wait"] else "clear")
        return rows


class Session:
    """A running kernel with a client."""

    def __init__(self, of, crate=PROBE, transport="tcp", signed=True, env=None, argv=None, beside=None, sessions="s"):
        """`beside` names a session with which this one has the folder of sessions in common; `sessions` is its name."""
        self.crate = crate if argv is None else None
        self.name = uuid.uuid4().hex[:8]
        self.home = of.home / self.name
        self.sessions, self.temporary = (beside or self).home / sessions, self.home / "t"
        self.temporary.mkdir(parents=True)
        if argv is None:
            argv = [FRONT, "run", "--connection-file", "{connection_file}", "--evcxr", EVCXR]
            argv += ["--warm-folder", str(of.warm), "--sessions", str(self.sessions)]
            argv += ["--crate", str(crate)] if crate else []
            argv += ["--lock", str(ROOT / "Cargo.lock")]
        # Offline: what the tests need is what the front itself was built from.
        environment = {
            "EVCXR_CONFIG_DIR": str(of.config), "TMPDIR": str(self.temporary), MARK: self.name, "CARGO_NET_OFFLINE": "true",
            "LD_LIBRARY_PATH": "/nowhere:${LD_LIBRARY_PATH}", "CARGO_TARGET_DIR": "/nowhere/target", **(env or {}),
        }
        environment = {name: value for name, value in environment.items() if value is not None}
        spec = {
            "argv": argv, "display_name": "front", "language": "rust", "interrupt_mode": "message", "env": environment,
        }
        folder = self.home / "kernels/front"
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps(spec))
        self.specs = KernelSpecManager(kernel_dirs=[str(folder.parent)], ensure_native_kernel=False)
        self.connection_file = str(self.home / "c.json")
        self.manager = KernelManager(**self.manager_options(), transport=transport)
        if not signed:
            self.manager.session.key = b""
        self.log_path = self.home / "log"
        self.client = self.log_file = None
        self.messages, self.replies, self.states = {}, {}, []

    def manager_options(self):
        return {"kernel_name": "front", "kernel_spec_manager": self.specs, "connection_file": self.connection_file}

    def start(self, **options):
        """Returns the seconds until kernel_info was answered."""
        started = time.monotonic()
        self.log_file = open(self.log_path, "ab")
        self.manager.start_kernel(stderr=self.log_file, stdout=self.log_file, **options)
        self.connect()
        self.reply_to(self.send("kernel_info_request", {}))
        return time.monotonic() - started

    def connect(self):
        self.client = self.manager.client()
        self.client.start_channels()

    def __enter__(self):
        try:
            self.start()
            if self.crate:
                self.run(PRELUDE)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """Ends it in good order if it is still there, and with force what is left."""
        with contextlib.suppress(Exception):
            if self.manager.has_kernel:
                self.manager.shutdown_kernel()
        if self.client:
            self.client.stop_channels()
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        with contextlib.suppress(Exception):
            self.manager.cleanup_resources()
        if self.log_file:
            self.log_file.close()

    # Requests.

    def send(self, kind, content, channel="shell", metadata=None):
        message = self.client.session.msg(kind, content, metadata=metadata)
        getattr(self.client, f"{channel}_channel").send(message)
        return message["header"]["msg_id"]

    def execute(self, code, **options):
        content = {
            "code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
            "stop_on_error": True, **options,
        }
        return self.send("execute_request", content)

    def run(self, code, timeout=PATIENCE):
        """Runs a cell that has to end well."""
        done = self.finish(self.execute(code), timeout)
        if done.reply["content"]["status"] != "ok" or done.stream("stderr"):
            raise AssertionError(f"the cell failed:\n{code}\n{done.error}\nthe kernel's log:\n{self.log()[-3000:]}")
        return done

    def fail(self, code, timeout=PATIENCE):
        """Runs a cell that has to fail."""
        done = self.finish(self.execute(code), timeout)
        if done.reply["content"]["status"] != "error":
            raise AssertionError(f"the cell ended well:\n{code}\n{done.shown()}")
        return done

    def finish(self, request, timeout=PATIENCE):
        """All that came of a request when it has ended."""
        started = time.monotonic()
        self.pump(lambda: self.is_idle(request), "the end of the request", timeout)
        reply = self.reply_to(request, timeout)
        return Done(self.messages.get(request, []), reply, time.monotonic() - started)

    def is_idle(self, request):
        states = [message["content"] for message in self.messages.get(request, []) if message["msg_type"] == "status"]
        return {"execution_state": "idle"} in states

    def reply_to(self, request, timeout=PATIENCE):
        self.pump(lambda: request in self.replies, "the reply", timeout)
        return self.replies[request]

    def until(self, request, kind, text, timeout=PATIENCE):
        """Waits for an output of this request with this text in it."""

        def found():
            for message in self.messages.get(request, []):
                if message["msg_type"] == kind and text in json.dumps(message["content"]):
                    return message
            return None

        return self.pump(found, f"a {kind} with {text!r}", timeout)

    def pump(self, condition, what, timeout=PATIENCE):
        """Takes what comes on all channels until the condition holds."""
        end = time.monotonic() + timeout
        while True:
            if value := condition():
                return value
            if time.monotonic() > end:
                kinds = [(m["msg_type"], str(m["content"])[:200]) for all in self.messages.values() for m in all]
                raise AssertionError(
                    f"waited {timeout} s in vain for {what}\nthe last messages: {kinds[-12:]}\n"
                    f"the kernel's log:\n{self.log()[-3000:]}"
                )
            self.take(0.05)

    def take(self, timeout):
        """Files what has come; waits for a publication if there is nothing."""
        for channel in (self.client.shell_channel, self.client.control_channel):
            with contextlib.suppress(queue.Empty):
                while True:
                    message = channel.get_msg(timeout=0)
                    self.replies[message["parent_header"].get("msg_id")] = message
                    timeout = 0
        with contextlib.suppress(queue.Empty):
            message = self.client.iopub_channel.get_msg(timeout=timeout)
            while True:
                message["received"] = time.time()
                self.messages.setdefault(message["parent_header"].get("msg_id"), []).append(message)
                if message["msg_type"] == "status":
                    self.states.append(message["content"]["execution_state"])
                message = self.client.iopub_channel.get_msg(timeout=0)

    def interrupt(self):
        """As the button does; returns when the kernel has answered."""
        return self.reply_to(self.send("interrupt_request", {}, "control"), 20)

    # What a cell waits for.

    def flag(self):
        """A file that is not there yet, for `wait_for` in a cell."""
        return self.home / f"flag-{uuid.uuid4().hex[:8]}"

    # What there is of it outside.

    @property
    def front(self):
        return psutil.Process(self.manager.provisioner.pid)

    def processes(self):
        """All that carry this session's mark, whoever their parents are."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == self.name:
                    found.append(process)
        return found

    def evcxr(self):
        return self._one([process for process in self.processes() if process.name() == "evcxr_jupyter"])

    def cells_process(self):
        """The child of evcxr_jupyter in which the cells run; its own child reads what they print."""
        evcxr = self.evcxr().pid
        return self._one([process for process in self.processes() if process.name() == "ddpm_cells" and process.ppid() == evcxr])

    def _one(self, found):
        if len(found) != 1:
            raise AssertionError(f"{len(found)} processes instead of one, of {self.processes()}")
        return found[0]

    def leftovers(self):
        """What is there still: processes, and files and folders of sessions."""
        files = [str(path) for folder in (self.sessions, self.temporary) if folder.is_dir() for path in folder.iterdir()]
        return [f"{process.pid} {process.name()}" for process in self.processes()] + files

    def assert_gone(self, timeout=10):
        try:
            wait_until(lambda: not self.leftovers(), "nothing is left of the session", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}; left: {self.leftovers()}\nthe log:\n{self.log()[-2000:]}") from None

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
