"""Runs a notebook again and again in the installed kernel, and interrupts, restarts and kills another one meanwhile.

    soak.py --hours N [--seed N]

At the end no process, socket, folder or file may be left, memory and open files are flat, and no cell has hung.
"""

import argparse
import collections
import json
import random
import sys
import time
import traceback

import psutil
from soak_measures import Growth
from soak_operations import Operations
from soak_session import CELL, PROMPT, Scratch, SoakSession
from support import MARK, ROOT

NOTEBOOK = ROOT / "notebooks/01_swiss_roll.ipynb"
# So many cells of the notebook between two operations on the other session.
CELLS_BETWEEN = 3
LOGS = ROOT / "target/soak"
REPORT_EVERY = 60
MOST_FAULTS = 10


def quick_cells(models):
    """The notebook's cells as the quick mode has them, with models in another folder."""
    cells = []
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        for old, new in cell["metadata"].get("ddpm", {}).get("quick", []):
            source = source.replace(old, new)
        cells.append(source.replace('"../models"', json.dumps(str(models))))
    return cells


class Reader:
    """One who runs the notebook from the top, over and over, and now and then interrupts it. Nothing is killed here."""

    def __init__(self, scratch, random):
        self.scratch, self.random = scratch, random
        self.cells = quick_cells(scratch.models)
        self.session, self.growth = None, Growth()
        self.next, self.passes, self.longest = 0, 0, 0.0

    def begin(self):
        self.session = SoakSession(self.scratch)
        self.session.start()
        self.next = 0

    def step(self):
        if self.session is None:
            self.begin()
        code, started = self.cells[self.next], time.monotonic()
        if "interrupted()" in code and self.random.random() < 0.3:
            self.interrupted(code)
        else:
            self.session.run(code, CELL)
        self.longest = max(self.longest, time.monotonic() - started)
        self.next += 1
        if self.next == len(self.cells):
            self.next, self.passes = 0, self.passes + 1
        self.session.locate()
        self.growth.sample(self.session)
        self.session.forget()

    def interrupted(self, code):
        """Whatever the moment, the cell ends at once; run again, it does its work."""
        request = self.session.execute(code)
        self.session.pump(lambda: self.session.messages.get(request), "the cell is taken up", CELL)
        time.sleep(self.random.uniform(0, 3))
        self.session.interrupt()
        self.session.finish(request, PROMPT)
        self.session.run(code, CELL)

    def give_up(self):
        session, self.session, self.growth = self.session, None, Growth()
        if session:
            session.end_somehow()


class Soak:
    def __init__(self, hours, seed):
        self.scratch = Scratch()
        self.seconds, self.seed = hours * 3600, seed
        chance = random.Random(seed)
        self.operations, self.reader = Operations(self.scratch, chance), Reader(self.scratch, chance)
        self.began = self.reported = time.monotonic()
        self.done, self.longest, self.faults, self.left = collections.Counter(), collections.Counter(), [], []

    def run(self):
        print(f"soak: {self.seconds / 3600:g} h, seed {self.seed}, in {self.scratch.home}", flush=True)
        try:
            while time.monotonic() - self.began < self.seconds and len(self.faults) < MOST_FAULTS:
                for _ in range(CELLS_BETWEEN):
                    self.attempt("a cell of the notebook", self.reader, self.reader.step)
                name = self.operations.choose()
                self.attempt(name, self.operations, lambda: self.operations.run(name))
        except KeyboardInterrupt:
            self.faults.append(f"{self.at()}: stopped by Ctrl-C before its time")
        finally:
            self.close()
        return self.table()

    def attempt(self, name, who, work):
        started = time.monotonic()
        try:
            work()
        except (AssertionError, psutil.Error, OSError, RuntimeError) as error:
            what = str(error).partition("the kernel's log:")[0].strip()
            self.faults.append(f"{self.at()}, {name}: {what}")
            self.tell(error, who)
            who.give_up()
        self.done[name] += 1
        self.longest[name] = max(self.longest[name], time.monotonic() - started)
        self.report()

    def tell(self, error, who):
        """The fault, where it was found, and the whole log of that kernel in a file."""
        LOGS.mkdir(parents=True, exist_ok=True)
        log = LOGS / f"{self.seed}-{len(self.faults)}.log"
        log.write_text(who.session.log() if who.session else "")
        calls = [f"{call.name}:{call.lineno}" for call in traceback.extract_tb(error.__traceback__)]
        print(f"FAULT {self.faults[-1]}\n  in {' > '.join(calls)}; the log: {log}", flush=True)

    def at(self):
        minutes = (time.monotonic() - self.began) / 60
        return f"{minutes:.1f} min"

    def report(self):
        if time.monotonic() - self.reported < REPORT_EVERY:
            return
        self.reported = time.monotonic()
        cells, all = self.done["a cell of the notebook"], sum(self.done.values())
        words = f"{cells} cells, {all - cells} operations, {len(self.faults)} faults"
        print(f"{self.at():>9}: {words}; {self.reader.growth.now()}", flush=True)

    def close(self):
        """Ends both in good order, and looks at what is left of all sessions that there were."""
        for who in (self.reader, self.operations):
            if who.session:
                try:
                    who.session.end_well()
                except AssertionError as error:
                    self.faults.append(f"at the end: {error}")
        self.left = leftovers(self.scratch)
        for session in self.scratch.sessions:
            session.end()
        self.scratch.remove()

    def table(self):
        print(f"\nafter {self.at()}, seed {self.seed}; the notebook was run {self.reader.passes} times to its end")
        print(f"  {'':<26} {'times':>6} {'longest':>9}")
        for name, count in sorted(self.done.items()):
            print(f"  {name:<26} {count:>6} {self.longest[name]:>7.1f} s")
        print(self.reader.growth.table())
        growing = self.reader.growth.growing()
        for title, rows in (("faults", self.faults), ("left", self.left), ("growing", growing)):
            print(f"{title}: {len(rows)}" + "".join(f"\n  {row.strip().splitlines()[0]}" for row in rows))
        return not (self.faults or self.left or growing)


def leftovers(scratch):
    """Processes with the mark of any of these sessions, what is in their folders, and their sockets."""
    names, found = {session.name for session in scratch.sessions}, []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) in names:
                found.append(f"process {process.pid} {process.name()}")
        except (psutil.Error, OSError):
            pass
    for session in scratch.sessions:
        folders = [folder for folder in (session.sessions, session.temporary) if folder.is_dir()]
        found += [str(path) for folder in folders for path in sorted(folder.iterdir())]
        found += session.sockets()
    return found


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--hours", type=float, default=1.0)
    options.add_argument("--seed", type=int, default=None)
    options = options.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    return 0 if Soak(options.hours, seed).run() else 1


if __name__ == "__main__":
    sys.exit(main())
