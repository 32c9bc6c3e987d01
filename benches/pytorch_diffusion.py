"""Training and sampling of `cargo xtask bench` in PyTorch, eager: what an informed user writes.

DDPM_BENCH_DEVICE=cpu and DDPM_BENCH_TINY=1 let `unet-cuda` run where there is no GPU, to try the programs, not to measure.
"""

import math
import os
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Callable

import torch
import torch.nn.functional as F
from pytorch_networks import Fnn, Unet
from torch import nn


def swiss_roll(n):
    phi = 1.5 * math.pi * (1 + 2 * torch.rand(n))
    return 0.1 * torch.stack([phi * phi.cos(), phi * phi.sin()], dim=1)


def pictures(n):
    """What they show does not change how long a step takes."""
    return torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8)


@dataclass
class Case:
    """See benches/worker/case.rs."""

    network: Callable[[], nn.Module]
    data: Callable[[int], torch.Tensor]
    batch: int
    timesteps: int
    ema_decay: float = 0.999
    device: str = "cpu"
    bf16: bool = False
    clip: bool = False

    def precision(self):
        return torch.autocast(self.device, torch.bfloat16) if self.bf16 else nullcontext()

    def model(self):
        return self.network().to(self.device)

    def optimizer(self, parameters):
        return torch.optim.AdamW(parameters, lr=5e-4)

    def layout(self, x0):
        """How a batch lies in memory."""
        return x0


DEVICE = os.environ.get("DDPM_BENCH_DEVICE", "cuda")
UNET, BATCH = {"base": 64}, 128
if os.environ.get("DDPM_BENCH_TINY"):
    UNET, BATCH = {"base": 8, "multipliers": (1, 2), "attention": (False, True), "blocks": 1}, 2

CASES = {
    "fnn": Case(Fnn, swiss_roll, batch=512, timesteps=40),
    "unet-cpu": Case(lambda: Unet(32), pictures, batch=16, timesteps=1000, clip=True),
    "unet-cuda": Case(lambda: Unet(**UNET), pictures, batch=BATCH, timesteps=1000, device=DEVICE, bf16=True, clip=True),
}


class Constants:
    """The cosine schedule, its constants computed once."""

    def __init__(self, timesteps, device):
        t = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
        alpha_bar = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
        beta = (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999)
        alpha_bar = (1 - beta).cumprod(0)
        self.timesteps, self.device, self.beta = timesteps, device, beta.numpy()
        self.sqrt_alpha_bar = alpha_bar.sqrt().float().to(device)
        self.sqrt_one_minus_alpha_bar = (1 - alpha_bar).sqrt().float().to(device)
        # Plain numbers for the sampler: all samples are at the same step.
        before = torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])
        self.eps_weight = (beta / (1 - alpha_bar).sqrt()).tolist()
        self.sqrt_recip_alpha = (1 - beta).rsqrt().tolist()
        self.sigma = beta.sqrt().tolist()
        self.x0_of_x_t = alpha_bar.rsqrt().tolist()
        self.x0_of_eps = (1 / alpha_bar - 1).sqrt().tolist()
        self.mean_of_x0 = (before.sqrt() * beta / (1 - alpha_bar)).tolist()
        self.mean_of_x_t = ((1 - beta).sqrt() * (1 - before) / (1 - alpha_bar)).tolist()


def forward_diffusion(constants, x0, t):
    eps = torch.randn_like(x0)
    shape = (-1, *[1] * (x0.dim() - 1))
    mean = constants.sqrt_alpha_bar[t - 1].view(shape) * x0
    return mean + constants.sqrt_one_minus_alpha_bar[t - 1].view(shape) * eps, eps


def served(batch):
    """Bytes become numbers in [-1, 1], and every other image its mirror image."""
    if batch.dtype is not torch.uint8:
        return batch
    x0 = batch.float() / 127.5 - 1
    mirrored = torch.rand(len(x0), 1, 1, 1, device=x0.device) < 0.5
    return torch.where(mirrored, x0.flip(-1), x0)


class Training:
    def __init__(self, case, steps):
        self.case, self.data = case, case.data(steps * case.batch).to(case.device)
        self.constants = Constants(case.timesteps, case.device)
        self.model = case.model()
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.average = [p.detach().clone() for p in self.parameters]
        self.optimizer = case.optimizer(self.parameters)
        self.steps = 0

    def epoch(self):
        total, case = 0.0, self.case
        shuffled = self.data[torch.randperm(len(self.data), device=case.device)]
        for batch in shuffled.split(case.batch):
            x0 = case.layout(served(batch))
            t = torch.randint(1, case.timesteps + 1, (len(x0),), device=case.device)
            x_t, eps = forward_diffusion(self.constants, x0, t)
            # Before the network, which may take their memory (CUDA graphs need that).
            self.optimizer.zero_grad()
            with case.precision():
                loss = F.mse_loss(self.model(x_t, t), eps)
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimizer.step()
            self.steps += 1
            decay = min(case.ema_decay, (1 + self.steps) / (10 + self.steps))
            with torch.no_grad():
                torch._foreach_lerp_(self.average, self.parameters, 1 - decay)
            # The Rust side shows the loss of every step, too.
            total += loss.item()
        if case.device == "cuda":
            torch.cuda.synchronize()
        return total / math.ceil(len(self.data) / case.batch)


@torch.inference_mode()
def generate_samples(model, constants, n, clip=False):
    x = torch.randn(n, *model.sample_shape, device=constants.device)
    for t in range(constants.timesteps, 0, -1):
        eps_theta = model(x, torch.full((n,), t, device=constants.device))
        if clip:
            x0 = (constants.x0_of_x_t[t - 1] * x - constants.x0_of_eps[t - 1] * eps_theta).clamp(-1, 1)
            mean = constants.mean_of_x0[t - 1] * x0 + constants.mean_of_x_t[t - 1] * x
        else:
            mean = constants.sqrt_recip_alpha[t - 1] * (x - constants.eps_weight[t - 1] * eps_theta)
        x = mean + constants.sigma[t - 1] * torch.randn_like(x) if t > 1 else mean
    return x
