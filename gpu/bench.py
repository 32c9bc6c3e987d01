"""The U-Net on a GPU: the crate's variants and PyTorch's in turn, training and sampling, within a time limit.

    python gpu/bench.py --seconds 400 --out bench.json --ours eager:DDPM_CUDA_GRAPHS=0 --ours graphs: --libtorch TORCH/lib

Each variant is a separate process, which waits while another has its turn. If one fails, its last lines are recorded, and the
others continue. The results are written after every round. A rehearsal without a GPU, whose ratios are meaningless:

    DDPM_BENCH_DEVICE=cpu DDPM_BENCH_TINY=1 python gpu/bench.py --case unet-cpu --batch 2 --steps 1 --rounds 2 --sample 2,2 \\
        --matmul 256 --ours a: --ours b:X=1
"""

import argparse
import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

from bench_report import report, table
from bench_sides import Side

ROOT = Path(__file__).resolve().parent.parent
# Autotune comes last, in the remaining time. Variants that compile do so concurrently, while nothing is measured.
EAGER, COMPILED, LAST = ["eager", "channels-last"], ["compiled", "graphs"], ["autotune"]
FEWEST_ROUNDS = 3


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--worker", default=str(ROOT / "bin/worker"), help="the crate's side: benches/worker, built")
    add("--ours", action="append", metavar="NAME:ENV=1,ENV2=0", help="a variant of it; repeatable")
    add("--theirs", default=",".join(EAGER + COMPILED + LAST), help="PyTorch's variants (%(default)s)")
    add("--libtorch", help="libtorch's folder, only for the crate's side")
    add("--case", default="unet-cuda", help="the crate's case (%(default)s)")
    add("--batch", type=int, default=128, help="images in a training step")
    add("--steps", type=int, default=50, help="training steps in a turn")
    add("--sample", default="128,50", metavar="N,T", help="samples and steps in a turn (%(default)s)")
    add("--rounds", type=int, default=9)
    add("--profile-steps", type=int, default=10)
    add("--matmul", type=int, default=8192, help="matrix size of the product that measures the GPU's peak")
    add("--seconds", type=float, default=480, help="for everything (%(default)s)")
    add("--compile-seconds", type=float, default=150, help="until a side's first answer (%(default)s)")
    add("--turn-seconds", type=float, default=60, help="for any other answer (%(default)s)")
    add("--out", default="bench.json")
    return parser.parse_args()


def smi(query):
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip().splitlines()[0]
    except (OSError, subprocess.TimeoutExpired, IndexError):
        return None


class Bench:
    def __init__(self, options):
        self.options, self.end, self.round, self.sides = options, monotonic() + options.seconds, 0, []
        self.n, self.timesteps = (int(number) for number in options.sample.split(","))
        self.facts = {"gpu": smi("name"), "driver": smi("driver_version"), "options": vars(options), "profiles": {}}

    def ours(self, text):
        name, _, settings = text.partition(":")
        shown = dict(setting.split("=", 1) for setting in settings.split(",") if setting)
        env = shown | ({"LD_LIBRARY_PATH": self.options.libtorch} if self.options.libtorch else {})
        return self.side(Side(f"ours {name}".strip(), [self.options.worker], self.options.case, env, shown))

    def theirs(self, name):
        case = "unet-cuda" if name == "eager" else f"unet-cuda-{name}"
        script = [sys.executable, str(ROOT / "benches/pytorch_worker.py")]
        return self.side(Side(f"PyTorch {name}", script, case, {"PYTHONDONTWRITEBYTECODE": "1"}, {}))

    def side(self, side):
        self.sides.append(side)
        return side

    def left(self):
        return self.end - monotonic()

    def ask(self, side, command, limit=None):
        return side.ask(command, min(limit or self.options.turn_seconds, self.left()))

    def turn(self, side, kind, limit=None):
        numbers = {"train": f"{self.options.steps}", "sample": f"{self.n} {self.timesteps} 1"}[kind]
        return float(self.ask(side, f"{kind} {side.case} {numbers}", limit))

    def begin(self, side):
        with side.may_fail():
            side.start()
            side.told["about"] = self.ask(side, f"about {side.case}", self.options.compile_seconds)

    def warm(self, side, kind, limit=None):
        """The first turn compiles; the second measures a turn without compilation."""
        limit = limit or self.options.compile_seconds
        with side.may_fail():
            first = self.turn(side, kind, limit)
            side.told["compiling s"][kind] = first - self.turn(side, kind)
        self.say(side, kind)

    def say(self, side, kind):
        how = f"failed: {side.failed['why']}" if side.failed else f"first turn {side.told['compiling s'][kind]:.1f} s longer"
        print(f"{self.left():5.0f} s left  {side.name}, {kind}: {how}", flush=True)

    def warm_alone(self, side):
        """The GPU memory allocated meanwhile belongs to this side, including that of its libraries."""
        before = smi("memory.used")
        if side.process is None:
            self.begin(side)
        if not side.failed:
            self.warm(side, "train")
        if before and not side.failed:
            side.told["memory MiB"]["of the GPU"] = float(smi("memory.used")) - float(before)

    def beside(self, sides, act):
        with ThreadPoolExecutor(max(1, len(sides))) as pool:
            list(pool.map(act, sides))

    def rounds(self, kind, sides, seconds):
        """Runs the sides in turn, for as many rounds as the time allows."""
        started = monotonic()
        for number in range(1, self.options.rounds + 1):
            self.round += 1
            for side in alive(sides):
                with side.may_fail():
                    side.turns[kind][self.round] = self.turn(side, kind)
            self.write()
            taken = monotonic() - started
            if taken * (number + 1) / number > (self.left() + taken if number < FEWEST_ROUNDS else seconds):
                break
        print(f"{self.left():5.0f} s left  {number} rounds of {kind}", flush=True)

    def learn(self, side):
        """Gets figures for the table from PyTorch: the operations of the network, and the GPU's peak."""
        with side.may_fail():
            self.facts["flops per image, forward"] = float(self.ask(side, f"flops {side.case}"))
            self.facts["matmul flop/s"] = float(self.ask(side, f"matmul {self.options.matmul}"))

    def remember(self, sides):
        for side in alive(sides):
            with side.may_fail():
                side.told["memory MiB"] |= json.loads(self.ask(side, f"memory {side.case}"))

    def profile(self, sides):
        for side in alive(sides):
            with side.may_fail():
                steps = min(self.options.profile_steps, self.options.steps)
                self.facts["profiles"][side.name] = json.loads(self.ask(side, f"profile {side.case} {steps}"))
        self.write()

    def run(self):
        wanted = [name for name in self.options.theirs.split(",") if name]
        ours = [self.ours(text) for text in self.options.ours or [""]]
        eager, compiled, last = (
            [self.theirs(name) for name in names if name in wanted] for names in (EAGER, COMPILED, LAST)
        )
        first = in_turn(ours, eager + compiled)
        # Loading PyTorch takes many seconds, but does not use the GPU yet.
        self.beside(eager + compiled + last, self.begin)
        for side in ours:
            self.warm_alone(side)
        for side in alive(eager):
            self.warm_alone(side)
        self.remember(eager)
        for side in alive(eager[:1]):
            self.learn(side)
        self.beside(alive(compiled), lambda side: self.warm(side, "train"))
        self.rounds("train", first, 0.4 * self.left())
        self.remember(compiled)
        self.write()
        for side in alive(ours + eager):
            self.warm(side, "sample")
        self.beside(alive(compiled), lambda side: self.warm(side, "sample"))
        self.rounds("sample", first, 0.4 * self.left())
        self.profile(eager[:1] + compiled[:1])
        for side in alive(last):
            # Compiling may take half of the remaining time, since the rounds need the rest.
            for kind in ("train", "sample"):
                self.warm(side, kind, 0.5 * self.left())
                if side.failed:
                    break
                self.rounds(kind, in_turn(ours, eager[:1] + last), 0.5 * self.left())
            self.remember(last)

    def close(self):
        for side in self.sides:
            side.close()

    def write(self):
        work = {"train": (self.options.steps, self.options.batch, 3), "sample": (self.timesteps, self.n, 1)}
        self.result = report(self.sides, self.facts, work)
        out = Path(self.options.out)
        part = out.with_name(out.name + ".part")
        part.write_text(json.dumps(self.result, indent=1))
        part.replace(out)


def alive(sides):
    return [side for side in sides if not side.failed]


def in_turn(ours, theirs):
    """Alternates between ours and theirs; the rest of the longer list follows."""
    pairs = [side for pair in zip(ours, theirs) for side in pair]
    return pairs + ours[len(theirs) :] + theirs[len(ours) :]


def main():
    bench = Bench(arguments())

    def stop(*_):
        # End the sides first, so that nothing waits for their answers any more.
        bench.close()
        sys.exit(143)

    signal.signal(signal.SIGTERM, stop)
    try:
        bench.run()
    finally:
        bench.close()
        bench.write()
        print(table(bench.result))


if __name__ == "__main__":
    main()
