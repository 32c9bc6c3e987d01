"""Where the time of a U-Net training step goes: shares of the operations on the CPU, by PyTorch's profiler.

    .venv-bench/bin/python benches/profile_unet.py [THREADS]

The Rust side runs the same operations of the same libtorch, but for the optimizer.
"""

import sys
from collections import defaultdict

import torch
from pytorch_diffusion import CASES, Training
from torch.profiler import ProfilerActivity, profile

STEPS = 8
GROUPS = {
    "convolutions, forward": ["mkldnn_convolution", "_slow_conv2d_forward", "thnn_conv2d"],
    "convolutions, backward": ["convolution_backward"],
    "attention": ["scaled_dot_product"],
    "linear layers": ["addmm", "aten::mm", "aten::bmm", "aten::linear"],
    "group norm": ["group_norm"],
    "SiLU": ["silu"],
    "copies, concatenations, layout": ["copy_", "cat", "clone", "contiguous", "reorder", "to_dense", "upsample", "pad", "slice"],
    "additions, dropout, noise, sums": ["add", "mul", "bernoulli", "div", "sum", "normal", "fill_", "zero_"],
}


def group(event):
    parent = event
    while parent is not None:
        if parent.name.startswith("Optimizer.step") or any(n in parent.name for n in ("foreach", "linalg_vector_norm")):
            return "optimizer, clipping, moving average"
        parent = parent.cpu_parent
    return next((name for name, parts in GROUPS.items() if any(part in event.name for part in parts)), "everything else")


def main():
    if len(sys.argv) > 1:
        torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(0)
    training = Training(CASES["unet-cpu"], STEPS)
    training.epoch()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        training.epoch()
    shares, rest = defaultdict(float), defaultdict(float)
    for event in profiler.events():
        name = group(event)
        shares[name] += event.self_cpu_time_total
        if name == "everything else":
            rest[event.name] += event.self_cpu_time_total
    total = sum(shares.values())
    print(f"PyTorch {torch.__version__}, threads: {torch.get_num_threads()}, {total / STEPS / 1000:.0f} ms a step")
    for name, microseconds in sorted(shares.items(), key=lambda share: -share[1]):
        print(f"{microseconds / total:6.1%}  {name}")
    largest = sorted(rest.items(), key=lambda part: -part[1])[:5]
    print("everything else, the largest: " + ", ".join(f"{name} {part / total:.1%}" for name, part in largest))


if __name__ == "__main__":
    main()
