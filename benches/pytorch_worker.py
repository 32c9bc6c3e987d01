"""The PyTorch side of `cargo xtask bench`.

Reads commands, answers each with a line (see benches/worker/main.rs, its counterpart):

    about CASE              version and threads, or the GPU
    train CASE STEPS        seconds of so many training steps
    sample CASE N T TIMES   seconds of drawing N samples in T steps, so many times
    solve CASE SAMPLER N STEPS TIMES  the same with a solver that takes fewer steps than there are
    read WORKERS FOLDER     seconds from a folder of photographs to a training set in memory
    count FOLDER            how many photographs it has
    profile CASE STEPS      where the time of a training step goes, kernel by kernel, as JSON
    memory CASE             MiB of the GPU that its tensors took at most, and that PyTorch held for them, as JSON
    flops CASE              operations of the network's forward pass for one image
    matmul N                operations per second of a product of two N x N matrices in bf16

The cases are those of pytorch_diffusion.py and pytorch_compiled.py.
A number as argument sets the threads; without it PyTorch chooses them.
"""

import json
import math
import re
import sys
import time
from collections import defaultdict

import torch
from pytorch_compiled import COMPILED_CASES
from pytorch_diffusion import CASES, DEVICE, Constants, Training, generate_samples
from pytorch_images import photographs
from pytorch_solvers import solve

CASES = CASES | COMPILED_CASES


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
        with case.precision():
            generate_samples(model, constants, n, case.clip)
    if case.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def solving(model, sampler, constants, n, steps, times):
    started = time.perf_counter()
    for _ in range(times):
        solve(model, sampler, constants, n, steps)
    return time.perf_counter() - started


def profile(training, steps, largest=40):
    """Kernels whose names differ in their number alone are one. The first epoch is without the profiler."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    cuda, whole = training.case.device == "cuda", training.data
    training.data = whole[: steps * training.case.batch]
    wall = train(training)
    with profiler(activities=[ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU], acc_events=True) as profiled:
        profiled_wall = train(training)
    training.data = whole
    kernels = defaultdict(lambda: [0.0, 0.0])
    for event in profiled.key_averages():
        # Ranges that enclose kernels, such as the optimizer's step, are no kernels.
        on_gpu = event.device_type.name == "CUDA" and not getattr(event, "is_user_annotation", False)
        if cuda and not on_gpu:
            continue
        microseconds = event.self_device_time_total if cuda else event.self_cpu_time_total
        name = re.sub(r"^void |at::native::|\(anonymous namespace\)::|_\d+$", "", event.key)[:110]
        kernels[name][0] += microseconds / 1e3 / steps
        kernels[name][1] += event.count / steps
    ordered = sorted(kernels.items(), key=lambda kernel: -kernel[1][0])
    return json.dumps(
        {
            "wall ms per step": wall / steps * 1e3,
            "wall ms per step, profiled": profiled_wall / steps * 1e3,
            "kernel ms per step": sum(kernel[0] for kernel in kernels.values()),
            "kernels per step": sum(kernel[1] for kernel in kernels.values()),
            "largest": [{"kernel": name, "ms per step": ms, "per step": n} for name, (ms, n) in ordered[:largest]],
        }
    )


def memory(case):
    cuda = case.device == "cuda"
    peaks = (torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()) if cuda else (0, 0)
    return json.dumps(dict(zip(("tensors", "held"), (peak / 2**20 for peak in peaks))))


@torch.no_grad()
def flops(case):
    """Attention as plain products, since not every fused kernel is counted."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    network, counter = case.network().eval(), FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):
        network(torch.zeros(1, *network.sample_shape), torch.ones(1, dtype=torch.long))
    return counter.get_total_flops()


def matmul(n, times=20):
    """Random numbers: with zeros a GPU takes less power, and is faster than it ever is in a network."""
    a, b = (torch.randn(n, n, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(times):
            a @ b
        if DEVICE == "cuda":
            torch.cuda.synchronize()
        seconds.append((time.perf_counter() - started) / times)
    return 2 * n**3 / sorted(seconds)[2]


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
        elif command == "matmul":
            answer = matmul(int(rest))
        elif command == "solve":
            name, sampler, *numbers = rest.split()
            if name not in models:
                models[name] = CASES[name].model().eval()
            constants = schedules.setdefault(1000, Constants(1000, CASES[name].device))
            answer = solving(models[name], sampler, constants, *(int(number) for number in numbers))
        else:
            name, *numbers = rest.split()
            case, numbers = CASES[name], [int(number) for number in numbers]
            if command == "about":
                answer = about(case)
            elif command in ("memory", "flops"):
                answer = {"memory": memory, "flops": flops}[command](case)
            elif command == "train":
                steps = numbers[0]
                if (name, steps) not in trainings:
                    trainings[name, steps] = Training(case, steps)
                answer = train(trainings[name, steps])
            elif command == "profile":
                # One that has been compiled, if there is one.
                known = [trainings[key] for key in trainings if key[0] == name and key[1] >= numbers[0]]
                answer = profile(known[0] if known else Training(case, numbers[0]), numbers[0])
            elif command == "sample":
                n, timesteps, times = numbers
                if name not in models:
                    models[name] = case.model().eval()
                constants = schedules.setdefault(timesteps, Constants(timesteps, case.device))
                answer = sample(case, models[name], constants, n, times)
            else:
                sys.exit(f"unknown command {command}: see the head of this file")
        print(answer, flush=True)


if __name__ == "__main__":
    main()
