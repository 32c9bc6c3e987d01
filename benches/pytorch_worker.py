"""The PyTorch side of `cargo xtask bench`.

Reads commands, answers each with a line (see benches/worker/main.rs, its counterpart):

    about CASE              version and threads, or the GPU
    train CASE STEPS        seconds of so many training steps
    sample CASE N T TIMES   seconds of drawing N samples in T steps, so many times
    read WORKERS FOLDER     seconds from a folder of photographs to a training set in memory
    count FOLDER            how many photographs it has

A number as argument sets the threads; without it PyTorch chooses them.
"""

import math
import sys
import time

import torch
from pytorch_diffusion import CASES, Constants, Training, generate_samples
from pytorch_images import photographs


def about(case):
    where = torch.cuda.get_device_name() if case.device == "cuda" else f"threads: {torch.get_num_threads()}"
    return f"PyTorch {torch.__version__}, {where}"


def train(training):
    started = time.perf_counter()
    loss = training.epoch()
    seconds = time.perf_counter() - started
    if not math.isfinite(loss):
        sys.exit("the loss is not finite")
    return seconds


def sample(case, model, constants, n, times):
    started = time.perf_counter()
    for _ in range(times):
        generate_samples(model, constants, n, case.clip)
    return time.perf_counter() - started


def main():
    if len(sys.argv) > 1:
        torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(0)
    trainings, models, schedules = {}, {}, {}
    for line in sys.stdin:
        command, rest = line.strip().split(maxsplit=1)
        if command == "read":
            workers, folder = rest.split(maxsplit=1)
            answer = photographs(folder, int(workers))[1]
        elif command == "count":
            answer = photographs(rest, 0)[0]
        else:
            name, *numbers = rest.split()
            case, numbers = CASES[name], [int(number) for number in numbers]
            if command == "about":
                answer = about(case)
            elif command == "train":
                steps = numbers[0]
                if (name, steps) not in trainings:
                    trainings[name, steps] = Training(case, steps)
                answer = train(trainings[name, steps])
            elif command == "sample":
                n, timesteps, times = numbers
                model = models.setdefault(name, None) or case.network().to(case.device).eval()
                models[name] = model
                constants = schedules.setdefault(timesteps, Constants(timesteps, case.device))
                answer = sample(case, model, constants, n, times)
            else:
                sys.exit(f"unknown command {command}: see the head of this file")
        print(answer, flush=True)


if __name__ == "__main__":
    main()
