"""A session of the installed kernel `ddpm-rust` in folders of its own, and what the soak knows of its processes."""

import contextlib
import json
import os
import pathlib
import queue
import shutil
import tempfile
import time

import psutil
from jupyter_client.kernelspec import KernelSpecManager
from support import MARK, ROOT, Session, kill, wait_until

KERNEL = "ddpm-rust"
# The machine may be busy with a set-up, so the timeouts are generous: only a hang exceeds them.
START = 300
CELL = 240
PROMPT = 20
GONE = 20


class Scratch:
    """The folder in which all sessions of a soak live, so that whatever they leave is found in it."""

    def __init__(self):
        # On the disk of the work folder, with which sessions share libraries, and outside the workspace.
        (ROOT / ".evcxr").mkdir(exist_ok=True)
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="soak-", dir=ROOT / ".evcxr"))
        self.warm = self.home / "no-warm-folder"
        self.config = self.home / "config"
        self.models = self.home / "models"
        shutil.copytree(ROOT / "models/SwissRoll", self.models / "SwissRoll")
        self.sessions = []

    def remove(self):
        shutil.rmtree(self.home, ignore_errors=True)


class SoakSession(Session):
    def __init__(self, scratch):
        spec = KernelSpecManager().get_kernel_spec(KERNEL)
        super().__init__(scratch, crate=None, argv=spec.argv, env={**spec.env, "CARGO_TARGET_DIR": None})
        self._keep_sessions_here()
        self.checkout = pathlib.Path(spec.argv[spec.argv.index("--crate") + 1])
        self.cells_pid = None
        scratch.sessions.append(self)

    def _keep_sessions_here(self):
        path = self.home / "kernels/front/kernel.json"
        spec = json.loads(path.read_text())
        spec["argv"][spec["argv"].index("--sessions") + 1] = str(self.sessions)
        path.write_text(json.dumps(spec))

    # Starting it, once and again.

    def start(self, **options):
        self.log_file = open(self.log_path, "ab")
        self.manager.start_kernel(
            stderr=self.log_file, stdout=self.log_file, cwd=str(self.checkout / "notebooks"), **options
        )
        self.connect()
        self.ready()

    def restart(self, now=False):
        self.manager.restart_kernel(now=now)
        self.cells_pid = None
        self.ready()

    def ready(self):
        """Waits until the kernel is heard on both channels: after a restart a client's subscription comes later."""

        def heard():
            request = self.send("kernel_info_request", {})
            end = time.monotonic() + 1
            while time.monotonic() < end:
                self.take(0.05)
                if request in self.replies and self.is_idle(request):
                    return True
            return False

        wait_until(heard, "the kernel is ready", START)
        self.forget()

    def forget(self):
        """Lets go of old messages: what this program keeps must not grow either."""
        self.messages.clear()
        self.replies.clear()
        self.states.clear()
        for channel in (self.client.stdin_channel, self.client.hb_channel):
            with contextlib.suppress(queue.Empty, AttributeError):
                while True:
                    channel.get_msg(timeout=0)

    # Its processes. By mark and descent: names change.

    def locate(self):
        """Asks the cells' process for its number."""
        text = self.run('println!("pid {}", std::process::id());', CELL).text
        self.cells_pid = int(text.split()[-1])

    def cells_process(self):
        process = psutil.Process(self.cells_pid)
        if process.environ().get(MARK) != self.name:
            raise AssertionError(f"process {process} is not of this session")
        return process

    def evcxr(self):
        front, process = self.front, self.cells_process()
        while (parent := process.parent()) and parent.pid != front.pid:
            process = parent
        if parent is None:
            raise AssertionError(f"the cells' process {self.cells_pid} does not descend from the front {front}")
        if process.pid != self.cells_pid:
            return process
        # The cells' process is a child of the front itself; the guard runs the front's own program.
        others = [child for child in front.children() if child.pid != self.cells_pid and child.exe() != front.exe()]
        if len(others) != 1:
            raise AssertionError(f"which one is evcxr: {others}")
        return others[0]

    def kill_front(self):
        kill(self.front)
        self.assert_gone(GONE)

    def end_well(self):
        self.manager.shutdown_kernel()
        self.assert_gone(GONE)
        self.end()

    def end_somehow(self):
        """After a fault: away with it, whatever state it is in. The fault is counted already."""
        with contextlib.suppress(Exception):
            self.end_well()
        self.end()
        for folder in (self.sessions, self.temporary):
            shutil.rmtree(folder, ignore_errors=True)

    def sockets(self):
        """What is left of its sockets: files of the private folder, and ports that somebody listens on."""
        known = json.loads(pathlib.Path(self.connection_file).read_text()) if os.path.exists(self.connection_file) else {}
        ports = {value for name, value in known.items() if name.endswith("_port")}
        ports |= {port for port in self.manager.ports if port} if not ports else set()
        left = [
            f"port {one.laddr.port}" for one in psutil.net_connections("tcp")
            if one.status == psutil.CONN_LISTEN and one.laddr.port in ports
        ]
        with contextlib.suppress(psutil.Error):
            left += [str(one.laddr) for one in psutil.net_connections("unix") if str(self.home) in str(one.laddr)]
        return left
