"""Runs the command line `ddpm` as a function from options to a JSON result, within a time limit."""

import json
import signal
import struct
import subprocess
import time


class Failed(Exception):
    """What went wrong, in one sentence."""


class Program:
    def __init__(self, path, folder, device):
        self.path, self.folder, self.device = path, folder, device
        self.child = None

    def has(self, command, option):
        """Whether a command has an option, since an earlier version may not have it."""
        told = subprocess.run([self.path, command, "--help"], capture_output=True, text=True, timeout=60)
        return f"{option} " in told.stdout

    def run(self, command, *options, until):
        """Returns the result, with the total time in seconds as `wall`. At the time `until`, the program is asked to stop; a
        training then saves its state."""
        begun = time.monotonic()
        if until <= begun:
            raise Failed(f"ddpm {command} was left out: no time is left")
        line = [self.path, command, *map(str, options), "--device", self.device, "--json"]
        print("$ ddpm", *line[1:], flush=True)
        self.child = subprocess.Popen(line, cwd=self.folder, stdout=subprocess.PIPE, text=True)
        try:
            said, _ = self.child.communicate(timeout=until - begun)
        except subprocess.TimeoutExpired:
            print(f"ddpm {command}: asked to stop, its time is over", flush=True)
            said = self.stop()
        status, wall = self.child.returncode, round(time.monotonic() - begun, 2)
        last = said.strip().splitlines()[-1:] or [""]
        try:
            result = json.loads(last[0])
        except ValueError:
            raise Failed(f"ddpm {command} ended with status {status} after {wall} s, without a result") from None
        # A stopped training has its own exit status, and a result.
        if status != 0 and not result.get("stopped"):
            raise Failed(f"ddpm {command} ended with status {status} after {wall} s: {last[0]}")
        return result | {"wall": wall}

    def stop(self, patience=20):
        """Sends Ctrl-C, and kills the program if that does not help. Returns the program's output."""
        self.child.send_signal(signal.SIGINT)
        try:
            return self.child.communicate(timeout=patience)[0]
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.communicate()[0]

    def progress(self, model):
        """The steps and the losses of each epoch, from the newest checkpoint."""
        files = self.folder.joinpath("models", model, "checkpoints").glob("*.safetensors")
        newest = max(files, key=lambda file: file.stat().st_mtime)
        with newest.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            return json.loads(json.loads(file.read(length))["__metadata__"]["progress"])
