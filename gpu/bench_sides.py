"""A variant to measure: a process that answers each command with one line, and its results so far."""

import os
import select
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from statistics import median
from time import monotonic

LAST_LINES = 12


class Failed(Exception):
    pass


def spread(values):
    """The median and the quartiles."""
    ordered = sorted(values)
    if not ordered:
        return None
    low, high = ordered[len(ordered) // 4], ordered[len(ordered) * 3 // 4]
    return {"median": median(ordered), "low": low, "high": high, "n": len(ordered)}


class Side:
    def __init__(self, name, command, case, env, shown):
        self.name, self.command, self.case, self.env = name, command, case, env
        # `turns`: the seconds of each turn, by round number, to compare turns of the same round.
        self.turns = {"train": {}, "sample": {}}
        self.process, self.pending, self.failed = None, b"", None
        self.told = {"case": case, "env": shown, "about": None, "compiling s": {}, "memory MiB": {}}

    def start(self):
        self.errors = tempfile.TemporaryFile()
        # Its own process group, so that the compilers it starts end with it.
        self.process = subprocess.Popen(
            self.command,
            env=os.environ | self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            start_new_session=True,
        )

    def ask(self, command, seconds):
        if seconds <= 0:
            raise Failed(f"no time was left for {command!r}")
        end = monotonic() + seconds
        try:
            self.process.stdin.write(command.encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise Failed(f"it had ended before {command!r}") from None
        output = self.process.stdout.fileno()
        while b"\n" not in self.pending:
            if not select.select([output], [], [], max(0, end - monotonic()))[0]:
                raise Failed(f"no answer to {command!r} in {seconds:.0f} s")
            part = os.read(output, 1 << 16)
            if not part:
                raise Failed(f"it ended (status {self.process.wait()}) at {command!r}")
            self.pending += part
        answer, _, self.pending = self.pending.partition(b"\n")
        return answer.decode().strip()

    @contextmanager
    def may_fail(self):
        """Records a failure, which ends only this side."""
        try:
            yield
        except (Failed, OSError, ValueError) as why:
            self.close()
            self.failed = {"why": str(why), "last lines": self.last_lines()}

    def last_lines(self):
        if self.process is None:
            return []
        self.errors.seek(max(0, self.errors.seek(0, os.SEEK_END) - 20_000))
        return self.errors.read().decode(errors="replace").splitlines()[-LAST_LINES:]

    def close(self):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()

    def ratios(self, kind, other):
        """Ratios to the other's turns in the same rounds, so that a slowdown of the machine affects both."""
        ours, theirs = self.turns[kind], other.turns[kind]
        return spread([ours[number] / theirs[number] for number in ours if number in theirs])
