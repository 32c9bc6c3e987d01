"""Executes a notebook cell by cell and tells what happens, one JSON object a line.

    run_notebook.py INPUT [--output FILE] [--source-hash HASH] --cwd FOLDER --kernel NAME
"""

import argparse
import asyncio
import json
import os
import re
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

CELL_TIMEOUT = 15 * 60


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def is_picture(output):
    data = output.get("data", {})
    html = data.get("text/html", "")
    html = "".join(html) if isinstance(html, list) else html
    return any(mime.startswith("image/") for mime in data) or "<img" in html or "<svg" in html


def text_of(output):
    kind = output["output_type"]
    if kind == "stream":
        return output["text"]
    if kind == "error":
        return ""
    data = output.get("data", {})
    if "text/plain" in data:
        return data["text/plain"]
    if is_picture(output):
        return "[picture]"
    return re.sub(r"<[^>]*>", " ", data.get("text/html", ""))


def first_line(cell):
    for output in cell.outputs:
        for line in text_of(output).splitlines():
            if line.strip():
                return line.strip()[:200]
    return ""


class Runner(NotebookClient):
    """The stock client, which also says when output arrives."""

    started = 0.0
    first_picture = None

    def process_message(self, msg, cell, cell_index):
        result = super().process_message(msg, cell, cell_index)
        content = msg.get("content", {})
        if msg["msg_type"] == "stream":
            tell("output", text=content.get("text", ""), stream=content.get("name", "stdout"))
        elif self.first_picture is None and is_picture(content):
            self.first_picture = time.monotonic() - self.started
        return result


def complaint(cell):
    """What a cell wrote to stderr. evcxr calls a cell that panicked or returned an error by `?` a success, and prints the
    message there, where nothing else of this course goes. A cell that is there to show an error carries Jupyter's own
    tag `raises-exception`."""
    texts = [output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stderr"]
    expected = "raises-exception" in cell.metadata.get("tags", [])
    return None if expected else "".join(texts).strip() or None


def error_text(cell, error):
    texts = []
    for output in cell.outputs:
        if output.output_type == "error":
            trace = "\n".join(output.get("traceback", []))
            message = output.get("evalue", "")
            texts.append(trace if message in trace else f"{message}\n{trace}".strip())
    return "\n".join(texts) or str(error)


def tidy(notebook, source_hash):
    """Counts from 1, and nothing in the file that changes from run to run without meaning."""
    count = 0
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        cell.metadata.pop("collapsed", None)
        if cell.cell_type != "code":
            continue
        if cell.execution_count is None:
            continue
        count += 1
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    # Lines of one stream arrive one by one; as one output they are shown and stored as one.
    for cell in notebook.cells:
        merged = []
        for output in cell.get("outputs", []):
            same = merged and output.output_type == "stream" and merged[-1].output_type == "stream"
            if same and merged[-1].name == output.name:
                merged[-1].text += output.text
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
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    total = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in notebook.cells)
    runner = Runner(
        notebook,
        timeout=CELL_TIMEOUT,
        startup_timeout=300,
        kernel_name=arguments.kernel,
        record_timing=False,
        resources={"metadata": {"path": arguments.cwd}},
    )
    failed = False
    runner.started = time.monotonic()
    async with runner.async_setup_kernel(cwd=arguments.cwd):
        tell("kernel", seconds=time.monotonic() - runner.started, pid=getattr(runner.km.provisioner, "pid", None))
        number = 0
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code" or not cell.source.strip():
                continue
            number += 1
            if cell.metadata.get("ddpm", {}).get("skip"):
                tell("skipped", cell=number, of=total, source=cell.source)
                continue
            tell("start", cell=number, of=total, source=cell.source)
            started = time.monotonic()
            error = None
            try:
                await runner.async_execute_cell(cell, index)
                error = complaint(cell)
            except CellExecutionError as caught:
                error = error_text(cell, caught)
            except CellTimeoutError:
                error = f"the cell ran longer than {CELL_TIMEOUT // 60} minutes"
            except DeadKernelError:
                error = "the kernel died; it may have run out of memory"
            seconds = time.monotonic() - started
            if error is not None:
                tell("failed", cell=number, of=total, source=cell.source, message=error, seconds=seconds)
                failed = True
                break
            tell("done", cell=number, of=total, seconds=seconds, first_line=first_line(cell), id=cell.get("id", ""))
    if arguments.output and not failed:
        tidy(notebook, arguments.source_hash)
        nbformat.validate(notebook)
        part = f"{arguments.output}.{os.getpid()}.part"
        with open(part, "w", encoding="utf-8") as file:
            file.write(nbformat.writes(notebook).rstrip("\n") + "\n")
        os.replace(part, arguments.output)
    tell("end", seconds=time.monotonic() - runner.started, first_picture=runner.first_picture)


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
        tell("broken", message=f"{type(error).__name__}: {error}")
        sys.exit(1)


main()
