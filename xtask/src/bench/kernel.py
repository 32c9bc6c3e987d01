"""Times the notebook kernel as a reader experiences it, and prints the rows (ours, theirs, note) as one line of JSON.

    kernel.py --notebook FILE --kernel NAME --evcxr PROGRAM
"""

import argparse
import collections
import json
import pathlib
import queue
import shutil
import statistics
import tempfile
import time

import nbformat
import psutil
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

RUNS = 3
READING = 15
MESSAGES = 60
TIMEOUT = 180
# Typical short cells. Each run of a cell has another number.
CELLS = [
    'println!("{}", 1 + NUMBER);', "struct Mine { field_NUMBER: i32 }", "let number: i32 = NUMBER;",
    "let config: BaseConfig = BaseConfig { seed: NUMBER, ..BaseConfig::default() };",
]
EACH_CELL = 6


def is_picture(output):
    html = output.get("data", {}).get("text/html", "")
    return any(mime.startswith("image/") for mime in output.get("data", {})) or "<img" in html or "<svg" in html


def cells_up_to_a_picture(file):
    """The cells of a notebook up to the first with a picture in its saved output."""
    cells = [cell for cell in nbformat.read(file, as_version=4).cells if cell.cell_type == "code"]
    cells = [cell for cell in cells if cell.source.strip()]
    last = next(index for index, cell in enumerate(cells) if any(map(is_picture, cell.outputs)))
    return [cell.source for cell in cells[: last + 1]]


class Kernel:
    def __init__(self, folder, **options):
        self.started = time.perf_counter()
        self.manager = KernelManager(**options)
        self.manager.start_kernel(cwd=str(folder))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.kernel_info()
        self.client.get_shell_msg(timeout=TIMEOUT)
        self.answered = time.perf_counter() - self.started

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.stop_channels()
        self.manager.shutdown_kernel()

    def seconds_to_a_picture(self, cells, since):
        """Sends all cells at once, as Run All does."""
        requests = [self.client.execute(cell) for cell in cells]
        while time.perf_counter() - since < TIMEOUT:
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") in requests:
                if message["msg_type"] == "error":
                    raise SystemExit(f"a cell failed: {message['content']['evalue']}")
                if is_picture(message["content"]):
                    return time.perf_counter() - since
        raise SystemExit(f"no picture within {TIMEOUT} s")

    def seconds_of(self, cell):
        started = time.perf_counter()
        reply = self.client.execute(cell, reply=True, timeout=TIMEOUT)
        if reply["content"]["status"] != "ok":
            raise SystemExit(f"a cell failed: {cell}")
        return time.perf_counter() - started

    def message(self):
        started = time.perf_counter()
        request = self.client.is_complete("1")
        while self.client.get_shell_msg(timeout=TIMEOUT)["parent_header"].get("msg_id") != request:
            pass
        return (time.perf_counter() - started) * 1e3


def evcxr_alone(kernel, program, folder):
    """A kernelspec for `kernel` without the front, with a copy of its work folder."""
    live = KernelSpecManager().get_kernel_spec(kernel)
    warm = live.argv[live.argv.index("--warm-folder") + 1]
    shutil.copytree(warm, folder / "work", symlinks=True)
    spec = {
        "argv": [program, "--control_file", "{connection_file}"], "display_name": "evcxr alone", "language": "rust",
        "env": {**live.env, "EVCXR_TMPDIR": str(folder / "work")},
    }
    place = folder / "kernels/alone"
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps(spec))
    return KernelSpecManager(kernel_dirs=[str(place.parent)], ensure_native_kernel=False)


def measure(cells, folder, kernel_name, evcxr):
    found = collections.defaultdict(list)
    for run in range(RUNS):
        print(f"run {run + 1} of {RUNS}", flush=True)
        with Kernel(folder, kernel_name=kernel_name) as kernel:
            found["answer"].append(kernel.answered)
            found["at_once"].append(kernel.seconds_to_a_picture(cells, kernel.started))
        with Kernel(folder, kernel_name=kernel_name) as kernel:
            found["answer"].append(kernel.answered)
            time.sleep(READING)
            found["after_reading"].append(kernel.seconds_to_a_picture(cells, time.perf_counter()))
            found["memory"].append(psutil.Process(kernel.manager.provisioner.pid).memory_info().rss / 1e6)
    print("cells and messages", flush=True)
    with tempfile.TemporaryDirectory(prefix="alone-") as temporary:
        specs = evcxr_alone(kernel_name, evcxr, pathlib.Path(temporary))
        with (
            Kernel(folder, kernel_name=kernel_name) as front,
            Kernel(folder, kernel_name="alone", kernel_spec_manager=specs) as alone,
        ):
            # Warm up both before the comparison.
            for kernel in (front, alone):
                for cell in (cells[0], *CELLS):
                    kernel.seconds_of(cell.replace("NUMBER", "0"))
            for number in range(1, EACH_CELL + 1):
                for cell in CELLS:
                    turns = [("cell_with", front), ("cell_without", alone)]
                    for name, kernel in turns if number % 2 else reversed(turns):
                        found[name].append(kernel.seconds_of(cell.replace("NUMBER", str(number))))
            for _ in range(MESSAGES):
                found["message_with"].append(front.message())
                found["message_without"].append(alone.message())
    return found


def rows(found, seconds):
    """In the order of the rows in mod.rs."""
    runs = {name: f"median of {len(values)}" for name, values in found.items()}
    middle = {name: statistics.median(values) for name, values in found.items()}
    notes = {
        "answer": runs["answer"],
        "after_reading": f"{runs['after_reading']}; the notebook's cells up to its first picture, run after "
        f"{READING} s",
        "at_once": f"{runs['at_once']}; the same cells, run as soon as the kernel answers",
        "cell_with": f"{runs['cell_with']}: a print, an item, two kinds of let; theirs: evcxr_jupyter alone",
        "memory": "resident, after those cells",
        "added": f"is_complete_request, {MESSAGES} of each, alternating: {middle['message_with']:.2f} ms with the "
        f"front, {middle['message_without']:.2f} ms with evcxr_jupyter alone; all the kernel's rows took "
        f"{seconds // 60:.0f} min {seconds % 60:02.0f} s",
    }
    middle["added"] = max(middle["message_with"] - middle["message_without"], 0.0)
    theirs = {"cell_with": middle["cell_without"]}
    return [{"ours": middle[name], "theirs": theirs.get(name), "note": note} for name, note in notes.items()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--notebook", required=True, type=pathlib.Path)
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--evcxr", required=True)
    arguments = parser.parse_args()
    started = time.perf_counter()
    cells = cells_up_to_a_picture(arguments.notebook)
    found = measure(cells, arguments.notebook.parent, arguments.kernel, arguments.evcxr)
    print(json.dumps(rows(found, time.perf_counter() - started)), flush=True)


if __name__ == "__main__":
    main()
