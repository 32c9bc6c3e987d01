"""Executes a notebook cell by cell and reports its events, one JSON object per line.

    run_notebook.py INPUT [--output FILE] [--source-hash HASH] --cwd FOLDER --kernel NAME
"""

import argparse
import asyncio
import json
import re
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

CELL_TIMEOUT = 15 * 60


def report(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def is_picture(output):
    data = output.get("data", {})
    html = data.get("text/html", "")
    return any(mime.startswith("image/") for mime in data) or "<img" in html or "<svg" in html


def first_line(cell):
    for output in cell.outputs:
        data = output.get("data", {})
        html = "[picture]" if is_picture(output) else re.sub(r"<[^>]*>", " ", data.get("text/html", ""))
        for line in output.get("text", data.get("text/plain", html)).splitlines():
            if line.strip():
                return line.strip()[:200]
    return ""


class Runner(NotebookClient):
    """The standard client, which also reports output as it arrives."""

    started = 0.0
    first_picture = None

    def process_message(self, msg, cell, cell_index):
        result = super().process_message(msg, cell, cell_index)
        content = msg.get("content", {})
        if msg["msg_type"] == "stream":
            report("output", text=content.get("text", ""))
        elif self.first_picture is None and is_picture(content):
            self.first_picture = time.monotonic() - self.started
        return result


def stderr_text(cell):
    """The cell's text on stderr, which means a failure, since nothing else in this course writes there. Without our
    process for cells, evcxr reports success for a cell that panicked or returned an error by `?`, and prints the
    message there."""
    texts = [output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stderr"]
    return "".join(texts).strip() or None


def error_text(cell, error):
    texts = []
    for output in cell.outputs:
        if output.output_type == "error":
            trace, message = "\n".join(output.traceback), output.evalue
            texts.append(trace if message in trace else f"{message}\n{trace}".strip())
    return "\n".join(texts) or str(error)


async def execute(runner, cell, index, number):
    """Executes a cell and returns its error, if any. Jupyter's own tag marks cells that are meant to fail."""
    try:
        await runner.async_execute_cell(cell, index, execution_count=number)
        return None if "raises-exception" in cell.metadata.get("tags", []) else stderr_text(cell)
    except CellExecutionError as error:
        return error_text(cell, error)
    except CellTimeoutError:
        return f"the cell ran longer than {CELL_TIMEOUT // 60} minutes"
    except DeadKernelError:
        return "the kernel died; it may have run out of memory"


def tidy(notebook, source_hash):
    """Removes everything that changes from run to run without meaning."""
    for cell in notebook.cells:
        for name in ("execution", "collapsed"):
            cell.metadata.pop(name, None)
        merged = []
        for output in cell.get("outputs", []):
            last = merged[-1] if merged else None
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
            # The lines of a stream arrive one by one; join them into one output.
            if last and last.output_type == output.output_type == "stream" and last.name == output.name:
                last.text += output.text
            else:
                merged.append(output)
        if cell.cell_type == "code":
            cell.outputs = merged
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {"display_name": "Rust (ddpm_tutor)", "language": "rust", "name": "ddpm-rust"}
    if source_hash:
        notebook.metadata.setdefault("ddpm", {})["source_hash"] = source_hash


async def run(arguments):
    notebook = nbformat.read(arguments.input, as_version=4)
    code = [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for _, cell in code:
        cell.outputs, cell.execution_count = [], None
    code = [(index, cell) for index, cell in code if cell.source.strip()]
    runner = Runner(
        notebook, timeout=CELL_TIMEOUT, startup_timeout=300, kernel_name=arguments.kernel, record_timing=False,
        resources={"metadata": {"path": arguments.cwd}},
    )
    error = None
    runner.started = time.monotonic()
    async with runner.async_setup_kernel(cwd=arguments.cwd):
        report("kernel", seconds=time.monotonic() - runner.started, pid=getattr(runner.km.provisioner, "pid", None))
        for number, (index, cell) in enumerate(code, 1):
            place = {"cell": number, "of": len(code)}
            report("start", **place, source=cell.source)
            started = time.monotonic()
            error = await execute(runner, cell, index, number)
            seconds = time.monotonic() - started
            if error is not None:
                report("failed", **place, seconds=seconds, source=cell.source, message=error)
                break
            report("done", **place, seconds=seconds, first_line=first_line(cell))
    if arguments.output and error is None:
        tidy(notebook, arguments.source_hash)
        nbformat.validate(notebook)
        nbformat.write(notebook, arguments.output)
    report("end", seconds=time.monotonic() - runner.started, first_picture=runner.first_picture)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("input")
    parser.add_argument("--output")
    parser.add_argument("--source-hash")
    parser.add_argument("--cwd", required=True)
    parser.add_argument("--kernel", required=True)
    try:
        asyncio.run(run(parser.parse_args()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")


main()
