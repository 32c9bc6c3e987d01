"""The stage `check`: does the project find the GPU, and do the GPU tests pass? Writes check.json.

    python gpu/check.py --bin FOLDER --device cuda:0 --out FOLDER
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

STARTED = re.compile(r"test (\S+)(?: - should panic)? \.\.\. ?")
ENDED = re.compile(r"(ok|FAILED|ignored)(, .*)?")
MEASURED = re.compile(r"measured (\S+) (\S+) ?(.*)")


class Results:
    """Parses the output of the test program. A test's own lines are between its name and its result (--nocapture)."""

    def __init__(self, file, device):
        self.file = file
        self.found = {"device": device, "tests": [], "measured": [], "result": "the tests did not end"}
        self.running, self.since = None, None

    def line(self, line, now):
        started = STARTED.match(line)
        if started:
            self.running, self.since = started[1], now
            line = line[started.end():]
        if measured := MEASURED.fullmatch(line):
            name, value, unit = measured.groups()
            try:
                value = float(value)
            except ValueError:
                pass
            self.found["measured"].append({"test": self.running, "name": name, "value": value, "unit": unit})
        elif self.running and (ended := ENDED.fullmatch(line)):
            self.end(ended[1], now)
        elif line.startswith("test result: "):
            self.found["result"] = line.removeprefix("test result: ")

    def end(self, result, now):
        test = {"name": self.running, "ok": {"ok": True, "ignored": None}.get(result, False)}
        self.found["tests"].append(test | {"result": result, "seconds": round(now - self.since, 3)})
        self.running = None
        self.write()

    def write(self):
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(self.found, indent=1))
        part.replace(self.file)


def output_of(command):
    """Runs a short program. Returns whether it succeeded, and its output."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    print(done.stdout, end="", flush=True)
    return done.returncode == 0, done.stdout


def run_tests(program, device, results):
    """Returns the program's exit status. The time of each line is that of its arrival."""
    environment = os.environ | {"DDPM_TUTOR_DEVICE": device}
    waits = program.parent / "libhost_waits.so"
    if waits.is_file():
        environment["LD_PRELOAD"] = str(waits)
    command = [program, "--include-ignored", "--test-threads", "1", "--nocapture"]
    tests = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             errors="replace")
    for line in tests.stdout:
        print(line, end="", flush=True)
        results.line(line.rstrip("\n"), time.monotonic())
    return tests.wait()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--bin", type=Path, required=True)
    arguments.add_argument("--device", default="cuda:0")
    arguments.add_argument("--out", type=Path, required=True)
    arguments = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(124))
    results = Results(arguments.out / "check.json", arguments.device)
    well, doctor = output_of([arguments.bin / "ddpm", "doctor"])
    results.found["doctor"] = {"ok": well, "said": doctor.splitlines()}
    output_of(["nvidia-smi"])
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm", "--format=csv,noheader"]
    results.found["gpu"] = output_of(query)[1].strip()
    program = arguments.bin / "cuda"
    status = 1
    try:
        if program.is_file():
            status = run_tests(program, arguments.device, results)
        else:
            print("bin/cuda is missing in the kit: write tests/cuda.rs, then run cargo xtask gpu-kit")
    finally:
        if results.running:
            results.end("did not end", time.monotonic())
        results.write()
    tests = results.found["tests"]
    passed = sum(test["ok"] is True for test in tests)
    print(f"\ncheck: {passed} of {len(tests)} tests passed; {results.found['result']}")
    for test in tests:
        if test["ok"] is False:
            print(f"check: {test['name']}: {test['result']}")
    for row in results.found["measured"]:
        print(f"check: {row['name']} {row['value']} {row['unit']}")
    sys.exit(status if well else status or 1)


if __name__ == "__main__":
    main()
