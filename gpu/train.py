"""The stage `train`: trains a model on all photographs for as many epochs as the time allows, and evaluates it.

    python gpu/train.py --ddpm bin/ddpm --photographs photographs.tar --seconds 500 --work FOLDER --out FOLDER

It measures how long an epoch and a sampling take, plans the epochs so that the learning rate schedule is completed, trains,
exports the averaged weights in 16 bits, draws samples, and compares them with the photographs. train.json has all figures.
"""

import argparse
import json
import shutil
import signal
import sys
import tarfile
import time
from pathlib import Path

from program import Failed, Program

MODEL = "Flowers2"
DTYPE = "f16"
PRECISION = "bf16"
GUIDANCE = [1, 1.5, 2, 3]
SAMPLES = 64
EVALUATED = 2048
BATCH = 128
HELD_OUT = 221
MOST_EPOCHS = 1000
# Epochs of two short trainings, whose difference gives the time per epoch.
SHORT, LONGER = 4, 16
DATA = ["--dataset", "image-folder", "--data-dir", "photographs", "--image-size", 32, "--seed", 0]
NETWORK = ["--base-channels", 48, "--channel-multipliers", "1,2,2,4", "--attention", "false,false,true,false",
           "--residual-blocks", 1, "--time-multiplier", 4, "--dropout", 0.1]
TRAINING = ["--timesteps", 1000, "--schedule", "cosine", "--learning-rate", 8e-4, "--weight-decay", 0,
            "--ema-decay", 0.9995, "--sample-amount", 0]
# The planned fraction of the time, since an epoch may take longer than measured.
CAUTION = 0.95


def tiny():
    """Uses the settings of a rehearsal, which takes minutes on a CPU."""
    global PRECISION, GUIDANCE, SAMPLES, EVALUATED, BATCH, HELD_OUT, MOST_EPOCHS, SHORT, LONGER, NETWORK, TRAINING
    PRECISION, GUIDANCE, SAMPLES, EVALUATED, BATCH, HELD_OUT, MOST_EPOCHS, SHORT, LONGER = "f32", [1, 2], 4, 8, 16, 16, 6, 1, 2
    NETWORK = ["--base-channels", 8, "--channel-multipliers", "1,2", "--attention", "false,true", "--residual-blocks", 1,
               "--dataset-size", 64]
    TRAINING = ["--timesteps", 20, "--sample-amount", 0]


class Stage:
    """The results so far, and the remaining time."""

    def __init__(self, program, out, seconds):
        self.program, self.out = program, out
        self.begun = time.monotonic()
        self.end = self.begun + seconds
        self.known = {"model": MODEL, "device": program.device, "seconds": seconds, "took": [], "failed": []}
        self.conditional = program.has("train", "--conditional") and program.has("sample", "--guidance")
        self.known["conditional"] = self.conditional
        if not self.conditional:
            print("note: this ddpm has no --conditional: the model learns without labels", flush=True)

    def step(self, name, work, *arguments):
        """Runs a step and records its result. If it fails, the others continue."""
        begun, result = time.monotonic(), None
        try:
            result = work(*arguments)
            self.known[name] = result
        except (Failed, OSError, ValueError, KeyError) as error:
            print(f"{name}: {error}", flush=True)
            self.known["failed"].append(f"{name}: {error}")
        now = time.monotonic()
        self.known["took"].append({"step": name, "at": round(begun - self.begun, 1), "seconds": round(now - begun, 1)})
        self.write()
        return result

    def write(self):
        part = self.out / "train.json.part"
        part.write_text(json.dumps(self.known, indent=1))
        part.replace(self.out / "train.json")

    def train(self, model, epochs, until):
        options = [*DATA, *NETWORK, *TRAINING, "--precision", PRECISION, "--batch-size", BATCH,
                   "--validation-samples", HELD_OUT, "--checkpoint-period", max(1, epochs // 4), "--epochs", epochs]
        options += ["--conditional"] if self.conditional else []
        return self.program.run("train", "--model", model, *options, until=until)

    def measure_epoch(self):
        short = self.train("Short", SHORT, self.end)
        longer = self.train("Longer", LONGER, self.end)
        epoch = max((longer["seconds"] - short["seconds"]) / (LONGER - SHORT), 1e-3)
        progress = self.program.progress("Longer")
        steps = progress["steps"] / len(progress["history"])
        begin = max(short["wall"] - SHORT * epoch, 0)
        return {"epoch_seconds": epoch, "steps_per_epoch": steps, "steps_per_second": steps / epoch, "begin_seconds": begin}

    def measure_sampling(self):
        """A few samples take as long as their steps; for many samples, the time depends on their number."""
        few = self.sample("Longer", SAMPLES, "measure.png")["wall"]
        many = self.sample("Longer", 4 * SAMPLES, "measure.png")["wall"]
        return {"few": few, "many": many}

    def sample(self, model, n, file, guidance=1, *more):
        labels = ["--label", "all", "--guidance", guidance] if self.conditional else []
        options = ["--n", n, "--seed", 0, "--out", file, *labels, *more]
        return self.program.run("sample", "--model", model, *options, until=self.end)

    def plan(self, epoch, sampling):
        """The number of epochs, and the time for training. Guided sampling computes twice as much."""
        pictures = sampling["few"] * sum(1 if guidance == 1 else 2 for guidance in GUIDANCE)
        evaluation = 1.2 * max(sampling["few"], sampling["many"] * EVALUATED / (4 * SAMPLES))
        # Export, curve, and twice the search for the nearest photographs, with a margin on everything.
        afterwards = 1.3 * (pictures + evaluation + 4 * epoch["begin_seconds"] + 5)
        left = self.end - time.monotonic() - afterwards
        epochs = min(int(CAUTION * (left - epoch["begin_seconds"]) / epoch["epoch_seconds"]), MOST_EPOCHS)
        if epochs < 1:
            needed = f"an epoch takes {epoch['epoch_seconds']:.1f} s: a larger --limit is needed"
            raise Failed(f"{left:.0f} s are left for training, and {needed}")
        steps = round(epochs * epoch["steps_per_epoch"])
        return {"epochs": epochs, "steps": steps, "training_seconds": left, "afterwards_seconds": afterwards}

    def evaluate(self, *more):
        return self.program.run("evaluate", "--model", MODEL, *more, until=self.end)

    def losses(self):
        """Saves the losses, with the settings next to them."""
        shutil.copy(self.program.folder / "models" / MODEL / "config.json", self.out)
        progress = self.program.progress(MODEL)
        (self.out / "history.json").write_text(json.dumps(progress))
        history = progress["history"]
        best = min(range(len(history)), key=lambda epoch: history[epoch].get("validation") or float("inf"))
        return {"steps": progress["steps"], "last": history[-1], "best_validation": history[best] | {"epoch": best + 1}}

    def run(self):
        epoch = self.step("epoch", self.measure_epoch)
        sampling = self.step("sampling", self.measure_sampling) if epoch else None
        plan = self.step("plan", self.plan, epoch, sampling) if sampling else None
        if not plan:
            return
        print(f"plan: {plan}", flush=True)
        trained = self.step("training", self.train, MODEL, plan["epochs"], time.monotonic() + plan["training_seconds"])
        if not trained:
            return
        # The weights come first, since everything else can be made from them.
        weights = self.out / f"{MODEL}.safetensors"
        self.step("export", lambda: self.program.run(
            "export", "--model", MODEL, "--weights", "ema", "--dtype", DTYPE, "--out", weights, until=self.end))
        self.step("losses", self.losses)
        self.step("curve", self.evaluate, "--curve", self.out / "loss.svg")
        for guidance in GUIDANCE[: len(GUIDANCE) if self.conditional else 1]:
            file, nearest = (self.out / f"{kind}_{guidance}.png" for kind in ["samples", "nearest"])
            more = ["--nearest", nearest] if guidance in GUIDANCE[:2] else []
            self.step(f"samples_{guidance}", self.sample, MODEL, SAMPLES, file, guidance, *more)
        self.step("evaluation", self.evaluate, "--n", EVALUATED)

    def tell(self):
        known = self.known
        print()
        for name in ["epoch", "sampling", "plan", "training", "losses", "evaluation", "failed"]:
            print(f"train: {name}: {json.dumps(known.get(name))}")
        print(f"train: {time.monotonic() - self.begun:.0f} s of {known['seconds']:.0f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ["ddpm", "photographs", "work", "out"]:
        parser.add_argument(f"--{name}", type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--seconds", type=float, required=True, help="for everything")
    parser.add_argument("--tiny", action="store_true", help="a rehearsal of minutes on a CPU")
    arguments = parser.parse_args()
    if arguments.tiny:
        tiny()
    elif arguments.device == "cpu":
        print("note: without --tiny this takes hours on a CPU", flush=True)
    # An external time limit then still leaves train.json with the results so far.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(124))
    arguments.out.mkdir(parents=True, exist_ok=True)
    arguments.work.mkdir(parents=True, exist_ok=True)
    stage = Stage(Program(arguments.ddpm, arguments.work, arguments.device), arguments.out, arguments.seconds)
    try:
        with tarfile.open(arguments.photographs) as tar:
            tar.extractall(arguments.work / "photographs", filter="data")
        stage.run()
    finally:
        stage.write()
        stage.tell()
    sys.exit(1 if stage.known["failed"] else 0)


if __name__ == "__main__":
    main()
