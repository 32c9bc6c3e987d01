"""What a long-lived session takes: memory and open files over time, and whether they grow."""

import statistics
import time

MIB = 1024 * 1024
# What may come on top between the first and the last quarter of an hour's samples. evcxr keeps what it has learnt of every cell.
ROOM = {"front": 8.0, "evcxr": 48.0}
# A moment's files and pipes.
ROOM_OF_FILES = 4
# The first samples are of a kernel that still reads names and fills its caches.
WARM_UP = 0.1
FEWEST = 8


class Series:
    """Samples of one figure of one process: `(hours, value)`."""

    def __init__(self, name, unit, room):
        self.name, self.unit, self.room = name, unit, room
        self.samples = []

    def add(self, hours, value):
        self.samples.append((hours, value))

    def settled(self):
        return self.samples[int(len(self.samples) * WARM_UP):]

    def quarters(self):
        """The medians of the first and of the last quarter."""
        values = [value for _, value in self.settled()]
        quarter = max(1, len(values) // 4)
        return statistics.median(values[:quarter]), statistics.median(values[-quarter:])

    def slope(self):
        """What comes on top in an hour, by a straight line through the samples."""
        hours, values = zip(*self.settled())
        if len(set(hours)) < 2:
            return 0.0
        return statistics.linear_regression(hours, values).slope

    def grows(self):
        """None where there are too few samples to tell."""
        if self.room is None or len(self.samples) < FEWEST:
            return None
        first, last = self.quarters()
        return last - first > self.room

    def row(self):
        if not self.samples:
            return f"  {self.name:<22} no samples"
        first, last = self.quarters()
        verdict = {None: "not judged", True: "GROWS", False: "flat"}[self.grows()]
        return f"  {self.name:<22} {first:8.1f} {last:8.1f} {self.slope():+9.1f} {self.unit + ' an hour':<13} {verdict}"


class Growth:
    """All series of one session that is never restarted."""

    def __init__(self):
        self.began = time.monotonic()
        self.series = {
            "front memory": Series("front, memory", "MiB", ROOM["front"]),
            "evcxr memory": Series("evcxr, memory", "MiB", ROOM["evcxr"]),
            # Each cell is a library that stays loaded.
            "cells memory": Series("cells, memory", "MiB", None),
            "front files": Series("front, open files", "", ROOM_OF_FILES),
            "evcxr files": Series("evcxr, open files", "", ROOM_OF_FILES),
            "cells files": Series("cells, open files", "", ROOM_OF_FILES),
        }

    def sample(self, session):
        hours = (time.monotonic() - self.began) / 3600
        processes = {"front": session.front, "evcxr": session.evcxr(), "cells": session.cells_process()}
        for name, process in processes.items():
            self.series[f"{name} memory"].add(hours, process.memory_info().rss / MIB)
            self.series[f"{name} files"].add(hours, process.num_fds())

    def now(self):
        def last(key):
            samples = self.series[key].samples
            return samples[-1][1] if samples else 0

        return (
            f"front {last('front memory'):.0f} MiB, {last('front files')} files; "
            f"evcxr {last('evcxr memory'):.0f} MiB, {last('evcxr files')} files"
        )

    def growing(self):
        return [series.name for series in self.series.values() if series.grows()]

    def table(self):
        head = f"  {'':<22} {'first':>8} {'last':>8} {'slope':>9}   (medians of the first and the last quarter)"
        return "\n".join([head, *(series.row() for series in self.series.values())])
