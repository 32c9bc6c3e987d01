"""The case `unet-cuda` in PyTorch as an expert has it, who wants all the speed that PyTorch gives.

    unet-cuda-channels-last   eager, channels last, fused AdamW, cuDNN's fastest algorithms by trial
    unet-cuda-compiled        the same, the network compiled by torch.compile
    unet-cuda-graphs          ... and replayed as CUDA graphs
    unet-cuda-autotune        ... and its products chosen by trial, which takes minutes

The first command of a case compiles: its time is no measurement.
"""

from dataclasses import dataclass, fields

import torch
from pytorch_diffusion import CASES, Case


@dataclass
class ChannelsLast(Case):
    def model(self):
        # All images have one size: the trial pays once. A setting of the process, which therefore takes one case alone.
        torch.backends.cudnn.benchmark = True
        return super().model().to(memory_format=torch.channels_last)

    def optimizer(self, parameters):
        return torch.optim.AdamW(parameters, lr=5e-4, fused=True)

    def layout(self, x0):
        return x0.contiguous(memory_format=torch.channels_last)


@dataclass
class Compiled(ChannelsLast):
    mode: str = "default"

    def model(self):
        # Training and sampling have their own network each, with one shape each: none needs code for any shape.
        return torch.compile(super().model(), mode=self.mode, dynamic=False)


def variant(kind, name, **more):
    case = CASES[name]
    return kind(**{field.name: getattr(case, field.name) for field in fields(case)}, **more)


COMPILED_CASES = {
    "unet-cuda-channels-last": variant(ChannelsLast, "unet-cuda"),
    "unet-cuda-compiled": variant(Compiled, "unet-cuda"),
    "unet-cuda-graphs": variant(Compiled, "unet-cuda", mode="reduce-overhead"),
    "unet-cuda-autotune": variant(Compiled, "unet-cuda", mode="max-autotune"),
}
