"""Notebook 01 in JupyterLab as a reader sees it: the bar moves, the curve grows, the button interrupts, the variables stay.

    browser.py --browser PROGRAM --python PROGRAM --notebooks FOLDER --pictures FOLDER [--notebook NAME] [--record FOLDER]

`--python` has JupyterLab. Nothing is saved: the notebook's file is as it was. `--record` writes the documentation's pictures
(live_training.png, live_interrupted.png) and its recording (live.gif) into that folder.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from PIL import Image, ImageChops
from playwright.sync_api import sync_playwright

NOTEBOOK = "01_swiss_roll.ipynb"
SIZE = {"width": 1200, "height": 900}
# A recording is played as fast as it was made, in a width that fits a page.
FRAMES_PER_SECOND = 5
WIDTH = 760
LARGEST_RECORDING = 2_000_000
NEW_CELL = 'println!("trained so far: {} epochs, {} parameters", state.epoch(), parameter_count(&model));'

SETTINGS = {
    "docmanager-extension/plugin": {"autosave": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"checkForUpdates": False, "fetchNews": "false"},
}

HELPERS = """
window.course = {
  panel: () => window.jupyterapp.shell.currentWidget,
  cells: () => window.course.panel().content.widgets,
  run: (command) => window.jupyterapp.commands.execute(command),
  index: (text) => window.course.cells().findIndex(
    cell => cell.model.type === 'code' && text.every(part => cell.model.sharedModel.getSource().includes(part))),
  activate: (index) => { window.course.panel().content.activeCellIndex = index; },
  show: (index, block) => window.course.cells()[index].node.scrollIntoView({ block: block || 'start' }),
  prompt: (index) => window.course.cells()[index].node.querySelector('.jp-InputPrompt').innerText,
  failure: () => window.course.cells().filter(cell => cell.model.type === 'code').flatMap(
    cell => cell.model.outputs.toJSON().filter(output => output.output_type === 'error').map(
      output => cell.model.sharedModel.getSource() + '\\n' + output.evalue))[0],
  output: (index) => {
    const area = window.course.cells()[index].node.querySelector('.jp-Cell-outputArea');
    if (!area) return { text: '', pictures: [] };
    const pictures = [...area.querySelectorAll('img, svg, canvas')].map(
      picture => picture.tagName === 'IMG' ? picture.src : picture.outerHTML);
    return { text: area.innerText, pictures };
  },
};
"""


class Lab:
    """JupyterLab on the notebooks, with settings of its own, until the end of the block."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="lab-"))
        self.token = secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def __enter__(self):
        for name, settings in SETTINGS.items():
            file = self.home / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings))
        environment = {
            **os.environ, "JUPYTER_NO_CONFIG": "1", "JUPYTER_PREFER_ENV_PATH": "1",
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(self.home / "workspaces"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"), "IPYTHONDIR": str(self.home / "ipython"),
        }
        command = [
            self.arguments.python, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser",
            "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}", "--LabServerApp.news_url=", "--LabApp.extension_manager=readonly",
            "--MultiKernelManager.default_kernel_name=ddpm-rust", f"--ServerApp.root_dir={self.arguments.notebooks}",
        ]
        self.log = open(self.arguments.pictures / "jupyterlab.log", "w")
        self.server = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True
        )
        wait_until(self.answers, "JupyterLab answers", 60)
        return self

    def answers(self):
        if self.server.poll() is not None:
            raise SystemExit(f"JupyterLab ended: see {self.log.name}")
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api?token={self.token}", timeout=2).status == 200
        return False

    def address(self, notebook):
        return f"http://127.0.0.1:{self.port}/lab/tree/{notebook}?token={self.token}"

    def __exit__(self, *_):
        # The server shuts down its kernels when it is terminated.
        self.server.terminate()
        try:
            self.server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.server.pid, signal.SIGKILL)
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)


def wait_until(condition, what, timeout, meanwhile=lambda: time.sleep(0.05)):
    end = time.monotonic() + timeout
    while True:
        if value := condition():
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s in vain for this: {what}")
        meanwhile()


class Check:
    def __init__(self, page, arguments):
        self.page, self.pictures = page, arguments.pictures
        self.record = arguments.record
        self.frames = []
        self.last_frame = 0.0

    def js(self, code):
        return self.page.evaluate(code)

    def passed(self, text):
        print(f"  ✓ {text}", flush=True)

    def picture(self, name):
        content = self.page.screenshot(path=self.pictures / f"{name}.png")
        return Image.open(io.BytesIO(content)).convert("RGB")

    def frame(self):
        """Takes the next picture of the recording when it is time; otherwise waits a little."""
        if not self.record or time.monotonic() - self.last_frame < 1 / FRAMES_PER_SECOND:
            return self.page.wait_for_timeout(30)
        self.last_frame = time.monotonic()
        content = self.page.screenshot(clip=self.notebook_area())
        self.frames.append((self.last_frame, Image.open(io.BytesIO(content)).convert("RGB")))

    def notebook_area(self):
        return self.page.locator(".jp-NotebookPanel-notebook").first.bounding_box()

    def wait(self, condition, what, timeout=60):
        try:
            return wait_until(condition, what, timeout, self.frame)
        except AssertionError:
            self.picture("failed")
            raise

    def output(self, index):
        return self.js(f"course.output({index})")

    def open(self, address):
        self.page.goto(address, wait_until="domcontentloaded")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.page.wait_for_function("window.jupyterapp && window.jupyterapp.shell.currentWidget?.content?.widgets?.length")
        self.js(HELPERS)
        self.js("course.panel().sessionContext.ready")
        idle = "course.panel().sessionContext.session?.kernel?.status === 'idle'"
        self.wait(lambda: self.js(idle), "the kernel is ready")
        self.js("course.run('notebook:clear-all-cell-outputs')")
        # The page alone: no list of files beside it.
        self.js("window.jupyterapp.shell.collapseLeft()")

    def training_moves(self):
        training = self.js("course.index(['while', 'train_one_epoch('])")
        assert training >= 0, "no cell trains"
        started = time.monotonic()
        self.js("course.activate(0)")
        # Every cell up to that one and those behind it, as Run All does; it is not waited for.
        self.js("void course.run('notebook:run-all-cells')")
        self.js(f"course.show({training})")
        self.wait(lambda: self.js(f"course.prompt({training})").strip() == "[*]:", "the training cell is sent")
        self.wait(lambda: self.shows_something(training), "the training shows something", 180)
        self.passed(f"training shows itself {time.monotonic() - started:.0f} s after Run All")
        self.wait(lambda: self.output(training)["pictures"], "a curve is shown while training runs")
        self.js(f"course.show({training})")
        first, image = self.output(training), self.picture("1_training")
        moved = lambda: (lambda now: now if self.differ(first, now) else None)(self.output(training))
        self.wait(moved, "the bar moves and the curve grows", 30)
        # Some more, so that one sees it in the pictures too. A recording begins here.
        end = time.monotonic() + (8 if self.record else 2)
        self.frames.clear()
        self.wait(lambda: time.monotonic() > end, "time")
        changed = ImageChops.difference(image, self.picture("2_training")).convert("L").point(lambda x: 255 if x > 16 else 0)
        pixels = changed.histogram()[255]
        assert pixels > 100, f"only {pixels} pixels changed between two pictures of a training"
        assert "[*]" in self.js(f"course.prompt({training})"), "the training ended before it could be looked at"
        self.passed(f"the bar moves and the curve grows: {pixels} pixels changed")
        return training

    def shows_something(self, training):
        failure = self.js("course.failure()")
        assert not failure, f"a cell before the training failed:\n{failure}"
        return self.output(training)["text"].strip()

    def differ(self, before, now):
        return before["text"] != now["text"] and before["pictures"] != now["pictures"]

    def the_button_interrupts(self, training):
        self.page.locator('[data-command="notebook:interrupt-kernel"]').first.click()
        asked = time.monotonic()
        done = lambda: "*" not in self.js(f"course.prompt({training})") and "stopped" in self.output(training)["text"]
        self.wait(done, "the training ends after an interrupt, and says so", 20)
        text = self.output(training)["text"]
        assert "are lost" not in text and "Subprocess terminated" not in text, f"the interrupt lost the variables:\n{text}"
        self.passed(f"the button stops the training after {time.monotonic() - asked:.1f} s")
        idle = "course.panel().sessionContext.session.kernel.status === 'idle'"
        self.wait(lambda: self.js(idle), "the kernel has nothing more to do")
        self.picture("3_interrupted")

    def the_variables_are_there(self, training):
        self.js(f"course.activate({training})")
        self.js("course.run('notebook:insert-cell-below')")
        self.js(f"course.cells()[{training + 1}].model.sharedModel.setSource({json.dumps(NEW_CELL)})")
        self.js("void course.run('notebook:run-cell')")
        self.js(f"course.show({training + 1}, 'end')")
        self.wait(lambda: "parameters" in self.output(training + 1)["text"], "the next cell sees the model", 30)
        self.js(f"course.show({training + 1}, 'end')")
        self.passed(f"the next cell sees the variables: {self.output(training + 1)['text'].strip()}")
        end = time.monotonic() + 1.5
        self.wait(lambda: time.monotonic() > end, "time")
        self.picture("4_variables")

    def save_recording(self):
        shutil.copy(self.pictures / "2_training.png", self.record / "live_training.png")
        shutil.copy(self.pictures / "4_variables.png", self.record / "live_interrupted.png")
        for name in ("live_training.png", "live_interrupted.png"):
            shrink(self.record / name)
        times = [moment for moment, _ in self.frames]
        images = [image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.LANCZOS) for _, image in self.frames]
        # As long as each was seen; the last one stays for a while.
        durations = [round((after - before) * 1000) for before, after in zip(times, times[1:])] + [3000]
        images, durations = without_stills(images, durations)
        for colours in (64, 32, 16):
            size = write_gif(self.record / "live.gif", images, durations, colours)
            if size < LARGEST_RECORDING:
                break
        print(f"  {self.record / 'live.gif'}: {len(images)} frames, {size / 1e6:.1f} MB")
        assert size < LARGEST_RECORDING, "the recording is too large"


def without_stills(images, durations):
    """Pictures that are as the one before it prolong that one."""
    kept, times = [images[0]], [durations[0]]
    for image, duration in zip(images[1:], durations[1:]):
        if ImageChops.difference(image, kept[-1]).getbbox():
            kept.append(image)
            times.append(duration)
        else:
            times[-1] += duration
    # What nobody waits for: a still of more than two seconds.
    return kept, [min(time, 2000) for time in times[:-1]] + times[-1:]


def write_gif(path, images, durations, colours):
    # One palette for all, so that what does not move stays as it is.
    palette = images[len(images) // 2].quantize(colours)
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    part = path.with_name(f".{path.name}.part")
    frames[0].save(part, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True)
    os.replace(part, path)
    return path.stat().st_size


def shrink(path):
    part = path.with_name(f".{path.name}.part")
    Image.open(path).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(part, "PNG", optimize=True)
    os.replace(part, path)


def main():
    parser = argparse.ArgumentParser()
    for name in ("--browser", "--python"):
        parser.add_argument(name, required=True)
    for name in ("--notebooks", "--pictures"):
        parser.add_argument(name, required=True, type=pathlib.Path)
    parser.add_argument("--notebook", default=NOTEBOOK)
    parser.add_argument("--record", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.pictures.mkdir(parents=True, exist_ok=True)
    for old in arguments.pictures.glob("*.png"):
        old.unlink()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    file = arguments.notebooks / arguments.notebook
    before = hashlib.sha256(file.read_bytes()).digest()
    try:
        with Lab(arguments) as lab, sync_playwright() as playwright:
            # Without a sandbox of its own it runs in containers too; it opens this machine's JupyterLab alone.
            options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
            browser = playwright.chromium.launch(executable_path=arguments.browser, args=options)
            page = browser.new_page(viewport=SIZE)
            check = Check(page, arguments)
            check.open(lab.address(arguments.notebook))
            training = check.training_moves()
            check.the_button_interrupts(training)
            check.the_variables_are_there(training)
            browser.close()
        assert hashlib.sha256(file.read_bytes()).digest() == before, f"{file} was changed"
        if arguments.record:
            check.save_recording()
    except AssertionError as error:
        sys.exit(f"{error}\nthe pictures and JupyterLab's log are in {arguments.pictures}")


main()
